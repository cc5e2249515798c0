//! The state of a process that is being watched, and the proof that it may be touched.
//!
//! There is one [`State`] for the process. Whoever holds the interpreter lock may use it, and nobody
//! else; [`enter`] checks that before it lends it out. Events without the lock go to a side ring.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

use npprof_shm::{RingWriter, Segment};
use npprof_wire::encode::event;
use npprof_wire::record::Kind;
use npprof_wire::segment::{MAIN_RING, N_RINGS, N_UNPLACED, SIDE_RING_WORDS, positions};

use crate::dtype::DtypeTable;
use crate::install::python::{Python, ThreadGetter};
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
        unsafe { self.stacks.current(self.thread, self.python, &mut self.stream) }
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
/// The function that gives the current thread's state while hooks record, else null.
static GETTER: AtomicUsize = AtomicUsize::new(0);
/// Offsets in a thread's state: of the native thread's number, of the interpreter's number.
static THREAD_ID: AtomicUsize = AtomicUsize::new(0);
static THREAD_NUMBER: AtomicUsize = AtomicUsize::new(0);
/// The array object that was made last and has no data yet, or null. Written by slots of the array
/// type, which Python calls with the interpreter lock held, so they need no [`enter`].
static PENDING: AtomicUsize = AtomicUsize::new(0);
/// The segment of this process, or null.
static SEGMENT: AtomicPtr<Segment> = AtomicPtr::new(std::ptr::null_mut());
/// Taken while a thread without the interpreter lock writes to side ring `index + 1`.
static SIDE_RINGS: [AtomicBool; N_RINGS - 1] = [const { AtomicBool::new(false) }; N_RINGS - 1];

/// Puts the state in place; from now on hooks record.
pub(crate) fn begin(state: State) {
    THREAD_ID.store(state.python.thread_id, Ordering::Relaxed);
    THREAD_NUMBER.store(state.python.thread_number, Ordering::Relaxed);
    // SAFETY: the installer holds the interpreter lock, and `GETTER` isn't set, so nobody else
    // looks.
    let place = unsafe { &mut *STATE.0.get() };
    place.write(state);
    resume();
}

/// Hooks only forward from now on, until [`resume`].
pub(crate) fn suspend() {
    GETTER.store(0, Ordering::Release);
}

/// Hooks record again.
pub(crate) fn resume() {
    let getter = crate::install::python::get().map_or(0, |python| python.getter() as usize);
    // Pairs with the `Acquire` in `enter`: who sees the function sees the state.
    GETTER.store(getter, Ordering::Release);
}

/// Whether hooks record.
pub(crate) fn is_live() -> bool {
    GETTER.load(Ordering::Acquire) != 0
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
        for is_taken in &SIDE_RINGS {
            is_taken.store(false, Ordering::Release);
        }
    }
}

/// The state, for a thread that holds the interpreter lock and is in no handler of the user's.
/// Says in the ring when another thread has taken over.
#[inline]
pub(crate) fn enter() -> Option<&'static mut State> {
    let thread = locked_thread()?;
    // SAFETY: this thread's state is the current one, so it holds the lock; and no hook calls
    // anything that calls a hook while it has the reference, but for handlers of the user's, for
    // which `enter_nested` ends the loan.
    let state = unsafe { &mut *STATE.0.get() };
    // SAFETY: `GETTER` is set, so `begin` has written the state.
    let state = unsafe { state.assume_init_mut() };
    // SAFETY: this thread's state.
    let id = unsafe { read::<u64>(thread, THREAD_NUMBER.load(Ordering::Relaxed)) };
    if thread != state.thread || id != state.thread_id {
        return state.change_thread(thread, id);
    }
    Some(state)
}

/// As [`enter`], for what Python only calls with the interpreter lock held: that is not checked.
///
/// # Safety
///
/// The interpreter lock must be held.
#[inline]
pub(crate) unsafe fn enter_locked() -> Option<&'static mut State> {
    let getter = GETTER.load(Ordering::Acquire);
    if getter == 0 {
        return None;
    }
    // SAFETY: `resume` stored this function.
    let getter = unsafe { std::mem::transmute::<usize, ThreadGetter>(getter) };
    // SAFETY: has no conditions.
    let thread = unsafe { getter() }.addr();
    if thread == 0 {
        return None;
    }
    // SAFETY: as in `enter`, the caller vouching for the lock.
    let state = unsafe { &mut *STATE.0.get() };
    // SAFETY: `GETTER` is set, so `begin` has written the state.
    let state = unsafe { state.assume_init_mut() };
    // SAFETY: this thread's state.
    let id = unsafe { read::<u64>(thread, THREAD_NUMBER.load(Ordering::Relaxed)) };
    if thread != state.thread || id != state.thread_id {
        return state.change_thread(thread, id);
    }
    Some(state)
}

/// The state of this thread, if hooks record and it holds the interpreter lock.
#[inline]
fn locked_thread() -> Option<Address> {
    let getter = GETTER.load(Ordering::Acquire);
    if getter == 0 {
        return None;
    }
    // SAFETY: `resume` stored this function.
    let getter = unsafe { std::mem::transmute::<usize, ThreadGetter>(getter) };
    // SAFETY: has no conditions.
    let thread = unsafe { getter() }.addr();
    if thread == 0 {
        return None;
    }
    // SAFETY: this thread's state or, up to 3.11, that of the thread which holds the lock; either
    // way memory of the interpreter that stays mapped.
    let id = unsafe { read::<usize>(thread, THREAD_ID.load(Ordering::Relaxed)) };
    (id == native_thread()).then_some(thread)
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
    let stamp = segment.word(positions(MAIN_RING)).load(Ordering::Acquire);
    for (index, is_taken) in SIDE_RINGS.iter().enumerate() {
        // Pairs with the `Release` below: this thread goes on where the one before it stopped.
        if is_taken.swap(true, Ordering::Acquire) {
            continue;
        }
        let mut writer = RingWriter::<SIDE_RING_WORDS>::new(segment, index.wrapping_add(1));
        let has_room = writer.has_room(words.len().wrapping_add(1));
        if has_room {
            writer.push(event(Kind::Stamp, stamp));
            for &word in words {
                writer.push(word);
            }
            writer.publish();
        }
        is_taken.store(false, Ordering::Release);
        if has_room {
            return;
        }
    }
    segment.word(N_UNPLACED).fetch_add(1, Ordering::Relaxed);
}

/// What `pthread_self` gives for this thread.
#[inline]
fn native_thread() -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        let thread: usize;
        // SAFETY: on x86-64 Linux the thread pointer is in `fs`, and the first words of what it
        // leads to belong to the thread's control block, whose third holds its own address, which
        // glibc gives out as the thread's number.
        unsafe {
            std::arch::asm!(
                "mov {}, fs:[16]",
                out(reg) thread,
                options(pure, readonly, nostack, preserves_flags)
            );
        }
        thread
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        // SAFETY: has no conditions.
        let thread = unsafe { libc::pthread_self() };
        thread as usize
    }
}

#[cfg(test)]
mod tests {
    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "a pointer's size")]
    fn the_native_thread_is_pthread_self() {
        // SAFETY: has no conditions.
        let expected = unsafe { libc::pthread_self() } as usize;
        assert_eq!(super::native_thread(), expected);
    }
}
