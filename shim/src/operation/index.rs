//! What an index means: which part of an array, and whether it is a progression.

use npprof_abi::numpy::{ArrayBody, array, dtype};
use npprof_abi::python::object::{OBJECT_SIZE, SLICE_START, SLICE_STEP, SLICE_STOP};
use npprof_wire::record::MAX_NDIM;

use crate::memory::{Address, read};
use crate::operation::look::{self, Types, int_value, is_array, is_integer, items, type_of};

/// Kinds of indices, by what they make.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// An integer for each axis: a single element.
    Element,
    /// Integers, slices, `...`, `None`: a view.
    Basic,
    /// Anything else: most often arrays, lists, masks, names of fields.
    Advanced,
}

/// The part of an array that a basic index selects.
pub(crate) struct Part {
    pub(crate) data: Address,
    pub(crate) ndim: usize,
    pub(crate) shape: [usize; MAX_NDIM],
    pub(crate) strides: [isize; MAX_NDIM],
}

impl Part {
    /// The addresses between which the part lies, the second one past its end.
    pub(crate) fn span(&self, itemsize: usize) -> (Address, Address) {
        let (mut start, mut end) = (self.data, self.data.wrapping_add(itemsize));
        for (&extent, &stride) in self.shape.iter().zip(&self.strides).take(self.ndim) {
            if extent == 0 {
                return (self.data, self.data);
            }
            #[expect(clippy::cast_possible_wrap, reason = "extents of arrays fit")]
            let reach = (extent.wrapping_sub(1) as isize).wrapping_mul(stride);
            if reach < 0 {
                start = start.wrapping_add_signed(reach);
            } else {
                end = end.wrapping_add_signed(reach);
            }
        }
        (start, end)
    }

    pub(crate) fn n_elements(&self) -> usize {
        self.shape.iter().take(self.ndim).fold(1, |n, &extent| n.wrapping_mul(extent))
    }
}

/// What an index means for an array of `ndim` dimensions.
///
/// # Safety
///
/// `key` must be alive, with the interpreter lock held.
#[inline(always)]
pub(crate) unsafe fn meaning(key: Address, ndim: usize, types: &Types) -> Meaning {
    // SAFETY: the caller vouches for the key.
    let class = unsafe { type_of(key) };
    if is_integer(class, types) {
        return if ndim == 1 { Meaning::Element } else { Meaning::Basic };
    }
    if class == types.slice || key == types.ellipsis || key == types.none {
        return Meaning::Basic;
    }
    if class != types.tuple {
        return Meaning::Advanced;
    }
    // SAFETY: a tuple.
    let (first, n) = unsafe { items(key, types) };
    let mut n_ints = 0_usize;
    for index in 0..n {
        // SAFETY: an item of the tuple.
        let item = unsafe { read::<Address>(first, index.wrapping_mul(8)) };
        // SAFETY: alive, as the tuple holds it.
        let class = unsafe { type_of(item) };
        if is_integer(class, types) {
            n_ints = n_ints.wrapping_add(1);
        } else if class != types.slice && item != types.ellipsis && item != types.none {
            return Meaning::Advanced;
        }
    }
    if n_ints == n && n == ndim { Meaning::Element } else { Meaning::Basic }
}

