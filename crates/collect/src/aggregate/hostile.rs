//! What no process can do to us, whatever it writes into its shared memory: streams of all kinds of
//! records, damaged, and what they say against a second count of undamaged ones.

use std::collections::HashMap;

use npprof_wire::decode::decode;
use npprof_wire::encode::{Traits, event, operand, operand_traits, operation, operation_context};
use npprof_wire::record::{
    Counts, Kind, Layout, MAX_NDIM, MAX_OPERANDS, Order, Record, Role, Scalar,
};
use proptest::prelude::*;

use super::Aggregate;
use super::operations::{MAX_ENTRIES, MAX_SET_BYTES};
use super::streams::{FLAT, Stream};
use super::survive::{self, feed, told};
use super::threads::ThreadIndex;

/// What is done to a stream.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Replace(u64),
    Flip(u32),
    Insert(u64),
    Remove,
    /// Copies a word from elsewhere.
    Copy(prop::sample::Index),
    Cut,
}

/// Words of which some are absurd and some nearly make sense.
fn word() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        0..24_u64,
        (0..24_u64, any::<u64>()).prop_map(|(kind, rest)| rest << 8 | kind),
        Just(u64::MAX),
        Just(1 << 63),
        (0..64_u32).prop_map(|bit| 1 << bit),
        (0..50_u64).prop_map(|place| 0x7f00_0000_0000 + place * (64 << 20)),
    ]
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => word().prop_map(Damage::Replace),
        4 => (0..64_u32).prop_map(Damage::Flip),
        1 => word().prop_map(Damage::Insert),
        1 => Just(Damage::Remove),
        2 => any::<prop::sample::Index>().prop_map(Damage::Copy),
        1 => Just(Damage::Cut),
    ]
}

fn damaged(mut words: Vec<u64>, done: &[(prop::sample::Index, Damage)]) -> Vec<u64> {
    for &(at, damage) in done {
        if words.is_empty() {
            break;
        }
        let at = at.index(words.len());
        match damage {
            Damage::Replace(word) => words[at] = word,
            Damage::Flip(bit) => words[at] ^= 1 << bit,
            Damage::Insert(word) => words.insert(at, word),
            Damage::Remove => drop(words.remove(at)),
            Damage::Copy(from) => words[at] = words[from.index(words.len())],
            Damage::Cut => words.truncate(at),
        }
    }
    words
}

/// Blocks by address, and sums by stack: number, bytes, live, at the high-water mark.
#[derive(Default)]
struct Second {
    live: HashMap<u64, (u64, u32)>,
    by_stack: HashMap<u32, [u64; 4]>,
    sums: [u64; 4],
    high_water: u64,
}

impl Second {
    fn take(&mut self, record: &Record<'_>) {
        match *record {
            Record::Alloc { address, size_bytes, stack, .. } => {
                self.allocate(address, size_bytes, stack);
            }
            Record::Free { address, .. } | Record::FreeFrom { address, .. } => {
                self.free(address);
            }
            Record::Realloc { old_address, new_address, size_bytes, stack } => {
                let old = self.free(old_address);
                let stack = if stack == 0 { old.unwrap_or(0) } else { stack };
                self.allocate(new_address, size_bytes, stack);
            }
            _ => {}
        }
    }

    fn allocate(&mut self, address: u64, size: u64, stack: u32) {
        self.live.insert(address, (size, stack));
        let sums = self.by_stack.entry(stack).or_default();
        (sums[0], sums[1], sums[2]) = (sums[0] + 1, sums[1] + size, sums[2] + size);
        (self.sums[0], self.sums[1]) = (self.sums[0] + 1, self.sums[1] + size);
        let total: u64 = self.live.values().map(|&(size, _)| size).sum();
        if total > self.high_water {
            self.high_water = total;
            self.by_stack.values_mut().for_each(|sums| sums[3] = sums[2]);
        }
    }

    fn free(&mut self, address: u64) -> Option<u32> {
        let (size, stack) = self.live.remove(&address)?;
        self.by_stack.entry(stack).or_default()[2] -= size;
        (self.sums[2], self.sums[3]) = (self.sums[2] + 1, self.sums[3] + size);
        Some(stack)
    }
}

