//! The collector as processes meet it: through its socket and shared memory.

mod fake;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use fake::{FLAT, Process, alloc, alloc_in, free};
use npprof_collect::{Collector, Options};
use npprof_model::{Exit, RunState, Snapshot};
use npprof_wire::WIRE_VERSION;
use npprof_wire::encode::{self, Traits, event};
use npprof_wire::record::{COUNTER_VALID, Kind, Role, operand};
use npprof_wire::segment::{
    COLLECTOR, COUNTER_WORDS, COUNTERS, EXIT, EXIT_VALID, GAVE_UP_NS, HEARTBEAT, MAIN_RING,
    N_DROPPED, collector, positions,
};

fn start() -> Collector {
    Collector::start(&std::env::temp_dir(), Options::default()).expect("it starts")
}

/// Waits until a snapshot is as wanted.
fn wait_for(collector: &Collector, is_wanted: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let snapshot = collector.latest();
        if is_wanted(&snapshot) {
            return snapshot;
        }
        assert!(Instant::now() < deadline, "{snapshot:#?}");
        std::thread::yield_now();
    }
}

#[test]
fn what_a_process_writes_is_in_the_snapshot() {
    let collector = start();
    assert_eq!(collector.latest().state, RunState::Starting);
    let process = Process::new(&collector, 1);
    process.connect(&collector);
    process.define(2);
    process.write(&alloc(0x1000, 800, 1));
    process.write(&alloc(0x2000, 80, 2));
    process.write(&free(0x1000));
    let live = wait_for(&collector, |snapshot| snapshot.totals.n_frees == 1);
    assert_eq!(live.state, RunState::Running);
    assert_eq!((live.totals.live.0, live.totals.high_water.0), (80, 880));
    assert!(live.processes[0].totals.rss.0 > 0);
    assert_eq!(process.segment.word(COLLECTOR).load(Ordering::Relaxed), collector::READING);
    assert_ne!(process.segment.word(HEARTBEAT).load(Ordering::Relaxed), 0);

    collector.command_started(std::process::id());
    let last = collector.finish(Exit::Code(3));
    assert_eq!(process.segment.word(COLLECTOR).load(Ordering::Relaxed), collector::LEFT);
    assert_eq!(last.state, RunState::Ended(Exit::Code(3)));
    assert_eq!(last.processes[0].exit, Exit::Code(3));
    assert_eq!(last.incomplete.len(), 0, "{:?}", last.incomplete);
    assert_eq!(last.totals.live.0, 80);
    let site = last.sites.iter().find(|site| site.frame.line == 1).expect("line 1");
    assert_eq!((site.live.0, site.at_high_water.0, site.n_frees), (0, 800, 1));
    assert_eq!(site.layouts[0].layout.to_string(), "float64 (100,)");
    let stack = &last.stacks[site.stacks[0].stack.0 as usize];
    assert_eq!((&*stack.frames[0].file, stack.frames.len()), ("/home/u/fit.py", 1));
}

#[test]
fn only_the_owner_can_reach_the_socket_and_nothing_is_left_of_it() {
    let collector = start();
    let socket = fake::socket(&collector);
    let mode = |path: &Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
    let folder = Path::new(&socket).parent().expect("a folder").to_owned();
    assert_eq!((mode(Path::new(&socket)), mode(&folder)), (0o600, 0o700));
    drop(collector);
    assert!(!folder.exists());
}

#[test]
fn strangers_and_other_versions_are_turned_away() {
    let collector = start();
    let mut stranger = Process::new(&collector, 1);
    stranger.hello.token[15] ^= 1;
    stranger.connect(&collector);
    let mut other = Process::new(&collector, 2);
    other.hello.version = 999;
    other.connect(&collector);
    let snapshot = wait_for(&collector, |snapshot| !snapshot.incomplete.is_empty());
    let expected = format!(
        "a process was not profiled: its shim speaks wire version 999 instead of {WIRE_VERSION}"
    );
    assert_eq!(*snapshot.incomplete, [expected]);
    assert_eq!(snapshot.processes.len(), 0);
}

#[test]
fn another_image_of_the_same_process_ends_the_first_one() {
    let collector = start();
    let (first, second) = (Process::new(&collector, 1), Process::new(&collector, 2));
    first.connect(&collector);
    first.define(1);
    first.write(&alloc(0x1000, 800, 1));
    second.connect(&collector);
    second.define(1);
    second.write(&alloc(0x1000, 80, 1));
    let snapshot = wait_for(&collector, |snapshot| snapshot.totals.n_allocations == 2);
    let exits: Vec<_> = snapshot.processes.iter().map(|process| process.exit).collect();
    assert_eq!(exits, [Exit::Replaced, Exit::Running]);
    assert_eq!(wait_for(&collector, |last| last.totals.live.0 == 80).totals.high_water.0, 800);
}

