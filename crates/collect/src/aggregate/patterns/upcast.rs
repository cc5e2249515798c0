//! implicit-upcast: results twice as wide as their main operand because of another one.

use std::collections::BTreeMap;
use std::sync::Arc;

use npprof_model::layout::Shape;
use npprof_model::{Detail, Pattern};
use npprof_wire::record::{Role, Scalar, operation};
use rustc_hash::FxHashMap;

use super::blocks::Id;
use super::event::{Array, Event, Numbers};
use super::names::Class;
use super::savings::Saving;
use super::tally::{Found, Tallies, saves};
use super::{MIN, Scene};

/// Bytes of the narrowest float that takes the place of integers.
const FLOAT: u64 = 4;

#[derive(Clone, Debug, Default)]
pub(super) struct Upcasts {
    tallies: Tallies<Detail>,
    savings: FxHashMap<u32, Saving>,
    /// Results that are alive, and the stack that made them.
    open: BTreeMap<Id, (u32, Found<Detail>)>,
}

impl Upcasts {
    /// Gives back the block whose size would be less by so much.
    pub(super) fn operated(&mut self, event: &Event<'_>, scene: &Scene<'_>) -> Option<(Id, u64)> {
        let is_promoting =
            matches!(event.class(), Class::Concatenate | Class::Where) || event.is_elementwise();
        if !is_promoting || event.has(operation::HAS_DTYPE) || event.has(operation::HAS_OUT) {
            return None;
        }
        let (result, home) = event.new_result()?;
        if result.bytes() < MIN {
            return None;
        }
        let is_condition =
            |input: &Array| event.class() == Class::Where && input.numbers() == Numbers::Bool;
        let main = event.inputs().filter(|input| !is_condition(input));
        let main = main.max_by_key(|input| input.bytes())?;
        let excess = result.n.saturating_mul(excess(main, result)?);
        let detail = Detail::ImplicitUpcast {
            from: main.layout.dtype.clone(),
            to: result.layout.dtype.clone(),
            forced_by: forced_by(event, main),
        };
        let found = Found {
            site: event.site,
            bytes: excess,
            time: event.raw.duration_ns,
            facts: event.facts().into(),
            detail,
        };
        let saving = self.savings.entry(event.site).or_default();
        saving.open(home.id.0, home.id.0, scene.heights);
        self.open.insert(home.id, (event.raw.stack, found));
        Some((home.id, excess))
    }

    pub(super) fn died(&mut self, block: Id, from: Option<u32>, scene: &Scene<'_>) {
        let Some((stack, found)) = self.open.remove(&block) else { return };
        let context = scene.context;
        // Inside of a function of NumPy's, nobody can do anything about it.
        let is_hidden =
            context.is_internal(stack) && from.is_some_and(|from| context.died_inside(stack, from));
        if let Some(saving) = self.savings.get_mut(&found.site) {
            saving.close(block.0, if is_hidden { 0 } else { found.bytes }, scene.heights);
        }
        if !is_hidden {
            self.tallies.add(&found);
        }
    }

    pub(super) fn summary(&self, scene: &Scene<'_>, to: &mut Vec<Pattern>) {
        let mut tallies = self.tallies.clone();
        for (_, found) in self.open.values() {
            tallies.add(found);
        }
        let open = |key: u64| self.open.get(&Id(key)).map_or(0, |(_, found)| found.bytes);
        for (site, tally) in tallies.sorted() {
            let saving = self.savings.get(&site);
            let saved = saving.map(|it| it.saved(scene.context.high_water, scene.heights, open));
            let saves = saves(saved, tally.bytes, 0, 0);
            to.push(tally.pattern(site, tally.detail.clone(), saves));
        }
    }
}

/// Bytes by which an element of the result is wider than need be.
fn excess(main: &Array, result: &Array) -> Option<u64> {
    let (from, to) = (main.layout.itemsize, result.layout.itemsize);
    let needed = match (main.numbers(), result.numbers()) {
        (Numbers::Int, Numbers::Int)
        | (Numbers::Float, Numbers::Float)
        | (Numbers::Complex, Numbers::Complex) => from,
        (Numbers::Int, Numbers::Float) => from.max(FLOAT),
        (Numbers::Int, Numbers::Complex) => from.max(FLOAT).saturating_mul(2),
        (Numbers::Float, Numbers::Complex) => from.saturating_mul(2),
        _ => return None,
    };
    let is_wider = from > 0 && to / 2 >= from;
    to.checked_sub(needed).filter(|&excess| is_wider && excess > 0)
}

/// What made the result so wide.
fn forced_by(event: &Event<'_>, main: &Array) -> Arc<str> {
    let others = event.inputs().filter(|input| {
        input.address != main.address
            && input.dtype != main.dtype
            && input.numbers() != Numbers::Bool
    });
    if let Some(other) = others.max_by_key(|other| other.layout.itemsize) {
        return format!("{} array {}", other.layout.dtype, Shape(&other.layout.shape)).into();
    }
    let scalars = || event.arrays.iter().filter(|array| array.role == Role::Scalar);
    let is_division = &*event.name.text == "divide" || &*event.name.text == "true_divide";
    if scalars().any(|array| array.scalar == Scalar::Numpy) {
        let dtype = scalars().map(|array| &array.layout.dtype).find(|dtype| !dtype.is_empty());
        return dtype.map_or("NumPy scalar".into(), |dtype| format!("NumPy scalar {dtype}").into());
    }
    for (scalar, name) in [(Scalar::Complex, "Python complex"), (Scalar::Float, "Python float")] {
        if scalars().any(|array| array.scalar == scalar) {
            return name.into();
        }
    }
    if is_division && main.numbers() == Numbers::Int {
        return "division of integers".into();
    }
    if scalars().any(|array| array.scalar == Scalar::Int) { "Python int" } else { "the operation" }
        .into()
}
