//! Events of threads that don't hold the interpreter lock: whichever side ring is free takes them.

use npprof_wire::encode::event;
use npprof_wire::record::Kind;
use npprof_wire::segment::{MAIN_RING, N_UNPLACED};

use crate::RingWriter;
use crate::segment::{N_SIDES, SIDE_WORDS, Segment};
use crate::sync::{AtomicBool, Ordering};

/// Who writes to the side rings of a segment at this moment.
#[derive(Debug)]
pub struct SideRings {
    /// Taken while a thread writes to side ring `index + 1`.
    is_taken: [AtomicBool; N_SIDES],
}

impl SideRings {
    /// All of them are free.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self { is_taken: [const { AtomicBool::new(false) }; N_SIDES] }
    }

    /// All of them are free.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        Self { is_taken: std::array::from_fn(|_| AtomicBool::new(false)) }
    }

    /// All of them are free again: in a forked child, where nobody is left who would say so.
    pub fn free_all(&self) {
        for is_taken in &self.is_taken {
            is_taken.store(false, Ordering::Relaxed);
        }
    }

    /// Writes a record with the main ring's position at this moment, behind which it belongs. Where no
    /// ring is free or has room, it is counted in the header, and lost.
    pub fn write(&self, segment: &Segment, words: &[u64]) {
        // Pairs with the `Release` of `RingWriter::publish`: who knows of an event has seen its record.
        let stamp = segment.ring(MAIN_RING).head.load(Ordering::Acquire);
        for (index, is_taken) in self.is_taken.iter().enumerate() {
            // Pairs with the `Release` below: this thread goes on where the one before it stopped.
            if is_taken.swap(true, Ordering::Acquire) {
                continue;
            }
            let mut writer = RingWriter::<SIDE_WORDS>::new(segment, index.wrapping_add(1));
            let has_room = writer.has_room(words.len().wrapping_add(1));
            if has_room {
                writer.push(event(Kind::Stamp, stamp));
                for &word in words {
                    writer.push(word);
                }
                writer.publish();
            }
            is_taken.store(false, Ordering::Release);
            if has_room {
                return;
            }
        }
        segment.word(N_UNPLACED).fetch_add(1, Ordering::Relaxed);
    }
}

impl Default for SideRings {
    fn default() -> Self {
        Self::new()
    }
}
