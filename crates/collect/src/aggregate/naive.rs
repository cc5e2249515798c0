//! A second aggregator, as simple as can be, and that the two agree.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;

use super::tests::Script;

#[derive(Clone, Copy, Debug)]
enum Event {
    Alloc { name: u8, size: u64, line: u32 },
    Free { name: u8 },
    Realloc { from: u8, to: u8, size: u64, line: u32 },
    Relayout { name: u8 },
    Fork,
}

fn event() -> impl Strategy<Value = Event> {
    let (name, line) = (b'A'..=b'Y', 1_u32..10);
    // Sizes of which few are equal, among them nothing and more layouts than a site tells apart.
    let size = prop_oneof![Just(0), 1_u64..60, Just(1000)];
    prop_oneof![
        8 => (name.clone(), size.clone(), line.clone())
            .prop_map(|(name, size, line)| Event::Alloc { name, size, line }),
        6 => name.clone().prop_map(|name| Event::Free { name }),
        2 => (name.clone(), name.clone(), size, line)
            .prop_map(|(from, to, size, line)| Event::Realloc { from, to, size, line }),
        1 => name.prop_map(|name| Event::Relayout { name }),
        1 => Just(Event::Fork),
    ]
}

fn step(event: Event) -> String {
    match event {
        Event::Alloc { name, size, line } => format!("+{} {size} s{line}", char::from(name)),
        Event::Free { name } => format!("-{}", char::from(name)),
        Event::Realloc { from, to, size, line } => {
            format!("{}>{} {size} s{line}", char::from(from), char::from(to))
        }
        Event::Relayout { name } => format!("!{}", char::from(name)),
        Event::Fork => "fork".to_owned(),
    }
}

/// Live blocks by name, and what was alive by line at the high-water mark.
#[derive(Default)]
struct Naive {
    live: HashMap<u8, (u64, u32)>,
    at_high_water: BTreeMap<u32, u64>,
    high_water: u64,
    own_peaks: BTreeMap<u32, u64>,
    allocated: u64,
}

impl Naive {
    fn by_line(&self) -> BTreeMap<u32, u64> {
        let mut by_line = BTreeMap::new();
        for &(size, line) in self.live.values() {
            *by_line.entry(line).or_default() += size;
        }
        by_line
    }

    fn total(&self) -> u64 {
        self.live.values().map(|&(size, _)| size).sum()
    }

    fn allocate(&mut self, name: u8, size: u64, line: u32) {
        self.live.insert(name, (size, line));
        self.allocated += size;
        if self.total() > self.high_water {
            self.high_water = self.total();
            self.at_high_water = self.by_line();
        }
        self.note_own_peaks();
    }

    fn note_own_peaks(&mut self) {
        for (line, live) in self.by_line() {
            let own_peak = self.own_peaks.entry(line).or_default();
            *own_peak = live.max(*own_peak);
        }
    }

    fn step(&mut self, event: Event) {
        match event {
            Event::Alloc { name, size, line } => self.allocate(name, size, line),
            Event::Free { name } => drop(self.live.remove(&name)),
            Event::Realloc { from, to, size, line } => {
                self.live.remove(&from);
                self.allocate(to, size, line);
            }
            Event::Relayout { .. } => {}
            Event::Fork => {
                *self = Self {
                    high_water: self.total(),
                    at_high_water: self.by_line(),
                    live: std::mem::take(&mut self.live),
                    ..Self::default()
                };
                self.note_own_peaks();
            }
        }
    }
}

proptest! {
    #[test]
    fn the_aggregator_agrees_with_a_naive_one(events in prop::collection::vec(event(), 0..300)) {
        let (mut script, mut naive) = (Script::new(), Naive::default());
        for event in events {
            script.run(&step(event));
            naive.step(event);
            let aggregate = &script.aggregate;
            let (sums, mark) = (aggregate.sums, aggregate.mark());
            prop_assert_eq!(sums.live, naive.total());
            prop_assert_eq!(sums.high_water, naive.high_water);
            prop_assert_eq!(sums.allocated, naive.allocated);
            prop_assert_eq!(sums.inherited + sums.allocated - sums.freed, sums.live);
            for line in 1..10 {
                let at = |by_line: &BTreeMap<u32, u64>| by_line.get(&line).copied().unwrap_or(0);
                let site = script.site(line);
                let held = site.map(|site| site.held).unwrap_or_default();
                prop_assert_eq!(held.live(), at(&naive.by_line()));
                prop_assert_eq!(held.at_high_water(mark), at(&naive.at_high_water));
                let own_peak = site.map_or(0, |site| site.own_peak);
                prop_assert_eq!(own_peak, at(&naive.own_peaks));
                let stack = aggregate.stacks[line as usize].held;
                prop_assert_eq!((stack.live(), stack.at_high_water(mark)), (held.live(), held.at_high_water(mark)));
                // A site with few enough layouts tells them all.
                if let Some(site) = site {
                    let layouts = site.layouts.top(mark, 100);
                    let told: u64 = layouts.iter().map(|counted| counted.held.at_high_water(mark)).sum();
                    prop_assert!(told <= held.at_high_water(mark));
                    if layouts.len() < 32 {
                        prop_assert_eq!(told, held.at_high_water(mark));
                    }
                }
            }
        }
    }
}
