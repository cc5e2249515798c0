//! One image of one profiled process: its shared memory, its records, its end.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering;

use npprof_model::{Exit, Nanos};
use npprof_shm::{OpenError, Segment};
use npprof_wire::hello::Hello;
use npprof_wire::record::Counts;
use npprof_wire::segment::{
    COLLECTOR, COUNTER_WORDS, COUNTERS, EXIT, EXIT_MAX_RSS, EXIT_VALID, GAVE_UP_NS, HEARTBEAT,
    MAGIC, MAGIC_WORD, N_COUNTERS, N_DROPPED, N_UNPLACED, STARTED_NS, collector,
};

use crate::aggregate::threads::ThreadIndex;
use crate::aggregate::{Aggregate, Crest, Fork, Seed};
use crate::error::StreamError;
use crate::greet::Guest;
use crate::proc::{self, Resident};
use crate::reader::{Drained, Reader};

const SAMPLE_INTERVAL_NS: u64 = 100_000_000;
/// Between two looks at the table of counters.
const LOOK_INTERVAL_NS: u64 = 20_000_000;
/// No round takes longer than this, so no event is so much later than the beginning of the round.
const LONGEST_ROUND_NS: u64 = 5_000_000_000;

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// A forked child that waits until its parent's stream has been read up to here.
    Held { until: u64 },
    /// It is being read.
    Open,
    /// It was read to its end, or given up.
    Closed,
}

/// How a process ended, from whoever knows.
#[derive(Clone, Copy, Debug, Default)]
struct Ending {
    is_replaced: bool,
    /// From the one who started the command.
    told: Option<Exit>,
    /// From a parent that waited for it.
    waited: Option<i32>,
    /// From the kernel.
    zombie: Option<i32>,
    /// From the process itself, before it ended.
    own: Option<u64>,
}

impl Ending {
    /// A wait status is what happened; what the process said of itself is what it meant to do. Who
    /// exits without saying so is another program by then.
    fn exit(&self) -> Exit {
        let status = self.waited.or(self.zombie).map(Exit::from_wait_status);
        let own = self.own.map(|status| Exit::Code(i32::from(status.to_le_bytes()[0])));
        match (self.told, status) {
            _ if self.is_replaced => Exit::Replaced,
            (Some(told), _) => told,
            (None, Some(Exit::Code(_))) if own.is_none() => Exit::Replaced,
            (None, status) => status.or(own).unwrap_or(Exit::Unknown),
        }
    }
}

/// One image of one process.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) hello: Hello,
    pub(crate) argv: Vec<String>,
    pub(crate) started_ns: u64,
    pub(crate) ended_ns: Option<u64>,
    pub(crate) aggregate: Aggregate,
    /// Why its figures are not exact.
    pub(crate) flaws: Vec<String>,
    pub(crate) n_dropped: u64,
    pub(crate) resident: Resident,
    /// Identifiers of its sites in snapshots.
    pub(crate) site_ids: Vec<u32>,
    /// Its part in the live bytes of the process tree.
    pub(crate) in_tree: u64,
    /// Bytes that it had allocated when the tree was last told.
    pub(crate) told_allocated: u64,
    /// Bytes that it had copied, likewise.
    pub(crate) told_copied: u64,
    pub(crate) state: State,
    pid: u32,
    segment: Option<Segment>,
    reader: Reader,
    watch: Option<OwnedFd>,
    is_gone: bool,
    ending: Ending,
    next_sample_ns: u64,
    next_look_ns: u64,
    beat_ns: u64,
    gave_up_ns: u64,
    origin_ns: u64,
}

impl Session {
    /// Takes in a process that introduced itself. The run started at `origin_ns`.
    pub(crate) fn open(guest: &Guest, origin_ns: u64, now_ns: u64) -> Result<Self, OpenError> {
        let segment = Segment::open(guest.segment.as_fd())?;
        let claimed = segment.word(STARTED_NS).load(Ordering::Relaxed);
        let started_ns = claimed.clamp(origin_ns, now_ns.max(origin_ns));
        let mut session = Self {
            hello: guest.hello,
            argv: proc::command_line(guest.pid),
            started_ns,
            ended_ns: None,
            aggregate: Aggregate::new(origin_ns, started_ns),
            flaws: Vec::new(),
            n_dropped: 0,
            resident: Resident::default(),
            site_ids: Vec::new(),
            in_tree: 0,
            told_allocated: 0,
            told_copied: 0,
            state: State::Open,
            pid: guest.pid,
            reader: Reader::new(ThreadIndex::default()),
            watch: proc::watch(guest.pid),
            is_gone: false,
            ending: Ending::default(),
            next_sample_ns: 0,
            next_look_ns: 0,
            beat_ns: now_ns,
            gave_up_ns: 0,
            origin_ns,
            segment: Some(segment),
        };
        session.beat(now_ns);
        if session.word(MAGIC_WORD) != MAGIC {
            session.fail("its shared memory has no header");
        }
        session.store(COLLECTOR, collector::READING);
        if guest.pid != guest.hello.pid {
            let pid = guest.hello.pid;
            let notice = format!("it is in a PID namespace of its own, where it is process {pid}");
            session.aggregate.definitions.facts.notice(notice);
        }
        Ok(session)
    }

