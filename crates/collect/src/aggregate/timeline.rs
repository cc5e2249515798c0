//! A history of live bytes with bounded resolution.
//!
//! It begins with intervals of a millisecond. When it has too many points, the intervals are
//! doubled until half of them are left, so it never takes more memory and never loses a peak.

use std::sync::Arc;

use npprof_model::{Bytes, Nanos, TimelinePoint};

const MAX_POINTS: usize = 2000;
const FIRST_INTERVAL_NS: u64 = 1_000_000;

/// What a point needs to know of the moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Level {
    /// Since the start of the run.
    pub(crate) at_ns: u64,
    pub(crate) live: u64,
    /// Bytes allocated so far.
    pub(crate) allocated: u64,
    /// Bytes copied so far.
    pub(crate) copied: u64,
}

/// The history of a process or of the process tree.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    points: Vec<TimelinePoint>,
    interval_ns: u64,
    /// End of the current interval.
    end_ns: u64,
    /// Largest live bytes in the current interval.
    peak: u64,
    rss: u64,
    /// Bytes allocated before the current interval.
    allocated_before: u64,
    /// Bytes copied before the current interval.
    copied_before: u64,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            points: Vec::new(),
            interval_ns: FIRST_INTERVAL_NS,
            end_ns: 0,
            peak: 0,
            rss: 0,
            allocated_before: 0,
            copied_before: 0,
        }
    }
}

impl Timeline {
    /// A history that begins at `level`.
    pub(crate) fn starting(level: Level) -> Self {
        let mut timeline = Self {
            peak: level.live,
            allocated_before: level.allocated,
            copied_before: level.copied,
            ..Self::default()
        };
        timeline.end_ns = timeline.end_of(level.at_ns);
        timeline
    }

    #[inline]
    pub(crate) const fn reach(&mut self, live: u64) {
        if live > self.peak {
            self.peak = live;
        }
    }

    /// The resident set from now on.
    pub(crate) const fn set_rss(&mut self, rss: u64) {
        self.rss = rss;
    }

    /// The clock has moved on to `level`; nothing happened since the last event that was counted.
    pub(crate) fn advance(&mut self, level: Level) {
        if level.at_ns < self.end_ns {
            return;
        }
        self.push(self.end_ns, level);
        // After a pause the point above stands for the time before it, and this one for the pause.
        let begin = self.end_of(level.at_ns) - self.interval_ns;
        if begin > self.end_ns {
            self.push(begin, level);
        }
        self.end_ns = begin + self.interval_ns;
        if self.points.len() >= MAX_POINTS - 1 {
            self.coarsen();
            self.end_ns = self.end_of(level.at_ns);
        }
    }

    /// All points, with one for the current interval so far.
    pub(crate) fn points(&self, level: Level) -> Arc<[TimelinePoint]> {
        let mut points = self.points.clone();
        let current = self.point(level.at_ns, level);
        match points.last_mut() {
            // What came after the end of the last interval, at the very same time.
            Some(last) if last.at >= current.at => {
                last.allocated = Bytes(last.allocated.0.saturating_add(current.allocated.0));
                last.copied = Bytes(last.copied.0.saturating_add(current.copied.0));
            }
            _ => points.push(current),
        }
        points.into()
    }

    const fn end_of(&self, at_ns: u64) -> u64 {
        (at_ns / self.interval_ns + 1).saturating_mul(self.interval_ns)
    }

    fn point(&self, at_ns: u64, level: Level) -> TimelinePoint {
        TimelinePoint {
            at: Nanos(at_ns),
            live: Bytes(level.live),
            peak: Bytes(self.peak.max(level.live)),
            rss: Bytes(self.rss),
            allocated: Bytes(level.allocated.saturating_sub(self.allocated_before)),
            copied: Bytes(level.copied.saturating_sub(self.copied_before)),
        }
    }

    fn push(&mut self, at_ns: u64, level: Level) {
        self.points.push(self.point(at_ns, level));
        self.allocated_before = level.allocated;
        self.copied_before = level.copied;
        self.peak = level.live;
    }

    #[cold]
    fn coarsen(&mut self) {
        while self.points.len() > MAX_POINTS / 2 {
            self.interval_ns = self.interval_ns.saturating_mul(2);
            let interval_ns = self.interval_ns;
            self.points.dedup_by(|later, kept| {
                let is_same = later.at.0.div_ceil(interval_ns) == kept.at.0.div_ceil(interval_ns);
                if is_same {
                    kept.at = later.at;
                    kept.live = later.live;
                    kept.peak = kept.peak.max(later.peak);
                    kept.rss = later.rss;
                    kept.allocated = Bytes(kept.allocated.0.saturating_add(later.allocated.0));
                    kept.copied = Bytes(kept.copied.0.saturating_add(later.copied.0));
                }
                is_same
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// Points as `end in ms: live/peak/allocated`.
    fn shown(points: &[TimelinePoint]) -> String {
        let shown = points.iter().map(|point| {
            format!("{}: {}/{}/{}", point.at.0 / MS, point.live.0, point.peak.0, point.allocated.0)
        });
        shown.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn a_pause_takes_one_point() {
        let mut timeline = Timeline::starting(Level::default());
        let level = |ms, live, allocated| Level { at_ns: ms * MS, live, allocated, copied: 0 };
        timeline.reach(900);
        timeline.advance(level(50, 100, 1000));
        timeline.reach(300);
        let points = timeline.points(level(60, 300, 1200));
        assert_eq!(shown(&points), "1: 100/900/1000; 50: 100/100/0; 60: 300/300/200");
    }

    #[test]
    fn a_long_history_keeps_its_peak_and_its_sum_in_bounded_memory() {
        let mut timeline = Timeline::starting(Level::default());
        for ms in 0..1_000_000 {
            timeline.reach(if ms == 777_777 { 5000 } else { 100 });
            timeline.advance(Level { at_ns: ms * MS, live: 100, allocated: ms, copied: 2 * ms });
        }
        let points = timeline.points(Level {
            at_ns: 1_000_000 * MS,
            live: 100,
            allocated: 999_999,
            copied: 1_999_998,
        });
        assert!(points.len() <= MAX_POINTS, "{}", points.len());
        assert!(points.len() >= MAX_POINTS / 4, "{}", points.len());
        assert_eq!(points.iter().map(|point| point.peak.0).max(), Some(5000));
        assert_eq!(points.iter().map(|point| point.allocated.0).sum::<u64>(), 999_999);
        assert_eq!(points.iter().map(|point| point.copied.0).sum::<u64>(), 1_999_998);
        assert!(points.is_sorted_by_key(|point| point.at));
    }
}
