//! What stands in for functions of NumPy. One file per patched table.

pub(crate) mod array;
pub(crate) mod data_mem;
pub(crate) mod method;
