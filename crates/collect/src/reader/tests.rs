//! The reader on rings that were written by hand, and by nobody in his right mind.

use proptest::prelude::*;
use std::sync::atomic::Ordering;

use super::*;
use npprof_shm::RingWriter;
use npprof_wire::encode::{self, Definition, Traits, event};
use npprof_wire::record::{Counts, Kind};
use npprof_wire::segment::{MAIN_RING_WORDS, positions};

struct Rings {
    segment: Segment,
    reader: Reader,
    aggregate: Aggregate,
}

impl Rings {
    fn new() -> Self {
        let (segment, _file) = Segment::create().expect("memory");
        let reader = Reader::new(ThreadIndex::default());
        Self { segment, reader, aggregate: Aggregate::new(0, 0) }
    }

    fn main(&self, words: &[u64]) {
        let mut ring = RingWriter::<MAIN_RING_WORDS>::new(&self.segment, MAIN_RING);
        words.iter().for_each(|&word| ring.push(word));
        ring.publish();
    }

    fn side(&self, ring: usize, words: &[u64]) {
        let mut ring = RingWriter::<SIDE_RING_WORDS>::new(&self.segment, ring);
        words.iter().for_each(|&word| ring.push(word));
        ring.publish();
    }

    fn drain(&mut self) -> Result<Drained, StreamError> {
        self.reader.drain(&self.segment, &mut self.aggregate, usize::MAX)
    }
}

fn alloc(address: u64, size: u64) -> [u64; 3] {
    [event(Kind::Alloc, address), Traits::SCRATCH.word(0), size]
}

fn stamp(position: u64) -> u64 {
    event(Kind::Stamp, position)
}

#[test]
fn a_side_rings_record_comes_after_what_was_written_before_its_stamp() {
    let mut rings = Rings::new();
    rings.main(&alloc(1, 100));
    rings.main(&[event(Kind::Free, 1)]);
    rings.main(&alloc(1, 500));
    // Between the free and the second allocation, at word 4: 100 and 30 are never alive together.
    let [first, second, third] = alloc(2, 30);
    rings.side(1, &[stamp(4), first, second, third, stamp(4), event(Kind::Free, 2)]);
    rings.drain().expect("sane");
    let sums = rings.aggregate.sums;
    assert_eq!((sums.n_frees, sums.live, sums.high_water), (2, 500, 500));
}

#[test]
fn a_side_rings_free_comes_before_the_main_rings_allocation_of_the_same_address() {
    let mut rings = Rings::new();
    rings.main(&alloc(1, 100));
    rings.side(2, &[stamp(3), event(Kind::Free, 1)]);
    rings.main(&alloc(1, 60));
    rings.drain().expect("sane");
    let sums = rings.aggregate.sums;
    assert_eq!((sums.live, sums.high_water, sums.n_anomalies), (60, 100, 0));
}

#[test]
fn a_side_rings_record_waits_for_the_main_ring() {
    let mut rings = Rings::new();
    rings.side(1, &[stamp(3), event(Kind::Free, 1)]);
    assert_eq!(rings.drain().expect("sane").n_words, 2);
    assert_eq!(rings.aggregate.sums.n_unknown_frees, 0);
    rings.main(&alloc(1, 100));
    rings.drain().expect("sane");
    assert_eq!((rings.aggregate.sums.n_frees, rings.aggregate.sums.live), (1, 0));
}

#[test]
fn when_the_writer_is_gone_nothing_waits_any_more() {
    let mut rings = Rings::new();
    rings.side(1, &[stamp(3), event(Kind::Free, 1)]);
    rings.drain().expect("sane");
    rings.reader.take_rest(&mut rings.aggregate).expect("sane");
    assert_eq!(rings.aggregate.sums.n_unknown_frees, 1);
}

#[test]
fn rings_have_threads_of_their_own() {
    let mut rings = Rings::new();
    let [first, second, third] = alloc(2, 30);
    rings.main(&[event(Kind::Thread, 7)]);
    rings.side(1, &[event(Kind::Thread, 9), stamp(1), first, second, third]);
    rings.main(&alloc(1, 100));
    rings.drain().expect("sane");
    let threads = rings.aggregate.threads.used();
    let allocated: Vec<u64> = threads.iter().map(|thread| thread.allocated).collect();
    assert_eq!(allocated, [30, 100]);
}

