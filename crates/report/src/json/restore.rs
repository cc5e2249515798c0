//! Report → snapshot and findings: for screens that show a run again, be it from a file or from
//! another process.
//!
//! Any report gives a snapshot, however little it makes sense: what a report does not say is zero
//! or empty, and what this npprof does not know is left out.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::SystemTime;

use npprof_findings as findings;
use npprof_model as model;
use npprof_model::{Bytes, Nanos};
use serde_json::Value;

use super::finding::Finding;
use super::operation::{Operand, Operation};
use super::types::{
    Exit, ExitState, Frame, Layout, Process, Quantiles, Report, Site, Stack, Thread, TimelinePoint,
    Totals,
};

/// Names of kinds and facts that this npprof does not know are remembered, up to this many.
const MAX_NAMES: usize = 1000;
/// Characters of a name that are kept.
const MAX_NAME: usize = 80;
/// Stands for those beyond.
const OTHER_NAME: &str = "other";

impl Report {
    /// The run as a snapshot. It has no patterns, which stand in the report as findings.
    #[must_use]
    pub fn to_snapshot(&self) -> model::Snapshot {
        let processes: Arc<[model::Process]> = self.processes.iter().map(process).collect();
        let exit = exit(&self.exit);
        let timeline = timeline(&self.timeline);
        let has_numpy = processes.iter().any(|process| process.numpy.is_some());
        let state = match exit {
            model::Exit::Running if has_numpy => model::RunState::Running,
            model::Exit::Running => model::RunState::Starting,
            exit => model::RunState::Ended(exit),
        };
        model::Snapshot {
            command: self.command.clone().into(),
            cwd: self.cwd.as_str().into(),
            host: self.host.as_str().into(),
            started: self.started.as_deref().and_then(time),
            elapsed: Nanos(self.elapsed_ns),
            state,
            incomplete: self.incomplete_because.iter().cloned().collect(),
            totals: totals(&self.totals, exit, &timeline),
            timeline,
            sites: self.sites.iter().map(|it| site(it, &self.processes)).collect(),
            stacks: self.stacks.iter().map(stack).collect(),
            operations: self.operations.iter().map(operation).collect(),
            patterns: Arc::default(),
            sources: Arc::default(),
            processes,
        }
    }

    /// The findings, as the report has them and in its order.
    #[must_use]
    pub fn to_findings(&self) -> Vec<findings::Finding> {
        self.findings.iter().map(|it| finding(it, &self.sites)).collect()
    }
}

/// Numbers in a report may be larger than any of npprof's own; such ones name nothing.
fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn time(text: &str) -> Option<SystemTime> {
    text.parse::<jiff::Timestamp>().ok().map(SystemTime::from)
}

fn exit(exit: &Exit) -> model::Exit {
    match *exit {
        Exit::Code { code } => model::Exit::Code(code),
        Exit::Signal { signal, .. } => model::Exit::Signal(signal),
        Exit::State { state: ExitState::Running } => model::Exit::Running,
        Exit::State { state: ExitState::Replaced } => model::Exit::Replaced,
        Exit::State { state: ExitState::Unknown } => model::Exit::Unknown,
    }
}

fn totals(from: &Totals, exit: model::Exit, timeline: &[model::TimelinePoint]) -> model::Totals {
    let is_running = exit == model::Exit::Running;
    model::Totals {
        n_allocations: from.n_allocations,
        n_frees: from.n_frees,
        allocated: Bytes(from.allocated_bytes),
        freed: Bytes(from.freed_bytes),
        live: Bytes(from.live_bytes),
        high_water: Bytes(from.high_water_bytes),
        high_water_at: Nanos(from.high_water_at_ns),
        temporary: Bytes(from.temporary_bytes),
        n_temporaries: from.n_temporaries,
        copied: Bytes(from.copied_bytes.unwrap_or(0)),
        n_copies: from.n_copies.unwrap_or(0),
        n_operations: from.n_operations.unwrap_or(0),
        operation_time: Nanos(from.operation_ns.unwrap_or(0)),
        inherited: Bytes(from.inherited_bytes),
        n_inherited: from.n_inherited,
        n_dropped: from.n_dropped,
        rss_high_water: Bytes(from.rss_high_water_bytes),
        rss: timeline.last().map_or(Bytes(0), |last| if is_running { last.rss } else { Bytes(0) }),
    }
}

