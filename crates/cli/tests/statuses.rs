//! The binary's exit statuses and lines where no program gets to run.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs npprof in `folder` with these arguments: its status, and what it says in one line.
fn npprof(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_npprof"))
        .args(arguments)
        .current_dir(folder)
        .env("NPPROF_SHIM", "/no/such/shim.so")
        .stdin(Stdio::null())
        .output()
        .expect("npprof was built for this test");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn check(folder: &Path, arguments: &[&str], status: i32, line: &str) {
    let expected = (Some(status), format!("npprof: {line}\n"));
    assert_eq!(npprof(folder, arguments), expected, "{arguments:?}");
}

#[test]
fn what_cannot_be_run_has_a_status_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("data"), "x").unwrap();
    fs::write(at.join("old.json"), "old").unwrap();
    check(at, &["run", "no-such-command"], 127, "command not found: no-such-command");
    check(at, &["run", "app.py"], 127, "no such script: app.py");
    check(at, &["run", "./data"], 126, "./data is not executable; try: chmod +x ./data");
    let shim = "libnpprof_shim.so is missing; looked for /no/such/shim.so; set NPPROF_SHIM to its \
                path, or build it: cargo build --release";
    check(at, &["run", "true"], 125, shim);
    let (status, told) = npprof(at, &["run", "-o", "no/r.json", "true"]);
    assert_eq!(status, Some(125), "{told}");
    let (status, told) = npprof(at, &["run", "-o", "old.json", "true"]);
    assert_eq!(status, Some(125), "{told}");
    assert!(told.contains("add -f to replace it"), "{told}");
    assert_eq!(fs::read(at.join("old.json")).unwrap(), b"old");
}

#[test]
fn a_wrong_command_line_is_125_for_run_and_2_for_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let status = |arguments: &[&str]| npprof(folder.path(), arguments).0;
    assert_eq!(status(&["run"]), Some(125));
    assert_eq!(status(&["run", "--no-such-option", "true"]), Some(125));
    assert_eq!(status(&["report"]), Some(2));
    assert_eq!(status(&["no-such-command"]), Some(2));
    assert_eq!(status(&["run", "--help"]), Some(0));
    assert_eq!(status(&["--version"]), Some(0));
    check(folder.path(), &["true"], 2, "to profile a program, say: npprof run true");
}

#[test]
fn what_is_no_report_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [
        ("empty", ""),
        ("foreign.json", "{\"a\": 1}"),
        ("cut.json", "{\"schema\": \"npprof-report/1\","),
        ("text", "not a report"),
    ] {
        fs::write(folder.path().join(name), content).unwrap();
        let (status, told) = npprof(folder.path(), &["report", name]);
        assert_eq!(status, Some(1), "{told}");
        assert!(told.starts_with("npprof: ") && told.lines().count() == 1, "{told}");
        assert!(told.contains(name), "{told}");
    }
    let (status, told) = npprof(folder.path(), &["report", "missing.json"]);
    assert_eq!((status, told.lines().count()), (Some(1), 1), "{told}");
}

#[test]
fn a_doctor_without_a_shim_says_so() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(npprof(folder.path(), &["doctor", "sh"]).0, Some(1));
}
