//! What npprof assumes about the memory of CPython and NumPy, and nothing else.
//!
//! The shim reads the interpreter's frames and NumPy's arrays where they lie, without headers and
//! without asking Python. Every offset, slot number, flag and magic name that this takes is here, as
//! a constant, as a small `repr(C)` struct, or as a row of a table chosen once by version
//! ([`python_support`], [`numpy_support`]). Nothing in this crate reads memory, so nothing in it
//! is unsafe. What it says holds for builds of CPython 3.8 to 3.13 with a GIL and for NumPy 1.22 and
//! later, on 64-bit little-endian Linux; `tests/abi` holds each number against the C compiler and
//! against running interpreters. Anything else is [`Unsupported`], never guessed.
//!
//! Names follow CPython's and NumPy's own where a thing has one there.

#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(not(all(target_pointer_width = "64", target_endian = "little")))]
compile_error!("the layouts in this crate are those of 64-bit little-endian machines");

#[cfg(test)]
extern crate std;

mod support;

pub mod numpy;
pub mod python;

pub use support::{Unsupported, numpy_support, python_support};
