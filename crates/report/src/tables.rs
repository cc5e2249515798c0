//! Tables over a report: call sites, or sums over what they have in common.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use npprof_model::columns::width;
use npprof_model::units::grouped;
use npprof_model::{Bytes, Nanos};

use crate::Report;
use crate::json::Site;
use crate::paint::{Style, one_line, right};
use crate::text::exit_text;

macro_rules! choices {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// All of them, in the order in which to offer them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As it is typed.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|choice| choice.as_str() == word)
                    .ok_or_else(|| UnknownWord { word: word.to_owned(), allowed: &[$($word,)*] })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.pad(self.as_str())
            }
        }
    };
}

choices! {
    /// What a table is sorted by, largest first.
    SortKey {
        /// Bytes alive at the high-water mark.
        HighWater = "high-water",
        /// Bytes alive at the end.
        Live = "live",
        /// Bytes allocated.
        Allocated = "allocated",
        /// Bytes in temporaries.
        Temporary = "temporary",
        /// The site's own largest live total.
        Peak = "peak",
        /// Bytes copied.
        Copied = "copied",
        /// Time in NumPy.
        Time = "time",
        /// Number of allocations, or of operations.
        Count = "count",
    }
}

choices! {
    /// What the rows of a table are.
    GroupBy {
        /// Lines of source.
        Line = "line",
        /// Functions.
        Function = "function",
        /// Files.
        File = "file",
        /// Dtypes.
        Dtype = "dtype",
        /// Threads.
        Thread = "thread",
        /// Processes.
        Process = "process",
        /// NumPy operations.
        Operation = "operation",
    }
}

/// A word that is none of the choices.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is none of {}", allowed.join(", "))]
pub struct UnknownWord {
    /// What was given.
    pub word: String,
    /// What is allowed.
    pub allowed: &'static [&'static str],
}

/// What a table is to show.
#[derive(Clone, Copy, Debug)]
pub struct TableOptions {
    /// Its rows.
    pub by: GroupBy,
    /// Their order.
    pub sort: SortKey,
    /// Rows at most.
    pub n: usize,
    /// How it is to look.
    pub style: Style,
}

/// A row: a label and the sums for it. `None` is shown as a dash: not known for this grouping.
#[derive(Clone, Debug, Default)]
struct Row {
    label: String,
    at_high_water: Option<u64>,
    live: Option<u64>,
    peak: Option<u64>,
    allocated: u64,
    temporary: Option<u64>,
    copied: Option<u64>,
    time: Option<u64>,
    n: u64,
}

/// The table, ending with a newline.
#[must_use]
pub fn table(report: &Report, options: &TableOptions) -> String {
    let mut rows = match options.by {
        GroupBy::Line | GroupBy::Function | GroupBy::File => by_place(report, options.by),
        GroupBy::Dtype => by_dtype(report),
        GroupBy::Thread => by_thread(report),
        GroupBy::Process => by_process(report),
        GroupBy::Operation => by_operation(report),
    };
    // Lines that only read or copy have no place in a table of memory.
    let is_about_memory = ![SortKey::Copied, SortKey::Time].contains(&options.sort)
        && options.by != GroupBy::Operation;
    rows.retain(|row| !is_about_memory || row.n > 0 || row.at_high_water.unwrap_or(0) > 0);
    rows.sort_by(|a, b| {
        let key = |row: &Row| match options.sort {
            // What costs most comes first: copying a byte takes a tenth of a nanosecond, roughly.
            SortKey::HighWater if options.by == GroupBy::Operation => {
                row.time.unwrap_or(0).max(row.copied.unwrap_or(0) / 10)
            }
            SortKey::HighWater => row.at_high_water.unwrap_or(row.allocated),
            SortKey::Live => row.live.unwrap_or(row.allocated),
            SortKey::Allocated => row.allocated,
            SortKey::Temporary => row.temporary.unwrap_or(row.allocated),
            SortKey::Peak => row.peak.unwrap_or(row.allocated),
            SortKey::Copied => row.copied.unwrap_or(row.allocated),
            SortKey::Time => row.time.unwrap_or(row.allocated),
            SortKey::Count => row.n,
        };
        key(b).cmp(&key(a)).then_with(|| a.label.cmp(&b.label))
    });
    let n_rows = rows.len();
    rows.truncate(options.n);
    let mut text = layout(&rows, options);
    if n_rows > rows.len() {
        let more = format!("{} more: -n {n_rows} shows all\n", n_rows - rows.len());
        text.push_str(&more);
    }
    options.style.plain(&text)
}

