//! npprof's own troubles: stopped, cut off, without room. The program never feels them, and the report
//! says what it lacks.

use std::{os::unix::fs::PermissionsExt, path::Path, process::Command};

use npprof_tests::{
    built,
    count::{Until, assert_exact},
    matrix::{on_each, one_pair},
    program::{LIMIT, Program, Run, code_of, folder, output_within, prepare},
    report::{Report, number, sum, text},
    same::assert_sound,
};
use serde_json::json;

/// The way of `programs/troubles.py` that is named first, with further words.
fn trouble(words: &str) -> Run {
    Program::new(&format!("troubles.py {words}")).profiled(&one_pair()[0])
}

fn reason(report: &Report) -> &str {
    report.0["incomplete_because"].as_str().unwrap_or_default()
}

/// Runs npprof below a shell's line that ends in `exec "$0" "$@"`: its exit status, and all it said.
fn below(line: &str, place: &Path, words: &[&str]) -> (i32, String) {
    let mut command = Command::new("sh");
    command.args(["-c", line]).arg(built::npprof()).args(["run", "--no-tui", "-f"]);
    command.args(["-o", "report.json", "--"]).arg(&one_pair()[0].python).args(words);
    prepare(&mut command, place);
    let output = output_within(command, LIMIT);
    let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (code_of(&output), String::from_utf8_lossy(&said).into_owned())
}

const ARRAYS: &[&str] = &["-c", "import numpy; print(numpy.ones(3))"];

#[test]
fn a_socket_that_was_removed_leaves_out_later_processes_and_the_report_says_so() {
    for how in ["socket_unlinked", "session_folder_removed"] {
        let run = trouble(how);
        assert_eq!(run.code(), 0, "{}", run.stderr());
        let statuses = if how == "socket_unlinked" { "7\n5\n" } else { "7\n" };
        assert_eq!(run.stdout(), statuses);
        let report = run.report();
        assert_sound(&report);
        assert!(reason(&report).contains("socket was removed"), "{}", reason(&report));
        assert!(reason(&report).contains("1 fork brought no process"), "{}", reason(&report));
        let work = report.sites_with_mark(&Program::new("troubles.py").path(), "work");
        assert_eq!(sum(&work, "n_allocations"), 1000);
    }
}

#[test]
fn who_does_not_know_the_token_is_not_heard() {
    let run = trouble("strangers");
    assert_eq!(run.code(), 0, "{}", run.stderr());
    // The child of this session is profiled, in spite of a hundred connections that say nothing.
    assert_eq!(run.stdout(), "7\n6\n");
    let report = run.report();
    assert_sound(&report);
    assert_eq!(report.0["complete"], true, "{}", reason(&report));
    assert_eq!(report.processes().len(), 2);
    let program = Program::new("troubles.py").path();
    assert_eq!(sum(&report.sites_with_mark(&program, "in_child"), "n_allocations"), 7);
    // Only the stranger has made an array of this size.
    let is_strange = |site: &serde_json::Value| number(site, "allocated_bytes") == 8 * 12345;
    assert!(!report.sites().iter().any(is_strange));
}

#[test]
fn only_the_user_can_reach_a_session() {
    let run = trouble("modes");
    assert_eq!(run.code(), 0, "{}", run.stderr());
    let stdout = run.stdout();
    let [folder, socket, mapped, open] = stdout.lines().collect::<Vec<_>>()[..] else {
        panic!("four lines: {stdout}");
    };
    assert_eq!([folder, socket], ["700 True", "600 True"]);
    // The segment has no name in any folder, and no descriptor is left open in the program.
    assert!(mapped.contains("memfd:npprof (deleted)"), "{mapped}");
    assert_eq!(open, "[]");
}

#[test]
fn a_stopped_npprof_loses_nothing_if_it_goes_on_soon() {
    let run = trouble("stopped 1");
    assert_eq!(run.code(), 0, "{}", run.stderr());
    let counted = run.counted_once();
    assert_exact(&run.report(), &Program::new("troubles.py").path(), &counted, Until::TheEnd);
    // The program had to wait, but for no longer than that.
    assert!(counted.facts["seconds"].as_f64() < Some(60.0), "{}", counted.facts);
}

#[test]
fn a_program_does_not_wait_for_ever_for_a_stopped_npprof() {
    let run = trouble("stopped 6");
    assert_eq!(run.code(), 0, "{}", run.stderr());
    let report = run.report();
    assert_sound(&report);
    assert!(reason(&report).contains("went on unprofiled after"), "{}", reason(&report));
    let work = report.sites_with_mark(&Program::new("troubles.py").path(), "work");
    let n_seen = sum(&work, "n_allocations") + sum(&work, "n_frees");
    let n_dropped = number(&report.0["totals"], "n_dropped");
    assert!(n_seen > 0 && n_dropped > 0, "{n_seen} events seen, {n_dropped} not");
    // What came later is not seen, though npprof read again: an account with a gap is none.
    let late = report.sites_with_mark(&Program::new("troubles.py").path(), "late");
    assert!(late.is_empty(), "{late:?}");
    assert!(sum(&work, "live_bytes") <= 80, "{work:?}");
    // An allocation and a free each; a few more are not of the work.
    assert!((800_000..800_100).contains(&(n_seen + n_dropped)), "{n_seen} seen, {n_dropped} not");
    assert!(run.counted_once().facts["seconds"].as_f64() < Some(60.0));
}

