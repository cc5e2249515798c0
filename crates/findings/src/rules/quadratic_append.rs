//! Arrays that grow by being copied whole.

use npprof_model::{Bytes, Detail};

use crate::finding::{Severity, Value};
use crate::python::Line;
use crate::rule::{Advice, Default, Rule, Threshold, largest};
use crate::words::{called, operation, ratio, times};

pub(crate) const RULE: Rule = Rule {
    kind: "quadratic-append",
    severity: Severity::Warning,
    title: "an array grows by being copied whole each time",
    definition: "Successive calls of append, concatenate, stack, insert, pad, resize, delete or r_ \
        at one line each take the result of the one before, so that what was there is copied \
        every time.",
    silent: "Parts that have nothing to do with each other; one concatenate at the end.",
    saved: "All that was written but for the last array, which is made in any case. Nothing at the \
        high-water mark: parts and result are alive together there, as the old and the new \
        array were.",
    before: "out = np.empty(0)\nfor part in parts:\n    out = np.append(out, part)",
    after: "pieces = []\nfor part in parts:\n    pieces.append(part)\nout = np.concatenate(pieces)",
    thresholds: &[
        Threshold { name: "calls", default: Default::Count(16), help: "calls at the line" },
        Threshold { name: "bytes", default: Default::Large, help: "bytes written by them, and" },
        Threshold {
            name: "ratio",
            default: Default::Count(4),
            help: "the same, over the bytes of the last array",
        },
    ],
    is_about: |detail| matches!(detail, Detail::QuadraticAppend { .. }),
    merge: largest,
    advise: |pattern, context| {
        let &Detail::QuadraticAppend { last, axis } = &pattern.detail else { return None };
        let is_quadratic = pattern.bytes.0 >= last.0.saturating_mul(context.count("ratio"));
        if pattern.n < context.count("calls")
            || pattern.bytes < context.bytes("bytes")
            || !is_quadratic
        {
            return None;
        }
        let along = axis.map(|axis| format!(" along axis {axis}")).unwrap_or_default();
        let mut evidence: Vec<(&'static str, Value)> = vec![
            ("calls", pattern.n.into()),
            ("final_bytes", last.into()),
            ("written_bytes", pattern.bytes.into()),
        ];
        if let Some(axis) = axis {
            evidence.push(("axis", Value::Count(axis.into())));
        }
        let over = if last > Bytes(0) {
            format!(", {} its final size", ratio(pattern.bytes.0, last.0))
        } else {
            String::new()
        };
        Some(Advice {
            message: format!(
                "{} is called {} on its own result, which grows{along} to {last}: {} were written \
                 for it{over}",
                operation(pattern, "a function"),
                times(pattern.n),
                pattern.bytes,
            ),
            why: "An array can't grow in place, so each call copies everything that is there; the \
                  time grows with the square of the number of calls."
                .into(),
            fix: context.line.and_then(|line| rewritten(line, called(pattern))).unwrap_or_else(
                || {
                    "Collect the parts in a list and call `np.concatenate` once after the loop, or \
                     fill an array of the final size."
                        .to_owned()
                },
            ),
            evidence,
        })
    },
    yields_to: &[],
};

/// `x = np.append(x, y)` and `x = np.concatenate([x, y])`.
fn rewritten(line: &Line<'_>, name: &str) -> Option<String> {
    let (target, value) = line.assignment()?;
    // What does the work may have been called by `append`, or the other way round.
    let names = ["append", "concatenate", "vstack", "hstack"];
    let call = line.call(&names).filter(|_| names.contains(&name))?;
    if value != call.whole || !call.is_of_numpy() {
        return None;
    }
    let axis = call.argument(2, "axis").filter(|_| call.name == "append");
    let (part, joined) = if call.name == "append" {
        let part = (call.argument(0, "arr")? == target).then(|| call.argument(1, "values"))??;
        let axis = axis.map(|axis| format!(", axis={axis}")).unwrap_or_default();
        (part.to_owned(), format!("np.concatenate(parts{axis})"))
    } else {
        let list = call.argument(0, "arrays").or_else(|| call.argument(0, "tup"))?;
        let list = list.strip_prefix(['[', '('])?.strip_suffix([']', ')'])?;
        let part = list.strip_prefix(target)?.trim_start().strip_prefix(',')?.trim();
        let part = part.strip_suffix(',').unwrap_or(part);
        // One part, and no comma that is not inside of something.
        let parsed = Line::parse(part)?;
        let is_one = !part.is_empty() && parsed.is_one_expression();
        let rest: Vec<_> = call
            .arguments
            .iter()
            .skip(1)
            .map(|it| it.name.map(|name| format!(", {name}={}", it.value)))
            .collect::<Option<_>>()?;
        (is_one.then(|| part.to_owned())?, format!("np.{}(parts{})", call.name, rest.concat()))
    };
    Some(format!(
        "Collect in a list, `parts.append({part})`, and write `{target} = {joined}` once, after \
         the loop."
    ))
}

#[cfg(test)]
mod tests {
    use npprof_model::Pattern;

    use super::*;
    use crate::fixtures::{MIB, check, check_silent, pattern, said};

    fn append(operation: &str, n: u64, mib: u64, last: u64) -> Pattern {
        let detail = Detail::QuadraticAppend { last: Bytes(last * MIB), axis: Some(0) };
        Pattern { operation: operation.into(), ..pattern(detail, n, mib * MIB) }
    }

    #[test]
    fn the_list_is_shown_with_the_users_own_names() {
        check(
            append("append", 100, 400, 8),
            "pixels = np.append(pixels, values)  #@ append",
            "`append` is called 100 times on its own result, which grows along axis 0 to 8.00 MiB: \
             400 MiB were written for it, 50x its final size",
            "Collect in a list, `parts.append(values)`, and write `pixels = \
             np.concatenate(parts)` once, after the loop.",
        );
        let fix = |operation, line| said(append(operation, 100, 400, 8), line).unwrap().fix;
        assert_eq!(
            fix("concatenate", "self.energies = np.concatenate([self.energies, batch], axis=1)"),
            "Collect in a list, `parts.append(batch)`, and write `self.energies = \
             np.concatenate(parts, axis=1)` once, after the loop."
        );
        let general = "Collect the parts in a list and call `np.concatenate` once after the loop, \
                       or fill an array of the final size.";
        for line in [
            "",
            "y = np.append(x, values)",
            "x = np.concatenate([x, a, b])",
            "x = np.concatenate([xy, a])",
            "x = np.concatenate(parts)",
            "x = np.append(x, values)[1:]",
        ] {
            assert_eq!(fix("append", line), general, "{line}");
        }
    }

    #[test]
    fn few_calls_and_small_sums_are_fine() {
        check_silent(append("append", 15, 400, 8));
        check_silent(append("append", 100, 7, 1));
        check_silent(append("append", 100, 31, 8));
    }
}
