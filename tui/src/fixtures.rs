//! Snapshots made by hand, for tests.

use std::sync::Arc;

use npprof_findings::{Finding, Related, Severity};
use npprof_model::{
    ArrayLayout, Bucket, Bytes, CallStack, CopyReason, Detail, Exit, Frame, LayoutCount, Nanos,
    Operand, OperandCount, OperandRole, OperationStats, Order, Pattern, Process, ProcessIndex,
    Quantiles, RunState, Saves, Site, SiteDetail, SiteId, SiteRole, Snapshot, StackCount, StackId,
    Thread, TimelinePoint, Totals,
};

pub(crate) const MIB: u64 = 1 << 20;
const SECOND: u64 = 1_000_000_000;

/// A site without any allocation.
pub(crate) fn site() -> Site {
    Site {
        id: SiteId(0),
        process: ProcessIndex(0),
        frame: Frame { file: "app.py".into(), line: 1, function: "<module>".into() },
        is_user: true,
        n_allocations: 0,
        n_frees: 0,
        allocated: Bytes(0),
        freed: Bytes(0),
        live: Bytes(0),
        at_high_water: Bytes(0),
        own_peak: Bytes(0),
        temporary: Bytes(0),
        n_temporaries: 0,
        copied: Bytes(0),
        n_copies: 0,
        n_operations: 0,
        operation_time: Nanos(0),
        lifetime: None,
        size: None,
        layouts: Arc::default(),
        stacks: Arc::default(),
        first_at: Nanos(0),
        detail: None,
    }
}

fn layout(shape: &[u64], order: Order) -> ArrayLayout {
    ArrayLayout {
        shape: shape.into(),
        dtype: "float64".into(),
        itemsize: 8,
        strides: ArrayLayout::dense_strides(shape, 8, order).into(),
        order,
    }
}

/// Before NumPy is imported.
pub(crate) fn starting() -> Snapshot {
    Snapshot {
        command: ["python", "app.py", "--size", "large"].map(str::to_owned).into(),
        cwd: "/home/ada/code".into(),
        host: "engine".into(),
        elapsed: Nanos(300_000_000),
        ..Snapshot::default()
    }
}

fn process() -> Process {
    Process {
        pid: 4711,
        parent_pid: 1,
        argv: Arc::default(),
        python: Some("3.12.1".into()),
        numpy: Some("2.2.0".into()),
        hooks: Arc::default(),
        notices: Arc::default(),
        started: Nanos(0),
        ended: None,
        exit: Exit::Running,
        totals: Totals::default(),
        timeline: Arc::default(),
        threads: Arc::default(),
    }
}

/// Live bytes rise, come down from the high-water mark at 8 s, and rise again until 12 s.
fn timeline() -> Arc<[TimelinePoint]> {
    let live = |tenths: u64| match tenths {
        0..20 => 2 * MIB * tenths,
        20..80 => 40 * MIB + 6 * MIB * (tenths - 20),
        _ => 120 * MIB + 2 * MIB * (tenths - 80),
    };
    let point = |tenths: u64| TimelinePoint {
        at: Nanos(tenths * SECOND / 10),
        live: Bytes(live(tenths)),
        peak: Bytes(if tenths == 80 { 400 * MIB } else { live(tenths) + 20 * MIB }),
        rss: Bytes(live(tenths) + 60 * MIB),
        allocated: Bytes(30 * MIB),
        copied: Bytes(if tenths > 90 { (tenths % 10) * MIB } else { 0 }),
    };
    (1..=120).map(point).collect()
}

