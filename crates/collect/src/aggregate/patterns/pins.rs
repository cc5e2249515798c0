//! view-pins-base: small views that keep large arrays alive.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use npprof_model::{ArrayLayout, Bytes, Detail, Pattern, SiteRole};
use rustc_hash::FxHashMap;

use super::blocks::{Block, Id};
use super::savings::Saving;
use super::tally::{Facts, Found, Tallies, saves};
use super::{Context, Scene};
use crate::aggregate::sites::Stack;

/// Allocations at the base's site after which a pin has lasted long.
const LONG: u64 = 16;
/// Pins at a site, all at once, that are no succession of short ones.
const MANY: u64 = 4;
/// A run that allocates no more than one byte in so many any more is as good as over.
const REST: u64 = 16;
/// Pins of a site that are over and about which it isn't decided yet.
const MAX_ENDED: usize = 1024;

/// A base that only views keep alive.
#[derive(Clone, Debug)]
struct Pin {
    found: Found<ArrayLayout>,
    viewed: u64,
    /// Where the latest view was made.
    stack: u32,
    base_site: u32,
    /// Allocations at the base's site when it began.
    n_before: u64,
    /// The event from which on the base would not have been there.
    start: u64,
}

/// A pin that is over: it lasted long if nothing comes any more.
#[derive(Clone, Debug)]
struct Ended {
    block: Id,
    pin: Pin,
    /// The event at which it ended.
    at: u64,
    /// Allocations at the base's site until then, and bytes of all large ones.
    n_allocations: u64,
    made: u64,
}

#[derive(Clone, Debug, Default)]
struct AtSite {
    n: u64,
    n_now: u64,
    n_most: u64,
    viewed: u64,
    ended: VecDeque<Ended>,
    saving: Saving,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Pins {
    tallies: Tallies<ArrayLayout>,
    sites: FxHashMap<u32, AtSite>,
    open: BTreeMap<Id, Pin>,
    /// The one that ended last without having lasted long, and its site.
    latest: Option<(Id, u32)>,
    /// Bytes of all large blocks so far.
    made: u64,
}

impl Pins {
    /// A large block was handed out.
    pub(super) const fn allocated(&mut self, size: u64) {
        self.made = self.made.saturating_add(size);
    }

    /// Whether views keep a block alive, how many and of how many bytes. `checked` is the event at
    /// which views were looked through, and `n_allocations` how many were made at a site.
    pub(super) fn pinned(
        &mut self,
        block: &Block,
        (stack, n_views, viewed): (u32, u32, u64),
        (checked, n_allocations): (u64, impl Fn(u32) -> u64),
        scene: &Scene<'_>,
    ) {
        if n_views == 0 {
            // It still was there at the latest event.
            self.end(block.id, scene.heights.now() + 1, n_allocations, scene);
            return;
        }
        let site = scene.context.site(stack);
        let facts = Facts { related: vec![(SiteRole::Base, block.site)], ..Facts::default() };
        let found = Found {
            site,
            bytes: block.size.saturating_sub(viewed),
            time: 0,
            facts: Arc::new(facts),
            detail: ArrayLayout::clone(&block.layout),
        };
        let old = self.open.remove(&block.id);
        if let Some(old) = &old
            && let Some(at) = self.sites.get_mut(&old.found.site)
        {
            // The same pin, by other views.
            (at.n, at.n_now) = (at.n.saturating_sub(1), at.n_now.saturating_sub(1));
            if old.found.site != site {
                at.saving.close(block.id.0, 0, scene.heights);
            }
        }
        // What was pinned when another block was made was so from then on.
        let start = if checked > block.id.0 { checked } else { scene.heights.now() + 1 };
        let (n_before, start) =
            old.map_or_else(|| (n_allocations(block.site), start), |old| (old.n_before, old.start));
        let at = self.sites.entry(site).or_default();
        (at.n, at.n_now) = (at.n + 1, at.n_now + 1);
        at.n_most = at.n_most.max(at.n_now);
        at.saving.open(block.id.0, start, scene.heights);
        let pin = Pin { found, viewed, stack, base_site: block.site, n_before, start };
        self.open.insert(block.id, pin);
    }

    /// A block is gone; `from` is where control was then.
    pub(super) fn died(
        &mut self,
        block: Id,
        from: Option<u32>,
        n_allocations: impl Fn(u32) -> u64,
        scene: &Scene<'_>,
    ) {
        self.end(block, scene.heights.now(), n_allocations, scene);
        let Some((_, site)) = self.latest.take().filter(|&(latest, _)| latest == block) else {
            return;
        };
        let Some(at) = self.sites.get_mut(&site) else { return };
        let is_short = |ended: &Ended| {
            ended.block == block
                && from.is_some_and(|from| ended.pin.is_within(from, scene.context))
        };
        if at.ended.back().is_some_and(is_short) {
            at.ended.pop_back();
            at.saving.close(block.0, 0, scene.heights);
        }
    }

