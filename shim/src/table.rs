//! A hash table in pages of its own, so that the program's heap never notices it.
//!
//! Open addressing with linear probing; removal shifts back. Keys are compared whole, hashes are
//! stored. It grows by doubling up to a limit, and says so when the limit is reached.

use rustix::mm::{MapFlags, ProtFlags};

/// Most places a table can have: what bounds the memory that the shim takes.
const MAX_PLACES: usize = 1 << 19;
const FIRST_PLACES: usize = 1 << 10;

#[derive(Clone, Copy)]
#[repr(C)]
struct Place<K, V> {
    /// The key's hash with its lowest bit set; zero when the place is free.
    hash: u64,
    key: K,
    value: V,
}

/// A key that can be hashed in a few instructions.
pub(crate) trait Key: Copy + Eq {
    /// Well mixed in its high half.
    fn hash(&self) -> u64;
}

/// Mixes two words, as the middle of a 128-bit product.
#[inline]
pub(crate) const fn mix(first: u64, second: u64) -> u64 {
    let product = ((first ^ 0x9e37_79b9_7f4a_7c15) as u128)
        .wrapping_mul((second ^ 0xd1b5_4a32_d192_ed03) as u128);
    (product >> 64) as u64 ^ (product & 0xffff_ffff_ffff_ffff) as u64
}

/// A hash of bytes; `seed` gives independent ones.
pub(crate) fn hash_bytes(bytes: &[u8], seed: u64) -> u64 {
    bytes.chunks(8).fold(seed ^ bytes.len() as u64, |hash, chunk| {
        let word = chunk.iter().fold(0, |word, &byte| word << 8 | u64::from(byte));
        mix(hash, word)
    })
}

impl Key for u64 {
    #[inline]
    fn hash(&self) -> u64 {
        mix(*self, 0x2545_f491_4f6c_dd1d)
    }
}

/// The table. Never gives its pages back: it lives as long as the process.
pub(crate) struct Table<K: Key, V: Copy> {
    places: *mut Place<K, V>,
    n_places: usize,
    len: usize,
}

impl<K: Key, V: Copy> Table<K, V> {
    pub(crate) const EMPTY: Self = Self { places: std::ptr::null_mut(), n_places: 0, len: 0 };

    #[inline]
    pub(crate) fn get(&self, key: &K) -> Option<V> {
        if self.n_places == 0 {
            return None;
        }
        let hash = key.hash() | 1;
        let mut at = self.home(hash);
        loop {
            let place = self.place(at);
            if place.hash == 0 {
                return None;
            }
            if place.hash == hash && place.key == *key {
                return Some(place.value);
            }
            at = self.next(at);
        }
    }

    /// Whether nothing can be added any more, unless something is removed.
    pub(crate) fn is_full(&self) -> bool {
        self.n_places >= MAX_PLACES && self.len.wrapping_mul(4) >= self.n_places.wrapping_mul(3)
    }

    /// Adds a key that isn't in the table. `false` when there is no room.
    pub(crate) fn insert(&mut self, key: K, value: V) -> bool {
        // At most three quarters full.
        if self.len.wrapping_mul(4) >= self.n_places.wrapping_mul(3) && !self.grow() {
            return false;
        }
        self.put(Place { hash: key.hash() | 1, key, value });
        self.len = self.len.wrapping_add(1);
        true
    }

    /// Removes a key, if it is in the table.
    pub(crate) fn remove(&mut self, key: &K) {
        if self.n_places == 0 {
            return;
        }
        let hash = key.hash() | 1;
        let mut at = self.home(hash);
        loop {
            let place = self.place(at);
            if place.hash == 0 {
                return;
            }
            if place.hash == hash && place.key == *key {
                break;
            }
            at = self.next(at);
        }
        self.len = self.len.wrapping_sub(1);
        // Moves back what stands behind the hole and would not be found across it.
        let mut hole = at;
        loop {
            at = self.next(at);
            let place = self.place(at);
            if place.hash == 0 {
                break;
            }
            let distance_home = at.wrapping_sub(self.home(place.hash)) & self.mask();
            let distance_hole = at.wrapping_sub(hole) & self.mask();
            if distance_home >= distance_hole {
                self.set(hole, place);
                hole = at;
            }
        }
        let freed = Place { hash: 0, ..self.place(hole) };
        self.set(hole, freed);
    }

