//! A part of the program's terminal.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::widgets::Widget;
use vt100::{Cell, Screen};

use crate::output::{self, Needle};
use crate::text::{is_harmful, to_u16};
use crate::theme;

/// The rows of a terminal from `first_row` on.
pub(crate) struct TerminalView<'a> {
    pub(crate) screen: &'a Screen,
    pub(crate) first_row: u16,
    /// Its places are marked.
    pub(crate) needle: &'a Needle,
}

impl Widget for TerminalView<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let (rows, columns) = self.screen.size();
        for row in 0..area.height.min(rows.saturating_sub(self.first_row)) {
            for column in 0..area.width.min(columns) {
                let Some(cell) = self.screen.cell(self.first_row + row, column) else { continue };
                let to = &mut buffer[(area.x + column, area.y + row)];
                to.set_style(style(cell));
                let is_cut = cell.is_wide() && column + 1 >= area.width;
                if cell.is_wide_continuation() || is_cut || !cell.has_contents() {
                    continue;
                }
                if cell.contents().contains(is_harmful) {
                    to.set_symbol("\u{fffd}");
                } else {
                    to.set_symbol(cell.contents());
                }
            }
        }
        self.mark(area, buffer);
    }
}

impl TerminalView<'_> {
    fn mark(&self, area: Rect, buffer: &mut Buffer) {
        if self.needle.is_empty() {
            return;
        }
        // Also rows above and below the area: a match may begin or end there.
        let rows: Vec<_> = output::rows(self.screen).collect();
        for part in self.needle.matches(&rows).into_iter().flatten() {
            let Some(row) = to_u16(part.row).checked_sub(self.first_row) else { continue };
            let (x, y) = (area.x.saturating_add(to_u16(part.column)), area.y.saturating_add(row));
            let match_area = Rect::new(x, y, to_u16(part.n_columns), 1);
            buffer.set_style(match_area.intersection(area), theme::MATCH);
        }
    }
}

fn style(cell: &Cell) -> Style {
    let mut style = Style::new().fg(colour(cell.fgcolor())).bg(colour(cell.bgcolor()));
    let modifiers = [
        (cell.bold(), Modifier::BOLD),
        (cell.dim(), Modifier::DIM),
        (cell.italic(), Modifier::ITALIC),
        (cell.underline(), Modifier::UNDERLINED),
        (cell.inverse(), Modifier::REVERSED),
    ];
    for (is_on, modifier) in modifiers {
        if is_on {
            style = style.add_modifier(modifier);
        }
    }
    style
}

const fn colour(colour: vt100::Color) -> Color {
    match colour {
        vt100::Color::Default => Color::Reset,
        vt100::Color::Idx(index) => Color::Indexed(index),
        vt100::Color::Rgb(red, green, blue) => Color::Rgb(red, green, blue),
    }
}