    /// A block isn't pinned any more, since an event.
    fn end(
        &mut self,
        block: Id,
        event: u64,
        n_allocations: impl Fn(u32) -> u64,
        scene: &Scene<'_>,
    ) {
        let Some(pin) = self.open.remove(&block) else { return };
        let Some(at) = self.sites.get_mut(&pin.found.site) else { return };
        at.n_now = at.n_now.saturating_sub(1);
        let n = n_allocations(pin.base_site);
        if n.saturating_sub(pin.n_before) >= LONG {
            at.saving.close_at(block.0, pin.found.bytes, event, scene.heights);
            at.viewed = at.viewed.saturating_add(pin.viewed);
            self.tallies.add(&pin.found);
            return;
        }
        at.saving.mark(event, scene.heights);
        self.latest = Some((block, pin.found.site));
        let made = self.made;
        at.ended.push_back(Ended { block, pin, at: event, n_allocations: n, made });
        while at.ended.front().is_some_and(|first| {
            at.ended.len() > MAX_ENDED || !first.is_last(made, n_allocations(first.pin.base_site))
        }) {
            if let Some(first) = at.ended.pop_front() {
                at.saving.close_at(first.block.0, 0, first.at, scene.heights);
            }
        }
    }

    pub(super) fn summary(
        &self,
        scene: &Scene<'_>,
        n_allocations: impl Fn(u32) -> u64,
        to: &mut Vec<Pattern>,
    ) {
        let mut tallies = self.tallies.clone();
        let mut sites: FxHashMap<u32, (u64, Saving)> = FxHashMap::default();
        for (&site, at) in &self.sites {
            let (mut viewed, mut saving) = (at.viewed, at.saving.clone());
            for ended in &at.ended {
                let n = n_allocations(ended.pin.base_site);
                let is_long = ended.is_last(self.made, n) && at.is_lasting();
                let bytes = if is_long { ended.pin.found.bytes } else { 0 };
                saving.close_at(ended.block.0, bytes, ended.at, scene.heights);
                if is_long {
                    viewed = viewed.saturating_add(ended.pin.viewed);
                    tallies.add(&ended.pin.found);
                }
            }
            sites.insert(site, (viewed, saving));
        }
        for pin in self.open.values() {
            let is_lasting = self.sites.get(&pin.found.site).is_some_and(AtSite::is_lasting);
            let is_long = n_allocations(pin.base_site).saturating_sub(pin.n_before) >= LONG;
            if !is_lasting && !is_long {
                continue;
            }
            tallies.add(&pin.found);
            if let Some((viewed, _)) = sites.get_mut(&pin.found.site) {
                *viewed = viewed.saturating_add(pin.viewed);
            }
        }
        let open = |key: u64| self.open.get(&Id(key)).map_or(0, |pin| pin.found.bytes);
        for (site, tally) in tallies.sorted() {
            let Some((viewed, saving)) = sites.get(&site) else { continue };
            let saved = saving.saved(scene.context.high_water, scene.heights, open);
            let detail = Detail::ViewPinsBase {
                n_bases: self.sites.get(&site).map_or(0, |at| at.n_most),
                viewed: Bytes(*viewed),
                base: tally.detail.clone(),
            };
            to.push(tally.pattern(site, detail, saves(Some(saved), 0, 0, 0)));
        }
    }
}

impl Pin {
    /// The line that made the view isn't left yet, or come back to.
    fn is_within(&self, from: u32, context: Context<'_>) -> bool {
        let Some(home) = context.stack(context.home(self.stack)) else { return false };
        let is_it =
            |at: &Stack| (at.caller, at.code, at.line) == (home.caller, home.code, home.line);
        context.chain(from).any(|(_, at)| is_it(at))
    }
}

impl AtSite {
    /// Its pins come together rather than one after the other.
    const fn is_lasting(&self) -> bool {
        self.n_most >= MANY || self.n == self.n_most
    }
}

impl Ended {
    /// Next to nothing was allocated since it ended, or nothing at the base's site any more, of
    /// which it outlived some; `made` and `n_allocations` are those of now.
    const fn is_last(&self, made: u64, n_allocations: u64) -> bool {
        let is_over = made.saturating_sub(self.made) <= made / REST;
        let has_outlived = self.n_allocations > self.pin.n_before;
        is_over || (has_outlived && n_allocations == self.n_allocations)
    }
}
