//! Operations in the report: their types, and how they are made from a snapshot.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use npprof_model::{OperandRole, OperationStats, Snapshot};
use serde::{Deserialize, Serialize};

use super::convert::json_bytes;

/// Operands of an operation that are listed.
const MAX_OPERANDS: usize = 10;

/// What one NumPy call did at one call site.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Operation {
    /// `id` of the call site.
    pub site: u64,
    /// As a user knows it: `add`, `add.reduce`, `ndarray.copy`, `astype(float64→float32)`.
    pub name: String,
    /// How often.
    pub n: u64,
    /// Time in the large ones; small ones are not timed.
    pub ns: u64,
    /// How many were timed.
    #[serde(default)]
    pub n_timed: u64,
    /// Bytes of its inputs, elements that are read several times counted once.
    pub read_bytes: u64,
    /// Bytes of its outputs and results.
    pub written_bytes: u64,
    /// Bytes copied from one array to another.
    pub copied_bytes: u64,
    /// Number of such copies.
    #[serde(default)]
    pub n_copies: u64,
    /// Bytes of arrays that were made and freed inside of it.
    pub hidden_temporary_bytes: u64,
    /// Single elements that went to Python or came from it.
    #[serde(default)]
    pub n_scalars: u64,
    /// Copied bytes by reason: `explicit`, `cast`, `order`, `fancy-index`, `concatenate`,
    /// `broadcast`, `assign`, `blas`, `boundary`, `buffered`, `pickle`, `list-conversion`.
    pub copy_reasons: BTreeMap<String, u64>,
    /// The most frequent operands of the large ones.
    pub operands: Vec<Operand>,
    /// Bytes read and written in a second by those that were timed; absent when none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_s: Option<u64>,
}

/// An operand of an operation and how often it was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Operand {
    /// `in`; `out`, an array of the caller's that was written; `result`; `index`.
    #[serde(default)]
    pub role: String,
    /// Extents.
    pub shape: Vec<u64>,
    /// As NumPy shows it: `float64`, `<U10`, `[('x', '<f8')]`.
    pub dtype: String,
    /// `C`, `F`, `strided`.
    #[serde(default)]
    pub order: String,
    /// Bytes from an element to its neighbour along each axis.
    pub strides: Vec<i64>,
    /// Bytes of an element; zero when not known.
    #[serde(default)]
    pub itemsize: u64,
    /// Bytes from one element to the next in the innermost loop, after NumPy has put the axes into
    /// order; absent where there is no such loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inner_stride_bytes: Option<i64>,
    /// How often.
    pub n: u64,
}

/// Operations that are not in the report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct OperationsCut {
    /// How many, an operation counting once for each call site.
    pub n_operations: u64,
    /// How often they ran.
    pub n: u64,
    /// Time in the large ones.
    pub ns: u64,
    /// Bytes that they copied.
    pub copied_bytes: u64,
}

/// The operations of these call sites that fit into `limit` bytes, and the sum of the others.
pub(super) fn operations(
    snapshot: &Snapshot,
    sites: &HashSet<u64>,
    limit: usize,
) -> (Vec<Operation>, Option<OperationsCut>) {
    let mut order: Vec<&OperationStats> = snapshot.operations.iter().collect();
    // A byte takes about a tenth of a nanosecond to copy.
    order.sort_by_key(|it| {
        let cost = it.time.0.max(it.copied.0 / 10).max(it.n_scalars.saturating_mul(50));
        (Reverse((cost, it.n)), it.site, it.name.clone())
    });
    let mut kept = Vec::new();
    let mut cut = OperationsCut::default();
    let mut n_bytes = 0;
    for stats in order {
        if n_bytes < limit && sites.contains(&u64::from(stats.site.0)) {
            let converted = Operation::from(stats);
            n_bytes += json_bytes(&converted);
            if n_bytes <= limit {
                kept.push(converted);
                continue;
            }
        }
        cut.n_operations += 1;
        cut.n += stats.n;
        cut.ns += stats.time.0;
        cut.copied_bytes += stats.copied.0;
    }
    (kept, (cut.n_operations > 0).then_some(cut))
}

impl From<&OperationStats> for Operation {
    fn from(stats: &OperationStats) -> Self {
        let reasons = stats.copy_reasons.iter();
        let operands = stats.operands.iter().take(MAX_OPERANDS);
        Self {
            site: stats.site.0.into(),
            name: stats.name.to_string(),
            n: stats.n,
            ns: stats.time.0,
            n_timed: stats.n_timed,
            read_bytes: stats.read.0,
            written_bytes: stats.written.0,
            copied_bytes: stats.copied.0,
            n_copies: stats.n_copies,
            hidden_temporary_bytes: stats.hidden_temporary.0,
            n_scalars: stats.n_scalars,
            copy_reasons: reasons
                .map(|(reason, bytes)| (reason.as_str().to_owned(), bytes.0))
                .collect(),
            operands: operands.map(|count| operand(&count.operand, count.n)).collect(),
            bytes_per_s: speed(stats.timed.0, stats.time.0),
        }
    }
}

fn operand(operand: &npprof_model::Operand, n: u64) -> Operand {
    let role = match operand.role {
        OperandRole::Input => "in",
        OperandRole::Output => "out",
        OperandRole::Result => "result",
        OperandRole::Index => "index",
    };
    let layout = &operand.layout;
    Operand {
        role: role.to_owned(),
        shape: layout.shape.to_vec(),
        dtype: layout.dtype.to_string(),
        order: layout.order.as_str().to_owned(),
        strides: layout.strides.to_vec(),
        itemsize: layout.itemsize,
        inner_stride_bytes: operand.inner_stride,
        n,
    }
}

fn speed(bytes: u64, ns: u64) -> Option<u64> {
    let speed = u128::from(bytes) * 1_000_000_000 / u128::from(ns.max(1));
    (ns > 0).then(|| u64::try_from(speed).unwrap_or(u64::MAX))
}
