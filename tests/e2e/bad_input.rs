//! What goes wrong before or beside the program: one clear line, the right exit status.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use npprof_tests::{
    built::program_path,
    matrix::{Pair, one_pair, too_old},
    program::{Program, code_of, folder, npprof},
};

fn pair() -> Pair {
    one_pair().remove(0)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// `npprof` with these arguments ends with `code` and says one line in which all of `words` occur.
fn check(folder: &Path, args: &[&str], code: i32, words: &[&str]) {
    let output = npprof(args, folder);
    let said = said(&output);
    assert_eq!(code_of(&output), code, "{said}");
    for word in words {
        assert!(said.contains(word), "{said:?} says {word:?}");
    }
    assert_eq!(said.trim_end().lines().count(), 1, "one line: {said:?}");
}

#[test]
fn an_unknown_command_is_127() {
    let folder = folder();
    check(folder.path(), &["run", "no-such-command-here"], 127, &["no-such-command-here"]);
}

#[test]
fn a_file_that_is_not_executable_is_126() {
    let folder = folder();
    let file = folder.path().join("plain");
    fs::write(&file, "#!/bin/sh\n").expect("writes");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("sets its mode");
    check(folder.path(), &["run", "./plain"], 126, &["plain"]);
}

#[test]
fn a_script_that_does_not_exist_is_said_by_python_or_npprof() {
    let folder = folder();
    let python = pair().python.display().to_string();
    let output = npprof(&["run", "--no-tui", &python, "missing.py"], folder.path());
    assert_eq!(code_of(&output), 2, "{}", said(&output));
    assert!(said(&output).contains("missing.py"), "{}", said(&output));
    check(folder.path(), &["run", "--no-tui", "missing.py"], 127, &["missing.py"]);
}

#[test]
fn a_report_that_cannot_be_written_is_found_before_the_program_starts() {
    let folder = folder();
    let args =
        ["run", "--no-tui", "-o", "no-such-folder/report.json", "--", "touch", "the-program-ran"];
    check(folder.path(), &args, 125, &["no-such-folder"]);
    assert!(!folder.path().join("the-program-ran").exists());
}

#[test]
fn a_folder_is_no_place_for_a_report() {
    let folder = folder();
    fs::create_dir(folder.path().join("taken")).expect("makes a folder");
    let args = ["run", "--no-tui", "-f", "-o", "taken", "--", "touch", "the-program-ran"];
    check(folder.path(), &args, 125, &["taken"]);
    assert!(!folder.path().join("the-program-ran").exists());
}

#[test]
fn an_existing_report_is_kept_without_force() {
    let folder = folder();
    let report = folder.path().join("kept.json");
    fs::write(&report, "precious").expect("writes");
    let args = ["run", "--no-tui", "-o", "kept.json", "--", "touch", "the-program-ran"];
    check(folder.path(), &args, 125, &["kept.json", "-f"]);
    assert!(!folder.path().join("the-program-ran").exists());
    assert_eq!(fs::read_to_string(&report).expect("reads"), "precious");
}

#[test]
fn an_option_that_does_not_exist_is_npprofs_own_failure() {
    let folder = folder();
    let output = npprof(&["run", "--no-such-option", "true"], folder.path());
    assert_eq!(code_of(&output), 125, "{}", said(&output));
}

#[test]
fn a_program_without_numpy_runs_and_the_summary_says_so() {
    let run = Program::new("hello.py").profiled(&pair());
    assert_eq!(run.code(), 0, "{}", run.stderr());
    assert_eq!(run.stdout(), "hello\n");
    assert!(run.stderr().contains("NumPy"), "{}", run.stderr());
    let report = run.report();
    assert_eq!(report.0["totals"]["n_allocations"], 0);
    assert_eq!(report.0["exit"]["code"], 0);
    for process in report.processes() {
        assert!(process["numpy"].is_null(), "{process}");
    }
}

#[test]
fn a_program_that_is_no_python_runs() {
    let folder = folder();
    let output = npprof(
        &["run", "--no-tui", "-f", "-o", "r.json", "sh", "-c", "echo hi; exit 9"],
        folder.path(),
    );
    assert_eq!(code_of(&output), 9, "{}", said(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hi\n");
    assert!(folder.path().join("r.json").is_file());
}

#[test]
fn a_numpy_that_is_too_old_is_left_alone() {
    let pair = too_old();
    let program = Program::new("talk.py code");
    let (bare, run) = (program.bare(&pair), program.profiled(&pair));
    assert_eq!(run.code(), 42, "{}", run.stderr());
    assert_eq!(run.stdout(), bare.stdout());
    assert!(run.stderr().contains(&pair.numpy_version), "{}", run.stderr());
    assert!(run.stderr().contains("1.22"), "{}", run.stderr());
    let report = run.report();
    assert_eq!(report.0["totals"]["n_allocations"], 0);
    // NumPy's old releases start a command of the system, which is another process.
    let process = &report.processes()[0];
    assert_eq!(process["numpy"], pair.numpy_version);
    let hook = process["hooks"]["allocator"].as_str().unwrap_or_default();
    assert!(hook.starts_with("off: "), "{process}");
}

#[test]
fn a_static_executable_runs_and_npprof_says_why_it_sees_nothing() {
    let folder = folder();
    fs::write(folder.path().join("hi.c"), "int main(void) { return 5; }\n").expect("writes");
    let compiled = Command::new("cc")
        .current_dir(folder.path())
        .args(["-static", "-o", "hi", "hi.c"])
        .status()
        .expect("a C compiler runs");
    assert!(compiled.success());
    let output = npprof(&["run", "--no-tui", "-f", "-o", "r.json", "./hi"], folder.path());
    assert_eq!(code_of(&output), 5, "{}", said(&output));
    assert!(said(&output).contains("statically linked"), "{}", said(&output));
}

#[test]
fn a_file_that_is_no_report_is_refused() {
    let folder = folder();
    let write = |name: &str, bytes: &[u8]| {
        fs::write(folder.path().join(name), bytes).expect("writes");
    };
    write("empty.json", b"");
    write("binary.json", &[0, 159, 146, 150, 255, 0, 1]);
    write("foreign.json", br#"{"name": "left-pad", "version": "1.0.0"}"#);
    write("list.json", b"[1, 2, 3]");
    write("newer.json", br#"{"schema": "npprof-report/99"}"#);
    write("wrong.json", br#"{"schema": "npprof-report/1", "totals": 7, "processes": {}}"#);
    for name in
        ["empty.json", "binary.json", "foreign.json", "list.json", "newer.json", "wrong.json"]
    {
        check(folder.path(), &["report", name], 1, &[name]);
    }
    check(folder.path(), &["report", "absent.json"], 1, &["absent.json"]);
}

#[test]
fn a_report_that_was_cut_off_is_refused() {
    let run = Program::new("layouts.py").profiled(&pair());
    let whole = fs::read(&run.report_path).expect("the report is there");
    for part in [1, whole.len() / 3, whole.len() - 3] {
        fs::write(run.folder.path().join("cut.json"), &whole[..part]).expect("writes");
        check(run.folder.path(), &["report", "cut.json"], 1, &["cut.json"]);
    }
}

#[test]
fn a_script_alone_is_run_with_python3() {
    let folder = folder();
    let script = program_path("hello.py").display().to_string();
    let output = npprof(&["run", "--no-tui", "-f", "-o", "r.json", &script], folder.path());
    assert_eq!(code_of(&output), 0, "{}", said(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hello\n");
}
