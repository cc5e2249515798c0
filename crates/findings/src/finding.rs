//! A finding: what is wrong where, how much it costs, and what to write instead.

use std::fmt;

use npprof_model::{ArrayLayout, Bytes, Frame, Nanos, Saves, SiteId, SiteRole};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; the line is not the user's.
    Info,
    /// It costs memory or time.
    Warning,
    /// Results may be wrong.
    Error,
}

impl Severity {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Error];

    /// As the JSON report calls it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.pad(self.as_str())
    }
}

/// A fact that decided a finding.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Words.
    Text(String),
    /// A count, or a number of the unit that its name ends with.
    Count(u64),
    /// The same, of any sign.
    Signed(i64),
    /// A ratio.
    Ratio(f64),
    /// Several facts.
    List(Vec<Self>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Signed(number)
    }
}

impl From<Bytes> for Value {
    fn from(bytes: Bytes) -> Self {
        Self::Count(bytes.0)
    }
}

impl From<Nanos> for Value {
    fn from(time: Nanos) -> Self {
        Self::Count(time.0)
    }
}

impl From<&ArrayLayout> for Value {
    fn from(layout: &ArrayLayout) -> Self {
        Self::Text(layout.to_string())
    }
}

/// Another place that has to do with a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// What it has to do with it.
    pub role: SiteRole,
    /// The place.
    pub frame: Frame,
}

/// Something to do about a line of the program.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Name of its rule.
    pub kind: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// Where to act.
    pub site: Frame,
    /// The call sites there, one a process.
    pub sites: Vec<SiteId>,
    /// The text of the line, if it is readable and has not changed since.
    pub source: Option<String>,
    /// Other places that have to do with it.
    pub related: Vec<Related>,
    /// How often.
    pub n: u64,
    /// The avoidable bytes, as the kind defines them.
    pub bytes: Bytes,
    /// Time in the operations, where they were timed.
    pub time: Nanos,
    /// The facts that decided it, in the order in which to tell them.
    pub evidence: Vec<(&'static str, Value)>,
    /// What happens, in one sentence with numbers.
    pub message: String,
    /// Why that costs.
    pub why: String,
    /// What to write instead.
    pub fix: String,
    /// What would not have been.
    pub saves: Saves,
    /// Ids of the processes in which it was seen.
    pub processes: Vec<u32>,
}
