//! Snapshot → report.
//!
//! The report stays small however large the program is: what does not fit its [`Limits`] is left
//! out, the least important first, and what was left out is summed up, so that totals still agree.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;

use jiff::Timestamp;
use npprof_findings::Finding;
use npprof_model as model;
use npprof_model::units::grouped;
use npprof_model::{Bytes, HookState, RunState, Snapshot};

use super::finding;
use super::operation;
use super::types::{
    Exit, ExitState, Frame, Layout, Npprof, Process, Quantiles, Report, Site, SiteStack, SitesCut,
    Stack, Thread, ThreadsCut, TimelinePoint, Totals,
};
use crate::SourceLookup;

/// Layouts of a site that are listed.
const MAX_LAYOUTS: usize = 10;
/// Least number of threads and of points that a process keeps, however many processes there are.
const MIN_PER_PROCESS: usize = 8;

/// How much a report may hold.
///
/// A site's importance is its largest share in any of the totals: bytes at the high-water mark,
/// live, allocated, in temporaries, copied, its own peak, time in operations, number of
/// allocations and of operations. Sites are taken by falling
/// importance until they fill `site_bytes`; then call stacks of these sites, likewise, until they
/// fill `stack_bytes` and what sites have left of theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of JSON for call sites, without their stacks.
    pub site_bytes: usize,
    /// Bytes of JSON for call stacks, besides those that call sites don't need.
    pub stack_bytes: usize,
    /// Bytes of JSON for operations.
    pub operation_bytes: usize,
    /// Bytes of JSON for findings.
    pub finding_bytes: usize,
    /// Points of all processes' histories together; neighbouring points are merged.
    pub n_points: usize,
    /// Threads of all processes together.
    pub n_threads: usize,
}

impl Default for Limits {
    /// A file of at most 10 MB, unless there are thousands of processes.
    fn default() -> Self {
        Self {
            site_bytes: 4_200_000,
            stack_bytes: 3_200_000,
            operation_bytes: 900_000,
            finding_bytes: 300_000,
            n_points: 10_000,
            n_threads: 4_000,
        }
    }
}

impl Report {
    /// The report of a run, with the text of the lines that are still readable.
    #[must_use]
    pub fn from_snapshot(
        snapshot: &Snapshot,
        findings: &[Finding],
        sources: &SourceLookup,
    ) -> Self {
        Self::with_limits(snapshot, findings, sources, &Limits::default())
    }

    /// The same, with other limits than usual.
    #[must_use]
    pub fn with_limits(
        snapshot: &Snapshot,
        findings: &[Finding],
        sources: &SourceLookup,
        limits: &Limits,
    ) -> Self {
        let mut cut = CutSites::new(snapshot, sources, limits.site_bytes);
        let room = limits.stack_bytes + limits.site_bytes.saturating_sub(cut.n_bytes);
        let (stacks, n_cut_stacks) = add_stacks(snapshot, &mut cut.kept, room);
        let mut sites: Vec<Site> = cut.kept.into_iter().map(|(_, site)| site).collect();
        sites.sort_by_key(|site| {
            std::cmp::Reverse((site.at_high_water_bytes, site.allocated_bytes, site.n_allocations))
        });

        let kept: HashSet<u64> = sites.iter().map(|site| site.id).collect();
        let (operations, operations_cut) =
            operation::operations(snapshot, &kept, limits.operation_bytes);
        let (findings, n_cut_findings) = finding::convert(findings, limits.finding_bytes);
        let n_cut_operations = operations_cut.as_ref().map_or(0, |cut| cut.n_operations);
        let reasons = reasons(
            snapshot,
            &cut.left_out,
            [n_cut_stacks, n_cut_operations, n_cut_findings as u64],
        );
        let n_processes = snapshot.processes.len().max(1);
        let n_points = (limits.n_points / n_processes).max(MIN_PER_PROCESS);
        let n_threads = (limits.n_threads / n_processes).max(MIN_PER_PROCESS);
        Self {
            schema: super::SCHEMA.to_owned(),
            npprof: Npprof { version: env!("CARGO_PKG_VERSION").to_owned() },
            command: snapshot.command.to_vec(),
            cwd: snapshot.cwd.to_string(),
            host: snapshot.host.to_string(),
            started: snapshot
                .started
                .and_then(|started| Timestamp::try_from(started).ok())
                .map(|started| format!("{started:.3}")),
            elapsed_ns: snapshot.elapsed.0,
            exit: match snapshot.state {
                RunState::Ended(exit) => exit.into(),
                RunState::Starting | RunState::Running => model::Exit::Running.into(),
            },
            complete: reasons.is_empty(),
            incomplete_because: (!reasons.is_empty()).then(|| reasons.join("; ")),
            totals: (&snapshot.totals).into(),
            timeline: timeline(&snapshot.timeline, limits.n_points),
            processes: snapshot
                .processes
                .iter()
                .map(|process| convert_process(process, n_points, n_threads))
                .collect(),
            stacks,
            sites,
            sites_cut: (cut.left_out.n_sites > 0).then_some(cut.left_out),
            operations,
            operations_cut,
            findings,
        }
    }
}

