//! What lies where in memory: values for stretches of addresses that don't overlap.
//!
//! A flat hash table with linear probing and no tombstones. A stretch is in it by its *level*, the
//! exponent of the largest power of two in its size, and by where it begins, counted in such powers.
//! Two stretches of a level can't begin in the same one, and none reaches further than the second
//! one after it: so an address is looked for in three places for each level there is.

use super::super::arrays::hashed;

const MIN_CAPACITY: usize = 64;
const N_LEVELS: usize = u64::BITS as usize;

/// A stretch of addresses, and what is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span<T> {
    pub(super) start: u64,
    /// Zero in a free place of the table: what has no bytes is taken for one.
    size: u64,
    pub(super) value: T,
}

impl<T> Span<T> {
    const fn is_at(&self, address: u64) -> bool {
        self.size > 0 && address.wrapping_sub(self.start) < self.size
    }

    const fn level(&self) -> u32 {
        level(self.size)
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Spans<T> {
    /// A power of two of places, or none at all.
    places: Vec<Span<T>>,
    len: usize,
    /// Bits to drop from a hash to get a place.
    shift: u32,
    /// Bit `n`: there are some of level `n`, and how many.
    levels: u64,
    of_level: [u32; N_LEVELS],
}

impl<T> Default for Spans<T> {
    fn default() -> Self {
        Self { places: Vec::new(), len: 0, shift: 0, levels: 0, of_level: [0; N_LEVELS] }
    }
}

impl<T: Copy + Default> Spans<T> {
    /// The stretch that an address lies in.
    pub(super) fn at(&self, address: u64) -> Option<&Span<T>> {
        // Most ask for the beginning of one.
        self.find_back(address, 0).or_else(|| {
            let before = self.find_back(address, 1);
            before.or_else(|| self.find_back(address, 2))
        })
    }

    /// The value of the stretch that begins here and has this size.
    pub(super) fn get(&self, start: u64, size: u64) -> Option<&T> {
        let place = self.find(start, size)?;
        Some(&self.places.get(place)?.value)
    }

    /// Puts a stretch in; gives back one that can't be there any more.
    pub(super) fn insert(&mut self, start: u64, size: u64, value: T) -> Option<Span<T>> {
        if (self.len + 1) * 8 > self.places.len() * 5 {
            self.resize((self.places.len() * 2).max(MIN_CAPACITY));
        }
        let new = Span { start, size: size.max(1), value };
        let (level, mask) = (new.level(), self.places.len() - 1);
        let mut place = self.home(start, level);
        loop {
            let there = &mut self.places[place & mask];
            if there.size == 0 {
                *there = new;
                self.len += 1;
                self.of_level[level as usize] += 1;
                self.levels |= 1 << level;
                return None;
            }
            if there.level() == level && there.start >> level == start >> level {
                return Some(std::mem::replace(there, new));
            }
            place += 1;
        }
    }

    /// Takes out the stretch that begins here and has this size.
    pub(super) fn remove(&mut self, start: u64, size: u64) -> Option<T> {
        let mut hole = self.find(start, size)?;
        let span = self.places[hole];
        let mask = self.places.len() - 1;
        let mut place = hole;
        loop {
            place = (place + 1) & mask;
            let next = self.places[place];
            if next.size == 0 {
                break;
            }
            // An entry may move back to the hole unless the hole is before its home.
            let from_home = place.wrapping_sub(self.home(next.start, next.level())) & mask;
            if from_home >= place.wrapping_sub(hole) & mask {
                self.places[hole] = next;
                hole = place;
            }
        }
        self.places[hole] = Span::default();
        self.len -= 1;
        let level = span.level();
        self.of_level[level as usize] -= 1;
        if self.of_level[level as usize] == 0 {
            self.levels &= !(1 << level);
        }
        if self.len < self.places.len() / 16 && self.places.len() > MIN_CAPACITY {
            self.resize(self.places.len() / 4);
        }
        Some(span.value)
    }

    /// All of them, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Span<T>> {
        self.places.iter().filter(|span| span.size > 0)
    }

    /// The stretch that an address lies in and that begins so many powers of its level before it.
    #[inline]
    fn find_back(&self, address: u64, n_powers: u64) -> Option<&Span<T>> {
        let mut levels = self.levels;
        while levels != 0 {
            let level = levels.trailing_zeros();
            levels &= levels - 1;
            let Some(first) = (address >> level).checked_sub(n_powers) else { continue };
            let found = self.search(first << level, level).and_then(|at| self.places.get(at));
            if let Some(span) = found.filter(|span| span.is_at(address)) {
                return Some(span);
            }
        }
        None
    }

    #[inline]
    fn find(&self, start: u64, size: u64) -> Option<usize> {
        let size = size.max(1);
        let place = self.search(start, level(size))?;
        let span = &self.places[place];
        (span.start == start && span.size == size).then_some(place)
    }

    /// The place of what begins in the same power of two as `start`.
    #[inline]
    fn search(&self, start: u64, level: u32) -> Option<usize> {
        if self.levels & 1 << level == 0 {
            return None;
        }
        let mask = self.places.len() - 1;
        let mut place = self.home(start, level);
        loop {
            let there = &self.places[place & mask];
            if there.size == 0 {
                return None;
            }
            if there.level() == level && there.start >> level == start >> level {
                return Some(place & mask);
            }
            place += 1;
        }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "fewer bits are left than a usize has")]
    const fn home(&self, start: u64, level: u32) -> usize {
        (hashed((start >> level) << 6 ^ level as u64) >> self.shift) as usize
    }

