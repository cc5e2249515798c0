//! Who was alive when: the largest sites of the moments at which the dashboard looked.
//!
//! The collector keeps sums over time, not each site's; so this is as fine as the looks are, and
//! becomes coarser by a half whenever it is full.

use std::collections::HashMap;

use npprof_model::{Bytes, Nanos, RunState, SiteId, Snapshot};

/// Moments that are kept.
const MAX_MOMENTS: usize = 400;
/// Sites of a moment.
const MAX_SITES: usize = 32;
/// Moments are no closer than this at first.
const FIRST_STEP: Nanos = Nanos(100_000_000);

/// What was alive at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) at: Nanos,
    pub(crate) live: Bytes,
    /// The largest sites, largest first.
    pub(crate) sites: Vec<(SiteId, Bytes)>,
}

/// Moments of a run in their order.
#[derive(Clone, Debug)]
pub(crate) struct History {
    moments: Vec<Moment>,
    step: Nanos,
}

impl Default for History {
    fn default() -> Self {
        Self { moments: Vec::new(), step: FIRST_STEP }
    }
}

impl History {
    /// Takes a moment down unless the last one is as good as it.
    pub(crate) fn add(&mut self, snapshot: &Snapshot) {
        let at = snapshot.elapsed;
        let is_end = matches!(snapshot.state, RunState::Ended(_));
        let next = self.moments.last().map_or(Nanos(0), |last| last.at + self.step);
        if snapshot.sites.is_empty() || (at < next && !is_end) {
            return;
        }
        let mut sites: Vec<_> = snapshot
            .sites
            .iter()
            .filter(|site| site.live.0 > 0)
            .map(|site| (site.id, site.live))
            .collect();
        let by_size = |&(id, live): &(SiteId, Bytes)| (std::cmp::Reverse(live), id);
        if sites.len() > MAX_SITES {
            sites.select_nth_unstable_by_key(MAX_SITES, by_size);
            sites.truncate(MAX_SITES);
        }
        sites.sort_unstable_by_key(by_size);
        if self.moments.len() >= MAX_MOMENTS {
            let mut is_kept = false;
            self.moments.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
            self.step = Nanos(self.step.0.saturating_mul(2));
        }
        self.moments.push(Moment { at, live: snapshot.totals.live, sites });
    }

    /// The moment that is closest to this time.
    pub(crate) fn at(&self, time: Nanos) -> Option<&Moment> {
        let after = self.moments.partition_point(|moment| moment.at < time);
        let near =
            self.moments.get(after.saturating_sub(1)..(after + 1).min(self.moments.len()))?;
        near.iter().min_by_key(|moment| moment.at.0.abs_diff(time.0))
    }

    /// What a site held, over all moments.
    pub(crate) fn of(&self, site: SiteId) -> impl Iterator<Item = (Nanos, Bytes)> {
        self.moments.iter().map(move |moment| {
            let held = moment.sites.iter().find(|&&(id, _)| id == site);
            (moment.at, held.map_or(Bytes(0), |&(_, bytes)| bytes))
        })
    }

    /// How fast the largest sites have grown within the last `window`, in bytes per minute; `None`
    /// before so much of the run was seen that it can be told.
    ///
    /// What a site held in the first third of the window is compared with the last third, once the
    /// most of both and once the least, and the smaller difference counts: what comes and goes does
    /// not grow, however the looks happen to meet it.
    pub(crate) fn growth(&self, window: Nanos) -> Option<HashMap<SiteId, i64>> {
        let last = self.moments.last()?;
        let start = last.at.saturating_sub(window);
        let from = self.moments.partition_point(|moment| moment.at < start);
        let seen = &self.moments[from..];
        let third = seen.len() / 3;
        let (early, late) = (seen.get(..third)?, seen.get(seen.len() - third..)?);
        let time = last.at.saturating_sub(early.last()?.at);
        if time.0 < 1_000_000_000 {
            return None;
        }
        let (before, after) = (ranges(early), ranges(late));
        // A site that was not among the largest held no more than the smallest of those.
        let others = early.iter().filter(|moment| moment.sites.len() >= MAX_SITES);
        let other = others.filter_map(|moment| moment.sites.last()).map(|it| it.1).max();
        let other = other.unwrap_or_default();
        let growth = |(site, now): (SiteId, HeldRange)| {
            let unseen = HeldRange { least: other.min(now.least), most: other.min(now.most) };
            let before = before.get(&site).copied().unwrap_or(unseen);
            let difference = [(before.least, now.least), (before.most, now.most)]
                .map(|(before, now)| i128::from(now.0) - i128::from(before.0));
            let per_minute = smaller_move(difference) * 60_000_000_000 / i128::from(time.0);
            (site, i64::try_from(per_minute).unwrap_or(i64::MAX))
        };
        Some(after.into_iter().map(growth).collect())
    }
}

