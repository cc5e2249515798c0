//! From the interpreter's frames to the number of a stack.
//!
//! A stack is a node in a tree: a place (code object, instruction) and the stack of its caller. The
//! frames of the latest event are kept, so that most events only compare: if all callers are where
//! they were, one look into the table numbers the stack, and none if the innermost frame hasn't
//! moved either. Comparing the kept frame addresses first lets the processor run ahead of the
//! chain of `previous` pointers.
//!
//! A code object is known by its content, not by its address, since another one may take its place
//! when it dies: [`Stacks::forget_code`] is told of each death.

mod lines;
mod native;
mod recent;
mod walk;

use std::cell::UnsafeCell;

use npprof_abi::python::frame::{self, OWNED_BY_CSTACK};
use npprof_abi::python::{Instruction, PythonLayout, TopFrame};
use npprof_wire::encode::Definition;
use npprof_wire::record::{Fact, Kind, MAX_RECORD_WORDS};

use crate::install::python::{CodeTexts, Python};
use crate::memory::{Address, read};
use crate::stack::lines::{Extent, Lines};
use crate::stack::native::{Native, NativePlace, NativeRecent};
use crate::stack::recent::{Entry, N_RECENT, Recent};
use crate::stream::Stream;
use crate::table::{Key, Table, hash_bytes, mix};

/// Frames of a stack that are looked at; what lies further out is cut.
pub(crate) const MAX_FRAMES: usize = 1024;

/// Where the interpreter keeps what is read here, without the distinctions that a table of versions
/// makes: chosen once.
#[derive(Clone, Copy)]
pub(crate) struct FrameOffsets {
    top: usize,
    cframe_top: Option<usize>,
    previous: usize,
    code: usize,
    instruction: usize,
    /// Clears what stands beside an instruction that is only an `int`.
    instruction_mask: u64,
    form: Instruction,
    /// Bytes of code for one step of an instruction, as a power of two.
    step_shift: u32,
    /// Of the owner byte, where frames of other owners occur on the way.
    cstack_owner: Option<usize>,
    code_start: usize,
}

impl FrameOffsets {
    pub(crate) fn of(python: &PythonLayout) -> Self {
        let (top, cframe_top) = match python.thread.top_frame {
            TopFrame::Direct { offset } => (offset, None),
            TopFrame::ThroughCFrame { cframe, current_frame } => (cframe, Some(current_frame)),
        };
        let is_pointer = python.frame.instruction_form == Instruction::Pointer;
        Self {
            top,
            cframe_top,
            previous: python.frame.previous,
            code: python.frame.code,
            instruction: python.frame.instruction,
            instruction_mask: if is_pointer { u64::MAX } else { u32::MAX.into() },
            form: python.frame.instruction_form,
            step_shift: u32::from(python.frame.instruction_form == Instruction::UnitIndex),
            cstack_owner: python.frame.owner.filter(|_| python.frame.has_cstack_frames),
            code_start: python.code.code_start.unwrap_or(0),
        }
    }

    /// The innermost frame of a thread, or null.
    ///
    /// # Safety
    ///
    /// `thread` must be the current thread's `PyThreadState`, with the interpreter lock held.
    #[inline]
    pub(crate) unsafe fn top(&self, thread: Address) -> Address {
        // SAFETY: the caller vouches for the thread state.
        let first = unsafe { read::<Address>(thread, self.top) };
        match self.cframe_top {
            None => first,
            // SAFETY: a thread state's `cframe` is never null while the thread runs.
            Some(offset) => unsafe { read::<Address>(first, offset) },
        }
    }

    /// Reads a frame.
    ///
    /// # Safety
    ///
    /// `frame` must be a frame of a thread whose interpreter lock is held, not null.
    #[inline]
    unsafe fn place(&self, frame: Address) -> Place {
        // SAFETY: the caller vouches for the frame.
        let code = unsafe { read::<Address>(frame, self.code) };
        // SAFETY: as above; behind an `int` lie other fields of the frame.
        let instruction = unsafe { read::<u64>(frame, self.instruction) } & self.instruction_mask;
        Place { code, instruction }
    }