    pub(crate) const fn is_open(&self) -> bool {
        !matches!(self.state, State::Closed)
    }

    /// Whether it is known to have ended or been replaced.
    pub(crate) const fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// Its process id as we see it, see [`Guest::pid`].
    pub(crate) const fn pid(&self) -> u32 {
        self.pid
    }

    /// Becomes readable when the process ends.
    pub(crate) fn watch(&self) -> Option<&OwnedFd> {
        self.watch.as_ref().filter(|_| !self.is_gone)
    }

    /// The collector is alive at `now_ns`.
    pub(crate) fn beat(&mut self, now_ns: u64) {
        if self.gave_up_ns == 0 {
            self.gave_up_ns = self.word(GAVE_UP_NS);
            if self.gave_up_ns != 0 {
                self.note_giving_up();
            }
        }
        self.beat_ns = now_ns;
        self.store(HEARTBEAT, now_ns);
        self.aggregate.set_latest(now_ns.saturating_add(LONGEST_ROUND_NS));
        if self.watch.is_none() && !self.is_gone && proc::resident(self.pid).is_none() {
            self.has_ended(now_ns);
        }
    }

    /// Its process has ended: what remains is to read the rest.
    pub(crate) fn has_ended(&mut self, now_ns: u64) {
        if !self.is_gone {
            self.is_gone = true;
            self.ending.zombie = proc::wait_status(self.pid);
            if self.state == State::Closed {
                self.ended_ns = Some(now_ns);
            }
        }
    }

    /// Another image of the same process has introduced itself.
    pub(crate) const fn is_replaced(&mut self) {
        self.is_gone = true;
        self.ending.is_replaced = true;
    }

    /// The one who started the process says how it ended.
    pub(crate) const fn has_exited(&mut self, exit: Exit) {
        self.ending.told = Some(exit);
    }

    /// A parent says how the process ended.
    pub(crate) const fn was_waited_for(&mut self, status: i32) {
        // Else the process only stopped or went on.
        if status & 0x7f != 0x7f {
            self.ending.waited = Some(status);
        }
    }

    /// How the process ended, as far as it has.
    pub(crate) fn exit(&self) -> Exit {
        if self.is_gone || self.ending.told.is_some() { self.ending.exit() } else { Exit::Running }
    }

    /// Whether it is a fork that turned into another program before anything happened in it, as
    /// programs make them to run others.
    pub(crate) fn is_mere_fork(&self) -> bool {
        self.may_be_mere_fork() && self.exit() == Exit::Replaced
    }

    /// Whether it is one, as far as can be told before it is known how the process ended.
    pub(crate) fn may_be_mere_fork(&self) -> bool {
        !self.is_open()
            && self.hello.parent_image != 0
            && self.reader.is_untouched()
            && matches!(self.exit(), Exit::Replaced | Exit::Unknown)
    }

    /// Ends of children that this process learned of: process id and wait status.
    pub(crate) fn children(&self) -> Vec<(u32, i32)> {
        self.segment.as_ref().map(npprof_shm::children::ended).unwrap_or_default()
    }

    /// How far the main ring has been written.
    pub(crate) fn written(&self) -> u64 {
        self.segment.as_ref().map_or(0, |segment| self.reader.written(segment))
    }

    /// How far the main ring has been read.
    pub(crate) const fn position(&self) -> u64 {
        self.reader.position()
    }

    /// Begins with what a forked child inherits, before anything of it has been read.
    pub(crate) fn inherit(&mut self, seed: Seed) {
        let notices = std::mem::take(&mut self.aggregate.definitions.facts.notices);
        self.reader = Reader::new(seed.thread);
        self.aggregate = seed.aggregate;
        self.aggregate.definitions.facts.notices = notices;
        self.state = State::Open;
    }

    /// Reads what there is, at most about `max_words` of each ring. Closes the session when the
    /// process has ended and everything has been read.
    pub(crate) fn read(&mut self, max_words: usize) -> usize {
        // Before the heads are read: what a process that is gone has written is complete.
        let is_last = self.is_gone;
        let Some(segment) = self.segment.as_ref().filter(|_| self.state == State::Open) else {
            return 0;
        };
        let result = self.reader.drain(segment, &mut self.aggregate, max_words);
        let result: Result<Drained, StreamError> = result.and_then(|drained| {
            if is_last && drained.is_complete {
                self.reader.take_rest(&mut self.aggregate)?;
            }
            Ok(drained)
        });
        match result {
            Ok(drained) => {
                if is_last && drained.is_complete {
                    self.close();
                }
                drained.n_words
            }
            Err(error) => {
                self.fail(&format!("its records cannot be read: {error}"));
                0
            }
        }
    }

    /// Forks and the crest of live bytes since this was last asked.
    pub(crate) fn take_news(&mut self) -> (Vec<Fork>, Crest) {
        (self.aggregate.take_forks(), self.aggregate.take_crest())
    }

