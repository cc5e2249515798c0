//! Which thread state is the current one, without a call where that can be.
//!
//! From 3.12 on the interpreter keeps it in a thread-local variable, for which the function that
//! gives it asks the loader each time. In what was loaded at the start of the program such a variable
//! is at the same distance from the thread pointer in every thread. The distance is found by looking
//! for the one word of the interpreter's thread-local memory that holds what the function gives, and
//! compared with the function again whenever another thread comes: if they ever differ, the function
//! is asked from then on.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::install::python::ThreadGetter;
use crate::memory::{Address, read};

/// A variable further below the thread pointer than this is not read without a call: so much is
/// mapped below that of every thread, if not by thread-local memory then by its stack.
const MAX_DISTANCE: usize = 16 << 10;

/// The function that gives the current thread's state while hooks record, else null.
static GETTER: AtomicUsize = AtomicUsize::new(0);
/// How far below the thread pointer the variable lies; zero when it isn't known.
static DISTANCE: AtomicUsize = AtomicUsize::new(0);
/// The native thread for which the variable was compared with the function; null when it has to be
/// compared first, or the function is to be asked.
static COMPARED: AtomicUsize = AtomicUsize::new(0);

/// From now on [`current`] gives what `getter` gives.
pub(crate) fn follow(getter: ThreadGetter) {
    // Pairs with the `Acquire` in `ask`: who sees the function sees what was stored before.
    GETTER.store(getter as usize, Ordering::Release);
}

/// From now on [`current`] gives nothing, until [`follow`].
pub(crate) fn stop() {
    GETTER.store(0, Ordering::Release);
    COMPARED.store(0, Ordering::Release);
}

/// Whether [`current`] gives anything.
pub(crate) fn is_followed() -> bool {
    GETTER.load(Ordering::Acquire) != 0
}

/// The current thread's state; `None` when there is none, or nobody is to be followed.
///
/// Up to 3.11 and without the interpreter lock it is that of the thread which holds it.
#[inline(always)]
pub(crate) fn current() -> Option<Address> {
    let native = native_thread();
    let state =
        if native == COMPARED.load(Ordering::Acquire) { variable(native) } else { ask(native) };
    (state != 0).then_some(state)
}

/// As [`current`], and `None` as well for a thread that doesn't hold the interpreter lock.
/// `thread_id` is where in a thread's state the native thread's number is.
#[inline(always)]
pub(crate) fn current_locked(thread_id: usize) -> Option<Address> {
    let native = native_thread();
    if native == COMPARED.load(Ordering::Acquire) {
        // Null while the thread doesn't hold the lock.
        let state = variable(native);
        return (state != 0).then_some(state);
    }
    let state = ask(native);
    // SAFETY: this thread's state or, up to 3.11, that of the thread which holds the lock; either
    // way memory of the interpreter that stays mapped.
    (state != 0 && unsafe { read::<usize>(state, thread_id) } == native).then_some(state)
}

/// The thread-local variable of a thread for which it was compared.
#[inline(always)]
fn variable(native: usize) -> Address {
    // SAFETY: compared with what the interpreter says, for this very thread.
    unsafe { read::<Address>(native.wrapping_sub(DISTANCE.load(Ordering::Relaxed)), 0) }
}

#[inline(never)]
fn ask(native: usize) -> Address {
    let getter = GETTER.load(Ordering::Acquire);
    if getter == 0 {
        return 0;
    }
    // SAFETY: `follow` stored this function.
    let getter = unsafe { std::mem::transmute::<usize, ThreadGetter>(getter) };
    // SAFETY: has no conditions.
    let state = unsafe { getter() }.addr();
    if state != 0 && DISTANCE.load(Ordering::Relaxed) != 0 {
        compare(native, state);
    }
    state
}

/// Another thread holds the lock than before: is the variable where it should be there too?
#[cold]
fn compare(native: usize, state: Address) {
    let distance = DISTANCE.load(Ordering::Relaxed);
    // SAFETY: `find` has checked the distance, so this is thread-local memory or this thread's stack.
    if unsafe { read::<Address>(native.wrapping_sub(distance), 0) } == state {
        COMPARED.store(native, Ordering::Release);
    } else {
        COMPARED.store(0, Ordering::Release);
        DISTANCE.store(0, Ordering::Relaxed);
    }
}

