//! Snapshots: what is known at a moment, in the words of the model.

use std::sync::Arc;

use npprof_model::{
    ArrayLayout, Bytes, CallStack, Frame, LayoutCount, Nanos, OperationStats, Order, Pattern,
    Process, ProcessIndex, Site, SiteDetail, SiteId, Snapshot, SourceText, StackCount, StackId,
    Thread, Totals,
};
use npprof_wire::record::Order as WireOrder;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::aggregate::Sums;
use crate::aggregate::layouts::Told;
use crate::aggregate::operations::{SiteSums, Summary};
use crate::aggregate::sites::Place;
use crate::define::Definitions;
use crate::session::Session;
use crate::tree::Tree;

const MAX_LAYOUTS: usize = 8;
/// Operations of a process in a snapshot that is not the last one.
const MAX_OPERATIONS: usize = 400;

/// Whether call stacks are wanted, which takes time and memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    Sites,
    Stacks,
}

/// The state of the run.
pub(crate) fn snapshot(tree: &mut Tree, detail: Detail) -> Snapshot {
    tree.learn_exits();
    tree.forget_mere_forks();
    for session in &mut tree.sessions {
        session.look_at_header();
        session.look_at_counters(tree.now_ns);
    }
    let (mut sites, mut stacks) = (Vec::new(), Vec::new());
    let (mut operations, mut patterns) = (Vec::new(), Vec::new());
    let mut sums = Vec::new();
    for (place, session) in tree.sessions.iter_mut().enumerate() {
        let process = ProcessIndex(u32::try_from(place).unwrap_or(u32::MAX));
        // Before sites get their identifiers: an operation may be the first that happens at one.
        let max = if detail == Detail::Stacks { usize::MAX } else { MAX_OPERATIONS };
        let summary = session.aggregate.operations(max);
        let seen = session.aggregate.patterns();
        while session.site_ids.len() < session.aggregate.sites.all().len() {
            session.site_ids.push(tree.n_sites);
            tree.n_sites = tree.n_sites.saturating_add(1);
        }
        let (counts, stack_ids) = match detail {
            Detail::Sites => Default::default(),
            Detail::Stacks => call_stacks(session, &seen, &mut stacks),
        };
        let oldest = (detail == Detail::Stacks).then(|| session.aggregate.oldest_blocks());
        let Summary { all, by_site, operations: stats } = summary;
        sums.push(all);
        let is_named = named(&seen, session.site_ids.len());
        let details = SiteDetails { stacks: counts, by_site, is_named, oldest };
        add_sites(session, process, tree.origin_ns, details, &mut sites);
        let id = |site| identified(site, &session.site_ids);
        operations.extend(stats.into_iter().map(|it| OperationStats { site: id(it.site), ..it }));
        let of_stack = |stack| stack_ids.get(&stack).copied();
        patterns.extend(seen.into_iter().map(|pattern| with_identifiers(pattern, id, of_stack)));
    }
    let processes: Arc<[Process]> = tree
        .sessions
        .iter()
        .zip(sums)
        .map(|(it, sums)| process(it, sums, tree.origin_ns))
        .collect();
    Snapshot {
        command: tree.options.command.clone().into(),
        cwd: tree.options.cwd.as_str().into(),
        host: tree.options.host.as_str().into(),
        started: Some(tree.started),
        elapsed: Nanos(tree.now_ns.saturating_sub(tree.origin_ns)),
        state: tree.state(),
        incomplete: incomplete(tree),
        totals: tree_totals(tree, &processes),
        timeline: tree.timeline(),
        processes,
        sites: sites.into(),
        stacks: stacks.into(),
        operations: operations.into(),
        patterns: patterns.into(),
        sources: sources(tree),
    }
}

