//! Layout: how far apart the elements lie that each operation touches one after the other.

use std::hash::{DefaultHasher, Hash, Hasher};

use npprof_model::units::{grouped, short_count};
use npprof_model::walk::{self, CACHE_LINE};
use npprof_model::{Bytes, Nanos, OperandCount, OperationStats, Site, SiteId};
use ratatui::text::{Line, Span};

use crate::data::Data;
use crate::list::{Cell, Column, Key, Listing};
use crate::text::{self, clean, fit_middle, layout_with_strides};
use crate::theme;
use crate::widgets::stride_map;

const COLUMNS: [Column; 10] = [
    Column::figure("Unused", 8, 2),
    Column::figure("Used", 5, 1),
    Column::figure("Stride", 9, 0),
    Column::figure("Bytes/s", 10, 4),
    Column::figure("Time", 11, 3),
    Column::figure("Calls", 6, 6),
    Column::text("Operation", 10, 24, 1).sortable(),
    Column::text("Walked operand", 20, 44, 5),
    Column::text("Call site", 20, usize::MAX, 0).sortable(),
    Column::figure("Process", 7, 3),
];

const UNUSED: usize = 0;
const USED: usize = 1;
const STRIDE: usize = 2;
const RATE: usize = 3;
const TIME: usize = 4;
const CALLS: usize = 5;
const OPERATION: usize = 6;
const OPERAND: usize = 7;
const PROCESS: usize = 9;

/// An operation at a site with the operand that it walks in the largest steps.
struct Row<'a> {
    operation: &'a OperationStats,
    site: &'a Site,
    operand: &'a OperandCount,
    stride: i64,
    /// Bytes of cache lines that the operand's walks touch, and of its elements.
    touched: Bytes,
    useful: Bytes,
}

/// Operations that were timed, with how they walk.
pub(crate) struct Walks<'a> {
    data: &'a Data,
    rows: Vec<Row<'a>>,
}

impl<'a> Walks<'a> {
    pub(crate) fn new(data: &'a Data) -> Self {
        let sites = data.sites_by_id();
        let row = |operation: &'a OperationStats| {
            let &site = sites.get(&operation.site).filter(|site| data.wants(site))?;
            let walked = operation.operands.iter().filter_map(|count| {
                let (stride, touched, useful) = traffic(count)?;
                Some(Row { operation, site, operand: count, stride, touched, useful })
            });
            walked.max_by_key(|row| (row.touched.saturating_sub(row.useful), row.stride.abs()))
        };
        Self { data, rows: data.snapshot.operations.iter().filter_map(row).collect() }
    }

    pub(crate) fn site(&self, row: usize) -> Option<SiteId> {
        Some(self.rows.get(row)?.site.id)
    }
}

/// Inner stride of an operand, bytes of the cache lines that all its walks touch, bytes of its
/// elements in them.
fn traffic(count: &OperandCount) -> Option<(i64, Bytes, Bytes)> {
    let layout = &count.operand.layout;
    let stride = count.operand.inner_stride?;
    let operand =
        walk::Operand { shape: &layout.shape, strides: &layout.strides, itemsize: layout.itemsize };
    let all = |bytes: u64| Bytes(bytes.saturating_mul(count.n));
    Some((stride, all(walk::touched_bytes(operand, stride)), all(walk::useful_bytes(operand))))
}

/// Bytes read and written in a second; `None` where nothing was timed.
fn rate(operation: &OperationStats) -> Option<Bytes> {
    if operation.time.0 == 0 {
        return None;
    }
    let rate = u128::from(operation.timed.0) * 1_000_000_000 / u128::from(operation.time.0);
    Some(Bytes(u64::try_from(rate).unwrap_or(u64::MAX)))
}

/// The share of each cache line that is used, in per cent.
fn used(row: &Row<'_>) -> f64 {
    if row.touched.0 == 0 { 100.0 } else { row.useful.share_of(row.touched) * 100.0 }
}

