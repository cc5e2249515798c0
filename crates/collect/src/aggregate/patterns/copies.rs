//! Copies that need not have been: redundant-copy, layout-copy and fancy-index-copy.

use npprof_model::{Bytes, Detail, Pattern, SiteRole};
use npprof_wire::record::{Role, operation};
use rustc_hash::FxHashMap;

use super::blocks::Id;
use super::class::Class;
use super::event::{Array, Event, Home, Numbers};
use super::tally::{Found, saves};
use super::twins::Twins;
use super::{MIN, Scene};

/// A view of no more than one part in this many of its base is copied to let go of the base.
const SMALL_PART: u64 = 4;
/// Stands for a source that is in no block that is known.
const NOWHERE: Id = Id(0);

#[derive(Clone, Debug, Default)]
pub(super) struct Copies {
    redundant: Twins<Detail>,
    relaid: Twins<Detail>,
    gathered: Twins<Detail>,
    /// Arrays that were made to index with a progression and are alive: their site and size.
    indices: FxHashMap<Id, (u32, u64)>,
    /// Bytes of all of those so far, by site.
    indexed: FxHashMap<u32, u64>,
}

impl Copies {
    pub(super) fn operated(&mut self, event: &Event<'_>, scene: &Scene<'_>) {
        if event.outer.class == Class::Pickle {
            return;
        }
        let Some((result, home)) = event.new_result() else { return };
        match event.class() {
            Class::Getitem | Class::Take => self.gather(event, result, home, scene),
            Class::Array | Class::Copy | Class::Convert | Class::Flatten | Class::Reshape => {
                let Some(source) = event.only_input() else { return };
                if source.dtype != result.dtype || source.n != result.n || result.bytes() < MIN {
                    return;
                }
                let is_flat = matches!(event.class(), Class::Flatten | Class::Reshape);
                if source.layout.shape == result.layout.shape
                    && source.layout.strides == result.layout.strides
                    || event.class() == Class::Flatten && source.is_c()
                {
                    self.copy(event, (source, result), home, scene);
                } else if is_flat && !source.is_c() {
                    self.lay_out(event, (source, result), home, scene);
                }
            }
            _ => {}
        }
    }

    /// A copy of what had the layout already.
    fn copy(
        &mut self,
        event: &Event<'_>,
        (source, result): (&Array, &Array),
        home: Home,
        scene: &Scene<'_>,
    ) {
        let Some(owner) = source.home else { return };
        let is_part = source.bytes() < owner.size && result.bytes() <= owner.size / SMALL_PART;
        if is_part || scene.context.is_inside(event.raw.stack, &["dumps", "dump", "__reduce_ex__"])
        {
            return;
        }
        let found = found(event, result.bytes(), owner, Detail::RedundantCopy);
        self.redundant.open(home.id, (owner.id, owner.size), found, scene);
    }

    /// A copy because the strides could not express the shape.
    fn lay_out(
        &mut self,
        event: &Event<'_>,
        (source, result): (&Array, &Array),
        home: Home,
        scene: &Scene<'_>,
    ) {
        let axes = unmergeable(&source.layout.shape, &source.layout.strides, &result.layout.shape);
        if axes.is_none() && !(event.has(operation::HAS_ORDER) && event.class() == Class::Reshape) {
            return;
        }
        let owner = source.home.unwrap_or(Home { id: NOWHERE, ..home });
        let size = if owner.id == NOWHERE { source.bytes() } else { owner.size };
        let detail = Detail::LayoutCopy { axes, owner: Bytes(size) };
        let found = found(event, result.bytes(), owner, detail);
        self.relaid.open(home.id, (owner.id, size), found, scene);
    }

    /// Elements that a slice would have selected.
    fn gather(&mut self, event: &Event<'_>, result: &Array, home: Home, scene: &Scene<'_>) {
        let Some(source) = event.inputs().next() else { return };
        let Some(owner) = source.home else { return };
        let raw = event.raw;
        // Backwards, a slice is harder to read than what it stands for.
        if !event.has(operation::PROGRESSION) || raw.second.cast_signed() <= 0 {
            return;
        }
        let axis = if raw.axes == 0 { 0 } else { raw.axes.trailing_zeros() };
        let extent = result.layout.shape.get(axis as usize);
        let is_mask = event.of_role(Role::Index).any(|index| index.numbers() == Numbers::Bool);
        // A filter that found nothing to leave out this time: no slice could have been known before.
        if is_mask && extent.is_some() && extent == source.layout.shape.get(axis as usize) {
            return;
        }
        let detail = Detail::FancyIndexCopy {
            start: raw.detail.cast_signed(),
            count: extent.copied().unwrap_or(result.n),
            step: raw.second.cast_signed(),
            axis,
            is_mask,
        };
        // Numbers that were made only to say which.
        let index = event.of_role(Role::Index).filter(|index| index.numbers() == Numbers::Int);
        for home in index.filter_map(|index| index.home).filter(|it| it.site == event.site) {
            self.index(home, scene);
        }
        let found = found(event, result.bytes(), owner, detail);
        self.gathered.open(home.id, (owner.id, owner.size), found, scene);
    }

