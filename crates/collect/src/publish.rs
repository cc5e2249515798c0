//! Snapshots: what is known at a moment, in the words of the model.

use std::sync::Arc;

use npprof_model::{
    ArrayLayout, Bytes, CallStack, Frame, LayoutCount, Nanos, Order, Process, ProcessIndex, Site,
    SiteId, Snapshot, StackCount, StackId, Thread, Totals,
};
use npprof_wire::record::Order as WireOrder;

use crate::aggregate::Sums;
use crate::aggregate::layouts::Counted;
use crate::aggregate::sites::Place;
use crate::define::Definitions;
use crate::session::Session;
use crate::tree::Tree;

const MAX_LAYOUTS: usize = 8;

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
    tree.sessions.iter_mut().for_each(Session::look_at_header);
    let (mut sites, mut stacks) = (Vec::new(), Vec::new());
    for (place, session) in tree.sessions.iter_mut().enumerate() {
        let process = ProcessIndex(u32::try_from(place).unwrap_or(u32::MAX));
        while session.site_ids.len() < session.aggregate.sites.all().len() {
            session.site_ids.push(tree.n_sites);
            tree.n_sites = tree.n_sites.saturating_add(1);
        }
        let mut counts = match detail {
            Detail::Sites => Vec::new(),
            Detail::Stacks => call_stacks(session, &mut stacks),
        };
        add_sites(session, process, tree.origin_ns, &mut counts, &mut sites);
    }
    let processes: Arc<[Process]> =
        tree.sessions.iter().map(|session| process(session, tree.origin_ns)).collect();
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
    }
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
        totals.rss_high_water = totals.rss_high_water.max(part.rss_high_water);
    }
    totals
}

fn process(session: &Session, origin_ns: u64) -> Process {
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

/// The call stacks that allocated, by site of their process.
fn call_stacks(session: &mut Session, to: &mut Vec<CallStack>) -> Vec<Vec<StackCount>> {
    let aggregate = &mut session.aggregate;
    let mark = aggregate.mark();
    let mut by_site = vec![Vec::new(); aggregate.sites.all().len()];
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
        if count.n == 0 && count.live.0 == 0 && count.at_high_water.0 == 0 {
            continue;
        }
        counts.push(count);
        let places = aggregate.frames(u32::try_from(number).unwrap_or(0));
        let frames = places.iter().map(|place| frame(&aggregate.definitions, place)).collect();
        to.push(CallStack { id, frames });
    }
    for counts in &mut by_site {
        counts.sort_by_key(|count| std::cmp::Reverse(count.bytes));
    }
    by_site
}

fn add_sites(
    session: &mut Session,
    process: ProcessIndex,
    origin_ns: u64,
    stacks: &mut Vec<Vec<StackCount>>,
    to: &mut Vec<Site>,
) {
    let aggregate = &mut session.aggregate;
    let mark = aggregate.mark();
    let definitions = &aggregate.definitions;
    let mut stacks = std::mem::take(stacks).into_iter();
    for (site, &id) in aggregate.sites.all_mut().iter_mut().zip(&session.site_ids) {
        let stacks = stacks.next().unwrap_or_default();
        if !site.is_used() {
            continue;
        }
        let layouts = site.layouts.top(mark, MAX_LAYOUTS).into_iter().map(|counted| LayoutCount {
            layout: layout(definitions, counted),
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
            first_at: Nanos(site.first_ns.saturating_sub(origin_ns)),
        });
    }
}

fn frame(definitions: &Definitions, place: &Place) -> Frame {
    let strings = &definitions.strings;
    Frame { file: strings.get(place.file), line: place.line, function: strings.get(place.function) }
}

fn layout(definitions: &Definitions, counted: &Counted) -> ArrayLayout {
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
