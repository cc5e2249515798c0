//! The layouts allocated at a site: a small table with the ones that matter.
//!
//! A block names its layout by the place in its site's table, so a place can be given to another
//! layout only while no live block names it and it has no part in the high-water mark. Where a
//! site has more layouts than places, the ones in the table are exact from when they got in.

use npprof_wire::record::{Layout, Order};

use super::arrays::Slot;
use super::held::Held;

const MAX_LAYOUTS: usize = 32;
/// The slot of blocks whose layout found no place.
const ELSEWHERE: Slot = 63;
/// Bits of a hash that find a layout at once, as a rule.
const INDEX_BITS: u32 = 6;

/// A layout as it stands in a record, with the size where the shape follows from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Described<'a> {
    layout: Layout<'a>,
    size: u64,
    hash: u64,
}

impl<'a> Described<'a> {
    #[inline]
    pub(crate) fn new(layout: Layout<'a>, size: u64) -> Self {
        let size = if layout.is_flat || layout.order == Order::Scratch { size } else { 0 };
        let first =
            u64::from(layout.dtype) << 16 | (layout.order as u64) << 8 | u64::from(layout.is_flat);
        let mut hash = mix(mix(0, first), size);
        for &word in layout.shape.iter().chain(layout.strides) {
            hash = mix(hash, word);
        }
        Self { layout, size, hash }
    }

    /// As much of its hash as is kept.
    const fn short(&self) -> u32 {
        (self.hash >> 32) as u32
    }
}

#[inline]
const fn mix(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A layout and what was allocated with it, but for its shape: what an event changes is in one
/// cache line.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(crate) struct Counted {
    hash: u32,
    /// Where its size is counted, see [`super::spread::Spread::record_near`].
    near: u8,
    /// Bytes of the block where the shape follows from it, else zero.
    pub(crate) size: u64,
    pub(crate) n: u64,
    pub(crate) bytes: u64,
    pub(crate) held: Held,
    pub(crate) dtype: u16,
    n_live: u32,
    pub(crate) order: Order,
    pub(crate) is_flat: bool,
}

const _: () = assert!(size_of::<Counted>() == 64);

/// A layout's shape, and the strides of a strided array.
#[derive(Clone, Debug)]
struct Words {
    ndim: usize,
    all: Box<[u64]>,
}

impl Words {
    fn new(layout: &Layout<'_>) -> Self {
        let all = layout.shape.iter().chain(layout.strides).copied().collect();
        Self { ndim: layout.shape.len(), all }
    }

    fn shape(&self) -> &[u64] {
        self.all.get(..self.ndim).unwrap_or(&[])
    }

    fn strides(&self) -> &[u64] {
        self.all.get(self.ndim..).unwrap_or(&[])
    }
}

/// A layout with its shape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told<'a> {
    counted: &'a Counted,
    words: &'a Words,
}

impl<'a> Told<'a> {
    pub(crate) fn shape(&self) -> &'a [u64] {
        self.words.shape()
    }

    /// Empty unless the order is [`Order::Strided`].
    pub(crate) fn strides(&self) -> &'a [u64] {
        self.words.strides()
    }
}

impl std::ops::Deref for Told<'_> {
    type Target = Counted;

    fn deref(&self) -> &Counted {
        self.counted
    }
}

impl Counted {
    fn new(described: &Described<'_>) -> Self {
        let layout = &described.layout;
        Self {
            hash: described.short(),
            near: 0,
            size: described.size,
            dtype: layout.dtype,
            order: layout.order,
            is_flat: layout.is_flat,
            n_live: 0,
            n: 0,
            bytes: 0,
            held: Held::default(),
        }
    }

    /// It is the same one, as long as the shape is.
    #[inline]
    fn may_be(&self, described: &Described<'_>) -> bool {
        let layout = &described.layout;
        self.hash == described.short()
            && self.size == described.size
            && self.dtype == layout.dtype
            && self.order == layout.order
            && self.is_flat == layout.is_flat
    }
}

/// The layouts of a site.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layouts {
    counted: Vec<Counted>,
    latest: Slot,
    /// Where there is more than one of them.
    index: Option<Box<Index>>,
    /// The shape of each of them.
    words: Vec<Words>,
}

/// Where layouts are.
#[derive(Clone, Debug)]
struct Index {
    /// The slot of the latest layout with a hash that begins like this.
    slots: [Slot; 1 << INDEX_BITS],
    /// The hash of each of them, beside each other for the search.
    hashes: [u32; MAX_LAYOUTS],
}

impl Default for Index {
    fn default() -> Self {
        Self { slots: [ELSEWHERE; 1 << INDEX_BITS], hashes: [0; MAX_LAYOUTS] }
    }
}

