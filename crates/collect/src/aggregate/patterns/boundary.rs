//! boundary-copy: what compiled code could not take as it was.
//!
//! What is saved: see [`Moved`]. Buffers of ufuncs are no arrays and not in the high-water mark; what
//! aligned or converted arrays take instead isn't known.

use std::collections::BTreeMap;
use std::sync::Arc;

use npprof_model::pattern::Requirement;
use npprof_model::{Detail, Pattern, walk};
use npprof_wire::record::{Role, operation};
use rustc_hash::FxHashMap;

use super::blocks::Id;
use super::class::Class;
use super::event::{Array, Event};
use super::moved::{Copy, Moved};
use super::tally::{Found, Tallies, saves, total};
use super::{MIN, Scene};

/// What NumPy's transforms come down to, which before 2.0 copy each other axis than the last one.
pub(super) const RAW_FFT: &str = "_raw_fft";

/// An explicit conversion, and what became of it.
#[derive(Clone, Debug)]
struct Conversion {
    /// Where what it was made of lies.
    source: u64,
    found: Found<Detail>,
    n_reads: u32,
    n_exports: u32,
    routine: Arc<str>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Boundary {
    tallies: Tallies<Detail>,
    moved: Moved,
    /// Bytes of the copies that are arrays of NumPy's, by site.
    allocated: FxHashMap<u32, u64>,
    /// By their result.
    conversions: BTreeMap<Id, Conversion>,
}

impl Boundary {
    pub(super) fn operated(&mut self, event: &Event<'_>, scene: &Scene<'_>) {
        match event.class() {
            Class::Product => self.multiplied(event, scene),
            Class::Elementwise | Class::Outer | Class::Reduce | Class::Accumulate => {
                self.buffered(event);
            }
            Class::Interface => self.taken(event, scene),
            Class::Tobytes => self.dumped(event),
            Class::Convert | Class::Copy | Class::Array => self.converted(event, scene),
            _ => {}
        }
        self.used(event);
    }

    /// Operands that BLAS could not take.
    fn multiplied(&mut self, event: &Event<'_>, scene: &Scene<'_>) {
        let results = event.of_role(Role::Result).filter(|result| result.home.is_some());
        let results = total(results.map(Array::bytes));
        let mut hidden = event.raw.allocated_bytes.saturating_sub(results);
        let widest = event.arrays.iter().filter(|array| array.role == Role::Result);
        let widest = widest.map(|array| (array.dtype, array.layout.itemsize)).next();
        let is_matmul = event.name.text.starts_with("mat") || &*event.name.text == "vecmat";
        // From then on, `matmul` copies matrices through memory of its own.
        let is_matrix = |input: &Array| match *input.layout.shape {
            [.., rows, columns] => rows.min(columns) > 1,
            _ => false,
        };
        let has_scratch = &*event.name.text == "matmul"
            && scene.context.definitions.facts.is_numpy_from((2, 3))
            && event.inputs().all(is_matrix);
        for operand in event.inputs() {
            let is_ready = if is_matmul { walk::is_blas_ready } else { walk::is_dot_ready };
            let other_dtype =
                widest.filter(|&(dtype, _)| dtype != 0 && dtype != operand.dtype && operand.n > 1);
            let requirement = if operand.is_unnatural() {
                natural(operand)
            } else if other_dtype.is_some() {
                Requirement::Dtype
            } else if is_ready(operand.walked()) {
                continue;
            } else {
                Requirement::Contiguity
            };
            let itemsize = other_dtype.map_or(operand.layout.itemsize, |(_, itemsize)| itemsize);
            let bytes = operand.n.saturating_mul(itemsize);
            let is_scratch = has_scratch && requirement == Requirement::Contiguity;
            let is_seen = if is_scratch { is_blas(operand) } else { bytes <= hidden };
            if bytes < MIN || !is_seen {
                continue;
            }
            hidden = hidden.saturating_sub(bytes);
            self.count(event, bytes, requirement, &event.name.text);
            let copy = scene.blocks.dead().find(|dead| {
                let block = &dead.block;
                (block.stack, block.operation) == (event.raw.stack, event.raw.operation)
                    && block.size == bytes
            });
            if let Some(copy) = copy {
                let copy = Copy { id: copy.block.id, bytes, died: Some(copy.died) };
                self.moved.copied((operand, event.site), requirement, copy, scene);
                self.allocate(event.site, bytes);
            }
        }
    }

