//! Copies: which bytes went from one array to another, why, and whether the program asked for it.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use npprof_model::units::{grouped, short_count};
use npprof_model::{
    ArrayLayout, Bytes, CopyReason, OperandRole, OperationStats, Order, Site, SiteId,
};
use ratatui::text::{Line, Span};

use crate::data::Data;
use crate::list::{Cell, Column, Key, Listing};
use crate::text::{self, clean, fit_middle, wrap};
use crate::theme;

const COLUMNS: [Column; 8] = [
    Column::text("Reason", 11, 15, 1).sortable(),
    Column::text("Asked for", 9, 9, 4).sortable(),
    Column::figure("Copied", 8, 0),
    Column::figure("Copies", 7, 3),
    Column::text("From → to", 22, 52, 2),
    Column::text("Operation", 12, 26, 5).sortable(),
    Column::text("Call site", 20, usize::MAX, 0).sortable(),
    Column::figure("Process", 7, 3),
];

const REASON: usize = 0;
const ASKED: usize = 1;
const COPIED: usize = 2;
const COUNT: usize = 3;
const FROM_TO: usize = 4;
const OPERATION: usize = 5;
const PROCESS: usize = 7;

/// Copies of one operation, at one site, for one reason.
struct Row<'a> {
    operation: &'a OperationStats,
    site: &'a Site,
    reason: CopyReason,
    bytes: Bytes,
}

/// Copies at sites that the user wants to see.
pub(crate) struct Copies<'a> {
    data: &'a Data,
    rows: Vec<Row<'a>>,
}

impl<'a> Copies<'a> {
    pub(crate) fn new(data: &'a Data) -> Self {
        let sites = data.sites_by_id();
        let mut rows = Vec::new();
        for operation in data.snapshot.operations.iter().filter(|it| it.copied.0 > 0) {
            let Some(&site) = sites.get(&operation.site).filter(|site| data.wants(site)) else {
                continue;
            };
            rows.extend(operation.copy_reasons.iter().map(|&(reason, bytes)| Row {
                operation,
                site,
                reason,
                bytes,
            }));
        }
        if let Some(mark) = data.mark.as_ref().filter(|_| data.is_since_mark) {
            let before: HashMap<_, Bytes> = mark
                .operations
                .iter()
                .flat_map(|it| {
                    it.copy_reasons.iter().map(|&(why, bytes)| ((it.site, &*it.name, why), bytes))
                })
                .collect();
            for row in &mut rows {
                let key = (row.operation.site, &*row.operation.name, row.reason);
                let before = before.get(&key).copied().unwrap_or_default();
                row.bytes = row.bytes.saturating_sub(before);
            }
            rows.retain(|row| row.bytes.0 > 0);
        }
        Self { data, rows }
    }

    pub(crate) fn site(&self, row: usize) -> Option<SiteId> {
        Some(self.rows.get(row)?.site.id)
    }
}

/// Whether the program asked for such a copy, or for something that need not copy.
fn is_asked_for(reason: CopyReason, operation: &str) -> bool {
    let named = |names: &[&str]| names.iter().any(|name| operation.contains(name));
    match reason {
        CopyReason::Explicit
        | CopyReason::Concatenate
        | CopyReason::Broadcast
        | CopyReason::Assign
        | CopyReason::Pickle
        | CopyReason::Sequence => true,
        CopyReason::Cast => named(&["astype"]),
        CopyReason::Order => named(&["ascontiguous", "asfortran", "flatten", "require"]),
        CopyReason::FancyIndex | CopyReason::Blas | CopyReason::Boundary | CopyReason::Buffered => {
            false
        }
    }
}