pub(crate) fn details(data: &Data, row: usize, columns: usize, rows: usize) -> Vec<Line<'static>> {
    let walks = Walks::new(data);
    let Some(row) = walks.rows.get(row) else { return Vec::new() };
    let operand = &row.operand.operand;
    let layout = &operand.layout;
    let name = clean(&row.operation.name);
    let head = format!("{name} walks {}", layout_with_strides(layout));
    let mut lines = vec![Line::styled(fit_middle(&head, columns), theme::VALUE)];
    let each = match row.stride {
        0 => "stays on one element (broadcast)".to_owned(),
        stride => {
            let bytes = counted(stride.unsigned_abs(), "byte");
            format!("goes {bytes} from one element to the next")
        }
    };
    let said = format!(
        "the innermost loop {each}: {:.0} % of {} used, called {}×",
        used(row),
        counted(row.touched.0.div_ceil(CACHE_LINE), "cache line"),
        grouped(row.operand.n),
    );
    lines.extend(text::wrap(&said, columns).into_iter().map(Line::raw));
    let room = rows.saturating_sub(lines.len());
    lines.extend(stride_map::lines(layout, row.stride, columns, room));
    let left = rows.saturating_sub(lines.len());
    if left > 2 {
        lines.push(Line::styled("all operands", theme::LABEL));
        let others = row.operation.operands.iter().take(left - 1);
        lines.extend(others.map(|count| operand_line(count, columns)));
    }
    lines
}

fn counted(n: u64, thing: &str) -> String {
    format!("{} {thing}{}", grouped(n), if n == 1 { "" } else { "s" })
}

fn operand_line(count: &OperandCount, columns: usize) -> Line<'static> {
    let operand = &count.operand;
    let role = match operand.role {
        npprof_model::OperandRole::Input => "reads",
        npprof_model::OperandRole::Output => "writes",
        npprof_model::OperandRole::Result => "makes",
        npprof_model::OperandRole::Index => "index",
    };
    let stride = operand.inner_stride.map_or_else(String::new, |stride| format!("{stride} B"));
    let figures = format!("{role:<7}{:>6}× {stride:>10}  ", short_count(count.n));
    let room = columns.saturating_sub(text::width(&figures));
    Line::from(vec![
        Span::styled(figures, theme::QUIET),
        Span::raw(fit_middle(&layout_with_strides(&operand.layout), room)),
    ])
}

impl Listing for Walks<'_> {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS[..self.data.n_columns(&COLUMNS)]
    }

    fn first_sort(&self) -> usize {
        UNUSED
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn id(&self, row: usize) -> u64 {
        let row = &self.rows[row];
        let mut hasher = DefaultHasher::new();
        (row.site.id, &row.operation.name).hash(&mut hasher);
        hasher.finish()
    }

    fn key(&self, row: usize, column: usize) -> Key {
        let it = &self.rows[row];
        match column {
            UNUSED => Key::number(it.touched.saturating_sub(it.useful).0),
            // Where least is used first.
            USED => {
                let useful = i128::from(it.useful.0) * 1_000_000;
                Key::number(-(useful / i128::from(it.touched.0.max(1))))
            }
            STRIDE => Key::number(it.stride.unsigned_abs()),
            RATE => Key::number(rate(it.operation).unwrap_or_default().0),
            TIME => Key::number(it.operation.time.0),
            CALLS => Key::number(it.operation.n),
            OPERATION => Key::Text(it.operation.name.to_string()),
            PROCESS => Key::number(it.site.process.0),
            _ => Key::Text(format!("{}:{:09}", it.site.frame.file, it.site.frame.line)),
        }
    }

    fn weight(&self, row: usize) -> u64 {
        self.rows[row].operation.time.0
    }

    fn text(&self, row: usize) -> String {
        let it = &self.rows[row];
        let place = text::site(&it.site.frame, &self.data.snapshot.cwd, usize::MAX);
        format!("{} {place} {}", it.operation.name, it.operand.operand.layout)
    }

    fn cell(&self, row: usize, column: usize, width: usize) -> Cell {
        let it = &self.rows[row];
        match column {
            UNUSED => it.touched.saturating_sub(it.useful).to_string().into(),
            USED => {
                let used = used(it);
                let style = if used < 25.0 { theme::WARNING } else { theme::TEXT };
                Cell { text: format!("{used:.0} %"), style }
            }
            STRIDE => text::stride(it.stride).into(),
            RATE => rate(it.operation).map_or_else(String::new, |rate| format!("{rate}/s")).into(),
            TIME if it.operation.time == Nanos(0) => Cell::default(),
            TIME => it.operation.time.to_string().into(),
            CALLS => short_count(it.operation.n).into(),
            OPERATION => text::operation(&it.operation.name, width).into(),
            OPERAND => text::layout(&it.operand.operand.layout, width).into(),
            PROCESS => self.data.pid_of(it.site).into(),
            _ => text::site(&it.site.frame, &self.data.snapshot.cwd, width).into(),
        }
    }

    fn absence(&self) -> &'static str {
        if self.data.has_ended() {
            return "No operation on 64 KiB or more has run.";
        }
        "No operation on 64 KiB or more has run yet. Each will stand here with the step from one \
         element to the next in its innermost loop, and how much of each cache line that uses."
    }
}
