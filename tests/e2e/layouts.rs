//! Every allocation carries the shape, dtype, order and strides of its array.

use npprof_tests::{
    matrix::{every_pair, on_each},
    program::Program,
    report::Layout,
};

/// `shape dtype order strides n×bytes`, as one line for each layout.
fn describe(layouts: &[Layout]) -> Vec<String> {
    layouts
        .iter()
        .map(|Layout { shape, dtype, order, strides, n, bytes }| {
            format!("{shape:?} {dtype} {order} {strides:?} {n}×{bytes}")
        })
        .collect()
}

#[test]
fn a_site_has_the_layout_of_its_arrays() {
    let expected = [
        ("c_order", "[3, 4] float64 C [32, 8] 1×96"),
        ("f_order", "[3, 4] float64 F [8, 24] 1×96"),
        ("int16", "[2, 3, 5] int16 C [30, 10, 2] 1×60"),
        ("text", "[2] <U10 C [40] 1×80"),
        ("bytes", "[3] S7 C [7] 1×21"),
        ("bool", "[9] bool C [1] 1×9"),
        ("complex", "[2, 2] complex128 C [32, 16] 1×64"),
        ("half", "[11] float16 C [2] 1×22"),
        ("big_endian", "[5] >i4 C [4] 1×20"),
        ("datetime", "[4] datetime64[ns] C [8] 1×32"),
        ("void", "[3] V5 C [5] 1×15"),
        ("object", "[6] object C [8] 1×48"),
        ("zero_d", "[] float64 C [] 1×8"),
        ("cube", "[2, 3, 4] float64 C [96, 32, 8] 1×192"),
        ("permuted", "[3, 2, 4] float64 strided [32, 96, 8] 1×192"),
        ("flipped", "[4, 3] float64 F [8, 32] 1×96"),
        ("joined", "[6, 4] float64 C [32, 8] 1×192"),
        ("wide", "[1000, 1000] float64 C [8000, 8] 1×8000000"),
    ];
    on_each(every_pair(), |pair| {
        let program = Program::new("layouts.py");
        let run = program.profiled(pair);
        let report = run.report();
        let mut wrong = Vec::new();
        for (mark, layout) in expected {
            let said = describe(&report.layouts_with_mark(&program.path(), mark));
            if said != [layout] {
                wrong.push(format!("{mark}: {said:?} instead of {layout:?}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("; "));
        let facts = run.counted_once().facts;
        assert_eq!(facts["permuted_strides"], serde_json::json!([32, 96, 8]));
        assert_eq!(facts["wide_bytes"], 8_000_000);
    });
}

#[test]
fn an_empty_array_is_told_by_its_shape() {
    on_each(every_pair(), |pair| {
        let program = Program::new("layouts.py");
        let layouts =
            program.profiled(pair).report().layouts_with_mark(&program.path(), "zero_size");
        let [layout] = &layouts[..] else { panic!("{layouts:?}") };
        assert_eq!((&layout.shape[..], &layout.dtype[..], layout.n), (&[0, 5][..], "float64", 1));
    });
}

#[test]
fn a_structured_dtype_names_its_fields() {
    on_each(every_pair(), |pair| {
        let program = Program::new("layouts.py");
        let layouts =
            program.profiled(pair).report().layouts_with_mark(&program.path(), "structured");
        let [layout] = &layouts[..] else { panic!("{layouts:?}") };
        assert_eq!((&layout.shape[..], layout.bytes), (&[7][..], 84));
        assert_eq!(layout.dtype, "[('x', int32), ('y', float64)]");
    });
}

#[test]
fn an_array_of_many_dimensions_keeps_all_of_them() {
    on_each(every_pair(), |pair| {
        let program = Program::new("layouts.py");
        let layouts = program.profiled(pair).report().layouts_with_mark(&program.path(), "deep");
        let [layout] = &layouts[..] else { panic!("{layouts:?}") };
        assert_eq!(layout.shape.len(), 21, "{layout:?}");
        assert_eq!((layout.shape[20], layout.bytes), (3, 24));
    });
}

#[test]
fn a_block_that_is_no_array_is_scratch() {
    on_each(every_pair(), |pair| {
        let program = Program::new("blocks.py");
        let report = program.profiled(pair).report();
        // A stable sort of integers is a radix sort or a merge sort, with a buffer in both cases;
        // `sort` works in place, so there is nothing else on its line.
        for layout in report.layouts_with_mark(&program.path(), "sort") {
            assert_eq!(layout.order, "scratch", "{layout:?}");
        }
        let told = describe(&report.layouts_with_mark(&program.path(), "noise"));
        assert!(told.contains(&"[20000] int64 C [8] 2×320000".to_owned()), "{told:?}");
    });
}

#[test]
fn subclasses_have_layouts_as_well() {
    let expected = [
        ("plain", "[5, 6] float64 C [48, 8] 1×240"),
        ("tagged", "[40] int32 C [4] "),
        ("matrix_product", "[2, 2] float64 C [16, 8] 1×32"),
        ("memmap_sum", "[1000] float64 C [8] 1×8000"),
        ("records_column", "[4] int64 C [8] 1×32"),
    ];
    on_each(every_pair(), |pair| {
        let program = Program::new("subclasses.py");
        let report = program.profiled(pair).report();
        for (mark, layout) in expected {
            let told = describe(&report.layouts_with_mark(&program.path(), mark));
            assert!(told.iter().any(|told| told.starts_with(layout)), "{mark}: {told:?}");
        }
        // What is mapped from a file is no allocation.
        for layout in report.layouts_with_mark(&program.path(), "memmap") {
            assert_ne!(layout.bytes, 8000, "{layout:?}");
        }
    });
}
