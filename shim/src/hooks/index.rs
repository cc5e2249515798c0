//! Indexing: `a[key]`, `a[key] = value`, and iteration.
//!
//! What an index makes is told by its type before the real function is called. A single element or
//! a view needs no more than a count; only what may make a new array is an operation around which
//! allocations are charged.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};

use npprof_abi::numpy::ArrayBody;
use npprof_abi::python::object::OBJECT_SIZE;
use npprof_wire::record::{Role, operation as flag};

use crate::memory::{Address, read};
use crate::operation::counters::Small;
use crate::operation::index::{self, Meaning, Part, is_whole};
use crate::operation::look::{self, Types, is_array, types};
use crate::operation::names::fixed;
use crate::operation::record::{Facts, Operands};
use crate::operation::{Begun, Frame, LARGE};
use crate::state::{State, enter_locked};

type Subscript = unsafe extern "C" fn(*mut c_void, *mut c_void) -> *mut c_void;
type SetSubscript = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_void) -> c_int;
type Next = unsafe extern "C" fn(*mut c_void) -> *mut c_void;
type Length = unsafe extern "C" fn(*mut c_void) -> isize;
type Item = unsafe extern "C" fn(*mut c_void, isize) -> *mut c_void;

static SUBSCRIPT: AtomicUsize = AtomicUsize::new(0);
static SET_SUBSCRIPT: AtomicUsize = AtomicUsize::new(0);
static LENGTH: AtomicUsize = AtomicUsize::new(0);
static ITEM: AtomicUsize = AtomicUsize::new(0);
static FLAT_NEXT: AtomicUsize = AtomicUsize::new(0);

/// What to put in place of `mp_subscript`.
pub(crate) fn stand_in_for_subscript(original: usize) -> usize {
    SUBSCRIPT.store(original, Ordering::Relaxed);
    subscript as *const () as usize
}

/// What to put in place of `mp_ass_subscript`.
pub(crate) fn stand_in_for_set_subscript(original: usize) -> usize {
    SET_SUBSCRIPT.store(original, Ordering::Relaxed);
    set_subscript as *const () as usize
}

/// What to put in place of `sq_length`.
pub(crate) fn stand_in_for_length(original: usize) -> usize {
    LENGTH.store(original, Ordering::Relaxed);
    length as *const () as usize
}

/// What to put in place of `sq_item`.
pub(crate) fn stand_in_for_item(original: usize) -> usize {
    ITEM.store(original, Ordering::Relaxed);
    item as *const () as usize
}

/// What to put in place of `tp_iternext` of `numpy.flatiter`.
pub(crate) fn stand_in_for_flat_next(original: usize) -> usize {
    FLAT_NEXT.store(original, Ordering::Relaxed);
    next_of_flat as *const () as usize
}

/// # Safety
///
/// `array` must be a live array.
#[inline(always)]
unsafe fn ndim_of(array: Address) -> usize {
    let offset = OBJECT_SIZE.wrapping_add(std::mem::offset_of!(ArrayBody, ndim));
    // SAFETY: the caller vouches for the array.
    unsafe { read::<u32>(array, offset) as usize }
}

/// # Safety
///
/// As Python calls `mp_subscript`.
unsafe extern "C" fn subscript(array: *mut c_void, key: *mut c_void) -> *mut c_void {
    // SAFETY: stored before this could be called.
    let original =
        unsafe { std::mem::transmute::<usize, Subscript>(SUBSCRIPT.load(Ordering::Relaxed)) };
    let Some(types) = types() else {
        // SAFETY: Python's call, passed on.
        return unsafe { original(array, key) };
    };
    // SAFETY: Python passes an array and a key that are alive.
    let ndim = unsafe { ndim_of(array.addr()) };
    // SAFETY: as above.
    let meaning = unsafe { index::meaning(key.addr(), ndim, types) };
    if meaning != Meaning::Element {
        // SAFETY: as above.
        return unsafe { subscript_part(original, (array, key), meaning, types) };
    }
    // SAFETY: Python's call, passed on.
    let result = unsafe { original(array, key) };
    if !result.is_null() {
        // SAFETY: Python holds the lock.
        if let Some(state) = unsafe { enter_locked() } {
            // SAFETY: an array, and a key that was good for it.
            unsafe { read_element(state, array.addr(), key.addr(), types) };
        }
    }
    result
}

