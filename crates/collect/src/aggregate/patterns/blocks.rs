//! The live blocks that are large enough to matter one by one.

use std::collections::{BTreeMap, VecDeque};

use npprof_model::{ArrayLayout, Order};
use npprof_wire::record::{Layout, Order as WireOrder};

use super::{Born, Context};

/// Smallest block that is followed on its own.
pub(super) const SMALLEST: u64 = 64 << 10;
/// Blocks that are remembered after their death.
const MAX_DEAD: usize = 64;

/// A block, among all that were ever there: the number of the event that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id(pub(super) u64);

/// A live block.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) id: Id,
    pub(super) address: u64,
    pub(super) size: u64,
    pub(super) stack: u32,
    pub(super) site: u32,
    pub(super) operation: u16,
    pub(super) layout: ArrayLayout,
    /// An operation has given it back as its result, or used it.
    pub(super) is_claimed: bool,
}

/// A block that is gone.
#[derive(Clone, Debug)]
pub(super) struct Dead {
    pub(super) block: Block,
    pub(super) died: u64,
}

/// A layout that waits to be looked up.
#[derive(Clone, Debug)]
struct Relaid {
    address: u64,
    dtype: u16,
    order: WireOrder,
    shape: Box<[u64]>,
    strides: Box<[u64]>,
    is_flat: bool,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Blocks {
    live: BTreeMap<u64, Block>,
    relaid: Vec<Relaid>,
    dead: VecDeque<Dead>,
}

impl Blocks {
    /// The block that an address lies in.
    pub(super) fn at(&self, address: u64) -> Option<&Block> {
        let (_, block) = self.live.range(..=address).next_back()?;
        (address - block.address < block.size.max(1)).then_some(block)
    }

    pub(super) fn add(&mut self, id: Id, born: &Born<'_>, context: Context<'_>) {
        let block = Block {
            id,
            address: born.address,
            size: born.size,
            stack: born.stack,
            site: born.site,
            operation: born.operation,
            layout: array_layout(born.layout, born.size, context),
            is_claimed: false,
        };
        self.live.insert(born.address, block);
    }

    pub(super) fn remove(&mut self, address: u64, died: u64) -> Option<Block> {
        let block = self.live.remove(&address)?;
        if self.dead.len() >= MAX_DEAD {
            self.dead.pop_front();
        }
        self.dead.push_back(Dead { block: block.clone(), died });
        Some(block)
    }

    /// Those that died most recently, latest first.
    pub(super) fn dead(&self) -> impl Iterator<Item = &Dead> {
        self.dead.iter().rev()
    }

    pub(super) fn claim(&mut self, id: Id, address: u64) {
        if let Some(block) = self.live.get_mut(&address).filter(|block| block.id == id) {
            block.is_claimed = true;
        }
    }

    /// The array in a block got another layout.
    pub(super) fn lay_out(&mut self, address: u64, layout: Layout<'_>) {
        if self.live.contains_key(&address) {
            self.relaid.push(Relaid {
                address,
                dtype: layout.dtype,
                order: layout.order,
                shape: layout.shape.into(),
                strides: layout.strides.into(),
                is_flat: layout.is_flat,
            });
        }
    }

    /// Looks up the dtypes of new layouts.
    pub(super) fn settle(&mut self, context: Context<'_>) {
        for relaid in std::mem::take(&mut self.relaid) {
            let Relaid { address, dtype, order, ref shape, ref strides, is_flat } = relaid;
            let layout = Layout { dtype, order, shape, strides, is_flat };
            if let Some(block) = self.live.get_mut(&address) {
                block.layout = array_layout(layout, block.size, context);
            }
        }
    }
}

/// A layout as it stands in a record, of a block of this size.
pub(super) fn array_layout(layout: Layout<'_>, size: u64, context: Context<'_>) -> ArrayLayout {
    let dtype = context.definitions.dtype(layout.dtype);
    let itemsize = dtype.map_or(0, |dtype| dtype.itemsize);
    let flat = [size.checked_div(itemsize).unwrap_or(size)];
    let shape =
        if layout.is_flat || layout.order == WireOrder::Scratch { &flat[..] } else { layout.shape };
    let order = match layout.order {
        WireOrder::C => Order::C,
        WireOrder::F => Order::F,
        WireOrder::Strided => Order::Strided,
        WireOrder::Scratch => Order::Scratch,
    };
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
