//! `npprof.toml`: settings that stay with a project.
//!
//! ```toml
//! [findings]
//! ignore = ["python-loop"]
//!
//! [thresholds]
//! large = "32 MiB"
//!
//! [thresholds.temporary-chain]
//! bytes = "64 MiB"
//! ```

use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::rules::rule;
use crate::settings::{Settings, SettingsError, unknown};

/// Why a file holds no settings: one line that names the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}:{line}: {message}")]
pub struct ConfigError {
    /// The file.
    pub name: String,
    /// From 1.
    pub line: usize,
    /// What is wrong, and what is allowed.
    pub message: String,
}

/// What is wrong, and where in the text.
struct Wrong {
    span: Range<usize>,
    message: String,
}

type Entry<'a, 'i> = (&'a Spanned<DeString<'i>>, &'a Spanned<DeValue<'i>>);

/// Reads settings; `name` says in errors which file it is.
///
/// # Errors
///
/// For the first thing in the text that can't be understood.
pub fn read_config(text: &str, name: &str) -> Result<Settings, ConfigError> {
    read(text).map_err(|wrong| ConfigError {
        name: name.to_owned(),
        line: line_of(text, wrong.span.start),
        message: wrong.message,
    })
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1
}

fn read(text: &str) -> Result<Settings, Wrong> {
    let table = DeTable::parse(text).map_err(|error| Wrong {
        span: error.span().unwrap_or_default(),
        message: error.message().to_owned(),
    })?;
    let mut settings = Settings::default();
    for (key, value) in entries(table.get_ref()) {
        match key.get_ref().as_ref() {
            "findings" => findings(as_table(key, value)?, &mut settings)?,
            "thresholds" => thresholds(as_table(key, value)?, &mut settings)?,
            _ => return Err(unknown_key(key, &["findings", "thresholds"])),
        }
    }
    Ok(settings)
}

/// In the order of the file, so that the first mistake is told first.
fn entries<'a, 'i>(table: &'a DeTable<'i>) -> Vec<Entry<'a, 'i>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

fn findings(table: &DeTable<'_>, settings: &mut Settings) -> Result<(), Wrong> {
    let mut ignored = Vec::new();
    for (key, value) in entries(table) {
        let name = key.get_ref().as_ref();
        if !["only", "ignore"].contains(&name) {
            return Err(unknown_key(key, &["only", "ignore"]));
        }
        let DeValue::Array(kinds) = value.get_ref() else {
            let allowed = format!("{name} is no list; allowed: [\"KIND\", …]");
            return Err(Wrong { span: value.span(), message: allowed });
        };
        let mut words = Vec::new();
        for kind in kinds.iter() {
            let DeValue::String(word) = kind.get_ref() else {
                let message = format!("{name} is no list of kinds; allowed: [\"KIND\", …]");
                return Err(Wrong { span: kind.span(), message });
            };
            // Each by itself, for the sake of its line.
            at(kind.span(), Settings::default().ignore([word.as_ref()]))?;
            words.push(word.as_ref());
        }
        if name == "only" {
            at(value.span(), settings.only(words))?;
        } else {
            ignored.push((value.span(), words));
        }
    }
    // Whichever stands first in the file.
    for (span, words) in ignored {
        at(span, settings.ignore(words))?;
    }
    Ok(())
}

fn thresholds(table: &DeTable<'_>, settings: &mut Settings) -> Result<(), Wrong> {
    for (key, value) in entries(table) {
        let name = key.get_ref().as_ref();
        if let DeValue::Table(own) = value.get_ref() {
            let Some(rule) = rule(name) else {
                let error = SettingsError::Kind { kind: name.to_owned() };
                return at(key.span(), Err(error));
            };
            for (key, value) in entries(own) {
                let text = amount(value)?;
                let result = settings.set(Some(rule), key.get_ref(), &text);
                at(place(&result, key, value), result)?;
            }
        } else if let Some(rule) = rule(name) {
            let allowed: Vec<_> = rule.thresholds.iter().map(|own| own.name).collect();
            let message = format!("{name} is no table; allowed in it: {}", allowed.join(", "));
            return Err(Wrong { span: value.span(), message });
        } else {
            let result = amount(value).map(|text| settings.set(None, name, &text))?;
            at(place(&result, key, value), result)?;
        }
    }
    Ok(())
}

/// What of an entry is wrong.
fn place(
    result: &Result<(), SettingsError>,
    key: &Spanned<DeString<'_>>,
    value: &Spanned<DeValue<'_>>,
) -> Range<usize> {
    match result {
        Err(SettingsError::Threshold { .. }) => key.span(),
        _ => value.span(),
    }
}

