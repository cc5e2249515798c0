//! What forked children begin with, until they come for it.
//!
//! A child that never does must not cost anything for long. It is remembered that it didn't: every
//! forked child introduces itself at once, unless it can't.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::aggregate::{Fork, Seed};

const MAX_SEEDS: usize = 64;
const MAX_BYTES: usize = 512 << 20;
const MAX_AGE_NS: u64 = 10_000_000_000;

/// What forked children begin with.
#[derive(Debug, Default)]
pub(crate) struct Nursery {
    /// Oldest first.
    waiting: VecDeque<Waiting>,
    /// Those that nobody came for in time.
    n_expired: usize,
}

#[derive(Debug)]
struct Waiting {
    parent_image: u64,
    fork: Fork,
    since_ns: u64,
}

impl Nursery {
    pub(crate) fn add(&mut self, parent_image: u64, fork: Fork, now_ns: u64) {
        self.waiting.push_back(Waiting { parent_image, fork, since_ns: now_ns });
        while self.waiting.len() > MAX_SEEDS
            || (self.waiting.len() > 1 && self.n_bytes() > MAX_BYTES)
        {
            self.waiting.pop_front();
        }
    }

    /// What the child of this fork begins with, if it is here.
    pub(crate) fn take(&mut self, parent_image: u64, number: u64) -> Option<Seed> {
        let is_it = |waiting: &Waiting| {
            waiting.parent_image == parent_image && waiting.fork.number == number
        };
        let place = self.waiting.iter().position(is_it)?;
        let seed = self.waiting.remove(place)?.fork.child;
        Some(Arc::try_unwrap(seed).unwrap_or_else(|shared| Seed::clone(&shared)))
    }

    /// Forgets the ones that nobody came for.
    pub(crate) fn expire(&mut self, now_ns: u64) {
        while self
            .waiting
            .front()
            .is_some_and(|oldest| now_ns.saturating_sub(oldest.since_ns) > MAX_AGE_NS)
        {
            self.waiting.pop_front();
            self.n_expired += 1;
        }
    }

    /// Whether no child is expected.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Forks whose children have not come.
    pub(crate) fn n_absent(&self) -> usize {
        self.n_expired + self.waiting.len()
    }

    /// Seeds of forks between which nothing happened are one and count once.
    fn n_bytes(&self) -> usize {
        let mut n_bytes = 0;
        let mut before: Option<&Arc<Seed>> = None;
        for waiting in &self.waiting {
            let seed = &waiting.fork.child;
            if !before.is_some_and(|before| Arc::ptr_eq(before, seed)) {
                n_bytes += seed.n_bytes();
            }
            before = Some(seed);
        }
        n_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::Aggregate;
    use crate::aggregate::threads::ThreadIndex;
    use npprof_wire::record::Record;

    fn fork(number: u64) -> Fork {
        let mut aggregate = Aggregate::new(0, 0);
        let record = Record::Fork { fork: number };
        aggregate.apply(record, &mut ThreadIndex::default()).expect("sane");
        aggregate.take_forks().pop().expect("it forked")
    }

    #[test]
    fn a_seed_is_for_the_child_of_its_fork_and_taken_once() {
        let mut nursery = Nursery::default();
        nursery.add(5, fork(1), 0);
        assert!(nursery.take(5, 2).is_none());
        assert!(nursery.take(6, 1).is_none());
        assert_eq!((nursery.n_absent(), nursery.is_empty()), (1, false));
        assert!(nursery.take(5, 1).is_some());
        assert!(nursery.take(5, 1).is_none());
        assert_eq!((nursery.n_absent(), nursery.is_empty()), (0, true));
    }

    #[test]
    fn seeds_that_nobody_comes_for_are_forgotten_the_oldest_first() {
        let mut nursery = Nursery::default();
        for number in 0..100 {
            nursery.add(5, fork(number), number);
        }
        assert!(nursery.take(5, 35).is_none());
        assert!(nursery.take(5, 36).is_some());
        nursery.expire(MAX_AGE_NS + 50);
        assert!(nursery.take(5, 49).is_none());
        assert_eq!(nursery.n_absent(), 14 + 49);
        assert!(nursery.take(5, 50).is_some());
    }
}
