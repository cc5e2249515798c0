//! What is done to the collector with words that no shim would write, by property tests and by fuzzing
//! alike: whatever stands in shared memory, it neither panics nor hangs nor takes memory without bound.

use std::sync::atomic::Ordering;

use npprof_shm::{Segment, children};
use npprof_wire::decode::decode_and;
use npprof_wire::record::Record;
use npprof_wire::segment::{COUNTERS, MAIN_RING, N_RINGS, positions, ring_start};

use super::Aggregate;
use super::threads::ThreadIndex;
use crate::error::StreamError;
use crate::reader::Reader;
use crate::session::counters;

/// Takes in a stream as far as it goes, goes on behind each record that makes no sense, and tells
/// what was seen.
pub(crate) fn stream(words: &[u64]) {
    let mut aggregate = Aggregate::new(0, 0);
    let mut rest = words;
    while !rest.is_empty() {
        // A reader stops here; what comes next finds an aggregate that nobody foresaw.
        let _ = feed(&mut aggregate, rest);
        let skipped = rest.len() / 2 + 1;
        rest = rest.get(skipped..).unwrap_or(&[]);
    }
    told(&mut aggregate);
}

/// Reads shared memory in which a process has set some words of the header, the positions of the
/// rings, and has put the same words into each ring and into the table of counters.
pub(crate) fn shared_memory(header: &[(u16, u64)], heads: [u64; N_RINGS], words: &[u64]) {
    let Ok((segment, _file)) = Segment::create() else { return };
    let put = |at: usize, word: u64| {
        if let Some(place) = segment.words().get(at) {
            place.store(word, Ordering::Relaxed);
        }
    };
    for &(at, word) in header {
        put(usize::from(at) % ring_start(MAIN_RING), word);
    }
    for (ring, head) in heads.into_iter().enumerate() {
        put(positions(ring), head);
        for (at, &word) in (ring_start(ring)..).zip(words) {
            put(at, word);
        }
    }
    for (at, &word) in (COUNTERS..).zip(words) {
        put(at, word);
    }
    let mut reader = Reader::new(ThreadIndex::default());
    let mut aggregate = Aggregate::new(0, 0);
    aggregate.see_counters(counters(&segment));
    let drained = reader.drain(&segment, &mut aggregate, usize::MAX);
    let _ = drained.and_then(|_| reader.take_rest(&mut aggregate));
    let _ = children::ended(&segment);
    told(&mut aggregate);
}

/// Takes in all words up to the first that are no record or make no sense.
pub(crate) fn feed(aggregate: &mut Aggregate, mut words: &[u64]) -> Result<(), StreamError> {
    let mut thread = ThreadIndex::default();
    let mut take = |record: Record<'_>, len| aggregate.apply(record, &mut thread).map(|()| len);
    while let Ok(len) = decode_and(words, &mut take) {
        words = &words[len?..];
    }
    Ok(())
}

/// All that a snapshot would tell.
pub(crate) fn told(aggregate: &mut Aggregate) -> String {
    use std::fmt::Write;
    let mut told = String::new();
    let mark = aggregate.mark();
    let operations = aggregate.operations(usize::MAX);
    let patterns = aggregate.patterns();
    writeln!(told, "{:?} {mark}", aggregate.sums).expect("room");
    for site in aggregate.sites.all_mut() {
        let layouts = site.layouts.top(mark, 8);
        let layouts: Vec<_> = layouts
            .iter()
            .map(|it| (it.shape().to_vec(), it.strides().to_vec(), it.n, it.bytes, it.held))
            .collect();
        writeln!(told, "{:?} {layouts:?}", site.place).expect("room");
        let counts = (site.n_allocations, site.n_frees, site.allocated, site.freed);
        let more = (site.held, site.own_peak, site.temporary, site.n_temporaries, site.first_ns);
        writeln!(told, "{counts:?} {more:?}").expect("room");
        let spreads = (site.sizes.quantiles(), site.lifetimes_ns.quantiles());
        writeln!(told, "{spreads:?}").expect("room");
    }
    for stack in &aggregate.stacks {
        let counts = (stack.site, stack.n, stack.bytes, stack.held);
        writeln!(told, "{counts:?}").expect("room");
    }
    writeln!(told, "{:?}", aggregate.threads.used()).expect("room");
    writeln!(told, "{:?} {:?}", operations.all, operations.by_site).expect("room");
    for operation in operations.operations.iter() {
        writeln!(told, "{operation:?}").expect("room");
    }
    for pattern in patterns {
        writeln!(told, "{pattern:?}").expect("room");
    }
    told
}
