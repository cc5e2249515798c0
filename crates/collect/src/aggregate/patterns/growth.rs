//! memory-growth: arrays that pile up and are not read again.
//!
//! Each site has a count of its live arrays that nobody read since it made the next one. How many
//! there were at most, and when, says whether they pile up. An array that is read late is taken out
//! again, also from what was counted at that peak.

use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

use npprof_model::{Detail, Nanos, Pattern};
use rustc_hash::{FxHashMap, FxHasher};

use super::blocks::SMALLEST;
use super::savings::Saving;
use super::spans::Spans;
use super::tally::{Facts, Found, Tally, saves};
use super::{Born, Scene, is_beneath};

/// Arrays at a site that make it worth a word.
const MIN_LIVE: u64 = 8;
/// Bytes, likewise; of small arrays, from where on they are followed one by one.
pub(super) const MIN_BYTES: u64 = 1 << 20;
/// Small arrays that are followed.
const MAX_SMALL: usize = 1 << 18;
/// Allocations at a site, not all by the same stack, after which a read is late.
const LATE: u64 = 8;

/// What a site has allocated, and what of it nobody reads.
#[derive(Clone, Debug, Default)]
struct AtSite {
    n_live: u64,
    live: u64,
    n_peak: u64,
    peak: u64,
    /// The allocation, and the moment, that reached it.
    peak_n: u64,
    peak_event: u64,
    peak_ns: u64,
    /// Birth of the first of those that are there.
    first_ns: u64,
    /// By the same lines at most, and the runs of those that ran most. What is alive by different
    /// lines inside of the site may be what one execution works with.
    n_of_lines: u64,
    n_runs: u64,
    /// Address and size of the latest one.
    latest: (u64, u64),
    is_small: bool,
    is_cut: bool,
    /// All that was made up to this allocation was read late.
    n_read: u64,
    saving: Option<Box<Saving>>,
}

/// A live array that was not read late so far.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    size: u64,
    stack: u32,
    site: u32,
    event: u64,
    /// Runs of its stack and allocations at its site, itself included.
    n_run: u64,
    n_site: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Growth {
    /// Up to the last one that had an array which was followed.
    sites: Vec<AtSite>,
    entries: Spans<Entry>,
    n_small: usize,
    /// Of stacks whose blocks are followed.
    runs: FxHashMap<u32, Runs>,
    lines: Vec<Lines>,
    /// Where in `lines` the stacks with lines of this hash are.
    by_lines: FxHashMap<u64, usize>,
}

/// The runs of a stack. An operation may allocate several blocks.
#[derive(Clone, Copy, Debug, Default)]
struct Runs {
    n: u64,
    /// The allocation at the site that was the latest one.
    latest: u64,
    /// Place in [`Growth::lines`].
    lines: usize,
}

/// Stacks that differ in instructions at most: the interpreter replaces these by faster ones while a
/// loop runs, and some interpreters then stop at another one of the same call.
#[derive(Clone, Copy, Debug, Default)]
struct Lines {
    n_runs: u64,
    n_live: u64,
}

/// A hash of the lines that a stack goes through.
fn lines_of(stack: u32, scene: &Scene<'_>) -> u64 {
    let mut hasher = FxHasher::default();
    for (_, frame) in scene.context.chain(stack) {
        (frame.code, frame.line).hash(&mut hasher);
    }
    hasher.finish()
}

impl Growth {
    /// Says whether the array is followed.
    pub(super) fn allocated(&mut self, born: &Born<'_>, scene: &Scene<'_>) -> bool {
        let stack = scene.context.stack(born.stack);
        if stack.is_none_or(|stack| is_beneath(born.size, stack.held.live())) {
            return false;
        }
        self.follow(born, scene)
    }

