//! Birth and death of processes: forks, exits, and the ends of children that this process waits for.
//!
//! Nothing here is needed for the figures to arrive, which are in shared memory as soon as they
//! exist. An exit leaves its status in the segment's header for the collector, which is not the
//! parent of most processes and can't ask the kernel.

use std::ffi::{CStr, c_int, c_void};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use npprof_wire::encode::event;
use npprof_wire::record::Kind;
use npprof_wire::segment::{self, EXIT_VALID};

use crate::install::session;
use crate::state;
use crate::stream::Stream;

/// Number of the `Fork` record that the fork in progress wrote; zero if it wrote none.
static FORK: AtomicU64 = AtomicU64::new(0);

unsafe extern "C" {
    /// As `atexit`, and the function learns the status. In glibc for ever, though not in `libc`.
    fn on_exit(function: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
}

/// Follows forks and the ordinary exit.
pub(crate) fn install() {
    // SAFETY: the handlers are functions of this library, which is never unloaded.
    unsafe { libc::pthread_atfork(Some(before_fork), None, Some(in_child)) };
    // SAFETY: as above.
    unsafe { on_exit(at_exit, std::ptr::null_mut()) };
}

/// Marks the place in the stream where the child's arrays are the parent's.
extern "C" fn before_fork() {
    let mut fork = 0;
    if session::is_followed()
        && let Some(state) = state::enter()
    {
        state.fork = state.fork.wrapping_add(1);
        if state.stream.define(&[event(Kind::Fork, state.fork)]) {
            fork = state.fork;
        }
    }
    FORK.store(fork, Ordering::Relaxed);
}

/// The child gets a segment of its own: the one it has inherited is its parent's.
extern "C" fn in_child() {
    let was_live = state::is_live();
    state::suspend();
    let fork = FORK.swap(0, Ordering::Relaxed);
    if !session::is_followed() {
        session::leave();
        return;
    }
    let parent = if fork == 0 { 0 } else { session::image() };
    let has_joined = session::join(parent, fork);
    let Some(segment) = state::segment().filter(|_| has_joined) else { return };
    if !was_live {
        // NumPy may still come; until then this is all that is known of the process.
        crate::install::introduce(&mut Stream::new(segment, session::is_lossy()));
    } else if fork != 0 {
        // Else a thread without the interpreter lock has forked: no Python runs in its child.
        let flags = segment.word(segment::FLAGS);
        flags.fetch_or(segment::flags::HOOKED, Ordering::Relaxed);
        // SAFETY: a forked child has one thread, this one; the state was live in the parent.
        let state = unsafe { state::get_alone() };
        state.move_to(Stream::new(segment, session::is_lossy()));
        state::resume();
    }
}

extern "C" fn at_exit(status: c_int, _: *mut c_void) {
    mark_exit(status);
}

/// Leaves the exit status, and the largest resident set, in the header.
fn mark_exit(status: c_int) {
    let Some(segment) = state::segment() else { return };
    let pid = rustix::process::getpid().as_raw_nonzero().get().cast_unsigned();
    // After a `vfork` the child still uses its parent's memory: this exit isn't its parent's.
    if segment.word(segment::PID).load(Ordering::Relaxed) != u64::from(pid) {
        return;
    }
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: room for the result.
    if unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) } == 0 {
        // SAFETY: zeroed at first, and the call has filled it in.
        let kibibytes = unsafe { usage.assume_init() }.ru_maxrss;
        let bytes = u64::try_from(kibibytes).unwrap_or(0).wrapping_mul(1024);
        segment.word(segment::EXIT_MAX_RSS).store(bytes, Ordering::Relaxed);
    }
    let status = u64::from(status.cast_unsigned() & 0xff);
    segment.word(segment::EXIT).store(EXIT_VALID | status, Ordering::Release);
}

