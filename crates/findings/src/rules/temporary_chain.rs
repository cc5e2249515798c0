//! Temporaries of one statement that are alive together.

use npprof_model::pattern::Temporary;
use npprof_model::{Bytes, Detail};

use crate::finding::{Severity, Value};
use crate::python::Line;
use crate::rule::{Advice, Context, Default, Rule, Seen, Threshold, Yield, largest};
use crate::words::{code, counted};

pub(crate) const RULE: Rule = Rule {
    kind: "temporary-chain",
    severity: Severity::Warning,
    title: "temporaries of one statement pile up",
    definition: "Within one statement, arrays that it made and did not keep were alive together: \
        the most bytes alive at once, less what the statement leaves. The largest execution \
        counts.",
    silent: "Temporaries that NumPy reuses in place (a * b + c); arrays inside NumPy's own Python \
        functions; what broadcasting blows up, and what a wider dtype makes (kinds of their own).",
    saved: "At the high-water mark: the temporaries, but for one scratch array, and without that \
        if the result is large enough to work in.",
    before: "g = np.sqrt(gx ** 2 + w * gy ** 2)",
    after: "g = np.square(gx)\nt = np.square(gy)\nt *= w\ng += t\nnp.sqrt(g, out=g)",
    thresholds: &[
        Threshold {
            name: "bytes",
            default: Default::Bytes(16 << 20),
            help: "bytes of temporaries alive at once",
        },
        Threshold {
            name: "surviving",
            default: Default::Ratio(0.5),
            help: "the same, over the bytes that the statement leaves",
        },
    ],
    is_about: |detail| matches!(detail, Detail::TemporaryChain { .. }),
    merge: largest,
    advise: |pattern, context| {
        let Detail::TemporaryChain { temporaries, surviving } = &pattern.detail else {
            return None;
        };
        if !is_worth(pattern.bytes, *surviving, context) {
            return None;
        }
        let shown = |temporary| shown(temporary, context.line);
        let listed: Vec<String> = temporaries.iter().take(3).map(shown).collect();
        let more = temporaries.len().saturating_sub(listed.len());
        let mut list = listed.join(", ");
        if more > 0 {
            list = format!("{list} and {more} more");
        }
        let list = if list.is_empty() { list } else { format!(": {list}") };
        let left = if *surviving > Bytes(0) {
            format!("beside the {surviving} that it leaves")
        } else {
            "and keeps none of them".to_owned()
        };
        let mut evidence: Vec<(&'static str, Value)> = vec![
            ("extra_bytes", pattern.bytes.into()),
            ("surviving_bytes", (*surviving).into()),
            ("temporaries", Value::List(temporaries.iter().map(|it| shown(it).into()).collect())),
        ];
        if context.high_water > Bytes(0) {
            let share = (pattern.bytes.share_of(context.high_water) * 100.0).round() / 100.0;
            evidence.push(("share_of_high_water", Value::Ratio(share)));
        }
        Some(Advice {
            message: format!(
                "the statement holds {} of temporaries at once {left}{list}{}",
                pattern.bytes,
                if pattern.n > 1 {
                    format!("; {}", counted(pattern.n, "execution"))
                } else {
                    String::new()
                },
            ),
            why: if pattern.saves.high_water == Some(Bytes(0)) {
                "Each step of an expression makes an array of its own; those that wait for their \
                 turn are alive together. More was alive at another moment of this run, so its \
                 high-water mark stays where it is."
            } else {
                "Each step of an expression makes an array of its own; those that wait for their \
                 turn are alive together, and that is what the high-water mark counts."
            }
            .into(),
            fix: remedy(temporaries, *surviving, context.line),
            evidence,
        })
    },
    yields_to: &[
        Yield {
            kind: "broadcast-blowup",
            is_explained: |own, other, context| {
                // What is computed from a grid on other lines stays when the grid is a view.
                let is_stored = matches!(
                    other.pattern.detail,
                    Detail::BroadcastBlowup { is_materialized: true, .. }
                );
                (!is_stored || own.is_at(other))
                    && is_explained(own, other, context, |temporary, result| {
                        temporary.shape == result.shape
                    })
            },
        },
        Yield {
            kind: "implicit-upcast",
            is_explained: |own, other, context| {
                is_explained(own, other, context, |temporary, result| {
                    temporary.shape == result.shape && temporary.dtype == result.dtype
                })
            },
        },
        Yield { kind: "layout-copy", is_explained: is_copy },
        Yield { kind: "boundary-copy", is_explained: is_copy },
        Yield { kind: "fancy-index-copy", is_explained: is_copy },
        Yield { kind: "redundant-copy", is_explained: is_copy },
    ],
};