/// What [`subscript`] does where a view or a copy is asked for.
///
/// # Safety
///
/// As for [`subscript`]; `original` must be what stood there.
#[inline(never)]
unsafe fn subscript_part(
    original: Subscript,
    (array, key): (*mut c_void, *mut c_void),
    meaning: Meaning,
    types: &Types,
) -> *mut c_void {
    let mut begun = Begun::NONE;
    if meaning == Meaning::Advanced {
        // SAFETY: Python holds the lock.
        if let Some(state) = unsafe { enter_locked() } {
            begun = state.begin(fixed::GET_ITEM);
            // SAFETY: an array.
            let seen = unsafe { state.look(array.addr()) };
            if seen.weight >= LARGE
                && let Some(frame) = state.operations.current()
            {
                frame.began_ns = crate::stream::now_ns();
            }
        }
    }
    // SAFETY: Python's call, passed on.
    let result = unsafe { original(array, key) };
    if result.is_null() {
        if !begun.is_none() {
            // SAFETY: Python holds the lock.
            if let Some(state) = unsafe { enter_locked() } {
                state.end(begun);
            }
        }
        return result;
    }
    let (array, key) = (array.addr(), key.addr());
    // SAFETY: as above.
    let Some(state) = (unsafe { enter_locked() }) else { return result };
    match meaning {
        // SAFETY: alive.
        Meaning::Element | Meaning::Basic => unsafe { see_view(state, result.addr(), types) },
        // SAFETY: an array, and a key that was good for it; the result is alive.
        Meaning::Advanced => unsafe {
            finish_get(state, begun, (array, key), result.addr(), types);
        },
    }
    result
}

/// # Safety
///
/// `array` must be a live array and `key` an element's index that is good for it.
#[inline(always)]
unsafe fn read_element(state: &mut State, array: Address, key: Address, types: &Types) {
    state.count_scalar(fixed::GET_ITEM);
    // SAFETY: the caller vouches for both.
    if let Some(address) = unsafe { index::element(array, key, types) } {
        // SAFETY: as above.
        let itemsize = unsafe { state.dtypes.itemsize_of(array) };
        state.read_range(array, (address, address.wrapping_add(itemsize)));
    }
}

/// # Safety
///
/// `result` must be alive.
#[inline]
unsafe fn see_view(state: &mut State, result: Address, types: &Types) {
    // SAFETY: the caller vouches for it.
    if unsafe { is_array(result, types) } {
        // SAFETY: an array.
        unsafe { state.note_view(result, types, None) };
    }
}

/// # Safety
///
/// The array, the key and the result of an index that may have made a copy must be alive.
unsafe fn finish_get(
    state: &mut State,
    begun: Begun,
    (array, key): (Address, Address),
    result: Address,
    types: &Types,
) {
    let Some((frame, outer)) = state.end(begun) else { return };
    // SAFETY: the caller vouches for the result.
    if !unsafe { is_array(result, types) } {
        state.count_scalar(fixed::GET_ITEM);
        // SAFETY: as above.
        let seen = unsafe { state.look(array) };
        return state.read_all(seen);
    }
    if frame.allocated == 0 {
        // A field of a structured array, for one.
        // SAFETY: an array.
        return unsafe { state.note_view(result, types, Some(&frame)) };
    }
    // SAFETY: as above.
    let seen = unsafe { state.look(result) };
    // What a small index picks from a large block is told one by one: how much of it is ever used.
    // SAFETY: an array.
    let is_sparse = unsafe { state.is_in_large_block(array, types) };
    if seen.weight < LARGE && !is_sparse {
        let small = Small {
            read: seen.n_bytes,
            written: seen.n_bytes,
            copied: seen.n_bytes,
            ..Small::default()
        };
        state.count(&frame, small);
        // SAFETY: an array.
        let source = unsafe { state.look(array) };
        return state.read_all(source);
    }
    let mut operands = Operands::new(types);
    // SAFETY: as above.
    let whole = |item| unsafe { is_whole(item, types) };
    // SAFETY: as above.
    let (found, index) = unsafe { index::progression(key, types, whole) };
    // SAFETY: as above.
    unsafe { operands.add(array, Role::Input) };
    // SAFETY: alive, as the key holds it.
    if unsafe { is_array(index, types) } {
        // SAFETY: as above.
        unsafe { operands.add(index, Role::Index) };
    }
    // SAFETY: the caller vouches for it.
    unsafe { operands.add(result, Role::Result) };
    let mut facts = Facts::default();
    if let Some(found) = found {
        facts.flags = flag::PROGRESSION;
        facts.axes =
            u32::try_from(found.axis).ok().and_then(|axis| 1_u64.checked_shl(axis)).unwrap_or(0);
        facts.detail = found.start.cast_unsigned() as u64;
        facts.second = found.step.cast_unsigned() as u64;
    }
    // SAFETY: all operands are alive.
    unsafe { state.record_operation((&frame, outer), facts, &operands, None) };
}

