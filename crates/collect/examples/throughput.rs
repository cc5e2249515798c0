//! How many events a second the collector takes in, and that its memory stays flat.
//!
//! `cargo run --release -p npprof-collect --example throughput -- 100000000 1000 100 16`: so many
//! events, with so many blocks alive, from so many call sites, of so many sizes, each twice the one
//! before it from 8 bytes on. A thread of this process plays the program.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program for developers")]

#[path = "../tests/fake/mod.rs"]
mod fake;

use std::fs;
use std::time::Instant;

use npprof_collect::{Collector, Options};
use npprof_model::{Exit, Nanos};
use npprof_wire::encode::event;
use npprof_wire::record::Kind;
use npprof_wire::segment::MAIN_RING;
use rustix::time::ClockId;

fn main() {
    let arguments: Vec<u64> = std::env::args().skip(1).map(|text| text.parse().unwrap()).collect();
    let n_events = arguments.first().copied().unwrap_or(10_000_000);
    let n_live = arguments.get(1).copied().unwrap_or(1000).max(1);
    let n_stacks = u32::try_from(arguments.get(2).copied().unwrap_or(100)).unwrap();
    let n_sizes = arguments.get(3).copied().unwrap_or(16).clamp(1, 30);
    let collector = Collector::start(&std::env::temp_dir(), Options::default()).unwrap();
    let process = fake::Process::new(&collector, 1);
    process.connect(&collector);
    process.define(n_stacks);
    let started = Instant::now();
    let (mut writer, mut written) = (fake::MainWriter::new(&process.segment, MAIN_RING), 0);
    let mut blocks = vec![0; usize::try_from(n_live).unwrap()];
    let mut random = Random(1);
    let mut shown = 0;
    while written < n_events {
        let n_blocks = blocks.len() as u64;
        let place = usize::try_from(random.next() % n_blocks).unwrap();
        if blocks[place] != 0 {
            if written % 2 == 0 {
                fake::push(&mut writer, &fake::free(blocks[place]));
            } else {
                fake::push(&mut writer, &[event(Kind::FreeSameLine, blocks[place])]);
            }
            blocks[place] = 0;
        } else {
            let size = 8 << (random.next() % n_sizes);
            let stack = u32::try_from(random.next() % u64::from(n_stacks)).unwrap() + 1;
            blocks[place] = 0x7f00_0000_0000 + place as u64 * 96;
            // A third of them by an operation that is counted by its allocations, and a third by none.
            let words = match stack % 3 {
                0 => fake::alloc(blocks[place], size, stack),
                1 => fake::alloc_in(1, blocks[place], size, stack),
                _ => fake::alloc_in(2, blocks[place], size, stack),
            };
            fake::push(&mut writer, &words);
        }
        writer.publish();
        written += 1;
        if written % 1024 == 0 {
            fake::push(&mut writer, &[event(Kind::Clock, clock_ns(ClockId::Monotonic))]);
        }
        let tenths = written * 10 / n_events;
        if tenths > shown && [1, 5, 10].contains(&tenths) {
            shown = tenths;
            println!("{written} events: resident set {} KiB", resident_kib());
        }
    }
    let snapshot = {
        let snapshot = collector.finish(Exit::Code(0));
        let totals = &snapshot.totals;
        assert_eq!(totals.n_allocations + totals.n_frees, n_events);
        snapshot
    };
    let wall_ns = u64::try_from(started.elapsed().as_nanos()).unwrap();
    // All threads but this one, of which there was one.
    let busy_ns = clock_ns(ClockId::ProcessCPUTime) - clock_ns(ClockId::ThreadCPUTime);
    let millions = |ns: u64| n_events * 100_000 / ns;
    let show = |name, ns: u64| {
        let hundredths = millions(ns);
        let (whole, part, seconds) = (hundredths / 100, hundredths % 100, Nanos(ns));
        println!("{whole}.{part:02} million events a second by the {name} ({seconds})");
    };
    show("collector's own time", busy_ns);
    show("wall clock", wall_ns);
    println!("high-water mark {}, {} sites", snapshot.totals.high_water, snapshot.sites.len());
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

fn clock_ns(clock: ClockId) -> u64 {
    let now = rustix::time::clock_gettime(clock);
    u64::try_from(now.tv_sec * 1_000_000_000 + now.tv_nsec).unwrap()
}

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
