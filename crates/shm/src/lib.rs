//! Shared memory between the shim and the collector: segments and the rings in them.
//!
//! The memory is seen as atomic words only, so whatever the other side does to it, there is no
//! data race to argue about, and no reference into it is ever more than a word.

//!
//! Under `cfg(loom)` the segment is a small one in the memory of a model checker (`model.rs`), and
//! `tests/loom.rs` goes through every order of what the sides do.

pub mod children;
pub mod ring;
#[cfg(not(loom))]
pub mod segment;
#[cfg(loom)]
#[path = "model.rs"]
pub mod segment;
pub mod side;
pub mod sync;

pub use ring::{RingReader, RingWriter};
#[cfg(not(loom))]
pub use segment::OpenError;
pub use segment::Segment;
pub use side::SideRings;
