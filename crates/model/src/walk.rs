//! Strides as NumPy walks them.
//!
//! The strides of an array don't say how far apart two elements lie that an operation touches one
//! after the other. NumPy first puts the axes into an order, and turns round those that run
//! backwards: `a.T + b.T` walks as `a + b` does. This module does the same with
//! shapes and strides alone and says what is left for the innermost loop; `tests/oracle` holds it
//! against the loops of each supported NumPy.
//!
//! It knows neither addresses nor dtypes. Of an operand that a ufunc takes through its buffer, it
//! tells how the memory is walked while the buffer is filled; what NumPy does about operands that
//! overlap is beyond it.

use std::cmp::Reverse;

/// How an operation goes through its operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Walk {
    /// A ufunc: inputs and outputs, broadcast against each other.
    Elementwise,
    /// `reduce`: operand 0 is the input; each of the others an output, without the reduced axes or
    /// with extents of one in their place. Those given as `axes` are reduced.
    Reduce,
    /// `accumulate`: all operands have the same shape, and one axis is accumulated.
    Accumulate,
    /// One lane after another, each on its own: `sort`, `partition`, `median`, an FFT. Of several
    /// axes, the one with the largest stride is told.
    Sort,
    /// Operand 0 is the destination; the others are broadcast to it. The destination decides. This
    /// is also what `copy`, `astype` and `ascontiguousarray` do, with their result for a destination.
    Assign,
    /// As [`Walk::Assign`], but a destination of another shape takes the elements in C order, as
    /// for `flatten`, `ravel` and `reshape`.
    Copy,
}

/// The layout of an array that takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operand<'a> {
    /// Extents.
    pub shape: &'a [u64],
    /// Bytes from an element to its neighbour along each axis. Without any, where there are axes,
    /// NumPy makes this array itself, as [`fresh_strides`] says; axes are not turned round then.
    pub strides: &'a [i64],
    /// Bytes of an element.
    pub itemsize: u64,
}

/// Bytes of a cache line.
pub const CACHE_LINE: u64 = 64;

