//! An operation with its operands looked up.

use std::sync::Arc;

use npprof_model::walk;
use npprof_model::{ArrayLayout, OperandRole, Order};
use npprof_wire::record::{Operand, Operation, Role, Scalar, operand, operation};

use super::Context;
use super::blocks::{Block, Blocks, Id, Known};
use super::class::{Class, Name};
use super::tally::Facts;

/// What sort of numbers a dtype holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    Bool,
    Int,
    Float,
    Complex,
    Object,
    Other,
}

/// A block that an array lies in, as far as it matters to its users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Home {
    pub(super) id: Id,
    pub(super) place: u32,
    pub(super) address: u64,
    pub(super) size: u64,
    pub(super) stack: u32,
    pub(super) site: u32,
    pub(super) is_claimed: bool,
}

/// An operand that is an array, or a scalar in place of one.
#[derive(Clone, Debug)]
pub(super) struct Array {
    pub(super) role: Role,
    pub(super) scalar: Scalar,
    pub(super) traits: u32,
    pub(super) address: u64,
    pub(super) dtype: u16,
    pub(super) layout: Arc<ArrayLayout>,
    /// Number of elements.
    pub(super) n: u64,
    /// First byte, and the one after the last.
    pub(super) low: u64,
    pub(super) high: u64,
    pub(super) home: Option<Home>,
}

impl Array {
    fn new(
        operand: &Operand<'_>,
        blocks: &Blocks,
        known: &mut Known,
        context: Context<'_>,
    ) -> Self {
        let layout = known.layout(operand.layout, 0, context);
        let n = layout.shape.iter().fold(1_u64, |n, &extent| n.saturating_mul(extent));
        let (mut low, mut high) =
            (operand.address, operand.address.saturating_add(layout.itemsize));
        for (&extent, &stride) in layout.shape.iter().zip(layout.strides.iter()) {
            let reach = extent.saturating_sub(1).saturating_mul(stride.unsigned_abs());
            if stride < 0 {
                low = low.saturating_sub(reach);
            } else {
                high = high.saturating_add(reach);
            }
        }
        if n == 0 {
            high = low;
        }
        let is_array = operand.address != 0 && operand.scalar == Scalar::None;
        let block = is_array.then(|| blocks.at(operand.address)).flatten();
        Self {
            role: operand.role,
            scalar: operand.scalar,
            traits: operand.traits,
            address: operand.address,
            dtype: operand.layout.dtype,
            n,
            low,
            high,
            home: block.map(Home::of),
            layout,
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.n.saturating_mul(self.layout.itemsize)
    }

    pub(super) fn is_array(&self) -> bool {
        self.scalar == Scalar::None && self.role != Role::Scalar
    }

    pub(super) fn is_c(&self) -> bool {
        self.layout.order == Order::C
    }

    pub(super) fn is_dense(&self) -> bool {
        matches!(self.layout.order, Order::C | Order::F)
    }

    pub(super) fn is_unnatural(&self) -> bool {
        self.traits & (operand::MISALIGNED | operand::SWAPPED) != 0
    }

    pub(super) fn is_swapped(&self) -> bool {
        self.traits & operand::SWAPPED != 0
    }

    /// Elements that it really has: those of a broadcast axis are one.
    pub(super) fn n_distinct(&self) -> u64 {
        let itemsize = self.layout.itemsize.max(1);
        walk::useful_bytes(self.walked()) / itemsize
    }

    pub(super) fn walked(&self) -> walk::Operand<'_> {
        walk::Operand {
            shape: &self.layout.shape,
            strides: &self.layout.strides,
            itemsize: self.layout.itemsize,
        }
    }

    /// As NumPy sees it that makes this array itself.
    pub(super) fn walked_fresh(&self) -> walk::Operand<'_> {
        walk::Operand { strides: &[], ..self.walked() }
    }

    pub(super) fn numbers(&self) -> Numbers {
        numbers(&self.layout.dtype)
    }

    fn is_in(&self, id: Id) -> bool {
        self.home.is_some_and(|home| home.id == id)
    }
}

impl Home {
    fn of(block: &Block) -> Self {
        Self {
            id: block.id,
            place: block.place,
            address: block.address,
            size: block.size,
            stack: block.stack,
            site: block.site,
            is_claimed: block.is_claimed,
        }
    }
}