/// The part of `array` that `key` selects; `None` if that can't be told without running code.
///
/// # Safety
///
/// `array` must be a live array and `key` alive and valid for it, with the interpreter lock held.
pub(crate) unsafe fn part(array: Address, key: Address, types: &Types) -> Option<Part> {
    // SAFETY: the caller vouches for the array.
    let body = unsafe { read::<ArrayBody>(array, OBJECT_SIZE) };
    let ndim = usize::try_from(body.ndim).ok()?;
    let mut part =
        Part { data: body.data.addr(), ndim: 0, shape: [0; MAX_NDIM], strides: [0; MAX_NDIM] };
    // SAFETY: the caller vouches for the key.
    let (first, n) = if unsafe { type_of(key) } == types.tuple {
        // SAFETY: a tuple.
        unsafe { items(key, types) }
    } else {
        ((&raw const key).expose_provenance(), 1)
    };
    let item = |index: usize| {
        // SAFETY: an item of the tuple, or the key itself.
        unsafe { read::<Address>(first, index.wrapping_mul(8)) }
    };
    let is_axis = |item: Address| item != types.none && item != types.ellipsis;
    let n_axes = (0..n).filter(|&index| is_axis(item(index))).count();
    let mut axis = 0_usize;
    let keep = |part: &mut Part, axis: usize, shape: Option<(usize, isize)>| {
        let offset = axis.wrapping_mul(8);
        let (extent, step) = shape.unwrap_or_else(|| {
            // SAFETY: NumPy keeps `ndim` extents there.
            (unsafe { read::<usize>(body.shape.addr(), offset) }, 1)
        });
        // SAFETY: as above.
        let stride = unsafe { read::<isize>(body.strides.addr(), offset) };
        if let (Some(to), Some(to_stride)) =
            (part.shape.get_mut(part.ndim), part.strides.get_mut(part.ndim))
        {
            *to = extent;
            *to_stride = stride.wrapping_mul(step);
            part.ndim = part.ndim.wrapping_add(1);
        }
    };
    for index in 0..n {
        let item = item(index);
        if item == types.none {
            continue;
        }
        if item == types.ellipsis {
            for _ in 0..ndim.saturating_sub(n_axes) {
                keep(&mut part, axis, None);
                axis = axis.wrapping_add(1);
            }
            continue;
        }
        if axis >= ndim {
            return None;
        }
        let offset = axis.wrapping_mul(8);
        // SAFETY: as above.
        let extent = unsafe { read::<isize>(body.shape.addr(), offset) };
        // SAFETY: as above.
        let stride = unsafe { read::<isize>(body.strides.addr(), offset) };
        // SAFETY: alive, as the key holds it.
        if unsafe { type_of(item) } == types.slice {
            // SAFETY: a slice.
            let (start, n_kept, step) = unsafe { slice(item, extent, types) }?;
            part.data = part.data.wrapping_add_signed(start.wrapping_mul(stride));
            keep(&mut part, axis, Some((n_kept, step)));
        } else {
            // SAFETY: alive.
            let value = unsafe { int_value(item, types) }?;
            let value = if value < 0 { value.wrapping_add(extent) } else { value };
            if !(0..extent).contains(&value) {
                return None;
            }
            part.data = part.data.wrapping_add_signed(value.wrapping_mul(stride));
        }
        axis = axis.wrapping_add(1);
    }
    for axis in axis..ndim {
        keep(&mut part, axis, None);
    }
    Some(part)
}

/// The address of the single element that `key` selects.
///
/// # Safety
///
/// As for [`part`]; the key must be of [`Meaning::Element`].
#[inline(always)]
pub(crate) unsafe fn element(array: Address, key: Address, types: &Types) -> Option<Address> {
    // SAFETY: the caller vouches for the array.
    let body = unsafe { read::<ArrayBody>(array, OBJECT_SIZE) };
    // SAFETY: the caller vouches for the key.
    if unsafe { type_of(key) } == types.tuple {
        // SAFETY: the caller's, and a tuple.
        return unsafe { element_of_tuple(array, key, types) };
    }
    // SAFETY: the key is for the first axis.
    let offset = unsafe { offset_along(&body, 0, key, types) }?;
    Some(body.data.addr().wrapping_add_signed(offset))
}

/// # Safety
///
/// As for [`element`]; the key must be a tuple.
#[inline(never)]
unsafe fn element_of_tuple(array: Address, key: Address, types: &Types) -> Option<Address> {
    // SAFETY: the caller vouches for the array.
    let body = unsafe { read::<ArrayBody>(array, OBJECT_SIZE) };
    // SAFETY: a tuple.
    let (first, n) = unsafe { items(key, types) };
    (0..n).try_fold(body.data.addr(), |data, axis| {
        // SAFETY: an item of the tuple.
        let item = unsafe { read::<Address>(first, axis.wrapping_mul(8)) };
        // SAFETY: alive, as the key holds it.
        let offset = unsafe { offset_along(&body, axis, item, types) }?;
        Some(data.wrapping_add_signed(offset))
    })
}

/// Bytes from the start of an axis to what an integer selects.
///
/// # Safety
///
/// The array must be alive and have this axis; `item` must be alive.
#[inline(always)]
unsafe fn offset_along(
    body: &ArrayBody,
    axis: usize,
    item: Address,
    types: &Types,
) -> Option<isize> {
    let axis = axis.wrapping_mul(8);
    // SAFETY: the caller vouches for the item.
    let mut value = unsafe { int_value(item, types) }?;
    if value < 0 {
        // SAFETY: NumPy keeps an extent for each axis there.
        value = value.wrapping_add(unsafe { read::<isize>(body.shape.addr(), axis) });
    }
    // SAFETY: likewise for strides.
    Some(value.wrapping_mul(unsafe { read::<isize>(body.strides.addr(), axis) }))
}

/// Start, number of elements and step of a slice of an axis, as Python cuts them.
///
/// # Safety
///
/// `slice` must be a live slice.
unsafe fn slice(slice: Address, extent: isize, types: &Types) -> Option<(isize, usize, isize)> {
    let bound = |offset: usize| {
        // SAFETY: a slice has three objects there.
        let object = unsafe { read::<Address>(slice, offset) };
        if object == types.none {
            return Some(None);
        }
        // SAFETY: alive, as the slice holds it.
        unsafe { int_value(object, types) }.map(Some)
    };
    let step = bound(SLICE_STEP)?.unwrap_or(1);
    let (start, stop) = (bound(SLICE_START)?, bound(SLICE_STOP)?);
    cut(start, stop, step, extent)
}

