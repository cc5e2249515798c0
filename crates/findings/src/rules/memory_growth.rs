//! Arrays that pile up and are not used again.

use npprof_model::Detail;

use crate::finding::Severity;
use crate::rule::{Advice, Default, Rule, Threshold, Yield, largest};
use crate::words::{counted, times};

pub(crate) const RULE: Rule = Rule {
    kind: "memory-growth",
    severity: Severity::Warning,
    title: "arrays pile up and are never looked at again",
    definition: "Bytes from one line grow over many executions, and what is kept is not read by \
        any NumPy operation after the iteration that made it.",
    silent: "What is read or joined later; caches whose size is bounded; memory that only views \
        keep alive (a kind of its own).",
    saved: "The arrays that pile up, each from when the next one was made: the latest is kept.",
    before: "@lru_cache(maxsize=None)\ndef sweep(self, number): ...",
    after: "@lru_cache(maxsize=2)\ndef sweep(self, number): ...",
    thresholds: &[
        Threshold { name: "bytes", default: Default::Large, help: "bytes kept at the peak" },
        Threshold {
            name: "executions",
            default: Default::Count(8),
            help: "executions of the line",
        },
    ],
    is_about: |detail| matches!(detail, Detail::MemoryGrowth { .. }),
    merge: largest,
    advise: |pattern, context| {
        let &Detail::MemoryGrowth { n_live, n_executions, oldest } = &pattern.detail else {
            return None;
        };
        if pattern.bytes < context.bytes("bytes") || n_executions < context.count("executions") {
            return None;
        }
        Some(Advice {
            message: format!(
                "{} made here were alive at once, {}, the oldest for {oldest}; the line ran {}, \
                 and none of them was read again",
                counted(n_live, "array"),
                pattern.bytes,
                times(n_executions),
            ),
            why: "Whatever holds them (a list, a cache, an attribute, an exception's traceback) \
                  grows with every execution."
                .into(),
            fix:
                "Bound the cache (`lru_cache(maxsize=…)`), drop what is no longer needed, or keep \
                  a summary instead of the arrays."
                    .to_owned(),
            evidence: vec![
                ("n_live", n_live.into()),
                ("n_executions", n_executions.into()),
                ("retained_bytes", pattern.bytes.into()),
                ("oldest_ns", oldest.into()),
            ],
        })
    },
    yields_to: &[Yield {
        kind: "view-pins-base",
        // The bases of such views are made here.
        is_explained: |own, other, _| {
            own.is_at(other) || other.related.contains(&(own.file, own.line))
        },
    }],
};

#[cfg(test)]
mod tests {
    use npprof_model::{Bytes, Nanos, Pattern, SiteId, SiteRole};

    use super::*;
    use crate::fixtures::{MIB, check, check_silent, layout, pattern, snapshot};
    use crate::{Settings, find};

    fn growth(n: u64, mib: u64) -> Pattern {
        let detail =
            Detail::MemoryGrowth { n_live: n, n_executions: n, oldest: Nanos(2_500_000_000) };
        pattern(detail, n, mib * MIB)
    }

    #[test]
    fn what_is_kept_is_counted() {
        check(
            growth(36, 68),
            "return rng.standard_normal(250_000)",
            "36 arrays made here were alive at once, 68.0 MiB, the oldest for 2.50 s; the line ran \
             36 times, and none of them was read again",
            "Bound the cache (`lru_cache(maxsize=…)`), drop what is no longer needed, or keep a \
             summary instead of the arrays.",
        );
        check_silent(growth(7, 68));
        check_silent(growth(36, 7));
    }

    #[test]
    fn what_views_keep_alive_is_told_there() {
        let base = layout(&[2, 1 << 20], "float64");
        let detail = Detail::ViewPinsBase { n_bases: 20, viewed: Bytes(32_000), base };
        let view = Pattern {
            site: SiteId(2),
            related: [(SiteRole::Base, SiteId(1))].into(),
            ..pattern(detail, 20, 320 * MIB)
        };
        let found = find(&snapshot(vec![growth(20, 320), view]), &Settings::default(), &|_| None);
        let kinds: Vec<_> = found.iter().map(|it| it.kind).collect();
        assert_eq!(kinds, ["view-pins-base"]);
        assert_eq!(found[0].related[0].frame.line, 1);
    }
}
