//! Records in, sums out: everything that is known about one process.
//!
//! Pure: it knows neither clocks nor files nor shared memory. Each event takes constant time and,
//! but for growing tables, no allocation.

pub(crate) mod arrays;
pub(crate) mod held;
pub(crate) mod layouts;
pub(crate) mod names;
pub(crate) mod operations;
pub(crate) mod patterns;
pub(crate) mod sites;
pub(crate) mod spread;
pub(crate) mod threads;
pub(crate) mod timeline;

mod apply;
mod inherit;
mod stacks;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod naive;
#[cfg(test)]
mod streams;
#[cfg(any(test, fuzzing))]
pub(crate) mod survive;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use npprof_wire::record::{FreedAt, Layout, Order};

use crate::define::Definitions;
use crate::error::StreamError;
use arrays::{Block, Blocks, MAX_BLOCKS};
use layouts::{Described, Move};
use operations::Operations;
use patterns::{Born, Context, Patterns};
use sites::{NONE, Sites, Stack};
use threads::{ThreadIndex, Threads};
use timeline::{Level, Timeline};

/// What trackers look things up in; a macro, so that it borrows no more than it must.
macro_rules! context {
    ($aggregate:expr) => {
        Context {
            stacks: &$aggregate.stacks,
            definitions: &$aggregate.definitions,
            sites: &$aggregate.sites,
            live: $aggregate.sums.live,
            high_water: $aggregate.sums.high_water,
            now_ns: $aggregate.now_ns,
        }
    };
}
use context;

/// What is known of so many sites is in a processor's second-level cache.
const NEAR_SITES: usize = 300;

/// Sums over a process. Bytes saturate: no program reaches that, only a broken stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) n_allocations: u64,
    pub(crate) n_frees: u64,
    pub(crate) allocated: u64,
    pub(crate) freed: u64,
    pub(crate) live: u64,
    pub(crate) high_water: u64,
    pub(crate) high_water_ns: u64,
    pub(crate) temporary: u64,
    pub(crate) n_temporaries: u64,
    pub(crate) inherited: u64,
    pub(crate) n_inherited: u64,
    /// Of the live bytes, those that are inherited.
    pub(crate) inherited_live: u64,
    /// Frees of blocks that were made before the hooks were in.
    pub(crate) n_unknown_frees: u64,
    /// Blocks made at an address that was alive, or at none.
    pub(crate) n_anomalies: u64,
}

impl Sums {
    /// Live bytes without the inherited ones.
    pub(crate) const fn own_live(&self) -> u64 {
        self.live.saturating_sub(self.inherited_live)
    }
}

/// Where own live bytes were highest since somebody last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Crest {
    pub(crate) own_live: u64,
    pub(crate) at_ns: u64,
}

/// All that is known about one process. Times are of the monotonic clock, in nanoseconds.
#[derive(Clone, Debug)]
pub(crate) struct Aggregate {
    pub(crate) definitions: Definitions,
    pub(crate) stacks: Vec<Stack>,
    pub(crate) sites: Sites,
    pub(crate) threads: Threads,
    pub(crate) sums: Sums,
    timeline: Timeline,
    blocks: Blocks,
    pub(crate) operations: Operations,
    patterns: Patterns,
    crest: Crest,
    /// Start of the run.
    origin_ns: u64,
    /// The process's clock.
    now_ns: u64,
    /// No clock of the process can have got further yet.
    latest_ns: u64,
    /// Number of the latest high-water mark, see [`held::Held`].
    mark: u64,
    /// Low bits of the number of the allocation that reached it.
    mark_sequence: u32,
    /// Records that were taken in, without allocations, frees, clocks and forks.
    n_rare: u64,
    forks: Vec<Fork>,
}

/// A fork of a process: what the child begins with.
#[derive(Clone, Debug)]
pub(crate) struct Fork {
    pub(crate) number: u64,
    pub(crate) child: Arc<Seed>,
}

/// What a forked child begins with.
#[derive(Clone, Debug)]
pub(crate) struct Seed {
    pub(crate) aggregate: Aggregate,
    /// The thread that forked.
    pub(crate) thread: ThreadIndex,
    /// Number of events before the fork.
    n_events: u64,
}

