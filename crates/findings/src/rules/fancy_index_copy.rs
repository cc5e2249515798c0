//! Gathering with an index array what a slice would give as a view.

use npprof_model::Detail;

use crate::finding::{Severity, Value};
use crate::python::{Line, Subscript};
use crate::rule::{Advice, Default, Rule, Threshold, nbytes, sum};
use crate::words::{called, times};

pub(crate) const RULE: Rule = Rule {
    kind: "fancy-index-copy",
    severity: Severity::Warning,
    title: "an index array gathers what a slice would show",
    definition: "An array, list or mask was used to read what lies evenly spaced along one axis, \
        the other axes whole, and the result was not written while the source was in use.",
    silent: "Indices that are no arithmetic progression; negative or repeated ones; assignments \
        (a[index] = v).",
    saved: "The copies, and the index if it is made at the same line. At the high-water mark: \
        those that were alive there together with their source, which a slice keeps alive.",
    before: "index = np.arange(start, stop)\nbatch = X[index]",
    after: "batch = X[start:stop]",
    thresholds: &[
        Threshold {
            name: "bytes",
            default: Default::Large,
            help: "bytes gathered at the line, or",
        },
        Threshold {
            name: "array",
            default: Default::MinArray,
            help: "bytes of the largest result: one of both is enough",
        },
    ],
    is_about: |detail| matches!(detail, Detail::FancyIndexCopy { .. }),
    merge: sum,
    advise: |pattern, context| {
        let &Detail::FancyIndexCopy { start, count, step, axis, is_mask } = &pattern.detail else {
            return None;
        };
        let is_large_result = pattern
            .result
            .as_ref()
            .and_then(nbytes)
            .is_some_and(|bytes| bytes >= context.bytes("array"));
        if pattern.bytes < context.bytes("bytes") && !is_large_result {
            return None;
        }
        let index = if is_mask { "a mask" } else { "an index" };
        let what = match called(pattern) {
            "" | "getitem" => "indexing".to_owned(),
            name => format!("`{name}`"),
        };
        let slice = slice(start, count, step);
        let case = if pattern.n == 1 { "" } else { " in the largest case" };
        Some(Advice {
            message: format!(
                "{what} with {index} that selects {slice}{case} gathered {}, {}; a slice would \
                 have been a view",
                pattern.bytes,
                times(pattern.n),
            ),
            why:
                "Indexing with an array always copies; a slice of evenly spaced elements is a view \
                  and costs nothing."
                    .into(),
            fix: context.line.and_then(|line| indexed(line, axis)).map_or_else(
                || remedy(axis, step, is_mask),
                |subscript| rewritten(&subscript, axis, step, &slice, case),
            ),
            evidence: vec![
                ("start", start.into()),
                ("stop", stop(start, count, step).into()),
                ("step", step.into()),
                ("axis", Value::Count(axis.into())),
                ("is_mask", if is_mask { "yes" } else { "no" }.into()),
                ("copied_bytes", pattern.bytes.into()),
            ],
        })
    },
    yields_to: &[],
};

fn stop(start: i64, count: u64, step: i64) -> i64 {
    start.saturating_add(i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(step))
}

/// `128:256`, `0:100:2`, `9::-1`.
fn slice(start: i64, count: u64, step: i64) -> String {
    let stop = stop(start, count, step);
    let stop = if stop < 0 { String::new() } else { stop.to_string() };
    if step == 1 { format!("{start}:{stop}") } else { format!("{start}:{stop}:{step}") }
}

