//! Findings as text: the most important ones for a summary, or all of them with their evidence.

use std::path::Path;

use npprof_model::units::grouped;
use npprof_model::{Bytes, Nanos};
use serde_json::Value;

use crate::json::{Finding, Saves};
use crate::paint::{Style, one_line};
use crate::{Report, tables};

/// Columns before what belongs to a finding.
const INDENT: usize = 3;
/// Characters of a text that another program may have put into a report.
const MAX_CHARS: usize = 2_000;

/// All findings with their evidence, ending with a newline.
#[must_use]
pub fn findings(report: &Report, style: Style) -> String {
    let mut lines = Vec::new();
    if report.findings.is_empty() {
        lines.push(none(report).to_owned());
    } else {
        lines.extend(heading(report, style));
        for (finding, number) in report.findings.iter().zip(1_usize..) {
            lines.push(String::new());
            lines.extend(brief(report, finding, number, None, style));
            lines.extend(details(report, finding, style));
        }
    }
    let mut text = String::new();
    for line in lines {
        text.push_str(style.plain(&line).trim_end());
        text.push('\n');
    }
    text
}

/// The first findings, for a summary; no line when there is nothing to say.
pub(crate) fn top(report: &Report, style: Style, n: usize, path: Option<&Path>) -> Vec<String> {
    // What the user can do nothing about is told only to who asks.
    let shown: Vec<&Finding> =
        report.findings.iter().filter(|finding| finding.severity != "info").take(n).collect();
    if report.findings.is_empty() || n == 0 {
        return Vec::new();
    }
    let mut lines = heading(report, style);
    for (finding, number) in shown.iter().zip(1_usize..) {
        let is_same = |it: &&Finding| it.kind == finding.kind && it.fix == finding.fix;
        let first = shown.iter().position(is_same).map(|at| at + 1).filter(|&first| first < number);
        lines.extend(brief(report, finding, number, first, style));
    }
    let n_more = report.findings.len() - shown.len();
    if n_more > 0 {
        let file = path.map_or_else(|| "REPORT".to_owned(), one_line);
        lines.push(format!("{} more: npprof report {file} --findings", grouped(n_more as u64)));
    }
    lines.push(String::new());
    lines
}

fn none(report: &Report) -> &'static str {
    if report.totals.n_operations.is_some_and(|n| n > 0) {
        "No findings: nothing that npprof knows how to improve."
    } else {
        "No findings: operations were not watched."
    }
}

/// `Findings: 1 error, 3 warnings, 2 in code of others`.
fn heading(report: &Report, style: Style) -> Vec<String> {
    let count = |severity: &str| {
        report.findings.iter().filter(|finding| finding.severity == severity).count()
    };
    let (n_errors, n_infos) = (count("error"), count("info"));
    let n_warnings = report.findings.len() - n_errors - n_infos;
    let mut parts = Vec::new();
    for (n, one) in [(n_errors, "error"), (n_warnings, "warning")] {
        if n > 0 {
            parts.push(format!("{} {one}{}", grouped(n as u64), if n == 1 { "" } else { "s" }));
        }
    }
    if n_infos > 0 {
        parts.push(format!("{} in code of others", grouped(n_infos as u64)));
    }
    let text = format!("Findings: {}", parts.join(", "));
    style.fill(&text, style.width).iter().map(|line| style.bold(line)).collect()
}