/// # Safety
///
/// As Python calls `sq_length`.
unsafe extern "C" fn length(array: *mut c_void) -> isize {
    // SAFETY: stored before this could be called.
    let original = unsafe { std::mem::transmute::<usize, Length>(LENGTH.load(Ordering::Relaxed)) };
    // SAFETY: Python's call, passed on.
    let n = unsafe { original(array) };
    // SAFETY: an array, as Python calls.
    if n > 0 && unsafe { ndim_of(array.addr()) } == 1 {
        // SAFETY: Python holds the lock.
        if let Some(state) = unsafe { enter_locked() } {
            state.asked_length(array.addr());
        }
    }
    n
}

/// # Safety
///
/// As Python calls `sq_item`.
unsafe extern "C" fn item(array: *mut c_void, number: isize) -> *mut c_void {
    // SAFETY: stored before this could be called.
    let original = unsafe { std::mem::transmute::<usize, Item>(ITEM.load(Ordering::Relaxed)) };
    // SAFETY: Python's call, passed on.
    let result = unsafe { original(array, number) };
    if result.is_null() {
        return result;
    }
    // SAFETY: Python holds the lock.
    if let (Some(state), Some(types)) = (unsafe { enter_locked() }, types()) {
        let array = array.addr();
        // SAFETY: an array.
        if unsafe { ndim_of(array) } == 1 {
            state.count_scalar(fixed::ITERATION);
            // SAFETY: as above.
            let body = unsafe { read::<ArrayBody>(array, OBJECT_SIZE) };
            // SAFETY: one stride.
            let stride = unsafe { read::<isize>(body.strides.addr(), 0) };
            let at = body.data.addr().wrapping_add_signed(number.wrapping_mul(stride));
            // SAFETY: an array.
            let itemsize = unsafe { state.dtypes.itemsize_of(array) };
            state.read_range(array, (at, at.wrapping_add(itemsize)));
            if let Some(frame) = state.operations.current() {
                frame.n_scalars = frame.n_scalars.wrapping_add(1);
            }
            // SAFETY: one extent.
            let extent = unsafe { read::<isize>(body.shape.addr(), 0) };
            // SAFETY: an array.
            unsafe { state.gave_element(array, (number, extent), types) };
        } else {
            // SAFETY: alive, as it is being given back.
            unsafe { see_view(state, result.addr(), types) };
        }
    }
    result
}

/// # Safety
///
/// As Python calls `tp_iternext` of what `a.flat` is.
unsafe extern "C" fn next_of_flat(iterator: *mut c_void) -> *mut c_void {
    // SAFETY: stored before this could be called.
    let original = unsafe { std::mem::transmute::<usize, Next>(FLAT_NEXT.load(Ordering::Relaxed)) };
    // SAFETY: Python's call, passed on.
    let result = unsafe { original(iterator) };
    if result.is_null() {
        return result;
    }
    // SAFETY: Python holds the lock.
    if let Some(state) = unsafe { enter_locked() } {
        state.count_scalar(fixed::ITERATION);
    }
    result
}