#[test]
fn records_that_cross_the_end_of_a_chunk_or_of_the_ring_are_whole() {
    let mut rings = Rings::new();
    let mut n_bytes = 0;
    let per_round = MAIN_RING_WORDS as u64 / 3 - 1;
    for round in 0..3 {
        for block in 1..=per_round {
            let address = round * per_round + block;
            rings.main(&alloc(address, address));
            n_bytes += address;
        }
        assert!(rings.drain().expect("sane").is_complete);
    }
    assert_eq!(rings.aggregate.sums.live, n_bytes);
}

#[test]
fn a_record_that_ends_nowhere_is_an_error() {
    let mut rings = Rings::new();
    rings.main(&alloc(1, 100)[..2]);
    let error = rings.drain().expect_err("a third word is missing");
    assert_eq!(error.to_string(), "ring 0, word 0: a record claims 3 words, but 2 are left");
}

/// Blocks that are made, freed and used from stacks that are known.
fn events() -> impl Strategy<Value = Vec<u64>> {
    let block = (0_u64..9, any::<u16>(), number(), 0_u64..3).prop_map(
        |(address, operation, size, stack)| {
            let size = encode::size_in_operation(size, operation % 30);
            vec![event(Kind::Alloc, address), stack << 32 | 1 << 16 | 1 << 8 | 1, size]
        },
    );
    let free = (0_u64..9, 2_u64..4).prop_map(|(address, kind)| vec![address << 8 | kind]);
    let stack_of = 0_u64..3;
    let event = (11_u64..16, 0_u64..9, prop::collection::vec((stack_of, 0_u64..4), 7)).prop_map(
        |(kind, address, words)| {
            let words = words.into_iter().map(|(high, low)| high << 32 | low);
            let n_words = [2, 0, 2, 8, 3][usize::try_from(kind - 11).expect("few")];
            let all = [address << 8 | kind].into_iter().chain(words);
            all.take(n_words).collect()
        },
    );
    prop_oneof![3 => block, 2 => free, 3 => event, 6 => operation()]
}

/// Words that are records, or nearly.
fn words() -> impl Strategy<Value = Vec<u64>> {
    let hot = (1_u64..10, 0_u64..50).prop_map(|(kind, rest)| vec![rest << 8 | kind]);
    let block = (0_u64..9, any::<u64>(), 0_u64..3).prop_map(|(address, size, stack)| {
        vec![event(Kind::Alloc, address), stack << 32 | 1, size]
    });
    let stack = (0_u32..4, 0_u32..4, 0_u32..3).prop_map(|(stack, caller, code)| {
        let mut words = [0; MAX_RECORD_WORDS];
        Definition::stack(&mut words, stack, caller, (code, 1, 0)).finish().to_vec()
    });
    let code = (0_u32..3).prop_map(|code| {
        let mut words = [0; MAX_RECORD_WORDS];
        Definition::code(&mut words, code, 1, b"\xffile.py", b"f").finish().to_vec()
    });
    let name = (0_u16..30).prop_map(|number| {
        let mut words = [0; MAX_RECORD_WORDS];
        let name = NAMES[usize::from(number) % NAMES.len()];
        Definition::operation(&mut words, number, name.as_bytes()).finish().to_vec()
    });
    let dtype = (0_u16..3, 0_u32..9).prop_map(|(number, itemsize)| {
        let mut words = [0; MAX_RECORD_WORDS];
        Definition::dtype(&mut words, number, itemsize, b"float64").finish().to_vec()
    });
    let wild = any::<u64>().prop_map(|word| vec![word]);
    let small = (0_u64..64).prop_map(|word| vec![word]);
    let definition = (16_u64..22, 0_u64..9, prop::collection::vec(0_u64..1 << 36, 0..9))
        .prop_map(|(kind, len, rest)| [vec![len << 8 | kind], rest].concat());
    prop_oneof![
        4 => hot,
        4 => block,
        2 => stack,
        2 => code,
        1 => wild,
        1 => small,
        1 => definition,
        3 => events(),
        2 => name,
        1 => dtype,
    ]
}

/// Operations of all sorts.
const NAMES: [&str; 20] = [
    "add",
    "add.reduce",
    "add.accumulate",
    "add.at",
    "ndarray.copy",
    "ndarray.astype",
    "array",
    "ndarray.reshape",
    "ndarray.flatten",
    "getitem",
    "setitem",
    "concatenate",
    "ndarray.repeat",
    "dot",
    "ndarray.tobytes",
    "ndarray.tolist",
    "ndarray.sort",
    "zeros",
    "PyArray_FromAny",
    "buffer export",
];

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0_u64..5, 2 => 0_u64..100_000, 1 => any::<u64>()]
}