#[test]
fn a_hangup_ends_the_program_and_the_report_is_there() {
    let run = trouble("hung_up");
    assert_eq!(run.code(), 129, "{}", run.stderr());
    let report = run.report();
    assert_sound(&report);
    assert_eq!(report.0["exit"], json!({"signal": 1, "name": "SIGHUP"}));
    assert_exact(&report, &Program::new("troubles.py").path(), &run.counted_once(), Until::TheEnd);
}

#[test]
fn a_report_whose_folder_was_removed_is_put_elsewhere() {
    on_each(&one_pair(), |pair| {
        let (place, elsewhere) = (folder(), folder());
        let gone = place.path().join("gone");
        std::fs::create_dir(&gone).expect("makes a folder");
        let mut command = Command::new(built::npprof());
        command.args(["run", "--no-tui", "-o", "gone/report.json", "--"]).arg(&pair.python);
        command.arg(Program::new("troubles.py").path()).arg("report_folder_removed").arg(&gone);
        prepare(&mut command, place.path());
        command.env("TMPDIR", elsewhere.path());
        let output = output_within(command, LIMIT);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(code_of(&output), 0, "{said}");
        assert!(said.contains("there is no folder"), "{said}");
        let report = only_report(elsewhere.path());
        assert_sound(&report);
        let work = report.sites_with_mark(&Program::new("troubles.py").path(), "work");
        assert_eq!(sum(&work, "n_allocations"), 1000);
    });
}

fn only_report(folder: &Path) -> Report {
    let names: Vec<_> = folder
        .read_dir()
        .expect("reads")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    let [name] = &names[..] else { panic!("one report: {names:?}") };
    // Others may look into such a folder.
    let mode = std::fs::metadata(name).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{}", name.display());
    Report::load(name)
}

#[test]
fn a_disk_that_is_full_is_said_and_the_report_is_put_elsewhere() {
    let mount = "mkdir small && mount -t tmpfs -o size=64k none small";
    let allowed = Command::new("unshare")
        .args(["-rm", "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"])
        .output();
    if !allowed.is_ok_and(|tried| tried.status.success()) {
        eprintln!("missing: leave to mount a small file system, so no disk is full");
        return;
    }
    let (place, elsewhere) = (folder(), folder());
    let line = format!("{mount} && cd small && exec \"$0\" \"$@\"");
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", &line]).arg(built::npprof()).args(["run", "--no-tui", "-o"]);
    command.args(["report.json", "--"]).arg(&one_pair()[0].python);
    command.arg(Program::new("troubles.py").path()).arg("large_report");
    prepare(&mut command, place.path());
    command.env("TMPDIR", elsewhere.path());
    let output = output_within(command, LIMIT);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(code_of(&output), 0, "{said}");
    assert!(said.contains("No space left on device"), "{said}");
    let report = only_report(elsewhere.path());
    assert_sound(&report);
    let is_line = |site: &&serde_json::Value| text(site, "file").ends_with("many_lines.py");
    assert!(report.sites().iter().filter(is_line).count() > 1000);
}

#[test]
fn a_limit_of_file_sizes_ends_neither_the_program_nor_npprof() {
    // 512 bytes at most: for the report, and for the shared memory, unless the limit can be raised.
    let place = folder();
    let (code, said) = below(r#"ulimit -S -f 1; exec "$0" "$@""#, place.path(), ARRAYS);
    assert_eq!(code, 0, "{said}");
    assert!(said.starts_with("[1. 1. 1.]\n"), "{said}");
    assert!(said.contains("File too large") && said.contains("High-water mark"), "{said}");
    let (code, said) = below(r#"ulimit -f 1; exec "$0" "$@""#, place.path(), ARRAYS);
    assert_eq!(code, 0, "{said}");
    assert!(said.starts_with("[1. 1. 1.]\n"), "{said}");
    assert!(said.contains("was not profiled: it could get no shared memory"), "{said}");
}

#[test]
fn too_few_files_are_said() {
    let place = folder();
    let mut n_told = 0;
    for limit in 4..=12 {
        let line = format!("ulimit -n {limit}; exec \"$0\" \"$@\"");
        let (code, said) = below(&line, place.path(), ARRAYS);
        if code == 0 {
            // As without npprof; and either all is there or one line says what is not.
            assert!(said.starts_with("[1. 1. 1.]\n"), "{limit}: {said}");
            let is_told = said.contains("was not profiled: npprof may not open so many files");
            assert_eq!(is_told, !said.contains("High-water mark"), "{limit}: {said}");
            n_told += u32::from(is_told);
        } else {
            assert_eq!((code, said.lines().count()), (125, 1), "{limit}: {said}");
            assert!(said.contains("Too many open files"), "{limit}: {said}");
        }
    }
    assert!(n_told > 0, "a limit with which npprof starts and can't let the program in");
}

#[test]
fn a_small_address_space_is_enough_for_both() {
    let place = folder();
    let (code, said) = below(r#"ulimit -v 600000; exec "$0" "$@""#, place.path(), ARRAYS);
    assert_eq!(code, 0, "{said}");
    let report = Report::load(&place.path().join("report.json"));
    assert_sound(&report);
    assert_eq!(report.0["complete"], true, "{}", reason(&report));
    assert!(number(&report.0["totals"], "n_allocations") > 0);
}
