//! NumPy's C interface, as compiled extensions call it: what they ask for, and what is copied for
//! them.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use npprof_abi::numpy::api;
use npprof_wire::record::{Role, operation as flag};

use crate::memory::Address;
use crate::operation::look::{is_array, types};
use crate::operation::record::{Facts, Operands};
use crate::operation::{Begun, LARGE};
use crate::state::enter_locked;

type FromAny =
    unsafe extern "C" fn(*mut c_void, *mut c_void, c_int, c_int, c_int, *mut c_void) -> *mut c_void;
type FromArray = unsafe extern "C" fn(*mut c_void, *mut c_void, c_int) -> *mut c_void;
type NewCopy = unsafe extern "C" fn(*mut c_void, c_int) -> *mut c_void;

/// A function of the interface: its place, its name, and what stands in for it.
pub(crate) struct Entry {
    pub(crate) slot: usize,
    pub(crate) name: &'static str,
    pub(crate) stand_in: fn() -> usize,
}

/// The functions that are watched.
pub(crate) const ENTRIES: [Entry; 4] = [
    Entry {
        slot: api::FROM_ANY,
        name: "PyArray_FromAny",
        stand_in: || from_any::<0> as *const () as usize,
    },
    Entry {
        slot: api::CHECK_FROM_ANY,
        name: "PyArray_CheckFromAny",
        stand_in: || from_any::<1> as *const () as usize,
    },
    Entry {
        slot: api::FROM_ARRAY,
        name: "PyArray_FromArray",
        stand_in: || from_array as *const () as usize,
    },
    Entry {
        slot: api::NEW_COPY,
        name: "PyArray_NewCopy",
        stand_in: || new_copy as *const () as usize,
    },
];

const FROM_ARRAY: usize = 2;
const NEW_COPY: usize = 3;

static ORIGINALS: [AtomicUsize; ENTRIES.len()] = [const { AtomicUsize::new(0) }; ENTRIES.len()];
static OPERATIONS: [AtomicU16; ENTRIES.len()] = [const { AtomicU16::new(0) }; ENTRIES.len()];

/// Keeps what stood in place of entry `index`, whose name has the number `operation`.
pub(crate) fn keep(index: usize, original: usize, operation: u16) {
    if let (Some(kept), Some(number)) = (ORIGINALS.get(index), OPERATIONS.get(index)) {
        kept.store(original, Ordering::Relaxed);
        number.store(operation, Ordering::Relaxed);
    }
}

fn original(index: usize) -> usize {
    ORIGINALS.get(index).map_or(0, |original| original.load(Ordering::Relaxed))
}

/// # Safety
///
/// As extensions call `PyArray_FromAny`.
unsafe extern "C" fn from_any<const INDEX: usize>(
    object: *mut c_void,
    dtype: *mut c_void,
    min_ndim: c_int,
    max_ndim: c_int,
    flags: c_int,
    context: *mut c_void,
) -> *mut c_void {
    let begun = begin(INDEX, object.addr());
    // SAFETY: kept before this could be called.
    let original = unsafe { std::mem::transmute::<usize, FromAny>(original(INDEX)) };
    // SAFETY: the caller's call, passed on.
    let result = unsafe { original(object, dtype, min_ndim, max_ndim, flags, context) };
    // SAFETY: both are alive: the object is the caller's.
    unsafe { finish(begun, object.addr(), result.addr()) };
    result
}

/// # Safety
///
/// As extensions call `PyArray_FromArray`.
unsafe extern "C" fn from_array(
    object: *mut c_void,
    dtype: *mut c_void,
    flags: c_int,
) -> *mut c_void {
    let begun = begin(FROM_ARRAY, object.addr());
    // SAFETY: kept before this could be called.
    let original = unsafe { std::mem::transmute::<usize, FromArray>(original(FROM_ARRAY)) };
    // SAFETY: the caller's call, passed on.
    let result = unsafe { original(object, dtype, flags) };
    // SAFETY: both are alive: the object is the caller's.
    unsafe { finish(begun, object.addr(), result.addr()) };
    result
}

/// # Safety
///
/// As extensions call `PyArray_NewCopy`.
unsafe extern "C" fn new_copy(object: *mut c_void, order: c_int) -> *mut c_void {
    let begun = begin(NEW_COPY, object.addr());
    // SAFETY: kept before this could be called.
    let original = unsafe { std::mem::transmute::<usize, NewCopy>(original(NEW_COPY)) };
    // SAFETY: the caller's call, passed on.
    let result = unsafe { original(object, order) };
    // SAFETY: both are alive: the object is the caller's.
    unsafe { finish(begun, object.addr(), result.addr()) };
    result
}

fn begin(index: usize, object: Address) -> Begun {
    // An extension may well get here without the lock when it is at fault itself; the check tells.
    let Some(state) = crate::state::enter() else { return Begun::NONE };
    let Some(types) = types() else { return Begun::NONE };
    let operation = OPERATIONS.get(index).map_or(0, |at| at.load(Ordering::Relaxed));
    let begun = state.begin(operation);
    // SAFETY: alive, as the caller holds it.
    if unsafe { is_array(object, types) } {
        // SAFETY: an array.
        let seen = unsafe { state.look(object) };
        state.weigh(seen, 0);
    }
    begun
}

/// # Safety
///
/// `object` must be alive, and `result` alive or null.
unsafe fn finish(begun: Begun, object: Address, result: Address) {
    if begun.is_none() {
        return;
    }
    // SAFETY: `begin` has found the lock held.
    let (Some(state), Some(types)) = (unsafe { enter_locked() }, types()) else { return };
    let Some((frame, outer)) = state.end(begun) else { return };
    // What is small counts only if it was copied.
    let is_copied = frame.weight != 0 && frame.allocated != 0;
    if result == 0 || frame.weight < LARGE && !is_copied {
        return;
    }
    let mut operands = Operands::new(types);
    // SAFETY: the caller vouches for both, here and below.
    unsafe { operands.add(object, Role::Input) };
    // SAFETY: as above.
    unsafe { operands.add(result, Role::Result) };
    let facts = Facts { flags: flag::FOREIGN, ..Facts::default() };
    // SAFETY: as above.
    unsafe { state.record_operation((&frame, outer), facts, &operands, None) };
}
