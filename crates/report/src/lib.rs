//! What leaves npprof: the JSON report, and texts made from it.
//!
//! A [`Report`] is made from a snapshot of a run and written to a file; summary, tables and folded
//! stacks are made from a [`Report`] alone, so that they say the same at the end of a run and when
//! the file is read again. Nothing here prints, exits or reads the environment.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod json;
pub mod source;

pub mod target;

pub mod findings;
pub mod folded;
mod paint;
pub mod tables;
pub mod text;

#[cfg(test)]
mod example;

pub use findings::findings;
pub use folded::folded;
pub use json::{LoadError, Report, load};
pub use paint::{Style, one_line};
pub use source::SourceLookup;
pub use tables::{GroupBy, SortKey, TableOptions, table};
pub use target::{
    Names, PatternError, TargetError, check_target, default_name, expand_pattern,
    write_private_report, write_report,
};
pub use text::{SummaryOptions, summary};
