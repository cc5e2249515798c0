//! Operations are seen at their line, with their operands and figures.

use serde_json::Value;

use npprof_tests::matrix::{Pair, every_pair, on_each, one_pair};
use npprof_tests::program::Program;
use npprof_tests::report::{Report, lines_with_mark, list, number, text};

/// Side of the matrices in `programs/operations.py`.
const SIDE: u64 = 1000;
const MATRIX_BYTES: u64 = SIDE * SIDE * 8;

/// The report of the program, and where to look things up in it.
struct Seen {
    report: Report,
    program: Program,
}

impl Seen {
    fn on(pair: &Pair) -> Self {
        let program = Program::new("operations.py");
        let run = program.profiled(pair);
        assert_eq!(run.code(), 0, "{}", run.stderr());
        Self { report: run.report(), program }
    }

    /// The operations of this name at the line with this mark: one entry, or none.
    fn at(&self, mark: &str, name: &str) -> Option<&Value> {
        let path = self.program.path();
        let lines = lines_with_mark(&path, mark);
        let file = path.to_string_lossy().into_owned();
        let is_there = |id: u64| {
            self.report.sites().iter().any(|site| {
                number(site, "id") == id
                    && text(site, "file") == file
                    && lines.contains(&number(site, "line"))
            })
        };
        let mut found = self.report.operations().iter().filter(|operation| {
            text(operation, "name") == name && is_there(number(operation, "site"))
        });
        let first = found.next();
        assert!(found.next().is_none(), "{mark}: {name} stands there twice");
        first
    }

    fn one(&self, mark: &str, name: &str) -> &Value {
        let at = |operation: &Value| {
            format!("{}: {}", number(operation, "site"), text(operation, "name"))
        };
        let all = || self.report.operations().iter().map(at).collect::<Vec<_>>().join(", ");
        self.at(mark, name).unwrap_or_else(|| panic!("{mark}: no {name} among {}", all()))
    }

    /// Inner strides of the operands that an operation had, in their order.
    fn inner_strides(&self, mark: &str, name: &str) -> Vec<i64> {
        list(self.one(mark, name), "operands")
            .iter()
            .filter_map(|operand| operand["inner_stride_bytes"].as_i64())
            .collect()
    }
}

#[test]
fn single_elements_are_counted_at_their_lines() {
    on_each(every_pair(), |pair| {
        let seen = Seen::on(pair);
        for (mark, name, n) in [
            ("read_scalar", "getitem", 1000),
            ("write_scalar", "setitem", 1000),
            ("iterate", "iteration", 500),
            ("item", "ndarray.item", 1),
        ] {
            let operation = seen.one(mark, name);
            assert_eq!(number(operation, "n"), n, "{mark}");
            assert_eq!(number(operation, "n_scalars"), n, "{mark}");
            assert_eq!(number(operation, "copied_bytes"), 0, "{mark}");
        }
    });
}

#[test]
fn large_operations_have_their_operands_and_bytes() {
    on_each(every_pair(), |pair| {
        let seen = Seen::on(pair);
        let add = seen.one("add", "add");
        assert_eq!(number(add, "n"), 1);
        assert_eq!(number(add, "read_bytes"), 2 * MATRIX_BYTES);
        assert_eq!(number(add, "written_bytes"), MATRIX_BYTES);
        assert_eq!(number(add, "copied_bytes"), 0);
        assert!(number(add, "ns") > 0);
        let in_place = seen.one("add_in_place", "add");
        assert_eq!(number(in_place, "written_bytes"), MATRIX_BYTES);
        // One operand is C-contiguous, the other F-contiguous: C wins.
        let row = i64::try_from(SIDE * 8).unwrap();
        assert_eq!(seen.inner_strides("add_in_place", "add"), [8, row, 8]);
        assert_eq!(seen.inner_strides("in_place", "multiply")[0], 8);
        assert_eq!(seen.inner_strides("reduce_rows", "add.reduce")[0], 8);
        assert_eq!(seen.inner_strides("reduce_columns", "add.reduce")[0], 8);
        assert_eq!(seen.inner_strides("sort", "ndarray.sort"), [row]);
        let copy = seen.one("copy", "ndarray.copy");
        assert_eq!(number(copy, "copied_bytes"), MATRIX_BYTES);
        assert_eq!(copy["copy_reasons"]["explicit"].as_u64(), Some(MATRIX_BYTES));
    });
}

#[test]
fn subclasses_empty_arrays_and_failing_operations_are_no_trouble() {
    on_each(every_pair(), |pair| {
        let seen = Seen::on(pair);
        assert_eq!(number(seen.one("subclass", "add"), "n"), 1);
        assert_eq!(number(seen.one("no_elements", "add"), "n"), 1);
        // What raises hasn't happened.
        assert!(seen.at("fails", "add").is_none());
        assert!(seen.at("out_of_range", "getitem").is_none());
        assert_eq!(number(seen.one("deep", "add"), "n"), 1);
        assert_eq!(number(seen.one("deep", "add"), "written_bytes"), 24);
    });
}

#[test]
fn the_allocation_level_leaves_operations_out() {
    on_each(&one_pair(), |pair| {
        let program = Program::new("operations.py").with_npprof_args("--level allocations");
        let run = program.profiled(pair);
        assert_eq!(run.code(), 0, "{}", run.stderr());
        let report = run.report();
        assert!(report.operations().is_empty());
        let process = &report.processes()[0];
        let hook = process["hooks"]["operations"].as_str().unwrap_or_default().to_owned();
        assert!(hook.starts_with("off: "), "{hook}");
        assert!(number(&process["totals"], "n_allocations") > 0);
    });
}
