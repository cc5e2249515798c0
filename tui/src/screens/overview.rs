//! The overview: gauges, memory over time, call sites, the program's output.

use npprof_model::units::{grouped, short_count};
use npprof_model::{Exit, Process, RunState, Snapshot};
use ratatui::Frame;
use ratatui::layout::{Alignment, Position, Rect, Size};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::app::{App, Focus, Popup};
use crate::keys;
use crate::rates::Rate;
use crate::screens::{site, sites};
use crate::text::{clean, fit_end, to_u16, width};
use crate::theme;
use crate::widgets::memory_chart::MemoryChart;
use crate::widgets::rule::Rule;
use crate::widgets::terminal_view::TerminalView;

/// From this width on, gauges have their name above the figure.
const WIDE: u16 = 72;
/// From this width on, the details of the selected site stand beside the table.
const WITH_DETAILS: u16 = 150;
const DETAILS_WIDTH: u16 = 70;
const MAX_NOTICES: usize = 3;

/// Where things are. A part that has no room is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Areas {
    pub(crate) header: Rect,
    pub(crate) gauges: Rect,
    pub(crate) notices: Rect,
    pub(crate) chart: Rect,
    pub(crate) table: Rect,
    pub(crate) details: Rect,
    pub(crate) output: Rect,
    pub(crate) footer: Rect,
}

impl Areas {
    /// Divides a screen. What is essential comes first: figures, table, output, chart.
    pub(crate) fn new(size: Size, is_output_enlarged: bool, n_notices: usize) -> Self {
        let header = size.height.min(1);
        let footer = u16::from(size.height >= 6);
        let mut rest = size.height - header - footer;
        let (mut gauges, mut notices, mut chart, mut table) = (0, 0, 0, 0);
        let mut output = rest;
        if !is_output_enlarged {
            gauges = gauge_rows(size.width);
            if rest < gauges + 3 {
                gauges = if rest < 4 { rest } else { rest - 3 };
            }
            rest -= gauges;
            if rest >= 12 {
                notices = to_u16(n_notices);
                rest -= notices;
            }
            output = match rest {
                0..7 => 0,
                7..14 => 3,
                _ => (rest / 5).min(30),
            };
            chart = if rest < 15 { 0 } else { (rest * 35 / 100).min(28) };
            table = rest - output - chart;
        }
        // The heights add up to the screen's, so there is nothing to solve.
        let mut y = 0;
        let [header, gauges, notices, chart, table, output, footer] =
            [header, gauges, notices, chart, table, output, footer].map(|height| {
                let area = Rect::new(0, y, size.width, height);
                y += height;
                area
            });
        let has_details = size.width >= WITH_DETAILS && table.height >= 12;
        let left = if has_details { size.width - DETAILS_WIDTH } else { size.width };
        let details = Rect { x: left, width: size.width - left, ..table };
        let table = Rect { width: left, ..table };
        Self { header, gauges, notices, chart, table, details, output, footer }
    }

    /// Rows of sites that the table shows.
    pub(crate) fn table_rows(&self) -> usize {
        usize::from(self.table.height.saturating_sub(2))
    }

    /// Rows of the program's terminal that the pane shows.
    pub(crate) fn output_rows(&self) -> u16 {
        self.output.height.saturating_sub(1)
    }

    /// The row of the table that lies here, from the first one shown.
    pub(crate) fn table_row_at(&self, place: Position) -> Option<usize> {
        usize::from(place.y).checked_sub(usize::from(self.table.y) + 2)
    }
}

/// Lines that say what is wrong with the figures.
pub(crate) fn n_notices(snapshot: &Snapshot) -> usize {
    notices(snapshot).count().min(MAX_NOTICES)
}

pub(crate) fn render(app: &App, frame: &mut Frame<'_>) {
    let snapshot = &*app.snapshot;
    let areas = Areas::new(frame.area().as_size(), app.is_enlarged, n_notices(snapshot));
    frame.render_widget(header(app, areas.header.width), areas.header);
    render_gauges(snapshot, app.rate, frame, areas.gauges);
    render_notices(snapshot, frame, areas.notices);
    render_chart(app, frame, areas.chart);
    if areas.table.height > 0 {
        let has_focus = app.focus == Focus::Sites && app.popup.is_none();
        sites::render(&app.sites, snapshot, has_focus, frame, areas.table);
        if areas.chart.is_empty() && snapshot.sites.is_empty() {
            render_absence(app, frame, inner(areas.table));
        }
    }
    render_details(app, frame, areas.details);
    render_output(app, frame, areas.output);
    frame.render_widget(footer(app, areas.footer.width), areas.footer);
}

