//! What the high-water mark would have been without some of the blocks.
//!
//! Blocks that may turn out avoidable are opened with the time from which on they would not have
//! been alive, and closed when it is decided, with the bytes that could have been avoided. In between,
//! live bytes are kept apart for each stretch of time in which the same blocks were there.
//!
//! Nearly all that happens is at the end of what is kept, and takes constant time there. What is
//! kept has a bound, but for the open blocks, which are alive.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::heights::Heights;

/// Stretches that are kept apart; beyond, neighbours are taken together, and what begins inside of
/// such a pair counts from its end.
const MAX_SEGMENTS: usize = 4096;
/// Starts of what has been closed that may be left among the others.
const MAX_STALE: usize = 64;

#[derive(Clone, Copy, Debug)]
struct Segment {
    start: u64,
    /// Most live bytes in it; of the last one that isn't known yet.
    height: u64,
    /// By how many avoidable bytes it has more than the one before it, modulo 2^64; the first one
    /// has all of its own here.
    step: u64,
}

/// Avoidable blocks of one pattern at one site.
#[derive(Clone, Debug, Default)]
pub(super) struct Saving {
    /// Before this time, `best` says all.
    settled: u64,
    /// The high-water mark without what could have been avoided.
    best: u64,
    segments: VecDeque<Segment>,
    /// Start of what is open.
    open: FxHashMap<u64, u64>,
    /// The same with the keys, in order; among them some that are no longer open, but never at the
    /// front and never more than the others and [`MAX_STALE`].
    starts: VecDeque<(u64, u64)>,
}

impl Saving {
    /// A block that would not have been alive from the event `start` on, perhaps.
    pub(super) fn open(&mut self, key: u64, start: u64, heights: &Heights) {
        self.split(start, heights);
        let start = start.max(self.settled);
        if self.open.insert(key, start) == Some(start) {
            return;
        }
        let place = match self.starts.back() {
            Some(last) if *last > (start, key) => {
                self.starts.partition_point(|other| *other < (start, key))
            }
            _ => self.starts.len(),
        };
        // Closed and opened again, it may be there already.
        if self.starts.get(place) != Some(&(start, key)) {
            self.starts.insert(place, (start, key));
        }
        self.forget_stale();
    }

    /// Something ended at this event that is decided about later, with `close_at`.
    pub(super) fn mark(&mut self, at: u64, heights: &Heights) {
        self.split(at, heights);
    }

    /// It is decided about a block, of which so many bytes could have been avoided up to now.
    pub(super) fn close(&mut self, key: u64, bytes: u64, heights: &Heights) {
        self.close_at(key, bytes, heights.now(), heights);
    }

    /// As `close`, up to an event of the past.
    pub(super) fn close_at(&mut self, key: u64, bytes: u64, end: u64, heights: &Heights) {
        if let Some(start) = self.open.remove(&key) {
            self.forget_stale();
            if bytes > 0 {
                self.span((start, end), bytes, heights);
            } else {
                self.settle();
            }
        }
    }

    /// So many bytes could have been avoided from one event to another.
    pub(super) fn span(&mut self, (start, end): (u64, u64), bytes: u64, heights: &Heights) {
        let first = self.split(start, heights);
        let n = self.segments.len();
        let after = self.split(end, heights);
        // What was put in behind the first one leaves it where it is.
        let is_there = start <= end && self.segments.len() >= n;
        let first = if is_there { first } else { self.place(start) };
        if first < after {
            if let Some(first) = self.segments.get_mut(first) {
                first.step = first.step.wrapping_add(bytes);
            }
            if let Some(after) = self.segments.get_mut(after) {
                after.step = after.step.wrapping_sub(bytes);
            }
        }
        self.settle();
    }

    /// By how much the high-water mark would have been lower, where `avoidable` says how many bytes
    /// of what is still open would not be alive.
    pub(super) fn saved(
        &self,
        high_water: u64,
        heights: &Heights,
        avoidable: impl Fn(u64) -> u64,
    ) -> u64 {
        let mut added = vec![0_u64; self.segments.len() + 1];
        for (&key, &start) in &self.open {
            let place = self.place(start);
            if let Some(added) = added.get_mut(place) {
                *added = added.saturating_add(avoidable(key));
            }
        }
        let end = heights.now() + 1;
        let mut without = self.best;
        if self.segments.is_empty() {
            without = without.max(heights.max(self.settled, end));
        }
        let (mut open, mut avoidable) = (0_u64, 0_u64);
        for (place, (segment, added)) in self.segments.iter().zip(added).enumerate() {
            open = open.saturating_add(added);
            avoidable = avoidable.wrapping_add(segment.step);
            let is_last = place + 1 == self.segments.len();
            let height = if is_last { heights.max(segment.start, end) } else { segment.height };
            without = without.max(height.saturating_sub(avoidable.saturating_add(open)));
        }
        high_water.saturating_sub(without)
    }