    /// Whether a frame is only an entry of C code into the interpreter.
    ///
    /// # Safety
    ///
    /// As for `place`.
    #[inline]
    unsafe fn is_entry(&self, frame: Address) -> bool {
        match self.cstack_owner {
            None => false,
            // SAFETY: the caller vouches for the frame.
            Some(offset) => (unsafe { read::<u8>(frame, offset) }) == OWNED_BY_CSTACK,
        }
    }

    /// What `PyCode_Addr2Line` takes for a place.
    fn byte_offset(&self, place: Place) -> i32 {
        if self.form == Instruction::Pointer {
            #[expect(clippy::cast_possible_truncation, reason = "a pointer")]
            let instruction = place.instruction as usize;
            frame::byte_offset(instruction, place.code.wrapping_add(self.code_start)).unwrap_or(-1)
        } else {
            #[expect(clippy::cast_possible_truncation, reason = "masked to an int")]
            let index = (place.instruction as u32).cast_signed();
            frame::byte_offset_of_index(index, self.form)
        }
    }

    /// Bytes of code from one instruction of a code object to another; wraps when that is before.
    #[inline(always)]
    fn distance(&self, from: u64, to: u64) -> u64 {
        to.wrapping_sub(from).wrapping_shl(self.step_shift)
    }
}

/// Where a frame is: a code object and an instruction in it, in the form of the interpreter.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    code: Address,
    instruction: u64,
}

/// A frame of the latest event.
#[derive(Clone, Copy)]
struct Kept {
    frame: Address,
    place: Place,
    /// The stack of which this is the innermost frame.
    stack: u32,
}

impl Kept {
    const NONE: Self = Self { frame: 0, place: Place { code: 0, instruction: 0 }, stack: 0 };
}

/// The memory that [`Stacks`] works with: two arrays of frames, the stacks of lately, and what it takes
/// to define a code object, for which a thread's own stack may be too small.
pub(crate) struct Room {
    kept: [Kept; MAX_FRAMES],
    found: [Kept; MAX_FRAMES],
    recent: [Entry; N_RECENT],
    texts: CodeTexts,
    words: [u64; MAX_RECORD_WORDS],
}

struct RoomCell(UnsafeCell<Room>);

// SAFETY: `Room::take` gives the content out once.
unsafe impl Sync for RoomCell {}

static ROOM: RoomCell = RoomCell(UnsafeCell::new(Room {
    kept: [Kept::NONE; MAX_FRAMES],
    found: [Kept::NONE; MAX_FRAMES],
    recent: [Entry::NONE; N_RECENT],
    texts: CodeTexts::new(),
    words: [0; MAX_RECORD_WORDS],
}));

impl Room {
    /// The only one there is.
    ///
    /// # Safety
    ///
    /// To be called once.
    pub(crate) unsafe fn take() -> &'static mut Self {
        // SAFETY: the caller calls once, so nobody else has it.
        unsafe { &mut *ROOM.0.get() }
    }
}

/// A stack's frame as the table knows it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct StackKey {
    caller: u32,
    code: u32,
    byte_offset: i32,
}

impl Key for StackKey {
    #[inline]
    fn hash(&self) -> u64 {
        let first = u64::from(self.caller) << 32 | u64::from(self.code);
        mix(first, u64::from(self.byte_offset.cast_unsigned()))
    }
}

/// A stack's number, and the instructions around it that are on the same line.
#[derive(Clone, Copy)]
struct Stack {
    stack: u32,
    /// Bytes to go back from the place to the line's first instruction, and to its end.
    before: u16,
    after: u16,
}

/// A code object's content, twice hashed.
#[derive(Clone, Copy, PartialEq, Eq)]
struct ContentKey(u64, u64);

impl Key for ContentKey {
    fn hash(&self) -> u64 {
        mix(self.0, self.1)
    }
}

/// Where the interpreter is, told by its two innermost frames: the same again most likely is the
/// same stack.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Here {
    frame: Address,
    place: Place,
    caller: Address,
    caller_instruction: u64,
}

