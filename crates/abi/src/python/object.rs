//! `PyObject`, `PyVarObject`, `PyTypeObject` and the slot tables that a type points to.
//!
//! These are the same in every supported version: the stable parts of a type object were only ever
//! appended to. Offsets are in bytes from the start of the object.

use core::ffi::c_void;
use core::mem::{offset_of, size_of};

/// `PyObject`: what every object starts with, in a build with a GIL.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ObjectHeader {
    /// `ob_refcnt`. From 3.12 on, an immortal object has a fixed large value here.
    pub refcount: isize,
    /// `ob_type`: a `PyTypeObject *`.
    pub ob_type: *mut c_void,
}

/// `PyVarObject`: the header of tuples, lists, bytes, types.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct VarObjectHeader {
    /// As in every object.
    pub object: ObjectHeader,
    /// `ob_size`: number of items; ints use the sign for their own purposes.
    pub size: isize,
}

const _: () = assert!(offset_of!(ObjectHeader, ob_type) == 8);
const _: () = assert!(size_of::<ObjectHeader>() == OBJECT_SIZE);
const _: () = assert!(offset_of!(VarObjectHeader, size) == 16);

/// `sizeof(PyObject)`: where an object's own fields begin.
pub const OBJECT_SIZE: usize = 16;
/// `ob_refcnt`.
pub const OB_REFCNT: usize = 0;
/// `ob_type`.
pub const OB_TYPE: usize = 8;
/// `PyVarObject.ob_size`.
pub const OB_SIZE: usize = 16;
/// `PyTupleObject.ob_item`: the items themselves, `ob_size` object pointers.
pub const TUPLE_ITEMS: usize = 24;
/// `PyListObject.ob_item`: a pointer to the items.
pub const LIST_ITEMS: usize = 24;

/// `PySliceObject.start`, an object, `None` when left out.
pub const SLICE_START: usize = 16;
/// `PySliceObject.stop`.
pub const SLICE_STOP: usize = 24;
/// `PySliceObject.step`.
pub const SLICE_STEP: usize = 32;

/// `tp_name`: `const char *`, for static types with the module in front.
pub const TP_NAME: usize = 24;
/// `tp_basicsize`: `Py_ssize_t`.
pub const TP_BASICSIZE: usize = 32;
/// `tp_dealloc`.
pub const TP_DEALLOC: usize = 48;
/// `tp_vectorcall_offset`: `Py_ssize_t`, the place of the vectorcall pointer in an instance, or 0.
/// Meaningful when `tp_flags` has [`TPFLAGS_HAVE_VECTORCALL`].
pub const TP_VECTORCALL_OFFSET: usize = 56;
/// `tp_as_number`.
pub const TP_AS_NUMBER: usize = 96;
/// `tp_as_sequence`.
pub const TP_AS_SEQUENCE: usize = 104;
/// `tp_as_mapping`: null, or a `PyMappingMethods`, see [`MP_SUBSCRIPT`].
pub const TP_AS_MAPPING: usize = 112;
/// `tp_call`.
pub const TP_CALL: usize = 128;
/// `tp_getattro`.
pub const TP_GETATTRO: usize = 144;
/// `tp_as_buffer`: null, or a `PyBufferProcs`, see [`BF_GETBUFFER`].
pub const TP_AS_BUFFER: usize = 160;
/// `tp_flags`: `unsigned long`.
pub const TP_FLAGS: usize = 168;
/// `tp_iternext`: `PyObject *(*)(PyObject *)`.
pub const TP_ITERNEXT: usize = 224;
/// `tp_methods`: null, or an array of [`MethodDef`](super::MethodDef) that a null name ends.
pub const TP_METHODS: usize = 232;
/// `tp_getset`: null, or an array of `PyGetSetDef` ([`GETSET_SIZE`] bytes each) that a null name ends.
pub const TP_GETSET: usize = 248;
/// `tp_base`: a type, null only for `object`.
pub const TP_BASE: usize = 256;
/// `tp_dict`: a dict. From 3.12 on it is null for the interpreter's own static types; extension
/// types such as NumPy's always have it here.
pub const TP_DICT: usize = 264;
/// `tp_alloc`: `PyObject *(*)(PyTypeObject *, Py_ssize_t)`.
pub const TP_ALLOC: usize = 304;
/// `tp_new`.
pub const TP_NEW: usize = 312;
/// `tp_free`: `void (*)(void *)`.
pub const TP_FREE: usize = 320;
/// `tp_mro`: a tuple of types, itself first.
pub const TP_MRO: usize = 344;
/// `tp_subclasses`: null, or a dict whose values are weak references to direct subclasses. From 3.12
/// on it is an index for the interpreter's own static types; extension types keep the dict.
pub const TP_SUBCLASSES: usize = 360;

/// `Py_TPFLAGS_HEAPTYPE`: made at run time, by a `class` statement or `PyType_FromSpec`.
pub const TPFLAGS_HEAPTYPE: u64 = 1 << 9;
/// `Py_TPFLAGS_HAVE_VECTORCALL`; with an underscore in front in 3.8.
pub const TPFLAGS_HAVE_VECTORCALL: u64 = 1 << 11;
/// `Py_TPFLAGS_READY`: `PyType_Ready` has filled the inherited slots.
pub const TPFLAGS_READY: u64 = 1 << 12;
/// `Py_TPFLAGS_LONG_SUBCLASS`: an `int`.
pub const TPFLAGS_LONG_SUBCLASS: u64 = 1 << 24;
/// `Py_TPFLAGS_TUPLE_SUBCLASS`: a `tuple`.
pub const TPFLAGS_TUPLE_SUBCLASS: u64 = 1 << 26;
/// `Py_TPFLAGS_UNICODE_SUBCLASS`: a `str`.
pub const TPFLAGS_UNICODE_SUBCLASS: u64 = 1 << 28;
/// `Py_TPFLAGS_DICT_SUBCLASS`: a `dict`.
pub const TPFLAGS_DICT_SUBCLASS: u64 = 1 << 29;
/// `Py_TPFLAGS_TYPE_SUBCLASS`: a type.
pub const TPFLAGS_TYPE_SUBCLASS: u64 = 1 << 31;

/// `PySequenceMethods.sq_length`: `len(a)`.
pub const SQ_LENGTH: usize = 0;
/// `PySequenceMethods.sq_item`: `a[n]` by number, as iteration does it.
pub const SQ_ITEM: usize = 24;
/// `PyMappingMethods.mp_subscript`: `a[key]`.
pub const MP_SUBSCRIPT: usize = 8;
/// `PyMappingMethods.mp_ass_subscript`: `a[key] = value`, and `del a[key]` with a null value.
pub const MP_ASS_SUBSCRIPT: usize = 16;
/// `PyBufferProcs.bf_getbuffer`.
pub const BF_GETBUFFER: usize = 0;
/// `PyBufferProcs.bf_releasebuffer`.
pub const BF_RELEASEBUFFER: usize = 8;

/// `sizeof(PyGetSetDef)`.
pub const GETSET_SIZE: usize = 40;
/// `PyGetSetDef.name`: `const char *`.
pub const GETSET_NAME: usize = 0;
/// `PyGetSetDef.get`: `PyObject *(*)(PyObject *, void *)`, or null.
pub const GETSET_GET: usize = 8;
/// `PyGetSetDef.set`: `int (*)(PyObject *, PyObject *, void *)`, or null.
pub const GETSET_SET: usize = 16;
