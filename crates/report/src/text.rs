//! The summary at the end of a run: what somebody who has never seen npprof needs first.
//!
//! At most [`MAX_LINES`] lines, made from the report alone.

use std::path::Path;

use npprof_model::units::grouped;
use npprof_model::{Bytes, Nanos};
use unicode_width::UnicodeWidthStr as _;

use crate::json::{Exit, ExitState, Layout, Process, Site};
use crate::paint::{Style, left, one_line, right};
use crate::{Report, tables};

/// Lines that a summary has at most.
pub const MAX_LINES: usize = 25;
/// Sites that it shows unless told otherwise.
pub const DEFAULT_SITES: usize = 8;

/// What a summary is to show.
#[derive(Clone, Copy, Debug)]
pub struct SummaryOptions<'a> {
    /// How it is to look.
    pub style: Style,
    /// Where the report is, if it is in a file.
    pub path: Option<&'a Path>,
    /// How many call sites.
    pub n_sites: usize,
}

/// The summary of a run, ending with a newline.
#[must_use]
pub fn summary(report: &Report, options: &SummaryOptions<'_>) -> String {
    let style = options.style;
    let mut lines = vec![headline(report, style)];
    if report.processes.iter().all(|process| process.numpy.is_none()) {
        lines.push(without_numpy(report));
    } else {
        lines.extend(figures(report, options));
    }
    lines.extend(processes(report));
    lines.extend(notices(report));
    if let Some(reason) = &report.incomplete_because {
        lines.push(style.alarm(&format!("Incomplete: {}", one_line(reason))));
    }
    if let Some(path) = options.path {
        let path = one_line(path);
        lines.push(format!("Report: {path}"));
        lines.push(style.dim(&format!("Next: npprof report {path} --by function")));
    }
    lines.truncate(MAX_LINES);
    let mut text = String::new();
    for line in lines {
        // Colours take no columns, so a coloured line is as long as it was made.
        let line = if style.colour { line } else { style.cut(&line, style.width.max(1)) };
        text.push_str(style.plain(&line).trim_end());
        text.push('\n');
    }
    text
}

fn headline(report: &Report, style: Style) -> String {
    let command = report.command.iter().map(one_line).collect::<Vec<_>>().join(" ");
    let end = format!(" — {} after {}", exit_text(&report.exit), Nanos(report.elapsed_ns));
    let room = style.width.saturating_sub("npprof: ".len() + end.width()).max(8);
    style.bold(&format!("npprof: {}{end}", style.cut_middle(&command, room)))
}

fn without_numpy(report: &Report) -> String {
    if report.processes.is_empty() {
        "No Python was seen, so there is nothing to show: npprof watches NumPy in Python programs."
            .to_owned()
    } else {
        "The program never imported NumPy, so there are no arrays to show.".to_owned()
    }
}

fn figures(report: &Report, options: &SummaryOptions<'_>) -> Vec<String> {
    let style = options.style;
    let totals = &report.totals;
    let mark = Bytes(totals.high_water_bytes);
    let mut lines = vec![format!(
        "High-water mark  {} of array data, {} after the start",
        style.bold(&mark.to_string()),
        Nanos(totals.high_water_at_ns)
    )];
    lines.extend(alive_then(report, options));
    let temporary = Bytes(totals.temporary_bytes);
    let share = temporary.share_of(Bytes(totals.allocated_bytes)) * 100.0;
    lines.push(format!(
        "Allocated        {} in {} blocks; {temporary} ({share:.0} %) in {} temporaries, freed on the line that made them",
        Bytes(totals.allocated_bytes),
        grouped(totals.n_allocations),
        grouped(totals.n_temporaries),
    ));
    let n_live = totals.n_allocations.saturating_sub(totals.n_frees);
    lines.push(format!(
        "Live at exit     {} in {} blocks",
        Bytes(totals.live_bytes),
        grouped(n_live)
    ));
    if totals.rss_high_water_bytes > 0 {
        lines.push(format!(
            "Resident set     {} at most: arrays that were touched, plus interpreter, libraries and freed memory not given back",
            Bytes(totals.rss_high_water_bytes)
        ));
    }
    lines
}