/// What sort of numbers a dtype of this name holds.
pub(super) fn numbers(dtype: &str) -> Numbers {
    let plain = dtype.trim_start_matches(['<', '>', '=', '|']);
    let first = |class: &str, letter: char| {
        plain.starts_with(class)
            || (plain.starts_with(letter) && plain[letter.len_utf8()..].parse::<u8>().is_ok())
    };
    if plain.starts_with("bool") || plain == "?" {
        Numbers::Bool
    } else if first("int", 'i') || first("uint", 'u') {
        Numbers::Int
    } else if first("float", 'f') || plain.starts_with("longdouble") {
        Numbers::Float
    } else if first("complex", 'c') {
        Numbers::Complex
    } else if plain == "object" || plain == "O" {
        Numbers::Object
    } else {
        Numbers::Other
    }
}

/// An operation that has ended.
#[derive(Clone, Debug)]
pub(super) struct Event<'a> {
    pub(super) raw: &'a Operation<'a>,
    pub(super) name: Name,
    pub(super) outer: Name,
    pub(super) site: u32,
    pub(super) arrays: Vec<Array>,
    /// Goes element by element: the result has the shape that the operands have together.
    pub(super) is_elementwise: bool,
}

impl<'a> Event<'a> {
    /// `room` is that of the arrays of an earlier event.
    pub(super) fn new(
        raw: &'a Operation<'a>,
        (blocks, known): (&Blocks, &mut Known),
        room: Vec<Array>,
        context: Context<'_>,
    ) -> Self {
        let mut arrays = room;
        arrays.clear();
        arrays.extend(raw.operands().map(|it| Array::new(&it, blocks, known, context)));
        let mut event = Self {
            raw,
            name: Name::of(raw.operation, context.definitions),
            outer: Name::of(raw.outer, context.definitions),
            site: context.site(raw.stack),
            arrays,
            is_elementwise: false,
        };
        event.is_elementwise = event.goes_by_elements();
        event
    }

    pub(super) const fn has(&self, flag: u32) -> bool {
        self.raw.flags & flag != 0
    }

    pub(super) fn class(&self) -> Class {
        self.name.class
    }

    pub(super) fn of_role(&self, role: Role) -> impl Iterator<Item = &Array> {
        self.arrays.iter().filter(move |array| array.role == role && array.is_array())
    }

    pub(super) fn inputs(&self) -> impl Iterator<Item = &Array> {
        self.of_role(Role::Input)
    }

    pub(super) fn outputs(&self) -> impl Iterator<Item = &Array> {
        self.of_role(Role::Output)
    }

    pub(super) fn largest_input(&self) -> Option<&Array> {
        self.inputs().max_by_key(|array| array.bytes())
    }

    /// The only array that it reads.
    pub(super) fn only_input(&self) -> Option<&Array> {
        let mut inputs = self.inputs();
        inputs.next().filter(|_| inputs.next().is_none() && self.raw.n_inputs <= 1)
    }

    /// A result in a block of its own, which no operation inside of this one gave back already.
    pub(super) fn new_result(&self) -> Option<(&Array, Home)> {
        self.of_role(Role::Result).find_map(|result| {
            let home = result.home.filter(|home| !home.is_claimed)?;
            let is_view = self.arrays.iter().any(|array| {
                matches!(array.role, Role::Input | Role::Output) && array.is_in(home.id)
            });
            (!is_view).then_some((result, home))
        })
    }

    /// Sites of arrays like those that it read and the record has no room for.
    pub(super) fn unseen_sites(&self) -> Vec<u32> {
        if usize::from(self.raw.n_inputs) <= self.inputs().count() {
            return Vec::new();
        }
        let mut sites: Vec<u32> =
            self.inputs().filter_map(|input| Some(input.home?.site)).collect();
        sites.sort_unstable();
        sites.dedup();
        sites
    }

    /// An array out of a sequence that may hold arrays: how many, and of how many bytes each.
    pub(super) fn rows_of_sequence(&self) -> Option<(u64, u64)> {
        let result = self.of_role(Role::Result).next()?;
        let n = *result.layout.shape.first()?;
        let is_nested = self.has(operation::SEQUENCE)
            && self.class() == Class::Array
            && result.layout.shape.len() > 1;
        is_nested.then_some((n, result.bytes().checked_div(n)?))
    }

    /// It made views only, or gave back what it was given.
    pub(super) fn is_view_only(&self) -> bool {
        let is_view = |result: &Array| {
            self.inputs().any(|input| {
                result.home.is_some_and(|home| input.is_in(home.id))
                    || (result.home.is_none() && (input.low..=input.high).contains(&result.address))
            })
        };
        let mut results = self.of_role(Role::Result).peekable();
        results.peek().is_some()
            && results.all(is_view)
            && self.outputs().next().is_none()
            && !matches!(self.class(), Class::Interface | Class::Export)
    }

