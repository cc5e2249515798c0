//! The shim in valgrind's memcheck: it reads and writes nothing that is not there, and decides by nothing
//! that was never written. Interpreter and NumPy may do as they like.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use npprof_tests::{
    count::{Counted, Until, assert_exact},
    matrix::{Pair, on_each, one_pair},
    program::{LIMIT, Program, code_of, folder, npprof_run, output_within, prepare},
    report::Report,
};

/// Between a program and its limit lies valgrind, and a busy machine.
const PATIENCE: u32 = 4;

/// Runs the program; says what memcheck has found in which the shim takes part.
fn errors(pair: &Pair, program: &str, place: &Path) -> Vec<String> {
    let mut words = program.split_whitespace();
    let path = Program::new(program).path();
    let mut command = npprof_run(&place.join("report.json"));
    command.args(["--", "valgrind", "--num-callers=40"]);
    command.arg(format!("--log-file={}", place.join("memcheck.%p").display()));
    command.arg(&pair.python).arg(path).args(words.by_ref().skip(1));
    prepare(&mut command, place);
    // Python's own allocator hides blocks from valgrind.
    command.envs([("PYTHONMALLOC", "malloc"), ("OPENBLAS_NUM_THREADS", "1")]);
    let output = output_within(command, LIMIT * PATIENCE);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(code_of(&output), 0, "{program}: {said}");
    let mut found = Vec::new();
    let mut n_logs = 0;
    for entry in fs::read_dir(place).expect("the folder can be read") {
        let path = entry.expect("an entry").path();
        let is_log = path.file_stem().is_some_and(|stem| stem == "memcheck");
        let text = fs::read(&path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let Some(text) = text.ok().filter(|_| is_log) else { continue };
        assert!(text.contains("ERROR SUMMARY"), "{program}: valgrind went to its end: {text}");
        n_logs += 1;
        found.extend(about_the_shim(&text));
    }
    assert!(n_logs > 0, "{program}: a log");
    found
}

/// Paragraphs of a log, each an error with its stacks, in which the shim occurs.
fn about_the_shim(log: &str) -> Vec<String> {
    let lines = log.lines().map(|line| line.rsplit_once("== ").map_or("", |(_, text)| text));
    let lines: Vec<&str> = lines.collect();
    lines
        .split(|line| line.is_empty())
        .map(|paragraph| paragraph.join("\n"))
        .filter(|paragraph| paragraph.contains("npprof_shim"))
        .collect()
}

#[test]
fn memcheck_finds_nothing_in_the_shim() {
    let asked = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    if !asked.is_ok_and(|status| status.success()) {
        eprintln!("missing: valgrind, so the shim is not run in it");
        return;
    }
    for program in ["operations.py", "fork.py", "interplay.py finalizers", "threads.py"] {
        on_each(&one_pair(), |pair| {
            let place = folder();
            let found = errors(pair, program, place.path());
            assert!(found.is_empty(), "{program}: {}", found.join("\n\n"));
            // It was there, and saw everything.
            let report = Report::load(&place.path().join("report.json"));
            let counted = Counted::load_all(place.path());
            let path = Program::new(program).path();
            for one in counted.iter().filter(|_| program != "operations.py") {
                assert_exact(&report, &path, one, Until::TheCount);
            }
        });
    }
}

#[test]
fn an_error_in_the_shim_is_told_from_others() {
    let log = "==1== Invalid read of size 8\n==1==    at 0x1: f (in /x/libnpprof_shim.so)\n\
               ==1==    by 0x2: g (in /x/python)\n==1== \n==1== Invalid read of size 4\n\
               ==1==    at 0x2: g (in /x/python)\n==1== \n==1== ERROR SUMMARY: 2 errors\n";
    let found = about_the_shim(log);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("Invalid read of size 8"), "{found:?}");
}
