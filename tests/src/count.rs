//! Compares a report with the independent count that the program kept of itself.
//!
//! The count begins when a program calls `count.start()`; whatever NumPy allocated before that was
//! allocated by the `import numpy` of `programs/count.py`. So the sites of that file are what the
//! report has more, and all the others together are the count, to the byte.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

use crate::report::{Report, lines_with_mark, list, number, sum, text};

/// What one process wrote with `count.save()` or `count.done()`.
#[derive(Clone, Debug)]
pub struct Counted {
    /// The name of its file, which tells the images of one process apart.
    pub file: String,
    pub pid: u64,
    pub parent_pid: u64,
    /// At NumPy's default handler.
    pub counts: Value,
    /// At the handler that the program set for itself.
    pub custom: Value,
    /// Allocations and bytes at the lines with a mark.
    pub charges: BTreeMap<String, (u64, u64)>,
    pub facts: Value,
}

impl Counted {
    /// All that the processes of a run wrote into `folder`.
    pub fn load_all(folder: &Path) -> Vec<Self> {
        let mut all: Vec<Self> = fs::read_dir(folder)
            .expect("the folder of a run can be read")
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.starts_with(|first: char| first.is_ascii_digit()))
            .map(|name| Self::load(folder, name))
            .collect();
        all.sort_by_key(|counted| counted.pid);
        all
    }

    fn load(folder: &Path, file: String) -> Self {
        let bytes = fs::read(folder.join(&file)).expect("a count can be read");
        let said: Value = serde_json::from_slice(&bytes).expect("a count is JSON");
        let charges = said["charges"].as_object().expect("charges by mark");
        let pair = |charge: &Value| {
            (charge[0].as_u64().expect("a number"), charge[1].as_u64().expect("bytes"))
        };
        Self {
            file,
            pid: number(&said, "pid"),
            parent_pid: number(&said, "parent_pid"),
            counts: said["counts"].clone(),
            custom: said["custom"].clone(),
            charges: charges.iter().map(|(mark, charge)| (mark.clone(), pair(charge))).collect(),
            facts: said["facts"].clone(),
        }
    }

    /// A count over both handlers.
    pub fn total(&self, field: &str) -> u64 {
        number(&self.counts, field) + number(&self.custom, field)
    }
}

/// How far a comparison goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Until {
    /// The process ended with its count: what is alive at the end must agree, too.
    TheEnd,
    /// The process went on and freed its arrays in some way: only what was allocated must agree.
    TheCount,
}

/// Compares a report with what one process counted.
///
/// # Panics
///
/// With the first difference.
pub fn assert_exact(report: &Report, program: &Path, counted: &Counted, until: Until) {
    assert_complete(report);
    let process = report.process(counted.pid);
    let all = report.sites_of(counted.pid);
    let (imports, own): (Vec<&Value>, Vec<&Value>) =
        all.iter().copied().partition(|site| text(site, "file").ends_with("/count.py"));
    let totals = &process["totals"];
    for field in ["n_allocations", "allocated_bytes", "n_frees", "live_bytes"] {
        assert_eq!(sum(&all, field), number(totals, field), "sites add up to the total, {field}");
    }
    let difference = || charge_difference(report, program, counted);
    assert_eq!(
        sum(&own, "n_allocations"),
        counted.total("n_allocations"),
        "n_allocations{}",
        difference()
    );
    assert_eq!(
        sum(&own, "allocated_bytes"),
        counted.total("allocated"),
        "allocated_bytes{}",
        difference()
    );
    assert_eq!(difference(), "", "allocations and bytes by line");
    assert_consistent(report, &own);
    match until {
        Until::TheEnd if number(totals, "inherited_bytes") > 0 => assert_fork_end(totals, counted),
        Until::TheEnd => {
            assert_eq!(sum(&own, "n_frees"), counted.total("n_frees"), "n_frees");
            assert_eq!(sum(&own, "live_bytes"), counted.total("live"), "live_bytes");
            assert_high_water(totals, &imports, &own, counted);
        }
        Until::TheCount => {}
    }
}

