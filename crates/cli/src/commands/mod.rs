//! One module a subcommand.

pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod report;
pub(crate) mod rules;
pub(crate) mod run;
pub(crate) mod view;
