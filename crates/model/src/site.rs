//! Call sites: what each line of the program did.

use std::sync::Arc;

use crate::{ArrayLayout, Bytes, Nanos, ProcessIndex, SiteId, StackId};

/// A line of a function of a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    /// As the code object names it, most often an absolute path; also `<string>`.
    pub file: Arc<str>,
    /// Line from 1; 0 when there is none.
    pub line: u32,
    /// Qualified name where Python has it (from 3.11 on).
    pub function: Arc<str>,
}

/// A call stack, innermost frame first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallStack {
    /// Named by [`StackCount::stack`].
    pub id: StackId,
    /// Frames, innermost first; empty for allocations without any Python frame.
    pub frames: Arc<[Frame]>,
}

/// Quantiles of a distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// How often a layout was allocated at a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayoutCount {
    /// The layout.
    pub layout: ArrayLayout,
    /// Allocations.
    pub n: u64,
    /// Their bytes.
    pub bytes: Bytes,
    /// What of them was alive at the process's high-water mark.
    pub at_high_water: Bytes,
}

/// What came through one call stack at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StackCount {
    /// The stack, see [`crate::Snapshot::stacks`].
    pub stack: StackId,
    /// Allocations.
    pub n: u64,
    /// Their bytes.
    pub bytes: Bytes,
    /// What of them is alive.
    pub live: Bytes,
    /// What of them was alive at the process's high-water mark.
    pub at_high_water: Bytes,
}

/// How many values of a distribution lie between two powers of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// Values from this one, zero or a power of two, to below twice as much; zero is alone.
    pub least: u64,
    /// How many.
    pub n: u64,
}

/// What only full snapshots tell of a site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteDetail {
    /// Bytes of its allocations, smallest first.
    pub sizes: Arc<[Bucket]>,
    /// Nanoseconds from allocation to free, shortest first.
    pub lifetimes: Arc<[Bucket]>,
    /// When the oldest of its blocks that are alive was allocated, since the start of the run.
    pub oldest: Option<Nanos>,
}

/// One call site of one process: the innermost user frame of its allocations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Stable over the run.
    pub id: SiteId,
    /// The process.
    pub process: ProcessIndex,
    /// Where it is.
    pub frame: Frame,
    /// The frame is the user's: not NumPy's, the standard library's or another package's. Where a
    /// stack has no frame of the user, the site is its innermost frame.
    pub is_user: bool,
    /// Allocations.
    pub n_allocations: u64,
    /// Frees of what was allocated here.
    pub n_frees: u64,
    /// Bytes allocated.
    pub allocated: Bytes,
    /// Of them, bytes freed.
    pub freed: Bytes,
    /// Bytes alive.
    pub live: Bytes,
    /// Bytes that were alive at the process's high-water mark.
    pub at_high_water: Bytes,
    /// The site's own largest live total.
    pub own_peak: Bytes,
    /// Bytes in temporaries.
    pub temporary: Bytes,
    /// Temporaries.
    pub n_temporaries: u64,
    /// Bytes copied from one array to another.
    pub copied: Bytes,
    /// Number of such copies.
    pub n_copies: u64,
    /// NumPy operations.
    pub n_operations: u64,
    /// Time in the large ones of them, nested ones counted once.
    pub operation_time: Nanos,
    /// Time from allocation to free, in nanoseconds; `None` while nothing was freed. Small arrays
    /// are timed at the collector's tick, about a millisecond.
    pub lifetime: Option<Quantiles>,
    /// Bytes of an allocation.
    pub size: Option<Quantiles>,
    /// The most frequent layouts, most bytes at the high-water mark first, then most bytes.
    pub layouts: Arc<[LayoutCount]>,
    /// Call stacks, most bytes first; only in full snapshots.
    pub stacks: Arc<[StackCount]>,
    /// When it first allocated, since the start of the run.
    pub first_at: Nanos,
    /// More about it; only in full snapshots.
    pub detail: Option<Arc<SiteDetail>>,
}