fn sites() -> Arc<[Site]> {
    let load = Site {
        id: SiteId(1),
        frame: Frame {
            file: "/home/ada/code/pipeline/load.py".into(),
            line: 40,
            function: "Loader.read_block".into(),
        },
        n_allocations: 120,
        n_frees: 60,
        allocated: Bytes(480 * MIB),
        freed: Bytes(240 * MIB),
        live: Bytes(160 * MIB),
        at_high_water: Bytes(240 * MIB),
        own_peak: Bytes(250 * MIB),
        lifetime: Some(Quantiles {
            p50: 1_500_000,
            p90: 40_000_000,
            p99: 2 * SECOND,
            max: 7 * SECOND,
        }),
        size: Some(Quantiles { p50: 4 * MIB, p90: 4 * MIB, p99: 8 * MIB, max: 8 * MIB }),
        layouts: [
            LayoutCount {
                layout: layout(&[1024, 512], Order::C),
                n: 100,
                bytes: Bytes(400 * MIB),
                at_high_water: Bytes(200 * MIB),
            },
            LayoutCount {
                layout: ArrayLayout {
                    strides: [8, 16384].into(),
                    ..layout(&[1024, 512], Order::Strided)
                },
                n: 20,
                bytes: Bytes(80 * MIB),
                at_high_water: Bytes(40 * MIB),
            },
        ]
        .into(),
        stacks: [stack_count(1, 400), stack_count(2, 80)].into(),
        detail: Some(Arc::new(SiteDetail {
            sizes: [(4 * MIB, 100), (8 * MIB, 20)].map(|(least, n)| Bucket { least, n }).into(),
            lifetimes: [(1 << 20, 30), (1 << 25, 20), (1 << 30, 10)]
                .map(|(least, n)| Bucket { least, n })
                .into(),
            oldest: Some(Nanos(3 * SECOND)),
        })),
        first_at: Nanos(2 * SECOND),
        ..site()
    };
    let smooth = Site {
        id: SiteId(2),
        frame: Frame {
            file: "/home/ada/code/pipeline/filters/smooth.py".into(),
            line: 7,
            function: "smooth".into(),
        },
        n_allocations: 1_234_567,
        n_frees: 1_234_560,
        allocated: Bytes(3 << 30),
        freed: Bytes((3 << 30) - 40 * MIB),
        live: Bytes(40 * MIB),
        at_high_water: Bytes(150 * MIB),
        own_peak: Bytes(150 * MIB),
        temporary: Bytes(2 << 30),
        n_temporaries: 1_000_000,
        copied: Bytes(300 * MIB),
        n_copies: 75,
        n_operations: 2_000,
        operation_time: Nanos(3 * SECOND),
        layouts: [LayoutCount {
            layout: layout(&[800], Order::C),
            n: 1_234_567,
            bytes: Bytes(3 << 30),
            at_high_water: Bytes(150 * MIB),
        }]
        .into(),
        ..site()
    };
    let other = Site {
        id: SiteId(3),
        frame: Frame {
            file: "/usr/lib/python3/dist-packages/scipy/signal/_signaltools.py".into(),
            line: 1234,
            function: "fftconvolve".into(),
        },
        is_user: false,
        n_allocations: 3,
        allocated: Bytes(10 * MIB),
        live: Bytes(10 * MIB),
        at_high_water: Bytes(10 * MIB),
        ..site()
    };
    [load, smooth, other].into()
}

fn stack_count(stack: u32, mib: u64) -> StackCount {
    StackCount {
        stack: StackId(stack),
        n: mib / 4,
        bytes: Bytes(mib * MIB),
        live: Bytes(0),
        at_high_water: Bytes(0),
    }
}

fn frame(file: &str, line: u32, function: &str) -> Frame {
    Frame { file: format!("/home/ada/code/{file}").into(), line, function: function.into() }
}

fn stacks() -> Arc<[CallStack]> {
    let read = frame("pipeline/load.py", 40, "Loader.read_block");
    let main = frame("app.py", 9, "<module>");
    let train = frame("app.py", 31, "train");
    let check = frame("app.py", 52, "check");
    [
        CallStack { id: StackId(1), frames: [read.clone(), train, main.clone()].into() },
        CallStack { id: StackId(2), frames: [read, check, main].into() },
    ]
    .into()
}

fn operand(role: OperandRole, layout: ArrayLayout, inner_stride: i64, n: u64) -> OperandCount {
    OperandCount { operand: Operand { layout, role, inner_stride: Some(inner_stride) }, n }
}

