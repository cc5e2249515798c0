//! The report's types: what other programs rely on.
//!
//! They are not the model's: the model changes as npprof does, these are only added to. A field
//! that came later than the first version has a default, so that older reports can be read; unknown
//! fields are passed over, so that newer ones can.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::finding::Finding;
use super::operation::{Operation, OperationsCut};

/// The report of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Report {
    /// Name and version of this format: `npprof-report/1`.
    pub schema: String,
    /// What wrote the report.
    pub npprof: Npprof,
    /// The command, as given.
    pub command: Vec<String>,
    /// Folder in which it was started; relative file names start here.
    pub cwd: String,
    /// Name of the machine.
    pub host: String,
    /// When it was started, as RFC 3339 has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// How long it ran.
    pub elapsed_ns: u64,
    /// How it ended.
    pub exit: Exit,
    /// False when something was dropped, not seen, or left out of this file.
    pub complete: bool,
    /// Why `complete` is false; absent when it is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incomplete_because: Option<String>,
    /// Sums over the process tree.
    pub totals: Totals,
    /// History of the process tree.
    #[serde(default)]
    pub timeline: Vec<TimelinePoint>,
    /// Processes, in order of appearance. `exec` makes a new one with the same `pid`.
    pub processes: Vec<Process>,
    /// Call stacks.
    pub stacks: Vec<Stack>,
    /// Call sites, those with most bytes at their process's high-water mark first.
    pub sites: Vec<Site>,
    /// What of the call sites was left out, to keep the file small: those that matter least in
    /// every figure. `sites` and this together give the totals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sites_cut: Option<SitesCut>,
    /// What each NumPy call did; empty when operations were not watched.
    pub operations: Vec<Operation>,
    /// What of the operations was left out, to keep the file small: those that cost least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operations_cut: Option<OperationsCut>,
    /// What to do about it, what matters most first; empty when there is nothing.
    pub findings: Vec<Finding>,
}

/// What wrote the report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Npprof {
    /// Its version.
    pub version: String,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Exit {
    /// By itself.
    Code {
        /// Its exit status.
        code: i32,
    },
    /// Killed.
    Signal {
        /// By this signal.
        signal: i32,
        /// The signal's name, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// Neither.
    State {
        /// What is known.
        state: ExitState,
    },
}

/// What is known of a process that has no exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ExitState {
    /// It was still running when the report was made.
    Running,
    /// It replaced itself by another program with `exec`.
    Replaced,
    /// It is gone, and nobody was told how.
    #[serde(other)]
    Unknown,
}

/// Sums over a process or the process tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Totals {
    /// Blocks of array data handed out.
    pub n_allocations: u64,
    /// Blocks given back.
    pub n_frees: u64,
    /// Bytes handed out.
    pub allocated_bytes: u64,
    /// Bytes given back.
    pub freed_bytes: u64,
    /// Bytes handed out and not given back at the end.
    pub live_bytes: u64,
    /// Largest number of live bytes.
    pub high_water_bytes: u64,
    /// When that was reached first, since the start of the run.
    pub high_water_at_ns: u64,
    /// Bytes of arrays made and freed within one evaluation of one line.
    pub temporary_bytes: u64,
    /// Number of such arrays.
    pub n_temporaries: u64,
    /// Bytes alive in the parent at the fork that made this process.
    #[serde(default)]
    pub inherited_bytes: u64,
    /// Blocks alive in the parent at that fork.
    #[serde(default)]
    pub n_inherited: u64,
    /// Bytes copied; zero when operations were not watched, absent from older reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copied_bytes: Option<u64>,
    /// Copies; likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_copies: Option<u64>,
    /// NumPy calls; likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_operations: Option<u64>,
    /// Time in the large ones of them; likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_ns: Option<u64>,
    /// Events that were lost.
    pub n_dropped: u64,
    /// Largest resident set that was seen; zero when not known.
    pub rss_high_water_bytes: u64,
}

/// A point of a history, which covers the time from the point before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct TimelinePoint {
    /// End of the interval, since the start of the run.
    pub at_ns: u64,
    /// Live bytes at its end.
    pub live_bytes: u64,
    /// Largest number of live bytes in it.
    #[serde(default)]
    pub peak_bytes: u64,
    /// Resident set at its end; zero when not known.
    pub rss_bytes: u64,
    /// Bytes allocated in it.
    pub allocated_bytes: u64,
    /// Bytes copied in it; zero when operations were not watched, absent from older reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copied_bytes: Option<u64>,
}

/// One image of one process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Parent's process id.
    pub parent_pid: u32,
    /// Command line.
    pub argv: Vec<String>,
    /// The interpreter's version; null when this is no Python, or none that npprof knows.
    pub python: Option<String>,
    /// NumPy's version; null when NumPy was not imported.
    pub numpy: Option<String>,
    /// Hooks: `on`, or `off: ` and the reason.
    pub hooks: BTreeMap<String, String>,
    /// What the user should know of this process.
    #[serde(default)]
    pub notices: Vec<String>,
    /// When it was first seen, since the start of the run.
    pub started_ns: u64,
    /// When it ended, since the start of the run; null when it has not.
    pub ended_ns: Option<u64>,
    /// How it ended.
    pub exit: Exit,
    /// Its sums.
    pub totals: Totals,
    /// Its history.
    pub timeline: Vec<TimelinePoint>,
    /// Its threads, in order of first allocation.
    pub threads: Vec<Thread>,
    /// What of the threads was left out, to keep the file small: those that allocated least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads_cut: Option<ThreadsCut>,
}