impl Here {
    pub(crate) const NOWHERE: Self =
        Self { frame: 0, place: Kept::NONE.place, caller: 0, caller_instruction: 0 };

    /// A number that tells neighbouring places of a program apart.
    #[inline(always)]
    pub(crate) fn slot(&self, salt: u16) -> usize {
        let instruction = (self.place.instruction >> 1) as usize;
        instruction ^ instruction >> 6 ^ usize::from(salt).wrapping_mul(21)
    }
}

/// Everything known about frames.
pub(crate) struct Stacks {
    offsets: FrameOffsets,
    /// The frames of the latest event, innermost first.
    kept: &'static mut [Kept; MAX_FRAMES],
    n_kept: usize,
    /// Room for what a walk finds, innermost first; it then changes places with `kept`.
    found: &'static mut [Kept; MAX_FRAMES],
    /// Names of the code object that is being defined, and its record.
    texts: &'static mut CodeTexts,
    words: &'static mut [u64; MAX_RECORD_WORDS],
    stacks: Table<StackKey, Stack>,
    lines: Lines,
    recent: Recent,
    codes: Table<u64, u32>,
    contents: Table<ContentKey, u32>,
    /// Hashes of the names of files that the program alone has the text of, if it does.
    sources: Table<u64, ()>,
    native: Option<Native>,
    native_recent: NativeRecent,
    n_stacks: u32,
    n_codes: u32,
    /// The tables are full: what is new is charged to the nearest caller that they know.
    is_full: bool,
    line: Line,
    /// The innermost stack of what is kept.
    latest: Stack,
    /// Counts how often what is kept has changed.
    generation: u32,
}

/// The line of the latest allocation: a frame, where it was, and how far the line reaches from there.
#[derive(Clone, Copy)]
struct Line {
    frame: Address,
    place: Place,
    /// Bytes as in [`Stack`].
    before: u16,
    after: u16,
    /// The [`Stacks::generation`] that this was noted in.
    generation: u32,
}

const NO_LINE: Line =
    Line { frame: 0, place: Kept::NONE.place, before: 0, after: 0, generation: 0 };

impl Stacks {
    pub(crate) fn new(offsets: FrameOffsets, room: &'static mut Room) -> Self {
        let Room { kept, found, recent, texts, words } = room;
        Self {
            offsets,
            kept,
            n_kept: 0,
            found,
            texts,
            words,
            stacks: Table::EMPTY,
            lines: Lines::NONE,
            recent: Recent::new(recent),
            codes: Table::EMPTY,
            contents: Table::EMPTY,
            sources: Table::EMPTY,
            native: Native::find(),
            native_recent: NativeRecent::NONE,
            n_stacks: 0,
            n_codes: 0,
            is_full: false,
            line: NO_LINE,
            latest: Stack { stack: 0, before: 0, after: 0 },
            generation: 1,
        }
    }

    /// Changes whenever the frames of the latest event are others than before.
    #[inline(always)]
    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// The innermost frame of a thread, or null.
    ///
    /// # Safety
    ///
    /// As for [`FrameOffsets::top`].
    #[inline(always)]
    pub(crate) unsafe fn top(&self, thread: Address) -> Address {
        // SAFETY: the caller vouches for the thread state.
        unsafe { self.offsets.top(thread) }
    }

    /// Where a thread is.
    ///
    /// # Safety
    ///
    /// As for [`FrameOffsets::top`].
    #[inline]
    pub(crate) unsafe fn here(&self, thread: Address) -> Here {
        // SAFETY: the caller vouches for the thread state.
        let frame = unsafe { self.offsets.top(thread) };
        if frame == 0 {
            return Here::NOWHERE;
        }
        // SAFETY: the innermost frame of a thread that runs.
        let place = unsafe { self.offsets.place(frame) };
        // SAFETY: as above.
        let caller = unsafe { read::<Address>(frame, self.offsets.previous) };
        let caller_instruction = if caller == 0 {
            0
        } else {
            // SAFETY: a frame of the chain.
            (unsafe { read::<u64>(caller, self.offsets.instruction) })
                & self.offsets.instruction_mask
        };
        Here { frame, place, caller, caller_instruction }
    }

