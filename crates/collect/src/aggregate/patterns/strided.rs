//! strided-access: inner loops that use a fraction of each cache line.

use npprof_model::walk::{self, CACHE_LINE, Walk};
use npprof_model::{Bytes, Detail, Nanos, Pattern};
use npprof_wire::record::{Counts, Role, operation};
use rustc_hash::FxHashMap;

use super::boundary::RAW_FFT;
use super::class::{Class, Name};
use super::event::{Array, Event, Home};
use super::tally::{Facts, Tallies, saves, total};
use super::{LARGE, Scene};

/// Bytes of cache lines for a useful byte, where only the sum of useful ones is known: elements of
/// eight bytes.
const USUAL_WASTE: u64 = 8;

#[derive(Clone, Debug, Default)]
pub(super) struct Strided {
    tallies: Tallies<Detail>,
    /// Bytes of cache lines, by site.
    touched: FxHashMap<u32, u64>,
    /// Bytes and time of timed operations that walked along memory, by their number.
    contiguous: FxHashMap<u16, (u64, u64)>,
    /// The operation of the largest event of a site.
    operations: FxHashMap<u32, u16>,
}

impl Strided {
    pub(super) fn operated(&mut self, event: &Event<'_>, scene: &Scene<'_>) {
        let of_lanes = || transformed(event, scene);
        let Some(inner) = inner_strides(event).or_else(of_lanes) else { return };
        let walked = || {
            event.arrays.iter().zip(&inner).filter_map(|(array, &stride)| Some((array, stride?)))
        };
        let is_far = |array: &Array, stride: i64| {
            let home = old_home(event, array);
            // Large records that lie one after the other leave nothing of a cache line unused.
            let is_gap = stride.unsigned_abs() > array.layout.itemsize;
            is_gap
                && stride.unsigned_abs() >= CACHE_LINE
                && home.is_some_and(|home| home.size >= LARGE)
        };
        let far = || walked().filter(|&(array, stride)| is_far(array, stride));
        let bytes = total(far().map(|(array, _)| walk::useful_bytes(array.walked())));
        if bytes == 0 {
            self.compare(event, walked());
            return;
        }
        let touched = far().map(|(array, stride)| walk::touched_bytes(array.walked(), stride));
        let sum = self.touched.entry(event.site).or_default();
        *sum = sum.saturating_add(total(touched));
        let Some((largest, stride)) = far().max_by_key(|(array, _)| array.bytes()) else { return };
        let owner = largest.home.map_or(0, |home| home.size);
        let mut is_largest = false;
        self.tallies.count(event.site, (bytes, event.raw.duration_ns), || {
            is_largest = true;
            let detail = Detail::StridedAccess {
                inner_stride: stride,
                touched: Bytes(0),
                owner: Bytes(owner),
                contiguous: None,
            };
            (event.facts_with(&inner).into(), detail)
        });
        if is_largest {
            self.operations.insert(event.site, event.raw.operation);
        }
    }

    /// Keeps what an operation takes that walks along memory.
    fn compare<'b>(&mut self, event: &Event<'_>, walked: impl Iterator<Item = (&'b Array, i64)>) {
        if event.raw.duration_ns == 0 {
            return;
        }
        let mut bytes = 0_u64;
        for (array, stride) in walked {
            if stride.unsigned_abs() > array.layout.itemsize {
                return;
            }
            bytes = bytes.saturating_add(walk::useful_bytes(array.walked()));
        }
        let sum = self.contiguous.entry(event.raw.operation).or_default();
        sum.0 = sum.0.saturating_add(bytes);
        sum.1 = sum.1.saturating_add(event.raw.duration_ns);
    }

    pub(super) fn summary(&self, counts: &[Counts], scene: &Scene<'_>, to: &mut Vec<Pattern>) {
        let mut tallies = self.tallies.clone();
        let mut touched = self.touched.clone();
        let mut operations = self.operations.clone();
        for counts in counts.iter().filter(|counts| counts.strided_bytes > 0) {
            let site = scene.context.site(counts.stack);
            let bytes = counts.strided_bytes;
            let sum = touched.entry(site).or_default();
            *sum = sum.saturating_add(bytes.saturating_mul(USUAL_WASTE));
            tallies.count(site, (bytes, 0), || {
                let name = Name::of(counts.operation, scene.context.definitions).text;
                let facts = Facts { operation: name, ..Facts::default() };
                let detail = Detail::StridedAccess {
                    inner_stride: 0,
                    touched: Bytes(0),
                    owner: Bytes(0),
                    contiguous: None,
                };
                (facts.into(), detail)
            });
            operations.entry(site).or_insert(counts.operation);
            if let Some(tally) = tallies.by_site.get_mut(&site) {
                tally.n = tally.n.saturating_add(counts.n.saturating_sub(1));
            }
        }
        for (site, tally) in tallies.sorted() {
            let Detail::StridedAccess { inner_stride, owner, .. } = tally.detail else { continue };
            let of_site = operations.get(&site).and_then(|name| self.contiguous.get(name));
            let touched = Bytes(touched.get(&site).copied().unwrap_or(0));
            let contiguous = of_site.map(|&(bytes, time)| (Bytes(bytes), Nanos(time)));
            let detail = Detail::StridedAccess { inner_stride, touched, owner, contiguous };
            to.push(tally.pattern(site, detail, saves(None, 0, 0, 0)));
        }
    }
}

