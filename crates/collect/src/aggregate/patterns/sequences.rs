//! list-conversion: Python sequences to arrays, again and again or there and back.
//!
//! Of arrays made of one sequence, all but one would not be. What comes back from a list would be
//! made all the same, by an expression whose temporaries aren't known; so the high-water mark isn't.

use std::sync::Arc;

use npprof_model::{ArrayLayout, Detail, Pattern, SiteRole};
use npprof_wire::record::{Role, Scalar, operation};
use rustc_hash::FxHashMap;

use super::Scene;
use super::blocks::{Dead, Id};
use super::class::Class;
use super::event::Event;
use super::frames::Activation;
use super::tally::{Facts, Found, Tallies, saves};

/// Scalars that make a conversion worth counting.
const MIN_SCALARS: u64 = 100_000;
/// Conversions of the same from which on they are too many.
const OFTEN: usize = 3;
/// Sequences, and calls, that are remembered.
const MAX_KNOWN: usize = 4096;

/// An array that was made into a list.
#[derive(Clone, Copy, Debug)]
struct Export {
    site: u32,
    n: u64,
    /// By `list(a)`, which takes the elements one by one: then this is the line to be told of.
    is_loop: bool,
}

/// Conversions of what seems to be the same sequence.
#[derive(Clone, Debug, Default)]
struct Same {
    found: Vec<Found<Detail>>,
    /// Block of the array that the latest one made.
    latest: Option<Id>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Sequences {
    exports: FxHashMap<Activation, Export>,
    round_trips: Tallies<Detail>,
    /// Conversions that are no round trips.
    conversions: Tallies<Detail>,
    by_sequence: FxHashMap<(u64, u64), Same>,
    /// Deaths up to this event have been looked at.
    counted: u64,
    /// Conversions of the same sequence at several sites.
    repeated: Tallies<Detail>,
}

impl Sequences {
    pub(super) fn operated(&mut self, event: &Event<'_>, scene: &Scene<'_>) {
        if !event.has(operation::SEQUENCE) {
            return self.hidden(event, scene);
        }
        let n = event.raw.second;
        let activation = scene.context.activation(event.raw.stack);
        let Some(activation) = activation else { return };
        if n < MIN_SCALARS || event.has(operation::OF_ARRAYS) {
            return;
        }
        if event.class() == Class::Tolist {
            if self.exports.len() >= MAX_KNOWN {
                self.exports.clear();
            }
            let is_loop = &*event.name.text == "list";
            self.exports.insert(activation, Export { site: event.site, n, is_loop });
            return;
        }
        let Some(result) = event.of_role(Role::Result).next() else { return };
        let round_trip = self.exports.get(&activation).filter(|export| n >= export.n / 2);
        let mut facts: Facts = event.facts();
        facts.related.extend(round_trip.map(|export| (SiteRole::Exporter, export.site)));
        let detail = Detail::ListConversion { n_elements: n, is_round_trip: round_trip.is_some() };
        let site = round_trip.filter(|export| export.is_loop).map_or(event.site, |it| it.site);
        let found = Found {
            site,
            bytes: result.bytes(),
            time: event.raw.duration_ns,
            facts: Arc::new(facts),
            detail,
        };
        if round_trip.is_some() {
            self.round_trips.add(&found);
            return;
        }
        self.conversions.add(&found);
        let latest = result.home.map(|home| home.id);
        self.convert((event.raw.detail, n), found, latest, scene);
    }

    /// A sequence that an operation made an array of for itself.
    fn hidden(&mut self, event: &Event<'_>, scene: &Scene<'_>) {
        let given = event.arrays.iter().filter(|it| it.scalar == Scalar::Sequence).count();
        let is_own = |dead: &&Dead| {
            let block = &dead.block;
            (block.stack, block.operation) == (event.raw.stack, event.raw.operation)
                && !block.is_claimed
                && dead.died > self.counted
        };
        // Results are not given back yet: what is dead is an argument.
        for dead in scene.blocks.dead().filter(is_own).take(given) {
            let layout = &dead.block.layout;
            let n = dead.block.size / layout.itemsize.max(1);
            if n < MIN_SCALARS {
                continue;
            }
            let detail = Detail::ListConversion { n_elements: n, is_round_trip: false };
            let facts = Facts { result: Some(ArrayLayout::clone(layout)), ..event.facts() };
            self.conversions.add(&Found {
                site: event.site,
                bytes: dead.block.size,
                time: 0,
                facts: facts.into(),
                detail,
            });
        }
        if given > 0 {
            self.counted = scene.heights.now();
        }
    }

    /// A list that lies where another one lay is most likely a new one, if the arrays of both are
    /// kept: then their elements are not those of one list.
    fn convert(
        &mut self,
        key: (u64, u64),
        found: Found<Detail>,
        latest: Option<Id>,
        scene: &Scene<'_>,
    ) {
        if self.by_sequence.len() >= MAX_KNOWN {
            self.by_sequence.clear();
        }
        let same = self.by_sequence.entry(key).or_default();
        let is_dead = |id: Id| scene.blocks.dead().any(|dead| dead.block.id == id);
        if same.latest.is_some_and(|id| !is_dead(id)) {
            same.found.clear();
        }
        same.latest = latest;
        same.found.push(found);
        if same.found.len() < OFTEN {
            return;
        }
        let first = same.found.first().map(|first| first.site);
        let is_one_site = same.found.iter().all(|found| Some(found.site) == first);
        let found = std::mem::take(&mut same.found);
        if is_one_site {
            return;
        }
        // All of it is charged to the first of the lines.
        for one in &found {
            let site = first.unwrap_or(one.site);
            self.repeated.add(&Found { site, ..one.clone() });
        }
    }

    pub(super) fn summary(&self, to: &mut Vec<Pattern>) {
        let often = |n: u64| n >= OFTEN as u64;
        let mut tallies = self.round_trips.clone();
        let conversions = self.conversions.by_site.iter().filter(|(_, tally)| often(tally.n));
        for (&site, tally) in conversions.chain(&self.repeated.by_site) {
            tallies.by_site.entry(site).or_insert_with(|| tally.clone());
        }
        for (site, tally) in tallies.sorted() {
            let is_round_trip =
                matches!(tally.detail, Detail::ListConversion { is_round_trip: true, .. });
            let again = tally.bytes.saturating_sub(tally.largest);
            let allocated = if is_round_trip { 0 } else { again };
            to.push(tally.pattern(site, tally.detail.clone(), saves(None, allocated, 0, 0)));
        }
    }
}