    fn follow(&mut self, born: &Born<'_>, scene: &Scene<'_>) -> bool {
        let place = born.site as usize;
        if place >= self.sites.len() && born.site != crate::aggregate::sites::NONE {
            self.sites.resize_with(place + 1, AtSite::default);
        }
        let Some(site) = self.sites.get_mut(place) else { return false };
        let is_small = born.size < SMALLEST;
        if is_small && self.n_small >= MAX_SMALL {
            site.is_cut = true;
            return false;
        }
        let n_site = scene.context.n_allocations(born.site);
        let runs = self.runs.entry(born.stack).or_insert_with(|| {
            let place = self.by_lines.entry(lines_of(born.stack, scene)).or_insert_with(|| {
                self.lines.push(Lines::default());
                self.lines.len() - 1
            });
            Runs { n: 0, latest: 0, lines: *place }
        });
        let is_run = born.is_first || born.operation == 0 || runs.latest.wrapping_add(1) != n_site;
        runs.n += u64::from(is_run);
        runs.latest = n_site;
        let n_run = runs.n;
        if let Some(lines) = self.lines.get_mut(runs.lines) {
            lines.n_runs += u64::from(is_run);
            lines.n_live += 1;
            site.n_of_lines = site.n_of_lines.max(lines.n_live);
            site.n_runs = site.n_runs.max(lines.n_runs);
        }
        self.n_small += usize::from(is_small);
        site.is_small |= is_small;
        // From now on, the one before need not be there any more.
        let (before, size) = std::mem::replace(&mut site.latest, (born.address, born.size));
        if !is_small
            && let Some(before) = self.entries.get(before, size)
            && before.site == born.site
            && before.size >= SMALLEST
        {
            let saving = site.saving.get_or_insert_default();
            saving.open(before.event, scene.heights.now() + 1, scene.heights);
        }
        if site.n_live == 0 {
            site.first_ns = scene.context.now_ns;
        }
        site.n_live += 1;
        site.live = site.live.saturating_add(born.size);
        if site.n_live > site.n_peak || (site.n_live == site.n_peak && site.live > site.peak) {
            (site.n_peak, site.peak, site.peak_n) = (site.n_live, site.live, n_site);
            (site.peak_event, site.peak_ns) = (scene.heights.now(), scene.context.now_ns);
        }
        let entry = Entry {
            size: born.size,
            stack: born.stack,
            site: born.site,
            event: scene.heights.now(),
            n_run,
            n_site,
        };
        if let Some(old) = self.entries.insert(born.address, born.size, entry) {
            self.end(&old.value, true, scene);
        }
        true
    }

    pub(super) fn died(&mut self, address: u64, size: u64, scene: &Scene<'_>) {
        if let Some(entry) = self.entries.remove(address, size) {
            self.end(&entry, true, scene);
        }
    }

    /// An array in no large block was read: perhaps a small one that is followed.
    pub(super) fn read_small(&mut self, address: u64, scene: &Scene<'_>) {
        if self.n_small == 0 {
            return;
        }
        if let Some(span) = self.entries.at(address) {
            let (start, size) = (span.start, span.value.size);
            self.read(start, size, scene);
        }
    }

    /// An array was read, or what lies in the same block, which begins here and has this size.
    pub(super) fn read(&mut self, start: u64, size: u64, scene: &Scene<'_>) {
        let Some(&entry) = self.entries.get(start, size) else { return };
        let n_site = scene.context.n_allocations(entry.site);
        let is_late = || {
            let n_run = self.runs.get(&entry.stack).map_or(0, |runs| runs.n);
            n_run > entry.n_run
        };
        if n_site >= entry.n_site.saturating_add(LATE) || is_late() {
            self.leave(start, entry.size, scene);
        }
    }

    /// All arrays of a site were read, or may have been.
    pub(super) fn read_all(&mut self, number: u32, scene: &Scene<'_>) {
        if let Some(site) = self.sites.get_mut(number as usize) {
            site.n_read = scene.context.n_allocations(number);
            (site.n_live, site.live, site.n_peak, site.peak) = (0, 0, 0, 0);
        }
    }

    /// As many arrays of this size were read together, nobody knows which: all sites may be meant that
    /// have some of them.
    pub(super) fn read_rows(&mut self, n: u64, size: u64, scene: &Scene<'_>) {
        let entries = || self.entries.iter().map(|span| &span.value);
        let rows = || entries().filter(|entry| entry.size == size);
        if n < 2
            || u64::try_from(rows().take(usize::try_from(n).unwrap_or(usize::MAX)).count()) != Ok(n)
        {
            return;
        }
        let mut sites: Vec<u32> = rows().map(|entry| entry.site).collect();
        sites.sort_unstable();
        sites.dedup();
        for site in sites {
            self.read_all(site, scene);
        }
    }

