//! What the user wants to hear about: kinds, and from when on.

use std::collections::{BTreeMap, BTreeSet};

use npprof_model::units::grouped;

use crate::nearest::nearest;
use crate::quantity::{Amount, AmountError};
use crate::rule::{Default as Preset, Rule};
use crate::rules::{RULES, rule};

/// Bytes of a single array from which on it is looked at.
pub(crate) const MIN_ARRAY: u64 = 1 << 20;
/// Bytes in all from which on something is worth a finding.
pub(crate) const LARGE: u64 = 8 << 20;

/// Names of the thresholds that several kinds share.
const COMMON: [&str; 2] = ["min-array", "large"];

/// Which kinds of findings are wanted, and their thresholds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    only: Option<BTreeSet<&'static str>>,
    ignored: BTreeSet<&'static str>,
    /// By kind and name; the kind of the common ones is empty.
    amounts: BTreeMap<(&'static str, &'static str), Amount>,
}

/// Why something can't be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// There is no such kind.
    #[error("{}", unknown(&format!("kind of finding {kind:?}"), kind, &kinds()))]
    Kind {
        /// What was given.
        kind: String,
    },
    /// There is no such threshold.
    #[error("{}", unknown(&format!("threshold {name:?}"), name, allowed))]
    Threshold {
        /// What was given.
        name: String,
        /// What is allowed there.
        allowed: Vec<String>,
    },
    /// The value is none.
    #[error("{name}: {cause}")]
    Amount {
        /// The threshold.
        name: String,
        /// What is wrong.
        cause: AmountError,
    },
    /// Smaller arrays are not looked at.
    #[error(
        "{name}: npprof does not look at arrays below {} bytes; allowed: 1 MiB and more",
        grouped(MIN_ARRAY)
    )]
    TooSmall {
        /// The threshold.
        name: String,
    },
    /// No name and value.
    #[error("{text:?} is no NAME=VALUE, such as large=32MiB or python-loop.elements=50_000")]
    NoPair {
        /// What was given.
        text: String,
    },
}

fn kinds() -> Vec<String> {
    RULES.iter().map(|rule| rule.kind.to_owned()).collect()
}

/// `unknown WHAT; did you mean NEAREST? allowed: …`
pub(crate) fn unknown(what: &str, word: &str, allowed: &[String]) -> String {
    let meant = nearest(word, allowed.iter().map(String::as_str))
        .map(|word| format!("did you mean {word}? "))
        .unwrap_or_default();
    format!("unknown {what}; {meant}allowed: {}", allowed.join(", "))
}

impl Settings {
    /// Only these kinds, even if they were ignored before.
    ///
    /// # Errors
    ///
    /// When one is not known.
    pub fn only<'a>(
        &mut self,
        kinds: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), SettingsError> {
        let mut only = BTreeSet::new();
        for kind in kinds {
            only.insert(known(kind)?);
        }
        self.ignored.retain(|kind| !only.contains(kind));
        self.only = Some(only);
        Ok(())
    }

    /// Not these kinds.
    ///
    /// # Errors
    ///
    /// When one is not known.
    pub fn ignore<'a>(
        &mut self,
        kinds: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), SettingsError> {
        for kind in kinds {
            self.ignored.insert(known(kind)?);
        }
        Ok(())
    }

    /// Sets a threshold given as `NAME=VALUE`; a name is `large`, `min-array` or `KIND.NAME`.
    ///
    /// # Errors
    ///
    /// When there is no such threshold, or the value is none.
    pub fn set_pair(&mut self, text: &str) -> Result<(), SettingsError> {
        let (name, value) =
            text.split_once('=').ok_or_else(|| SettingsError::NoPair { text: text.to_owned() })?;
        match name.trim().split_once('.') {
            None => self.set(None, name.trim(), value),
            Some((kind, name)) => self.set(Some(rule_named(kind)?), name, value),
        }
    }

    /// Sets a threshold of a kind, or one of the common ones.
    ///
    /// # Errors
    ///
    /// When there is no such threshold, or the value is none.
    pub fn set(
        &mut self,
        rule: Option<&'static Rule>,
        name: &str,
        value: &str,
    ) -> Result<(), SettingsError> {
        let place = match rule {
            None => COMMON.into_iter().find(|own| *own == name),
            Some(rule) => rule.thresholds.iter().map(|own| own.name).find(|own| *own == name),
        };
        let Some(own) = place else {
            return Err(SettingsError::Threshold {
                name: name.to_owned(),
                allowed: allowed_names(rule),
            });
        };
        let shown = || rule.map_or_else(|| name.to_owned(), |rule| format!("{}.{name}", rule.kind));
        let before = match rule {
            None => self.common(own),
            Some(rule) => self.amount(rule, own),
        };
        let amount = before
            .parse_like(value)
            .map_err(|cause| SettingsError::Amount { name: shown(), cause })?;
        let is_array = own == "min-array"
            || rule.is_some_and(|rule| {
                rule.thresholds.iter().any(|it| it.name == own && it.default == Preset::MinArray)
            });
        if is_array && amount.as_count() < MIN_ARRAY {
            return Err(SettingsError::TooSmall { name: shown() });
        }
        self.amounts.insert((rule.map_or("", |rule| rule.kind), own), amount);
        Ok(())
    }

    /// Whether findings of this kind are wanted. A kind that a later npprof wrote into a report is
    /// wanted unless only others are.
    #[must_use]
    pub fn wants(&self, kind: &str) -> bool {
        !self.ignored.contains(kind) && self.only.as_ref().is_none_or(|only| only.contains(kind))
    }

    /// The value of a threshold of a rule.
    #[must_use]
    pub fn amount(&self, rule: &Rule, name: &str) -> Amount {
        let own = rule.thresholds.iter().find(|threshold| threshold.name == name);
        let Some(own) = own else { return Amount::Count(u64::MAX) };
        if let Some(&amount) = self.amounts.get(&(rule.kind, own.name)) {
            return amount;
        }
        match own.default {
            Preset::Large => self.common("large"),
            Preset::MinArray => self.common("min-array"),
            Preset::Bytes(bytes) => Amount::Bytes(bytes),
            Preset::Count(count) => Amount::Count(count),
            Preset::Ratio(ratio) => Amount::Ratio(ratio),
        }
    }

    fn common(&self, name: &'static str) -> Amount {
        let usual = if name == "large" { LARGE } else { MIN_ARRAY };
        self.amounts.get(&("", name)).copied().unwrap_or(Amount::Bytes(usual))
    }
}

