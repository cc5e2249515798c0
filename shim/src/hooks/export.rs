//! Memory handed to other code: the buffer protocol and NumPy's own ways. Also views that are
//! attributes, which are hooked alike.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use npprof_abi::numpy::{ArrayBody, array};
use npprof_abi::python::object::OBJECT_SIZE;
use npprof_wire::record::{Role, operation as flag};

use crate::memory::{Address, read};
use crate::operation::LARGE;
use crate::operation::look::{is_array, types};
use crate::operation::names::fixed;
use crate::operation::record::{Facts, Operands};
use crate::state::enter_locked;

type GetBuffer = unsafe extern "C" fn(*mut c_void, *mut c_void, c_int) -> c_int;
type Getter = unsafe extern "C" fn(*mut c_void, *mut c_void) -> *mut c_void;

/// `PyBUF_WRITABLE`, and what `memoryview` asks with: it takes what it can get.
const WRITABLE: c_int = 1;
const FULL_READ_ONLY: c_int = 0x011c;

static GET_BUFFER: AtomicUsize = AtomicUsize::new(0);

/// Attributes that hand the memory out, and behind them those that give a view.
pub(crate) const ATTRIBUTES: [&str; 7] =
    ["__array_interface__", "__array_struct__", "ctypes", "T", "mT", "real", "imag"];
/// Number of those that hand it out.
const N_EXPORTS: usize = 3;

static GETTERS: [AtomicUsize; ATTRIBUTES.len()] = [const { AtomicUsize::new(0) }; ATTRIBUTES.len()];
static OPERATIONS: [AtomicU16; ATTRIBUTES.len()] = [const { AtomicU16::new(0) }; ATTRIBUTES.len()];

/// What to put in place of `bf_getbuffer`.
pub(crate) fn stand_in_for_get_buffer(original: usize) -> usize {
    GET_BUFFER.store(original, Ordering::Relaxed);
    get_buffer as *const () as usize
}

/// What to put in place of the getter of attribute `index`, whose name has the number `operation`.
pub(crate) fn stand_in_for_getter(index: usize, original: usize, operation: u16) -> Option<usize> {
    GETTERS.get(index)?.store(original, Ordering::Relaxed);
    OPERATIONS.get(index)?.store(operation, Ordering::Relaxed);
    Some(match index {
        0 => getter::<0> as *const () as usize,
        1 => getter::<1> as *const () as usize,
        2 => getter::<2> as *const () as usize,
        3 => getter::<3> as *const () as usize,
        4 => getter::<4> as *const () as usize,
        5 => getter::<5> as *const () as usize,
        _ => getter::<6> as *const () as usize,
    })
}

/// # Safety
///
/// As Python calls `bf_getbuffer`.
unsafe extern "C" fn get_buffer(array: *mut c_void, view: *mut c_void, flags: c_int) -> c_int {
    // SAFETY: stored before this could be called.
    let original =
        unsafe { std::mem::transmute::<usize, GetBuffer>(GET_BUFFER.load(Ordering::Relaxed)) };
    // SAFETY: Python's call, passed on.
    let result = unsafe { original(array, view, flags) };
    if result == 0 {
        let asks_to_write = flags & WRITABLE != 0 || flags & FULL_READ_ONLY == FULL_READ_ONLY;
        // SAFETY: an array, with the lock held.
        unsafe { export(array.addr(), fixed::BUFFER_EXPORT, asks_to_write) };
    }
    result
}

/// # Safety
///
/// As Python gets an attribute of an array.
unsafe extern "C" fn getter<const INDEX: usize>(
    array: *mut c_void,
    closure: *mut c_void,
) -> *mut c_void {
    let load = |place: &[AtomicUsize]| place.get(INDEX).map_or(0, |at| at.load(Ordering::Relaxed));
    // SAFETY: stored before this could be called.
    let original = unsafe { std::mem::transmute::<usize, Getter>(load(&GETTERS)) };
    // SAFETY: Python's call, passed on.
    let result = unsafe { original(array, closure) };
    if INDEX >= N_EXPORTS {
        // SAFETY: alive or null; the lock is held.
        unsafe { see_view(result.addr()) };
    } else if !result.is_null() {
        let operation = OPERATIONS.get(INDEX).map_or(0, |at| at.load(Ordering::Relaxed));
        // SAFETY: an array, with the lock held.
        unsafe { export(array.addr(), operation, true) };
    }
    result
}

/// Notes a view that an attribute has given.
///
/// # Safety
///
/// `view` must be null or alive, with the lock held.
unsafe fn see_view(view: Address) {
    // SAFETY: the caller vouches for the lock.
    if let (Some(state), Some(types)) = (unsafe { enter_locked() }, types())
        // SAFETY: the caller vouches for the object.
        && unsafe { is_array(view, types) }
    {
        // SAFETY: an array.
        unsafe { state.note_view(view, types, None) };
    }
}

/// Records that a large array's memory was handed out.
///
/// # Safety
///
/// `object` must be alive, with the lock held.
unsafe fn export(object: Address, operation: u16, asks_to_write: bool) {
    // SAFETY: the caller vouches for the lock.
    let (Some(state), Some(types)) = (unsafe { enter_locked() }, types()) else { return };
    // SAFETY: the caller vouches for the object.
    if !unsafe { is_array(object, types) } {
        return;
    }
    // SAFETY: an array.
    let seen = unsafe { state.look(object) };
    if seen.n_bytes < LARGE {
        return state.read_all(seen);
    }
    let begun = state.begin(operation);
    let Some((frame, outer)) = state.end(begun) else { return };
    // SAFETY: as above.
    let body = unsafe { read::<ArrayBody>(object, OBJECT_SIZE) };
    let can_write = asks_to_write && body.flags & array::WRITEABLE != 0;
    let flags = if can_write { flag::WRITABLE } else { 0 };
    let mut operands = Operands::new(types);
    // SAFETY: as above.
    unsafe { operands.add(object, Role::Input) };
    let facts = Facts { flags, ..Facts::default() };
    // SAFETY: as above.
    unsafe { state.record_operation((&frame, outer), facts, &operands, None) };
}
