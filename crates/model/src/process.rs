//! Processes and threads of a run.

use std::sync::Arc;

use crate::{Bytes, Exit, Nanos, TimelinePoint};

/// Sums over a process, a thread or the whole process tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Blocks handed out, a `realloc` of a block counting as one more.
    pub n_allocations: u64,
    /// Blocks given back, a `realloc` of a block counting as one more.
    pub n_frees: u64,
    /// Bytes handed out.
    pub allocated: Bytes,
    /// Bytes given back.
    pub freed: Bytes,
    /// Bytes handed out and not given back; a forked child begins with what it inherited.
    pub live: Bytes,
    /// Largest value of `live`. Of the tree: exact for one process, to the collector's tick
    /// (milliseconds) for several, inherited bytes counted once.
    pub high_water: Bytes,
    /// When `high_water` was first reached, since the start of the run.
    pub high_water_at: Nanos,
    /// Bytes of arrays made and freed within one evaluation of one line, without a name.
    pub temporary: Bytes,
    /// Number of such arrays.
    pub n_temporaries: u64,
    /// Bytes copied from one array to another.
    pub copied: Bytes,
    /// Number of such copies.
    pub n_copies: u64,
    /// NumPy operations.
    pub n_operations: u64,
    /// Time in the large ones of them, nested ones counted once.
    pub operation_time: Nanos,
    /// Bytes alive in the parent at the fork that made this process.
    pub inherited: Bytes,
    /// Blocks alive in the parent at that fork.
    pub n_inherited: u64,
    /// Events lost: the stream was lossy, or the program went on without the collector.
    pub n_dropped: u64,
    /// Largest resident set that was seen.
    pub rss_high_water: Bytes,
    /// Resident set now; zero after the end.
    pub rss: Bytes,
}

/// Whether a hook is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookState {
    /// It is.
    On,
    /// It is not, for this reason.
    Off(Arc<str>),
}

/// A hook and its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// `allocator`, `layout`, `stacks`, `operations`.
    pub name: Arc<str>,
    /// Whether it is in.
    pub state: HookState,
}

/// A thread that allocated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// The kernel's or the threading library's number of it.
    pub native_id: u64,
    /// Python's name of it; empty when it has none.
    pub name: Arc<str>,
    /// Its share of the process's sums: allocations only.
    pub n_allocations: u64,
    /// Bytes that it allocated.
    pub allocated: Bytes,
}

/// One image of one process: `exec` makes another one under the same process id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Parent's process id.
    pub parent_pid: u32,
    /// Command line.
    pub argv: Arc<[String]>,
    /// The interpreter's version; `None` when this is no Python, or none that npprof knows.
    pub python: Option<Arc<str>>,
    /// NumPy's version; `None` while NumPy has not been imported.
    pub numpy: Option<Arc<str>>,
    /// Hooks and their state.
    pub hooks: Arc<[Hook]>,
    /// What the user should know of this process, one line each.
    pub notices: Arc<[String]>,
    /// When it was first seen, since the start of the run.
    pub started: Nanos,
    /// When it ended, since the start of the run.
    pub ended: Option<Nanos>,
    /// How it ended.
    pub exit: Exit,
    /// Its sums.
    pub totals: Totals,
    /// Its history.
    pub timeline: Arc<[TimelinePoint]>,
    /// Its threads, in order of first allocation.
    pub threads: Arc<[Thread]>,
}
