//! The details of a call site: its source, what it holds and allocated, how large, for how long,
//! what NumPy did there, who called it, what was found.

mod callers;
mod histograms;
mod operations;
mod source;

use npprof_model::units::grouped;
use npprof_model::{Bytes, LayoutCount, Nanos, Quantiles, Site, SiteId, Snapshot};
use ratatui::text::{Line, Span};

use crate::data::Data;
use crate::screens::findings;
use crate::text::{clean, fit_end, fit_middle, layout_with_strides, relative, width};
use crate::theme;
use crate::widgets::popup::Popup;

/// The text is no wider than this on a wide screen.
const MAX_WIDTH: u16 = 120;
/// Columns of a name, and of a figure.
const NAME: usize = 18;
const FIGURE: usize = 10;

/// Columns of the text in a box on a screen of this width.
pub(crate) fn text_width(screen: u16) -> usize {
    usize::from(screen.saturating_sub(4).min(MAX_WIDTH))
}

pub(crate) fn popup(
    site: SiteId,
    data: &Data,
    scroll: u16,
    screen_width: u16,
) -> Option<Popup<'static>> {
    let lines = lines(site, data, text_width(screen_width));
    let title = "Call site".to_owned();
    (!lines.is_empty()).then_some(Popup {
        title,
        lines,
        scroll,
        foot: "Esc closes · ←→ other sites",
    })
}

/// The details in lines of so many columns; none of a site that is not known.
pub(crate) fn lines(site: SiteId, data: &Data, columns: usize) -> Vec<Line<'static>> {
    let snapshot = &data.snapshot;
    let Some(site) = snapshot.sites.iter().find(|it| it.id == site) else { return Vec::new() };
    let mut lines = place_lines(site, snapshot, columns);
    lines.push(Line::default());
    lines.extend(source::lines(site, data, columns));
    let mark = snapshot.process_of(site).map_or(Bytes(0), |process| process.totals.high_water);
    lines.extend(figure_lines(site, mark));
    lines.push(Line::default());
    lines.extend(quantile_lines(site));
    lines.push(Line::default());
    lines.extend(histograms::lines(site, data, columns));
    lines.extend(layout_lines(site, columns));
    lines.extend(operations::lines(site, data, columns));
    lines.extend(callers::lines(site, data, columns));
    lines.extend(finding_lines(site, data, columns));
    lines
}

/// What was found at the site.
fn finding_lines(site: &Site, data: &Data, columns: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for finding in data.findings.iter().filter(|finding| finding.sites.contains(&site.id)) {
        lines.push(Line::default());
        lines.extend(findings::lines(finding, &data.snapshot.cwd, columns));
    }
    lines
}

fn place_lines(site: &Site, snapshot: &Snapshot, columns: usize) -> Vec<Line<'static>> {
    let path = relative(&site.frame.file, &snapshot.cwd);
    let line = match site.frame.line {
        0 => String::new(),
        line => format!(":{line}"),
    };
    let path = fit_middle(&path, columns.saturating_sub(width(&line)));
    let mut lines = vec![Line::styled(path + &line, theme::VALUE)];
    if !site.frame.function.is_empty() {
        let function = fit_end(&clean(&site.frame.function), columns.saturating_sub(3));
        lines.push(Line::from(vec![Span::styled("in ", theme::LABEL), Span::raw(function)]));
    }
    let first = Line::from(vec![
        Span::styled("first allocated at ", theme::LABEL),
        Span::raw(site.first_at.to_string()),
    ]);
    lines.push(first);
    if snapshot.processes.len() > 1
        && let Some(process) = snapshot.process_of(site)
    {
        lines.push(Line::from(vec![
            Span::styled("in process ", theme::LABEL),
            Span::raw(process.pid.to_string()),
        ]));
    }
    lines
}