/// Bytes from one element to the next in the innermost loop, for each operand. `None`, for all of
/// them, where there is no such loop: there is no element, or a single one.
///
/// Bit `n` of `axes` stands for axis `n` of the input; ufunc calls and copies have none.
#[must_use]
pub fn inner_strides(walk: Walk, operands: &[Operand<'_>], axes: u64) -> Vec<Option<i64>> {
    let innermost = match walk {
        Walk::Elementwise => Nest::broadcast(operands).iterated(operands, Turning::Allowed),
        Walk::Reduce => Nest::reducing(operands, axes).iterated(operands, Turning::Never),
        Walk::Accumulate | Walk::Sort => lane(walk, operands, axes),
        Walk::Assign => assigned(operands),
        Walk::Copy if is_reshaped(operands) => flattened(operands),
        Walk::Copy => assigned(operands),
    };
    match innermost {
        Some(strides) => strides.into_iter().map(Some).collect(),
        None => vec![None; operands.len()],
    }
}

/// The strides that NumPy gives to a result of this operation that it allocates, when nothing asks
/// for an order. `operands` are those that exist.
///
/// A result of [`Walk::Reduce`] has the axes that are left. Strides along an axis of extent one,
/// which no loop uses, may differ from NumPy's.
#[must_use]
pub fn fresh_strides(walk: Walk, operands: &[Operand<'_>], axes: u64, itemsize: u64) -> Vec<i64> {
    match walk {
        Walk::Elementwise | Walk::Accumulate => {
            Nest::broadcast(operands).ordered().fresh(itemsize, |_| true)
        }
        Walk::Reduce => {
            Nest::reducing(operands, axes).ordered().fresh(itemsize, |axis| !has_bit(axes, axis))
        }
        Walk::Sort | Walk::Assign | Walk::Copy => {
            operands.last().map(|like| like_strides(*like, itemsize)).unwrap_or_default()
        }
    }
}

/// Whether `matmul` gives this operand to BLAS as it is, seen by its last two axes; a vector by its
/// only one. If not, `matmul` copies it (from NumPy 2.3 on) or multiplies without BLAS (before).
///
/// Only `float32`, `float64` and their complex pairs ever get there.
#[must_use]
pub fn is_blas_ready(operand: Operand<'_>) -> bool {
    let itemsize = signed(operand.itemsize);
    let is_vector = |extent: u64, stride: i64| {
        extent <= 1 || (stride >= itemsize && is_multiple(stride, itemsize))
    };
    let is_matrix = |outer: i64, inner: i64, inner_extent: u64| {
        inner == itemsize
            && is_multiple(outer, itemsize)
            && outer >= itemsize.saturating_mul(signed(inner_extent))
    };
    match (operand.shape, operand.strides) {
        (&[.., n_rows, n_columns], &[.., row, column]) => {
            if n_rows.min(n_columns) == 0 {
                true
            } else if n_rows == 1 {
                is_vector(n_columns, column)
            } else if n_columns == 1 {
                is_vector(n_rows, row)
            } else {
                is_matrix(row, column, n_columns) || is_matrix(column, row, n_rows)
            }
        }
        (&[extent], &[stride]) => is_vector(extent, stride),
        _ => true,
    }
}

/// Whether `np.dot` gives this operand to BLAS as it is; if not, it makes a copy first. Unlike
/// `matmul`, it wants a matrix dense in either order, and takes a vector with any positive stride.
///
/// `false` for more than two axes: each element of the result is a product of vectors then.
#[must_use]
pub fn is_dot_ready(operand: Operand<'_>) -> bool {
    let itemsize = signed(operand.itemsize);
    let is_sound = |(&extent, &stride): (&u64, &i64)| {
        is_multiple(stride, itemsize) && (stride > 0 || (stride == 0 && extent <= 1))
    };
    if operand.shape.len() > 2 || !operand.shape.iter().zip(operand.strides).all(is_sound) {
        return false;
    }
    operand.shape.iter().filter(|&&extent| extent > 1).count() < 2
        || operand.is_dense(false)
        || operand.is_dense(true)
}

/// Bytes of the elements that the operand really has: a broadcast axis adds none.
#[must_use]
pub fn useful_bytes(operand: Operand<'_>) -> u64 {
    operand.n_distinct().saturating_mul(operand.itemsize)
}

/// Bytes of the cache lines that come from memory when the operand is walked with this inner
/// stride and is so large that no line is still in the cache when the walk comes back to it. Never
/// less than [`useful_bytes`]; so it is an upper bound, and for dense operands exact but for the ends.
#[must_use]
pub fn touched_bytes(operand: Operand<'_>, inner_stride: i64) -> u64 {
    let step = inner_stride.unsigned_abs();
    let lines_of_one = operand.itemsize.div_ceil(CACHE_LINE).saturating_mul(CACHE_LINE);
    let of_each = if step == 0 { operand.itemsize } else { step.min(lines_of_one) };
    operand.n_distinct().saturating_mul(of_each.max(operand.itemsize))
}

impl Operand<'_> {
    fn is_fresh(&self) -> bool {
        self.strides.is_empty() && !self.shape.is_empty()
    }

    fn n_distinct(&self) -> u64 {
        let is_repeated = |axis: usize| self.strides.get(axis) == Some(&0);
        (0..)
            .zip(self.shape)
            .filter(|&(axis, &extent)| extent == 0 || !is_repeated(axis))
            .fold(1, |n: u64, (_, &extent)| n.saturating_mul(extent))
    }

    /// Whether the elements lie without gaps in C order, or in F order.
    fn is_dense(&self, is_f_order: bool) -> bool {
        if self.shape.contains(&0) {
            return true;
        }
        let mut dense = signed(self.itemsize);
        let mut is_next = |(&extent, &stride): (&u64, &i64)| {
            let is_dense = extent == 1 || stride == dense;
            dense = dense.saturating_mul(signed(extent));
            is_dense
        };
        let axes = self.shape.iter().zip(self.strides);
        if is_f_order { axes.into_iter().all(is_next) } else { axes.rev().all(&mut is_next) }
    }
}

/// Whether an axis along which no operand runs forwards is turned round.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turning {
    Allowed,
    Never,
}