/// What a reason means, in a sentence.
fn meaning(reason: CopyReason) -> &'static str {
    match reason {
        CopyReason::Explicit => "The program asked for a copy.",
        CopyReason::Cast => "Another dtype was needed, so all elements were converted.",
        CopyReason::Order => "The elements had to lie in another order: strides cannot say it.",
        CopyReason::FancyIndex => "Indexing with an array, a list or a mask gathers into a copy.",
        CopyReason::Concatenate => "Arrays were put together into a new one.",
        CopyReason::Broadcast => "Elements were repeated.",
        CopyReason::Assign => "An array was written into a part of another.",
        CopyReason::Blas => "The linear-algebra routine takes only dense operands.",
        CopyReason::Boundary => "Compiled code asked for another layout or dtype.",
        CopyReason::Buffered => "The ufunc had to take the operand through its cast buffer.",
        CopyReason::Pickle => "The array went into bytes, or came from them.",
        CopyReason::Sequence => "Elements became Python objects, or came from them one by one.",
    }
}

/// What was copied most often, and to what.
fn ends(operation: &OperationStats) -> (Option<&ArrayLayout>, Option<&ArrayLayout>) {
    let first = |wanted: &[OperandRole]| {
        let found = operation.operands.iter().find(|it| wanted.contains(&it.operand.role));
        found.map(|count| &count.operand.layout)
    };
    (first(&[OperandRole::Input]), first(&[OperandRole::Result, OperandRole::Output]))
}

/// From one layout to another, saying once what both have.
fn from_to(operation: &OperationStats) -> String {
    let name = |order: Order| match order {
        Order::C => "C",
        Order::F => "F",
        Order::Strided => "strided",
        Order::Scratch => "scratch",
    };
    match ends(operation) {
        (Some(from), Some(to)) if from == to => from.to_string(),
        (Some(from), Some(to)) if from.shape == to.shape && from.dtype == to.dtype => {
            let base = ArrayLayout { order: Order::C, ..from.clone() };
            format!("{base} {} → {}", name(from.order), name(to.order))
        }
        (Some(from), Some(to)) if from.shape == to.shape => {
            let shape = npprof_model::layout::Shape(&from.shape);
            let order = if from.order == to.order {
                String::new()
            } else {
                format!(" {} → {}", name(from.order), name(to.order))
            };
            format!("{} → {} {shape}{order}", from.dtype, to.dtype)
        }
        (Some(from), Some(to)) => format!("{from} → {to}"),
        (Some(from), None) => format!("{from} →"),
        (None, Some(to)) => format!("→ {to}"),
        (None, None) => "small arrays".to_owned(),
    }
}

/// The same in at most so many columns.
fn shortened(operation: &OperationStats, columns: usize) -> String {
    let whole = clean(&from_to(operation));
    match ends(operation) {
        (Some(from), Some(to)) if text::width(&whole) > columns && columns > 3 => {
            let to = text::layout(to, (columns - 3) / 2);
            let from = text::layout(from, columns - 3 - text::width(&to));
            format!("{from} → {to}")
        }
        _ => fit_middle(&whole, columns),
    }
}

/// How many copies there were; not known for each reason where there are several.
fn count(row: &Row<'_>) -> String {
    let n = short_count(row.operation.n_copies);
    if row.operation.copy_reasons.len() > 1 { format!("≤{n}") } else { n }
}

pub(crate) fn details(data: &Data, row: usize, columns: usize) -> Vec<Line<'static>> {
    let copies = Copies::new(data);
    let Some(row) = copies.rows.get(row) else { return Vec::new() };
    let (from, to) = ends(row.operation);
    let layout = |layout: Option<&ArrayLayout>| {
        layout.map_or_else(|| "not known: small".to_owned(), text::layout_with_strides)
    };
    let place = text::site(&row.site.frame, &data.snapshot.cwd, columns);
    let mut lines = vec![Line::from(vec![
        Span::styled(place, theme::VALUE),
        Span::raw("  "),
        Span::raw(clean(&row.operation.name)),
        Span::styled(format!("  called {}×", grouped(row.operation.n)), theme::QUIET),
    ])];
    let entry = |name: &'static str, value: String| {
        let value = fit_middle(&value, columns.saturating_sub(7));
        Line::from(vec![Span::styled(format!("{name:<7}"), theme::LABEL), Span::raw(value)])
    };
    lines.push(entry("from", layout(from)));
    lines.push(entry("to", layout(to)));
    for (place, line) in
        wrap(meaning(row.reason), columns.saturating_sub(7)).into_iter().enumerate()
    {
        lines.push(entry(if place == 0 { "why" } else { "" }, line));
    }
    let is_about_copies = |kind: &str| {
        ["copy", "append", "conversion", "upcast"].iter().any(|word| kind.contains(word))
    };
    let finding =
        data.findings.iter().find(|it| it.sites.contains(&row.site.id) && is_about_copies(it.kind));
    if let Some(finding) = finding {
        for (place, line) in wrap(&finding.fix, columns.saturating_sub(7)).into_iter().enumerate() {
            lines.push(entry(if place == 0 { "fix" } else { "" }, line));
        }
    }
    lines
}