/// Texts that only the processes have; the same as before if nothing has come since.
fn sources(tree: &mut Tree) -> Arc<[SourceText]> {
    let all = || tree.sessions.iter().map(|session| &session.aggregate.definitions);
    let n_bytes = all().map(Definitions::n_source_bytes).sum();
    if tree.sources.0 != n_bytes {
        // A forked child has those of its parent.
        let mut files = FxHashSet::default();
        let told = all().flat_map(Definitions::sources);
        let told = told.filter(|source| files.insert(Arc::clone(&source.file))).collect();
        tree.sources = (n_bytes, told);
    }
    Arc::clone(&tree.sources.1)
}

fn incomplete(tree: &Tree) -> Arc<[String]> {
    let mut flaws = tree.flaws.clone();
    let has_one = tree.sessions.len() == 1;
    for session in &tree.sessions {
        let lost =
            (session.n_dropped > 0).then(|| format!("{} events were lost", session.n_dropped));
        for flaw in session.flaws.iter().cloned().chain(lost) {
            flaws.push(if has_one {
                flaw
            } else {
                format!("process {}: {flaw}", session.hello.pid)
            });
        }
    }
    flaws.into()
}

fn tree_totals(tree: &Tree, processes: &[Process]) -> Totals {
    let mut totals = Totals {
        live: Bytes(tree.sums.live),
        high_water: Bytes(tree.sums.high_water),
        high_water_at: Nanos(tree.sums.high_water_ns.saturating_sub(tree.origin_ns)),
        rss: Bytes(tree.sums.rss),
        rss_high_water: Bytes(tree.sums.rss_high_water),
        ..Totals::default()
    };
    let add = |to: &mut Bytes, bytes: Bytes| *to = Bytes(to.0.saturating_add(bytes.0));
    for process in processes {
        let part = &process.totals;
        totals.n_allocations = totals.n_allocations.saturating_add(part.n_allocations);
        totals.n_frees = totals.n_frees.saturating_add(part.n_frees);
        totals.n_temporaries = totals.n_temporaries.saturating_add(part.n_temporaries);
        totals.n_dropped = totals.n_dropped.saturating_add(part.n_dropped);
        add(&mut totals.allocated, part.allocated);
        add(&mut totals.freed, part.freed);
        add(&mut totals.temporary, part.temporary);
        add(&mut totals.copied, part.copied);
        totals.n_copies = totals.n_copies.saturating_add(part.n_copies);
        totals.n_operations = totals.n_operations.saturating_add(part.n_operations);
        let time = totals.operation_time.0.saturating_add(part.operation_time.0);
        totals.operation_time = Nanos(time);
        totals.rss_high_water = totals.rss_high_water.max(part.rss_high_water);
    }
    totals
}

fn process(session: &Session, operations: SiteSums, origin_ns: u64) -> Process {
    let since = |at_ns: u64| Nanos(at_ns.saturating_sub(origin_ns));
    let aggregate = &session.aggregate;
    let facts = &aggregate.definitions.facts;
    let threads = aggregate.threads.used().into_iter().map(|thread| Thread {
        native_id: thread.native_id,
        name: Arc::clone(&thread.name),
        n_allocations: thread.n_allocations,
        allocated: Bytes(thread.allocated),
    });
    Process {
        pid: session.hello.pid,
        parent_pid: session.hello.parent_pid,
        argv: session.argv.clone().into(),
        python: facts.python.clone(),
        numpy: facts.numpy.clone(),
        hooks: facts.hooks.clone().into(),
        notices: facts.notices.clone().into(),
        started: since(session.started_ns),
        ended: session.ended_ns.map(since),
        exit: session.exit(),
        totals: Totals {
            n_dropped: session.n_dropped,
            rss: Bytes(session.resident.now),
            rss_high_water: Bytes(session.resident.high_water),
            copied: Bytes(operations.copied),
            n_copies: operations.n_copies,
            n_operations: operations.n_operations,
            operation_time: Nanos(operations.time_ns),
            ..totals(&aggregate.sums, origin_ns)
        },
        timeline: aggregate.timeline(),
        threads: threads.collect(),
    }
}

