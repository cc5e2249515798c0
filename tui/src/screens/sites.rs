//! The table of call sites. Columns leave by priority when the screen is narrow.

use npprof_model::units::{grouped, short_count};
use npprof_model::{Site, Snapshot};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::table::{SiteTable, Sort};
use crate::text::{self, fit_end, width};
use crate::theme;
use crate::widgets::byte_bar::byte_bar;
use crate::widgets::rule::Rule;

/// Columns of a place that says something.
const MIN_SITE: usize = 18;
const MIN_SITE_WHEN_NARROW: usize = 8;
const NARROW: usize = 28;
const MIN_LAYOUT: usize = 18;
const MAX_LAYOUT: usize = 40;
const BAR: u16 = 8;

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Figure(Sort),
    Bar,
    Count,
    Process,
    Layout,
    Site,
}

/// Columns with their widths, in the order shown.
type Columns = Vec<(Column, usize)>;

pub(crate) fn render(
    table: &SiteTable,
    snapshot: &Snapshot,
    has_focus: bool,
    frame: &mut Frame<'_>,
    area: Rect,
) {
    let n = table.order.len();
    let aside = match n {
        0 => Line::default(),
        n => Line::styled(
            format!(
                "{} of {}",
                grouped(table.selected_row(&snapshot.sites) as u64 + 1),
                grouped(n as u64)
            ),
            theme::QUIET,
        ),
    };
    frame.render_widget(
        Rule { title: "Call sites", has_focus, aside },
        Rect { height: area.height.min(1), ..area },
    );
    let columns = columns(table.sort, snapshot, usize::from(area.width).saturating_sub(2));
    let mut lines = vec![head(&columns, table)];
    let selected = table.selected_row(&snapshot.sites);
    let rows = usize::from(area.height.saturating_sub(2));
    for (row, &place) in table.order.iter().enumerate().skip(table.offset).take(rows) {
        let mark = if row == selected { "▸ " } else { "  " };
        let style = match (row == selected, has_focus) {
            (true, true) => theme::SELECTED,
            (true, false) => theme::VALUE,
            (false, _) => theme::TEXT,
        };
        let mut line = Line::from(mark).style(style);
        line.extend(row_spans(&columns, &snapshot.sites[place], snapshot, table.sort));
        lines.push(line);
    }
    let below = Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area };
    frame.render_widget(Paragraph::new(lines), below);
}

/// The columns that fit, most important first: the place, the figure the order goes by, the others.
fn columns(sort: Sort, snapshot: &Snapshot, room: usize) -> Columns {
    let mut wanted = vec![Column::Figure(sort), Column::Figure(Sort::AtHighWater)];
    wanted.extend([Column::Figure(Sort::Live), Column::Figure(Sort::Allocated)]);
    wanted.extend([Column::Layout, Column::Count]);
    if snapshot.processes.len() > 1 {
        wanted.push(Column::Process);
    }
    wanted.push(Column::Bar);
    let mut chosen: Columns = Vec::new();
    let min_site = if room < NARROW { MIN_SITE_WHEN_NARROW.min(room) } else { MIN_SITE };
    let mut used = min_site;
    for column in wanted {
        let columns = min_width(column, room < NARROW);
        let needed = columns + 1;
        if !chosen.iter().any(|&(other, _)| other == column) && used + needed <= room {
            chosen.push((column, columns));
            used += needed;
        }
    }
    // The layout takes what it needs of the rest, the place all else.
    let mut rest = room - used;
    if let Some((_, layout)) = chosen.iter_mut().find(|(column, _)| *column == Column::Layout) {
        let more = rest.min(rest * 2 / 5).min(MAX_LAYOUT - MIN_LAYOUT);
        *layout += more;
        rest -= more;
    }
    chosen.sort_by_key(|&(column, _)| place(column));
    chosen.push((Column::Site, min_site + rest));
    chosen
}

