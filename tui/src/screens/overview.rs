//! The overview: gauges, memory over time, findings, call sites, the program's output.

use npprof_model::units::short_count;
use npprof_model::{Nanos, RunState, Snapshot};
use ratatui::Frame;
use ratatui::layout::{Alignment, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::areas::WIDE;
use super::{Areas, findings, output};
use crate::app::App;
use crate::rates::Rate;
use crate::text::{self, fit_end, to_u16, width};
use crate::theme;
use crate::widgets::byte_bar::byte_bar;
use crate::widgets::memory_chart::MemoryChart;
use crate::widgets::rule::Rule;

/// Imports take longer in large programs, but then something is amiss more often than not.
const IMPORT_TIME: Nanos = Nanos(5_000_000_000);

pub(crate) fn render(app: &App, areas: &Areas, frame: &mut Frame<'_>) {
    render_gauges(&app.data.snapshot, app.data.rate, frame, areas.gauges);
    render_chart(app, frame, areas.chart);
    render_findings(app, frame, areas.findings);
    if app.cursor.is_some() {
        render_moment(app, frame, areas.list);
    } else {
        super::render_list(app, "Call sites", frame, areas.list);
        if areas.chart.is_empty() && app.data.snapshot.sites.is_empty() {
            render_absence(app, frame, inner(areas.list));
        }
    }
    output::render(app, frame, areas.output);
}

/// What is below a part's title.
fn inner(area: Rect) -> Rect {
    Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area }
}

/// The most important findings, one a line.
fn render_findings(app: &App, frame: &mut Frame<'_>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let data = &app.data;
    let n = data.findings.len();
    let rows = usize::from(area.height.saturating_sub(1));
    let aside = if n > rows {
        Line::styled(format!("{rows} of {n}, 5 shows all"), theme::QUIET)
    } else {
        Line::default()
    };
    let rule = Rule { title: "Findings", has_focus: false, aside };
    frame.render_widget(rule, Rect { height: 1, ..area });
    let columns = usize::from(area.width);
    let mut lines: Vec<_> = data
        .findings
        .iter()
        .take(rows)
        .map(|finding| findings::line(finding, &data.snapshot.cwd, columns))
        .collect();
    if lines.is_empty() {
        let text = match data.snapshot.state {
            RunState::Ended(_) => "nothing found",
            _ => "nothing found yet",
        };
        lines.push(Line::styled(format!("   {text}"), theme::QUIET));
    }
    frame.render_widget(Paragraph::new(lines), inner(area));
}

/// Who was alive at the moment that the cursor is at.
fn render_moment(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let (Some(cursor), false) = (app.cursor, area.is_empty()) else { return };
    let data = &app.data;
    let snapshot = &data.snapshot;
    let mark_at = snapshot.totals.high_water_at;
    // The high-water mark is known exactly, and more worth than any moment near it.
    let near = snapshot.elapsed.0 / 160;
    let is_mark = snapshot.totals.high_water.0 > 0 && cursor.0.abs_diff(mark_at.0) <= near;
    let moment = data.history.at(cursor);
    let (title, live, sites) = if is_mark {
        let mut sites: Vec<_> =
            snapshot.sites.iter().map(|site| (site.id, site.at_high_water)).collect();
        sites.retain(|(_, bytes)| bytes.0 > 0);
        sites.sort_by_key(|&(id, bytes)| (std::cmp::Reverse(bytes), id));
        let title = format!("Alive at the high-water mark, {mark_at}");
        (title, snapshot.totals.high_water, sites)
    } else if let Some(moment) = moment {
        (format!("Alive at {}", moment.at), moment.live, moment.sites.clone())
    } else {
        ("Alive".to_owned(), npprof_model::Bytes(0), Vec::new())
    };
    let aside = Line::from(vec![
        Span::styled(live.to_string(), theme::VALUE),
        Span::styled("  Esc closes", theme::QUIET),
    ]);
    let rule = Rule { title: &title, has_focus: true, aside };
    frame.render_widget(rule, Rect { height: 1, ..area });
    let by_id = data.sites_by_id();
    let columns = usize::from(area.width);
    let line = |&(id, bytes): &(_, npprof_model::Bytes)| {
        let share = bytes.share_of(live);
        let figures =
            format!("  {:>9} {:>4.0} %  {} ", bytes.to_string(), share * 100.0, byte_bar(share, 8));
        let room = columns.saturating_sub(width(&figures));
        let place = by_id.get(&id).map(|site| text::site(&site.frame, &snapshot.cwd, room));
        Line::raw(figures + &place.unwrap_or_default())
    };
    let mut lines: Vec<_> = sites.iter().take(usize::from(area.height)).map(line).collect();
    if lines.is_empty() {
        let text = "  nothing was alive, or nobody looked at that time";
        lines.push(Line::styled(text, theme::QUIET));
    }
    frame.render_widget(Paragraph::new(lines), inner(area));
}