/// # Safety
///
/// As Python calls `mp_ass_subscript`.
unsafe extern "C" fn set_subscript(
    array: *mut c_void,
    key: *mut c_void,
    value: *mut c_void,
) -> c_int {
    // SAFETY: stored before this could be called.
    let original = unsafe {
        std::mem::transmute::<usize, SetSubscript>(SET_SUBSCRIPT.load(Ordering::Relaxed))
    };
    let (Some(types), false) = (types(), value.is_null()) else {
        // SAFETY: Python's call, passed on.
        return unsafe { original(array, key, value) };
    };
    // SAFETY: Python passes an array and a key that are alive.
    let ndim = unsafe { ndim_of(array.addr()) };
    // SAFETY: as above.
    let meaning = unsafe { index::meaning(key.addr(), ndim, types) };
    if meaning == Meaning::Element {
        // SAFETY: Python's call, passed on.
        let result = unsafe { original(array, key, value) };
        if result != 0 {
            return result;
        }
        // SAFETY: Python holds the lock.
        if let Some(state) = unsafe { enter_locked() } {
            // SAFETY: an array, and a key that was good for it.
            unsafe { wrote_element(state, array.addr(), key.addr(), types) };
        }
        return result;
    }
    // SAFETY: as above.
    unsafe { set_part(original, (array, key, value), meaning, types) }
}

/// What [`set_subscript`] does where more than one element may be meant.
///
/// # Safety
///
/// As for [`set_subscript`], with a value; `original` must be what stood there.
#[inline(never)]
unsafe fn set_part(
    original: SetSubscript,
    (array, key, value): (*mut c_void, *mut c_void, *mut c_void),
    meaning: Meaning,
    types: &Types,
) -> c_int {
    let mut begun = Begun::NONE;
    // SAFETY: Python holds the lock.
    if let Some(state) = unsafe { enter_locked() } {
        begun = state.begin(fixed::SET_ITEM);
        // SAFETY: alive, as the caller holds it.
        let source = if unsafe { is_array(value.addr(), types) } { value } else { array };
        // SAFETY: an array.
        let seen = unsafe { state.look(source.addr()) };
        if source == value {
            state.weigh(seen, 0);
        } else if seen.weight >= LARGE
            && let Some(frame) = state.operations.current()
        {
            frame.began_ns = crate::stream::now_ns();
        }
    }
    // SAFETY: Python's call, passed on.
    let result = unsafe { original(array, key, value) };
    if begun.is_none() {
        return result;
    }
    // SAFETY: Python holds the lock.
    let Some(state) = (unsafe { enter_locked() }) else { return result };
    if let Some(frame) = state.end(begun).filter(|_| result == 0) {
        let objects = (array.addr(), key.addr(), value.addr());
        // SAFETY: all three are the caller's.
        unsafe { finish_set(state, frame, objects, meaning, types) };
    }
    result
}

/// # Safety
///
/// As for [`read_element`].
#[inline(always)]
unsafe fn wrote_element(state: &mut State, array: Address, key: Address, types: &Types) {
    state.count_scalar(fixed::SET_ITEM);
    // SAFETY: the caller vouches for both.
    if let Some(address) = unsafe { index::element(array, key, types) } {
        // SAFETY: as above.
        let itemsize = unsafe { state.dtypes.itemsize_of(array) };
        state.write_range(array, (address, address.wrapping_add(itemsize)));
    }
}

