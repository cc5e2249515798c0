//! Test suites of other projects: every test has the outcome that it has without npprof. The bounded
//! part of what `scripts/suites` can run.

use std::process::Command;

use npprof_tests::{
    built::{npprof, repository},
    matrix::extras,
    program::{LIMIT, code_of, output_within},
};

/// What the script says with where a library is not there.
const LACKING: i32 = 77;

#[test]
fn test_suites_of_other_projects_end_as_without() {
    let mut command = Command::new(repository().join("scripts/suites"));
    command.arg("--python").arg(extras().python).arg("--npprof").arg(npprof()).arg("quick");
    let output = output_within(command, LIMIT * 4);
    let said = String::from_utf8_lossy(&output.stdout);
    if code_of(&output) == LACKING {
        eprintln!("{said}");
        return;
    }
    assert_eq!(code_of(&output), 0, "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("  same\n"), "{said}");
}
