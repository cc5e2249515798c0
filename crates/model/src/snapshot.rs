//! The state of a run at a moment.

use std::sync::Arc;
use std::time::SystemTime;

use crate::{Bytes, CallStack, Exit, Nanos, OperationStats, Pattern, Process, Site, Totals};

/// Where a run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunState {
    /// No process has imported NumPy yet.
    #[default]
    Starting,
    /// Arrays are being watched.
    Running,
    /// The command has ended.
    Ended(Exit),
}

/// A point of a history, which covers the time from the point before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimelinePoint {
    /// End of the interval, since the start of the run.
    pub at: Nanos,
    /// Live bytes at its end.
    pub live: Bytes,
    /// Largest live bytes in it.
    pub peak: Bytes,
    /// Resident set at its end; zero when not known.
    pub rss: Bytes,
    /// Bytes allocated in it.
    pub allocated: Bytes,
    /// Bytes copied in it.
    pub copied: Bytes,
}

/// Source text that only the program had: of a notebook's cell, of generated code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceText {
    /// What stands in its place of a file name.
    pub file: Arc<str>,
    /// Its lines.
    pub text: Arc<str>,
}

/// Everything known about a run at a moment. Immutable and cheap to share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The command, as given.
    pub command: Arc<[String]>,
    /// Folder in which it was started.
    pub cwd: Arc<str>,
    /// Name of the machine.
    pub host: Arc<str>,
    /// When it was started.
    pub started: Option<SystemTime>,
    /// How long it has run, or ran.
    pub elapsed: Nanos,
    /// Where it stands.
    pub state: RunState,
    /// Why figures are incomplete, one line each; empty when they are exact.
    pub incomplete: Arc<[String]>,
    /// Sums over all processes.
    pub totals: Totals,
    /// History over all processes, at most 2,000 points.
    pub timeline: Arc<[TimelinePoint]>,
    /// Processes, in order of appearance.
    pub processes: Arc<[Process]>,
    /// Call sites, in no particular order.
    pub sites: Arc<[Site]>,
    /// Call stacks; only in full snapshots.
    pub stacks: Arc<[CallStack]>,
    /// Operations by call site and name, in no particular order.
    pub operations: Arc<[OperationStats]>,
    /// What may be worth a finding, in no particular order.
    pub patterns: Arc<[Pattern]>,
    /// Source text that no file has.
    pub sources: Arc<[SourceText]>,
}

impl Snapshot {
    /// The process in which a site is.
    #[must_use]
    pub fn process_of(&self, site: &Site) -> Option<&Process> {
        self.processes.get(site.process.0 as usize)
    }

    /// Bytes of the high-water mark of the process that reached the highest one, and that process.
    #[must_use]
    pub fn highest_process(&self) -> Option<(Bytes, &Process)> {
        self.processes
            .iter()
            .map(|process| (process.totals.high_water, process))
            .max_by_key(|&(bytes, _)| bytes)
    }
}