/// A forked child begins with what it inherited; the count began in it with nothing.
fn assert_fork_end(totals: &Value, counted: &Counted) {
    let n_unknown = number(&counted.counts, "n_unknown_frees");
    assert_eq!(number(totals, "n_frees"), counted.total("n_frees") + n_unknown, "n_frees");
    if n_unknown == 0 {
        let inherited = number(totals, "inherited_bytes");
        let live = inherited + number(&counted.counts, "live");
        assert_eq!(number(totals, "live_bytes"), live, "live_bytes");
        let high_water = inherited + number(&counted.counts, "high_water");
        assert_eq!(number(totals, "high_water_bytes"), high_water, "high_water_bytes");
    }
}

/// The high-water mark is what the import left alive and the count's own; this holds as long as
/// nothing of the former was freed, and where one handler was all there was.
fn assert_high_water(totals: &Value, imports: &[&Value], own: &[&Value], counted: &Counted) {
    let high_water = number(&counted.counts, "high_water");
    if high_water == 0
        || number(&counted.counts, "n_unknown_frees") > 0
        || number(&counted.custom, "n_allocations") > 0
    {
        return;
    }
    let imported = sum(imports, "live_bytes");
    assert_eq!(number(totals, "high_water_bytes"), imported + high_water, "high_water_bytes");
    assert_eq!(sum(imports, "at_high_water_bytes"), imported, "imported, at_high_water_bytes");
    assert_eq!(sum(own, "at_high_water_bytes"), high_water, "at_high_water_bytes");
}

/// Nothing was dropped, and the report says so. A large program has more call stacks than a report
/// lists; it says that, too, and no figure lacks anything for it.
///
/// # Panics
///
/// If anything else is missing.
pub fn assert_complete(report: &Report) {
    assert_eq!(report.0["totals"]["n_dropped"], 0, "n_dropped");
    let reason = report.0["incomplete_because"].as_str().unwrap_or_default();
    let is_only_cut = reason.starts_with("to keep the file small")
        && reason.ends_with("call sites and totals include them");
    assert!(report.0["complete"] == true || is_only_cut, "complete; {reason}");
}

/// What a report must hold of itself, whatever the program did.
fn assert_consistent(report: &Report, sites: &[&Value]) {
    let stacks = list(&report.0, "stacks");
    for site in sites {
        let here = format!("{}:{}", text(site, "file"), number(site, "line"));
        assert!(number(site, "own_peak_bytes") >= number(site, "live_bytes"), "{here}: own peak");
        assert!(
            number(site, "own_peak_bytes") >= number(site, "at_high_water_bytes"),
            "{here}: own peak"
        );
        let listed = list(site, "stacks");
        let n: u64 = listed.iter().map(|stack| number(stack, "n")).sum();
        assert!(n <= number(site, "n_allocations"), "{here}: {n} allocations in its stacks");
        for stack in listed {
            let found = stacks.iter().find(|candidate| candidate["id"] == stack["stack"]);
            let frames =
                list(found.unwrap_or_else(|| panic!("{here}: its stack is listed")), "frames");
            let is_site = |frame: &Value| {
                ["file", "line", "function"].iter().all(|&field| frame[field] == site[field])
            };
            assert!(frames.iter().any(is_site), "{here}: the site is a frame of its stack");
        }
    }
}

/// Where charges and sites differ: one line for each mark, or nothing.
fn charge_difference(report: &Report, program: &Path, counted: &Counted) -> String {
    let mut lines = String::new();
    for (charge, &(n, bytes)) in &counted.charges {
        let sites: Vec<&Value> = sites_of_charge(report, program, charge)
            .into_iter()
            .filter(|site| number(site, "pid") == counted.pid)
            .collect();
        let (n_here, bytes_here) = (sum(&sites, "n_allocations"), sum(&sites, "allocated_bytes"));
        if (n_here, bytes_here) != (n, bytes) {
            let line = format!(
                "\n    {charge}: counted {n} ({bytes} B), reported {n_here} ({bytes_here} B)"
            );
            lines.push_str(&line);
        }
    }
    lines
}

/// A charge is `mark`, `mark and mark`, or `file:line` for code that lies in no file.
fn sites_of_charge<'a>(report: &'a Report, program: &Path, charge: &str) -> Vec<&'a Value> {
    if let Some((file, line)) = charge.split_once(':') {
        return report.sites_at(file, line.parse().expect("a line number"));
    }
    let mut lines: Vec<u64> =
        charge.split(" and ").flat_map(|mark| lines_with_mark(program, mark)).collect();
    lines.sort_unstable();
    lines.dedup();
    let file = program.display().to_string();
    lines.iter().flat_map(|&line| report.sites_at(&file, line)).collect()
}
