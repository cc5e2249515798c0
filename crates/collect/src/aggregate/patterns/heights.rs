//! How high a process's live bytes stood, in any span of time that is asked for soon enough.
//!
//! Times are numbers of events. Of the distant past only those points are kept that no later one
//! exceeds: any question is about a span that lasts until now, or ended recently.

/// Points that are all kept.
const RECENT: usize = 256;
/// Points of which the highest is kept beside them.
const GROUP: usize = 16;
/// Points of the distant past; of more than that, two neighbours become one that is as high as the
/// higher of them.
const MAX_OLDER: usize = 1 << 14;

#[derive(Clone, Copy, Debug)]
struct Point {
    at: u64,
    /// Most live bytes from then on until the next point.
    height: u64,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Heights {
    /// Heights of the latest points, each at its time modulo [`RECENT`].
    recent: [u64; RECENT],
    /// The highest of each [`GROUP`] of times, the latest one as far as it has got.
    groups: [u64; RECENT / GROUP],
    /// Ever lower ones.
    older: Vec<Point>,
    /// The same of the latest points but the very last one, whose height may still rise: what
    /// reaches to the present is answered by it. Those before `tail_from` have got too old.
    tail: Vec<Point>,
    tail_from: usize,
    now: u64,
}

impl Default for Heights {
    fn default() -> Self {
        Self {
            recent: [0; RECENT],
            groups: [0; RECENT / GROUP],
            older: Vec::new(),
            tail: Vec::new(),
            tail_from: 0,
            now: 0,
        }
    }
}

impl Heights {
    /// The number of the latest event.
    #[inline]
    pub(super) const fn now(&self) -> u64 {
        self.now
    }

    /// An event, after which this much is alive.
    #[inline]
    pub(super) fn tick(&mut self, live: u64) -> u64 {
        self.follow(Point { at: self.now, height: self.recent[place(self.now)] });
        self.now += 1;
        let now = self.now;
        if let Some(at) = now.checked_sub(RECENT as u64) {
            self.age(Point { at, height: self.recent[place(at)] });
        }
        self.recent[place(now)] = live;
        let before = self.groups[group(now)];
        self.groups[group(now)] = if is_first(now) { live } else { live.max(before) };
        now
    }

    /// This much is alive, for reasons too small to be events.
    #[inline]
    pub(super) const fn drift(&mut self, live: u64) {
        let (last, group) = (place(self.now), group(self.now));
        if live > self.recent[last] {
            self.recent[last] = live;
            if live > self.groups[group] {
                self.groups[group] = live;
            }
        }
    }

    /// Most live bytes from the event `from` on, to just before the event `to`. Where `to` is too
    /// long ago, more than that may be told.
    pub(super) fn max(&self, from: u64, to: u64) -> u64 {
        let (first, after) = (self.now.saturating_sub(RECENT as u64 - 1), self.now + 1);
        let mut most = 0;
        if from < first {
            let older = self.older.partition_point(|point| point.at < from);
            let older = self.older.get(older).filter(|point| point.at < to);
            most = older.map_or(0, |point| point.height);
        }
        let (mut at, to) = (from.max(first), to.min(after));
        if to >= self.now {
            let tail = self.tail.get(self.tail_from..).unwrap_or(&[]);
            let highest = tail.get(tail.partition_point(|point| point.at < at));
            let last = if to == after && at < to { self.recent[place(self.now)] } else { 0 };
            return most.max(last).max(highest.map_or(0, |point| point.height));
        }
        while at < to {
            if is_first(at) && at + GROUP as u64 <= to {
                most = most.max(self.groups[group(at)]);
                at += GROUP as u64;
            } else {
                most = most.max(self.recent[place(at)]);
                at += 1;
            }
        }
        most
    }

    /// Takes in a point that isn't the last one any more.
    #[inline]
    fn follow(&mut self, point: Point) {
        let oldest = (point.at + 2).saturating_sub(RECENT as u64);
        while self.tail.len() > self.tail_from
            && self.tail.last().is_some_and(|last| last.height <= point.height)
        {
            self.tail.pop();
        }
        self.tail.push(point);
        while self.tail.get(self.tail_from).is_some_and(|first| first.at < oldest) {
            self.tail_from += 1;
        }
        if self.tail_from >= RECENT {
            self.tail.drain(..self.tail_from);
            self.tail_from = 0;
        }
    }

    /// Keeps a point that is not among the latest ones any more.
    #[inline]
    fn age(&mut self, point: Point) {
        while self.older.last().is_some_and(|last| last.height <= point.height) {
            self.older.pop();
        }
        self.older.push(point);
        if self.older.len() > MAX_OLDER {
            // The later time: whoever asks from between the two is told more, never less.
            let pairs = self.older.chunks(2);
            let one = |pair: &[Point]| Some(Point { at: pair.last()?.at, ..*pair.first()? });
            self.older = pairs.filter_map(one).collect();
        }
    }
}

/// Where a time's height stands.
#[expect(clippy::cast_possible_truncation, reason = "the low bits are wanted")]
const fn place(at: u64) -> usize {
    at as usize % RECENT
}

const fn group(at: u64) -> usize {
    place(at) / GROUP
}

const fn is_first(at: u64) -> bool {
    place(at).is_multiple_of(GROUP)
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
    fn spans_up_to_the_present_are_exact_at_any_time_and_so_are_all_recent_ones() {
        let mut heights = Heights::default();
        let mut live = vec![0];
        for now in 1..=1500_u64 {
            live.push((now * 7919) % 1009 / (1 + now % 400 / 100));
            heights.tick(live[live.len() - 1]);
            if now % 3 == 0 {
                let drifted = live[live.len() - 1] + now % 50;
                heights.drift(drifted);
                *live.last_mut().unwrap() = drifted;
            }
            let highest = |from: u64, to: u64| {
                let points = (0..).zip(&live).filter(|(at, _)| (from..to).contains(at));
                points.map(|(_, &height)| height).max().unwrap_or(0)
            };
            for from in [0, 1, 5, 77, 254, 255, 256, 257, 600, now] {
                let from = now.saturating_sub(from);
                for to in [now, now + 1, now + 2] {
                    let expected = highest(from, to.min(now + 1));
                    assert_eq!(heights.max(from, to), expected, "{from}..{to} at {now}");
                }
                for to in from..now.min(from + 20) {
                    if now - from < 255 {
                        assert_eq!(heights.max(from, to), highest(from, to), "{from}..{to}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_long_way_down_takes_bounded_memory_and_tells_no_less_than_there_was() {
        let mut heights = Heights::default();
        let n = 4 * MAX_OLDER as u64;
        for at in 1..=n {
            heights.tick(2 * n - at);
        }
        assert!(heights.older.len() <= MAX_OLDER, "{}", heights.older.len());
        for from in [1, 77, n / 2, n - 300] {
            let told = heights.max(from, n + 1);
            assert!((2 * n - from..2 * n).contains(&told), "{told} from {from}");
        }
        assert_eq!(heights.max(n - 100, n + 1), n + 100);
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
