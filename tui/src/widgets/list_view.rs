//! A list as a table. Columns leave by rank when the screen is narrow.

use npprof_model::units::grouped;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};

use crate::list::{Column, List, Listing};
use crate::text::{fit_end, width};
use crate::theme;
use crate::widgets::rule::Rule;

/// In less room, the column that takes the rest makes do with less.
const NARROW: usize = 60;
const NARROW_FILLER: usize = 16;
/// Rows above the first one: the title and the names of the columns.
pub(crate) const HEAD_ROWS: u16 = 2;

/// A list with its title.
pub(crate) struct ListView<'a> {
    pub(crate) title: &'a str,
    pub(crate) list: &'a List,
    pub(crate) listing: &'a dyn Listing,
    pub(crate) has_focus: bool,
    /// What is left out, and why; stands before the count.
    pub(crate) filters: &'a str,
}

/// Rows of a list that an area of this height shows.
pub(crate) fn n_rows(area: Rect) -> usize {
    usize::from(area.height.saturating_sub(HEAD_ROWS))
}

impl Widget for ListView<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        if area.is_empty() {
            return;
        }
        let rule = Rule { title: self.title, has_focus: self.has_focus, aside: self.aside() };
        rule.render(Rect { height: 1, ..area }, buffer);
        let below = Rect { y: area.y + 1, height: area.height - 1, ..area };
        if self.list.order.is_empty() {
            self.absence(below, buffer);
            return;
        }
        let sort = self.list.sort(self.listing);
        let room = usize::from(area.width).saturating_sub(2);
        let columns = chosen(self.listing.columns(), sort, room);
        let mut lines = vec![self.head(&columns, sort)];
        let selected = self.list.selected_place(self.listing);
        let rows = self.list.order.iter().enumerate().skip(self.list.offset);
        for (place, &row) in rows.take(n_rows(area)).filter(|&(_, &row)| row < self.listing.len()) {
            let is_selected = place == selected;
            let mark = if is_selected { "▸ " } else { "  " };
            let style = match (is_selected, self.has_focus) {
                (true, true) => theme::SELECTED,
                (true, false) => theme::VALUE,
                (false, _) => theme::TEXT,
            };
            let mut line = Line::from(mark).style(style);
            line.extend(self.row(&columns, row));
            lines.push(line);
        }
        Paragraph::new(lines).render(below, buffer);
    }
}

impl ListView<'_> {
    fn aside(&self) -> Line<'static> {
        let n = self.list.order.len();
        let all = self.listing.len();
        let place = self.list.selected_place(self.listing) as u64 + 1;
        let count = match (n, all) {
            (_, 0) => String::new(),
            (0, _) => format!("0 of {}", grouped(all as u64)),
            _ => format!("{} of {}", grouped(place), grouped(n as u64)),
        };
        let mut parts = Vec::new();
        if !self.filters.is_empty() {
            parts.push(Span::styled(self.filters.to_owned(), theme::NOTICE));
            parts.push(Span::raw("  "));
        }
        parts.push(Span::styled(count, theme::QUIET));
        Line::from(parts)
    }

    fn absence(&self, area: Rect, buffer: &mut Buffer) {
        let text = if self.listing.len() > 0 {
            "nothing matches the filter; Esc shows all"
        } else {
            self.listing.absence()
        };
        let columns = usize::from(area.width).saturating_sub(2);
        let mut lines = vec![Line::default()];
        for line in crate::text::wrap(text, columns) {
            lines.push(Line::styled(format!(" {line}"), theme::TEXT));
        }
        Paragraph::new(lines).render(area, buffer);
    }

    fn head(&self, columns: &[(usize, usize)], sort: usize) -> Line<'static> {
        let mut spans = vec![Span::raw(" ")];
        for &(place, columns) in columns {
            let column = self.listing.columns()[place];
            let is_sorted = place == sort && column.is_sortable && !self.listing.is_fixed();
            // It stands in the gap before the column, so that no column needs room for it.
            let arrow = match (is_sorted, self.list.is_inverted) {
                (false, _) => " ",
                (true, false) => "▼",
                (true, true) => "▲",
            };
            let is_short = width(column.name) > columns;
            let name = fit_end(if is_short { column.short } else { column.name }, columns);
            let gap = columns.saturating_sub(width(&name));
            let style = if is_sorted { theme::SORTED } else { theme::LABEL };
            if column.is_right {
                spans.push(Span::raw(" ".repeat(gap)));
            }
            spans.push(Span::styled(format!("{arrow}{name}"), style));
            if !column.is_right {
                spans.push(Span::raw(" ".repeat(gap)));
            }
        }
        Line::from(spans)
    }

    fn row(&self, columns: &[(usize, usize)], row: usize) -> Vec<Span<'static>> {
        let mut spans = Vec::with_capacity(columns.len());
        for (nth, &(place, columns)) in columns.iter().enumerate() {
            let cell = self.listing.cell(row, place, columns);
            let text = fit_end(&cell.text, columns);
            let pad = " ".repeat(columns.saturating_sub(width(&text)));
            let text =
                if self.listing.columns()[place].is_right { pad + &text } else { text + &pad };
            let gap = if nth > 0 { " " } else { "" };
            spans.push(Span::styled(format!("{gap}{text}"), cell.style));
        }
        spans
    }
}

