//! Sums of what was found, by call site.

use std::sync::Arc;

use npprof_model::{
    ArrayLayout, Bytes, Detail, Nanos, Operand, Pattern, Saves, SiteId, SiteRole, StackId,
};
use rustc_hash::FxHashMap;

/// What a report shows of an event.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// Where it was; 0 where that isn't known.
    pub(super) stack: u32,
    pub(super) operation: Arc<str>,
    pub(super) operands: Arc<[Operand]>,
    pub(super) result: Option<ArrayLayout>,
    pub(super) related: Vec<(SiteRole, u32)>,
}

/// One thing that was found.
#[derive(Clone, Debug)]
pub(super) struct Found<D> {
    pub(super) site: u32,
    pub(super) bytes: u64,
    pub(super) time: u64,
    pub(super) facts: Arc<Facts>,
    pub(super) detail: D,
}

/// What was found at one site.
#[derive(Clone, Debug)]
pub(super) struct Tally<D> {
    pub(super) n: u64,
    pub(super) bytes: u64,
    pub(super) time: u64,
    /// Bytes of the largest one, which the rest is of.
    pub(super) largest: u64,
    pub(super) facts: Arc<Facts>,
    pub(super) detail: D,
}

impl<D> Tally<D> {
    pub(super) fn pattern(&self, site: u32, detail: Detail, saves: Saves) -> Pattern {
        let related = self.facts.related.iter().map(|&(role, site)| (role, SiteId(site)));
        Pattern {
            site: SiteId(site),
            stack: (self.facts.stack != 0).then_some(StackId(self.facts.stack)),
            detail,
            n: self.n,
            bytes: Bytes(self.bytes),
            time: Nanos(self.time),
            operation: self.facts.operation.clone(),
            operands: self.facts.operands.clone(),
            result: self.facts.result.clone(),
            related: related.collect(),
            saves,
        }
    }
}

/// Tallies of one kind of pattern.
#[derive(Clone, Debug)]
pub(super) struct Tallies<D> {
    pub(super) by_site: FxHashMap<u32, Tally<D>>,
}

impl<D> Default for Tallies<D> {
    fn default() -> Self {
        Self { by_site: FxHashMap::default() }
    }
}

impl<D: Clone> Tallies<D> {
    pub(super) fn add(&mut self, found: &Found<D>) {
        self.count(found.site, (found.bytes, found.time), || {
            (found.facts.clone(), found.detail.clone())
        });
    }

    /// Counts something; its facts are asked for if it is the largest one of its site.
    pub(super) fn count(
        &mut self,
        site: u32,
        (bytes, time): (u64, u64),
        facts: impl FnOnce() -> (Arc<Facts>, D),
    ) {
        if let Some(tally) = self.by_site.get_mut(&site) {
            tally.n = tally.n.saturating_add(1);
            tally.bytes = tally.bytes.saturating_add(bytes);
            tally.time = tally.time.saturating_add(time);
            if bytes > tally.largest {
                tally.largest = bytes;
                (tally.facts, tally.detail) = facts();
            }
            return;
        }
        let (facts, detail) = facts();
        let tally = Tally { n: 1, bytes, time, largest: bytes, facts, detail };
        self.by_site.insert(site, tally);
    }

    /// In the order of the sites.
    pub(super) fn sorted(&self) -> Vec<(u32, &Tally<D>)> {
        let mut all: Vec<_> = self.by_site.iter().map(|(&site, tally)| (site, tally)).collect();
        all.sort_unstable_by_key(|&(site, _)| site);
        all
    }
}

/// A sum of bytes that no broken stream can overflow.
pub(super) fn total(bytes: impl Iterator<Item = u64>) -> u64 {
    bytes.fold(0, u64::saturating_add)
}

/// Nothing saved is known but the high-water mark and what is given.
pub(super) fn saves(high_water: Option<u64>, allocated: u64, copied: u64, time: u64) -> Saves {
    let some = |bytes: u64| (bytes > 0).then_some(Bytes(bytes));
    Saves {
        high_water: high_water.map(Bytes),
        allocated: some(allocated),
        copied: some(copied),
        time: (time > 0).then_some(Nanos(time)),
    }
}
