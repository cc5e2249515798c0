//! How high a process's live bytes stood, in any span of time that is asked for soon enough.
//!
//! Times are numbers of events. Of the distant past only those points are kept that no later one
//! exceeds: any question is about a span that lasts until now, or ended recently.

use std::collections::VecDeque;

/// Points that are all kept.
const RECENT: usize = 256;

#[derive(Clone, Copy, Debug)]
struct Point {
    at: u64,
    /// Most live bytes from then on until the next point.
    height: u64,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Heights {
    recent: VecDeque<Point>,
    /// Ever lower ones.
    older: Vec<Point>,
    now: u64,
}

impl Heights {
    /// The number of the latest event.
    pub(super) const fn now(&self) -> u64 {
        self.now
    }

    /// An event, after which this much is alive.
    pub(super) fn tick(&mut self, live: u64) -> u64 {
        self.now += 1;
        self.recent.push_back(Point { at: self.now, height: live });
        if self.recent.len() > RECENT
            && let Some(point) = self.recent.pop_front()
        {
            while self.older.last().is_some_and(|last| last.height <= point.height) {
                self.older.pop();
            }
            self.older.push(point);
        }
        self.now
    }

    /// This much is alive, for reasons too small to be events.
    #[inline]
    pub(super) fn drift(&mut self, live: u64) {
        match self.recent.back_mut() {
            Some(last) => last.height = last.height.max(live),
            None => self.recent.push_back(Point { at: 0, height: live }),
        }
    }

    /// Most live bytes from the event `from` on, to just before the event `to`. Where `to` is too
    /// long ago, more than that may be told.
    pub(super) fn max(&self, from: u64, to: u64) -> u64 {
        let older = self.older.partition_point(|point| point.at < from);
        let older = self.older.get(older).filter(|point| point.at < to);
        let first = self.recent.partition_point(|point| point.at < from);
        let recent = self.recent.iter().skip(first).take_while(|point| point.at < to);
        older.into_iter().chain(recent).map(|point| point.height).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_span_that_ends_recently_is_exact() {
        let live = |at: u64| (at * 7919) % 1009;
        let mut heights = Heights::default();
        for at in 1..=5000 {
            heights.tick(live(at));
        }
        for (from, to) in [(1, 5001), (4000, 5001), (4900, 4990), (100, 4800), (4999, 5000)] {
            let expected = (from..to).map(live).max().unwrap();
            assert_eq!(heights.max(from, to), expected, "{from}..{to}");
        }
    }

    #[test]
    fn small_changes_raise_the_latest_point() {
        let mut heights = Heights::default();
        heights.tick(100);
        heights.drift(130);
        heights.tick(50);
        assert_eq!((heights.max(1, 3), heights.max(2, 3)), (130, 50));
    }
}
