//! What keys and events do.

use super::*;

#[test]
fn no_size_makes_the_dashboard_panic() {
    const STATES: [&str; 12] =
        ["?", "<enter>", "q", "<left>", "8<enter>", "8<enter><f12>G", "2", "3", "4", "5", "6", "7"];
    for snapshot in [fixtures::starting(), fixtures::hostile()] {
        let mut tester = Tester::full(snapshot, 80, 24);
        for columns in 0..=60 {
            // Neighbours take turns.
            for rows in (columns % 2..=30).step_by(2) {
                tester.size = Size::new(columns, rows);
                tester.update(Event::Resize(tester.size));
                tester.screen(PLAIN);
                // All states of neighbouring sizes are all states of about any size.
                tester.keys(STATES[usize::from(columns * 5 + rows) % STATES.len()]);
                tester.screen(PLAIN);
                tester.keys("<f12><esc><esc><esc>gg1");
            }
        }
    }
}

#[test]
fn large_screens_are_used() {
    for (columns, rows) in [(300, 100), (500, 20), (20, 300)] {
        let mut tester = Tester::full(fixtures::hostile(), columns, rows);
        for tab in "12345678".chars() {
            tester.keys(&tab.to_string());
            tester.screen(PLAIN);
        }
    }
}

#[test]
fn tabs_are_reached_by_number_by_tab_and_by_mouse() {
    let mut tester = Tester::running();
    for (key, tab) in "12345678".chars().zip(Tab::ALL) {
        tester.keys(&key.to_string());
        assert_eq!(tester.app.tab, tab);
    }
    tester.keys("<tab>");
    assert_eq!(tester.app.tab, Tab::Overview);
    tester.keys("<tab><tab><backtab>");
    assert_eq!(tester.app.tab, Tab::Sites);
    let click = MouseEventKind::Down(MouseButton::Left);
    tester.update(Event::Mouse(click, Position::new(1, 1)));
    assert_eq!(tester.app.tab, Tab::Overview);
    tester.update(Event::Mouse(click, Position::new(40, 1)));
    assert_eq!(tester.app.tab, Tab::Findings);
    tester.keys("?");
    tester.keys("3");
    assert_eq!((tester.app.tab, tester.app.popup), (Tab::Copies, None));
}

#[test]
fn s_goes_through_the_orders_and_i_inverts() {
    let mut tester = Tester::running();
    tester.keys("2s");
    assert!(tester.shown().contains("▼Live"), "{}", tester.shown());
    tester.keys("si");
    assert!(tester.shown().contains("▲Allocated"), "{}", tester.shown());
    tester.keys("<right>h");
    assert!(tester.shown().contains("▲Allocated"), "{}", tester.shown());
}

#[test]
fn a_filter_is_typed_kept_and_taken_away() {
    let mut tester = Tester::running();
    tester.keys("2/smooq<backspace>");
    assert!(tester.shown().contains("Filter: smoo"), "{}", tester.shown());
    assert_eq!(tester.app.list().order.len(), 1);
    tester.keys("<enter>");
    assert!(!tester.app.is_filtering);
    assert_eq!(tester.app.list().order.len(), 1);
    tester.keys("<esc>");
    assert_eq!(tester.app.list().order.len(), 3);
    tester.keys("/nothing like it");
    assert!(tester.shown().contains("nothing matches"), "{}", tester.shown());
    tester.keys("<esc>");
    assert_eq!(tester.app.list().order.len(), 3);
    tester.keys("/^u");
    tester.update(Event::Paste("load\n.py".to_owned()));
    assert_eq!(tester.app.list().filter, "load.py");
}

#[test]
fn u_leaves_the_users_code_and_p_goes_through_processes() {
    let mut tester = Tester::new(fixtures::family(), 120, 24);
    tester.keys("2u");
    assert_eq!(tester.app.list().order.len(), 2);
    assert!(tester.shown().contains("your code"));
    tester.keys("upp");
    assert!(tester.shown().contains("process 4712"), "{}", tester.shown());
    assert_eq!(tester.app.list().order.len(), 0);
    tester.keys("p");
    assert_eq!(tester.app.list().order.len(), 3);
}

