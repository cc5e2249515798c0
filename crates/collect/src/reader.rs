//! Reads the rings of one process and puts their records into one order.
//!
//! The main ring's order is the order of events. A record of a side ring says after how much of the
//! main ring it comes, see [`npprof_wire`]. Words are copied out of shared memory before they are
//! looked at, so that what was checked is what is used.

use npprof_shm::{RingReader, Segment};
use npprof_wire::decode::{DecodeError, decode, decode_and};
use npprof_wire::record::{MAX_RECORD_WORDS, Record};
use npprof_wire::segment::{MAIN_RING, N_RINGS, SIDE_RING_WORDS};

use crate::aggregate::Aggregate;
use crate::aggregate::threads::ThreadIndex;
use crate::error::StreamError;

/// Words copied at a time: they stay in the processor's second-level cache.
pub(crate) const CHUNK_WORDS: usize = 1 << 14;

/// Records that are looked at together: some more than a processor has loads under way.
const GLANCE_RECORDS: usize = 32;
/// So many words are taken in before it is asked again whether the tables have got large.
const FEW_WORDS: usize = 1 << 10;

const _: () = assert!(MAX_RECORD_WORDS < CHUNK_WORDS && MAX_RECORD_WORDS < SIDE_RING_WORDS);

/// A ring, and what was copied from it and not yet taken in.
#[derive(Debug)]
struct Lane {
    number: usize,
    ring: RingReader,
    words: Vec<u64>,
    /// So many of `words` are done with.
    done: usize,
    /// As far as may be read now.
    head: u64,
    /// Whose records these are.
    thread: ThreadIndex,
    /// The latest stamp of a side ring.
    stamp: u64,
}

impl Lane {
    fn new(number: usize) -> Self {
        Self {
            number,
            ring: RingReader::new(number),
            words: Vec::new(),
            done: 0,
            head: 0,
            thread: ThreadIndex::default(),
            stamp: 0,
        }
    }

    /// Copies words until it holds `max` of them, and gives their room back to the writer.
    fn fill(&mut self, segment: &Segment, max: usize) -> usize {
        self.words.drain(..self.done);
        self.done = 0;
        let before = self.words.len();
        self.ring.copy(segment, self.head, max.saturating_sub(before), &mut self.words);
        let n_words = self.words.len() - before;
        self.ring.release(segment, n_words);
        n_words
    }

    /// Position of the next word to be taken in.
    const fn position(&self) -> u64 {
        self.ring.position().wrapping_sub((self.words.len() - self.done) as u64)
    }

    const fn is_copied(&self) -> bool {
        self.ring.position() == self.head
    }

    /// The next record and its length; `None` when it is not there as a whole yet.
    #[inline(always)]
    fn next(&self) -> Result<Option<(Record<'_>, usize)>, StreamError> {
        match decode(self.words.get(self.done..).unwrap_or(&[])) {
            Ok(next) => Ok(Some(next)),
            Err(_) if self.done >= self.words.len() => Ok(None),
            Err(DecodeError::Truncated { .. }) if !self.is_copied() => Ok(None),
            Err(error) => {
                Err(StreamError::Record { ring: self.number, position: self.position(), error })
            }
        }
    }

    /// The main ring's position behind which the next record of this side ring comes.
    fn due(&mut self) -> Result<Option<u64>, StreamError> {
        loop {
            match self.next()? {
                Some((Record::Stamp { position }, len)) => {
                    self.stamp = position;
                    self.done += len;
                }
                Some(_) => return Ok(Some(self.stamp)),
                None => return Ok(None),
            }
        }
    }
}

/// What reading once brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Drained {
    pub(crate) n_words: usize,
    /// Everything that was in the rings when reading began has been taken in.
    pub(crate) is_complete: bool,
}

/// The reader of one process.
#[derive(Debug)]
pub(crate) struct Reader {
    main: Lane,
    sides: Vec<Lane>,
    /// The least position that a side ring's next record waits for.
    due: u64,
    /// Up to this word of the main ring's, records can be taken in without looking up.
    pause: usize,
}

impl Reader {
    pub(crate) fn new(thread: ThreadIndex) -> Self {
        let mut main = Lane::new(MAIN_RING);
        main.thread = thread;
        let sides = (0..N_RINGS).filter(|&ring| ring != MAIN_RING).map(Lane::new).collect();
        Self { main, sides, due: u64::MAX, pause: 0 }
    }

    /// Position of the next word of the main ring.
    pub(crate) const fn position(&self) -> u64 {
        self.main.position()
    }

    /// Whether nothing has ever been read.
    pub(crate) fn is_untouched(&self) -> bool {
        self.main.ring.position() == 0 && self.sides.iter().all(|side| side.ring.position() == 0)
    }