    /// The number of the current stack of a thread.
    ///
    /// # Safety
    ///
    /// `top` must be the current thread's innermost frame, not null, with the interpreter lock held.
    #[inline(never)]
    pub(crate) unsafe fn current(
        &mut self,
        top: Address,
        python: &Python,
        stream: &mut Stream,
    ) -> u32 {
        // SAFETY: the innermost frame of a thread that runs.
        if !unsafe { self.are_callers_kept(top) } {
            // SAFETY: as above.
            return unsafe { self.walk(top, python, stream) };
        }
        // SAFETY: as above.
        let place = unsafe { self.offsets.place(top) };
        let Some(&kept) = self.kept.first() else { return 0 };
        if kept.place == place {
            return kept.stack;
        }
        // SAFETY: as above.
        if unsafe { self.offsets.is_entry(top) } {
            // SAFETY: as above.
            return unsafe { self.walk(top, python, stream) };
        }
        let caller =
            if self.n_kept > 1 { self.kept.get(1).map_or(0, |kept| kept.stack) } else { 0 };
        // SAFETY: as above; the place is a frame's, whose code object is alive.
        let stack = unsafe { self.number(caller, place, python, stream) };
        if let Some(first) = self.kept.first_mut() {
            *first = Kept { frame: top, place, stack: stack.stack };
        }
        self.generation = self.generation.wrapping_add(1);
        self.latest = stack;
        stack.stack
    }

    /// Notes that the latest event, whose frames are kept, was an allocation.
    #[inline(always)]
    pub(crate) fn mark_line(&mut self) {
        let Self { generation, latest, .. } = *self;
        if self.line.generation == generation {
            return;
        }
        let Some(&Kept { frame, place, .. }) = self.kept.first() else { return };
        if self.n_kept != 0 {
            let Stack { before, after, .. } = latest;
            self.line = Line { frame, place, before, after, generation };
        }
    }

    /// How a thread stands to the latest allocation: in the same frame, still at its line or even at
    /// its instruction, or elsewhere. As the kind of record that a free is.
    ///
    /// # Safety
    ///
    /// As for [`FrameOffsets::top`].
    #[inline(always)]
    pub(crate) unsafe fn kind_of_free(&self, thread: Address) -> Kind {
        // SAFETY: the caller vouches for the thread state.
        let top = unsafe { self.offsets.top(thread) };
        if top == 0 || top != self.line.frame {
            return Kind::Free;
        }
        // SAFETY: the innermost frame of a thread that runs.
        let place = unsafe { self.offsets.place(top) };
        if place.code != self.line.place.code {
            return Kind::Free;
        }
        let distance = self.offsets.distance(self.line.place.instruction, place.instruction);
        let (before, after) = (u64::from(self.line.before), u64::from(self.line.after));
        if distance == 0 {
            Kind::FreeSamePlace
        } else if distance.wrapping_add(before) < before.wrapping_add(after) {
            Kind::FreeSameLine
        } else {
            Kind::Free
        }
    }

    /// The number of the stack of a place and its caller.
    ///
    /// # Safety
    ///
    /// `place.code` must be a live code object, with the interpreter lock held.
    #[inline(always)]
    unsafe fn number(
        &mut self,
        caller: u32,
        place: Place,
        python: &Python,
        stream: &mut Stream,
    ) -> Stack {
        match self.recent.get(caller, place) {
            Some(stack) => stack,
            // SAFETY: the caller's.
            None => unsafe { self.look_up(caller, place, python, stream) },
        }
    }

