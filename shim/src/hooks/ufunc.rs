//! Calls of ufuncs: operators on arrays end here too.
//!
//! The hook stands below the interpreter's number slots, so that NumPy still sees from where it was
//! called and reuses temporaries.

use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};

use npprof_abi::numpy::{ArrayBody, descr, ufunc};
use npprof_abi::python::method::VECTORCALL_ARGUMENTS_OFFSET;
use npprof_abi::python::object::OBJECT_SIZE;
use npprof_wire::record::{Role, operation as flag};

use crate::memory::{Address, c_string, read};
use crate::operation::call::{Args, Keyword};
use crate::operation::counters::{Marks, Small};
use crate::operation::finish::axes;
use crate::operation::hidden::{self, Buffered, Common, Taken};
use crate::operation::look::{Seen, Types, is_array, is_sequence, items, types};
use crate::operation::record::{Facts, Operands};
use crate::operation::{Begun, LARGE};
use crate::state::{State, enter_locked};

type VectorCall =
    unsafe extern "C" fn(*mut c_void, *const *mut c_void, usize, *mut c_void) -> *mut c_void;

/// What stood in every ufunc.
static ORIGINAL: AtomicUsize = AtomicUsize::new(0);

/// Callbacks from which on a ufunc of Python code has a record.
const MIN_CALLBACKS: usize = 256;

/// Outputs that are looked at: ufuncs rarely have more than two.
const MAX_OUTPUTS: usize = 4;

/// Inputs that are looked at once and not twice.
const N_INPUTS: usize = 3;
/// Where arguments lie: see [`crate::operation::look::Seen::read`].
type Inputs = [(Address, usize); N_INPUTS];
const NOTHING: (Address, usize) = (0, 0);

/// Puts the hook in place of `original`; `None` if another function stands in other ufuncs.
pub(crate) fn stand_in(original: usize) -> Option<usize> {
    let stored = ORIGINAL.load(Ordering::Relaxed);
    if stored == 0 {
        ORIGINAL.store(original, Ordering::Relaxed);
    } else if stored != original {
        return None;
    }
    Some(call as *const () as usize)
}

/// # Safety
///
/// As Python makes a vectorcall of a ufunc.
unsafe extern "C" fn call(
    ufunc: *mut c_void,
    args: *const *mut c_void,
    n_args: usize,
    names: *mut c_void,
) -> *mut c_void {
    let call = Args {
        receiver: ufunc.addr(),
        items: args.addr(),
        n: n_args & !VECTORCALL_ARGUMENTS_OFFSET,
        names: names.addr(),
        dict: 0,
    };
    let mut common = Common::new();
    let mut inputs = [NOTHING; N_INPUTS];
    // SAFETY: Python's call, with the lock held.
    let begun = unsafe { begin(&call, &mut common, &mut inputs) };
    // SAFETY: `stand_in` stored it before this could be called.
    let original =
        unsafe { std::mem::transmute::<usize, VectorCall>(ORIGINAL.load(Ordering::Relaxed)) };
    // SAFETY: Python's call, passed on.
    let result = unsafe { original(ufunc, args, n_args, names) };
    if !begun.is_none() {
        // SAFETY: the lock is held again, and the arguments belong to the caller.
        unsafe { finish(begun, &call, (&common, &inputs), result.addr()) };
    }
    result
}

/// # Safety
///
/// The call must be under way, with the lock held.
#[inline(always)]
unsafe fn begin(call: &Args, common: &mut Common, inputs: &mut Inputs) -> Begun {
    // SAFETY: the caller vouches for the lock.
    let Some(state) = (unsafe { enter_locked() }) else { return Begun::NONE };
    let Some(types) = types() else { return Begun::NONE };
    let operation = state.operations.names.of_ufunc(call.receiver);
    let begun = state.begin(operation);
    let mut sum = Seen::default();
    let mut n_strided = 0_usize;
    for index in 0..call.n {
        // SAFETY: an argument.
        let Some(argument) = (unsafe { call.positional(index) }) else { break };
        // SAFETY: alive, as the caller holds it.
        if unsafe { is_array(argument, types) } {
            // SAFETY: an array.
            let seen = unsafe { state.look(argument) };
            // SAFETY: as above.
            let strided = unsafe { state.strided_bytes(argument, seen, types) };
            // SAFETY: as above.
            unsafe { common.see(argument) };
            sum.weight = sum.weight.max(seen.weight);
            sum.n_bytes = sum.n_bytes.wrapping_add(seen.n_bytes);
            n_strided = n_strided.wrapping_add(strided);
            if let Some(input) = inputs.get_mut(index) {
                *input = seen.read();
            }
        }
    }
    state.weigh(sum, n_strided);
    begun
}

