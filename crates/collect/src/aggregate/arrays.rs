//! The blocks that are alive, by address.
//!
//! A flat hash table with linear probing: an entry takes half a cache line and never straddles two,
//! a removal moves entries back instead of leaving tombstones, and nothing is allocated but when
//! the table grows or has become much too large.

/// Where the layout of a block is counted, see [`super::layouts::Layouts`].
pub(crate) type Slot = u8;

/// Set in an entry's first word when the block was made before the fork that made the process.
const INHERITED: u64 = 1 << 7;
/// Set when a tracker follows the block though it is small.
const FOLLOWED: u64 = 1 << 6;
const SLOT_MASK: u64 = FOLLOWED - 1;
/// An address has as many bits as fit beside the rest of the first word, here as on the wire.
const ADDRESS_SHIFT: u32 = 8;

const MIN_CAPACITY: usize = 256;
/// Blocks alive at once: more than fit beside their array objects into most machines, and no more
/// than 4 GiB here. A stream of allocations without frees ends there.
pub(crate) const MAX_BLOCKS: usize = 1 << 26;
/// What a processor's second-level cache holds at least.
const NEAR_BYTES: usize = 256 << 10;

/// A block that is alive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(align(32))]
pub(crate) struct Block {
    /// Address, whether it is inherited and followed, and the layout's slot; zero in a free place.
    key: u64,
    pub(crate) size: u64,
    /// The process's clock when the block was made.
    pub(crate) birth_ns: u64,
    pub(crate) stack: u32,
    /// Low bits of the number of the allocation in its process.
    pub(crate) sequence: u32,
}

const _: () = assert!(size_of::<Block>() == 32);

impl Block {
    pub(crate) const fn new(address: u64, size: u64, stack: u32) -> Self {
        Self { key: address << ADDRESS_SHIFT, size, birth_ns: 0, stack, sequence: 0 }
    }

    pub(crate) const fn address(&self) -> u64 {
        self.key >> ADDRESS_SHIFT
    }

    pub(crate) const fn slot(&self) -> Slot {
        (self.key & SLOT_MASK) as Slot
    }

    pub(crate) const fn set_slot(&mut self, slot: Slot) {
        self.key = self.key & !SLOT_MASK | slot as u64 & SLOT_MASK;
    }

    pub(crate) const fn is_inherited(&self) -> bool {
        self.key & INHERITED != 0
    }

    /// Whether a tracker follows the block though it is small.
    pub(crate) const fn is_followed(&self) -> bool {
        self.key & FOLLOWED != 0
    }

    pub(crate) const fn follow(&mut self) {
        self.key |= FOLLOWED;
    }
}

/// All blocks alive in a process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blocks {
    /// A power of two of places, or none at all.
    places: Vec<Block>,
    len: usize,
    /// More entries than this, and the table grows.
    max_len: usize,
    /// Bits to drop from a hash to get a place.
    shift: u32,
}

impl Blocks {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Bytes that the table takes.
    pub(crate) const fn n_bytes(&self) -> usize {
        self.places.len() * size_of::<Block>()
    }

    /// Whether the table is so large that most of it is in no near cache.
    pub(crate) const fn is_far(&self) -> bool {
        self.n_bytes() > NEAR_BYTES
    }

    /// What is in the place where the block at `address` most likely is.
    #[inline]
    pub(crate) fn glance(&self, address: u64) -> Option<&Block> {
        self.places.get(self.home(address))
    }

    /// The block at `address`.
    pub(crate) fn get(&self, address: u64) -> Option<&Block> {
        self.places.get(self.find(address)?)
    }

    /// As [`Self::get`], to change it.
    pub(crate) fn get_mut(&mut self, address: u64) -> Option<&mut Block> {
        let place = self.find(address)?;
        self.places.get_mut(place)
    }

    /// Puts a block in, whose address isn't zero, and gives back the one that was at its address.
    #[inline]
    pub(crate) fn insert(&mut self, block: Block) -> Option<Block> {
        if self.len >= self.max_len {
            self.resize((self.places.len() * 2).max(MIN_CAPACITY));
        }
        let mask = self.places.len() - 1;
        let mut place = self.home(block.address());
        loop {
            let there = &mut self.places[place & mask];
            if there.key == 0 {
                *there = block;
                self.len += 1;
                return None;
            }
            if there.address() == block.address() {
                return Some(std::mem::replace(there, block));
            }
            place += 1;
        }
    }

