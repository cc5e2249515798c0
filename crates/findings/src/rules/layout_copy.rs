//! Copies because strides can't express the shape that was asked for.

use npprof_model::{Bytes, Detail, Pattern};

use crate::finding::{Severity, Value};
use crate::rule::{Advice, Default, Rule, Threshold, Yield, is_same_copy, sum};
use crate::words::{called, operation, ratio, rounded_ratio, shape, source, times, with_strides};

pub(crate) const RULE: Rule = Rule {
    kind: "layout-copy",
    severity: Severity::Warning,
    title: "a reshape has to copy, as strides can't express it",
    definition: "reshape, ravel, flatten, or the reshape inside tensordot and einsum, had to copy \
        because the strides of the array could not express the new shape.",
    silent: "The result is a view; the source is C-contiguous (then it is a redundant copy); a \
        single ascontiguousarray or copy(order=) whose result is used at least twice.",
    saved: "The copies. At the high-water mark: those that were alive there together with their \
        source, and of a copy that is larger than its source and outlives it the difference, \
        as the view on which the axes are worked along keeps the source.",
    before: "crop = movie[:, 8:-8, 8:-8]\nmeans = crop.reshape(len(crop), -1).mean(axis=1)",
    after: "crop = movie[:, 8:-8, 8:-8]\nmeans = crop.mean(axis=(1, 2))",
    thresholds: &[
        Threshold { name: "bytes", default: Default::Large, help: "bytes copied at the line" },
        Threshold { name: "array", default: Default::MinArray, help: "bytes of the largest copy" },
    ],
    is_about: |detail| matches!(detail, Detail::LayoutCopy { .. }),
    merge: sum,
    advise: |pattern, context| {
        let &Detail::LayoutCopy { axes, owner } = &pattern.detail else { return None };
        let array = pattern.result.as_ref().or(source(pattern));
        if pattern.bytes < context.bytes("bytes") || !context.is_large(array) {
            return None;
        }
        let from = source(pattern).map(with_strides);
        let to = pattern.result.as_ref().map(shape);
        let what = match (&from, &to) {
            (Some(from), Some(to)) => format!(" of {from} to {to}"),
            (Some(from), None) => format!(" of {from}"),
            _ => String::new(),
        };
        let because = axes.map_or_else(
            || "its strides can't express the new shape".to_owned(),
            |(one, two)| format!("axes {one} and {two} can't be merged"),
        );
        let result = pattern.result.as_ref().and_then(crate::rule::nbytes);
        let mut evidence: Vec<(&'static str, Value)> = vec![("copied_bytes", pattern.bytes.into())];
        if let Some((one, two)) = axes {
            let axes = [one, two].map(|axis| Value::Count(axis as u64));
            evidence.push(("unmergeable_axes", Value::List(axes.into())));
        }
        let mut grown = String::new();
        if let (Some(result), true) = (result, owner > Bytes(0)) {
            evidence.push(("owner_bytes", owner.into()));
            evidence.push(("result_over_owner", Value::Ratio(rounded_ratio(result.0, owner.0))));
            if result.0 >= owner.0.saturating_mul(2) {
                grown = format!(", {} the memory that it was a view of", ratio(result.0, owner.0));
            }
        }
        let call = context.line.and_then(|line| line.call(&[called(pattern)]));
        let array = call
            .as_ref()
            .and_then(|call| call.receiver)
            .filter(|_| ["reshape", "ravel", "flatten"].contains(&called(pattern)));
        let array = array.filter(|name| !["np", "numpy"].contains(name));
        Some(Advice {
            message: format!(
                "{}{what} copied {}, {}, because {because}{grown}",
                operation(pattern, "a change of shape"),
                pattern.bytes,
                times(pattern.n),
            ),
            why: "A new shape is free only where the strides of the array can express it; where \
                  they can't, every element is copied, at each call."
                .into(),
            fix: remedy(pattern, axes, array),
            evidence,
        })
    },
    yields_to: &[Yield { kind: "boundary-copy", is_explained: is_same_copy }],
};

/// In the words of the axes that the call merges, where they can be told.
fn remedy(pattern: &Pattern, axes: Option<(usize, usize)>, array: Option<&str>) -> String {
    let merged = axes.and_then(|(first, _)| {
        let (from, to) = (source(pattern)?, pattern.result.as_ref()?);
        Some((merged(&from.shape, &to.shape, first)?, from.shape.len()))
    });
    let of = array.map(|array| format!(" of `{array}`")).unwrap_or_default();
    let along = match merged {
        Some((merged, n)) if merged.len() == n => format!(
            "Work on {} in its own shape: reductions and elementwise operations take any",
            array.map_or_else(|| "the array".to_owned(), |array| format!("`{array}`")),
        ),
        Some((merged, _)) => {
            let merged: Vec<String> = merged.iter().map(ToString::to_string).collect();
            format!(
                "Work along the axes{of} (`axis=({})`, `einsum`) instead of merging them",
                merged.join(", ")
            )
        }
        None => format!("Work along the axes{of} (`axis=`, `einsum`) instead of reshaping"),
    };
    match array {
        Some(array) => {
            format!("{along}, or make `{array}` contiguous once, outside of the loop.")
        }
        None => format!(
            "{along}, or keep the array in the needed order from the start, or make it \
             contiguous once, outside of the loop."
        ),
    }
}

/// The axes that become one in a new shape, among them `axis`; `None` if they become several.
fn merged(from: &[u64], to: &[u64], axis: usize) -> Option<Vec<usize>> {
    let mut to = to.iter().copied().filter(|&extent| extent != 1);
    let mut from = from.iter().copied().enumerate().filter(|&(_, extent)| extent != 1);
    while let Some((first, extent)) = from.next() {
        let (mut axes, mut n_from) = (vec![first], extent);
        let (mut n_axes_to, mut n_to) = (1, to.next()?);
        while n_from != n_to {
            if n_from < n_to {
                let (next, extent) = from.next()?;
                axes.push(next);
                n_from = n_from.saturating_mul(extent);
            } else {
                n_axes_to += 1;
                n_to = n_to.saturating_mul(to.next()?);
            }
        }
        if axes.contains(&axis) {
            return (n_axes_to == 1 && axes.len() > 1).then_some(axes);
        }
    }
    None
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::fixtures::{MIB, check, check_silent, input, layout, pattern, strided};

    fn reshape(mib: u64, owner: u64) -> Pattern {
        let array = strided(&[mib, 512, 256], "float64", &[2_000_000, 4096, 8]);
        Pattern {
            operation: "reshape".into(),
            operands: [input(array)].into(),
            result: Some(layout(&[mib, 131_072], "float64")),
            ..pattern(
                Detail::LayoutCopy { axes: Some((1, 2)), owner: Bytes(owner * MIB) },
                3,
                mib * MIB,
            )
        }
    }

    #[test]
    fn the_axes_that_do_not_merge_are_named() {
        check(
            reshape(30, 60),
            "return cropped.reshape(len(movie), -1)",
            "`reshape` of float64 (30, 512, 256) with strides (2000000, 4096, 8) to (30, \
             131072) copied 30.0 MiB, 3 times, because axes 1 and 2 can't be merged",
            "Work along the axes of `cropped` (`axis=(1, 2)`, `einsum`) instead of merging them, \
             or make `cropped` contiguous once, outside of the loop.",
        );
    }

    #[test]
    fn the_axes_of_the_remedy_are_those_that_are_merged() {
        let windows = |to: &[u64], axes| Pattern {
            operation: "reshape".into(),
            operands: [input(strided(&[64, 64, 3, 3], "float64", &[528, 8, 528, 8]))].into(),
            result: Some(layout(to, "float64")),
            ..pattern(Detail::LayoutCopy { axes: Some(axes), owner: Bytes(MIB) }, 1, 9 * MIB)
        };
        let fix = |pattern| crate::fixtures::said(pattern, "").unwrap().fix;
        let last = fix(windows(&[64, 64, 9], (2, 3)));
        assert!(last.starts_with("Work along the axes (`axis=(2, 3)`, `einsum`)"), "{last}");
        let flat = fix(windows(&[36864], (0, 1)));
        assert!(flat.starts_with("Work on the array in its own shape"), "{flat}");
        let other = fix(windows(&[96, 384], (0, 1)));
        assert!(other.starts_with("Work along the axes (`axis=`, `einsum`)"), "{other}");
    }

    #[test]
    fn a_view_that_grows_by_it_is_told() {
        let finding = crate::fixtures::said(reshape(81, 1), "").unwrap();
        assert!(finding.message.ends_with("merged, 81x the memory that it was a view of"));
    }

    #[test]
    fn little_is_not_worth_a_word() {
        check_silent(reshape(7, 9));
    }
}