/// # Safety
///
/// As for [`begin`], with its result, the call being over.
#[inline(always)]
unsafe fn finish(begun: Begun, call: &Args, (common, inputs): (&Common, &Inputs), result: Address) {
    // SAFETY: the caller vouches for the lock.
    let Some(state) = (unsafe { enter_locked() }) else { return };
    let (Some(frame), Some(types)) = (state.end_small(begun), types()) else { return };
    if result == 0 {
        return;
    }
    let mut written = 0;
    let mut dtype = 0;
    let mut weight = frame.weight;
    // SAFETY: alive, as it is being given back.
    if unsafe { is_array(result, types) } {
        // SAFETY: an array.
        let seen = unsafe { state.look(result) };
        written = seen.n_bytes;
        weight = weight.max(seen.weight);
        // SAFETY: as above.
        dtype = unsafe { hidden::dtype_of(result) };
        let is_callback = seen.n_elements >= MIN_CALLBACKS
            // SAFETY: a ufunc.
            && unsafe { read::<Address>(call.receiver, ufunc::OBJ) } != 0;
        if is_callback {
            weight = LARGE;
        }
    }
    let is_plain = common.is_plain(dtype)
        && call.names == 0
        // SAFETY: a ufunc.
        && unsafe { read::<i32>(call.receiver, ufunc::CORE_ENABLED) } == 0;
    if is_plain && weight < LARGE {
        let small = Small { read: frame.read, written, strided: frame.strided, ..Small::default() };
        state.count_ended(&frame, small);
    } else {
        let (outer, sizes) = (frame.outer, (written, weight));
        // SAFETY: the caller's.
        if unsafe { finish_odd(state, outer, sizes, call, (common, result)) } {
            return;
        }
    }
    // SAFETY: a ufunc.
    let n_in = unsafe { read::<i32>(call.receiver, ufunc::NIN) }.unsigned_abs() as usize;
    for index in 0..call.n {
        // SAFETY: an argument.
        let Some(argument) = (unsafe { call.positional(index) }) else { break };
        if let Some(&(data, n_bytes)) = inputs.get(index).filter(|_| index < n_in) {
            state.read_bytes(data, n_bytes);
            continue;
        }
        // SAFETY: alive, as the caller holds it.
        if !unsafe { is_array(argument, types) } {
            continue;
        }
        if index < n_in {
            // SAFETY: an array.
            let seen = unsafe { state.look(argument) };
            state.read_all(seen);
        } else {
            // SAFETY: as above.
            unsafe { state.note_write(argument, types) };
        }
    }
    if call.names == 0 {
        return;
    }
    // SAFETY: the call's.
    if let Some(out) = unsafe { call.keyword(Keyword::Out, types) } {
        for index in 0..MAX_OUTPUTS {
            // SAFETY: alive, as the caller holds it.
            let Some(out) = (unsafe { output(out, index, types) }) else { break };
            // SAFETY: an array.
            unsafe { state.note_write(out, types) };
        }
    }
}

/// Records a call that is large, or may have copied something; `false` if it is counted instead, so that
/// what it read and wrote is to be noted.
///
/// # Safety
///
/// As for [`finish`], right after the call has ended.
#[inline(never)]
unsafe fn finish_odd(
    state: &mut State,
    outer: u16,
    (written, weight): (usize, usize),
    call: &Args,
    (common, result): (&Common, Address),
) -> bool {
    let Some(frame) = state.ended() else { return true };
    let mut copies = None;
    if weight < LARGE {
        // SAFETY: the caller's.
        copies = unsafe { copied(state, (frame.allocated, written), call, (common, result)) };
    }
    let Some(buffered) = copies else {
        // SAFETY: as above.
        unsafe { record(state, outer, call, result) };
        return true;
    };
    let small = Small {
        read: frame.read,
        written,
        copied: buffered.n_bytes,
        strided: frame.strided,
        n_scalars: 0,
        marks: Marks::buffered(buffered.n),
    };
    state.count(&frame, small);
    false
}