fn operation(site: u32, name: &str) -> OperationStats {
    OperationStats {
        site: SiteId(site),
        name: name.into(),
        n: 0,
        time: Nanos(0),
        n_timed: 0,
        read: Bytes(0),
        written: Bytes(0),
        timed: Bytes(0),
        copied: Bytes(0),
        n_copies: 0,
        copy_reasons: Arc::default(),
        hidden_temporary: Bytes(0),
        n_scalars: 0,
        operands: Arc::default(),
    }
}

fn operations() -> Arc<[OperationStats]> {
    let c = || layout(&[1024, 512], Order::C);
    let f = || layout(&[1024, 512], Order::F);
    [
        OperationStats {
            n: 60,
            time: Nanos(2 * SECOND),
            n_timed: 60,
            timed: Bytes(720 * MIB),
            operands: [
                operand(OperandRole::Input, c(), 4096, 60),
                operand(OperandRole::Input, f(), 8, 60),
                operand(OperandRole::Result, f(), 8, 60),
            ]
            .into(),
            ..operation(2, "add")
        },
        OperationStats {
            n: 50,
            time: Nanos(SECOND / 2),
            n_timed: 50,
            timed: Bytes(400 * MIB),
            copied: Bytes(200 * MIB),
            n_copies: 50,
            copy_reasons: [(CopyReason::Order, Bytes(200 * MIB))].into(),
            operands: [
                operand(OperandRole::Input, f(), 8192, 50),
                operand(OperandRole::Result, layout(&[524_288], Order::C), 8, 50),
            ]
            .into(),
            ..operation(2, "ndarray.reshape")
        },
        OperationStats {
            n: 25,
            copied: Bytes(100 * MIB),
            n_copies: 25,
            copy_reasons: [
                (CopyReason::Explicit, Bytes(90 * MIB)),
                (CopyReason::Cast, Bytes(10 * MIB)),
            ]
            .into(),
            operands: [
                operand(OperandRole::Input, c(), 8, 25),
                operand(OperandRole::Result, c(), 8, 25),
            ]
            .into(),
            ..operation(2, "ndarray.copy")
        },
    ]
    .into()
}

fn patterns() -> Arc<[Pattern]> {
    let pin = Pattern {
        site: SiteId(2),
        detail: Detail::ViewPinsBase {
            n_bases: 30,
            viewed: Bytes(MIB),
            base: layout(&[1024, 512], Order::C),
        },
        stack: None,
        n: 30,
        bytes: Bytes(120 * MIB),
        time: Nanos(0),
        operation: "".into(),
        operands: Arc::default(),
        result: None,
        related: [(SiteRole::Base, SiteId(1))].into(),
        saves: Saves::default(),
    };
    [pin].into()
}

/// What was found in the run.
pub(crate) fn findings() -> Vec<Finding> {
    let info = Finding {
        kind: "layout-copy",
        severity: Severity::Info,
        site: frame("pipeline/filters/smooth.py", 7, "smooth"),
        sites: vec![SiteId(2)],
        source: None,
        related: Vec::new(),
        n: 50,
        bytes: Bytes(200 * MIB),
        message: "`reshape` copied 200 MiB of float64 (1024, 512) F in 50 copies.".to_owned(),
        why: "The elements lie in another order than the new shape asks for.".to_owned(),
        fix: "Make the array in C order, or reshape with `order='F'`.".to_owned(),
        saves: Saves { copied: Some(Bytes(200 * MIB)), ..Saves::default() },
        evidence: Vec::new(),
        ..finding()
    };
    vec![finding(), info]
}

/// One of them.
pub(crate) fn finding() -> Finding {
    Finding {
        kind: "view-pins-base",
        severity: Severity::Warning,
        site: frame("pipeline/load.py", 40, "Loader.read_block"),
        sites: vec![SiteId(1)],
        source: Some("rows.append(block[:8])".to_owned()),
        related: vec![Related {
            role: SiteRole::Base,
            frame: frame("pipeline/filters/smooth.py", 7, "smooth"),
        }],
        n: 30,
        bytes: Bytes(120 * MIB),
        time: Nanos(0),
        evidence: vec![("viewed_bytes", Bytes(MIB).into()), ("n_bases", 30_u64.into())],
        message:
            "Views of 1.00 MiB keep 30 arrays such as float64 (1024, 512) alive: 120 MiB that \
                  nothing can reach any more."
                .to_owned(),
        why: "A view keeps the whole array that it looks into alive.".to_owned(),
        fix: "Copy the small part where it is taken: `block[:8].copy()`.".to_owned(),
        saves: Saves { high_water: Some(Bytes(119 * MIB)), ..Saves::default() },
        processes: vec![4711],
    }
}

