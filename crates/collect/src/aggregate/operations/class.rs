//! What sort of operation a name stands for: what it copies, and how it goes through its operands.

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
    /// Only makes an array: the allocation tells all.
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

/// Functions that only make an array. They have no counts when they are small, and no record either
/// way: each of their allocations is a call.
const CREATION: &[&str] = &[
    "_reconstruct",
    "arange",
    "empty",
    "empty_like",
    "fromfile",
    "fromstring",
    "full",
    "full_like",
    "ones",
    "ones_like",
    "zeros",
    "zeros_like",
];

/// Functions of NumPy's core, and ufuncs of others, that do not go element by element.
const OTHERS: &[&str] = &[
    "_monotonicity",
    "_vec_string",
    "bincount",
    "buffer export",
    "can_cast",
    "compare_chararrays",
    "count_nonzero",
    "ctypes",
    "datetime_as_string",
    "det",
    "eig",
    "eigvals",
    "from_dlpack",
    "frombuffer",
    "fromiter",
    "interp",
    "interp_complex",
    "inv",
    "iteration",
    "lexsort",
    "lstsq",
    "lstsq_m",
    "lstsq_n",
    "packbits",
    "ravel_multi_index",
    "scalar",
    "slogdet",
    "solve",
    "solve1",
    "unpackbits",
    "unravel_index",
    "where",
];

/// Begin names of more of them.
const OTHER_FAMILIES: &[&str] =
    &["__", "cholesky_", "eigh_", "eigvalsh_", "fft", "ifft", "irfft", "qr_", "rfft", "svd"];

/// The class of the operation of this name.
pub(crate) fn class(name: &str) -> Class {
    if let Some(method) = name.strip_prefix("ndarray.") {
        return method_class(method);
    }
    if let Some((_, method)) = name.rsplit_once('.') {
        return match method {
            "reduce" => Class::Reduce,
            "accumulate" => Class::Accumulate,
            _ => Class::Scattered,
        };
    }
    if name.starts_with("PyArray_") {
        return Class::Interface;
    }
    match name {
        "getitem" | "take" | "compress" | "choose" => Class::Gather,
        "setitem" | "copyto" | "putmask" | "place" | "_place" | "_insert" => Class::Assign,
        "array" | "asarray" | "asanyarray" => Class::Array,
        "ascontiguousarray" | "asfortranarray" | "require" | "reshape" | "ravel" => Class::Layout,
        "concatenate" => Class::Concatenate,
        "list" => Class::List,
        "repeat" => Class::Repeat,
        "copy" => Class::Copy,
        "dot" | "vdot" | "inner" | "matmul" | "matvec" | "vecmat" | "vecdot" | "einsum"
        | "c_einsum" | "correlate" | "correlate2" => Class::Routine,
        _ if CREATION.contains(&name) => Class::Creation,
        _ if OTHERS.contains(&name) => Class::Other,
        _ if OTHER_FAMILIES.iter().any(|family| name.starts_with(family)) => Class::Other,
        _ => Class::Elementwise,
    }
}

fn method_class(method: &str) -> Class {
    match method {
        "copy" | "__copy__" | "__deepcopy__" | "byteswap" => Class::Copy,
        "astype" => Class::Astype,
        "__array__" => Class::Array,
        "flatten" => Class::Flatten,
        "ravel" | "reshape" => Class::Layout,
        "take" | "compress" | "choose" => Class::Gather,
        "repeat" => Class::Repeat,
        "put" | "setfield" => Class::Assign,
        "dot" => Class::Routine,
        "sort" | "argsort" | "partition" | "argpartition" => Class::Lanes,
        "cumsum" | "cumprod" => Class::Accumulate,
        "tobytes" | "tostring" | "__reduce__" | "__getstate__" => Class::Bytes,
        "__setstate__" => Class::FromBytes,
        "tolist" => Class::List,
        _ => Class::Other,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_an_operation_does() {
        for (name, expected) in [
            ("add", Class::Elementwise),
            ("expit", Class::Elementwise),
            ("add.reduce", Class::Reduce),
            ("add.at", Class::Scattered),
            ("matmul", Class::Routine),
            ("svd_n_f", Class::Other),
            ("zeros", Class::Creation),
            ("getitem", Class::Gather),
            ("ndarray.copy", Class::Copy),
            ("ndarray.argmax", Class::Other),
            ("ndarray.ravel", Class::Layout),
            ("PyArray_FromAny", Class::Interface),
            ("__array_interface__", Class::Other),
            ("buffer export", Class::Other),
        ] {
            assert_eq!(class(name), expected, "{name}");
        }
    }
}
