//! Libraries that people use on top of NumPy, counted to the byte.

use npprof_tests::{
    count::{Until, assert_exact},
    matrix::extras,
    program::Program,
    report::{sum, text},
};

/// The part of `real.py` with this name prints what it prints without npprof, and is exact.
fn check(name: &str) {
    let pair = extras();
    let program = Program::new(&format!("real.py {name}"));
    let (bare, run) = (program.bare(&pair), program.profiled(&pair));
    assert_eq!(bare.code(), 0, "bare; {}", bare.stderr());
    assert_eq!(run.code(), 0, "{}", run.stderr());
    assert_eq!(run.stdout(), bare.stdout());
    let report = run.report();
    let main = run.counted().into_iter().max_by_key(|one| one.total("allocated"));
    assert_exact(&report, &program.path(), &main.expect("a count"), Until::TheEnd);
}

#[test]
fn a_random_forest_in_two_threads() {
    check("forest");
}

#[test]
fn principal_components_and_k_means() {
    check("decomposition");
}

#[test]
fn pandas_groups_merges_and_pivots() {
    check("pandas");
}

#[test]
fn scipy_transforms_filters_and_multiplies() {
    check("scipy");
}

#[test]
fn matplotlib_draws() {
    check("matplotlib");
}

#[test]
fn a_web_server_keeps_arrays() {
    check("server");
}

#[test]
fn numpys_own_linear_algebra() {
    check("linear_algebra");
}

#[test]
fn workers_of_loky_are_in_the_report() {
    let pair = extras();
    let program = Program::new("real.py loky");
    let work = Program::new("loky_work.py");
    let run = program.profiled(&pair);
    assert_eq!(run.code(), 0, "{}", run.stderr());
    assert_eq!(run.stdout(), "286\n");
    let report = run.report();
    let workers = run.counted();
    for one in &workers {
        report.process(one.pid);
    }
    let sites = report.sites_with_mark(&work.path(), "work");
    let allocated: u64 = (1..13_u64).map(|n| 8 * n).sum();
    assert!(sites.iter().all(|site| text(site, "file").ends_with("/loky_work.py")));
    assert_eq!(sum(&sites, "n_allocations"), 12);
    assert_eq!(sum(&sites, "allocated_bytes"), allocated);
}