/// Begins a reason that only says what the file does not list. Those come last.
pub(crate) const SHORTENED: &str = "to keep the file small";

fn reasons(
    snapshot: &Snapshot,
    sites: &SitesCut,
    [n_stacks, n_operations, n_findings]: [u64; 3],
) -> Vec<String> {
    let mut reasons = snapshot.incomplete.to_vec();
    let n_dropped = snapshot.totals.n_dropped;
    if n_dropped > 0 && reasons.is_empty() {
        reasons.push(format!("{} events were dropped", grouped(n_dropped)));
    }
    if sites.n_sites > 0 {
        reasons.push(format!(
            "{SHORTENED}, {} of {} call sites are left out, those that matter least in \
             every figure; all totals include them",
            grouped(sites.n_sites),
            grouped(snapshot.sites.len() as u64)
        ));
    }
    if n_stacks > 0 {
        reasons.push(format!(
            "{SHORTENED}, the {} call stacks that matter least are not listed; nothing was \
             lost, call sites and totals include them",
            grouped(n_stacks)
        ));
    }
    for (n, what) in [(n_operations, "operations"), (n_findings, "findings")] {
        if n > 0 {
            reasons.push(format!(
                "{SHORTENED}, {} {what} are left out, those that matter least",
                grouped(n)
            ));
        }
    }
    reasons
}

/// The sites that fit, with their place in the snapshot, and the sum of the others.
struct CutSites {
    kept: Vec<(usize, Site)>,
    left_out: SitesCut,
    /// Bytes of JSON that the sites take.
    n_bytes: usize,
}

impl CutSites {
    fn new(snapshot: &Snapshot, sources: &SourceLookup, limit: usize) -> Self {
        let mut order: Vec<(f64, usize)> = snapshot
            .sites
            .iter()
            .enumerate()
            .map(|(place, site)| (importance(snapshot, site), place))
            .collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));

        let mut kept = Vec::new();
        let mut left_out = SitesCut::default();
        let mut n_bytes = 0;
        for (_, place) in order {
            let site = &snapshot.sites[place];
            if n_bytes < limit {
                let converted = convert_site(snapshot, site, sources);
                n_bytes += json_bytes(&converted);
                if n_bytes <= limit {
                    kept.push((place, converted));
                    continue;
                }
            }
            left_out.n_sites += 1;
            left_out.n_allocations += site.n_allocations;
            left_out.n_frees += site.n_frees;
            left_out.allocated_bytes += site.allocated.0;
            left_out.live_bytes += site.live.0;
            left_out.at_high_water_bytes += site.at_high_water.0;
            left_out.temporary_bytes += site.temporary.0;
            left_out.n_temporaries += site.n_temporaries;
            left_out.copied_bytes += site.copied.0;
            left_out.n_copies += site.n_copies;
            left_out.n_operations += site.n_operations;
            left_out.operation_ns += site.operation_time.0;
        }
        Self { kept, left_out, n_bytes }
    }
}

fn importance(snapshot: &Snapshot, site: &model::Site) -> f64 {
    let totals = &snapshot.totals;
    // A site's high-water figures are those of its process, whose mark may lie well below the
    // tree's.
    let high_water =
        snapshot.process_of(site).map_or(totals.high_water, |process| process.totals.high_water);
    [
        site.at_high_water.share_of(high_water),
        site.own_peak.share_of(high_water),
        site.live.share_of(totals.live),
        site.allocated.share_of(totals.allocated),
        site.temporary.share_of(totals.temporary),
        site.copied.share_of(totals.copied),
        Bytes(site.operation_time.0).share_of(Bytes(totals.operation_time.0)),
        Bytes(site.n_operations).share_of(Bytes(totals.n_operations)),
        Bytes(site.n_allocations).share_of(Bytes(totals.n_allocations)),
    ]
    .into_iter()
    .fold(0.0, f64::max)
}