impl Aggregate {
    /// A process that starts at `now_ns` of a run that started at `origin_ns`.
    pub(crate) fn new(origin_ns: u64, now_ns: u64) -> Self {
        let level = Level { at_ns: now_ns.saturating_sub(origin_ns), ..Level::default() };
        Self {
            definitions: Definitions::default(),
            stacks: vec![Stack::new(0, (NONE, 0, 0))],
            sites: Sites::default(),
            threads: Threads::default(),
            sums: Sums::default(),
            timeline: Timeline::starting(level),
            blocks: Blocks::default(),
            operations: Operations::default(),
            patterns: Patterns::default(),
            crest: Crest::default(),
            origin_ns,
            now_ns,
            latest_ns: u64::MAX,
            mark: 0,
            mark_sequence: 0,
            n_rare: 0,
            forks: Vec::new(),
        }
    }

    /// Whether glancing ahead pays.
    #[inline]
    pub(crate) fn is_far(&self) -> bool {
        self.blocks.is_far() || self.has_far_sites()
    }

    /// Whether [`Self::glance_at_site`] pays.
    #[inline]
    pub(crate) fn has_far_sites(&self) -> bool {
        self.sites.all().len() > NEAR_SITES
    }

    /// The stack of the block that most likely is at `address`, so that the block is in the cache
    /// afterwards.
    #[inline]
    pub(crate) fn glance_at_block(&self, address: u64) -> u32 {
        self.blocks.glance(address).map_or(0, |block| block.stack)
    }

    /// Something of a stack's site, so that it is in the cache afterwards.
    #[inline]
    pub(crate) fn glance_at_site(&self, stack: u32) -> u64 {
        let Some(stack) = self.stacks.get(stack as usize) else { return 0 };
        let site = self.sites.all().get(stack.site as usize).map_or(0, sites::Site::glance);
        site ^ self.operations.glance(stack.entry)
    }

    /// Says what the clock is outside, so that a wild clock record can't lead far astray.
    pub(crate) const fn set_latest(&mut self, latest_ns: u64) {
        self.latest_ns = latest_ns;
    }

    /// The process's clock moves on, also without an event.
    pub(crate) fn advance(&mut self, now_ns: u64) {
        self.now_ns = self.now_ns.max(now_ns.min(self.latest_ns));
        self.timeline.advance(self.level());
    }

    pub(crate) const fn set_rss(&mut self, rss: u64) {
        self.timeline.set_rss(rss);
    }

    /// Where own live bytes were highest since this was last asked.
    pub(crate) const fn take_crest(&mut self) -> Crest {
        let crest = self.crest;
        self.crest = Crest { own_live: self.sums.own_live(), at_ns: self.now_ns };
        crest
    }

    /// The forks since this was last asked.
    pub(crate) fn take_forks(&mut self) -> Vec<Fork> {
        std::mem::take(&mut self.forks)
    }

    pub(crate) fn timeline(&self) -> Arc<[npprof_model::TimelinePoint]> {
        self.timeline.points(self.level())
    }

    /// Number of the latest high-water mark, see [`held::Held`].
    pub(crate) const fn mark(&self) -> u64 {
        self.mark
    }

    /// The process is over: gives back what only further events would need.
    pub(crate) fn close(&mut self) {
        self.blocks = Blocks::default();
    }

