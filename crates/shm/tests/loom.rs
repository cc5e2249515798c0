//! Every order in which shim and collector can meet in shared memory, tried by a model checker.
//!
//! `scripts/loom` runs it, with `--cfg loom`; without that there is nothing here. The checker never lets
//! a load see a store from the future, so what would become of words that are overwritten while they
//! are still read is only tried as far as positions go.

#![cfg(loom)]

use std::sync::Arc;

use loom::thread;
use npprof_shm::segment::{MAIN_WORDS, Segment};
use npprof_shm::sync::{AtomicBool, Ordering};
use npprof_shm::{RingReader, RingWriter, SideRings, children};
use npprof_wire::decode::decode;
use npprof_wire::encode::event;
use npprof_wire::record::{Kind, Record};
use npprof_wire::segment::{MAIN_RING, N_UNPLACED};

const SIDE_RING: usize = MAIN_RING + 1;

/// Tries every order, with at most so many switches of a thread that could have gone on; `None` for no
/// such limit.
fn every_order(preemptions: Option<usize>, run: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = preemptions;
    model.check(run);
}

/// Reads what is there by now; always whole records.
fn drain(segment: &Segment, reader: &mut RingReader) -> Vec<u64> {
    let head = reader.head(segment).expect("the writer is sane");
    copy_to(head, segment, reader)
}

fn copy_to(head: u64, segment: &Segment, reader: &mut RingReader) -> Vec<u64> {
    let mut words = Vec::new();
    reader.copy(segment, head, usize::MAX, &mut words);
    reader.release(segment, words.len());
    words
}

#[test]
fn records_come_whole_and_in_order_through_a_ring_that_is_too_small_for_them() {
    every_order(Some(4), || {
        let segment = Arc::new(Segment::new());
        let to = Arc::clone(&segment);
        let writer = thread::spawn(move || {
            let mut ring = RingWriter::<MAIN_WORDS>::new(&to, MAIN_RING);
            for n in 1..4 {
                while !ring.has_room(2) {
                    thread::yield_now();
                }
                ring.write([n, n + 100]);
            }
        });
        let mut reader = RingReader::new(MAIN_RING);
        let mut all = Vec::new();
        while all.len() < 6 {
            let words = drain(&segment, &mut reader);
            assert_eq!(words.len() % 2, 0, "half a record: {words:?}");
            if words.is_empty() {
                thread::yield_now();
            }
            all.extend(words);
        }
        assert_eq!(all, [1, 101, 2, 102, 3, 103]);
        writer.join().expect("the writer ends");
    });
}

#[test]
fn a_ring_that_was_closed_overwrites_nothing_that_is_still_read() {
    every_order(None, || {
        let segment = Arc::new(Segment::new());
        let to = Arc::clone(&segment);
        let writer = thread::spawn(move || {
            let mut ring = RingWriter::<MAIN_WORDS>::new(&to, MAIN_RING);
            ring.write([1, 2, 3, 4]);
            ring.close();
            assert!(!ring.has_room(1));
        });
        let mut reader = RingReader::new(MAIN_RING);
        let words = drain(&segment, &mut reader);
        assert!(words.is_empty() || words == [1, 2, 3, 4], "{words:?}");
        writer.join().expect("the writer ends");
    });
}

/// The only record of the side ring, behind the stamp that says where it belongs.
fn stamp_of(words: &[u64]) -> u64 {
    let (stamp, len) = decode(words).expect("a record");
    let Record::Stamp { position } = stamp else { panic!("a stamp: {stamp:?}") };
    assert_eq!(words[len..], [event(Kind::Free, 7)]);
    position
}

