//! npprof as a job of a shell: suspended, continued, stopped.

use std::ffi::OsStr;
use std::path::Path;
use std::time::{Duration, Instant};

use npprof_tests::{
    built,
    matrix::{Pair, one_pair},
    program::folder,
};
use rustix::process::{Pid, Signal, kill_process};

use crate::terminal::Terminal;

const CTRL_Z: &str = "\x1a";
/// A shell that knows jobs, gives the terminal its own modes, and says when one of them has stopped. Each line that it reads lets the
/// job go on in the foreground.
const JOBS: &str = r#"set -m; "$@"; status=$?
while [ $status -eq 147 ] || [ $status -eq 148 ]; do
    stty sane; echo "suspended by $((status - 128))"; read -r line; fg >/dev/null; status=$?
done; exit $status"#;

fn start(pair: &Pair, program: &str, report: &Path) -> Terminal {
    let program = built::program_path(program);
    let report = report.as_os_str();
    let words = ["run", "-f", "-o"].map(OsStr::new).into_iter();
    let words = words.chain([report, OsStr::new("--"), pair.python.as_os_str()]);
    let terminal = Terminal::start(words.chain([program.as_os_str()]), JOBS, 80, 24);
    terminal.wait_for("ready");
    terminal
}

fn is_stopped(pid: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    status.contains("State:\tT")
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(30), "never {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn ctrl_z_suspends_npprof_and_the_program_until_they_are_continued() {
    let folder = folder();
    let mut terminal = start(&one_pair()[0], "wait.py", &folder.path().join("report.json"));
    let npprof = terminal.npprof_pid();
    let program = terminal.program_pid();
    for _ in 0..2 {
        terminal.wait_for("Call sites");
        terminal.press(CTRL_Z);
        terminal.wait_for("suspended by 19");
        assert!(terminal.is_restored());
        wait_until("stopped", || [npprof, program].iter().all(|&pid| is_stopped(pid)));
        // Longer than a program waits for an npprof that shows no sign of life.
        std::thread::sleep(Duration::from_millis(3500));
        terminal.press("on\r");
        terminal.wait_for("8.00 MiB");
        wait_until("continued", || !is_stopped(program));
    }
    terminal.press("8\r");
    terminal.wait_for("keys go to the program");
    terminal.press("hello\r");
    terminal.wait_for("finished, exit 0");
    terminal.press("\x1b[24~");
    terminal.press("q");
    assert_eq!(terminal.end(), 0, "{}", terminal.screen());
    assert!(terminal.is_restored());
}

#[test]
fn ctrl_z_suspends_after_the_dashboard_was_left_too() {
    let folder = folder();
    let mut terminal = start(&one_pair()[0], "wait.py", &folder.path().join("report.json"));
    let program = terminal.program_pid();
    terminal.press("ql");
    terminal.wait("program's output", |screen| {
        screen.starts_with("ready") && !screen.contains("npprof")
    });
    for n_times in 1..3 {
        terminal.press(CTRL_Z);
        terminal.wait("suspended", |screen| screen.matches("suspended by 19").count() == n_times);
        assert!(is_stopped(program));
        std::thread::sleep(Duration::from_millis(3500));
        terminal.press("on\r");
        wait_until("continued", || !is_stopped(program));
    }
    terminal.press("hello\r");
    terminal.wait_for("read hello");
    assert_eq!(terminal.end(), 0, "{}", terminal.screen());
}

#[test]
fn a_stop_from_elsewhere_gives_the_terminal_back_or_is_drawn_over() {
    let folder = folder();
    let mut terminal = start(&one_pair()[0], "wait.py", &folder.path().join("report.json"));
    let npprof = Pid::from_raw(terminal.npprof_pid()).expect("a process");
    // This one is obeyed as Ctrl-Z is.
    kill_process(npprof, Signal::TSTP).expect("it runs");
    terminal.wait_for("suspended by 19");
    assert!(terminal.is_restored());
    terminal.press("on\r");
    terminal.wait_for("Call sites");
    std::thread::sleep(Duration::from_millis(1500));
    // Nobody can do anything at this one, but what the shell has drawn is gone afterwards.
    kill_process(npprof, Signal::STOP).expect("it runs");
    terminal.wait_for("suspended by 19");
    terminal.press("on\r");
    terminal.wait("shell", |screen| {
        screen.contains("Call sites") && !screen.contains("suspended") && !screen.contains("on\n")
    });
    // The keys are npprof's again, one by one.
    terminal.press("K");
    terminal.wait_for("Stop the program?");
    terminal.press("s");
    terminal.wait_for("finished, killed by SIGTERM");
    terminal.press("q");
    assert_eq!(terminal.end(), 128 + 15, "{}", terminal.screen());
}

#[test]
fn without_a_shell_nothing_is_suspended() {
    let folder = folder();
    let report = folder.path().join("report.json");
    let pair = &one_pair()[0];
    let mut terminal = Terminal::run(pair, "wait.py", 100, 30, &report.to_string_lossy());
    terminal.wait_for("ready");
    terminal.press(CTRL_Z);
    terminal.wait_for("there is no shell here");
    assert!(!is_stopped(terminal.npprof_pid()));
    terminal.press("qs");
    assert_eq!(terminal.end(), 128 + 15, "{}", terminal.screen());
}

#[test]
fn a_suspended_viewer_comes_back() {
    let folder = folder();
    let pair = &one_pair()[0];
    let report = folder.path().join("report.json");
    let mut run = Terminal::run(pair, "wait.py", 80, 24, &report.to_string_lossy());
    run.wait_for("ready");
    let pid = run.npprof_pid().to_string();
    let words = ["view", &pid].map(OsStr::new).into_iter();
    let mut viewer = Terminal::start(words, JOBS, 80, 24);
    viewer.wait_for("8.00 MiB");
    viewer.press(CTRL_Z);
    viewer.wait_for("suspended by 19");
    assert!(!is_stopped(run.program_pid()));
    viewer.press("on\r");
    viewer.wait_for("8.00 MiB");
    viewer.press("q");
    assert_eq!(viewer.end(), 0, "{}", viewer.screen());
    run.press("qs");
    run.end();
}
