//! The aggregator on short scripts.
//!
//! A script is steps separated by semicolons, each a word and what it is about:
//! `+a 800 s1` allocates 800 bytes as `a` from stack `s1`, `-a` frees it, `~a` frees it on the line of
//! the latest allocation, `a>b 900 s1` reallocates `a` as `b`, `t2` changes to thread 2, `@5` is the
//! clock in milliseconds, `fork` goes on in a child, `!a s` says that scratch lies in `a`.

use super::*;
use npprof_wire::record::{FreedAt, Order, Record};

/// Sites: `live / own peak / allocations / temporaries`. Stack `sN` is on line N of the user's file;
/// stacks from `s10` on are in another function, called from line N - 10.
pub(super) struct Script {
    pub(super) aggregate: Aggregate,
    thread: ThreadIndex,
}

impl Script {
    pub(super) fn new() -> Self {
        let mut script = Self { aggregate: Aggregate::new(0, 0), thread: ThreadIndex::default() };
        let definitions = &mut script.aggregate.definitions;
        definitions.define_code(1, "/home/u/fit.py", "fit").expect("room");
        definitions.define_code(2, "/v/site-packages/numpy/core.py", "zeros").expect("room");
        definitions.define_dtype(1, 8, "float64".to_owned());
        for line in 1..10 {
            script.aggregate.define_stack(line, 0, (1, line, 0)).expect("in turn");
        }
        for stack in 10..20 {
            script.aggregate.define_stack(stack, stack - 10, (2, 5, 0)).expect("in turn");
        }
        script
    }

    pub(super) fn run(&mut self, script: &str) {
        for step in script.split("; ").filter(|step| !step.is_empty()) {
            self.step(step);
        }
    }

    fn step(&mut self, step: &str) {
        let words: Vec<&str> = step.split(' ').collect();
        let number = |place: usize| words[place].parse().expect("a number");
        let stack = |place: usize| words[place][1..].parse().expect("a stack");
        let flat = Layout { dtype: 1, order: Order::C, shape: &[], strides: &[], is_flat: true };
        let scratch = Layout { dtype: 0, order: Order::Scratch, is_flat: false, ..flat };
        let record = match (&words[0][..1], &words[0][1..]) {
            ("+", name) => Record::Alloc {
                address: address(name),
                size_bytes: number(1),
                stack: stack(2),
                is_zeroed: false,
                operation: 0,
                is_first: false,
                layout: flat,
            },
            ("-", name) => Record::Free { address: address(name), at: FreedAt::Elsewhere },
            ("~", name) => Record::Free { address: address(name), at: FreedAt::SameLine },
            ("%", name) => Record::Free { address: address(name), at: FreedAt::SamePlace },
            ("!", name) => Record::Layout { address: address(name), layout: scratch },
            ("t", thread) => Record::Thread { thread: thread.parse().expect("a thread") },
            ("@", ms) => Record::Clock { now_ns: 1_000_000 * ms.parse::<u64>().expect("a time") },
            ("f", "ork") => {
                self.aggregate.apply(Record::Fork { fork: 1 }, &mut self.thread).expect("sane");
                let fork = self.aggregate.take_forks().pop().expect("it forked");
                self.aggregate = fork.child.aggregate.clone();
                return;
            }
            (from, to) => Record::Realloc {
                old_address: address(from),
                new_address: address(&to[1..]),
                size_bytes: number(1),
                stack: stack(2),
            },
        };
        self.aggregate.apply(record, &mut self.thread).expect("a sane script");
    }

    pub(super) fn site(&self, line: u32) -> Option<&sites::Site> {
        self.aggregate.sites.all().iter().find(|site| site.place.line == line)
    }

    fn shown(&self) -> String {
        let mut sites: Vec<_> = self.aggregate.sites.all().iter().collect();
        sites.sort_by_key(|site| site.place.line);
        let mark = self.aggregate.mark();
        let shown = sites.iter().map(|site| {
            let (line, live, n) = (site.place.line, site.held.live(), site.n_allocations);
            let then = site.held.at_high_water(mark);
            let shown = format!("s{line}: {live} B / {} B / {n} / {then} B", site.own_peak);
            if site.n_temporaries > 0 {
                return format!("{shown} / {} temporary", site.temporary);
            }
            shown
        });
        shown.collect::<Vec<_>>().join("; ")
    }
}

fn address(name: &str) -> u64 {
    u64::from(name.as_bytes()[0]) * 4096
}

fn run(script: &str) -> Script {
    let mut run = Script::new();
    run.run(script);
    run
}

