//! Which small operations may have copied something on the side.
//!
//! What an operation copies is decided in one place, from its record. Here it is only found out, as
//! cheaply as can be, which of the small ones need a record for that: those whose operands are not all
//! plain, which are few.

use npprof_abi::numpy::{ArrayBody, array, descr, dtype};
use npprof_abi::python::object::OBJECT_SIZE;

use crate::memory::{Address, read};

/// Bytes of the largest number.
const LARGEST_NUMBER: usize = 32;

/// Whether more was allocated than an array of so many bytes, or what became a single number.
pub(crate) fn is_more(allocated: u64, given_back: Option<usize>) -> bool {
    allocated > given_back.unwrap_or(LARGEST_NUMBER) as u64
}

/// What arrays have in common.
pub(crate) struct Common {
    /// Bits that are set in the address of any dtype, and of all.
    any: Address,
    all: Address,
    flags: i32,
}

impl Common {
    pub(crate) const fn new() -> Self {
        Self { any: 0, all: usize::MAX, flags: array::ALIGNED }
    }

    /// Takes one more array in.
    ///
    /// # Safety
    ///
    /// `array` must be a live array.
    #[inline(always)]
    pub(crate) unsafe fn see(&mut self, array: Address) {
        // SAFETY: the caller vouches for the array.
        let body = unsafe { read::<ArrayBody>(array, OBJECT_SIZE) };
        self.any |= body.descr.addr();
        self.all &= body.descr.addr();
        self.flags &= body.flags;
    }

    /// The dtype of all arrays, if they are aligned and of one.
    #[inline(always)]
    pub(crate) fn dtype(&self) -> Option<Address> {
        (self.any == self.all && self.flags != 0).then_some(self.any)
    }

    /// Whether all arrays are aligned and of this very dtype.
    #[inline(always)]
    pub(crate) fn is_plain(&self, dtype: Address) -> bool {
        (self.any ^ dtype) | (self.all ^ dtype) == 0 && self.flags != 0
    }
}

/// The dtype of an array.
///
/// # Safety
///
/// `array` must be a live array.
#[inline(always)]
pub(crate) unsafe fn dtype_of(array: Address) -> Address {
    // SAFETY: the caller vouches for the array.
    unsafe { read::<ArrayBody>(array, OBJECT_SIZE) }.descr.addr()
}

/// Number of an array's dtype.
///
/// # Safety
///
/// As for [`dtype_of`].
pub(crate) unsafe fn type_num(array: Address) -> i32 {
    // SAFETY: the caller vouches for the array, whose dtype lives as long.
    let dtype = unsafe { dtype_of(array) };
    // SAFETY: as above.
    unsafe { read::<i32>(dtype, descr::TYPE_NUM) }
}

/// Whether an array's elements can't be computed with where they lie.
///
/// # Safety
///
/// As for [`dtype_of`].
pub(crate) unsafe fn needs_buffer(array: Address) -> bool {
    // SAFETY: the caller vouches for the array.
    let body = unsafe { read::<ArrayBody>(array, OBJECT_SIZE) };
    body.flags & array::ALIGNED == 0
        // SAFETY: an array's dtype lives as long.
        || unsafe { read::<u8>(body.descr.addr(), descr::BYTEORDER) } == b'>'
}

/// Whether a ufunc may take an array of the first dtype through a buffer to compute in the second one.
pub(crate) fn may_cast(from: i32, to: i32) -> bool {
    const NUMBERS: std::ops::Range<i32> = dtype::BOOL..dtype::OBJECT;
    let is_number = |number| NUMBERS.contains(&number) || number == dtype::HALF;
    from != to && to != dtype::BOOL && is_number(from) && is_number(to)
}

/// What a ufunc copies of its inputs before it computes with them.
#[derive(Clone, Copy, Default)]
pub(crate) struct Buffered {
    pub(crate) n: u8,
    pub(crate) n_bytes: usize,
}

/// How a ufunc that gives elements of a dtype takes an input of another one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Taken {
    AsItIs,
    ThroughBuffer,
    /// That takes a closer look than one at the numbers of the dtypes.
    Somehow,
}

/// How an array of a number's dtype is taken where the result is of another one: as the collector tells
/// it by their names.
pub(crate) fn taken(from: (i32, usize), to: (i32, usize)) -> Taken {
    let ((from, from_size), (to, to_size)) = (from, to);
    let (Some(from_rank), Some(to_rank)) = (rank(from), rank(to)) else { return Taken::Somehow };
    if from != to && from_rank <= to_rank && to_rank > 0 && from_size <= to_size {
        Taken::ThroughBuffer
    } else {
        Taken::AsItIs
    }
}

