//! `PyDataMem_Handler` (NEP 49): where NumPy gets the memory of its arrays.
//!
//! A handler is a struct behind a capsule. Arrays keep a reference to the capsule that their data is
//! from, and the functions in it are read at each call.

use core::ffi::{CStr, c_char, c_void};
use core::mem::{offset_of, size_of};

/// Name of the capsules around a [`DataMemHandler`].
pub const CAPSULE_NAME: &CStr = c"mem_handler";
/// Name of the handler at
/// [`api::DEFAULT_DATA_MEM_HANDLER`](super::api::DEFAULT_DATA_MEM_HANDLER). NumPy's own tests look
/// at it.
pub const DEFAULT_HANDLER_NAME: &CStr = c"default_allocator";
/// The only version of the struct so far.
pub const HANDLER_VERSION: u8 = 1;

/// `void *malloc(void *ctx, size_t size)`.
pub type DataMalloc = unsafe extern "C" fn(ctx: *mut c_void, size: usize) -> *mut c_void;
/// `void *calloc(void *ctx, size_t count, size_t item_size)`.
pub type DataCalloc =
    unsafe extern "C" fn(ctx: *mut c_void, count: usize, item_size: usize) -> *mut c_void;
/// `void *realloc(void *ctx, void *block, size_t size)`.
pub type DataRealloc =
    unsafe extern "C" fn(ctx: *mut c_void, block: *mut c_void, size: usize) -> *mut c_void;
/// `void free(void *ctx, void *block, size_t size)`. The size is what the caller believes that the
/// block has, which is not always what it was allocated with.
pub type DataFree = unsafe extern "C" fn(ctx: *mut c_void, block: *mut c_void, size: usize);

/// `PyDataMem_Handler`: a name, a version, and a `PyDataMemAllocator`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DataMemHandler {
    /// Ends with a null byte; what `numpy.core.multiarray.get_handler_name` returns.
    pub name: [c_char; 127],
    /// [`HANDLER_VERSION`].
    pub version: u8,
    /// Passed to each function as it is; null in the default handler.
    pub ctx: *mut c_void,
    /// Memory with anything in it; null when there is none.
    pub malloc: Option<DataMalloc>,
    /// Zeroed memory; null when there is none.
    pub calloc: Option<DataCalloc>,
    /// Null block allowed.
    pub realloc: Option<DataRealloc>,
    /// Null block allowed.
    pub free: Option<DataFree>,
}

const _: () = assert!(offset_of!(DataMemHandler, name) == 0);
const _: () = assert!(offset_of!(DataMemHandler, version) == 127);
const _: () = assert!(offset_of!(DataMemHandler, ctx) == 128);
const _: () = assert!(offset_of!(DataMemHandler, malloc) == 136);
const _: () = assert!(offset_of!(DataMemHandler, calloc) == 144);
const _: () = assert!(offset_of!(DataMemHandler, realloc) == 152);
const _: () = assert!(offset_of!(DataMemHandler, free) == 160);
const _: () = assert!(size_of::<DataMemHandler>() == 168);
