//! What must hold of any run whatever: the program is as it is without npprof, and its report is there.

use crate::{
    matrix::Pair,
    program::{Program, Run},
    report::Report,
    schema::violations,
};

/// npprof's summary comes after everything that the program wrote: so many lines at most, and those
/// of its findings.
pub const MAX_SUMMARY_LINES: usize = 25;

/// A program that was run bare and under npprof, and was the same.
#[derive(Debug)]
pub struct Same {
    pub bare: Run,
    pub run: Run,
    pub report: Report,
}

impl Same {
    /// Runs the program in both ways.
    ///
    /// # Panics
    ///
    /// If its output or exit status differs, or if the report is missing, is not what its schema says,
    /// or lacks something without saying why.
    pub fn on(program: &Program, pair: &Pair) -> Self {
        let (bare, run) = (program.bare(pair), program.profiled(pair));
        assert_same_output(&bare, &run);
        let report = run.report();
        assert_sound(&report);
        Self { bare, run, report }
    }
}

/// Both runs wrote the same and ended alike.
///
/// # Panics
///
/// If not.
pub fn assert_same_output(bare: &Run, run: &Run) {
    assert_eq!(run.stdout(), bare.stdout(), "standard output; stderr {}", run.stderr());
    assert_eq!(run.code(), bare.code(), "exit code; {}", run.stderr());
    let (with, without) = (without_addresses(&run.stderr()), without_addresses(&bare.stderr()));
    let Some(summary) = with.strip_prefix(without.as_str()) else {
        panic!("standard error is {with:?}, and without npprof {without:?}");
    };
    let n_own = summary.lines().filter(|line| !line.starts_with("   ")).count();
    assert!(n_own <= MAX_SUMMARY_LINES, "{summary}");
}

/// The report is what its schema says, and says why if it lacks something.
///
/// # Panics
///
/// If not.
pub fn assert_sound(report: &Report) {
    let wrong = violations(&report.0);
    assert!(wrong.is_empty(), "not what the schema says: {wrong:?}");
    let reason = &report.0["incomplete_because"];
    assert_eq!(report.0["complete"] == true, reason.is_null(), "complete, {reason}");
}

/// Text in which numbers that differ from run to run are the same: addresses, and process ids.
fn without_addresses(text: &str) -> String {
    let mut same = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("0x") {
        same.push_str(before);
        same.push_str("0x…");
        rest = after.trim_start_matches(|c: char| c.is_ascii_hexdigit());
    }
    same + rest
}