fn cut(
    start: Option<isize>,
    stop: Option<isize>,
    step: isize,
    extent: isize,
) -> Option<(isize, usize, isize)> {
    let (low, high) = if step > 0 { (0, extent) } else { (-1, extent.wrapping_sub(1)) };
    let place = |value: isize| {
        let value = if value < 0 { value.wrapping_add(extent) } else { value };
        value.clamp(low, high)
    };
    let (first, last) = if step > 0 { (low, high) } else { (high, low) };
    let start = start.map_or(first, place);
    let stop = stop.map_or(last, place);
    let distance = if step > 0 { stop.wrapping_sub(start) } else { start.wrapping_sub(stop) };
    let n = usize::try_from(distance).unwrap_or(0).checked_div(step.unsigned_abs())?;
    let has_rest = usize::try_from(distance).unwrap_or(0).checked_rem(step.unsigned_abs())? != 0;
    Some((start, n.wrapping_add(usize::from(has_rest)), step))
}

/// Start and step of an index that is an arithmetic progression, and the axis that it indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progression {
    pub(crate) start: isize,
    pub(crate) step: isize,
    pub(crate) axis: usize,
}

/// Looks whether `key` is one array, list or mask along one axis, all other axes being taken whole,
/// and selects a progression. Elements are looked at until one breaks it.
///
/// # Safety
///
/// `key` must be alive, with the interpreter lock held.
pub(crate) unsafe fn progression(
    key: Address,
    types: &Types,
    whole: impl Fn(Address) -> bool,
) -> (Option<Progression>, Address) {
    let mut index = key;
    let mut axis = 0;
    // SAFETY: the caller vouches for the key.
    if unsafe { type_of(key) } == types.tuple {
        // SAFETY: a tuple.
        let (first, n) = unsafe { items(key, types) };
        index = 0;
        for at in 0..n {
            // SAFETY: an item of the tuple.
            let item = unsafe { read::<Address>(first, at.wrapping_mul(8)) };
            if whole(item) {
                continue;
            }
            if index != 0 {
                return (None, index);
            }
            index = item;
            axis = at;
        }
    }
    if index == 0 {
        return (None, 0);
    }
    // SAFETY: alive, as the key holds it.
    let found = if unsafe { is_array(index, types) } {
        // SAFETY: an array.
        unsafe { of_array(index) }
    // SAFETY: as above.
    } else if unsafe { type_of(index) } == types.list {
        // SAFETY: a list.
        unsafe { of_list(index, types) }
    } else {
        None
    };
    (found.map(|(start, step)| Progression { start, step, axis }), index)
}

/// How many elements of a mask are true; `None` for what is no mask, or doesn't lie densely.
///
/// # Safety
///
/// `mask` must be alive, with the interpreter lock held.
pub(crate) unsafe fn count_true(mask: Address, types: &Types) -> Option<usize> {
    // SAFETY: the caller vouches for the object.
    if !unsafe { is_array(mask, types) } {
        return None;
    }
    // SAFETY: an array.
    let body = unsafe { read::<ArrayBody>(mask, OBJECT_SIZE) };
    // SAFETY: an array's dtype lives as long.
    let type_num = unsafe { read::<i32>(body.descr.addr(), npprof_abi::numpy::descr::TYPE_NUM) };
    let is_dense = body.flags & (array::C_CONTIGUOUS | array::F_CONTIGUOUS) != 0;
    if type_num != dtype::BOOL || !is_dense {
        return None;
    }
    // SAFETY: as above; a mask's elements are one byte each.
    let n = unsafe { look::look(mask, 1) }.n_elements;
    // SAFETY: so many bytes lie there, which nobody writes while the lock is held.
    let bytes = unsafe { std::slice::from_raw_parts(body.data.cast::<u8>(), n) };
    Some(bytes.iter().filter(|&&byte| byte != 0).count())
}

/// Whether an index is a slice that takes an axis whole.
///
/// # Safety
///
/// `item` must be alive.
pub(crate) unsafe fn is_whole(item: Address, types: &Types) -> bool {
    if item == types.ellipsis {
        return true;
    }
    // SAFETY: the caller vouches for the item.
    if unsafe { type_of(item) } != types.slice {
        return false;
    }
    [SLICE_START, SLICE_STOP, SLICE_STEP].into_iter().all(|offset| {
        // SAFETY: a slice has three objects there.
        unsafe { read::<Address>(item, offset) == types.none }
    })
}

