//! What clicks and the wheel do.

use ratatui::crossterm::event::{MouseButton, MouseEventKind};
use ratatui::layout::{Position, Rect};

use super::{Action, App};
use crate::keys::Command;
use crate::screens;
use crate::tab::Tab;

/// Rows that a turn of the wheel moves.
const WHEEL_ROWS: i32 = 3;

impl App {
    pub(super) fn on_mouse(&mut self, kind: MouseEventKind, place: Position) -> Option<Action> {
        if let Some(bytes) = self.programs_mouse(kind, place) {
            return Some(Action::SendInput(bytes));
        }
        let rows = match kind {
            MouseEventKind::ScrollUp => -WHEEL_ROWS,
            MouseEventKind::ScrollDown => WHEEL_ROWS,
            MouseEventKind::Down(MouseButton::Left) => 0,
            _ => return None,
        };
        let areas = self.areas();
        let is_in = |area: Rect| area.contains(place);
        if let Some(popup) = self.popup {
            if rows != 0 {
                self.scroll_popup(rows, popup);
            }
        } else if is_in(areas.tabs) {
            if let Some(tab) = screens::header::tab_at(self, place.x).filter(|_| rows == 0) {
                self.show(tab);
            }
        } else if is_in(areas.output) {
            if rows != 0 {
                self.output.scroll(rows, areas.output_rows());
            } else if self.tab == Tab::Output {
                self.has_typing = self.has_program();
            } else {
                self.show(Tab::Output);
            }
        } else if is_in(areas.findings) && rows == 0 {
            return self.open_finding(place.y.checked_sub(areas.findings.y + 1));
        } else if is_in(areas.list) {
            return self.on_list_mouse(rows, areas.list_row_at(place));
        }
        None
    }

    /// A click on one of the overview's findings.
    fn open_finding(&mut self, row: Option<u16>) -> Option<Action> {
        let row = usize::from(row?);
        self.show(Tab::Findings);
        self.with_list(|list, listing, height| {
            if let Some(row) = list.order.iter().position(|&finding| finding == row) {
                list.select(row, listing, height);
            }
        });
        None
    }

    /// What the mouse sends to the program, if keys go there and it wants the mouse too.
    fn programs_mouse(&self, kind: MouseEventKind, place: Position) -> Option<Vec<u8>> {
        if !self.is_typing() || !self.output.wants_mouse() || self.output.is_held() {
            return None;
        }
        let area = self.areas().output;
        let row = place.y.checked_sub(area.y + 1).filter(|_| area.contains(place))?;
        let first = self.output.first_row(self.areas().output_rows(), true);
        self.output.encode_mouse(kind, Position::new(place.x - area.x, row + first))
    }

    /// A click selects a row, and opens the one that is selected.
    fn on_list_mouse(&mut self, rows: i32, row: Option<usize>) -> Option<Action> {
        let is_selected = self.with_list(|list, listing, height| {
            if rows == 0 {
                let before = list.selected(listing);
                let place = list.offset + row?;
                list.select(place, listing, height);
                return Some(before.is_some() && before == list.order.get(place).copied());
            }
            let command = if rows < 0 { Command::Up } else { Command::Down };
            for _ in 0..rows.unsigned_abs() {
                list.on_command(command, listing, height);
            }
            None
        })??;
        if is_selected { self.open() } else { None }
    }
}
