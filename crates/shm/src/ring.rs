//! Rings: one writer, one reader, words only. Neither side ever waits in here.
//!
//! Positions count words since the start and never wrap; a position's place in the ring is its low
//! bits. The writer publishes whole records by moving `head`; the reader gives room back by moving
//! `tail`.

use crate::Segment;
use crate::sync::{AtomicU64, Ordering};

/// A ring as it stands in a segment.
#[derive(Clone, Copy, Debug)]
pub struct Ring<'a> {
    /// The writer's position.
    pub head: &'a AtomicU64,
    /// The reader's position.
    pub tail: &'a AtomicU64,
    /// Its words: a power of two of them.
    pub words: &'a [AtomicU64],
}

/// The writing side of a ring of `WORDS` words, a power of two.
#[derive(Clone, Copy, Debug)]
pub struct RingWriter<'a, const WORDS: usize> {
    head: &'a AtomicU64,
    tail: &'a AtomicU64,
    words: &'a [AtomicU64; WORDS],
    /// Our own copy of `head`.
    position: u64,
    /// Up to here there is room, as far as we have looked.
    limit: u64,
    /// There never is room any more.
    is_closed: bool,
}

impl<'a, const WORDS: usize> RingWriter<'a, WORDS> {
    /// The writer of ring `ring`, going on where the ring's `head` is.
    ///
    /// # Panics
    ///
    /// When there is no such ring, or it has another size.
    #[must_use]
    pub fn new(segment: &'a Segment, ring: usize) -> Self {
        const { assert!(WORDS.is_power_of_two()) };
        let Ring { head, tail, words } = segment.ring(ring);
        #[expect(clippy::expect_used, reason = "as documented; the caller chooses both")]
        let words = words.try_into().expect("the ring has another size");
        let position = head.load(Ordering::Relaxed);
        let mut writer = Self { head, tail, words, position, limit: 0, is_closed: false };
        writer.look();
        writer
    }

    /// Position of the next word.
    #[inline]
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Whether `n_words` more fit; looks at the reader's position only if they didn't before.
    #[inline]
    pub fn has_room(&mut self, n_words: usize) -> bool {
        let end = self.position.wrapping_add(n_words as u64);
        end <= self.limit || {
            self.look();
            end <= self.limit
        }
    }

    /// Puts a word behind the words pushed before. [`Self::has_room`] must have granted it.
    #[inline]
    pub fn push(&mut self, word: u64) {
        // A constant mask: the compiler sees that the place is in the ring.
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits are used")]
        let place = self.position as usize & (WORDS - 1);
        if let Some(place) = self.words.get(place) {
            place.store(word, Ordering::Relaxed);
        }
        self.position = self.position.wrapping_add(1);
    }

    /// Puts a record behind what was pushed before and shows it. [`Self::has_room`] must have granted
    /// its words.
    #[inline]
    pub fn write<const N: usize>(&mut self, record: [u64; N]) {
        // Kept out of memory between the words, which might be anything to the compiler.
        let mut writer = *self;
        for word in record {
            writer.push(word);
        }
        self.position = writer.position;
        self.publish();
    }

    /// Shows the reader all words pushed so far: whole records only.
    #[inline]
    pub fn publish(&mut self) {
        // Pairs with the `Acquire` in `RingReader::read`: whoever sees the new head sees the words.
        self.head.store(self.position, Ordering::Release);
    }

    /// From now on there is no room, whatever the reader does.
    #[cold]
    pub fn close(&mut self) {
        self.is_closed = true;
        self.limit = 0;
    }

    #[cold]
    fn look(&mut self) {
        if self.is_closed {
            return;
        }
        // Pairs with the `Release` in `RingReader::release`: the reader is done with these words.
        let tail = self.tail.load(Ordering::Acquire);
        self.limit = tail.wrapping_add(WORDS as u64);
    }
}

/// The reading side of a ring. Trusts nothing of what the writer says.
#[derive(Debug)]
pub struct RingReader {
    ring: usize,
    position: u64,
}

/// The writer's position is impossible: it went back, or further ahead than the ring is long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ring {ring} claims to be at {head}, but {tail} was read and it holds {capacity} words")]
pub struct ImpossibleHead {
    /// The ring.
    pub ring: usize,
    /// What the writer claims.
    pub head: u64,
    /// Where the reader is.
    pub tail: u64,
    /// Words of the ring.
    pub capacity: usize,
}

impl RingReader {
    /// The reader of ring `ring` of a segment that nobody has read from.
    #[must_use]
    pub const fn new(ring: usize) -> Self {
        Self { ring, position: 0 }
    }

    /// Position of the next word to read.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// The writer's position: everything before it can be read.
    ///
    /// # Errors
    ///
    /// [`ImpossibleHead`] when the writer's position can't be.
    pub fn head(&self, segment: &Segment) -> Result<u64, ImpossibleHead> {
        let Ring { head, words, .. } = segment.ring(self.ring);
        // Pairs with the `Release` in `RingWriter::publish`.
        let head = head.load(Ordering::Acquire);
        let ahead = head.wrapping_sub(self.position);
        if ahead > words.len() as u64 {
            let (tail, capacity) = (self.position, words.len());
            return Err(ImpossibleHead { ring: self.ring, head, tail, capacity });
        }
        Ok(head)
    }