/// The columns that fit into so much room, by their places, with the room of each.
fn chosen(columns: &[Column], sort: usize, room: usize) -> Vec<(usize, usize)> {
    let mut by_rank: Vec<usize> = (0..columns.len()).collect();
    // What the order goes by is always seen, beside what the rows are.
    let rank = |place: usize| if place == sort { 1 } else { columns[place].rank * 2 };
    by_rank.sort_by_key(|&place| rank(place));
    let mut used = 0;
    let mut fitting = Vec::new();
    for place in by_rank {
        let gap = usize::from(!fitting.is_empty());
        let mut least = columns[place].min;
        if room < NARROW {
            let is_filler = columns[place].max == usize::MAX;
            let narrow = if is_filler { NARROW_FILLER } else { width(columns[place].short) };
            let has_narrow = is_filler || columns[place].short != columns[place].name;
            least = if has_narrow { least.min(narrow) } else { least };
        }
        if fitting.is_empty() {
            least = least.min(room);
        }
        if used + gap + least <= room {
            used += gap + least;
            fitting.push((place, least));
        }
    }
    let mut rest = room.saturating_sub(used);
    // Half of what is left goes to columns with a limit, all else to the one without.
    let has_filler = fitting.iter().any(|&(place, _)| columns[place].max == usize::MAX);
    let mut limited = if has_filler { rest / 2 } else { rest };
    for (place, columns_of_it) in &mut fitting {
        let column = columns[*place];
        if column.max == usize::MAX {
            continue;
        }
        let more = limited.min(column.max.saturating_sub(*columns_of_it));
        *columns_of_it += more;
        limited -= more;
        rest -= more;
    }
    if let Some((_, filler)) =
        fitting.iter_mut().find(|(place, _)| columns[*place].max == usize::MAX)
    {
        *filler += rest;
    }
    fitting.sort_unstable();
    fitting
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_leave_by_rank_and_the_place_takes_the_rest() {
        let columns = [
            Column::figure("figure", 8, 1),
            Column::text("aside", 5, 10, 2),
            Column::text("place", 10, usize::MAX, 0),
        ];
        assert_eq!(chosen(&columns, 0, 60), [(0, 8), (1, 10), (2, 40)]);
        let wide = [Column::figure("figure", 8, 1), Column::text("place", 30, usize::MAX, 0)];
        assert_eq!(chosen(&wide, 0, 34), [(0, 8), (1, 25)]);
        assert_eq!(chosen(&wide, 0, 60), [(0, 8), (1, 51)]);
        assert_eq!(chosen(&columns, 0, 26), [(0, 8), (1, 5), (2, 11)]);
        assert_eq!(chosen(&columns, 0, 20), [(0, 8), (2, 11)]);
        assert_eq!(chosen(&columns, 0, 12), [(2, 12)]);
        assert_eq!(chosen(&columns, 0, 3), [(2, 3)]);
    }
}