#[test]
fn d_shows_what_came_since_the_mark() {
    let mut tester = Tester::running();
    tester.keys("2d");
    assert!(tester.shown().contains("nothing is marked yet"));
    tester.keys("m");
    let mut later = fixtures::running();
    later.elapsed = Nanos(15_000_000_000);
    let mut sites = later.sites.to_vec();
    sites[0].live = Bytes(170 * fixtures::MIB);
    sites[1].live = Bytes(30 * fixtures::MIB);
    later.sites = sites.into();
    tester.snapshot(later);
    tester.keys("d");
    let shown = tester.shown();
    assert!(shown.contains("+10.0 MiB") && shown.contains("−10.0 MiB"), "{shown}");
    assert!(shown.contains("since 12.0 s"), "{shown}");
    tester.keys("d");
    assert!(tester.shown().contains("170 MiB"));
}

#[test]
fn the_cursor_tells_who_was_alive_when() {
    let mut tester = Tester::running();
    tester.keys("<left>");
    assert!(tester.shown().contains("Alive at 12.0 s"), "{}", tester.shown());
    for _ in 0..26 {
        tester.keys("h");
    }
    assert!(tester.shown().contains("Alive at the high-water mark, 8.00 s"), "{}", tester.shown());
    tester.keys("<esc>");
    assert_eq!(tester.app.cursor, None);
    tester.keys("<left><right><right>");
    assert_eq!(tester.app.cursor, None);
}

#[test]
fn what_is_selected_can_be_copied_edited_and_exported() {
    let mut tester = Tester::full(fixtures::running(), 80, 24);
    let fix = fixtures::finding().fix;
    let file: Arc<str> = "/home/ada/code/pipeline/load.py".into();
    let place = Action::Copy(format!("{file}:40"));
    assert_eq!(tester.keys("5y"), [Action::Copy(fix)]);
    assert_eq!(tester.keys("Y"), std::slice::from_ref(&place));
    assert_eq!(tester.keys("2y"), [place]);
    assert_eq!(tester.keys("o"), [Action::Edit { file, line: 40 }]);
    let actions = tester.keys("e");
    let [Action::Export { name: "Sites", text }] = &actions[..] else { panic!("{actions:?}") };
    assert!(text.starts_with("!\t\tAt high-water\tLive\t"), "{text}");
    assert!(text.contains("\t240 MiB\t160 MiB\t"), "{text}");
    assert_eq!(tester.keys("w"), [Action::WriteReport]);
    tester.update(Event::Said("wrote it".to_owned()));
    assert!(tester.shown().contains("wrote it"));
}

#[test]
fn details_ask_for_the_source_once_and_for_stacks() {
    let mut tester = Tester::running();
    assert!(!tester.app.wants_stacks());
    let file: Arc<str> = "/home/ada/code/pipeline/load.py".into();
    assert_eq!(tester.keys("<enter>"), [Action::ReadSource(Arc::clone(&file))]);
    assert!(tester.app.wants_stacks());
    tester.update(Event::Source(file, None));
    assert_eq!(tester.keys("<esc><enter>"), []);
}

#[test]
fn t_changes_the_colours() {
    let mut tester = Tester::running();
    assert_eq!(tester.app.palette, Palette::Terminal);
    tester.keys("T");
    assert!(tester.shown().contains("dark background"));
    let screen = tester.screen(PLAIN);
    let colours = screen.backend().buffer().content.iter().map(|cell| cell.fg);
    assert!(colours.into_iter().any(|it| matches!(it, ratatui::style::Color::Rgb(..))));
    tester.keys("TT");
    assert_eq!(tester.app.palette, Palette::Terminal);
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
    assert!(tester.shown().contains("finished, exit 3"));
    assert_eq!(tester.keys("q"), [Action::Leave(Left::AfterEnd)]);
}

#[test]
fn cancelling_a_stop_means_to_stay() {
    let mut tester = Tester::running();
    tester.keys("qsqc");
    assert_eq!(tester.end(Exit::Signal(15)), None);
}

#[test]
fn k_stops_the_program_and_the_dashboard_stays() {
    let mut tester = Tester::running();
    assert_eq!(tester.keys("Kc"), []);
    assert_eq!(tester.keys("Ks"), [Action::Stop(Stop::Terminate)]);
    assert_eq!(tester.keys("Ksk"), [Action::Stop(Stop::Kill)], "SIGTERM once, then SIGKILL");
    assert_eq!(tester.end(Exit::Signal(9)), None);
    assert_eq!(tester.keys("K"), []);
    assert_eq!(tester.app.popup, None);
    let mut viewer = Tester::viewer(fixtures::running());
    assert_eq!((viewer.keys("Ks"), viewer.app.popup), (vec![], None));
}