    /// Takes in a block that was just handed out; gives back its site. `None` for one that can't be.
    #[inline]
    fn allocate(
        &mut self,
        mut block: Block,
        described: &Described<'_>,
        thread: ThreadIndex,
    ) -> Result<Option<u32>, StreamError> {
        let (size, mark) = (block.size, self.mark);
        if block.address() == 0 {
            self.sums.n_anomalies += 1;
            return Ok(None);
        }
        self.sums.n_allocations = self.sums.n_allocations.wrapping_add(1);
        block.sequence = self.sequence();
        block.birth_ns = self.now_ns;
        let number = self.site_of(block.stack)?;
        if let Some(site) = self.sites.get_mut(number) {
            let slot = site.layouts.slot(described, mark);
            block.set_slot(slot);
            if self.blocks.len() >= MAX_BLOCKS {
                return Err(StreamError::TooMany { what: "live blocks", max: MAX_BLOCKS });
            }
            if let Some(old) = self.blocks.insert(block) {
                self.sums.n_anomalies += 1;
                self.release(&old);
                self.patterns.freed(&old, None, context!(self));
            }
        }
        if let Some(site) = self.sites.get_mut(number) {
            site.allocate(block.slot(), size, mark);
        }
        if let Some(stack) = self.stacks.get_mut(block.stack as usize) {
            stack.n = stack.n.wrapping_add(1);
            stack.bytes = stack.bytes.saturating_add(size);
            stack.latest = block.sequence;
            stack.held.add(size, mark);
        }
        let thread = self.threads.get_mut(thread);
        if thread.n_allocations == 0 {
            thread.first = self.sums.n_allocations;
        }
        thread.n_allocations += 1;
        thread.allocated = thread.allocated.saturating_add(size);
        thread.latest_stack = block.stack;
        self.rise(size, block.sequence);
        Ok(Some(number))
    }

    #[inline]
    fn rise(&mut self, size: u64, sequence: u32) {
        let sums = &mut self.sums;
        sums.allocated = sums.allocated.saturating_add(size);
        sums.live = sums.live.saturating_add(size);
        if sums.live > sums.high_water {
            sums.high_water = sums.live;
            sums.high_water_ns = self.now_ns;
            self.mark += 1;
            self.mark_sequence = sequence;
        }
        if sums.own_live() > self.crest.own_live {
            self.crest = Crest { own_live: sums.own_live(), at_ns: self.now_ns };
        }
        self.timeline.reach(sums.live);
    }

    #[inline]
    fn free(&mut self, address: u64, at: FreedAt, from: Option<u32>, thread: ThreadIndex) {
        let Some(block) = self.blocks.remove(address) else {
            self.sums.n_unknown_frees += 1;
            return;
        };
        if at != FreedAt::Elsewhere {
            self.count_temporary(&block, at, thread);
        }
        self.release(&block);
        if self.patterns.is_concerned(&block) {
            self.patterns.freed(&block, from, context!(self));
        }
    }

    /// Whether no tracker follows a block like this one, which was just made.
    #[inline]
    fn is_beneath(&self, block: &Block) -> bool {
        let stack = self.stacks.get(block.stack as usize);
        stack.is_some_and(|stack| patterns::is_beneath(block.size, stack.held.live()))
    }

    /// Counts a block that is no longer among the live ones.
    #[inline]
    fn release(&mut self, block: &Block) {
        let (size, mark) = (block.size, self.mark);
        let lifetime_ns = self.now_ns.saturating_sub(block.birth_ns);
        if let Some(stack) = self.stacks.get_mut(block.stack as usize) {
            stack.held.subtract(size, mark);
            if let Some(site) = self.sites.get_mut(stack.site) {
                site.free(size, lifetime_ns, mark);
                site.layouts.free(block.slot(), size, mark);
            }
        }
        let sums = &mut self.sums;
        sums.n_frees = sums.n_frees.wrapping_add(1);
        sums.freed = sums.freed.saturating_add(size);
        sums.live = sums.live.saturating_sub(size);
        if block.is_inherited() {
            sums.inherited_live = sums.inherited_live.saturating_sub(size);
        }
    }

