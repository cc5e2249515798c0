//! The program's terminal: its bytes become a screen, which a pane shows a part of.
//!
//! The terminal has always the size of the output's tab, so that going there sends the program no
//! change of size and a program that fills the screen can be used. The small pane of the overview
//! shows the rows where something happens.

mod search;

pub(crate) use search::{Needle, rows};

use std::fmt;
use std::mem;

use ratatui::crossterm::event::MouseEventKind;
use ratatui::layout::{Position, Size};
use vt100::{Callbacks, Parser, Screen};

use self::search::Search;
use crate::mousing;
use crate::terminal::quietly;
use crate::typing::Modes;

/// A program's terminal is never smaller than this; a smaller pane shows a part of it.
const MIN_SIZE: Size = Size::new(20, 5);
/// Rows of the dashboard beside the output's tab: header, tabs, title, hints.
const OTHER_ROWS: u16 = 4;
/// Rows kept after they have left the screen.
const SCROLLBACK: usize = 2000;
/// Stands where output could not be shown.
const LOST: &[u8] = b"\x1b[2m(npprof could not show the output before)\x1b[0m\r\n";

/// Size of the program's terminal under a dashboard of this size, as columns and rows.
pub(crate) fn program_size(dashboard: Size) -> (u16, u16) {
    let rows = dashboard.height.saturating_sub(OTHER_ROWS);
    (dashboard.width.max(MIN_SIZE.width), rows.max(MIN_SIZE.height))
}

/// The program's terminal and how far it is scrolled back.
pub(crate) struct Output {
    parser: Parser<Replies>,
    /// First row of the pane when the user has scrolled back; `None` follows the output.
    held_at: Option<u16>,
    search: Search,
    /// The program has written something.
    pub(crate) has_any: bool,
}

/// Answers to what programs ask their terminal.
#[derive(Debug, Default)]
struct Replies {
    bytes: Vec<u8>,
}

impl Output {
    pub(crate) fn new(dashboard: Size) -> Self {
        let (columns, rows) = program_size(dashboard);
        Self {
            parser: new_parser(columns, rows),
            held_at: None,
            search: Search::default(),
            has_any: false,
        }
    }

