//! broadcast-blowup: arrays far larger than what they are made of, or of what becomes of them.
//!
//! What would be saved is the expansion for as long as it lives, and what follows from it: arrays
//! about as large that were made of it and are gone as it is. What is made of a `tile` or the like
//! follows from it only if nothing else as large went in; otherwise it would be made all the same.

use std::collections::{BTreeMap, VecDeque};

use npprof_model::{ArrayLayout, Detail, Pattern};
use npprof_wire::record::{Role, operation};
use rustc_hash::FxHashMap;

use super::blocks::Id;
use super::class::Class;
use super::event::{Array, Event, Home};
use super::frames::Activation;
use super::savings::Saving;
use super::tally::{Facts, Found, Tallies, saves, total};
use super::{LARGE, Scene};

/// An array of that many times the elements of what it is made of is an expansion; what is left of
/// it in the end may be one part in as many.
const RATIO: u64 = 8;
/// The function of NumPy's that makes full grids.
const INDICES: &str = "indices";
/// Blocks of expansions that are remembered for [`Expansions::was_raised`].
const MAX_RAISED: usize = 1024;

#[derive(Clone, Debug)]
struct Expansion {
    found: Found<()>,
    ratio: u64,
    reduced_to: Option<ArrayLayout>,
    /// Made by `tile` and the like; otherwise by an elementwise operation.
    is_materialized: bool,
    stack: u32,
    activation: Option<Activation>,
    /// It was used for something that needs it.
    is_needed: bool,
    n_uses: u32,
    /// Blocks that were made of it and aren't known to be gone with it, and their bytes.
    derived: FxHashMap<Id, u64>,
    /// Bytes of those that were made of it and were kept longer.
    kept: u64,
    died: Option<u64>,
}

/// A block that would not be if an expansion weren't.
#[derive(Clone, Copy, Debug)]
struct Follower {
    of: Id,
    /// Where that is charged.
    site: u32,
    bytes: u64,
    died: Option<u64>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Expansions {
    tallies: Tallies<Detail>,
    savings: FxHashMap<u32, Saving>,
    open: BTreeMap<Id, Expansion>,
    /// Of what expansions a block was made.
    origins: FxHashMap<Id, Vec<Id>>,
    /// Elements from which `repeat` made a block.
    repeated: FxHashMap<Id, u64>,
    raised: VecDeque<Id>,
    followers: BTreeMap<Id, Follower>,
    /// Bytes of those that came to nothing else, by site.
    followed: FxHashMap<u32, u64>,
}

impl Expansions {
    pub(super) fn operated(&mut self, event: &Event<'_>, scene: &Scene<'_>) {
        self.derive(event, scene);
        if event.class() == Class::Setitem && !event.has(operation::FAILED) {
            self.filled(event, scene);
        }
        let Some((result, home)) = event.new_result() else { return };
        let is_materialized = match event.class() {
            Class::Repeat | Class::Copy | Class::Array | Class::Convert | Class::Reshape => true,
            _ if event.is_elementwise => false,
            _ => return,
        };
        let sources = event.inputs();
        let Some(source) = sources.max_by_key(|source| source.n_distinct()) else { return };
        let mut n = source.n_distinct();
        if event.class() == Class::Repeat {
            let before = source.home.and_then(|home| self.repeated.get(&home.id));
            n = before.copied().unwrap_or(n);
            self.repeated.insert(home.id, n);
        }
        let ratio = result.n / n.max(1);
        if ratio >= RATIO && result.bytes() >= LARGE {
            self.expand(event, (result, home), (ratio, is_materialized), scene);
        }
    }

    /// `indices` writes the same again and again to what it gives back, also for `mgrid` and
    /// `fromfunction`.
    fn filled(&mut self, event: &Event<'_>, scene: &Scene<'_>) {
        let outputs = event.outputs().filter_map(|array| Some((array, array.home?)));
        for (output, home) in outputs.filter(|(_, home)| home.size >= LARGE) {
            let is_known = self.open.contains_key(&home.id);
            if is_known || !scene.context.is_inside(event.raw.stack, &[INDICES]) {
                continue;
            }
            let Some(block) = scene.blocks.at(output.address) else { continue };
            let n = event.largest_input().map_or(1, Array::n_distinct).max(1);
            let ratio = output.n / n;
            if ratio >= RATIO {
                self.expand(event, (output, home), (ratio, true), scene);
                if let Some(expansion) = self.open.get_mut(&home.id) {
                    expansion.found.bytes = block.size;
                    expansion.found.facts =
                        Facts { operation: INDICES.into(), ..event.facts() }.into();
                }
            }
        }
    }

