//! Inner loops that use a small part of each cache line.

use npprof_model::{ArrayLayout, Bytes, Detail, Nanos, Operand, OperandRole, Pattern};

use crate::finding::{Severity, Value};
use crate::rule::{Advice, Default, Rule, Threshold, Yield, sum};
use crate::words::{called, operation, ratio, rounded_ratio, times, with_strides};

pub(crate) const RULE: Rule = Rule {
    kind: "strided-access",
    severity: Severity::Warning,
    title: "an inner loop uses a fraction of each cache line",
    definition: "The inner loop of an operation, after NumPy has put the axes into its best order, \
        steps 64 bytes or more from element to element in an array of at least 8 MiB. Loops over \
        single columns from Python count together.",
    silent: "NumPy reorders the axes to a small step (a.T + b.T, sum(axis=0) of a C-ordered \
        array); small arrays; copies to a new layout; steps below a cache line.",
    saved: "Time, which is not predicted, as it depends on the machine's caches. Memory stays the same \
        with axis= or another order from the start; an array that is converted once takes more.",
    before: "for j in range(table.shape[1]):\n    top[j] = table[:, j].max()",
    after: "top = table.max(axis=0)",
    thresholds: &[Threshold {
        name: "bytes",
        default: Default::Large,
        help: "bytes that were used of what was walked through at the line",
    }],
    is_about: |detail| matches!(detail, Detail::StridedAccess { .. }),
    merge: sum,
    advise: |pattern, context| {
        let &Detail::StridedAccess { inner_stride, touched, owner, contiguous } = &pattern.detail
        else {
            return None;
        };
        if pattern.bytes < context.bytes("bytes") {
            return None;
        }
        let walked = walked(pattern, inner_stride);
        let array =
            walked.map_or_else(|| "an array".to_owned(), |operand| with_strides(&operand.layout));
        let mut evidence: Vec<(&'static str, Value)> = vec![
            ("inner_stride_bytes", inner_stride.into()),
            ("useful_bytes", pattern.bytes.into()),
            ("touched_bytes", touched.into()),
            ("owner_bytes", owner.into()),
        ];
        let mut waste = String::new();
        if touched > pattern.bytes {
            evidence.push((
                "touched_over_useful",
                Value::Ratio(rounded_ratio(touched.0, pattern.bytes.0)),
            ));
            waste = format!(
                ": {touched} of cache lines for {} that are used ({})",
                pattern.bytes,
                ratio(touched.0, pattern.bytes.0)
            );
        }
        let mut speeds = String::new();
        if let (Some((bytes, time)), Some(own)) = (contiguous, speed(pattern.bytes, pattern.time))
            && let Some(fast) = speed(bytes, time)
        {
            evidence.push(("bytes_per_s", own.into()));
            evidence.push(("contiguous_bytes_per_s", fast.into()));
            if fast > own {
                speeds = format!(
                    "; {}/s, where the same operation reaches {}/s on contiguous operands",
                    Bytes(own),
                    Bytes(fast)
                );
            }
        }
        Some(Advice {
            message: format!(
                "{} walks through {array} in steps of {} B, {}{waste}{speeds}",
                operation(pattern, "an operation"),
                inner_stride.unsigned_abs(),
                times(pattern.n),
            ),
            why: "Memory comes in cache lines of 64 bytes; a step that large uses one element of \
                  each and throws the rest away."
                .into(),
            fix: remedy(pattern, walked),
            evidence,
        })
    },
    yields_to: &[
        Yield { kind: "boundary-copy", is_explained: crate::rule::is_same_copy },
        Yield { kind: "layout-copy", is_explained: crate::rule::is_same_copy },
    ],
};

/// The operand that has this inner stride.
fn walked(pattern: &Pattern, inner_stride: i64) -> Option<&Operand> {
    let mut operands = pattern.operands.iter();
    operands
        .find(|operand| operand.inner_stride == Some(inner_stride))
        .or_else(|| pattern.operands.iter().find(|operand| operand.role == OperandRole::Input))
}

/// One of several values that lie beside each other for each place, as by `a[:, :, i]`.
fn is_part_of_cells(layout: &ArrayLayout) -> bool {
    let Some((&last, outer)) = layout.strides.split_last() else { return false };
    let extent = layout.shape.last().copied().unwrap_or(0);
    let itemsize = layout.itemsize;
    let is_dense = layout.strides.len() > 1
        && extent > 1
        && outer.last().copied() == last.checked_mul(i64::try_from(extent).unwrap_or(i64::MAX));
    // Many of them are rather rows of a matrix that is walked across.
    is_dense && last.unsigned_abs() > itemsize && last.unsigned_abs() <= itemsize.saturating_mul(64)
}

