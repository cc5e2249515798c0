//! object-dtype: arrays of Python objects that are all numbers.
//!
//! A float64 takes as much in an array as a reference does: fixed, NumPy's memory is the same, and
//! what is saved are the objects, which aren't NumPy's. Complex numbers take more than that.

use npprof_model::pattern::ObjectsSeen;
use npprof_model::{Detail, Pattern};
use npprof_wire::record::{objects, operation};

use super::Scene;
use super::class::Class;
use super::event::{Array, Event, Numbers};
use super::loops::VECTORIZE;
use super::tally::{Tallies, saves};

/// Smallest number of elements that is worth a word.
const MIN_ELEMENTS: u64 = 10_000;
/// Bytes of a reference.
const REFERENCE: u64 = 8;

#[derive(Clone, Debug, Default)]
pub(super) struct Objects {
    tallies: Tallies<Detail>,
}

impl Objects {
    pub(super) fn operated(&mut self, event: &Event<'_>, scene: &Scene<'_>) {
        let seen = event.raw.detail;
        let numbers = objects::FLOAT | objects::INT | objects::COMPLEX | objects::NUMBER;
        let is_numbers = seen & objects::OTHER == 0 && seen & numbers != 0;
        if !event.has(operation::OBJECTS) || !is_numbers || event.has(operation::CALLBACKS) {
            return;
        }
        let is_use = matches!(event.class(), Class::Array | Class::Reduce | Class::Accumulate)
            || event.is_elementwise;
        if !is_use || scene.context.is_inside(event.raw.stack, &VECTORIZE) {
            return;
        }
        let is_object = |array: &&Array| array.is_array() && array.numbers() == Numbers::Object;
        let largest = event.arrays.iter().filter(is_object).map(|array| array.n).max();
        let Some(n) = largest.filter(|&n| n >= MIN_ELEMENTS) else { return };
        self.tallies.count(
            event.site,
            (n.saturating_mul(REFERENCE), event.raw.duration_ns),
            || {
                let has = |bit: u64| seen & bit != 0;
                let seen = ObjectsSeen {
                    floats: has(objects::FLOAT),
                    ints: has(objects::INT),
                    bools: has(objects::BOOL),
                    none: has(objects::NONE),
                    complex: has(objects::COMPLEX),
                    numbers: has(objects::NUMBER),
                    missing: has(objects::MISSING),
                };
                (event.facts().into(), Detail::ObjectDtype { n_elements: n, seen })
            },
        );
    }

    pub(super) fn summary(&self, to: &mut Vec<Pattern>) {
        for (site, tally) in self.tallies.sorted() {
            let is_complex =
                matches!(tally.detail, Detail::ObjectDtype { seen, .. } if seen.complex);
            let saved = (!is_complex).then_some(0);
            to.push(tally.pattern(site, tally.detail.clone(), saves(saved, 0, 0, 0)));
        }
    }
}
