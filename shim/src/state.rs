//! The state of a process that is being watched, and the proof that it may be touched.
//!
//! There is one [`State`] for the process. Whoever holds the interpreter lock may use it, and nobody
//! else; [`enter`] checks that before it lends it out. Events without the lock go to a side ring.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use npprof_shm::{Segment, SideRings};
use npprof_wire::segment::{GAVE_UP_NS, N_DROPPED};

use crate::current;
use crate::dtype::DtypeTable;
use crate::install::python::Python;
use crate::memory::{Address, read};
use crate::operation::Operations;
use crate::stack::Stacks;
use crate::stream::Stream;
use crate::thread::Threads;

/// Everything that hooks work with.
pub(crate) struct State {
    /// The thread of the latest event: its state and number. The state is null after an event that
    /// must not be taken for another one of the same thread.
    thread: Address,
    thread_id: u64,
    /// The thread that is inside a handler of the user's, whose own calls are not ours to count.
    nested: Address,
    pub(crate) python: &'static Python,
    pub(crate) stream: Stream,
    pub(crate) stacks: Stacks,
    pub(crate) dtypes: DtypeTable,
    pub(crate) threads: Threads,
    pub(crate) operations: Operations,
    /// Number of the latest `Fork` record.
    pub(crate) fork: u64,
}

impl State {
    pub(crate) fn new(
        python: &'static Python,
        stream: Stream,
        stacks: Stacks,
        dtypes: DtypeTable,
        operations: Operations,
    ) -> Self {
        Self {
            thread: 0,
            thread_id: 0,
            nested: 0,
            python,
            stream,
            stacks,
            dtypes,
            threads: Threads::new(),
            operations,
            fork: 0,
        }
    }

    /// The current thread's `PyThreadState`.
    #[inline]
    pub(crate) fn thread(&self) -> Address {
        self.thread
    }

    /// Numbers the current stack.
    #[inline]
    pub(crate) fn stack(&mut self) -> u32 {
        // SAFETY: `enter` gave out `self`, so the lock is held and `thread` is the current one.
        let top = unsafe { self.stacks.top(self.thread) };
        self.stack_from(top)
    }

    /// As [`Self::stack`], where the innermost frame is known: what [`Stacks::top`] gave, or null.
    #[inline(always)]
    pub(crate) fn stack_from(&mut self, top: Address) -> u32 {
        if top == 0 {
            return self.stacks.current_native(&mut self.stream);
        }
        // SAFETY: `enter` gave out `self`, so the lock is held; the frame is the current one.
        unsafe { self.stacks.current(top, self.python, &mut self.stream) }
    }

    /// From here on, and until [`Self::leave_nested`], what this thread does is a handler's doing.
    pub(crate) fn enter_nested(&mut self) {
        self.nested = self.thread;
        self.thread = 0;
    }

    /// The handler is done.
    pub(crate) fn leave_nested(&mut self) {
        self.nested = 0;
        self.thread = 0;
    }

    /// In a forked child: events of this process go to another stream.
    pub(crate) fn move_to(&mut self, stream: Stream) {
        self.stream = stream;
        self.thread = 0;
        self.nested = 0;
        set_pending(0);
        self.stacks.forget_kept();
        self.operations.move_on();
    }
}

struct Cell(UnsafeCell<MaybeUninit<State>>);

// SAFETY: `enter` lends the content only to the holder of the interpreter lock.
unsafe impl Sync for Cell {}

static STATE: Cell = Cell(UnsafeCell::new(MaybeUninit::uninit()));
/// Offsets in a thread's state: of the native thread's number, of the interpreter's number.
static THREAD_ID: AtomicUsize = AtomicUsize::new(0);
static THREAD_NUMBER: AtomicUsize = AtomicUsize::new(0);
/// The array object that was made last and has no data yet, or null. Written by slots of the array
/// type, which Python calls with the interpreter lock held, so they need no [`enter`].
static PENDING: AtomicUsize = AtomicUsize::new(0);
/// The segment of this process, or null.
static SEGMENT: AtomicPtr<Segment> = AtomicPtr::new(std::ptr::null_mut());
/// Who writes without the interpreter lock at this moment.
static SIDE_RINGS: SideRings = SideRings::new();

/// Puts the state in place; from now on hooks record.
pub(crate) fn begin(state: State) {
    THREAD_ID.store(state.python.thread_id, Ordering::Relaxed);
    THREAD_NUMBER.store(state.python.thread_number, Ordering::Relaxed);
    if state.python.layout.thread.is_thread_local {
        current::find(state.python.getter());
    }
    // SAFETY: the installer holds the interpreter lock, and nobody is followed yet, so nobody else
    // looks.
    let place = unsafe { &mut *STATE.0.get() };
    place.write(state);
    resume();
}

/// Hooks only forward from now on, until [`resume`].
pub(crate) fn suspend() {
    current::stop();
}

