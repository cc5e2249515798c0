//! The source around a call site, with what each line costs in the margin.

use std::collections::HashMap;

use npprof_model::{Bytes, Nanos, Site};
use ratatui::text::{Line, Span};

use crate::data::Data;
use crate::text::{clean, fit_end, width};
use crate::theme;
use crate::widgets::{byte_bar::byte_bar, python};

/// Lines shown before and after that of the site.
const AROUND: u32 = 4;
const BAR: u16 = 4;
/// From this width on, the time of operations is shown too.
const WITH_TIME: usize = 90;

/// What a line of the file did, over all its sites.
#[derive(Clone, Copy, Debug, Default)]
struct Heat {
    allocated: Bytes,
    copied: Bytes,
    time: Nanos,
}

/// The lines around the site, then an empty one; nothing where the file can't be read.
pub(super) fn lines(site: &Site, data: &Data, columns: usize) -> Vec<Line<'static>> {
    let Some(Some(text)) = data.sources.get(&site.frame.file) else { return Vec::new() };
    let line = site.frame.line;
    if line == 0 {
        return Vec::new();
    }
    let first = line.saturating_sub(AROUND).max(1);
    let skipped = usize::try_from(first - 1).unwrap_or(0);
    let shown: Vec<(u32, &str)> = (first..)
        .zip(text.lines().skip(skipped))
        .take_while(|&(number, _)| number <= line.saturating_add(AROUND))
        .collect();
    if !shown.iter().any(|&(number, _)| number == line) {
        return Vec::new();
    }
    let mut heats: HashMap<u32, Heat> = HashMap::new();
    for other in data.snapshot.sites.iter().filter(|it| it.frame.file == site.frame.file) {
        let heat = heats.entry(other.frame.line).or_default();
        heat.allocated = Bytes(heat.allocated.0.saturating_add(other.allocated.0));
        heat.copied = Bytes(heat.copied.0.saturating_add(other.copied.0));
        heat.time = Nanos(heat.time.0.saturating_add(other.operation_time.0));
    }
    // Heat is told against the hottest line of the file, so that neighbours can be compared.
    let most = heats.values().map(|heat| heat.allocated).max().unwrap_or_default();
    let indent = common_indent(shown.iter().map(|&(_, text)| text));
    let has_time = columns >= WITH_TIME;
    let time = if has_time { format!("{:>12}", "time") } else { String::new() };
    let head = format!("{:<5}{:>10}{:>10}{time}{:>7}  source", "", "allocated", "copied", "line");
    let mut lines = vec![Line::styled(fit_end(&head, columns), theme::LABEL)];
    for (number, text) in shown {
        let heat = heats.get(&number).copied().unwrap_or_default();
        let bytes = |bytes: Bytes| if bytes.0 > 0 { bytes.to_string() } else { String::new() };
        let time = match heat.time {
            _ if !has_time => String::new(),
            Nanos(0) => " ".repeat(12),
            time => format!("{:>12}", time.to_string()),
        };
        let figures = format!("{:>10}{:>10}{time}", bytes(heat.allocated), bytes(heat.copied));
        let is_here = number == line;
        let mark = if is_here { "▸" } else { " " };
        let margin = format!(" {mark}{number:>5}  ");
        let room = columns.saturating_sub(width(&figures) + width(&margin) + 6);
        let text = clean(&text.chars().skip(indent).collect::<String>().replace('\t', "    "));
        let mut spans = vec![
            Span::styled(byte_bar(heat.allocated.share_of(most), BAR), theme::WARNING),
            Span::raw(" "),
            Span::raw(figures),
            Span::styled(margin, if is_here { theme::VALUE } else { theme::QUIET }),
        ];
        spans.extend(python::highlighted(&fit_end(&text, room), is_here));
        lines.push(Line::from(spans));
    }
    lines.push(Line::default());
    lines
}

/// Characters of white space with which all lines begin.
fn common_indent<'a>(lines: impl Iterator<Item = &'a str>) -> usize {
    let filled = lines.filter(|line| !line.trim().is_empty());
    let indents = filled.map(|line| line.chars().take_while(|c| c.is_whitespace()).count());
    indents.min().unwrap_or(0)
}
