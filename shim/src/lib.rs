//! The library that `npprof run` preloads into a program.
//!
//! It waits, inert, until the process turns out to be a Python that imports NumPy; then it puts its
//! hooks into NumPy's data allocator and array type and writes what happens to shared memory. It
//! links neither CPython nor NumPy: everything is found at run time, and what isn't recognised is
//! left alone.
//!
//! Two parts with different rules. [`install`] is cold: it may allocate, may fail, and says why.
//! Everything else is reached from hooks, inside somebody else's program: no lock, no system call
//! (a full ring excepted), no allocation, no panic.
//!
//! The one idea: NumPy calls its allocator with the interpreter lock held. So there is one
//! [`state::State`] for the whole process, as plain fields, and one ring, and holding the lock is
//! what [`state::enter`] proves before it lends them out.

#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unreachable
)]

mod hooks;
#[expect(
    clippy::disallowed_types,
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "runs once, outside of hooks"
)]
mod install;
mod lifecycle;

mod current;
mod dtype;
mod layout;
mod memory;
mod operation;
mod stack;
mod state;
mod stream;
mod table;
mod thread;

/// What `npprof` looks for in the file before it preloads it: shim and collector ship together.
#[used]
#[unsafe(no_mangle)]
pub(crate) static NPPROF_SHIM_MARKER: [u8; 40] = marker();

const fn marker() -> [u8; 40] {
    let text = concat!("npprof-shim wire=4 version=", env!("CARGO_PKG_VERSION"), "\0").as_bytes();
    let mut marker = [0; 40];
    let (to, _) = marker.split_at_mut(text.len());
    to.copy_from_slice(text);
    marker
}

const _: () = assert!(npprof_wire::WIRE_VERSION == 4, "the marker names the wire version");

#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = install::constructor;