#[test]
fn ctrl_z_suspends_except_while_the_program_has_the_keys() {
    check_keys("^z", &[Action::Suspend]);
    check_keys("?^z", &[Action::Suspend]);
    check_keys("8<enter>^z", &[input("\x1a")]);
    let mut tester = Tester::running();
    let asked = tester.update(Event::Program(ProgramEvent::Suspend));
    assert_eq!(asked, Some(Action::Suspend));
}

#[test]
fn after_the_end_ctrl_c_leaves_too() {
    let mut tester = Tester::running();
    tester.snapshot(fixtures::finished());
    assert_eq!(tester.keys("^c"), [Action::Leave(Left::AfterEnd)]);
}

#[test]
fn with_the_focus_on_the_output_keys_go_to_the_program() {
    check_keys("8<enter>q\u{e9}<up>^c<tab>", &["q", "é", "\x1b[A", "\x03", "\t"].map(input));
    check_keys("8<enter>a<f12>b<enter>c^]j", &["a", "c"].map(input));
    check_keys("8<enter>^5q", &[]);
}

#[test]
fn pasted_text_goes_to_the_program_only_with_the_focus() {
    let mut tester = Tester::running();
    assert_eq!(tester.update(Event::Paste("qs".to_owned())), None);
    tester.output("\x1b[?2004h");
    tester.keys("8<enter>");
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
    assert_eq!(tester.keys("8gg"), []);
    assert!(tester.shown().contains("line 0 "), "{}", tester.shown());
    tester.keys("G");
    assert!(tester.shown().contains("line 49"));
    assert_eq!(tester.keys("q"), [Action::Leave(Left::AfterEnd)]);
}

#[test]
fn the_outputs_tab_has_the_screen_and_sends_the_program_no_change_of_size() {
    let mut tester = Tester::running();
    tester.output(&(0..50).map(|n| format!("line {n}\r\n")).collect::<String>());
    assert_eq!(tester.keys("8"), []);
    assert!(tester.shown().contains("line 31"));
    assert_eq!(tester.keys("k"), []);
    assert!(tester.shown().contains("earlier output"));
    tester.keys("1");
    assert!(!tester.shown().contains("line 31"));
}

#[test]
fn the_program_is_told_of_a_new_size_once() {
    let mut tester = Tester::running();
    let resize = Some(Action::ResizeProgram { columns: 100, rows: 36 });
    assert_eq!(tester.update(Event::Resize(Size::new(100, 40))), resize);
    assert_eq!(tester.update(Event::Resize(Size::new(100, 40))), None);
    assert_eq!(crate::program_size(100, 40), (100, 36));
    assert_eq!(crate::program_size(1, 1), (20, 5));
}

#[test]
fn a_frozen_view_stays_as_it_is_until_it_goes_on() {
    let mut tester = Tester::running();
    tester.keys(" ");
    tester.snapshot(Snapshot { elapsed: Nanos(13_000_000_000), ..fixtures::running() });
    assert_eq!(tester.app.data.snapshot.elapsed, Nanos(12_000_000_000));
    assert!(tester.shown().contains("frozen"));
    tester.keys(" ");
    assert_eq!(tester.app.data.snapshot.elapsed, Nanos(13_000_000_000));
}

#[test]
fn rates_come_from_successive_snapshots() {
    let mut tester = Tester::running();
    let mut next = fixtures::running();
    next.elapsed = Nanos(next.elapsed.0 + 500_000_000);
    next.totals.allocated = Bytes(next.totals.allocated.0 + 50 * fixtures::MIB);
    next.totals.n_allocations += 6170;
    tester.snapshot(next);
    assert!(tester.shown().contains("100 MiB/s"), "{}", tester.shown());
    tester.resize(120, 40);
    assert!(tester.shown().contains("100 MiB/s  12.3k allocs/s"), "{}", tester.shown());
}

#[test]
fn all_gauges_are_there_from_72_columns_on() {
    let mut tester = Tester::running();
    for columns in 72..200 {
        tester.resize(columns, 24);
        let shown = tester.shown();
        let names = shown.lines().nth(2).unwrap();
        for name in ["Live ", "High-water mark ", "RSS ", "Alloc", "Copied", "Tempora"] {
            assert!(names.contains(name), "{columns}: {names}");
        }
    }
}

#[test]
fn peaks_are_no_differences() {
    let mut tester = Tester::new(fixtures::running(), 120, 40);
    tester.keys("2m");
    tester.keys("d");
    let shown = tester.shown();
    assert!(shown.contains(" 250 MiB") && !shown.contains("+250 MiB"), "{shown}");
}

