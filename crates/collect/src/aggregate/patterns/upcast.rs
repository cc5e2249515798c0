//! implicit-upcast: results twice as wide as their main operand because of another one.
//!
//! What would be saved is the excess of these results for as long as they live, and that of all that
//! is made of them and of narrow operands: it would be narrow as well.

use std::collections::BTreeMap;
use std::sync::Arc;

use npprof_model::layout::Shape;
use npprof_model::{Detail, Pattern};
use npprof_wire::record::{Role, Scalar, operation};
use rustc_hash::FxHashMap;

use super::blocks::Id;
use super::class::Class;
use super::event::{Array, Event, Numbers};
use super::savings::Saving;
use super::tally::{Found, Tallies, saves};
use super::{MIN, Scene};

/// Bytes of the narrowest float that takes the place of integers.
const FLOAT: u64 = 4;

#[derive(Clone, Debug, Default)]
pub(super) struct Upcasts {
    tallies: Tallies<Detail>,
    savings: FxHashMap<u32, Saving>,
    /// Results that are alive.
    open: BTreeMap<Id, Wide>,
    /// What was made of them and is alive.
    heirs: BTreeMap<Id, Heir>,
    /// Excess of all heirs so far, by site of what made them wide.
    inherited: FxHashMap<u32, u64>,
}

/// A result that is too wide.
#[derive(Clone, Debug)]
struct Wide {
    /// The stack that made it.
    stack: u32,
    found: Found<Detail>,
    needed: u64,
}

/// An array that is as wide as one that it was made of.
#[derive(Clone, Copy, Debug)]
struct Heir {
    /// Where that one is charged.
    site: u32,
    /// By how much it is too large.
    excess: u64,
    /// Bytes of an element that would be enough.
    needed: u64,
}

impl Upcasts {
    /// Gives back the block whose size would be less by so much.
    pub(super) fn operated(&mut self, event: &Event<'_>, scene: &Scene<'_>) -> Option<(Id, u64)> {
        if event.has(operation::HAS_DTYPE) || event.has(operation::HAS_OUT) {
            return None;
        }
        let (result, home) = event.new_result()?;
        self.inherit(event, (result, home.id), scene);
        let is_promoting =
            matches!(event.class(), Class::Concatenate | Class::Where) || event.is_elementwise;
        if !is_promoting {
            return None;
        }
        if result.bytes() < MIN {
            return None;
        }
        let is_condition =
            |input: &Array| event.class() == Class::Where && input.numbers() == Numbers::Bool;
        let main = event.inputs().filter(|input| !is_condition(input));
        let main = main.max_by_key(|input| input.bytes())?;
        let needed = needed(main, result)?;
        let excess = result.n.saturating_mul(result.layout.itemsize.saturating_sub(needed));
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
        self.open.insert(home.id, Wide { stack: event.raw.stack, found, needed });
        Some((home.id, excess))
    }

    /// A result is wide only because of one that is too wide.
    fn inherit(&mut self, event: &Event<'_>, (result, id): (&Array, Id), scene: &Scene<'_>) {
        if self.open.is_empty() && self.heirs.is_empty() {
            return;
        }
        let origin = |array: &Array| {
            let id = array.home?.id;
            let wide = || self.open.get(&id).map(|it| (it.found.site, it.needed));
            self.heirs.get(&id).map(|it| (it.site, it.needed)).or_else(wide)
        };
        let is_as_wide = |array: &Array| array.layout.itemsize == result.layout.itemsize;
        let of = event.inputs().filter(|input| input.dtype == result.dtype).find_map(origin);
        let Some((site, needed)) = of else { return };
        let is_wide_itself = |array: &&Array| {
            let is_scalar = array.scalar == Scalar::Numpy;
            is_as_wide(array) && (is_scalar || array.is_array() && origin(array).is_none())
        };
        let mut operands =
            event.arrays.iter().filter(|it| matches!(it.role, Role::Input | Role::Scalar));
        if operands.any(|it| is_wide_itself(&it)) {
            return;
        }
        let excess = result.n.saturating_mul(result.layout.itemsize.saturating_sub(needed));
        let saving = self.savings.entry(site).or_default();
        saving.open(id.0, id.0, scene.heights);
        self.heirs.insert(id, Heir { site, excess, needed });
        let sum = self.inherited.entry(site).or_default();
        *sum = sum.saturating_add(excess);
    }

    pub(super) fn died(&mut self, block: Id, from: Option<u32>, scene: &Scene<'_>) {
        if let Some(heir) = self.heirs.remove(&block)
            && let Some(saving) = self.savings.get_mut(&heir.site)
        {
            saving.close(block.0, heir.excess, scene.heights);
        }
        let Some(Wide { stack, found, .. }) = self.open.remove(&block) else { return };
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
        for wide in self.open.values() {
            tallies.add(&wide.found);
        }
        let open = |key: u64| {
            let heir = self.heirs.get(&Id(key)).map(|heir| heir.excess);
            let wide = self.open.get(&Id(key)).map(|wide| wide.found.bytes);
            heir.or(wide).unwrap_or(0)
        };
        for (site, tally) in tallies.sorted() {
            let saving = self.savings.get(&site);
            let saved = saving.map(|it| it.saved(scene.context.high_water, scene.heights, open));
            let inherited = self.inherited.get(&site).copied().unwrap_or(0);
            let saves = saves(saved, tally.bytes.saturating_add(inherited), 0, 0);
            to.push(tally.pattern(site, tally.detail.clone(), saves));
        }
    }
}

/// Bytes that an element of a result would need that is wider than that.
fn needed(main: &Array, result: &Array) -> Option<u64> {
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
    (is_wider && needed < to).then_some(needed)
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
