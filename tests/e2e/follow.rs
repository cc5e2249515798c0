//! `--no-follow`: a profiled process's children are as they are without npprof.

use npprof_tests::{
    built,
    count::{Until, assert_exact},
    matrix::{each_python, on_each, one_pair, some_pythons},
    program::{LIMIT, Program, Run, code_of, folder, npprof_run, output_within, prepare},
    report::Report,
    same::{Same, assert_sound},
};
use serde_json::Value;

/// Only the process that knows this fact is in the report; its own figures are exact, and nothing is
/// missing.
fn assert_alone(
    run: &Run,
    report: &Report,
    program: &Program,
    fact: (&str, impl Fn(&Value) -> bool),
) {
    let processes = report.processes();
    assert_eq!(processes.len(), 1, "{processes:?}");
    let counted = run.counted();
    assert!(counted.len() > 1, "the children counted, too");
    let own = counted.iter().find(|one| fact.1(&one.facts[fact.0])).expect("the first process");
    assert_eq!(processes[0]["pid"], own.pid);
    assert_eq!(report.0["complete"], true, "{}", report.0["incomplete_because"]);
    assert_exact(report, &program.path(), own, Until::TheEnd);
}

#[test]
fn workers_are_left_alone() {
    for method in ["fork", "spawn", "forkserver"] {
        let program = Program::new(&format!("multi.py {method}")).with_npprof_args("--no-follow");
        on_each(&some_pythons(), |pair| {
            let same = Same::on(&program, pair);
            assert_eq!(same.run.code(), 0, "{}", same.run.stderr());
            assert_alone(&same.run, &same.report, &program, ("children", Value::is_array));
        });
    }
}

#[test]
fn other_programs_are_left_alone() {
    let program = Program::new("tree.py 2").with_npprof_args("--no-follow");
    on_each(&each_python(), |pair| {
        // Through a shell, which is no Python and so is not where it ends.
        let run = program.profiled_in_shell(pair, "\"$0\" \"$@\"");
        assert_eq!(run.code(), 2, "its depth: {}", run.stderr());
        let report = run.report();
        assert_sound(&report);
        assert_alone(&run, &report, &program, ("below", |below| below == 1));
    });
}

#[test]
fn nothing_of_npprof_stays_in_the_environment() {
    let ask = "import os, subprocess, sys, numpy\n\
               names = ['LD_PRELOAD', 'NPPROF_SESSION']\n\
               print([os.environ.get(name) for name in names], flush=True)\n\
               subprocess.call(['sh', '-c', 'echo $LD_PRELOAD $NPPROF_SESSION'])\n";
    on_each(&one_pair(), |pair| {
        for own in [None, Some(built::own_malloc().display().to_string())] {
            let place = folder();
            let mut command = npprof_run(&place.path().join("report.json"));
            command.args(["--no-follow", "--"]).arg(&pair.python).args(["-c", ask]);
            command.env_remove("LD_PRELOAD").envs(own.iter().map(|own| ("LD_PRELOAD", own)));
            prepare(&mut command, place.path());
            let output = output_within(command, LIMIT);
            assert_eq!(code_of(&output), 0, "{}", String::from_utf8_lossy(&output.stderr));
            let expected = match &own {
                None => "[None, None]\n\n".to_owned(),
                Some(own) => format!("['{own}', None]\n{own}\n"),
            };
            assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
            let report = Report::load(&place.path().join("report.json"));
            assert_eq!(report.processes().len(), 1);
        }
    });
}