#[test]
fn lists_that_stay_empty_promise_nothing_after_the_end() {
    let state = RunState::Ended(Exit::Code(0));
    let mut tester = Tester::new(Snapshot { state, ..fixtures::starting() }, 80, 24);
    for (key, absence) in [
        ("2", "No line of the program allocated or handled arrays."),
        ("3", "Nothing was copied from one array to another."),
        ("4", "No operation on 64 KiB or more has run."),
        ("5", "Nothing was found."),
        ("6", "Nothing is alive"),
    ] {
        tester.keys(key);
        assert!(tester.shown().contains(absence), "{}", tester.shown());
    }
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
    let scrolled = |tester: &Tester| match tester.app.popup {
        Some(Popup::Site { scroll, .. }) => scroll,
        popup => panic!("{popup:?}"),
    };
    tester.keys("2<enter><right>");
    assert!(tester.shown().contains("smooth.py:7"));
    tester.keys("h");
    assert!(tester.shown().contains("pipeline/load.py:40"));
    assert_eq!(scrolled(&tester), 0);
    tester.keys("G");
    let end = scrolled(&tester);
    tester.update(Event::Resize(Size::new(80, 12)));
    tester.keys("G");
    // The box is nine rows lower: it covers the tabs now.
    assert_eq!(scrolled(&tester), end + 9);
    tester.keys("gg");
    assert_eq!(scrolled(&tester), 0);
    tester.keys("<enter>");
    assert_eq!(tester.app.popup, None);
}

#[test]
fn clicks_select_and_the_wheel_scrolls() {
    let mut tester = Tester::running();
    tester.keys("2");
    let selected = |tester: &Tester| {
        let listing = crate::screens::listing(tester.app.tab, &tester.app.data).unwrap();
        tester.app.list().selected_place(&*listing)
    };
    let click = MouseEventKind::Down(MouseButton::Left);
    tester.update(Event::Mouse(click, Position::new(10, 6)));
    assert_eq!(selected(&tester), 2);
    tester.update(Event::Mouse(MouseEventKind::ScrollUp, Position::new(10, 14)));
    assert_eq!(selected(&tester), 0);
    tester.keys("1");
    tester.update(Event::Mouse(click, Position::new(10, 21)));
    assert_eq!(tester.app.tab, Tab::Output);
    assert!(!tester.app.is_typing());
    tester.update(Event::Mouse(click, Position::new(10, 21)));
    assert!(tester.app.is_typing());
}

#[test]
fn the_dashboard_leaves_when_it_is_told_to() {
    let leave = || Event::Program(ProgramEvent::Leave);
    let mut tester = Tester::running();
    assert_eq!(tester.update(leave()), Some(Action::Leave(Left::StillRunning)));
    tester.end(Exit::Code(0));
    assert_eq!(tester.update(leave()), Some(Action::Leave(Left::AfterEnd)));
}

#[test]
fn a_viewer_leaves_at_once_and_sends_the_program_nothing() {
    for keys in ["q", "^c", "8<enter>q"] {
        let actions = Tester::viewer(fixtures::running()).keys(keys);
        assert_eq!(actions, [Action::Leave(Left::StillRunning)], "{keys}");
    }
    let mut viewer = Tester::viewer(fixtures::finished());
    viewer.keys("8");
    assert!(viewer.shown().contains("A report has figures only"), "{}", viewer.shown());
    assert_eq!(viewer.keys("q"), [Action::Leave(Left::AfterEnd)]);
    let mut viewer = Tester::viewer(fixtures::running());
    assert_eq!(viewer.keys("8<enter>hello"), []);
    assert!(viewer.shown().contains("where npprof run was started"), "{}", viewer.shown());
    viewer.keys("1");
    assert!(!viewer.shown().contains("Output ━"), "{}", viewer.shown());
}

#[test]
fn a_viewer_goes_on_with_the_next_run() {
    let mut viewer = Tester::viewer(fixtures::running());
    viewer.snapshot(fixtures::finished());
    viewer.update(Event::Report("/w/npprof-load.json".to_owned()));
    assert!(viewer.shown().contains("exit 0, report in /w/npprof-load.json"), "{}", viewer.shown());
    assert!(!viewer.app.wants_report_path());
    viewer.keys("m<left>2<enter>");
    viewer.snapshot(fixtures::starting());
    assert_eq!((viewer.app.end, &viewer.app.report, viewer.app.cursor), (None, &None, None));
    assert_eq!((viewer.app.popup, viewer.app.data.mark.is_some()), (None, false));
    assert!(viewer.shown().contains("starting"), "{}", viewer.shown());
}