    /// Copies the words from the reader's position to `head`, which [`Self::head`] gave, to the end
    /// of `to`, at most `max` of them. The room is given back by [`Self::release`] only.
    pub fn copy(&self, segment: &Segment, head: u64, max: usize, to: &mut Vec<u64>) {
        let words = segment.ring(self.ring).words;
        let ahead = usize::try_from(head.wrapping_sub(self.position)).unwrap_or(usize::MAX);
        let n_words = ahead.min(max).min(words.len());
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits are used")]
        let start = self.position as usize & (words.len() - 1);
        let first = n_words.min(words.len() - start);
        to.extend(words[start..start + first].iter().map(|word| word.load(Ordering::Relaxed)));
        to.extend(words[..n_words - first].iter().map(|word| word.load(Ordering::Relaxed)));
    }

    /// Moves on by `n_words` that were copied, and gives their room back to the writer.
    pub fn release(&mut self, segment: &Segment, n_words: usize) {
        let tail = segment.ring(self.ring).tail;
        self.position = self.position.wrapping_add(n_words as u64);
        // Pairs with the `Acquire` in `RingWriter::look`: the words were copied before.
        tail.store(self.position, Ordering::Release);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use npprof_wire::segment::{MAIN_RING, MAIN_RING_WORDS, SIDE_RING_WORDS, positions};

    fn drain(segment: &Segment, reader: &mut RingReader) -> Vec<u64> {
        let mut words = Vec::new();
        let head = reader.head(segment).expect("the writer is sane");
        reader.copy(segment, head, usize::MAX, &mut words);
        reader.release(segment, words.len());
        words
    }

    #[test]
    fn nothing_is_seen_before_it_is_published() {
        let (segment, _file) = Segment::create().expect("memory");
        let mut writer = RingWriter::<MAIN_RING_WORDS>::new(&segment, MAIN_RING);
        let mut reader = RingReader::new(MAIN_RING);
        assert!(writer.has_room(2));
        writer.push(7);
        writer.push(8);
        assert_eq!(drain(&segment, &mut reader), []);
        writer.publish();
        assert_eq!(drain(&segment, &mut reader), [7, 8]);
    }

    #[test]
    fn a_record_that_is_written_is_seen_also_across_the_end_of_the_ring() {
        let (segment, _file) = Segment::create().expect("memory");
        let mut writer = RingWriter::<SIDE_RING_WORDS>::new(&segment, 1);
        let mut reader = RingReader::new(1);
        for round in 0..SIDE_RING_WORDS as u64 {
            assert!(writer.has_room(3));
            writer.write([round, round + 1, round + 2]);
            assert_eq!(drain(&segment, &mut reader), [round, round + 1, round + 2]);
        }
    }

    #[test]
    fn a_closed_ring_has_no_room_though_it_is_empty() {
        let (segment, _file) = Segment::create().expect("memory");
        let mut writer = RingWriter::<SIDE_RING_WORDS>::new(&segment, 1);
        writer.close();
        assert!(!writer.has_room(1));
    }

    #[test]
    fn a_full_ring_has_no_room_until_the_reader_gives_some_back() {
        let (segment, _file) = Segment::create().expect("memory");
        let mut writer = RingWriter::<SIDE_RING_WORDS>::new(&segment, 1);
        let mut reader = RingReader::new(1);
        for round in 0..5 {
            for word in 0..SIDE_RING_WORDS as u64 {
                assert!(writer.has_room(1));
                writer.push(round * 100_000 + word);
            }
            writer.publish();
            assert!(!writer.has_room(1));
            let words = drain(&segment, &mut reader);
            assert_eq!(words.len(), SIDE_RING_WORDS);
            assert_eq!(words[..2], [round * 100_000, round * 100_000 + 1]);
        }
    }

    #[test]
    fn an_impossible_head_is_an_error() {
        let (segment, _file) = Segment::create().expect("memory");
        let reader = RingReader::new(2);
        segment.word(positions(2)).store(SIDE_RING_WORDS as u64 + 1, Ordering::Relaxed);
        assert_eq!(
            reader.head(&segment).expect_err("too far").to_string(),
            "ring 2 claims to be at 8193, but 0 was read and it holds 8192 words"
        );
    }

    #[test]
    fn a_reader_sees_all_words_of_a_writer_in_another_thread_in_order() {
        let (segment, _file) = Segment::create().expect("memory");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut writer = RingWriter::<SIDE_RING_WORDS>::new(&segment, 1);
                for word in 0..100_000 {
                    while !writer.has_room(1) {
                        std::thread::yield_now();
                    }
                    writer.push(word);
                    writer.publish();
                }
            });
            let mut reader = RingReader::new(1);
            let mut next = 0;
            while next < 100_000 {
                for word in drain(&segment, &mut reader) {
                    assert_eq!(word, next);
                    next += 1;
                }
            }
        });
    }
}