    fn expand(
        &mut self,
        event: &Event<'_>,
        (result, home): (&Array, Home),
        (ratio, is_materialized): (u64, bool),
        scene: &Scene<'_>,
    ) {
        let found = Found {
            site: event.site,
            bytes: result.bytes(),
            time: event.raw.duration_ns,
            facts: event.facts().into(),
            detail: (),
        };
        let saving = self.savings.entry(event.site).or_default();
        saving.open(home.id.0, home.id.0, scene.heights);
        let expansion = Expansion {
            found,
            ratio,
            reduced_to: None,
            is_materialized,
            stack: home.stack,
            activation: scene.context.activation(home.stack),
            is_needed: false,
            n_uses: 0,
            derived: FxHashMap::default(),
            kept: 0,
            died: None,
        };
        self.open.insert(home.id, expansion);
    }

    /// Follows what is made of expansions.
    fn derive(&mut self, event: &Event<'_>, scene: &Scene<'_>) {
        let is_simple = event.is_elementwise || event.class() == Class::Reduce;
        self.follow(event, is_simple, scene);
        if self.open.is_empty() {
            return;
        }
        let mut of = Vec::new();
        for home in event.read().filter_map(|array| array.home) {
            if let Some(expansion) = self.open.get_mut(&home.id) {
                expansion.n_uses = expansion.n_uses.saturating_add(1);
                expansion.is_needed |=
                    expansion.is_materialized && (!is_simple || event.is_export());
                of.push(home.id);
            }
            of.extend(self.origins.get(&home.id).into_iter().flatten().copied());
        }
        of.sort_unstable();
        of.dedup();
        let made =
            event.arrays.iter().filter(|array| matches!(array.role, Role::Output | Role::Result));
        for array in made {
            self.made(array, &of);
        }
    }

    /// What is as large as an expansion and made of it alone, or of one that is to be reduced.
    fn follow(&mut self, event: &Event<'_>, is_simple: bool, scene: &Scene<'_>) {
        if self.open.is_empty() && self.followers.is_empty() {
            return;
        }
        for home in event.written().filter_map(|array| array.home) {
            self.mix(event, home.id, scene);
        }
        if let Some(home) = event.of_role(Role::Result).find_map(|result| result.home) {
            self.mix(event, home.id, scene);
        }
        let of = event.inputs().find_map(|input| self.origin(input));
        if !is_simple || event.is_export() {
            for home in event.read().filter_map(|array| array.home) {
                self.unfollow(home.id, scene);
            }
        }
        let (Some(of), Some((result, home))) = (of, event.new_result()) else { return };
        let Some(expansion) = self.open.get(&of) else { return };
        let is_large = |array: &Array| array.bytes() > expansion.found.bytes / RATIO;
        let mut inputs = event.inputs().filter(|it| it.n > 1);
        let mut is_alone = || inputs.all(|it| self.origin(it) == Some(of));
        if !event.is_elementwise || !is_large(result) || expansion.is_materialized && !is_alone() {
            return;
        }
        let site = expansion.found.site;
        self.savings.entry(site).or_default().open(home.id.0, home.id.0, scene.heights);
        let follower = Follower { of, site, bytes: result.bytes(), died: None };
        self.followers.insert(home.id, follower);
    }

    /// What was made of one expansion took in something else, in place.
    fn mix(&mut self, event: &Event<'_>, block: Id, scene: &Scene<'_>) {
        let Some(of) = self.followers.get(&block).map(|follower| follower.of) else { return };
        let mut inputs = event.inputs().filter(|input| input.n > 1);
        if !inputs.all(|input| self.origin(input) == Some(of)) {
            self.unfollow(block, scene);
        }
    }

