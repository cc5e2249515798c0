//! Arrays that compiled code makes where no Python code runs: charged to its functions and lines.

use std::{path::Path, process::Command};

use npprof_tests::{
    built,
    count::assert_complete,
    matrix::{Pair, each_python, on_each, one_pair},
    program::Program,
    report::{lines_with_mark, number, sum, text},
    same::Same,
};
use serde_json::Value;

/// Runs the program with a library, and looks at its own lines.
#[expect(clippy::print_stderr, reason = "what could not be tested is named")]
fn run(library: &Path, pairs: &[Pair], check: fn(&Same, &Path)) {
    let program = Program::new("native.py").with_env("TEST_NATIVE", &library.display().to_string());
    on_each(pairs, |pair| {
        let ask = "import ctypes; ctypes.CDLL(None)._dl_find_object";
        let asked = Command::new(&pair.python).args(["-c", ask]).output().expect("Python runs");
        if !asked.status.success() {
            eprintln!("missing: _dl_find_object in the C library of {}", pair.name);
            return;
        }
        let same = Same::on(&program, pair);
        assert_complete(&same.report);
        for (mark, bytes) in [("before", 8_000), ("after", 16_000)] {
            let sites = same.report.sites_with_mark(&program.path(), mark);
            assert_eq!(sum(&sites, "allocated_bytes"), bytes, "{mark}");
        }
        check(&same, library);
    });
}

fn named<'a>(same: &'a Same, function: &str) -> Vec<&'a Value> {
    same.report.sites().iter().filter(|site| text(site, "function") == function).collect()
}

#[test]
fn lines_of_compiled_code() {
    run(built::native(false), &each_python(), |same, _| {
        let source = &built::native_source();
        for (mark, function, n, bytes) in [
            ("make", "make", 8, 2 * (3 * 1_000 + 1_000_000)),
            ("own", "native_large", 2, 4_000_000),
        ] {
            let sites = named(same, function);
            assert_eq!(sites.len(), 1, "{function}: {:?}", same.report.sites());
            let place = (text(sites[0], "file"), number(sites[0], "line"));
            assert_eq!(place, (source.to_str().expect("text"), lines_with_mark(source, mark)[0]));
            assert_eq!((sum(&sites, "n_allocations"), sum(&sites, "allocated_bytes")), (n, bytes));
        }
        // Two ways lead to the one line.
        let stacks = same.report.0["stacks"].as_array().expect("a list");
        for caller in ["native_small", "native_large"] {
            let leads = |stack: &&Value| {
                let frames = stack["frames"].as_array().expect("a list");
                let names: Vec<_> = frames.iter().map(|frame| text(frame, "function")).collect();
                names.windows(2).any(|two| two == ["make", caller] || two == [caller, "make"])
            };
            assert_eq!(stacks.iter().filter(leads).count(), 1, "{caller}");
        }
    });
}

#[test]
fn compiled_code_without_debug_information() {
    run(built::native(true), &one_pair(), |same, library| {
        // Of the functions that aren't exported only the addresses are left.
        let own = named(same, "native_large");
        assert_eq!(sum(&own, "allocated_bytes"), 4_000_000, "{:?}", same.report.sites());
        assert_eq!(text(own[0], "file"), library.to_str().expect("text"));
        assert_eq!(number(own[0], "line"), 0);
        let all: Vec<_> = same.report.sites().iter().collect();
        let of_library: Vec<_> = all
            .into_iter()
            .filter(|site| text(site, "file") == library.to_str().expect("text"))
            .collect();
        assert_eq!(sum(&of_library, "allocated_bytes"), 4_000_000 + 2 * 1_003_000);
        assert!(of_library.iter().any(|site| text(site, "function").starts_with("0x")));
    });
}