    /// Foreign code got hold of the memory.
    pub(super) fn is_export(&self) -> bool {
        self.class() == Class::Export || self.has(operation::FOREIGN)
    }

    /// Arrays of which elements were written.
    pub(super) fn written(&self) -> impl Iterator<Item = &Array> {
        let has_output = self.outputs().next().is_some();
        let writes = matches!(self.class(), Class::Setitem | Class::Write | Class::Sort);
        let all =
            self.is_export() && (self.has(operation::WRITABLE) || self.has(operation::FOREIGN));
        let mut is_first = true;
        self.arrays.iter().filter(move |array| {
            let is_first_input = array.role == Role::Input && std::mem::take(&mut is_first);
            array.role == Role::Output
                || (writes && !has_output && is_first_input)
                || (all && array.role == Role::Input)
        })
    }

    /// Arrays of which elements were read.
    pub(super) fn read(&self) -> impl Iterator<Item = &Array> {
        let is_read = !self.is_view_only();
        let writes = matches!(self.class(), Class::Setitem | Class::Write | Class::Sort)
            && self.outputs().next().is_none();
        let mut is_first = writes;
        self.arrays.iter().filter(move |array| match array.role {
            Role::Input => is_read && !std::mem::take(&mut is_first),
            Role::Index => true,
            _ => false,
        })
    }

    fn goes_by_elements(&self) -> bool {
        if self.class() == Class::Outer {
            return true;
        }
        self.class() == Class::Elementwise && {
            let written = |array: &&Array| matches!(array.role, Role::Output | Role::Result);
            let shapes = || self.inputs().map(|input| &*input.layout.shape);
            let is_broadcast = |array: &Array| {
                let to = &array.layout.shape;
                let ndim = shapes().map(<[u64]>::len).max();
                ndim == Some(to.len())
                    && (0..)
                        .zip(to.iter())
                        .all(|(axis, &extent)| extent == broadcast(axis, to.len(), shapes()))
            };
            self.inputs().next().is_some() && self.arrays.iter().filter(written).all(is_broadcast)
        }
    }

    /// What a report shows of it.
    pub(super) fn facts(&self) -> Facts {
        self.facts_with(&[])
    }

    /// As `facts`, with inner strides of the arrays.
    pub(super) fn facts_with(&self, inner: &[Option<i64>]) -> Facts {
        let role = |array: &Array| match array.role {
            Role::Input => Some(OperandRole::Input),
            Role::Output => Some(OperandRole::Output),
            Role::Index => Some(OperandRole::Index),
            Role::Result | Role::Scalar => None,
        };
        let operands = self.arrays.iter().enumerate().filter(|(_, array)| array.is_array());
        let operands = operands.filter_map(|(place, array)| {
            Some(npprof_model::Operand {
                layout: ArrayLayout::clone(&array.layout),
                role: role(array)?,
                inner_stride: inner.get(place).copied().flatten(),
            })
        });
        let result = self.of_role(Role::Result).next();
        let result = result.map(|array| ArrayLayout::clone(&array.layout));
        Facts {
            stack: self.raw.stack,
            operation: self.name.text.clone(),
            operands: operands.collect(),
            result,
            related: Vec::new(),
        }
    }
}

/// The extent along one of so many axes of what arrays of these shapes are together.
fn broadcast<'a>(axis: usize, ndim: usize, mut shapes: impl Iterator<Item = &'a [u64]>) -> u64 {
    let extent = |shape: &[u64]| {
        let place = (axis + shape.len()).checked_sub(ndim)?;
        shape.get(place).copied().filter(|&extent| extent != 1)
    };
    shapes.find_map(extent).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dtypes_are_known_by_either_name() {
        for (name, expected) in [
            ("float32", Numbers::Float),
            (">f8", Numbers::Float),
            ("<i4", Numbers::Int),
            ("uint8", Numbers::Int),
            ("bool", Numbers::Bool),
            ("complex128", Numbers::Complex),
            ("object", Numbers::Object),
            ("<U10", Numbers::Other),
            ("datetime64[ns]", Numbers::Other),
            ("[('x', '<f8')]", Numbers::Other),
        ] {
            assert_eq!(numbers(name), expected, "{name}");
        }
    }

    #[test]
    fn shapes_are_stretched_to_each_other() {
        let both = |axis, ndim, shapes: [&[u64]; 2]| broadcast(axis, ndim, shapes.into_iter());
        assert_eq!([0, 1].map(|axis| both(axis, 2, [&[3, 1], &[4]])), [3, 4]);
        assert_eq!(both(0, 1, [&[], &[2]]), 2);
        assert_eq!(both(0, 1, [&[0], &[1]]), 0);
    }
}
