//! Snapshots made by hand, for tests.

use std::sync::Arc;

use npprof_model::{
    ArrayLayout, Bytes, Exit, Frame, LayoutCount, Nanos, Order, Process, ProcessIndex, Quantiles,
    RunState, Site, SiteId, Snapshot, TimelinePoint, Totals,
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
        copied: Bytes(0),
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
