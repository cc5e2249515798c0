//! Findings in the report: their types, and how they are made from npprof's own.

use std::collections::BTreeMap;

use npprof_findings as findings;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::convert::json_bytes;
use super::types::Frame;

/// Something to do about a line of the program.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Finding {
    /// What it is about; `npprof rules` explains each.
    pub kind: String,
    /// `error`: results may be wrong. `warning`: it costs memory or time. `info`: worth knowing.
    #[serde(default = "warning")]
    pub severity: String,
    /// Where to act.
    #[serde(default)]
    pub site: Frame,
    /// The text of the line, if it was readable and had not changed since the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Other places that have to do with it.
    #[serde(default)]
    pub related: Vec<Related>,
    /// How often.
    #[serde(default)]
    pub count: u64,
    /// The avoidable bytes, as the kind defines them.
    #[serde(default)]
    pub bytes: u64,
    /// Time in the operations, where they were timed.
    #[serde(default)]
    pub ns: u64,
    /// The facts that decided it; which ones depends on the kind.
    #[serde(default)]
    pub evidence: BTreeMap<String, Value>,
    /// What happens, in one sentence with numbers.
    #[serde(default)]
    pub message: String,
    /// Why that costs.
    #[serde(default)]
    pub why: String,
    /// What to write instead.
    #[serde(default)]
    pub fix: String,
    /// What would not have been, computed from what was alive and what was copied.
    #[serde(default)]
    pub saves: Saves,
    /// Ids of the processes in which it was seen.
    #[serde(default)]
    pub processes: Vec<u32>,
}

fn warning() -> String {
    "warning".to_owned()
}

/// Another place that has to do with a finding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Related {
    /// What it has to do with it: `allocated-here`, `base`, `writer`, `reader`, `exporter`.
    pub role: String,
    /// As Python names it: most often an absolute path; also `<string>`.
    pub file: String,
    /// From 1; 0 when there is none.
    pub line: u32,
    /// Qualified where Python has it: from 3.11 on.
    pub function: String,
}

/// What a run would have been without a finding; what is absent is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Saves {
    /// By how much the high-water mark would have been lower.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high_water_bytes: Option<u64>,
    /// Bytes that would not have been allocated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocated_bytes: Option<u64>,
    /// Bytes that would not have been copied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copied_bytes: Option<u64>,
    /// Time that would not have been spent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ns: Option<u64>,
}

/// The first findings, as many as fit into `limit` bytes, and the number of the others.
pub(super) fn convert(findings: &[findings::Finding], limit: usize) -> (Vec<Finding>, usize) {
    let mut kept = Vec::new();
    let mut n_bytes = 0;
    for finding in findings {
        let converted = Finding::from(finding);
        n_bytes += json_bytes(&converted);
        if n_bytes > limit {
            break;
        }
        kept.push(converted);
    }
    let n_cut = findings.len() - kept.len();
    (kept, n_cut)
}

impl From<&findings::Finding> for Finding {
    fn from(finding: &findings::Finding) -> Self {
        let related = finding.related.iter().map(|related| Related {
            role: related.role.as_str().to_owned(),
            file: related.frame.file.to_string(),
            line: related.frame.line,
            function: related.frame.function.to_string(),
        });
        let saves = finding.saves;
        Self {
            kind: finding.kind.to_owned(),
            severity: finding.severity.as_str().to_owned(),
            site: Frame::from(&finding.site),
            source: finding.source.as_deref().map(crate::source::shown),
            related: related.collect(),
            count: finding.n,
            bytes: finding.bytes.0,
            ns: finding.time.0,
            evidence: finding
                .evidence
                .iter()
                .map(|(name, fact)| ((*name).to_owned(), value(fact)))
                .collect(),
            message: finding.message.clone(),
            why: finding.why.clone(),
            fix: finding.fix.clone(),
            saves: Saves {
                high_water_bytes: saves.high_water.map(|it| it.0),
                allocated_bytes: saves.allocated.map(|it| it.0),
                copied_bytes: saves.copied.map(|it| it.0),
                ns: saves.time.map(|it| it.0),
            },
            processes: finding.processes.clone(),
        }
    }
}

fn value(fact: &findings::Value) -> Value {
    match fact {
        findings::Value::Text(text) => text.clone().into(),
        findings::Value::Count(count) => (*count).into(),
        findings::Value::Signed(number) => (*number).into(),
        // Not finite is null.
        findings::Value::Ratio(ratio) => (*ratio).into(),
        findings::Value::List(facts) => facts.iter().map(value).collect(),
    }
}
