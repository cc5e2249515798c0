//! Call sites: what each line of the program holds, allocated, copied and did.

use std::collections::HashMap;

use npprof_findings::Severity;
use npprof_model::units::short_count;
use npprof_model::{Bytes, Site, SiteId};

use crate::data::Data;
use crate::list::{Cell, Column, Key, Listing};
use crate::text;
use crate::theme;
use crate::widgets::byte_bar::byte_bar;

const BAR: u16 = 8;

const COLUMNS: [Column; 14] = [
    Column::text("!", 1, 1, 7).sortable(),
    Column::text("", BAR as usize, BAR as usize, 12),
    Column::figure("At high-water", 13, 1).with_short("At h-water"),
    Column::figure("Live", 9, 2),
    Column::figure("Allocated", 9, 3),
    Column::figure("Blocks", 6, 6),
    Column::figure("Own peak", 8, 8),
    Column::figure("Temporary", 9, 5),
    Column::figure("Copied", 9, 5),
    Column::figure("Operations", 10, 9),
    Column::figure("Time", 11, 10),
    Column::text("Top layout", 18, 38, 4),
    Column::text("Call site", 21, usize::MAX, 0).sortable(),
    Column::figure("Process", 7, 4),
];

const FINDINGS: usize = 0;
const BAR_COLUMN: usize = 1;
const AT_HIGH_WATER: usize = 2;
const LIVE: usize = 3;
const ALLOCATED: usize = 4;
const BLOCKS: usize = 5;
const OWN_PEAK: usize = 6;
const TEMPORARY: usize = 7;
const COPIED: usize = 8;
const OPERATIONS: usize = 9;
const TIME: usize = 10;
const LAYOUT: usize = 11;
const SITE: usize = 12;

/// The sites that the user wants to see.
pub(crate) struct Sites<'a> {
    data: &'a Data,
    sites: Vec<&'a Site>,
    /// What the sites were at the mark.
    marked: Option<HashMap<SiteId, &'a Site>>,
    findings: HashMap<SiteId, Severity>,
}

impl<'a> Sites<'a> {
    pub(crate) fn new(data: &'a Data) -> Self {
        let mut findings = HashMap::new();
        for finding in data.findings.iter() {
            for &site in &finding.sites {
                let worst = findings.entry(site).or_insert(finding.severity);
                *worst = finding.severity.max(*worst);
            }
        }
        Self { data, sites: data.sites().collect(), marked: data.marked_sites(), findings }
    }

    pub(crate) fn site(&self, row: usize) -> Option<SiteId> {
        Some(self.sites.get(row)?.id)
    }

    /// A figure of a site, less what it was at the mark.
    fn since(&self, row: usize, of: impl Fn(&Site) -> u64) -> i128 {
        let site = self.sites[row];
        let before = self.marked.as_ref().and_then(|marked| marked.get(&site.id));
        i128::from(of(site)) - before.map_or(0, |before| i128::from(of(before)))
    }

    fn figure(&self, row: usize, column: usize) -> i128 {
        let site = self.sites[row];
        match column {
            FINDINGS => self.findings.get(&site.id).map_or(0, |&severity| severity as i128 + 1),
            AT_HIGH_WATER | BAR_COLUMN => self.since(row, |site| site.at_high_water.0),
            LIVE => self.since(row, |site| site.live.0),
            ALLOCATED => self.since(row, |site| site.allocated.0),
            BLOCKS => self.since(row, |site| site.n_allocations),
            OWN_PEAK => i128::from(site.own_peak.0),
            TEMPORARY => self.since(row, |site| site.temporary.0),
            COPIED => self.since(row, |site| site.copied.0),
            OPERATIONS => self.since(row, |site| site.n_operations),
            TIME => self.since(row, |site| site.operation_time.0),
            _ => i128::from(site.process.0),
        }
    }

    /// Bytes; with a sign where they are a difference.
    fn bytes(&self, row: usize, column: usize) -> String {
        signed(self.figure(row, column), self.marked.is_some())
    }
}

/// Bytes with their sign.
pub(crate) fn signed(bytes: i128, has_sign: bool) -> String {
    let size = Bytes(u64::try_from(bytes.unsigned_abs()).unwrap_or(u64::MAX));
    let sign = match bytes.signum() {
        -1 => "−",
        1 if has_sign => "+",
        _ => "",
    };
    format!("{sign}{size}")
}

impl Listing for Sites<'_> {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS[..self.data.n_columns(&COLUMNS)]
    }

    fn first_sort(&self) -> usize {
        AT_HIGH_WATER
    }

    fn len(&self) -> usize {
        self.sites.len()
    }

    fn id(&self, row: usize) -> u64 {
        u64::from(self.sites[row].id.0)
    }

    fn key(&self, row: usize, column: usize) -> Key {
        match column {
            SITE => {
                let frame = &self.sites[row].frame;
                Key::Text(format!("{}:{:09}", frame.file, frame.line))
            }
            TEMPORARY => {
                // By its share, as it is shown.
                let whole = self.figure(row, ALLOCATED).max(1);
                Key::number(self.figure(row, TEMPORARY) * 1_000_000 / whole)
            }
            column => Key::number(self.figure(row, column)),
        }
    }

    fn weight(&self, row: usize) -> u64 {
        self.sites[row].allocated.0
    }

    fn text(&self, row: usize) -> String {
        let site = self.sites[row];
        let layout = site.layouts.first().map(|top| top.layout.to_string()).unwrap_or_default();
        format!("{} {layout}", text::site(&site.frame, &self.data.snapshot.cwd, usize::MAX))
    }

    fn cell(&self, row: usize, column: usize, width: usize) -> Cell {
        let site = self.sites[row];
        let count = |n: i128| short_count(u64::try_from(n).unwrap_or(0));
        match column {
            FINDINGS => self.findings.get(&site.id).map_or_else(Cell::default, |&severity| Cell {
                text: theme::severity_mark(severity).to_owned(),
                style: theme::severity(severity),
            }),
            BAR_COLUMN => {
                let whole = self.data.snapshot.totals.high_water;
                let text = byte_bar(site.at_high_water.share_of(whole), BAR);
                Cell { text, style: theme::LIVE }
            }
            // No difference, whatever the mark: a peak was there or was not.
            OWN_PEAK => site.own_peak.to_string().into(),
            AT_HIGH_WATER | LIVE | ALLOCATED | COPIED => self.bytes(row, column).into(),
            BLOCKS | OPERATIONS => count(self.figure(row, column)).into(),
            TEMPORARY => {
                let part = u64::try_from(self.figure(row, TEMPORARY)).unwrap_or(0);
                let whole = u64::try_from(self.figure(row, ALLOCATED)).unwrap_or(0);
                format!("{:.0} %", Bytes(part).share_of(Bytes(whole)) * 100.0).into()
            }
            TIME => {
                let time = u64::try_from(self.figure(row, TIME)).unwrap_or(0);
                text::time(npprof_model::Nanos(time)).into()
            }
            LAYOUT => site
                .layouts
                .first()
                .map_or_else(String::new, |top| text::layout(&top.layout, width))
                .into(),
            SITE => text::site(&site.frame, &self.data.snapshot.cwd, width).into(),
            _ => self.data.pid_of(site).into(),
        }
    }

    fn absence(&self) -> &'static str {
        let is_empty = self.data.snapshot.sites.is_empty();
        if is_empty && self.data.has_ended() {
            "No line of the program allocated or handled arrays."
        } else if is_empty {
            "Each line of the program that allocates or handles arrays will stand here."
        } else {
            "No line is left: u shows all code again, p all processes."
        }
    }
}
