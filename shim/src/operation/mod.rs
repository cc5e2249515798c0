//! Operations of NumPy: which one is running, and what it did.
//!
//! A hook begins an operation before it calls the real function, and finishes it afterwards. The
//! operations that are under way form a stack per thread; it is no chain of pointers into the
//! program's own stack, since that may be changed beneath us (greenlets), but an array of frames,
//! each with a number that says whether it still is the one that was begun.
//!
//! Large operations become records, with their operands. Small ones are counted in place.

pub(crate) mod call;
pub(crate) mod copies;
pub(crate) mod counters;
pub(crate) mod finish;
pub(crate) mod hidden;
pub(crate) mod index;
pub(crate) mod listing;
pub(crate) mod look;
pub(crate) mod names;
pub(crate) mod owners;
pub(crate) mod record;
pub(crate) mod scalars;
pub(crate) mod spec;
pub(crate) mod touches;

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU16, Ordering};

use npprof_wire::encode::{event, touch};
use npprof_wire::record::Kind;

use crate::memory::Address;
use crate::operation::copies::Copies;
use crate::operation::counters::Small;
use crate::operation::listing::Listing;
use crate::operation::look::{Seen, Types};
use crate::operation::names::Names;
use crate::operation::owners::Owners;
use crate::operation::scalars::Scalars;
use crate::operation::touches::Touches;
use crate::state::State;
use crate::stream::{Stream, now_ns};

/// Operations whose operands weigh at least this much have a record of their own, in bytes.
pub(crate) const LARGE: usize = 64 << 10;
/// Blocks of at least this many bytes are large: reads across their cache lines are worth noting.
pub(crate) const LARGE_BLOCK: usize = 8 << 20;

/// Operations that can be under way in one thread; deeper ones are not told apart from the last.
const MAX_DEPTH: usize = 24;
/// Threads whose operations are kept apart.
const MAX_THREADS: usize = 256;

/// An operation under way.
#[derive(Clone, Copy)]
pub(crate) struct Frame {
    /// Which one this is; zero for a frame that is free.
    token: u32,
    pub(crate) operation: u16,
    pub(crate) has_allocated: bool,
    has_stack: bool,
    stack: u32,
    /// When `stack` was found, see [`crate::stack::Stacks::generation`].
    generation: u32,
    /// The innermost frame of Python's when the operation began.
    top: Address,
    pub(crate) allocated: u64,
    pub(crate) freed: u64,
    /// What the operands weigh that are known beforehand, and what they are.
    pub(crate) weight: usize,
    pub(crate) read: usize,
    pub(crate) strided: usize,
    /// Zero when it is not timed.
    pub(crate) began_ns: u64,
    /// Single elements that were read inside of it.
    pub(crate) n_scalars: u32,
}

const FREE: Frame = Frame {
    token: 0,
    operation: 0,
    has_allocated: false,
    has_stack: false,
    stack: 0,
    generation: 0,
    top: 0,
    allocated: 0,
    freed: 0,
    weight: 0,
    read: 0,
    strided: 0,
    began_ns: 0,
    n_scalars: 0,
};

/// The operations that are under way in a thread.
#[derive(Clone, Copy)]
struct Thread {
    frames: [Frame; MAX_DEPTH],
    depth: usize,
}

impl Thread {
    /// Takes over the operations that are under way in `other`.
    fn copy(&mut self, other: &Self) {
        for (to, from) in self.frames.iter_mut().zip(&other.frames).take(other.depth) {
            *to = *from;
        }
        self.depth = other.depth;
    }
}

struct Room(UnsafeCell<[Thread; MAX_THREADS]>);

// SAFETY: `Operations::new` gives the content out once.
unsafe impl Sync for Room {}

static ROOM: Room =
    Room(UnsafeCell::new([Thread { frames: [FREE; MAX_DEPTH], depth: 0 }; MAX_THREADS]));

/// The function that makes the next block, where it is one of those that only make an array, or 0.
/// Set by hooks that do nothing else, and taken by the next allocation.
static MAKER: AtomicU16 = AtomicU16::new(0);

/// The next block will be made by this operation.
#[inline(always)]
pub(crate) fn set_maker(operation: u16) {
    MAKER.store(operation, Ordering::Relaxed);
}

