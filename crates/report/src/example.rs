//! A snapshot and its report, for tests.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use npprof_model::{
    ArrayLayout, Bytes, CallStack, Exit, Frame, Hook, HookState, LayoutCount, Nanos, Order,
    Process, ProcessIndex, Quantiles, RunState, Site, SiteId, Snapshot, StackCount, StackId,
    Thread, TimelinePoint, Totals,
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
    }
}

/// Its report, with a line of source for each site whose file is the user's.
pub(crate) fn report() -> Report {
    report_of(&snapshot())
}

pub(crate) fn report_of(snapshot: &Snapshot) -> Report {
    let mut report = Report::from_snapshot(snapshot, &SourceLookup::new("/no/such/folder"));
    for site in &mut report.sites {
        let source = match site.line {
            41 => "gram = x.T @ x",
            12 => "return np.fromfile(path, dtype=np.float64)",
            7 => "return np.convolve(row, kernel, mode=\"same\")",
            1204 => "output = _ni_support._get_output(output, input)",
            3 => "weights = np.ones(n)",
            _ => continue,
        };
        site.source = Some(source.to_owned());
    }
    report
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
            hook("operations", HookState::Off("not part of this version".into())),
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
    };
    [point(1_000_000, 10), point(2_000_000, 30), point(3_000_000, 20)].into()
}

pub(crate) fn site(
    index: usize,
    (file, line, function): (&str, u32, &str),
    bytes: u64,
    shape: &[u64],
) -> Site {
    let id = u32::try_from(index).unwrap();
    let layout = ArrayLayout {
        shape: shape.into(),
        dtype: if index == 2 { "float32" } else { "float64" }.into(),
        itemsize: 8,
        strides: ArrayLayout::dense_strides(shape, 8, Order::C).into(),
        order: if index == 0 { Order::F } else { Order::C },
    };
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
    }
}

pub(crate) fn stack(site: &Site) -> CallStack {
    let outer = Frame { file: "/w/app/main.py".into(), line: 99, function: "<module>".into() };
    CallStack { id: StackId(site.id.0 + 100), frames: [site.frame.clone(), outer].into() }
}