fn timeline(points: &[TimelinePoint]) -> Arc<[model::TimelinePoint]> {
    let point = |from: &TimelinePoint| model::TimelinePoint {
        at: Nanos(from.at_ns),
        live: Bytes(from.live_bytes),
        peak: Bytes(from.peak_bytes),
        rss: Bytes(from.rss_bytes),
        allocated: Bytes(from.allocated_bytes),
        copied: Bytes(from.copied_bytes.unwrap_or(0)),
    };
    points.iter().map(point).collect()
}

fn process(from: &Process) -> model::Process {
    let hooks = from.hooks.iter().map(|(name, state)| model::Hook {
        name: name.as_str().into(),
        state: match state.strip_prefix("off: ") {
            Some(reason) => model::HookState::Off(reason.into()),
            None => model::HookState::On,
        },
    });
    let threads = from.threads.iter().map(|thread: &Thread| model::Thread {
        native_id: thread.id,
        name: thread.name.as_str().into(),
        n_allocations: thread.n_allocations,
        allocated: Bytes(thread.allocated_bytes),
    });
    let exit = exit(&from.exit);
    let timeline = timeline(&from.timeline);
    model::Process {
        pid: from.pid,
        parent_pid: from.parent_pid,
        argv: from.argv.clone().into(),
        python: from.python.as_deref().map(Arc::from),
        numpy: from.numpy.as_deref().map(Arc::from),
        hooks: hooks.collect(),
        notices: from.notices.clone().into(),
        started: Nanos(from.started_ns),
        ended: from.ended_ns.map(Nanos),
        exit,
        totals: totals(&from.totals, exit, &timeline),
        timeline,
        threads: threads.collect(),
    }
}

fn frame(from: &Frame) -> model::Frame {
    model::Frame {
        file: from.file.as_str().into(),
        line: from.line,
        function: from.function.as_str().into(),
    }
}

fn stack(from: &Stack) -> model::CallStack {
    let frames = from.frames.iter().map(frame).collect();
    model::CallStack { id: model::StackId(small(from.id)), frames }
}

fn site(from: &Site, processes: &[Process]) -> model::Site {
    // Reports of the first versions have process ids only.
    let named = processes.get(from.process as usize).filter(|process| process.pid == from.pid);
    let place = match named {
        Some(_) => from.process,
        None => processes
            .iter()
            .position(|process| process.pid == from.pid)
            .map_or(from.process, |place| small(place as u64)),
    };
    let quantiles = |from: Quantiles| model::Quantiles {
        p50: from.p50,
        p90: from.p90,
        p99: from.p99,
        max: from.max,
    };
    let stacks = from.stacks.iter().map(|count| model::StackCount {
        stack: model::StackId(small(count.stack)),
        n: count.n,
        bytes: Bytes(count.bytes),
        live: Bytes(count.live_bytes),
        at_high_water: Bytes(count.at_high_water_bytes),
    });
    model::Site {
        id: model::SiteId(small(from.id)),
        process: model::ProcessIndex(place),
        frame: model::Frame {
            file: from.file.as_str().into(),
            line: from.line,
            function: from.function.as_str().into(),
        },
        is_user: from.is_user,
        n_allocations: from.n_allocations,
        n_frees: from.n_frees,
        allocated: Bytes(from.allocated_bytes),
        freed: Bytes(from.freed_bytes),
        live: Bytes(from.live_bytes),
        at_high_water: Bytes(from.at_high_water_bytes),
        own_peak: Bytes(from.own_peak_bytes),
        temporary: Bytes(from.temporary_bytes),
        n_temporaries: from.n_temporaries,
        copied: Bytes(from.copied_bytes.unwrap_or(0)),
        n_copies: from.n_copies.unwrap_or(0),
        n_operations: from.n_operations.unwrap_or(0),
        operation_time: Nanos(from.operation_ns.unwrap_or(0)),
        lifetime: from.lifetime_ns.map(quantiles),
        size: from.size_bytes.map(quantiles),
        layouts: from.layouts.iter().map(layout).collect(),
        stacks: stacks.collect(),
        first_at: Nanos(from.first_at_ns),
        // Only a running session has distributions.
        detail: None,
    }
}

fn order(name: &str) -> model::Order {
    let known = model::Order::ALL.into_iter().find(|order| order.as_str() == name);
    known.unwrap_or(model::Order::Strided)
}

fn layout(from: &Layout) -> model::LayoutCount {
    model::LayoutCount {
        layout: model::ArrayLayout {
            shape: from.shape.as_slice().into(),
            dtype: from.dtype.as_str().into(),
            itemsize: from.itemsize,
            strides: from.strides.as_slice().into(),
            order: order(&from.order),
        },
        n: from.n,
        bytes: Bytes(from.bytes),
        at_high_water: Bytes(from.at_high_water_bytes),
    }
}