fn speed(bytes: Bytes, time: Nanos) -> Option<u64> {
    let speed = u128::from(bytes.0) * 1_000_000_000 / u128::from(time.0.max(1));
    (time.0 > 0 && bytes.0 > 0).then(|| u64::try_from(speed).unwrap_or(u64::MAX))
}

fn remedy(pattern: &Pattern, walked: Option<&Operand>) -> String {
    let is_line = walked.is_some_and(|operand| operand.layout.shape.len() == 1);
    let has_other_order = pattern
        .operands
        .iter()
        .filter(|operand| operand.layout.shape.len() > 1)
        .map(|operand| operand.layout.order)
        .collect::<std::collections::HashSet<_>>()
        .len()
        > 1;
    if is_line && pattern.n > 1 {
        "Call it once for the whole array with `axis=` instead of column by column; where each \
         step needs the one before, keep the array transposed (`np.ascontiguousarray(a.T)`), so \
         that a step takes a row."
            .to_owned()
    } else if walked.is_some_and(|operand| is_part_of_cells(&operand.layout)) {
        "Store the array with the axis that is indexed first, `a[i]` in place of `a[..., i]`: each \
         part is contiguous then."
            .to_owned()
    } else if has_other_order {
        "Keep the operands in the same order: create one of them with `order=\"F\"`, or convert it \
         once, outside of the loop."
            .to_owned()
    } else if ["sort", "argsort", "partition", "median", "cumsum"].contains(&called(pattern)) {
        "Make the axis that it runs along the last one, once: `np.ascontiguousarray(a.T)` and \
         `axis=-1`."
            .to_owned()
    } else {
        "Store the array so that this axis is contiguous (`np.ascontiguousarray(a.T)` once), or \
         let one call with `axis=` choose the order of the loops."
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{MIB, check, check_silent, pattern, said, strided};

    fn columns(mib: u64) -> Pattern {
        let detail = Detail::StridedAccess {
            inner_stride: 8192,
            touched: Bytes(8 * mib * MIB),
            owner: Bytes(64 * MIB),
            contiguous: Some((Bytes(64 * MIB), Nanos(16_000_000))),
        };
        let operand = Operand {
            layout: strided(&[8192], "float64", &[8192]),
            role: OperandRole::Input,
            inner_stride: Some(8192),
        };
        Pattern {
            operation: "maximum.reduce".into(),
            operands: [operand].into(),
            time: Nanos(160_000_000),
            ..pattern(detail, 1024, mib * MIB)
        }
    }

    #[test]
    fn waste_and_speed_are_told() {
        check(
            columns(64),
            "return column.max()",
            "`maximum.reduce` walks through float64 (8192,) with strides (8192,) in steps \
             of 8192 B, 1,024 times: 512 MiB of cache lines for 64.0 MiB that are used (8.0x); 400 \
             MiB/s, where the same operation reaches 3.91 GiB/s on contiguous operands",
            "Call it once for the whole array with `axis=` instead of column by column; where each \
             step needs the one before, keep the array transposed (`np.ascontiguousarray(a.T)`), \
             so that a step takes a row.",
        );
    }

    #[test]
    fn one_of_several_values_for_each_place_is_better_stored_apart() {
        let fix = |shape: &[u64], strides: &[i64]| {
            let mut part = columns(64);
            let mut operand = part.operands[0].clone();
            operand.layout = strided(shape, "float64", strides);
            part.operands = [operand].into();
            said(part, "").unwrap().fix
        };
        // `F[:, :, i]` of (400, 1600, 9).
        let stored_apart = "Store the array with the axis that is indexed first";
        assert!(fix(&[400, 1600], &[115_200, 72]).starts_with(stored_apart));
        assert!(fix(&[1600, 400], &[8, 12_800]).starts_with("Store the array so that this axis"));
    }

    #[test]
    fn without_times_there_are_no_speeds() {
        let mut untimed = columns(64);
        untimed.time = Nanos(0);
        let message = said(untimed, "").unwrap().message;
        assert!(message.ends_with("(8.0x)"), "{message}");
        check_silent(columns(7));
    }
}
