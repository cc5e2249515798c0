//! NumPy 1.22 to 2.x: arrays, dtypes, the data allocator, ufuncs and the table of API functions.
//!
//! What differs between 1.x and 2.x is in [`NumpyLayout`]; what is the same in both is constants and
//! structs.

pub mod api;
pub mod array;
pub mod data_mem;
pub mod descr;
pub mod dtype;
pub mod scalar;
pub mod ufunc;
mod version;

pub use self::array::ArrayBody;
pub use self::data_mem::DataMemHandler;
pub use self::descr::{DatetimeMetadata, DescrLayout};
pub use self::dtype::{Dtype, builtin_name};
pub use self::version::NumpyVersion;

/// Everything that differs from NumPy 1.x to 2.x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumpyLayout {
    /// 1 or 2.
    pub major: u8,
    /// `NPY_MAXDIMS`: no array has more dimensions.
    pub max_ndim: usize,
    /// `PyArray_Descr`.
    pub descr: DescrLayout,
}

/// NumPy 1.22 to 1.26.
pub static NUMPY_1: NumpyLayout = NumpyLayout { major: 1, max_ndim: 32, descr: descr::NUMPY_1 };

/// NumPy 2.x.
pub static NUMPY_2: NumpyLayout = NumpyLayout { major: 2, max_ndim: 64, descr: descr::NUMPY_2 };
