//! The atomics that shared memory is made of: the standard library's, or under `cfg(loom)` those of a
//! model checker, which tries every order that the processor may choose.

#[cfg(loom)]
pub use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};
#[cfg(not(loom))]
pub use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
