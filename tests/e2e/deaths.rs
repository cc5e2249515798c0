//! However a process ends, the report is there and holds everything up to the last allocation.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::Stdio,
};

use npprof_tests::{
    matrix::{Pair, each_python, on_each, one_pair},
    program::{Program, folder, npprof_run, prepare},
    report::{number, sum},
};
use serde_json::{Value, json};

/// The program dies in the given way; the report says so and misses nothing.
fn check(pairs: &[Pair], how: &str, code: i32, exit: &Value) {
    on_each(pairs, |pair| {
        let program = Program::new(&format!("die.py {how}"));
        let bare = program.bare(pair);
        let run = program.profiled(pair);
        assert_eq!(bare.code(), code, "bare; {}", bare.stderr());
        assert_eq!(run.code(), code, "{}", run.stderr());
        let report = run.report();
        assert_eq!(report.0["complete"], true, "{}", report.0["incomplete_because"]);
        assert_eq!(&report.0["exit"], exit);
        let pid = run.counted_once().pid;
        assert_eq!(&report.process(pid)["exit"], exit);
        let bytes: u64 = (1..=1000_u64).map(|n| 8 * n).sum();
        let at =
            |mark: &str, field: &str| sum(&report.sites_with_mark(&program.path(), mark), field);
        assert_eq!(at("kept", "n_allocations"), 1000);
        assert_eq!(at("kept", "allocated_bytes"), bytes);
        assert_eq!(at("passing", "n_allocations"), 1000);
        assert_eq!(at("passing", "n_frees"), 1000);
        assert_eq!(at("last", "n_allocations"), 1);
        assert_eq!(at("last", "allocated_bytes"), 984);
        let is_sudden = !["raise", "sys.exit", "memory", "interrupt"].contains(&how);
        if is_sudden {
            assert_eq!(at("kept", "live_bytes"), bytes);
            assert_eq!(at("last", "live_bytes"), 984);
        }
        if how == "thread" {
            assert_eq!(at("doomed", "n_allocations"), 1);
            assert!(run.stderr().contains("RuntimeError: 50"), "{}", run.stderr());
        }
        assert!(number(&report.process(pid)["totals"], "high_water_bytes") >= bytes + 984);
    });
}

#[test]
fn a_killed_process_loses_nothing() {
    check(&each_python(), "kill", 137, &json!({"signal": 9, "name": "SIGKILL"}));
}

#[test]
fn a_terminated_process_loses_nothing() {
    check(&one_pair(), "terminate", 143, &json!({"signal": 15, "name": "SIGTERM"}));
}

#[test]
fn a_segmentation_fault_loses_nothing() {
    check(&each_python(), "segfault", 139, &json!({"signal": 11, "name": "SIGSEGV"}));
}

#[test]
fn an_abort_loses_nothing() {
    check(&each_python(), "abort", 134, &json!({"signal": 6, "name": "SIGABRT"}));
}

#[test]
fn a_sudden_exit_loses_nothing() {
    check(&each_python(), "exit", 5, &json!({"code": 5}));
}

#[test]
fn an_uncaught_exception_is_exit_code_1() {
    check(&each_python(), "raise", 1, &json!({"code": 1}));
}

#[test]
fn an_exit_code_of_the_program_is_kept() {
    check(&each_python(), "sys.exit", 7, &json!({"code": 7}));
}

#[test]
fn an_array_that_does_not_fit_is_the_programs_own_error() {
    check(&each_python(), "memory", 1, &json!({"code": 1}));
}

#[test]
fn a_keyboard_interrupt_ends_as_without_npprof() {
    check(&one_pair(), "interrupt", 130, &json!({"signal": 2, "name": "SIGINT"}));
}

#[test]
fn an_exception_in_a_thread_loses_nothing() {
    check(&each_python(), "thread", 0, &json!({"code": 0}));
}

#[test]
fn a_program_outlives_npprof() {
    on_each(&each_python(), |pair| {
        let folder = folder();
        let mut command = npprof_run(&folder.path().join("report.json"));
        command.arg("--").arg(&pair.python).arg(Program::new("outlive.py").path());
        prepare(&mut command, folder.path());
        let mut npprof = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("npprof starts");
        let mut to_program = npprof.stdin.take().expect("a pipe");
        let mut from_program = BufReader::new(npprof.stdout.take().expect("a pipe"));
        let mut line = String::new();
        from_program.read_line(&mut line).expect("the program speaks");
        assert_eq!(line, "ready\n");
        npprof.kill().expect("npprof can be killed");
        npprof.wait().expect("npprof ends");
        to_program.write_all(b"go on\n").expect("the program listens");
        // The pipe ends with the program.
        let mut rest = String::new();
        from_program.read_to_string(&mut rest).expect("the program speaks");
        assert_eq!(rest, "total 900000\n");
    });
}