/// Numbers that can be cast to those of a higher rank. Not those for which C has two names and NumPy
/// one, nor those whose size differs from machine to machine.
const fn rank(number: i32) -> Option<u8> {
    match number {
        dtype::BOOL => Some(0),
        dtype::BYTE..=dtype::ULONG => Some(1),
        dtype::FLOAT | dtype::DOUBLE | dtype::HALF => Some(2),
        dtype::CFLOAT | dtype::CDOUBLE => Some(3),
        _ => None,
    }
}

/// Whether an array lies without gaps, in any order.
///
/// # Safety
///
/// As for [`dtype_of`].
pub(crate) unsafe fn is_dense(array: Address) -> bool {
    // SAFETY: the caller vouches for the array.
    let flags = unsafe { read::<ArrayBody>(array, OBJECT_SIZE) }.flags;
    flags & (array::C_CONTIGUOUS | array::F_CONTIGUOUS) != 0
}

/// Whether a copy has the dtype of what it was made of.
///
/// # Safety
///
/// As for [`dtype_of`], for both.
pub(crate) unsafe fn are_of_one_dtype(one: Address, other: Address) -> bool {
    // SAFETY: the caller vouches for both.
    let [one, other] = [one, other].map(|it| unsafe { dtype_of(it) });
    one == other
}

/// Whether a copy has the dtype of what it was made of, and its elements lie in the same dense order.
///
/// # Safety
///
/// As for [`dtype_of`], for both.
pub(crate) unsafe fn lie_alike(one: Address, other: Address) -> bool {
    // SAFETY: the caller vouches for both.
    let [one, other] = [one, other].map(|it| unsafe { read::<ArrayBody>(it, OBJECT_SIZE) });
    let orders = one.flags & other.flags;
    let is_in_one_order = orders & array::C_CONTIGUOUS != 0
        || orders & array::F_CONTIGUOUS != 0 && one.ndim == other.ndim;
    one.descr == other.descr && is_in_one_order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(descr: usize, flags: i32) -> [u64; 12] {
        let mut words = [0; 12];
        words[2 + 5] = descr as u64;
        words[2 + 6] = u64::from(flags.cast_unsigned());
        words
    }

    fn common(arrays: &[[u64; 12]]) -> Common {
        let mut common = Common::new();
        for array in arrays {
            // SAFETY: as much of an array as is read.
            unsafe { common.see(array.as_ptr().expose_provenance()) };
        }
        common
    }

    #[test]
    fn arrays_are_plain_when_they_are_of_the_results_dtype_and_aligned() {
        let plain = array(0x1230, array::ALIGNED | array::C_CONTIGUOUS);
        let other = array(0x1250, array::ALIGNED);
        let crooked = array(0x1230, array::C_CONTIGUOUS);
        assert!(common(&[plain, plain]).is_plain(0x1230));
        assert!(!common(&[plain, plain]).is_plain(0x1250));
        assert!(!common(&[plain, other]).is_plain(0x1230));
        assert!(!common(&[other, plain]).is_plain(0x1230));
        assert!(!common(&[plain, crooked]).is_plain(0x1230));
    }

    #[test]
    fn what_is_cast_goes_through_a_buffer() {
        let [int, long] = [(dtype::INT, 4), (dtype::LONG, 8)];
        let (double, single, bool) = ((dtype::DOUBLE, 8), (dtype::FLOAT, 4), (dtype::BOOL, 1));
        assert_eq!(taken(long, double), Taken::ThroughBuffer);
        assert_eq!(taken(int, long), Taken::ThroughBuffer);
        assert_eq!(taken(bool, single), Taken::ThroughBuffer);
        assert_eq!(taken(double, double), Taken::AsItIs);
        // What is computed in another dtype than that of the result.
        assert_eq!(taken(double, single), Taken::AsItIs);
        assert_eq!(taken(double, bool), Taken::AsItIs);
        assert_eq!(taken((dtype::LONGLONG, 8), long), Taken::Somehow);
        assert_eq!(taken((dtype::OBJECT, 8), double), Taken::Somehow);
    }

    #[test]
    fn numbers_are_cast_to_others() {
        assert!(may_cast(dtype::INT, dtype::HALF) && may_cast(dtype::BOOL, dtype::LONG));
        assert!(!may_cast(dtype::INT, dtype::BOOL) && !may_cast(dtype::INT, dtype::INT));
        assert!(!may_cast(dtype::INT, dtype::OBJECT) && !may_cast(dtype::DATETIME, dtype::LONG));
    }
}