/// Without the copies of the other kind at the same line, too little is left.
fn is_copy(own: &Seen<'_>, other: &Seen<'_>, context: &Context<'_>) -> bool {
    let (Detail::TemporaryChain { temporaries, surviving }, Some(copy)) =
        (&own.pattern.detail, &other.pattern.result)
    else {
        return false;
    };
    // What is computed from a copy has its shape as well, but another operation made it.
    let copies = temporaries.iter().filter(|it| {
        it.operation == other.pattern.operation
            && it.layout.shape == copy.shape
            && it.layout.dtype == copy.dtype
    });
    let explained: Bytes = copies.map(|it| it.bytes).sum();
    let left = own.pattern.bytes.saturating_sub(explained);
    own.is_at(other) && explained > Bytes(0) && !is_worth(left, *surviving, context)
}

fn is_worth(extra: Bytes, surviving: Bytes, context: &Context<'_>) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "a comparison of sizes")]
    let least = context.ratio("surviving") * surviving.0 as f64;
    #[expect(clippy::cast_precision_loss, reason = "a comparison of sizes")]
    let is_large_part = extra.0 as f64 >= least;
    extra >= context.bytes("bytes") && is_large_part
}

/// What to write for the temporaries that there are.
fn remedy(temporaries: &[Temporary], surviving: Bytes, line: Option<&Line<'_>>) -> String {
    // The others are small beside the first one.
    let is_made_by = |names: &[&str]| {
        temporaries.first().is_some_and(|largest| names.contains(&&*largest.operation))
    };
    let target = line.and_then(Line::assignment).map(|(target, _)| target);
    let target = target.filter(|target| target.ends_with(']'));
    // What is assigned into an array leaves nothing, and sums leave little.
    let is_small = surviving.0 < temporaries.first().map_or(0, |largest| largest.bytes.0 / 8);
    if is_small && is_made_by(&["multiply"]) && line.is_some_and(Line::scales_before_matmul) {
        "Scale the product, not the large operand: `alpha * (a @ x)`.".to_owned()
    } else if is_small
        && target.is_none()
        && is_made_by(&["multiply", "square", "power"])
        && line.is_some_and(|line| line.call(&["sum"]).is_some())
    {
        "Sum the products without an array of them: `np.vdot(a, b)` over all elements, \
         `np.einsum(\"ij,ij->i\", a, b)` or `np.vecdot` along an axis."
            .to_owned()
    } else if is_small && target.is_some() && temporaries.iter().any(is_gathered) {
        "Compute where the mask holds and leave the rest, with neither gathering nor scattering: \
         `np.power(a, p, out=a, where=mask)`."
            .to_owned()
    } else if let Some(target) = target.filter(|_| is_small) {
        format!(
            "Let the last step write into `{target}` (`np.add(a, b, out=…)`) and the others into \
             one scratch array, or work in blocks of rows."
        )
    } else {
        line.and_then(|line| own_words(line, temporaries)).unwrap_or_else(|| {
            "Compute step by step in place (`x *= …`, `np.sqrt(x, out=x)`) with one scratch array, or \
         in blocks of rows, or with `numexpr`."
                .to_owned()
        })
    }
}

/// An array that indexing with a mask or an array made.
fn is_gathered(temporary: &Temporary) -> bool {
    &*temporary.operation == "getitem"
}

/// The remedy for a line of which the last step can be seen.
fn own_words(line: &Line<'_>, temporaries: &[Temporary]) -> Option<String> {
    let (target, value) = line.assignment()?;
    if let Some(call) = line.call(&["astype"]).filter(|call| call.whole == value)
        && temporaries.iter().any(|it| it.operation.ends_with("astype"))
    {
        let dtype = call.argument(0, "dtype")?;
        return Some(format!(
            "Have the values made as `{dtype}` where they come from (`dtype=`; `integers` for \
             random ones), or make `{target}` with `np.empty` and fill it in blocks of rows."
        ));
    }
    if !temporaries.is_empty() && temporaries.iter().all(is_gathered) {
        return Some(
            "Index all axes at once: `a[np.ix_(rows, columns)]`, or `a[rows[:, None], columns]`."
                .to_owned(),
        );
    }
    let call = line.call(&STEPS).filter(|call| call.whole == value && call.is_of_numpy())?;
    let [argument] = call.arguments.as_slice() else { return None };
    let is_first_alike = match temporaries {
        [one, two] => one.layout.shape == two.layout.shape && one.layout.dtype == two.layout.dtype,
        _ => false,
    };
    (is_first_alike && argument.name.is_none() && !target.contains(['[', '.'])).then(|| {
        let module = call.receiver.unwrap_or("np");
        format!(
            "Write `{target} = {}`, then `{module}.{}({target}, out={target})`.",
            argument.value, call.name
        )
    })
}

