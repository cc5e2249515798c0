//! Which blocks small operations read and write, without a record for each.
//!
//! Reads of an array that was read, written or made a moment ago say nothing new and are left out.
//! Neighbouring ranges are put together before they go out: an array that is filled element by
//! element is one range. What is still held back goes out before any larger event, whose place among
//! the reads and writes matters.

use npprof_wire::encode::{event, touch};
use npprof_wire::record::Kind;

use crate::memory::Address;
use crate::stream::Stream;

/// Arrays that count as touched a moment ago.
const N_RECENT: usize = 64;
/// Ranges that may be open at once, of reads and of writes each.
const N_OPEN: usize = 8;
/// A range grows over gaps up to this: finer than what is asked of it later.
const MAX_GAP: usize = 64 << 10;

#[derive(Clone, Copy)]
struct Range {
    start: Address,
    end: Address,
}

const EMPTY: Range = Range { start: 0, end: 0 };

/// What was touched lately.
pub(crate) struct Touches {
    recent: [Address; N_RECENT],
    reads: [Range; N_OPEN],
    writes: [Range; N_OPEN],
    /// There may be open ranges.
    has_open: bool,
}

impl Touches {
    pub(crate) const fn new() -> Self {
        Self {
            recent: [0; N_RECENT],
            reads: [EMPTY; N_OPEN],
            writes: [EMPTY; N_OPEN],
            has_open: false,
        }
    }

    /// A block was made at `data`.
    #[inline(always)]
    pub(crate) fn born(&mut self, data: Address) {
        if let Some(place) = self.recent.get_mut(slot(data, N_RECENT)) {
            *place = data;
        }
    }

    /// An array whose first element is at `data` was read as a whole.
    #[inline(always)]
    pub(crate) fn read_all(&mut self, data: Address, n_bytes: usize, stream: &mut Stream) {
        let Some(place) = self.recent.get_mut(slot(data, N_RECENT)) else { return };
        if *place == data {
            return;
        }
        *place = data;
        send(Range { start: data, end: data.wrapping_add(n_bytes) }, false, stream);
    }

    /// A range of an array was read: one element, or a few.
    #[inline(always)]
    pub(crate) fn read(&mut self, array: Address, range: (Address, Address), stream: &mut Stream) {
        self.has_open = true;
        if let Some(open) = self.reads.get_mut(slot(array, N_OPEN)) {
            extend(open, range, false, stream);
        }
    }

    /// A range of an array was written.
    #[inline(always)]
    pub(crate) fn write(&mut self, array: Address, range: (Address, Address), stream: &mut Stream) {
        self.has_open = true;
        if let Some(open) = self.writes.get_mut(slot(array, N_OPEN)) {
            extend(open, range, true, stream);
        }
    }

    /// Sends what is held back.
    #[inline(always)]
    pub(crate) fn flush(&mut self, stream: &mut Stream) {
        if std::mem::replace(&mut self.has_open, false) {
            self.flush_open(stream);
        }
    }

    #[cold]
    fn flush_open(&mut self, stream: &mut Stream) {
        for (ranges, is_write) in [(&mut self.reads, false), (&mut self.writes, true)] {
            for open in ranges {
                let range = std::mem::replace(open, EMPTY);
                if range.end != 0 {
                    send(range, is_write, stream);
                }
            }
        }
    }
}

#[inline(always)]
fn extend(open: &mut Range, range: (Address, Address), is_write: bool, stream: &mut Stream) {
    let (start, end) = range;
    let is_near =
        start <= open.end.wrapping_add(MAX_GAP) && open.start <= end.wrapping_add(MAX_GAP);
    if is_near && open.end != 0 {
        open.start = open.start.min(start);
        open.end = open.end.max(end);
        return;
    }
    let old = std::mem::replace(open, Range { start, end });
    if old.end != 0 {
        send(old, is_write, stream);
    }
}

#[inline(never)]
fn send(range: Range, is_write: bool, stream: &mut Stream) {
    let n_bytes = range.end.wrapping_sub(range.start);
    if stream.begin(2) {
        stream.write([event(Kind::Touch, range.start as u64), touch(n_bytes as u64, is_write)]);
    }
}

#[inline(always)]
const fn slot(address: Address, n_slots: usize) -> usize {
    let mixed = (address as u64 >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 48) as usize & n_slots.wrapping_sub(1)
}

const _: () = assert!(N_RECENT.is_power_of_two() && N_OPEN.is_power_of_two());
