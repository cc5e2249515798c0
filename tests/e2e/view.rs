//! `npprof view` where there is nothing that it can show, and the list of runs.

use std::fs;

use npprof_tests::{
    matrix::one_pair,
    program::{Program, code_of, folder, npprof},
};

fn check(content: &[u8], expected: &str) {
    let folder = folder();
    fs::write(folder.path().join("x.json"), content).expect("a file can be written");
    let output = npprof(&["view", "x.json"], folder.path());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(code_of(&output), 2, "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains(expected), "{said}");
    assert!(output.stdout.is_empty());
}

#[test]
fn what_is_no_report_is_said_in_a_line() {
    let whole = r#"{"schema":"npprof-report/1","npprof":{"version":"1"},"command":["a"]}"#;
    check(b"", "is empty");
    check(b"\x00\x01\x02", "is not JSON");
    check(b"\xff\xfe{\x00}", "is not JSON");
    check(b"{\"schema\":\"npprof-report/1\",\"cwd\":\"\xff\"}", "and is not");
    check(&whole.as_bytes()[..whole.len() - 9], "ends too early");
    check(whole.as_bytes(), "and is not");
    check(b"[1, 2, 3]", "no npprof report");
    check(br#"{"a":1}"#, "no npprof report");
    check(br#"{"schema":"npprof-report/99"}"#, "use the npprof that wrote it");
}

#[test]
fn a_missing_report_and_a_missing_run_are_said_in_a_line() {
    let folder = folder();
    for (what, expected) in [
        ("missing.json", "there is no file"),
        (".", "is a folder"),
        ("4194305", "watches a process 4194305"),
    ] {
        let output = npprof(&["view", what], folder.path());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(code_of(&output), 2, "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_report_needs_a_terminal_to_be_viewed() {
    let run = Program::new("hello.py").profiled(&one_pair()[0]);
    let output = npprof(&["view", "report.json"], run.folder.path());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(code_of(&output), 2, "{said}");
    assert!(said.contains("needs a terminal"), "{said}");
}

#[test]
fn the_list_of_runs_is_a_table() {
    let folder = folder();
    let output = npprof(&["view", "--list"], folder.path());
    assert_eq!(code_of(&output), 0);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("NPPROF") || said.contains("no npprof of yours"), "{said}");
}