/// A block is made with the interpreter lock, handed to a thread, and freed there without the lock.
#[test]
fn what_a_thread_does_to_a_block_comes_behind_the_record_of_the_block() {
    every_order(None, || {
        let segment = Arc::new(Segment::new());
        let is_handed_over = Arc::new(AtomicBool::new(false));
        let (to, flag) = (Arc::clone(&segment), Arc::clone(&is_handed_over));
        let owner = thread::spawn(move || {
            RingWriter::<MAIN_WORDS>::new(&to, MAIN_RING).write([event(Kind::Free, 1)]);
            flag.store(true, Ordering::Release);
        });
        let (to, flag) = (Arc::clone(&segment), is_handed_over);
        let other = thread::spawn(move || {
            if flag.load(Ordering::Acquire) {
                SideRings::new().write(&to, &[event(Kind::Free, 7)]);
            }
        });
        let words = drain(&segment, &mut RingReader::new(SIDE_RING));
        if !words.is_empty() {
            assert_eq!(stamp_of(&words), 1, "behind the block's own record");
            // And that record can be read by then.
            assert_eq!(RingReader::new(MAIN_RING).head(&segment), Ok(1));
        }
        owner.join().expect("it ends");
        other.join().expect("it ends");
    });
}

/// A block is freed without the lock, and the next one, made with the lock, gets its address.
#[test]
fn what_a_record_depends_on_is_read_with_it() {
    every_order(None, || {
        let segment = Arc::new(Segment::new());
        let is_free = Arc::new(AtomicBool::new(false));
        let (to, flag) = (Arc::clone(&segment), Arc::clone(&is_free));
        let other = thread::spawn(move || {
            SideRings::new().write(&to, &[event(Kind::Free, 7)]);
            flag.store(true, Ordering::Release);
        });
        let (to, flag) = (Arc::clone(&segment), is_free);
        let owner = thread::spawn(move || {
            if flag.load(Ordering::Acquire) {
                RingWriter::<MAIN_WORDS>::new(&to, MAIN_RING).write([event(Kind::Free, 7)]);
            }
        });
        // As the collector does: the main ring's head first, then the side rings.
        let mut main = RingReader::new(MAIN_RING);
        let head = main.head(&segment).expect("the writer is sane");
        let side = drain(&segment, &mut RingReader::new(SIDE_RING));
        if copy_to(head, &segment, &mut main).len() == 1 {
            assert_eq!(stamp_of(&side), 0, "in front of the block's next life");
        }
        other.join().expect("it ends");
        owner.join().expect("it ends");
    });
}

#[test]
fn two_threads_never_write_into_one_side_ring_at_once() {
    every_order(Some(3), || {
        let segment = Arc::new(Segment::new());
        let sides = Arc::new(SideRings::new());
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (to, sides) = (Arc::clone(&segment), Arc::clone(&sides));
                thread::spawn(move || sides.write(&to, &[event(Kind::Free, 7)]))
            })
            .collect();
        let mut reader = RingReader::new(SIDE_RING);
        let mut words = drain(&segment, &mut reader);
        for thread in threads {
            thread.join().expect("it ends");
        }
        words.extend(drain(&segment, &mut reader));
        for record in words.chunks(2) {
            assert_eq!(stamp_of(record), 0);
        }
        // The model has one side ring: who finds it taken is counted, and nobody is counted twice.
        let n_lost = segment.word(N_UNPLACED).load(Ordering::Relaxed);
        assert_eq!(words.len() as u64 / 2 + n_lost, 2);
    });
}

#[test]
fn the_end_of_a_child_is_never_taken_for_that_of_another() {
    every_order(None, || {
        let segment = Arc::new(Segment::new());
        let threads: Vec<_> = [(11, 1), (12, 2)]
            .into_iter()
            .map(|(pid, status)| {
                let to = Arc::clone(&segment);
                thread::spawn(move || children::note(&to, pid, status))
            })
            .collect();
        let check = |ended: &[(u32, i32)]| {
            assert!(ended.iter().all(|pair| [(11, 1), (12, 2)].contains(pair)), "{ended:?}");
        };
        check(&children::ended(&segment));
        for thread in threads {
            thread.join().expect("it ends");
        }
        let ended = children::ended(&segment);
        assert_eq!(ended.len(), 2, "{ended:?}");
        check(&ended);
    });
}
