//! Methods of `ndarray` and `ufunc`, and the C functions of NumPy's core.
//!
//! Python calls them through tables of methods, where each entry that is an operation gets a function
//! of ours. A C function called by Python doesn't learn through which entry, so there is one function
//! for each of [`TARGETS`], and for each calling convention.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};

use npprof_abi::numpy::ArrayBody;
use npprof_abi::python::method::CallingConvention;
use npprof_abi::python::object;
use npprof_wire::encode::event;
use npprof_wire::record::Kind;

use crate::hooks::method_call;
use crate::layout::Layout;
use crate::memory::{Address, read};
use crate::operation::call::Args;
use crate::operation::spec::{FUNCTIONS, METHODS, Spec, UFUNC_METHODS};
use crate::operation::{Begun, set_maker};
use crate::state::enter;

type VarArgs = unsafe extern "C" fn(*mut c_void, *mut c_void) -> *mut c_void;
type VarArgsKeywords = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_void) -> *mut c_void;
type FastCall = unsafe extern "C" fn(*mut c_void, *const *mut c_void, isize) -> *mut c_void;
type FastCallKeywords =
    unsafe extern "C" fn(*mut c_void, *const *mut c_void, isize, *mut c_void) -> *mut c_void;

/// To whom an entry of a table belongs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    /// `ndarray`.
    Array,
    /// NumPy's core module.
    Module,
    /// `ufunc`.
    Ufunc,
}

/// Entries that can be replaced, in all tables together.
const N_TARGETS: usize =
    METHODS.len().wrapping_add(FUNCTIONS.len()).wrapping_add(UFUNC_METHODS.len());

/// An entry that was replaced.
struct Target {
    original: AtomicUsize,
    operation: AtomicU16,
}

static TARGETS: [Target; N_TARGETS] =
    [const { Target { original: AtomicUsize::new(0), operation: AtomicU16::new(0) } }; N_TARGETS];

/// Operations are recorded; else only what changes the layout of an array is.
static HAS_OPERATIONS: AtomicBool = AtomicBool::new(false);

/// From now on operations are recorded.
pub(crate) fn record_operations() {
    HAS_OPERATIONS.store(true, Ordering::Relaxed);
}

/// What is known of a target.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) spec: Spec,
    pub(crate) table: Table,
    pub(crate) after: Option<After>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// The array's shape, or all of it, was set anew: its layout goes out again.
    LayOut,
    /// The result may be the first array of its class.
    Adopt,
}

/// `resize` and unpickling set the shape after they have got the block; `view` makes an array of any
/// class without asking the class.
const fn after_of(name: &str) -> Option<After> {
    match name.as_bytes() {
        b"resize" | b"__setstate__" => Some(After::LayOut),
        b"view" => Some(After::Adopt),
        _ => None,
    }
}

const fn entry(index: usize) -> Option<Entry> {
    let n_before = METHODS.len().wrapping_add(FUNCTIONS.len());
    let (list, at, table) = if index < METHODS.len() {
        (METHODS, index, Table::Array)
    } else if index < n_before {
        (FUNCTIONS, index.wrapping_sub(METHODS.len()), Table::Module)
    } else if index < N_TARGETS {
        (UFUNC_METHODS, index.wrapping_sub(n_before), Table::Ufunc)
    } else {
        return None;
    };
    let (_, list) = list.split_at(at);
    let Some(&(name, spec)) = list.first() else { return None };
    let after = match table {
        Table::Array => after_of(name),
        Table::Module | Table::Ufunc => None,
    };
    Some(Entry { name, spec, table, after })
}

/// The targets in a table, with their indices.
pub(crate) fn targets(table: Table) -> impl Iterator<Item = (usize, Entry)> {
    (0..N_TARGETS)
        .filter_map(|index| entry(index).map(|entry| (index, entry)))
        .filter(move |(_, entry)| entry.table == table)
}

/// What to put in a method table in place of `original`, which is target `index` and bears the name
/// with the number `operation`; `None` for a convention that isn't known.
pub(crate) fn stand_in(
    index: usize,
    original: usize,
    operation: u16,
    convention: CallingConvention,
) -> Option<usize> {
    let target = TARGETS.get(index)?;
    let table = match convention {
        CallingConvention::VarArgs => &VAR_ARGS,
        CallingConvention::OneArg => &ONE_ARG,
        CallingConvention::NoArgs => &NO_ARGS,
        CallingConvention::VarArgsKeywords => &VAR_ARGS_KEYWORDS,
        CallingConvention::FastCall => &FAST_CALL,
        CallingConvention::FastCallKeywords => &FAST_CALL_KEYWORDS,
        CallingConvention::Method => return None,
    };
    let function = *table.get(index)?;
    if target.original.swap(original, Ordering::Relaxed) != 0 {
        // The same function stands in two tables: both would call the one that came last.
        return None;
    }
    target.operation.store(operation, Ordering::Relaxed);
    Some(function())
}