/// What a small call copied of its inputs; `None` where that takes a record to tell.
///
/// # Safety
///
/// As for [`finish`].
#[inline(always)]
unsafe fn copied(
    state: &State,
    sizes: (u64, usize),
    call: &Args,
    (common, result): (&Common, Address),
) -> Option<Buffered> {
    let types = types()?;
    // SAFETY: the caller's.
    if let Some(buffered) = unsafe { buffered(state, call, (common, result), types) } {
        return Some(buffered);
    }
    // SAFETY: as above.
    let is_record = unsafe { may_copy(sizes, call, result, types) };
    (!is_record).then(Buffered::default)
}

/// What a call with one result and no options copies of inputs that lie densely, as far as their
/// dtypes tell.
///
/// # Safety
///
/// As for [`finish`].
#[inline(always)]
unsafe fn buffered(
    state: &State,
    call: &Args,
    (common, result): (&Common, Address),
    types: &Types,
) -> Option<Buffered> {
    // SAFETY: a ufunc.
    let n_in = unsafe { read::<i32>(call.receiver, ufunc::NIN) };
    // SAFETY: as above.
    let is_generalised = unsafe { read::<i32>(call.receiver, ufunc::CORE_ENABLED) } != 0;
    let has_options = call.names != 0 || usize::try_from(n_in) != Ok(call.n) || is_generalised;
    // SAFETY: alive, as it is being given back.
    if has_options || call.n > N_INPUTS || !unsafe { is_array(result, types) } {
        return None;
    }
    // SAFETY: an array.
    let to = unsafe { dtype_of(state, result) };
    // Most comparisons end here.
    if let Some(from) = common.dtype() {
        // SAFETY: an array among the arguments has it.
        let is_swapped = unsafe { read::<u8>(from, descr::BYTEORDER) } == b'>';
        // SAFETY: as above.
        let number = unsafe { read::<i32>(from, descr::TYPE_NUM) };
        if !is_swapped && hidden::taken((number, 0), to) == Taken::AsItIs {
            return Some(Buffered::default());
        }
    }
    let mut buffered = Buffered::default();
    for index in 0..call.n {
        // SAFETY: an argument.
        let argument = unsafe { call.positional(index) }?;
        // SAFETY: alive, as the caller holds it.
        if !unsafe { is_array(argument, types) } {
            continue;
        }
        // SAFETY: an array.
        if unsafe { hidden::needs_buffer(argument) } {
            return None;
        }
        // SAFETY: as above.
        let from = unsafe { dtype_of(state, argument) };
        match hidden::taken(from, to) {
            Taken::AsItIs => {}
            Taken::Somehow => return None,
            Taken::ThroughBuffer => {
                // SAFETY: an array.
                let seen = unsafe { state.look(argument) };
                // SAFETY: as above.
                if !unsafe { hidden::is_dense(argument) } {
                    return None;
                }
                if seen.n_elements > 1 {
                    buffered.n = buffered.n.wrapping_add(1);
                    let n_bytes = seen.n_elements.wrapping_mul(to.1);
                    buffered.n_bytes = buffered.n_bytes.wrapping_add(n_bytes);
                }
            }
        }
    }
    // SAFETY: a ufunc.
    (buffered.n == 0 || !unsafe { is_ldexp(call.receiver) }).then_some(buffered)
}

/// Number and itemsize of an array's dtype.
///
/// # Safety
///
/// `array` must be a live array.
unsafe fn dtype_of(state: &State, array: Address) -> (i32, usize) {
    // SAFETY: the caller vouches for the array.
    let number = unsafe { hidden::type_num(array) };
    // SAFETY: as above.
    (number, unsafe { state.dtypes.itemsize_of(array) })
}

