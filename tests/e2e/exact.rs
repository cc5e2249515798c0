//! Allocations, bytes, live bytes, high-water mark and lines, against the independent count.

use std::collections::BTreeMap;

use npprof_tests::{
    count::{Until, assert_exact},
    matrix::{Pair, each_python, every_pair, on_each, one_pair},
    program::Program,
    report::{lines_with_mark, list, number, text},
};

/// The figures of a program that is one process agree with its count, to the byte.
fn check(pairs: &[Pair], words: &str) {
    on_each(pairs, |pair| {
        let program = Program::new(words);
        let run = program.profiled(pair);
        assert_eq!(run.code(), 0, "{}", run.stderr());
        assert_exact(&run.report(), &program.path(), &run.counted_once(), Until::TheEnd);
    });
}

#[test]
fn each_kind_of_array_is_counted_at_its_line() {
    check(every_pair(), "layouts.py");
}

#[test]
fn recursion_generators_lambdas_callbacks_and_exec_are_charged_to_the_innermost_user_line() {
    check(every_pair(), "calls.py");
}

#[test]
fn resize_fromiter_sort_and_unpickling_are_counted() {
    check(every_pair(), "blocks.py");
}

#[test]
fn subclasses_are_counted() {
    check(every_pair(), "subclasses.py");
}

#[test]
fn threads_are_counted() {
    check(every_pair(), "threads.py");
}

#[test]
fn a_thread_older_than_the_import_of_numpy_is_counted() {
    check(every_pair(), "early_thread.py");
}

#[test]
fn threads_that_end_at_once_are_counted() {
    check(&each_python(), "short_threads.py");
}

#[test]
fn arrays_of_a_handler_that_the_program_set_are_counted() {
    check(every_pair(), "handler.py");
}

#[test]
fn a_reused_temporary_is_one_block() {
    check(every_pair(), "elision.py");
}

#[test]
fn an_array_that_was_refused_is_no_allocation() {
    on_each(&each_python(), |pair| {
        let program = Program::new("blocks.py");
        let run = program.profiled(pair);
        assert_eq!(run.counted_once().facts["memory_error"], true);
        let refused = run.report();
        let refused = refused.sites_with_mark(&program.path(), "too_large");
        assert!(refused.is_empty(), "{refused:?}");
    });
}

#[test]
fn the_count_itself_agrees_with_tracemalloc() {
    on_each(&each_python(), |pair| {
        let program = Program::new("trace.py").with_python_args("-X tracemalloc");
        let counted = program.bare(pair).counted_once();
        assert_eq!(counted.facts["live"], counted.facts["traced"]);
        assert!(counted.facts["live"].as_u64() > Some(2_000_000), "{}", counted.facts);
        assert_eq!(counted.counts["n_unknown_frees"], 0);
    });
}

#[test]
fn live_bytes_are_what_tracemalloc_has_in_numpys_domain() {
    on_each(&each_python(), |pair| {
        let program = Program::new("trace.py").with_python_args("-X tracemalloc");
        let run = program.profiled(pair);
        let counted = run.counted_once();
        let report = run.report();
        assert_exact(&report, &program.path(), &counted, Until::TheEnd);
        let kept = report.sites_with_mark(&program.path(), "kept");
        let live: u64 = kept.iter().map(|site| number(site, "live_bytes")).sum();
        assert_eq!(Some(live), counted.facts["traced"].as_u64());
    });
}

#[test]
fn a_site_says_its_function_and_its_source() {
    on_each(&each_python(), |pair| {
        let program = Program::new("calls.py");
        let report = program.profiled(pair).report();
        for (mark, function) in
            [("recursion", "recurse"), ("generator", "generate"), ("wrapper", "wrapper")]
        {
            let sites = report.sites_with_mark(&program.path(), mark);
            let [site] = sites[..] else { panic!("one site at `{mark}`: {sites:?}") };
            let said = text(site, "function");
            assert_eq!(said.rsplit('.').next(), Some(function), "{said}");
            assert_eq!(number(site, "line"), lines_with_mark(&program.path(), mark)[0]);
            assert!(text(site, "source").contains(&format!("# @{mark}")), "{site}");
        }
    });
}

#[test]
fn a_stack_leads_from_numpy_to_the_module() {
    on_each(&each_python(), |pair| {
        let program = Program::new("calls.py");
        let report = program.profiled(pair).report();
        // `np.pad` is written in Python, so that its own frames lie inside of the site's.
        let site = report.sites_with_mark(&program.path(), "several_lines")[0].clone();
        let ids: Vec<_> =
            list(&site, "stacks").iter().map(|stack| stack["stack"].clone()).collect();
        let stacks: Vec<_> =
            list(&report.0, "stacks").iter().filter(|stack| ids.contains(&stack["id"])).collect();
        let is_in_numpy = |frame: &serde_json::Value| text(frame, "file").contains("/numpy/");
        assert!(stacks.iter().any(|stack| list(stack, "frames").iter().any(is_in_numpy)));
        for stack in stacks {
            let outermost = list(stack, "frames").last().expect("a stack has frames");
            assert_eq!(text(outermost, "function"), "<module>", "{stack}");
            assert_eq!(text(outermost, "file"), program.path().display().to_string());
        }
    });
}

#[test]
fn every_order_of_calls_and_returns_leads_to_the_right_stacks() {
    on_each(&each_python(), |pair| {
        let program = Program::new("stacks.py");
        let run = program.profiled(pair);
        assert_eq!(run.code(), 0, "{}", run.stderr());
        let printed: Vec<(Vec<u64>, u64)> = serde_json::from_str(&run.stdout()).expect("stacks");
        let report = run.report();
        let file = program.path().display().to_string();
        let lines_of = |id: &serde_json::Value| -> Vec<u64> {
            let mut stacks = list(&report.0, "stacks").iter();
            let stack = stacks.find(|stack| &stack["id"] == id).expect("a stack with this number");
            let frames = list(stack, "frames").iter();
            frames.filter(|f| text(f, "file") == file).map(|frame| number(frame, "line")).collect()
        };
        let mut found = BTreeMap::<Vec<u64>, u64>::new();
        let sites = report.sites().iter().filter(|site| text(site, "file") == file);
        for stack in sites.flat_map(|site| list(site, "stacks")) {
            *found.entry(lines_of(&stack["stack"])).or_default() += number(stack, "n");
        }
        let made: BTreeMap<_, _> = printed.into_iter().collect();
        assert!(made.len() > 50, "the program takes many ways: {}", made.len());
        // What importing NumPy makes is charged to the line of the import.
        found.retain(|lines, _| lines.len() > 1);
        assert_eq!(found, made);
    });
}

#[test]
fn each_thread_has_its_own_total() {
    on_each(&one_pair(), |pair| {
        let program = Program::new("short_threads.py");
        let run = program.profiled(pair);
        let counted = run.counted_once();
        let report = run.report();
        let process = report.process(counted.pid);
        let threads = list(process, "threads");
        let of_work: u64 = threads
            .iter()
            .filter(|thread| text(thread, "name") != "MainThread")
            .map(|thread| number(thread, "n_allocations"))
            .sum();
        let all: u64 = threads.iter().map(|thread| number(thread, "n_allocations")).sum();
        assert_eq!(all, number(&process["totals"], "n_allocations"));
        assert_eq!(of_work, 30 * 8 * 20);
    });
}
