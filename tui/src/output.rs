//! The program's terminal: its bytes become a screen, which a pane shows a part of.
//!
//! The terminal has always the size of the output's tab, so that going there sends the program no
//! change of size and a program that fills the screen can be used. The small pane of the overview
//! shows the rows where something happens.

use std::fmt;
use std::mem;

use ratatui::layout::{Position, Size};
use vt100::{Callbacks, Parser, Screen};

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
        Self { parser: new_parser(columns, rows), held_at: None, has_any: false }
    }

    /// Takes what the program wrote; returns what its terminal answers, most often nothing.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.has_any |= !bytes.is_empty();
        // The terminal's emulation has bugs that a program's output can meet, such as a wide character
        // cut in two by a change of size. Such output is lost here; the report is not.
        if quietly(|| self.parser.process(bytes)).is_err() {
            let (rows, columns) = self.screen().size();
            self.parser = new_parser(columns, rows);
            self.held_at = None;
            self.parser.process(LOST);
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

    /// Shows the newest output again.
    pub(crate) fn follow(&mut self) {
        self.held_at = None;
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
        let back = usize::try_from(wanted.saturating_neg()).unwrap_or(0);
        // Limits itself to what there is.
        self.parser.screen_mut().set_scrollback(back);
        self.held_at = Some(u16::try_from(wanted.max(0)).unwrap_or(0));
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
            match random(60) {
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
