//! Methods of `ndarray` after which an array in an existing block looks different, or after which a
//! class appears that hasn't been seen.

use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};

use npprof_abi::numpy::ArrayBody;
use npprof_abi::python::method::CallingConvention;
use npprof_abi::python::object;
use npprof_wire::encode::event;
use npprof_wire::record::Kind;

use crate::layout::Layout;
use crate::memory::{Address, read};
use crate::state::enter;

type VarArgs = unsafe extern "C" fn(*mut c_void, *mut c_void) -> *mut c_void;
type VarArgsKeywords = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_void) -> *mut c_void;
type FastCall = unsafe extern "C" fn(*mut c_void, *const *mut c_void, isize) -> *mut c_void;
type FastCallKeywords =
    unsafe extern "C" fn(*mut c_void, *const *mut c_void, isize, *mut c_void) -> *mut c_void;

/// A method, and what is done after it has been called.
pub(crate) struct MethodHook {
    /// Name in the method table.
    pub(crate) name: &'static std::ffi::CStr,
    /// Where the original is kept.
    index: usize,
    after: After,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    /// The array's shape, or all of it, was set anew: its layout goes out again.
    LayOut,
    /// The result may be the first array of its class.
    Adopt,
}

/// `resize` and unpickling set the shape after they have got the block; `view` makes an array of any
/// class without asking the class.
pub(crate) const HOOKS: [MethodHook; 3] = [
    MethodHook { name: c"resize", index: 0, after: After::LayOut },
    MethodHook { name: c"__setstate__", index: 1, after: After::LayOut },
    MethodHook { name: c"view", index: 2, after: After::Adopt },
];

static ORIGINALS: [AtomicUsize; HOOKS.len()] = [const { AtomicUsize::new(0) }; HOOKS.len()];

impl MethodHook {
    /// What to put in the method table in place of `original`; `None` for a convention that isn't
    /// known of this method.
    pub(crate) fn stand_in(&self, original: usize, convention: CallingConvention) -> Option<usize> {
        ORIGINALS.get(self.index)?.store(original, Ordering::Relaxed);
        match self.index {
            0 => stand_in::<0>(convention),
            1 => stand_in::<1>(convention),
            2 => stand_in::<2>(convention),
            _ => None,
        }
    }
}

fn stand_in<const INDEX: usize>(convention: CallingConvention) -> Option<usize> {
    Some(match convention {
        CallingConvention::VarArgs | CallingConvention::OneArg | CallingConvention::NoArgs => {
            var_args::<INDEX> as *const () as usize
        }
        CallingConvention::VarArgsKeywords => var_args_keywords::<INDEX> as *const () as usize,
        CallingConvention::FastCall => fast_call::<INDEX> as *const () as usize,
        CallingConvention::FastCallKeywords => fast_call_keywords::<INDEX> as *const () as usize,
        CallingConvention::Method => return None,
    })
}

fn original<const INDEX: usize>() -> usize {
    ORIGINALS.get(INDEX).map_or(0, |original| original.load(Ordering::Relaxed))
}

/// # Safety
///
/// As Python calls a `METH_VARARGS` (or `METH_O`, `METH_NOARGS`) method of `ndarray`.
unsafe extern "C" fn var_args<const INDEX: usize>(
    array: *mut c_void,
    args: *mut c_void,
) -> *mut c_void {
    // SAFETY: stored before this could be called, from a method of this convention.
    let original = unsafe { std::mem::transmute::<usize, VarArgs>(original::<INDEX>()) };
    // SAFETY: Python's call, passed on.
    let result = unsafe { original(array, args) };
    // SAFETY: Python holds the lock and a reference to the array.
    unsafe { after::<INDEX>(array.addr(), result.addr()) };
    result
}

/// # Safety
///
/// As Python calls a `METH_VARARGS | METH_KEYWORDS` method of `ndarray`.
unsafe extern "C" fn var_args_keywords<const INDEX: usize>(
    array: *mut c_void,
    args: *mut c_void,
    keywords: *mut c_void,
) -> *mut c_void {
    // SAFETY: stored before this could be called, from a method of this convention.
    let original = unsafe { std::mem::transmute::<usize, VarArgsKeywords>(original::<INDEX>()) };
    // SAFETY: Python's call, passed on.
    let result = unsafe { original(array, args, keywords) };
    // SAFETY: Python holds the lock and a reference to the array.
    unsafe { after::<INDEX>(array.addr(), result.addr()) };
    result
}

/// # Safety
///
/// As Python calls a `METH_FASTCALL` method of `ndarray`.
unsafe extern "C" fn fast_call<const INDEX: usize>(
    array: *mut c_void,
    args: *const *mut c_void,
    n_args: isize,
) -> *mut c_void {
    // SAFETY: stored before this could be called, from a method of this convention.
    let original = unsafe { std::mem::transmute::<usize, FastCall>(original::<INDEX>()) };
    // SAFETY: Python's call, passed on.
    let result = unsafe { original(array, args, n_args) };
    // SAFETY: Python holds the lock and a reference to the array.
    unsafe { after::<INDEX>(array.addr(), result.addr()) };
    result
}

/// # Safety
///
/// As Python calls a `METH_FASTCALL | METH_KEYWORDS` method of `ndarray`.
unsafe extern "C" fn fast_call_keywords<const INDEX: usize>(
    array: *mut c_void,
    args: *const *mut c_void,
    n_args: isize,
    names: *mut c_void,
) -> *mut c_void {
    // SAFETY: stored before this could be called, from a method of this convention.
    let original = unsafe { std::mem::transmute::<usize, FastCallKeywords>(original::<INDEX>()) };
    // SAFETY: Python's call, passed on.
    let result = unsafe { original(array, args, n_args, names) };
    // SAFETY: Python holds the lock and a reference to the array.
    unsafe { after::<INDEX>(array.addr(), result.addr()) };
    result
}

/// # Safety
///
/// `array` must be a live `ndarray` and `result` a live object or null, with the interpreter lock
/// held.
unsafe fn after<const INDEX: usize>(array: Address, result: Address) {
    let Some(hook) = HOOKS.get(INDEX) else { return };
    if result == 0 {
        return;
    }
    let Some(state) = enter() else { return };
    if hook.after == After::Adopt {
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