/// An operation that was begun; none if `depth` is zero.
#[derive(Clone, Copy)]
pub(crate) struct Begun {
    depth: u32,
    token: u32,
}

impl Begun {
    pub(crate) const NONE: Self = Self { depth: 0, token: 0 };

    #[inline(always)]
    pub(crate) fn is_none(self) -> bool {
        self.depth == 0
    }
}

/// Everything known about operations.
pub(crate) struct Operations {
    /// The current thread's.
    here: Thread,
    /// Those of the others, and the place of the current thread among them.
    threads: &'static mut [Thread; MAX_THREADS],
    thread: usize,
    n_tokens: u32,
    pub(crate) names: Names,
    pub(crate) touches: Touches,
    pub(crate) owners: Owners,
    pub(crate) scalars: Scalars,
    pub(crate) copies: Copies,
    pub(crate) listing: Listing,
}

impl Operations {
    /// # Safety
    ///
    /// To be called once.
    pub(crate) unsafe fn new(names: Names) -> Self {
        // SAFETY: the caller calls once.
        let threads = unsafe { &mut *ROOM.0.get() };
        // SAFETY: as above.
        let owners = unsafe { Owners::new() };
        Self {
            here: Thread { frames: [FREE; MAX_DEPTH], depth: 0 },
            threads,
            thread: 0,
            n_tokens: 0,
            names,
            touches: Touches::new(),
            owners,
            scalars: Scalars::new(),
            copies: Copies::new(),
            listing: Listing::new(),
        }
    }

    /// Another thread goes on.
    pub(crate) fn switch(&mut self, thread: u32) {
        let place = thread as usize % MAX_THREADS;
        if place == self.thread {
            return;
        }
        if let Some(old) = self.threads.get_mut(self.thread) {
            old.copy(&self.here);
        }
        if let Some(new) = self.threads.get(place) {
            self.here.copy(new);
        }
        self.thread = place;
    }

    /// The operation that is under way, if any.
    #[inline(always)]
    pub(crate) fn current(&mut self) -> Option<&mut Frame> {
        let at = self.here.depth.checked_sub(1)?;
        self.here.frames.get_mut(at)
    }

    #[inline(always)]
    fn push(&mut self, operation: u16, top: Address) -> Begun {
        self.n_tokens = self.n_tokens.wrapping_add(1) | 1;
        let token = self.n_tokens;
        let thread = &mut self.here;
        let depth = thread.depth;
        let Some(frame) = thread.frames.get_mut(depth) else { return Begun::NONE };
        *frame = Frame { token, operation, top, ..FREE };
        thread.depth = depth.wrapping_add(1);
        #[expect(clippy::cast_possible_truncation, reason = "at most MAX_DEPTH")]
        Begun { depth: thread.depth as u32, token }
    }

    /// Takes an operation off, with everything that was begun after it. What happened inside counts
    /// for the one around it as well, whose name is given, or 0.
    #[inline(always)]
    fn pop(&mut self, begun: Begun) -> Option<u16> {
        let thread = &mut self.here;
        let at = (begun.depth as usize).checked_sub(1).filter(|&at| at < thread.depth)?;
        let (before, rest) = thread.frames.split_at_mut_checked(at)?;
        let frame = rest.first().filter(|frame| frame.token == begun.token)?;
        thread.depth = at;
        let Some(outer) = before.last_mut() else { return Some(0) };
        outer.allocated = outer.allocated.wrapping_add(frame.allocated);
        outer.freed = outer.freed.wrapping_add(frame.freed);
        outer.has_allocated |= frame.has_allocated;
        outer.n_scalars = outer.n_scalars.wrapping_add(frame.n_scalars);
        Some(outer.operation)
    }

    /// The operation that was taken off last. Its frame is there until another one begins.
    #[inline(always)]
    fn popped(&self) -> Option<&Frame> {
        self.here.frames.get(self.here.depth)
    }

    /// In a forked child: what was counted is the parent's.
    pub(crate) fn move_on(&mut self) {
        self.scalars = Scalars::new();
        self.touches = Touches::new();
        self.copies = Copies::new();
    }
}

