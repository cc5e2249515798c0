//! `PyMethodDef`: the tables by which extension modules and types offer C functions.
//!
//! The interpreter keeps a pointer into the table and reads `ml_meth` at each call, so a table entry
//! is where a function can be replaced. What a replacement must look like follows from `ml_flags`.

use core::ffi::{c_char, c_int, c_void};
use core::mem::{offset_of, size_of};

/// `PyMethodDef`: one function in a table; the last entry has a null name.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct MethodDef {
    /// Name without the module or type.
    pub ml_name: *const c_char,
    /// The C function; [`CallingConvention::of`] `ml_flags` says with which arguments.
    pub ml_meth: *mut c_void,
    /// `METH_*`.
    pub ml_flags: c_int,
    /// Docstring, or null.
    pub ml_doc: *const c_char,
}

const _: () = assert!(offset_of!(MethodDef, ml_meth) == 8);
const _: () = assert!(offset_of!(MethodDef, ml_flags) == 16);
const _: () = assert!(offset_of!(MethodDef, ml_doc) == 24);
const _: () = assert!(size_of::<MethodDef>() == 32);

/// `METH_VARARGS`.
pub const METH_VARARGS: c_int = 0x0001;
/// `METH_KEYWORDS`.
pub const METH_KEYWORDS: c_int = 0x0002;
/// `METH_NOARGS`.
pub const METH_NOARGS: c_int = 0x0004;
/// `METH_O`.
pub const METH_O: c_int = 0x0008;
/// `METH_CLASS`: `self` is the type.
pub const METH_CLASS: c_int = 0x0010;
/// `METH_STATIC`: `self` is null.
pub const METH_STATIC: c_int = 0x0020;
/// `METH_COEXIST`: takes precedence over a slot of the same name.
pub const METH_COEXIST: c_int = 0x0040;
/// `METH_FASTCALL`.
pub const METH_FASTCALL: c_int = 0x0080;
/// `METH_METHOD`, from 3.9 on: the defining class is a further argument.
pub const METH_METHOD: c_int = 0x0200;

/// `PY_VECTORCALL_ARGUMENTS_OFFSET`: set in the `nargsf` of a vectorcall when the callee may
/// overwrite `args[-1]` for the time of the call. Not part of the count; not set for
/// [`CallingConvention::FastCall`].
pub const VECTORCALL_ARGUMENTS_OFFSET: usize = 1 << 63;

/// `PyCFunctionObject.m_ml`: the [`MethodDef`] of a built-in function.
pub const CFUNCTION_ML: usize = 16;
/// `PyCFunctionObject.m_self`: what is passed as `self`: a module, an object, or null.
pub const CFUNCTION_SELF: usize = 24;
/// `PyCFunctionObject.vectorcall`.
pub const CFUNCTION_VECTORCALL: usize = 48;
/// `PyMethodDescrObject.d_method`: the [`MethodDef`] of an unbound method.
pub const METHOD_DESCR_METHOD: usize = 40;

/// How a function in a method table is called. `self` and each argument are `PyObject *`, and so is
/// the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallingConvention {
    /// `(self, null)`.
    NoArgs,
    /// `(self, argument)`.
    OneArg,
    /// `(self, tuple)`.
    VarArgs,
    /// `(self, tuple, dict or null)`.
    VarArgsKeywords,
    /// `(self, PyObject *const *args, Py_ssize_t nargs)`.
    FastCall,
    /// `(self, PyObject *const *args, Py_ssize_t nargs, tuple of names or null)`; values of keywords
    /// follow the `nargs` positional ones.
    FastCallKeywords,
    /// `(self, defining class, PyObject *const *args, Py_ssize_t nargs, tuple of names or null)`.
    Method,
}

impl CallingConvention {
    /// Reads `ml_flags`; `None` for a combination that CPython would refuse.
    #[must_use]
    pub const fn of(ml_flags: c_int) -> Option<Self> {
        const VARARGS_KEYWORDS: c_int = METH_VARARGS | METH_KEYWORDS;
        const FASTCALL_KEYWORDS: c_int = METH_FASTCALL | METH_KEYWORDS;
        const METHOD: c_int = METH_METHOD | FASTCALL_KEYWORDS;
        match ml_flags & !(METH_CLASS | METH_STATIC | METH_COEXIST) {
            METH_NOARGS => Some(Self::NoArgs),
            METH_O => Some(Self::OneArg),
            METH_VARARGS => Some(Self::VarArgs),
            VARARGS_KEYWORDS => Some(Self::VarArgsKeywords),
            METH_FASTCALL => Some(Self::FastCall),
            FASTCALL_KEYWORDS => Some(Self::FastCallKeywords),
            METHOD => Some(Self::Method),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_name_one_convention_or_none() {
        for (ml_flags, expected) in [
            (0x04, Some(CallingConvention::NoArgs)),
            (0x08, Some(CallingConvention::OneArg)),
            (0x01, Some(CallingConvention::VarArgs)),
            (0x03, Some(CallingConvention::VarArgsKeywords)),
            (0x80, Some(CallingConvention::FastCall)),
            (0x82, Some(CallingConvention::FastCallKeywords)),
            (0x282, Some(CallingConvention::Method)),
            // A class method and a static one.
            (0x11, Some(CallingConvention::VarArgs)),
            (0xa2, Some(CallingConvention::FastCallKeywords)),
            (0x02, None),
            (0x0c, None),
            (0x1000_0001, None),
        ] {
            assert_eq!(CallingConvention::of(ml_flags), expected, "{ml_flags:#x}");
        }
    }
}
