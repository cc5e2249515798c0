//! Findings: what happens, why it costs, what to write instead, what that saves.

use npprof_findings::{Finding, Value, rule};
use npprof_model::units::grouped;
use npprof_model::{Bytes, Nanos, Saves};
use ratatui::text::{Line, Span};

use crate::data::Data;
use crate::list::{Cell, Column, Key, Listing};
use crate::text::{self, clean, fit_end, width, wrap};
use crate::theme;

const COLUMNS: [Column; 7] = [
    Column::figure("#", 2, 6),
    Column::text("!", 1, 1, 2).sortable(),
    Column::text("Kind", 17, 17, 1).sortable(),
    Column::figure("Saves", 8, 1),
    Column::figure("Times", 7, 4),
    Column::text("What happens", 30, 90, 5),
    Column::text("Call site", 18, usize::MAX, 0).sortable(),
];

const NUMBER: usize = 0;
const SEVERITY: usize = 1;
const KIND: usize = 2;
const SAVES: usize = 3;
const TIMES: usize = 4;
const MESSAGE: usize = 5;

/// With so many columns left, a finding's line has its message too, behind its place.
const WITH_MESSAGE: usize = 68;
const PLACE: usize = 34;
/// Columns of the names in the details.
const NAME: usize = 9;

/// All findings, what matters most first.
pub(crate) struct Findings<'a> {
    data: &'a Data,
}

impl<'a> Findings<'a> {
    pub(crate) const fn new(data: &'a Data) -> Self {
        Self { data }
    }
}

/// The largest saving, for the list.
pub(crate) fn most(saves: &Saves) -> Option<Bytes> {
    let high_water = saves.high_water.filter(|bytes| bytes.0 > 0);
    high_water.or_else(|| saves.allocated.max(saves.copied)).filter(|bytes| bytes.0 > 0)
}

/// A finding in a line: its mark, its kind, what it saves, where.
pub(crate) fn line(finding: &Finding, cwd: &str, columns: usize) -> Line<'static> {
    let mark = format!(" {} ", theme::severity_mark(finding.severity));
    let saves = match (finding.saves.high_water, most(&finding.saves)) {
        (Some(bytes), _) if bytes.0 > 0 => format!("{:>9} at high-water", bytes.to_string()),
        (_, Some(bytes)) => format!("{:>9} of traffic", bytes.to_string()),
        // What it saves is not known yet; its own figures are.
        _ if finding.bytes.0 > 0 => format!("{:>9} avoidable", finding.bytes.to_string()),
        _ if finding.time.0 > 0 => format!("{:>9} of time", finding.time.to_string()),
        _ => format!("{:>9}", "–"),
    };
    let kind = format!("{:<18}", finding.kind);
    let has_words = columns >= 76;
    // The figure alone has nine columns.
    let saves = if has_words { format!("{saves:<25}") } else { saves.chars().take(9).collect() };
    let saves = saves + " ";
    let room = columns.saturating_sub(width(&mark) + width(&kind) + width(&saves));
    let mut spans = vec![
        Span::styled(mark, theme::severity(finding.severity)),
        Span::styled(kind, theme::VALUE),
        Span::raw(saves),
    ];
    if room < WITH_MESSAGE {
        spans.push(Span::raw(text::site(&finding.site, cwd, room)));
    } else {
        let place = text::site(&finding.site, cwd, PLACE - 2);
        let message = fit_end(&clean(&finding.message), room - PLACE);
        spans.push(Span::raw(format!("{place}{}", " ".repeat(PLACE - width(&place)))));
        spans.push(Span::styled(message, theme::QUIET));
    }
    Line::from(spans)
}

/// What there is to say about a finding.
pub(crate) fn details(data: &Data, row: usize, columns: usize) -> Vec<Line<'static>> {
    let Some(finding) = data.findings.get(row) else { return Vec::new() };
    lines(finding, &data.snapshot.cwd, columns)
}

/// The same, wherever it stands.
pub(crate) fn lines(finding: &Finding, cwd: &str, columns: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let title = rule(finding.kind).map_or("", |rule| rule.title);
    let mark = format!("{} {} ", theme::severity_mark(finding.severity), finding.severity);
    let room = columns.saturating_sub(width(&mark) + width(finding.kind) + 2);
    lines.push(Line::from(vec![
        Span::styled(mark, theme::severity(finding.severity)),
        Span::styled(finding.kind, theme::VALUE),
        Span::styled(format!("  {}", fit_end(title, room)), theme::QUIET),
    ]));
    let room = columns.saturating_sub(NAME);
    lines.push(entry("where", text::site(&finding.site, cwd, room), theme::TEXT));
    if let Some(source) = &finding.source {
        lines.push(entry("line", fit_end(&clean(source), room), theme::SOURCE));
    }
    paragraph(&mut lines, "what", &finding.message, columns);
    paragraph(&mut lines, "write", &finding.fix, columns);
    lines.push(entry("saves", fit_end(&saved(&finding.saves), room), theme::VALUE));
    paragraph(&mut lines, "why", &finding.why, columns);
    for related in &finding.related {
        let place = format!("{}: {}", related.role.as_str(), text::site(&related.frame, cwd, room));
        lines.push(entry("see", fit_end(&place, room), theme::TEXT));
    }
    paragraph(&mut lines, "evidence", &evidence(finding), columns);
    if let Some(rule) = rule(finding.kind) {
        lines.push(Line::default());
        for (name, code) in [("before", rule.before), ("after", rule.after)] {
            for (place, line) in code.lines().enumerate() {
                let name = if place == 0 { name } else { "" };
                lines.push(entry(name, fit_end(line, room), theme::SOURCE));
            }
        }
    }
    lines
}

