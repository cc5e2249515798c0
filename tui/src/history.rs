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
    /// before two moments are a second apart.
    pub(crate) fn growth(&self, window: Nanos) -> Option<HashMap<SiteId, i64>> {
        let last = self.moments.last()?;
        let start = last.at.saturating_sub(window);
        let first = self.moments.iter().find(|moment| moment.at >= start)?;
        let time = last.at.saturating_sub(first.at);
        if time.0 < 1_000_000_000 {
            return None;
        }
        let before: HashMap<SiteId, Bytes> = first.sites.iter().copied().collect();
        // A site that was not among the largest then held no more than the smallest of those.
        let is_cut = first.sites.len() >= MAX_SITES;
        let other = first.sites.last().filter(|_| is_cut).map_or(Bytes(0), |&(_, bytes)| bytes);
        let growth = |&(site, now): &(SiteId, Bytes)| {
            let before = before.get(&site).copied().unwrap_or(other.min(now));
            let difference = i128::from(now.0) - i128::from(before.0);
            let per_minute = difference * 60_000_000_000 / i128::from(time.0);
            (site, i64::try_from(per_minute).unwrap_or(i64::MAX))
        };
        Some(last.sites.iter().map(growth).collect())
    }
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
        let history = history(11, SECOND);
        for window in [2, 60] {
            let growth = history.growth(Nanos(window * SECOND)).unwrap();
            assert_eq!(growth.get(&SiteId(7)), Some(&6000));
        }
        assert_eq!(History::default().growth(Nanos(SECOND)), None);
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
