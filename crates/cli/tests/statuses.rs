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

/// A report with two findings.
const REPORT: &str = r#"{"schema": "npprof-report/1", "npprof": {"version": "0.1.0"},
    "command": ["python"], "cwd": "/w", "host": "box", "elapsed_ns": 1, "exit": {"code": 0},
    "complete": true, "totals": {"n_allocations": 1, "n_frees": 1, "allocated_bytes": 8,
    "freed_bytes": 8, "live_bytes": 0, "high_water_bytes": 8, "high_water_at_ns": 1,
    "temporary_bytes": 0, "n_temporaries": 0, "n_dropped": 0, "rss_high_water_bytes": 0},
    "processes": [], "stacks": [], "sites": [], "operations": [],
    "findings": [{"kind": "redundant-copy", "message": "copied"},
                 {"kind": "python-loop", "message": "looped"}]}"#;

#[test]
fn unknown_kinds_are_told_with_the_nearest_name() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("r.json"), REPORT).unwrap();
    for arguments in [
        vec!["rules", "redundent-copy"],
        vec!["report", "r.json", "--only", "python-loop,redundent-copy"],
        vec!["report", "r.json", "--ignore", "redundent-copy"],
        vec!["run", "--only=redundent-copy", "true"],
    ] {
        let (status, told) = npprof(at, &arguments);
        let start = "npprof: unknown kind of finding \"redundent-copy\"; did you mean \
                     redundant-copy? allowed: redundant-copy, layout-copy, ";
        assert!(told.starts_with(start) && told.lines().count() == 1, "{told}");
        assert_eq!(status, Some(2), "{arguments:?}");
    }
    check(
        at,
        &["run", "--threshold", "larg=3", "true"],
        2,
        &format!(
            "unknown threshold \"larg\"; did you mean large? allowed: min-array, large{}",
            kinds()
        ),
    );
}

/// The kinds as `npprof rules` lists them, each after a comma.
fn kinds() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_npprof")).arg("rules").output();
    let output = output.expect("npprof runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines = text.lines().take_while(|line| !line.is_empty());
    lines.map(|line| format!(", {}", line.split_whitespace().next().unwrap_or_default())).collect()
}

#[test]
fn wrong_settings_are_told_with_their_line() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::create_dir(at.join("deep")).unwrap();
    fs::write(at.join("r.json"), REPORT).unwrap();
    fs::write(at.join("npprof.toml"), "[findings]\nskip = []\n").unwrap();
    let wrong = "npprof.toml:2: unknown key \"skip\"; allowed: only, ignore";
    check(at, &["run", "true"], 2, wrong);
    check(at, &["report", "r.json"], 2, wrong);
    let (status, told) = npprof(&at.join("deep"), &["run", "true"]);
    assert_eq!(status, Some(2));
    assert!(
        told.ends_with("/npprof.toml:2: unknown key \"skip\"; allowed: only, ignore\n"),
        "{told}"
    );
    check(at, &["run", "--config", "no.toml", "true"], 2, "no.toml: there is no such file");
    fs::write(at.join("other.toml"), "").unwrap();
    assert_eq!(npprof(at, &["report", "r.json", "--config", "other.toml"]).0, Some(0));
}

#[test]
fn a_report_shows_the_findings_that_are_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("r.json"), REPORT).unwrap();
    let shown = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_npprof"))
            .args(["report", "r.json", "--findings"])
            .args(arguments)
            .current_dir(at)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        (text.contains("redundant-copy"), text.contains("python-loop"))
    };
    assert_eq!(shown(&[]), (true, true));
    assert_eq!(shown(&["--only", "python-loop"]), (false, true));
    fs::write(at.join("npprof.toml"), "[findings]\nignore = [\"python-loop\"]\n").unwrap();
    assert_eq!(shown(&[]), (true, false));
}