/// Hooks record again.
pub(crate) fn resume() {
    // Who finds the current thread sees the state, see `current`.
    if let Some(python) = crate::install::python::get() {
        current::follow(python.getter());
    }
}

/// Whether hooks record.
pub(crate) fn is_live() -> bool {
    current::is_followed()
}

/// Notes the array for which the next block will be, or null.
#[inline]
pub(crate) fn set_pending(array: Address) {
    PENDING.store(array, Ordering::Relaxed);
}

/// The array for which the next block will be, or null.
#[inline]
pub(crate) fn pending() -> Address {
    PENDING.load(Ordering::Relaxed)
}

/// The state, whatever the lock.
///
/// # Safety
///
/// Only where no other thread can run hooks: in a forked child before anything else has run.
/// [`begin`] must have been called.
pub(crate) unsafe fn get_alone() -> &'static mut State {
    // SAFETY: the caller is alone.
    let state = unsafe { &mut *STATE.0.get() };
    // SAFETY: `begin` has written it.
    unsafe { state.assume_init_mut() }
}

/// This process's segment.
pub(crate) fn segment() -> Option<&'static Segment> {
    // SAFETY: what is stored there was leaked by `set_segment`, and lives until a forked child
    // replaces it, when it is alone.
    unsafe { SEGMENT.load(Ordering::Acquire).as_ref() }
}

/// Makes `segment` this process's, or none. A forked child's old one is unmapped: it is its
/// parent's.
#[expect(clippy::disallowed_types, reason = "once per process, outside of hooks")]
pub(crate) fn set_segment(segment: Option<Segment>) {
    let new = segment.map_or(std::ptr::null_mut(), |segment| Box::into_raw(Box::new(segment)));
    let old = SEGMENT.swap(new, Ordering::AcqRel);
    if !old.is_null() {
        // SAFETY: it came from `Box::into_raw` above, and a forked child is alone.
        drop(unsafe { Box::from_raw(old) });
        // Whoever held one in the parent doesn't exist here.
        SIDE_RINGS.free_all();
    }
}

/// The state, for a thread that holds the interpreter lock and is in no handler of the user's.
/// Says in the ring when another thread has taken over.
#[inline(always)]
pub(crate) fn enter() -> Option<&'static mut State> {
    let thread = locked_thread()?;
    // SAFETY: this thread's state is the current one, so it holds the lock.
    unsafe { of_thread(thread) }
}

/// As [`enter`], for what Python only calls with the interpreter lock held: that is not checked.
///
/// # Safety
///
/// The interpreter lock must be held.
#[inline(always)]
pub(crate) unsafe fn enter_locked() -> Option<&'static mut State> {
    let thread = current::current()?;
    // SAFETY: the caller vouches for the lock.
    unsafe { of_thread(thread) }
}

/// # Safety
///
/// `thread` must be the state of this thread, given by [`current::current`], with the lock held.
#[inline(always)]
unsafe fn of_thread(thread: Address) -> Option<&'static mut State> {
    // SAFETY: the caller holds the lock; and no hook calls anything that calls a hook while it has the
    // reference, but for handlers of the user's, for which `enter_nested` ends the loan.
    let state = unsafe { &mut *STATE.0.get() };
    // SAFETY: threads are followed only after `begin` has written the state.
    let state = unsafe { state.assume_init_mut() };
    // SAFETY: this thread's state.
    let id = unsafe { read::<u64>(thread, THREAD_NUMBER.load(Ordering::Relaxed)) };
    // One branch for both.
    if (thread ^ state.thread) as u64 | id ^ state.thread_id != 0 {
        return state.change_thread(thread, id);
    }
    Some(state)
}

/// The state of this thread, if hooks record and it holds the interpreter lock.
#[inline(always)]
fn locked_thread() -> Option<Address> {
    current::current_locked(THREAD_ID.load(Ordering::Relaxed))
}

impl State {
    #[cold]
    fn change_thread(&'static mut self, thread: Address, id: u64) -> Option<&'static mut Self> {
        if thread == self.nested {
            return None;
        }
        self.thread = thread;
        self.thread_id = id;
        // SAFETY: `enter` has checked that `thread` is the current one and holds the lock.
        let number = unsafe { self.threads.switch(thread, id, self.python, &mut self.stream) };
        self.operations.switch(number);
        Some(self)
    }
}

/// Records an event of a thread for which [`enter`] gave nothing: without the interpreter lock it
/// goes to a side ring; inside a handler of the user's, or when nothing is recorded, nowhere.
#[cold]
pub(crate) fn record_aside(words: &[u64]) {
    let Some(segment) = segment() else { return };
    if !is_live() || locked_thread().is_some() {
        return;
    }
    if segment.word(GAVE_UP_NS).load(Ordering::Relaxed) != 0 {
        segment.word(N_DROPPED).fetch_add(1, Ordering::Relaxed);
        return;
    }
    SIDE_RINGS.write(segment, words);
}