/// Kind, place, source, message, remedy and what that saves; `same_fix` is the number of a finding
/// that told the remedy already.
fn brief(
    report: &Report,
    finding: &Finding,
    number: usize,
    same_fix: Option<usize>,
    style: Style,
) -> Vec<String> {
    let kind = one_line(&finding.kind);
    let kind = if finding.severity == "error" { style.alarm(&kind) } else { style.bold(&kind) };
    let site = &finding.site;
    let place = tables::frame_place(report, &site.file, site.line, &site.function);
    let start = format!("{number}. {kind}  ");
    let room = style.width.saturating_sub(crate::paint::columns(&start));
    let mut lines = if room >= place.len().min(20) {
        vec![format!("{start}{}", style.cut_left(&place, room))]
    } else {
        let room = style.width.saturating_sub(INDENT).max(1);
        let place = format!("{}{}", " ".repeat(INDENT), style.cut_left(&place, room));
        vec![style.cut(start.trim_end(), style.width.max(1)), place]
    };
    let room = style.width.saturating_sub(INDENT).max(1);
    if let Some(source) = &finding.source {
        let source = style.cut(&one_line(source), room);
        lines.push(format!("{}{}", " ".repeat(INDENT), style.dim(&source)));
    }
    lines.extend(indented(&sentence(&finding.message), style));
    let fix = same_fix.map_or_else(|| finding.fix.clone(), |first| format!("as in {first}."));
    lines.extend(indented(&format!("Fix: {fix}"), style));
    if let Some(saves) = saves(&finding.saves) {
        lines.extend(indented(&format!("Saves: {saves}"), style));
    }
    lines
}

fn details(report: &Report, finding: &Finding, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    if !finding.why.is_empty() {
        lines.extend(indented(&format!("Why: {}", finding.why), style));
    }
    for related in &finding.related {
        let place = tables::frame_place(report, &related.file, related.line, &related.function);
        lines.extend(indented(&format!("{}: {place}", related.role.replace('-', " ")), style));
    }
    if finding.processes.len() > 1 {
        let n = grouped(finding.processes.len() as u64);
        lines.extend(indented(&format!("Seen in {n} processes"), style));
    }
    for (name, value) in &finding.evidence {
        let text = format!("{}: {}", label(name), shown(name, value));
        lines.extend(indented(&text, style).into_iter().map(|line| style.dim(&line)));
    }
    lines
}

/// With a capital letter, unless code begins it, and a full stop.
fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", chars.as_str())
}

fn indented(text: &str, style: Style) -> Vec<String> {
    let text: String = one_line(text).chars().take(MAX_CHARS).collect();
    let text = style.plain(&text);
    let room = style.width.saturating_sub(INDENT);
    style.fill(&text, room).iter().map(|line| format!("{}{line}", " ".repeat(INDENT))).collect()
}

/// `763 MiB at the high-water mark, 763 MiB of copies, 1.2 s`.
fn saves(saves: &Saves) -> Option<String> {
    let bytes = |bytes: Option<u64>, what: &str| {
        bytes.filter(|&bytes| bytes > 0).map(|bytes| format!("{} {what}", Bytes(bytes)))
    };
    let parts: Vec<String> = [
        bytes(saves.high_water_bytes, "at the high-water mark"),
        bytes(saves.allocated_bytes, "of allocations"),
        bytes(saves.copied_bytes, "of copies"),
        saves.ns.filter(|&ns| ns > 0).map(|ns| Nanos(ns).to_string()),
    ]
    .into_iter()
    .flatten()
    .collect();
    if parts.is_empty() {
        let nothing = "nothing at the high-water mark, which other lines make";
        return saves.high_water_bytes.map(|_| nothing.to_owned());
    }
    Some(parts.join(", "))
}

/// `copied_bytes` → `copied`.
fn label(name: &str) -> String {
    let name = name.strip_suffix("_bytes").or_else(|| name.strip_suffix("_ns")).unwrap_or(name);
    name.trim_start_matches("n_").replace('_', " ")
}

