//! The program is the same with npprof and without: output, exit code, allocations, high-water mark.

use npprof_tests::{
    matrix::{each_python, every_pair, on_each, one_pair},
    program::{Program, Run},
    report::number,
};

/// npprof's summary comes after everything that the program wrote.
const MAX_SUMMARY_LINES: usize = 25;

fn assert_same_output(bare: &Run, run: &Run) {
    assert_eq!(run.stdout(), bare.stdout(), "standard output");
    assert_eq!(run.code(), bare.code(), "exit code");
    let (with, without) = (run.stderr(), bare.stderr());
    let Some(summary) = with.strip_prefix(without.as_str()) else {
        panic!("standard error is {with:?}, and without npprof {without:?}");
    };
    assert!(summary.lines().count() <= MAX_SUMMARY_LINES, "{summary}");
}

#[test]
fn output_warnings_and_exit_code_stay() {
    on_each(&each_python(), |pair| {
        for how in ["return", "code", "raise"] {
            let program = Program::new(&format!("talk.py {how} --flag"));
            assert_same_output(&program.bare(pair), &program.profiled(pair));
        }
    });
}

#[test]
fn interpreter_options_stay() {
    on_each(&each_python(), |pair| {
        for options in ["-I", "-S -E", "-W error::UserWarning", "-X dev", "-O"] {
            // Without `site`, a virtual environment's NumPy is out of reach: the failure must stay.
            let program = Program::new("talk.py return").with_python_args(options);
            let (bare, run) = (program.bare(pair), program.profiled(pair));
            assert_same_output(&bare, &run);
        }
    });
}

#[test]
fn numpy_allocates_the_same_with_npprof_and_without() {
    on_each(every_pair(), |pair| {
        for name in ["elision.py", "calls.py", "blocks.py", "subclasses.py", "handler.py"] {
            let program = Program::new(name);
            let (bare, run) = (program.bare(pair), program.profiled(pair));
            let (without, with) = (bare.counted_once(), run.counted_once());
            assert_eq!(with.counts, without.counts, "{name}");
            assert_eq!(with.charges, without.charges, "{name}");
        }
    });
}

#[test]
fn a_temporary_is_reused_as_without_npprof() {
    on_each(every_pair(), |pair| {
        let program = Program::new("elision.py");
        let (bare, run) = (program.bare(pair), program.profiled(pair));
        let high_water = |run: &Run| number(&run.counted_once().counts, "high_water");
        assert_eq!(high_water(&run), high_water(&bare));
        // `a` and one temporary, beside the scalars; two temporaries would be 24 MB.
        assert_eq!(high_water(&bare) / 1_000_000, 16);
    });
}

#[test]
fn tracemalloc_sees_the_same_peak() {
    on_each(&each_python(), |pair| {
        let program = Program::new("trace.py").with_python_args("-X tracemalloc");
        let (bare, run) =
            (program.bare(pair).counted_once(), program.profiled(pair).counted_once());
        assert_eq!(run.facts, bare.facts);
        assert_eq!(bare.facts["peak_mb"], 8);
    });
}

#[test]
fn standard_input_reaches_the_program() {
    on_each(&one_pair(), |pair| {
        let program = Program::new("talk.py return");
        let run = program.profiled_in_shell(pair, r#"echo spoken | "$0" "$@""#);
        assert!(run.stdout().contains("line spoken\n"), "{}", run.stdout());
    });
}