    /// An index that was made at the line where it is used goes with its use.
    fn index(&mut self, home: Home, scene: &Scene<'_>) {
        if self.indices.contains_key(&home.id) {
            return;
        }
        let saving = self.gathered.savings.entry(home.site).or_default();
        saving.open(home.id.0, home.id.0, scene.heights);
        self.indices.insert(home.id, (home.site, home.size));
        let sum = self.indexed.entry(home.site).or_default();
        *sum = sum.saturating_add(home.size);
    }

    pub(super) fn written(&mut self, block: Id, scene: &Scene<'_>) {
        self.redundant.written(block, scene);
        self.gathered.written(block, scene);
    }

    pub(super) fn died(&mut self, block: Id, scene: &Scene<'_>) {
        self.redundant.died(block, scene);
        self.relaid.died(block, scene);
        self.gathered.died(block, scene);
        if let Some((site, size)) = self.indices.remove(&block)
            && let Some(saving) = self.gathered.savings.get_mut(&site)
        {
            saving.close(block.0, size, scene.heights);
        }
    }

    pub(super) fn summary(&self, scene: &Scene<'_>, to: &mut Vec<Pattern>) {
        for twins in [&self.redundant, &self.relaid, &self.gathered] {
            let (tallies, saved) = twins.so_far(scene);
            to.extend(tallies.sorted().into_iter().map(|(site, tally)| {
                let high_water = saved.get(&site).copied();
                let is_gathered = matches!(tally.detail, Detail::FancyIndexCopy { .. });
                let indices = self.indexed.get(&site).filter(|_| is_gathered).copied();
                let allocated = tally.bytes.saturating_add(indices.unwrap_or(0));
                let saves = saves(high_water, allocated, tally.bytes, tally.time);
                tally.pattern(site, tally.detail.clone(), saves)
            }));
        }
    }
}

fn found(event: &Event<'_>, bytes: u64, owner: Home, detail: Detail) -> Found<Detail> {
    let mut facts = event.facts();
    if owner.id != NOWHERE {
        facts.related.push((SiteRole::AllocatedHere, owner.site));
    }
    Found { site: event.site, bytes, time: event.raw.duration_ns, facts: facts.into(), detail }
}

/// The first two axes that would have to be merged to give an array another shape, and can't be:
/// what NumPy does to reshape without copying.
fn unmergeable(shape: &[u64], strides: &[i64], target: &[u64]) -> Option<(usize, usize)> {
    let axes = shape.iter().zip(strides).enumerate();
    let axes = axes.filter(|&(_, (&extent, _))| extent != 1);
    let mut old = axes.map(|(axis, (&extent, &stride))| (axis, extent, stride)).peekable();
    let mut new = target.iter().filter(|&&extent| extent != 1);
    while old.peek().is_some() {
        let mut n_new = new.next().copied()?;
        let first = old.next()?;
        let (mut n_old, mut last) = (first.1, first);
        while n_new != n_old {
            if n_new < n_old {
                n_new = n_new.saturating_mul(*new.next()?);
                continue;
            }
            let next = old.next()?;
            let reach = i64::try_from(next.1).unwrap_or(i64::MAX).saturating_mul(next.2);
            if last.2 != reach {
                return Some((last.0, next.0));
            }
            n_old = n_old.saturating_mul(next.1);
            last = next;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_axes_that_cannot_be_merged_are_told() {
        // movie[:, 4:-4, 4:-4].reshape(len(movie), -1) of (400, 128, 160) float32
        let strides = [81920, 640, 4];
        assert_eq!(unmergeable(&[400, 120, 152], &strides, &[400, 18240]), Some((1, 2)));
        assert_eq!(unmergeable(&[3, 4], &[8, 24], &[12]), Some((0, 1)), "F order");
        assert_eq!(unmergeable(&[100], &[16], &[100]), None, "one axis needs no merging");
        assert_eq!(unmergeable(&[2, 1, 3], &[24, 999, 8], &[6]), None, "an axis of one is nothing");
    }
}
