//! Results twice as wide as their main operand, because of another operand.

use npprof_model::{Detail, OperandRole, Pattern};

use crate::finding::Severity;
use crate::python::Line;
use crate::rule::{Advice, Default, Rule, Threshold, sum};
use crate::words::{called, operation, scalar_type, times};

pub(crate) const RULE: Rule = Rule {
    kind: "implicit-upcast",
    severity: Severity::Warning,
    title: "an operand makes the result twice as wide",
    definition: "A result, without an explicit dtype=, astype or out=, has elements at least twice \
        as wide as those of its largest operand, because another operand, a NumPy scalar or a \
        division of integers made NumPy promote it. Counted is what the result has more than it \
        would have had.",
    silent: "An explicit dtype; small results, such as sums; comparisons.",
    saved: "The excess of the results and of all that is made of them and of narrow operands, \
        which would be narrow as well. At the high-water mark: what of that was alive there.",
    before: "window = np.hanning(1024)           # float64\nframes = audio * window             # audio is float32",
    after: "window = np.hanning(1024).astype(np.float32)\nframes = audio * window",
    thresholds: &[
        Threshold { name: "bytes", default: Default::Large, help: "excess bytes at the line" },
        Threshold {
            name: "array",
            default: Default::MinArray,
            help: "bytes of the largest result",
        },
    ],
    is_about: |detail| matches!(detail, Detail::ImplicitUpcast { .. }),
    merge: sum,
    advise: |pattern, context| {
        let Detail::ImplicitUpcast { from, to, forced_by } = &pattern.detail else { return None };
        if pattern.bytes < context.bytes("bytes") || !context.is_large(pattern.result.as_ref()) {
            return None;
        }
        let result =
            pattern.result.as_ref().map(|layout| format!(" ({layout})")).unwrap_or_default();
        let than = enough(from, to);
        let fix = if than == &**from {
            cast(context.line, pattern, from, to)
        } else {
            computed_in(context.line, called(pattern), than)
        };
        Some(Advice {
            message: format!(
                "{} of {from} gives {to}{result} because of {}: {} more than in {than}, {}",
                operation(pattern, "an operation"),
                by(forced_by, called(pattern)),
                pattern.bytes,
                times(pattern.n),
            ),
            why: "The result, and all that is computed from it, takes twice the memory and twice \
                  the time to move, for digits that the data do not have."
                .into(),
            fix,
            evidence: vec![
                ("from", (&**from).into()),
                ("to", (&**to).into()),
                ("forced_by", (&**forced_by).into()),
                ("excess_bytes", pattern.bytes.into()),
            ],
        })
    },
    yields_to: &[],
};

/// Functions that take lists for arrays.
const JOINING: [&str; 7] =
    ["concatenate", "hstack", "vstack", "stack", "append", "insert", "where"];

/// With an article where it wants one.
fn by(forced_by: &str, name: &str) -> String {
    if forced_by.is_empty() {
        "another operand".to_owned()
    } else if forced_by.contains("division") {
        format!("the {forced_by}")
    } else if forced_by == "the operation" {
        // No array says it; the numbers of a list have the default dtype.
        let what = if JOINING.contains(&name) { "a list among its operands" } else { forced_by };
        what.to_owned()
    } else if forced_by.starts_with(['a', 'e', 'i', 'o']) {
        format!("an {forced_by}")
    } else {
        format!("a {forced_by}")
    }
}

/// The dtype that would hold as much as the operand has: of the kind of the result, as integers have
/// no fractions and real numbers no imaginary part.
fn enough<'a>(from: &'a str, to: &str) -> &'a str {
    let is = |dtype: &str, kind: &str| dtype.trim_start_matches(['<', '>']).starts_with(kind);
    if is(to, "complex") && !is(from, "complex") {
        "complex64"
    } else if is(to, "float") && !is(from, "float") {
        "float32"
    } else {
        from
    }
}

/// No operand can be cast: the operation has to be told what to compute in.
fn computed_in(line: Option<&Line<'_>>, name: &str, dtype: &str) -> String {
    let named = operator(name)
        .filter(|&operator| !["@", "//", "%"].contains(&operator))
        .and_then(|operator| line?.binary(operator));
    match named {
        Some((left, right)) => {
            format!("Write `np.{name}({left}, {right}, dtype=np.{dtype})` if {dtype} is enough.")
        }
        None if JOINING.contains(&name) => {
            format!("Give all parts the dtype, `x.astype(np.{dtype})`, if {dtype} is enough.")
        }
        None if ["divide", "true_divide"].contains(&name) => format!(
            "Use `np.divide(a, b, dtype=np.{dtype})`, or `a * np.{dtype}(1 / b)`, if {dtype} is \
             enough."
        ),
        None => format!(
            "Pass `dtype=np.{dtype}` to the function, such as `np.multiply(a, b, \
             dtype=np.{dtype})`, if {dtype} is enough."
        ),
    }
}

fn cast(line: Option<&Line<'_>>, pattern: &Pattern, from: &str, to: &str) -> String {
    let Some(wanted) = scalar_type(from) else {
        return "Cast the smaller operand to the dtype of the larger one first, or pass `dtype=`."
            .to_owned();
    };
    let named = line.and_then(|line| {
        let (left, right) = line.binary(operator(called(pattern))?)?;
        let inputs: Vec<_> = pattern
            .operands
            .iter()
            .filter(|operand| operand.role == OperandRole::Input)
            .map(|operand| &operand.layout)
            .collect();
        // The one that is wider, if that says which.
        match inputs.as_slice() {
            [one, two] if &*one.dtype == from && &*two.dtype == to => Some((right, *two)),
            [one, two] if &*one.dtype == to && &*two.dtype == from => Some((left, *one)),
            _ => None,
        }
    });
    match named {
        Some((name, layout)) if !layout.shape.is_empty() => {
            format!(
                "Write `{name}.astype({wanted})` instead of `{name}`, best once where it is made."
            )
        }
        Some((name, _)) => {
            format!("Write `{wanted}({name})` instead of `{name}`, or use a Python number.")
        }
        None if JOINING.contains(&called(pattern)) => {
            format!(
                "Give all parts the dtype: `np.array([…], dtype={wanted})` for a list, \
                 `x.astype({wanted})` for an array, or pass `dtype=` where it is taken."
            )
        }
        None => format!(
            "Cast the smaller operand first: `x.astype({wanted})` for an array, `{wanted}(x)` or a \
             Python number for a scalar."
        ),
    }
}