fn operand(from: &Operand) -> model::OperandCount {
    let role = match from.role.as_str() {
        "out" => model::OperandRole::Output,
        "result" => model::OperandRole::Result,
        "index" => model::OperandRole::Index,
        _ => model::OperandRole::Input,
    };
    let layout = model::ArrayLayout {
        shape: from.shape.as_slice().into(),
        dtype: from.dtype.as_str().into(),
        itemsize: from.itemsize,
        strides: from.strides.as_slice().into(),
        order: order(&from.order),
    };
    let operand = model::Operand { layout, role, inner_stride: from.inner_stride_bytes };
    model::OperandCount { operand, n: from.n }
}

fn operation(from: &Operation) -> model::OperationStats {
    let known = |name: &str| model::CopyReason::ALL.into_iter().find(|it| it.as_str() == name);
    let mut reasons: Vec<(model::CopyReason, Bytes)> = from
        .copy_reasons
        .iter()
        .filter_map(|(name, &bytes)| Some((known(name)?, Bytes(bytes))))
        .collect();
    reasons.sort_by_key(|&(_, bytes)| std::cmp::Reverse(bytes));
    // The report has the speed, rounded down.
    let timed = u128::from(from.bytes_per_s.unwrap_or(0)) * u128::from(from.ns);
    let timed = u64::try_from(timed.div_ceil(1_000_000_000)).unwrap_or(u64::MAX);
    model::OperationStats {
        site: model::SiteId(small(from.site)),
        name: from.name.as_str().into(),
        n: from.n,
        time: Nanos(from.ns),
        n_timed: from.n_timed,
        read: Bytes(from.read_bytes),
        written: Bytes(from.written_bytes),
        timed: Bytes(timed),
        copied: Bytes(from.copied_bytes),
        n_copies: from.n_copies,
        copy_reasons: reasons.into(),
        hidden_temporary: Bytes(from.hidden_temporary_bytes),
        n_scalars: from.n_scalars,
        operands: from.operands.iter().map(operand).collect(),
    }
}

fn finding(from: &Finding, sites: &[Site]) -> findings::Finding {
    let severity = findings::Severity::ALL.into_iter().find(|it| it.as_str() == from.severity);
    let role = |name: &str| model::SiteRole::ALL.into_iter().find(|it| it.as_str() == name);
    let related = from.related.iter().filter_map(|it| {
        let frame = model::Frame {
            file: it.file.as_str().into(),
            line: it.line,
            function: it.function.as_str().into(),
        };
        Some(findings::Related { role: role(&it.role)?, frame })
    });
    let is_here = |site: &&Site| {
        site.line == from.site.line
            && site.file == from.site.file
            && site.function == from.site.function
            && (from.processes.is_empty() || from.processes.contains(&site.pid))
    };
    let saves = from.saves;
    findings::Finding {
        kind: findings::rule(&from.kind).map_or_else(|| name(&from.kind), |rule| rule.kind),
        severity: severity.unwrap_or(findings::Severity::Warning),
        site: frame(&from.site),
        sites: sites.iter().filter(is_here).map(|it| model::SiteId(small(it.id))).collect(),
        source: from.source.clone(),
        related: related.collect(),
        n: from.count,
        bytes: Bytes(from.bytes),
        time: Nanos(from.ns),
        evidence: from.evidence.iter().map(|(of, fact)| (name(of), value(fact))).collect(),
        message: from.message.clone(),
        why: from.why.clone(),
        fix: from.fix.clone(),
        saves: model::Saves {
            high_water: saves.high_water_bytes.map(Bytes),
            allocated: saves.allocated_bytes.map(Bytes),
            copied: saves.copied_bytes.map(Bytes),
            time: saves.ns.map(Nanos),
        },
        processes: from.processes.clone(),
    }
}

fn value(fact: &Value) -> findings::Value {
    match fact {
        Value::Null => findings::Value::Ratio(f64::NAN),
        Value::Bool(is) => findings::Value::Text(is.to_string()),
        Value::Number(number) => {
            let count = number.as_u64().map(findings::Value::Count);
            let signed = || number.as_i64().map(findings::Value::Signed);
            let ratio = || findings::Value::Ratio(number.as_f64().unwrap_or(f64::NAN));
            count.or_else(signed).unwrap_or_else(ratio)
        }
        Value::String(text) => findings::Value::Text(text.clone()),
        Value::Array(facts) => findings::Value::List(facts.iter().map(value).collect()),
        Value::Object(_) => findings::Value::Text(fact.to_string()),
    }
}