/// Gives the sites their stacks, as far as they fit. Returns the stacks themselves and the number
/// of those that were left out, a stack counting once for each site.
fn add_stacks(snapshot: &Snapshot, sites: &mut [(usize, Site)], limit: usize) -> (Vec<Stack>, u64) {
    let mut candidates = Vec::new();
    for (to, &(place, _)) in sites.iter().enumerate() {
        for count in snapshot.sites[place].stacks.iter() {
            let totals = &snapshot.totals;
            let share = [
                count.at_high_water.share_of(totals.high_water),
                count.live.share_of(totals.live),
                count.bytes.share_of(totals.allocated),
                Bytes(count.n).share_of(Bytes(totals.n_allocations)),
            ]
            .into_iter()
            .fold(0.0, f64::max);
            candidates.push((share, to, count));
        }
    }
    // A stable sort: equal stacks stay in the order of their sites.
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0));

    let frames: HashMap<_, _> =
        snapshot.stacks.iter().map(|stack| (stack.id, &stack.frames)).collect();
    let mut stacks = BTreeMap::new();
    let mut n_bytes = 0;
    let mut n_cut = 0;
    for (_, to, count) in candidates {
        let site = &mut sites[to].1;
        let converted = SiteStack {
            stack: count.stack.0.into(),
            n: count.n,
            bytes: count.bytes.0,
            live_bytes: count.live.0,
            at_high_water_bytes: count.at_high_water.0,
        };
        let is_listed = stacks.contains_key(&count.stack);
        if n_bytes < limit
            && let Some(frames) = frames.get(&count.stack)
        {
            n_bytes += json_bytes(&converted);
            let stack = (!is_listed).then(|| Stack {
                id: count.stack.0.into(),
                frames: frames.iter().map(Frame::from).collect(),
            });
            n_bytes += stack.as_ref().map_or(0, json_bytes);
            if n_bytes <= limit {
                site.stacks.push(converted);
                stacks.extend(stack.map(|stack| (count.stack, stack)));
                continue;
            }
        }
        n_cut += 1;
        let cut = site.stacks_cut.get_or_insert_default();
        cut.n_stacks += 1;
        cut.n += converted.n;
        cut.bytes += converted.bytes;
        cut.live_bytes += converted.live_bytes;
        cut.at_high_water_bytes += converted.at_high_water_bytes;
    }
    for (_, site) in sites {
        site.stacks.sort_by_key(|count| std::cmp::Reverse((count.bytes, count.n)));
    }
    (stacks.into_values().collect(), n_cut)
}

fn convert_site(snapshot: &Snapshot, site: &model::Site, sources: &SourceLookup) -> Site {
    Site {
        id: site.id.0.into(),
        file: site.frame.file.to_string(),
        line: site.frame.line,
        function: site.frame.function.to_string(),
        source: sources.line(&site.frame.file, site.frame.line),
        is_user: site.is_user,
        pid: snapshot.process_of(site).map_or(0, |process| process.pid),
        process: site.process.0,
        first_at_ns: site.first_at.0,
        n_allocations: site.n_allocations,
        n_frees: site.n_frees,
        allocated_bytes: site.allocated.0,
        freed_bytes: site.freed.0,
        live_bytes: site.live.0,
        at_high_water_bytes: site.at_high_water.0,
        own_peak_bytes: site.own_peak.0,
        temporary_bytes: site.temporary.0,
        n_temporaries: site.n_temporaries,
        copied_bytes: Some(site.copied.0),
        n_copies: Some(site.n_copies),
        n_operations: Some(site.n_operations),
        operation_ns: Some(site.operation_time.0),
        lifetime_ns: site.lifetime.map(Quantiles::from),
        size_bytes: site.size.map(Quantiles::from),
        layouts: site.layouts.iter().take(MAX_LAYOUTS).map(Layout::from).collect(),
        stacks: Vec::new(),
        stacks_cut: None,
    }
}

fn convert_process(process: &model::Process, n_points: usize, n_threads: usize) -> Process {
    let hooks = process.hooks.iter().map(|hook| {
        let state = match &hook.state {
            HookState::On => "on".to_owned(),
            HookState::Off(reason) => format!("off: {reason}"),
        };
        (hook.name.to_string(), state)
    });
    let (threads, threads_cut) = cut_threads(&process.threads, n_threads);
    Process {
        pid: process.pid,
        parent_pid: process.parent_pid,
        argv: process.argv.to_vec(),
        python: process.python.as_deref().map(str::to_owned),
        numpy: process.numpy.as_deref().map(str::to_owned),
        hooks: hooks.collect(),
        notices: process.notices.to_vec(),
        started_ns: process.started.0,
        ended_ns: process.ended.map(|at| at.0),
        exit: process.exit.into(),
        totals: (&process.totals).into(),
        timeline: timeline(&process.timeline, n_points),
        threads,
        threads_cut,
    }
}

