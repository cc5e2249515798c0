//! How many events a second the collector takes in, and how much memory it needs for that.
//!
//! `cargo run --release -p npprof-collect --example throughput` measures all cases of `case.rs` and
//! prints a table; `-- 5 1000000000` measures the fifth one alone with so many events and says after
//! each tenth of them how far it is. A thread of the same process plays the program, and each case has
//! a process of its own.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a program for developers"
)]

#[path = "../../tests/fake/mod.rs"]
mod fake;

mod case;
mod program;

use std::fs;
use std::process::Command;
use std::time::Instant;

use case::Case;
use npprof_collect::{Collector, Options};
use npprof_model::Exit;
use program::Program;
use rustix::time::ClockId;

/// Events of a case, unless it is said otherwise.
const N_EVENTS: u64 = 10_000_000;

fn main() {
    let arguments: Vec<u64> = std::env::args().skip(1).map(|text| text.parse().unwrap()).collect();
    let cases = Case::all();
    let n_events = arguments.get(1).copied().unwrap_or(N_EVENTS);
    if let Some(&number) = arguments.first().filter(|&&number| number > 0) {
        let case = cases[usize::try_from(number).unwrap() - 1];
        if n_events >= MANY {
            println!("{:>2} {} {MEASURED}", "", case::HEADING);
        }
        println!("{number:>2} {case} {}", measure(case, n_events));
        return;
    }
    println!("{:>2} {} {MEASURED}", "", case::HEADING);
    for number in 1..=cases.len() {
        let mut run = Command::new(std::env::current_exe().unwrap());
        run.args([number.to_string(), n_events.to_string()]);
        assert!(run.status().unwrap().success());
    }
}

/// What [`measure`] tells: millions of events a second of the collector's own time, what it holds in
/// memory after a tenth, half and all of the events, and how long it takes to finish.
const MEASURED: &str = "   M/s   10 %  50 % 100 % MiB  finish";

/// Of so many events it is said how far they are.
const MANY: u64 = 100_000_000;

fn measure(case: Case, n_events: u64) -> String {
    let collector = Collector::start(&std::env::temp_dir(), Options::default()).unwrap();
    let mut processes: Vec<fake::Process> =
        (1..=case.n_processes).map(|image| fake::Process::new(&collector, image)).collect();
    for (number, process) in (0..).zip(&mut processes) {
        if number > 0 {
            // They all have our process id; only forked children may.
            process.hello.parent_image = 1;
            process.hello.fork = number;
        }
        process.connect(&collector);
        process.define(case.n_sites);
    }
    let mut programs: Vec<Program<'_>> =
        processes.iter().map(|process| Program::new(case, process)).collect();
    let before_kib = anonymous_kib();
    for program in &mut programs {
        program.begin(clock_ns(ClockId::Monotonic));
    }
    programs.iter_mut().for_each(Program::wait);
    let n_before: u64 = programs.iter().map(Program::n_written).sum();
    let before_ns = busy_ns();
    let mut tenths = Vec::new();
    loop {
        for program in &mut programs {
            program.go_on(clock_ns(ClockId::Monotonic));
        }
        let n_written: u64 = programs.iter().map(Program::n_written).sum();
        if n_written - n_before >= n_events / 10 * (tenths.len() as u64 + 1) {
            tenths.push(anonymous_kib().saturating_sub(before_kib));
            if n_events >= MANY {
                let seconds = (busy_ns() - before_ns) / 1_000_000_000;
                let (n, kib) = (n_written - n_before, tenths[tenths.len() - 1]);
                eprintln!("{n} events, {seconds} s of the collector's time, {kib} KiB");
            }
        }
        if n_written - n_before >= n_events {
            break;
        }
    }
    programs.iter_mut().for_each(Program::wait);
    let n_written: u64 = programs.iter().map(Program::n_written).sum();
    let taken_ns = (busy_ns() - before_ns).max(1);
    let late_kib = anonymous_kib().saturating_sub(before_kib);
    let finishing = Instant::now();
    let snapshot = collector.finish(Exit::Code(0));
    let finish_ms = finishing.elapsed().as_millis();
    let flaw = snapshot.incomplete.iter().find(|flaw| flaw.contains("cannot be read"));
    assert_eq!(flaw, None);
    let hundredths = (n_written - n_before) * 100_000 / taken_ns;
    let (whole, part) = (hundredths / 100, hundredths % 100);
    let mib = |tenth: usize| tenths.get(tenth - 1).map_or(0, |kib| kib.div_ceil(1024));
    let (early, half, late) = (mib(1), mib(5), late_kib.div_ceil(1024));
    format!("{whole:>3}.{part:02}  {early:>5} {half:>5} {late:>5}     {finish_ms:>4} ms")
}

/// Time of all threads but this one: of the collector.
fn busy_ns() -> u64 {
    clock_ns(ClockId::ProcessCPUTime) - clock_ns(ClockId::ThreadCPUTime)
}

fn clock_ns(clock: ClockId) -> u64 {
    let now = rustix::time::clock_gettime(clock);
    u64::try_from(now.tv_sec * 1_000_000_000 + now.tv_nsec).unwrap()
}

/// Memory that is no file's and not shared.
fn anonymous_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
