//! Snapshots and patterns made by hand, for tests.

use std::sync::Arc;

use npprof_model::{
    ArrayLayout, Bytes, Detail, Exit, Frame, Nanos, Operand, OperandRole, Order, Pattern, Process,
    ProcessIndex, Saves, Site, SiteId, Snapshot, TimelinePoint, Totals,
};

use crate::finding::Finding;
use crate::{Settings, find};

pub(crate) const MIB: u64 = 1 << 20;

/// A dense array in C order.
pub(crate) fn layout(shape: &[u64], dtype: &str) -> ArrayLayout {
    let itemsize = match dtype {
        "uint8" | "int8" | "bool" => 1,
        "float32" | "int32" => 4,
        "object" => 8,
        _ => 8,
    };
    ArrayLayout {
        shape: shape.into(),
        dtype: dtype.into(),
        itemsize,
        strides: ArrayLayout::dense_strides(shape, itemsize, Order::C).into(),
        order: Order::C,
    }
}

/// The same with these strides.
pub(crate) fn strided(shape: &[u64], dtype: &str, strides: &[i64]) -> ArrayLayout {
    ArrayLayout { strides: strides.into(), order: Order::Strided, ..layout(shape, dtype) }
}

pub(crate) fn input(layout: ArrayLayout) -> Operand {
    Operand { layout, role: OperandRole::Input, inner_stride: None }
}

/// Seen once at site 1.
pub(crate) fn pattern(detail: Detail, n: u64, bytes: u64) -> Pattern {
    Pattern {
        site: SiteId(1),
        stack: None,
        detail,
        n,
        bytes: Bytes(bytes),
        time: Nanos(0),
        operation: "".into(),
        operands: Arc::default(),
        result: None,
        related: Arc::default(),
        saves: Saves::default(),
    }
}

/// A call site of the user's at a line of `app.py`.
pub(crate) fn site(id: u32, line: u32) -> Site {
    Site {
        id: SiteId(id),
        process: ProcessIndex(0),
        frame: Frame { file: "app.py".into(), line, function: "f".into() },
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

pub(crate) fn process(pid: u32) -> Process {
    let timeline: [TimelinePoint; 0] = [];
    Process {
        pid,
        parent_pid: 1,
        argv: Arc::default(),
        python: None,
        numpy: None,
        hooks: Arc::default(),
        notices: Arc::default(),
        started: Nanos(0),
        ended: None,
        exit: Exit::Running,
        totals: Totals { high_water: Bytes(100 * MIB), ..Totals::default() },
        timeline: timeline.into(),
        threads: Arc::default(),
    }
}

/// One process with sites 1 to 4, each at the line of its number.
pub(crate) fn snapshot(patterns: Vec<Pattern>) -> Snapshot {
    Snapshot {
        patterns: patterns.into(),
        sites: (1..5).map(|id| site(id, id)).collect(),
        processes: [process(100)].into(),
        ..Snapshot::default()
    }
}

/// What is said about one pattern on this line of source.
pub(crate) fn said(pattern: Pattern, line: &str) -> Option<Finding> {
    let source = |_: &Frame| (!line.is_empty()).then(|| line.to_owned());
    find(&snapshot(vec![pattern]), &Settings::default(), &source).into_iter().next()
}

/// Expects this message and this remedy about a pattern on a line of source.
pub(crate) fn check(pattern: Pattern, line: &str, message: &str, fix: &str) {
    let finding = said(pattern, line).expect("a finding");
    assert_eq!(finding.message, message);
    assert_eq!(finding.fix, fix);
}

/// Expects silence.
pub(crate) fn check_silent(pattern: Pattern) {
    assert_eq!(said(pattern, ""), None);
}