/// Who was alive at the high-water mark, in the process that reached the highest one.
fn alive_then(report: &Report, options: &SummaryOptions<'_>) -> Vec<String> {
    let style = options.style;
    let with_arrays = report.processes.iter().filter(|process| process.totals.n_allocations > 0);
    let highest = report.processes.iter().enumerate().max_by_key(|(index, process)| {
        (process.totals.high_water_bytes, std::cmp::Reverse(*index))
    });
    let Some((index, process)) = highest else { return Vec::new() };
    let mark = Bytes(process.totals.high_water_bytes);
    let mut sites: Vec<&Site> = report
        .sites
        .iter()
        .filter(|site| site.process as usize == index && site.at_high_water_bytes > 0)
        .collect();
    sites.sort_by_key(|site| std::cmp::Reverse(site.at_high_water_bytes));
    if sites.is_empty() {
        return Vec::new();
    }
    let mut lines = Vec::new();
    if with_arrays.count() > 1 {
        lines.push(format!("Alive at the {mark} of process {}:", process.pid));
    } else {
        lines.push("Alive then:".to_owned());
    }
    let n_shown = sites.len().min(options.n_sites.min(MAX_LINES - 12));
    let shown = sites.get(..n_shown).unwrap_or_default();
    let places: Vec<String> = shown.iter().map(|site| tables::place(report, site)).collect();
    // Bytes, share and gaps take 18 columns; the rest is for the place, the layout and the source.
    let room = style.width.saturating_sub(18).max(10);
    let place_width = places.iter().map(|place| place.width()).max().unwrap_or(0).min(room * 2 / 5);
    for (site, place) in shown.iter().zip(&places) {
        let bytes = Bytes(site.at_high_water_bytes);
        let layout = site.layouts.first().map(layout_text).unwrap_or_default();
        let source = site.source.as_deref().map(one_line).unwrap_or_default();
        let place = left(&style.cut_middle(place, place_width.max(10)), place_width);
        let rest = room.saturating_sub(place_width + 2);
        let layout = style.cut(&layout, rest.min(32));
        let source = style.cut(&source, rest.saturating_sub(layout.width() + 2));
        lines.push(format!(
            "{} {:>4.0} %  {place}  {}  {}",
            right(&bytes.to_string(), 10),
            bytes.share_of(mark) * 100.0,
            layout,
            style.dim(&source)
        ));
    }
    let rest: u64 = sites.iter().skip(n_shown).map(|site| site.at_high_water_bytes).sum();
    if rest > 0 {
        let n_rest = sites.len() - n_shown;
        lines.push(format!(
            "{}         {n_rest} more call sites",
            right(&Bytes(rest).to_string(), 10)
        ));
    }
    lines
}

fn layout_text(layout: &Layout) -> String {
    if layout.order == "scratch" {
        return "scratch space".to_owned();
    }
    let shape: Vec<String> = layout.shape.iter().map(u64::to_string).collect();
    let comma = if shape.len() == 1 { "," } else { "" };
    let order = if layout.order == "C" { String::new() } else { format!(" {}", layout.order) };
    one_line(format!("{} ({}{comma}){order}", layout.dtype, shape.join(", ")))
}

/// How many processes there were, and which ended in an unusual way.
fn processes(report: &Report) -> Vec<String> {
    if report.processes.len() < 2 {
        return Vec::new();
    }
    let is_unusual = |process: &&Process| {
        !matches!(process.exit, Exit::Code { code: 0 })
            && !matches!(process.exit, Exit::State { state: ExitState::Replaced })
    };
    let unusual: Vec<String> = report
        .processes
        .iter()
        .filter(is_unusual)
        .map(|process| format!("{} {}", process.pid, exit_text(&process.exit)))
        .collect();
    let count = report.processes.len();
    let named = unusual.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    let more = unusual.len().saturating_sub(3);
    vec![match (unusual.len(), more) {
        (0, _) => format!("Processes        {count}"),
        (_, 0) => format!("Processes        {count}: {named}"),
        _ => format!("Processes        {count}: {named} and {more} more"),
    }]
}

/// What the user should know, each thing once.
fn notices(report: &Report) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for notice in report.processes.iter().flat_map(|process| &process.notices) {
        let line = format!("Note: {}", one_line(notice));
        if !lines.contains(&line) && lines.len() < 3 {
            lines.push(line);
        }
    }
    lines
}

/// `exit 0`, `killed by SIGKILL`.
pub(crate) fn exit_text(exit: &Exit) -> String {
    match exit {
        Exit::Code { code } => format!("exit {code}"),
        Exit::Signal { name: Some(name), .. } => format!("killed by {}", one_line(name)),
        Exit::Signal { signal, .. } => format!("killed by signal {signal}"),
        Exit::State { state: ExitState::Running } => "still running".to_owned(),
        Exit::State { state: ExitState::Replaced } => "replaced by exec".to_owned(),
        Exit::State { state: ExitState::Unknown } => "ended, status unknown".to_owned(),
    }
}
