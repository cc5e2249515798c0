//! A snapshot and its report, for tests.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use npprof_findings::{Settings, find};
use npprof_model::{
    ArrayLayout, Bytes, CallStack, CopyReason, Detail, Exit, Frame, Hook, HookState, LayoutCount,
    Nanos, Operand, OperandCount, OperandRole, OperationStats, Order, Pattern, Process,
    ProcessIndex, Quantiles, RunState, Saves, Site, SiteId, SiteRole, Snapshot, StackCount,
    StackId, Thread, TimelinePoint, Totals,
};

use crate::{Report, SourceLookup};

const MIB: u64 = 1 << 20;

/// A run of one process with six call sites, after its end.
pub(crate) fn snapshot() -> Snapshot {
    let sites: Vec<Site> = [
        ("/w/app/fit.py", 41, "Model.fit", 763, vec![8192, 8192]),
        ("/w/app/fit.py", 12, "load", 305, vec![40_000_000]),
        ("/w/app/tools/filters.py", 7, "smooth.<locals>.inner", 96, vec![2048, 2048, 3]),
        (
            "/usr/lib/python3/dist-packages/scipy/ndimage/_filters.py",
            1204,
            "gaussian_filter1d",
            32,
            vec![2048, 2048],
        ),
        ("/w/app/main.py", 3, "<module>", 4, vec![524_288]),
        ("<string>", 1, "f", 1, vec![]),
    ]
    .into_iter()
    .enumerate()
    .map(|(index, (file, line, function, mib, shape))| {
        site(index, (file, line, function), mib * MIB, &shape)
    })
    .collect();
    let stacks = sites.iter().map(stack).collect();
    let totals = Totals {
        n_allocations: 1_234_567,
        n_frees: 1_234_560,
        allocated: Bytes(58_000 * MIB),
        freed: Bytes(57_988 * MIB),
        live: Bytes(12 * MIB),
        high_water: Bytes(1201 * MIB),
        high_water_at: Nanos(4_560_000_000),
        temporary: Bytes(35_300 * MIB),
        n_temporaries: 234_567,
        copied: Bytes(900 * MIB),
        n_copies: 40,
        n_operations: 2_345_678,
        operation_time: Nanos(7_800_000_000),
        rss_high_water: Bytes(1543 * MIB),
        ..Totals::default()
    };
    Snapshot {
        command: words(&["python", "main.py", "--size", "8192"]),
        cwd: "/w/app".into(),
        host: "box".into(),
        started: Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_769_860_800_250)),
        elapsed: Nanos(12_345_000_000),
        state: RunState::Ended(Exit::Code(0)),
        incomplete: Arc::default(),
        totals,
        timeline: timeline(),
        processes: [process(4711, totals)].into(),
        sites: sites.into(),
        stacks,
        operations: [operation()].into(),
        patterns: [copy(0, 763), copy(3, 32)].into(),
        sources: Arc::default(),
    }
}

/// Its report, with a line of source for each site whose file is the user's.
pub(crate) fn report() -> Report {
    report_of(&snapshot())
}

pub(crate) fn report_of(snapshot: &Snapshot) -> Report {
    let of_frame = |frame: &Frame| source(frame.line).map(str::to_owned);
    let findings = find(snapshot, &Settings::default(), &of_frame);
    let mut report =
        Report::from_snapshot(snapshot, &findings, &SourceLookup::new("/no/such/folder"));
    for site in &mut report.sites {
        site.source = source(site.line).map(str::to_owned);
    }
    report
}

fn source(line: u32) -> Option<&'static str> {
    Some(match line {
        41 => "gram = x.T.copy() @ x",
        12 => "return np.fromfile(path, dtype=np.float64)",
        7 => "return np.convolve(row, kernel, mode=\"same\")",
        1204 => "output = _ni_support._get_output(output, input)",
        3 => "weights = np.ones(n)",
        _ => return None,
    })
}

fn operand(layout: ArrayLayout) -> Operand {
    Operand { layout, role: OperandRole::Input, inner_stride: Some(8) }
}

fn operation() -> OperationStats {
    OperationStats {
        site: SiteId(0),
        name: "ndarray.copy".into(),
        n: 2,
        time: Nanos(400_000_000),
        n_timed: 2,
        read: Bytes(763 * MIB),
        written: Bytes(763 * MIB),
        timed: Bytes(1526 * MIB),
        copied: Bytes(763 * MIB),
        n_copies: 2,
        copy_reasons: [(CopyReason::Explicit, Bytes(763 * MIB))].into(),
        hidden_temporary: Bytes(0),
        n_scalars: 0,
        operands: [OperandCount { operand: operand(layout(0, &[8192, 8192])), n: 2 }].into(),
    }
}

