//! The summary at the end of a run: what somebody who has never seen npprof needs first.
//!
//! At most [`MAX_LINES`] lines, made from the report alone.

use std::path::Path;

use npprof_model::columns::width;
use npprof_model::layout::Shape;
use npprof_model::units::grouped;
use npprof_model::{Bytes, Nanos};

use crate::json::SHORTENED;
use crate::json::{Exit, ExitState, Layout, Process, Site};
use crate::paint::{Style, left, one_line, right};
use crate::{Report, findings, tables};

/// Lines that a summary has at most, without those of its findings.
pub const MAX_LINES: usize = 25;
/// Sites that it shows unless told otherwise.
pub const DEFAULT_SITES: usize = 8;
/// Findings that it shows unless told otherwise.
pub const DEFAULT_FINDINGS: usize = 5;

/// What a summary is to show.
#[derive(Clone, Copy, Debug)]
pub struct SummaryOptions<'a> {
    /// How it is to look.
    pub style: Style,
    /// Where the report is, if it is in a file.
    pub path: Option<&'a Path>,
    /// How many call sites.
    pub n_sites: usize,
    /// How many findings.
    pub n_findings: usize,
}

/// The summary of a run, ending with a newline.
#[must_use]
pub fn summary(report: &Report, options: &SummaryOptions<'_>) -> String {
    let style = options.style;
    let headline = style.cut(&headline(report, style), style.width.max(1));
    let top = findings::top(report, style, options.n_findings, options.path);
    let mut lines = Vec::new();
    let notices = notices(report);
    let has_numpy = report.processes.iter().any(|process| process.numpy.is_some());
    if !has_numpy {
        lines.push(without_numpy(report));
    } else if report.totals.n_allocations > 0 || notices.is_empty() {
        lines.extend(figures(report, options));
    }
    lines.extend(processes(report));
    for line in &mut lines {
        *line = style.cut(line, style.width.max(1));
    }
    // What follows is worth a second line of the terminal.
    lines.extend(notices);
    if let Some(reason) = &report.incomplete_because {
        lines.push(if reason.starts_with(SHORTENED) {
            // Every figure has everything; only the file has no room for all of it.
            format!("Not all is listed: {}", one_line(reason))
        } else {
            style.alarm(&format!("Incomplete: {}", one_line(reason)))
        });
    }
    if let Some(path) = options.path {
        let path = one_line(path);
        lines.push(format!("Report: {path}"));
        lines.push(style.dim(&format!("Next: npprof report {path} --by function")));
    }
    lines.truncate(MAX_LINES - 1);
    let mut text = String::new();
    for line in [headline].into_iter().chain(top).chain(lines) {
        text.push_str(style.plain(&line).trim_end());
        text.push('\n');
    }
    text
}

fn headline(report: &Report, style: Style) -> String {
    let command = report.command.iter().map(one_line).collect::<Vec<_>>().join(" ");
    let end = format!(" — {} after {}", exit_text(&report.exit), Nanos(report.elapsed_ns));
    let room = style.width.saturating_sub("npprof: ".len() + width(&end)).max(8);
    let line = format!("npprof: {}{end}", style.cut_middle(&command, room));
    style.bold(&style.cut(&line, style.width.max(1)))
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
    let mark = Bytes(totals.high_water_bytes).to_string();
    let rest = format!(" of array data, {} after the start", Nanos(totals.high_water_at_ns));
    let rest = style.cut(&rest, style.width.saturating_sub(HEADING + width(&mark)));
    let mut lines = vec![entry("High-water mark", &format!("{}{rest}", style.bold(&mark)))];
    lines.extend(alive_then(report, options));
    lines.push(entry(
        "Allocated",
        &format!("{} in {} blocks", Bytes(totals.allocated_bytes), grouped(totals.n_allocations)),
    ));
    if totals.n_temporaries > 0 {
        let temporary = Bytes(totals.temporary_bytes);
        lines.push(entry(
            "Temporaries",
            &format!(
                "{temporary} ({}) in {} blocks, freed on the line that made them",
                percent(temporary, Bytes(totals.allocated_bytes)),
                grouped(totals.n_temporaries)
            ),
        ));
    }
    lines.extend(most_allocated(report, style));
    let n_live =
        totals.n_allocations.saturating_add(totals.n_inherited).saturating_sub(totals.n_frees);
    let live = Bytes(totals.live_bytes);
    let live = if live.0 == 0 {
        live.to_string()
    } else {
        format!("{live} in {} blocks", grouped(n_live))
    };
    lines.push(entry("Live at exit", &live));
    if totals.rss_high_water_bytes > 0 {
        let rss = Bytes(totals.rss_high_water_bytes);
        let what = if report.processes.len() > 1 {
            "all processes; shared pages count in each"
        } else {
            "with interpreter, libraries, freed memory"
        };
        lines.push(entry("Resident set", &format!("{rss} at most ({what})")));
    }
    lines
}

