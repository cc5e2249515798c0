//! The segment: a header updated in place, then the rings.
//!
//! All positions are in 64-bit words from the start of the segment. Each word is written by one
//! side only, as noted.

/// First word of a segment.
pub const MAGIC: u64 = u64::from_le_bytes(*b"npprof\r\n");

/// Shim, once: [`MAGIC`].
pub const MAGIC_WORD: usize = 0;
/// Shim, once: [`crate::WIRE_VERSION`].
pub const VERSION: usize = 1;
/// Shim, once: process id.
pub const PID: usize = 2;
/// Shim, once: monotonic clock at attachment, nanoseconds.
pub const STARTED_NS: usize = 3;
/// Shim: bits of [`flags`].
pub const FLAGS: usize = 4;
/// Shim: how the process ended by itself: [`EXIT_VALID`] and the low eight bits of the status.
pub const EXIT: usize = 5;
/// Shim, at such an end: resident-set high-water mark in bytes.
pub const EXIT_MAX_RSS: usize = 6;
/// Shim: events that found no room in lossy mode, or came after the shim gave up.
pub const N_DROPPED: usize = 7;
/// Shim: monotonic clock when the shim gave up waiting for the collector; zero while it has not.
pub const GAVE_UP_NS: usize = 8;
/// Shim: events seen without the interpreter lock that found no side ring.
pub const N_UNPLACED: usize = 9;
/// Shim: total time for which a full ring made the program wait, nanoseconds.
pub const WAITED_NS: usize = 10;
/// Collector, on a cache line of its own: monotonic clock at its last round, nanoseconds.
pub const HEARTBEAT: usize = 16;
/// Collector: one of [`collector`].
pub const COLLECTOR: usize = 17;
/// Shim: number of entries of [`CHILDREN`] claimed.
pub const N_CHILDREN: usize = 24;
/// Shim: ends of child processes as this process learned them by waiting: pairs of words, the
/// process id and the wait status with [`EXIT_VALID`].
pub const CHILDREN: usize = 512;
/// Entries in [`CHILDREN`]; more children than that reuse the oldest places.
pub const MAX_CHILDREN: usize = 256;

/// Set in [`EXIT`] and in the entries of [`CHILDREN`] when the rest of the word counts.
pub const EXIT_VALID: u64 = 1 << 63;

/// Bits of [`FLAGS`].
pub mod flags {
    /// The hooks are in.
    pub const HOOKED: u64 = 1;
    /// A full ring drops records instead of waiting.
    pub const LOSSY: u64 = 2;
}

/// Values of [`COLLECTOR`].
pub mod collector {
    /// Nobody has opened the segment yet.
    pub const ABSENT: u64 = 0;
    /// The segment is being read.
    pub const READING: u64 = 1;
    /// The collector is leaving: the shim stops writing at once.
    pub const LEFT: u64 = 2;
}

/// Number of rings; ring [`MAIN_RING`] is written under the interpreter lock, the others by threads
/// without it.
pub const N_RINGS: usize = 5;
/// The ring that is written under the interpreter lock.
pub const MAIN_RING: usize = 0;
/// Words of the main ring: 4 MiB.
pub const MAIN_RING_WORDS: usize = 1 << 19;
/// Words of each side ring: 64 KiB.
pub const SIDE_RING_WORDS: usize = 1 << 13;

/// Where the positions of ring `ring` begin: the writer's `head`, and 8 words on the reader's `tail`.
/// Both count words since the start and never wrap.
#[must_use]
pub const fn positions(ring: usize) -> usize {
    1024 + ring * 32
}

/// From the writer's `head` to the reader's `tail`.
pub const TAIL: usize = 16;

/// Where the words of ring `ring` begin.
#[must_use]
pub const fn ring_start(ring: usize) -> usize {
    if ring == MAIN_RING { 2048 } else { 2048 + MAIN_RING_WORDS + (ring - 1) * SIDE_RING_WORDS }
}

/// How many words ring `ring` has: a power of two.
#[must_use]
pub const fn ring_words(ring: usize) -> usize {
    if ring == MAIN_RING { MAIN_RING_WORDS } else { SIDE_RING_WORDS }
}

/// Shim, under the interpreter lock: the counters of small operations, behind the rings. Each is
/// [`COUNTER_WORDS`] words: the key (operation, [`crate::record::COUNTER_VALID`], stack), then the
/// fields of [`crate::record::Counts`] from `n` on. A counter whose place another one takes goes out
/// as a `Counts` record first.
pub const COUNTERS: usize = ring_start(N_RINGS - 1) + SIDE_RING_WORDS;
/// Words of a counter: a cache line.
pub const COUNTER_WORDS: usize = 8;
/// Number of counters: 512 KiB, of which only what is used takes memory.
pub const N_COUNTERS: usize = 1 << 13;

/// Words of a whole segment.
pub const SEGMENT_WORDS: usize = COUNTERS + N_COUNTERS * COUNTER_WORDS;
/// Bytes of a whole segment.
pub const SEGMENT_BYTES: usize = SEGMENT_WORDS * 8;

const _: () = assert!(positions(N_RINGS) <= ring_start(MAIN_RING));
const _: () = assert!(CHILDREN + 2 * MAX_CHILDREN <= positions(0));