    /// Looks at the resident set if it is time to.
    pub(crate) fn sample(&mut self, now_ns: u64) {
        if now_ns < self.next_sample_ns || self.is_gone || self.state != State::Open {
            return;
        }
        self.next_sample_ns = now_ns.saturating_add(SAMPLE_INTERVAL_NS);
        if let Some(resident) = proc::resident(self.pid) {
            let high_water = self.resident.high_water.max(resident.high_water);
            self.resident = Resident { high_water, ..resident };
            self.aggregate.set_rss(resident.now);
        }
        self.look_at_counters(now_ns);
        self.aggregate.advance(now_ns);
    }

    /// Reads the counts that the shim keeps in place.
    pub(crate) fn look_at_header(&mut self) {
        if self.segment.is_some() {
            self.n_dropped = self.word(N_DROPPED).saturating_add(self.word(N_UNPLACED));
        }
    }

    /// Reads the table of counters of small operations, if that is some time ago.
    pub(crate) fn look_at_counters(&mut self, now_ns: u64) {
        if now_ns >= self.next_look_ns && self.state == State::Open {
            self.next_look_ns = now_ns.saturating_add(LOOK_INTERVAL_NS);
            self.read_counters();
        }
    }

    fn read_counters(&mut self) {
        if let Some(segment) = &self.segment {
            self.aggregate.see_counters(counters(segment));
        }
    }

    /// Tells the shim that nobody reads any more.
    pub(crate) fn leave(&self) {
        self.store(COLLECTOR, collector::LEFT);
    }

    /// Stops reading, for a reason.
    pub(crate) fn fail(&mut self, reason: &str) {
        self.flaws.push(reason.to_owned());
        self.close();
    }

    /// Stops reading; what is to be kept of the shared memory is taken out of it.
    pub(crate) fn close(&mut self) {
        self.leave();
        self.look_at_header();
        if self.state == State::Open {
            self.read_counters();
        }
        let own = self.word(EXIT);
        self.ending.own = (own & EXIT_VALID != 0).then_some(own);
        self.resident.high_water = self.resident.high_water.max(self.word(EXIT_MAX_RSS));
        self.resident.now = 0;
        self.ended_ns = self.is_gone.then_some(self.beat_ns);
        self.state = State::Closed;
        self.segment = None;
        self.watch = self.watch.take().filter(|_| !self.is_gone);
        self.aggregate.close();
    }

    fn note_giving_up(&mut self) {
        let after = Nanos(self.gave_up_ns.saturating_sub(self.origin_ns));
        let silence = Nanos(self.gave_up_ns.saturating_sub(self.beat_ns));
        self.flaws.push(format!(
            "the program went on unprofiled after {after} because the collector did not read for {silence}"
        ));
    }

    /// A word of the header. `Acquire` pairs with the shim's `Release` of its exit status: whoever
    /// sees that sees the resident set that goes with it.
    fn word(&self, index: usize) -> u64 {
        self.segment.as_ref().map_or(0, |segment| segment.word(index).load(Ordering::Acquire))
    }

    fn store(&self, index: usize, word: u64) {
        if let Some(segment) = &self.segment {
            segment.word(index).store(word, Ordering::Relaxed);
        }
    }
}

/// The counters that are in use. A place that gets another key while it is read is left out.
pub(crate) fn counters(segment: &Segment) -> Vec<Counts> {
    let words = segment.words();
    let read = |place: usize| {
        let at = COUNTERS + place * COUNTER_WORDS;
        let key = words.get(at)?.load(Ordering::Relaxed);
        if key == 0 {
            return None;
        }
        let mut counter = [0; COUNTER_WORDS];
        for (to, from) in counter.iter_mut().zip(words.get(at..)?) {
            *to = from.load(Ordering::Relaxed);
        }
        let is_same = counter[0] == key && words.get(at)?.load(Ordering::Relaxed) == key;
        is_same.then(|| Counts::from_words(counter)).flatten()
    };
    (0..N_COUNTERS).filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_status_wins_over_what_the_process_meant_to_do() {
        let own = Some(EXIT_VALID);
        let check = |ending: Ending, expected| assert_eq!(ending.exit(), expected);
        check(Ending::default(), Exit::Unknown);
        check(Ending { own, ..Ending::default() }, Exit::Code(0));
        check(Ending { own: Some(EXIT_VALID | 3), ..Ending::default() }, Exit::Code(3));
        check(Ending { own, waited: Some(9), ..Ending::default() }, Exit::Signal(9));
        check(Ending { own, zombie: Some(2 << 8), ..Ending::default() }, Exit::Code(2));
        check(Ending { waited: Some(9), ..Ending::default() }, Exit::Signal(9));
        let exited = Ending { waited: Some(0), ..Ending::default() };
        check(exited, Exit::Replaced);
        check(Ending { told: Some(Exit::Code(0)), ..exited }, Exit::Code(0));
        check(Ending { is_replaced: true, ..Ending::default() }, Exit::Replaced);
    }
}
