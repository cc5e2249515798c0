//! The layout of an array as words.

use npprof_abi::numpy::ArrayBody;
use npprof_abi::python::object::OBJECT_SIZE;
use npprof_wire::encode::Traits;
use npprof_wire::record::{MAX_NDIM, Order};

use crate::dtype::DtypeTable;
use crate::memory::{Address, read};
use crate::stream::Stream;

/// A layout on its way to the ring.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) traits: Traits,
    shape: Address,
    strides: Address,
}

impl Layout {
    pub(crate) const SCRATCH: Self = Self { traits: Traits::SCRATCH, shape: 0, strides: 0 };

    /// A layout that lies in arrays of our own: `traits.ndim` extents and strides.
    pub(crate) fn of_part(traits: Traits, shape: &[usize], strides: &[isize]) -> Self {
        Self {
            traits,
            shape: shape.as_ptr().expose_provenance(),
            strides: strides.as_ptr().expose_provenance(),
        }
    }

    /// The layout of `array`, in a block of `size` bytes. Scratch if the array already has data,
    /// unless `has_data` says that it should.
    ///
    /// # Safety
    ///
    /// `array` must lead to a live `ndarray` whose `ndim`, `dimensions`, `strides` and `descr` are
    /// filled in and that nobody changes meanwhile: hold the interpreter lock. What the result
    /// refers to lives as long as that.
    #[inline]
    pub(crate) unsafe fn of_array(
        array: Address,
        size: usize,
        has_data: bool,
        dtypes: &mut DtypeTable,
        stream: &mut Stream,
    ) -> Self {
        // SAFETY: the caller vouches for the array.
        let body = unsafe { read::<ArrayBody>(array, OBJECT_SIZE) };
        let ndim = usize::try_from(body.ndim).unwrap_or(usize::MAX);
        if body.data.is_null() == has_data || ndim > MAX_NDIM || body.descr.is_null() {
            return Self::SCRATCH;
        }
        // SAFETY: an array's descr lives as long as the array.
        let (dtype, itemsize) = unsafe { dtypes.number_of(body.descr.addr(), stream) };
        let mut layout = Self {
            traits: Traits { dtype, order: Order::C, ..Traits::SCRATCH },
            shape: body.shape.addr(),
            strides: body.strides.addr(),
        };
        if ndim == 0 {
            return layout;
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most MAX_NDIM")]
        {
            layout.traits.ndim = ndim as u8;
        }
        if ndim == 1 {
            // SAFETY: NumPy keeps `ndim` extents and strides there.
            let extent = unsafe { read::<usize>(layout.shape, 0) };
            // SAFETY: as above.
            let stride = unsafe { read::<isize>(layout.strides, 0) };
            let is_dense = stride.cast_unsigned() == itemsize || extent <= 1;
            layout.traits.has_shape = !is_dense || extent.wrapping_mul(itemsize) != size;
            layout.traits.order = if is_dense { Order::C } else { Order::Strided };
            return layout;
        }
        layout.traits.has_shape = true;
        layout.traits.order = if layout.is_dense((0..ndim).rev(), itemsize) {
            Order::C
        } else if layout.is_dense(0..ndim, itemsize) {
            Order::F
        } else {
            Order::Strided
        };
        layout
    }

    /// The layout of `array`, in a block of `size` bytes, if its traits say all: a dense array of plain
    /// numbers, of one dimension at most, that fills the block and has no data yet. What
    /// [`Self::of_array`] gives is the same.
    ///
    /// # Safety
    ///
    /// As for [`Self::of_array`].
    #[inline(always)]
    pub(crate) unsafe fn plain(array: Address, size: usize, dtypes: &DtypeTable) -> Option<Traits> {
        // SAFETY: the caller vouches for the array.
        let body = unsafe { read::<ArrayBody>(array, OBJECT_SIZE) };
        if !body.data.is_null() || body.descr.is_null() {
            return None;
        }
        // SAFETY: an array's descr lives as long as the array.
        let (dtype, itemsize) = unsafe { dtypes.plain_number_of(body.descr.addr()) }?;
        if body.ndim == 1 {
            // SAFETY: NumPy keeps `ndim` extents and strides there.
            let extent = unsafe { read::<usize>(body.shape.addr(), 0) };
            // SAFETY: as above.
            let stride = unsafe { read::<usize>(body.strides.addr(), 0) };
            if stride != itemsize || extent.wrapping_mul(itemsize) != size {
                return None;
            }
        } else if body.ndim != 0 {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 or 1")]
        let ndim = body.ndim as u8;
        Some(Traits { dtype, ndim, order: Order::C, ..Traits::SCRATCH })
    }

    /// Words that this layout takes behind the traits.
    #[inline]
    pub(crate) fn n_words(&self) -> usize {
        let ndim = usize::from(self.traits.ndim);
        match (self.traits.has_shape, self.traits.order) {
            (false, _) => 0,
            (true, Order::Strided) => ndim.wrapping_mul(2),
            (true, _) => ndim,
        }
    }

    /// Pushes these words.
    #[inline]
    pub(crate) fn push(&self, stream: &mut Stream) {
        if self.traits.has_shape {
            self.push_axes(self.shape, stream);
            if self.traits.order == Order::Strided {
                self.push_axes(self.strides, stream);
            }
        }
    }

    fn push_axes(&self, values: Address, stream: &mut Stream) {
        for axis in 0..usize::from(self.traits.ndim) {
            // SAFETY: `of_array` took this from a live array with so many axes.
            stream.push(unsafe { read::<u64>(values, axis.wrapping_mul(8)) });
        }
    }

    /// Whether the strides grow without gaps along `axes`. Axes of extent one or zero don't count,
    /// as in NumPy's flags.
    fn is_dense(&self, axes: impl Iterator<Item = usize>, itemsize: usize) -> bool {
        let mut expected = itemsize;
        for axis in axes {
            let offset = axis.wrapping_mul(8);
            // SAFETY: `of_array` took these from a live array with so many axes.
            let extent = unsafe { read::<usize>(self.shape, offset) };
            // SAFETY: as above.
            let stride = unsafe { read::<usize>(self.strides, offset) };
            if extent > 1 && stride != expected {
                return false;
            }
            expected = expected.wrapping_mul(extent.max(1));
        }
        true
    }
}

#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "a test, not a hook"
)]
mod tests {
    use npprof_abi::numpy::{NUMPY_2, descr};
    use npprof_shm::{RingReader, Segment};
    use npprof_wire::decode::decode;
    use npprof_wire::encode::event;
    use npprof_wire::record::{Kind, Record};
    use npprof_wire::segment::MAIN_RING;

