//! Dtypes by number, and how they are written.
//!
//! A number (`type_num`) stands for a C type, so on 64-bit Linux two numbers are one dtype to the
//! user: `long` and `long long` are both `int64`, as NumPy says too.

use core::fmt;

use super::DatetimeMetadata;
/// `NPY_BOOL`.
pub const BOOL: i32 = 0;
/// `NPY_BYTE`: the first of the integers.
pub const BYTE: i32 = 1;
/// `NPY_INT`: a C `int`.
pub const INT: i32 = 5;
/// `NPY_LONG`: a C `long`.
pub const LONG: i32 = 7;
/// `NPY_ULONG`: a C `unsigned long`, the last of the integers of which no two are of one size and sign.
pub const ULONG: i32 = 8;
/// `NPY_LONGLONG`: a C `long long`.
pub const LONGLONG: i32 = 9;
/// `NPY_FLOAT`: `float32`.
pub const FLOAT: i32 = 11;
/// `NPY_DOUBLE`: `float64`.
pub const DOUBLE: i32 = 12;
/// `NPY_CFLOAT`: `complex64`.
pub const CFLOAT: i32 = 14;
/// `NPY_CDOUBLE`: `complex128`.
pub const CDOUBLE: i32 = 15;
/// `NPY_OBJECT`: elements are `PyObject *`.
pub const OBJECT: i32 = 17;
/// `NPY_STRING`: `bytes`.
pub const BYTES: i32 = 18;
/// `NPY_UNICODE`: `str`, four bytes a character.
pub const UNICODE: i32 = 19;
/// `NPY_VOID`: raw bytes, or a struct when the dtype has fields.
pub const VOID: i32 = 20;
/// `NPY_DATETIME`.
pub const DATETIME: i32 = 21;
/// `NPY_TIMEDELTA`.
pub const TIMEDELTA: i32 = 22;
/// `NPY_HALF`, the last of the built-in numbers that run on.
pub const HALF: i32 = 23;
/// Numbers of the dtypes that NumPy has always had are from 0 to below this.
pub const LEGACY_TYPE_NUMS: i32 = 24;
/// `NPY_USERDEF`: first number of dtypes that other packages register in the old way, as bfloat16.
pub const USER_DEFINED: i32 = 256;
/// `NPY_VSTRING`: `StringDType`, from 2.0 on; an element's text is outside of the array.
pub const VSTRING: i32 = 2056;

/// The name of a built-in dtype as `numpy.dtype.name` gives it, without a size in those whose size
/// varies (`bytes`, `str`, `void`) or a unit (`datetime64`, `timedelta64`). `None` for numbers of
/// other packages' dtypes.
#[must_use]
pub const fn builtin_name(type_num: i32) -> Option<&'static str> {
    Some(match type_num {
        0 => "bool",
        1 => "int8",
        2 => "uint8",
        3 => "int16",
        4 => "uint16",
        5 => "int32",
        6 => "uint32",
        // long and long long.
        7 | 9 => "int64",
        8 | 10 => "uint64",
        11 => "float32",
        12 => "float64",
        // long double: 10 bytes that matter, in 16.
        13 => "float128",
        14 => "complex64",
        15 => "complex128",
        16 => "complex256",
        OBJECT => "object",
        BYTES => "bytes",
        UNICODE => "str",
        VOID => "void",
        DATETIME => "datetime64",
        TIMEDELTA => "timedelta64",
        HALF => "float16",
        VSTRING => "StringDType",
        _ => return None,
    })
}

/// What it takes to write a dtype down. `Display` gives what a NumPy user would type: `float64`,
/// `>f4`, `datetime64[10us]`, `S10`, `<U10`, `V16`, `object`; `user300[2]` for a dtype of another package,
/// with its number and its bytes per element, when nothing better is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dtype {
    /// As in `PyArray_Descr`.
    pub type_num: i32,
    /// Bytes in an element.
    pub itemsize: usize,
    /// Stored in the other byte order than the machine's: `byteorder` is `>`.
    pub is_swapped: bool,
    /// Of `datetime64` and `timedelta64`; `None` if unknown or not applicable.
    pub datetime: Option<DatetimeMetadata>,
}

