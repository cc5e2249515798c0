//! The operands of an operation, with what follows from their layouts.

use std::sync::Arc;

use npprof_model::{ArrayLayout, OperandRole, Order, walk};
use npprof_wire::record::{Layout, Operand, Operation, Order as WireOrder, Role, operand};

use crate::define::Definitions;

/// An operand that is an array.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) operand: Operand<'a>,
    pub(crate) itemsize: u64,
    /// All elements, those of a broadcast axis counted each.
    pub(crate) n_elements: u64,
}

impl<'a> Seen<'a> {
    fn new(operand: Operand<'a>, definitions: &Definitions) -> Self {
        let itemsize = definitions.dtype(operand.layout.dtype).map_or(0, |dtype| dtype.itemsize);
        let extents = operand.layout.shape.iter();
        let n_elements = extents.fold(1_u64, |n, &extent| n.saturating_mul(extent));
        Self { operand, itemsize, n_elements }
    }

    pub(crate) const fn dtype(&self) -> u16 {
        self.operand.layout.dtype
    }

    pub(crate) const fn shape(&self) -> &'a [u64] {
        self.operand.layout.shape
    }

    /// Bytes of all elements.
    pub(crate) const fn n_bytes(&self) -> u64 {
        self.n_elements.saturating_mul(self.itemsize)
    }

    /// Bytes of the elements that are there, those of a broadcast axis counted once.
    pub(crate) fn distinct_bytes(&self) -> u64 {
        let layout = &self.operand.layout;
        let is_there = |axis: usize| layout.strides.get(axis) != Some(&0);
        let extents = (0..).zip(layout.shape);
        extents
            .filter(|&(axis, &extent)| extent == 0 || is_there(axis))
            .fold(self.itemsize, |n, (_, &extent)| n.saturating_mul(extent))
    }

    /// Whether the elements lie without gaps, in the order that is asked for.
    pub(crate) fn is_dense(&self, order: Order) -> bool {
        let layout = &self.operand.layout;
        let has_one_axis = layout.shape.iter().filter(|&&extent| extent != 1).count() <= 1;
        match layout.order {
            WireOrder::C => order == Order::C || has_one_axis,
            WireOrder::F => order == Order::F || has_one_axis,
            WireOrder::Scratch => false,
            WireOrder::Strided if self.n_elements == 0 => true,
            WireOrder::Strided => {
                let dense = ArrayLayout::dense_strides(layout.shape, self.itemsize, order);
                let pairs = layout.strides.iter().zip(dense).zip(layout.shape);
                let mut pairs = pairs.filter(|&(_, &extent)| extent != 1);
                pairs.all(|((&stride, dense), _)| stride.cast_signed() == dense)
            }
        }
    }

    pub(crate) const fn has(&self, traits: u32) -> bool {
        self.operand.traits & traits != 0
    }

    /// Whether a ufunc can't take it as it is.
    pub(crate) const fn needs_buffer(&self) -> bool {
        self.has(operand::MISALIGNED | operand::SWAPPED)
    }

    pub(crate) fn role(&self) -> OperandRole {
        match self.operand.role {
            Role::Output => OperandRole::Output,
            Role::Result => OperandRole::Result,
            Role::Index => OperandRole::Index,
            Role::Input | Role::Scalar => OperandRole::Input,
        }
    }

    /// In the words of the model. A part of an array that happens to be dense is called so.
    pub(crate) fn layout(&self, definitions: &Definitions) -> ArrayLayout {
        let layout = &self.operand.layout;
        let order = if layout.order == WireOrder::Scratch {
            Order::Scratch
        } else if self.is_dense(Order::C) {
            Order::C
        } else if self.is_dense(Order::F) {
            Order::F
        } else {
            Order::Strided
        };
        let dtype = definitions.dtype(layout.dtype);
        let dtype = dtype.map_or_else(|| "unknown".into(), |dtype| Arc::clone(&dtype.name));
        let strides = self.strides().into();
        let shape = layout.shape.into();
        ArrayLayout { shape, dtype, itemsize: self.itemsize, strides, order }
    }

    pub(crate) fn strides(&self) -> Vec<i64> {
        let Layout { shape, strides, order, .. } = self.operand.layout;
        match order {
            WireOrder::Strided => strides.iter().map(|stride| stride.cast_signed()).collect(),
            WireOrder::F => ArrayLayout::dense_strides(shape, self.itemsize, Order::F),
            WireOrder::C | WireOrder::Scratch => {
                ArrayLayout::dense_strides(shape, self.itemsize, Order::C)
            }
        }
    }
}

