//! Sorts of operations, as to what they copy and how they go through their operands.

use npprof_model::CopyReason;

/// A sort of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// Goes through all operands together, element by element.
    Elementwise,
    /// Reduces an array along axes.
    Reduce,
    /// Accumulates along an axis.
    Accumulate,
    /// A ufunc that does neither: by indices, on parts, or on all pairs.
    Scattered,
    /// Goes along one lane after another.
    Lanes,
    /// Only makes an array. It has no counts when it is small, and no record either way: each of its
    /// allocations is a call.
    Creation,
    /// Copies, and is meant to.
    Copy,
    /// To another dtype; a copy, if it can't be helped or isn't forbidden.
    Astype,
    /// An array of whatever it is given: `array`, `asarray`.
    Array,
    /// Gives another shape or order; copies only if no strides can express it.
    Layout,
    /// `flatten`: a copy in any case, in a given order.
    Flatten,
    /// Picks elements.
    Gather,
    Concatenate,
    Repeat,
    /// Writes arrays into parts of others.
    Assign,
    /// Linear algebra and what else wants operands of one dtype without gaps.
    Routine,
    /// To bytes.
    Bytes,
    /// From bytes.
    FromBytes,
    /// To Python objects.
    List,
    /// Of NumPy's C interface.
    Interface,
    /// Anything else.
    Other,
}

impl Class {
    /// Its allocations are counted, see [`super::Operations::made`].
    #[inline]
    pub(crate) const fn is_counted_by_allocations(self) -> bool {
        matches!(self, Self::Creation | Self::Astype | Self::Array | Self::Layout)
    }

    /// This allocation inside of it is counted. A function that only makes an array makes one.
    #[inline]
    pub(crate) const fn is_counted_by_allocation(self, is_first: bool) -> bool {
        matches!(self, Self::Creation) || (is_first && self.is_counted_by_allocations())
    }

    /// Why small operations of this class copied, of which nothing but their sums is known: bytes
    /// read and written.
    pub(crate) const fn usual_reason(self, read: u64, written: u64) -> CopyReason {
        match self {
            // What came from no array came from Python objects.
            Self::Array if read == 0 => CopyReason::Sequence,
            // To a dtype of the same size is seldom to another one.
            Self::Astype | Self::Array if read != written => CopyReason::Cast,
            Self::Layout => CopyReason::Order,
            Self::Gather => CopyReason::FancyIndex,
            Self::Concatenate => CopyReason::Concatenate,
            Self::Repeat => CopyReason::Broadcast,
            Self::Assign => CopyReason::Assign,
            Self::Routine => CopyReason::Blas,
            Self::Interface => CopyReason::Boundary,
            Self::Bytes | Self::FromBytes => CopyReason::Pickle,
            Self::List => CopyReason::Sequence,
            _ => CopyReason::Explicit,
        }
    }
}
