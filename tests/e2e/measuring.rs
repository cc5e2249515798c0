//! The scripts that measure npprof still do: a few seconds of each, where nothing but exactness can
//! fail, since no time means anything on a busy machine.

use std::process::Command;

use npprof_tests::{
    built::{npprof, repository},
    matrix::extras,
    program::{LIMIT, code_of, folder, output_within},
};

/// What a script of `scripts` prints; it has to succeed.
fn measured(script: &str, words: &str) -> String {
    let pair = extras();
    let folder = folder();
    let mut command = Command::new(&pair.python);
    command
        .arg(repository().join("scripts").join(script))
        .args(words.split_whitespace())
        .arg("--python")
        .arg(&pair.python)
        .arg("--npprof")
        .arg(npprof())
        .current_dir(folder.path())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let output = output_within(command, LIMIT);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(code_of(&output), 0, "{script}: {said}{wrong}");
    said
}

#[test]
fn a_short_soak_is_exact_and_finds_the_growth() {
    let said = measured("soak", "--minutes 0.1 --growth 300 --markdown --check");
    assert!(said.contains("| minutes | RSS bare |"), "{said}");
    assert!(said.contains("| memory-growth found | line "), "{said}");
}

#[test]
fn a_short_comparison_has_all_its_tables() {
    let said = measured("overhead", "--rounds 1 --scale 0.01 --workloads w1,r5 --markdown");
    for text in
        ["| w1_small_ops |", "| r5_network |", "| geometric mean |", "| workload | bare | npprof |"]
    {
        assert!(said.contains(text), "no {text}: {said}");
    }
}

#[test]
fn each_workload_of_a_library_computes_the_same() {
    let said = measured("overhead", "--rounds 1 --scale 0.001 --workloads r");
    let n = said.lines().filter(|line| line.starts_with('r')).count();
    // In the tables of times, of memory and of what is written; no budget is judged here.
    assert!(n >= 15 && !said.contains("left out"), "{said}");
}

#[test]
fn short_tables_of_growth_have_all_their_rows() {
    let said = measured("growth", "--smoke --markdown");
    for text in ["frames of the stack", "call sites", "processes", "lines of a function"] {
        assert!(said.contains(text), "no {text}: {said}");
    }
}