fn figure_lines(site: &Site, mark: Bytes) -> Vec<Line<'static>> {
    let times = |n: u64| format!("{}×", grouped(n));
    let n_live = site.n_allocations.saturating_sub(site.n_frees);
    let percent = |part: Bytes, whole: Bytes| format!("{:.0} %", part.share_of(whole) * 100.0);
    let share = percent(site.temporary, site.allocated);
    let of_mark = match mark.0 {
        0 => String::new(),
        _ => format!("{} of the high-water mark", percent(site.at_high_water, mark)),
    };
    vec![
        figure("at high-water", site.at_high_water, of_mark),
        figure("live", site.live, times(n_live)),
        figure("own peak", site.own_peak, String::new()),
        figure("allocated", site.allocated, times(site.n_allocations)),
        figure("freed", site.freed, times(site.n_frees)),
        figure("temporary", site.temporary, format!("{}  {share}", times(site.n_temporaries))),
        figure("copied", site.copied, times(site.n_copies)),
    ]
}

fn figure(name: &'static str, bytes: Bytes, aside: String) -> Line<'static> {
    Line::from(vec![
        Span::styled(format!("{name:<NAME$}"), theme::LABEL),
        Span::styled(format!("{:>FIGURE$}", bytes.to_string()), theme::VALUE),
        Span::raw("  "),
        Span::raw(aside),
    ])
}

fn quantile_lines(site: &Site) -> Vec<Line<'static>> {
    let head = format!(
        "{:<NAME$}{:>FIGURE$}{:>FIGURE$}{:>FIGURE$}{:>FIGURE$}",
        "", "median", "90 %", "99 %", "largest"
    );
    let sizes = quantiles("size", site.size, |bytes| Bytes(bytes).to_string());
    let lifetimes = quantiles("lifetime", site.lifetime, lifetime);
    vec![Line::styled(head, theme::LABEL), sizes, lifetimes]
}

/// A lifetime, as far as it is known: small arrays are timed at the collector's tick.
fn lifetime(nanos: u64) -> String {
    if nanos == 0 { "<1 ms".to_owned() } else { Nanos(nanos).to_string() }
}

fn quantiles(
    name: &'static str,
    quantiles: Option<Quantiles>,
    show: impl Fn(u64) -> String,
) -> Line<'static> {
    let name = Span::styled(format!("{name:<NAME$}"), theme::LABEL);
    let Some(quantiles) = quantiles else {
        let none = format!("{:>FIGURE$}", "none yet");
        return Line::from(vec![name, Span::styled(none, theme::QUIET)]);
    };
    let figures = [quantiles.p50, quantiles.p90, quantiles.p99, quantiles.max];
    let shown = figures.map(|figure| {
        let text = show(figure);
        // Not `{:>}`, which counts characters.
        " ".repeat(FIGURE.saturating_sub(width(&text)).max(1)) + &text
    });
    Line::from(vec![name, Span::raw(shown.concat())])
}

fn layout_lines(site: &Site, columns: usize) -> Vec<Line<'static>> {
    if site.layouts.is_empty() {
        return vec![Line::styled("no layouts known", theme::QUIET)];
    }
    let head = format!("{:>10} {:>10} {:>7}  layout", "high-water", "allocated", "blocks");
    let mut lines = vec![Line::styled(head, theme::LABEL)];
    lines.extend(site.layouts.iter().map(|count| layout_line(count, columns)));
    lines
}

fn layout_line(count: &LayoutCount, columns: usize) -> Line<'static> {
    let figures = format!(
        "{:>10} {:>10} {:>7}  ",
        count.at_high_water.to_string(),
        count.bytes.to_string(),
        npprof_model::units::short_count(count.n),
    );
    let room = columns.saturating_sub(width(&figures));
    Line::raw(figures + &fit_middle(&layout_with_strides(&count.layout), room))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_lifetime_below_the_tick_is_not_nothing() {
        assert_eq!(super::lifetime(0), "<1 ms");
        assert_eq!(super::lifetime(1_500_000), "1.50 ms");
    }
}