fn entry(name: &'static str, value: String, style: ratatui::style::Style) -> Line<'static> {
    Line::from(vec![
        Span::styled(format!("{name:<NAME$}"), theme::LABEL),
        Span::styled(value, style),
    ])
}

fn paragraph(to: &mut Vec<Line<'static>>, name: &'static str, text: &str, columns: usize) {
    let broken = wrap(&clean(text), columns.saturating_sub(NAME).max(1));
    to.extend(
        broken
            .into_iter()
            .enumerate()
            .map(|(place, line)| entry(if place == 0 { name } else { "" }, line, theme::TEXT)),
    );
}

/// What would not have been.
fn saved(saves: &Saves) -> String {
    let mut parts = Vec::new();
    let bytes = |bytes: Option<Bytes>| bytes.filter(|bytes| bytes.0 > 0);
    if let Some(bytes) = bytes(saves.high_water) {
        parts.push(format!("{bytes} at the high-water mark"));
    }
    if let Some(bytes) = bytes(saves.allocated) {
        parts.push(format!("{bytes} of allocations"));
    }
    if let Some(bytes) = bytes(saves.copied) {
        parts.push(format!("{bytes} of copies"));
    }
    if let Some(time) = saves.time.filter(|time| time.0 > 0) {
        parts.push(time.to_string());
    }
    if saves.is_nothing() {
        "nothing at the high-water mark, which other lines make".to_owned()
    } else if parts.is_empty() {
        "not known yet".to_owned()
    } else {
        parts.join(", ")
    }
}

/// The facts, each with its unit as its name says.
fn evidence(finding: &Finding) -> String {
    let facts = finding.evidence.iter().map(|(name, value)| fact(name, value));
    facts.collect::<Vec<_>>().join(" · ")
}

fn fact(name: &str, value: &Value) -> String {
    let (words, value) = match (name.strip_suffix("_bytes"), name.strip_suffix("_ns"), value) {
        (Some(words), _, Value::Count(n)) => (words, Bytes(*n).to_string()),
        (_, Some(words), Value::Count(n)) => (words, Nanos(*n).to_string()),
        _ => (name, shown(value)),
    };
    format!("{} {value}", words.replace('_', " "))
}

fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => clean(text),
        Value::Count(n) => grouped(*n),
        Value::Signed(n) => n.to_string(),
        Value::Ratio(ratio) => format!("{ratio:.2}"),
        Value::List(values) => values.iter().map(shown).collect::<Vec<_>>().join(", "),
    }
}

impl Listing for Findings<'_> {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn first_sort(&self) -> usize {
        NUMBER
    }

    fn len(&self) -> usize {
        self.data.findings.len()
    }

    fn id(&self, row: usize) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let finding = &self.data.findings[row];
        let mut hasher = DefaultHasher::new();
        (finding.kind, &finding.site).hash(&mut hasher);
        hasher.finish()
    }

    fn key(&self, row: usize, column: usize) -> Key {
        let finding = &self.data.findings[row];
        match column {
            // The first one first.
            NUMBER => Key::number(-i128::try_from(row).unwrap_or(0)),
            SEVERITY => Key::number(finding.severity as u8),
            KIND => Key::Text(finding.kind.to_owned()),
            SAVES => Key::number(most(&finding.saves).unwrap_or_default().0),
            TIMES => Key::number(finding.n),
            _ => Key::Text(format!("{}:{:09}", finding.site.file, finding.site.line)),
        }
    }

    fn weight(&self, row: usize) -> u64 {
        // The first ones are the most expensive.
        (self.data.findings.len() - row) as u64
    }

    fn text(&self, row: usize) -> String {
        let finding = &self.data.findings[row];
        let place = text::site(&finding.site, &self.data.snapshot.cwd, usize::MAX);
        format!("{} {place} {}", finding.kind, finding.message)
    }

    fn cell(&self, row: usize, column: usize, width: usize) -> Cell {
        let finding = &self.data.findings[row];
        match column {
            NUMBER => (row + 1).to_string().into(),
            SEVERITY => Cell {
                text: theme::severity_mark(finding.severity).to_owned(),
                style: theme::severity(finding.severity),
            },
            KIND => finding.kind.into(),
            SAVES => most(&finding.saves).map_or_else(String::new, |it| it.to_string()).into(),
            TIMES => npprof_model::units::short_count(finding.n).into(),
            MESSAGE => fit_end(&clean(&finding.message), width).into(),
            _ => text::site(&finding.site, &self.data.snapshot.cwd, width).into(),
        }
    }

    fn absence(&self) -> &'static str {
        if self.data.has_ended() {
            return "Nothing was found.";
        }
        "Nothing found yet. Copies that nobody needed, loops against the layout, temporaries, \
         arrays kept alive by small views and the like will stand here, with what to write instead."
    }
}
