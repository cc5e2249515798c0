//! `npprof view`: a report, and a run from another terminal.

use std::path::Path;

use npprof_tests::{
    matrix::{Pair, one_pair},
    program::{Program, folder},
};
use rustix::process::{Pid, Signal, kill_process};

use crate::terminal::Terminal;

const KEEP: &str = "8.00 MiB";

fn pid_of(terminal: &Terminal) -> String {
    terminal.npprof_pid().to_string()
}

fn signal(terminal: &Terminal, signal: Signal) {
    let pid = Pid::from_raw(terminal.npprof_pid()).expect("a process");
    kill_process(pid, signal).expect("npprof runs");
}

fn ready(pair: &Pair, program: &str, report: &Path) -> Terminal {
    let terminal = Terminal::run(pair, program, 100, 30, &report.to_string_lossy());
    terminal.wait_for("ready");
    terminal
}

/// Leaves the dashboard of `wait.py`, and lets the program end.
fn end(run: &mut Terminal) {
    run.press("q");
    run.wait_for("Leave npprof?");
    run.press("l");
    run.wait("program's own terminal", |screen| !screen.contains("Call sites"));
    run.press("later\r");
    assert_eq!(run.end(), 0, "{}", run.screen());
}

#[test]
fn a_report_is_explored_in_the_dashboard() {
    let run = Program::new("elision.py").profiled(&one_pair()[0]);
    let report = run.report_path.to_string_lossy();
    let mut terminal = Terminal::view(&[&report], 100, 30);
    terminal.wait_for("finished");
    terminal.wait_for("elision.py");
    terminal.press("q");
    assert_eq!(terminal.end(), 0, "{}", terminal.screen());
    assert!(terminal.is_restored());
}

#[test]
fn a_run_is_seen_from_other_terminals_until_its_end() {
    let pair = &one_pair()[0];
    let folder = folder();
    let mut run = ready(pair, "wait.py", &folder.path().join("report.json"));
    let pid = pid_of(&run);
    let mut viewers = [Terminal::view(&[&pid], 100, 30), Terminal::view(&[&pid], 80, 24)];
    for viewer in &viewers {
        viewer.wait_for("wait.py");
        viewer.wait_for(KEEP);
    }
    // One that leaves disturbs nobody, nor does one that is killed.
    let killed = Terminal::view(&[&pid], 80, 24);
    killed.wait_for(KEEP);
    signal(&killed, Signal::KILL);
    signal(&viewers[1], Signal::TERM);
    assert_eq!(viewers[1].end(), 0, "{}", viewers[1].screen());
    end(&mut run);
    viewers[0].wait_for("finished");
    viewers[0].press("q");
    assert_eq!(viewers[0].end(), 0, "{}", viewers[0].screen());
    assert!(viewers.iter().all(Terminal::is_restored));
}

#[test]
fn a_program_that_has_the_terminal_for_itself_is_seen_from_another_one() {
    let pair = &one_pair()[0];
    let folder = folder();
    let report = folder.path().join("report.json");
    let report = report.to_string_lossy();
    let options = ["--no-tui", "-f", "-o", &report];
    let mut run = Terminal::run_with(&options, pair, "wait.py", (80, 24));
    run.wait_for("ready");
    let mut viewer = Terminal::view(&[&pid_of(&run)], 100, 60);
    viewer.wait_for(KEEP);
    viewer.press("2\r");
    viewer.wait_for("keep = ");
    viewer.press("8");
    viewer.wait_for("where npprof run was started");
    // Nothing of this reaches the program.
    viewer.press("\rhello\r");
    viewer.press("\x03");
    assert_eq!(viewer.end(), 0, "{}", viewer.screen());
    assert!(!run.screen().contains("read hello"), "{}", run.screen());
    run.press("later\r");
    assert_eq!(run.end(), 0, "{}", run.screen());
    run.wait_for("read later");
}

#[test]
fn a_viewer_goes_on_with_the_next_run_of_the_same_program() {
    let pair = &one_pair()[0];
    let folder = folder();
    let report = folder.path().join("report.json");
    let first = ready(pair, "slow.py", &report);
    let mut viewer = Terminal::view(&[&pid_of(&first)], 100, 30);
    viewer.wait_for(KEEP);
    signal(&first, Signal::KILL);
    viewer.wait_for("gone without a word");
    drop(first);
    let mut second = ready(pair, "slow.py", &report);
    viewer.wait("new run", |screen| !screen.contains("gone without a word"));
    viewer.wait_for("finished");
    second.wait_for("finished");
    second.press("q");
    assert_eq!(second.end(), 0, "{}", second.screen());
    viewer.press("q");
    assert_eq!(viewer.end(), 0, "{}", viewer.screen());
}

#[test]
fn a_stopped_viewer_holds_up_nobody() {
    let pair = &one_pair()[0];
    let folder = folder();
    let mut run = ready(pair, "wait.py", &folder.path().join("report.json"));
    let viewer = Terminal::view(&[&pid_of(&run)], 100, 30);
    viewer.wait_for(KEEP);
    signal(&viewer, Signal::STOP);
    end(&mut run);
    signal(&viewer, Signal::CONT);
    viewer.wait_for("finished");
    signal(&viewer, Signal::TERM);
}

#[test]
fn a_viewer_that_is_told_to_end_gives_the_terminal_back() {
    let pair = &one_pair()[0];
    let folder = folder();
    let run = ready(pair, "wait.py", &folder.path().join("report.json"));
    for end in [Signal::TERM, Signal::HUP] {
        let mut viewer = Terminal::view(&[&pid_of(&run)], 80, 24);
        viewer.wait_for(KEEP);
        signal(&viewer, end);
        assert_eq!(viewer.end(), 0, "{}", viewer.screen());
        assert!(viewer.is_restored());
    }
    signal(&run, Signal::TERM);
}
