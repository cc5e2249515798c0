//! What a report holds of a program, and what it doesn't.

use std::fs;

use npprof_tests::{
    matrix::{on_each, one_pair},
    program::Program,
    same::Same,
};

#[test]
fn a_report_holds_no_environment_and_no_contents_of_arrays() {
    on_each(&one_pair(), |pair| {
        let program = Program::new("keeps_secrets.py said-on-the-command-line")
            .with_env("TEST_SECRET", "secret-of-the-environment");
        let same = Same::on(&program, pair);
        assert_eq!(same.run.code(), 0, "{}", same.run.stderr());
        let bytes = fs::read(&same.run.report_path).expect("the report is there");
        let report = String::from_utf8_lossy(&bytes);
        assert!(!report.contains("secret-of-the-environment"));
        let session = "NPPROF_SESSION";
        assert!(!report.contains(session) && !report.contains("LD_PRELOAD"));
        // Of arrays only what stands in the source of a line with a call site.
        let sources: Vec<_> = report.lines().filter(|line| line.contains("secret-of-an")).collect();
        assert!(sources.iter().all(|line| line.contains("\"source\"")), "{sources:?}");
        // The command line belongs to a report: whoever passes secrets there shows them to `ps`, too.
        assert!(report.contains("said-on-the-command-line"));
        for part in ["environ", "env"] {
            assert!(same.report.0[part].is_null());
        }
    });
}