fn totals(sums: &Sums, origin_ns: u64) -> Totals {
    Totals {
        n_allocations: sums.n_allocations,
        n_frees: sums.n_frees,
        allocated: Bytes(sums.allocated),
        freed: Bytes(sums.freed),
        live: Bytes(sums.live),
        high_water: Bytes(sums.high_water),
        high_water_at: Nanos(sums.high_water_ns.saturating_sub(origin_ns)),
        temporary: Bytes(sums.temporary),
        n_temporaries: sums.n_temporaries,
        inherited: Bytes(sums.inherited),
        n_inherited: sums.n_inherited,
        ..Totals::default()
    }
}

/// The call stacks that allocated, by site of their process, and the identifiers of these and of
/// those that patterns name.
fn call_stacks(
    session: &mut Session,
    patterns: &[Pattern],
    to: &mut Vec<CallStack>,
) -> (Vec<Vec<StackCount>>, FxHashMap<StackId, StackId>) {
    let aggregate = &mut session.aggregate;
    let mark = aggregate.mark();
    let mut by_site = vec![Vec::new(); aggregate.sites.all().len()];
    let is_named: FxHashSet<StackId> = patterns.iter().filter_map(|it| it.stack).collect();
    let mut ids = FxHashMap::default();
    for number in 0..aggregate.stacks.len() {
        let stack = &aggregate.stacks[number];
        let Some(counts) = by_site.get_mut(stack.site as usize) else {
            continue;
        };
        let id = StackId(u32::try_from(to.len()).unwrap_or(u32::MAX));
        let count = StackCount {
            stack: id,
            n: stack.n,
            bytes: Bytes(stack.bytes),
            live: Bytes(stack.held.live()),
            at_high_water: Bytes(stack.held.at_high_water(mark)),
        };
        let number = u32::try_from(number).unwrap_or(0);
        if count.n > 0 || count.live.0 > 0 || count.at_high_water.0 > 0 {
            counts.push(count);
        } else if !is_named.contains(&StackId(number)) {
            continue;
        }
        ids.insert(StackId(number), id);
        let places = aggregate.frames(number);
        let frames = places.iter().map(|place| frame(&aggregate.definitions, place)).collect();
        to.push(CallStack { id, frames });
    }
    for counts in &mut by_site {
        counts.sort_by_key(|count| std::cmp::Reverse(count.bytes));
    }
    (by_site, ids)
}

/// What is known of sites beside their allocations, each by the number of the site.
struct SiteDetails {
    stacks: Vec<Vec<StackCount>>,
    by_site: Vec<SiteSums>,
    /// A pattern names it.
    is_named: Vec<bool>,
    /// When the oldest block that is alive was made; for full snapshots.
    oldest: Option<Vec<Option<u64>>>,
}

/// The identifier of a site that is given by its number.
fn identified(site: SiteId, ids: &[u32]) -> SiteId {
    SiteId(ids.get(site.0 as usize).copied().unwrap_or(u32::MAX))
}

fn with_identifiers(
    pattern: Pattern,
    id: impl Fn(SiteId) -> SiteId,
    of_stack: impl Fn(StackId) -> Option<StackId>,
) -> Pattern {
    let related = pattern.related.iter().map(|&(role, site)| (role, id(site))).collect();
    let stack = pattern.stack.and_then(of_stack);
    Pattern { site: id(pattern.site), stack, related, ..pattern }
}

/// Which of so many sites patterns name.
fn named(patterns: &[Pattern], n_sites: usize) -> Vec<bool> {
    let mut is_named = vec![false; n_sites];
    for pattern in patterns {
        let related = pattern.related.iter().map(|&(_, site)| site);
        for site in related.chain([pattern.site]) {
            if let Some(is_named) = is_named.get_mut(site.0 as usize) {
                *is_named = true;
            }
        }
    }
    is_named
}

