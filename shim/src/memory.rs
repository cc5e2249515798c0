//! Reading the memory of CPython and NumPy by offset.

/// An address in the program, which may be null. What it leads to is known from the context.
pub(crate) type Address = usize;

/// Reads a `T` at `address + offset`.
///
/// # Safety
///
/// A value for which every bit pattern is a `T` must lie there for the time of the call: the object
/// at `address` is alive and has a field of this size at `offset`.
#[inline(always)]
pub(crate) unsafe fn read<T: Copy>(address: Address, offset: usize) -> T {
    let from = std::ptr::with_exposed_provenance::<T>(address.wrapping_add(offset));
    // SAFETY: the caller vouches for the memory; alignment is not asked for.
    unsafe { from.read_unaligned() }
}

/// Writes a pointer-sized value at `address + offset`, and gives the old one.
///
/// # Safety
///
/// A pointer-sized field of a live struct must lie there, which this process may write and nobody
/// else writes now.
pub(crate) unsafe fn replace(address: Address, offset: usize, value: usize) -> usize {
    let place = std::ptr::with_exposed_provenance_mut::<usize>(address.wrapping_add(offset));
    // SAFETY: the caller vouches for the memory.
    unsafe { place.replace(value) }
}

/// The bytes of a C string, without its end.
///
/// # Safety
///
/// `text` must be null or lead to a C string that outlives `'a`.
pub(crate) unsafe fn c_string<'a>(text: Address) -> &'a [u8] {
    if text == 0 {
        return &[];
    }
    // SAFETY: the caller vouches for the string.
    unsafe { std::ffi::CStr::from_ptr(std::ptr::with_exposed_provenance(text)) }.to_bytes()
}