/// What is below a part's title.
fn inner(area: Rect) -> Rect {
    Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area }
}

/// The top line: the command, and where it stands.
fn header(app: &App, columns: u16) -> Paragraph<'static> {
    let columns = usize::from(columns);
    let snapshot = &*app.snapshot;
    let dropped = match snapshot.totals.n_dropped {
        0 => String::new(),
        n => format!(" ! {} events dropped ", grouped(n)),
    };
    let elapsed = snapshot.elapsed.to_string();
    let states = states(app);
    let min_command = 16.min(columns / 3);
    let room = columns.saturating_sub(width(&dropped) + min_command);
    let state = states
        .iter()
        .map(|state| format!(" {state} {elapsed:>11} "))
        .chain(states.last().map(|state| format!(" {state} ")))
        .find(|state| width(state) <= room)
        .unwrap_or_else(|| fit_end(states.last().map_or("", String::as_str), room));
    let left = columns.saturating_sub(width(&dropped) + width(&state));
    let command = clean(&snapshot.command.join(" "));
    let title = if left >= 24 { " npprof  " } else { " " };
    let command = fit_end(&command, left.saturating_sub(width(title)));
    let gap = left.saturating_sub(width(title) + width(&command));
    let line = Line::from(vec![
        Span::styled(title, theme::VALUE),
        Span::raw(command),
        Span::raw(" ".repeat(gap)),
        Span::styled(dropped, theme::ALARM),
        Span::styled(state, theme::VALUE),
    ]);
    Paragraph::new(line).style(theme::HEADER)
}

/// Where the run stands, from the longest way to say it to the shortest.
fn states(app: &App) -> Vec<String> {
    if let Some(exit) = app.end {
        let end = match exit {
            Exit::Running => "status unknown".to_owned(),
            exit => exit.to_string(),
        };
        let whole = format!("finished: {end} — q leaves and writes the report");
        return vec![whole, format!("finished: {end} — q leaves"), format!("finished: {end}"), end];
    }
    let state = if app.is_frozen {
        "frozen, Space goes on"
    } else if app.is_stopping {
        "stopping"
    } else if app.snapshot.state == RunState::Starting {
        "starting"
    } else {
        "running"
    };
    vec![state.to_owned(), fit_end(state, 8)]
}

fn gauge_rows(columns: u16) -> u16 {
    match columns {
        WIDE.. => 2,
        40.. => 2,
        _ => 4,
    }
}

/// A figure with its names: for wide screens, for narrow ones.
struct Gauge {
    name: &'static str,
    short: &'static str,
    value: String,
    /// Said after the value if there is room.
    aside: String,
    style: Style,
}

fn gauges(snapshot: &Snapshot, rate: Rate) -> Vec<Gauge> {
    let totals = &snapshot.totals;
    let is_ended = matches!(snapshot.state, RunState::Ended(_));
    let at = match totals.high_water.0 {
        0 => String::new(),
        _ => format!(" at {}", totals.high_water_at),
    };
    let rss = if is_ended { totals.rss_high_water } else { totals.rss };
    let temporary = totals.temporary.share_of(totals.allocated) * 100.0;
    let gauge = |name, short, value, aside, style| Gauge { name, short, value, aside, style };
    vec![
        gauge(
            "Live",
            "Live",
            totals.live.to_string(),
            String::new(),
            theme::VALUE.patch(theme::LIVE),
        ),
        gauge("High-water mark", "High-water", totals.high_water.to_string(), at, theme::VALUE),
        gauge(
            if is_ended { "Highest RSS" } else { "RSS" },
            "RSS",
            rss.to_string(),
            String::new(),
            theme::VALUE.patch(theme::RSS),
        ),
        gauge(
            if is_ended { "Mean allocation rate" } else { "Allocation rate" },
            "Rate",
            format!("{}/s", rate.bytes),
            format!("  {} allocs/s", short_count(rate.n_allocations)),
            theme::VALUE,
        ),
        gauge(
            "Allocated",
            "Allocated",
            totals.allocated.to_string(),
            format!(" in {}", short_count(totals.n_allocations)),
            theme::VALUE,
        ),
        gauge(
            "Temporaries",
            "Temporary",
            totals.temporary.to_string(),
            format!("  {temporary:.0} %"),
            theme::VALUE,
        ),
    ]
}

