//! Sorts of operations, as far as patterns go.

use std::sync::Arc;

use crate::define::Definitions;

/// What an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// A ufunc's call; also what isn't known, where shapes tell.
    Elementwise,
    /// A ufunc's method `outer`.
    Outer,
    Reduce,
    Accumulate,
    /// Writes where indices say: `ufunc.at`, `put`, `itemset`, `fill`.
    Write,
    /// Matrix products and what else BLAS does.
    Product,
    /// An array out of whatever it is given: `array`, `asarray`.
    Array,
    /// Copies what it is given: `copy`, `astype`.
    Copy,
    /// `ascontiguousarray` and the like: a copy only if needed.
    Convert,
    /// `flatten`, `ravel`.
    Flatten,
    Reshape,
    Getitem,
    Setitem,
    Take,
    Concatenate,
    Where,
    Repeat,
    /// `sort` and `partition`, in place.
    Sort,
    /// Goes along lanes without changing them: `argsort`, `argmax`.
    Lanes,
    Tolist,
    Tobytes,
    /// Hands memory to something that isn't NumPy.
    Export,
    /// `empty`, `zeros` and the like.
    Create,
    /// NumPy's C interface.
    Interface,
    /// A single element, or one after the other.
    Element,
    Pickle,
    /// A Fourier transform.
    Transform,
    Other,
}

/// An operation's name, and what it stands for.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub(super) text: Arc<str>,
    pub(super) class: Class,
}

impl Name {
    /// That of the operation with a number; empty if there is none.
    pub(super) fn of(number: u16, definitions: &Definitions) -> Self {
        let text = definitions.operation(number).cloned().unwrap_or_default();
        Self { text, class: definitions.operation_classes(number).pattern }
    }
}
