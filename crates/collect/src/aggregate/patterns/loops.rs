//! python-loop: elements handled one by one in Python.

use npprof_model::{Detail, Pattern};
use npprof_wire::record::{Counts, operation};
use rustc_hash::FxHashMap;

use super::Scene;
use super::event::Event;
use super::names::{Class, class, text};
use super::tally::{Facts, Found, Tallies, saves};

/// Fewer single elements than that are nothing to speak of.
const FEW: u64 = 10_000 / 16;

#[derive(Clone, Debug, Default)]
pub(super) struct Loops {
    /// Calls of Python functions, by site.
    callbacks: Tallies<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Accesses {
    reads: u64,
    writes: u64,
    callbacks: u64,
    /// Lanes that `apply_along_axis` took, and results that it put away: one each for a call.
    lanes: u64,
    results: u64,
    time: u64,
    /// The operation of which there were most.
    most: u64,
    operation: u16,
}

impl Loops {
    pub(super) fn operated(&mut self, event: &Event<'_>) {
        if !event.has(operation::CALLBACKS) {
            return;
        }
        let n = event.raw.second;
        // An iterator that is fed with something else than elements of arrays is no loop over one.
        if &*event.name.text == "fromiter" && event.raw.detail < n / 2 {
            return;
        }
        self.callbacks.count(event.site, (n, event.raw.duration_ns), || (event.facts().into(), 0));
    }

    pub(super) fn summary(&self, counts: &[Counts], scene: &Scene<'_>, to: &mut Vec<Pattern>) {
        let mut by_site: FxHashMap<u32, Accesses> = FxHashMap::default();
        for (&site, tally) in &self.callbacks.by_site {
            let accesses = by_site.entry(site).or_default();
            accesses.callbacks = tally.bytes;
            accesses.time = tally.time;
        }
        for counts in counts {
            count(counts, scene, &mut by_site);
        }
        let mut found: Vec<_> = by_site.into_iter().collect();
        found.sort_unstable_by_key(|&(site, _)| site);
        for (site, accesses) in found {
            let Accesses { reads, writes, time, .. } = accesses;
            let callbacks = accesses.callbacks.saturating_add(accesses.lanes.max(accesses.results));
            let n = reads.saturating_add(writes).saturating_add(callbacks);
            if n < FEW {
                continue;
            }
            let tally = self.callbacks.by_site.get(&site);
            let facts = tally.map(|tally| tally.facts.clone()).unwrap_or_else(|| {
                let name = text(scene.context.definitions, accesses.operation);
                Facts { operation: name.unwrap_or_default(), ..Facts::default() }.into()
            });
            let detail = Detail::PythonLoop { reads, writes, callbacks };
            let found = Found { site, bytes: 0, time, facts, detail: () };
            let mut tallies = Tallies::default();
            tallies.add(&found);
            to.extend(tallies.by_site.values_mut().map(|tally| {
                tally.n = n;
                tally.pattern(site, detail.clone(), saves(None, 0, 0, 0))
            }));
        }
    }
}

fn count(counts: &Counts, scene: &Scene<'_>, by_site: &mut FxHashMap<u32, Accesses>) {
    let context = scene.context;
    let Some(frame) = context.stack(counts.stack) else { return };
    let Some(name) = text(context.definitions, counts.operation) else { return };
    let class = class(&name);
    let is_numpys = context.is_numpys(frame);
    let is_lane = is_numpys && matches!(class, Class::Getitem | Class::Setitem);
    if is_lane && &*context.function(frame) == "apply_along_axis" {
        let accesses = by_site.entry(frame.site).or_default();
        let is_write = class == Class::Setitem;
        let n = if is_write { &mut accesses.results } else { &mut accesses.lanes };
        *n = n.saturating_add(counts.n);
        return;
    }
    if is_numpys || context.is_packages(frame) || counts.n_scalars == 0 {
        return;
    }
    let is_write = match class {
        Class::Getitem => false,
        Class::Element => name.ends_with("itemset"),
        Class::Setitem => true,
        _ => return,
    };
    let accesses = by_site.entry(frame.site).or_default();
    let sum = if is_write { &mut accesses.writes } else { &mut accesses.reads };
    *sum = sum.saturating_add(counts.n_scalars);
    if counts.n_scalars > accesses.most {
        accesses.most = counts.n_scalars;
        accesses.operation = counts.operation;
    }
}