    /// Makes a stretch begin at `at`, or where all is settled, and says which one that is.
    fn split(&mut self, at: u64, heights: &Heights) -> usize {
        if at <= self.settled && !self.segments.is_empty() {
            return 0;
        }
        let at = at.max(self.settled);
        let Some(place) = self.place(at.saturating_add(1)).checked_sub(1) else {
            self.best = self.best.max(heights.max(self.settled, at));
            self.settled = at;
            self.segments.push_front(Segment { start: at, height: 0, step: 0 });
            return 0;
        };
        let next = self.segments.get(place + 1).map(|next| next.start);
        let Some(segment) = self.segments.get_mut(place).filter(|segment| segment.start < at)
        else {
            return place;
        };
        let whole = segment.height;
        let limit = if next.is_some() { whole } else { u64::MAX };
        let mut new = Segment { start: at, step: 0, ..*segment };
        segment.height = heights.max(segment.start, at).min(limit);
        if let Some(next) = next {
            new.height = heights.max(at, next).min(limit);
        }
        self.segments.insert(place + 1, new);
        if self.segments.len() > MAX_SEGMENTS {
            self.coarsen();
            return self.place(at);
        }
        place + 1
    }

    /// Settles the stretches about which all is decided.
    fn settle(&mut self) {
        let open_from = self.starts.front().map_or(u64::MAX, |&(start, _)| start);
        while self.segments.get(1).is_some_and(|next| next.start <= open_from) {
            self.settle_first();
        }
        // What is left of nothing open is a stretch in which nothing is avoidable.
        if self.open.is_empty() && self.segments.len() == 1 {
            self.segments.clear();
        }
    }

    /// Takes neighbours together, but for the last one, of which the height isn't known yet.
    #[cold]
    fn coarsen(&mut self) {
        let mut avoidable = 0_u64;
        let all = self.segments.drain(..).map(|segment| {
            avoidable = avoidable.wrapping_add(segment.step);
            (segment, avoidable)
        });
        let mut all: Vec<(Segment, u64)> = all.collect();
        let last = all.pop();
        let pairs = all.chunks(2).filter_map(|pair| {
            let height = pair.iter().map(|(segment, _)| segment.height).max()?;
            let avoidable = pair.iter().map(|&(_, avoidable)| avoidable).min()?;
            Some((Segment { height, ..pair.first()?.0 }, avoidable))
        });
        let mut before = 0_u64;
        for (segment, avoidable) in pairs.chain(last) {
            let step = avoidable.wrapping_sub(before);
            self.segments.push_back(Segment { step, ..segment });
            before = avoidable;
        }
    }

    fn settle_first(&mut self) {
        if let Some(first) = self.segments.pop_front() {
            self.best = self.best.max(first.height.saturating_sub(first.step));
            if let Some(next) = self.segments.front_mut() {
                next.step = next.step.wrapping_add(first.step);
            }
            self.settled = self.segments.front().map_or(first.start, |next| next.start);
        }
    }

    /// Of the first stretch that begins at a time or later.
    #[inline]
    fn place(&self, start: u64) -> usize {
        let n = self.segments.len();
        match self.segments.back() {
            Some(last) if last.start >= start => {
                self.segments.partition_point(|segment| segment.start < start)
            }
            _ => n,
        }
    }

    /// Drops starts of what isn't open any more, all of them where there are too many.
    fn forget_stale(&mut self) {
        let open = &self.open;
        let is_stale = |&(start, key): &(u64, u64)| open.get(&key) != Some(&start);
        while self.starts.front().is_some_and(is_stale) {
            self.starts.pop_front();
        }
        if self.starts.len() > 2 * open.len() + MAX_STALE {
            self.starts.retain(|start| !is_stale(start));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of 10 bytes among others: `(birth, death, is it avoidable)`, each event one of these.
    fn check(blocks: &[(u64, u64, bool)]) {
        let end = blocks.iter().map(|block| block.1).max().unwrap() + 3;
        let other = |at: u64| at * 37 % 50;
        let alive = |at: u64, only_needed: bool| {
            let counts = |block: &&(u64, u64, bool)| {
                (block.0..block.1).contains(&at) && !(only_needed && block.2)
            };
            other(at) + blocks.iter().filter(counts).count() as u64 * 10
        };
        let (mut heights, mut saving) = (Heights::default(), Saving::default());
        for at in 1..=end {
            heights.tick(alive(at, false));
            for (key, &(_, death, is_avoidable)) in (0..).zip(blocks) {
                if death == at {
                    saving.close(key, if is_avoidable { 10 } else { 0 }, &heights);
                }
            }
            // They are heard of an event later.
            for (key, &(birth, ..)) in (0..).zip(blocks) {
                if birth + 1 == at {
                    saving.open(key, birth, &heights);
                }
            }
        }
        let height = |only_needed| (1..=end).map(|at| alive(at, only_needed)).max().unwrap();
        let expected = height(false) - height(true);
        assert_eq!(saving.saved(height(false), &heights, |_| 0), expected, "{blocks:?}");
    }

    #[test]
    fn savings_are_those_of_a_count_of_every_moment() {
        check(&[(3, 9, true)]);
        check(&[(3, 9, true), (4, 20, false), (5, 7, true), (30, 33, true)]);
        let many: Vec<_> = (0..300)
            .map(|at| (2 + at * 3 % 200, 4 + at * 3 % 200 + at % 40, at % 3 != 0))
            .collect();
        check(&many);
    }

    #[test]
    fn more_stretches_than_there_is_room_for_lose_little() {
        let (mut heights, mut saving) = (Heights::default(), Saving::default());
        for at in 1..=20_000 {
            heights.tick(at * 100);
            saving.open(at, at + 1, &heights);
        }
        let saved = saving.saved(2_000_000, &heights, |_| 100);
        assert!((1_960_000..2_000_000).contains(&saved), "{saved}");
    }
}