/// Functions of one array that can work in place.
const STEPS: [&str; 12] = [
    "abs", "absolute", "cos", "exp", "expm1", "log", "log10", "log1p", "log2", "sin", "sqrt",
    "tanh",
];

/// `multiply float64 (1000, 1000), 7.63 MiB`.
fn shown(temporary: &Temporary, line: Option<&Line<'_>>) -> String {
    let name = &*temporary.operation;
    // What a library's function makes for its result says nothing to who does not see it.
    let is_blank = ["empty", "empty_like", "zeros", "ndarray"].contains(&name)
        && !line.is_some_and(|line| line.mentions(name));
    let what = if name.is_empty() || is_blank { "an array,".to_owned() } else { code(name) };
    format!("{what} {} ({})", temporary.layout, temporary.bytes)
}

/// Without what the other kind explains, in the same function, too little is left.
fn is_explained(
    own: &Seen<'_>,
    other: &Seen<'_>,
    context: &Context<'_>,
    is_same: fn(&npprof_model::ArrayLayout, &npprof_model::ArrayLayout) -> bool,
) -> bool {
    let (Detail::TemporaryChain { temporaries, surviving }, Some(result)) =
        (&own.pattern.detail, &other.pattern.result)
    else {
        return false;
    };
    let explained: Bytes = temporaries
        .iter()
        .filter(|temporary| is_same(&temporary.layout, result))
        .map(|temporary| temporary.bytes)
        .sum();
    let left = own.pattern.bytes.saturating_sub(explained);
    (own.file, own.function) == (other.file, other.function)
        && explained > Bytes(0)
        && !is_worth(left, *surviving, context)
}

#[cfg(test)]
mod tests {
    use npprof_model::{Pattern, SiteId};

    use super::*;
    use crate::fixtures::{MIB, check, check_silent, layout, pattern, said, snapshot};
    use crate::{Settings, find};

    fn chain(mib: u64, surviving: u64) -> Pattern {
        let temporary = |operation: &str| Temporary {
            operation: operation.into(),
            layout: layout(&[mib / 2, 1 << 17], "float64"),
            bytes: Bytes(mib / 2 * MIB),
        };
        let detail = Detail::TemporaryChain {
            temporaries: [temporary("power"), temporary("multiply")].into(),
            surviving: Bytes(surviving * MIB),
        };
        pattern(detail, 4, mib * MIB)
    }

    #[test]
    fn temporaries_are_listed() {
        check(
            chain(32, 16),
            "return np.sqrt(gx ** 2 + self.weight * gy ** 2)",
            "the statement holds 32.0 MiB of temporaries at once beside the 16.0 MiB that it \
             leaves: `power` float64 (16, 131072) (16.0 MiB), `multiply` float64 (16, 131072) \
             (16.0 MiB); 4 executions",
            "Compute step by step in place (`x *= …`, `np.sqrt(x, out=x)`) with one scratch \
             array, or in blocks of rows, or with `numexpr`.",
        );
    }

    #[test]
    fn what_is_left_of_it_decides_the_remedy() {
        let fix = |mut chain: Pattern, operation: &str, line: &str| {
            if let Detail::TemporaryChain { temporaries, .. } = &mut chain.detail {
                let mut first = temporaries[0].clone();
                first.operation = operation.into();
                *temporaries = [first].into();
            }
            said(chain, line).unwrap().fix
        };
        let line = "return alpha * A @ x + beta * B @ x";
        assert!(fix(chain(32, 0), "multiply", line).starts_with("Scale the product"));
        let line = "var = np.sum(dx ** 2)";
        assert!(fix(chain(32, 0), "square", line).starts_with("Sum the products"));
        let line = "C[:] = np.exp(A @ B) + 1";
        let kept = fix(chain(32, 0), "exp", line);
        assert!(kept.starts_with("Let the last step write into `C[:]`"), "{kept}");
        let line = "inv[inv > 0] = inv[inv > 0] ** -1.5";
        assert!(fix(chain(32, 0), "getitem", line).starts_with("Compute where the mask holds"));
        let line = "data = data[rows][:, columns]";
        assert!(fix(chain(32, 32), "getitem", line).starts_with("Index all axes at once"));
        let line = "counts = rng.uniform(0, 9, size=n).astype(np.int64)";
        let made = fix(chain(32, 32), "ndarray.astype", line);
        assert!(made.starts_with("Have the values made as `np.int64`"), "{made}");
        // The sum is over what is kept.
        let line = "kept = dx ** 2; total = kept.sum()";
        assert!(fix(chain(32, 16), "square", line).starts_with("Compute step by step"));
    }