/// The block of an array that was there before the operation.
fn old_home(event: &Event<'_>, array: &Array) -> Option<Home> {
    array.home.filter(|_| array.role != Role::Result || event.has(operation::HAS_OUT))
}

/// The strides of the lanes that a Fourier transform goes along: those of the axis, or, before NumPy
/// 2.0, of the last axis of what it copied first.
fn transformed(event: &Event<'_>, scene: &Scene<'_>) -> Option<Vec<Option<i64>>> {
    let is_copy = event.class() == Class::Interface;
    if !(is_copy || event.class() == Class::Transform)
        || !scene.context.is_inside(event.raw.stack, &[RAW_FFT])
    {
        return None;
    }
    let shape = |role| event.of_role(role).next().map(|array| &*array.layout.shape);
    let (from, to) = (shape(Role::Input)?, shape(Role::Output).or(shape(Role::Result))?);
    let last = from.len().checked_sub(1)?;
    let axis = if is_copy {
        last
    } else if event.has(operation::HAS_AXES) && event.raw.axes.count_ones() == 1 {
        event.raw.axes.trailing_zeros() as usize
    } else {
        // Half of the lane's elements are left of a transform of real numbers.
        from.iter().zip(to).position(|(from, to)| from != to)?
    };
    let lane = |array: &Array| {
        let is_walked = array.is_array() && !(is_copy && array.role == Role::Result);
        array.layout.strides.get(axis).copied().filter(|_| is_walked && array.n > 1)
    };
    Some(event.arrays.iter().map(lane).collect())
}

/// The stride of the innermost loop for each array of an operation, where there is such a loop.
fn inner_strides(event: &Event<'_>) -> Option<Vec<Option<i64>>> {
    let walk = match event.class() {
        Class::Elementwise if event.is_elementwise => Walk::Elementwise,
        Class::Reduce => Walk::Reduce,
        Class::Accumulate => Walk::Accumulate,
        // Without an axis, the elements are taken as they lie.
        Class::Sort | Class::Lanes if event.raw.axes.count_ones() == 1 => Walk::Sort,
        Class::Setitem
            if event.of_role(Role::Index).next().is_none()
                && matches!(&*event.name.text, "setitem" | "copyto") =>
        {
            Walk::Assign
        }
        _ => return None,
    };
    let axes = if event.has(operation::HAS_AXES) { event.raw.axes } else { u64::MAX };
    let is_output = |array: &Array| matches!(array.role, Role::Output | Role::Result);
    let mut order: Vec<usize> = Vec::with_capacity(event.arrays.len());
    let places = || event.arrays.iter().enumerate().filter(|(_, array)| array.is_array());
    match walk {
        Walk::Assign => {
            order.extend(places().filter(|(_, array)| is_output(array)).map(|(at, _)| at).take(1));
            order.extend(places().filter(|(_, array)| array.role == Role::Input).map(|(at, _)| at));
        }
        Walk::Sort => {
            // An array that is sorted in place is an output.
            order.extend(
                places().filter(|(_, array)| array.role != Role::Result).map(|(at, _)| at).take(1),
            );
        }
        _ => {
            order.extend(places().filter(|(_, array)| array.role == Role::Input).map(|(at, _)| at));
            let outputs = || places().filter(|(_, array)| array.role == Role::Output);
            // With `out=`, the result is that array once more.
            let results = places()
                .filter(|(_, array)| array.role == Role::Result && outputs().next().is_none());
            order.extend(outputs().map(|(at, _)| at));
            order.extend(results.map(|(at, _)| at));
        }
    }
    let arrays = || order.iter().filter_map(|&at| event.arrays.get(at));
    let operands: Vec<_> = arrays()
        .map(|array| {
            let is_fresh = array.role == Role::Result && walk == Walk::Elementwise;
            if is_fresh { array.walked_fresh() } else { array.walked() }
        })
        .collect();
    let is_there = match walk {
        Walk::Assign => arrays().next().is_some_and(is_output),
        _ => !operands.is_empty(),
    };
    if !is_there {
        return None;
    }
    let mut inner = vec![None; event.arrays.len()];
    for (at, stride) in order.into_iter().zip(walk::inner_strides(walk, &operands, axes)) {
        if let Some(to) = inner.get_mut(at) {
            *to = stride;
        }
    }
    Some(inner)
}