fn operator(name: &str) -> Option<&'static str> {
    Some(match name {
        "add" => "+",
        "subtract" => "-",
        "multiply" => "*",
        "divide" | "true_divide" => "/",
        "power" => "**",
        "matmul" => "@",
        "floor_divide" => "//",
        "remainder" => "%",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{MIB, check, check_silent, input, layout, pattern, said};

    fn upcast(operation: &str, forced_by: &str, other: &[u64]) -> Pattern {
        let detail = Detail::ImplicitUpcast {
            from: "float32".into(),
            to: "float64".into(),
            forced_by: forced_by.into(),
        };
        Pattern {
            operation: operation.into(),
            operands: [input(layout(&[3000, 1024], "float32")), input(layout(other, "float64"))]
                .into(),
            result: Some(layout(&[3000, 1024], "float64")),
            ..pattern(detail, 1, 12 * MIB)
        }
    }

    #[test]
    fn a_list_is_named_as_the_cause() {
        let detail = Detail::ImplicitUpcast {
            from: "uint32".into(),
            to: "int64".into(),
            forced_by: "the operation".into(),
        };
        let joined = Pattern { operation: "concatenate".into(), ..pattern(detail, 1, 19 * MIB) };
        check(
            joined,
            "diff = np.concatenate(([1], np.diff(values)))",
            "`concatenate` of uint32 gives int64 because of a list among its operands: 19.0 MiB \
             more than in uint32, once",
            "Give all parts the dtype: `np.array([…], dtype=np.uint32)` for a list, \
             `x.astype(np.uint32)` for an array, or pass `dtype=` where it is taken.",
        );
    }

    #[test]
    fn the_operand_that_forces_it_is_cast() {
        check(
            upcast("multiply", "float64 array (1024,)", &[1024]),
            "return self.frames(audio) * self.window  #@ upcast",
            "`multiply` of float32 gives float64 (float64 (3000, 1024)) because of a float64 array \
             (1024,): 12.0 MiB more than in float32, once",
            "Write `self.window.astype(np.float32)` instead of `self.window`, best once where it \
             is made.",
        );
        let fix = said(upcast("multiply", "NumPy scalar", &[]), "y = x * gain").unwrap().fix;
        assert_eq!(fix, "Write `np.float32(gain)` instead of `gain`, or use a Python number.");
    }

    #[test]
    fn what_is_not_certain_is_not_quoted() {
        for line in ["", "y = x * gain * 2", "y = np.hypot(x, gain)"] {
            let fix = said(upcast("multiply", "NumPy scalar", &[]), line).unwrap().fix;
            assert_eq!(
                fix,
                "Cast the smaller operand first: `x.astype(np.float32)` for an array, \
                 `np.float32(x)` or a Python number for a scalar.",
                "{line}"
            );
        }
    }

    #[test]
    fn integers_are_divided_in_float32() {
        let detail = Detail::ImplicitUpcast {
            from: "uint8".into(),
            to: "float64".into(),
            forced_by: "division of integers".into(),
        };
        let pattern = Pattern {
            operation: "divide".into(),
            result: Some(layout(&[3, 1 << 20], "float64")),
            ..pattern(detail, 2, 12 * MIB)
        };
        check(
            pattern.clone(),
            "return self.pixels / 255",
            "`divide` of uint8 gives float64 (float64 (3, 1048576)) because of the division of \
             integers: 12.0 MiB more than in float32, twice",
            "Write `np.divide(self.pixels, 255, dtype=np.float32)` if float32 is enough.",
        );
        check_silent(Pattern { bytes: npprof_model::Bytes(7 * MIB), ..pattern });
    }

    #[test]
    fn no_operand_is_cast_to_what_cannot_hold_the_result() {
        let promoted = |operation: &str, from: &str, to: &str, by: &str| {
            let detail =
                Detail::ImplicitUpcast { from: from.into(), to: to.into(), forced_by: by.into() };
            Pattern {
                operation: operation.into(),
                operands: [input(layout(&[3, 1 << 20], from)), input(layout(&[1 << 20], to))]
                    .into(),
                ..pattern(detail, 1, 12 * MIB)
            }
        };
        check(
            promoted("divide", "uint8", "float64", "Python float"),
            "def to_float(im): return im / 255.0",
            "`divide` of uint8 gives float64 because of a Python float: 12.0 MiB more than in \
             float32, once",
            "Write `np.divide(im, 255.0, dtype=np.float32)` if float32 is enough.",
        );
        check(
            promoted("multiply", "float32", "complex128", "complex128 array (1048576,)"),
            "y = x * phase",
            "`multiply` of float32 gives complex128 because of a complex128 array (1048576,): \
             12.0 MiB more than in complex64, once",
            "Write `np.multiply(x, phase, dtype=np.complex64)` if complex64 is enough.",
        );
        let fix =
            said(promoted("hypot", "int16", "float64", "float64 array (9,)"), "").unwrap().fix;
        assert!(fix.starts_with("Pass `dtype=np.float32` to the function"), "{fix}");
    }
}