/// As it would be typed.
fn amount(value: &Spanned<DeValue<'_>>) -> Result<String, Wrong> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => Ok(number.to_string()),
        DeValue::Float(number) => Ok(number.to_string()),
        _ => {
            let message = "no amount; allowed: a number, or a text such as \"8 MiB\"".to_owned();
            Err(Wrong { span: value.span(), message })
        }
    }
}

fn as_table<'a, 'i>(
    key: &Spanned<DeString<'i>>,
    value: &'a Spanned<DeValue<'i>>,
) -> Result<&'a DeTable<'i>, Wrong> {
    match value.get_ref() {
        DeValue::Table(table) => Ok(table),
        _ => {
            let name = key.get_ref();
            let message = format!("{name} is no table; allowed: [{name}]");
            Err(Wrong { span: key.span(), message })
        }
    }
}

fn unknown_key(key: &Spanned<DeString<'_>>, allowed: &[&str]) -> Wrong {
    let word = key.get_ref();
    let allowed: Vec<String> = allowed.iter().map(|&word| word.to_owned()).collect();
    Wrong { span: key.span(), message: unknown(&format!("key {word:?}"), word, &allowed) }
}

fn at(span: Range<usize>, result: Result<(), impl fmt::Display>) -> Result<(), Wrong> {
    result.map_err(|error| Wrong { span, message: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantity::Amount;

    #[test]
    fn settings_are_read() {
        let text = "\
[findings]
ignore = [\"python-loop\", 'layout-copy']
[thresholds]
large = \"32 MiB\"
min-array = 2_097_152
[thresholds.temporary-chain]
surviving = 2
";
        let settings = read_config(text, "npprof.toml").unwrap();
        assert!(!settings.wants("python-loop") && !settings.wants("layout-copy"));
        assert!(settings.wants("temporary-chain"));
        let amount = |kind, name| settings.amount(rule(kind).unwrap(), name);
        assert_eq!(amount("redundant-copy", "bytes"), Amount::Bytes(32 << 20));
        assert_eq!(amount("redundant-copy", "array"), Amount::Bytes(2 << 20));
        assert_eq!(amount("temporary-chain", "surviving"), Amount::Ratio(2.0));
        assert_eq!(read_config("", "npprof.toml").unwrap(), Settings::default());
    }

    fn check(text: &str, expected: &str) {
        let told = read_config(text, "npprof.toml").unwrap_err().to_string();
        assert!(!told.contains('\n'), "{told}");
        assert!(told.starts_with(expected), "{told}");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_what_is_allowed() {
        check(
            "\n[treshold]\n",
            "npprof.toml:2: unknown key \"treshold\"; did you mean thresholds? allowed: findings, \
             thresholds",
        );
        check(
            "[findings]\nskip = []\n",
            "npprof.toml:2: unknown key \"skip\"; allowed: only, ignore",
        );
        check(
            "[findings]\nignore = [\n  \"python-loop\",\n  \"python-lop\",\n]\n",
            "npprof.toml:4: unknown kind of finding \"python-lop\"; did you mean python-loop? \
             allowed: redundant-copy, ",
        );
        check("[findings]\nonly = \"x\"\n", "npprof.toml:2: only is no list; allowed: [\"KIND\"");
        check(
            "[thresholds]\nlarge = \"8 Mib\"\n",
            "npprof.toml:2: large: unknown unit \"Mib\" in \"8 Mib\"; allowed: B, KiB, MiB, ",
        );
        check(
            "[thresholds]\nhuge = 3\n",
            "npprof.toml:2: unknown threshold \"huge\"; allowed: min-array, large, ",
        );
        check(
            "[thresholds.python-loop]\nelements = 3\ncalls = 3\n",
            "npprof.toml:3: unknown threshold \"calls\"; allowed: elements",
        );
        check(
            "[thresholds]\npython-loop = 3\n",
            "npprof.toml:2: python-loop is no table; allowed in it: elements",
        );
        check(
            "[thresholds.pyton-loop]\nelements = 3\n",
            "npprof.toml:1: unknown kind of finding \"pyton-loop\"; did you mean python-loop? ",
        );
        check("[thresholds]\nlarge = true\n", "npprof.toml:2: no amount; allowed: a number, or");
        check("findings = 3\n", "npprof.toml:1: findings is no table; allowed: [findings]");
        check("[findings\n", "npprof.toml:1: ");
    }
}