/// Gives the address of a function of ours.
type Stand = fn() -> usize;

macro_rules! tables {
    ($($index:literal)*) => {
        const _: () = assert!(N_TARGETS <= [$($index),*].len(), "more indices are needed below");
        static VAR_ARGS: [Stand; [$($index),*].len()] =
            [$(|| var_args::<{ $index }> as *const () as usize),*];
        static ONE_ARG: [Stand; [$($index),*].len()] =
            [$(|| one_arg::<{ $index }> as *const () as usize),*];
        static NO_ARGS: [Stand; [$($index),*].len()] =
            [$(|| no_args::<{ $index }> as *const () as usize),*];
        static VAR_ARGS_KEYWORDS: [Stand; [$($index),*].len()] =
            [$(|| var_args_keywords::<{ $index }> as *const () as usize),*];
        static FAST_CALL: [Stand; [$($index),*].len()] =
            [$(|| fast_call::<{ $index }> as *const () as usize),*];
        static FAST_CALL_KEYWORDS: [Stand; [$($index),*].len()] =
            [$(|| fast_call_keywords::<{ $index }> as *const () as usize),*];
    };
}

tables! {
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15
    16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
    32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47
    48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63
    64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79
    80 81 82 83 84 85 86 87 88 89 90 91 92 93 94 95
}

#[inline(always)]
fn original<const INDEX: usize>() -> usize {
    TARGETS.get(INDEX).map_or(0, |target| target.original.load(Ordering::Relaxed))
}

/// Calls the original as an operation.
///
/// # Safety
///
/// `args` must be those of a call from Python, and `call` make it; with the lock held.
#[inline(always)]
unsafe fn around<const INDEX: usize>(
    args: Args,
    call: impl FnOnce() -> *mut c_void,
) -> *mut c_void {
    let entry = const { entry(INDEX) };
    let Some(entry) = entry else { return call() };
    let operation = TARGETS.get(INDEX).map_or(0, |target| target.operation.load(Ordering::Relaxed));
    let is_recorded = HAS_OPERATIONS.load(Ordering::Relaxed);
    if entry.spec.has(Spec::MAKES) {
        if is_recorded {
            set_maker(operation);
        }
        let result = call();
        set_maker(0);
        return result;
    }
    let begun = if is_recorded {
        // SAFETY: the caller's.
        unsafe { method_call::begin(operation, entry, &args) }
    } else {
        Begun::NONE
    };
    let result = call();
    if !begun.is_none() {
        // SAFETY: as above; the call is over.
        unsafe { method_call::finish(begun, entry, &args, result.addr()) };
    }
    if let Some(after) = entry.after {
        // SAFETY: a method of `ndarray`, with the lock held.
        unsafe { look_after(after, args.receiver, result.addr()) };
    }
    result
}

/// # Safety
///
/// As Python calls a `METH_NOARGS` function.
unsafe extern "C" fn no_args<const INDEX: usize>(
    receiver: *mut c_void,
    nothing: *mut c_void,
) -> *mut c_void {
    let args = Args { receiver: receiver.addr(), items: 0, n: 0, names: 0, dict: 0 };
    let call = || {
        // SAFETY: stored before this could be called, from an entry of this convention.
        let original = unsafe { std::mem::transmute::<usize, VarArgs>(original::<INDEX>()) };
        // SAFETY: Python's call, passed on.
        unsafe { original(receiver, nothing) }
    };
    // SAFETY: Python's arguments.
    unsafe { around::<INDEX>(args, call) }
}

/// # Safety
///
/// As Python calls a `METH_O` function.
unsafe extern "C" fn one_arg<const INDEX: usize>(
    receiver: *mut c_void,
    argument: *mut c_void,
) -> *mut c_void {
    let items = (&raw const argument).expose_provenance();
    let args = Args { receiver: receiver.addr(), items, n: 1, names: 0, dict: 0 };
    let call = || {
        // SAFETY: stored before this could be called, from an entry of this convention.
        let original = unsafe { std::mem::transmute::<usize, VarArgs>(original::<INDEX>()) };
        // SAFETY: Python's call, passed on.
        unsafe { original(receiver, argument) }
    };
    // SAFETY: Python's arguments.
    unsafe { around::<INDEX>(args, call) }
}

/// The items of a tuple, and how many.
///
/// # Safety
///
/// `tuple` must be null or a live tuple.
unsafe fn of_tuple(tuple: Address) -> (Address, usize) {
    if tuple == 0 {
        return (0, 0);
    }
    // SAFETY: the caller vouches for the tuple.
    (tuple.wrapping_add(object::TUPLE_ITEMS), unsafe { read::<usize>(tuple, object::OB_SIZE) })
}

