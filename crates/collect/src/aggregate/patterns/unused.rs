//! over-allocation: blocks of which little was used.

use std::collections::BTreeMap;
use std::sync::Arc;

use npprof_model::{ArrayLayout, Bytes, Detail, Pattern};
use npprof_wire::record::Role;
use rustc_hash::FxHashMap;

use super::blocks::{Block, Id};
use super::class::{Class, Name};
use super::event::{Array, Event};
use super::ranges::Ranges;
use super::savings::Saving;
use super::tally::{Facts, Found, Tallies, saves};
use super::{Context, LARGE, Scene};

/// Functions that make an array without content of its own.
const CONSTRUCTORS: &[&str] =
    &["zeros", "empty", "ones", "full", "zeros_like", "empty_like", "ones_like", "full_like"];
/// A block of which no more than one byte in so many was used is too large.
const USED_PART: u64 = 8;
/// The same of pages, where the others take no memory.
const USED_PAGES: u64 = 4;

/// A block that may be too large.
#[derive(Clone, Debug)]
struct Reserve {
    found: Found<()>,
    address: u64,
    size: u64,
    /// Bytes of one element along the first axis.
    row: u64,
    stack: u32,
    used: Ranges,
    /// Memory that wasn't written takes no pages.
    is_lazy: bool,
    /// Made by `empty`: what is read must have been written.
    is_blank: bool,
    /// All of it was used, as far as anybody knows.
    is_used: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Reserves {
    tallies: Tallies<Detail>,
    savings: FxHashMap<u32, Saving>,
    open: BTreeMap<Id, Reserve>,
}

impl Reserves {
    pub(super) fn allocated(&mut self, block: &Block, is_zeroed: bool, scene: &Scene<'_>) {
        if block.size < LARGE {
            return;
        }
        let context = scene.context;
        let entry = context.entry_name(block.stack);
        let name = if entry.is_empty() {
            Name::of(block.operation, context.definitions).text
        } else {
            entry
        };
        if !CONSTRUCTORS.contains(&&*name) {
            return;
        }
        let n_rows = block.layout.shape.first().copied().unwrap_or(1).max(1);
        let facts = Facts {
            operation: name.clone(),
            result: Some(ArrayLayout::clone(&block.layout)),
            ..Facts::default()
        };
        let facts = Arc::new(facts);
        let found = Found { site: block.site, bytes: 0, time: 0, facts, detail: () };
        let saving = self.savings.entry(block.site).or_default();
        saving.open(block.id.0, block.id.0, scene.heights);
        let reserve = Reserve {
            found,
            address: block.address,
            size: block.size,
            row: (block.size / n_rows).max(1),
            stack: block.stack,
            used: Ranges::default(),
            is_lazy: is_zeroed || name.starts_with("empty"),
            is_blank: name.starts_with("empty"),
            is_used: false,
        };
        self.open.insert(block.id, reserve);
    }

    pub(super) fn operated(&mut self, event: &Event<'_>, scene: &Scene<'_>) {
        if self.open.is_empty() {
            return;
        }
        let is_scattered = event.of_role(Role::Index).next().is_some();
        for array in event.read() {
            let n = is_scattered.then(|| result_elements(event));
            self.used(array, n, false, (event, scene));
        }
        for array in event.written() {
            let n = is_scattered.then(|| scattered_elements(event, array));
            self.used(array, n, true, (event, scene));
        }
    }

    /// An array was used; where indices say which part, only so many elements were.
    fn used(
        &mut self,
        array: &Array,
        n: Option<u64>,
        is_write: bool,
        (event, scene): (&Event<'_>, &Scene<'_>),
    ) {
        let Some(home) = array.home else { return };
        let Some(reserve) = self.open.get_mut(&home.id) else { return };
        let stack = event.raw.stack;
        if is_write && event.class() == Class::Setitem && reserve.is_filling(stack, scene.context) {
            return;
        }
        let (low, high) =
            (array.low - home.address.min(array.low), array.high.saturating_sub(home.address));
        let is_unseen =
            !is_write && reserve.is_blank && n.is_none() && !reserve.used.contains(low, high);
        if event.is_export() || (is_unseen && reserve.used.scattered() == 0) {
            reserve.is_used = true;
            return;
        }
        let itemsize = array.layout.itemsize;
        if let Some(n) = n {
            let n = n.min(array.n);
            reserve.used.scatter(n.saturating_mul(itemsize), n);
        } else if is_write || !reserve.is_blank {
            let at = array.address.saturating_sub(home.address);
            reserve.used.add_array(at, &array.layout.shape, &array.layout.strides, itemsize);
        }
    }

