//! Patterns: what may be worth a finding, followed event by event.
//!
//! One file a kind, or a few kinds that watch the same thing. A tracker sees the events of one
//! process in their order and keeps what it needs per live block and per call site, never per event.

pub(crate) mod class;

mod blocks;
mod event;
mod frames;
mod heights;
mod ranges;
mod savings;
mod spans;
mod tally;
mod twins;

mod appends;
mod boundary;
mod copies;
mod expansion;
mod growth;
mod loops;
mod moved;
mod objects;
mod pins;
mod sequences;
mod statement;
mod strided;
mod unused;
mod upcast;

#[cfg(test)]
mod play;
#[cfg(test)]
mod tests;

use npprof_model::Pattern;
use npprof_wire::record::{Counts, Layout, Operation, operation};

use super::arrays::Block as Live;
use super::sites::{Sites, Stack};
use super::threads::ThreadIndex;
use crate::define::Definitions;
use blocks::{Blocks, Id, Known, SMALLEST};
use event::{Array, Event};
use heights::Heights;

/// Smallest array that counts where bytes do.
const MIN: u64 = 1 << 20;
/// Bytes from which on a kind is raised that goes by bytes.
const LARGE: u64 = 8 << 20;
/// Smallest block at whose allocation pins are looked for.
const CHECKED: u64 = 256 << 10;

/// What trackers look things up in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// By number. The `site` of a stack that an event names is known.
    pub(crate) stacks: &'a [Stack],
    pub(crate) definitions: &'a Definitions,
    pub(crate) sites: &'a Sites,
    /// Bytes alive in the process after the event.
    pub(crate) live: u64,
    /// The process's high-water mark, likewise.
    pub(crate) high_water: u64,
    pub(crate) now_ns: u64,
}

/// A block that was just handed out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Born<'a> {
    pub(crate) address: u64,
    pub(crate) size: u64,
    pub(crate) stack: u32,
    pub(crate) site: u32,
    pub(crate) operation: u16,
    pub(crate) is_first: bool,
    pub(crate) is_zeroed: bool,
    pub(crate) layout: Layout<'a>,
    pub(crate) thread: ThreadIndex,
}

/// What all trackers see of an event besides the event itself.
#[derive(Clone, Copy, Debug)]
struct Scene<'a> {
    blocks: &'a Blocks,
    heights: &'a Heights,
    context: Context<'a>,
}

/// All trackers of a process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patterns {
    blocks: Blocks,
    known: Known,
    heights: Heights,
    /// Room for the arrays of an event.
    arrays: Vec<Array>,
    /// The latest allocation at which pins may have been looked for.
    checked: u64,
    appends: appends::Appends,
    boundary: boundary::Boundary,
    copies: copies::Copies,
    expansions: expansion::Expansions,
    growth: growth::Growth,
    loops: loops::Loops,
    objects: objects::Objects,
    pins: pins::Pins,
    reserves: unused::Reserves,
    sequences: sequences::Sequences,
    statements: statement::Statements,
    strided: strided::Strided,
    upcasts: upcast::Upcasts,
}

/// Whether no tracker follows a block of this size, made by a stack of which this much is alive.
#[inline]
pub(crate) const fn is_beneath(size: u64, alive: u64) -> bool {
    size < SMALLEST && alive < growth::MIN_BYTES
}

impl Patterns {
    /// A block was handed out that no tracker follows, see [`is_beneath`].
    #[inline]
    pub(crate) const fn drift(&mut self, live: u64) {
        self.heights.drift(live);
    }

    /// Whether the end of a block has to be told.
    #[inline]
    pub(crate) fn is_concerned(&self, block: &Live) -> bool {
        block.size >= SMALLEST || block.is_followed() || self.appends.has_tails()
    }

