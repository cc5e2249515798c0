//! Array memory over time: live bytes as an area, its highest values in each interval as a shade,
//! the resident set as a line, the high-water mark on the time axis.

use npprof_model::{Bytes, Nanos, TimelinePoint};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget;

use crate::text::{to_u16, width};
use crate::theme;

const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
/// Columns of the labels at the left, with the axis.
const LABELS: u16 = 10;
/// Without at least this many columns for the curve there are no labels.
const MIN_PLOT: u16 = 24;
/// A resident set of more than so many times the high-water mark would flatten the curve.
const MAX_RSS_SHARE: u64 = 4;

/// The history of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryChart<'a> {
    pub(crate) timeline: &'a [TimelinePoint],
    /// The right end of the time axis.
    pub(crate) until: Nanos,
    pub(crate) high_water: Bytes,
    pub(crate) high_water_at: Nanos,
    /// A moment to point at.
    pub(crate) cursor: Option<Nanos>,
}

/// What a column of the chart shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Column {
    live: Bytes,
    peak: Bytes,
    rss: Bytes,
    copied: Bytes,
    is_known: bool,
}

impl MemoryChart<'_> {
    /// Whether the resident set is so large that it is left out.
    pub(crate) fn is_rss_off_scale(&self) -> bool {
        self.highest_rss().0 > self.highest_live().0.max(1).saturating_mul(MAX_RSS_SHARE)
    }

    fn highest_live(&self) -> Bytes {
        self.timeline.iter().map(|point| point.peak.max(point.live)).fold(self.high_water, Ord::max)
    }

    fn highest_rss(&self) -> Bytes {
        self.timeline.iter().map(|point| point.rss).max().unwrap_or_default()
    }

    fn scale(&self) -> Bytes {
        let live = self.highest_live();
        round_up(if self.is_rss_off_scale() { live } else { live.max(self.highest_rss()) })
    }

    fn until(&self) -> Nanos {
        self.timeline.last().map_or(self.until, |last| last.at.max(self.until)).max(Nanos(1))
    }

    /// The first interval begins where the run did, or, if it did not begin at once, is as long as
    /// the second one.
    fn start(&self) -> Nanos {
        match self.timeline {
            [first, second, ..] => first.at.saturating_sub(second.at.saturating_sub(first.at)),
            _ => Nanos(0),
        }
    }

    /// Puts the history into so many columns. A column shows the last live bytes and the highest
    /// ones of its time; after the last point things stay as they were.
    fn columns(&self, n: u16) -> Vec<Column> {
        let mut columns = vec![Column::default(); usize::from(n)];
        let until = self.until();
        let mut start = self.start();
        for (place, point) in self.timeline.iter().enumerate() {
            let is_last = place + 1 == self.timeline.len();
            let end = if is_last { until } else { point.at };
            let first = column_at(start, until, n);
            let last = column_at(end, until, n).max(first);
            for place in first..=last {
                let column = &mut columns[usize::from(place)];
                // In a column that it shares with the point before, an interval has not ended.
                if place > first || first == last || !column.is_known {
                    column.live = point.live;
                }
                column.is_known = true;
                column.peak = column.peak.max(point.peak).max(point.live);
                column.rss = column.rss.max(point.rss);
                if place == first {
                    column.copied = Bytes(column.copied.0.saturating_add(point.copied.0));
                }
            }
            start = end;
        }
        columns
    }

    fn draw_plot(&self, plot: Rect, buffer: &mut Buffer) {
        let scale = self.scale();
        let is_rss_shown = !self.is_rss_off_scale();
        for (x, column) in (plot.x..plot.right()).zip(self.columns(plot.width)) {
            let live = eighths(column.live, scale, plot.height);
            let peak = eighths(column.peak, scale, plot.height);
            let rss = eighths(column.rss, scale, plot.height);
            for row in 0..plot.height {
                let base = (plot.height - 1 - row) * 8;
                let rss_here = (is_rss_shown && rss > base && rss <= base + 8).then(|| rss - base);
                let (symbol, style) = cell(
                    live.saturating_sub(base).min(8),
                    peak.saturating_sub(base).min(8),
                    rss_here,
                );
                buffer[(x, plot.y + row)].set_symbol(symbol).set_style(style);
            }
        }
    }

    fn has_copies(&self) -> bool {
        self.timeline.iter().any(|point| point.copied.0 > 0)
    }

    /// Bytes copied in each column of time, one row high.
    fn draw_copies(&self, row: Rect, area: Rect, labels: u16, buffer: &mut Buffer) {
        let columns = self.columns(row.width);
        let most = columns.iter().map(|column| column.copied).max().unwrap_or_default();
        for (x, column) in (row.x..row.right()).zip(&columns) {
            let eighth = usize::from(eighths(column.copied, most, 1));
            buffer[(x, row.y)].set_symbol(EIGHTHS[eighth]).set_style(theme::COPIED);
        }
        if labels > 0 {
            buffer.set_string(area.x, row.y, "  copied ", theme::LABEL);
            buffer.set_string(row.x - 1, row.y, "┤", theme::QUIET);
        }
    }

    fn draw_cursor(&self, plot: Rect, buffer: &mut Buffer) {
        let Some(cursor) = self.cursor.filter(|_| !plot.is_empty()) else { return };
        let x = plot.x + column_at(cursor, self.until(), plot.width);
        for y in plot.y..plot.bottom() {
            let cell = &mut buffer[(x, y)];
            if cell.symbol() == " " {
                cell.set_symbol("│");
            }
            cell.set_style(theme::CURSOR);
        }
    }

    fn draw_labels(&self, area: Rect, rows: u16, buffer: &mut Buffer) {
        let scale = self.scale();
        let x = area.x + LABELS - 1;
        for row in 0..rows {
            let is_middle = rows >= 6 && rows.is_multiple_of(2) && row == rows / 2;
            let label = if row == 0 {
                scale.to_string()
            } else if is_middle {
                Bytes(scale.0 / 2).to_string()
            } else {
                String::new()
            };
            let tick = if label.is_empty() { "│" } else { "┤" };
            let label = format!("{label:>8} ");
            buffer.set_string(area.x, area.y + row, label, theme::LABEL);
            buffer.set_string(x, area.y + row, tick, theme::QUIET);
        }
        let zero = format!("{:>8} └", "0 B");
        buffer.set_string(area.x, area.y + rows, zero, theme::LABEL);
    }

    /// The time axis: a mark where the high-water mark was reached, its time, and the end.
    fn draw_axis(&self, axis: Rect, buffer: &mut Buffer) {
        let columns = usize::from(axis.width);
        buffer.set_stringn(axis.x, axis.y, "─".repeat(columns), columns, theme::QUIET);
        let end = format!(" {}", self.until());
        let end_x = axis.width.saturating_sub(to_u16(width(&end)));
        let mark = column_at(self.high_water_at, self.until(), axis.width);
        let has_mark = self.high_water.0 > 0;
        // The header shows the end too; the mark is shown here only.
        let has_end = width(&end) + 12 < columns && !(has_mark && mark >= end_x);
        if has_end {
            buffer.set_string(axis.x + end_x, axis.y, &end, theme::LABEL);
        }
        if !has_mark {
            return;
        }
        // Without the axis's own style.
        buffer[(axis.x + mark, axis.y)].reset();
        buffer.set_string(axis.x + mark, axis.y, "▲", theme::HIGH_WATER);
        let label = format!(" {} at {} ", self.high_water, self.high_water_at);
        let needed = to_u16(width(&label));
        let room_right = if has_end { end_x } else { axis.width };
        if mark + 1 + needed < room_right {
            buffer.set_string(axis.x + mark + 1, axis.y, &label, theme::LABEL);
        } else if needed < mark {
            buffer.set_string(axis.x + mark - needed, axis.y, &label, theme::LABEL);
        }
    }
}

