//! Unusual process trees: each process is exact, however it came to be and whoever outlives whom.

use npprof_tests::{
    count::{Counted, Until, assert_complete, assert_exact},
    matrix::{Pair, on_each, one_pair, some_pythons},
    program::{Program, Run},
    report::{number, sum},
    same::assert_sound,
};
use serde_json::json;

/// Runs the program in this way, and compares each process that counted. Gives the main process last.
fn check(pairs: &[Pair], how: &str, n_children: usize, fact: impl Fn(&Run, &Counted)) {
    on_each(pairs, |pair| {
        let program = Program::new(&format!("family.py {how}"));
        let run = program.profiled(pair);
        assert_eq!(run.code(), 0, "{}", run.stderr());
        let report = run.report();
        assert_sound(&report);
        let counted = run.counted();
        assert_eq!(counted.len(), n_children + 1, "processes that counted");
        for one in &counted {
            assert_exact(&report, &program.path(), one, Until::TheCount);
        }
        let main = counted.iter().find(|one| one.facts["main"] == true).expect("a main process");
        fact(&run, main);
    });
}

#[test]
fn a_fork_in_a_thread() {
    check(&some_pythons(), "fork_in_thread", 1, |run, main| {
        assert_eq!(main.facts["status"], 3);
        let report = run.report();
        let child = report.processes().iter().find(|one| number(one, "pid") != main.pid);
        let child = child.expect("the child is in the report");
        assert_eq!(child["exit"], json!({"code": 3}));
        assert_eq!(number(child, "parent_pid"), main.pid);
    });
}

#[test]
fn forks_while_other_threads_allocate() {
    check(&some_pythons(), "fork_among_threads", 8, |_, main| {
        assert_eq!(main.facts["statuses"], json!([1, 2, 3, 4, 5, 6, 7, 8]));
    });
}

#[test]
fn sixty_four_processes_at_once() {
    check(&one_pair(), "many_workers", 64, |run, main| {
        assert_eq!(main.facts["statuses"], json!((0..64).collect::<Vec<_>>()));
        let report = run.report();
        assert_eq!(report.processes().len(), 65);
        let own = report.sites_with_mark(&Program::new("family.py").path(), "own");
        assert_eq!(sum(&own, "n_allocations"), 64);
        assert_eq!(sum(&own, "allocated_bytes"), (0..64).map(|n| 8 * (100 + n)).sum::<u64>());
    });
}

#[test]
fn a_pool_that_recycles_its_workers() {
    check(&some_pythons(), "recycled", 16, |run, main| {
        assert_eq!(main.facts["sizes"], json!((1000..1016).collect::<Vec<_>>()));
        let report = run.report();
        let own = report.sites_with_mark(&Program::new("family.py").path(), "own");
        assert_eq!(sum(&own, "n_allocations"), 16);
    });
}

#[test]
fn a_child_that_outlives_npprof() {
    on_each(&one_pair(), |pair| {
        let run = Program::new("family.py survivor").profiled(pair);
        assert_eq!(run.code(), 0, "{}", run.stderr());
        let report = run.report();
        assert_sound(&report);
        assert_complete(&report);
        let counted = run.counted();
        let own = counted.iter().find(|one| one.facts["main"] != true).expect("the survivor");
        let survivor = report.process(own.pid);
        assert_eq!(survivor["exit"], json!({"state": "running"}));
        assert!(number(&survivor["totals"], "n_allocations") > 0);
        // It ends with the folder of this run.
    });
}