    /// A block freed on the line of the thread's latest allocation, in the same frame: it is a
    /// temporary if it was made at that call site too and nothing was made by the same stack since.
    /// If something was, this one is what the line made the last time round, as the old `x` is in a
    /// loop of `x = a + b`; unless it is freed by the very instruction that made it, as a scalar's
    /// array is inside of `a + 1`.
    #[inline]
    fn count_temporary(&mut self, block: &Block, at: FreedAt, thread: ThreadIndex) {
        let latest_stack = self.threads.get_mut(thread).latest_stack;
        let stack = |number: u32| self.stacks.get(number as usize);
        let (Some(made), Some(latest)) = (stack(block.stack), stack(latest_stack)) else {
            return;
        };
        let is_here = made.site == latest.site && block.stack != 0;
        let is_inside = at == FreedAt::SamePlace && block.stack == latest_stack;
        if !is_here || !(is_inside || made.latest == block.sequence) || block.is_inherited() {
            return;
        }
        if let Some(site) = self.sites.get_mut(made.site) {
            site.n_temporaries += 1;
            site.temporary = site.temporary.saturating_add(block.size);
        }
        self.sums.n_temporaries += 1;
        self.sums.temporary = self.sums.temporary.saturating_add(block.size);
    }

    /// One free and one allocation, never both alive. An array of the same dtype is taken to lie in
    /// the new block, until a layout record says better. NumPy also resizes blocks while it doesn't
    /// hold the interpreter lock, as when it reads text; no stack is known then, but the block was
    /// made by the same call.
    fn reallocate(
        &mut self,
        old_address: u64,
        mut block: Block,
        thread: ThreadIndex,
    ) -> Result<(), StreamError> {
        let mut dtype = 0;
        let old = self.blocks.remove(old_address);
        if let Some(old) = &old {
            let site = self.stacks.get(old.stack as usize).map_or(NONE, |stack| stack.site);
            dtype = self.sites.get_mut(site).map_or(0, |site| site.layouts.dtype(old.slot()));
            if block.stack == 0 {
                block.stack = old.stack;
            }
            self.release(old);
        }
        let order = if dtype == 0 { Order::Scratch } else { Order::C };
        let layout = Layout { dtype, order, shape: &[], strides: &[], is_flat: dtype != 0 };
        let site = self.allocate(block, &Described::new(layout, block.size), thread)?;
        let Some(site) = site else {
            if let Some(old) = &old {
                self.patterns.freed(old, None, context!(self));
            }
            return Ok(());
        };
        let born = Born {
            address: block.address(),
            size: block.size,
            stack: block.stack,
            site,
            operation: 0,
            is_first: false,
            is_zeroed: false,
            layout,
            thread,
        };
        if let Some(old) = &old {
            self.patterns.moved(old, block.stack, context!(self));
        }
        if self.patterns.allocated(&born, context!(self)) {
            self.follow(born.address);
        }
        Ok(())
    }

    fn set_layout(&mut self, address: u64, layout: Layout<'_>) {
        let Some(block) = self.blocks.get_mut(address) else {
            return;
        };
        let site = self.stacks.get(block.stack as usize).map_or(NONE, |stack| stack.site);
        let Some(site) = self.sites.get_mut(site) else {
            return;
        };
        let to = site.layouts.slot(&Described::new(layout, block.size), self.mark);
        let age = self.mark_sequence.wrapping_sub(block.sequence);
        let moved = Move {
            from: block.slot(),
            to,
            size: block.size,
            was_at_mark: block.is_inherited() || age <= u32::MAX / 2,
            is_own: !block.is_inherited(),
        };
        site.layouts.move_block(&moved, self.mark);
        block.set_slot(to);
        self.patterns.laid_out(address, layout, context!(self));
    }

    /// When the oldest block of each site that is alive was made. Looks at all of them.
    pub(crate) fn oldest_blocks(&self) -> Vec<Option<u64>> {
        let mut oldest: Vec<Option<u64>> = vec![None; self.sites.all().len()];
        for block in self.blocks.iter() {
            let site = self.stacks.get(block.stack as usize).map_or(NONE, |stack| stack.site);
            if let Some(oldest) = oldest.get_mut(site as usize) {
                *oldest = Some(oldest.map_or(block.birth_ns, |birth| birth.min(block.birth_ns)));
            }
        }
        oldest
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low bits are wanted")]
    const fn sequence(&self) -> u32 {
        self.sums.n_allocations as u32
    }

    const fn level(&self) -> Level {
        Level {
            at_ns: self.now_ns.saturating_sub(self.origin_ns),
            live: self.sums.live,
            allocated: self.sums.allocated,
            copied: self.operations.copied(),
        }
    }
}
