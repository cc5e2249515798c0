//! Elements that are handled one by one in Python.

use npprof_model::units::grouped;
use npprof_model::{Detail, Pattern};

use crate::finding::Severity;
use crate::python::Line;
use crate::rule::{Advice, Default, Rule, Threshold, Yield, sum};
use crate::words::{called, counted};

pub(crate) const RULE: Rule = Rule {
    kind: "python-loop",
    severity: Severity::Warning,
    title: "elements are handled one by one in Python",
    definition: "At one line, single elements are read or written from Python, or NumPy calls a \
        Python function for every element (np.vectorize, frompyfunc, apply_along_axis, \
        fromfunction, fromiter).",
    silent: "Loops whose body works on whole rows.",
    saved: "The arrays of objects that np.vectorize makes of arguments and results. Unknown \
        otherwise: the expression that takes the place of a loop has temporaries of its own, \
        so that the high-water mark may even rise.",
    before: "for i in range(len(a)):\n    out[i] = a[i] * 2 if a[i] > 0 else 0",
    after: "out = np.where(a > 0, a * 2, 0)",
    thresholds: &[Threshold {
        name: "elements",
        default: Default::Count(10_000),
        help: "elements handled, or calls of Python functions, at the line",
    }],
    is_about: |detail| matches!(detail, Detail::PythonLoop { .. }),
    merge: |pattern, other| {
        let (
            Detail::PythonLoop { reads, writes, callbacks },
            &Detail::PythonLoop { reads: r, writes: w, callbacks: c },
        ) = (pattern.detail.clone(), &other.detail)
        else {
            return;
        };
        sum(pattern, other);
        pattern.detail = Detail::PythonLoop {
            reads: reads.saturating_add(r),
            writes: writes.saturating_add(w),
            callbacks: callbacks.saturating_add(c),
        };
    },
    advise: |pattern, context| {
        let &Detail::PythonLoop { reads, writes, callbacks } = &pattern.detail else {
            return None;
        };
        let least = context.count("elements");
        if reads.saturating_add(writes) < least && callbacks < least {
            return None;
        }
        let array =
            crate::words::source(pattern).map(|layout| format!(" of {layout}")).unwrap_or_default();
        let message = if callbacks >= reads.saturating_add(writes) {
            let by = crate::words::operation(pattern, "NumPy");
            format!("{by} called a Python function {} times, once an element", grouped(callbacks))
        } else {
            let (first, verb, then) = match (reads, writes) {
                (0, writes) => (writes, "written", String::new()),
                (reads, 0) => (reads, "read", String::new()),
                (reads, writes) => (reads, "read", format!(" and {} written", grouped(writes))),
            };
            let were = if first == 1 { "was" } else { "were" };
            let elements = counted(first, "element");
            format!("{elements}{array} {were} {verb}{then} one by one from Python")
        };
        Some(Advice {
            message,
            why: "Each element becomes a Python object and goes through the interpreter: about a \
                  hundred times the cost of the same step inside NumPy."
                .into(),
            fix: context
                .line
                .filter(|_| callbacks == 0 && writes == 0)
                .and_then(listed)
                .unwrap_or_else(|| remedy(pattern, callbacks)),
            evidence: vec![
                ("reads", reads.into()),
                ("writes", writes.into()),
                ("callbacks", callbacks.into()),
            ],
        })
    },
    yields_to: &[
        // `list(a)` takes the elements one by one as well.
        Yield { kind: "list-conversion", is_explained: |own, other, _| own.is_at(other) },
    ],
};

/// Instead of `list(a)`, with the user's own names.
fn listed(line: &Line<'_>) -> Option<String> {
    let call = line.call(&["list"]).filter(|call| call.receiver.is_none())?;
    let [argument] = call.arguments.as_slice() else { return None };
    Some(format!(
        "Keep `{}` as an array, and put several together with `np.concatenate` once, at the end; \
         where it has to be a list, `tolist()` makes one in a single call.",
        argument.value
    ))
}

fn remedy(pattern: &Pattern, callbacks: u64) -> String {
    if callbacks == 0 {
        return "Write the loop as an expression over whole arrays or slices (`a[1:] - a[:-1]`), \
                with a mask or `np.where` for conditions and `axis=` for sums; Numba if it can't \
                be."
        .to_owned();
    }
    match called(pattern) {
        "fromiter" => {
            "Compute the values with an expression over the array instead of a generator \
                       over its elements."
                .to_owned()
        }
        "apply_along_axis" => {
            "Call the function once with `axis=`, or write it for whole arrays.".to_owned()
        }
        "fromfunction" => {
            "Write the function for whole index arrays, as `np.fromfunction` passes them, or use \
             `np.ogrid`."
                .to_owned()
        }
        _ => "Write the function for whole arrays: `np.where`, `np.clip`, `np.minimum`, masks; \
              `np.vectorize` is a loop in Python."
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{check, check_silent, input, layout, pattern};

    fn elements(reads: u64, writes: u64, callbacks: u64) -> Pattern {
        let detail = Detail::PythonLoop { reads, writes, callbacks };
        Pattern {
            operands: [input(layout(&[180, 240], "float64"))].into(),
            ..pattern(detail, reads + writes + callbacks, 0)
        }
    }

    const LOOP: &str = "Write the loop as an expression over whole arrays or slices (`a[1:] - \
        a[:-1]`), with a mask or `np.where` for conditions and `axis=` for sums; Numba if it can't \
        be.";

    #[test]
    fn elements_are_counted() {
        check(
            elements(84_728, 1, 0),
            "dx = image[i, j + 1] - image[i, j - 1]",
            "84,728 elements of float64 (180, 240) were read and 1 written one by one from Python",
            LOOP,
        );
        check(
            elements(0, 42_364, 0),
            "",
            "42,364 elements of float64 (180, 240) were written one by one from Python",
            LOOP,
        );
    }

    #[test]
    fn calls_of_a_python_function_are_counted() {
        let mut calls = elements(0, 0, 50_000);
        calls.operation = "vectorize".into();
        check(
            calls,
            "return func(self.values, low, high)",
            "`vectorize` called a Python function 50,000 times, once an element",
            "Write the function for whole arrays: `np.where`, `np.clip`, `np.minimum`, masks; \
             `np.vectorize` is a loop in Python.",
        );
    }

    #[test]
    fn processes_count_together() {
        let mut one = elements(6_000, 0, 0);
        (RULE.merge)(&mut one, &elements(5_000, 10, 0));
        assert_eq!(one.detail, Detail::PythonLoop { reads: 11_000, writes: 10, callbacks: 0 });
        assert_eq!(one.n, 11_010);
    }

    #[test]
    fn a_short_loop_is_fine() {
        check_silent(elements(5_000, 4_999, 9_999));
    }
}