/// The line that allocated most, if it is a large part of everything and hardly was alive at the
/// high-water mark, so that it would not be seen otherwise.
fn most_allocated(report: &Report, style: Style) -> Option<String> {
    let site = report.sites.iter().max_by_key(|site| site.allocated_bytes)?;
    let (bytes, all) = (Bytes(site.allocated_bytes), Bytes(report.totals.allocated_bytes));
    let is_shown_above =
        Bytes(site.at_high_water_bytes).share_of(Bytes(report.totals.high_water_bytes)) >= 0.1;
    if bytes.share_of(all) < 0.25 || is_shown_above {
        return None;
    }
    let start = entry("Most allocated", &format!("{bytes} ({}) by ", percent(bytes, all)));
    let room = style.width.saturating_sub(width(&start));
    let place = style.cut_left(&tables::place(report, site), room.max(10));
    let source = site.source.as_deref().map(one_line).unwrap_or_default();
    let source = style.cut(&source, room.saturating_sub(width(&place) + 2));
    Some(format!("{start}{place}  {}", style.dim(&source)))
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
    let heading = if with_arrays.count() > 1 {
        format!("Alive at the {mark} of process {}, by the line that allocated it:", process.pid)
    } else {
        "Alive at that moment, by the line that allocated it:".to_owned()
    };
    let mut lines = vec![heading];
    let is_large = |site: &&&Site| Bytes(site.at_high_water_bytes).share_of(mark) >= 0.01;
    let n_large = sites.iter().take_while(is_large).count().max(1);
    let n_shown = n_large.min(options.n_sites.clamp(1, MAX_LINES - 14));
    let shown = sites.get(..n_shown).unwrap_or_default();
    let places: Vec<String> = shown.iter().map(|site| tables::place(report, site)).collect();
    let layouts: Vec<String> = shown
        .iter()
        .map(|site| site.layouts.first().map(layout_text).unwrap_or_default())
        .collect();
    // Bytes, share and gaps come first; the rest is for the place, the layout and the source.
    let room = style.width.saturating_sub(ROW_START).max(10);
    let widest = |texts: &[String]| texts.iter().map(|text| width(text)).max().unwrap_or(0);
    let place_width = widest(&places).min((room / 2).max(10));
    let layout_width = widest(&layouts).min(32).min(room.saturating_sub(place_width + 2));
    for ((site, place), layout) in shown.iter().zip(&places).zip(&layouts) {
        let bytes = Bytes(site.at_high_water_bytes);
        let source = site.source.as_deref().map(one_line).unwrap_or_default();
        let place = left(&style.cut_left(place, place_width), place_width);
        let layout = left(&style.cut(layout, layout_width), layout_width);
        let source_room = room.saturating_sub(place_width + layout_width + 4);
        let source = if source_room < 8 { String::new() } else { style.cut(&source, source_room) };
        lines.push(format!(
            "{} {}  {place}  {layout}  {}",
            right(&bytes.to_string(), 10),
            right(&percent(bytes, mark), 5),
            style.dim(&source)
        ));
    }
    let rest = sites
        .iter()
        .skip(n_shown)
        .fold(0_u64, |sum, site| sum.saturating_add(site.at_high_water_bytes));
    if rest > 0 {
        let n_rest = sites.len() - n_shown;
        let sites = if n_rest == 1 { "call site" } else { "call sites" };
        let below = if n_shown == n_large { ", below 1 % each" } else { "" };
        let bytes = right(&Bytes(rest).to_string(), 10);
        lines.push(format!(
            "{bytes} {}  {n_rest} more {sites}{below}",
            right(&percent(Bytes(rest), mark), 5)
        ));
    }
    lines
}

/// Columns of a line's heading.
const HEADING: usize = 17;
/// Columns of a row before the place: bytes, share, gaps.
const ROW_START: usize = 10 + 1 + 5 + 2;

/// A line with its heading.
fn entry(heading: &str, text: &str) -> String {
    format!("{}{text}", left(heading, HEADING))
}

/// A share for people: `<1 %` is not nothing.
fn percent(part: Bytes, whole: Bytes) -> String {
    let share = part.share_of(whole) * 100.0;
    if part.0 > 0 && share < 1.0 { "<1 %".to_owned() } else { format!("{share:.0} %") }
}