impl Layouts {
    /// Finds or makes the place of a layout. `mark` is the latest high-water mark.
    #[inline]
    pub(crate) fn slot(&mut self, described: &Described<'_>, mark: u64) -> Slot {
        if self.is(usize::from(self.latest), described) {
            return self.latest;
        }
        self.other_slot(described, mark)
    }

    /// Bytes that it takes, about.
    pub(crate) fn n_bytes(&self) -> usize {
        let words: usize = self.words.iter().map(|words| size_of_val(&*words.all)).sum();
        let of_each = size_of::<Counted>() + size_of::<Words>();
        let index = if self.index.is_some() { size_of::<Index>() } else { 0 };
        self.counted.len() * of_each + words + index
    }

    /// See [`super::sites::Site::glance`].
    #[inline]
    pub(crate) fn glance(&self) -> u64 {
        self.counted.get(usize::from(self.latest)).map_or(0, |counted| counted.n)
    }

    /// Gives back where the size of blocks like this is counted.
    #[inline]
    pub(crate) fn allocate(&mut self, slot: Slot, size: u64, mark: u64) -> Option<&mut u8> {
        let counted = self.counted.get_mut(usize::from(slot))?;
        counted.n = counted.n.wrapping_add(1);
        counted.bytes = counted.bytes.saturating_add(size);
        counted.n_live = counted.n_live.saturating_add(1);
        counted.held.add(size, mark);
        Some(&mut counted.near)
    }

    #[inline]
    pub(crate) fn free(&mut self, slot: Slot, size: u64, mark: u64) {
        if let Some(counted) = self.counted.get_mut(usize::from(slot)) {
            counted.n_live = counted.n_live.saturating_sub(1);
            counted.held.subtract(size, mark);
        }
    }

    /// Counts a live block under another layout than so far; see [`Held::move_to`].
    pub(crate) fn move_block(&mut self, moved: &Move, mark: u64) {
        let (from, to) = (usize::from(moved.from), usize::from(moved.to));
        if from == to {
            return;
        }
        if let Ok([from, to]) = self.counted.get_disjoint_mut([from, to]) {
            from.held.move_to(&mut to.held, moved.size, mark, moved.was_at_mark);
        } else if let Some(from) = self.counted.get_mut(from) {
            from.held.move_to(&mut Held::default(), moved.size, mark, moved.was_at_mark);
        } else if let Some(to) = self.counted.get_mut(to) {
            Held::default().move_to(&mut to.held, moved.size, mark, moved.was_at_mark);
        }
        let counts = u64::from(moved.is_own);
        let bytes = if moved.is_own { moved.size } else { 0 };
        if let Some(from) = self.counted.get_mut(from) {
            from.n = from.n.saturating_sub(counts);
            from.bytes = from.bytes.saturating_sub(bytes);
            from.n_live = from.n_live.saturating_sub(1);
        }
        if let Some(to) = self.counted.get_mut(to) {
            to.n = to.n.saturating_add(counts);
            to.bytes = to.bytes.saturating_add(bytes);
            to.n_live = to.n_live.saturating_add(1);
        }
    }

    /// Dtype at a slot, zero when not known.
    pub(crate) fn dtype(&self, slot: Slot) -> u16 {
        self.counted.get(usize::from(slot)).map_or(0, |counted| counted.dtype)
    }