/// The only subscript of the line with an index array on this axis and nothing else.
fn indexed<'a>(line: &Line<'a>, axis: u32) -> Option<Subscript<'a>> {
    let is_whole_axis = |item: &str| item == ":" || item == "...";
    let is_candidate = |subscript: &Subscript<'_>| {
        let place = usize::try_from(axis).unwrap_or(usize::MAX);
        let others = subscript.items.iter().enumerate().filter(|&(at, _)| at != place);
        let is_index =
            |item: &str| !item.contains(':') && item != "..." && item.parse::<i64>().is_err();
        subscript.items.get(place).is_some_and(|item| is_index(item))
            && others.into_iter().all(|(_, item)| is_whole_axis(item) && *item != "...")
    };
    let mut candidates = line.subscripts().into_iter().filter(is_candidate);
    let found = candidates.next()?;
    candidates.next().is_none().then_some(found)
}

fn rewritten(subscript: &Subscript<'_>, axis: u32, step: i64, slice: &str, case: &str) -> String {
    let general = if step == 1 { "start:stop" } else { "start:stop:step" };
    let axes = ":, ".repeat(usize::try_from(axis).unwrap_or(0));
    let base = subscript.base;
    if case.is_empty() {
        format!("Write `{base}[{axes}{slice}]` instead of `{}`.", subscript.whole)
    } else {
        format!("Write `{base}[{axes}{general}]` instead of `{}` ({slice}{case}).", subscript.whole)
    }
}

fn remedy(axis: u32, step: i64, is_mask: bool) -> String {
    let general = if step == 1 { "start:stop" } else { "start:stop:step" };
    let axes = ":, ".repeat(usize::try_from(axis).unwrap_or(0));
    if is_mask {
        format!(
            "Find the ends of the range once (`np.searchsorted` for sorted values) and slice: \
             `a[{axes}{general}]`."
        )
    } else {
        format!("Use a slice instead of the index array: `a[{axes}{general}]`.")
    }
}

#[cfg(test)]
mod tests {
    use npprof_model::Pattern;

    use super::*;
    use crate::fixtures::{MIB, check, check_silent, layout, pattern, said};

    fn gathered(n: u64, kib: u64, step: i64, axis: u32, is_mask: bool) -> Pattern {
        let detail = Detail::FancyIndexCopy { start: 128, count: 64, step, axis, is_mask };
        Pattern {
            operation: "getitem".into(),
            result: Some(layout(&[64, kib * 2], "float64")),
            ..pattern(detail, n, n * kib * 1024)
        }
    }

    #[test]
    fn the_slice_is_given_with_the_users_own_names() {
        check(
            gathered(100, 512, 1, 0, false),
            "return X[index]",
            "indexing with an index that selects 128:192 in the largest case gathered 50.0 MiB, \
             100 times; a slice would have been a view",
            "Write `X[start:stop]` instead of `X[index]` (128:192 in the largest case).",
        );
        check(
            gathered(1, 9 * 1024, 2, 1, false),
            "y = X[:, index].sum()",
            "indexing with an index that selects 128:256:2 gathered 9.00 MiB, once; a slice would \
             have been a view",
            "Write `X[:, 128:256:2]` instead of `X[:, index]`.",
        );
    }

    #[test]
    fn what_is_not_certain_is_not_quoted() {
        let fix = |line| said(gathered(100, 512, 1, 0, false), line).unwrap().fix;
        let general = "Use a slice instead of the index array: `a[start:stop]`.";
        for line in
            ["return X[index] + Y[index]", "return X[:, index]", "return X[0]", "X[i] = y", ""]
        {
            assert_eq!(fix(line), general, "{line}");
        }
        let fix = said(gathered(100, 512, 1, 0, true), "").unwrap().fix;
        assert!(fix.contains("np.searchsorted"), "{fix}");
    }

    #[test]
    fn a_large_result_or_many_small_ones_are_worth_a_word() {
        assert_eq!(said(gathered(1, 1024, 1, 0, false), "").unwrap().bytes.0, MIB);
        check_silent(gathered(15, 512, 1, 0, false));
        assert!(said(gathered(16, 512, 1, 0, false), "").is_some());
        assert_eq!(slice(9, 10, -1), "9::-1");
    }
}