/// Stands in for `_exit`, with which pool workers and forked children end.
///
/// # Safety
///
/// As for the C library's function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn _exit(status: c_int) -> ! {
    mark_exit(status);
    loop {
        // What the C library's function does.
        // SAFETY: ends the process.
        unsafe { libc::syscall(libc::SYS_exit_group, status) };
    }
}

/// Stands in for `_Exit`.
///
/// # Safety
///
/// As for the C library's function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn _Exit(status: c_int) -> ! {
    // SAFETY: the same function.
    unsafe { _exit(status) }
}

type Wait4 = unsafe extern "C" fn(libc::pid_t, *mut c_int, c_int, *mut libc::rusage) -> libc::pid_t;
type WaitPid = unsafe extern "C" fn(libc::pid_t, *mut c_int, c_int) -> libc::pid_t;

/// The C library's functions, once looked up.
static REAL_WAIT4: AtomicUsize = AtomicUsize::new(0);
static REAL_WAITPID: AtomicUsize = AtomicUsize::new(0);

/// Stands in for `waitpid`: what a process learns of its child's end, the collector learns too.
///
/// # Safety
///
/// As for the C library's function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn waitpid(
    pid: libc::pid_t,
    status: *mut c_int,
    options: c_int,
) -> libc::pid_t {
    let real = real(&REAL_WAITPID, c"waitpid");
    if real == 0 {
        // SAFETY: the same system call.
        return unsafe { wait4(pid, status, options, std::ptr::null_mut()) };
    }
    // SAFETY: the C library's function of this name.
    let real = unsafe { std::mem::transmute::<usize, WaitPid>(real) };
    let mut own_status = 0;
    let to = if status.is_null() { &raw mut own_status } else { status };
    // SAFETY: the caller's call, passed on with room for a status.
    let child = unsafe { real(pid, to, options) };
    // SAFETY: what the call has just filled in, if it found a child.
    unsafe { note_child(child, to) };
    child
}

/// Stands in for `wait4`.
///
/// # Safety
///
/// As for the C library's function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn wait4(
    pid: libc::pid_t,
    status: *mut c_int,
    options: c_int,
    usage: *mut libc::rusage,
) -> libc::pid_t {
    let real = real(&REAL_WAIT4, c"wait4");
    let mut own_status = 0;
    let to = if status.is_null() { &raw mut own_status } else { status };
    let child = if real == 0 {
        // SAFETY: the system call that the C library makes; it sets `errno` as well.
        let child = unsafe { libc::syscall(libc::SYS_wait4, pid, to, options, usage) };
        libc::pid_t::try_from(child).unwrap_or(-1)
    } else {
        // SAFETY: the C library's function of this name.
        let real = unsafe { std::mem::transmute::<usize, Wait4>(real) };
        // SAFETY: the caller's call, passed on with room for a status.
        unsafe { real(pid, to, options, usage) }
    };
    // SAFETY: what the call has just filled in, if it found a child.
    unsafe { note_child(child, to) };
    child
}

/// Stands in for `wait`.
///
/// # Safety
///
/// As for the C library's function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn wait(status: *mut c_int) -> libc::pid_t {
    // SAFETY: what `wait` is defined as.
    unsafe { waitpid(-1, status, 0) }
}

fn real(place: &AtomicUsize, name: &CStr) -> usize {
    let known = place.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    // SAFETY: the name is a C string.
    let found = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) }.addr();
    place.store(found, Ordering::Relaxed);
    found
}

/// Writes a child's end into the header's table.
///
/// # Safety
///
/// `child` must be what a call that waits returned; if it is positive, `status` leads to what the call
/// wrote there.
unsafe fn note_child(child: libc::pid_t, status: *const c_int) {
    if child <= 0 {
        return;
    }
    // SAFETY: the caller vouches for it, as a child was found.
    let status = unsafe { status.read() };
    if !libc::WIFEXITED(status) && !libc::WIFSIGNALED(status) {
        return;
    }
    let Some(segment) = state::segment() else { return };
    npprof_shm::children::note(segment, child.cast_unsigned(), status);
}
