//! Arrays that go to Python lists and come back, or lists that are converted again and again.

use npprof_model::Detail;
use npprof_model::units::grouped;

use crate::finding::Severity;
use crate::rule::{Advice, Default, Rule, Threshold, sum};
use crate::words::{called, times};

pub(crate) const RULE: Rule = Rule {
    kind: "list-conversion",
    severity: Severity::Warning,
    title: "numbers go through Python lists",
    definition: "An array is turned into Python numbers (tolist, list(a)) and, in the same call, a \
        sequence of at least half as many is turned back; or the same sequence, or the same line, \
        is converted three times or more.",
    silent: "One conversion of data that were born as Python objects; lists of arrays.",
    saved: "Of arrays made of one sequence all but one are not allocated. Unknown at the high- \
        water mark: an array expression has masks and temporaries of its own.",
    before: "kept = [v if abs(v) < 3 else 0.0 for v in signal.tolist()]\nout = np.array(kept)",
    after: "out = np.where(np.abs(signal) < 3, signal, 0.0)",
    thresholds: &[
        Threshold {
            name: "elements",
            default: Default::Count(100_000),
            help: "numbers in the largest conversion",
        },
        Threshold {
            name: "conversions",
            default: Default::Count(3),
            help: "conversions at the line, where nothing goes there and back",
        },
    ],
    is_about: |detail| matches!(detail, Detail::ListConversion { .. }),
    merge: sum,
    advise: |pattern, context| {
        let &Detail::ListConversion { n_elements, is_round_trip } = &pattern.detail else {
            return None;
        };
        let is_repeated = pattern.n >= context.count("conversions");
        if n_elements < context.count("elements") || !(is_round_trip || is_repeated) {
            return None;
        }
        let (message, fix) = if is_round_trip {
            (
                format!(
                    "{} numbers leave an array as Python objects and come back as an array ({}), {}",
                    grouped(n_elements),
                    pattern.bytes,
                    times(pattern.n),
                ),
                "Stay in NumPy: a mask or `np.where` for conditions, `np.clip` for limits, slices \
                 instead of list operations.",
            )
        } else {
            (
                format!(
                    "a Python sequence of {} numbers is converted to an array {}, {} in all",
                    grouped(n_elements),
                    times(pattern.n),
                    pattern.bytes,
                ),
                "Convert the sequence once and keep the array; fill a preallocated array, or an \
                 `array.array`, where numbers arrive one by one.",
            )
        };
        let fix = context
            .line
            .filter(|_| !is_round_trip && ["array", "asarray"].contains(&called(pattern)))
            .and_then(|line| line.call(&["array", "asarray"]))
            .filter(super::super::python::Call::is_of_numpy)
            .map_or_else(
                || fix.to_owned(),
                |call| {
                    format!(
                        "Keep the result of `{}` instead of converting again; fill a \
                    preallocated array, or an `array.array`, where numbers arrive one by one.",
                        call.whole
                    )
                },
            );
        Some(Advice {
            message,
            why: "Each number becomes a Python object of 24 bytes or more and is looked at by the \
                  interpreter, twice if it comes back."
                .into(),
            fix,
            evidence: vec![
                ("n_elements", n_elements.into()),
                ("conversions", pattern.n.into()),
                ("is_round_trip", if is_round_trip { "yes" } else { "no" }.into()),
                ("array_bytes", pattern.bytes.into()),
            ],
        })
    },
    yields_to: &[],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{MIB, check, check_silent, pattern};

    fn conversion(n: u64, n_elements: u64, is_round_trip: bool) -> npprof_model::Pattern {
        let detail = Detail::ListConversion { n_elements, is_round_trip };
        npprof_model::Pattern { operation: "asarray".into(), ..pattern(detail, n, 3 * n * MIB) }
    }

    #[test]
    fn there_and_back_is_told() {
        check(
            conversion(1, 400_000, true),
            "return np.array(kept)",
            "400,000 numbers leave an array as Python objects and come back as an array (3.00 \
             MiB), once",
            "Stay in NumPy: a mask or `np.where` for conditions, `np.clip` for limits, slices \
             instead of list operations.",
        );
    }

    #[test]
    fn the_same_again_and_again_is_told() {
        check(
            conversion(5, 400_000, false),
            "y = np.asarray(self.history, dtype=float) * 2",
            "a Python sequence of 400,000 numbers is converted to an array 5 times, 15.0 MiB in all",
            "Keep the result of `np.asarray(self.history, dtype=float)` instead of converting \
             again; fill a preallocated array, or an `array.array`, where numbers arrive one by \
             one.",
        );
        check_silent(conversion(2, 400_000, false));
        check_silent(conversion(5, 99_999, true));
    }
}