/// Whether a ufunc is the one whose inputs are of two sorts.
///
/// # Safety
///
/// `receiver` must be a live ufunc.
unsafe fn is_ldexp(receiver: Address) -> bool {
    // SAFETY: the caller vouches for the ufunc.
    let name = unsafe { read::<Address>(receiver, ufunc::NAME) };
    // SAFETY: a C string that lives as long, or null.
    name != 0 && unsafe { c_string(name) } == b"ldexp"
}

/// Whether something may have been copied besides what the ufunc is for: arrays of another dtype or
/// byte order, and what linear algebra can't take as it lies.
///
/// # Safety
///
/// As for [`finish`].
#[inline(never)]
unsafe fn may_copy(
    (allocated, written): (u64, usize),
    call: &Args,
    result: Address,
    types: &Types,
) -> bool {
    // SAFETY: alive, as it is being given back.
    let first = unsafe { output(result, 0, types) };
    // SAFETY: a ufunc.
    let is_generalised = unsafe { read::<i32>(call.receiver, ufunc::CORE_ENABLED) } != 0;
    // SAFETY: an array.
    let to = first.map(|first| unsafe { hidden::type_num(first) });
    let is_odd = |array: Address| {
        // SAFETY: an array, here and below.
        let from = unsafe { hidden::type_num(array) };
        to.is_some_and(|to| hidden::may_cast(from, to))
            // SAFETY: as above.
            || unsafe { hidden::needs_buffer(array) }
            // SAFETY: as above.
            || is_generalised && !unsafe { hidden::is_dense(array) }
    };
    let has_odd = (0..call.n)
        // SAFETY: arguments.
        .filter_map(|index| unsafe { call.positional(index) })
        // SAFETY: alive, as the caller holds them.
        .any(|argument| unsafe { is_array(argument, types) } && is_odd(argument));
    // SAFETY: the call's.
    let out = || unsafe { call.keyword(Keyword::Out, types) };
    has_odd
        || call.names != 0
            && out().is_some_and(|out| {
                (0..MAX_OUTPUTS)
                    // SAFETY: alive, as the caller holds it.
                    .map_while(|index| unsafe { output(out, index, types) })
                    .any(is_odd)
            })
        || is_generalised && hidden::is_more(allocated, first.map(|_| written))
}

/// The array at `index` of what is an array, or a sequence of arrays and of `None`, which are left out.
///
/// # Safety
///
/// `out` must be alive, and whoever holds it must go on.
pub(crate) unsafe fn output(out: Address, index: usize, types: &Types) -> Option<Address> {
    // SAFETY: the caller vouches for it.
    if unsafe { is_array(out, types) } {
        return (index == 0).then_some(out);
    }
    // SAFETY: as above.
    if !unsafe { is_sequence(out, types) } {
        return None;
    }
    // SAFETY: as above.
    let (first, n) = unsafe { items(out, types) };
    (0..n)
        // SAFETY: an item of the tuple.
        .map(|at| unsafe { read::<Address>(first, at.wrapping_mul(8)) })
        // SAFETY: alive, as the tuple holds it.
        .filter(|&item| unsafe { is_array(item, types) })
        .nth(index)
}

/// # Safety
///
/// As for [`finish`].
#[cold]
unsafe fn record(state: &mut State, outer: u16, call: &Args, result: Address) {
    let (Some(frame), Some(types)) = (state.ended(), types()) else { return };
    // SAFETY: a ufunc.
    let n_in = unsafe { read::<i32>(call.receiver, ufunc::NIN) }.unsigned_abs() as usize;
    let mut operands = Operands::new(types);
    let mut facts = Facts::default();
    for index in 0..call.n {
        // SAFETY: an argument, alive, as the caller holds it.
        let Some(argument) = (unsafe { call.positional(index) }) else { break };
        let is_output = index >= n_in;
        if is_output && argument != types.none {
            facts.flags |= flag::HAS_OUT;
        }
        // SAFETY: as above.
        unsafe { operands.add(argument, if is_output { Role::Output } else { Role::Input }) };
        // SAFETY: as above.
        if !is_output && unsafe { is_array(argument, types) } && facts.flags & flag::OBJECTS == 0 {
            // SAFETY: an array.
            facts = facts.with_objects(unsafe { state.objects_in(argument, types) });
        }
    }
    // SAFETY: the call's.
    unsafe { options(call, types, &mut facts, &mut operands) };
    // SAFETY: as above.
    unsafe { add_axes(call, types, &mut facts) };
    // SAFETY: alive, as it is being given back.
    unsafe { add_all(result, Role::Result, types, &mut operands) };
    // SAFETY: as above.
    if unsafe { is_array(result, types) } {
        // SAFETY: a ufunc.
        let has_callback = unsafe { read::<Address>(call.receiver, ufunc::OBJ) } != 0;
        // SAFETY: an array.
        let seen = unsafe { state.look(result) };
        // SAFETY: as above.
        if has_callback && unsafe { state.is_of_objects(result) } {
            facts.flags |= flag::CALLBACKS;
            facts.second = seen.n_elements as u64;
        }
    }
    // SAFETY: all operands are alive.
    unsafe { state.record_operation((&frame, outer), facts, &operands, None) };
}

