//! Small operations, counted in place.
//!
//! A counter lies in the segment, so that it outlives the program. It is found by its key, within a
//! few places from where the key's hash points; when all of these are taken, one of them goes out
//! as a record and makes room.

use std::sync::atomic::{AtomicU64, Ordering};

use npprof_wire::record::{
    COUNTER_CAST_SHIFTS, COUNTER_MARKS, COUNTER_MARKS_SHIFT, COUNTER_MAX_DTYPE, COUNTER_VALID, Kind,
};
use npprof_wire::segment::{COUNTER_WORDS, COUNTERS, N_COUNTERS};

use crate::stream::Stream;
use crate::table::mix;

/// Places that a key may have.
const N_WAYS: usize = 4;

/// What a small operation did.
#[derive(Clone, Copy, Default)]
pub(crate) struct Small {
    pub(crate) read: usize,
    pub(crate) written: usize,
    pub(crate) copied: usize,
    pub(crate) strided: usize,
    pub(crate) n_scalars: usize,
    pub(crate) marks: Marks,
}

/// What all operations of a counter have in common besides: most have nothing.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Marks(u16);

impl Marks {
    /// Each took so many operands through a buffer: 3 at most.
    pub(crate) const fn buffered(n: u8) -> Self {
        Self(n as u16 & 3)
    }

    /// Each copied an array of the first dtype to the second one; `None` for dtypes for which there is
    /// no room.
    pub(crate) fn cast((from, to): (u16, u16)) -> Option<Self> {
        let has_room = |dtype: u16| (1..=COUNTER_MAX_DTYPE).contains(&dtype.into());
        let (from_shift, to_shift) = COUNTER_CAST_SHIFTS;
        let marks = || Self(from.wrapping_shl(from_shift) | to.wrapping_shl(to_shift));
        (has_room(from) && has_room(to)).then(marks)
    }
}

/// A counter's words.
pub(crate) type Counter = [AtomicU64; COUNTER_WORDS];

/// What a counter counts.
#[inline]
pub(crate) const fn key(stack: u32, operation: u16) -> u64 {
    (stack as u64) << 32 | COUNTER_VALID | operation as u64
}

/// Words of a counter, from its key on.
mod word {
    pub(super) const KEY: usize = 0;
    pub(super) const N: usize = 1;
    pub(super) const READ: usize = 2;
    pub(super) const WRITTEN: usize = 3;
    pub(super) const COPIED: usize = 4;
    pub(super) const STRIDED: usize = 5;
    pub(super) const SCALARS: usize = 6;
}

/// The word of the segment at which the counter of `key` begins, made if there is none.
#[inline]
pub(crate) fn find(key: u64, stream: &mut Stream) -> usize {
    let hash = mix(key, 0x9e6c_63d0_876a_3a47);
    for way in 0..N_WAYS {
        let at = place(hash, way);
        let found = load(stream, at, word::KEY);
        if found == key {
            return at;
        }
        if found == 0 {
            store(stream, at, word::KEY, key);
            return at;
        }
    }
    make_room(key, hash, stream)
}

/// Sends one of the counters that are in the way.
#[cold]
fn make_room(key: u64, hash: u64, stream: &mut Stream) -> usize {
    // Another one each time, so that two keys don't drive each other out for ever.
    let way = (0..N_WAYS).min_by_key(|&way| load(stream, place(hash, way), word::N)).unwrap_or(0);
    let at = place(hash, way);
    let old = load(stream, at, word::KEY);
    let mut words = [0; 8];
    words[0] = (old & 0xffff) << 8 | Kind::Counts as u64;
    words[1] = old >> 32 << 32 | old >> COUNTER_MARKS_SHIFT & COUNTER_MARKS;
    for (to, from) in words.iter_mut().skip(2).zip(word::N..) {
        *to = load(stream, at, from);
    }
    // As a definition: what it says can't be said again.
    stream.define(&words);
    for index in word::N..COUNTER_WORDS {
        store(stream, at, index, 0);
    }
    store(stream, at, word::KEY, key);
    at
}

/// Counts one operation.
#[inline(always)]
pub(crate) fn count(key: u64, small: Small, stream: &mut Stream) {
    let key = key | u64::from(small.marks.0) << COUNTER_MARKS_SHIFT;
    let at = find(key, stream);
    let Some(counter) = counter(stream, at) else { return };
    add(counter, word::N, 1);
    add(counter, word::READ, small.read as u64);
    add(counter, word::WRITTEN, small.written as u64);
    if small.copied | small.strided | small.n_scalars != 0 {
        add(counter, word::COPIED, small.copied as u64);
        add(counter, word::STRIDED, small.strided as u64);
        add(counter, word::SCALARS, small.n_scalars as u64);
    }
}

/// Counts one single element by a counter, if that still is the one of `key`.
#[inline(always)]
pub(crate) fn count_scalar(counter: &Counter, key: u64) -> bool {
    if counter.first().is_none_or(|found| found.load(Ordering::Relaxed) != key) {
        return false;
    }
    add(counter, word::N, 1);
    add(counter, word::SCALARS, 1);
    true
}

/// The words of the counter at `at`.
#[inline(always)]
pub(crate) fn counter(stream: &Stream, at: usize) -> Option<&'static Counter> {
    stream.segment.words().get(at..)?.first_chunk()
}

fn place(hash: u64, way: usize) -> usize {
    let index = (hash >> 20) as usize;
    let index = index.wrapping_add(way) & N_COUNTERS.wrapping_sub(1);
    COUNTERS.wrapping_add(index.wrapping_mul(COUNTER_WORDS))
}

#[inline(always)]
fn cell(stream: &Stream, at: usize, index: usize) -> &'static AtomicU64 {
    stream.segment.word(at.wrapping_add(index))
}

// There is one writer, the holder of the interpreter lock; the reader sees each word whole.
#[inline(always)]
fn load(stream: &Stream, at: usize, index: usize) -> u64 {
    cell(stream, at, index).load(Ordering::Relaxed)
}

#[inline(always)]
fn store(stream: &Stream, at: usize, index: usize, value: u64) {
    cell(stream, at, index).store(value, Ordering::Relaxed);
}

#[inline(always)]
fn add(counter: &Counter, index: usize, amount: u64) {
    if let Some(cell) = counter.get(index) {
        cell.store(cell.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
    }
}

const _: () = assert!(COUNTER_WORDS == 8 && N_COUNTERS.is_power_of_two());