/// The loops that an operation begins with, innermost first.
struct Nest {
    loops: Vec<Loop>,
}

struct Loop {
    /// Axis of the operation, outermost first.
    axis: usize,
    extent: u64,
    /// What each operand does in it.
    strides: Vec<i64>,
    /// Which operands have more than one element along it, those that NumPy has yet to make included.
    is_along: Vec<bool>,
}

impl Nest {
    /// The trailing axes of all operands lie on each other.
    fn broadcast(operands: &[Operand<'_>]) -> Self {
        let ndim = operands.iter().map(|operand| operand.shape.len()).max().unwrap_or(0);
        Self::new(ndim, operands, |operand, axis| (axis + operand.shape.len()).checked_sub(ndim))
    }

    /// All axes of operand 0; the others lack those that are reduced, or have extents of one there.
    fn reducing(operands: &[Operand<'_>], axes: u64) -> Self {
        let ndim = operands.first().map_or(0, |input| input.shape.len());
        Self::new(ndim, operands, |operand, axis| {
            if operand.shape.len() == ndim {
                Some(axis)
            } else if has_bit(axes, axis) {
                None
            } else {
                Some((0..axis).filter(|&before| !has_bit(axes, before)).count())
            }
        })
    }

    /// `place` says which axis of an operand is one of the operation.
    fn new(
        ndim: usize,
        operands: &[Operand<'_>],
        place: impl Fn(&Operand<'_>, usize) -> Option<usize>,
    ) -> Self {
        let loop_over = |axis: usize| {
            let extent_of = |operand: &Operand<'_>| {
                operand.shape.get(place(operand, axis)?).copied().filter(|&extent| extent != 1)
            };
            let stride_of = |operand: &Operand<'_>| {
                let stride = operand.strides.get(place(operand, axis)?).copied();
                extent_of(operand).and(stride)
            };
            Loop {
                axis,
                extent: operands.iter().find_map(extent_of).unwrap_or(1),
                strides: operands.iter().map(|each| stride_of(each).unwrap_or(0)).collect(),
                is_along: operands.iter().map(|each| extent_of(each).is_some()).collect(),
            }
        };
        Self { loops: (0..ndim).rev().map(loop_over).collect() }
    }

    /// What is left for the innermost loop when NumPy's iterator has done its work.
    fn iterated(self, operands: &[Operand<'_>], turning: Turning) -> Option<Vec<i64>> {
        let mut nest = self.ordered();
        let mut fresh = (0..).zip(operands).filter(|(_, operand)| operand.is_fresh()).peekable();
        if turning == Turning::Allowed && fresh.peek().is_none() {
            nest.turn();
        }
        for (index, operand) in fresh {
            nest.allocate(index, operand.itemsize);
        }
        nest.innermost()
    }

    /// Sorts the loops so that small strides are inside: by insertion, starting from C order, which
    /// also wins where operands contradict each other.
    fn ordered(mut self) -> Self {
        for from in 1..self.loops.len() {
            let mut to = from;
            for candidate in (0..from).rev() {
                match self.loops[from].belongs_inside(&self.loops[candidate]) {
                    Some(true) => to = candidate,
                    Some(false) => break,
                    None => {}
                }
            }
            self.loops[to..=from].rotate_right(1);
        }
        self
    }

    fn turn(&mut self) {
        for each in &mut self.loops {
            if each.strides.iter().all(|&stride| stride <= 0) {
                each.strides.iter_mut().for_each(|stride| *stride = stride.saturating_neg());
            }
        }
    }

    /// Makes an operand that is dense in the order of the loops.
    fn allocate(&mut self, index: usize, itemsize: u64) {
        let mut step = signed(itemsize);
        for each in self.loops.iter_mut().filter(|each| each.is_along[index]) {
            each.strides[index] = step;
            step = step.saturating_mul(signed(each.extent));
        }
    }

    /// Strides by axis of an operand that has these axes and is dense in the order of the loops.
    fn fresh(&self, itemsize: u64, has_axis: impl Fn(usize) -> bool) -> Vec<i64> {
        let mut strides = vec![0; self.loops.len()];
        let mut step = signed(itemsize);
        for each in self.loops.iter().filter(|each| has_axis(each.axis)) {
            strides[each.axis] = step;
            step = step.saturating_mul(signed(each.extent.max(1)));
        }
        let axes = (0..).zip(strides).filter(|&(axis, _)| has_axis(axis));
        axes.map(|(_, stride)| stride).collect()
    }

    /// The strides of the innermost loop, if there is more than one element. NumPy also makes one
    /// loop of neighbours wherever all operands go on with the same stride; that changes how long the
    /// innermost one is, but not its strides.
    fn innermost(self) -> Option<Vec<i64>> {
        if self.loops.iter().any(|each| each.extent == 0) {
            return None;
        }
        self.loops.into_iter().find(|each| each.extent > 1).map(|innermost| innermost.strides)
    }
}

impl Loop {
    /// `None` if no operand moves along both axes, so that there is nothing to compare them by.
    fn belongs_inside(&self, inner: &Self) -> Option<bool> {
        let moves = self.strides.iter().zip(&inner.strides);
        moves
            .filter(|&(&outer, &inner)| outer != 0 && inner != 0)
            .map(|(outer, inner)| outer.unsigned_abs() < inner.unsigned_abs())
            .reduce(|all, each| all && each)
    }
}

/// The stride along the axis, if there are two elements to step between.
fn lane(walk: Walk, operands: &[Operand<'_>], axes: u64) -> Option<Vec<i64>> {
    let first = operands.first().filter(|first| !first.shape.contains(&0))?;
    let stride_of = |axis: usize| first.strides.get(axis).map_or(0, |stride| stride.unsigned_abs());
    let mut lanes = (0..)
        .zip(first.shape)
        .filter_map(|(axis, &extent)| (has_bit(axes, axis) && extent > 1).then_some(axis));
    let axis = match walk {
        Walk::Sort => lanes.max_by_key(|&axis| stride_of(axis)),
        _ => lanes.next(),
    }?;
    let strides = operands.iter().map(|operand| {
        if operand.is_fresh() {
            let given: Vec<_> = operands.iter().filter(|each| !each.is_fresh()).copied().collect();
            fresh_strides(walk, &given, axes, operand.itemsize)[axis]
        } else {
            operand.strides.get(axis).copied().unwrap_or(0)
        }
    });
    Some(strides.collect())
}

/// The strides of the innermost loop of an assignment, sorted by those of the destination alone.
fn assigned(operands: &[Operand<'_>]) -> Option<Vec<i64>> {
    let (&destination, sources) = operands.split_first()?;
    let made;
    let destination = if destination.is_fresh() {
        made = like_strides(*sources.first()?, destination.itemsize);
        Operand { strides: &made, ..destination }
    } else {
        destination
    };
    let ndim = destination.shape.len();
    // More axes than the destination has are of extent one.
    let mut all = vec![destination];
    all.extend(sources.iter().map(|source| {
        let extra = source.shape.len().saturating_sub(ndim).min(source.strides.len());
        Operand { shape: &source.shape[extra..], strides: &source.strides[extra..], ..*source }
    }));
    let mut nest = Nest::broadcast(&all);
    let by_destination = |each: &Loop| {
        let stride = destination.strides.get(each.axis).map_or(0, |stride| stride.unsigned_abs());
        (stride, Reverse(each.axis))
    };
    nest.loops.sort_by_key(by_destination);
    for each in nest.loops.iter_mut().filter(|each| each.strides[0] < 0) {
        each.strides.iter_mut().for_each(|stride| *stride = stride.saturating_neg());
    }
    nest.innermost()
}

fn is_reshaped(operands: &[Operand<'_>]) -> bool {
    operands.windows(2).any(|pair| pair[0].shape != pair[1].shape)
}

/// Each operand on its own, in C order.
fn flattened(operands: &[Operand<'_>]) -> Option<Vec<i64>> {
    let inner = |&operand: &Operand<'_>| {
        let mut nest = Nest::broadcast(&[operand]);
        if operand.is_fresh() {
            nest.allocate(0, operand.itemsize);
        }
        nest.innermost().map(|strides| strides[0])
    };
    operands.iter().map(inner).collect()
}

/// Strides of an array that NumPy makes to be like another: dense, with the same order of axes.
fn like_strides(like: Operand<'_>, itemsize: u64) -> Vec<i64> {
    let stride = |&axis: &usize| like.strides.get(axis).map_or(0, |stride| stride.unsigned_abs());
    let mut axes: Vec<usize> = (0..like.shape.len()).collect();
    axes.sort_by_key(|axis| Reverse(stride(axis)));
    let mut strides = vec![0; like.shape.len()];
    let mut step = signed(itemsize);
    for axis in axes.into_iter().rev() {
        strides[axis] = step;
        step = step.saturating_mul(signed(like.shape[axis].max(1)));
    }
    strides
}

fn has_bit(axes: u64, axis: usize) -> bool {
    u32::try_from(axis).is_ok_and(|axis| axes.checked_shr(axis).is_some_and(|axes| axes & 1 == 1))
}

fn signed(extent: u64) -> i64 {
    i64::try_from(extent).unwrap_or(i64::MAX)
}

fn is_multiple(stride: i64, itemsize: i64) -> bool {
    stride.checked_rem(itemsize).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ArrayLayout, Order};

    /// Operands as `shape/strides`, such as `3,4/32,8`; without strides, NumPy makes them. Itemsize 8.
    fn with_operands<R>(text: &str, then: impl FnOnce(&[Operand<'_>]) -> R) -> R {
        let numbers = |list: &str| -> Vec<i64> {
            let given = list.split(',').filter(|number| !number.is_empty());
            given.map(|number| number.parse().expect("a number")).collect()
        };
        let parsed: Vec<(Vec<u64>, Vec<i64>)> = text
            .split(' ')
            .map(|operand| {
                let (shape, strides) = operand.split_once('/').unwrap_or((operand, ""));
                (
                    numbers(shape).iter().map(|extent| extent.unsigned_abs()).collect(),
                    numbers(strides),
                )
            })
            .collect();
        let operands: Vec<Operand<'_>> =
            parsed.iter().map(|(shape, strides)| Operand { shape, strides, itemsize: 8 }).collect();
        then(&operands)
    }

    fn inner(walk: Walk, axes: u64, operands: &str) -> Vec<i64> {
        let strides = with_operands(operands, |operands| inner_strides(walk, operands, axes));
        strides.into_iter().flatten().collect()
    }

    fn fresh(walk: Walk, axes: u64, operands: &str) -> Vec<i64> {
        with_operands(operands, |operands| fresh_strides(walk, operands, axes, 8))
    }

    fn first<R>(operand: &str, of: impl Fn(Operand<'_>) -> R) -> R {
        with_operands(operand, |operands| of(operands[0]))
    }

    #[test]
    fn two_transposed_arrays_are_walked_as_they_lie() {
        assert_eq!(inner(Walk::Elementwise, 0, "40,30/8,320 40,30/8,320 40,30"), [8, 8, 8]);
        assert_eq!(fresh(Walk::Elementwise, 0, "40,30/8,320 40,30/8,320"), [8, 320]);
    }

    #[test]
    fn c_order_wins_where_operands_disagree() {
        assert_eq!(inner(Walk::Elementwise, 0, "40,30/8,320 40,30/240,8 40,30"), [320, 8, 8]);
        assert_eq!(inner(Walk::Elementwise, 0, "40,30/240,8 40,30/8,320 40,30"), [8, 320, 8]);
    }

    #[test]
    fn dense_operands_are_one_loop() {
        assert_eq!(inner(Walk::Elementwise, 0, "2,3,4/96,32,8 2,3,4"), [8, 8]);
        assert_eq!(inner(Walk::Elementwise, 0, "5,1/8,8 5,1"), [8, 8]);
        assert_eq!(inner(Walk::Elementwise, 0, "5,1/8,8 1,1/8,8 5,1"), [8, 0, 8]);
    }

    #[test]
    fn a_broadcast_operand_stands_still() {
        assert_eq!(inner(Walk::Elementwise, 0, "4,3/24,8 4,1/8,8 4,3"), [8, 0, 8]);
        assert_eq!(inner(Walk::Elementwise, 0, "4,3/24,8 3/8 4,3"), [8, 8, 8]);
        assert_eq!(inner(Walk::Elementwise, 0, "4,3/24,8 / 4,3"), [8, 0, 8]);
    }

    #[test]
    fn axes_are_turned_round_when_all_operands_exist_and_run_backwards() {
        assert_eq!(inner(Walk::Elementwise, 0, "4/-8 4/-16 4/-8"), [8, 16, 8]);
        assert_eq!(inner(Walk::Elementwise, 0, "4/-8 4/-16 4/8"), [-8, -16, 8]);
        assert_eq!(inner(Walk::Elementwise, 0, "4/-8 4/-16 4"), [-8, -16, 8]);
        assert_eq!(inner(Walk::Reduce, 1, "4/-8"), [-8]);
    }

    #[test]
    fn there_is_no_loop_over_one_element_or_none() {
        assert_eq!(inner(Walk::Elementwise, 0, "/ /"), []);
        assert_eq!(inner(Walk::Elementwise, 0, "1,1/8,8 1/8"), []);
        assert_eq!(inner(Walk::Elementwise, 0, "0,5/40,8 0,5"), []);
        assert_eq!(inner(Walk::Sort, 2, "5,1/8,8"), []);
        assert_eq!(inner(Walk::Assign, 0, "5,0/8,8 5,0/8,8"), []);
    }

    #[test]
    fn a_reduction_goes_along_the_smallest_stride() {
        // `sum(axis=0)` of C order adds rows; `sum(axis=1)` of F order adds columns.
        assert_eq!(inner(Walk::Reduce, 0b01, "40,30/240,8 30"), [8, 8]);
        assert_eq!(inner(Walk::Reduce, 0b10, "40,30/8,320 40"), [8, 8]);
        assert_eq!(inner(Walk::Reduce, 0b10, "40,30/240,8 40"), [8, 0]);
        assert_eq!(inner(Walk::Reduce, 0b10, "40,30/240,8 40,1"), [8, 0]);
        assert_eq!(inner(Walk::Reduce, 0b11, "40,30/8,320 "), [8, 0]);
        assert_eq!(inner(Walk::Reduce, 0b11, "40,30/480,16 "), [16, 0]);
        assert_eq!(inner(Walk::Reduce, 0b01, "40,30/240,80 30"), [80, 8]);
    }

    #[test]
    fn a_reductions_result_keeps_the_order_of_the_axes_left() {
        assert_eq!(fresh(Walk::Reduce, 0b010, "2,3,4/8,16,48"), [8, 16]);
        assert_eq!(fresh(Walk::Reduce, 0b010, "2,3,4/96,32,8"), [32, 8]);
    }

    #[test]
    fn an_accumulation_goes_along_its_axis() {
        assert_eq!(inner(Walk::Accumulate, 0b01, "40,30/240,8 40,30"), [240, 240]);
        assert_eq!(inner(Walk::Accumulate, 0b10, "40,30/8,320 40,30"), [320, 320]);
        assert_eq!(inner(Walk::Accumulate, 0b10, "40,30/8,-320 40,30/240,8"), [-320, 8]);
    }

    #[test]
    fn a_sort_goes_along_its_lanes() {
        assert_eq!(inner(Walk::Sort, 0b01, "40,30/240,8"), [240]);
        assert_eq!(inner(Walk::Sort, 0b11, "40,30/8,320"), [320]);
    }

    #[test]
    fn the_destination_of_a_copy_decides() {
        assert_eq!(inner(Walk::Assign, 0, "40,30/240,8 40,30/8,320"), [8, 320]);
        assert_eq!(inner(Walk::Assign, 0, "40,30/8,320 40,30/240,8"), [8, 240]);
        assert_eq!(inner(Walk::Assign, 0, "40,30/8,320 40,30/8,320"), [8, 8]);
        assert_eq!(inner(Walk::Assign, 0, "40/-8 40/8"), [8, -8]);
        assert_eq!(inner(Walk::Assign, 0, "40,30/240,8 1,1,30/240,240,8"), [8, 8]);
        assert_eq!(inner(Walk::Assign, 0, "40,30/240,8 40,1/8,8"), [8, 0]);
    }

    #[test]
    fn a_flat_copy_follows_c_order() {
        assert_eq!(inner(Walk::Copy, 0, "1200 40,30/8,320"), [8, 320]);
        assert_eq!(inner(Walk::Copy, 0, "1200/8 40,30/480,16"), [8, 16]);
        assert_eq!(inner(Walk::Copy, 0, "30,40/320,8 40,30/8,320"), [8, 320]);
    }

    #[test]
    fn a_copy_keeps_the_order_of_the_axes() {
        assert_eq!(fresh(Walk::Copy, 0, "2,3,4/8,64,16"), [8, 64, 16]);
        assert_eq!(inner(Walk::Copy, 0, "2,3,4 2,3,4/16,128,32"), [8, 16]);
    }

    #[test]
    fn blas_takes_rows_with_gaps_but_no_gaps_within() {
        let takes = |operand| first(operand, is_blas_ready);
        for ready in ["40,30/240,8", "40,30/8,320", "40,30/800,8", "9/8", "9/16", "1,9/8,16", ""] {
            assert!(takes(ready), "{ready}");
        }
        for slow in ["40,30/480,16", "40,30/-240,8", "40,30/0,8", "9/-8", "9/0", "9/12", "9,1/-8,8"]
        {
            assert!(!takes(slow), "{slow}");
        }
    }

    #[test]
    fn dot_takes_dense_matrices_only() {
        let takes = |operand| first(operand, is_dot_ready);
        for ready in ["40,30/240,8", "40,30/8,320", "9/8", "9/16", "1,9/8,16"] {
            assert!(takes(ready), "{ready}");
        }
        for copied in ["40,30/800,8", "40,30/480,16", "9/-8", "9/0", "9/12", "2,2,2/32,16,8"] {
            assert!(!takes(copied), "{copied}");
        }
    }

    #[test]
    fn a_large_stride_takes_a_line_for_each_element() {
        let touched = |operand, stride| first(operand, |operand| touched_bytes(operand, stride));
        assert_eq!(touched("100/8", 8), 800);
        assert_eq!(touched("100/16", 16), 1600);
        assert_eq!(touched("100,50/8,800", 800), 5000 * 64);
        assert_eq!(touched("100,50/8,0", 0), 800);
        assert_eq!(first("100,50/8,0", useful_bytes), 800);
        assert_eq!(first("100,50/8,800", useful_bytes), 40_000);
        assert_eq!(first("0,50/8,0", useful_bytes), 0);
    }

    #[test]
    fn dense_operands_in_any_order_walk_with_their_itemsize() {
        for order in [Order::C, Order::F] {
            let strides = ArrayLayout::dense_strides(&[3, 4, 5], 4, order);
            let operand = Operand { shape: &[3, 4, 5], strides: &strides, itemsize: 4 };
            for walk in [Walk::Elementwise, Walk::Assign, Walk::Copy] {
                assert_eq!(inner_strides(walk, &[operand, operand], 0), [Some(4), Some(4)]);
            }
        }
    }
}
