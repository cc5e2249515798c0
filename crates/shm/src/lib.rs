//! Shared memory between the shim and the collector: segments and the rings in them.
//!
//! The memory is seen as atomic words only, so whatever the other side does to it, there is no
//! data race to argue about, and no reference into it is ever more than a word.

pub mod ring;
pub mod segment;

pub use ring::{RingReader, RingWriter};
pub use segment::{OpenError, Segment};