/// # Safety
///
/// The array, the key and the value must be alive.
unsafe fn finish_set(
    state: &mut State,
    (frame, outer): (Frame, u16),
    (array, key, value): (Address, Address, Address),
    meaning: Meaning,
    types: &Types,
) {
    // SAFETY: the caller vouches for them.
    let has_array = unsafe { is_array(value, types) };
    // SAFETY: an array.
    let itemsize = unsafe { state.dtypes.itemsize_of(array) };
    let part = match meaning {
        // SAFETY: an array, and a key that was good for it.
        Meaning::Basic => unsafe { index::part(array, key, types) },
        Meaning::Element | Meaning::Advanced => None,
    };
    // SAFETY: as above.
    let whole = unsafe { state.look(array) };
    // SAFETY: as above.
    let given = has_array.then(|| unsafe { state.look(value) });
    // SAFETY: the caller vouches for the key.
    let n_true = unsafe { index::count_true(key, types) }.filter(|_| meaning == Meaning::Advanced);
    let n_written = match (&part, given) {
        (Some(part), _) => part.n_elements().wrapping_mul(itemsize),
        (None, _) if n_true.is_some() => {
            // What each element of the mask stands for.
            // SAFETY: a mask, as it was counted.
            let n_mask = unsafe { look::look(key, 1) }.n_elements;
            let each = whole.n_bytes.checked_div(n_mask).unwrap_or(itemsize);
            n_true.unwrap_or(0).wrapping_mul(each)
        }
        (None, Some(given)) => given.n_elements.wrapping_mul(itemsize).min(whole.n_bytes),
        (None, None) => itemsize,
    };
    let weight = part.as_ref().map_or(n_written, |part| weight_of(part, itemsize));
    let is_sparse = meaning == Meaning::Advanced
        // SAFETY: an array.
        && unsafe { state.is_in_large_block(array, types) };
    let is_large = weight.max(n_written).max(frame.weight) >= LARGE || is_sparse;
    if !is_large {
        let n_elements = part.as_ref().map_or(whole.n_elements, Part::n_elements);
        let is_copied = given.is_some_and(|given| !given.fills(n_elements));
        let copied = if is_copied { n_written } else { 0 };
        // An array of no dimensions is a single element.
        // SAFETY: as above.
        let n_scalars = usize::from(unsafe { ndim_of(array) } == 0);
        let (read, written) = (frame.read, n_written);
        state.count(&frame, Small { read, written, copied, n_scalars, ..Small::default() });
        // SAFETY: as above.
        let owner = unsafe { look::owner_of(array, types) };
        // SAFETY: alive, as the array holds it.
        if owner != 0 && unsafe { state.look(owner) }.n_bytes >= LARGE {
            let span = match &part {
                Some(part) => part.span(itemsize),
                // SAFETY: an array.
                None => unsafe { look::span(array, itemsize) },
            };
            state.write_range(array, span);
        }
        if let Some(given) = given {
            state.read_all(given);
        }
        return;
    }
    let mut operands = Operands::new(types);
    match part {
        Some(_) => operands.add_part(array, Role::Output),
        // SAFETY: as above.
        None => unsafe { operands.add(array, Role::Output) },
    }
    // SAFETY: as above.
    unsafe { operands.add(value, Role::Input) };
    let mut facts = Facts { flags: flag::HAS_OUT, ..Facts::default() };
    if meaning == Meaning::Advanced {
        // SAFETY: as above.
        let whole = |item| unsafe { is_whole(item, types) };
        // Only the index itself is wanted; what it selects is no matter.
        // SAFETY: as above.
        let (_, index) = unsafe { index::progression(key, types, whole) };
        // SAFETY: alive, as the key holds it.
        if unsafe { is_array(index, types) } {
            // SAFETY: as above.
            unsafe { operands.add(index, Role::Index) };
        }
        facts.second = n_written as u64;
    }
    if part.is_none() || given.is_none() {
        // SAFETY: an array.
        let kinds = unsafe { state.objects_in(array, types) };
        if let Some(kinds) = kinds {
            facts.flags |= flag::OBJECTS;
            facts.detail = kinds;
        }
    }
    // SAFETY: all operands are alive.
    unsafe { state.record_operation((&frame, outer), facts, &operands, part.as_ref()) };
}

fn weight_of(part: &Part, itemsize: usize) -> usize {
    let strides = part.strides.iter().zip(&part.shape).take(part.ndim);
    let smallest = strides
        .filter(|&(&stride, &extent)| extent > 1 && stride != 0)
        .map(|(stride, _)| stride.unsigned_abs())
        .min()
        .unwrap_or(itemsize);
    part.n_elements().wrapping_mul(itemsize.max(smallest.min(look::CACHE_LINE)))
}