fn render_gauges(snapshot: &Snapshot, rate: Rate, frame: &mut Frame<'_>, area: Rect) {
    /// Columns of each gauge where names stand above figures.
    const COLUMNS: [u16; 6] = [11, 25, 13, 28, 21, 18];
    let gauges = gauges(snapshot, rate);
    if area.width < WIDE {
        render_short_gauges(&gauges, frame, area);
        return;
    }
    let n = if area.width >= COLUMNS.iter().sum::<u16>() { 6 } else { 4 };
    let gap = (area.width - COLUMNS[..n].iter().sum::<u16>().min(area.width)) / to_u16(n);
    let mut x = area.x + 1;
    for (gauge, columns) in gauges.iter().zip(COLUMNS).take(n) {
        let place = Rect { x, width: columns, ..area }.intersection(area);
        let value = Line::from(vec![
            Span::styled(gauge.value.as_str(), gauge.style),
            Span::raw(gauge.aside.as_str()),
        ]);
        let text = vec![Line::styled(gauge.name, theme::LABEL), value];
        frame.render_widget(Paragraph::new(text), place);
        x += columns + gap.min(10);
    }
}

fn render_short_gauges(gauges: &[Gauge], frame: &mut Frame<'_>, area: Rect) {
    let per_row = usize::from((area.width / 20).max(1));
    let columns = area.width / to_u16(per_row);
    for (place, gauge) in gauges.iter().take(usize::from(area.height) * per_row).enumerate() {
        let x = area.x + to_u16(place % per_row) * columns;
        let y = area.y + to_u16(place / per_row);
        let line = Line::from(vec![
            Span::styled(format!("{:<10} ", gauge.short), theme::LABEL),
            Span::styled(gauge.value.as_str(), gauge.style),
        ]);
        frame.render_widget(Paragraph::new(line), Rect::new(x, y, columns, 1));
    }
}

/// What the user should know about the figures, most important first.
fn notices(snapshot: &Snapshot) -> impl Iterator<Item = String> {
    let incomplete = snapshot.incomplete.iter().map(|line| format!("incomplete: {}", clean(line)));
    let of_process = |process: &Process| {
        let pid = process.pid;
        let notices: Vec<_> = process.notices.iter().map(|line| (pid, clean(line))).collect();
        notices
    };
    let is_one = snapshot.processes.len() == 1;
    let others = snapshot.processes.iter().flat_map(of_process);
    incomplete.chain(
        others.map(move |(pid, line)| if is_one { line } else { format!("process {pid}: {line}") }),
    )
}

fn render_notices(snapshot: &Snapshot, frame: &mut Frame<'_>, area: Rect) {
    let rows = usize::from(area.height);
    let n = notices(snapshot).count();
    let columns = usize::from(area.width);
    let lines: Vec<_> = notices(snapshot)
        .take(rows)
        .enumerate()
        .map(|(row, notice)| {
            let more = if row + 1 == rows && n > rows {
                format!(" (and {} more in the report)", n - rows)
            } else {
                String::new()
            };
            let room = columns.saturating_sub(width(&more) + 3);
            Line::styled(format!(" ! {}{more}", fit_end(&notice, room)), theme::NOTICE)
        })
        .collect();
    frame.render_widget(Paragraph::new(lines), area);
}

fn render_chart(app: &App, frame: &mut Frame<'_>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let snapshot = &*app.snapshot;
    let chart = MemoryChart {
        timeline: &snapshot.timeline,
        until: snapshot.elapsed,
        high_water: snapshot.totals.high_water,
        high_water_at: snapshot.totals.high_water_at,
    };
    let is_empty = snapshot.sites.is_empty() && snapshot.totals.high_water.0 == 0;
    let aside = if is_empty { Line::default() } else { legend(&chart, area.width) };
    let rule = Rule { title: "Array memory over time", has_focus: false, aside };
    frame.render_widget(rule, Rect { height: 1, ..area });
    if is_empty {
        render_absence(app, frame, inner(area));
    } else {
        frame.render_widget(chart, inner(area));
    }
}

