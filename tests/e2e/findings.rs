//! Each kind of finding is found at its line, and nowhere else.

use std::collections::BTreeSet;

use serde_json::Value;

use npprof_tests::matrix::{every_pair, on_each, one_pair};
use npprof_tests::program::{Program, Run};
use npprof_tests::report::{lines_with_mark, number, text};

const KINDS: [&str; 15] = [
    "redundant-copy",
    "layout-copy",
    "boundary-copy",
    "fancy-index-copy",
    "broadcast-blowup",
    "strided-access",
    "python-loop",
    "implicit-upcast",
    "object-dtype",
    "list-conversion",
    "temporary-chain",
    "quadratic-append",
    "over-allocation",
    "view-pins-base",
    "memory-growth",
];

/// Kinds and lines of the findings that are more than a hint.
fn found(run: &Run) -> BTreeSet<(String, u64)> {
    assert_eq!(run.code(), 0, "{}", run.stderr());
    let report = run.report();
    let place =
        |finding: &Value| (text(finding, "kind").to_owned(), number(&finding["site"], "line"));
    let findings = report.findings();
    findings.iter().filter(|finding| text(finding, "severity") != "info").map(place).collect()
}

fn expected(program: &Program) -> BTreeSet<(String, u64)> {
    let path = program.path();
    let at = |kind: &str| {
        lines_with_mark(&path, kind)
            .into_iter()
            .map(|line| (kind.to_owned(), line))
            .collect::<Vec<_>>()
    };
    let text = std::fs::read_to_string(&path).expect("the program is there");
    let is_marked = |kind: &&&str| text.contains(&format!("# @{kind}"));
    KINDS.iter().filter(is_marked).flat_map(|kind| at(kind)).collect()
}

fn check_all_and_no_others(program: &str) {
    on_each(every_pair(), |pair| {
        let program = Program::new(program);
        let run = program.profiled(pair);
        let (found, expected) = (found(&run), expected(&program));
        let missing: Vec<_> = expected.difference(&found).collect();
        let extra: Vec<_> = found.difference(&expected).collect();
        assert!(
            missing.is_empty() && extra.is_empty(),
            "missing {missing:?}, unexpected {extra:?}"
        );
    });
}

#[test]
fn each_kind_is_found_at_its_line_and_nowhere_else() {
    check_all_and_no_others("findings.py");
}

#[test]
fn kinds_are_found_in_roundabout_ways() {
    check_all_and_no_others("ways.py");
}

#[test]
fn findings_can_be_chosen() {
    on_each(&one_pair(), |pair| {
        let program = Program::new("findings.py").with_npprof_args("--only python-loop");
        let kinds: BTreeSet<_> =
            found(&program.profiled(pair)).into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, BTreeSet::from(["python-loop".to_owned()]));
        let program =
            Program::new("findings.py").with_npprof_args("--ignore python-loop,redundant-copy");
        let kinds: BTreeSet<_> =
            found(&program.profiled(pair)).into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds.len(), KINDS.len() - 2);
    });
}

#[test]
fn the_summary_begins_with_the_findings() {
    on_each(&one_pair(), |pair| {
        let run = Program::new("findings.py").profiled(pair);
        let summary = run.stderr();
        let findings = summary.find("Findings: 15 warnings").expect("the findings' heading");
        let peak = summary.find("High-water mark").expect("the high-water mark");
        assert!(findings < peak, "{summary}");
        assert!(summary.contains("10 more"), "{summary}");
    });
}