    /// The layouts with most bytes at the high-water mark, then most bytes, at most `max`.
    pub(crate) fn top(&self, mark: u64, max: usize) -> Vec<Told<'_>> {
        let rank = |told: &Told<'_>| (told.held.at_high_water(mark), told.bytes);
        let is_used = |told: &Told<'_>| told.n > 0 || rank(told).0 > 0;
        let all = self.counted.iter().zip(&self.words);
        let all = all.map(|(counted, words)| Told { counted, words });
        let mut top: Vec<Told<'_>> = all.filter(is_used).collect();
        top.sort_by_key(|told| std::cmp::Reverse(rank(told)));
        top.truncate(max);
        top
    }

    /// The same layouts in a forked child, which has allocated nothing yet.
    pub(crate) fn inherited(&self) -> Self {
        let inherit = |counted: &Counted| Counted {
            n: 0,
            bytes: 0,
            held: Held::inherited(counted.held.live()),
            ..counted.clone()
        };
        Self { counted: self.counted.iter().map(inherit).collect(), ..self.clone() }
    }

    /// Whether a layout is the one in this place.
    #[inline]
    fn is(&self, place: usize, described: &Described<'_>) -> bool {
        let layout = &described.layout;
        let has_shape =
            |words: &Words| words.shape() == layout.shape && words.strides() == layout.strides;
        self.counted.get(place).is_some_and(|counted| counted.may_be(described))
            && (layout.is_flat || self.words.get(place).is_some_and(has_shape))
    }

    /// The latest layout is another one.
    #[inline]
    fn other_slot(&mut self, described: &Described<'_>, mark: u64) -> Slot {
        if let Some(index) = &self.index {
            let slot = index.slots[first_bits(described)];
            if self.is(usize::from(slot), described) {
                self.latest = slot;
                return slot;
            }
        }
        self.rare_slot(described, mark)
    }

    #[inline(never)]
    fn rare_slot(&mut self, described: &Described<'_>, mark: u64) -> Slot {
        let hashes = self.index.as_ref().map_or(&[][..], |index| &index.hashes);
        let places = hashes.iter().take(self.counted.len()).enumerate();
        let short = described.short();
        let mut same = places.filter(|&(_, &hash)| hash == short).map(|(place, _)| place);
        let found = same.find(|&place| self.is(place, described));
        let Some(place) = found.or_else(|| self.add(described, mark)) else {
            return ELSEWHERE;
        };
        let slot = Slot::try_from(place).unwrap_or(ELSEWHERE);
        if let Some(index) = &mut self.index {
            index.slots[first_bits(described)] = slot;
        }
        self.latest = slot;
        slot
    }

    /// Gives a layout a place, if there is one.
    fn add(&mut self, described: &Described<'_>, mark: u64) -> Option<usize> {
        let place = if self.counted.len() < MAX_LAYOUTS {
            self.counted.push(Counted::new(described));
            self.words.push(Words::new(&described.layout));
            self.counted.len() - 1
        } else {
            let places = self.counted.iter().enumerate();
            let free = places.filter(|(_, counted)| {
                counted.n_live == 0 && counted.held.at_high_water(mark) == 0
            });
            let (place, _) = free.min_by_key(|(_, counted)| counted.bytes)?;
            self.counted[place] = Counted::new(described);
            self.words[place] = Words::new(&described.layout);
            place
        };
        if place > 0 {
            let index = self.index.get_or_insert_default();
            for (hash, counted) in index.hashes.iter_mut().zip(&self.counted) {
                *hash = counted.hash;
            }
        }
        Some(place)
    }
}

/// Where in [`Index::slots`] a layout is looked for.
const fn first_bits(described: &Described<'_>) -> usize {
    (described.hash >> (u64::BITS - INDEX_BITS)) as usize
}

/// A live block that gets another layout.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Move {
    pub(crate) from: Slot,
    pub(crate) to: Slot,
    pub(crate) size: u64,
    /// It was alive at the latest high-water mark.
    pub(crate) was_at_mark: bool,
    /// It isn't inherited, so it is among the allocations.
    pub(crate) is_own: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(size: u64) -> Described<'static> {
        let layout = Layout { dtype: 1, order: Order::C, shape: &[], strides: &[], is_flat: true };
        Described::new(layout, size)
    }

    #[test]
    fn layouts_that_differ_in_anything_are_counted_apart() {
        let mut layouts = Layouts::default();
        let shaped = |shape, strides, order| {
            Described::new(Layout { dtype: 1, order, shape, strides, is_flat: false }, 800)
        };
        let slots = [
            flat(800),
            flat(808),
            shaped(&[10, 10], &[], Order::C),
            shaped(&[10, 10], &[], Order::F),
            shaped(&[10, 10], &[16, 8], Order::Strided),
            shaped(&[10], &[], Order::C),
            shaped(&[], &[], Order::C),
        ]
        .map(|described| layouts.slot(&described, 0));
        assert_eq!(slots, [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(layouts.slot(&shaped(&[10, 10], &[16, 8], Order::Strided), 0), 4);
    }

    #[test]
    fn a_new_layout_takes_the_place_of_the_least_one_that_is_gone() {
        let mut layouts = Layouts::default();
        for size in 1..=32 {
            let slot = layouts.slot(&flat(size), 0);
            layouts.allocate(slot, size, 0);
            if size != 1 {
                layouts.free(slot, size, 0);
            }
        }
        assert_eq!(layouts.slot(&flat(99), 0), 1, "the layout of 2 bytes; 1 byte is alive");
        assert_eq!(layouts.slot(&flat(2), 0), 1, "nothing was allocated with 99");
    }

    #[test]
    fn without_a_place_a_layout_is_counted_nowhere() {
        let mut layouts = Layouts::default();
        for size in 1..=40 {
            let slot = layouts.slot(&flat(size), 0);
            layouts.allocate(slot, size, 0);
        }
        assert_eq!(layouts.slot(&flat(40), 0), ELSEWHERE);
        assert_eq!(layouts.top(0, 100).len(), 32);
    }
}