    /// Operands that went through the cast buffer of a ufunc.
    fn buffered(&mut self, event: &Event<'_>) {
        let arrays = event.arrays.iter();
        let arrays = arrays.filter(|array| matches!(array.role, Role::Input | Role::Output));
        for operand in arrays.filter(|array| array.is_unnatural()) {
            self.count(event, operand.bytes(), natural(operand), &event.name.text);
        }
    }

    /// Foreign code asked for an array, and got a copy.
    fn taken(&mut self, event: &Event<'_>, scene: &Scene<'_>) {
        let (Some(source), Some((result, home))) = (event.only_input(), event.new_result()) else {
            return;
        };
        if result.bytes() < MIN || source.n != result.n {
            return;
        }
        let Some(requirement) = lacking(source, result) else { return };
        // Lanes of a transform of NumPy's: see strided-access.
        if scene.context.is_inside(event.raw.stack, &[RAW_FFT]) {
            return;
        }
        let entry = scene.context.routine_name(event.raw.stack);
        let routine = if entry.is_empty() { event.name.text.clone() } else { entry };
        self.count(event, result.bytes(), requirement, &routine);
        let copy = Copy { id: home.id, bytes: result.bytes(), died: None };
        self.moved.copied((source, event.site), requirement, copy, scene);
        self.allocate(event.site, result.bytes());
        let detail = Detail::BoundaryCopy { requirement, routine: routine.clone() };
        let found = Found {
            site: event.site,
            bytes: result.bytes(),
            time: 0,
            facts: Arc::default(),
            detail,
        };
        // Counted already: only its end matters.
        let source = source.address;
        let conversion = Conversion { source, found, n_reads: u32::MAX, n_exports: 0, routine };
        self.conversions.insert(home.id, conversion);
    }

    fn dumped(&mut self, event: &Event<'_>) {
        let Some(source) = event.only_input() else { return };
        let is_asked = event.has(operation::HAS_ORDER) || event.outer.class == Class::Pickle;
        if source.is_c() || is_asked || source.bytes() < MIN {
            return;
        }
        let requirement =
            if source.is_dense() { Requirement::Order } else { Requirement::Contiguity };
        self.count(event, source.bytes(), requirement, &event.name.text);
    }

    /// An explicit conversion: it depends on what it is for.
    fn converted(&mut self, event: &Event<'_>, scene: &Scene<'_>) {
        let (Some(source), Some((result, home))) = (event.only_input(), event.new_result()) else {
            return;
        };
        let is_conversion = event.class() == Class::Convert
            || event.has(operation::HAS_ORDER)
            || scene.context.is_inside(event.raw.stack, &["require"]);
        let is_plain = source.dtype == result.dtype && source.n == result.n;
        if !is_conversion || !is_plain || result.bytes() < MIN {
            return;
        }
        let Some(requirement) = lacking(source, result) else { return };
        let detail = Detail::BoundaryCopy { requirement, routine: event.name.text.clone() };
        let found = Found {
            site: event.site,
            bytes: result.bytes(),
            time: event.raw.duration_ns,
            facts: event.facts().into(),
            detail,
        };
        let copy = Copy { id: home.id, bytes: result.bytes(), died: None };
        self.moved.copied((source, event.site), requirement, copy, scene);
        let (source, routine) = (source.address, event.name.text.clone());
        let conversion = Conversion { source, found, n_reads: 0, n_exports: 0, routine };
        self.conversions.insert(home.id, conversion);
    }

