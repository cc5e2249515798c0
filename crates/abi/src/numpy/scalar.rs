//! `PyLongScalarObject`: a NumPy integer of the size of a C `long`, which is what `np.arange`,
//! `np.argsort` and `np.nonzero` give element by element.

/// `obval`: `npy_long`, the value.
pub const LONG_VALUE: usize = 16;