    /// An array has another reason to be alive.
    pub(super) fn leave(&mut self, address: u64, size: u64, scene: &Scene<'_>) {
        let Some(entry) = self.entries.remove(address, size) else { return };
        self.end(&entry, false, scene);
        // It was no part of any pile.
        if let Some(site) = self.sites.get_mut(entry.site as usize)
            && entry.event <= site.peak_event
            && entry.n_site > site.n_read
        {
            site.n_peak = site.n_peak.saturating_sub(1);
            site.peak = site.peak.saturating_sub(entry.size);
        }
    }

    fn end(&mut self, entry: &Entry, is_avoidable: bool, scene: &Scene<'_>) {
        self.n_small = self.n_small.saturating_sub(usize::from(entry.size < SMALLEST));
        let place = self.runs.get(&entry.stack).map_or(usize::MAX, |runs| runs.lines);
        if let Some(lines) = self.lines.get_mut(place) {
            lines.n_live = lines.n_live.saturating_sub(1);
        }
        let Some(site) = self.sites.get_mut(entry.site as usize) else { return };
        let is_avoidable = is_avoidable && entry.n_site > site.n_read;
        if entry.n_site > site.n_read {
            site.n_live = site.n_live.saturating_sub(1);
            site.live = site.live.saturating_sub(entry.size);
        }
        if let Some(saving) = &mut site.saving {
            let bytes = if is_avoidable { entry.size } else { 0 };
            saving.close(entry.event, bytes, scene.heights);
        }
    }

    pub(super) fn summary(
        &self,
        scene: &Scene<'_>,
        is_appending: impl Fn(u32) -> bool,
        to: &mut Vec<Pattern>,
    ) {
        let is_unread = |entry: &&Entry| {
            self.sites.get(entry.site as usize).is_some_and(|site| entry.n_site > site.n_read)
        };
        let unread = self.entries.iter().map(|span| &span.value).filter(is_unread);
        // Small ones may have come after the very event that made a large one.
        let unread = unread.filter(|entry| entry.size >= SMALLEST);
        let sizes: FxHashMap<u64, u64> = unread.map(|entry| (entry.event, entry.size)).collect();
        for (number, site) in (0_u32..).zip(&self.sites) {
            // Where there were as many long before the end, something keeps them few.
            let n = scene.context.n_allocations(number);
            let is_growing = site.peak_n >= n - n / 4 || site.is_cut;
            let is_much = site.n_peak.min(site.n_of_lines) >= MIN_LIVE && site.peak >= MIN_BYTES;
            if !is_growing || !is_much || is_appending(number) {
                continue;
            }
            let detail = Detail::MemoryGrowth {
                n_live: site.n_peak,
                // Small arrays are followed only from some time on.
                n_executions: if site.is_small { n } else { site.n_runs },
                oldest: Nanos(site.peak_ns.saturating_sub(site.first_ns)),
            };
            let high_water = match &site.saving {
                Some(saving) if !site.is_small => {
                    let size = |event: u64| sizes.get(&event).copied().unwrap_or(0);
                    Some(saving.saved(scene.context.high_water, scene.heights, size))
                }
                _ => None,
            };
            let found = Found {
                site: number,
                bytes: site.peak,
                time: 0,
                facts: Arc::new(Facts::default()),
                detail: (),
            };
            to.push(pattern(&found, site.n_peak, detail, high_water));
        }
    }
}

fn pattern(found: &Found<()>, n: u64, detail: Detail, high_water: Option<u64>) -> Pattern {
    let tally = Tally {
        n,
        bytes: found.bytes,
        time: 0,
        largest: found.bytes,
        facts: found.facts.clone(),
        detail: (),
    };
    tally.pattern(found.site, detail, saves(high_water, 0, 0, 0))
}
