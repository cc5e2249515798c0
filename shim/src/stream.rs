//! The writing end of the main ring, and what happens when it is full.

use std::sync::atomic::{AtomicU64, Ordering};

use npprof_shm::{RingWriter, Segment};
use npprof_wire::encode::event;
use npprof_wire::record::{Kind, MAX_RECORD_WORDS};
use npprof_wire::segment::{self, MAIN_RING, MAIN_RING_WORDS, collector};

/// How long a full ring waits for a collector that shows no sign of life, nanoseconds.
const PATIENCE_NS: u64 = 3_000_000_000;
/// Blocks of at least this many bytes are worth a look at the clock.
pub(crate) const TIMED_BYTES: usize = 256 << 10;

/// The main ring of a process that is being watched.
pub(crate) struct Stream {
    pub(crate) segment: &'static Segment,
    writer: RingWriter<'static, MAIN_RING_WORDS>,
    heartbeat: &'static AtomicU64,
    /// The collector's clock when we last looked.
    tick: u64,
    /// The latest time that stands in the ring.
    clock: u64,
    /// A full ring drops events instead of waiting.
    pub(crate) is_lossy: bool,
    /// The collector is gone: nothing is written any more.
    pub(crate) is_closed: bool,
}

impl Stream {
    pub(crate) fn new(segment: &'static Segment, is_lossy: bool) -> Self {
        let writer = RingWriter::new(segment, MAIN_RING);
        let heartbeat = segment.word(segment::HEARTBEAT);
        Self { segment, writer, heartbeat, tick: 0, clock: 0, is_lossy, is_closed: false }
    }

    /// Makes room for an event of `n_words` and brings the ring's clock up to date. `false`: the
    /// event can't be written.
    #[inline(always)]
    pub(crate) fn begin(&mut self, n_words: usize) -> bool {
        // A counter: nothing else is read through it.
        let tick = self.heartbeat.load(Ordering::Relaxed);
        // One more word, for a clock record.
        if !self.writer.has_room(n_words.wrapping_add(1)) && !self.make_room(n_words, self.is_lossy)
        {
            return false;
        }
        if tick != self.tick {
            self.follow(tick);
        }
        true
    }

    /// The collector's clock has gone on.
    #[cold]
    fn follow(&mut self, tick: u64) {
        self.tick = tick;
        self.set_clock(tick);
    }

    /// As [`Self::begin`], for an event that is worth a look at the clock.
    pub(crate) fn begin_timed(&mut self, n_words: usize) -> bool {
        if !self.begin(n_words.wrapping_add(1)) {
            return false;
        }
        self.set_clock(now_ns());
        true
    }

    /// As [`Self::begin`], with a time that was just read; zero for none.
    pub(crate) fn begin_at(&mut self, n_words: usize, now_ns: u64) -> bool {
        if !self.begin(n_words.wrapping_add(1)) {
            return false;
        }
        self.set_clock(now_ns);
        true
    }

    #[inline]
    pub(crate) fn push(&mut self, word: u64) {
        self.writer.push(word);
    }

    /// Writes a record and shows it to the reader. [`Self::begin`] must have granted its words.
    #[inline(always)]
    pub(crate) fn write<const N: usize>(&mut self, record: [u64; N]) {
        self.writer.write(record);
    }

    /// Shows the reader what was pushed since the last call: whole records.
    #[inline]
    pub(crate) fn publish(&mut self) {
        self.writer.publish();
    }

    /// Writes a definition, waiting for room even in lossy mode: events refer to it.
    #[cold]
    pub(crate) fn define(&mut self, words: &[u64]) -> bool {
        if self.is_closed
            || !self.writer.has_room(words.len()) && !self.make_room(words.len(), false)
        {
            return false;
        }
        for &word in words {
            self.writer.push(word);
        }
        self.writer.publish();
        true
    }

    /// Puts a later time into the ring. Room for it was made.
    fn set_clock(&mut self, now_ns: u64) {
        if now_ns > self.clock {
            self.clock = now_ns;
            self.writer.push(event(Kind::Clock, now_ns));
        }
    }

    /// Waits until `n_words` and some more fit, as long as the collector is alive.
    #[cold]
    fn make_room(&mut self, n_words: usize, is_lossy: bool) -> bool {
        if self.is_closed {
            return self.drop_event();
        }
        let n_words = n_words.min(MAX_RECORD_WORDS).wrapping_add(2);
        if is_lossy {
            return self.writer.has_room(n_words) || self.drop_event();
        }
        let began = now_ns();
        let mut last_sign = began;
        let mut last_beat = self.heartbeat.load(Ordering::Relaxed);
        let mut n_looks = 0_u32;
        while !self.writer.has_room(n_words) {
            n_looks = n_looks.wrapping_add(1);
            pause(n_looks);
            let now = now_ns();
            let beat = self.heartbeat.load(Ordering::Relaxed);
            if beat != last_beat {
                last_beat = beat;
                last_sign = now;
            }
            let has_left = self.word(segment::COLLECTOR).load(Ordering::Relaxed) == collector::LEFT;
            if has_left || now.saturating_sub(last_sign) > PATIENCE_NS {
                self.is_closed = true;
                // Also for a collector that reads again: what follows a gap is worth nothing.
                self.writer.close();
                self.word(segment::GAVE_UP_NS).store(now, Ordering::Relaxed);
                return self.drop_event();
            }
        }
        let waited = now_ns().saturating_sub(began);
        self.word(segment::WAITED_NS).fetch_add(waited, Ordering::Relaxed);
        true
    }

    #[cold]
    fn drop_event(&mut self) -> bool {
        self.word(segment::N_DROPPED).fetch_add(1, Ordering::Relaxed);
        false
    }

    fn word(&self, index: usize) -> &'static AtomicU64 {
        self.segment.word(index)
    }
}

/// The monotonic clock in nanoseconds; leaves `errno` alone, as it can't fail.
pub(crate) fn now_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // By the C library and not by a system call of our own: it knows where the kernel's code for it
    // is, also under emulators that have none.
    // SAFETY: room for the result.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds.wrapping_mul(1_000_000_000).wrapping_add(nanos)
}

/// Lets the reader run: first only offers it the core, then sleeps a little.
fn pause(n_looks: u32) {
    if n_looks < 20 {
        rustix::thread::sched_yield();
    } else {
        let nap = rustix::time::Timespec { tv_sec: 0, tv_nsec: 100_000 };
        let _ = rustix::thread::nanosleep(&nap);
    }
}
