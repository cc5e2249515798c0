//! Where things are.

use ratatui::layout::{Position, Rect, Size};

use crate::tab::Tab;
use crate::text::to_u16;
use crate::widgets::list_view;

/// From this width on, gauges have their name above the figure.
pub(crate) const WIDE: u16 = 72;
/// From this width on, details of the selected row stand beside the list.
const BESIDE: u16 = 150;
/// A list beside its details is at least so wide.
const LIST_BESIDE: u16 = 90;
const MAX_BESIDE: u16 = 100;

/// Where things are. A part that has no room is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Areas {
    pub(crate) header: Rect,
    pub(crate) tabs: Rect,
    pub(crate) gauges: Rect,
    pub(crate) notices: Rect,
    pub(crate) chart: Rect,
    pub(crate) findings: Rect,
    pub(crate) list: Rect,
    pub(crate) details: Rect,
    pub(crate) output: Rect,
    pub(crate) footer: Rect,
}

impl Areas {
    /// Divides a screen. What is essential comes first. `has_output`: the program's is at hand.
    pub(crate) fn new(size: Size, tab: Tab, n_notices: usize, has_output: bool) -> Self {
        let header = size.height.min(1);
        let tabs = u16::from(size.height >= 8);
        let footer = u16::from(size.height >= 6);
        let rest = size.height - header - tabs - footer;
        let row = |y, height| Rect::new(0, y, size.width, height);
        let mut areas = Self {
            header: row(0, header),
            tabs: row(header, tabs),
            footer: row(size.height - footer, footer),
            ..Self::default()
        };
        let body = row(header + tabs, rest);
        match tab {
            Tab::Overview => areas.divide_overview(body, n_notices, has_output),
            Tab::Output => areas.output = body,
            tab => areas.divide_list(body, tab),
        }
        areas
    }

    /// Figures, list, chart, findings, output: in this order of worth.
    fn divide_overview(&mut self, body: Rect, n_notices: usize, has_output: bool) {
        let mut rest = body.height;
        let mut gauges = if body.width >= 40 { 2 } else { 4 };
        if rest < gauges + 3 {
            gauges = if rest < 4 { rest } else { rest - 3 };
        }
        rest -= gauges;
        let notices = if rest >= 12 { to_u16(n_notices) } else { 0 };
        rest -= notices;
        let output = match rest {
            _ if !has_output => 0,
            0..16 => 0,
            16..24 => 3,
            _ => (rest / 6).min(20),
        };
        let findings = match rest {
            0..12 => 0,
            12..24 => 4,
            _ => (rest / 6).clamp(5, 11),
        };
        let chart = if rest < 14 { 0 } else { (rest * 37 / 100).clamp(7, 30) };
        let list = rest - output - findings - chart;
        // The heights add up to the body's, so there is nothing to solve.
        let mut y = body.y;
        [self.gauges, self.notices, self.chart, self.findings, self.list, self.output] =
            [gauges, notices, chart, findings, list, output].map(|height| {
                let area = Rect { y, height, ..body };
                y += height;
                area
            });
    }

    fn divide_list(&mut self, body: Rect, tab: Tab) {
        self.list = body;
        let wants_details = matches!(tab, Tab::Sites | Tab::Findings | Tab::Layout | Tab::Copies);
        if !wants_details {
            return;
        }
        if body.width >= BESIDE && body.height >= 12 {
            let width = (body.width - LIST_BESIDE).min(MAX_BESIDE).min(body.width * 45 / 100);
            self.list.width = body.width - width;
            self.details = Rect { x: self.list.width, width, ..body };
            return;
        }
        let height = match tab {
            Tab::Findings => (body.height * 6 / 10).min(20),
            Tab::Layout => (body.height / 2).min(12),
            Tab::Copies => 6,
            _ => 0,
        };
        if height > 0 && body.height >= height + 5 {
            self.list.height = body.height - height;
            self.details = Rect { y: body.y + self.list.height, height, ..body };
        }
    }

    /// Rows that the list shows.
    pub(crate) fn list_rows(&self) -> usize {
        list_view::n_rows(self.list)
    }

    /// Rows of the program's terminal that the pane shows.
    pub(crate) fn output_rows(&self) -> u16 {
        self.output.height.saturating_sub(1)
    }

    /// The row of the list that lies here, from the first one shown.
    pub(crate) fn list_row_at(&self, place: Position) -> Option<usize> {
        place.y.checked_sub(self.list.y + list_view::HEAD_ROWS).map(usize::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fill_the_screen_and_do_not_overlap() {
        for tab in Tab::ALL {
            for (width, height) in (0..40).map(|n| (n * 8, n * 3)) {
                let areas = Areas::new(Size::new(width, height), tab, 2, true);
                let parts = [
                    areas.header,
                    areas.tabs,
                    areas.gauges,
                    areas.notices,
                    areas.chart,
                    areas.findings,
                    areas.list,
                    areas.details,
                    areas.output,
                    areas.footer,
                ];
                let area: u32 = parts.iter().map(|part| part.area()).sum();
                assert_eq!(area, u32::from(width) * u32::from(height), "{tab:?} {width} {height}");
            }
        }
    }
}