fn add_sites(
    session: &mut Session,
    process: ProcessIndex,
    origin_ns: u64,
    details: SiteDetails,
    to: &mut Vec<Site>,
) {
    let aggregate = &mut session.aggregate;
    let mark = aggregate.mark();
    let definitions = &aggregate.definitions;
    let mut operations = details.by_site.into_iter();
    let mut stacks = details.stacks.into_iter();
    let oldest = details.oldest;
    let sites = aggregate.sites.all_mut().iter_mut().zip(&session.site_ids);
    for (number, ((site, &id), is_named)) in sites.zip(details.is_named).enumerate() {
        let stacks = stacks.next().unwrap_or_default();
        let sums = operations.next().unwrap_or_default();
        if !(site.is_used() || sums.n_operations > 0 || is_named) {
            continue;
        }
        let layouts = site.layouts.top(mark, MAX_LAYOUTS).into_iter().map(|counted| LayoutCount {
            layout: layout(definitions, &counted),
            n: counted.n,
            bytes: Bytes(counted.bytes),
            at_high_water: Bytes(counted.held.at_high_water(mark)),
        });
        to.push(Site {
            id: SiteId(id),
            process,
            frame: frame(definitions, &site.place),
            is_user: site.is_user,
            n_allocations: site.n_allocations,
            n_frees: site.n_frees,
            allocated: Bytes(site.allocated),
            freed: Bytes(site.freed),
            live: Bytes(site.held.live()),
            at_high_water: Bytes(site.held.at_high_water(mark)),
            own_peak: Bytes(site.own_peak),
            temporary: Bytes(site.temporary),
            n_temporaries: site.n_temporaries,
            layouts: layouts.collect(),
            lifetime: site.lifetimes_ns.quantiles(),
            size: site.sizes.quantiles(),
            stacks: stacks.into(),
            copied: Bytes(sums.copied),
            n_copies: sums.n_copies,
            n_operations: sums.n_operations,
            operation_time: Nanos(sums.time_ns),
            first_at: Nanos(site.first_ns.saturating_sub(origin_ns)),
            detail: oldest.as_ref().map(|oldest| {
                let birth_ns = oldest.get(number).copied().flatten();
                Arc::new(SiteDetail {
                    sizes: site.sizes.buckets().into(),
                    lifetimes: site.lifetimes_ns.buckets().into(),
                    oldest: birth_ns.map(|it| Nanos(it.saturating_sub(origin_ns))),
                })
            }),
        });
    }
}

fn frame(definitions: &Definitions, place: &Place) -> Frame {
    let strings = &definitions.strings;
    Frame { file: strings.get(place.file), line: place.line, function: strings.get(place.function) }
}

fn layout(definitions: &Definitions, counted: &Told<'_>) -> ArrayLayout {
    let order = match counted.order {
        WireOrder::Scratch => Order::Scratch,
        WireOrder::C => Order::C,
        WireOrder::F => Order::F,
        WireOrder::Strided => Order::Strided,
    };
    let dtype = definitions.dtype(counted.dtype);
    let itemsize = dtype.map_or(0, |dtype| dtype.itemsize);
    let name = dtype.map_or_else(|| "unknown".into(), |dtype| Arc::clone(&dtype.name));
    let shape: Arc<[u64]> = if order == Order::Scratch {
        [counted.size].into()
    } else if counted.is_flat {
        // Of items without a size there may be any number.
        [counted.size.checked_div(itemsize).unwrap_or(0)].into()
    } else {
        counted.shape().into()
    };
    let strides: Arc<[i64]> = match order {
        Order::Scratch => [].into(),
        Order::Strided => counted.strides().iter().map(|stride| stride.cast_signed()).collect(),
        Order::C | Order::F => ArrayLayout::dense_strides(&shape, itemsize, order).into(),
    };
    ArrayLayout { shape, dtype: name, itemsize, strides, order }
}
