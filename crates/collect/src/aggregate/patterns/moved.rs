//! Copies of one array that compiled code gets again and again.
//!
//! An array that is converted once, for good, costs as much memory as one of the copies that were
//! made for each call: such copies are moved and not saved. The copy of an array that is copied only
//! once could have been that array, had it been made as it is needed; the same is so of any order of
//! axes, which costs nothing to begin with.

use npprof_model::pattern::Requirement;
use rustc_hash::FxHashMap;

use super::Scene;
use super::blocks::Id;
use super::event::Array;
use super::savings::Saving;

/// Arrays that are remembered.
const MAX_KNOWN: usize = 4096;

/// An array, by its address, and the site at which it is copied.
type Key = (u64, u32);

/// The first copy of an array.
#[derive(Clone, Copy, Debug)]
struct First {
    copy: Id,
    bytes: u64,
    died: Option<u64>,
    is_repeated: bool,
}

/// A copy whose array may be copied again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copy {
    pub(super) id: Id,
    pub(super) bytes: u64,
    pub(super) died: Option<u64>,
}

/// What copies for compiled code cost that need not be.
#[derive(Clone, Debug, Default)]
pub(super) struct Moved {
    savings: FxHashMap<u32, Saving>,
    firsts: FxHashMap<Key, First>,
    /// What is copied of a block.
    of_block: FxHashMap<Id, Vec<Key>>,
    /// First copies of what was copied again, by site.
    bytes: FxHashMap<u32, u64>,
}

impl Moved {
    /// A copy was made of an array at a site.
    pub(super) fn copied(
        &mut self,
        (source, site): (&Array, u32),
        requirement: Requirement,
        copy: Copy,
        scene: &Scene<'_>,
    ) {
        let key = (source.address, site);
        let saving = self.savings.entry(site).or_default();
        if let Some(first) = self.firsts.get_mut(&key) {
            if !first.is_repeated {
                first.is_repeated = true;
                saving.close(first.copy.0, 0, scene.heights);
                let sum = self.bytes.entry(site).or_default();
                *sum = sum.saturating_add(first.bytes);
            }
            return;
        }
        saving.open(copy.id.0, copy.id.0, scene.heights);
        let block = source.home.map(|home| home.id);
        let block = block.filter(|_| self.firsts.len() < MAX_KNOWN);
        let Some(block) = block.filter(|_| requirement != Requirement::Order) else {
            if let Some(died) = copy.died {
                saving.close_at(copy.id.0, copy.bytes, died, scene.heights);
            }
            return;
        };
        if let Some(died) = copy.died {
            saving.mark(died, scene.heights);
        }
        let Copy { id, bytes, died } = copy;
        self.firsts.insert(key, First { copy: id, bytes, died, is_repeated: false });
        self.of_block.entry(block).or_default().push(key);
    }

    /// A copy is gone; whether it need not have been is known, but for copies to come.
    pub(super) fn copy_died(
        &mut self,
        key: Key,
        copy: (Id, u64),
        is_avoidable: bool,
        scene: &Scene<'_>,
    ) {
        let (id, bytes) = copy;
        let Some(saving) = self.savings.get_mut(&key.1) else { return };
        let first = self.firsts.get_mut(&key).filter(|first| first.copy == id);
        match first {
            Some(first) if is_avoidable => {
                first.died = Some(scene.heights.now());
                saving.mark(scene.heights.now(), scene.heights);
            }
            Some(_) => {
                self.firsts.remove(&key);
                saving.close(id.0, 0, scene.heights);
            }
            None => saving.close(id.0, if is_avoidable { bytes } else { 0 }, scene.heights),
        }
    }

    /// A block is gone, and with it what was copied of it.
    pub(super) fn source_died(&mut self, block: Id, scene: &Scene<'_>) {
        for key in self.of_block.remove(&block).unwrap_or_default() {
            let Some(first) = self.firsts.remove(&key) else { continue };
            if let (Some(died), Some(saving)) = (first.died, self.savings.get_mut(&key.1)) {
                saving.close_at(first.copy.0, first.bytes, died, scene.heights);
            }
        }
    }

    /// Bytes of copies at a site that there would be all the same.
    pub(super) fn bytes(&self, site: u32) -> u64 {
        self.bytes.get(&site).copied().unwrap_or(0)
    }

    /// By how much the high-water mark would have been lower.
    pub(super) fn saved(
        &self,
        site: u32,
        scene: &Scene<'_>,
        open: impl Fn(u64) -> u64,
    ) -> Option<u64> {
        let mut saving = self.savings.get(&site)?.clone();
        let of_site =
            self.firsts.iter().filter(|((_, at), first)| *at == site && !first.is_repeated);
        for (_, first) in of_site {
            if let Some(died) = first.died {
                saving.close_at(first.copy.0, first.bytes, died, scene.heights);
            }
        }
        Some(saving.saved(scene.context.high_water, scene.heights, open))
    }
}
