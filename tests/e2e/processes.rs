//! Process trees: every process has its own figures, and the report knows who started whom.

use npprof_tests::{
    count::{Counted, Until, assert_complete, assert_exact},
    matrix::{Pair, each_python, every_pair, on_each, one_pair},
    program::{Program, Run},
    report::{Report, list, number, text},
};
use serde_json::json;

/// All processes that counted agree with the report, parents included; returns the counts.
fn check(run: &Run, program: &Program, n_counted: usize) -> (Report, Vec<Counted>) {
    let report = run.report();
    let counted = run.counted();
    assert_eq!(counted.len(), n_counted, "processes that counted");
    for one in &counted {
        assert_exact(&report, &program.path(), one, Until::TheEnd);
        let parent = number(report.process(one.pid), "parent_pid");
        assert_eq!(parent, one.parent_pid, "the parent of {}", one.pid);
    }
    (report, counted)
}

fn each(pairs: &[Pair], words: &str, fact: impl Fn(&Run, &Program)) {
    on_each(pairs, |pair| {
        let program = Program::new(words);
        let run = program.profiled(pair);
        fact(&run, &program);
    });
}

/// The counts of the process that has this fact.
fn with_fact<'a>(counted: &'a [Counted], fact: &str) -> &'a Counted {
    let found = counted.iter().find(|one| !one.facts[fact].is_null());
    found.unwrap_or_else(|| panic!("a process knows `{fact}`"))
}

#[test]
fn a_forked_child_knows_what_it_inherited() {
    each(every_pair(), "fork.py", |run, program| {
        assert_eq!(run.code(), 0, "{}", run.stderr());
        let report = run.report();
        let counted = run.counted();
        assert_eq!(counted.len(), 3, "processes that counted");
        let parent = with_fact(&counted, "child");
        assert_exact(&report, &program.path(), parent, Until::TheEnd);
        let child_pid = parent.facts["child"].as_u64().expect("a pid");
        let child = counted.iter().find(|one| one.pid == child_pid).expect("the child counted");
        let last = counted.iter().find(|one| one.parent_pid == child_pid).expect("a grandchild");

        let totals = |one: &Counted| report.process(one.pid)["totals"].clone();
        let imported: Vec<_> = report
            .sites_of(parent.pid)
            .into_iter()
            .filter(|site| text(site, "file").ends_with("/count.py"))
            .collect();
        let imported: u64 = imported.iter().map(|site| number(site, "live_bytes")).sum();
        assert_eq!(number(&totals(parent), "inherited_bytes"), 0);
        assert_eq!(number(&totals(child), "inherited_bytes"), imported + 8000 + 2400);
        // The child gave 2,400 bytes back and made 4,000 before it forked.
        assert_eq!(number(&totals(last), "inherited_bytes"), imported + 8000 + 4000);
        assert_eq!(
            number(&totals(last), "n_inherited"),
            number(&totals(child), "n_inherited"),
            "one array less, one more"
        );
        assert_eq!(number(&totals(child), "live_bytes"), imported + 8000 + 4000);
        assert_eq!(number(&totals(child), "n_frees"), 1);
        assert_eq!(number(&totals(child), "high_water_bytes"), imported + 8000 + 4000);
        assert_eq!(number(&totals(last), "high_water_bytes"), imported + 8000 + 4000 + 560);
        for (one, n, bytes) in [(child, 1, 4000), (last, 1, 560)] {
            assert_eq!(number(&totals(one), "n_allocations"), n);
            assert_eq!(number(&totals(one), "allocated_bytes"), bytes);
            assert_eq!(one.total("allocated"), bytes);
        }
        let exit = |one: &Counted| report.process(one.pid)["exit"].clone();
        assert_eq!(
            [exit(parent), exit(child), exit(last)],
            [json!({"code": 0}), json!({"code": 3}), json!({"code": 4})]
        );
        let parent_of = |one: &Counted| number(report.process(one.pid), "parent_pid");
        assert_eq!([parent_of(child), parent_of(last)], [parent.pid, child.pid]);
    });
}

