//! Slots of `numpy.ndarray` and of its subclasses.
//!
//! NumPy makes the array object, fills in its shape, strides and dtype, and then asks for its data.
//! So the object that `tp_alloc` made last is the one that the next block is for, if it has no data
//! yet. `tp_dealloc` makes sure that it is still alive.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use npprof_abi::numpy::ArrayBody;
use npprof_abi::numpy::array::OWNDATA;
use npprof_abi::python::object::{self, OBJECT_SIZE};

use crate::install::python::Python;
use crate::memory::{Address, read, replace};
use crate::operation::look::types;
use crate::state::{enter, enter_locked, pending, set_pending};

type Alloc = unsafe extern "C" fn(*mut c_void, isize) -> *mut c_void;
type Dealloc = unsafe extern "C" fn(*mut c_void);
type New = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_void) -> *mut c_void;

/// What stood in the slots of `ndarray`: functions, or null before the hooks are in.
static ALLOC: AtomicUsize = AtomicUsize::new(0);
static DEALLOC: AtomicUsize = AtomicUsize::new(0);
static NEW: AtomicUsize = AtomicUsize::new(0);
/// `ndarray` itself.
static ARRAY_TYPE: AtomicUsize = AtomicUsize::new(0);

/// Large arrays with small views are being watched.
static HAS_WATCHED: AtomicBool = AtomicBool::new(false);

/// From now on deaths of arrays are looked at.
pub(crate) fn watch_deaths() {
    HAS_WATCHED.store(true, Ordering::Relaxed);
}

/// Puts the hooks into `ndarray`.
///
/// # Safety
///
/// `array_type` must be `numpy.ndarray`, writable, with the interpreter lock held. Once.
pub(crate) unsafe fn install(array_type: Address, python: &Python) {
    ARRAY_TYPE.store(array_type, Ordering::Relaxed);
    // Each original is stored before its slot is replaced: nobody can call in between, since the
    // lock is held.
    // SAFETY: the caller vouches for the type, here and below.
    ALLOC.store(unsafe { read(array_type, object::TP_ALLOC) }, Ordering::Relaxed);
    // SAFETY: as above.
    DEALLOC.store(unsafe { read(array_type, object::TP_DEALLOC) }, Ordering::Relaxed);
    // SAFETY: as above.
    NEW.store(unsafe { read(array_type, object::TP_NEW) }, Ordering::Relaxed);
    // SAFETY: as above.
    unsafe { replace(array_type, object::TP_DEALLOC, array_dealloc as *const () as usize) };
    // SAFETY: as above.
    unsafe { replace(array_type, object::TP_ALLOC, array_alloc as *const () as usize) };
    // A class made before now has inherited the old function, and Python refuses
    // `ndarray.__new__(Class)` when the two differ. NumPy has made none yet when it is imported.
    // SAFETY: as above.
    if unsafe { read::<Address>(array_type, object::TP_SUBCLASSES) } == 0 {
        // SAFETY: as above.
        unsafe { replace(array_type, object::TP_NEW, array_new as *const () as usize) };
    }
    adopt_subclasses(python);
}

/// # Safety
///
/// As Python calls a `tp_alloc`.
unsafe extern "C" fn array_alloc(class: *mut c_void, n_items: isize) -> *mut c_void {
    // SAFETY: `install` stored it before this could be called; a slot of this type.
    let original = unsafe { std::mem::transmute::<usize, Alloc>(ALLOC.load(Ordering::Relaxed)) };
    // SAFETY: Python's call, passed on.
    let array = unsafe { original(class, n_items) };
    set_pending(array.addr());
    array
}

/// # Safety
///
/// As Python calls a `tp_dealloc`.
unsafe extern "C" fn array_dealloc(array: *mut c_void) {
    if pending() == array.addr() {
        set_pending(0);
    }
    if HAS_WATCHED.load(Ordering::Relaxed) {
        // SAFETY: Python passes an array whose fields are still all there, with the lock held.
        unsafe { see_death(array.addr()) };
    }
    // SAFETY: `install` stored it before this could be called; a slot of this type.
    let original =
        unsafe { std::mem::transmute::<usize, Dealloc>(DEALLOC.load(Ordering::Relaxed)) };
    // SAFETY: Python's call, passed on.
    unsafe { original(array) };
}