const fn min_width(column: Column, is_narrow: bool) -> usize {
    match column {
        Column::Figure(Sort::AtHighWater) if is_narrow => 8,
        Column::Figure(Sort::AtHighWater) => 10,
        Column::Figure(Sort::Live) => 8,
        Column::Figure(Sort::Allocated) => 9,
        Column::Bar => BAR as usize,
        Column::Count => 5,
        Column::Process => 7,
        Column::Layout => MIN_LAYOUT,
        Column::Site => MIN_SITE,
    }
}

const fn place(column: Column) -> u8 {
    match column {
        Column::Bar => 0,
        Column::Figure(Sort::AtHighWater) => 1,
        Column::Figure(Sort::Live) => 2,
        Column::Figure(Sort::Allocated) => 3,
        Column::Count => 4,
        Column::Process => 5,
        Column::Layout => 6,
        Column::Site => 7,
    }
}

fn head(columns: &Columns, table: &SiteTable) -> Line<'static> {
    let mut spans = vec![Span::raw(" ")];
    for &(column, columns) in columns {
        let is_sorted = column == Column::Figure(table.sort);
        // It stands in the gap before the column, so that no column needs room for it.
        let arrow = match (is_sorted, table.is_inverted) {
            (false, _) => " ",
            (true, false) => "▼",
            (true, true) => "▲",
        };
        let name = match column {
            Column::Figure(Sort::AtHighWater) if columns < 10 => "High-w.",
            Column::Figure(Sort::AtHighWater) => "High-water",
            Column::Figure(Sort::Live) => "Live",
            Column::Figure(Sort::Allocated) => "Allocated",
            Column::Bar => "",
            Column::Count => "Count",
            Column::Process => "Process",
            Column::Layout => "Top layout",
            Column::Site => "Call site",
        };
        let name = fit_end(name, columns);
        let gap = columns.saturating_sub(width(&name));
        let (before, after) = if is_right(column) { (gap, 0) } else { (0, gap) };
        let text = format!("{}{arrow}{name}{}", " ".repeat(before), " ".repeat(after));
        let style = if is_sorted { theme::SORTED } else { theme::LABEL };
        spans.push(Span::styled(text, style));
    }
    Line::from(spans)
}

fn row_spans(
    columns: &Columns,
    site: &Site,
    snapshot: &Snapshot,
    sort: Sort,
) -> impl Iterator<Item = Span<'static>> {
    columns.iter().enumerate().map(move |(place, &(column, columns))| {
        let text = align(&cell(column, columns, site, snapshot, sort), columns, is_right(column));
        let gap = if place > 0 { " " } else { "" };
        let style = if column == Column::Bar { theme::LIVE } else { theme::TEXT };
        Span::styled(format!("{gap}{text}"), style)
    })
}

fn cell(column: Column, columns: usize, site: &Site, snapshot: &Snapshot, sort: Sort) -> String {
    match column {
        Column::Figure(figure) => figure.of(site).to_string(),
        Column::Bar => byte_bar(sort.of(site).share_of(whole(sort, snapshot)), BAR),
        Column::Count => short_count(site.n_allocations),
        Column::Process => {
            snapshot.process_of(site).map_or_else(String::new, |process| process.pid.to_string())
        }
        Column::Layout => {
            site.layouts.first().map_or_else(String::new, |top| text::layout(&top.layout, columns))
        }
        Column::Site => text::site(&site.frame, &snapshot.cwd, columns),
    }
}

/// What the figures of all sites are a share of.
fn whole(sort: Sort, snapshot: &Snapshot) -> npprof_model::Bytes {
    match sort {
        Sort::AtHighWater => snapshot.totals.high_water,
        Sort::Live => snapshot.totals.live,
        Sort::Allocated => snapshot.totals.allocated,
    }
}

const fn is_right(column: Column) -> bool {
    !matches!(column, Column::Layout | Column::Site | Column::Bar)
}

fn align(text: &str, columns: usize, is_right: bool) -> String {
    let gap = " ".repeat(columns.saturating_sub(width(text)));
    if is_right { gap + text } else { text.to_owned() + &gap }
}
