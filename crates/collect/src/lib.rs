//! Turns the records of profiled processes into snapshots.
//!
//! [`Collector`] listens for processes, each of which passes it a segment of shared memory, and
//! reads them all in one thread. `tree` knows all processes, `session` one of them, `reader` puts a
//! process's records into one order, `aggregate` makes sums of them, and `publish` makes snapshots
//! of the sums. What a process writes is never trusted, and what is kept of it grows with its call
//! sites and live arrays, never with its events.

#![forbid(unsafe_code)]

mod collector;
mod error;

mod greet;
mod tree;

mod nursery;
mod proc;
mod session;

mod reader;

mod aggregate;
mod define;
mod symbolize;

mod publish;

/// Version of the format that the shim must speak.
pub use npprof_wire::WIRE_VERSION;

pub use collector::{Collector, Options};
pub use error::StartError;

/// What `tests/fuzz` does to the collector; the same as property tests do.
#[cfg(fuzzing)]
pub mod fuzz {
    use crate::aggregate::survive;

    /// Takes in a stream of records.
    pub fn stream(words: &[u64]) {
        survive::stream(words);
    }

    /// Reads shared memory with these words in its header, positions of rings, and words in each ring.
    pub fn shared_memory(
        header: &[(u16, u64)],
        heads: [u64; npprof_wire::segment::N_RINGS],
        words: &[u64],
    ) {
        survive::shared_memory(header, heads, words);
    }
}
