//! Arrays of Python objects that are all numbers.

use npprof_model::Detail;
use npprof_model::pattern::ObjectsSeen;
use npprof_model::units::grouped;

use crate::finding::{Severity, Value};
use crate::python::Line;
use crate::rule::{Advice, Default, Rule, Threshold, Yield, sum};
use crate::words::{called, operation};

pub(crate) const RULE: Rule = Rule {
    kind: "object-dtype",
    severity: Severity::Warning,
    title: "numbers are kept as Python objects",
    definition: "An array of dtype object whose elements are all numbers, None or NaN was made, or \
        computed with.",
    silent: "Strings, ragged rows and mixed objects; no arithmetic and few elements; the arrays \
        inside np.vectorize.",
    saved: "Nothing of NumPy's memory, as a float64 takes as much as a reference; the objects are \
        not NumPy's. Unknown for complex numbers, which take more.",
    before: "values = np.array([1.5, None, 2.5])\ntotal = values[values != None].sum()",
    after: "values = np.array([1.5, None, 2.5], dtype=float)    # None becomes nan\ntotal = np.nansum(values)",
    thresholds: &[Threshold {
        name: "elements",
        default: Default::Count(10_000),
        help: "elements of the largest one",
    }],
    is_about: |detail| matches!(detail, Detail::ObjectDtype { .. }),
    merge: sum,
    advise: |pattern, context| {
        let &Detail::ObjectDtype { n_elements, seen } = &pattern.detail else { return None };
        if n_elements < context.count("elements") {
            return None;
        }
        let types = types(seen);
        let dtype = match (seen.complex, seen.floats || seen.numbers, seen.ints, seen.bools) {
            (true, ..) => "complex",
            (_, true, ..) => "float",
            _ if seen.none || seen.missing => "float",
            (_, _, true, _) => "np.int64",
            (_, _, _, true) => "bool",
            _ => "float",
        };
        let gaps = if seen.none || seen.missing { " and NaN for what is missing" } else { "" };
        // Only where every element can be converted.
        let named = context
            .line
            .filter(|_| !seen.missing && ["array", "asarray"].contains(&called(pattern)))
            .and_then(|line| made(line, dtype));
        Some(Advice {
            message: format!(
                "{} works with {} Python objects in an array of dtype object, all of them {}",
                operation(pattern, "this line"),
                grouped(n_elements),
                types.join(" or "),
            ),
            why: "Each element is a pointer to a Python object of 24 bytes or more, and each step \
                  of arithmetic goes through the interpreter."
                .into(),
            fix: named.unwrap_or_else(|| {
                format!(
                    "Keep the numbers in an array of dtype {}{gaps}: `np.array(values, \
                     dtype={dtype})`, or in pandas `to_numpy(dtype=float, na_value=np.nan)`.",
                    dtype.trim_start_matches("np.")
                )
            }),
            evidence: vec![
                ("n_elements", n_elements.into()),
                ("types", Value::List(types.into_iter().map(Value::from).collect())),
            ],
        })
    },
    yields_to: &[Yield {
        kind: "python-loop",
        // `np.vectorize` and `frompyfunc` work with arrays of objects inside.
        is_explained: |own, other, _| {
            let by_calls = matches!(other.pattern.detail, Detail::PythonLoop { callbacks, .. } if callbacks > 0);
            own.is_at(other) && by_calls
        },
    }],
};

fn types(seen: ObjectsSeen) -> Vec<&'static str> {
    let all = [
        (seen.floats, "float"),
        (seen.ints, "int"),
        (seen.bools, "bool"),
        (seen.complex, "complex"),
        (seen.numbers, "other numbers"),
        (seen.none, "None"),
        (seen.missing, "missing values"),
    ];
    let types: Vec<_> = all.into_iter().filter(|(is_seen, _)| *is_seen).map(|it| it.1).collect();
    if types.is_empty() { vec!["numbers"] } else { types }
}

fn made(line: &Line<'_>, dtype: &str) -> Option<String> {
    let call = line.call(&["array", "asarray"])?;
    let is_plain = call.is_of_numpy() && call.arguments.len() == 1;
    is_plain.then(|| format!("Write `{}`.", call.with(&format!("dtype={dtype}"))))
}

#[cfg(test)]
mod tests {
    use npprof_model::Pattern;

    use super::*;
    use crate::fixtures::{MIB, check, check_silent, pattern, said};

    fn objects(n_elements: u64, seen: ObjectsSeen) -> Pattern {
        let detail = Detail::ObjectDtype { n_elements, seen };
        Pattern { operation: "array".into(), ..pattern(detail, 1, 2 * MIB) }
    }

    const GAPS: ObjectsSeen = ObjectsSeen {
        floats: true,
        ints: false,
        bools: false,
        none: true,
        complex: false,
        numbers: false,
        missing: false,
    };

    #[test]
    fn gaps_become_nan() {
        check(
            objects(240_000, GAPS),
            "self.values = np.array(rows)",
            "`array` works with 240,000 Python objects in an array of dtype object, all of them \
             float or None",
            "Write `np.array(rows, dtype=float)`.",
        );
        let fix = said(objects(240_000, GAPS), "v = np.array(rows, dtype=object)").unwrap().fix;
        assert_eq!(
            fix,
            "Keep the numbers in an array of dtype float and NaN for what is missing: \
             `np.array(values, dtype=float)`, or in pandas `to_numpy(dtype=float, \
             na_value=np.nan)`."
        );
    }

    #[test]
    fn only_the_call_that_made_the_array_is_quoted() {
        let sum = Pattern { operation: "multiply".into(), ..objects(240_000, GAPS) };
        let fix = said(sum, "t = (values * np.array(weights)).sum()").unwrap().fix;
        assert!(fix.starts_with("Keep the numbers"), "{fix}");
    }

    #[test]
    fn integers_stay_integers() {
        let ints = ObjectsSeen { ints: true, ..ObjectsSeen::default() };
        let fix = said(objects(10_000, ints), "x = np.array(rows)").unwrap().fix;
        assert_eq!(fix, "Write `np.array(rows, dtype=np.int64)`.");
        check_silent(objects(9_999, ints));
    }
}
