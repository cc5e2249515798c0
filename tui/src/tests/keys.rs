//! What keys and events do.

use super::*;

#[test]
fn no_size_makes_the_dashboard_panic() {
    const STATES: [&str; 6] = ["?", "<enter>", "q", "o", "<tab>", "<tab><f12>oG"];
    for snapshot in [fixtures::starting(), fixtures::hostile()] {
        let mut tester = Tester::new(snapshot, 80, 24);
        tester.output(OUTPUT);
        for columns in 0..=60 {
            for rows in 0..=30 {
                tester.size = Size::new(columns, rows);
                tester.update(Event::Resize(tester.size));
                tester.screen(PLAIN);
                // All states of neighbouring sizes are all states of about any size.
                tester.keys(STATES[usize::from(columns * 5 + rows) % STATES.len()]);
                tester.screen(PLAIN);
                tester.keys("<f12><esc><esc><esc>gg");
            }
        }
    }
}

#[test]
fn large_screens_are_used() {
    for (columns, rows) in [(300, 100), (500, 20), (20, 300)] {
        let mut tester = Tester::new(fixtures::hostile(), columns, rows);
        tester.output(OUTPUT);
        tester.screen(PLAIN);
    }
}

#[test]
fn s_goes_through_the_orders_and_i_inverts() {
    let mut tester = Tester::running();
    tester.keys("s");
    assert_eq!(tester.app.sites.sort, Sort::Live);
    assert!(tester.shown().contains("▼Live"), "{}", tester.shown());
    tester.keys("si");
    assert_eq!(tester.app.sites.sort, Sort::Allocated);
    assert!(tester.shown().contains("▲Allocated"), "{}", tester.shown());
    tester.keys("<right>h");
    assert_eq!(tester.app.sites.sort, Sort::Allocated);
}

#[test]
fn ctrl_c_goes_to_the_program_and_twice_asks() {
    let mut tester = Tester::running();
    assert_eq!(tester.keys("^c"), [Action::Stop(Stop::Interrupt)]);
    assert!(tester.shown().contains("sent Ctrl-C to the program"));
    tester.wait(Duration::from_millis(1999));
    assert_eq!(tester.keys("^c"), []);
    assert_eq!(tester.app.popup, Some(Popup::Leave));
}

#[test]
fn ctrl_c_after_a_while_goes_to_the_program_again() {
    let mut tester = Tester::running();
    tester.keys("^c");
    tester.wait(Duration::from_secs(2));
    assert_eq!(tester.keys("^c"), [Action::Stop(Stop::Interrupt)]);
}

#[test]
fn q_asks_and_each_answer_does_what_it_says() {
    check_keys("q", &[]);
    check_keys("ql", &[Action::Leave(Left::StillRunning)]);
    check_keys("qs", &[Action::Stop(Stop::Terminate)]);
    check_keys("qsqk", &[Action::Stop(Stop::Terminate), Action::Stop(Stop::Kill)]);
    check_keys("qk", &[]);
    check_keys("qcq<esc>", &[]);
    check_keys("q^c^l", &[]);
}

#[test]
fn a_program_that_was_asked_to_stop_is_left_when_it_has_ended() {
    let mut tester = Tester::running();
    tester.keys("qs");
    assert_eq!(tester.end(Exit::Signal(15)), Some(Action::Leave(Left::AfterEnd)));
}

#[test]
fn a_program_that_ends_while_the_question_stands_answers_it() {
    let mut tester = Tester::running();
    tester.keys("q");
    assert_eq!(tester.end(Exit::Code(3)), None);
    assert_eq!(tester.app.popup, None);
    assert!(tester.shown().contains("finished: exit 3"));
    assert_eq!(tester.keys("q"), [Action::Leave(Left::AfterEnd)]);
}

#[test]
fn cancelling_a_stop_means_to_stay() {
    let mut tester = Tester::running();
    tester.keys("qsqc");
    assert_eq!(tester.end(Exit::Signal(15)), None);
}

#[test]
fn after_the_end_ctrl_c_leaves_too() {
    let mut tester = Tester::running();
    tester.snapshot(fixtures::finished());
    assert_eq!(tester.keys("^c"), [Action::Leave(Left::AfterEnd)]);
}

#[test]
fn with_the_focus_on_the_output_keys_go_to_the_program() {
    check_keys("<tab>q\u{e9}<up>^c<tab>", &["q", "é", "\x1b[A", "\x03", "\t"].map(input));
    check_keys("<tab>a<f12>b<tab>c^]d", &["a", "c"].map(input));
    check_keys("<tab>^5q", &[]);
}

#[test]
fn pasted_text_goes_to_the_program_only_with_the_focus() {
    let mut tester = Tester::running();
    assert_eq!(tester.update(Event::Paste("qs".to_owned())), None);
    tester.output("\x1b[?2004h");
    tester.keys("<tab>");
    let pasted = tester.update(Event::Paste("a\nb".to_owned()));
    assert_eq!(pasted, Some(input("\x1b[200~a\rb\x1b[201~")));
}

#[test]
fn the_program_learns_where_its_cursor_is() {
    let mut tester = Tester::running();
    assert_eq!(tester.output("ab\x1b[6n"), Some(input("\x1b[1;3R")));
    tester.end(Exit::Code(0));
    assert_eq!(tester.output("\x1b[6n"), None);
}

