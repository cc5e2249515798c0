//! All processes of a run, and what is known of them together.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::SystemTime;

use npprof_model::{Exit, RunState, SourceText, TimelinePoint};
use npprof_wire::WIRE_VERSION;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::Options;
use crate::aggregate::Crest;
use crate::aggregate::timeline::{Level, Timeline};
use crate::greet::{Door, Greeting, Guest};
use crate::nursery::Nursery;
use crate::reader::CHUNK_WORDS;
use crate::session::{Session, State};

const MAX_NOTICES: usize = 16;

/// What is summed up over all processes as they go.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TreeSums {
    /// Live bytes of all processes, inherited ones not counted again. When the last process has
    /// ended, what was alive at its end.
    pub(crate) live: u64,
    pub(crate) high_water: u64,
    pub(crate) high_water_ns: u64,
    pub(crate) allocated: u64,
    pub(crate) copied: u64,
    pub(crate) rss: u64,
    pub(crate) rss_high_water: u64,
}

/// Why a process was not let in.
const NO_DESCRIPTOR: &str = "npprof may not open so many files; raise the limit of `ulimit -n`";

/// All processes of a run.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) options: Options,
    pub(crate) started: SystemTime,
    pub(crate) origin_ns: u64,
    pub(crate) now_ns: u64,
    pub(crate) sessions: Vec<Session>,
    pub(crate) sums: TreeSums,
    /// What doesn't belong to a session.
    pub(crate) flaws: Vec<String>,
    state: RunState,
    /// Sites that got an identifier so far.
    pub(crate) n_sites: u32,
    /// Texts that only the processes have, and how much there was of them.
    pub(crate) sources: (usize, Arc<[SourceText]>),
    door: Door,
    nursery: Nursery,
    timeline: Timeline,
    command_pid: Option<u32>,
}

impl Tree {
    pub(crate) fn new(options: Options, door: Door, now_ns: u64) -> Self {
        Self {
            options,
            started: SystemTime::now(),
            origin_ns: now_ns,
            now_ns,
            sessions: Vec::new(),
            sums: TreeSums::default(),
            flaws: Vec::new(),
            state: RunState::Starting,
            n_sites: 0,
            sources: (0, Arc::default()),
            door,
            nursery: Nursery::default(),
            timeline: Timeline::starting(Level::default()),
            command_pid: None,
        }
    }

    /// The command runs as this process.
    pub(crate) const fn command_started(&mut self, pid: u32) {
        self.command_pid = Some(pid);
    }

    /// The command has ended.
    pub(crate) fn command_ended(&mut self, exit: Exit) {
        self.state = RunState::Ended(exit);
        if let Some(pid) = self.command_pid
            && let Some(session) = self.sessions.iter_mut().rfind(|session| session.pid() == pid)
        {
            session.has_exited(exit);
            session.has_ended(self.now_ns);
        }
    }

    /// Looks at everything once; returns the number of words that were read.
    pub(crate) fn round(&mut self, now_ns: u64) -> usize {
        self.now_ns = now_ns;
        for session in self.sessions.iter_mut().filter(|session| session.is_open()) {
            session.beat(now_ns);
        }
        for greeting in self.door.greet(now_ns) {
            match greeting {
                Greeting::Guest(guest) => self.welcome(&guest),
                Greeting::OtherVersion(version) => self.flaw(format!(
                    "a process was not profiled: its shim speaks wire version {version} \
                     instead of {WIRE_VERSION}"
                )),
                Greeting::NoSegment(pid) => self.flaw(format!(
                    "process {pid} was not profiled: it could get no shared memory; `ulimit -a` \
                     shows its limits"
                )),
                Greeting::NoDescriptor(pid) => {
                    self.flaw(format!("process {pid} was not profiled: {NO_DESCRIPTOR}"));
                }
            }
        }
        let is_slow = !self.options.reader_delay.is_zero();
        self.forget_mere_forks();
        let n_words = self.read(if is_slow { CHUNK_WORDS } else { usize::MAX });
        self.look_at_memory();
        self.nursery.expire(now_ns);
        n_words
    }