impl Widget for MemoryChart<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let area = area.intersection(buffer.area);
        if area.height < 2 || area.width == 0 {
            return;
        }
        let labels = if area.width >= LABELS + MIN_PLOT { LABELS } else { 0 };
        let rows = area.height - 1;
        let plot = Rect::new(area.x + labels, area.y, area.width - labels, rows);
        if labels > 0 {
            self.draw_labels(area, rows, buffer);
        }
        // Where there is room, the last row of the plot is for what was copied.
        let n_copied = u16::from(rows >= 5 && self.has_copies());
        let plot = Rect { height: plot.height - n_copied, ..plot };
        self.draw_plot(plot, buffer);
        if n_copied > 0 {
            self.draw_copies(Rect { y: plot.bottom(), height: 1, ..plot }, area, labels, buffer);
        }
        let axis = Rect { y: plot.bottom() + n_copied, height: 1, ..plot };
        self.draw_axis(axis, buffer);
        self.draw_cursor(Rect { height: plot.height + n_copied, ..plot }, buffer);
    }
}

/// One cell, from the eighths of it that live bytes and their highest value fill, and where in it
/// the resident set ends.
const fn cell(live: u16, peak: u16, rss: Option<u16>) -> (&'static str, Style) {
    match (live, rss) {
        (8, Some(_)) => {
            let Some(under) = theme::LIVE.fg else { return ("─", theme::RSS) };
            ("─", theme::RSS.bg(under))
        }
        (8, None) => ("█", theme::LIVE),
        (0, Some(1..=2)) => ("▁", theme::RSS),
        (0, Some(7..=8)) => ("▔", theme::RSS),
        (0, Some(_)) => ("─", theme::RSS),
        (0, None) if peak >= 4 => ("░", theme::PEAK),
        (0, None) => (EIGHTHS[0], theme::TEXT),
        _ => (EIGHTHS[live as usize], theme::LIVE),
    }
}