/// A figure with its names: for wide screens, for those of a common width, for narrow ones.
struct Gauge {
    names: [&'static str; 3],
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
    let gauge = |names, value, aside, style| Gauge { names, value, aside, style };
    // Figures of a run that is over are means.
    let rates = if is_ended {
        [
            ["Mean allocation rate", "Mean alloc/s", "Mean rate"],
            ["Mean copy rate", "Mean copy/s", "Copied"],
            ["Temporaries", "Mean temp/s", "Temporary"],
        ]
    } else {
        [
            ["Allocation rate", "Allocated/s", "Rate"],
            ["Copied", "Copied/s", "Copied"],
            ["Temporaries", "Temporary/s", "Temporary"],
        ]
    };
    let mark = ["High-water mark", "High-water mark", "High-water"];
    let resident = if is_ended { ["Max RSS"; 3] } else { ["RSS"; 3] };
    vec![
        gauge(["Live"; 3], totals.live.to_string(), String::new(), theme::VALUE.patch(theme::LIVE)),
        gauge(mark, totals.high_water.to_string(), at, theme::VALUE),
        gauge(resident, rss.to_string(), String::new(), theme::VALUE.patch(theme::RSS)),
        gauge(
            rates[0],
            format!("{}/s", rate.bytes),
            format!("  {} allocs/s", short_count(rate.n_allocations)),
            theme::VALUE,
        ),
        gauge(
            rates[1],
            format!("{}/s", rate.copied),
            format!("  {} in all", totals.copied),
            theme::VALUE.patch(theme::COPIED),
        ),
        gauge(
            rates[2],
            format!("{}/s", rate.temporary),
            format!("  {temporary:.0} % of all"),
            theme::VALUE,
        ),
    ]
}

fn render_gauges(snapshot: &Snapshot, rate: Rate, frame: &mut Frame<'_>, area: Rect) {
    /// Columns of each gauge where names stand above figures, from the widest screens on.
    const COLUMNS: [[u16; 6]; 3] =
        [[10, 23, 9, 26, 28, 22], [10, 24, 10, 14, 13, 12], [9, 16, 10, 13, 12, 12]];
    let gauges = gauges(snapshot, rate);
    if area.width < WIDE {
        render_short_gauges(&gauges, frame, area);
        return;
    }
    let needed = COLUMNS.map(|columns| columns.iter().sum::<u16>());
    let fitting = needed.iter().position(|&needed| needed < area.width);
    let kind = fitting.unwrap_or(COLUMNS.len() - 1);
    let gap = area.width.saturating_sub(needed[kind] + 1) / to_u16(gauges.len());
    let mut x = area.x + 1;
    for (gauge, columns) in gauges.iter().zip(COLUMNS[kind]) {
        let place = Rect { x, width: columns, ..area }.intersection(area);
        let aside = gauge.aside.as_str();
        let has_room = width(&gauge.value) + width(aside) < usize::from(columns);
        let value = Line::from(vec![
            Span::styled(gauge.value.as_str(), gauge.style),
            Span::raw(if has_room { aside } else { "" }),
        ]);
        let text = vec![Line::styled(gauge.names[kind.min(1)], theme::LABEL), value];
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
            Span::styled(format!("{:<10} ", gauge.names[2]), theme::LABEL),
            Span::styled(gauge.value.as_str(), gauge.style),
        ]);
        frame.render_widget(Paragraph::new(line), Rect::new(x, y, columns, 1));
    }
}

fn render_chart(app: &App, frame: &mut Frame<'_>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let snapshot = &*app.data.snapshot;
    let chart = MemoryChart {
        timeline: &snapshot.timeline,
        until: snapshot.elapsed,
        high_water: snapshot.totals.high_water,
        high_water_at: snapshot.totals.high_water_at,
        cursor: app.cursor,
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
    let snapshot = &app.data.snapshot;
    let has_numpy = snapshot.processes.iter().any(|process| process.numpy.is_some());
    let text = match app.end {
        Some(_) if has_numpy => "no array was allocated",
        None if has_numpy => "no array has been allocated yet",
        Some(_) => "the program ended without importing NumPy: there were no arrays to see",
        None if snapshot.processes.is_empty() => "waiting for Python to start…",
        None if snapshot.elapsed < IMPORT_TIME => "waiting for NumPy to be imported…",
        None => "the program has not imported NumPy so far: there are no arrays to see",
    };
    let columns = usize::from(area.width);
    let text = Line::styled(fit_end(text, columns), theme::TEXT);
    let middle = Rect { y: area.y + area.height / 2, height: area.height.min(1), ..area };
    frame.render_widget(Paragraph::new(text).alignment(Alignment::Center), middle);
}