/// An operation that is over, as far as small ones need it.
#[derive(Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) operation: u16,
    /// The operation around it, or 0.
    pub(crate) outer: u16,
    /// Where it was called, if that is known already.
    pub(crate) stack: Option<u32>,
    pub(crate) weight: usize,
    pub(crate) read: usize,
    pub(crate) strided: usize,
}

/// What a block that was just made belongs to.
pub(crate) struct Making {
    pub(crate) operation: u16,
    pub(crate) is_first: bool,
    pub(crate) stack: u32,
}

impl State {
    /// Begins an operation.
    #[inline]
    pub(crate) fn begin(&mut self, operation: u16) -> Begun {
        // SAFETY: `enter` gave out `self`, so this is the current thread and holds the lock.
        let top = unsafe { self.stacks.top(self.thread()) };
        self.operations.push(operation, top)
    }

    /// Notes what is known of an operation's inputs beforehand; a large one is timed from now on.
    #[inline]
    pub(crate) fn weigh(&mut self, seen: Seen, strided: usize) {
        if let Some(frame) = self.operations.current() {
            frame.weight = frame.weight.max(seen.weight);
            frame.read = frame.read.wrapping_add(seen.n_bytes);
            frame.strided = frame.strided.wrapping_add(strided);
            if seen.weight >= LARGE && frame.began_ns == 0 {
                self.time();
            }
        }
    }

    /// Times the operation that is under way from now on.
    #[inline(never)]
    fn time(&mut self) {
        if let Some(frame) = self.operations.current() {
            frame.began_ns = now_ns();
        }
    }

    /// Ends an operation: its frame, and the operation around it.
    #[inline]
    pub(crate) fn end(&mut self, begun: Begun) -> Option<(Frame, u16)> {
        let outer = self.operations.pop(begun)?;
        self.operations.popped().map(|frame| (*frame, outer))
    }

    /// As [`Self::end`], with what a small operation needs; [`Self::ended`] gives the rest.
    #[inline(always)]
    pub(crate) fn end_small(&mut self, begun: Begun) -> Option<Ended> {
        let outer = self.operations.pop(begun)?;
        let frame = self.operations.popped()?;
        let has_stack = frame.has_stack && frame.generation == self.stacks.generation();
        Some(Ended {
            operation: frame.operation,
            outer,
            stack: has_stack.then_some(frame.stack),
            weight: frame.weight,
            read: frame.read,
            strided: frame.strided,
        })
    }

    /// The operation that ended last, if none has begun since.
    pub(crate) fn ended(&self) -> Option<Frame> {
        self.operations.popped().copied()
    }

    /// The stack from which an operation that has just ended was called.
    #[inline]
    pub(crate) fn stack_of(&mut self, frame: &Frame) -> u32 {
        if frame.has_stack && frame.generation == self.stacks.generation() {
            return frame.stack;
        }
        self.stack()
    }

    /// Where a block is made, and by which operation.
    #[inline(always)]
    pub(crate) fn making(&mut self, n_bytes: usize) -> Making {
        let maker = MAKER.load(Ordering::Relaxed);
        if maker != 0 {
            MAKER.store(0, Ordering::Relaxed);
        }
        let generation = self.stacks.generation();
        // SAFETY: `enter` gave out `self`, so this is the current thread and holds the lock.
        let top = unsafe { self.stacks.top(self.thread()) };
        let Some(frame) = self.operations.current() else {
            return Making { operation: maker, is_first: true, stack: self.stack_from(top) };
        };
        frame.allocated = frame.allocated.wrapping_add(n_bytes as u64);
        let is_first = !std::mem::replace(&mut frame.has_allocated, true);
        let operation = if maker == 0 { frame.operation } else { maker };
        // Python code that an operation calls has frames of its own, and then makes arrays of its
        // own accord.
        let is_inside = frame.top == top;
        if is_inside && frame.has_stack && frame.generation == generation {
            return Making { operation, is_first, stack: frame.stack };
        }
        let stack = self.stack_from(top);
        let generation = self.stacks.generation();
        if is_inside && let Some(frame) = self.operations.current() {
            frame.stack = stack;
            frame.has_stack = true;
            frame.generation = generation;
        }
        Making { operation: if is_inside { operation } else { maker }, is_first, stack }
    }