#[test]
fn after_the_end_keys_scroll_the_output() {
    let mut tester = Tester::running();
    tester.output(&(0..50).map(|n| format!("line {n}\r\n")).collect::<String>());
    tester.end(Exit::Code(0));
    assert_eq!(tester.keys("<tab>gg"), []);
    assert!(tester.shown().contains("line 0 "), "{}", tester.shown());
    tester.keys("G");
    assert!(tester.shown().contains("line 49"));
    assert_eq!(tester.keys("q"), [Action::Leave(Left::AfterEnd)]);
}

#[test]
fn o_gives_the_output_the_screen_and_sends_the_program_no_change_of_size() {
    let mut tester = Tester::running();
    tester.output(&(0..50).map(|n| format!("line {n}\r\n")).collect::<String>());
    assert_eq!(tester.keys("o"), []);
    assert!(tester.shown().contains("line 30"));
    assert_eq!(tester.keys("k"), []);
    assert!(tester.shown().contains("earlier output"));
    tester.keys("<esc>");
    assert!(!tester.shown().contains("line 30"));
}

#[test]
fn the_program_is_told_of_a_new_size_once() {
    let mut tester = Tester::running();
    let resize = Some(Action::ResizeProgram { columns: 100, rows: 37 });
    assert_eq!(tester.update(Event::Resize(Size::new(100, 40))), resize);
    assert_eq!(tester.update(Event::Resize(Size::new(100, 40))), None);
    assert_eq!(crate::program_size(100, 40), (100, 37));
    assert_eq!(crate::program_size(1, 1), (20, 5));
}

#[test]
fn a_frozen_view_stays_as_it_is_until_it_goes_on() {
    let mut tester = Tester::running();
    tester.keys(" ");
    tester.snapshot(Snapshot { elapsed: Nanos(13_000_000_000), ..fixtures::running() });
    assert_eq!(tester.app.snapshot.elapsed, Nanos(12_000_000_000));
    assert!(tester.shown().contains("frozen"));
    tester.keys(" ");
    assert_eq!(tester.app.snapshot.elapsed, Nanos(13_000_000_000));
}

#[test]
fn rates_come_from_successive_snapshots() {
    let mut tester = Tester::running();
    let mut next = fixtures::running();
    next.elapsed = Nanos(next.elapsed.0 + 500_000_000);
    next.totals.allocated = Bytes(next.totals.allocated.0 + 50 * fixtures::MIB);
    next.totals.n_allocations += 6170;
    tester.snapshot(next);
    assert!(tester.shown().contains("100 MiB/s  12.3k allocs/s"), "{}", tester.shown());
}

#[test]
fn nothing_is_drawn_when_nothing_has_changed() {
    let mut tester = Tester::running();
    tester.app.needs_drawing = false;
    tester.snapshot(fixtures::running());
    tester.wait(Duration::from_secs(1));
    assert!(!tester.app.needs_drawing);
    tester.keys("^c");
    tester.app.needs_drawing = false;
    tester.wait(Duration::from_secs(4));
    assert!(tester.app.needs_drawing, "the message has gone");
}

#[test]
fn dropped_events_stand_in_the_header() {
    let mut snapshot = fixtures::running();
    snapshot.totals.n_dropped = 1234;
    for columns in [80, 40] {
        let tester = Tester::new(snapshot.clone(), columns, 24);
        assert!(tester.shown().contains("! 1,234 events dropped"), "{}", tester.shown());
    }
}

#[test]
fn a_program_without_numpy_is_told_so() {
    let mut tester = Tester::new(fixtures::starting(), 80, 24);
    let state = RunState::Ended(Exit::Code(0));
    tester.snapshot(Snapshot { state, ..fixtures::starting() });
    assert!(tester.shown().contains("ended without importing NumPy"));
}

#[test]
fn details_go_to_other_sites_and_scroll() {
    let mut tester = Tester::running();
    tester.keys("<enter><right>");
    assert!(tester.shown().contains("smooth.py:7"));
    tester.keys("h");
    assert!(tester.shown().contains("pipeline/load.py:40"));
    tester.keys("G");
    assert_eq!(tester.app.popup, Some(Popup::Site { scroll: 0 }));
    tester.update(Event::Resize(Size::new(80, 12)));
    tester.keys("G");
    assert_eq!(tester.app.popup, Some(Popup::Site { scroll: 8 }));
    tester.keys("gg<enter>");
    assert_eq!(tester.app.popup, None);
}

#[test]
fn clicks_select_and_the_wheel_scrolls() {
    let mut tester = Tester::running();
    let click = MouseEventKind::Down(MouseButton::Left);
    tester.update(Event::Mouse(click, Position::new(10, 14)));
    let sites = &tester.app.snapshot.sites;
    assert_eq!(tester.app.sites.selected_row(sites), 2);
    tester.update(Event::Mouse(MouseEventKind::ScrollUp, Position::new(10, 14)));
    assert_eq!(tester.app.sites.selected_row(&tester.app.snapshot.sites), 0);
    tester.update(Event::Mouse(click, Position::new(10, 21)));
    assert_eq!(tester.app.focus, Focus::Output);
}

#[test]
fn the_dashboard_leaves_when_it_is_told_to() {
    let leave = || Event::Program(ProgramEvent::Leave);
    let mut tester = Tester::running();
    assert_eq!(tester.update(leave()), Some(Action::Leave(Left::StillRunning)));
    tester.end(Exit::Code(0));
    assert_eq!(tester.update(leave()), Some(Action::Leave(Left::AfterEnd)));
}