#[test]
fn beyond_a_bound_call_sites_and_operations_are_counted_together() {
    let mut script = Aggregate::new(0, 0);
    script.definitions.define_code(1, "/home/u/made.py", "made").expect("room");
    let allocate = |stack: u32, address: u64| Record::Alloc {
        address,
        size_bytes: 8,
        stack,
        is_zeroed: false,
        operation: 1,
        is_first: true,
        layout: Layout {
            dtype: 0,
            order: Order::Scratch,
            shape: &[],
            strides: &[],
            is_flat: false,
        },
    };
    script.definitions.define_operation(1, "zeros".to_owned()).expect("room");
    let mut thread = ThreadIndex::default();
    let n = 300_000;
    for stack in 1..=n {
        script.define_stack(stack, 0, (1, stack, 0)).expect("there may be more stacks");
        script.apply(allocate(stack, 4096), &mut thread).expect("any number");
        let counts = Counts { operation: 2, stack, n: 3, copied_bytes: 5, ..Counts::default() };
        script.apply(Record::Counts(counts), &mut thread).expect("any number");
    }
    let summary = script.operations(usize::MAX);
    let n = u64::from(n);
    let sites = script.sites.all();
    assert_eq!(sites.len(), (1 << 18) + 1);
    assert_eq!(sites.iter().map(|site| site.n_allocations).sum::<u64>(), n);
    assert_eq!(summary.operations.len(), MAX_ENTRIES + 1);
    assert_eq!(summary.operations.iter().map(|it| it.copied.0).sum::<u64>(), 5 * n);
    assert_eq!(summary.by_site.iter().map(|it| it.copied).sum::<u64>(), 5 * n);
    let last = summary.operations.last().expect("many");
    assert_eq!(&*last.name, "other operations");
    let place = sites[last.site.0 as usize].place;
    assert_eq!(&*script.definitions.strings.get(place.file), "<other call sites>");
    assert_eq!(script.definitions.facts.notices.len(), 2, "{:?}", script.definitions.facts.notices);
}

/// Operations with as many operands of as many axes as there may be.
#[test]
fn what_is_told_of_operands_is_bounded_by_its_bytes() {
    let mut script = Aggregate::new(0, 0);
    script.definitions.define_code(1, "/home/u/made.py", "made").expect("room");
    script.definitions.define_operation(1, "add".to_owned()).expect("room");
    let n_sites = 3000;
    let n_operands = u8::try_from(MAX_OPERANDS).expect("few");
    let ndim = u8::try_from(MAX_NDIM).expect("few");
    for stack in 1..=n_sites {
        script.define_stack(stack, 0, (1, stack, 0)).expect("room");
        for n in 0..6 {
            let mut words = vec![operation(1, n_operands, 0)];
            words.extend([operation_context(stack, 0, 2), 0, 0, 0, 0, 0, 0]);
            for _ in 0..MAX_OPERANDS {
                let traits = Traits { order: Order::Strided, ndim, has_shape: true, ..FLAT };
                words.push(operand(4096, Role::Input));
                words.push(traits.word(operand_traits(Scalar::None, 0)));
                words.extend(std::iter::repeat_n(n + 1, 2 * MAX_NDIM));
            }
            feed(&mut script, &words).expect("sane");
        }
    }
    let operations = script.operations(usize::MAX).operations;
    assert_eq!(operations.iter().map(|it| it.n).sum::<u64>(), 6 * u64::from(n_sites));
    let layouts = operations.iter().flat_map(|it| it.operands.iter());
    let n_words: usize =
        layouts.map(|it| it.operand.layout.shape.len() + it.operand.layout.strides.len()).sum();
    assert!(n_words > 0 && n_words * 8 < MAX_SET_BYTES, "{n_words}");
}

