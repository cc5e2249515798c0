//! A report as its readers see it: JSON, looked at by field name.

use std::{fs, path::Path};

use serde_json::Value;

/// A parsed report.
#[derive(Clone, Debug)]
pub struct Report(pub Value);

/// What a site's layouts say of one kind of array.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Layout {
    pub shape: Vec<u64>,
    pub dtype: String,
    pub order: String,
    pub strides: Vec<i64>,
    pub n: u64,
    pub bytes: u64,
}

impl Report {
    /// # Panics
    ///
    /// If this is not JSON.
    pub fn parse(bytes: &[u8]) -> Self {
        Self(serde_json::from_slice(bytes).expect("a report is JSON"))
    }

    pub fn load(path: &Path) -> Self {
        Self::parse(&fs::read(path).expect("the report is there"))
    }

    pub fn processes(&self) -> &[Value] {
        list(&self.0, "processes")
    }

    /// The entry of a process.
    ///
    /// # Panics
    ///
    /// If there is not exactly one.
    pub fn process(&self, pid: u64) -> &Value {
        let mut entries = self.processes().iter().filter(|process| number(process, "pid") == pid);
        let entry = entries.next().unwrap_or_else(|| panic!("process {pid} is in the report"));
        assert!(entries.next().is_none(), "process {pid} is in the report once");
        entry
    }

    pub fn sites(&self) -> &[Value] {
        list(&self.0, "sites")
    }

    /// The findings, the most telling one first.
    pub fn findings(&self) -> &[Value] {
        list(&self.0, "findings")
    }

    pub fn operations(&self) -> &[Value] {
        list(&self.0, "operations")
    }

    pub fn sites_of(&self, pid: u64) -> Vec<&Value> {
        self.sites().iter().filter(|site| number(site, "pid") == pid).collect()
    }

    /// The sites at one line of a file, whatever the process.
    pub fn sites_at(&self, file: &str, line: u64) -> Vec<&Value> {
        let is_here = |site: &&Value| text(site, "file") == file && number(site, "line") == line;
        self.sites().iter().filter(is_here).collect()
    }

    /// The sites at the lines with `# @mark` in a program.
    pub fn sites_with_mark(&self, program: &Path, mark: &str) -> Vec<&Value> {
        let file = program.display().to_string();
        let lines = lines_with_mark(program, mark);
        lines.iter().flat_map(|&line| self.sites_at(&file, line)).collect()
    }

    /// The layouts at the lines with `# @mark`, in a fixed order.
    pub fn layouts_with_mark(&self, program: &Path, mark: &str) -> Vec<Layout> {
        let mut layouts: Vec<Layout> =
            self.sites_with_mark(program, mark).into_iter().flat_map(layouts_of).collect();
        layouts.sort();
        layouts
    }
}

/// The lines of a program that carry a mark, `# @name`; a line may carry several.
///
/// # Panics
///
/// If no line does.
pub fn lines_with_mark(program: &Path, mark: &str) -> Vec<u64> {
    let source = fs::read_to_string(program).expect("the program can be read");
    let has_mark = |line: &str| {
        let marks = line.split_once("# @").map(|(_, marks)| marks);
        marks.is_some_and(|marks| {
            marks.split_whitespace().any(|word| word.trim_matches('@') == mark)
        })
    };
    let lines: Vec<u64> = (1..)
        .zip(source.lines())
        .filter(|(_, line)| has_mark(line))
        .map(|(number, _)| number)
        .collect();
    assert!(!lines.is_empty(), "{} has a line with `# @{mark}`", program.display());
    lines
}

/// The layouts of a site.
pub fn layouts_of(site: &Value) -> Vec<Layout> {
    list(site, "layouts")
        .iter()
        .map(|layout| Layout {
            shape: list(layout, "shape").iter().map(|n| n.as_u64().expect("an extent")).collect(),
            dtype: text(layout, "dtype").to_owned(),
            order: text(layout, "order").to_owned(),
            strides: list(layout, "strides")
                .iter()
                .map(|n| n.as_i64().expect("a stride"))
                .collect(),
            n: number(layout, "n"),
            bytes: number(layout, "bytes"),
        })
        .collect()
}

/// A field that is a count, bytes or nanoseconds.
///
/// # Panics
///
/// If it is not; all of these say what is there instead.
pub fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap_or_else(|| panic!("`{field}` is a number in {}", short(value)))
}

pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("`{field}` is a text in {}", short(value)))
}

pub fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().unwrap_or_else(|| panic!("`{field}` is a list in {}", short(value)))
}

/// The sum of one field over many sites.
pub fn sum(sites: &[&Value], field: &str) -> u64 {
    sites.iter().map(|site| number(site, field)).sum()
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(300).collect()
}
