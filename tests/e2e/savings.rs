//! What a finding says would be saved is what the mended program saves.

use serde_json::Value;

use npprof_tests::matrix::{on_each, one_pair};
use npprof_tests::program::Program;
use npprof_tests::report::{Report, lines_with_mark, number, text};

/// Functions of `savings.py`, the kind that is found in each, and the figures that are predicted.
const CASES: [(&str, &str, &[&str]); 15] = [
    ("redundant_copy", "redundant-copy", BOTH),
    ("layout_copy", "layout-copy", BOTH),
    ("boundary_copy", "boundary-copy", BOTH),
    ("fancy_index_copy", "fancy-index-copy", BOTH),
    ("broadcast_blowup", "broadcast-blowup", BOTH),
    ("materialized", "broadcast-blowup", BOTH),
    ("vectorize", "python-loop", BOTH),
    ("implicit_upcast", "implicit-upcast", BOTH),
    ("object_dtype", "object-dtype", &[HIGH_WATER]),
    ("list_conversion", "list-conversion", &[ALLOCATED]),
    ("temporary_chain", "temporary-chain", &[HIGH_WATER]),
    ("quadratic_append", "quadratic-append", BOTH),
    ("over_allocation", "over-allocation", BOTH),
    ("view_pins_base", "view-pins-base", &[HIGH_WATER]),
    ("memory_growth", "memory-growth", &[HIGH_WATER]),
];
const HIGH_WATER: &str = "high_water_bytes";
const ALLOCATED: &str = "allocated_bytes";
const BOTH: &[&str] = &[HIGH_WATER, ALLOCATED];

/// A tenth of it may be missing; up to a fiftieth of the whole is nothing.
fn is_near(predicted: u64, measured: i64, whole: u64) -> bool {
    let apart = measured.abs_diff(predicted.cast_signed());
    apart <= (measured.unsigned_abs() / 10).max(whole / 50)
}

fn predicted(report: &Report, kind: &str, lines: &[u64], figure: &str) -> Option<u64> {
    let is_it = |finding: &&Value| {
        text(finding, "kind") == kind && lines.contains(&number(&finding["site"], "line"))
    };
    let figures = report.findings().iter().filter(is_it);
    figures.map(|finding| finding["saves"][figure].as_u64()).reduce(Option::or).flatten()
}

#[test]
fn what_is_predicted_is_what_the_mended_program_saves() {
    on_each(&one_pair(), |pair| {
        for (function, kind, figures) in CASES {
            let program = Program::new(&format!("savings.py {function}"));
            let lines = lines_with_mark(&program.path(), kind);
            let (run, mended) = (
                program.profiled(pair),
                Program::new(&format!("savings.py {function} fixed")).profiled(pair),
            );
            assert_eq!(run.code(), 0, "{}", run.stderr());
            assert_eq!(run.stdout(), mended.stdout(), "{function}");
            let (before, after) = (run.report(), mended.report());
            for figure in figures {
                let total = |report: &Report| number(&report.processes()[0]["totals"], figure);
                let measured = total(&before).cast_signed() - total(&after).cast_signed();
                let predicted = predicted(&before, kind, &lines, figure)
                    .unwrap_or_else(|| panic!("{function}: no {figure}"));
                assert!(
                    is_near(predicted, measured, total(&before)),
                    "{function}: {figure} predicted {predicted}, measured {measured}"
                );
            }
        }
    });
}
