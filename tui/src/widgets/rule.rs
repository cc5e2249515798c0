//! A line with a title, which begins a part of the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Widget;

use crate::text::{to_u16, width};
use crate::theme;

/// Spaces the parts of a screen; thick where the keys go.
#[derive(Debug)]
pub(crate) struct Rule<'a> {
    pub(crate) title: &'a str,
    pub(crate) has_focus: bool,
    /// Stands at the right end if there is room.
    pub(crate) aside: Line<'a>,
}

impl Widget for Rule<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        if area.is_empty() {
            return;
        }
        let style = if self.has_focus { theme::TITLE_FOCUSED } else { theme::TITLE };
        let line_style = if self.has_focus { style } else { theme::QUIET };
        let line = if self.has_focus { "━" } else { "─" };
        let columns = usize::from(area.width);
        let area = Rect { height: 1, ..area };
        buffer.set_stringn(area.x, area.y, line.repeat(columns), columns, line_style);
        let title = format!(" {} ", self.title);
        let room = columns.saturating_sub(2);
        let title_columns = to_u16(width(&title).min(room));
        // What stands on the line takes nothing of its style.
        buffer.set_style(Rect { x: area.x + 1, width: title_columns, ..area }, Style::reset());
        buffer.set_stringn(area.x + 1, area.y, title, room, style);
        let aside = self.aside.width();
        let used = usize::from(title_columns) + 2;
        if aside > 0 && used + aside + 3 <= columns {
            let x = area.right() - to_u16(aside + 3);
            let place = Rect { x, width: to_u16(aside + 2), ..area };
            buffer.set_style(place, Style::reset());
            buffer.set_string(x, area.y, " ", theme::TEXT);
            let (end, _) = buffer.set_line(x + 1, area.y, &self.aside, area.width);
            buffer.set_string(end, area.y, " ", theme::TEXT);
        }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::style::Modifier;

    use super::*;

    #[test]
    fn what_stands_on_the_line_is_not_dimmed_with_it() {
        let area = Rect::new(0, 0, 20, 1);
        let mut buffer = Buffer::empty(area);
        let aside = Line::raw("aside");
        Rule { title: "Title", has_focus: false, aside }.render(area, &mut buffer);
        let text: String = buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect();
        assert_eq!(text, "─ Title ──── aside ─");
        for cell in &buffer.content {
            let is_line = cell.symbol() == "─";
            assert_eq!(cell.modifier.contains(Modifier::DIM), is_line, "{}", cell.symbol());
        }
    }
}
