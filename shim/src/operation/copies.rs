//! Large copies, and whether the two sides are still the same when one of them dies.
//!
//! Compiled code may write to an array without asking NumPy: a random generator that shuffles it, a
//! function of numba's. Nobody tells of that. But if a copy differs from its source at the end, one
//! of the two was written, and that is all that needs to be known.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::memory::Address;
use crate::stream::{Stream, now_ns};

/// Copies that are remembered at once.
const N_COPIES: usize = 64;
/// Copies that are worth remembering, in bytes.
const MIN_COPY: usize = 1 << 20;
/// Bytes that are compared at once, and in how many places of a copy at most.
const CHUNK: usize = 64 << 10;
const MAX_CHUNKS: usize = 128;
/// Time that comparing may take in all, nanoseconds, and per mille of the time since the first copy.
const FREE_NS: u64 = 20_000_000;
const MAX_PER_MILLE: u64 = 5;

#[derive(Clone, Copy)]
pub(crate) struct Copy {
    pub(crate) from: Address,
    pub(crate) to: Address,
    pub(crate) n_bytes: usize,
    /// The blocks in which the two lie, as NumPy's allocator gave them out.
    pub(crate) blocks: [Address; 2],
}

const NONE: Copy = Copy { from: 0, to: 0, n_bytes: 0, blocks: [0; 2] };

/// A block came to its end without the interpreter lock, so that nobody could look at the copies.
static HAS_LOST: AtomicBool = AtomicBool::new(false);

/// Blocks may be gone: copies that are known now must not be looked at any more.
pub(crate) fn lose_track() {
    HAS_LOST.store(true, Ordering::Relaxed);
}

/// The copies whose two sides are alive.
pub(crate) struct Copies {
    all: [Copy; N_COPIES],
    next: usize,
    first_ns: u64,
    spent_ns: u64,
    n: usize,
    /// All blocks concerned lie between these, both included.
    low: Address,
    high: Address,
}

impl Copies {
    pub(crate) const fn new() -> Self {
        Self {
            all: [NONE; N_COPIES],
            next: 0,
            first_ns: 0,
            spent_ns: 0,
            n: 0,
            low: usize::MAX,
            high: 0,
        }
    }

    /// These bytes were just copied, in the same order.
    pub(crate) fn add(&mut self, copy: Copy) {
        if copy.n_bytes < MIN_COPY {
            return;
        }
        if self.first_ns == 0 {
            self.first_ns = now_ns();
        }
        if let Some(place) = self.all.get_mut(self.next) {
            if place.n_bytes == 0 {
                self.n = self.n.wrapping_add(1);
            }
            *place = copy;
            for block in copy.blocks {
                self.low = self.low.min(block);
                self.high = self.high.max(block);
            }
        }
        self.next = self.next.wrapping_add(1) % N_COPIES;
    }

    /// Forgets everything: a block may have gone unseen.
    pub(crate) fn forget(&mut self) {
        if self.n != 0 {
            self.all = [NONE; N_COPIES];
            self.n = 0;
        }
        (self.low, self.high) = (usize::MAX, 0);
    }

    /// The block at `block` is about to be freed or moved. Calls `differs` with the address of each
    /// copy in which it takes part and that is no longer the same as its source.
    ///
    /// # Safety
    ///
    /// The block must still be there; whoever is no longer there was told of before.
    #[inline]
    pub(crate) unsafe fn end(
        &mut self,
        block: Address,
        stream: &mut Stream,
        differs: impl FnMut(Address, usize, &mut Stream),
    ) {
        if self.low <= block && block <= self.high && self.n != 0 {
            // SAFETY: the caller's.
            unsafe { self.end_among(block, stream, differs) };
        }
    }

    /// # Safety
    ///
    /// As for [`Self::end`].
    #[cold]
    unsafe fn end_among(
        &mut self,
        block: Address,
        stream: &mut Stream,
        mut differs: impl FnMut(Address, usize, &mut Stream),
    ) {
        if HAS_LOST.swap(false, Ordering::Relaxed) {
            return self.forget();
        }
        for index in 0..N_COPIES {
            let Some(place) = self.all.get_mut(index) else { return };
            let copy = *place;
            if copy.n_bytes == 0 || !copy.blocks.contains(&block) {
                continue;
            }
            *place = NONE;
            self.n = self.n.wrapping_sub(1);
            let began = now_ns();
            let allowed = FREE_NS
                .wrapping_add(began.wrapping_sub(self.first_ns).wrapping_mul(MAX_PER_MILLE) / 1000);
            // What can't be looked at is taken for written: nothing is claimed of it then.
            // SAFETY: both blocks are alive, as neither's end was told of before.
            if self.spent_ns > allowed || !unsafe { is_same(copy) } {
                differs(copy.to, copy.n_bytes, stream);
            }
            self.spent_ns = self.spent_ns.wrapping_add(now_ns().wrapping_sub(began));
        }
        if self.n == 0 {
            (self.low, self.high) = (usize::MAX, 0);
        }
    }
}

/// Compares the two sides of a copy, in evenly spread places.
///
/// # Safety
///
/// Both sides must be there.
unsafe fn is_same(copy: Copy) -> bool {
    let n_chunks = copy.n_bytes.div_ceil(CHUNK);
    let step = n_chunks.div_ceil(MAX_CHUNKS).max(1);
    (0..n_chunks).step_by(step).all(|chunk| {
        let offset = chunk.wrapping_mul(CHUNK);
        let len = CHUNK.min(copy.n_bytes.wrapping_sub(offset));
        let side = |start: Address| {
            std::ptr::with_exposed_provenance::<std::ffi::c_void>(start.wrapping_add(offset))
        };
        // SAFETY: the caller vouches for both, and so many bytes are left of each.
        let order = unsafe { libc::memcmp(side(copy.from), side(copy.to), len) };
        order == 0
    })
}

#[cfg(test)]
#[expect(clippy::disallowed_types, reason = "a test, not a hook")]
mod tests {
    use npprof_shm::Segment;

    use super::*;

    /// Which of a copy's sides differ when `end` dies, having written to the copy or not.
    fn differing(write_at: Option<usize>) -> Vec<Address> {
        let mut from = vec![7_u8; MIN_COPY + 100];
        let to = from.clone();
        if let Some(at) = write_at {
            from[at] = 8;
        }
        let (segment, _file) = Segment::create().unwrap();
        let mut stream = Stream::new(Box::leak(Box::new(segment)), false);
        let (from_at, to_at) = (from.as_ptr().expose_provenance(), to.as_ptr().expose_provenance());
        let mut copies = Copies::new();
        let n_bytes = from.len();
        copies.add(Copy { from: from_at, to: to_at, n_bytes, blocks: [from_at, to_at] });
        let mut differing = Vec::new();
        for block in [16, to_at, from_at] {
            // SAFETY: both vectors are alive.
            unsafe {
                copies.end(block, &mut stream, |at, len, _| {
                    assert_eq!(len, from.len());
                    differing.push(at);
                });
            }
        }
        assert_eq!(copies.n, 0);
        differing.iter().map(|&at| at.wrapping_sub(to_at)).collect()
    }

    #[test]
    fn a_copy_that_was_written_is_told_once() {
        assert!(differing(None).is_empty());
        assert_eq!(differing(Some(0)), [0]);
        assert_eq!(differing(Some(MIN_COPY + 99)), [0]);
    }
}
