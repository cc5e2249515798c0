//! Forks: what a child begins with.
//!
//! The child's image of its memory is the parent's, so it begins with the parent's live blocks,
//! which it may free or keep, and with the parent's definitions, which it doesn't send again. It
//! begins with none of the parent's counts.

use std::sync::Arc;

use super::operations::Operations;
use super::patterns::Patterns;
use super::sites::Stack;
use super::threads::ThreadIndex;
use super::timeline::Timeline;
use super::{Aggregate, Crest, Fork, Seed, Sums};

/// Forks that wait to be taken by [`Aggregate::take_forks`]; older ones are forgotten.
const MAX_FORKS: usize = 64;
/// Bytes of what their children begin with, likewise, but for the latest one.
const MAX_BYTES: usize = 256 << 20;

impl Aggregate {
    /// The process forks in this thread.
    pub(super) fn fork(&mut self, number: u64, thread: ThreadIndex) {
        let n_events = self.n_events();
        let child = match self.forks.last() {
            Some(last) if last.child.n_events == n_events => Arc::clone(&last.child),
            _ => {
                let child = Seed { aggregate: self.child(), thread, n_events };
                self.make_room(child.n_bytes());
                Arc::new(child)
            }
        };
        if self.forks.len() >= MAX_FORKS {
            self.forks.remove(0);
        }
        self.forks.push(Fork { number, child });
    }

    /// Forgets forks until there is room for a child that begins with so many bytes.
    fn make_room(&mut self, more: usize) {
        let mut left = MAX_BYTES.saturating_sub(more);
        let mut before: Option<&Arc<Seed>> = None;
        let mut n_kept = 0;
        for fork in self.forks.iter().rev() {
            // Forks between which nothing happened share what their children begin with.
            if !before.is_some_and(|before| Arc::ptr_eq(before, &fork.child)) {
                let Some(rest) = left.checked_sub(fork.child.n_bytes()) else { break };
                left = rest;
            }
            before = Some(&fork.child);
            n_kept += 1;
        }
        self.forks.drain(..self.forks.len() - n_kept);
    }

    /// What a child begins with that is forked now.
    fn child(&self) -> Self {
        let mut blocks = self.blocks.clone();
        blocks.inherit();
        let live = self.sums.live;
        let sums = Sums {
            live,
            high_water: live,
            high_water_ns: self.now_ns,
            inherited: live,
            n_inherited: blocks.len() as u64,
            inherited_live: live,
            ..Sums::default()
        };
        let mut definitions = self.definitions.clone();
        definitions.facts.notices.clear();
        Self {
            definitions,
            stacks: self.stacks.iter().map(Stack::inherited).collect(),
            sites: self.sites.inherited(self.now_ns),
            threads: self.threads.inherited(),
            timeline: Timeline::starting(super::Level { allocated: 0, copied: 0, ..self.level() }),
            blocks,
            operations: Operations::default(),
            patterns: Patterns::default(),
            crest: Crest { own_live: 0, at_ns: self.now_ns },
            sums,
            origin_ns: self.origin_ns,
            now_ns: self.now_ns,
            latest_ns: self.latest_ns,
            mark: 0,
            // All inherited blocks were there; of the child's own ones none was.
            mark_sequence: 0,
            n_rare: 0,
            forks: Vec::new(),
        }
    }

    /// Grows with everything that a child would see.
    const fn n_events(&self) -> u64 {
        self.sums.n_allocations.wrapping_add(self.sums.n_frees).wrapping_add(self.n_rare)
    }
}

impl Seed {
    /// Bytes that it takes, roughly.
    pub(crate) fn n_bytes(&self) -> usize {
        let aggregate = &self.aggregate;
        aggregate.blocks.n_bytes()
            + aggregate.stacks.len() * size_of::<Stack>()
            + aggregate.sites.n_bytes()
            + aggregate.definitions.n_bytes()
    }
}