    /// Takes what the program wrote; returns what its terminal answers, most often nothing.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.has_any |= !bytes.is_empty();
        // The emulator keeps in place what has left the screen, and not the screen.
        let n_before = (self.is_held() && self.screen().scrollback() == 0).then(|| self.n_past());
        // The terminal's emulation has bugs that a program's output can meet, such as a wide character
        // cut in two by a change of size. Such output is lost here; the report is not.
        if quietly(|| self.parser.process(bytes)).is_err() {
            let (rows, columns) = self.screen().size();
            self.parser = new_parser(columns, rows);
            self.held_at = None;
            self.parser.process(LOST);
        }
        if let (Some(n_before), true) = (n_before, self.is_held()) {
            let n_new = self.n_past().saturating_sub(n_before);
            self.parser.screen_mut().set_scrollback(n_new);
        }
        mem::take(&mut self.parser.callbacks_mut().bytes)
    }

    pub(crate) fn resize(&mut self, dashboard: Size) {
        let (columns, rows) = program_size(dashboard);
        self.follow();
        self.parser.screen_mut().set_size(rows, columns);
    }

    pub(crate) fn screen(&self) -> &Screen {
        self.parser.screen()
    }

    pub(crate) fn modes(&self) -> Modes {
        Modes {
            application_cursor: self.screen().application_cursor(),
            bracketed_paste: self.screen().bracketed_paste(),
        }
    }

    /// Whether the pane shows earlier output.
    pub(crate) const fn is_held(&self) -> bool {
        self.held_at.is_some()
    }

    /// Whether the program wants to know what the mouse does.
    pub(crate) fn wants_mouse(&self) -> bool {
        self.screen().mouse_protocol_mode() != vt100::MouseProtocolMode::None
    }

    /// What the mouse sends to the program at this place of its screen; `None` if that is nothing.
    pub(crate) fn encode_mouse(&self, kind: MouseEventKind, place: Position) -> Option<Vec<u8>> {
        let screen = self.screen();
        let (rows, columns) = screen.size();
        if place.x >= columns || place.y >= rows {
            return None;
        }
        let (mode, encoding) = (screen.mouse_protocol_mode(), screen.mouse_protocol_encoding());
        mousing::encode(kind, place, mode, encoding)
    }

    /// Lets what a pane of this height shows stay there.
    pub(crate) fn hold(&mut self, height: u16) {
        self.held_at = Some(self.first_row(height, false));
    }

    /// Searches for a text from the newest output on; an empty one ends the search.
    pub(crate) fn search(&mut self, text: &str, height: u16) {
        self.search = Search { needle: Needle::new(text), ..Search::default() };
        if self.search.needle.is_empty() {
            self.follow();
        } else {
            self.find(true, height);
        }
    }

    /// Shows the match before or after the one that is shown.
    pub(crate) fn find(&mut self, is_older: bool, height: u16) {
        let n_past = i64::try_from(self.n_past()).unwrap_or(i64::MAX);
        let rows = self.matching_rows();
        // What was shown has moved as far as anything that is held.
        let from = self.search.row.map(|row| row + self.top(height));
        let Some(place) = search::next(&rows, from, is_older) else {
            self.search.row = None;
            self.search.count = (0, 0);
            return;
        };
        let row = rows[place];
        self.search.count = (rows.len() - place, rows.len());
        // With more before it than after it.
        let newest = i64::from(self.newest_row(height, false));
        let top = (row - i64::from(height) * 2 / 3).clamp(-n_past, newest.max(-n_past));
        self.show_from(top);
        self.search.row = Some(row - top);
    }

    /// What is searched for, which match is shown, from the newest one, and how many there are.
    pub(crate) fn search_state(&self) -> (&Needle, (usize, usize)) {
        (&self.search.needle, self.search.count)
    }

    /// Rows that have left the screen.
    fn n_past(&mut self) -> usize {
        let back = self.screen().scrollback();
        let screen = self.parser.screen_mut();
        screen.set_scrollback(usize::MAX);
        let n = screen.scrollback();
        screen.set_scrollback(back);
        n
    }

    /// All rows in which a match begins, from the screen's first row; negative ones have left it.
    fn matching_rows(&mut self) -> Vec<i64> {
        let back = self.screen().scrollback();
        let height = usize::from(self.screen().size().0);
        let n_past = self.n_past();
        let screen = self.parser.screen_mut();
        let mut rows = Vec::new();
        let mut left = n_past;
        loop {
            screen.set_scrollback(left);
            let n_rows = if left == 0 { height } else { left.min(height) };
            rows.extend(search::rows(screen).take(n_rows));
            if left == 0 {
                break;
            }
            left -= n_rows;
        }
        screen.set_scrollback(back);
        let from_screen = |row: usize| {
            let [row, n_past] = [row, n_past].map(|n| i64::try_from(n).unwrap_or(i64::MAX));
            row - n_past
        };
        let matches = self.search.needle.matches(&rows);
        let mut rows: Vec<i64> =
            matches.iter().filter_map(|parts| Some(from_screen(parts.first()?.row))).collect();
        rows.dedup();
        rows
    }

    /// The first row that a pane of this height shows, from the screen's first row.
    fn top(&self, height: u16) -> i64 {
        let back = i64::try_from(self.screen().scrollback()).unwrap_or(i64::MAX);
        i64::from(self.first_row(height, false)) - back
    }

    /// Holds a pane at this row, from the screen's first row.
    fn show_from(&mut self, row: i64) {
        let back = usize::try_from(row.saturating_neg()).unwrap_or(0);
        // Limits itself to what there is.
        self.parser.screen_mut().set_scrollback(back);
        self.held_at = Some(u16::try_from(row.max(0)).unwrap_or(0));
    }

    /// Shows the newest output again.
    pub(crate) fn follow(&mut self) {
        self.held_at = None;
        self.search.row = None;
        self.parser.screen_mut().set_scrollback(0);
    }

    /// Moves a pane of this height by so many rows; negative ones go back in time.
    pub(crate) fn scroll(&mut self, rows: i32, height: u16) {
        let back = i32::try_from(self.screen().scrollback()).unwrap_or(i32::MAX);
        let newest = i32::from(self.newest_row(height, false));
        let top = self.held_at.map_or(newest, |row| i32::from(row) - back);
        let wanted = top.saturating_add(rows);
        if wanted >= newest {
            self.follow();
            return;
        }
        self.show_from(i64::from(wanted));
    }

    /// The screen's row that a pane of this height shows first. With the focus, the cursor is in
    /// sight.
    pub(crate) fn first_row(&self, height: u16, has_focus: bool) -> u16 {
        self.held_at.unwrap_or_else(|| self.newest_row(height, has_focus))
    }

    /// The cursor, from the screen's first row; `None` while it is hidden.
    pub(crate) fn cursor(&self) -> Option<Position> {
        let screen = self.screen();
        let (row, column) = screen.cursor_position();
        (!screen.hide_cursor() && !self.is_held()).then_some(Position::new(column, row))
    }

    fn newest_row(&self, height: u16, has_focus: bool) -> u16 {
        let screen = self.screen();
        let (rows, columns) = screen.size();
        let has_text = |row: u16| {
            (0..columns)
                .any(|column| screen.cell(row, column).is_some_and(vt100::Cell::has_contents))
        };
        let last = (0..rows).rev().find(|&row| has_text(row)).unwrap_or(0);
        let cursor = if has_focus { screen.cursor_position().0 } else { 0 };
        let first = (last.max(cursor) + 1).saturating_sub(height);
        if has_focus { first.min(cursor) } else { first }
    }
}

