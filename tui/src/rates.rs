//! How fast the program allocates and copies, from successive snapshots.

use std::collections::VecDeque;

use npprof_model::{Bytes, Nanos, Snapshot};

/// Rates are taken over at least this time, so that their digits can be read.
const WINDOW: Nanos = Nanos(1_000_000_000);

/// What happens in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Bytes allocated per second.
    pub(crate) bytes: Bytes,
    /// Allocations per second.
    pub(crate) n_allocations: u64,
    /// Bytes copied per second.
    pub(crate) copied: Bytes,
    /// Bytes of temporaries per second.
    pub(crate) temporary: Bytes,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    at: Nanos,
    allocated: Bytes,
    n_allocations: u64,
    copied: Bytes,
    temporary: Bytes,
}

/// The sums of the last second.
#[derive(Clone, Debug, Default)]
pub(crate) struct RateMeter {
    samples: VecDeque<Sample>,
}

impl RateMeter {
    pub(crate) fn add(&mut self, snapshot: &Snapshot) {
        let sample = Sample::of(snapshot);
        if self.samples.back().is_some_and(|last| sample.at <= last.at) {
            return;
        }
        self.samples.push_back(sample);
        // The oldest may go when the next one is old enough to stand for it.
        while self.samples.get(1).is_some_and(|next| sample.at.saturating_sub(next.at) >= WINDOW) {
            self.samples.pop_front();
        }
    }

    /// The rate now; zero before the second snapshot.
    pub(crate) fn rate(&self) -> Rate {
        match (self.samples.front(), self.samples.back()) {
            (Some(first), Some(last)) => between(*first, *last),
            _ => Rate::default(),
        }
    }
}

impl Sample {
    fn of(snapshot: &Snapshot) -> Self {
        Self {
            at: snapshot.elapsed,
            allocated: snapshot.totals.allocated,
            n_allocations: snapshot.totals.n_allocations,
            copied: snapshot.totals.copied,
            temporary: snapshot.totals.temporary,
        }
    }
}

/// The rate over the whole run.
pub(crate) fn mean(snapshot: &Snapshot) -> Rate {
    between(Sample::default(), Sample::of(snapshot))
}

fn between(first: Sample, last: Sample) -> Rate {
    let time = last.at.saturating_sub(first.at);
    let per_second = |sum: u64| {
        let rate = u128::from(sum) * 1_000_000_000 / u128::from(time.0.max(1));
        if time.0 == 0 { 0 } else { u64::try_from(rate).unwrap_or(u64::MAX) }
    };
    Rate {
        bytes: Bytes(per_second(last.allocated.saturating_sub(first.allocated).0)),
        n_allocations: per_second(last.n_allocations.saturating_sub(first.n_allocations)),
        copied: Bytes(per_second(last.copied.saturating_sub(first.copied).0)),
        temporary: Bytes(per_second(last.temporary.saturating_sub(first.temporary).0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(snapshots: &[(u64, u64)], expected: u64) {
        let mut meter = RateMeter::default();
        for &(at_ms, allocated) in snapshots {
            let mut snapshot =
                Snapshot { elapsed: Nanos(at_ms * 1_000_000), ..Snapshot::default() };
            snapshot.totals.allocated = Bytes(allocated);
            meter.add(&snapshot);
        }
        assert_eq!(meter.rate().bytes, Bytes(expected));
    }

    #[test]
    fn the_rate_is_that_of_the_last_second() {
        check(&[], 0);
        check(&[(100, 500)], 0);
        check(&[(100, 500), (600, 1000)], 1000);
        check(&[(0, 0), (1000, 9000), (1500, 9000), (2000, 9000)], 0);
        check(&[(0, 0), (1000, 9000), (2000, 9100), (2000, 9100)], 100);
    }
}