    #[cold]
    fn resize(&mut self, capacity: usize) {
        let capacity = capacity.max(MIN_CAPACITY);
        let old = std::mem::replace(&mut self.places, vec![Span::default(); capacity]);
        self.shift = u64::BITS - capacity.trailing_zeros();
        let mask = capacity - 1;
        for span in old.into_iter().filter(|span| span.size > 0) {
            let mut place = self.home(span.start, span.level());
            while self.places[place & mask].size > 0 {
                place += 1;
            }
            self.places[place & mask] = span;
        }
    }
}

#[inline]
const fn level(size: u64) -> u32 {
    (size | 1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_largest_addresses_and_sizes_are_as_good_as_others() {
        let mut spans = Spans::default();
        assert_eq!(spans.at(0), None);
        assert_eq!(spans.insert(0, u64::MAX, 1), None);
        assert_eq!(spans.at(u64::MAX - 1).map(|span| span.value), Some(1));
        assert_eq!(spans.at(u64::MAX), None);
        assert_eq!(spans.remove(0, u64::MAX), Some(1));
        assert_eq!(spans.insert(u64::MAX, 0, 2), None);
        assert_eq!(spans.at(u64::MAX).map(|span| span.value), Some(2));
    }

    proptest! {
        /// Stretches beside each other, of all sizes, looked for at each of their bytes.
        #[test]
        fn they_agree_with_a_map_in_order(
            steps in prop::collection::vec((any::<bool>(), 0_u64..40, 0_u64..50), 0..300),
        ) {
            let mut spans = Spans::default();
            let mut map: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
            for (n, (is_insert, start, size)) in (0..).zip(steps) {
                let start = start * 13;
                let end = map.range(start + 1..).next().map_or(u64::MAX, |(&next, _)| next);
                let before = map.range(..=start).next_back();
                let is_free = before.is_none_or(|(&at, &(size, _))| at + size.max(1) <= start)
                    && start + size.max(1) <= end;
                if is_insert && is_free {
                    prop_assert_eq!(spans.insert(start, size, n), None);
                    map.insert(start, (size, n));
                } else if !is_insert && let Some((size, value)) = map.remove(&start) {
                    prop_assert_eq!(spans.get(start, size + 2), None);
                    prop_assert_eq!(spans.remove(start, size), Some(value));
                }
                for address in 0..600 {
                    let found = spans.at(address).map(|span| (span.start, span.value));
                    let nearest = map.range(..=address).next_back();
                    let expected = nearest.filter(|&(&at, &(size, _))| address - at < size.max(1));
                    prop_assert_eq!(found, expected.map(|(&at, &(_, value))| (at, value)));
                }
                prop_assert_eq!(spans.iter().count(), map.len());
            }
        }
    }
}
