//! The ledger of copies: which bytes a large operation copied, and why.
//!
//! A block counts as a copy once. Operations call each other, and the record of the inner one comes
//! first: it says that the block is a copy, and of what; the outer one only hands the block on. So
//! what inner operations booked is remembered until the outermost one has ended, and an outer one
//! books neither a block that is remembered nor, where it books all that was allocated inside of
//! it, the bytes of such blocks. A copy of a copy is another block, and counts again.

use npprof_model::{CopyReason, Order, walk};
use npprof_wire::record::{Operation, Role, Scalar, operation};

use super::class::Class;
use super::operands::{Operands, Seen};
use crate::aggregate::threads::ThreadIndex;
use crate::define::Definitions;

/// Blocks of inner operations that are remembered.
const MAX_BOOKED: usize = 64;

/// What an operation copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Copied {
    pub(crate) bytes: u64,
    pub(crate) n: u64,
    pub(crate) reason: CopyReason,
    /// The block that holds the copy, if it is a new one.
    pub(crate) block: Option<u64>,
    /// From this dtype to that one, where they differ.
    pub(crate) cast: Option<(u16, u16)>,
}

impl Copied {
    const fn new(bytes: u64, reason: CopyReason) -> Self {
        Self { bytes, n: 1, reason, block: None, cast: None }
    }

    const fn into_block(result: &Seen<'_>, reason: CopyReason) -> Self {
        let block = Some(result.operand.address);
        Self { block, ..Self::new(result.n_bytes(), reason) }
    }
}

/// What an operation of this class copied, seen for itself.
pub(crate) fn copied(
    class: Class,
    operation: &Operation<'_>,
    operands: &Operands<'_>,
    definitions: &Definitions,
) -> Option<Copied> {
    if operation.flags & operation::FAILED != 0 {
        return None;
    }
    let copied = match class {
        Class::Copy | Class::Astype | Class::Array | Class::Layout | Class::Flatten => {
            converted(class, operation, operands)
        }
        Class::Interface if operation.flags & operation::FOREIGN == 0 => None,
        Class::Interface if operands.inputs().next().is_none() => {
            converted(class, operation, operands)
        }
        Class::Interface => placed(operands, CopyReason::Boundary),
        Class::Gather => placed(operands, CopyReason::FancyIndex),
        Class::Concatenate => placed(operands, CopyReason::Concatenate),
        Class::Repeat => placed(operands, CopyReason::Broadcast),
        Class::Assign if is_fill(operands) => None,
        Class::Assign => operands
            .inputs()
            .next()
            .map(|_| Copied::new(assigned_bytes(operation, operands), CopyReason::Assign)),
        Class::Routine => Some(routine(operation, operands, definitions)),
        Class::Bytes => {
            operands.inputs().next().map(|array| Copied::new(array.n_bytes(), CopyReason::Pickle))
        }
        Class::FromBytes => operands
            .inputs()
            .next()
            .filter(|array| operation.allocated_bytes >= array.n_bytes())
            .map(|array| Copied {
                block: Some(array.operand.address),
                ..Copied::new(array.n_bytes(), CopyReason::Pickle)
            }),
        Class::List => {
            operands.inputs().next().map(|array| Copied::new(array.n_bytes(), CopyReason::Sequence))
        }
        Class::Elementwise | Class::Reduce | Class::Accumulate | Class::Scattered => {
            let loops = (class == Class::Elementwise)
                .then(|| Loop::of(operation, operands, definitions))
                .flatten();
            let buffered = |each: &Seen<'_>| match &loops {
                _ if each.needs_buffer() => Some(each.distinct_bytes()),
                Some(of) if of.casts(each, definitions) => {
                    let n = each.distinct_bytes().checked_div(each.itemsize)?;
                    Some(n.saturating_mul(of.itemsize))
                }
                _ => None,
            };
            let read = operands.inputs().chain(operands.outputs());
            let (n, bytes) = read
                .filter_map(buffered)
                .fold((0, 0), |sum, bytes| (sum.0 + 1, u64::saturating_add(sum.1, bytes)));
            Some(Copied { n, ..Copied::new(bytes, CopyReason::Buffered) })
        }
        Class::Lanes => lanes(operation, operands),
        Class::Creation | Class::Other => None,
    };
    copied.filter(|copied| copied.bytes > 0)
}

