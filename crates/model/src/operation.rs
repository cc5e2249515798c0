//! Operations: what NumPy did, with which arrays, and what it copied.

use std::sync::Arc;

use crate::{ArrayLayout, Bytes, Nanos, SiteId};

/// Why bytes were copied from one array to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CopyReason {
    /// The program asked for it: `copy`, `np.array(a)`, `flatten`.
    Explicit,
    /// Another dtype.
    Cast,
    /// Another order of the elements in memory: `ravel` and `reshape` of what is no view,
    /// `ascontiguousarray`.
    Order,
    /// Indexing with arrays, lists or masks; `take`, `compress`.
    FancyIndex,
    /// `concatenate`, `stack`, `append`, `insert`.
    Concatenate,
    /// `repeat`, `tile`.
    Broadcast,
    /// Assignment of an array to a part of another.
    Assign,
    /// For a linear-algebra routine, which needs another layout.
    Blas,
    /// For other compiled code, through NumPy's C interface.
    Boundary,
    /// Through the cast buffer of a ufunc: misaligned, of the other byte order, of another dtype.
    Buffered,
    /// To bytes or from them: `tobytes`, pickling.
    Pickle,
    /// From Python objects or to them: `np.array(list)`, `tolist`.
    Sequence,
}

impl CopyReason {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Explicit,
        Self::Cast,
        Self::Order,
        Self::FancyIndex,
        Self::Concatenate,
        Self::Broadcast,
        Self::Assign,
        Self::Blas,
        Self::Boundary,
        Self::Buffered,
        Self::Pickle,
        Self::Sequence,
    ];

    /// As the JSON report calls it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Explicit => "explicit",
            Self::Cast => "cast",
            Self::Order => "order",
            Self::FancyIndex => "fancy-index",
            Self::Concatenate => "concatenate",
            Self::Broadcast => "broadcast",
            Self::Assign => "assign",
            Self::Blas => "blas",
            Self::Boundary => "boundary",
            Self::Buffered => "buffered",
            Self::Pickle => "pickle",
            Self::Sequence => "list-conversion",
        }
    }
}

/// An array as an operation saw it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Operand {
    /// Its layout.
    pub layout: ArrayLayout,
    /// What it is to the operation.
    pub role: OperandRole,
    /// Bytes from one element to the next in the innermost loop, after NumPy has put the axes into
    /// order and merged them; `None` where there is no such loop.
    pub inner_stride: Option<i64>,
}

/// What an operand is to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperandRole {
    /// Read.
    Input,
    /// An array of the caller's that was written.
    Output,
    /// Given back.
    Result,
    /// Says which elements are meant.
    Index,
}

/// How often an operand was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperandCount {
    /// The operand.
    pub operand: Operand,
    /// How often.
    pub n: u64,
}

/// What one operation did at one call site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationStats {
    /// The call site.
    pub site: SiteId,
    /// As a user knows it: `add`, `add.reduce`, `ndarray.copy`, `astype(float64→float32)`.
    pub name: Arc<str>,
    /// How often.
    pub n: u64,
    /// Time in the large ones; small ones are not timed.
    pub time: Nanos,
    /// How many were timed.
    pub n_timed: u64,
    /// Bytes of its inputs, elements that are read several times counted once.
    pub read: Bytes,
    /// Bytes of its outputs and results.
    pub written: Bytes,
    /// Bytes read and written by those that were timed.
    pub timed: Bytes,
    /// Bytes copied from one array to another.
    pub copied: Bytes,
    /// Number of such copies.
    pub n_copies: u64,
    /// Copied bytes by reason, most first.
    pub copy_reasons: Arc<[(CopyReason, Bytes)]>,
    /// Bytes of arrays that were made and freed inside of it.
    pub hidden_temporary: Bytes,
    /// Single elements that went to Python or came from it.
    pub n_scalars: u64,
    /// The most frequent operands of the large ones.
    pub operands: Arc<[OperandCount]>,
}
