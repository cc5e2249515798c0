//! Operations by their names: the one list of what NumPy's operations do.
//!
//! The ledger asks what an operation copies and how it goes through its operands, patterns ask what
//! it means for the arrays that it has to do with: each has a classification of its own.

use super::operations::class::Class as Ledger;
use super::patterns::class::Class as Pattern;

/// What sort of operation a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Classes {
    pub(crate) ledger: Ledger,
    pub(crate) pattern: Pattern,
}

impl Default for Classes {
    fn default() -> Self {
        Self::of(Ledger::Other, Pattern::Other)
    }
}

impl Classes {
    const fn of(ledger: Ledger, pattern: Pattern) -> Self {
        Self { ledger, pattern }
    }
}

/// Functions of NumPy's core, and ufuncs of others, that do not go element by element and of which
/// nothing else is to be known.
const OTHERS: &[&str] = &[
    "_monotonicity",
    "_vec_string",
    "bincount",
    "busday_count",
    "busday_offset",
    "can_cast",
    "compare_chararrays",
    "count_nonzero",
    "cross",
    "datetime_as_string",
    "datetime_data",
    "det",
    "digitize",
    "eig",
    "eigvals",
    "from_dlpack",
    "frombuffer",
    "frompyfunc",
    "interp",
    "interp_complex",
    "inv",
    "is_busday",
    "lexsort",
    "lstsq",
    "lstsq_m",
    "lstsq_n",
    "may_share_memory",
    "min_scalar_type",
    "nested_iters",
    "normalize_axis_index",
    "packbits",
    "promote_types",
    "ravel_multi_index",
    "result_type",
    "scalar",
    "searchsorted",
    "set_typeDict",
    "shares_memory",
    "slogdet",
    "solve",
    "solve1",
    "unpackbits",
    "unravel_index",
];

/// Begin names of more of them.
const OTHER_FAMILIES: &[&str] =
    &["__", "_load_from", "cholesky_", "eigh_", "eigvalsh_", "qr_", "svd"];

/// Begin names of Fourier transforms.
const TRANSFORMS: &[&str] = &["fft", "ifft", "irfft", "rfft"];

/// The classes of the operation of this name.
pub(crate) fn classes(name: &str) -> Classes {
    if let Some(method) = name.strip_prefix("ndarray.") {
        return of_method(method);
    }
    if let Some((_, method)) = name.rsplit_once('.') {
        return match method {
            "reduce" => Classes::of(Ledger::Reduce, Pattern::Reduce),
            "accumulate" => Classes::of(Ledger::Accumulate, Pattern::Accumulate),
            "outer" => Classes::of(Ledger::Scattered, Pattern::Outer),
            "at" => Classes::of(Ledger::Scattered, Pattern::Write),
            _ => Classes::of(Ledger::Scattered, Pattern::Other),
        };
    }
    if name.starts_with("PyArray_") {
        return Classes::of(Ledger::Interface, Pattern::Interface);
    }
    match name {
        "getitem" => Classes::of(Ledger::Gather, Pattern::Getitem),
        "setitem" | "copyto" | "putmask" | "place" | "_place" | "_insert" => {
            Classes::of(Ledger::Assign, Pattern::Setitem)
        }
        "array" | "asarray" | "asanyarray" => Classes::of(Ledger::Array, Pattern::Array),
        "fromiter" => Classes::of(Ledger::Other, Pattern::Array),
        "ascontiguousarray" | "asfortranarray" | "require" => {
            Classes::of(Ledger::Layout, Pattern::Convert)
        }
        "concatenate" => Classes::of(Ledger::Concatenate, Pattern::Concatenate),
        "where" => Classes::of(Ledger::Other, Pattern::Where),
        "list" => Classes::of(Ledger::List, Pattern::Tolist),
        "iteration" => Classes::of(Ledger::Other, Pattern::Element),
        "dot" | "vdot" | "inner" | "matmul" | "matvec" | "vecmat" | "vecdot" => {
            Classes::of(Ledger::Routine, Pattern::Product)
        }
        "einsum" | "c_einsum" | "correlate" | "correlate2" => {
            Classes::of(Ledger::Routine, Pattern::Other)
        }
        "buffer export" | "__array_interface__" | "__array_struct__" | "__dlpack__" | "ctypes" => {
            Classes::of(Ledger::Other, Pattern::Export)
        }
        "arange" | "empty" | "empty_like" | "full" | "full_like" | "ones" | "ones_like"
        | "zeros" | "zeros_like" => Classes::of(Ledger::Creation, Pattern::Create),
        "_reconstruct" | "fromfile" | "fromstring" => Classes::of(Ledger::Creation, Pattern::Other),
        "copy" | "take" | "compress" | "choose" | "repeat" | "reshape" | "ravel" => of_method(name),
        _ if TRANSFORMS.iter().any(|family| name.starts_with(family)) => {
            Classes::of(Ledger::Other, Pattern::Transform)
        }
        _ if OTHERS.contains(&name) => Classes::default(),
        _ if OTHER_FAMILIES.iter().any(|family| name.starts_with(family)) => Classes::default(),
        _ => Classes::of(Ledger::Elementwise, Pattern::Elementwise),
    }
}

