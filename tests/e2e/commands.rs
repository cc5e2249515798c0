//! The other commands, and where a report goes.

use npprof_tests::{
    matrix::{each_python, on_each, one_pair},
    program::{Program, code_of, folder, npprof},
    report::Report,
};

fn stdout(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_report_prints_the_summary_of_its_run_again() {
    let run = Program::new("elision.py").profiled(&one_pair()[0]);
    let printed = npprof(&["report", "report.json"], run.folder.path());
    assert_eq!(code_of(&printed), 0, "{}", stderr(&printed));
    let printed = stdout(&printed);
    for text in [run.stderr(), printed] {
        assert!(text.contains("elision.py:"), "{text}");
        assert!(text.contains("float64"), "{text}");
        assert!(text.lines().count() <= 25, "{text}");
    }
}

#[test]
fn a_report_can_be_sorted_and_grouped() {
    let run = Program::new("threads.py").profiled(&one_pair()[0]);
    for by in ["line", "function", "dtype", "thread", "process"] {
        let printed = npprof(&["report", "report.json", "--by", by, "-n", "3"], run.folder.path());
        assert_eq!(code_of(&printed), 0, "{}", stderr(&printed));
        assert!(!stdout(&printed).is_empty(), "--by {by}");
    }
    let json = npprof(&["report", "report.json", "--json"], run.folder.path());
    assert_eq!(code_of(&json), 0, "{}", stderr(&json));
    Report::parse(&json.stdout);
}

#[test]
fn a_report_has_a_name_of_its_own_if_none_is_given() {
    let folder = folder();
    let python = one_pair()[0].python.display().to_string();
    let script = Program::new("hello.py").path().display().to_string();
    let output = npprof(&["run", "--no-tui", "--", &python, &script], folder.path());
    assert_eq!(code_of(&output), 0, "{}", stderr(&output));
    let names: Vec<String> = folder
        .path()
        .read_dir()
        .expect("reads")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let [name] = &names[..] else { panic!("one file: {names:?}") };
    assert!(name.starts_with("npprof-hello.") && name.ends_with(".json"), "{name}");
    assert!(stderr(&output).contains(name.as_str()), "the summary names it: {}", stderr(&output));
}

#[test]
fn a_report_can_go_to_standard_output() {
    let folder = folder();
    let python = one_pair()[0].python.display().to_string();
    let output =
        npprof(&["run", "--no-tui", "-o", "-", "--", &python, "-c", "pass"], folder.path());
    assert_eq!(code_of(&output), 0, "{}", stderr(&output));
    Report::parse(&output.stdout);
}

#[test]
fn a_report_names_versions_and_hooks() {
    on_each(&each_python(), |pair| {
        let run = Program::new("elision.py").profiled(pair);
        let report = run.report();
        let process = report.process(run.counted_once().pid);
        assert_eq!(process["python"], pair.python_version);
        assert_eq!(process["numpy"], pair.numpy_version);
        assert_eq!(process["hooks"]["allocator"], "on");
        assert_eq!(process["hooks"]["layout"], "on");
        assert_eq!(report.0["schema"], "npprof-report/1");
    });
}

#[test]
fn doctor_says_what_it_found() {
    on_each(&each_python(), |pair| {
        let folder = folder();
        let python = pair.python.display().to_string();
        let output = npprof(&["doctor", "--", &python], folder.path());
        assert_eq!(code_of(&output), 0, "{}", stderr(&output));
        let said = stdout(&output);
        assert!(said.contains(&pair.python_version), "{said}");
        assert!(said.contains(&pair.numpy_version), "{said}");
    });
}

#[test]
fn every_command_has_help() {
    let folder = folder();
    for command in
        [&["--help"][..], &["run", "--help"], &["report", "--help"], &["doctor", "--help"]]
    {
        let output = npprof(command, folder.path());
        assert_eq!(code_of(&output), 0, "{}", stderr(&output));
        assert!(stdout(&output).contains("Usage:"), "{}", stdout(&output));
    }
}