/// A column: its title, what sorts by it, and its cells.
type Column = (&'static str, SortKey, Vec<String>);

fn columns(rows: &[Row], by: GroupBy) -> Vec<Column> {
    let bytes = |value: Option<u64>| value.map_or("-".to_owned(), |value| Bytes(value).to_string());
    let time = |value: Option<u64>| value.map_or("-".to_owned(), |value| Nanos(value).to_string());
    let cells = |cell: &dyn Fn(&Row) -> String| rows.iter().map(cell).collect::<Vec<_>>();
    // Least important last: what doesn't fit into the width is left out from there.
    if by == GroupBy::Operation {
        return vec![
            ("copied", SortKey::Copied, cells(&|r| bytes(r.copied))),
            ("time", SortKey::Time, cells(&|r| time(r.time))),
            ("calls", SortKey::Count, cells(&|r| grouped(r.n))),
            ("hidden", SortKey::Temporary, cells(&|r| bytes(r.temporary))),
        ];
    }
    vec![
        ("at high-water", SortKey::HighWater, cells(&|r| bytes(r.at_high_water))),
        ("live", SortKey::Live, cells(&|r| bytes(r.live))),
        ("allocated", SortKey::Allocated, cells(&|r| bytes(Some(r.allocated)))),
        ("blocks", SortKey::Count, cells(&|r| grouped(r.n))),
        ("temporary", SortKey::Temporary, cells(&|r| bytes(r.temporary))),
        ("own peak", SortKey::Peak, cells(&|r| bytes(r.peak))),
        ("copied", SortKey::Copied, cells(&|r| bytes(r.copied))),
        ("in NumPy", SortKey::Time, cells(&|r| time(r.time))),
    ]
}

fn layout(rows: &[Row], options: &TableOptions) -> String {
    let style = options.style;
    let columns = columns(rows, options.by);
    let widths: Vec<usize> = columns
        .iter()
        .map(|(title, _, cells)| {
            cells.iter().map(|cell| width(cell)).max().unwrap_or(0).max(width(title))
        })
        .collect();
    let label_width = rows.iter().map(|row| width(&row.label)).max().unwrap_or(0).clamp(8, 60);
    let mut room = style.width.saturating_sub(label_width.min(style.width / 2));
    // The column that the table is sorted by comes first, then from the left.
    let sorted_by = columns.iter().position(|(_, key, _)| *key == options.sort);
    let mut shown = vec![false; columns.len()];
    for at in sorted_by.into_iter().chain(0..columns.len()) {
        let width = widths.get(at).copied().unwrap_or(0) + 2;
        if let Some(is_shown) = shown.get_mut(at)
            && !*is_shown
            && (width <= room || Some(at) == sorted_by)
        {
            *is_shown = true;
            room = room.saturating_sub(width);
        }
    }
    let used: usize = widths
        .iter()
        .zip(&shown)
        .filter(|&(_, &is_shown)| is_shown)
        .map(|(width, _)| width + 2)
        .sum();
    let label_room = style.width.saturating_sub(used).max(8);
    let mut text = String::new();
    let mut head = String::new();
    for (((title, key, _), &width), &is_shown) in columns.iter().zip(&widths).zip(&shown) {
        if is_shown {
            let title = right(title, width);
            head.push_str(&if *key == options.sort { style.bold(&title) } else { title });
            head.push_str("  ");
        }
    }
    head.push_str(options.by.as_str());
    text.push_str(head.trim_end());
    text.push('\n');
    for (index, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for (((_, _, cells), &width), &is_shown) in columns.iter().zip(&widths).zip(&shown) {
            if is_shown {
                line.push_str(&right(cells.get(index).map_or("", String::as_str), width));
                line.push_str("  ");
            }
        }
        // Of a path the end says most, of a line of source the beginning.
        let label = match options.by {
            GroupBy::File | GroupBy::Function => style.cut_left(&row.label, label_room),
            _ => style.cut(&row.label, label_room),
        };
        line.push_str(&label);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Where a site is, for people: file relative to the run's folder, line and function.
pub(crate) fn place(report: &Report, site: &Site) -> String {
    frame_place(report, &site.file, site.line, &site.function)
}

/// The same of a frame.
pub(crate) fn frame_place(report: &Report, file: &str, line: u32, function: &str) -> String {
    let file = short_file(report, file);
    let function = if function.is_empty() || function == "<module>" {
        String::new()
    } else {
        format!(" {}", one_line(function))
    };
    if line == 0 { format!("{file}{function}") } else { format!("{file}:{line}{function}") }
}

fn short_file(report: &Report, file: &str) -> String {
    let below = file.strip_prefix(report.cwd.as_str()).and_then(|rest| rest.strip_prefix('/'));
    one_line(below.unwrap_or(file))
}

fn by_place(report: &Report, by: GroupBy) -> Vec<Row> {
    let mut rows: HashMap<String, Row> = HashMap::new();
    for site in &report.sites {
        let label = match by {
            GroupBy::File => short_file(report, &site.file),
            GroupBy::Function => {
                format!("{} {}", short_file(report, &site.file), one_line(&site.function))
            }
            _ => {
                let source = site.source.as_deref().map(one_line).unwrap_or_default();
                format!("{}  {source}", place(report, site)).trim_end().to_owned()
            }
        };
        let row = rows.entry(label.clone()).or_insert_with(|| Row { label, ..Row::default() });
        let add =
            |sum: &mut Option<u64>, value: u64| *sum = Some(sum.unwrap_or(0).saturating_add(value));
        add(&mut row.at_high_water, site.at_high_water_bytes);
        add(&mut row.live, site.live_bytes);
        add(&mut row.temporary, site.temporary_bytes);
        for (sum, value) in
            [(&mut row.copied, site.copied_bytes), (&mut row.time, site.operation_ns)]
        {
            if let Some(value) = value {
                add(sum, value);
            }
        }
        // Peaks of different sites were at different times: no sum of them means anything.
        row.peak = Some(row.peak.unwrap_or(0).max(site.own_peak_bytes));
        row.allocated = row.allocated.saturating_add(site.allocated_bytes);
        row.n = row.n.saturating_add(site.n_allocations);
    }
    rows.into_values().collect()
}

/// From the layouts that the sites list, which are the most frequent ones.
fn by_dtype(report: &Report) -> Vec<Row> {
    let mut rows: HashMap<&str, Row> = HashMap::new();
    let layouts = report.sites.iter().flat_map(|site| &site.layouts);
    for layout in layouts {
        let dtype = if layout.order == "scratch" { "scratch space" } else { layout.dtype.as_str() };
        let row =
            rows.entry(dtype).or_insert_with(|| Row { label: one_line(dtype), ..Row::default() });
        let at_high_water = row.at_high_water.unwrap_or(0);
        row.at_high_water = Some(at_high_water.saturating_add(layout.at_high_water_bytes));
        row.allocated = row.allocated.saturating_add(layout.bytes);
        row.n = row.n.saturating_add(layout.n);
    }
    rows.into_values().collect()
}

/// One row for each operation, over all call sites.
fn by_operation(report: &Report) -> Vec<Row> {
    let mut rows: HashMap<&str, Row> = HashMap::new();
    for operation in &report.operations {
        let label = || Row { label: one_line(&operation.name), ..Row::default() };
        let row = rows.entry(&operation.name).or_insert_with(label);
        let add =
            |sum: &mut Option<u64>, value: u64| *sum = Some(sum.unwrap_or(0).saturating_add(value));
        add(&mut row.copied, operation.copied_bytes);
        add(&mut row.time, operation.ns);
        add(&mut row.temporary, operation.hidden_temporary_bytes);
        row.n = row.n.saturating_add(operation.n);
    }
    rows.into_values().collect()
}

fn by_thread(report: &Report) -> Vec<Row> {
    let several = report.processes.len() > 1;
    let mut rows = Vec::new();
    for process in &report.processes {
        for thread in &process.threads {
            let name = if thread.name.is_empty() {
                format!("thread {}", thread.id)
            } else {
                one_line(&thread.name)
            };
            let label = if several { format!("{} {name}", process.pid) } else { name };
            let (allocated, n) = (thread.allocated_bytes, thread.n_allocations);
            rows.push(Row { label, allocated, n, ..Row::default() });
        }
    }
    rows
}

fn by_process(report: &Report) -> Vec<Row> {
    report
        .processes
        .iter()
        .map(|process| {
            let totals = &process.totals;
            let command = process.argv.iter().map(one_line).collect::<Vec<_>>().join(" ");
            let command: String = command.chars().take(200).collect();
            Row {
                label: format!("{} {}: {command}", process.pid, exit_text(&process.exit)),
                at_high_water: Some(totals.high_water_bytes),
                live: Some(totals.live_bytes),
                peak: Some(totals.high_water_bytes),
                allocated: totals.allocated_bytes,
                temporary: Some(totals.temporary_bytes),
                copied: totals.copied_bytes,
                time: totals.operation_ns,
                n: totals.n_allocations,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::example;

    fn shown(by: GroupBy, sort: SortKey) -> String {
        let style = Style { width: 80, ..Style::default() };
        table(&example::report(), &TableOptions { by, sort, n: 3, style })
    }

    #[test]
    fn operations_are_listed_by_what_they_cost() {
        assert_snapshot!(shown(GroupBy::Operation, SortKey::HighWater), @r"
         copied    time  calls  hidden  operation
        763 MiB  400 ms      2     0 B  ndarray.copy
        ");
    }

    #[test]
    fn lines_are_listed_by_what_they_copy() {
        assert_snapshot!(shown(GroupBy::Line, SortKey::Copied), @r"
        at high-water      live    copied  line
              763 MiB  7.63 MiB   382 MiB  fit.py:41 Model.fit  gram = x.T.copy() @ x
              305 MiB  3.05 MiB   152 MiB  fit.py:12 load  return np.fromfile(path, dty…
             96.0 MiB   983 KiB  48.0 MiB  tools/filters.py:7 smooth.<locals>.inner  re…
        3 more: -n 6 shows all
        ");
    }

    #[test]
    fn lines_that_allocate_nothing_are_left_out_of_tables_of_memory() {
        let mut report = example::report();
        for site in &mut report.sites {
            (site.n_allocations, site.at_high_water_bytes) = (0, 0);
        }
        let style = Style::default();
        let lines = |sort| {
            let options = TableOptions { by: GroupBy::Line, sort, n: 9, style };
            table(&report, &options).lines().count()
        };
        assert_eq!((lines(SortKey::Allocated), lines(SortKey::Copied)), (1, 7));
    }
}