    #[test]
    fn the_last_step_is_told_in_the_users_words() {
        let fix = |line| said(chain(32, 16), line).unwrap().fix;
        assert_eq!(
            fix("tmp_out = np.exp(x - tmp_max)"),
            "Write `tmp_out = x - tmp_max`, then `np.exp(tmp_out, out=tmp_out)`."
        );
        for line in ["self.y = np.exp(x - m)", "y = np.exp(x - m) + 1", "y = f(np.exp(x - m))"] {
            assert!(fix(line).starts_with("Compute step by step"), "{line}");
        }
    }

    #[test]
    fn what_a_function_of_a_library_made_is_an_array() {
        let said = |line| {
            let mut drawn = chain(32, 0);
            if let Detail::TemporaryChain { temporaries, .. } = &mut drawn.detail {
                let mut first = temporaries[0].clone();
                first.operation = "empty".into();
                *temporaries = [first].into();
            }
            said(drawn, line).unwrap().message
        };
        assert!(
            said("F += 0.1 * rng.normal(n)")
                .ends_with(": an array, float64 (16, 131072) (16.0 MiB); 4 executions")
        );
        assert!(said("F += np.empty(n)").contains("`empty` float64"));
    }

    #[test]
    fn what_survives_makes_it_small() {
        check_silent(chain(14, 0));
        check_silent(chain(30, 61));
        assert!(said(chain(30, 60), "").is_some());
    }

    #[test]
    fn what_broadcasting_made_is_told_there() {
        let blowup = Pattern {
            result: Some(layout(&[16, 1 << 17], "float32")),
            ..pattern(
                Detail::BroadcastBlowup { ratio: 9, reduced_to: None, is_materialized: false },
                1,
                16 * MIB,
            )
        };
        let kinds = |patterns| {
            let found = find(&snapshot(patterns), &Settings::default(), &|_| None);
            found.iter().map(|it| it.kind).collect::<Vec<_>>()
        };
        assert_eq!(kinds(vec![chain(32, 0), blowup.clone()]), ["broadcast-blowup"]);
        // Another shape.
        assert_eq!(kinds(vec![chain(34, 0), blowup.clone()]).len(), 2);
        let stored = |site| Pattern {
            site: SiteId(site),
            detail: Detail::BroadcastBlowup { ratio: 9, reduced_to: None, is_materialized: true },
            ..blowup.clone()
        };
        assert_eq!(kinds(vec![chain(32, 0), stored(1)]), ["broadcast-blowup"]);
        assert_eq!(kinds(vec![chain(32, 0), stored(2)]).len(), 2, "computed from it later");
    }

    #[test]
    fn copies_of_the_line_are_told_as_such() {
        let copy = |operation: &str| Pattern {
            operation: operation.into(),
            result: Some(layout(&[16, 1 << 17], "float64")),
            ..pattern(Detail::LayoutCopy { axes: None, owner: Bytes(16 * MIB) }, 1, 16 * MIB)
        };
        let kinds = |patterns| {
            let found = find(&snapshot(patterns), &Settings::default(), &|_| None);
            found.iter().map(|it| it.kind).collect::<Vec<_>>()
        };
        assert_eq!(kinds(vec![chain(32, 17), copy("power")]).len(), 2, "enough is left");
        let mut all = chain(32, 0);
        if let Detail::TemporaryChain { temporaries, .. } = &mut all.detail {
            let copied = temporaries
                .iter()
                .map(|it| Temporary { operation: "ndarray.reshape".into(), ..it.clone() });
            *temporaries = copied.collect();
        }
        assert_eq!(kinds(vec![all.clone(), copy("ndarray.reshape")]), ["layout-copy"]);
        assert_eq!(kinds(vec![all, copy("ndarray.ravel")]).len(), 2, "another operation's");
    }
}