impl Listing for Copies<'_> {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS[..self.data.n_columns(&COLUMNS)]
    }

    fn first_sort(&self) -> usize {
        COPIED
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn id(&self, row: usize) -> u64 {
        let row = &self.rows[row];
        let mut hasher = DefaultHasher::new();
        (row.site.id, &row.operation.name, row.reason).hash(&mut hasher);
        hasher.finish()
    }

    fn key(&self, row: usize, column: usize) -> Key {
        let it = &self.rows[row];
        match column {
            REASON => Key::Text(it.reason.as_str().to_owned()),
            ASKED => Key::number(i128::from(!is_asked_for(it.reason, &it.operation.name))),
            COPIED => Key::number(it.bytes.0),
            COUNT => Key::number(it.operation.n_copies),
            OPERATION => Key::Text(it.operation.name.to_string()),
            PROCESS => Key::number(it.site.process.0),
            _ => Key::Text(format!("{}:{:09}", it.site.frame.file, it.site.frame.line)),
        }
    }

    fn weight(&self, row: usize) -> u64 {
        self.rows[row].bytes.0
    }

    fn text(&self, row: usize) -> String {
        let it = &self.rows[row];
        let place = text::site(&it.site.frame, &self.data.snapshot.cwd, usize::MAX);
        let asked = self.cell(row, ASKED, usize::MAX).text;
        format!(
            "{} {asked} {} {place} {}",
            it.reason.as_str(),
            it.operation.name,
            from_to(it.operation)
        )
    }

    fn cell(&self, row: usize, column: usize, width: usize) -> Cell {
        let it = &self.rows[row];
        match column {
            REASON => it.reason.as_str().into(),
            ASKED if is_asked_for(it.reason, &it.operation.name) => {
                Cell { text: "asked for".to_owned(), style: theme::QUIET }
            }
            ASKED => Cell { text: "hidden".to_owned(), style: theme::WARNING },
            COPIED => it.bytes.to_string().into(),
            COUNT => count(it).into(),
            FROM_TO => shortened(it.operation, width).into(),
            OPERATION => text::operation(&it.operation.name, width).into(),
            PROCESS => self.data.pid_of(it.site).into(),
            _ => text::site(&it.site.frame, &self.data.snapshot.cwd, width).into(),
        }
    }

    fn absence(&self) -> &'static str {
        if self.data.has_ended() {
            return "Nothing was copied from one array to another.";
        }
        "Nothing has been copied from one array to another yet: astype, reshape, fancy indexing, \
         concatenate and the like will stand here, with where the copy came from and why."
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_need_not_copy_is_hidden() {
        assert!(is_asked_for(CopyReason::Explicit, "ndarray.copy"));
        assert!(is_asked_for(CopyReason::Cast, "ndarray.astype(float64→float32)"));
        assert!(!is_asked_for(CopyReason::Cast, "add"));
        assert!(!is_asked_for(CopyReason::Order, "ndarray.reshape"));
        assert!(is_asked_for(CopyReason::Order, "ascontiguousarray"));
        assert!(!is_asked_for(CopyReason::Blas, "matmul"));
    }
}