/// Copies at a site that nobody needed.
fn copy(site: u32, mib: u64) -> Pattern {
    let array = layout(1, &[mib / 2, 131_072]);
    Pattern {
        site: SiteId(site),
        stack: None,
        detail: Detail::RedundantCopy,
        n: 2,
        bytes: Bytes(mib * MIB),
        time: Nanos(400_000_000),
        operation: "ndarray.copy".into(),
        operands: [operand(array.clone())].into(),
        result: Some(array),
        related: [(SiteRole::AllocatedHere, SiteId(1))].into(),
        saves: Saves {
            high_water: Some(Bytes(mib / 2 * MIB)),
            allocated: Some(Bytes(mib * MIB)),
            copied: Some(Bytes(mib * MIB)),
            time: None,
        },
    }
}

pub(crate) fn process(pid: u32, totals: Totals) -> Process {
    Process {
        pid,
        parent_pid: 4710,
        argv: words(&["python", "main.py", "--size", "8192"]),
        python: Some("3.11.7".into()),
        numpy: Some("2.4.6".into()),
        hooks: [
            hook("allocator", HookState::On),
            hook("operations", HookState::Off("left out with --level allocations".into())),
        ]
        .into(),
        notices: Arc::default(),
        started: Nanos(20_000_000),
        ended: Some(Nanos(12_300_000_000)),
        exit: Exit::Code(0),
        totals,
        timeline: timeline(),
        threads: [
            Thread {
                native_id: 4711,
                name: "MainThread".into(),
                n_allocations: 1_234_000,
                allocated: Bytes(57_000 * MIB),
            },
            Thread {
                native_id: 4720,
                name: "".into(),
                n_allocations: 567,
                allocated: Bytes(1000 * MIB),
            },
        ]
        .into(),
    }
}

pub(crate) fn words(words: &[&str]) -> Arc<[String]> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn hook(name: &str, state: HookState) -> Hook {
    Hook { name: name.into(), state }
}

fn timeline() -> Arc<[TimelinePoint]> {
    let point = |at: u64, live: u64| TimelinePoint {
        at: Nanos(at),
        live: Bytes(live),
        peak: Bytes(live * 2),
        rss: Bytes(live * 3),
        allocated: Bytes(live),
        copied: Bytes(live / 2),
    };
    [point(1_000_000, 10), point(2_000_000, 30), point(3_000_000, 20)].into()
}

fn layout(index: usize, shape: &[u64]) -> ArrayLayout {
    ArrayLayout {
        shape: shape.into(),
        dtype: if index == 2 { "float32" } else { "float64" }.into(),
        itemsize: 8,
        strides: ArrayLayout::dense_strides(shape, 8, Order::C).into(),
        order: if index == 0 { Order::F } else { Order::C },
    }
}

pub(crate) fn site(
    index: usize,
    (file, line, function): (&str, u32, &str),
    bytes: u64,
    shape: &[u64],
) -> Site {
    let id = u32::try_from(index).unwrap();
    let layout = layout(index, shape);
    let quantiles = Quantiles { p50: 1, p90: 2, p99: 3, max: 4 };
    let counts = StackCount {
        stack: StackId(id + 100),
        n: 10,
        bytes: Bytes(bytes * 3),
        live: Bytes(bytes / 100),
        at_high_water: Bytes(bytes),
    };
    Site {
        id: SiteId(id),
        process: ProcessIndex(0),
        frame: Frame { file: file.into(), line, function: function.into() },
        is_user: !file.starts_with("/usr"),
        n_allocations: 10,
        n_frees: 9,
        allocated: Bytes(bytes * 3),
        freed: Bytes(bytes * 2),
        live: Bytes(bytes / 100),
        at_high_water: Bytes(bytes),
        own_peak: Bytes(bytes * 2),
        temporary: Bytes(bytes),
        n_temporaries: 4,
        copied: Bytes(bytes / 2),
        n_copies: 3,
        n_operations: 25,
        operation_time: Nanos(bytes),
        lifetime: Some(quantiles),
        size: Some(quantiles),
        layouts: [LayoutCount {
            layout,
            n: 10,
            bytes: Bytes(bytes * 3),
            at_high_water: Bytes(bytes),
        }]
        .into(),
        stacks: [counts].into(),
        first_at: Nanos(30_000_000),
        detail: None,
    }
}

pub(crate) fn stack(site: &Site) -> CallStack {
    let outer = Frame { file: "/w/app/main.py".into(), line: 99, function: "<module>".into() };
    CallStack { id: StackId(site.id.0 + 100), frames: [site.frame.clone(), outer].into() }
}