/// Notes along which axes of its first input a generalised ufunc was told to work.
///
/// # Safety
///
/// The call must be under way.
unsafe fn add_axes(call: &Args, types: &Types, facts: &mut Facts) {
    // SAFETY: a ufunc.
    if unsafe { read::<i32>(call.receiver, ufunc::CORE_ENABLED) } == 0 {
        return;
    }
    // SAFETY: the caller vouches for the call.
    let first = unsafe { call.positional(0) };
    // SAFETY: alive, as the caller holds it.
    let Some(array) = first.filter(|&first| unsafe { is_array(first, types) }) else { return };
    // SAFETY: as above.
    let mut told = unsafe { call.keyword(Keyword::Axis, types) };
    // SAFETY: as above.
    if let Some(list) = unsafe { call.keyword(Keyword::Axes, types) }
        // SAFETY: alive, as the caller holds it.
        && unsafe { is_sequence(list, types) }
    {
        // Those of the first input, of the second one, and so on.
        // SAFETY: as above.
        let (items, n) = unsafe { items(list, types) };
        // SAFETY: an item of the list.
        told = (n != 0).then(|| unsafe { read::<Address>(items, 0) });
    }
    if told.is_some() {
        // SAFETY: an array.
        let ndim = usize::try_from(unsafe { read::<ArrayBody>(array, OBJECT_SIZE) }.ndim);
        facts.flags |= flag::HAS_AXES;
        // SAFETY: alive, as above.
        facts.axes = unsafe { axes(told, ndim.unwrap_or(0), types) };
    }
}

/// Adds an array, or those of a tuple.
///
/// # Safety
///
/// As for [`output`].
unsafe fn add_all(out: Address, role: Role, types: &Types, operands: &mut Operands<'_>) {
    for index in 0..MAX_OUTPUTS {
        // SAFETY: the caller vouches for it.
        let Some(out) = (unsafe { output(out, index, types) }) else { break };
        // SAFETY: alive, as above.
        unsafe { operands.add(out, role) };
    }
}

/// Notes the keyword arguments that every ufunc and its methods take.
///
/// # Safety
///
/// The call must be under way.
pub(crate) unsafe fn options(
    call: &Args,
    types: &Types,
    facts: &mut Facts,
    operands: &mut Operands<'_>,
) {
    if call.names == 0 && call.dict == 0 {
        return;
    }
    // SAFETY: the caller vouches for the call, here and below.
    if let Some(out) = unsafe { call.keyword(Keyword::Out, types) } {
        facts.flags |= flag::HAS_OUT;
        // SAFETY: alive, as the caller holds it.
        unsafe { add_all(out, Role::Output, types, operands) };
    }
    for (keyword, bit) in [
        (Keyword::Dtype, flag::HAS_DTYPE),
        (Keyword::Signature, flag::HAS_DTYPE),
        (Keyword::Order, flag::HAS_ORDER),
    ] {
        // SAFETY: as above.
        if unsafe { call.keyword(keyword, types) }.is_some() {
            facts.flags |= bit;
        }
    }
    // SAFETY: as above.
    if let Some(mask) = unsafe { call.keyword(Keyword::Where, types) } {
        // SAFETY: alive, as the caller holds it.
        if unsafe { is_array(mask, types) } {
            facts.flags |= flag::HAS_WHERE;
            // SAFETY: as above.
            unsafe { operands.add(mask, Role::Index) };
        }
    }
}