/// The rule with this name, or an error that knows a better name.
pub(crate) fn rule_named(kind: &str) -> Result<&'static Rule, SettingsError> {
    rule(kind).ok_or_else(|| SettingsError::Kind { kind: kind.to_owned() })
}

fn known(kind: &str) -> Result<&'static str, SettingsError> {
    rule_named(kind.trim()).map(|rule| rule.kind)
}

fn allowed_names(rule: Option<&Rule>) -> Vec<String> {
    match rule {
        Some(rule) => rule.thresholds.iter().map(|own| own.name.to_owned()).collect(),
        None => COMMON.iter().map(|&own| own.to_owned()).chain(kinds()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_common_threshold_holds_where_a_kind_has_none_of_its_own() {
        let mut settings = Settings::default();
        let copy = rule_named("redundant-copy").unwrap();
        let layout = rule_named("layout-copy").unwrap();
        assert_eq!(settings.amount(copy, "bytes"), Amount::Bytes(LARGE));
        settings.set_pair("large=32MiB").unwrap();
        settings.set_pair("layout-copy.bytes=1 GiB").unwrap();
        assert_eq!(settings.amount(copy, "bytes"), Amount::Bytes(32 << 20));
        assert_eq!(settings.amount(layout, "bytes"), Amount::Bytes(1 << 30));
    }

    #[test]
    fn kinds_are_chosen_by_name() {
        let mut settings = Settings::default();
        assert!(settings.wants("redundant-copy"));
        settings.only(["redundant-copy", "python-loop"]).unwrap();
        settings.ignore(["python-loop"]).unwrap();
        assert!(settings.wants("redundant-copy"));
        assert!(!settings.wants("python-loop"));
        assert!(!settings.wants("layout-copy"));
    }

    fn refused(result: Result<(), SettingsError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn what_is_not_known_is_told_with_the_nearest_name() {
        let mut settings = Settings::default();
        let told = refused(settings.only(["redundent-copy"]));
        let start = "unknown kind of finding \"redundent-copy\"; did you mean redundant-copy? \
                     allowed: redundant-copy, ";
        assert!(told.starts_with(start), "{told}");
        assert_eq!(
            refused(settings.set_pair("python-loop.element=3")),
            "unknown threshold \"element\"; did you mean elements? allowed: elements"
        );
        assert_eq!(
            refused(settings.set_pair("large")),
            "\"large\" is no NAME=VALUE, such as large=32MiB or python-loop.elements=50_000"
        );
        assert_eq!(
            refused(settings.set_pair("min-array=1KiB")),
            "min-array: npprof does not look at arrays below 1,048,576 bytes; allowed: 1 MiB and \
             more"
        );
        assert_eq!(
            refused(settings.set_pair("python-loop.elements=1.5")),
            "python-loop.elements: \"1.5\" is no count; allowed: a whole number, such as 10_000"
        );
    }
}