    /// Sleeps for at most `nanos`, or until a process connects or ends, or `wake` is readable.
    pub(crate) fn wait(&mut self, wake: &impl AsFd, nanos: u64) {
        let doors = [Some(wake.as_fd()), self.door.listener().map(AsFd::as_fd)];
        let waiting = self.door.waiting().map(AsFd::as_fd);
        let mut descriptors: Vec<PollFd<'_>> = doors
            .into_iter()
            .flatten()
            .chain(waiting)
            .map(|descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN))
            .collect();
        let n_others = descriptors.len();
        let watched: Vec<usize> = (0..self.sessions.len())
            .filter(|&place| self.sessions[place].watch().is_some())
            .collect();
        for &place in &watched {
            if let Some(watch) = self.sessions[place].watch() {
                descriptors.push(PollFd::new(watch, PollFlags::IN));
            }
        }
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::try_from(nanos).unwrap_or(1_000_000) };
        if poll(&mut descriptors, Some(&timeout)).is_err() {
            return;
        }
        let has_ended: Vec<bool> =
            descriptors[n_others..].iter().map(|end| !end.revents().is_empty()).collect();
        for (place, has_ended) in watched.into_iter().zip(has_ended) {
            if has_ended {
                self.sessions[place].has_ended(self.now_ns);
            }
        }
    }

    /// Whether every process that introduced itself has ended and been read, and no other is on its
    /// way.
    pub(crate) fn is_over(&self) -> bool {
        self.door.waiting().next().is_none()
            && self.nursery.is_empty()
            && !self.sessions.iter().any(Session::is_open)
    }

    /// Whether processes that have ended have not been read to their end.
    pub(crate) fn has_remains(&self) -> bool {
        self.sessions.iter().any(|session| session.is_open() && session.is_gone())
    }

    /// Where the run stands.
    pub(crate) fn state(&self) -> RunState {
        let has_numpy = |session: &Session| session.aggregate.definitions.facts.numpy.is_some();
        match self.state {
            RunState::Starting if self.sessions.iter().any(has_numpy) => RunState::Running,
            state => state,
        }
    }

    /// Leaves the processes that go on, after reading what they have written so far.
    pub(crate) fn leave(&mut self) {
        for session in self.sessions.iter().filter(|session| session.is_open()) {
            session.leave();
        }
        self.read(usize::MAX);
        for place in 0..self.sessions.len() {
            if self.sessions[place].is_open() {
                self.sessions[place].close();
                // What its counters say at the end.
                self.take_news(place);
            }
        }
        self.tell_of_absentees();
    }

    /// Says whether there may have been processes that could not introduce themselves.
    fn tell_of_absentees(&mut self) {
        let n_absent = self.nursery.n_absent();
        if n_absent > 0 {
            let forks = if n_absent == 1 { "1 fork" } else { &format!("{n_absent} forks") };
            self.flaw(format!(
                "{forks} brought no process that introduced itself; if there was one, what it did \
                 is not known"
            ));
        }
        if self.door.is_blocked() {
            self.flaw(format!("a process was not profiled: {NO_DESCRIPTOR}"));
        }
        if !self.door.is_reachable() {
            let flaw = "the session's socket was removed, so processes that started after that \
                        were not seen";
            self.flaw(flaw.to_owned());
        }
    }

    /// Finds out how processes ended, from their parents.
    pub(crate) fn learn_exits(&mut self) {
        let is_wanted = |session: &Session| session.is_gone() && session.exit() != Exit::Replaced;
        if !self.sessions.iter().any(is_wanted) {
            return;
        }
        let children: Vec<(u32, i32)> = self
            .sessions
            .iter()
            .filter(|session| session.is_open())
            .flat_map(Session::children)
            .collect();
        for (pid, status) in children {
            let of_pid = |session: &&mut Session| session.hello.pid == pid;
            if let Some(session) = self.sessions.iter_mut().rev().find(of_pid) {
                session.was_waited_for(status);
            }
        }
    }

    /// The history of the tree.
    pub(crate) fn timeline(&self) -> Arc<[TimelinePoint]> {
        self.timeline.points(self.level())
    }

    fn welcome(&mut self, guest: &Guest) {
        let hello = guest.hello;
        if self.sessions.iter().any(|session| session.hello.image == hello.image) {
            return;
        }
        let mut session = match Session::open(guest, self.origin_ns, self.now_ns) {
            Ok(session) => session,
            Err(error) => {
                self.flaw(format!("process {} was not profiled: {error}", hello.pid));
                return;
            }
        };
        let is_same = |earlier: &&mut Session| earlier.is_open() && earlier.pid() == guest.pid;
        // A forked child never is another image of a process that is known.
        if hello.parent_image == 0
            && let Some(earlier) = self.sessions.iter_mut().rev().find(is_same)
        {
            earlier.is_replaced();
        }
        if hello.parent_image != 0 && session.is_open() {
            let parent = self.parent(hello.parent_image);
            let until = parent.map_or(0, |parent| self.sessions[parent].written());
            session.state = State::Held { until };
        }
        if let Some(parent) = self.parent_of(&session) {
            // A fork's command line is its parent's, until it turns into another program.
            session.argv.clone_from(&self.sessions[parent].argv);
        }
        self.sessions.push(session);
    }

    /// The process that a session was forked from.
    fn parent_of(&self, session: &Session) -> Option<usize> {
        let hello = session.hello;
        let is_it = |other: &Session| {
            let is_parent = other.hello.pid == hello.parent_pid && session.argv.is_empty();
            other.hello.image == hello.parent_image || is_parent
        };
        self.sessions.iter().rposition(is_it)
    }

    /// Programs that start many others would fill the list of processes with forks of themselves.
    pub(crate) fn forget_mere_forks(&mut self) {
        if self.sessions.iter().any(Session::may_be_mere_fork) {
            self.learn_exits();
            self.sessions.retain(|session| !session.is_mere_fork());
        }
    }

    fn parent(&self, image: u64) -> Option<usize> {
        self.sessions.iter().rposition(|session| session.hello.image == image)
    }

    fn read(&mut self, max_words: usize) -> usize {
        let mut n_words = 0;
        self.let_closed_go();
        for place in 0..self.sessions.len() {
            self.unhold(place);
            if self.sessions[place].state != State::Open {
                continue;
            }
            if self.sessions[place].is_gone() {
                // Its table of children goes with its shared memory.
                self.learn_exits();
            }
            n_words += self.sessions[place].read(max_words);
            self.take_news(place);
            if !self.sessions[place].is_open() {
                self.let_closed_go();
            }
        }
        n_words
    }

    /// Lets a forked child begin if its parent's stream has been read up to the fork.
    fn unhold(&mut self, place: usize) {
        let State::Held { until } = self.sessions[place].state else {
            return;
        };
        let hello = self.sessions[place].hello;
        if let Some(seed) = self.nursery.take(hello.parent_image, hello.fork) {
            self.sessions[place].inherit(seed);
            return;
        }
        let parent = self.parent(hello.parent_image).map(|parent| &self.sessions[parent]);
        if parent.is_some_and(|parent| parent.is_open() && parent.position() < until) {
            return;
        }
        let session = &mut self.sessions[place];
        session.state = State::Open;
        session.flaws.push("the arrays that it inherited from its parent are not known".to_owned());
    }

    fn take_news(&mut self, place: usize) {
        let session = &mut self.sessions[place];
        let (forks, crest) = session.take_news();
        let image = session.hello.image;
        let own = session.aggregate.sums;
        let others = self.sums.live.saturating_sub(session.in_tree);
        session.in_tree = own.own_live();
        self.sums.live = others.saturating_add(own.own_live());
        let allocated = own.allocated.saturating_sub(session.told_allocated);
        session.told_allocated = own.allocated;
        self.sums.allocated = self.sums.allocated.saturating_add(allocated);
        let all_copied = session.aggregate.operations.copied();
        let copied = all_copied.saturating_sub(session.told_copied);
        session.told_copied = all_copied;
        self.sums.copied = self.sums.copied.saturating_add(copied);
        self.crest(others, crest);
        for fork in forks {
            self.nursery.add(image, fork, self.now_ns);
        }
    }

    /// A process had a crest while the others held `others`.
    fn crest(&mut self, others: u64, crest: Crest) {
        let live = others.saturating_add(crest.own_live);
        self.timeline.reach(live);
        if live > self.sums.high_water {
            self.sums.high_water = live;
            self.sums.high_water_ns = crest.at_ns;
        }
    }

    /// What ended processes held is alive no more, unless no other process is left.
    fn let_closed_go(&mut self) {
        let is_ended = matches!(self.state, RunState::Ended(_));
        if is_ended || !self.sessions.iter().any(Session::is_open) {
            return;
        }
        for session in self.sessions.iter_mut().filter(|session| !session.is_open()) {
            self.sums.live = self.sums.live.saturating_sub(session.in_tree);
            session.in_tree = 0;
        }
    }

    fn look_at_memory(&mut self) {
        let now_ns = self.now_ns;
        for session in &mut self.sessions {
            session.sample(now_ns);
        }
        let resident = self.sessions.iter().map(|session| session.resident.now);
        self.sums.rss = resident.fold(0, u64::saturating_add);
        self.sums.rss_high_water = self.sums.rss_high_water.max(self.sums.rss);
        self.timeline.set_rss(self.sums.rss);
        self.timeline.advance(self.level());
    }

    const fn level(&self) -> Level {
        Level {
            at_ns: self.now_ns.saturating_sub(self.origin_ns),
            live: self.sums.live,
            allocated: self.sums.allocated,
            copied: self.sums.copied,
        }
    }

    fn flaw(&mut self, flaw: String) {
        if self.flaws.len() < MAX_NOTICES && !self.flaws.contains(&flaw) {
            self.flaws.push(flaw);
        }
    }
}