fn cut_threads(threads: &[model::Thread], limit: usize) -> (Vec<Thread>, Option<ThreadsCut>) {
    let mut order: Vec<usize> = (0..threads.len()).collect();
    order.sort_by_key(|&place| std::cmp::Reverse(threads[place].allocated));
    let left_out = order.split_off(limit.min(order.len()));
    order.sort_unstable();
    let kept = order.into_iter().map(|place| {
        let thread = &threads[place];
        Thread {
            id: thread.native_id,
            name: thread.name.to_string(),
            n_allocations: thread.n_allocations,
            allocated_bytes: thread.allocated.0,
        }
    });
    let cut = (!left_out.is_empty()).then(|| ThreadsCut {
        n_threads: left_out.len() as u64,
        n_allocations: left_out.iter().map(|&place| threads[place].n_allocations).sum(),
        allocated_bytes: left_out.iter().map(|&place| threads[place].allocated.0).sum(),
    });
    (kept.collect(), cut)
}

/// At most `limit` points; neighbours are merged into one that covers the time of both.
fn timeline(points: &[model::TimelinePoint], limit: usize) -> Vec<TimelinePoint> {
    let group = points.len().div_ceil(limit.max(1)).max(1);
    let merged = points.chunks(group).filter_map(|points| {
        let last = points.last()?;
        Some(TimelinePoint {
            at_ns: last.at.0,
            live_bytes: last.live.0,
            peak_bytes: points.iter().map(|point| point.peak.0).max()?,
            rss_bytes: last.rss.0,
            allocated_bytes: points.iter().map(|point| point.allocated.0).sum(),
            copied_bytes: Some(points.iter().map(|point| point.copied.0).sum()),
        })
    });
    merged.collect()
}

/// Bytes that `value` takes in the file, with the separator behind it.
pub(super) fn json_bytes<T: serde::Serialize>(value: &T) -> usize {
    struct Counter(usize);
    impl io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(4);
    // Counting cannot fail.
    let _ = serde_json::to_writer(&mut counter, value);
    counter.0
}

impl From<model::Exit> for Exit {
    fn from(exit: model::Exit) -> Self {
        match exit {
            model::Exit::Code(code) => Self::Code { code },
            model::Exit::Signal(signal) => {
                Self::Signal { signal, name: model::Exit::signal_name(signal).map(str::to_owned) }
            }
            model::Exit::Running => Self::State { state: ExitState::Running },
            model::Exit::Replaced => Self::State { state: ExitState::Replaced },
            model::Exit::Unknown => Self::State { state: ExitState::Unknown },
        }
    }
}

impl From<&model::Totals> for Totals {
    fn from(totals: &model::Totals) -> Self {
        Self {
            n_allocations: totals.n_allocations,
            n_frees: totals.n_frees,
            allocated_bytes: totals.allocated.0,
            freed_bytes: totals.freed.0,
            live_bytes: totals.live.0,
            high_water_bytes: totals.high_water.0,
            high_water_at_ns: totals.high_water_at.0,
            temporary_bytes: totals.temporary.0,
            n_temporaries: totals.n_temporaries,
            inherited_bytes: totals.inherited.0,
            n_inherited: totals.n_inherited,
            copied_bytes: Some(totals.copied.0),
            n_copies: Some(totals.n_copies),
            n_operations: Some(totals.n_operations),
            operation_ns: Some(totals.operation_time.0),
            n_dropped: totals.n_dropped,
            rss_high_water_bytes: totals.rss_high_water.0,
        }
    }
}

impl From<&model::Frame> for Frame {
    fn from(frame: &model::Frame) -> Self {
        Self {
            file: frame.file.to_string(),
            line: frame.line,
            function: frame.function.to_string(),
        }
    }
}

impl From<model::Quantiles> for Quantiles {
    fn from(quantiles: model::Quantiles) -> Self {
        let model::Quantiles { p50, p90, p99, max } = quantiles;
        Self { p50, p90, p99, max }
    }
}

impl From<&model::LayoutCount> for Layout {
    fn from(count: &model::LayoutCount) -> Self {
        let layout = &count.layout;
        Self {
            shape: layout.shape.to_vec(),
            dtype: layout.dtype.to_string(),
            order: layout.order.as_str().to_owned(),
            strides: layout.strides.to_vec(),
            itemsize: layout.itemsize,
            n: count.n,
            bytes: count.bytes.0,
            at_high_water_bytes: count.at_high_water.0,
        }
    }
}