    /// # Safety
    ///
    /// As for [`Self::number`].
    #[cold]
    unsafe fn look_up(
        &mut self,
        caller: u32,
        place: Place,
        python: &Python,
        stream: &mut Stream,
    ) -> Stack {
        let byte_offset = self.offsets.byte_offset(place);
        let known = self.codes.get(&(place.code as u64));
        let code = match known {
            Some(code) => code,
            // Looked at first: 3.13's helper for `__init__` lies in memory that can't be written,
            // so nobody can ask to be told of its death.
            // SAFETY: the caller vouches for the code object.
            None if !python.is_code(place.code)
                || unsafe { python.is_incomplete(place.code, byte_offset) } =>
            {
                return Stack { stack: caller, before: 0, after: 0 };
            }
            // SAFETY: the caller vouches for the code object.
            None => match unsafe { self.define_code(place.code, python, stream) } {
                Some(code) => code,
                None => return Stack { stack: caller, before: 0, after: 0 },
            },
        };
        let key = StackKey { caller, code, byte_offset };
        let stack = match self.stacks.get(&key) {
            Some(stack) => stack,
            // SAFETY: the caller vouches for the code object.
            None => unsafe { self.define_stack(key, place.code, python, stream) },
        };
        // Only where its death will be told of.
        if known.is_some() || self.codes.get(&(place.code as u64)).is_some() {
            self.recent.put(caller, place, stack);
        }
        stack
    }

    /// # Safety
    ///
    /// `code` must be a live code object, with the interpreter lock held.
    #[cold]
    unsafe fn define_stack(
        &mut self,
        key: StackKey,
        code: Address,
        python: &Python,
        stream: &mut Stream,
    ) -> Stack {
        let at_caller = Stack { stack: key.caller, before: 0, after: 0 };
        if self.stacks.is_full() {
            // Before anything is looked up: from now on every event of a new stack comes here.
            self.tell_full(stream);
            return at_caller;
        }
        // SAFETY: the caller vouches for the code object.
        if unsafe { python.is_incomplete(code, key.byte_offset) } {
            // Python doesn't show such a frame; neither do we.
            return at_caller;
        }
        // SAFETY: as above.
        let extent = unsafe { self.lines.of(code, (key.code, key.byte_offset), python) };
        self.add_stack(key, extent, stream).unwrap_or(at_caller)
    }

    /// Numbers a stack that isn't known, if there is room.
    fn add_stack(&mut self, key: StackKey, extent: Extent, stream: &mut Stream) -> Option<Stack> {
        let Extent { line, before, after } = extent;
        let number = self.n_stacks.wrapping_add(1);
        let stack = Stack { stack: number, before, after };
        if !self.stacks.insert(key, stack) {
            self.tell_full(stream);
            return None;
        }
        let mut words = [0; 8];
        let frame = (key.code, line, key.byte_offset.cast_unsigned());
        stream.define(Definition::stack(&mut words, number, key.caller, frame).finish());
        self.n_stacks = number;
        Some(stack)
    }

    /// # Safety
    ///
    /// As for `define_stack`.
    #[cold]
    unsafe fn define_code(
        &mut self,
        code: Address,
        python: &Python,
        stream: &mut Stream,
    ) -> Option<u32> {
        // SAFETY: the caller vouches for the code object, and has looked at its type.
        unsafe { python.describe(code, self.texts) };
        let key = ContentKey(self.texts.hash(1), self.texts.hash(2));
        let number = match self.contents.get(&key) {
            Some(number) => number,
            None => {
                let number = self.add_code(key, stream)?;
                // SAFETY: as above.
                unsafe { self.define_source(code, number, python, stream) };
                number
            }
        };
        // Without word of its death its address can't be trusted: then it is described each time.
        // SAFETY: as above.
        if unsafe { python.watch(code) } {
            self.codes.insert(code as u64, number);
        }
        Some(number)
    }

    /// Sends the text of a code object's file, once, where nobody could read it later.
    ///
    /// # Safety
    ///
    /// As for `define_stack`; the code object is what `texts` describes.
    unsafe fn define_source(
        &mut self,
        code: Address,
        number: u32,
        python: &Python,
        stream: &mut Stream,
    ) {
        let file = hash_bytes(self.texts.file(), 5);
        if self.sources.get(&file).is_some() || !self.sources.insert(file, ()) {
            return;
        }
        let send = |line: u32, text: &[u8]| {
            let text = text.trim_ascii_end();
            stream.define(Definition::source(self.words, number, line, text).finish());
        };
        // SAFETY: the caller vouches for the code object.
        unsafe { python.for_each_source_line(code, send) };
    }