    /// The expansion that an array is, or follows from.
    fn origin(&self, array: &Array) -> Option<Id> {
        let id = array.home?.id;
        let of = self.followers.get(&id).map(|follower| follower.of);
        of.or_else(|| self.open.contains_key(&id).then_some(id))
    }

    /// A block is needed in any case, if it isn't to be reduced.
    fn unfollow(&mut self, block: Id, scene: &Scene<'_>) {
        let is_materialized = |of: &Id| self.open.get(of).is_none_or(|it| it.is_materialized);
        let needed = self.followers.get(&block).filter(|it| is_materialized(&it.of)).copied();
        let Some(follower) = needed else { return };
        self.followers.remove(&block);
        if let Some(saving) = self.savings.get_mut(&follower.site) {
            saving.close(block.0, 0, scene.heights);
        }
    }

    /// A block is gone that followed from an expansion, which may be gone already.
    fn follower_died(&mut self, block: Id, scene: &Scene<'_>) {
        let Some(follower) = self.followers.get_mut(&block) else { return };
        follower.died = Some(scene.heights.now());
        match self.open.get(&follower.of) {
            None => {
                let is_avoidable = self.raised.contains(&follower.of);
                self.settle(block, is_avoidable, scene);
            }
            Some(expansion) if expansion.is_materialized => {
                let is_avoidable = expansion.is_avoidable();
                self.settle(block, is_avoidable, scene);
            }
            // It is decided together with the expansion.
            Some(_) => {}
        }
    }

    /// It is decided about a follower.
    fn settle(&mut self, block: Id, is_avoidable: bool, scene: &Scene<'_>) {
        let Some(follower) = self.followers.remove(&block) else { return };
        let bytes = if is_avoidable { follower.bytes } else { 0 };
        let died = follower.died.unwrap_or_else(|| scene.heights.now());
        if let Some(saving) = self.savings.get_mut(&follower.site) {
            saving.close_at(block.0, bytes, died, scene.heights);
        }
        let sum = self.followed.entry(follower.site).or_default();
        *sum = sum.saturating_add(bytes);
    }

    fn made(&mut self, array: &Array, of: &[Id]) {
        for &id in of {
            let Some(expansion) = self.open.get_mut(&id) else { continue };
            let bytes = array.bytes();
            if bytes <= expansion.found.bytes / RATIO {
                expansion.reduced_to = Some(ArrayLayout::clone(&array.layout));
            }
            // What is made of a materialized one would be made all the same.
            let other = array.home.filter(|home| home.id != id && !expansion.is_materialized);
            let Some(home) = other else { continue };
            let is_new = !expansion.derived.contains_key(&home.id);
            if is_new && array.role == Role::Output && !self.origins.contains_key(&home.id) {
                // Written to what was there before.
                expansion.is_needed |= bytes > expansion.found.bytes / RATIO;
                continue;
            }
            expansion.derived.insert(home.id, bytes);
            let origins = self.origins.entry(home.id).or_default();
            if !origins.contains(&id) {
                origins.push(id);
            }
        }
    }

    /// All blocks of a site may have been read as they are.
    pub(super) fn need_all(&mut self, site: u32) {
        let of_site = self.open.values_mut().filter(|expansion| expansion.found.site == site);
        of_site.for_each(|expansion| expansion.is_needed |= expansion.is_materialized);
    }

    /// A block was written from `stack`.
    pub(super) fn written(&mut self, block: Id, stack: u32, scene: &Scene<'_>) {
        if let Some(expansion) = self.open.get_mut(&block) {
            let context = scene.context;
            let is_making =
                context.is_internal(stack) && context.home(stack) == context.home(expansion.stack);
            expansion.is_needed |= expansion.is_materialized && !is_making;
        }
    }

    #[inline]
    pub(super) fn died(&mut self, block: Id, from: Option<u32>, scene: &Scene<'_>) {
        let is_idle = self.open.is_empty()
            && self.followers.is_empty()
            && self.origins.is_empty()
            && self.repeated.is_empty();
        if !is_idle {
            self.has_died(block, from, scene);
        }
    }