    fn used(&mut self, event: &Event<'_>) {
        if self.conversions.is_empty() {
            return;
        }
        for home in event.read().filter_map(|array| array.home) {
            let Some(conversion) = self.conversions.get_mut(&home.id) else { continue };
            if event.is_export() {
                conversion.n_exports = conversion.n_exports.saturating_add(1);
                conversion.routine = event.name.text.clone();
            } else {
                conversion.n_reads = conversion.n_reads.saturating_add(1);
            }
        }
    }

    /// A small operation read a block.
    pub(super) fn touched(&mut self, block: Id) {
        if let Some(conversion) = self.conversions.get_mut(&block) {
            conversion.n_reads = conversion.n_reads.saturating_add(1);
        }
    }

    fn allocate(&mut self, site: u32, bytes: u64) {
        let sum = self.allocated.entry(site).or_default();
        *sum = sum.saturating_add(bytes);
    }

    pub(super) fn died(&mut self, block: Id, scene: &Scene<'_>) {
        self.moved.source_died(block, scene);
        let Some(conversion) = self.conversions.remove(&block) else { return };
        let is_counted = conversion.n_reads == u32::MAX;
        let found = conversion.exported();
        let Found { site, bytes, .. } = conversion.found;
        let is_avoidable = is_counted || found.is_some();
        self.moved.copy_died((conversion.source, site), (block, bytes), is_avoidable, scene);
        if let Some(found) = found {
            self.allocate(site, bytes);
            self.tallies.add(&found);
        }
    }

    fn count(
        &mut self,
        event: &Event<'_>,
        bytes: u64,
        requirement: Requirement,
        routine: &Arc<str>,
    ) {
        self.tallies.count(event.site, (bytes, event.raw.duration_ns), || {
            let detail = Detail::BoundaryCopy { requirement, routine: routine.clone() };
            (event.facts().into(), detail)
        });
    }

    pub(super) fn summary(&self, scene: &Scene<'_>, to: &mut Vec<Pattern>) {
        let mut tallies = self.tallies.clone();
        for found in self.conversions.values().filter_map(Conversion::exported) {
            tallies.add(&found);
        }
        let open = |key: u64| {
            let conversion = self.conversions.get(&Id(key));
            let is_it = |it: &&Conversion| it.n_reads == u32::MAX || it.exported().is_some();
            conversion.filter(is_it).map_or(0, |conversion| conversion.found.bytes)
        };
        for (site, tally) in tallies.sorted() {
            let saved = self.moved.saved(site, scene, open);
            let moved = self.moved.bytes(site);
            let allocated = self.allocated.get(&site).copied().unwrap_or(0);
            let (allocated, copied) =
                (allocated.saturating_sub(moved), tally.bytes.saturating_sub(moved));
            let saves = saves(saved, allocated, copied, 0);
            to.push(tally.pattern(site, tally.detail.clone(), saves));
        }
    }
}

impl Conversion {
    /// What was found, if it was made for one consumer outside of NumPy.
    fn exported(&self) -> Option<Found<Detail>> {
        if self.n_exports != 1 || self.n_reads > 0 {
            return None;
        }
        let mut found = self.found.clone();
        if let Detail::BoundaryCopy { routine, .. } = &mut found.detail {
            *routine = self.routine.clone();
        }
        Some(found)
    }
}

/// Whether there is a routine of BLAS for such elements.
fn is_blas(array: &Array) -> bool {
    matches!(&*array.layout.dtype, "float32" | "float64" | "complex64" | "complex128")
}

fn natural(array: &Array) -> Requirement {
    if array.is_swapped() { Requirement::ByteOrder } else { Requirement::Alignment }
}

/// What the source lacks that its copy has.
fn lacking(source: &Array, result: &Array) -> Option<Requirement> {
    if source.is_unnatural() {
        Some(natural(source))
    } else if source.dtype != result.dtype {
        Some(Requirement::Dtype)
    } else if source.layout.strides == result.layout.strides {
        None
    } else if source.is_dense() {
        Some(Requirement::Order)
    } else {
        Some(Requirement::Contiguity)
    }
}