#[test]
fn the_oldest_block_of_each_site_that_is_alive_is_told() {
    let oldest = |script| {
        let run = run(script);
        let lines: Vec<_> = run.aggregate.sites.all().iter().map(|it| it.place.line).collect();
        let mut oldest: Vec<_> = lines.into_iter().zip(run.aggregate.oldest_blocks()).collect();
        oldest.sort_unstable();
        oldest
    };
    assert_eq!(oldest("@1; +a 8 s1; @2; +b 8 s1; +c 8 s2; -c"), [(1, Some(1_000_000)), (2, None)]);
    assert_eq!(oldest("@1; +a 8 s1; @2; +b 8 s1; -a"), [(1, Some(2_000_000))]);
}

/// Sites: live / own peak / allocations / at the high-water mark.
fn check(script: &str, expected: &str) {
    assert_eq!(run(script).shown(), expected, "{script}");
}

#[test]
fn a_freed_temporary_still_counts_for_own_peak() {
    check("+a 800 s1; +b 100 s1; -a; -b", "s1: 0 B / 900 B / 2 / 900 B");
}

#[test]
fn the_high_water_mark_is_made_of_what_was_alive_at_it() {
    check("+a 500 s1; -a; +b 600 s2", "s1: 0 B / 500 B / 1 / 0 B; s2: 600 B / 600 B / 1 / 600 B");
    check(
        "+a 500 s1; +b 1 s2; -a; +c 9 s3",
        "s1: 0 B / 500 B / 1 / 500 B; s2: 1 B / 1 B / 1 / 1 B; s3: 9 B / 9 B / 1 / 0 B",
    );
}

#[test]
fn an_equal_high_water_mark_is_no_new_one() {
    check("+a 5 s1; -a; +b 5 s2", "s1: 0 B / 5 B / 1 / 5 B; s2: 5 B / 5 B / 1 / 0 B");
}

#[test]
fn numpys_own_frames_are_charged_to_the_callers_line() {
    check("+a 8 s13", "s3: 8 B / 8 B / 1 / 8 B");
    let script = run("+a 8 s10");
    let site = script.site(5).expect("no frame of the user: the innermost one");
    assert!(!site.is_user);
}

#[test]
fn a_stack_without_frames_has_a_site_of_its_own() {
    let script = run("+a 8 s0");
    let site = script.site(0).expect("line 0");
    assert!(!site.is_user);
    assert_eq!(&*script.aggregate.definitions.strings.get(site.place.file), "<no Python frame>");
}

#[test]
fn arrays_freed_on_the_line_that_made_them_are_temporaries() {
    check("+a 8 s1; +b 8 s1; ~b", "s1: 8 B / 16 B / 2 / 16 B / 8 temporary");
    // NumPy's own frames make no difference: the line is the user's.
    check("+a 8 s1; +b 8 s11; ~a", "s1: 8 B / 16 B / 2 / 16 B / 8 temporary");
}

#[test]
fn what_the_instruction_frees_that_made_it_is_a_temporary_whatever_came_after() {
    check("+a 8 s1; +b 8 s1; %a", "s1: 8 B / 16 B / 2 / 16 B / 8 temporary");
    check("+a 8 s1; +b 8 s1; ~a", "s1: 8 B / 16 B / 2 / 16 B");
    check("+a 8 s1; +b 8 s2; %a", "s1: 0 B / 8 B / 1 / 8 B; s2: 8 B / 8 B / 1 / 8 B");
}

#[test]
fn what_a_loop_made_the_last_time_round_is_no_temporary() {
    check("+a 8 s1; +b 8 s1; ~a; +a 8 s1; ~b", "s1: 8 B / 16 B / 3 / 16 B");
}

#[test]
fn temporaries_are_told_by_thread() {
    check(
        "t1; +a 8 s1; t2; +b 8 s2; t1; ~a",
        "s1: 0 B / 8 B / 1 / 8 B / 8 temporary; s2: 8 B / 8 B / 1 / 8 B",
    );
}

#[test]
fn frees_of_unknown_blocks_are_only_counted() {
    let script = run("-a; ~b");
    let expected = Sums { n_unknown_frees: 2, ..Sums::default() };
    assert_eq!(script.aggregate.sums, expected);
}

#[test]
fn a_block_made_where_one_is_alive_ends_that_one() {
    check("+a 8 s1; +a 9 s2", "s1: 0 B / 8 B / 1 / 0 B; s2: 9 B / 9 B / 1 / 9 B");
    assert_eq!(run("+a 8 s1; +a 9 s2").aggregate.sums.n_anomalies, 1);
}

#[test]
fn a_realloc_is_a_free_and_an_allocation_that_are_never_both_alive() {
    check("+a 800 s1; a>b 900 s2", "s1: 0 B / 800 B / 1 / 0 B; s2: 900 B / 900 B / 1 / 900 B");
    assert_eq!(run("+a 800 s1; a>a 900 s1").aggregate.sums.high_water, 900);
    assert_eq!(run("a>b 900 s1").aggregate.sums.live, 900);
}

#[test]
fn a_realloc_without_a_stack_is_charged_to_the_blocks_own() {
    check("+a 800 s1; a>b 900 s0", "s1: 900 B / 900 B / 2 / 900 B");
}

