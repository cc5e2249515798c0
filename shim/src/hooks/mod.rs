//! What stands in for functions of NumPy. One file per patched table.

pub(crate) mod array;
pub(crate) mod c_api;
pub(crate) mod data_mem;
pub(crate) mod export;
pub(crate) mod index;
pub(crate) mod method;
pub(crate) mod method_call;
pub(crate) mod ufunc;