/// A thread that allocated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Thread {
    /// The kernel's or the threading library's number of it.
    pub id: u64,
    /// Python's name of it; empty when it has none.
    pub name: String,
    /// Blocks that it was handed out.
    pub n_allocations: u64,
    /// Their bytes.
    pub allocated_bytes: u64,
}

/// Threads that are not in the report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct ThreadsCut {
    /// How many.
    pub n_threads: u64,
    /// Blocks that they were handed out.
    pub n_allocations: u64,
    /// Their bytes.
    pub allocated_bytes: u64,
}

/// A call stack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Stack {
    /// Named by a site's stacks.
    pub id: u64,
    /// Innermost first; empty for allocations without any Python frame.
    pub frames: Vec<Frame>,
}

/// A line of a function of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Frame {
    /// As Python names it: most often an absolute path; also `<string>`.
    pub file: String,
    /// From 1; 0 when there is none.
    pub line: u32,
    /// Qualified where Python has it: from 3.11 on.
    pub function: String,
}

/// One call site of one process: the innermost user frame of its allocations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Site {
    /// Unique in the report.
    pub id: u64,
    /// As Python names it: most often an absolute path; also `<string>`.
    pub file: String,
    /// From 1; 0 when there is none.
    pub line: u32,
    /// Qualified where Python has it: from 3.11 on.
    pub function: String,
    /// The text of the line, if it was readable at the end of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The line is the user's: not NumPy's, the standard library's or another package's.
    #[serde(default = "yes")]
    pub is_user: bool,
    /// The process.
    pub pid: u32,
    /// Place in `processes`: after `exec`, several have the same `pid`.
    #[serde(default)]
    pub process: u32,
    /// When it first allocated, since the start of the run.
    #[serde(default)]
    pub first_at_ns: u64,
    /// Blocks handed out.
    pub n_allocations: u64,
    /// Of them, given back.
    pub n_frees: u64,
    /// Bytes handed out.
    pub allocated_bytes: u64,
    /// Of them, given back.
    #[serde(default)]
    pub freed_bytes: u64,
    /// Bytes alive at the end.
    pub live_bytes: u64,
    /// Bytes that were alive at the process's high-water mark.
    pub at_high_water_bytes: u64,
    /// The site's own largest live total, reached at any time.
    pub own_peak_bytes: u64,
    /// Bytes of arrays made and freed within one evaluation of the line.
    pub temporary_bytes: u64,
    /// Number of such arrays.
    pub n_temporaries: u64,
    /// Bytes copied; zero when operations were not watched, absent from older reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copied_bytes: Option<u64>,
    /// Copies; likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_copies: Option<u64>,
    /// NumPy calls; likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_operations: Option<u64>,
    /// Time in the large ones of them; likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_ns: Option<u64>,
    /// From allocation to free; absent while nothing was freed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime_ns: Option<Quantiles>,
    /// Bytes of an allocation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<Quantiles>,
    /// The most frequent layouts, most bytes at the high-water mark first.
    pub layouts: Vec<Layout>,
    /// Call stacks, most bytes first.
    pub stacks: Vec<SiteStack>,
    /// What of the call stacks was left out, to keep the file small.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stacks_cut: Option<StacksCut>,
}

fn yes() -> bool {
    true
}

/// Quantiles of a distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Quantiles {
    /// The median.
    pub p50: u64,
    /// 90 % are at most this.
    pub p90: u64,
    /// 99 % are at most this.
    pub p99: u64,
    /// The largest.
    pub max: u64,
}

/// A layout and how often it was allocated at a site.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Layout {
    /// Extents.
    pub shape: Vec<u64>,
    /// As NumPy shows it: `float64`, `<U10`, `[('x', '<f8')]`.
    pub dtype: String,
    /// `C`, `F`, `strided`; `scratch` is a block in which no array is known to lie.
    pub order: String,
    /// Bytes from an element to its neighbour along each axis.
    pub strides: Vec<i64>,
    /// Bytes of an element; zero when not known.
    #[serde(default)]
    pub itemsize: u64,
    /// Allocations.
    pub n: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What of them was alive at the process's high-water mark.
    #[serde(default)]
    pub at_high_water_bytes: u64,
}

/// What came through one call stack at a site.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct SiteStack {
    /// `id` of the stack.
    pub stack: u64,
    /// Allocations.
    pub n: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What of them is alive at the end.
    #[serde(default)]
    pub live_bytes: u64,
    /// What of them was alive at the process's high-water mark.
    pub at_high_water_bytes: u64,
}

/// Call stacks of a site that are not in the report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct StacksCut {
    /// How many.
    pub n_stacks: u64,
    /// Allocations through them.
    pub n: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What of them is alive at the end.
    pub live_bytes: u64,
    /// What of them was alive at the process's high-water mark.
    pub at_high_water_bytes: u64,
}

/// Call sites that are not in the report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct SitesCut {
    /// How many.
    pub n_sites: u64,
    /// Blocks handed out there.
    pub n_allocations: u64,
    /// Of them, given back.
    pub n_frees: u64,
    /// Bytes handed out there.
    pub allocated_bytes: u64,
    /// Of them, alive at the end.
    pub live_bytes: u64,
    /// Of them, alive at the process's high-water mark.
    pub at_high_water_bytes: u64,
    /// Bytes of temporaries.
    pub temporary_bytes: u64,
    /// Temporaries.
    pub n_temporaries: u64,
    /// Bytes copied there.
    #[serde(default)]
    pub copied_bytes: u64,
    /// Copies.
    #[serde(default)]
    pub n_copies: u64,
    /// NumPy calls.
    #[serde(default)]
    pub n_operations: u64,
    /// Time in NumPy calls.
    #[serde(default)]
    pub operation_ns: u64,
}
