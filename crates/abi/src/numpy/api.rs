//! Where NumPy's C parts are: module and capsule names, and places in the tables that it exports.
//!
//! `_ARRAY_API` of the core module is a capsule without a name around a `void *[]`. NumPy only ever
//! retires places in it, so a number that means something keeps its meaning.

use core::ffi::CStr;

/// The core module of NumPy 2.x.
pub const CORE_MODULE_2: &CStr = c"numpy._core._multiarray_umath";
/// The core module of NumPy 1.x. 2.x has a module of this name too, made of Python and only for old
/// pickles: look for [`CORE_MODULE_2`] first.
pub const CORE_MODULE_1: &CStr = c"numpy.core._multiarray_umath";
/// The core module's names, in the order in which to look in `sys.modules`.
pub const CORE_MODULES: [&CStr; 2] = [CORE_MODULE_2, CORE_MODULE_1];

/// Attribute of the core module: capsule without a name, around the array API.
pub const ARRAY_API: &CStr = c"_ARRAY_API";
/// Attribute of the core module: capsule without a name, around the ufunc API.
pub const UFUNC_API: &CStr = c"_UFUNC_API";

/// `PyArray_GetNDArrayCVersion`: `unsigned int (void)`, the ABI version.
pub const GET_ABI_VERSION: usize = 0;
/// `PyArray_Type`: the type `numpy.ndarray` itself.
pub const ARRAY_TYPE: usize = 2;
/// `PyArrayDescr_Type`: the type `numpy.dtype` itself.
pub const DESCR_TYPE: usize = 3;
/// `PyArrayIter_Type`: the type `numpy.flatiter`, what `a.flat` is.
pub const ITER_TYPE: usize = 5;
/// `PyLongArrType_Type`: the type of NumPy's integers of the size of a C `long`, `numpy.int64`.
pub const LONG_TYPE: usize = 23;
/// `PyArray_DescrFromType`: `PyArray_Descr *(int type_num)`, a new reference.
pub const DESCR_FROM_TYPE: usize = 45;
/// `PyArray_FromAny`: `PyObject *(PyObject *, PyArray_Descr *, int, int, int flags, PyObject *)`.
pub const FROM_ANY: usize = 69;
/// `PyArray_NewCopy`: `PyObject *(PyArrayObject *, NPY_ORDER)`.
pub const NEW_COPY: usize = 85;
/// `PyArray_NewFromDescr`.
pub const NEW_FROM_DESCR: usize = 94;
/// `PyArray_CheckFromAny`: as `PyArray_FromAny`.
pub const CHECK_FROM_ANY: usize = 108;
/// `PyArray_FromArray`: `PyObject *(PyArrayObject *, PyArray_Descr *, int flags)`.
pub const FROM_ARRAY: usize = 109;
/// `PyArray_GetNDArrayCFeatureVersion`: `unsigned int (void)`.
pub const GET_FEATURE_VERSION: usize = 211;
/// `PyDataMem_SetHandler`: `PyObject *(PyObject *capsule)`, the previous one; of this context only.
pub const SET_DATA_MEM_HANDLER: usize = 304;
/// `PyDataMem_GetHandler`: `PyObject *(void)`, a new reference to the capsule of this context.
pub const GET_DATA_MEM_HANDLER: usize = 305;
/// `PyDataMem_DefaultHandler`: a `PyObject **`, the address of the variable with the capsule.
pub const DEFAULT_DATA_MEM_HANDLER: usize = 306;

/// `PyUFunc_Type` in [`UFUNC_API`]: the type `numpy.ufunc` itself.
pub const UFUNC_TYPE: usize = 0;
/// `PyUFunc_FromFuncAndData` in [`UFUNC_API`]: makes a ufunc.
pub const UFUNC_FROM_FUNC_AND_DATA: usize = 1;
/// `PyUFunc_FromFuncAndDataAndSignature`: as above, with the signature of a generalised ufunc.
pub const UFUNC_FROM_FUNC_AND_DATA_AND_SIGNATURE: usize = 31;
/// `PyUFunc_FromFuncAndDataAndSignatureAndIdentity`: as above, with an identity.
pub const UFUNC_FROM_FUNC_AND_DATA_AND_SIGNATURE_AND_IDENTITY: usize = 42;