/// A process with many blocks that forks again and again before anybody looks.
#[test]
fn what_children_begin_with_is_bounded_by_its_bytes() {
    let mut script = Aggregate::new(0, 0);
    let mut thread = ThreadIndex::default();
    let mut words = Vec::new();
    let block = |n: u64| [event(Kind::Alloc, n << 12), FLAT.word(0), 8];
    (1..200_000).for_each(|n| words.extend(block(n)));
    feed(&mut script, &words).expect("sane");
    for number in 0..40 {
        feed(&mut script, &block(300_000 + number)).expect("sane");
        script.apply(Record::Fork { fork: number }, &mut thread).expect("sane");
    }
    let forks = script.take_forks();
    let n_bytes: usize = forks.iter().map(|fork| fork.child.n_bytes()).sum();
    assert_eq!(forks.last().map(|fork| fork.number), Some(39));
    assert!((64 << 20..=256 << 20).contains(&n_bytes), "{n_bytes}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn damaged_streams_are_survived(
        seed in any::<u64>(),
        done in prop::collection::vec((any::<prop::sample::Index>(), damage()), 1..60),
    ) {
        survive::stream(&damaged(Stream::new(seed, 600).words, &done));
    }

    /// Behind definitions, so that some of it means something.
    #[test]
    fn words_of_all_kinds_are_survived(
        seed in any::<u64>(),
        words in prop::collection::vec(word(), 0..600),
    ) {
        let mut all = Stream::new(seed, 40).words;
        all.extend(words);
        survive::stream(&all);
    }

    #[test]
    fn shared_memory_with_anything_in_it_is_survived(
        seed in any::<u64>(),
        header in prop::collection::vec((any::<u16>(), word()), 0..20),
        heads in prop::array::uniform5(prop_oneof![0..700_u64, word()]),
        done in prop::collection::vec((any::<prop::sample::Index>(), damage()), 0..20),
    ) {
        let words = damaged(Stream::new(seed, 200).words, &done);
        survive::shared_memory(&header, heads, &words);
    }

    #[test]
    fn any_table_of_counters_is_survived(
        seed in any::<u64>(),
        table in prop::collection::vec(prop::array::uniform8(word()), 0..50),
    ) {
        let mut aggregate = Aggregate::new(0, 0);
        feed(&mut aggregate, &Stream::new(seed, 200).words).expect("sane");
        let table: Vec<Counts> = table.into_iter().filter_map(Counts::from_words).collect();
        aggregate.see_counters(table.clone());
        told(&mut aggregate);
        for counts in &table {
            // They may also come as records.
            let _ = aggregate.apply(Record::Counts(*counts), &mut ThreadIndex::default());
        }
        told(&mut aggregate);
    }

    #[test]
    fn streams_of_all_kinds_of_records_are_counted_as_by_a_second_count(seed in any::<u64>()) {
        let words = Stream::new(seed, 1500).words;
        let (mut aggregate, mut second) = (Aggregate::new(0, 0), Second::default());
        feed(&mut aggregate, &words).expect("sane");
        let mut rest = &words[..];
        while let Ok((record, len)) = decode(rest) {
            second.take(&record);
            rest = &rest[len..];
        }
        let (sums, mark) = (aggregate.sums, aggregate.mark());
        let [n_allocations, allocated, n_frees, freed] = second.sums;
        prop_assert_eq!((sums.n_allocations, sums.allocated), (n_allocations, allocated));
        prop_assert_eq!((sums.n_frees, sums.freed), (n_frees, freed));
        prop_assert_eq!((sums.live, sums.high_water), (allocated - freed, second.high_water));
        prop_assert_eq!(sums.n_anomalies, 0);
        let mut by_site: HashMap<u32, [u64; 4]> = HashMap::new();
        for (number, stack) in (0..).zip(&aggregate.stacks) {
            let expected = second.by_stack.get(&number).copied().unwrap_or_default();
            let held = stack.held;
            let found = [stack.n, stack.bytes, held.live(), held.at_high_water(mark)];
            prop_assert_eq!(found, expected, "stack {}", number);
            let site = by_site.entry(stack.site).or_default();
            site.iter_mut().zip(expected).for_each(|(sum, part)| *sum += part);
        }
        for (number, site) in (0..).zip(aggregate.sites.all()) {
            let expected = by_site.get(&number).copied().unwrap_or_default();
            let held = site.held;
            let found =
                [site.n_allocations, site.allocated, held.live(), held.at_high_water(mark)];
            prop_assert_eq!(found, expected, "site {}", number);
        }
        told(&mut aggregate);
    }
}