#[test]
fn a_forked_child_is_not_read_before_the_fork_in_its_parent() {
    let collector = start();
    let parent = Process::new(&collector, 1);
    parent.connect(&collector);
    parent.define(1);
    parent.write(&alloc(0x1000, 800, 1));
    parent.write(&[event(Kind::Fork, 7)]);
    let mut child = Process::new(&collector, 2);
    child.hello.parent_image = 1;
    child.hello.fork = 7;
    // The stack is the parent's definition, the block the parent's block.
    child.write(&alloc(0x2000, 30, 1));
    child.write(&free(0x1000));
    child.connect(&collector);
    let snapshot = wait_for(&collector, |snapshot| snapshot.totals.n_frees == 1);
    let totals = &snapshot.processes[1].totals;
    assert_eq!((totals.inherited.0, totals.live.0, totals.high_water.0), (800, 30, 830));
    assert_eq!((snapshot.totals.live.0, snapshot.totals.high_water.0), (830, 830));
    assert_eq!(snapshot.incomplete.len(), 0);
}

#[test]
fn what_the_last_process_held_is_not_counted_with_the_next_ones() {
    let collector = start();
    let first = Process::new(&collector, 1);
    first.define(1);
    first.write(&alloc(0x1000, 800, 1));
    first.connect(&collector);
    wait_for(&collector, |snapshot| snapshot.totals.live.0 == 800);
    // Broken, so it is no longer read; what it held last still stands.
    first.write(&[0xee]);
    let snapshot = wait_for(&collector, |snapshot| !snapshot.incomplete.is_empty());
    assert_eq!(snapshot.totals.live.0, 800);
    let second = Process::new(&collector, 2);
    second.define(1);
    second.write(&alloc(0x1000, 30, 1));
    second.connect(&collector);
    let snapshot = wait_for(&collector, |snapshot| snapshot.totals.n_allocations == 2);
    assert_eq!((snapshot.totals.live.0, snapshot.totals.high_water.0), (30, 800));
}

#[test]
fn a_child_of_an_unknown_parent_begins_with_nothing_and_says_so() {
    let collector = start();
    let mut child = Process::new(&collector, 2);
    child.hello.parent_image = 99;
    child.hello.fork = 1;
    child.define(1);
    child.write(&alloc(0x2000, 30, 1));
    child.connect(&collector);
    let snapshot = wait_for(&collector, |snapshot| snapshot.totals.n_allocations == 1);
    assert_eq!(
        *snapshot.incomplete,
        ["the arrays that it inherited from its parent are not known"]
    );
}

#[test]
fn a_broken_stream_ends_the_reading_and_not_the_collector() {
    let collector = start();
    let broken = Process::new(&collector, 1);
    broken.connect(&collector);
    broken.write(&[0xee]);
    let snapshot = wait_for(&collector, |snapshot| !snapshot.incomplete.is_empty());
    let expected = "its records cannot be read: ring 0, word 0: no record is of kind 238";
    assert_eq!(*snapshot.incomplete, [expected]);
    assert_eq!(broken.segment.word(COLLECTOR).load(Ordering::Relaxed), collector::LEFT);
    let other = Process::new(&collector, 2);
    other.segment.word(positions(MAIN_RING)).store(u64::MAX, Ordering::Relaxed);
    other.connect(&collector);
    let snapshot = wait_for(&collector, |snapshot| snapshot.incomplete.len() == 2);
    assert!(snapshot.incomplete[1].contains("claims to be at"), "{}", snapshot.incomplete[1]);
}

#[test]
fn lost_events_and_giving_up_make_the_figures_incomplete() {
    let collector = start();
    let process = Process::new(&collector, 1);
    process.segment.word(N_DROPPED).store(17, Ordering::Relaxed);
    process.segment.word(EXIT).store(EXIT_VALID | 5, Ordering::Relaxed);
    process.connect(&collector);
    wait_for(&collector, |snapshot| snapshot.totals.n_dropped == 17);
    process.segment.word(GAVE_UP_NS).store(u64::MAX, Ordering::Relaxed);
    let snapshot = wait_for(&collector, |snapshot| snapshot.incomplete.len() == 2);
    assert!(snapshot.incomplete[0].starts_with("the program went on unprofiled after "));
    assert_eq!(snapshot.incomplete[1], "17 events were lost");
}

/// Puts a counter into a place of the table: key, then sums.
fn put_counter(process: &Process, place: usize, words: [u64; 8]) {
    for (index, word) in words.into_iter().enumerate() {
        let at = COUNTERS + place * COUNTER_WORDS + index;
        process.segment.word(at).store(word, Ordering::Relaxed);
    }
}

