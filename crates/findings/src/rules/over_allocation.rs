//! Blocks of which little is used.

use npprof_model::units::grouped;
use npprof_model::{Bytes, Detail};

use crate::finding::{Severity, Value};
use crate::rule::{Advice, Default, Rule, Threshold, sum};
use crate::words::{called, operation, shape, times};

pub(crate) const RULE: Rule = Rule {
    kind: "over-allocation",
    severity: Severity::Warning,
    title: "a large array is made and hardly used",
    definition: "Of an array from zeros, empty, ones or full, at most an eighth of the bytes (or, \
        of zeros and empty, a quarter of the pages) was written after it was made, or read by \
        NumPy, until it was freed.",
    silent: "Arrays that are filled or read; ring buffers; small ones.",
    saved: "The unused bytes, for as long as the array lives.",
    before: "data = np.zeros((1_000_000, 8))     # 8,000 rows come",
    after: "data = np.zeros((8_000, 8))         # or grow it to twice its size when it is full",
    thresholds: &[Threshold {
        name: "bytes",
        default: Default::Large,
        help: "bytes of the largest one",
    }],
    is_about: |detail| matches!(detail, Detail::OverAllocation { .. }),
    merge: sum,
    advise: |pattern, context| {
        let &Detail::OverAllocation { allocated, used, high_water_index } = &pattern.detail else {
            return None;
        };
        if allocated < context.bytes("bytes") {
            return None;
        }
        let array = pattern.result.as_ref();
        let extent = array.and_then(|layout| layout.shape.first().copied());
        let made = array.map(|layout| format!(" {}", shape(layout))).unwrap_or_default();
        // Elements here and there, by index arrays, were used without a first stretch being known.
        let reached = extent.filter(|_| high_water_index > 0 || used == Bytes(0));
        let until = match reached {
            Some(extent) if high_water_index < extent => format!(
                "; {} of {} along the first axis were reached",
                grouped(high_water_index),
                grouped(extent)
            ),
            _ => String::new(),
        };
        let wasted = if pattern.n > 1 {
            format!("; {} unused in all, {}", pattern.bytes, times(pattern.n))
        } else {
            String::new()
        };
        let fits = reached.is_some_and(|extent| high_water_index < extent / 2);
        let fix = if fits {
            format!(
                "Make it as large as the data: {} along the first axis would have done; where \
                 their number is not known, start small and double it when it is full.",
                grouped(high_water_index)
            )
        } else {
            "Make it as large as the data, or keep only what is there: a dict, a sparse matrix, or \
             sorted keys with `np.searchsorted`."
                .to_owned()
        };
        let used = used.min(allocated);
        Some(Advice {
            message: format!(
                "{}{made} allocates {allocated}, of which {} were ever used{until}{wasted}",
                operation(pattern, "this line"),
                if used == Bytes(0) { "none".to_owned() } else { used.to_string() },
            ),
            why: match called(pattern) {
                "ones" | "full" | "full_like" | "ones_like" => {
                    "Every page is written when the array is made, and stays in memory until it \
                     is freed."
                }
                _ => {
                    "The array counts in full towards the high-water mark and any limit on it; \
                     what is touched once stays in memory until it is freed."
                }
            }
            .into(),
            fix,
            evidence: vec![
                ("allocated_bytes", allocated.into()),
                ("used_bytes", used.into()),
                ("unused_bytes", pattern.bytes.into()),
                ("reached_along_first_axis", Value::Count(high_water_index)),
            ],
        })
    },
    yields_to: &[],
};

#[cfg(test)]
mod tests {
    use npprof_model::Pattern;

    use super::*;
    use crate::fixtures::{MIB, check, check_silent, layout, pattern};

    fn zeros(mib: u64, used: u64, index: u64) -> Pattern {
        let detail = Detail::OverAllocation {
            allocated: Bytes(mib * MIB),
            used: Bytes(used * MIB),
            high_water_index: index,
        };
        Pattern {
            operation: "zeros".into(),
            result: Some(layout(&[mib << 14, 8], "float64")),
            ..pattern(detail, 1, (mib - used) * MIB)
        }
    }

    #[test]
    fn the_last_index_says_how_large_it_should_be() {
        check(
            zeros(64, 1, 16_384),
            "self.data = np.zeros((MAX_EVENTS, features))",
            "`zeros` (1048576, 8) allocates 64.0 MiB, of which 1.00 MiB were ever used; 16,384 of \
             1,048,576 along the first axis were reached",
            "Make it as large as the data: 16,384 along the first axis would have done; where \
             their number is not known, start small and double it when it is full.",
        );
    }

    #[test]
    fn what_index_arrays_have_used_is_no_stretch() {
        check(
            zeros(64, 1, 0),
            "",
            "`zeros` (1048576, 8) allocates 64.0 MiB, of which 1.00 MiB were ever used",
            "Make it as large as the data, or keep only what is there: a dict, a sparse matrix, or \
             sorted keys with `np.searchsorted`.",
        );
    }

    #[test]
    fn scattered_use_wants_another_structure() {
        check(
            zeros(64, 0, 1_048_570),
            "",
            "`zeros` (1048576, 8) allocates 64.0 MiB, of which none were ever used; 1,048,570 of \
             1,048,576 along the first axis were reached",
            "Make it as large as the data, or keep only what is there: a dict, a sparse matrix, or \
             sorted keys with `np.searchsorted`.",
        );
        check_silent(zeros(7, 0, 3));
    }
}
