//! Small views that keep large arrays alive.

use npprof_model::{Bytes, Detail};

use crate::finding::Severity;
use crate::python::{Line, is_path};
use crate::rule::{Advice, Default, Rule, Threshold, sum};
use crate::words::counted;

pub(crate) const RULE: Rule = Rule {
    kind: "view-pins-base",
    severity: Severity::Warning,
    title: "small views keep large arrays alive",
    definition: "Nobody holds an array any more except views that show at most a sixteenth of it, \
        and they stay for the rest of the run or while the line makes 16 more.",
    silent: "The array is still referred to; views that are soon gone; copies.",
    saved: "The bases without the parts that are viewed, which are copied, from when only the \
        views were left.",
    before: "return signal[:n]                   # signal goes, its memory stays",
    after: "return signal[:n].copy()",
    thresholds: &[
        Threshold {
            name: "bytes",
            default: Default::Large,
            help: "bytes that are kept and that nobody can reach",
        },
        Threshold { name: "array", default: Default::MinArray, help: "bytes of the largest base" },
    ],
    is_about: |detail| matches!(detail, Detail::ViewPinsBase { .. }),
    merge: sum,
    advise: |pattern, context| {
        let Detail::ViewPinsBase { n_bases, viewed, base } = &pattern.detail else { return None };
        if pattern.bytes < context.bytes("bytes") || !context.is_large(Some(base)) {
            return None;
        }
        let whose = if *n_bases == 1 {
            format!("{base}")
        } else {
            format!("{} such as {base}", counted(*n_bases, "array"))
        };
        let share = if *viewed > Bytes(0) { format!(" of {viewed}") } else { String::new() };
        Some(Advice {
            message: format!(
                "views{share} keep {whose} alive: {} that nothing can reach any more",
                pattern.bytes,
            ),
            why:
                "A view holds the whole array that it is part of; the rest of it can't be freed as \
                  long as the view lives."
                    .into(),
            fix: context.line.map_or_else(|| COPY.to_owned(), remedy),
            evidence: vec![
                ("n_bases", (*n_bases).into()),
                ("viewed_bytes", (*viewed).into()),
                ("unreachable_bytes", pattern.bytes.into()),
                ("base", base.into()),
            ],
        })
    },
    yields_to: &[],
};

const COPY: &str = "Copy the small part where it is taken: `a[:n].copy()`.";

fn remedy(line: &Line<'_>) -> String {
    rewritten(line).unwrap_or_else(|| {
        if line.subscripts().is_empty() {
            "Copy the small part where it is taken, `a[:n].copy()`, or, if code that you only call \
             takes it, what that gives you."
                .to_owned()
        } else {
            COPY.to_owned()
        }
    })
}

/// `signal[:n]` → `signal[:n].copy()`, where a subscript is all that is taken.
fn rewritten(line: &Line<'_>) -> Option<String> {
    let value = line.value()?;
    let subscripts = line.subscripts();
    let [subscript] = subscripts.as_slice() else { return None };
    (subscript.whole == value && is_path(subscript.base))
        .then(|| format!("Write `{value}.copy()` instead of `{value}`."))
}

#[cfg(test)]
mod tests {
    use npprof_model::Pattern;

    use super::*;
    use crate::fixtures::{MIB, check, check_silent, layout, pattern, said};

    fn pinned(n_bases: u64, mib: u64) -> Pattern {
        let base = layout(&[2, 1 << 20], "float64");
        let detail = Detail::ViewPinsBase { n_bases, viewed: Bytes(32_000), base };
        pattern(detail, n_bases, mib * MIB)
    }

    #[test]
    fn the_part_is_to_be_copied() {
        check(
            pinned(20, 320),
            "return signal[:n]",
            "views of 31.2 KiB keep 20 arrays such as float64 (2, 1048576) alive: 320 MiB that \
             nothing can reach any more",
            "Write `signal[:n].copy()` instead of `signal[:n]`.",
        );
        let general = "Copy the small part where it is taken: `a[:n].copy()`.";
        let by_others = "Copy the small part where it is taken, `a[:n].copy()`, or, if code that you \
                         only call takes it, what that gives you.";
        assert_eq!(said(pinned(1, 16), "found, image = daisy(x)").unwrap().fix, by_others);
        for line in ["", "return signal[:n] if n else signal", "x = f(a)[0]", "x = a[i][j]"] {
            assert_eq!(said(pinned(1, 16), line).unwrap().fix, general, "{line}");
        }
        check_silent(pinned(1, 7));
    }
}
