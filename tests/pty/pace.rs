//! How fast the dashboard answers, how often it draws, and what that costs, while a program keeps
//! npprof busy.
//!
//! Times on a busy machine say little, so what is asserted is far above what is printed.

use std::time::{Duration, Instant};

use npprof_tests::{matrix::one_pair, program::folder};

use crate::terminal::Terminal;

/// Begins each frame.
const FRAME: &str = "\x1b[?2026h";
/// Between two figures, and so between two frames that no key has asked for.
const FRAMES_PER_SECOND: f64 = 10.0;
/// Half of the answers come sooner even where several tests share a processor.
const ANSWER_TIME: Duration = Duration::from_millis(300);
const N_ANSWERS: usize = 30;

fn start(program: &str, text: &str) -> Terminal {
    let folder = folder();
    let report = folder.path().join("report.json");
    let terminal = Terminal::run(&one_pair()[0], program, 120, 40, &report.to_string_lossy());
    terminal.wait_for(text);
    terminal
}

fn stop(mut terminal: Terminal) {
    terminal.press("qs");
    assert_eq!(terminal.end(), 128 + 15, "{}", terminal.screen());
}

/// Frames that are drawn in this time.
fn frames_in(terminal: &Terminal, time: Duration) -> usize {
    let before = terminal.transcript().matches(FRAME).count();
    std::thread::sleep(time);
    terminal.transcript().matches(FRAME).count() - before
}

#[test]
fn keys_are_answered_while_the_program_allocates_as_fast_as_it_can() {
    let mut terminal = start("flood.py", "round");
    let started = Instant::now();
    let cpu_before = terminal.drawing_time();
    let n_frames = frames_in(&terminal, Duration::from_secs(3));
    let time = started.elapsed();
    let cpu = terminal.drawing_time() - cpu_before;
    println!("{n_frames} frames in {time:?}; the drawing thread's processor time: {cpu:?}");
    // The frame at either end.
    let most = time.as_secs_f64() * FRAMES_PER_SECOND + 2.0;
    assert!((n_frames as f64) <= most, "{n_frames} frames in {time:?}");
    assert!(cpu < time / 2, "{cpu:?} of {time:?}");
    let mut times = Vec::new();
    for n in 0..N_ANSWERS {
        let (key, text) = if n % 2 == 0 { ("7", "━ Processes") } else { ("3", "━ Copies") };
        let pressed = Instant::now();
        terminal.press(key);
        terminal.watch(text, |screen| screen.contains(text));
        times.push(pressed.elapsed());
        // At any time between two frames.
        std::thread::sleep(Duration::from_millis(37 * (n as u64 % 4)));
    }
    times.sort();
    let (median, slowest) = (times[N_ANSWERS / 2], times[N_ANSWERS - 1]);
    println!("a key is answered after {median:?} (median), {slowest:?} at most");
    assert!(median < ANSWER_TIME, "{times:?}");
    stop(terminal);
}

#[test]
fn nothing_is_drawn_when_nothing_has_changed() {
    let mut terminal = start("wait.py", "ready");
    terminal.wait_for("8.00 MiB");
    terminal.press(" ");
    terminal.wait_for("frozen");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(frames_in(&terminal, Duration::from_secs(1)), 0);
    terminal.press(" 8\r");
    terminal.wait_for("keys go to the program");
    terminal.press("end\r");
    terminal.wait_for("report in");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(frames_in(&terminal, Duration::from_secs(1)), 0);
    terminal.press("\x1b[24~q");
    assert_eq!(terminal.end(), 0, "{}", terminal.screen());
}