#[test]
fn processes_of_multiprocessing_are_exact() {
    for method in ["fork", "spawn", "forkserver"] {
        each(&each_python(), &format!("multi.py {method}"), |run, program| {
            assert_eq!(run.code(), 0, "{}", run.stderr());
            let (report, counted) = check(run, program, 3);
            let main = with_fact(&counted, "children");
            for child in list(&main.facts, "children") {
                let child = child.as_u64().expect("a pid");
                let exit = &report.process(child)["exit"];
                // A child of a fork server is waited for by the server, not by the program.
                if method != "forkserver" {
                    assert_eq!(exit, &json!({"code": 0}), "{method}");
                }
            }
        });
    }
}

#[test]
fn a_pool_of_processes_is_exact_though_its_workers_end_in_exit() {
    for method in ["fork", "spawn"] {
        each(&each_python(), &format!("process_pool.py {method}"), |run, program| {
            assert_eq!(run.code(), 0, "{}", run.stderr());
            let report = run.report();
            let counted = run.counted();
            let main = with_fact(&counted, "children");
            assert_eq!(main.facts["total"], 210);
            assert_eq!(counted.len() - 1, list(&main.facts, "children").len());
            for one in &counted {
                assert_exact(&report, &program.path(), one, Until::TheCount);
            }
        });
    }
}

#[test]
fn a_grandchild_below_a_shell_is_in_the_tree() {
    each(&each_python(), "tree.py 2", |run, program| {
        assert_eq!(run.code(), 2, "{}", run.stderr());
        let report = run.report();
        let mut counted = run.counted();
        counted.sort_by_key(|one| number(&one.counts, "allocated"));
        assert_eq!(counted.len(), 3, "processes that counted");
        for (code, one) in counted.iter().enumerate() {
            assert_exact(&report, &program.path(), one, Until::TheEnd);
            assert_eq!(report.process(one.pid)["exit"], json!({ "code": code }));
        }
        let total: u64 = counted.iter().map(|one| number(&one.counts, "allocated")).sum();
        let own: u64 = report
            .sites()
            .iter()
            .filter(|site| !text(site, "file").ends_with("/count.py"))
            .map(|site| number(site, "allocated_bytes"))
            .sum();
        assert_eq!(own, total);
        let of_processes: u64 = report
            .processes()
            .iter()
            .map(|process| number(&process["totals"], "allocated_bytes"))
            .sum();
        assert_eq!(number(&report.0["totals"], "allocated_bytes"), of_processes);
    });
}

#[test]
fn a_process_that_replaces_its_program_has_an_entry_for_each() {
    each(&each_python(), "replace.py first", |run, _| {
        assert_eq!(run.code(), 6, "{}", run.stderr());
        let report = run.report();
        assert_complete(&report);
        let counted = run.counted();
        assert_eq!(counted.len(), 2, "programs that counted");
        let pid = counted[0].pid;
        let images: Vec<_> =
            report.processes().iter().filter(|process| number(process, "pid") == pid).collect();
        assert_eq!(images.len(), 2, "{images:?}");
        let last_word = |process: &serde_json::Value| {
            let argv = list(process, "argv");
            argv.last().and_then(|word| word.as_str()).map(str::to_owned)
        };
        let words: Vec<_> = images.iter().map(|image| last_word(image)).collect();
        assert_eq!(words, [Some("first".to_owned()), Some("second".to_owned())]);
        assert_eq!(images[0]["exit"], json!({"state": "replaced"}));
        assert_eq!(images[1]["exit"], json!({"code": 6}));
        let own: u64 = report
            .sites_of(pid)
            .into_iter()
            .filter(|site| !text(site, "file").ends_with("/count.py"))
            .map(|site| number(site, "allocated_bytes"))
            .sum();
        assert_eq!(own, 8000 + 2400);
    });
}

#[test]
fn python_below_a_shell_script_is_found() {
    on_each(&one_pair(), |pair| {
        let program = Program::new("threads.py");
        for line in [r#"true; "$0" "$@"; exit $?"#, r#"exec "$0" "$@""#] {
            let run = program.profiled_in_shell(pair, line);
            assert_eq!(run.code(), 0, "{}", run.stderr());
            assert_exact(&run.report(), &program.path(), &run.counted_once(), Until::TheEnd);
        }
    });
}