/// Tells the watched owners of an array's death: it may be one, or a view of one.
///
/// # Safety
///
/// `array` must be an array that is about to be taken apart, with the lock held.
unsafe fn see_death(array: Address) {
    // SAFETY: the caller vouches for the lock.
    let (Some(state), Some(types)) = (unsafe { enter_locked() }, types()) else { return };
    if state.operations.owners.is_empty() {
        HAS_WATCHED.store(false, Ordering::Relaxed);
        return;
    }
    // SAFETY: the caller vouches for the array.
    let body = unsafe { read::<ArrayBody>(array, OBJECT_SIZE) };
    if body.flags & OWNDATA != 0 {
        state.operations.owners.drop_owner(array, &mut state.stream);
    // SAFETY: as above.
    } else if let Some((owner, n_bytes)) = unsafe { state.small_view(array, types) } {
        state.operations.owners.drop_view(owner, n_bytes, &mut state.stream);
    }
}

/// # Safety
///
/// As Python calls a `tp_new`.
unsafe extern "C" fn array_new(
    class: *mut c_void,
    args: *mut c_void,
    keywords: *mut c_void,
) -> *mut c_void {
    if let Some(state) = enter() {
        // SAFETY: Python passes a subclass of `ndarray`, with the lock held.
        unsafe { adopt(class.addr(), state.python) };
    }
    // SAFETY: `install` stored it before this could be called; a slot of this type.
    let original = unsafe { std::mem::transmute::<usize, New>(NEW.load(Ordering::Relaxed)) };
    // SAFETY: Python's call, passed on.
    unsafe { original(class, args, keywords) }
}

/// Puts the hook into the `tp_alloc` of a subclass of `ndarray`: a class made in Python has Python's
/// own function there instead of inheriting.
///
/// # Safety
///
/// `class` must be `ndarray` or a subclass of it, with the interpreter lock held.
pub(crate) unsafe fn adopt(class: Address, python: &Python) {
    // SAFETY: the caller vouches for the class.
    let alloc = unsafe { read::<usize>(class, object::TP_ALLOC) };
    // SAFETY: as above.
    let flags = unsafe { read::<u64>(class, object::TP_FLAGS) };
    // Such a class is in Python's heap, so it can be written. What `ndarray` itself had is the same
    // function, or the hook would call another one than the class had.
    if flags & object::TPFLAGS_HEAPTYPE != 0
        && alloc == python.generic_alloc
        && ALLOC.load(Ordering::Relaxed) == python.generic_alloc
    {
        // SAFETY: as above.
        unsafe { replace(class, object::TP_ALLOC, array_alloc as *const () as usize) };
    }
}

/// Finds subclasses that have come since, when a block was asked for and no array was seen.
#[cold]
pub(crate) fn adopt_subclasses(python: &Python) {
    let array_type = ARRAY_TYPE.load(Ordering::Relaxed);
    if array_type != 0 {
        // SAFETY: it is `ndarray`, and callers hold the lock: they are hooks that have entered, or
        // the installer.
        unsafe { adopt_below(array_type, python, 8) };
    }
}

/// # Safety
///
/// As for [`adopt`].
unsafe fn adopt_below(class: Address, python: &Python, depth: u8) {
    // SAFETY: the caller vouches for the class.
    let subclasses = unsafe { read::<Address>(class, object::TP_SUBCLASSES) };
    if depth == 0 || subclasses == 0 {
        return;
    }
    let see = |subclass| {
        // SAFETY: alive, and a subclass, as it stands in the dict.
        unsafe { adopt(subclass, python) };
        // SAFETY: as above.
        unsafe { adopt_below(subclass, python, depth.wrapping_sub(1)) };
    };
    // SAFETY: an extension type and classes made in Python have a dict of weak references there.
    unsafe { python.for_each_referent(subclasses, see) };
}