    fn has_died(&mut self, block: Id, from: Option<u32>, scene: &Scene<'_>) {
        self.repeated.remove(&block);
        self.follower_died(block, scene);
        for id in self.origins.remove(&block).unwrap_or_default() {
            let Some(expansion) = self.open.get_mut(&id) else { continue };
            let bytes = expansion.derived.remove(&block).unwrap_or(0);
            if !expansion.is_during(from, scene) {
                expansion.kept = expansion.kept.saturating_add(bytes);
            }
            if expansion.died.is_some() {
                let is_over = !expansion.is_during(from, scene);
                self.judge(id, is_over, scene);
            }
        }
        if let Some(expansion) = self.open.get_mut(&block) {
            expansion.died = Some(scene.heights.now());
            let is_over = expansion.is_materialized || !expansion.is_during(from, scene);
            self.judge(block, is_over, scene);
        }
    }

    /// Counts an expansion that is gone if all is known, or drops it when nothing more will be known.
    fn judge(&mut self, id: Id, is_over: bool, scene: &Scene<'_>) {
        let Some(expansion) = self.open.get(&id) else { return };
        let is_avoidable = expansion.is_avoidable() && (expansion.is_materialized || !is_over);
        if !is_avoidable && !is_over {
            return;
        }
        let Some(expansion) = self.open.remove(&id) else { return };
        if let Some(saving) = self.savings.get_mut(&expansion.found.site) {
            let bytes = if is_avoidable { expansion.found.bytes } else { 0 };
            let died = expansion.died.unwrap_or_else(|| scene.heights.now());
            saving.close_at(id.0, bytes, died, scene.heights);
        }
        if !expansion.is_materialized {
            let followers = self.followers.iter().filter(|(_, it)| it.of == id);
            for block in followers.map(|(&block, _)| block).collect::<Vec<_>>() {
                self.settle(block, is_avoidable, scene);
            }
        }
        for derived in expansion.derived.keys() {
            if let Some(origins) = self.origins.get_mut(derived) {
                origins.retain(|&origin| origin != id);
            }
        }
        if is_avoidable {
            self.tallies.add(&expansion.counted());
            self.raised.extend(expansion.derived.keys().copied().chain([id]));
            while self.raised.len() > MAX_RAISED {
                self.raised.pop_front();
            }
        }
    }

    /// A block was counted as an expansion, or derived from one.
    pub(super) fn was_raised(&self, block: Id) -> bool {
        self.raised.contains(&block)
    }

    pub(super) fn summary(&self, scene: &Scene<'_>, to: &mut Vec<Pattern>) {
        let mut tallies = self.tallies.clone();
        let is_counted = |it: &&Expansion| it.is_materialized && it.is_avoidable();
        for expansion in self.open.values().filter(is_counted) {
            tallies.add(&expansion.counted());
        }
        let open = |key: u64| {
            let expansion = self.open.get(&Id(key)).filter(is_counted);
            expansion.map_or(0, |expansion| expansion.found.bytes)
        };
        for (site, tally) in tallies.sorted() {
            let saving = self.savings.get(&site);
            let saved = saving.map(|it| it.saved(scene.context.high_water, scene.heights, open));
            let followed = self.followed.get(&site).copied().unwrap_or(0);
            let saves = saves(saved, tally.bytes.saturating_add(followed), 0, 0);
            to.push(tally.pattern(site, tally.detail.clone(), saves));
        }
    }
}

impl Expansion {
    fn is_during(&self, from: Option<u32>, scene: &Scene<'_>) -> bool {
        let (Some(from), Some(activation)) = (from, self.activation) else { return false };
        scene.context.is_during(from, activation)
    }

    fn is_avoidable(&self) -> bool {
        let left = total(self.derived.values().copied()).saturating_add(self.kept);
        let is_small = left.saturating_mul(RATIO) <= self.found.bytes;
        self.n_uses > 0 && !self.is_needed && (self.is_materialized || is_small)
    }

    fn counted(&self) -> Found<Detail> {
        let Found { site, bytes, time, ref facts, .. } = self.found;
        let detail = Detail::BroadcastBlowup {
            ratio: self.ratio,
            reduced_to: self.reduced_to.clone(),
            is_materialized: self.is_materialized,
        };
        Found { site, bytes, time, facts: facts.clone(), detail }
    }
}
