//! Processes as a tree, with their threads.

use npprof_model::units::short_count;
use npprof_model::{Exit, Process, Thread};

use crate::data::Data;
use crate::list::{Cell, Column, Key, Listing};
use crate::text::{self, clean, fit_end};
use crate::theme;

const COLUMNS: [Column; 12] = [
    Column::text("Process", 26, 44, 0),
    Column::text("State", 12, 20, 2),
    Column::figure("Live", 8, 1),
    Column::figure("High-water", 10, 1),
    Column::figure("RSS", 8, 3),
    Column::figure("Allocated", 9, 3),
    Column::figure("Blocks", 6, 6),
    Column::figure("Temporary", 9, 5),
    Column::figure("Copied", 8, 4),
    Column::figure("Operations", 10, 7),
    Column::figure("Started", 8, 8),
    Column::text("Python, NumPy", 16, usize::MAX, 9),
];

enum Row<'a> {
    Process { process: &'a Process, depth: usize },
    Thread { thread: &'a Thread, process: &'a Process, depth: usize },
}

/// The tree in the order in which it is shown.
pub(crate) struct Tree<'a> {
    rows: Vec<Row<'a>>,
}

impl<'a> Tree<'a> {
    pub(crate) fn new(data: &'a Data) -> Self {
        let processes = &data.snapshot.processes;
        let is_child = |process: &Process| {
            processes
                .iter()
                .any(|other| other.pid == process.parent_pid && other.pid != process.pid)
        };
        let mut tree = Self { rows: Vec::new() };
        let mut is_shown = vec![false; processes.len()];
        for (place, process) in processes.iter().enumerate() {
            if !is_child(process) {
                tree.add(data, place, 0, &mut is_shown);
            }
        }
        // Process ids that were given twice can make a circle.
        for place in 0..processes.len() {
            tree.add(data, place, 0, &mut is_shown);
        }
        tree
    }

    fn add(&mut self, data: &'a Data, place: usize, depth: usize, is_shown: &mut [bool]) {
        if std::mem::replace(&mut is_shown[place], true) {
            return;
        }
        let processes = &data.snapshot.processes;
        let process = &processes[place];
        self.rows.push(Row::Process { process, depth });
        if data.has_threads || (processes.len() == 1 && process.threads.len() > 1) {
            let threads = process.threads.iter();
            self.rows.extend(threads.map(|thread| Row::Thread {
                thread,
                process,
                depth: depth + 1,
            }));
        }
        for child in 0..processes.len() {
            if processes[child].parent_pid == process.pid && processes[child].pid != process.pid {
                self.add(data, child, depth + 1, is_shown);
            }
        }
    }
}

fn name(process: &Process) -> String {
    let mut words = process.argv.iter().map(String::as_str);
    let program = words.next().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    let command: Vec<_> = std::iter::once(program).chain(words).collect();
    format!("{} {}", process.pid, clean(&command.join(" ")))
}

fn state(process: &Process, columns: usize) -> Cell {
    match process.exit {
        Exit::Running if process.numpy.is_none() => {
            Cell { text: "no NumPy yet".to_owned(), style: theme::QUIET }
        }
        Exit::Running => "running".into(),
        Exit::Code(0) => Cell { text: "exit 0".to_owned(), style: theme::QUIET },
        Exit::Replaced => Cell { text: "replaced".to_owned(), style: theme::QUIET },
        exit => {
            let text = exit.to_string();
            // The signal says it all.
            let short = text.strip_prefix("killed by ").filter(|_| text::width(&text) > columns);
            Cell { text: short.unwrap_or(&text).to_owned(), style: theme::WARNING }
        }
    }
}

impl Listing for Tree<'_> {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn id(&self, row: usize) -> u64 {
        match &self.rows[row] {
            Row::Process { process, .. } => u64::from(process.pid) << 1,
            Row::Thread { thread, .. } => thread.native_id << 1 | 1,
        }
    }

    fn key(&self, _: usize, _: usize) -> Key {
        Key::number(0)
    }

    fn text(&self, row: usize) -> String {
        match &self.rows[row] {
            Row::Process { process, .. } => name(process),
            Row::Thread { thread, process, .. } => format!("{} {}", thread.name, name(process)),
        }
    }

    fn cell(&self, row: usize, column: usize, width: usize) -> Cell {
        let (process, depth) = match &self.rows[row] {
            Row::Process { process, depth } => (process, *depth),
            Row::Thread { thread, process, depth } => {
                return thread_cell(thread, process, *depth, column, width);
            }
        };
        let totals = &process.totals;
        match column {
            0 => {
                let indent = indent(depth);
                fit_end(&format!("{indent}{}", name(process)), width).into()
            }
            1 => state(process, width),
            2 => totals.live.to_string().into(),
            3 => totals.high_water.to_string().into(),
            4 if process.ended.is_some() => {
                Cell { text: totals.rss_high_water.to_string(), style: theme::QUIET }
            }
            4 => totals.rss.to_string().into(),
            5 => totals.allocated.to_string().into(),
            6 => short_count(totals.n_allocations).into(),
            7 => format!("{:.0} %", totals.temporary.share_of(totals.allocated) * 100.0).into(),
            8 => totals.copied.to_string().into(),
            9 => short_count(totals.n_operations).into(),
            10 => process.started.to_string().into(),
            _ => {
                let version = |it: &Option<std::sync::Arc<str>>| {
                    it.as_ref().map_or_else(|| "–".to_owned(), |it| clean(it))
                };
                let text = format!("{}, {}", version(&process.python), version(&process.numpy));
                fit_end(&text, width).into()
            }
        }
    }

    fn absence(&self) -> &'static str {
        "No Python has started yet."
    }

    fn is_fixed(&self) -> bool {
        true
    }
}

fn indent(depth: usize) -> String {
    match depth {
        0 => String::new(),
        depth => "  ".repeat((depth - 1).min(8)) + "└ ",
    }
}

fn thread_cell(
    thread: &Thread,
    process: &Process,
    depth: usize,
    column: usize,
    width: usize,
) -> Cell {
    let text = match column {
        0 => {
            let name = if thread.name.is_empty() { "thread" } else { &*thread.name };
            let name = indent(depth) + &clean(name);
            let with_id = format!("{name} {}", thread.native_id);
            // A part of a number says nothing.
            if text::width(&with_id) <= width { with_id } else { fit_end(&name, width) }
        }
        1 => {
            let share = thread.allocated.share_of(process.totals.allocated) * 100.0;
            format!("{share:.0} % alloc.")
        }
        5 => thread.allocated.to_string(),
        6 => short_count(thread.n_allocations),
        _ => String::new(),
    };
    Cell { text, style: if column == 0 { theme::QUIET } else { theme::TEXT } }
}