/// Those of a method of `ndarray`.
fn of_method(method: &str) -> Classes {
    match method {
        "copy" | "__copy__" | "__deepcopy__" => Classes::of(Ledger::Copy, Pattern::Copy),
        "byteswap" => Classes::of(Ledger::Copy, Pattern::Write),
        "astype" => Classes::of(Ledger::Astype, Pattern::Copy),
        "__array__" => Classes::of(Ledger::Array, Pattern::Other),
        "flatten" => Classes::of(Ledger::Flatten, Pattern::Flatten),
        "ravel" => Classes::of(Ledger::Layout, Pattern::Flatten),
        "reshape" => Classes::of(Ledger::Layout, Pattern::Reshape),
        "take" | "compress" | "choose" => Classes::of(Ledger::Gather, Pattern::Take),
        "repeat" => Classes::of(Ledger::Repeat, Pattern::Repeat),
        "put" | "setfield" => Classes::of(Ledger::Assign, Pattern::Write),
        "fill" | "setflags" | "resize" => Classes::of(Ledger::Other, Pattern::Write),
        "sort" | "partition" => Classes::of(Ledger::Lanes, Pattern::Sort),
        "argsort" | "argpartition" => Classes::of(Ledger::Lanes, Pattern::Lanes),
        "argmax" | "argmin" => Classes::of(Ledger::Other, Pattern::Lanes),
        "cumsum" | "cumprod" => Classes::of(Ledger::Accumulate, Pattern::Other),
        "dot" => Classes::of(Ledger::Routine, Pattern::Product),
        "__matmul__" => Classes::of(Ledger::Other, Pattern::Product),
        "tolist" => Classes::of(Ledger::List, Pattern::Tolist),
        "tobytes" | "tostring" => Classes::of(Ledger::Bytes, Pattern::Tobytes),
        "tofile" => Classes::of(Ledger::Other, Pattern::Tobytes),
        "item" | "itemset" | "__iter__" => Classes::of(Ledger::Other, Pattern::Element),
        "__reduce__" => Classes::of(Ledger::Bytes, Pattern::Pickle),
        "__reduce_ex__" | "dump" | "dumps" => Classes::of(Ledger::Other, Pattern::Pickle),
        "__getstate__" => Classes::of(Ledger::Bytes, Pattern::Other),
        "__setstate__" => Classes::of(Ledger::FromBytes, Pattern::Write),
        "__dlpack__" => Classes::of(Ledger::Other, Pattern::Export),
        _ => Classes::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_an_operation_does() {
        for (name, ledger, pattern) in [
            ("add", Ledger::Elementwise, Pattern::Elementwise),
            ("expit", Ledger::Elementwise, Pattern::Elementwise),
            ("add.reduce", Ledger::Reduce, Pattern::Reduce),
            ("add.at", Ledger::Scattered, Pattern::Write),
            ("subtract.outer", Ledger::Scattered, Pattern::Outer),
            ("matmul", Ledger::Routine, Pattern::Product),
            ("svd_n_f", Ledger::Other, Pattern::Other),
            ("rfft_n_even", Ledger::Other, Pattern::Transform),
            ("zeros", Ledger::Creation, Pattern::Create),
            ("getitem", Ledger::Gather, Pattern::Getitem),
            ("ndarray.copy", Ledger::Copy, Pattern::Copy),
            ("ndarray.flatten", Ledger::Flatten, Pattern::Flatten),
            ("ndarray.max", Ledger::Other, Pattern::Other),
            ("ndarray.argmax", Ledger::Other, Pattern::Lanes),
            ("ndarray.ravel", Ledger::Layout, Pattern::Flatten),
            ("PyArray_FromAny", Ledger::Interface, Pattern::Interface),
            ("__array_interface__", Ledger::Other, Pattern::Export),
            ("__unknown__", Ledger::Other, Pattern::Other),
            ("buffer export", Ledger::Other, Pattern::Export),
        ] {
            assert_eq!(classes(name), Classes::of(ledger, pattern), "{name}");
        }
    }
}