/// Looks for the thread-local variable that `getter` reads; for an interpreter that has one.
///
/// The interpreter lock must be held, or it isn't found.
pub(crate) fn find(getter: ThreadGetter) {
    // Elsewhere the variable may lie above the thread pointer, and nobody has tried.
    if !cfg!(target_arch = "x86_64") {
        return;
    }
    // SAFETY: has no conditions.
    let state = unsafe { getter() }.addr();
    let mut search = Search { function: getter as usize, value: state, found: None, n: 0 };
    if state != 0 {
        // SAFETY: the function takes what it is given for a `Search`, and keeps nothing.
        unsafe { libc::dl_iterate_phdr(Some(look_into), (&raw mut search).cast()) };
    }
    let Some(found) = search.found.filter(|_| search.n == 1) else { return };
    let distance = native_thread().wrapping_sub(found);
    if (1..=MAX_DISTANCE).contains(&distance) {
        DISTANCE.store(distance, Ordering::Relaxed);
    }
}

/// A search for a word in the thread-local memory of the library in which a function lies.
struct Search {
    function: usize,
    value: usize,
    found: Option<Address>,
    n: usize,
}

/// # Safety
///
/// As `dl_iterate_phdr` calls, with a [`Search`].
unsafe extern "C" fn look_into(
    info: *mut libc::dl_phdr_info,
    _size: usize,
    search: *mut c_void,
) -> c_int {
    // SAFETY: the loader describes a library.
    let info = unsafe { &*info };
    // SAFETY: what `find` gave, and nobody else has it now.
    let search = unsafe { &mut *search.cast::<Search>() };
    let (headers, n) = (info.dlpi_phdr.addr(), usize::from(info.dlpi_phnum));
    let header = |index: usize| {
        let size = size_of::<libc::Elf64_Phdr>();
        // SAFETY: so many headers lie there.
        unsafe { read::<libc::Elf64_Phdr>(headers, index.wrapping_mul(size)) }
    };
    #[expect(clippy::cast_possible_truncation, reason = "an address in this process")]
    let base = info.dlpi_addr as usize;
    #[expect(clippy::cast_possible_truncation, reason = "sizes in this process")]
    let has = |header: &libc::Elf64_Phdr| {
        let start = base.wrapping_add(header.p_vaddr as usize);
        header.p_type == libc::PT_LOAD
            && search.function.wrapping_sub(start) < header.p_memsz as usize
    };
    if !(0..n).any(|index| has(&header(index))) {
        return 0;
    }
    let block = info.dlpi_tls_data.addr();
    let memory = (0..n).map(header).find(|header| header.p_type == libc::PT_TLS);
    if let Some(memory) = memory.filter(|_| block != 0) {
        #[expect(clippy::cast_possible_truncation, reason = "a size in this process")]
        for at in 0..memory.p_memsz as usize / 8 {
            // SAFETY: a word of this thread's copy of the library's thread-local memory.
            if unsafe { read::<usize>(block, at.wrapping_mul(8)) } == search.value {
                search.found = Some(block.wrapping_add(at.wrapping_mul(8)));
                search.n = search.n.wrapping_add(1);
            }
        }
    }
    1
}

/// What `pthread_self` gives for this thread.
#[inline(always)]
pub(crate) fn native_thread() -> usize {
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
    use std::cell::Cell;

    use super::*;

    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "a pointer's size")]
    fn the_native_thread_is_pthread_self() {
        // SAFETY: has no conditions.
        let expected = unsafe { libc::pthread_self() } as usize;
        assert_eq!(native_thread(), expected);
    }

    thread_local! {
        static VARIABLE: Cell<usize> = const { Cell::new(0) };
    }

    unsafe extern "C" fn getter() -> *mut c_void {
        std::ptr::without_provenance_mut(VARIABLE.get())
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn a_thread_local_variable_is_found_and_read_in_every_thread() {
        let value = 0x5eed_cafe_0001;
        VARIABLE.set(value);
        find(getter);
        assert_ne!(DISTANCE.load(Ordering::Relaxed), 0, "not found");
        follow(getter);
        assert_eq!(current(), Some(value));
        assert_eq!(COMPARED.load(Ordering::Relaxed), native_thread());
        let other = std::thread::spawn(move || {
            assert_eq!(current(), None, "a thread without a state");
            VARIABLE.set(value + 1);
            assert_eq!(current(), Some(value + 1));
            assert_eq!(COMPARED.load(Ordering::Relaxed), native_thread());
            // The variable is read, and not what was there before.
            VARIABLE.set(value + 2);
            assert_eq!(current(), Some(value + 2));
        });
        other.join().expect("the other thread");
        assert_eq!(current(), Some(value));
        // A distance that is wrong somewhere is never used again.
        COMPARED.store(0, Ordering::Relaxed);
        DISTANCE.store(8, Ordering::Relaxed);
        assert_eq!(current(), Some(value));
        assert_eq!(DISTANCE.load(Ordering::Relaxed), 0);
        stop();
        assert_eq!(current(), None);
    }
}