/// Bytes in a character of a `str` dtype.
const CHARACTER: usize = 4;

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { type_num, itemsize, is_swapped, datetime } = *self;
        match type_num {
            BYTES => write!(f, "S{itemsize}"),
            VOID => write!(f, "V{itemsize}"),
            UNICODE => {
                let order = if is_swapped { '>' } else { '<' };
                write!(f, "{order}U{}", itemsize / CHARACTER)
            }
            _ => {
                match (is_swapped, swapped_letter(type_num), builtin_name(type_num)) {
                    (true, Some(letter), _) => write!(f, ">{letter}{itemsize}")?,
                    (_, _, Some(name)) => f.write_str(name)?,
                    (_, _, None) => write!(f, "user{type_num}[{itemsize}]")?,
                }
                match datetime {
                    Some(metadata) => write_unit(metadata, f),
                    None => Ok(()),
                }
            }
        }
    }
}

/// `[ns]` or `[10us]`; nothing for the generic unit.
fn write_unit(metadata: DatetimeMetadata, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match (metadata.unit_name(), metadata.count) {
        (None, _) => Ok(()),
        (Some(unit), 1) => write!(f, "[{unit}]"),
        (Some(unit), count) => write!(f, "[{count}{unit}]"),
    }
}

/// The kind letter of dtypes that have a byte order.
const fn swapped_letter(type_num: i32) -> Option<char> {
    Some(match type_num {
        3 | 5 | 7 | 9 => 'i',
        4 | 6 | 8 | 10 => 'u',
        11..=13 | HALF => 'f',
        14..=16 => 'c',
        DATETIME => 'M',
        TIMEDELTA => 'm',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    fn check(type_num: i32, itemsize: usize, expected: &str, expected_swapped: &str) {
        let dtype = Dtype { type_num, itemsize, is_swapped: false, datetime: None };
        assert_eq!(dtype.to_string(), expected);
        assert_eq!(Dtype { is_swapped: true, ..dtype }.to_string(), expected_swapped);
    }

    fn check_datetime(type_num: i32, unit: i32, count: i32, expected: &str) {
        let dtype = Dtype {
            type_num,
            itemsize: 8,
            is_swapped: false,
            datetime: Some(DatetimeMetadata { unit, count }),
        };
        assert_eq!(dtype.to_string(), expected);
    }

    #[test]
    fn numbers_are_named_as_numpy_names_them() {
        check(0, 1, "bool", "bool");
        check(1, 1, "int8", "int8");
        check(3, 2, "int16", ">i2");
        check(7, 8, "int64", ">i8");
        check(9, 8, "int64", ">i8");
        check(10, 8, "uint64", ">u8");
        check(12, 8, "float64", ">f8");
        check(13, 16, "float128", ">f16");
        check(15, 16, "complex128", ">c16");
        check(23, 2, "float16", ">f2");
        check(17, 8, "object", "object");
    }

    #[test]
    fn dtypes_of_varying_size_are_written_with_it() {
        check(18, 10, "S10", "S10");
        check(19, 40, "<U10", ">U10");
        check(20, 16, "V16", "V16");
        check(19, 0, "<U0", ">U0");
    }

    #[test]
    fn dtypes_of_other_packages_are_numbered() {
        check(256, 2, "user256[2]", "user256[2]");
        check(-1, 4, "user-1[4]", "user-1[4]");
        check(2056, 16, "StringDType", "StringDType");
    }

    #[test]
    fn times_are_written_with_their_unit() {
        check_datetime(21, 10, 1, "datetime64[ns]");
        check_datetime(21, 9, 10, "datetime64[10us]");
        check_datetime(22, 7, 25, "timedelta64[25s]");
        check_datetime(22, 4, 1, "timedelta64[D]");
        check_datetime(21, 14, 1, "datetime64");
        // NumPy has no unit 3.
        check_datetime(21, 3, 1, "datetime64");
        let swapped = Dtype {
            type_num: 21,
            itemsize: 8,
            is_swapped: true,
            datetime: Some(DatetimeMetadata { unit: 8, count: 1 }),
        };
        assert_eq!(swapped.to_string(), ">M8[ms]");
    }
}
