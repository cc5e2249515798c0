//! Every byte that NumPy copies is at its line, with its reason.
//!
//! A copy is as large as what was written: elements at the destination, in its dtype. What merely
//! computes, selects or fills is no copy, nor is what ends in a view. Scalars and short lists that
//! NumPy's own Python code makes arrays of, such as an axis, are left out of account wherever the
//! line is not about lists.

use std::collections::BTreeMap;

use npprof_tests::{
    matrix::{Pair, every_pair, on_each},
    program::Program,
    report::{Report, number, text},
};

/// What a line of `programs/copies.py` copies.
#[derive(Clone, Copy)]
enum Copied {
    Nothing,
    /// So many bytes for each element of `table`, for this reason.
    For(&'static str, u64),
    /// So many for each element, for reasons that can be told in several ways.
    Somehow(u64),
}

use Copied::{For, Nothing, Somehow};

const LINES: &[(&str, Copied)] = &[
    ("copy_method", For("explicit", 8)),
    ("copy_to_f_order", For("explicit", 8)),
    ("copy_function", For("explicit", 8)),
    ("array", For("explicit", 8)),
    ("copy_copy", For("explicit", 8)),
    ("deepcopy", For("explicit", 8)),
    ("flatten", For("explicit", 8)),
    ("flatten_f_order", For("order", 8)),
    ("astype_same", For("explicit", 8)),
    ("copy_of_bytes", For("explicit", 8)),
    ("copy_of_broadcast", For("explicit", 8)),
    ("copy_of_flipped", For("explicit", 8)),
    ("sort_function", For("explicit", 8)),
    ("astype_other", For("cast", 4)),
    ("array_other", For("cast", 4)),
    ("asarray_other", For("cast", 4)),
    ("astype_wider", For("cast", 8)),
    ("astype_same_size", For("cast", 8)),
    ("asarray_same_size", For("cast", 8)),
    ("ascontiguousarray_other", For("cast", 4)),
    ("ravel_f_order", For("order", 8)),
    ("reshape_transposed", For("order", 8)),
    ("reshape_f_order", For("order", 8)),
    ("ascontiguousarray", For("order", 8)),
    ("asfortranarray", For("order", 8)),
    ("require", For("order", 8)),
    // Each lane goes to a dense buffer and comes back.
    ("sort_lanes", For("order", 16)),
    ("partition_lanes", For("order", 16)),
    ("sort_byte_order", For("order", 16)),
    ("index_array", For("fancy-index", 4)),
    ("mask_of_rows", For("fancy-index", 4)),
    ("mask_of_elements", For("fancy-index", 4)),
    ("take_method", For("fancy-index", 4)),
    ("take_function", For("fancy-index", 4)),
    ("compress", For("fancy-index", 4)),
    ("concatenate", For("concatenate", 16)),
    ("stack", For("concatenate", 16)),
    ("vstack", For("concatenate", 16)),
    ("hstack", For("concatenate", 16)),
    ("append", For("concatenate", 16)),
    // Written in Python, of slice assignments.
    ("insert", Somehow(16)),
    ("repeat", For("broadcast", 8)),
    ("tile", For("broadcast", 8)),
    ("setitem", For("assign", 8)),
    ("setitem_part", For("assign", 4)),
    ("setitem_broadcast", For("assign", 8)),
    ("setitem_other", Somehow(4)),
    ("setitem_index_array", Somehow(4)),
    ("copyto", For("assign", 8)),
    ("put", For("assign", 4)),
    ("putmask", Somehow(4)),
    ("putmask_nothing", Nothing),
    ("place", Somehow(4)),
    ("roll", Somehow(8)),
    ("pad", Somehow(8)),
    ("delete", Somehow(4)),
    ("dot_strided", For("blas", 4)),
    ("dot_reversed", For("blas", 8)),
    ("inner_strided", For("blas", 4)),
    ("vdot_rows_with_gaps", For("blas", 4)),
    ("ufunc_other", For("buffered", 8)),
    ("ufunc_misaligned", For("buffered", 8)),
    ("ufunc_out_byte_order", For("buffered", 8)),
    ("reduce_byte_order", For("buffered", 8)),
    ("ufunc_byte_order", For("buffered", 8)),
    ("tolist", For("list-conversion", 8)),
    ("array_of_list", For("list-conversion", 8)),
    ("asarray_of_list", For("list-conversion", 8)),
    ("array_of_arrays", For("concatenate", 16)),
    ("array_of_nested_arrays", For("concatenate", 32)),
    ("array_of_list_in_rows", For("list-conversion", 8)),
    ("tobytes", For("pickle", 8)),
    ("tobytes_f_order", For("pickle", 8)),
    ("dumps_2", For("pickle", 8)),
    ("dumps_5_strided", For("pickle", 4)),
    // Pickled through the buffer protocol; what pickle does with it, NumPy doesn't.
    ("dumps_5", Nothing),
    // The array lies in the bytes object that came from the pickle.
    ("loads", Nothing),
    ("setitem_fill", Nothing),
    ("copyto_fill", Nothing),
    ("place_fill", Nothing),
    ("take_one", Nothing),
    ("asarray_same", Nothing),
    ("ascontiguousarray_same", Nothing),
    ("astype_same_no_copy", Nothing),
    ("ravel_c_order", Nothing),
    ("reshape_view", Nothing),
    ("slice", Nothing),
    ("transposed", Nothing),
    ("flipped", Nothing),
    ("broadcast", Nothing),
    ("memoryview", Nothing),
    ("frombuffer", Nothing),
    ("dot_dense", Nothing),
    ("vdot_line_with_gaps", Nothing),
    ("dot_transposed", Nothing),
    ("matmul_dense", Nothing),
    ("matmul_rows_with_gaps", Nothing),
    ("where", Nothing),
    ("ufunc_same", Nothing),
    ("sort_rows", Nothing),
];

/// From 2.3 on, `matmul` copies what BLAS can't take; before, it does without BLAS.
fn matmul_strided(pair: &Pair) -> [(&'static str, Copied); 3] {
    let lines =
        [("matmul_strided", 4), ("matmul_strided_with_each", 16), ("matmul_strided_both", 8)];
    let has_copies = pair.numpy_minor() >= (2, 3);
    lines.map(|(mark, bytes)| (mark, if has_copies { For("blas", bytes) } else { Nothing }))
}

/// Copied bytes by reason, as the operations at the lines with the mark have them.
fn copied_at(report: &Report, program: &Program, mark: &str) -> BTreeMap<String, u64> {
    let sites = report.sites_with_mark(&program.path(), mark);
    let mut by_reason = BTreeMap::new();
    for operation in report.operations() {
        if !sites.iter().any(|site| site["id"] == operation["site"]) {
            continue;
        }
        let mut sum = 0;
        let reasons = operation["copy_reasons"].as_object().expect("bytes by reason");
        for (reason, bytes) in reasons {
            let bytes = bytes.as_u64().expect("bytes");
            sum += bytes;
            *by_reason.entry(reason.clone()).or_default() += bytes;
        }
        assert_eq!(sum, number(operation, "copied_bytes"), "{mark}: {}", text(operation, "name"));
    }
    by_reason.retain(|_, bytes| *bytes > 0);
    by_reason
}

/// What differs from what the line copies.
fn difference(mut said: BTreeMap<String, u64>, expected: Copied, n: u64) -> Option<String> {
    if !matches!(expected, For("list-conversion", _)) {
        said.remove("list-conversion");
    }
    // `pad` also copies the array that it made of its width.
    if said.get("explicit").is_some_and(|&bytes| bytes <= 64) {
        said.remove("explicit");
    }
    let is_as_expected = match expected {
        Nothing => said.is_empty(),
        For(reason, bytes) => said.len() == 1 && said.get(reason) == Some(&(bytes * n)),
        Somehow(bytes) => said.values().sum::<u64>() == bytes * n,
    };
    let expected = match expected {
        Nothing => "nothing".to_owned(),
        For(reason, bytes) => format!("{} B, {reason}", bytes * n),
        Somehow(bytes) => format!("{} B", bytes * n),
    };
    (!is_as_expected).then(|| format!("{said:?} instead of {expected}"))
}

fn check(n: u64) {
    on_each(every_pair(), |pair| {
        let program = Program::new(&format!("copies.py {n}"));
        let run = program.profiled(pair);
        assert_eq!(run.code(), 0, "{}", run.stderr());
        let report = run.report();
        let wrong: Vec<String> = LINES
            .iter()
            .chain(&matmul_strided(pair))
            .filter_map(|&(mark, expected)| {
                let said = copied_at(&report, &program, mark);
                Some(format!("{mark}: {}", difference(said, expected, n)?))
            })
            .collect();
        assert!(wrong.is_empty(), "{} lines: {}", wrong.len(), wrong.join("; "));
    });
}

#[test]
fn small_copies_are_counted_to_the_byte() {
    check(1_000);
}

#[test]
fn large_copies_are_counted_to_the_byte() {
    check(1_000_000);
}

/// Casts at the lines of `programs/small_casts.py`: the mark, the dtypes, and bytes that one of them
/// reads and copies.
const SMALL_CASTS: &[(&str, &str, u64, u64)] = &[
    ("narrower", "float64→float32", 80, 40),
    ("with_gaps", "float64→float32", 80, 40),
    ("of_one_element", "float64→float32", 8, 40),
    ("foreign", ">f8→float32", 80, 40),
    ("part_of_large", "float64→float32", 80, 40),
    ("of_a_class", "float64→float32", 80, 40),
    ("to_objects", "float64→object", 80, 80),
    ("to_several", "float64→float32", 80, 40),
    ("to_several", "float64→int16", 80, 20),
];

#[test]
fn small_casts_are_told_with_their_dtypes_however_they_are_counted() {
    on_each(every_pair(), |pair| {
        let program = Program::new("small_casts.py");
        let run = program.profiled(pair);
        assert_eq!(run.code(), 0, "{}", run.stderr());
        let report = run.report();
        let told = |mark: &str, name: &str| {
            let sites = report.sites_with_mark(&program.path(), mark);
            let is_at = |operation: &&serde_json::Value| {
                text(operation, "name") == name
                    && sites.iter().any(|site| site["id"] == operation["site"])
            };
            let told: Vec<_> = report.operations().iter().filter(is_at).collect();
            assert_eq!(told.len(), 1, "{mark}: {name}");
            let figures = ["n", "n_copies", "read_bytes", "written_bytes", "copied_bytes"];
            figures.map(|figure| number(told[0], figure))
        };
        for &(mark, dtypes, read, copied) in SMALL_CASTS {
            let name = format!("astype({dtypes})");
            let expected = [100, 100, 100 * read, 100 * copied, 100 * copied];
            assert_eq!(told(mark, &name), expected, "{mark}");
        }
        let same = [100, 100, 8000, 8000, 8000];
        assert_eq!(told("to_several", "ndarray.astype"), same);
        assert_eq!(told("empty", "ndarray.astype"), [100, 0, 0, 0, 0]);
    });
}