/// An operation's record that is well-formed, and else whatever it likes.
fn operation() -> impl Strategy<Value = Vec<u64>> {
    let axes = prop::collection::vec(
        (number(), prop_oneof![number(), number().prop_map(u64::wrapping_neg)]),
        0..4,
    );
    let operand = (0_u64..9, 0_u64..5, 0_u64..4, (0_u64..3, any::<u16>()), axes).prop_map(
        |(address, role, order, (dtype, traits), axes)| {
            let ndim = axes.len() as u64;
            let second = u64::from(traits) << 32 | dtype << 16 | ndim << 8 | 1 << 2 | order;
            let (shape, strides): (Vec<u64>, Vec<u64>) = axes.into_iter().unzip();
            let strides = if order == 3 { strides } else { Vec::new() };
            [vec![address << 8 | role, second], shape, strides].concat()
        },
    );
    let operands = prop::collection::vec(operand, 0..6);
    let head = (0_u64..30, 0_u64..30, any::<u32>(), 0_u64..3, prop::collection::vec(number(), 6));
    (head, operands).prop_map(|((operation, outer, flags, stack, rest), operands)| {
        let first = u64::from(flags) << 32 | (operands.len() as u64) << 24 | operation << 8 | 12;
        [vec![first, stack << 32 | outer << 16], rest, operands.concat()].concat()
    })
}

/// What events need.
fn definitions() -> Vec<u64> {
    let mut words = [0; MAX_RECORD_WORDS];
    let mut all = Definition::code(&mut words, 1, 1, b"/home/u/fit.py", b"fit").finish().to_vec();
    all.extend(Definition::dtype(&mut words, 1, 8, b"float64").finish());
    all.extend(Definition::dtype(&mut words, 2, 4, b"float32").finish());
    for stack in 1..3 {
        all.extend(Definition::stack(&mut words, stack, 0, (1, stack, 0)).finish());
    }
    for (number, name) in (0..).zip(NAMES) {
        all.extend(Definition::operation(&mut words, number, name.as_bytes()).finish());
    }
    all
}

proptest! {
    /// Blocks and operations that contradict each other give sums of some sort.
    #[test]
    fn events_that_make_no_sense_never_panic(
        main in prop::collection::vec(events(), 0..60),
        counters in prop::collection::vec((0_u32..4, 0_u16..30, number(), number()), 0..4),
    ) {
        let mut rings = Rings::new();
        rings.main(&definitions());
        rings.main(&main.concat());
        rings.drain().expect("all is defined");
        let counters = counters.into_iter().map(|(stack, operation, n, copied_bytes)| {
            Counts { stack, operation, n, copied_bytes, ..Counts::default() }
        });
        rings.aggregate.see_counters(counters.collect());
        let summary = rings.aggregate.operations(10);
        let sums = summary.by_site.iter().fold(0, |sum: u64, site| sum.saturating_add(site.copied));
        prop_assert_eq!(sums, summary.all.copied);
        let _ = rings.aggregate.patterns();
    }

    /// Whatever is in the rings, reading them ends, and with a result.
    #[test]
    fn arbitrary_words_never_panic(
        main in prop::collection::vec(words(), 0..60),
        side in prop::collection::vec(words(), 0..60),
        heads in prop::collection::vec(prop_oneof![3 => Just(None), 1 => any::<u64>().prop_map(Some)], 3),
        first in 0_usize..100,
    ) {
        let mut rings = Rings::new();
        let (main, side) = (main.concat(), side.concat());
        let first = first.min(main.len());
        rings.main(&main[..first]);
        rings.side(3, &side);
        let _ = rings.drain();
        rings.main(&main[first..]);
        for (ring, head) in heads.into_iter().enumerate() {
            if let Some(head) = head {
                rings.segment.word(positions(ring)).store(head, Ordering::Relaxed);
            }
        }
        let _ = rings.drain();
        let _ = rings.reader.take_rest(&mut rings.aggregate);
        let counters = (0..4).map(|stack| Counts { stack, n: u64::MAX, ..Counts::default() });
        rings.aggregate.see_counters(counters.collect());
        let _ = rings.aggregate.operations(10);
        let _ = rings.aggregate.patterns();
        prop_assert!(rings.aggregate.timeline().len() <= 2000);
        for number in 0..rings.aggregate.stacks.len() {
            let frames = rings.aggregate.frames(u32::try_from(number).expect("few"));
            prop_assert!(frames.len() <= number);
        }
    }
}