/// # Safety
///
/// As Python calls a `METH_VARARGS` function.
unsafe extern "C" fn var_args<const INDEX: usize>(
    receiver: *mut c_void,
    tuple: *mut c_void,
) -> *mut c_void {
    // SAFETY: Python passes a tuple.
    let (items, n) = unsafe { of_tuple(tuple.addr()) };
    let args = Args { receiver: receiver.addr(), items, n, names: 0, dict: 0 };
    let call = || {
        // SAFETY: stored before this could be called, from an entry of this convention.
        let original = unsafe { std::mem::transmute::<usize, VarArgs>(original::<INDEX>()) };
        // SAFETY: Python's call, passed on.
        unsafe { original(receiver, tuple) }
    };
    // SAFETY: Python's arguments.
    unsafe { around::<INDEX>(args, call) }
}

/// # Safety
///
/// As Python calls a `METH_VARARGS | METH_KEYWORDS` function.
unsafe extern "C" fn var_args_keywords<const INDEX: usize>(
    receiver: *mut c_void,
    tuple: *mut c_void,
    keywords: *mut c_void,
) -> *mut c_void {
    // SAFETY: Python passes a tuple.
    let (items, n) = unsafe { of_tuple(tuple.addr()) };
    let args = Args { receiver: receiver.addr(), items, n, names: 0, dict: keywords.addr() };
    let call = || {
        // SAFETY: stored before this could be called, from an entry of this convention.
        let original =
            unsafe { std::mem::transmute::<usize, VarArgsKeywords>(original::<INDEX>()) };
        // SAFETY: Python's call, passed on.
        unsafe { original(receiver, tuple, keywords) }
    };
    // SAFETY: Python's arguments.
    unsafe { around::<INDEX>(args, call) }
}

/// # Safety
///
/// As Python calls a `METH_FASTCALL` function.
unsafe extern "C" fn fast_call<const INDEX: usize>(
    receiver: *mut c_void,
    items: *const *mut c_void,
    n: isize,
) -> *mut c_void {
    let args = Args {
        receiver: receiver.addr(),
        items: items.addr(),
        n: n.cast_unsigned(),
        names: 0,
        dict: 0,
    };
    let call = || {
        // SAFETY: stored before this could be called, from an entry of this convention.
        let original = unsafe { std::mem::transmute::<usize, FastCall>(original::<INDEX>()) };
        // SAFETY: Python's call, passed on.
        unsafe { original(receiver, items, n) }
    };
    // SAFETY: Python's arguments.
    unsafe { around::<INDEX>(args, call) }
}

/// # Safety
///
/// As Python calls a `METH_FASTCALL | METH_KEYWORDS` function.
unsafe extern "C" fn fast_call_keywords<const INDEX: usize>(
    receiver: *mut c_void,
    items: *const *mut c_void,
    n: isize,
    names: *mut c_void,
) -> *mut c_void {
    let args = Args {
        receiver: receiver.addr(),
        items: items.addr(),
        n: n.cast_unsigned(),
        names: names.addr(),
        dict: 0,
    };
    let call = || {
        // SAFETY: stored before this could be called, from an entry of this convention.
        let original =
            unsafe { std::mem::transmute::<usize, FastCallKeywords>(original::<INDEX>()) };
        // SAFETY: Python's call, passed on.
        unsafe { original(receiver, items, n, names) }
    };
    // SAFETY: Python's arguments.
    unsafe { around::<INDEX>(args, call) }
}

/// # Safety
///
/// `array` must be a live `ndarray` and `result` a live object or null, with the interpreter lock
/// held.
unsafe fn look_after(after: After, array: Address, result: Address) {
    if result == 0 {
        return;
    }
    let Some(state) = enter() else { return };
    if after == After::Adopt {
        // SAFETY: the result of `view` is an array; every object has a type.
        let class = unsafe { read::<Address>(result, object::OB_TYPE) };
        // SAFETY: as above.
        unsafe { crate::hooks::array::adopt(class, state.python) };
        return;
    }
    // SAFETY: the caller vouches for the array.
    let body = unsafe { read::<ArrayBody>(array, object::OBJECT_SIZE) };
    let owns_data = body.flags & npprof_abi::numpy::array::OWNDATA != 0;
    if body.data.is_null() || !owns_data {
        return;
    }
    // A size that no array has: the shape always goes out.
    // SAFETY: as above; the method has filled it in.
    let layout =
        unsafe { Layout::of_array(array, usize::MAX, true, &mut state.dtypes, &mut state.stream) };
    let stream = &mut state.stream;
    if stream.begin(layout.n_words().wrapping_add(2)) {
        stream.push(event(Kind::Layout, body.data.addr() as u64));
        stream.push(layout.traits.word(0));
        layout.push(stream);
        stream.publish();
    }
}
