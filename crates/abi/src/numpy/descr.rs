//! `PyArray_Descr`: how a dtype lies in memory.
//!
//! The first fields have the same places in every supported NumPy; 2.0 moved and widened the rest.
//! From 2.0 on the fields from `subarray` on exist in *legacy* dtypes only, which are those with a
//! `type_num` below [`LEGACY_TYPE_NUMS`](super::dtype::LEGACY_TYPE_NUMS) (and user-made ones of the
//! old kind); others, such as `StringDType`, end before.

use core::ffi::c_int;
use core::mem::{offset_of, size_of};

/// `typeobj`: `PyTypeObject *`, the type of the scalars.
pub const TYPEOBJ: usize = 16;
/// `kind`: `char`, one of `biufcOSUVMmT`.
pub const KIND: usize = 24;
/// `type`: `char`, one letter for each of the built-in types.
pub const TYPE: usize = 25;
/// `byteorder`: `char`: `=` native, `>` swapped, `|` does not apply; `<` means native too.
pub const BYTEORDER: usize = 26;
/// `type_num`: `int`, see [`dtype`](super::dtype). -1 in user-made dtypes of the new kind.
pub const TYPE_NUM: usize = 28;

/// `NPY_ITEM_REFCOUNT` in `flags`: elements hold references to Python objects.
pub const ITEM_REFCOUNT: u64 = 0x01;
/// `NPY_ITEM_IS_POINTER` in `flags`: elements are pointers.
pub const ITEM_IS_POINTER: u64 = 0x04;

/// Where a dtype has the fields that moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DescrLayout {
    /// `flags`: a `char` in 1.x, `npy_uint64` in 2.x. The flags above are in the lowest byte.
    pub flags: usize,
    /// `elsize`: bytes in an element, an integer of [`Self::size_width`] bytes.
    pub elsize: usize,
    /// `alignment`: an integer of [`Self::size_width`] bytes.
    pub alignment: usize,
    /// Bytes in `elsize` and `alignment`: 4 (`int`, 1.x) or 8 (`npy_intp`, 2.x).
    pub size_width: usize,
    /// `metadata`: null, or the user's dict.
    pub metadata: usize,
    /// `subarray`: null, or a `PyArray_ArrayDescr` ([`SUBARRAY_BASE`], [`SUBARRAY_SHAPE`]). Arrays
    /// never have such a dtype, but fields do.
    pub subarray: usize,
    /// `fields`: null, `None`, or a dict from names and titles to tuples (dtype, offset, title).
    pub fields: usize,
    /// `names`: null, `None`, or a tuple of the field names in order.
    pub names: usize,
    /// `c_metadata`: null, or for `datetime64` and `timedelta64` a struct with the
    /// [`DatetimeMetadata`] at [`DATETIME_METADATA`].
    pub c_metadata: usize,
}

pub(super) const NUMPY_1: DescrLayout = DescrLayout {
    flags: 27,
    elsize: 32,
    alignment: 36,
    size_width: 4,
    metadata: 72,
    subarray: 40,
    fields: 48,
    names: 56,
    c_metadata: 80,
};

pub(super) const NUMPY_2: DescrLayout = DescrLayout {
    flags: 32,
    elsize: 40,
    alignment: 48,
    size_width: 8,
    metadata: 56,
    subarray: 88,
    fields: 96,
    names: 104,
    c_metadata: 112,
};

/// `PyArray_ArrayDescr.base`: `PyArray_Descr *`, the dtype of the elements.
pub const SUBARRAY_BASE: usize = 0;
/// `PyArray_ArrayDescr.shape`: a tuple of ints.
pub const SUBARRAY_SHAPE: usize = 8;

/// Place of the [`DatetimeMetadata`] in what `c_metadata` points to: after an `NpyAuxData`.
pub const DATETIME_METADATA: usize = 32;

/// `PyArray_DatetimeMetaData`: what a `datetime64` or `timedelta64` counts.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatetimeMetadata {
    /// `base`: an `NPY_DATETIMEUNIT`, see [`Self::unit_name`].
    pub unit: c_int,
    /// `num`: units in one step, as 10 in `datetime64[10us]`.
    pub count: c_int,
}

const _: () = assert!(offset_of!(DatetimeMetadata, unit) == 0);
const _: () = assert!(offset_of!(DatetimeMetadata, count) == 4);
const _: () = assert!(size_of::<DatetimeMetadata>() == 8);

impl DatetimeMetadata {
    /// `Y`, `M`, `W`, `D`, `h`, `m`, `s`, `ms`, `us`, `ns`, `ps`, `fs` or `as`. `None` for the generic
    /// unit (`NPY_FR_GENERIC`, 14), which is written as nothing, and for numbers that NumPy doesn't
    /// use.
    #[must_use]
    pub const fn unit_name(self) -> Option<&'static str> {
        Some(match self.unit {
            0 => "Y",
            1 => "M",
            2 => "W",
            4 => "D",
            5 => "h",
            6 => "m",
            7 => "s",
            8 => "ms",
            9 => "us",
            10 => "ns",
            11 => "ps",
            12 => "fs",
            13 => "as",
            _ => return None,
        })
    }
}
