//! Arrays that could have been views of what they were made of: candidates until either is gone.
//!
//! A view keeps its source alive. So one of the two is saved for as long as both live; and of a copy
//! that is larger than its source and outlives it, the difference.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::Scene;
use super::blocks::Id;
use super::savings::Saving;
use super::tally::{Found, Tallies};

/// A result that need not have been made.
#[derive(Clone, Debug)]
struct Candidate<D> {
    source: Id,
    /// Bytes of the block that it lies in.
    source_size: u64,
    found: Found<D>,
}

/// Candidates of one kind, and what came of them.
#[derive(Clone, Debug)]
pub(super) struct Twins<D> {
    /// By their result.
    open: BTreeMap<Id, Candidate<D>>,
    by_source: FxHashMap<Id, Vec<Id>>,
    /// Copies that outlived a smaller source: their site, and what a view would have saved.
    survivors: FxHashMap<Id, (u32, u64)>,
    tallies: Tallies<D>,
    pub(super) savings: FxHashMap<u32, Saving>,
}

impl<D> Default for Twins<D> {
    fn default() -> Self {
        Self {
            open: BTreeMap::default(),
            by_source: FxHashMap::default(),
            survivors: FxHashMap::default(),
            tallies: Tallies::default(),
            savings: FxHashMap::default(),
        }
    }
}

impl<D: Clone> Twins<D> {
    pub(super) fn open(
        &mut self,
        result: Id,
        (source, source_size): (Id, u64),
        found: Found<D>,
        scene: &Scene<'_>,
    ) {
        let saving = self.savings.entry(found.site).or_default();
        saving.open(result.0, result.0, scene.heights);
        self.by_source.entry(source).or_default().push(result);
        self.open.insert(result, Candidate { source, source_size, found });
    }

    /// A block was written.
    pub(super) fn written(&mut self, block: Id, scene: &Scene<'_>) {
        self.end(block, false, scene);
    }

    /// A block was given back: up to now, one of the two would have been enough.
    #[inline]
    pub(super) fn died(&mut self, block: Id, scene: &Scene<'_>) {
        if !self.open.is_empty() || !self.survivors.is_empty() {
            self.has_died(block, scene);
        }
    }

    fn has_died(&mut self, block: Id, scene: &Scene<'_>) {
        if let Some((site, bytes)) = self.survivors.remove(&block)
            && let Some(saving) = self.savings.get_mut(&site)
        {
            saving.close(block.0, bytes, scene.heights);
        }
        self.end(block, true, scene);
    }

    fn end(&mut self, block: Id, is_avoidable: bool, scene: &Scene<'_>) {
        if self.open.is_empty() {
            return;
        }
        let of_source = self.by_source.remove(&block).unwrap_or_default();
        for result in of_source.into_iter().chain([block]) {
            let Some(candidate) = self.open.remove(&result) else { continue };
            if let Some(others) = self.by_source.get_mut(&candidate.source) {
                others.retain(|&other| other != result);
                if others.is_empty() {
                    self.by_source.remove(&candidate.source);
                }
            }
            let found = candidate.found;
            if let Some(saving) = self.savings.get_mut(&found.site) {
                let bytes = if is_avoidable { found.bytes } else { 0 };
                saving.close(result.0, bytes, scene.heights);
                let surplus = bytes.saturating_sub(candidate.source_size);
                if surplus > 0 && result != block {
                    saving.open(result.0, scene.heights.now(), scene.heights);
                    self.survivors.insert(result, (found.site, surplus));
                }
            }
            if is_avoidable {
                self.tallies.add(&found);
            }
        }
    }

    /// All that was found so far, and by how much the high-water mark would have been lower.
    pub(super) fn so_far(&self, scene: &Scene<'_>) -> (Tallies<D>, FxHashMap<u32, u64>) {
        let mut tallies = self.tallies.clone();
        for candidate in self.open.values() {
            tallies.add(&candidate.found);
        }
        let bytes = |key: u64| {
            let survivor = self.survivors.get(&Id(key)).map(|&(_, bytes)| bytes);
            let open = self.open.get(&Id(key)).map(|open| open.found.bytes);
            survivor.or(open).unwrap_or(0)
        };
        let saved = |site: &u32| {
            let saving = self.savings.get(site)?;
            Some((*site, saving.saved(scene.context.high_water, scene.heights, bytes)))
        };
        let saved = tallies.by_site.keys().filter_map(saved).collect();
        (tallies, saved)
    }
}
