//! What the end-to-end tests share: the built npprof, the pairs of Python and NumPy, programs, reports.
//!
//! npprof is only ever run as a program, as a user runs it. A fact that fails says what it saw by a
//! panic; nothing here recovers.

#![forbid(unsafe_code)]

pub mod built;
pub mod count;
pub mod matrix;
pub mod program;
pub mod report;
pub mod same;
pub mod schema;
