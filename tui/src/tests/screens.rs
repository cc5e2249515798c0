//! What each screen shows, from fixed snapshots.

use super::*;

/// Compares what is shown with a picture in `pictures`.
fn check(tester: &Tester, name: &str, options: Options) {
    let mut text = String::new();
    let screen = tester.screen(options);
    let buffer = screen.backend().buffer();
    for row in buffer.content.chunks(usize::from(tester.size.width).max(1)) {
        let mut line = String::new();
        let mut n_hidden = 0;
        for cell in row {
            if n_hidden == 0 {
                line += cell.symbol();
                n_hidden = crate::text::width(cell.symbol()).saturating_sub(1);
            } else {
                n_hidden -= 1;
            }
        }
        text += line.trim_end();
        text.push('\n');
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("pictures");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| assert_snapshot!(name, text));
}

/// Looks at a tab of a run at three sizes.
fn check_tab(name: &str, keys: &str, snapshot: fn() -> Snapshot) {
    for (columns, rows) in [(80, 24), (120, 40), (200, 60)] {
        let mut tester = Tester::full(snapshot(), columns, rows);
        tester.keys(keys);
        check(&tester, &format!("{name}_{columns}x{rows}"), PLAIN);
    }
}

#[test]
fn overview() {
    check_tab("overview", "", fixtures::running);
}

#[test]
fn call_sites() {
    check_tab("sites", "2j", fixtures::running);
}

#[test]
fn copies() {
    check_tab("copies", "3", fixtures::running);
}

#[test]
fn layout() {
    check_tab("layout", "4", fixtures::running);
}

#[test]
fn findings() {
    check_tab("findings", "5", fixtures::running);
}

#[test]
fn growth() {
    check_tab("growth", "6", fixtures::running);
}

#[test]
fn processes_and_threads() {
    check_tab("processes", "7t", fixtures::family);
}

#[test]
fn output() {
    check_tab("output", "8", fixtures::running);
}

#[test]
fn details_of_a_site() {
    check_tab("site", "2<enter>", fixtures::running);
    let mut tester = Tester::full(fixtures::running(), 120, 120);
    tester.keys("2<enter>");
    check(&tester, "site_120x120", PLAIN);
}

#[test]
fn a_moment_of_the_run() {
    let mut tester = Tester::full(fixtures::running(), 80, 24);
    tester.keys(&"h".repeat(27));
    check(&tester, "moment_80x24", PLAIN);
}

#[test]
fn empty_tabs_say_what_to_expect() {
    for key in "12345678".chars() {
        let mut tester = Tester::new(fixtures::starting(), 80, 24);
        tester.keys(&key.to_string());
        check(&tester, &format!("empty_{key}_80x24"), PLAIN);
    }
}

#[test]
fn narrow_screens_make_sense() {
    for key in "1234567".chars() {
        let mut tester = Tester::full(fixtures::running(), 40, 20);
        tester.keys(&key.to_string());
        check(&tester, &format!("narrow_{key}_40x20"), PLAIN);
    }
    check(&Tester::new(fixtures::running(), 20, 10), "narrow_1_20x10", PLAIN);
}

#[test]
fn ascii() {
    let mut tester = Tester::full(fixtures::running(), 80, 24);
    let ascii = Options { ascii: true, ..PLAIN };
    check(&tester, "ascii_overview", ascii);
    tester.keys("4");
    check(&tester, "ascii_layout", ascii);
    // Nothing but what the program writes is unknown in ASCII; the last line has the key for help.
    tester.output("\x1b[2J");
    for key in "12345678".chars() {
        tester.keys(&key.to_string());
        let screen = tester.screen(ascii);
        for cell in &screen.backend().buffer().content[..80 * 23] {
            assert!(cell.symbol().is_ascii() && cell.symbol() != "?", "{key}");
        }
    }
}

#[test]
fn after_the_end_figures_stand_and_the_header_says_how_to_leave() {
    let mut tester = Tester::full(fixtures::running(), 80, 24);
    tester.snapshot(fixtures::finished());
    tester.end(Exit::Code(0));
    tester.update(Event::Report("/home/ada/code/runs/npprof-load.4711.json".to_owned()));
    check(&tester, "finished_80x24", PLAIN);
}

#[test]
fn leaving_a_running_program_is_asked_about() {
    for (columns, rows) in [(80, 24), (30, 12)] {
        let mut tester = Tester::new(fixtures::running(), columns, rows);
        tester.keys("q");
        check(&tester, &format!("leave_{columns}x{rows}"), PLAIN);
    }
    let mut tester = Tester::new(fixtures::running(), 80, 24);
    tester.keys("KsK");
    check(&tester, "stop_80x24", PLAIN);
}

#[test]
fn help_is_made_from_the_key_map() {
    let mut tester = Tester::new(fixtures::running(), 80, 76);
    tester.keys("?");
    check(&tester, "help_80x76", PLAIN);
}

#[test]
fn names_cannot_harm_the_terminal() {
    let mut tester = Tester::full(fixtures::hostile(), 120, 30);
    tester.output("\u{9b}31m\x1b]0;title\x07e\u{301}\u{202e}漢\r\n");
    check(&tester, "hostile_120x30", PLAIN);
    for keys in ["2", "3", "4", "5", "6", "7", "8", "2<enter>"] {
        tester.keys(keys);
        for cell in &tester.screen(PLAIN).backend().buffer().content {
            assert!(!cell.symbol().contains(crate::text::is_harmful), "{:?}", cell.symbol());
        }
    }
}