/// A copy of the first input into a new block, for one of several reasons.
fn converted(class: Class, operation: &Operation<'_>, operands: &Operands<'_>) -> Option<Copied> {
    let result = operands.fresh().next()?;
    let Some(source) = operands.inputs().next() else {
        let is_sequence = operation.flags & operation::SEQUENCE != 0
            || operation
                .operands()
                .any(|operand| operand.role == Role::Scalar && operand.scalar == Scalar::Sequence);
        let is_of_arrays = operation.flags & operation::OF_ARRAYS != 0;
        let reason = if is_of_arrays { CopyReason::Concatenate } else { CopyReason::Sequence };
        return is_sequence.then(|| Copied::into_block(result, reason));
    };
    if source.dtype() != result.dtype() && class != Class::Copy {
        let cast = Some((source.dtype(), result.dtype()));
        return Some(Copied { cast, ..Copied::into_block(result, CopyReason::Cast) });
    }
    let is_in_order = match class {
        Class::Copy | Class::Astype => true,
        Class::Flatten => is_in_flat_order(operation, source),
        // `array` is asked for a copy; with an order, or `asarray`, one was needed.
        _ if source.shape() == result.shape() => {
            [Order::C, Order::F]
                .into_iter()
                .any(|order| source.is_dense(order) && result.is_dense(order))
                || (class == Class::Array && operation.flags & operation::HAS_ORDER == 0)
        }
        // These give a view where they can.
        _ => false,
    };
    let reason = if is_in_order { CopyReason::Explicit } else { CopyReason::Order };
    Some(Copied::into_block(result, reason))
}

/// Whether `flatten` takes the elements as they lie. Of `order=` it is only known that it was given,
/// which hardly anybody does for C order.
fn is_in_flat_order(operation: &Operation<'_>, source: &Seen<'_>) -> bool {
    let has_order = operation.flags & operation::HAS_ORDER != 0;
    source.is_dense(if has_order { Order::F } else { Order::C })
}

/// What was put into a new block, or into an array that was given for it.
fn placed(operands: &Operands<'_>, reason: CopyReason) -> Option<Copied> {
    if let Some(result) = operands.fresh().next() {
        return Some(Copied::into_block(result, reason));
    }
    let output = operands.outputs().next()?;
    Some(Copied::new(output.n_bytes(), reason))
}

/// A single element that is written everywhere: no array is copied.
fn is_fill(operands: &Operands<'_>) -> bool {
    let n = |each: &Seen<'_>| each.n_elements;
    let given = operands.inputs().map(n).max();
    given.is_some_and(|given| given <= 1) && operands.outputs().map(n).max() > given
}

/// What a routine copied because it can't work on its operands as they lie.
fn routine(
    operation: &Operation<'_>,
    operands: &Operands<'_>,
    definitions: &Definitions,
) -> Copied {
    // A result that is a scalar was an array of one element before.
    let scalar = operands.inputs().map(|input| input.itemsize).max().unwrap_or(0);
    let scalar = if operands.has_no_result() { scalar } else { 0 };
    let given_back = operands.fresh_bytes().saturating_add(scalar);
    let inside = operation.allocated_bytes.saturating_sub(given_back);
    // Whether it was one operand or all, as far as the bytes tell.
    let all = operands.inputs().fold(0, |sum: u64, it| sum.saturating_add(it.n_bytes()));
    let n = if inside >= all { operands.inputs().count() as u64 } else { 1 };
    let through_scratch = matmul_copies(operation, operands, definitions);
    if through_scratch.0 > inside {
        return Copied { n: through_scratch.1, ..Copied::new(through_scratch.0, CopyReason::Blas) };
    }
    Copied { n: n.max(1), ..Copied::new(inside, CopyReason::Blas) }
}