#[test]
fn operations_are_in_the_snapshot_with_what_the_table_of_counters_says() {
    let collector = start();
    let process = Process::new(&collector, 1);
    process.connect(&collector);
    process.define(4);
    process.write(&alloc_in(2, 0x1000, 80, 1));
    process.write(&alloc_in(3, 0x2000, 800, 2));
    // A copy of float64 (100,) at line 2, which took 50 ns, and three small ones at line 3.
    let layout = Traits { has_shape: true, ..FLAT }.word(0);
    let array = |address, role| [encode::operand(address, role), layout, 100];
    let mut copy = vec![encode::operation(3, 2, 0), encode::operation_context(2, 0, 1)];
    copy.extend([50, 800, 0, 0, 0, 0]);
    copy.extend(array(0x9000, Role::Input));
    copy.extend(array(0x2000, Role::Result));
    copy[12] |= u64::from(operand::OWNS_DATA) << 32;
    process.write(&copy);
    process.write(&[3 << 8 | 14, 3 << 32, 3, 24, 24, 24, 0, 0]);
    let key = |stack: u64, operation: u64| stack << 32 | COUNTER_VALID | operation;
    put_counter(&process, 7, [key(3, 3), 1, 8, 8, 8, 0, 0, 0]);
    put_counter(&process, 9, [key(4, 1), 5, 80, 40, 0, 0, 0, 0]);
    // Of a stack that nobody defined.
    put_counter(&process, 11, [key(99, 1), 5, 80, 40, 80, 0, 0, 0]);
    let live = wait_for(&collector, |snapshot| snapshot.totals.n_operations == 11);
    let totals = (live.totals.copied.0, live.totals.n_copies, live.totals.operation_time.0);
    assert_eq!(totals, (832, 5, 50));

    // What the program did last is in the table only.
    put_counter(&process, 7, [key(3, 3), 2, 16, 16, 16, 0, 0, 0]);
    let last = collector.finish(Exit::Code(0));
    assert_eq!(last.incomplete.len(), 0, "{:?}", last.incomplete);
    assert_eq!((last.totals.n_operations, last.totals.copied.0), (12, 840));
    assert_eq!(last.processes[0].totals.copied.0, 840);
    for timeline in [&last.timeline, &last.processes[0].timeline] {
        assert_eq!(timeline.iter().map(|point| point.copied.0).sum::<u64>(), 840);
    }
    let mut shown: Vec<String> = last
        .operations
        .iter()
        .map(|it| {
            let site = last.sites.iter().find(|site| site.id == it.site).expect("a site");
            let (line, n, copied) = (site.frame.line, it.n, it.copied.0);
            assert_eq!((site.n_operations, site.copied.0), (n, copied));
            format!("{line} {}: {n} / {} / {} / {copied}", it.name, it.read.0, it.written.0)
        })
        .collect();
    shown.sort();
    let expected = [
        "1 zeros: 1 / 0 / 80 / 0",
        "2 ndarray.copy: 1 / 800 / 800 / 800",
        "3 ndarray.copy: 5 / 40 / 40 / 40",
        "4 add: 5 / 80 / 40 / 0",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn a_forked_child_counts_in_a_table_of_its_own() {
    let collector = start();
    let parent = Process::new(&collector, 1);
    parent.connect(&collector);
    parent.define(1);
    let counter = |n: u64| [1 << 32 | COUNTER_VALID | 3, n, 8 * n, 8 * n, 8 * n, 0, 0, 0];
    put_counter(&parent, 0, counter(5));
    parent.write(&[event(Kind::Fork, 7)]);
    let mut child = Process::new(&collector, 2);
    child.hello.parent_image = 1;
    child.hello.fork = 7;
    child.connect(&collector);
    put_counter(&child, 0, counter(2));
    // It knows its stacks from its parent.
    wait_for(&collector, |snapshot| snapshot.totals.n_operations == 7);
    let last = collector.finish(Exit::Code(0));
    let copied: Vec<u64> = last.processes.iter().map(|it| it.totals.copied.0).collect();
    assert_eq!(copied, [40, 16]);
}

#[test]
fn what_was_written_before_anybody_read_is_read_in_the_end() {
    let collector = start();
    let process = Process::new(&collector, 1);
    process.define(1);
    for block in 1..=10_000 {
        process.write(&alloc(block * 64, 8, 1));
    }
    process.connect(&collector);
    let last = collector.finish(Exit::Signal(9));
    assert_eq!(last.totals.n_allocations, 10_000);
    assert_eq!(last.totals.live.0, 80_000);
}

#[test]
fn a_slow_reader_loses_nothing() {
    let options = Options { reader_delay: Duration::from_micros(100), ..Options::default() };
    let collector = Collector::start(&std::env::temp_dir(), options).expect("it starts");
    let process = Process::new(&collector, 1);
    process.connect(&collector);
    process.define(1);
    for block in 1..=400_000 {
        process.write(&alloc(0x1000, block, 1));
        process.write(&free(0x1000));
    }
    let last = collector.finish(Exit::Code(0));
    assert_eq!((last.totals.n_frees, last.totals.high_water.0), (400_000, 400_000));
}
