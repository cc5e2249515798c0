//! A slow collector makes the program wait; it never makes a figure wrong.

use npprof_tests::{
    count::{Until, assert_exact},
    matrix::{each_python, on_each, one_pair},
    program::Program,
    report::{number, sum},
};

/// Four threads with `n` allocations each, and a collector that sleeps between two drains.
fn check(pairs: &[npprof_tests::matrix::Pair], n: u64, reader_delay_us: &str) {
    on_each(pairs, |pair| {
        let program = Program::new(&format!("storm.py {n}"))
            .with_env("NPPROF_TEST_READER_DELAY_US", reader_delay_us);
        let run = program.profiled(pair);
        assert_eq!(run.code(), 0, "{}", run.stderr());
        let report = run.report();
        assert_exact(&report, &program.path(), &run.counted_once(), Until::TheEnd);
        assert_eq!(number(&report.0["totals"], "n_dropped"), 0);
        let storm = report.sites_with_mark(&program.path(), "storm");
        assert_eq!(sum(&storm, "n_allocations"), 4 * n);
        assert_eq!(sum(&storm, "n_frees"), 4 * n);
        assert_eq!(sum(&storm, "allocated_bytes"), 4 * n * 80);
        assert_eq!(sum(&storm, "live_bytes"), 0);
    });
}

#[test]
fn four_threads_of_small_allocations_lose_nothing() {
    check(&each_python(), 100_000, "0");
}

#[test]
fn a_slow_reader_loses_nothing() {
    check(&one_pair(), 250_000, "20000");
}

#[test]
fn a_lossy_run_waits_for_nobody_and_says_what_it_lost() {
    on_each(&one_pair(), |pair| {
        let program = Program::new("storm.py 250000")
            .with_npprof_args("--lossy")
            .with_env("NPPROF_TEST_READER_DELAY_US", "200000");
        let run = program.profiled(pair);
        assert_eq!(run.code(), 0, "{}", run.stderr());
        let report = run.report();
        let n_dropped = number(&report.0["totals"], "n_dropped");
        assert!(n_dropped > 0);
        assert_eq!(report.0["complete"], false);
        assert!(run.stderr().contains(&format!("Incomplete: {n_dropped} events were lost")));
    });
}
