//! Source text that no file has, as of a notebook's cells: told with its lines, and findings know it.

use npprof_tests::{
    count::assert_complete,
    matrix::{each_python, on_each},
    program::Program,
    report::{list, number, text},
    same::Same,
};
use serde_json::Value;

fn sources_of<'a>(same: &'a Same, file: &str) -> Vec<(u64, Option<&'a str>)> {
    let here = same.report.sites().iter().filter(|site| text(site, "file") == file);
    let mut found: Vec<_> =
        here.map(|site| (number(site, "line"), site["source"].as_str())).collect();
    found.sort_unstable();
    found
}

#[test]
fn cells_of_notebooks_are_shown() {
    let program = Program::new("cells.py");
    on_each(&each_python(), |pair| {
        let same = Same::on(&program, pair);
        assert_complete(&same.report);
        assert_eq!(
            sources_of(&same, "/tmp/ipykernel_1/4242.py"),
            [
                (5, Some("total = np.empty(0)")),
                (7, Some("total = np.concatenate([total, part])")),
                (11, Some("kept = grow([np.empty(1000)] * 200)")),
            ]
        );
        let other = Some("kept = np.empty(3000)");
        assert_eq!(sources_of(&same, "<ipython-input-2-abc>"), [(1, other)]);
        for unknown in ["<cell of a file>", "<broken>", "<lazy>", "<named>"] {
            assert_eq!(sources_of(&same, unknown), [(1, None)], "{unknown}");
        }
        let findings = list(&same.report.0, "findings");
        let appended = findings.iter().find(|finding| text(finding, "kind") == "quadratic-append");
        let fix = appended.map(Value::to_string).unwrap_or_default();
        assert!(fix.contains("parts.append(part)"), "{findings:?}");
    });
}