    /// How far the main ring has been written; nowhere if what it says can't be.
    pub(crate) fn written(&self, segment: &Segment) -> u64 {
        self.main.ring.head(segment).unwrap_or(0)
    }

    /// Takes in what the rings hold, but of each ring at most about `max_words`.
    pub(crate) fn drain(
        &mut self,
        segment: &Segment,
        to: &mut Aggregate,
        max_words: usize,
    ) -> Result<Drained, StreamError> {
        // First the main ring's head, then the side rings: whatever a record in front of this head
        // depends on is then among the words that are copied.
        self.main.head = self.main.ring.head(segment)?;
        let mut drained = Drained::default();
        for side in &mut self.sides {
            side.head = side.ring.head(segment)?;
            drained.n_words += side.fill(segment, SIDE_RING_WORDS);
        }
        self.find_due()?;
        let mut n_main = 0;
        while !self.main.is_copied() && n_main < max_words {
            n_main += self.main.fill(segment, CHUNK_WORDS);
            self.take_main(to)?;
        }
        if self.main.is_copied() {
            self.take_sides(self.main.head, to)?;
        }
        drained.n_words += n_main;
        drained.is_complete = self.main.is_copied() && self.sides.iter().all(Lane::is_copied);
        Ok(drained)
    }

    /// Takes in what side rings still hold back, when the writer is gone.
    pub(crate) fn take_rest(&mut self, to: &mut Aggregate) -> Result<(), StreamError> {
        self.find_due()?;
        self.take_sides(u64::MAX - 1, to)
    }

    /// Takes in all whole records of the main ring that were copied.
    fn take_main(&mut self, to: &mut Aggregate) -> Result<(), StreamError> {
        self.pause = self.main.done;
        loop {
            if self.main.done >= self.pause {
                self.look_up(to)?;
            }
            let Lane { words, done, thread, .. } = &mut self.main;
            let taken = decode_and(words.get(*done..).unwrap_or(&[]), |record, len| {
                to.apply(record, thread).map(|()| len)
            });
            match taken {
                Ok(len) => *done += len?,
                // It says what is wrong, if anything is.
                Err(_) => return self.main.next().map(|_| ()),
            }
        }
    }

    /// Takes in what comes before the next record of the main ring, and says how long that can wait
    /// then.
    #[inline(never)]
    fn look_up(&mut self, to: &mut Aggregate) -> Result<(), StreamError> {
        if self.due <= self.main.position() {
            self.take_sides(self.main.position(), to)?;
        }
        let until = self.due.saturating_sub(self.main.position());
        let until = self.main.done.saturating_add(usize::try_from(until).unwrap_or(usize::MAX));
        let glanced = if to.is_far() { self.glance_ahead(to) } else { usize::MAX };
        self.pause = until.min(glanced).min(self.main.done + FEW_WORDS);
        Ok(())
    }

    /// Looks at what the next records are about, and says how far. Taking a record in waits for its
    /// block and its site to come from memory; here the waits for all of them overlap.
    fn glance_ahead(&self, to: &Aggregate) -> usize {
        let mut at = self.main.done;
        let mut stacks = [0; GLANCE_RECORDS];
        for next in &mut stacks {
            let Ok((record, len)) = decode(self.main.words.get(at..).unwrap_or(&[])) else {
                break;
            };
            if let Record::Alloc { address, .. } | Record::Free { address, .. } = record {
                *next = to.glance_at_block(address);
            }
            if let Record::Alloc { stack, .. } = record {
                *next = stack;
            }
            at += len;
        }
        // Nobody wants the result, so the compiler must be kept from leaving the loads out.
        let stacks = std::hint::black_box(stacks);
        if to.has_far_sites() {
            for stack in stacks {
                std::hint::black_box(to.glance_at_site(stack));
            }
        }
        at
    }

    /// Takes in the records of the side rings that come before the main ring's `position`.
    #[cold]
    fn take_sides(&mut self, position: u64, to: &mut Aggregate) -> Result<(), StreamError> {
        while self.due <= position {
            let due = self.due;
            for side in &mut self.sides {
                while side.due()? == Some(due) {
                    let mut thread = side.thread;
                    let Some((record, len)) = side.next()? else {
                        break;
                    };
                    to.apply(record, &mut thread)?;
                    side.thread = thread;
                    side.done += len;
                }
            }
            self.find_due()?;
        }
        Ok(())
    }

    fn find_due(&mut self) -> Result<(), StreamError> {
        self.due = u64::MAX;
        for side in &mut self.sides {
            self.due = self.due.min(side.due()?.unwrap_or(u64::MAX));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
