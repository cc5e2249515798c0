//! What a rule is: how a kind of finding is decided, told and explained.

use std::borrow::Cow;

use npprof_model::{ArrayLayout, Bytes, Detail, Pattern};

use crate::finding::{Severity, Value};
use crate::python::Line;
use crate::settings::{MIN_ARRAY, Settings};

/// What a threshold is unless settings say otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Default {
    /// The common threshold `large`.
    Large,
    /// The common threshold `min-array`.
    MinArray,
    /// This many bytes.
    Bytes(u64),
    /// This many.
    Count(u64),
    /// This ratio.
    Ratio(f64),
}

/// From when on a rule speaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// As settings name it.
    pub name: &'static str,
    /// Its value unless settings say otherwise.
    pub default: Default,
    /// What it is the threshold of, in a few words.
    pub help: &'static str,
}

/// A kind of finding.
#[derive(Debug)]
pub struct Rule {
    /// Its name.
    pub kind: &'static str,
    /// How much its findings matter, in the user's own code.
    pub severity: Severity,
    /// What it finds, in a line.
    pub title: &'static str,
    /// When it speaks, exactly.
    pub definition: &'static str,
    /// When it stays silent.
    pub silent: &'static str,
    /// What is predicted to be saved by the remedy, and how that follows from what was seen.
    pub saved: &'static str,
    /// Code that it finds.
    pub before: &'static str,
    /// What to write instead.
    pub after: &'static str,
    /// From when on it speaks.
    pub thresholds: &'static [Threshold],
    /// Whether it is about patterns like this one.
    pub(crate) is_about: fn(&Detail) -> bool,
    /// Adds what another process did at the same line.
    pub(crate) merge: fn(&mut Pattern, &Pattern),
    /// What to say about a pattern; `None` when it is not worth it.
    pub(crate) advise: fn(&Pattern, &Context<'_>) -> Option<Advice>,
    /// Kinds that tell the same better.
    pub(crate) yields_to: &'static [Yield],
}

/// Where a rule stays silent because another one has the cause.
#[derive(Debug)]
pub(crate) struct Yield {
    /// The other kind.
    pub kind: &'static str,
    /// Whether a pattern is explained by one of that kind.
    pub is_explained: fn(&Seen<'_>, &Seen<'_>, &Context<'_>) -> bool,
}

/// A pattern and where it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub pattern: &'a Pattern,
    pub file: &'a str,
    pub line: u32,
    pub function: &'a str,
    /// Frames of its related sites: file and line.
    pub related: &'a [(&'a str, u32)],
}

impl Seen<'_> {
    /// Both are at one line.
    pub(crate) fn is_at(&self, other: &Self) -> bool {
        (self.file, self.line, self.function) == (other.file, other.line, other.function)
    }
}

/// What a rule says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Advice {
    /// What happens, in one sentence with numbers.
    pub message: String,
    /// Why that costs.
    pub why: Cow<'static, str>,
    /// What to write instead.
    pub fix: String,
    /// The facts that decided it.
    pub evidence: Vec<(&'static str, Value)>,
}

/// What a rule looks things up in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub settings: &'a Settings,
    pub rule: &'a Rule,
    /// The line of source, if it is readable and has not changed since.
    pub line: Option<&'a Line<'a>>,
    /// The largest high-water mark of a process.
    pub high_water: Bytes,
}

impl Context<'_> {
    /// A threshold of the rule in bytes.
    pub(crate) fn bytes(&self, name: &str) -> Bytes {
        Bytes(self.count(name))
    }

    /// A threshold of the rule.
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.settings.amount(self.rule, name).as_count()
    }

    /// A threshold of the rule that is a ratio.
    pub(crate) fn ratio(&self, name: &str) -> f64 {
        self.settings.amount(self.rule, name).as_ratio()
    }

    /// The largest array concerned has at least the bytes that `array` demands, or its size is not
    /// known.
    pub(crate) fn is_large(&self, layout: Option<&ArrayLayout>) -> bool {
        let least = self.bytes("array");
        // The collector has left out those below its own limit.
        least <= Bytes(MIN_ARRAY) || layout.and_then(nbytes).is_none_or(|bytes| bytes >= least)
    }
}

/// Bytes of the elements; `None` when the size of one is not known.
pub(crate) fn nbytes(layout: &ArrayLayout) -> Option<Bytes> {
    (layout.itemsize > 0).then(|| {
        let n = layout.shape.iter().fold(1_u64, |n, &extent| n.saturating_mul(extent));
        Bytes(n.saturating_mul(layout.itemsize))
    })
}

/// Sums up; facts are those of the larger one. What settings of most rules want.
pub(crate) fn sum(pattern: &mut Pattern, other: &Pattern) {
    merge(pattern, other, u64::saturating_add);
}

/// The larger one counts, for what a process does by itself.
pub(crate) fn largest(pattern: &mut Pattern, other: &Pattern) {
    merge(pattern, other, u64::max);
}

fn merge(pattern: &mut Pattern, other: &Pattern, bytes: fn(u64, u64) -> u64) {
    let add = |one: Option<u64>, two: Option<u64>| match (one, two) {
        (Some(one), Some(two)) => Some(one.saturating_add(two)),
        (one, two) => one.or(two),
    };
    let mut saves = pattern.saves;
    // Each process has a high-water mark of its own.
    saves.high_water = saves.high_water.max(other.saves.high_water);
    saves.allocated =
        add(saves.allocated.map(|it| it.0), other.saves.allocated.map(|it| it.0)).map(Bytes);
    saves.copied = add(saves.copied.map(|it| it.0), other.saves.copied.map(|it| it.0)).map(Bytes);
    saves.time =
        add(saves.time.map(|it| it.0), other.saves.time.map(|it| it.0)).map(npprof_model::Nanos);
    let (n, time) = (
        pattern.n.saturating_add(other.n),
        npprof_model::Nanos(pattern.time.0.saturating_add(other.time.0)),
    );
    let merged = Bytes(bytes(pattern.bytes.0, other.bytes.0));
    if other.bytes > pattern.bytes {
        *pattern = other.clone();
    }
    (pattern.n, pattern.time, pattern.bytes, pattern.saves) = (n, time, merged, saves);
}

/// Both are at one line and about the same copies: the same operation, or results alike.
pub(crate) fn is_same_copy(own: &Seen<'_>, other: &Seen<'_>, _: &Context<'_>) -> bool {
    let (one, two) = (own.pattern, other.pattern);
    let is_same_result = one.result.is_some() && one.result == two.result;
    own.is_at(other) && (one.operation == two.operation || is_same_result)
}
