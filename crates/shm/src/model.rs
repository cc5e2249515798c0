//! A segment for the model checker: rings of a few words only, because each word takes part in every
//! order that is tried, and of the header what is shared.

use npprof_wire::segment::{CHILDREN, N_CHILDREN, N_UNPLACED};

use crate::ring::Ring;
use crate::sync::AtomicU64;

/// Words of the main ring.
pub const MAIN_WORDS: usize = 4;
/// Words of a side ring.
pub const SIDE_WORDS: usize = 4;
/// Number of side rings.
pub const N_SIDES: usize = 1;

/// Words of the header that the model has: two entries of the table of children among them.
const HEADER: [usize; 6] =
    [N_UNPLACED, N_CHILDREN, CHILDREN, CHILDREN + 1, CHILDREN + 2, CHILDREN + 3];

/// A segment that lives for one run of a model.
#[derive(Debug)]
pub struct Segment {
    header: [AtomicU64; HEADER.len()],
    rings: Vec<(AtomicU64, AtomicU64, Vec<AtomicU64>)>,
}

impl Segment {
    /// A segment of zeros.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "each model makes its own")]
    pub fn new() -> Self {
        let zeros = |n_words: usize| (0..n_words).map(|_| AtomicU64::new(0)).collect();
        let ring = |n_words: usize| (AtomicU64::new(0), AtomicU64::new(0), zeros(n_words));
        let mut rings = vec![ring(MAIN_WORDS)];
        rings.extend((0..N_SIDES).map(|_| ring(SIDE_WORDS)));
        Self { header: std::array::from_fn(|_| AtomicU64::new(0)), rings }
    }

    /// One of the rings.
    ///
    /// # Panics
    ///
    /// When there is no such ring.
    #[must_use]
    pub fn ring(&self, ring: usize) -> Ring<'_> {
        let (head, tail, words) = &self.rings[ring];
        Ring { head, tail, words }
    }

    /// One word of the header.
    ///
    /// # Panics
    ///
    /// When the model has no such word.
    #[must_use]
    pub fn word(&self, index: usize) -> &AtomicU64 {
        let place = HEADER.iter().position(|&word| word == index);
        &self.header[place.unwrap_or(HEADER.len())]
    }
}