#[test]
fn a_realloc_keeps_the_dtype_as_far_as_it_is_known() {
    let mut script = run("+a 800 s1; a>b 1600 s1; c>d 80 s2");
    let mark = script.aggregate.mark();
    let site = |script: &mut Script, line| script.site(line).expect("a site").layouts.clone();
    let first = site(&mut script, 1);
    let shown: Vec<_> = first
        .top(mark, 8)
        .iter()
        .map(|counted| (counted.dtype, counted.size, counted.is_flat))
        .collect();
    assert_eq!(shown, [(1, 1600, true), (1, 800, true)]);
    let second = site(&mut script, 2);
    assert_eq!(second.top(mark, 8)[0].order, Order::Scratch);
}

#[test]
fn a_later_layout_takes_the_blocks_counts_along() {
    let script = run("+a 800 s1; !a");
    let layouts = &script.site(1).expect("a site").layouts;
    let top = layouts.top(script.aggregate.mark(), 8);
    assert_eq!(top.len(), 1);
    let there = top[0];
    assert_eq!((there.order, there.n, there.bytes), (Order::Scratch, 1, 800));
    assert_eq!(there.held.at_high_water(script.aggregate.mark()), 800);
}

#[test]
fn a_child_begins_with_its_parents_blocks_and_none_of_its_counts() {
    check("+a 800 s1; -a; +b 500 s1; fork", "s1: 500 B / 500 B / 0 / 500 B");
    check(
        "+a 500 s1; fork; +b 100 s2; -a",
        "s1: 0 B / 500 B / 0 / 500 B; s2: 100 B / 100 B / 1 / 100 B",
    );
    let sums = run("+a 500 s1; +b 30 s1; fork; +c 9 s1; -a").aggregate.sums;
    assert_eq!((sums.live, sums.inherited, sums.n_inherited), (39, 530, 2));
    assert_eq!((sums.own_live(), sums.inherited_live), (9, 30));
    assert_eq!((sums.n_allocations, sums.n_frees), (1, 1));
}

#[test]
fn what_a_child_inherited_of_a_child_is_inherited_too() {
    let sums = run("+a 500 s1; fork; +b 30 s1; fork; -b").aggregate.sums;
    assert_eq!((sums.live, sums.inherited, sums.own_live()), (500, 530, 0));
}

#[test]
fn forks_between_which_nothing_happened_share_what_the_children_begin_with() {
    let mut script = run("+a 8 s1");
    let mut fork =
        |number| script.aggregate.apply(Record::Fork { fork: number }, &mut ThreadIndex::default());
    fork(1).expect("sane");
    fork(2).expect("sane");
    let forks = script.aggregate.take_forks();
    assert!(Arc::ptr_eq(&forks[0].child, &forks[1].child));
}

#[test]
fn lifetimes_are_times_of_the_process() {
    let mut script = run("@2; +a 8 s1; @7; -a");
    let site = &mut script.aggregate.sites.all_mut()[0];
    assert_eq!(site.lifetimes_ns.quantiles().expect("one").p50, 5_000_000);
    assert_eq!(site.first_ns, 2_000_000);
}

#[test]
fn a_wild_clock_does_not_lead_astray() {
    let mut script = Script::new();
    script.aggregate.set_latest(50_000_000);
    script.run("+a 8 s1; @9999999; -a; @3; +b 8 s1");
    assert_eq!(script.aggregate.timeline().last().expect("a point").at.0, 50_000_000);
}

#[test]
fn threads_are_told_in_order_of_first_allocation() {
    let script = run("t2; t7; +a 8 s1; t2; +b 16 s1; t7; +c 8 s1");
    let threads = script.aggregate.threads.used();
    let shown: Vec<_> =
        threads.iter().map(|thread| (thread.n_allocations, thread.allocated)).collect();
    assert_eq!(shown, [(2, 16), (1, 16)]);
}

#[test]
fn definitions_out_of_turn_and_unknown_stacks_are_errors() {
    let mut aggregate = Aggregate::new(0, 0);
    let mut apply = |record| aggregate.apply(record, &mut ThreadIndex::default());
    let stack =
        |stack, caller, code| Record::DefineStack { stack, caller, code, line: 1, byte_offset: 0 };
    assert_eq!(apply(stack(2, 0, 1)), Err(StreamError::StackOutOfTurn { stack: 2, known: 1 }));
    assert_eq!(apply(stack(1, 1, 1)), Err(StreamError::UnknownStack { stack: 1, known: 1 }));
    assert_eq!(apply(stack(1, 0, 1)), Err(StreamError::UnknownCode { stack: 1, code: 1 }));
    let realloc =
        Record::Realloc { old_address: 1, new_address: 2, size_bytes: 8, stack: u32::MAX };
    assert_eq!(apply(realloc), Err(StreamError::UnknownStack { stack: u32::MAX, known: 1 }));
}