    fn put(&mut self, new: Place<K, V>) {
        let mut at = self.home(new.hash);
        while self.place(at).hash != 0 {
            at = self.next(at);
        }
        self.set(at, new);
    }

    #[cold]
    fn grow(&mut self) -> bool {
        let n_places =
            if self.n_places == 0 { FIRST_PLACES } else { self.n_places.wrapping_mul(2) };
        if n_places > MAX_PLACES {
            return false;
        }
        let Some(places) = map(n_places) else { return false };
        let old = Self { ..*self };
        self.places = places;
        self.n_places = n_places;
        for at in 0..old.n_places {
            let place = old.place(at);
            if place.hash != 0 {
                self.put(place);
            }
        }
        if !old.places.is_null() {
            let bytes = old.n_places.wrapping_mul(size_of::<Place<K, V>>());
            // SAFETY: `map` mapped exactly this, and nothing leads to it any more. If the kernel
            // refuses, the pages stay: a loss of memory, no danger.
            let _ = unsafe { rustix::mm::munmap(old.places.cast(), bytes) };
        }
        true
    }

    #[inline]
    fn mask(&self) -> usize {
        self.n_places.wrapping_sub(1)
    }

    #[inline]
    fn home(&self, hash: u64) -> usize {
        (hash >> 32) as usize & self.mask()
    }

    #[inline]
    fn next(&self, at: usize) -> usize {
        at.wrapping_add(1) & self.mask()
    }

    #[inline]
    fn place(&self, at: usize) -> Place<K, V> {
        // SAFETY: `at` is masked, so it is one of the `n_places` places that `map` mapped, zeroed;
        // and a free place is never read as more than its hash, whose every bit pattern is fine.
        unsafe { self.places.wrapping_add(at).read() }
    }

    #[inline]
    fn set(&mut self, at: usize, place: Place<K, V>) {
        // SAFETY: as in `place`.
        unsafe { self.places.wrapping_add(at).write(place) };
    }
}

fn map<T>(n: usize) -> Option<*mut T> {
    let bytes = n.checked_mul(size_of::<T>())?;
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the kernel chooses the place, so nothing is mapped over.
    let pages = unsafe {
        rustix::mm::mmap_anonymous(std::ptr::null_mut(), bytes, protection, MapFlags::PRIVATE)
    };
    pages.ok().map(<*mut std::ffi::c_void>::cast)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_found_until_it_is_removed() {
        let mut table = Table::<u64, u32>::EMPTY;
        for key in 0..50_000_u32 {
            assert!(table.insert(u64::from(key) * 16, key));
        }
        for key in (0..50_000_u32).step_by(3) {
            table.remove(&(u64::from(key) * 16));
        }
        for key in 0..50_000_u32 {
            let expected = if key % 3 == 0 { None } else { Some(key) };
            assert_eq!(table.get(&(u64::from(key) * 16)), expected);
        }
        assert_eq!(table.get(&7), None);
    }

    #[test]
    fn a_full_table_refuses_and_keeps_what_it_has() {
        let mut table = Table::<u64, u32>::EMPTY;
        let n = (0..).take_while(|&key| table.insert(key, 0)).count();
        assert_eq!(n, MAX_PLACES / 4 * 3);
        assert!(table.is_full());
        assert_eq!(table.get(&0), Some(0));
        table.remove(&0);
        assert!(!table.is_full());
        assert!(table.insert(0, 5));
        assert_eq!(table.get(&0), Some(5));
    }
}