    /// Takes out the block at `address`.
    #[inline]
    pub(crate) fn remove(&mut self, address: u64) -> Option<Block> {
        let mut hole = self.find(address)?;
        let block = self.places[hole];
        let mask = self.places.len() - 1;
        let mut place = hole;
        loop {
            place = (place + 1) & mask;
            let next = self.places[place];
            if next.key == 0 {
                break;
            }
            // An entry may move back to the hole unless the hole is before its home.
            let from_home = place.wrapping_sub(self.home(next.address())) & mask;
            if from_home >= place.wrapping_sub(hole) & mask {
                self.places[hole] = next;
                hole = place;
            }
        }
        self.places[hole] = Block::default();
        self.len -= 1;
        if self.len < self.places.len() / 16 && self.places.len() > MIN_CAPACITY {
            self.resize(self.places.len() / 4);
        }
        Some(block)
    }

    /// All of them, in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Block> {
        self.places.iter().filter(|block| block.key != 0)
    }

    /// Marks all blocks as made before the fork that made this process.
    pub(crate) fn inherit(&mut self) {
        for block in self.places.iter_mut().filter(|block| block.key != 0) {
            // Nobody follows what the parent made.
            block.key = block.key & !FOLLOWED | INHERITED;
        }
    }

    #[inline]
    fn find(&self, address: u64) -> Option<usize> {
        if self.places.is_empty() || address == 0 {
            return None;
        }
        let mask = self.places.len() - 1;
        let mut place = self.home(address);
        loop {
            let there = &self.places[place & mask];
            if there.address() == address {
                return Some(place & mask);
            }
            if there.key == 0 {
                return None;
            }
            place += 1;
        }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "fewer bits are left than a usize has")]
    const fn home(&self, address: u64) -> usize {
        (hashed(address) >> self.shift) as usize
    }

    #[cold]
    fn resize(&mut self, capacity: usize) {
        let capacity = capacity.max(MIN_CAPACITY);
        let old = std::mem::replace(&mut self.places, vec![Block::default(); capacity]);
        self.shift = u64::BITS - capacity.trailing_zeros();
        self.max_len = capacity / 8 * 5;
        let mask = capacity - 1;
        for block in old.into_iter().filter(|block| block.key != 0) {
            let mut place = self.home(block.address());
            while self.places[place & mask].key != 0 {
                place += 1;
            }
            self.places[place & mask] = block;
        }
    }
}

/// Fibonacci hashing: the high bits of the product depend on all bits of the word.
#[inline]
pub(crate) const fn hashed(word: u64) -> u64 {
    word.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[test]
    fn a_block_remembers_its_address_slot_and_inheritance_in_one_word() {
        let mut blocks = Blocks::default();
        let mut block = Block::new((1 << 56) - 16, 800, 3);
        block.set_slot(63);
        block.follow();
        assert_eq!((block.slot(), block.is_followed(), block.is_inherited()), (63, true, false));
        assert_eq!(blocks.insert(block), None);
        blocks.inherit();
        let block = blocks.get_mut((1 << 56) - 16).expect("it is there");
        block.set_slot(5);
        assert_eq!((block.slot(), block.is_followed(), block.is_inherited()), (5, false, true));
        assert_eq!(block.address(), (1 << 56) - 16);
    }

    #[test]
    fn the_table_shrinks_when_nearly_all_blocks_are_gone() {
        let mut blocks = Blocks::default();
        for address in 1..=100_000 {
            blocks.insert(Block::new(address * 16, 8, 0));
        }
        let most = blocks.n_bytes();
        for address in 1..=100_000 {
            assert!(blocks.remove(address * 16).is_some());
        }
        assert_eq!(blocks.len(), 0);
        assert!(blocks.n_bytes() <= MIN_CAPACITY * 32, "{} of {most}", blocks.n_bytes());
    }

    proptest! {
        /// Few addresses, so that they collide, come back and wrap around the table's end.
        #[test]
        fn the_table_agrees_with_a_map(steps in prop::collection::vec((any::<bool>(), 1_u64..400), 0..2000)) {
            let mut blocks = Blocks::default();
            let mut map = HashMap::new();
            for (is_insert, address) in steps {
                let address = address * 0x1000;
                if is_insert {
                    let block = Block::new(address, address + 1, 0);
                    prop_assert_eq!(blocks.insert(block), map.insert(address, block));
                } else {
                    prop_assert_eq!(blocks.remove(address), map.remove(&address));
                }
                prop_assert_eq!(blocks.len(), map.len());
            }
            let alive = blocks.places.iter().filter(|block| block.key != 0);
            let mut left: Vec<u64> = alive.map(Block::address).collect();
            let mut expected: Vec<u64> = map.keys().copied().collect();
            left.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(left, expected);
        }
    }
}