    use super::*;

    /// An `ndarray`, as far as it is read.
    #[repr(C)]
    struct Object {
        header: [u64; OBJECT_SIZE / 8],
        body: ArrayBody,
    }

    /// A `float64` dtype, as far as it is read.
    fn float64() -> [u64; 16] {
        let mut words = [0; 16];
        words[descr::TYPE_NUM / 8] = 12 << 32 | u64::from(b'=') << 16;
        words[NUMPY_2.descr.elsize / 8] = 8;
        words
    }

    /// The layout that the record of an array with these extents and strides carries.
    fn check(shape: &[isize], strides: &[isize], size: usize, expected: &str) {
        let descr = float64();
        let body = ArrayBody {
            data: std::ptr::null_mut(),
            ndim: i32::try_from(shape.len()).unwrap(),
            shape: shape.as_ptr(),
            strides: strides.as_ptr(),
            base: std::ptr::null_mut(),
            descr: (&raw const descr).cast_mut().cast(),
            flags: 0,
            weak_references: std::ptr::null_mut(),
            buffer_info: std::ptr::null_mut(),
            mem_handler: std::ptr::null_mut(),
        };
        let array = Object { header: [0; 2], body };
        let (segment, _file) = Segment::create().unwrap();
        let segment: &'static Segment = Box::leak(Box::new(segment));
        let mut stream = Stream::new(segment, false);
        let mut dtypes = DtypeTable::new(NUMPY_2.descr);
        let address = (&raw const array).expose_provenance();
        // SAFETY: an array built by hand above.
        let plain = unsafe { Layout::plain(address, size, &dtypes) };
        // SAFETY: an array built by hand above.
        let layout = unsafe { Layout::of_array(address, size, false, &mut dtypes, &mut stream) };
        let has_all = shape.len() < 2 && layout.n_words() == 0;
        assert_eq!(plain.map(|plain| plain.word(0)), has_all.then(|| layout.traits.word(0)));
        assert!(stream.begin(layout.n_words() + 2));
        stream.push(event(Kind::Layout, 0x1000));
        stream.push(layout.traits.word(0));
        layout.push(&mut stream);
        stream.publish();
        let mut words = Vec::new();
        let reader = RingReader::new(MAIN_RING);
        reader.copy(segment, reader.head(segment).unwrap(), 1000, &mut words);
        let Ok((Record::Layout { layout, .. }, _)) = decode(&words) else { panic!("a layout") };
        let strides: Vec<_> = layout.strides.iter().map(|s| s.cast_signed()).collect();
        let shape = if layout.is_flat { "flat".to_owned() } else { format!("{:?}", layout.shape) };
        assert_eq!(
            format!("dtype {} {:?} {shape} {strides:?}", layout.dtype, layout.order),
            expected
        );
    }

    #[test]
    fn contiguous_arrays_need_no_strides() {
        check(&[], &[], 8, "dtype 13 C [] []");
        check(&[10], &[8], 80, "dtype 13 C flat []");
        check(&[2, 3], &[24, 8], 48, "dtype 13 C [2, 3] []");
        check(&[2, 3], &[8, 16], 48, "dtype 13 F [2, 3] []");
        // An axis of extent one has any stride.
        check(&[1, 3], &[999, 8], 24, "dtype 13 C [1, 3] []");
    }

    #[test]
    fn other_arrays_carry_them() {
        check(&[3, 2, 4], &[32, 96, 8], 192, "dtype 13 Strided [3, 2, 4] [32, 96, 8]");
        check(&[10], &[16], 160, "dtype 13 Strided [10] [16]");
        check(&[4], &[-8], 32, "dtype 13 Strided [4] [-8]");
    }

    #[test]
    fn empty_arrays_carry_their_shape() {
        // NumPy asks for one element then.
        check(&[0], &[8], 8, "dtype 13 C [0] []");
        check(&[0, 4], &[0, 0], 8, "dtype 13 Strided [0, 4] [0, 0]");
    }

    #[test]
    fn the_largest_number_of_dimensions_fits() {
        let shape = [1; MAX_NDIM];
        let strides = [8; MAX_NDIM];
        check(&shape, &strides, 8, &format!("dtype 13 C {shape:?} []"));
    }
}
