//! Copies that nobody needed: neither side was written while both lived.

use npprof_model::Detail;

use crate::finding::Severity;
use crate::python::Line;
use crate::rule::{Advice, Default, Rule, Threshold, Yield, is_same_copy, sum};
use crate::words::{called, counted, of, operation, source};

pub(crate) const RULE: Rule = Rule {
    kind: "redundant-copy",
    severity: Severity::Warning,
    title: "an array is copied whole, and neither side changes",
    definition: "An operation made a full copy of one array with the same dtype (copy, np.array, \
        astype, flatten, deepcopy …) although a view or the array itself would have done: from the \
        copy until the first of the two died, neither was written nor handed to foreign code that \
        may write.",
    silent: "One of the two is written later; the copy frees a much larger base; dtype, byte order \
        or needed layout change; small arrays; pickling.",
    saved: "The copies, which are not allocated and not written. At the high-water mark: the \
        smaller of copy and original for as long as both live, as a view or the array itself \
        keeps the original alive.",
    before: "flat = labels.flatten()\npixels = raw.astype(np.uint8)      # raw is uint8 already",
    after: "flat = labels.ravel()\npixels = raw.astype(np.uint8, copy=False)",
    thresholds: &[
        Threshold { name: "bytes", default: Default::Large, help: "bytes copied at the line" },
        Threshold { name: "array", default: Default::MinArray, help: "bytes of the largest copy" },
    ],
    is_about: |detail| matches!(detail, Detail::RedundantCopy),
    merge: sum,
    advise: |pattern, context| {
        let array = source(pattern).or(pattern.result.as_ref());
        if pattern.bytes < context.bytes("bytes")
            || !context.is_large(pattern.result.as_ref().or(array))
        {
            return None;
        }
        let how_often = if pattern.n == 1 {
            String::new()
        } else {
            format!(" in {}", counted(pattern.n, "copy"))
        };
        Some(Advice {
            message: format!(
                "{} copied {}{}{how_often}, and neither the original nor the copy changed while \
                 both were alive",
                operation(pattern, "this line"),
                pattern.bytes,
                of(array),
            ),
            why: "The copy takes memory and time and holds the same values as the original.".into(),
            fix: context
                .line
                .and_then(|line| rewritten(line, called(pattern)))
                .unwrap_or_else(|| remedy(called(pattern))),
            evidence: vec![
                ("written", "no write to either side was seen".into()),
                ("copied_bytes", pattern.bytes.into()),
            ],
        })
    },
    yields_to: &[
        Yield { kind: "fancy-index-copy", is_explained: is_same_copy },
        Yield { kind: "boundary-copy", is_explained: is_same_copy },
        Yield { kind: "layout-copy", is_explained: is_same_copy },
        Yield { kind: "quadratic-append", is_explained: |own, other, _| own.is_at(other) },
    ],
};

/// The remedy with the user's own names.
fn rewritten(line: &Line<'_>, name: &str) -> Option<String> {
    let call = line.call(&[name])?;
    match name {
        "astype" if !call.has("copy") && call.arguments.len() == 1 => Some(format!(
            "Write `{}`: it copies only when the dtype differs.",
            call.with("copy=False")
        )),
        "flatten" if call.receiver.is_some() && call.arguments.is_empty() => Some(format!(
            "Write `{}` instead of `{}`: a view where the layout allows it.",
            call.renamed("ravel"),
            call.whole
        )),
        "copy" if call.is_of_numpy() && call.arguments.len() == 1 => {
            let array = call.argument(0, "a")?;
            Some(format!("Use `{array}` itself instead of `{}`.", call.whole))
        }
        "copy" if call.arguments.is_empty() => {
            let array = call.receiver?;
            Some(format!("Use `{array}` itself instead of `{}`.", call.whole))
        }
        "array" if call.is_of_numpy() => {
            let is_plain = call.n_positional() == 1
                && call.arguments.iter().all(|it| it.name.is_none_or(|name| name == "dtype"));
            is_plain.then(|| {
                format!(
                    "Write `{}` instead of `{}`: it copies only when it must.",
                    call.renamed("asarray"),
                    call.whole
                )
            })
        }
        _ => None,
    }
}

fn remedy(name: &str) -> String {
    match name {
        "astype" => {
            "Pass `copy=False` to `astype`: it then copies only when the dtype differs.".to_owned()
        }
        "flatten" => {
            "Use `ravel()` or `reshape(-1)`, which give a view where the layout allows it."
                .to_owned()
        }
        "array" => "Use `np.asarray`, which copies only when it must.".to_owned(),
        "deepcopy" | "__deepcopy__" => {
            "Use `copy.copy` for what holds the array, or share the array itself.".to_owned()
        }
        _ => "Leave the copy out and use the original; `np.asarray` and \
              `astype(dtype, copy=False)` copy only when they must."
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use npprof_model::Pattern;

    use super::*;
    use crate::fixtures::{MIB, check, check_silent, input, layout, pattern};

    fn copies(operation: &str, n: u64, mib: u64) -> Pattern {
        let array = layout(&[mib / n, 1 << 20], "uint8");
        Pattern {
            operation: operation.into(),
            operands: [input(array.clone())].into(),
            result: Some(array),
            ..pattern(Detail::RedundantCopy, n, mib * MIB)
        }
    }

    #[test]
    fn a_copy_is_told_with_the_users_own_names() {
        check(
            copies("astype", 1, 36),
            "dataset[name] = raw[name].astype(dtype)",
            "`astype` copied 36.0 MiB of uint8 (36, 1048576), and neither the original nor the \
             copy changed while both were alive",
            "Write `raw[name].astype(dtype, copy=False)`: it copies only when the dtype differs.",
        );
        check(
            copies("ndarray.flatten", 12, 36),
            "flat = self.labels.flatten()",
            "`ndarray.flatten` copied 36.0 MiB of uint8 (3, 1048576) in 12 copies, and neither the \
             original nor the copy changed while both were alive",
            "Write `self.labels.ravel()` instead of `self.labels.flatten()`: a view where the \
             layout allows it.",
        );
    }

    fn fix(operation: &str, line: &str) -> String {
        crate::fixtures::said(copies(operation, 1, 36), line).unwrap().fix
    }

    #[test]
    fn remedies_fit_the_call() {
        assert_eq!(
            fix("ndarray.copy", "y = (a + b).copy()"),
            "Use `(a + b)` itself instead of `(a + b).copy()`."
        );
        assert_eq!(
            fix("copy", "y = np.copy(x[1:])"),
            "Use `x[1:]` itself instead of `np.copy(x[1:])`."
        );
        assert_eq!(
            fix("array", "y = np.array(x, dtype=float)"),
            "Write `np.asarray(x, dtype=float)` instead of `np.array(x, dtype=float)`: it copies \
             only when it must."
        );
        // What `copy=True` means can't be said with `asarray`.
        assert_eq!(
            fix("array", "y = np.array(x, copy=True)"),
            "Use `np.asarray`, which copies only when it must."
        );
        assert_eq!(
            fix("astype", "y = x.astype(t).astype(u)"),
            "Pass `copy=False` to `astype`: it then copies only when the dtype differs."
        );
        assert_eq!(
            fix("", ""),
            "Leave the copy out and use the original; `np.asarray` and `astype(dtype, copy=False)` \
             copy only when they must."
        );
    }

    #[test]
    fn little_is_not_worth_a_word() {
        check_silent(copies("copy", 1, 7));
    }
}
