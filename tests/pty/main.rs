//! The real binary in a real pseudo-terminal: keys in, screens out.

mod job;
mod pace;
mod terminal;
mod view;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use npprof_tests::{
    built,
    matrix::{on_each, one_pair},
    program::folder,
    report::{Report, number, sum},
    same::assert_sound,
};
use serde_json::{Value, json};
use terminal::Terminal;

const OUTPUT_TAB: &str = "8";
const ENTER: &str = "\r";
const F12: &str = "\x1b[24~";
const CTRL_C: &str = "\x03";

/// Runs `wait.py` in a terminal of this size until its array and its output are on the screen.
fn watching(size: (u16, u16), test: impl Fn(Terminal, &Path)) {
    on_each(&one_pair(), |pair| {
        let folder = folder();
        let report = folder.path().join("report.json");
        let (columns, rows) = size;
        let terminal = Terminal::run(pair, "wait.py", columns, rows, &report.to_string_lossy());
        terminal.wait_for("ready");
        test(terminal, &report);
    });
}

fn assert_holds_the_array(report: &Path) {
    let report = Report::load(report);
    let keep = report.sites_with_mark(&built::program_path("wait.py"), "keep");
    assert_eq!(keep.len(), 1);
    assert_eq!(number(keep[0], "at_high_water_bytes"), 8 << 20);
}

#[test]
fn the_program_is_watched_typed_to_and_reported() {
    watching((80, 24), |mut terminal, report| {
        terminal.wait_for("8.00 MiB");
        terminal.wait_for("wait.py:4");
        // The program still runs, so leaving asks first.
        terminal.press("q");
        terminal.wait_for("Leave npprof?");
        terminal.press("c");
        terminal.wait("question", |screen| !screen.contains("Leave npprof?"));
        // Each tab is shown.
        for (key, text) in [
            ("2", "At high-water"),
            ("3", "━ Copies"),
            ("4", "No operation"),
            ("5", "━ Findings"),
            ("6", "Growth/min"),
            ("7", "High-water"),
            ("2/", "Filter:"),
            ("wait", "Filter: wait"),
        ] {
            terminal.press(key);
            terminal.wait_for(text);
        }
        terminal.press(ENTER);
        // The details show the line itself.
        terminal.press(ENTER);
        terminal.wait_for("keep = ");
        terminal.press("q");
        // Its output is searched; Ctrl-U takes the words away.
        terminal.press(OUTPUT_TAB);
        terminal.press("/ready");
        terminal.wait_for("match 1 of 1");
        terminal.press("\x15");
        terminal.press(ENTER);
        terminal.wait("search", |screen| !screen.contains("match 1 of 1"));
        // Typing goes to the program once it has been asked for.
        terminal.press(OUTPUT_TAB);
        terminal.press(ENTER);
        terminal.wait_for("keys go to the program");
        terminal.press("hello");
        terminal.press(ENTER);
        terminal.wait_for("read hello");
        terminal.wait_for("finished");
        terminal.press(F12);
        terminal.press("q");
        assert_eq!(terminal.end(), 0, "{}", terminal.screen());
        assert!(terminal.is_restored());
        let transcript = terminal.transcript();
        let (_, after) = transcript.rsplit_once("\x1b[?1049l").expect("it left the other screen");
        assert!(after.contains("read hello"), "its output is shown again: {after}");
        assert!(after.contains("High-water mark"), "the summary comes last: {after}");
        assert_holds_the_array(report);
    });
}

#[test]
fn the_dashboard_survives_every_size() {
    watching((100, 30), |mut terminal, _| {
        for size in [(20, 10), (1, 1), (300, 90), (40, 15), (80, 24)] {
            terminal.resize(size.0, size.1);
            std::thread::sleep(Duration::from_millis(150));
        }
        terminal.wait_for("wait.py:4");
        terminal.press("q");
        terminal.wait_for("Leave npprof?");
        terminal.press("s");
        assert_eq!(terminal.end(), 128 + 15, "stopped by SIGTERM");
        assert!(terminal.is_restored());
    });
}

#[test]
fn control_c_is_the_programs() {
    watching((80, 24), |mut terminal, report| {
        terminal.press(CTRL_C);
        terminal.wait_for("finished");
        terminal.press("q");
        assert_eq!(terminal.end(), 128 + 2, "{}", terminal.screen());
        assert!(terminal.transcript().contains("KeyboardInterrupt"));
        assert_holds_the_array(report);
    });
}

#[test]
fn the_program_left_running_goes_on_in_the_terminal_and_is_reported() {
    watching((80, 24), |mut terminal, report| {
        terminal.press("q");
        terminal.wait_for("Leave npprof?");
        terminal.press("l");
        terminal.wait("dashboard", |screen| !screen.contains("Call sites"));
        terminal.press("later");
        terminal.press(ENTER);
        assert_eq!(terminal.end(), 0, "{}", terminal.screen());
        assert!(terminal.is_restored());
        terminal.wait_for("read later");
        assert_holds_the_array(report);
    });
}

#[test]
fn the_program_outlives_a_killed_npprof() {
    on_each(&one_pair(), |pair| {
        let folder = folder();
        let report = folder.path().join("report.json");
        let terminal = Terminal::run(pair, "slow.py", 80, 24, &report.to_string_lossy());
        terminal.wait_for("ready");
        let npprof = rustix::process::Pid::from_raw(terminal.npprof_pid()).expect("a process");
        rustix::process::kill_process(npprof, rustix::process::Signal::KILL).expect("it runs");
        terminal.wait_for("the program goes on");
        terminal.wait_for("at its end");
        assert!(terminal.is_restored());
        assert!(!report.exists());
    });
}

/// Closes the terminal while a program runs; returns the report that is there some time later.
fn closing(program: &str, test: impl Fn(&Report)) {
    on_each(&one_pair(), |pair| {
        let folder = folder();
        let path = folder.path().join("report.json");
        let terminal = Terminal::run(pair, program, 80, 24, &path.to_string_lossy());
        terminal.wait_for("ready");
        terminal.wait_for("8.00 MiB");
        terminal.close();
        test(&later(&path));
    });
}

/// The report, as soon as it is there as a whole.
fn later(path: &Path) -> Report {
    let start = Instant::now();
    loop {
        let bytes = std::fs::read(path).unwrap_or_default();
        if serde_json::from_slice::<Value>(&bytes).is_ok() {
            return Report::parse(&bytes);
        }
        assert!(start.elapsed() < Duration::from_secs(60), "no report of a closed terminal");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_terminal_that_is_closed_ends_the_program_and_the_report_is_there() {
    closing("wait.py", |report| {
        assert_sound(report);
        assert_eq!(report.0["complete"], true, "{}", report.0["incomplete_because"]);
        assert_eq!(report.0["exit"], json!({"signal": 1, "name": "SIGHUP"}));
        let keep = report.sites_with_mark(&built::program_path("wait.py"), "keep");
        assert_eq!(sum(&keep, "live_bytes"), 8 << 20);
    });
}

#[test]
fn a_program_that_ignores_the_end_of_its_terminal_is_reported_to_its_own_end() {
    closing("deaf.py", |report| {
        assert_sound(report);
        assert_eq!(report.0["complete"], true, "{}", report.0["incomplete_because"]);
        assert_eq!(report.0["exit"], json!({"code": 0}));
        let program = built::program_path("deaf.py");
        let at = |mark: &str| sum(&report.sites_with_mark(&program, mark), "allocated_bytes");
        assert_eq!((at("late"), at("last")), (8000, 24000));
    });
}
