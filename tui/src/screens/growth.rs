//! Growth: what is alive, how fast it grows, and what keeps it.

use std::collections::HashMap;

use npprof_model::units::short_count;
use npprof_model::{ArrayLayout, Bytes, Detail, Frame, Nanos, Site, SiteId, SiteRole};

use crate::data::Data;
use crate::list::{Cell, Column, Key, Listing};
use crate::screens::sites::signed;
use crate::text;
use crate::theme;

const COLUMNS: [Column; 8] = [
    Column::figure("Live", 9, 1),
    Column::figure("Growth/min", 10, 0),
    Column::text("Live over time", 8, 24, 2).with_short("History"),
    Column::figure("Blocks", 6, 5),
    Column::figure("Of peak", 7, 6),
    Column::figure("Oldest", 11, 3),
    Column::text("Kept by", 16, 48, 3),
    Column::text("Call site", 19, usize::MAX, 0).sortable(),
];

const LIVE: usize = 0;
const GROWTH: usize = 1;
const CURVE: usize = 2;
const BLOCKS: usize = 3;
const OF_PEAK: usize = 4;
const OLDEST: usize = 5;
const KEPT_BY: usize = 6;

/// Growth is that of so much time.
const WINDOW: Nanos = Nanos(60_000_000_000);

/// What keeps arrays alive.
#[derive(Clone, Copy)]
enum KeptBy<'a> {
    View {
        base: &'a ArrayLayout,
        /// Where the view was made.
        viewer: Option<&'a Frame>,
    },
    /// Whoever keeps them does not use them.
    Unread,
}

/// Sites that hold something.
pub(crate) struct Growing<'a> {
    data: &'a Data,
    sites: Vec<&'a Site>,
    /// Bytes per minute; `None` before it can be told.
    growth: Option<HashMap<SiteId, i64>>,
    /// What keeps the arrays of a site.
    kept_by: HashMap<SiteId, KeptBy<'a>>,
    marked: Option<HashMap<SiteId, &'a Site>>,
    /// When the oldest block of each site was made, and when that was seen.
    oldest: HashMap<SiteId, (Nanos, Nanos)>,
}

impl<'a> Growing<'a> {
    pub(crate) fn new(data: &'a Data) -> Self {
        let snapshot = &data.snapshot;
        let by_id = data.sites_by_id();
        let mut kept_by = HashMap::new();
        for pattern in snapshot.patterns.iter() {
            match &pattern.detail {
                Detail::ViewPinsBase { base, .. } => {
                    let viewer = by_id.get(&pattern.site).map(|site| &site.frame);
                    let kept = KeptBy::View { base, viewer };
                    kept_by.entry(pattern.site).or_insert(kept);
                    let bases = pattern.related.iter().filter(|(role, _)| {
                        matches!(role, SiteRole::Base | SiteRole::AllocatedHere)
                    });
                    kept_by.extend(bases.map(|&(_, site)| (site, kept)));
                }
                Detail::MemoryGrowth { .. } => {
                    kept_by.entry(pattern.site).or_insert(KeptBy::Unread);
                }
                _ => {}
            }
        }
        let sites = data.sites().filter(|site| site.live.0 > 0).collect();
        let growth = data.history.growth(WINDOW);
        let mut oldest = HashMap::new();
        if let Some(full) = &data.with_stacks {
            for site in full.sites.iter() {
                let at = site.detail.as_ref().and_then(|detail| detail.oldest);
                oldest.extend(at.map(|at| (site.id, (at, full.elapsed))));
            }
        }
        Self { data, sites, growth, kept_by, marked: data.marked_sites(), oldest }
    }

    pub(crate) fn site(&self, row: usize) -> Option<SiteId> {
        Some(self.sites.get(row)?.id)
    }

    fn growth(&self, site: &Site) -> Option<i64> {
        self.growth.as_ref()?.get(&site.id).copied()
    }

    /// Live bytes, or how many more than at the mark.
    fn live(&self, site: &Site) -> i128 {
        let before = self.marked.as_ref().and_then(|marked| marked.get(&site.id));
        i128::from(site.live.0) - before.map_or(0, |before| i128::from(before.live.0))
    }

    /// Age of the oldest block that is alive; `None` before it is known.
    fn oldest(&self, site: &Site) -> Option<Nanos> {
        let &(at, seen_at) = self.oldest.get(&site.id)?;
        Some(seen_at.saturating_sub(at))
    }

