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
        } else if is_in(areas.list) {
            self.on_list_mouse(rows, areas.list_row_at(place));
        }
        None
    }

    fn on_list_mouse(&mut self, rows: i32, row: Option<usize>) {
        self.with_list(|list, listing, height| {
            if rows == 0 {
                if let Some(row) = row {
                    list.select(list.offset + row, listing, height);
                }
                return;
            }
            let command = if rows < 0 { Command::Up } else { Command::Down };
            for _ in 0..rows.unsigned_abs() {
                list.on_command(command, listing, height);
            }
        });
    }
}