/// Names of kinds and facts are part of npprof, not of a run: there are few of them, and each is
/// kept for good when it is first met.
fn name(name: &str) -> &'static str {
    static NAMES: LazyLock<Mutex<HashSet<&'static str>>> = LazyLock::new(Mutex::default);
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    let name: String = name.chars().take(MAX_NAME).collect();
    if let Some(known) = names.get(name.as_str()) {
        return known;
    }
    if names.len() >= MAX_NAMES {
        return OTHER_NAME;
    }
    let kept: &'static str = name.leak();
    names.insert(kept);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SourceLookup, example};

    /// What the JSON holds comes back, so that the screens show of a report what they showed of the
    /// run.
    #[test]
    fn a_report_gives_the_snapshot_that_it_was_made_from() {
        let report = example::report();
        let before = example::snapshot();
        let mut after = report.to_snapshot();
        assert!(after.patterns.is_empty());
        after.patterns = Arc::clone(&before.patterns);
        // Only the speed is in the report, not the bytes.
        for (is, was) in after.operations.iter().zip(before.operations.iter()) {
            assert!(is.timed.0.abs_diff(was.timed.0) <= is.time.0.div_ceil(1_000_000_000));
        }
        after.operations = Arc::clone(&before.operations);
        let sorted = |mut sites: Vec<model::Site>| {
            sites.sort_by_key(|site| site.id);
            sites
        };
        assert_eq!(sorted(after.sites.to_vec()), sorted(before.sites.to_vec()));
        after.sites = Arc::clone(&before.sites);
        let mut hooks = [after.processes[0].hooks.to_vec(), before.processes[0].hooks.to_vec()];
        for hooks in &mut hooks {
            hooks.sort_by_key(|hook| hook.name.to_string());
        }
        assert_eq!(hooks[0], hooks[1]);
        after.processes = Arc::clone(&before.processes);
        assert_eq!(after, before);
    }

    #[test]
    fn findings_come_back_as_they_were() {
        let report = example::report();
        let found = report.to_findings();
        assert_eq!(found.len(), report.findings.len());
        assert!(!found.is_empty());
        for (is, was) in found.iter().zip(&report.findings) {
            assert_eq!(&Finding::from(is), was);
            assert!(!is.sites.is_empty(), "{is:?}");
        }
    }

    #[test]
    fn a_report_of_another_npprof_gives_a_snapshot() {
        let mut report = example::report();
        report.sites[0].id = u64::MAX;
        report.sites[0].process = 7;
        report.sites[0].layouts[0].order = "spiral".to_owned();
        report.operations[0].copy_reasons.insert("by-hand".to_owned(), 3);
        report.operations[0].bytes_per_s = Some(u64::MAX);
        report.findings[0].kind = "new-kind".to_owned();
        report.findings[0].severity = "fatal".to_owned();
        report.started = Some("yesterday".to_owned());
        let snapshot = report.to_snapshot();
        assert_eq!(snapshot.sites[0].id, model::SiteId(u32::MAX));
        assert_eq!(snapshot.sites[0].process, model::ProcessIndex(0), "found by its process id");
        assert_eq!(snapshot.started, None);
        assert_eq!(report.to_findings()[0].kind, "new-kind");
        assert_eq!(report.to_findings()[0].severity, findings::Severity::Warning);
    }

    #[test]
    fn a_run_that_goes_on_is_running_once_numpy_is_there() {
        let mut before = example::snapshot();
        before.state = model::RunState::Running;
        let sources = SourceLookup::new("/no/such/folder");
        let report = Report::from_snapshot(&before, &[], &sources);
        assert_eq!(report.to_snapshot().state, model::RunState::Running);
        assert_eq!(
            report.to_snapshot().totals.rss,
            before.timeline.last().map_or(Bytes(0), |it| it.rss)
        );
        before.processes = Arc::default();
        let report = Report::from_snapshot(&before, &[], &sources);
        assert_eq!(report.to_snapshot().state, model::RunState::Starting);
    }

    #[test]
    fn names_are_kept_once() {
        assert!(std::ptr::eq(name("same"), name("same")));
        let long = "x".repeat(1000);
        assert_eq!(name(&long).len(), MAX_NAME);
        assert!(std::ptr::eq(name(&long), name(&long)));
    }
}