/// # Safety
///
/// `index` must be a live array.
unsafe fn of_array(index: Address) -> Option<(isize, isize)> {
    // SAFETY: the caller vouches for the array.
    let body = unsafe { read::<ArrayBody>(index, OBJECT_SIZE) };
    if body.ndim != 1 || body.descr.is_null() {
        return None;
    }
    // SAFETY: one extent and one stride.
    let n = unsafe { read::<usize>(body.shape.addr(), 0) };
    // SAFETY: as above.
    let stride = unsafe { read::<isize>(body.strides.addr(), 0) };
    let descr = body.descr.addr();
    // SAFETY: an array's dtype lives as long.
    let type_num = unsafe { read::<i32>(descr, npprof_abi::numpy::descr::TYPE_NUM) };
    // SAFETY: as above.
    if unsafe { read::<u8>(descr, npprof_abi::numpy::descr::BYTEORDER) } == b'>' {
        return None;
    }
    let data = body.data.addr();
    let address = |at: usize| {
        #[expect(clippy::cast_possible_wrap, reason = "an extent fits")]
        let offset = (at as isize).wrapping_mul(stride);
        data.wrapping_add_signed(offset)
    };
    if type_num == dtype::BOOL {
        // SAFETY: elements of the array, one byte each.
        let chosen = (0..n).filter(|&at| unsafe { read::<u8>(address(at), 0) } != 0);
        return progressive(chosen.map(usize::cast_signed));
    }
    let value: fn(Address) -> isize = match type_num {
        // `np.int32` and what C calls `long` and `long long`.
        // SAFETY: an element of this size.
        dtype::INT => |at| unsafe { read::<i32>(at, 0) } as isize,
        // SAFETY: as above.
        dtype::LONG | dtype::LONGLONG => |at| unsafe { read::<isize>(at, 0) },
        _ => return None,
    };
    progressive((0..n).map(|at| value(address(at))))
}

/// # Safety
///
/// `index` must be a live list.
unsafe fn of_list(index: Address, types: &Types) -> Option<(isize, isize)> {
    // SAFETY: the caller vouches for the list.
    let (first, n) = unsafe { items(index, types) };
    // SAFETY: an item of the list, which nobody changes meanwhile.
    let item = |at: usize| unsafe { read::<Address>(first, at.wrapping_mul(8)) };
    // SAFETY: alive, as the list holds it.
    let truth = |at: usize| unsafe { look::truth(item(at), types) };
    if n != 0 && truth(0).is_some() {
        // A mask; an item that is no `bool` makes it none.
        let places = (0..n).filter_map(|at| match truth(at) {
            Some(is_chosen) => is_chosen.then_some(at.cast_signed()),
            None => Some(-1),
        });
        return progressive(places);
    }
    // An item that is no `int` counts as a negative index, which is none.
    // SAFETY: alive, as the list holds it.
    progressive((0..n).map(|at| unsafe { int_value(item(at), types) }.unwrap_or(-1)))
}

/// Start and step of a progression of at least two different indices, none of them negative.
fn progressive(mut values: impl Iterator<Item = isize>) -> Option<(isize, isize)> {
    let start = values.next().filter(|&start| start >= 0)?;
    let second = values.next().filter(|&second| second >= 0)?;
    let step = second.wrapping_sub(start);
    if step == 0 {
        return None;
    }
    let mut last = second;
    for value in values {
        if value < 0 || value.wrapping_sub(last) != step {
            return None;
        }
        last = value;
    }
    Some((start, step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_cut_as_python_cuts_them() {
        assert_eq!(cut(None, None, 1, 10), Some((0, 10, 1)));
        assert_eq!(cut(Some(2), Some(8), 1, 10), Some((2, 6, 1)));
        assert_eq!(cut(Some(-3), None, 1, 10), Some((7, 3, 1)));
        assert_eq!(cut(None, None, -1, 10), Some((9, 10, -1)));
        assert_eq!(cut(Some(8), Some(1), -3, 10), Some((8, 3, -3)));
        assert_eq!(cut(Some(5), Some(100), 2, 10), Some((5, 3, 2)));
        assert_eq!(cut(Some(5), Some(3), 1, 10), Some((5, 0, 1)));
        assert_eq!(cut(None, None, 0, 10), None);
    }

    #[test]
    fn a_progression_has_one_step() {
        assert_eq!(progressive([3, 5, 7].into_iter()), Some((3, 2)));
        assert_eq!(progressive([9, 8, 7].into_iter()), Some((9, -1)));
        for none in [&[][..], &[4], &[1, 1, 1], &[0, 1, 3], &[-2, -1, 0], &[2, 1, 0, -1]] {
            assert_eq!(progressive(none.iter().copied()), None, "{none:?}");
        }
    }
}
