//! Arrays far larger than what they are made of, and than what becomes of them.

use npprof_model::{ArrayLayout, Detail, OperandRole, Pattern};

use crate::finding::{Severity, Value};
use crate::python::Line;
use crate::rule::{Advice, Default, Rule, Threshold, sum};
use crate::words::{called, operation, shape, times};

pub(crate) const RULE: Rule = Rule {
    kind: "broadcast-blowup",
    severity: Severity::Warning,
    title: "broadcasting makes a huge array that is soon reduced",
    definition: "An elementwise operation made an array with at least 8 times the elements of its \
        largest operand, freed before the function returned and of which little more than an \
        eighth survives; or tile, repeat, meshgrid, indices or a copied broadcast_to made one \
        that is only used where a view with stride 0 would do.",
    silent: "The large array is returned or stored; less than 8 times as large.",
    saved: "The expansions and what follows from them: arrays about as large that are made of them \
        and are gone by the end, of tile and the like those that are made of nothing else. At \
        the high-water mark: what of that was alive there.",
    before: "delta = X[:, None, :] - C[None, :, :]\nd2 = (delta ** 2).sum(axis=-1)",
    after: "d2 = (X**2).sum(1)[:, None] - 2 * X @ C.T + (C**2).sum(1)   # or scipy's cdist",
    thresholds: &[
        Threshold {
            name: "bytes",
            default: Default::Large,
            help: "bytes of such arrays at the line",
        },
        Threshold {
            name: "ratio",
            default: Default::Count(8),
            help: "elements, over the largest operand's",
        },
    ],
    is_about: |detail| matches!(detail, Detail::BroadcastBlowup { .. }),
    merge: sum,
    advise: |pattern, context| {
        let Detail::BroadcastBlowup { ratio, reduced_to, is_materialized } = &pattern.detail else {
            return None;
        };
        if pattern.bytes < context.bytes("bytes") || *ratio < context.count("ratio") {
            return None;
        }
        let result = pattern.result.as_ref();
        let made = result.map_or_else(|| "an array".to_owned(), ToString::to_string);
        let inputs = inputs(pattern);
        // `meshgrid` copies what broadcasting gives.
        let written = || {
            let line = context.line?;
            GRIDS.into_iter().find(|name| line.mentions(name))
        };
        let grid = match called(pattern) {
            "indices" => Some(written().unwrap_or("indices")),
            "copy" | "meshgrid" if *is_materialized => written().filter(|&name| name == "meshgrid"),
            _ => None,
        };
        let is_grid = grid.is_some();
        let from = match inputs.as_slice() {
            [] => String::new(),
            [one] => format!(" of {}", shape(one)),
            [one, two] => format!(" of {} and {}", shape(one), shape(two)),
            many => format!(" of {} arrays", many.len()),
        };
        let fate = match (is_materialized, reduced_to) {
            (true, _) => "it is only used where a view would do".to_owned(),
            (false, Some(to)) => format!("only {to} is kept of it"),
            (false, None) => "it is gone when the function returns".to_owned(),
        };
        let mut evidence: Vec<(&'static str, Value)> =
            vec![("ratio", (*ratio).into()), ("made_bytes", pattern.bytes.into())];
        if let Some(to) = reduced_to {
            evidence.push(("reduced_to", to.into()));
        }
        let fix = if is_grid {
            context.line.and_then(|line| open(line)).unwrap_or_else(|| materialized("indices"))
        } else if *is_materialized {
            context
                .line
                .and_then(|line| lazy(line, called(pattern), result))
                .unwrap_or_else(|| materialized(called(pattern)))
        } else if is_accident(&inputs) {
            "The operands are (n, 1) and (n,), which is hardly meant: give both the same shape \
             with `x[:, 0]` or `x.reshape(-1)`."
                .to_owned()
        } else {
            "Reduce without the large array: `X @ Y.T` for sums of products or of squared \
             differences, `scipy.spatial.distance.cdist` for distances, `einsum`, or work in \
             blocks of rows."
                .to_owned()
        };
        let made = if is_grid { "the full grid".to_owned() } else { made };
        Some(Advice {
            message: format!(
                "{} makes {made}, {ratio}x as large as {} and {} in all ({}), and {fate}",
                match grid {
                    Some(name) => format!("`{name}`"),
                    None => format!("{}{from}", operation(pattern, "broadcasting")),
                },
                if is_grid { "what it is made of" } else { "its largest operand" },
                pattern.bytes,
                times(pattern.n),
            ),
            why: "Every element of the large array is written and read again, through memory and \
                  not through the cache, and all of it is alive at once."
                .into(),
            fix,
            evidence,
        })
    },
    yields_to: &[],
};

fn inputs(pattern: &Pattern) -> Vec<&ArrayLayout> {
    pattern
        .operands
        .iter()
        .filter(|operand| operand.role == OperandRole::Input)
        .map(|operand| &operand.layout)
        .collect()
}

/// A column and a row of the same length.
fn is_accident(inputs: &[&ArrayLayout]) -> bool {
    let is = |column: &ArrayLayout, row: &ArrayLayout| matches!((&*column.shape, &*row.shape), ([n, 1], [m]) if n == m && *n > 1);
    match inputs {
        [one, two] => is(one, two) || is(two, one),
        _ => false,
    }
}

/// The call that makes a view, with the user's own names.
fn lazy(line: &Line<'_>, name: &str, result: Option<&ArrayLayout>) -> Option<String> {
    let call = line.call(&[name])?;
    let is_plain = call.is_of_numpy() && !call.has("sparse") && !call.has("copy");
    match name {
        "tile" if is_plain => {
            let array = call.argument(0, "A")?;
            let to = result.map_or_else(|| "shape".to_owned(), shape);
            Some(format!(
                "Write `np.broadcast_to({array}, shape)` instead of `{}` (shape {to} in the \
                 largest case): a view, if only axes of extent 1 are repeated.",
                call.whole
            ))
        }
        "meshgrid" | "indices" if is_plain => {
            Some(format!("Write `{}`: the axes broadcast by themselves.", call.with("sparse=True")))
        }
        _ => None,
    }
}

/// What makes full grids.
const GRIDS: [&str; 4] = ["fromfunction", "indices", "meshgrid", "mgrid"];

/// What makes open grids, for the calls that make full ones.
fn open(line: &Line<'_>) -> Option<String> {
    if line.mentions("fromfunction") {
        return Some(
            "Make open index vectors, `i, j = np.ogrid[:n, :m]`, and call the function with them: \
             they broadcast by themselves."
                .to_owned(),
        );
    }
    if let Some(grid) = line.subscripts().into_iter().find(|it| it.base.ends_with("mgrid")) {
        let module = grid.base.strip_suffix("mgrid")?;
        let inside = grid.whole.strip_prefix(grid.base)?;
        return Some(format!("Write `{module}ogrid{inside}`: the axes broadcast by themselves."));
    }
    lazy(line, "indices", None).or_else(|| lazy(line, "meshgrid", None))
}

fn materialized(name: &str) -> String {
    match name {
        "meshgrid" | "indices" => {
            "Pass `sparse=True` (or use `np.ogrid`): the axes broadcast by themselves.".to_owned()
        }
        _ => "Leave it to broadcasting: index with `None` (`w[:, None]`), or use \
              `np.broadcast_to`, which is a view."
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{MIB, check, check_silent, input, layout, pattern, said};

    fn blowup(operands: &[&[u64]], result: &[u64], is_materialized: bool) -> Pattern {
        let reduced_to = (!is_materialized).then(|| layout(&[1500, 100], "float64"));
        let detail = Detail::BroadcastBlowup { ratio: 100, reduced_to, is_materialized };
        let name = if is_materialized { "tile" } else { "subtract" };
        Pattern {
            operation: name.into(),
            operands: operands.iter().map(|shape| input(layout(shape, "float64"))).collect(),
            result: Some(layout(result, "float64")),
            ..pattern(detail, 1, 55 * MIB)
        }
    }

    #[test]
    fn a_difference_tensor_is_told_with_what_is_left_of_it() {
        check(
            blowup(&[&[1500, 1, 48], &[1, 100, 48]], &[1500, 100, 48], false),
            "delta = points[:, None, :] - self.centers[None, :, :]",
            "`subtract` of (1500, 1, 48) and (1, 100, 48) makes float64 (1500, 100, 48), 100x as \
             large as its largest operand and 55.0 MiB in all (once), and only float64 (1500, 100) \
             is kept of it",
            "Reduce without the large array: `X @ Y.T` for sums of products or of squared \
             differences, `scipy.spatial.distance.cdist` for distances, `einsum`, or work in \
             blocks of rows.",
        );
    }

    #[test]
    fn a_column_with_a_row_is_an_accident() {
        let fix = said(blowup(&[&[3000, 1], &[3000]], &[3000, 3000], false), "").unwrap().fix;
        assert!(fix.starts_with("The operands are (n, 1) and (n,)"), "{fix}");
    }

    #[test]
    fn what_is_repeated_could_be_a_view() {
        let tiled = || blowup(&[&[4096, 1]], &[4096, 2048], true);
        let fix = said(tiled(), "return np.tile(weights[:, None], (1, n_freq))").unwrap().fix;
        assert_eq!(
            fix,
            "Write `np.broadcast_to(weights[:, None], shape)` instead of `np.tile(weights[:, \
             None], (1, n_freq))` (shape (4096, 2048) in the largest case): a view, if only axes \
             of extent 1 are repeated."
        );
        // Inside of it, NumPy copies what broadcasting gives.
        for operation in ["meshgrid", "ndarray.copy"] {
            let mut grid = tiled();
            grid.operation = operation.into();
            let told = said(grid, "xx, yy = np.meshgrid(x, y)").unwrap();
            assert!(told.message.starts_with("`meshgrid`"), "{}", told.message);
            assert_eq!(
                told.fix,
                "Write `np.meshgrid(x, y, sparse=True)`: the axes broadcast by themselves."
            );
        }
    }

    #[test]
    fn a_grid_is_left_open() {
        let grid = || Pattern {
            operation: "indices".into(),
            result: None,
            ..blowup(&[&[400, 1]], &[], true)
        };
        let finding = said(grid(), "ii, jj = np.mgrid[0:R, 0:R**K]").unwrap();
        assert_eq!(
            finding.message,
            "`mgrid` makes the full grid, 100x as large as what it is made of and 55.0 MiB in all \
             (once), and it is only used where a view would do"
        );
        assert_eq!(finding.fix, "Write `np.ogrid[0:R, 0:R**K]`: the axes broadcast by themselves.");
        let fix = |line| said(grid(), line).unwrap().fix;
        assert!(
            fix("A = np.fromfunction(lambda i, j: (i * j) / n, (n, m), dtype=t)")
                .starts_with("Make open index vectors, `i, j = np.ogrid[:n, :m]`")
        );
        assert!(fix("grid = np.indices((n, m))").starts_with("Write `np.indices((n, m), sparse"));
        // Called elsewhere.
        assert!(fix("run(grid)").starts_with("Pass `sparse=True` (or use `np.ogrid`)"));
    }

    #[test]
    fn a_small_ratio_is_the_users_wish() {
        let mut small = blowup(&[&[3000, 1], &[3000]], &[3000, 3000], false);
        small.detail =
            Detail::BroadcastBlowup { ratio: 7, reduced_to: None, is_materialized: false };
        check_silent(small);
    }
}
