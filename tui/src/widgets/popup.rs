//! A box over the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Paragraph, Widget};

use crate::text::to_u16;
use crate::theme;

/// Fewer columns beside a box are covered as well.
const BESIDE: u16 = 6;

/// Text in a box in the middle of the area, as large as it needs and the area allows.
#[derive(Debug)]
pub(crate) struct Popup<'a> {
    pub(crate) title: String,
    pub(crate) lines: Vec<Line<'a>>,
    /// First line shown.
    pub(crate) scroll: u16,
    /// Says how to close it.
    pub(crate) foot: &'a str,
}

impl Popup<'_> {
    /// How far so many lines can be scrolled in this area.
    pub(crate) fn max_scroll(n_lines: usize, area: Rect) -> u16 {
        to_u16(n_lines).saturating_sub(area.height.saturating_sub(2))
    }
}

impl Widget for Popup<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let widest = self.lines.iter().map(Line::width).max().unwrap_or(0);
        let widest = widest.max(self.title.chars().count() + 2).max(self.foot.chars().count() + 2);
        let columns = to_u16(widest + 4);
        // What could be seen beside it could not be read.
        let columns =
            if columns.saturating_add(BESIDE) > area.width { area.width } else { columns };
        let rows = to_u16(self.lines.len() + 2).min(area.height);
        let place = area.centered(Constraint::Length(columns), Constraint::Length(rows));
        if place.is_empty() {
            return;
        }
        Clear.render(place, buffer);
        let max_scroll = Self::max_scroll(self.lines.len(), area);
        let scroll = self.scroll.min(max_scroll);
        let foot = if self.foot.is_empty() { String::new() } else { format!(" {} ", self.foot) };
        let more = match (scroll > 0, scroll < max_scroll) {
            (true, true) => " ▲▼ ",
            (true, false) => " ▲ ",
            (false, true) => " ▼ ",
            (false, false) => "",
        };
        let block = Block::bordered()
            .title(Line::styled(format!(" {} ", self.title), theme::TITLE_FOCUSED))
            .title_bottom(Line::styled(foot, theme::QUIET))
            .title_bottom(Line::styled(more, theme::KEY).right_aligned());
        let inner = block.inner(place);
        block.render(place, buffer);
        let margin = u16::from(inner.width > 20);
        let text = Rect { x: inner.x + margin, width: inner.width - 2 * margin, ..inner };
        Paragraph::new(self.lines).scroll((scroll, 0)).render(text, buffer);
    }
}
