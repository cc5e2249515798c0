//! The bytes between the shim, inside the profiled process, and the collector.
//!
//! Each profiled process shares one [segment](segment) with the collector. Its header holds what is
//! updated in place; its rings hold [records](record) in the order in which things happened.
//!
//! # Order
//!
//! NumPy calls its data allocator with the interpreter lock held, so the process has *one* ring for
//! everything that happens under the lock ([`segment::MAIN_RING`]), and that ring's order is the
//! order of events: no clock is read, nothing is merged by time. A thread that allocates without
//! the lock claims one of the side rings and stamps each record with the main ring's position at
//! that moment: the record comes after everything before that position and before everything
//! behind it. That suffices: an event that depends on another one is recorded after the other one
//! was published, whichever rings the two are in.
//!
//! # Time
//!
//! The collector writes its clock into the header at each round ([`segment::HEARTBEAT`]); the shim
//! puts a `Clock` record before the first event that sees a new value. Large allocations read the
//! clock themselves. So small events carry the time at the collector's tick, large ones their own.
//!
//! # Names
//!
//! Strings, code objects, stacks, dtypes and threads are defined once, before their first use in
//! the same ring, and named by number from then on. A stack is a node in a tree: its frame and the
//! number of its caller's stack.
//!
//! Everything is little-endian 64-bit words. The reader trusts nothing: [`decode`] gives a record or
//! an error for any input.

#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod decode;
pub mod encode;
pub mod hello;
pub mod record;
pub mod segment;

/// Version of everything in this crate. Shim and collector must agree on it.
pub const WIRE_VERSION: u32 = 4;