/// The column of a moment.
fn column_at(at: Nanos, until: Nanos, n: u16) -> u16 {
    let column = u128::from(at.0) * u128::from(n) / u128::from(until.0.max(1));
    u16::try_from(column).unwrap_or(u16::MAX).min(n.saturating_sub(1))
}

/// Eighths of a row that an amount reaches up to; what is not nothing is seen.
fn eighths(amount: Bytes, scale: Bytes, rows: u16) -> u16 {
    let full = rows.saturating_mul(8);
    let reached = (u128::from(amount.0) * u128::from(full)).div_ceil(u128::from(scale.0.max(1)));
    u16::try_from(reached).unwrap_or(full).min(full)
}

/// The next amount that reads well on an axis, so that the scale changes seldom.
fn round_up(amount: Bytes) -> Bytes {
    const STEPS: [u64; 9] = [10, 15, 20, 30, 40, 50, 60, 80, 100];
    let mut unit = 1_u64;
    while amount.0 > unit.saturating_mul(1000) && unit < 1 << 60 {
        unit *= 1024;
    }
    for tens in [1, 10, 100] {
        for step in STEPS {
            let rounded = unit.saturating_mul(step * tens) / 10;
            if rounded >= amount.0 && rounded > 0 {
                return Bytes(rounded);
            }
        }
    }
    amount
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at: u64, live: u64, peak: u64) -> TimelinePoint {
        TimelinePoint {
            at: Nanos(at),
            live: Bytes(live),
            peak: Bytes(peak),
            ..TimelinePoint::default()
        }
    }

    fn check_columns(points: &[(u64, u64, u64)], until: u64, expected: &[(u64, u64)]) {
        let timeline: Vec<_> =
            points.iter().map(|&(at, live, peak)| point(at, live, peak)).collect();
        let chart = MemoryChart {
            timeline: &timeline,
            until: Nanos(until),
            high_water: Bytes(0),
            high_water_at: Nanos(0),
            cursor: None,
        };
        let columns = chart.columns(to_u16(expected.len()));
        let shown: Vec<_> = columns.iter().map(|column| (column.live.0, column.peak.0)).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn columns_hold_the_last_live_and_the_highest_value_of_their_time() {
        check_columns(&[], 100, &[(0, 0), (0, 0)]);
        check_columns(&[(49, 5, 9), (100, 3, 7)], 100, &[(5, 9), (3, 7)]);
        check_columns(&[(10, 5, 9), (20, 1, 1), (100, 2, 2)], 100, &[(1, 9), (2, 2)]);
        check_columns(&[(10, 5, 5)], 100, &[(5, 5), (5, 5), (5, 5)]);
        check_columns(
            &[(60, 5, 5), (80, 4, 4), (100, 3, 3)],
            100,
            &[(0, 0), (5, 5), (5, 5), (3, 4)],
        );
        check_columns(&[(u64::MAX, 1, u64::MAX)], 0, &[(1, u64::MAX)]);
    }

    #[test]
    fn scales_are_round() {
        let scale = |amount| round_up(Bytes(amount)).to_string();
        assert_eq!(scale(0), "1 B");
        assert_eq!(scale(101), "150 B");
        assert_eq!(scale(1001), "1.00 KiB");
        assert_eq!(scale(763 << 20), "800 MiB");
        assert_eq!(scale(1 << 30), "1.00 GiB");
        assert_eq!(scale((1 << 30) + 1), "1.50 GiB");
        assert_eq!(scale(u64::MAX), "16.0 EiB");
    }

    #[test]
    fn the_smallest_amount_is_seen_and_the_largest_fits() {
        assert_eq!(eighths(Bytes(1), Bytes(u64::MAX), 4), 1);
        assert_eq!(eighths(Bytes(0), Bytes(100), 4), 0);
        assert_eq!(eighths(Bytes(100), Bytes(100), 4), 32);
        assert_eq!(eighths(Bytes(u64::MAX), Bytes(1), 4), 32);
    }
}