fn legend(chart: &MemoryChart<'_>, columns: u16) -> Line<'static> {
    let rss = if chart.is_rss_off_scale() { " RSS far above" } else { " RSS" };
    let mut parts = vec![
        Span::styled("█", theme::LIVE),
        Span::raw(" live  "),
        Span::styled("░", theme::PEAK),
        Span::raw(" its highest  "),
        Span::styled("─", theme::RSS),
        Span::raw(rss),
    ];
    if columns >= 90 {
        parts.extend([Span::raw("  "), Span::styled("▲", theme::HIGH_WATER)]);
        parts.push(Span::raw(" high-water mark"));
    }
    Line::from(parts)
}

/// Says why there is nothing to see.
fn render_absence(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let has_numpy = app.snapshot.processes.iter().any(|process| process.numpy.is_some());
    let text = if has_numpy {
        "no array has been allocated yet"
    } else if app.end.is_some() {
        "the program ended without importing NumPy: there were no arrays to see"
    } else {
        "waiting for NumPy to be imported…"
    };
    let columns = usize::from(area.width);
    let text = Line::styled(fit_end(text, columns), theme::TEXT);
    let middle = Rect { y: area.y + area.height / 2, height: area.height.min(1), ..area };
    frame.render_widget(Paragraph::new(text).alignment(Alignment::Center), middle);
}

fn render_details(app: &App, frame: &mut Frame<'_>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let rule = Rule { title: "Selected site", has_focus: false, aside: Line::default() };
    frame.render_widget(rule, Rect { height: 1, ..area });
    if let Some(selected) = app.sites.selected_site(&app.snapshot.sites) {
        let area = inner(area);
        let area = Rect { x: area.x + 2, width: area.width - 2, ..area };
        let lines = site::lines(selected, &app.snapshot, usize::from(area.width));
        frame.render_widget(Paragraph::new(lines), area);
    }
}

fn render_output(app: &App, frame: &mut Frame<'_>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let is_typing = app.is_typing();
    let title = match (is_typing, app.end.is_some()) {
        (true, _) if area.width >= 72 => "Output: keys go to the program, F12 or Ctrl-] returns",
        (true, _) => "Output: F12 returns",
        (false, true) => "Output (the program has ended)",
        (false, false) => "Output",
    };
    let aside = if app.output.is_held() {
        Line::styled("earlier output", theme::NOTICE)
    } else {
        Line::default()
    };
    let has_focus = (app.focus == Focus::Output || app.is_enlarged) && app.popup.is_none();
    let rule = Rule { title, has_focus, aside };
    frame.render_widget(rule, Rect { height: 1, ..area });
    let area = inner(area);
    let first_row = app.output.first_row(area.height, is_typing);
    frame.render_widget(TerminalView { screen: app.output.screen(), first_row }, area);
    if is_typing && let Some(cursor) = app.output.cursor() {
        let place = Position::new(
            area.x.saturating_add(cursor.x),
            area.y.saturating_add(cursor.y.saturating_sub(first_row)),
        );
        if cursor.y >= first_row && area.contains(place) {
            frame.set_cursor_position(place);
        }
    }
}

/// The bottom line: a message, or the keys that work now.
fn footer(app: &App, columns: u16) -> Paragraph<'static> {
    let columns = usize::from(columns);
    if let Some(message) = &app.message {
        return Paragraph::new(Line::styled(
            format!(" {}", fit_end(message, columns)),
            theme::NOTICE,
        ));
    }
    let mut spans = Vec::new();
    let mut used = 0;
    for (key, hint) in hints(app) {
        let key = format!(" {key} ");
        let hint = format!("{hint} ");
        used += width(&key) + width(&hint);
        if used > columns {
            break;
        }
        spans.push(Span::styled(key, theme::KEY));
        spans.push(Span::styled(hint, theme::QUIET));
    }
    Paragraph::new(Line::from(spans))
}

/// Keys and what they do, most important first.
fn hints(app: &App) -> Vec<(&'static str, &'static str)> {
    if matches!(app.popup, Some(Popup::Help { .. } | Popup::Site { .. })) {
        return vec![("Esc", "close")];
    }
    let bindings: Vec<_> = if app.is_typing() {
        keys::TYPING.bindings.iter().collect()
    } else {
        let has_table = app.focus == Focus::Sites && !app.is_enlarged;
        let groups = keys::DASHBOARD.iter().rev().filter(|group| has_table || !group.is_of_sites);
        groups.flat_map(|group| group.bindings).collect()
    };
    bindings
        .into_iter()
        .filter(|binding| !binding.hint.is_empty())
        .map(|binding| (binding.shown, binding.hint))
        .collect()
}
