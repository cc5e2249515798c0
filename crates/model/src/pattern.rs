//! Patterns: what the collector saw that may be worth a finding.
//!
//! One pattern a kind and call site. Whether it is large enough, and what to say about it, is
//! decided elsewhere; here are the figures.

use std::sync::Arc;

use crate::{ArrayLayout, Bytes, Nanos, Operand, SiteId, StackId};

/// A pattern at a call site, summed up over the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Where to act.
    pub site: SiteId,
    /// The stack of the largest event, where it is known.
    pub stack: Option<StackId>,
    /// What it is, with the facts of its kind.
    pub detail: Detail,
    /// How often.
    pub n: u64,
    /// The avoidable bytes, as KINDS of finding define them.
    pub bytes: Bytes,
    /// Time in the operations, if they were timed.
    pub time: Nanos,
    /// The operation, as a user knows it: `astype`, `tile`, `ndarray.copy`; empty where there is
    /// none.
    pub operation: Arc<str>,
    /// Operands of the largest event, inputs first.
    pub operands: Arc<[Operand]>,
    /// Result of the largest event.
    pub result: Option<ArrayLayout>,
    /// Other sites that have to do with it.
    pub related: Arc<[(SiteRole, SiteId)]>,
    /// What would not have been.
    pub saves: Saves,
}

/// What another site has to do with a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SiteRole {
    /// Allocated the array concerned.
    AllocatedHere,
    /// Allocated the base of the view concerned.
    Base,
    /// Wrote to the array.
    Writer,
    /// Read the array.
    Reader,
    /// Exported the data that came back.
    Exporter,
}

impl SiteRole {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::AllocatedHere, Self::Base, Self::Writer, Self::Reader, Self::Exporter];

    /// As the JSON report calls it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AllocatedHere => "allocated-here",
            Self::Base => "base",
            Self::Writer => "writer",
            Self::Reader => "reader",
            Self::Exporter => "exporter",
        }
    }
}

/// What the run would have been without it: computed from what was alive when. `None` where that
/// isn't known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saves {
    /// By how much the process's high-water mark would have been lower.
    pub high_water: Option<Bytes>,
    /// Bytes that would not have been allocated.
    pub allocated: Option<Bytes>,
    /// Bytes that would not have been copied.
    pub copied: Option<Bytes>,
    /// Time that would not have been spent.
    pub time: Option<Nanos>,
}

impl Saves {
    /// It is known that the high-water mark would be as high, and nothing else would be less.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self { high_water: Some(Bytes(0)), ..Self::default() }
    }
}

/// What an operand would have needed so that compiled code could take it as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Requirement {
    /// Dense along at least one axis.
    Contiguity,
    /// Another order of the axes.
    Order,
    /// Aligned elements.
    Alignment,
    /// The machine's byte order.
    ByteOrder,
    /// Another dtype.
    Dtype,
}

/// Kinds of objects that were seen in an array of objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named after the types")]
#[expect(clippy::struct_excessive_bools, reason = "a set")]
pub struct ObjectsSeen {
    pub floats: bool,
    pub ints: bool,
    pub bools: bool,
    pub none: bool,
    pub complex: bool,
    pub numbers: bool,
    pub missing: bool,
}

/// A temporary of a statement.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Temporary {
    /// The operation that made it.
    pub operation: Arc<str>,
    /// Its layout.
    pub layout: ArrayLayout,
    /// Its size.
    pub bytes: Bytes,
}

/// The kinds of patterns, with the facts that each is decided by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Copies of which neither side was written while both lived. `bytes` is what was copied.
    RedundantCopy,
    /// Copies because strides could not express a shape.
    LayoutCopy {
        /// The first two axes of the source that could not be merged.
        axes: Option<(usize, usize)>,
        /// Bytes of the block in which the largest source lies.
        owner: Bytes,
    },
    /// Copies, or buffering, for compiled code.
    BoundaryCopy {
        /// What was missing.
        requirement: Requirement,
        /// For whom: `dot`, `buffer`, `ufunc`, an extension module's function.
        routine: Arc<str>,
    },
    /// Gathered with an index that is an arithmetic progression.
    FancyIndexCopy {
        /// First index of the largest one.
        start: i64,
        /// Number of elements.
        count: u64,
        /// Distance.
        step: i64,
        /// Axis that it indexes.
        axis: u32,
        /// A mask.
        is_mask: bool,
    },
    /// Arrays far larger than what they are made of, or of what becomes of them.
    BroadcastBlowup {
        /// Elements of the result over those of the largest operand.
        ratio: u64,
        /// What the result was reduced to.
        reduced_to: Option<ArrayLayout>,
        /// Made by `tile`, `repeat`, `meshgrid` and the like.
        is_materialized: bool,
    },
    /// Inner loops that use a fraction of each cache line. `bytes` are useful ones.
    StridedAccess {
        /// Of the largest event.
        inner_stride: i64,
        /// Bytes of the cache lines that were touched.
        touched: Bytes,
        /// Bytes of the block concerned.
        owner: Bytes,
        /// Seconds per byte of the same operation on contiguous operands in the same run, as
        /// (bytes, time).
        contiguous: Option<(Bytes, Nanos)>,
    },
    /// Elements handled one by one in Python.
    PythonLoop {
        /// Elements read.
        reads: u64,
        /// Elements written.
        writes: u64,
        /// Calls of Python functions.
        callbacks: u64,
    },
    /// A result twice as wide as its main operand, or wider. `bytes` is the excess.
    ImplicitUpcast {
        /// Dtype of the operand with most bytes.
        from: Arc<str>,
        /// Dtype of the result.
        to: Arc<str>,
        /// What forced it: `float64 array (1024,)`, `NumPy scalar`, `division of integers`.
        forced_by: Arc<str>,
    },
    /// Arrays of Python objects that are all numbers.
    ObjectDtype {
        /// Elements of the largest one.
        n_elements: u64,
        /// What they are.
        seen: ObjectsSeen,
    },
    /// Python sequences to arrays, again and again or there and back.
    ListConversion {
        /// Scalars in the largest one.
        n_elements: u64,
        /// Array to list, list to array.
        is_round_trip: bool,
    },
    /// Temporaries of one statement that were alive together. `bytes` is the extra.
    TemporaryChain {
        /// What was alive at its worst, largest first.
        temporaries: Arc<[Temporary]>,
        /// Bytes that the statement made and left.
        surviving: Bytes,
    },
    /// An array that grows by being copied whole. `bytes` is what was written.
    QuadraticAppend {
        /// Bytes of the last one.
        last: Bytes,
        /// Axis along which it grows.
        axis: Option<u32>,
    },
    /// A block of which little was used. `bytes` is the unused part.
    OverAllocation {
        /// Bytes of the largest one.
        allocated: Bytes,
        /// Bytes of it that were used.
        used: Bytes,
        /// Elements along the first axis up to the last one used.
        high_water_index: u64,
    },
    /// Small views that keep large arrays alive. `bytes` is what nobody can reach.
    ViewPinsBase {
        /// How many bases, at most at once.
        n_bases: u64,
        /// Bytes of the views.
        viewed: Bytes,
        /// Layout of the largest base.
        base: ArrayLayout,
    },
    /// Arrays that pile up and are not read again. `bytes` is what was kept at the peak.
    MemoryGrowth {
        /// How many were alive at the peak.
        n_live: u64,
        /// Executions of the site.
        n_executions: u64,
        /// Age of the oldest at the peak.
        oldest: Nanos,
    },
}