    /// A block was handed out. Says whether it is followed though it is small: its end has to be told
    /// by a block that is marked so.
    pub(crate) fn allocated(&mut self, born: &Born<'_>, context: Context<'_>) -> bool {
        if born.size < SMALLEST {
            self.heights.drift(context.live);
        } else {
            self.allocated_large(born, context);
        }
        let scene = Scene { blocks: &self.blocks, heights: &self.heights, context };
        self.growth.allocated(born, &scene) && born.size < SMALLEST
    }

    /// A block was given back; `from` is the stack at that moment, where it is known.
    #[inline(never)]
    pub(crate) fn freed(&mut self, block: &Live, from: Option<u32>, context: Context<'_>) {
        if block.size >= SMALLEST {
            self.freed_large(block.address(), block.size, from, context);
        }
        if block.size >= SMALLEST || block.is_followed() {
            let scene = Scene { blocks: &self.blocks, heights: &self.heights, context };
            self.growth.died(block.address(), block.size, &scene);
        }
        self.appends.died(block.address());
    }

    /// A block was resized, which is a free and an allocation, contents kept; this is the free.
    pub(crate) fn moved(&mut self, old: &Live, stack: u32, context: Context<'_>) {
        self.written(old.address(), stack, context);
        self.freed(old, None, context);
    }

    /// The array in a block got another layout.
    pub(crate) fn laid_out(&mut self, address: u64, layout: Layout<'_>, context: Context<'_>) {
        self.blocks.lay_out(address, layout, &mut self.known, context);
    }

    /// A large operation has ended.
    pub(crate) fn operated(
        &mut self,
        operation: &Operation<'_>,
        thread: ThreadIndex,
        context: Context<'_>,
    ) {
        let blocks = (&self.blocks, &mut self.known);
        let room = std::mem::take(&mut self.arrays);
        let event = Event::new(operation, blocks, room, context);
        let scene = Scene { blocks: &self.blocks, heights: &self.heights, context };
        for home in event.written().filter_map(|array| array.home) {
            self.copies.written(home.id, &scene);
            self.expansions.written(home.id, operation.stack, &scene);
        }
        for array in event.read() {
            match array.home {
                Some(home) => self.growth.read(home.address, home.size, &scene),
                None => self.growth.read_small(array.address, &scene),
            }
        }
        if let Some((n, size)) = event.rows_of_sequence() {
            self.growth.read_rows(n, size, &scene);
        }
        for site in event.unseen_sites() {
            self.growth.read_all(site, &scene);
            self.reserves.used_all(site);
            self.expansions.need_all(site);
        }
        let expansions = &self.expansions;
        let is_expansion = |id: Id| expansions.was_raised(id);
        self.statements.come_to(operation.stack, thread, &scene, &is_expansion);
        for home in event.read().filter_map(|array| array.home) {
            self.statements.read(home.id, operation.stack, context);
        }
        self.reserves.operated(&event, &scene);
        self.loops.operated(&event);
        if operation.flags & operation::FAILED == 0 {
            self.copies.operated(&event, &scene);
            self.boundary.operated(&event, &scene);
            self.expansions.operated(&event, &scene);
            self.strided.operated(&event, &scene);
            self.objects.operated(&event, &scene);
            self.sequences.operated(&event, &scene);
            self.appends.operated(&event, &scene);
            if let Some((block, excess)) = self.upcasts.operated(&event, &scene) {
                self.statements.excuse(block, excess);
            }
        }
        for home in event.arrays.iter().filter_map(|array| array.home) {
            self.blocks.claim(home.id, home.place);
        }
        self.arrays = event.arrays;
    }

    /// A small operation read or wrote a part of a block.
    #[inline]
    pub(crate) fn touched(
        &mut self,
        address: u64,
        size: u64,
        is_write: bool,
        context: Context<'_>,
    ) {
        let scene = Scene { blocks: &self.blocks, heights: &self.heights, context };
        let Some(block) = self.blocks.at(address) else {
            if !is_write {
                self.growth.read_small(address, &scene);
            }
            return;
        };
        if is_write {
            self.copies.written(block.id, &scene);
            self.expansions.written(block.id, 0, &scene);
        } else {
            self.growth.read(block.address, block.size, &scene);
        }
        let range = (address, address.saturating_add(size));
        self.reserves.touched(block.id, range, is_write);
        if !is_write {
            self.boundary.touched(block.id);
        }
    }