fn layout_text(layout: &Layout) -> String {
    if layout.order == "scratch" {
        return "scratch space".to_owned();
    }
    let order = if layout.order == "C" { String::new() } else { format!(" {}", layout.order) };
    one_line(format!("{} {}{order}", layout.dtype, Shape(&layout.shape)))
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
    let text = match (unusual.len(), more) {
        (0, _) => count.to_string(),
        (_, 0) => format!("{count}: {named}"),
        _ => format!("{count}: {named} and {more} more"),
    };
    vec![entry("Processes", &text)]
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

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::example;
    use crate::paint::columns;

    fn shown(report: &Report, width: usize) -> String {
        let style = Style { width, ..Style::default() };
        let path = Some(Path::new("r.json"));
        summary(
            report,
            &SummaryOptions { style, path, n_sites: DEFAULT_SITES, n_findings: DEFAULT_FINDINGS },
        )
    }

    #[test]
    fn a_run_is_told_in_a_few_lines() {
        assert_snapshot!(shown(&example::report(), 100), @r"
        npprof: python main.py --size 8192 — exit 0 after 12.3 s
        Findings: 1 warning, 1 in code of others
        1. redundant-copy  fit.py:41 Model.fit
           gram = x.T.copy() @ x
           `ndarray.copy` copied 763 MiB of float64 (381, 131072) in 2 copies, and neither the original nor
           the copy changed while both were alive.
           Fix: Use `x.T` itself instead of `x.T.copy()`.
           Saves: 381 MiB at the high-water mark, 763 MiB of allocations, 763 MiB of copies
        1 more: npprof report r.json --findings

        High-water mark  1.17 GiB of array data, 4.56 s after the start
        Alive at that moment, by the line that allocated it:
           763 MiB  64 %  fit.py:41 Model.fit                        float64 (8192, 8192) F   gram = x.T.co…
           305 MiB  25 %  fit.py:12 load                             float64 (40000000,)      return np.fro…
          96.0 MiB   8 %  tools/filters.py:7 smooth.<locals>.inner   float32 (2048, 2048, 3)  return np.con…
          32.0 MiB   3 %  …image/_filters.py:1204 gaussian_filter1d  float64 (2048, 2048)     output = _ni_…
          5.00 MiB  <1 %  2 more call sites, below 1 % each
        Allocated        56.6 GiB in 1,234,567 blocks
        Temporaries      34.5 GiB (61 %) in 234,567 blocks, freed on the line that made them
        Live at exit     12.0 MiB in 7 blocks
        Resident set     1.51 GiB at most (with interpreter, libraries, freed memory)
        Report: r.json
        Next: npprof report r.json --by function
        ");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_nor_are_there_more_than_25() {
        for (width, colour) in
            [20, 40, 80, 200].into_iter().flat_map(|it| [(it, false), (it, true)])
        {
            let style = Style { width, colour, ascii: false };
            let path = Some(Path::new("r.json"));
            let options =
                |n_findings| SummaryOptions { style, path, n_sites: DEFAULT_SITES, n_findings };
            let text = summary(&example::report(), &options(0));
            assert!(text.lines().count() <= MAX_LINES, "{text}");
            let text = summary(&example::report(), &options(5));
            // The ways on are shown whole.
            let is_way_on = |line: &&str| line.contains("npprof report");
            let mut lines = text.lines().filter(|line| !is_way_on(line));
            assert!(lines.all(|line| columns(line) <= width), "{width}\n{text}");
        }
    }

    #[test]
    fn what_a_terminal_would_obey_does_not_reach_it() {
        let mut report = example::report();
        report.command = vec!["python".to_owned(), "\x1b]0;owned\x07".to_owned()];
        for site in &mut report.sites {
            site.file = "/w/app/\x1b[2J.py".to_owned();
            site.source = Some("x = '\x1b[31m'".to_owned());
        }
        assert!(!shown(&report, 100).contains('\x1b'));
    }

    #[test]
    fn a_program_without_numpy_is_told_so() {
        let mut report = example::report();
        for process in &mut report.processes {
            process.numpy = None;
        }
        let text = shown(&report, 100);
        assert!(text.contains("never imported NumPy"), "{text}");
        report.processes.clear();
        let text = shown(&report, 100);
        assert!(text.contains("No Python was seen"), "{text}");
    }

    #[test]
    fn an_unwatched_numpy_is_told_why() {
        let mut report = example::report();
        report.totals.n_allocations = 0;
        for process in &mut report.processes {
            process.notices = vec!["not profiled: NumPy 1.21.6: too old".to_owned()];
        }
        let text = shown(&report, 100);
        assert!(text.contains("Note: not profiled: NumPy 1.21.6"), "{text}");
        assert!(!text.contains("High-water"), "{text}");
    }
}