    /// All blocks of a site may have been read.
    pub(super) fn used_all(&mut self, site: u32) {
        for reserve in self.open.values_mut().filter(|reserve| reserve.found.site == site) {
            reserve.is_used = true;
        }
    }

    /// A small operation read or wrote a range of a block.
    pub(super) fn touched(&mut self, block: Id, (low, high): (u64, u64), is_write: bool) {
        let Some(reserve) = self.open.get_mut(&block) else { return };
        let (low, high) =
            (low.saturating_sub(reserve.address), high.saturating_sub(reserve.address));
        if is_write || !reserve.is_blank {
            reserve.used.add(low, high.min(reserve.size));
        } else if !reserve.used.contains(low, high) && reserve.used.scattered() == 0 {
            reserve.is_used = true;
        }
    }

    pub(super) fn died(&mut self, block: Id, scene: &Scene<'_>) {
        let Some(reserve) = self.open.remove(&block) else { return };
        let found = reserve.judge();
        if let Some(saving) = self.savings.get_mut(&reserve.found.site) {
            saving.close(block.0, found.as_ref().map_or(0, |it| it.bytes), scene.heights);
        }
        if let Some(found) = found {
            self.tallies.add(&found);
        }
    }

    pub(super) fn summary(&self, scene: &Scene<'_>, to: &mut Vec<Pattern>) {
        let mut tallies = self.tallies.clone();
        for found in self.open.values().filter_map(Reserve::judge) {
            tallies.add(&found);
        }
        let open = |key: u64| {
            let found = self.open.get(&Id(key)).and_then(Reserve::judge);
            found.map_or(0, |found| found.bytes)
        };
        for (site, tally) in tallies.sorted() {
            let saving = self.savings.get(&site);
            let saved = saving.map(|it| it.saved(scene.context.high_water, scene.heights, open));
            let saves = saves(saved, tally.bytes, 0, 0);
            to.push(tally.pattern(site, tally.detail.clone(), saves));
        }
    }
}

impl Reserve {
    /// The constructor itself fills it.
    fn is_filling(&self, stack: u32, context: Context<'_>) -> bool {
        context.is_internal(stack)
            && context.home(stack) == context.home(self.stack)
            && CONSTRUCTORS.contains(&&*context.entry_name(stack))
    }

    fn judge(&self) -> Option<Found<Detail>> {
        // What `empty` gave and nobody was seen writing to was written by something else.
        if self.is_used || (self.is_blank && self.used.is_empty()) {
            return None;
        }
        let used = self.used.bytes().min(self.size);
        let is_small = used <= self.size / USED_PART
            || (self.is_lazy && self.used.page_bytes() <= self.size / USED_PAGES);
        if !is_small {
            return None;
        }
        let detail = Detail::OverAllocation {
            allocated: Bytes(self.size),
            used: Bytes(used),
            high_water_index: self.used.end().div_ceil(self.row),
        };
        let Found { site, time, ref facts, .. } = self.found;
        let bytes = self.size - used;
        Some(Found { site, bytes, time, facts: facts.clone(), detail })
    }
}

/// Elements that an operation with indices gave back.
fn result_elements(event: &Event<'_>) -> u64 {
    event.of_role(Role::Result).map(|result| result.n).max().unwrap_or(0)
}

/// Elements that an operation with indices wrote: as many as the indices say at least, and no fewer
/// than were put there.
fn scattered_elements(event: &Event<'_>, to: &Array) -> u64 {
    let indices = event.of_role(Role::Index).map(|index| index.n);
    let values = event.inputs().filter(|input| input.address != to.address).map(|input| input.n);
    indices.chain(values).max().unwrap_or(to.n)
}
