//! Operations by their names.

use std::sync::Arc;

use crate::define::Definitions;

/// What an operation is, as far as patterns go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
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

pub(super) fn class(name: &str) -> Class {
    if let Some(method) = name.strip_prefix("ndarray.") {
        return method_class(method);
    }
    if let Some((_, method)) = name.rsplit_once('.') {
        return match method {
            "reduce" => Class::Reduce,
            "accumulate" => Class::Accumulate,
            "outer" => Class::Outer,
            "at" => Class::Write,
            _ => Class::Other,
        };
    }
    if name.starts_with("PyArray_") {
        return Class::Interface;
    }
    match name {
        "getitem" => Class::Getitem,
        "setitem" => Class::Setitem,
        "copyto" | "putmask" | "place" | "_place" | "_insert" => Class::Setitem,
        "iteration" => Class::Element,
        "list" => Class::Tolist,
        "array" | "asarray" | "asanyarray" | "fromiter" => Class::Array,
        "ascontiguousarray" | "asfortranarray" => Class::Convert,
        "concatenate" => Class::Concatenate,
        "where" => Class::Where,
        "dot" | "vdot" | "inner" | "matmul" | "matvec" | "vecmat" | "vecdot" => Class::Product,
        "buffer export" | "__array_interface__" | "__array_struct__" | "__dlpack__" | "ctypes" => {
            Class::Export
        }
        "empty" | "zeros" | "ones" | "full" | "empty_like" | "zeros_like" | "arange" => {
            Class::Create
        }
        "fft" | "ifft" | "rfft_n_even" | "rfft_n_odd" | "irfft" => Class::Transform,
        _ if is_function(name) => Class::Other,
        _ => Class::Elementwise,
    }
}

fn method_class(method: &str) -> Class {
    match method {
        "copy" | "__copy__" | "__deepcopy__" | "astype" => Class::Copy,
        "flatten" | "ravel" => Class::Flatten,
        "reshape" => Class::Reshape,
        "take" | "compress" | "choose" => Class::Take,
        "repeat" => Class::Repeat,
        "sort" | "partition" => Class::Sort,
        "argsort" | "argpartition" | "argmax" | "argmin" => Class::Lanes,
        "dot" | "__matmul__" => Class::Product,
        "tolist" => Class::Tolist,
        "tobytes" | "tostring" | "tofile" => Class::Tobytes,
        "item" | "itemset" | "__iter__" => Class::Element,
        "fill" | "put" | "setfield" | "setflags" | "byteswap" | "resize" | "__setstate__" => {
            Class::Write
        }
        "__reduce__" | "__reduce_ex__" | "dump" | "dumps" => Class::Pickle,
        "__dlpack__" => Class::Export,
        _ => Class::Other,
    }
}

/// Functions that aren't ufuncs, and ufuncs that don't go element by element.
fn is_function(name: &str) -> bool {
    const FUNCTIONS: &[&str] = &[
        "c_einsum",
        "frombuffer",
        "fromfile",
        "fromstring",
        "from_dlpack",
        "bincount",
        "interp",
        "interp_complex",
        "frompyfunc",
        "correlate",
        "correlate2",
        "lexsort",
        "packbits",
        "unpackbits",
        "can_cast",
        "promote_types",
        "result_type",
        "min_scalar_type",
        "may_share_memory",
        "shares_memory",
        "ravel_multi_index",
        "unravel_index",
        "count_nonzero",
        "compare_chararrays",
        "is_busday",
        "busday_offset",
        "busday_count",
        "datetime_as_string",
        "datetime_data",
        "digitize",
        "searchsorted",
        "_vec_string",
        "_monotonicity",
        "nested_iters",
        "scalar",
        "set_typeDict",
        "normalize_axis_index",
        "_reconstruct",
        "cross",
        "solve",
        "solve1",
        "inv",
        "det",
        "slogdet",
        "cholesky_lo",
        "cholesky_up",
        "eig",
        "eigvals",
        "eigh_lo",
        "eigh_up",
        "eigvalsh_lo",
        "eigvalsh_up",
        "lstsq",
        "lstsq_m",
        "lstsq_n",
        "qr_r_raw",
        "qr_reduced",
        "qr_complete",
    ];
    FUNCTIONS.contains(&name) || name.starts_with("svd") || name.starts_with("_load_from")
}

/// A name that has been looked up.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub(super) text: Arc<str>,
    pub(super) class: Class,
}

/// Names by their number.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    all: Vec<Option<Name>>,
}

impl Names {
    /// The name of an operation; an empty one for none.
    pub(super) fn get(&mut self, number: u16, definitions: &Definitions) -> Name {
        let place = usize::from(number);
        if let Some(Some(name)) = self.all.get(place) {
            return name.clone();
        }
        let Some(text) = text(definitions, number) else {
            return Name { text: "".into(), class: Class::Other };
        };
        let name = Name { class: class(&text), text };
        if self.all.len() <= place {
            self.all.resize(place + 1, None);
        }
        if let Some(to) = self.all.get_mut(place) {
            *to = Some(name.clone());
        }
        name
    }
}

pub(super) fn text(definitions: &Definitions, number: u16) -> Option<Arc<str>> {
    definitions.operation(number).map(Into::into)
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
            ("add.at", Class::Write),
            ("subtract.outer", Class::Outer),
            ("matmul", Class::Product),
            ("svd_n_f", Class::Other),
            ("rfft_n_even", Class::Transform),
            ("ndarray.flatten", Class::Flatten),
            ("ndarray.max", Class::Other),
            ("PyArray_FromAny", Class::Interface),
        ] {
            assert_eq!(class(name), expected, "{name}");
        }
    }
}