/// Bytes of the matrices, and how many, that `matmul` copies for BLAS: from NumPy 2.3 on, through
/// memory that isn't its allocator's, those of a stack one by one, also where one is taken again and
/// again. Before, it did without BLAS; with a vector, it still does.
fn matmul_copies(
    operation: &Operation<'_>,
    operands: &Operands<'_>,
    definitions: &Definitions,
) -> (u64, u64) {
    let is_matmul = definitions.operation(operation.operation).is_some_and(|it| &**it == "matmul");
    if !is_matmul || !definitions.facts.is_numpy_from((2, 3)) {
        return (0, 0);
    }
    let is_matrix = |each: &Seen<'_>| match each.shape() {
        [.., rows, columns] => *rows.min(columns) > 1,
        _ => false,
    };
    if !operands.inputs().all(is_matrix) {
        return (0, 0);
    }
    let dtypes = |each: &Seen<'_>| {
        let name = definitions.dtype(each.dtype()).map_or("", |dtype| &*dtype.name);
        matches!(name, "float32" | "float64" | "complex64" | "complex128")
    };
    let first = operands.inputs().next().map(Seen::dtype);
    let is_copied = |each: &&Seen<'_>| {
        let strides = each.strides();
        let walked =
            walk::Operand { shape: each.shape(), strides: &strides, itemsize: each.itemsize };
        dtypes(each) && first == Some(each.dtype()) && !walk::is_blas_ready(walked)
    };
    let n_pairs = operands.outputs().chain(operands.of(Role::Result)).next().map_or(1, stack);
    let bytes = |each: &Seen<'_>| {
        let matrix = each.n_bytes().checked_div(stack(each)).unwrap_or(0);
        matrix.saturating_mul(n_pairs)
    };
    let copied = operands.inputs().chain(operands.outputs()).filter(is_copied);
    copied.fold((0, 0), |sum: (u64, u64), it| (sum.0.saturating_add(bytes(it)), sum.1 + 1))
}

/// Number of matrices in a stack of them.
fn stack(of: &Seen<'_>) -> u64 {
    let n_outer = of.shape().len().saturating_sub(2);
    of.shape().iter().take(n_outer).fold(1, |n, &extent| n.saturating_mul(extent))
}

/// Lanes that are sorted in place and don't lie densely go to a buffer and come back.
fn lanes(operation: &Operation<'_>, operands: &Operands<'_>) -> Option<Copied> {
    let array = operands.outputs().next()?;
    if operation.axes.count_ones() != 1 {
        return None;
    }
    let axis = operation.axes.trailing_zeros() as usize;
    let (extent, stride) = (array.shape().get(axis)?, *array.strides().get(axis)?);
    let is_dense = stride.cast_unsigned() == array.itemsize && !array.needs_buffer();
    (*extent > 1 && !is_dense)
        .then(|| Copied::new(array.n_bytes().saturating_mul(2), CopyReason::Order))
}

/// The dtype that a ufunc computes in, as far as its result tells.
struct Loop<'a> {
    dtype: &'a str,
    itemsize: u64,
}

impl<'a> Loop<'a> {
    fn of(
        operation: &Operation<'_>,
        operands: &Operands<'_>,
        definitions: &'a Definitions,
    ) -> Option<Self> {
        let is_mixed =
            definitions.operation(operation.operation).is_some_and(|it| &**it == "ldexp");
        let results = operands.all().iter();
        let mut results =
            results.filter(|each| matches!(each.operand.role, Role::Result | Role::Output));
        let result = results.next().filter(|_| !is_mixed)?;
        let dtype = definitions.dtype(result.dtype())?;
        let found = Self { dtype: &dtype.name, itemsize: result.itemsize };
        // With `out=`, the result may be what is cast.
        let is_sure = operation.flags & operation::HAS_OUT == 0
            || operands.inputs().any(|input| input.dtype() == result.dtype());
        (is_sure && rank(found.dtype) > Some(0)).then_some(found)
    }

    /// The operand goes through the cast buffer.
    fn casts(&self, each: &Seen<'_>, definitions: &Definitions) -> bool {
        let Some(dtype) = definitions.dtype(each.dtype()) else { return false };
        let is_other = each.operand.role == Role::Input && *dtype.name != *self.dtype;
        let rank = rank(&dtype.name);
        is_other
            && each.n_elements > 1
            && rank.is_some()
            && rank <= self::rank(self.dtype)
            && each.itemsize <= self.itemsize
    }
}