/// The text of the first site's file.
pub(crate) fn source() -> Arc<str> {
    let mut text = "import numpy as np\n".repeat(37);
    text += "    def read_block(self, n=8):  # a block\n";
    text += "        for name in ['a', \"b\"]:\n";
    text += "            block = np.fromfile(name, count=n)\n";
    text += "            rows.append(block[:8])\n        return rows\n";
    text.into()
}

/// Two processes, one with threads.
pub(crate) fn family() -> Snapshot {
    let mut snapshot = running();
    let thread = |native_id, name: &str, mib| Thread {
        native_id,
        name: name.into(),
        n_allocations: mib,
        allocated: Bytes(mib * MIB),
    };
    let parent = Process {
        argv: ["python", "app.py", "--size", "large"].map(str::to_owned).into(),
        threads: [thread(4711, "MainThread", 400), thread(4720, "loader", 90)].into(),
        ..snapshot.processes[0].clone()
    };
    let child = Process {
        pid: 4712,
        parent_pid: 4711,
        argv: ["/usr/bin/python3.12".to_owned()].into(),
        started: Nanos(SECOND),
        ended: Some(Nanos(9 * SECOND)),
        exit: Exit::Signal(9),
        ..process()
    };
    snapshot.processes = [parent, child].into();
    snapshot
}

/// In the middle of a run.
pub(crate) fn running() -> Snapshot {
    let totals = Totals {
        n_allocations: 1_234_690,
        n_frees: 1_234_620,
        allocated: Bytes((3 << 30) + 490 * MIB),
        freed: Bytes((3 << 30) + 280 * MIB),
        live: Bytes(210 * MIB),
        high_water: Bytes(400 * MIB),
        high_water_at: Nanos(8 * SECOND),
        temporary: Bytes(2 << 30),
        n_temporaries: 1_000_000,
        copied: Bytes(300 * MIB),
        n_copies: 75,
        n_operations: 2_000,
        rss: Bytes(270 * MIB),
        rss_high_water: Bytes(460 * MIB),
        ..Totals::default()
    };
    Snapshot {
        elapsed: Nanos(12 * SECOND),
        state: RunState::Running,
        totals,
        timeline: timeline(),
        processes: [Process { totals, ..process() }].into(),
        sites: sites(),
        stacks: stacks(),
        operations: operations(),
        patterns: patterns(),
        sources: Arc::default(),
        ..starting()
    }
}

/// After the end.
pub(crate) fn finished() -> Snapshot {
    let mut snapshot = running();
    snapshot.state = RunState::Ended(Exit::Code(0));
    snapshot.totals.rss = Bytes(0);
    snapshot
}

/// With everything that a hostile program can put into names.
pub(crate) fn hostile() -> Snapshot {
    let mut snapshot = running();
    snapshot.command = ["a\x1b[2Jb".to_owned(), "漢字\n".repeat(50)].into();
    snapshot.incomplete = ["\x1b]0;title\x07 1 event was lost".to_owned(), "two".to_owned()].into();
    snapshot.totals.n_dropped = u64::MAX;
    snapshot.totals.allocated = Bytes(u64::MAX);
    let process =
        Process { notices: ["a\u{202e}b".to_owned(), "d".to_owned()].into(), ..process() };
    snapshot.processes = [process.clone(), process].into();
    let sites = snapshot.sites.iter().cloned().map(|mut site| {
        site.frame.file = format!("/{}\x1b[31m/e\u{301}👩‍👩‍👧.py", "漢字/".repeat(40)).into();
        site.frame.line = u32::MAX;
        site.frame.function = "\u{9b}31mnaïve\r\n<lambda>".into();
        site.allocated = Bytes(u64::MAX);
        site.n_allocations = u64::MAX;
        site
    });
    snapshot.sites = sites.collect();
    snapshot
}
