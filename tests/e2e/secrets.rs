//! What a report holds and what it doesn't, and that nothing of the program's obeys in a terminal.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use npprof_tests::{
    matrix::{on_each, one_pair},
    program::{LIMIT, Program, code_of, folder, npprof, npprof_run, output_within, prepare},
    same::{Same, assert_sound},
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

/// Everything that a terminal would obey: control characters of both sets but for the line break, and
/// the marks that turn the direction of writing.
fn obeyed(text: &str) -> Vec<char> {
    let is_obeyed = |c: &char| {
        (c.is_control() && *c != '\n')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}')
    };
    text.chars().filter(is_obeyed).collect()
}

#[test]
fn nothing_of_the_programs_reaches_the_terminal_raw() {
    on_each(&one_pair(), |pair| {
        let place = folder();
        let hostile = "\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}\u{2066}\u{8}\u{7f}\u{85}\u{61c}";
        // In the names of the file, of a function and of a code object, and in the source's own text.
        let name = format!("pro{hostile}gram.py");
        fs::write(place.path().join(&name), plain_source(hostile)).expect("writes");
        let report = place.path().join(format!("re{hostile}port.json"));
        let mut command = npprof_run(&report);
        command.arg("--").arg(&pair.python).arg(&name).arg(hostile);
        prepare(&mut command, place.path());
        let output = output_within(command, LIMIT);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(code_of(&output), 0, "{said}");
        assert_eq!(obeyed(&said), [], "the summary: {said:?}");
        assert!(said.contains("owned"), "{said}");
        let report = report.display().to_string();
        assert_sound(&npprof_tests::report::Report::load(report.as_ref()));
        // All but `--json`, which gives the names as they are to the program that reads it.
        for words in [
            &["report", &report][..],
            &["report", &report, "--findings"],
            &["report", &report, "--by", "line"],
            &["report", &report, "--by", "file"],
            &["report", &report, "--by", "function"],
            &["report", &report, "--by", "operation"],
            &["report", &report, "--by", "process"],
            &["report", &report, "--by", "thread"],
            &["report", &report, "--folded"],
            &["report", &format!("{report}-missing")],
            &["run", hostile],
            &["run", "-o", &format!("{hostile}/x"), "true"],
            &["rules", hostile],
        ] {
            let output = npprof(words, place.path());
            for stream in [&output.stdout, &output.stderr] {
                let text = String::from_utf8_lossy(stream);
                assert_eq!(obeyed(&text), [], "{words:?}: {text:?}");
            }
        }
    });
}

/// A program with a hostile comment, a hostile name of a function, and hostile names of code and threads.
fn plain_source(hostile: &str) -> String {
    let escaped: String = hostile.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    let comment: String = hostile.chars().filter(|c| !"\u{85}".contains(*c)).collect();
    [
        "import threading",
        "import numpy as np",
        "def f():",
        &format!("    a = np.ones((300, 400))  # {comment}"),
        "    return a.copy(), a",
        &format!("f.__code__ = f.__code__.replace(co_name='f{escaped}')"),
        "kept = [f() for _ in range(5)]",
        &format!("exec(compile('np.empty(100000)', 'x{escaped}.py', 'exec'), {{'np': np}})"),
        &format!("thread = threading.Thread(target=f, name='t{escaped}')"),
        "thread.start()",
        "thread.join()",
        "",
    ]
    .join("\n")
}

/// Says whether it runs with other rights than its caller's, and which libraries were put before it.
const PRIVILEGED: &str = r#"
#define _GNU_SOURCE
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

static int look(struct dl_phdr_info *info, size_t size, void *found) {
    (void)size;
    *(int *)found |= strstr(info->dlpi_name, "npprof") != NULL;
    return 0;
}

int main(void) {
    int found = 0;
    dl_iterate_phdr(look, &found);
    printf("secure %lu shim %d preload %d\n", getauxval(AT_SECURE), found, getenv("LD_PRELOAD") != NULL);
    return 0;
}
"#;

#[test]
fn programs_with_other_rights_never_get_the_shim() {
    let place = folder();
    let path = place.path().join("privileged");
    fs::write(place.path().join("privileged.c"), PRIVILEGED).expect("writes");
    let compiled = Command::new("cc")
        .current_dir(place.path())
        .args(["-o", "privileged", "privileged.c"])
        .status()
        .expect("a C compiler runs");
    assert!(compiled.success());
    // Somebody else's, and with his rights whoever runs it.
    let is_given = std::os::unix::fs::chown(&path, Some(65534), Some(65534)).is_ok();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4755)).expect("sets its mode");
    let alone = output_within(Command::new(&path), LIMIT);
    if !is_given || !String::from_utf8_lossy(&alone.stdout).starts_with("secure 1") {
        eprintln!("missing: leave to make a program with other rights, so none is tested");
        return;
    }
    // As a child of a profiled program, and as the command itself, of which npprof knows beforehand.
    let program = path.display().to_string();
    for words in [&["sh", "-c", "\"$0\"; true", &program][..], &[&program]] {
        let mut command = npprof_run(&place.path().join("report.json"));
        command.arg("--").args(words);
        prepare(&mut command, place.path());
        let output = output_within(command, LIMIT);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(code_of(&output), 0, "{said}");
        assert_eq!(output.stdout, b"secure 1 shim 0 preload 0\n", "{said}");
        let is_told = said.contains("running unprofiled") && said.contains("setuid");
        assert_eq!(is_told, words.len() == 1, "{said}");
    }
}