/// Numbers that can be cast to those of a higher rank.
fn rank(dtype: &str) -> Option<u8> {
    let families = [("bool", 0), ("int", 1), ("uint", 1), ("float", 2), ("complex", 3)];
    families.into_iter().find(|(family, _)| dtype.starts_with(family)).map(|(_, rank)| rank)
}

/// Bytes that an assignment wrote. With a mask it is not known how many of the elements it let
/// through: never more than there are values.
pub(crate) fn assigned_bytes(operation: &Operation<'_>, operands: &Operands<'_>) -> u64 {
    let Some(output) = operands.outputs().next() else {
        return 0;
    };
    let whole = output.n_bytes();
    if operation.flags & operation::COUNTED != 0 {
        return operation.second.min(whole);
    }
    let Some(index) = operands.of(Role::Index).next() else {
        // An index that is no array: the record says how much it let through, or what was put there.
        let part = operands.inputs().find(|input| !is_broadcast(input.shape(), output.shape()));
        let part = part.map_or(whole, |input| input.n_elements.saturating_mul(output.itemsize));
        return if operation.second == 0 { part.min(whole) } else { operation.second.min(whole) };
    };
    if operation.second != 0 {
        return operation.second.min(whole);
    }
    let of_output = |n: u64| n.saturating_mul(output.itemsize);
    let given = operands.inputs().map(|input| of_output(input.n_elements)).max();
    let is_mask = index.n_elements == output.n_elements;
    let most = if is_mask { whole } else { of_output(index.n_elements) };
    given.map_or(most, |given| given.min(most)).min(whole)
}

/// Whether an array of one shape can be written to all of another.
fn is_broadcast(from: &[u64], to: &[u64]) -> bool {
    let pairs = from.iter().rev().zip(to.iter().rev());
    pairs.into_iter().all(|(&from, &to)| from == to || from == 1)
        && from.iter().rev().skip(to.len()).all(|&extent| extent == 1)
}

/// A copy of an operation that ran inside of another one.
#[derive(Clone, Copy, Debug)]
struct Booked {
    thread: ThreadIndex,
    /// The operation around it.
    outer: u16,
    /// Address of the block, and the number of its allocation.
    block: (u64, u32),
    bytes: u64,
}

/// What inner operations booked whose outermost one has not ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    booked: Vec<Booked>,
}

impl Ledger {
    /// Books what an operation copied; gives back what of it is new. `sequence` is the number of the
    /// allocation of the copy's block.
    pub(crate) fn book(
        &mut self,
        copied: Option<Copied>,
        operation: &Operation<'_>,
        sequence: Option<u32>,
        thread: ThreadIndex,
    ) -> Option<Copied> {
        let number = operation.operation;
        let block = copied.and_then(|copied| copied.block).zip(sequence);
        let mut new = copied;
        if !self.booked.is_empty() {
            let is_booked = block.is_some_and(|block| {
                self.booked.iter().any(|booked| booked.thread == thread && booked.block == block)
            });
            if is_booked {
                new = None;
            } else if let Some(copied) = &mut new
                && copied.reason == CopyReason::Blas
            {
                let inside = self.inside(number, thread);
                copied.bytes = copied.bytes.saturating_sub(inside);
            }
            if operation.outer == 0 {
                self.booked.retain(|booked| booked.thread != thread);
            } else {
                let inner =
                    |booked: &&mut Booked| booked.thread == thread && booked.outer == number;
                self.booked.iter_mut().filter(inner).for_each(|it| it.outer = operation.outer);
            }
        }
        if operation.outer != 0
            && let (Some(copied), Some(block)) = (new, block)
        {
            if self.booked.len() >= MAX_BOOKED {
                self.booked.remove(0);
            }
            let outer = operation.outer;
            self.booked.push(Booked { thread, outer, block, bytes: copied.bytes });
        }
        new.filter(|copied| copied.bytes > 0)
    }

    fn inside(&self, operation: u16, thread: ThreadIndex) -> u64 {
        let is_inside = |booked: &&Booked| booked.thread == thread && booked.outer == operation;
        self.booked.iter().filter(is_inside).fold(0, |sum, it| sum.saturating_add(it.bytes))
    }
}
