//! `PyArrayObject`: how an `ndarray` lies in memory.
//!
//! The fields have the same places in every supported NumPy.

use core::ffi::{c_char, c_int, c_void};
use core::mem::{offset_of, size_of};

/// The part of an `ndarray` that npprof reads: what follows the object header, at
/// [`OBJECT_SIZE`](crate::python::object::OBJECT_SIZE). Never written. An array of a subclass starts
/// with the same.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ArrayBody {
    /// First element; inside `base`'s memory when the array is a view. Null while the array is being
    /// made.
    pub data: *mut c_char,
    /// `nd`: number of dimensions.
    pub ndim: c_int,
    /// `dimensions`: extent of each dimension, `ndim` values; null when there are none.
    pub shape: *const isize,
    /// Bytes from an element to its neighbour along each dimension: `ndim` values, any sign; null
    /// when there are none.
    pub strides: *const isize,
    /// The object that owns the memory, usually an array; null when this array does. With
    /// [`WRITEBACKIFCOPY`], the array to copy back to.
    pub base: *mut c_void,
    /// `PyArray_Descr *`, see [`DescrLayout`](super::DescrLayout).
    pub descr: *mut c_void,
    /// Of the constants below.
    pub flags: c_int,
    /// `weakreflist`: weak references to this array, or null.
    pub weak_references: *mut c_void,
    /// `_buffer_info`: private.
    pub buffer_info: *mut c_void,
    /// `mem_handler`: the capsule around the [`DataMemHandler`](super::DataMemHandler) that `data` is
    /// from; null when the array doesn't own its data, or got it otherwise. From 1.22 on.
    pub mem_handler: *mut c_void,
}

const _: () = assert!(offset_of!(ArrayBody, data) == 0);
const _: () = assert!(offset_of!(ArrayBody, ndim) == 8);
const _: () = assert!(offset_of!(ArrayBody, shape) == 16);
const _: () = assert!(offset_of!(ArrayBody, strides) == 24);
const _: () = assert!(offset_of!(ArrayBody, base) == 32);
const _: () = assert!(offset_of!(ArrayBody, descr) == 40);
const _: () = assert!(offset_of!(ArrayBody, flags) == 48);
const _: () = assert!(offset_of!(ArrayBody, weak_references) == 56);
const _: () = assert!(offset_of!(ArrayBody, mem_handler) == 72);
const _: () = assert!(size_of::<ArrayBody>() == 80);

/// `tp_basicsize` of `ndarray`: object header and body.
pub const ARRAY_SIZE: usize = 96;

/// `NPY_ARRAY_C_CONTIGUOUS`: dense in row-major order. May stand together with [`F_CONTIGUOUS`].
pub const C_CONTIGUOUS: c_int = 0x0001;
/// `NPY_ARRAY_F_CONTIGUOUS`: dense in column-major order.
pub const F_CONTIGUOUS: c_int = 0x0002;
/// `NPY_ARRAY_OWNDATA`: frees `data` when it dies.
pub const OWNDATA: c_int = 0x0004;
/// `NPY_ARRAY_FORCECAST`: only in requests, such as to `PyArray_FromAny`.
pub const FORCECAST: c_int = 0x0010;
/// `NPY_ARRAY_ENSURECOPY`: only in requests.
pub const ENSURECOPY: c_int = 0x0020;
/// `NPY_ARRAY_ALIGNED`: data and strides are aligned for the dtype.
pub const ALIGNED: c_int = 0x0100;
/// `NPY_ARRAY_NOTSWAPPED`: only in requests.
pub const NOTSWAPPED: c_int = 0x0200;
/// `NPY_ARRAY_WRITEABLE`.
pub const WRITEABLE: c_int = 0x0400;
/// `NPY_ARRAY_WRITEBACKIFCOPY`: a temporary copy that is written back to `base` at the end.
pub const WRITEBACKIFCOPY: c_int = 0x2000;
