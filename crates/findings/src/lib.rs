//! What npprof has to say about a run, and what to write instead.
//!
//! [`find`] is a function of a snapshot, of settings and of the text of source lines: nothing here
//! reads a file, prints or asks the time. The collector has seen the patterns; a [`Rule`] for each
//! kind decides whether one is worth a finding and puts it into words. [`RULES`] lists them.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod engine;
mod finding;
mod library;
mod rule;
mod settings;

mod config;
mod nearest;
mod python;
mod quantity;
mod words;

mod rules;

#[cfg(test)]
mod fixtures;

pub use config::{ConfigError, read_config};
pub use engine::{find, is_silenced};
pub use finding::{Finding, Related, Severity, Value};
pub use nearest::nearest;
pub use quantity::{Amount, AmountError};
pub use rule::{Default as ThresholdDefault, Rule, Threshold};
pub use rules::{RULES, rule};
pub use settings::{Settings, SettingsError};