/// What a site held within some moments.
#[derive(Clone, Copy, Debug, Default)]
struct HeldRange {
    least: Bytes,
    most: Bytes,
}

/// The smaller one of two differences; zero if one goes up and the other down.
fn smaller_move([a, b]: [i128; 2]) -> i128 {
    if a.signum() != b.signum() {
        return 0;
    }
    if a.abs() < b.abs() { a } else { b }
}

/// What each site held within these moments.
fn ranges(moments: &[Moment]) -> HashMap<SiteId, HeldRange> {
    let mut ranges: HashMap<SiteId, (HeldRange, usize)> = HashMap::new();
    for &(site, bytes) in moments.iter().flat_map(|moment| &moment.sites) {
        let (range, n_seen) =
            ranges.entry(site).or_insert((HeldRange { least: bytes, most: bytes }, 0));
        range.least = bytes.min(range.least);
        range.most = bytes.max(range.most);
        *n_seen += 1;
    }
    let range = |(site, (range, n_seen)): (SiteId, (HeldRange, usize))| {
        let is_always_there = n_seen == moments.len();
        (site, if is_always_there { range } else { HeldRange { least: Bytes(0), ..range } })
    };
    ranges.into_iter().map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;
    use npprof_model::Site;

    const SECOND: u64 = 1_000_000_000;

    fn history(n: u64, step: u64) -> History {
        let mut history = History::default();
        for time in 0..n {
            let site = Site { id: SiteId(7), live: Bytes(100 * time), ..fixtures::site() };
            history.add(&Snapshot {
                elapsed: Nanos(time * step),
                sites: [site].into(),
                ..Snapshot::default()
            });
        }
        history
    }

    #[test]
    fn growth_is_that_of_the_window_per_minute() {
        let history = history(31, SECOND);
        for window in [9, 60] {
            let growth = history.growth(Nanos(window * SECOND)).unwrap();
            assert_eq!(growth.get(&SiteId(7)), Some(&6000), "{window}");
        }
        assert_eq!(History::default().growth(Nanos(SECOND)), None);
    }

    #[test]
    fn what_comes_and_goes_does_not_grow() {
        let mut history = History::default();
        for time in 0..30 {
            let live = if time % 2 == 0 { 0 } else { 500 };
            let site = Site { id: SiteId(7), live: Bytes(live), ..fixtures::site() };
            let elapsed = Nanos(time * SECOND);
            history.add(&Snapshot { elapsed, sites: [site].into(), ..Snapshot::default() });
        }
        let growth = history.growth(Nanos(60 * SECOND)).unwrap();
        assert_eq!(growth.get(&SiteId(7)), Some(&0));
    }

    #[test]
    fn what_is_met_by_chance_does_not_grow() {
        let mut history = History::default();
        for time in 0..30 {
            // A temporary that one look of the last ten meets, and a line that keeps all it makes.
            let (brief, kept) = (if time == 25 { 4000 } else { 0 }, 10 * (time + 1));
            let sites = [(7, brief), (8, kept)].map(|(id, live)| Site {
                id: SiteId(id),
                live: Bytes(live),
                ..fixtures::site()
            });
            let elapsed = Nanos(time * SECOND);
            history.add(&Snapshot { elapsed, sites: sites.into(), ..Snapshot::default() });
        }
        let growth = history.growth(Nanos(60 * SECOND)).unwrap();
        assert_eq!(growth.get(&SiteId(7)), Some(&0));
        assert_eq!(growth.get(&SiteId(8)), Some(&600));
    }

    #[test]
    fn the_closest_moment_is_told() {
        let history = history(11, SECOND);
        assert_eq!(history.at(Nanos(3 * SECOND + 1)).unwrap().at, Nanos(3 * SECOND));
        assert_eq!(history.at(Nanos(3 * SECOND - 1)).unwrap().at, Nanos(3 * SECOND));
        assert_eq!(history.at(Nanos(99 * SECOND)).unwrap().at, Nanos(10 * SECOND));
        assert_eq!(history.at(Nanos(0)).unwrap().at, Nanos(0));
        assert_eq!(History::default().at(Nanos(0)), None);
    }

    #[test]
    fn memory_is_bounded_and_the_whole_run_stays() {
        let history = history(10_000, SECOND);
        assert!(history.moments.len() <= MAX_MOMENTS);
        assert_eq!(history.moments[0].at, Nanos(0));
        assert!(history.moments.last().unwrap().at.0 > 9_000 * SECOND);
    }
}