fn new_parser(columns: u16, rows: u16) -> Parser<Replies> {
    Parser::new_with_callbacks(rows, columns, SCROLLBACK, Replies::default())
}

/// Shows the size, not the text.
impl fmt::Debug for Output {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Output")
            .field("size", &self.screen().size())
            .field("held_at", &self.held_at)
            .finish_non_exhaustive()
    }
}

impl Callbacks for Replies {
    fn unhandled_csi(
        &mut self,
        screen: &mut Screen,
        first: Option<u8>,
        _: Option<u8>,
        parameters: &[&[u16]],
        command: char,
    ) {
        let parameter = parameters.first().and_then(|values| values.first()).copied().unwrap_or(0);
        let answer = match (first, command, parameter) {
            // "Are you well?"
            (None, 'n', 5) => "\x1b[0n".to_owned(),
            // "Where is the cursor?"
            (None, 'n', 6) => {
                let (row, column) = screen.cursor_position();
                format!("\x1b[{};{}R", u32::from(row) + 1, u32::from(column) + 1)
            }
            // "What are you?" A VT102.
            (None, 'c', 0) => "\x1b[?6c".to_owned(),
            _ => return,
        };
        self.bytes.extend(answer.into_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DASHBOARD: Size = Size::new(20, 8);
    const HEIGHT: u16 = 2;

    fn output(text: &str) -> Output {
        let mut output = Output::new(DASHBOARD);
        assert_eq!(output.write(text.as_bytes()), b"");
        output
    }

    fn shown(output: &Output) -> Vec<String> {
        let first = usize::from(output.first_row(HEIGHT, false));
        output.screen().rows(0, 20).skip(first).take(usize::from(HEIGHT)).collect()
    }

    #[test]
    fn a_small_pane_shows_the_last_rows_with_text() {
        assert_eq!(shown(&output("")), ["", ""]);
        assert_eq!(shown(&output("a\r\nb\r\n")), ["a", "b"]);
        assert_eq!(shown(&output("a\r\nb\r\nc\r\n")), ["b", "c"]);
    }

    #[test]
    fn scrolling_goes_through_screen_and_history_and_stops_at_both_ends() {
        let mut output = output("1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n");
        assert_eq!(shown(&output), ["7", "8"]);
        output.scroll(-1, HEIGHT);
        assert_eq!(shown(&output), ["6", "7"]);
        output.scroll(-3, HEIGHT);
        assert_eq!(shown(&output), ["3", "4"]);
        output.scroll(-100, HEIGHT);
        assert_eq!(shown(&output), ["1", "2"]);
        output.scroll(2, HEIGHT);
        assert_eq!(shown(&output), ["3", "4"]);
        assert!(output.is_held());
        output.scroll(100, HEIGHT);
        assert_eq!(shown(&output), ["7", "8"]);
        assert!(!output.is_held());
    }

    #[test]
    fn what_is_held_stays_while_more_comes() {
        for text in ["1\r\n2\r\n", "1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n"] {
            let mut output = output(text);
            let before = shown(&output);
            output.hold(HEIGHT);
            for _ in 0..3 {
                output.write(b"a\r\nb\r\nc\r\nd\r\ne\r\n");
                assert_eq!(shown(&output), before);
            }
            output.follow();
            assert_eq!(shown(&output), ["d", "e"]);
        }
    }

    #[test]
    fn a_search_goes_back_from_the_newest_match_and_round() {
        let mut output = output("x1\r\n-\r\n-\r\n-\r\n-\r\nX2\r\n-\r\n-\r\n-\r\nx3\r\n-\r\n");
        let check = |output: &Output, text: &str, count| {
            assert!(shown(output).contains(&text.to_owned()), "{:?}", shown(output));
            assert_eq!(output.search_state().1, count);
        };
        output.search("x", HEIGHT);
        check(&output, "x3", (1, 3));
        output.find(true, HEIGHT);
        check(&output, "X2", (2, 3));
        // More output does not lead astray.
        output.write(b"-\r\n-\r\n-\r\nx4\r\n");
        check(&output, "X2", (2, 3));
        output.find(true, HEIGHT);
        check(&output, "x1", (4, 4));
        output.find(true, HEIGHT);
        check(&output, "x4", (1, 4));
        output.find(false, HEIGHT);
        check(&output, "x1", (4, 4));
        output.search("nothing", HEIGHT);
        assert_eq!(output.search_state().1, (0, 0));
        output.search("", HEIGHT);
        assert!(!output.is_held());
    }

    #[test]
    fn a_search_finds_what_goes_on_in_the_next_row() {
        let long = "----------------needle----";
        // On the screen, in the past, and on both sides of the screen's upper edge.
        for n_after in 0..9 {
            let mut output = output(&format!("{long}\r\n{}", "\r\n-".repeat(n_after)));
            output.search("needle", HEIGHT);
            assert_eq!(output.search_state().1, (1, 1), "{n_after}");
            assert!(shown(&output).contains(&"----------------need".to_owned()), "{n_after}");
        }
    }

    #[test]
    fn questions_to_the_terminal_are_answered() {
        let mut output = output("ab\r\nc");
        assert_eq!(output.write(b"\x1b[6n"), b"\x1b[2;2R");
        assert_eq!(output.write(b"\x1b[5n\x1b[c"), b"\x1b[0n\x1b[?6c");
    }

    #[test]
    fn any_bytes_at_any_size_are_survived() {
        const PIECES: [&[u8]; 24] = [
            b"\x1b[",
            b"\x1b]0;",
            b"\x1b",
            b"\x07",
            b"99999",
            b"0",
            b"1",
            b";",
            b"?",
            b"H",
            b"J",
            b"K",
            b"L",
            b"M",
            b"P",
            b"@",
            b"r",
            b"1049h",
            b"1049l",
            "漢".as_bytes(),
            "e\u{301}".as_bytes(),
            b"\r\n\x0b\x08\x09",
            b"\xff\xc3",
            b"abcdefghijklmnopqrstuvwxyz",
        ];
        let mut state = 1_u64;
        let mut random = |n: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % n
        };
        let mut output = Output::new(DASHBOARD);
        for _ in 0..6_000 {
            match random(64) {
                60 => output.search(["a", "漢", "\u{fffd}"][random(3)], HEIGHT),
                61 => output.find(random(2) == 0, HEIGHT),
                62 => output.hold(HEIGHT),
                63 => drop(output.encode_mouse(MouseEventKind::ScrollUp, Position::new(3, 3))),
                0 => output.resize(Size::new(
                    u16::try_from(random(50)).unwrap(),
                    u16::try_from(random(20)).unwrap(),
                )),
                1 => output.scroll(i32::try_from(random(21)).unwrap() - 10, HEIGHT),
                _ => drop(output.write(PIECES[random(PIECES.len())])),
            }
            let first = output.first_row(HEIGHT, true);
            assert!(first < output.screen().size().0);
        }
    }
}