    /// A block was freed inside of the operation that is under way, if one is.
    #[inline]
    pub(crate) fn freed_inside(&mut self, n_bytes: usize) {
        if let Some(frame) = self.operations.current() {
            frame.freed = frame.freed.wrapping_add(n_bytes as u64);
        }
    }

    /// As [`Self::count`], for one that [`Self::end_small`] gave.
    #[inline(always)]
    pub(crate) fn count_ended(&mut self, ended: &Ended, small: Small) {
        let stack = match ended.stack {
            Some(stack) => stack,
            None => self.stack(),
        };
        counters::count(counters::key(stack, ended.operation), small, &mut self.stream);
    }

    /// Counts a small operation.
    #[inline]
    pub(crate) fn count(&mut self, frame: &Frame, small: Small) {
        let stack = self.stack_of(frame);
        let key = counters::key(stack, frame.operation);
        counters::count(key, small, &mut self.stream);
    }

    /// A whole array was read by a small operation.
    #[inline]
    pub(crate) fn read_all(&mut self, seen: Seen) {
        let (data, n_bytes) = seen.read();
        self.read_bytes(data, n_bytes);
    }

    /// As [`Self::read_all`], for what [`Seen::read`] gave.
    #[inline(always)]
    pub(crate) fn read_bytes(&mut self, data: Address, n_bytes: usize) {
        if n_bytes != 0 {
            self.operations.touches.read_all(data, n_bytes, &mut self.stream);
        }
    }

    /// A large block is about to be freed or moved: copies in which it took part end.
    ///
    /// # Safety
    ///
    /// The block must still be there.
    #[inline]
    pub(crate) unsafe fn end_copies(&mut self, block: Address) {
        let Self { operations, stream, .. } = self;
        let differs = |copy: Address, n_bytes: usize, stream: &mut Stream| {
            if stream.begin(2) {
                stream.push(event(Kind::Touch, copy as u64));
                stream.push(touch(n_bytes as u64, true));
                stream.publish();
            }
        };
        // SAFETY: the caller's.
        unsafe { operations.copies.end(block, stream, differs) };
    }

    /// Sends what is held back of small reads and writes: something whose order matters follows.
    #[inline]
    pub(crate) fn flush_touches(&mut self) {
        self.operations.touches.flush(&mut self.stream);
    }

    /// Looks at an array.
    ///
    /// # Safety
    ///
    /// `array` must be a live array.
    #[inline]
    pub(crate) unsafe fn look(&self, array: Address) -> Seen {
        // SAFETY: the caller vouches for the array; `enter` gave out `self`.
        let itemsize = unsafe { self.dtypes.itemsize_of(array) };
        // SAFETY: as above.
        unsafe { look::look(array, itemsize) }
    }

    /// Useful bytes of an array that lie a cache line or more apart, in a large block.
    ///
    /// # Safety
    ///
    /// As for [`Self::look`].
    #[inline(always)]
    pub(crate) unsafe fn strided_bytes(&self, array: Address, seen: Seen, types: &Types) -> usize {
        if seen.stride < look::CACHE_LINE || seen.n_elements < 2 {
            return 0;
        }
        // SAFETY: the caller's.
        unsafe { self.bytes_in_large_block(array, seen.n_bytes, types) }
    }

    /// `n_bytes` if an array lies in a large block, else 0.
    ///
    /// # Safety
    ///
    /// As for [`Self::look`].
    #[inline(never)]
    unsafe fn bytes_in_large_block(&self, array: Address, n_bytes: usize, types: &Types) -> usize {
        // SAFETY: the caller vouches for the array.
        if unsafe { self.is_in_large_block(array, types) } { n_bytes } else { 0 }
    }

    /// Whether an array lies in a block of which it matters how much is used.
    ///
    /// # Safety
    ///
    /// As for [`Self::look`].
    #[inline]
    pub(crate) unsafe fn is_in_large_block(&self, array: Address, types: &Types) -> bool {
        // SAFETY: the caller vouches for the array.
        let owner = unsafe { look::owner_of(array, types) };
        // SAFETY: alive, as the array holds it.
        owner != 0 && unsafe { self.look(owner) }.n_bytes >= LARGE_BLOCK
    }
}