fn shown(name: &str, value: &Value) -> String {
    match value {
        Value::Array(items) => {
            items.iter().map(|item| shown(name, item)).collect::<Vec<_>>().join("; ")
        }
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_u64() {
            Some(bytes) if name.ends_with("bytes") => Bytes(bytes).to_string(),
            Some(bytes) if name.ends_with("bytes_per_s") => format!("{}/s", Bytes(bytes)),
            Some(time) if name.ends_with("_ns") => Nanos(time).to_string(),
            Some(count) => grouped(count),
            None => number.to_string(),
        },
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::example;
    use crate::paint::columns;

    fn shown(report: &Report, width: usize) -> String {
        findings(report, Style { width, ..Style::default() })
    }

    #[test]
    fn findings_are_told_with_their_evidence() {
        assert_snapshot!(shown(&example::report(), 80), @r"
        Findings: 1 warning, 1 in code of others

        1. redundant-copy  fit.py:41 Model.fit
           gram = x.T.copy() @ x
           `ndarray.copy` copied 763 MiB of float64 (381, 131072) in 2 copies, and
           neither the original nor the copy changed while both were alive.
           Fix: Use `x.T` itself instead of `x.T.copy()`.
           Saves: 381 MiB at the high-water mark, 763 MiB of allocations, 763 MiB of
           copies
           Why: The copy takes memory and time and holds the same values as the
           original.
           allocated here: fit.py:12 load
           copied: 763 MiB
           operands: in: float64 (381, 131072), inner stride 8 B
           operation: ndarray.copy
           result: float64 (381, 131072)
           time: 400 ms
           written: no write to either side was seen

        2. redundant-copy  …st-packages/scipy/ndimage/_filters.py:1204 gaussian_filter1d
           output = _ni_support._get_output(output, input)
           `ndarray.copy` copied 32.0 MiB of float64 (16, 131072) in 2 copies, and
           neither the original nor the copy changed while both were alive.
           Fix: Leave the copy out and use the original; `np.asarray` and `astype(dtype,
           copy=False)` copy only when they must.
           Saves: 16.0 MiB at the high-water mark, 32.0 MiB of allocations, 32.0 MiB of
           copies
           Why: The copy takes memory and time and holds the same values as the
           original.
           allocated here: fit.py:12 load
           copied: 32.0 MiB
           operands: in: float64 (16, 131072), inner stride 8 B
           operation: ndarray.copy
           result: float64 (16, 131072)
           time: 400 ms
           written: no write to either side was seen
        ");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [20, 40, 80] {
            for colour in [false, true] {
                let text = findings(&example::report(), Style { width, colour, ascii: true });
                assert!(text.lines().all(|line| columns(line) <= width), "{width}\n{text}");
                assert!(text.is_ascii());
            }
        }
    }

    #[test]
    fn a_run_without_findings_is_told_so() {
        let mut report = example::report();
        report.findings.clear();
        assert_eq!(shown(&report, 80), "No findings: nothing that npprof knows how to improve.\n");
        report.totals.n_operations = Some(0);
        assert_eq!(shown(&report, 80), "No findings: operations were not watched.\n");
    }

    #[test]
    fn a_summary_tells_a_remedy_once() {
        let mut report = example::report();
        let first = report.findings[0].clone();
        report.findings = vec![first.clone(), first.clone(), first];
        report.findings[1].fix = "Another.".to_owned();
        let lines = top(&report, Style { width: 80, ..Style::default() }, 5, None);
        let fixes: Vec<&str> =
            lines.iter().map(|line| line.trim()).filter(|line| line.starts_with("Fix:")).collect();
        let told = "Fix: Use `x.T` itself instead of `x.T.copy()`.";
        assert_eq!(fixes, [told, "Fix: Another.", "Fix: as in 1."]);
    }

    #[test]
    fn errors_are_counted_apart() {
        let mut report = example::report();
        report.findings[0].severity = "error".to_owned();
        let style = Style::default();
        assert_eq!(heading(&report, style), ["Findings: 1 error, 1 in code of others"]);
        report.findings.truncate(1);
        assert_eq!(top(&report, style, 5, None).len(), 8);
        assert_eq!(top(&report, style, 0, None), [""; 0]);
    }

    #[test]
    fn what_a_terminal_would_obey_does_not_reach_it() {
        let mut report = example::report();
        for finding in &mut report.findings {
            finding.kind = "\x1b[2J".to_owned();
            finding.message = "\x1b]0;owned\x07".to_owned();
            finding.fix = "\x1b[31m".to_owned();
            finding.source = Some("x = '\x1b[31m'".to_owned());
            finding.site.file = "/w/app/\x1b[2J.py".to_owned();
            finding.evidence.insert("\x1b[1m".to_owned(), "\x1b[2m".into());
        }
        assert!(!shown(&report, 80).contains('\x1b'));
    }
}