    /// Only views keep an array alive, or no longer: see `Record::Pin`.
    pub(crate) fn pinned(
        &mut self,
        address: u64,
        stack: u32,
        (n_views, viewed): (u32, u64),
        context: Context<'_>,
    ) {
        let scene = Scene { blocks: &self.blocks, heights: &self.heights, context };
        let Some(block) = self.blocks.at(address) else { return };
        let at = (self.checked, |site| context.n_allocations(site));
        self.pins.pinned(block, (stack, n_views, viewed), at, &scene);
        if n_views > 0 {
            self.growth.leave(block.address, block.size, &scene);
        }
    }

    /// What was seen so far, `counts` being the sums of small operations up to now. Sites are given
    /// as the aggregate's own numbers.
    pub(crate) fn summary(&self, counts: &[Counts], context: Context<'_>) -> Vec<Pattern> {
        let scene = Scene { blocks: &self.blocks, heights: &self.heights, context };
        let mut found = Vec::new();
        self.copies.summary(&scene, &mut found);
        self.boundary.summary(&scene, &mut found);
        self.expansions.summary(&scene, &mut found);
        self.strided.summary(counts, &scene, &mut found);
        self.loops.summary(counts, &scene, &mut found);
        self.upcasts.summary(&scene, &mut found);
        self.objects.summary(&mut found);
        self.sequences.summary(&mut found);
        let is_expansion = |id: Id| self.expansions.was_raised(id);
        self.statements.summary(&scene, is_expansion, &mut found);
        self.appends.summary(&mut found);
        self.reserves.summary(&scene, &mut found);
        self.pins.summary(&scene, |site| context.n_allocations(site), &mut found);
        self.growth.summary(&scene, |site| self.appends.is_appending(site), &mut found);
        found
    }

    fn allocated_large(&mut self, born: &Born<'_>, context: Context<'_>) {
        let id = Id(self.heights.tick(context.live));
        if born.size >= CHECKED {
            self.checked = id.0;
        }
        let place = self.blocks.add(id, born, &mut self.known, context);
        self.pins.allocated(born.size);
        let scene = Scene { blocks: &self.blocks, heights: &self.heights, context };
        let Some(block) = self.blocks.in_place(place) else { return };
        self.reserves.allocated(block, born.is_zeroed, &scene);
        self.loops.allocated(block, &scene);
        let expansions = &self.expansions;
        self.statements.allocated(block, born, &scene, |id| expansions.was_raised(id));
    }

    #[inline(never)]
    fn freed_large(&mut self, address: u64, size: u64, from: Option<u32>, context: Context<'_>) {
        let now = self.heights.tick(context.live);
        let Some(id) = self.blocks.remove(address, size, now) else { return };
        let scene = Scene { blocks: &self.blocks, heights: &self.heights, context };
        self.copies.died(id, &scene);
        self.boundary.died(id, &scene);
        self.upcasts.died(id, from, &scene);
        self.reserves.died(id, &scene);
        self.pins.died(id, from, |site| context.n_allocations(site), &scene);
        self.expansions.died(id, from, &scene);
        let expansions = &self.expansions;
        if let Some(dead) = self.blocks.dead().next() {
            self.loops.died(&dead.block, from, &scene);
            self.statements.died(&dead.block, from, &scene, |id| expansions.was_raised(id));
        }
    }

    /// Bytes of a block were written from `stack`.
    fn written(&mut self, address: u64, stack: u32, context: Context<'_>) {
        let scene = Scene { blocks: &self.blocks, heights: &self.heights, context };
        let Some(block) = self.blocks.at(address).map(|block| block.id) else { return };
        self.copies.written(block, &scene);
        self.expansions.written(block, stack, &scene);
    }
}
