//! quadratic-append: arrays that grow by being copied whole.

use npprof_model::{Bytes, Detail, Pattern};
use npprof_wire::record::operation;
use rustc_hash::FxHashMap;

use super::Scene;
use super::class::Class;
use super::event::{Array, Event};
use super::tally::{Facts, Tallies, saves};

/// Links of a chain from which on it counts.
const MIN_LINKS: u64 = 16;
/// Smaller arrays don't begin a chain: too often, another one takes their place.
const MIN_LINK: u64 = 1 << 10;
/// Chains of a site that are followed.
const MAX_CHAINS: usize = 64;
/// Functions that assign the old array to a part of the new one.
const ASSIGNING: &[&str] = &["insert", "pad", "delete", "block", "resize"];

/// A chain of calls at a site, each of which took what the one before gave.
#[derive(Clone, Debug, Default)]
struct Chain {
    n: u64,
    bytes: u64,
    time: u64,
    /// What the latest call gave: address and bytes.
    last: Option<(u64, u64)>,
    axis: Option<u32>,
    facts: std::sync::Arc<Facts>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Appends {
    /// Those of each site that may still grow, by turns perhaps; the oldest first.
    chains: FxHashMap<u32, Vec<Chain>>,
    /// Sites at which the array at an address was made.
    tails: FxHashMap<u64, u32>,
    over: Tallies<Detail>,
}

impl Appends {
    pub(super) fn operated(&mut self, event: &Event<'_>, scene: &Scene<'_>) {
        if event.has(operation::FAILED) {
            return;
        }
        let is_copy = match event.class() {
            Class::Concatenate => true,
            Class::Setitem | Class::Getitem => {
                let entry = scene.context.entry_name(event.raw.stack);
                ASSIGNING.contains(&&*entry)
            }
            _ => false,
        };
        if !is_copy {
            return;
        }
        let made = if event.class() == Class::Setitem {
            event
                .outputs()
                .next()
                .and_then(|output| output.home)
                .map(|home| (home.address, home.size))
        } else {
            let result = event.of_role(npprof_wire::record::Role::Result).next();
            result.filter(|_| !event.is_view_only()).map(|result| (result.address, result.bytes()))
        };
        if let Some(made) = made.filter(|&(address, size)| address != 0 && size >= MIN_LINK) {
            self.link(event, made);
        }
    }

    fn link(&mut self, event: &Event<'_>, made: (u64, u64)) {
        let chains = self.chains.entry(event.site).or_default();
        let is_new = |chain: &Chain| chain.last == Some(made);
        let grown = chains.iter().enumerate().filter(|(_, chain)| !is_new(chain));
        let grown = grown.rev().find_map(|(at, chain)| Some((at, chain.grown(event)?)));
        let new = chains.iter().position(is_new);
        let mut chain = match (grown, new) {
            (Some((at, from)), new) => {
                let mut chain = chains.remove(at);
                let result = event.of_role(npprof_wire::record::Role::Result).next();
                chain.axis = result.and_then(|result| growing_axis(from, result)).or(chain.axis);
                // The new values went in first, as `insert` does it: that began no chain.
                if let Some(new) = new.map(|new| if new > at { new - 1 } else { new }) {
                    chains.remove(new);
                }
                chain
            }
            (None, Some(new)) if event.class() == Class::Setitem => {
                if let Some(chain) = chains.get_mut(new) {
                    chain.time = chain.time.saturating_add(event.raw.duration_ns);
                }
                return;
            }
            (None, Some(new)) => {
                finish(event.site, chains.remove(new), &mut self.over);
                Chain::default()
            }
            (None, None) => {
                if chains.len() >= MAX_CHAINS {
                    let least = chains.iter().enumerate().min_by_key(|(at, chain)| (chain.n, *at));
                    let least = chains.remove(least.map_or(0, |(at, _)| at));
                    if let Some((address, _)) = least.last {
                        self.tails.remove(&address);
                    }
                    finish(event.site, least, &mut self.over);
                }
                Chain::default()
            }
        };
        chain.n += 1;
        chain.bytes = chain.bytes.saturating_add(made.1);
        chain.time = chain.time.saturating_add(event.raw.duration_ns);
        if let Some((address, _)) = chain.last.replace(made) {
            self.tails.remove(&address);
        }
        if chain.n == 1 || chain.n.is_power_of_two() {
            chain.facts = event.facts().into();
        }
        self.tails.insert(made.0, event.site);
        chains.push(chain);
    }

    /// Whether there is an array to which another one may be appended.
    #[inline]
    pub(super) fn has_tails(&self) -> bool {
        !self.tails.is_empty()
    }

    /// A block was given back.
    pub(super) fn died(&mut self, address: u64) {
        let Some(site) = self.tails.remove(&address) else { return };
        let Some(chains) = self.chains.get_mut(&site) else { return };
        let is_it = |chain: &Chain| chain.last.is_some_and(|(last, _)| last == address);
        if let Some(at) = chains.iter().position(is_it) {
            finish(site, chains.remove(at), &mut self.over);
        }
    }

    /// Whether arrays are appended to each other at a site.
    pub(super) fn is_appending(&self, site: u32) -> bool {
        let is_long = |chains: &Vec<Chain>| chains.iter().any(|chain| chain.n >= MIN_LINKS);
        self.over.by_site.contains_key(&site) || self.chains.get(&site).is_some_and(is_long)
    }

    pub(super) fn summary(&self, to: &mut Vec<Pattern>) {
        let mut tallies = self.over.clone();
        for (&site, chains) in &self.chains {
            for chain in chains {
                finish(site, chain.clone(), &mut tallies);
            }
        }
        for (site, tally) in tallies.sorted() {
            let Detail::QuadraticAppend { last, .. } = tally.detail else { continue };
            let avoidable = tally.bytes.saturating_sub(last.0);
            let saves = saves(Some(0), avoidable, avoidable, 0);
            to.push(tally.pattern(site, tally.detail.clone(), saves));
        }
    }
}

impl Chain {
    /// What an operation takes of what the latest call gave.
    fn grown<'a>(&self, event: &'a Event<'_>) -> Option<&'a Array> {
        let (address, size) = self.last?;
        let last = address..address.saturating_add(size);
        event.inputs().find(|input| input.bytes() > 0 && last.contains(&input.low))
    }
}

/// Counts a chain that is over, if it was long enough.
fn finish(site: u32, chain: Chain, to: &mut Tallies<Detail>) {
    let Some((_, last)) = chain.last.filter(|_| chain.n >= MIN_LINKS) else { return };
    let last = Bytes(last);
    to.count(site, (chain.bytes, chain.time), || {
        (chain.facts.clone(), Detail::QuadraticAppend { last, axis: chain.axis })
    });
    if let Some(tally) = to.by_site.get_mut(&site) {
        tally.n = tally.n.saturating_add(chain.n - 1);
    }
}

fn growing_axis(from: &Array, to: &Array) -> Option<u32> {
    let pairs = from.layout.shape.iter().zip(to.layout.shape.iter());
    let is_same = from.layout.shape.len() == to.layout.shape.len();
    let axis = pairs.into_iter().position(|(from, to)| from != to).filter(|_| is_same)?;
    u32::try_from(axis).ok()
}