/// The arrays among an operation's operands.
#[derive(Debug)]
pub(crate) struct Operands<'a> {
    all: Vec<Seen<'a>>,
    n_given: usize,
}

impl<'a> Operands<'a> {
    /// `is_block` tells where blocks are alive.
    pub(crate) fn new(
        operation: &Operation<'a>,
        definitions: &Definitions,
        is_block: impl Fn(u64) -> bool,
    ) -> Self {
        let arrays = operation.operands().filter(|operand| operand.role != Role::Scalar);
        let mut all: Vec<Seen<'a>> = arrays.map(|each| Seen::new(each, definitions)).collect();
        // What is given comes first; within each part the order stays.
        all.sort_by_key(|each| each.operand.role == Role::Result);
        let n_given = all.iter().take_while(|each| each.operand.role != Role::Result).count();
        let mut place = n_given;
        while let Some((given, [result, ..])) = all.split_at_mut_checked(place) {
            let address = result.operand.address;
            let mut given = given.iter().take(n_given).filter(|it| it.operand.address == address);
            let is_given = given.clone().next().is_some();
            // An output that is given back is one array.
            if given.any(|it| it.operand.role == Role::Output) {
                all.remove(place);
                continue;
            }
            if is_given || !is_block(address) || result.n_bytes() > operation.allocated_bytes {
                result.operand.traits &= !operand::OWNS_DATA;
            }
            place += 1;
        }
        Self { n_given, all }
    }

    pub(crate) fn all(&self) -> &[Seen<'a>] {
        &self.all
    }

    pub(crate) fn of(&self, role: Role) -> impl Iterator<Item = &Seen<'a>> {
        self.all.iter().filter(move |each| each.operand.role == role)
    }

    pub(crate) fn inputs(&self) -> impl Iterator<Item = &Seen<'a>> {
        self.of(Role::Input)
    }

    pub(crate) fn outputs(&self) -> impl Iterator<Item = &Seen<'a>> {
        self.of(Role::Output)
    }

    /// Results in blocks of their own.
    pub(crate) fn fresh(&self) -> impl Iterator<Item = &Seen<'a>> {
        self.of(Role::Result).filter(|result| result.has(operand::OWNS_DATA))
    }

    /// Bytes of the results in blocks of their own.
    pub(crate) fn fresh_bytes(&self) -> u64 {
        self.fresh().fold(0, |n, result| n.saturating_add(result.n_bytes()))
    }

    /// Whether nothing was done but to look at an array's memory in another way.
    pub(crate) fn is_view_only(&self) -> bool {
        let has_view = self.of(Role::Result).any(|result| !result.has(operand::OWNS_DATA));
        has_view && self.fresh().next().is_none() && self.outputs().next().is_none()
    }

    /// Whether no array was given back or written.
    pub(crate) fn has_no_result(&self) -> bool {
        self.n_given == self.all.len() && self.outputs().next().is_none()
    }
}

/// A hash of all that makes operands look the same.
pub(crate) fn signature(operands: &Operands<'_>, axes: u64) -> u64 {
    let mix =
        |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    operands.all().iter().fold(axes, |hash, each| {
        let layout = &each.operand.layout;
        let traits = each.operand.traits & operand::OWNS_DATA;
        let first = u64::from(layout.dtype) << 32
            | u64::from(traits) << 16
            | (layout.order as u64) << 8
            | each.operand.role as u64;
        let words = layout.shape.iter().chain(layout.strides);
        words.fold(mix(mix(hash, first), layout.shape.len() as u64), |hash, &word| mix(hash, word))
    })
}

/// The inner strides of operands that an operation walks like this; `places` says which operands
/// these are, in the order in which [`walk`] wants them.
pub(crate) fn inner_strides(
    kind: walk::Walk,
    operands: &Operands<'_>,
    places: &[usize],
    axes: u64,
) -> Vec<Option<i64>> {
    let mut inner = vec![None; operands.all.len()];
    let strides: Vec<Vec<i64>> = operands.all.iter().map(Seen::strides).collect();
    let walked = places.iter().filter_map(|&place| {
        let (seen, strides) = (operands.all.get(place)?, strides.get(place)?);
        Some(walk::Operand { shape: seen.shape(), strides, itemsize: seen.itemsize })
    });
    let walked: Vec<walk::Operand<'_>> = walked.collect();
    for (&place, stride) in places.iter().zip(walk::inner_strides(kind, &walked, axes)) {
        if let Some(to) = inner.get_mut(place) {
            *to = stride;
        }
    }
    inner
}