#[test]
fn the_output_is_searched() {
    let mut tester = Tester::running();
    for n in 0..200 {
        tester.output(&format!("step {n}\r\n"));
    }
    tester.keys("8/step 5");
    assert!(tester.shown().contains("Search: step 5"), "{}", tester.shown());
    assert!(tester.shown().contains("match 1 of 11"), "{}", tester.shown());
    assert!(tester.shown().contains("step 59"), "{}", tester.shown());
    tester.keys("<enter>nn");
    assert!(tester.shown().contains("match 3 of 11"), "{}", tester.shown());
    tester.keys("N");
    assert!(tester.shown().contains("match 2 of 11"), "{}", tester.shown());
    tester.keys("/x");
    assert!(tester.shown().contains("no match"), "{}", tester.shown());
    tester.keys("<esc>");
    assert!(tester.shown().contains("step 199"), "{}", tester.shown());
}

#[test]
fn output_is_held_and_followed() {
    let mut tester = Tester::running();
    tester.output("one\r\n");
    tester.keys("8f");
    for _ in 0..50 {
        tester.output("more\r\n");
    }
    assert!(tester.shown().contains("one"), "{}", tester.shown());
    assert!(tester.shown().contains("earlier output, f follows"), "{}", tester.shown());
    tester.keys("f");
    assert!(!tester.shown().contains("one"), "{}", tester.shown());
}

#[test]
fn the_mouse_is_the_programs_when_it_wants_it_and_has_the_keys() {
    let click = |place: (u16, u16)| {
        Event::Mouse(MouseEventKind::Down(MouseButton::Left), Position::new(place.0, place.1))
    };
    let mut tester = Tester::running();
    tester.output("\x1b[?1000h\x1b[?1006h");
    tester.keys("8");
    assert_eq!(tester.update(click((4, 5))), None, "the first click gives it the keys");
    assert_eq!(tester.update(click((4, 5))), Some(input("\x1b[<0;5;3M")));
    assert_eq!(tester.update(click((4, 1))), None, "tabs are npprof's");
    assert_eq!(tester.app.tab, Tab::Overview);
    tester.keys("8<enter>");
    tester.output("\x1b[?1000l");
    assert_eq!(tester.update(click((4, 5))), None);
}

#[test]
fn a_click_selects_a_row_and_another_one_opens_it() {
    let click = |row| Event::Mouse(MouseEventKind::Down(MouseButton::Left), Position::new(10, row));
    let mut tester = Tester::running();
    tester.keys("2");
    assert_eq!(tester.update(click(5)), None);
    assert_eq!(tester.app.popup, None);
    assert!(matches!(tester.update(click(5)), Some(Action::ReadSource(_))));
    assert!(matches!(tester.app.popup, Some(Popup::Site { .. })));
    tester.keys("<esc>");
    assert_eq!(tester.update(click(20)), None, "there is no row");
    assert_eq!(tester.app.popup, None);
    // From the overview to a finding.
    let mut tester = Tester::full(fixtures::running(), 80, 24);
    let areas = tester.app.areas();
    tester.update(click(areas.findings.y + 2));
    assert_eq!(tester.app.tab, Tab::Findings);
    let fix = fixtures::findings()[1].fix.clone();
    assert_eq!(tester.keys("y"), [Action::Copy(fix)]);
}

#[test]
fn a_start_says_what_is_waited_for() {
    let check = |snapshot: Snapshot, expected: &str| {
        let tester = Tester::new(snapshot, 80, 24);
        assert!(tester.shown().contains(expected), "{}", tester.shown());
    };
    let starting = fixtures::starting();
    check(starting.clone(), "waiting for Python to start");
    let mut process = fixtures::running().processes[0].clone();
    process.numpy = None;
    let importing = Snapshot { processes: [process].into(), ..starting };
    check(importing.clone(), "waiting for NumPy to be imported");
    let late = Snapshot { elapsed: Nanos(6_000_000_000), ..importing.clone() };
    check(late, "has not imported NumPy so far");
    let state = RunState::Ended(Exit::Code(0));
    check(Snapshot { state, ..importing }, "ended without importing NumPy");
}