    /// What keeps the arrays of a site; where there is little room, only the place of the view.
    fn kept_by(&self, site: &Site, columns: usize) -> String {
        let cwd = &self.data.snapshot.cwd;
        match self.kept_by.get(&site.id) {
            None => String::new(),
            Some(KeptBy::Unread) => text::fit_end("not read again", columns),
            Some(KeptBy::View { base, viewer }) => {
                let base = text::layout(base, 30);
                let Some(viewer) = viewer else {
                    return text::fit_end(&format!("view of {base}"), columns);
                };
                let whole = format!("view of {base} at {}", text::site(viewer, cwd, 40));
                if text::width(&whole) <= columns {
                    return whole;
                }
                format!("view {}", text::site(viewer, cwd, columns.saturating_sub(5)))
            }
        }
    }

    fn curve(&self, site: &Site, columns: usize) -> String {
        const EIGHTHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let held: Vec<Bytes> = self.data.history.of(site.id).map(|(_, bytes)| bytes).collect();
        let most = held.iter().map(|bytes| bytes.0).max().unwrap_or(0);
        if most == 0 || columns == 0 {
            return String::new();
        }
        let n = held.len().min(columns);
        let cell = |column: usize| {
            let range = column * held.len() / n..((column + 1) * held.len()).div_ceil(n);
            let highest = held[range].iter().map(|bytes| bytes.0).max().unwrap_or(0);
            let eighth = (u128::from(highest) * 8).div_ceil(u128::from(most));
            match usize::try_from(eighth).unwrap_or(8) {
                0 => ' ',
                eighth => EIGHTHS[eighth.min(8) - 1],
            }
        };
        (0..n).map(cell).collect()
    }
}

impl Listing for Growing<'_> {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn first_sort(&self) -> usize {
        if self.growth.is_some() { GROWTH } else { LIVE }
    }

    fn len(&self) -> usize {
        self.sites.len()
    }

    fn id(&self, row: usize) -> u64 {
        u64::from(self.sites[row].id.0)
    }

    fn key(&self, row: usize, column: usize) -> Key {
        let site = self.sites[row];
        match column {
            LIVE => Key::number(self.live(site)),
            GROWTH => Key::number(self.growth(site).unwrap_or(0)),
            BLOCKS => Key::number(site.n_allocations.saturating_sub(site.n_frees)),
            OF_PEAK => {
                Key::number(i128::from(site.live.0) * 1000 / i128::from(site.own_peak.0.max(1)))
            }
            OLDEST => Key::number(self.oldest(site).unwrap_or_default().0),
            _ => Key::Text(format!("{}:{:09}", site.frame.file, site.frame.line)),
        }
    }

    fn weight(&self, row: usize) -> u64 {
        self.sites[row].live.0
    }

    fn text(&self, row: usize) -> String {
        let site = self.sites[row];
        let kept_by = self.kept_by(site, usize::MAX);
        format!("{} {kept_by}", text::site(&site.frame, &self.data.snapshot.cwd, usize::MAX))
    }

    fn cell(&self, row: usize, column: usize, width: usize) -> Cell {
        let site = self.sites[row];
        match column {
            LIVE => signed(self.live(site), self.marked.is_some()).into(),
            GROWTH => match self.growth(site) {
                None => Cell::default(),
                Some(0) => Cell { text: "steady".to_owned(), style: theme::QUIET },
                Some(growth) => {
                    let style = if growth > 0 { theme::WARNING } else { theme::TEXT };
                    Cell { text: signed(growth.into(), true), style }
                }
            },
            CURVE => Cell { text: self.curve(site, width), style: theme::LIVE },
            BLOCKS => short_count(site.n_allocations.saturating_sub(site.n_frees)).into(),
            OF_PEAK => format!("{:.0} %", site.live.share_of(site.own_peak) * 100.0).into(),
            OLDEST => self.oldest(site).map_or_else(String::new, |age| age.to_string()).into(),
            KEPT_BY => self.kept_by(site, width).into(),
            _ => text::site(&site.frame, &self.data.snapshot.cwd, width).into(),
        }
    }

    fn absence(&self) -> &'static str {
        if self.data.snapshot.state == npprof_model::RunState::Starting {
            "Nothing is alive yet. What grows will stand here, with how fast and what keeps it."
        } else {
            "Nothing is alive: all that was allocated has been freed."
        }
    }
}
