//! python-loop: elements handled one by one in Python.
//!
//! `np.vectorize` makes arrays of objects of what it is given and gets back: without it, they would
//! not be. What else is saved isn't known: the expression that takes the place of a loop has
//! temporaries of its own.

use npprof_model::{Detail, Pattern};
use npprof_wire::record::{Counts, operation};
use rustc_hash::FxHashMap;

use super::Scene;
use super::blocks::Block;
use super::class::{Class, Name};
use super::event::Event;
use super::savings::Saving;
use super::tally::{Facts, Found, Tallies, saves};

/// Fewer single elements than that are nothing to speak of.
const FEW: u64 = 10_000 / 16;

/// Functions of `np.vectorize`.
pub(super) const VECTORIZE: [&str; 3] =
    ["vectorize", "_vectorize_call", "_vectorize_call_with_signature"];

#[derive(Clone, Debug, Default)]
pub(super) struct Loops {
    /// Calls of Python functions, by site.
    callbacks: Tallies<u64>,
    /// Arrays of objects inside of `np.vectorize`.
    savings: FxHashMap<u32, Saving>,
    /// Bytes of those, by site.
    boxes: FxHashMap<u32, u64>,
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

    /// A block was handed out.
    pub(super) fn allocated(&mut self, block: &Block, scene: &Scene<'_>) {
        if &*block.layout.dtype == "object" && scene.context.is_inside(block.stack, &VECTORIZE) {
            let saving = self.savings.entry(block.site).or_default();
            saving.open(block.id.0, block.id.0, scene.heights);
        }
    }

    /// A block died; `from` is where control was then.
    pub(super) fn died(&mut self, block: &Block, from: Option<u32>, scene: &Scene<'_>) {
        let Some(saving) = self.savings.get_mut(&block.site) else { return };
        let context = scene.context;
        let is_box = &*block.layout.dtype == "object"
            && context.is_inside(block.stack, &VECTORIZE)
            && from.is_some_and(|from| context.died_inside(block.stack, from));
        saving.close(block.id.0, if is_box { block.size } else { 0 }, scene.heights);
        if is_box {
            let sum = self.boxes.entry(block.site).or_default();
            *sum = sum.saturating_add(block.size);
        }
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
                let name = Name::of(accesses.operation, scene.context.definitions).text;
                Facts { operation: name, ..Facts::default() }.into()
            });
            let detail = Detail::PythonLoop { reads, writes, callbacks };
            let found = Found { site, bytes: 0, time, facts, detail: () };
            let mut tallies = Tallies::default();
            tallies.add(&found);
            to.extend(tallies.by_site.values_mut().map(|tally| {
                tally.n = n;
                let saving = self.savings.get(&site).filter(|_| callbacks > 0);
                let saved =
                    saving.map(|it| it.saved(scene.context.high_water, scene.heights, |_| 0));
                let allocated = self.boxes.get(&site).filter(|_| callbacks > 0).copied();
                let saves = saves(saved, allocated.unwrap_or(0), 0, 0);
                tally.pattern(site, detail.clone(), saves)
            }));
        }
    }
}

fn count(counts: &Counts, scene: &Scene<'_>, by_site: &mut FxHashMap<u32, Accesses>) {
    let context = scene.context;
    let Some(frame) = context.stack(counts.stack) else { return };
    let Name { text: name, class } = Name::of(counts.operation, context.definitions);
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
