//! The live blocks that are large enough to matter one by one.

use std::collections::VecDeque;
use std::sync::Arc;

use npprof_model::{ArrayLayout, Order};
use npprof_wire::record::{Layout, Order as WireOrder};

use super::spans::Spans;
use super::{Born, Context};
use crate::aggregate::arrays::hashed;

/// Smallest block that is followed on its own.
pub(super) const SMALLEST: u64 = 64 << 10;
/// Blocks that are remembered after their death.
const MAX_DEAD: usize = 64;
/// Layouts that are remembered, by as many bits of their hash.
const KNOWN_BITS: u32 = 8;

/// A block, among all that were ever there: the number of the event that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id(pub(super) u64);

/// A live block.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) id: Id,
    /// Where it is among all, as long as it lives.
    pub(super) place: u32,
    pub(super) address: u64,
    pub(super) size: u64,
    pub(super) stack: u32,
    pub(super) site: u32,
    pub(super) operation: u16,
    pub(super) layout: Arc<ArrayLayout>,
    /// An operation has given it back as its result, or used it.
    pub(super) is_claimed: bool,
}

/// A block that is gone.
#[derive(Clone, Debug)]
pub(super) struct Dead {
    pub(super) block: Block,
    pub(super) died: u64,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Blocks {
    /// In no order; those that died have left their place to later ones.
    places: Vec<Option<Block>>,
    free: Vec<u32>,
    /// Where each of them is among the places.
    live: Spans<u32>,
    dead: VecDeque<Dead>,
}

/// Layouts in the words of the model. Most arrays have one that came not long ago.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    all: Vec<Option<Arc<ArrayLayout>>>,
}

impl Blocks {
    /// The block that an address lies in.
    pub(super) fn at(&self, address: u64) -> Option<&Block> {
        self.places.get(self.live.at(address)?.value as usize)?.as_ref()
    }

    /// The block in a place.
    pub(super) fn in_place(&self, place: u32) -> Option<&Block> {
        self.places.get(place as usize)?.as_ref()
    }

    /// Takes in a new block and says in which place it is.
    pub(super) fn add(
        &mut self,
        id: Id,
        born: &Born<'_>,
        known: &mut Known,
        context: Context<'_>,
    ) -> u32 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        });
        let block = Block {
            id,
            place,
            address: born.address,
            size: born.size,
            stack: born.stack,
            site: born.site,
            operation: born.operation,
            layout: known.layout(born.layout, born.size, context),
            is_claimed: false,
        };
        if let Some(to) = self.places.get_mut(place as usize) {
            *to = Some(block);
        }
        if let Some(old) = self.live.insert(born.address, born.size, place) {
            self.give_up(old.value);
        }
        place
    }

    /// Moves a block to the dead ones.
    pub(super) fn remove(&mut self, address: u64, size: u64, died: u64) -> Option<Id> {
        let place = self.live.remove(address, size)?;
        let block = self.give_up(place)?;
        let id = block.id;
        if self.dead.len() >= MAX_DEAD {
            self.dead.pop_front();
        }
        self.dead.push_back(Dead { block, died });
        Some(id)
    }

    /// Those that died most recently, latest first.
    pub(super) fn dead(&self) -> impl Iterator<Item = &Dead> {
        self.dead.iter().rev()
    }

    pub(super) fn claim(&mut self, id: Id, place: u32) {
        let block = self.places.get_mut(place as usize).and_then(Option::as_mut);
        if let Some(block) = block.filter(|block| block.id == id) {
            block.is_claimed = true;
        }
    }

    /// The array in a block got another layout.
    pub(super) fn lay_out(
        &mut self,
        address: u64,
        layout: Layout<'_>,
        known: &mut Known,
        context: Context<'_>,
    ) {
        if let Some(block) = self.at_mut(address).filter(|block| block.address == address) {
            block.layout = known.layout(layout, block.size, context);
        }
    }

    fn at_mut(&mut self, address: u64) -> Option<&mut Block> {
        let place = self.live.at(address)?.value;
        self.places.get_mut(place as usize)?.as_mut()
    }

    fn give_up(&mut self, place: u32) -> Option<Block> {
        let block = self.places.get_mut(place as usize)?.take()?;
        self.free.push(place);
        Some(block)
    }
}

impl Known {
    /// A layout as it stands in a record, of a block of this size.
    pub(super) fn layout(
        &mut self,
        layout: Layout<'_>,
        size: u64,
        context: Context<'_>,
    ) -> Arc<ArrayLayout> {
        let dtype = context.definitions.dtype(layout.dtype);
        let itemsize = dtype.map_or(0, |dtype| dtype.itemsize);
        let flat = [size.checked_div(itemsize).unwrap_or(size)];
        let is_flat = layout.is_flat || layout.order == WireOrder::Scratch;
        let shape = if is_flat { &flat[..] } else { layout.shape };
        let order = match layout.order {
            WireOrder::C => Order::C,
            WireOrder::F => Order::F,
            WireOrder::Strided => Order::Strided,
            WireOrder::Scratch => Order::Scratch,
        };
        let first = u64::from(layout.dtype) << 8 | layout.order as u64;
        let words = shape.iter().chain(layout.strides);
        let hash = words.fold(hashed(first), |hash, &word| hashed(hash.rotate_left(23) ^ word));
        if self.all.is_empty() {
            self.all.resize(1 << KNOWN_BITS, None);
        }
        let place = &mut self.all[(hash >> (u64::BITS - KNOWN_BITS)) as usize];
        let is_same = |known: &&Arc<ArrayLayout>| {
            let is_dtype = dtype.is_some_and(|dtype| Arc::ptr_eq(&dtype.name, &known.dtype));
            let has_strides = || {
                let strides = layout.strides.iter().map(|stride| stride.cast_signed());
                strides.eq(known.strides.iter().copied())
            };
            is_dtype
                && known.order == order
                && known.itemsize == itemsize
                && *known.shape == *shape
                && (order != Order::Strided || has_strides())
        };
        if let Some(known) = place.as_ref().filter(is_same) {
            return Arc::clone(known);
        }
        let new = Arc::new(array_layout(layout, (shape, itemsize, order), context));
        Arc::clone(place.insert(new))
    }
}

fn array_layout(
    layout: Layout<'_>,
    (shape, itemsize, order): (&[u64], u64, Order),
    context: Context<'_>,
) -> ArrayLayout {
    let dtype = context.definitions.dtype(layout.dtype);
    let strides = if order == Order::Strided && layout.strides.len() == shape.len() {
        layout.strides.iter().map(|&stride| stride.cast_signed()).collect()
    } else {
        ArrayLayout::dense_strides(shape, itemsize, order)
    };
    ArrayLayout {
        shape: shape.into(),
        dtype: dtype.map_or_else(|| "".into(), |dtype| dtype.name.clone()),
        itemsize,
        strides: strides.into(),
        order,
    }
}