    /// Numbers what `texts` describes, if there is room.
    fn add_code(&mut self, key: ContentKey, stream: &mut Stream) -> Option<u32> {
        let number = self.n_codes.wrapping_add(1);
        if !self.contents.insert(key, number) {
            self.tell_full(stream);
            return None;
        }
        self.n_codes = number;
        let (file, name) = (self.texts.file(), self.texts.name());
        let definition = Definition::code(self.words, number, self.texts.first_line, file, name);
        stream.define(definition.finish());
        Some(number)
    }

    /// The number of the current stack of a thread in which no Python code runs.
    #[cold]
    #[inline(never)]
    pub(crate) fn current_native(&mut self, stream: &mut Stream) -> u32 {
        let Some(native) = self.native else { return 0 };
        // What is known of the frames of the latest event is no longer that of the latest event.
        self.forget_kept();
        let depth = native::depth();
        if let Some(stack) = self.native_recent.find(depth) {
            return stack;
        }
        let chain = native.chain(depth);
        let stack =
            chain.places().iter().rev().fold(0, |caller, &place| {
                self.number_native(caller, place, stream).unwrap_or(caller)
            });
        self.native_recent.put(&chain, stack);
        stack
    }

    /// The number of the stack of a place in compiled code and its caller.
    fn number_native(
        &mut self,
        caller: u32,
        place: NativePlace,
        stream: &mut Stream,
    ) -> Option<u32> {
        // SAFETY: a place of the current stack.
        let file = unsafe { place.file() };
        let content = ContentKey(hash_bytes(file, 3), hash_bytes(file, 4));
        let code = match self.contents.get(&content) {
            Some(code) => code,
            None => {
                self.texts.set_compiled(file);
                self.add_code(content, stream)?
            }
        };
        let key = StackKey { caller, code, byte_offset: place.offset.cast_signed() };
        match self.stacks.get(&key) {
            Some(stack) => Some(stack.stack),
            None => self.add_stack(key, Extent::UNKNOWN, stream).map(|stack| stack.stack),
        }
    }

    /// Says, once, that stacks are cut from now on.
    #[cold]
    fn tell_full(&mut self, stream: &mut Stream) {
        if !std::mem::replace(&mut self.is_full, true) {
            let notice =
                b"too many different call stacks: new ones are charged to callers already seen";
            let mut words = [0; 16];
            stream.define(Definition::fact(&mut words, Fact::Notice, notice).finish());
        }
    }

    /// A code object is being destroyed: its address means nothing any more.
    #[cold]
    pub(crate) fn forget_code(&mut self, code: Address) {
        self.codes.remove(&(code as u64));
        self.recent.forget();
        self.n_kept = 0;
        self.line.frame = 0;
        self.generation = self.generation.wrapping_add(1);
    }

    /// Forgets the frames of the latest event.
    pub(crate) fn forget_kept(&mut self) {
        self.n_kept = 0;
        self.line.frame = 0;
        self.generation = self.generation.wrapping_add(1);
    }

    /// The code object of the innermost frame that is no mere entry from C, for a self-check.
    ///
    /// # Safety
    ///
    /// As for [`FrameOffsets::top`].
    pub(crate) unsafe fn innermost_code(&self, thread: Address) -> Address {
        // SAFETY: the caller vouches for the thread state.
        let mut frame = unsafe { self.offsets.top(thread) };
        // SAFETY: a frame of the chain.
        while frame != 0 && unsafe { self.offsets.is_entry(frame) } {
            // SAFETY: as above.
            frame = unsafe { read::<Address>(frame, self.offsets.previous) };
        }
        if frame == 0 {
            return 0;
        }
        // SAFETY: as above.
        unsafe { self.offsets.place(frame) }.code
    }
}
