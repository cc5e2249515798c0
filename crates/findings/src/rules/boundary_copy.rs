//! Copies because compiled code could not take an operand as it is.

use npprof_model::pattern::Requirement;
use npprof_model::{ArrayLayout, Detail, OperandRole, Order, Pattern};

use crate::finding::Severity;
use crate::python::Line;
use crate::rule::{Advice, Default, Rule, Threshold, sum};
use crate::words::{called, times, with_strides};

pub(crate) const RULE: Rule = Rule {
    kind: "boundary-copy",
    severity: Severity::Warning,
    title: "compiled code can't take an array as it is",
    definition: "An operand could not be handed to compiled code as it is: BLAS, LAPACK or an \
        extension module made a contiguous, Fortran-ordered or typed copy; ascontiguousarray or \
        tobytes made one only for the sake of a foreign consumer; or a ufunc sent a misaligned or \
        byte-swapped operand through its buffer in every call.",
    silent: "Operands that fit (for BLAS C or F order, transposes included); an explicit conversion \
        that is used at least twice; an explicit dtype= or astype.",
    saved: "The copies, but for one of each array that is copied several times: converted once and \
        kept, it takes at the high-water mark what a copy took. An array that is copied once, \
        or lacks only the order of its axes, is taken to be made as it is needed. Unknown for \
        buffered operands: buffers are no arrays, and aligned fields take more memory.",
    before: "self.op = operator[::-1]\n...\ny = np.dot(self.op, x)          # in a loop",
    after: "self.op = np.ascontiguousarray(operator[::-1])\n...\ny = np.dot(self.op, x)",
    thresholds: &[Threshold {
        name: "bytes",
        default: Default::Large,
        help: "bytes copied or buffered at the line",
    }],
    is_about: |detail| matches!(detail, Detail::BoundaryCopy { .. }),
    merge: sum,
    advise: |pattern, context| {
        let Detail::BoundaryCopy { requirement, routine } = &pattern.detail else { return None };
        if pattern.bytes < context.bytes("bytes") {
            return None;
        }
        let unfit = unfit(pattern, *requirement);
        let operand =
            unfit.map_or_else(|| "an operand".to_owned(), |(_, layout)| with_strides(layout));
        let consumer = match &**routine {
            "" => "compiled code".to_owned(),
            "buffer" => "a consumer of its memory".to_owned(),
            "ufunc" => crate::words::operation(pattern, "a ufunc"),
            routine => format!("`{routine}`"),
        };
        let how = match requirement {
            Requirement::Alignment | Requirement::ByteOrder => "went through a buffer",
            _ => "were copied for it",
        };
        let name = unfit.and_then(|(place, _)| named(context.line?, called(pattern), place));
        let n_inputs = pattern.operands.iter().filter(|it| it.role == OperandRole::Input).count();
        Some(Advice {
            message: format!(
                "{consumer} can't take {operand} as it is ({}): {} {how}, {}",
                missing(*requirement),
                pattern.bytes,
                times(pattern.n),
            ),
            why: match requirement {
                Requirement::Alignment | Requirement::ByteOrder => {
                    "Elements that are misaligned or of the other byte order are converted piece \
                     by piece in every call."
                }
                _ => {
                    "Compiled routines take only certain layouts; whatever else they are given is \
                     copied first, in every call."
                }
            }
            .into(),
            fix: remedy(*requirement, name, pattern.result.as_ref().filter(|_| n_inputs > 1)),
            evidence: vec![
                ("requirement", missing(*requirement).into()),
                ("routine", (&**routine).into()),
                ("copied_bytes", pattern.bytes.into()),
            ],
        })
    },
    yields_to: &[],
};

const fn missing(requirement: Requirement) -> &'static str {
    match requirement {
        Requirement::Contiguity => "not contiguous",
        Requirement::Order => "another order of the axes",
        Requirement::Alignment => "misaligned",
        Requirement::ByteOrder => "not in the machine's byte order",
        Requirement::Dtype => "another dtype",
    }
}

/// The only input that does not meet the requirement, and its place among the inputs.
fn unfit(pattern: &Pattern, requirement: Requirement) -> Option<(usize, &ArrayLayout)> {
    let inputs: Vec<&ArrayLayout> = pattern
        .operands
        .iter()
        .filter(|operand| operand.role == OperandRole::Input)
        .map(|operand| &operand.layout)
        .collect();
    if let [one] = inputs.as_slice() {
        return Some((0, one));
    }
    let is_unfit = |layout: &ArrayLayout| match requirement {
        Requirement::Contiguity => layout.order == Order::Strided,
        Requirement::Order => layout.order != Order::F,
        Requirement::Alignment => {
            let itemsize = i64::try_from(layout.itemsize).unwrap_or(i64::MAX).max(1);
            layout.strides.iter().any(|stride| stride % itemsize != 0)
        }
        Requirement::ByteOrder => layout.dtype.starts_with('>'),
        Requirement::Dtype => {
            pattern.result.as_ref().is_some_and(|result| layout.dtype != result.dtype)
        }
    };
    let unfit: Vec<_> = inputs.into_iter().enumerate().filter(|it| is_unfit(it.1)).collect();
    if let [one] = unfit.as_slice() {
        return Some(*one);
    }
    // BLAS takes some that aren't contiguous.
    let mut unfit = unfit.into_iter().filter(|it| !has_dense_lines(it.1));
    let first = unfit.next()?;
    unfit.next().is_none().then_some(first)
}

/// The rows of a matrix, or its columns, are contiguous and don't overlap: BLAS takes how far they are
/// apart.
fn has_dense_lines(layout: &ArrayLayout) -> bool {
    let ([rows, columns], [down, across]) = (&*layout.shape, &*layout.strides) else {
        return false;
    };
    let itemsize = i64::try_from(layout.itemsize).unwrap_or(i64::MAX).max(1);
    let is_dense = |step: i64, apart: i64, n: u64| {
        let length = i64::try_from(n).unwrap_or(i64::MAX).saturating_mul(itemsize);
        step == itemsize && apart % itemsize == 0 && apart >= length
    };
    is_dense(*across, *down, *columns) || is_dense(*down, *across, *rows)
}

/// What the operand at this place is called in the source.
fn named<'a>(line: &Line<'a>, name: &str, place: usize) -> Option<&'a str> {
    if let Some(call) = line.call(&[name]) {
        return if call.is_of_numpy() {
            call.arguments.get(place).filter(|it| it.name.is_none()).map(|it| it.value)
        } else {
            // A method: the array comes first.
            None
        };
    }
    let (left, right) = match name {
        "matmul" => line.binary("@")?,
        "multiply" => line.binary("*")?,
        "add" => line.binary("+")?,
        "subtract" => line.binary("-")?,
        _ => return None,
    };
    [left, right].get(place).copied()
}

/// `result` is that of several operands.
fn remedy(requirement: Requirement, name: Option<&str>, result: Option<&ArrayLayout>) -> String {
    let it = name.map_or_else(|| "the operand".to_owned(), |name| format!("`{name}`"));
    match requirement {
        Requirement::Contiguity => {
            format!("Make {it} contiguous once, where it is made: `np.ascontiguousarray(…)`.")
        }
        Requirement::Order => format!(
            "Make {it} in the needed order once, where it is made: `np.asfortranarray(…)` or \
             `order=\"F\"`."
        ),
        Requirement::Alignment => format!(
            "Make {it} aligned: `np.dtype([…], align=True)` for records, or an array of its own \
             for each field."
        ),
        Requirement::ByteOrder => {
            format!("Convert {it} once after loading: `a = a.astype(a.dtype.newbyteorder(\"=\"))`.")
        }
        Requirement::Dtype => match result {
            Some(result) => format!(
                "Give all operands one dtype: convert {it} to {} once, outside of the loop, or \
                 make the others as narrow where they are made.",
                result.dtype
            ),
            None => format!("Convert {it} once, outside of the loop, to the dtype that is needed."),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{MIB, check, check_silent, input, layout, pattern, strided};

    fn dot(mib: u64) -> Pattern {
        let detail =
            Detail::BoundaryCopy { requirement: Requirement::Contiguity, routine: "dot".into() };
        let reversed = strided(&[1024, 1024], "float64", &[-8192, 8]);
        Pattern {
            operation: "dot".into(),
            operands: [input(reversed), input(layout(&[1024], "float64"))].into(),
            ..pattern(detail, 40, mib * MIB)
        }
    }

    #[test]
    fn the_operand_that_does_not_fit_is_named() {
        check(
            dot(320),
            "return np.dot(self.reversed, x)",
            "`dot` can't take float64 (1024, 1024) with strides (-8192, 8) as it is (not \
             contiguous): 320 MiB were copied for it, 40 times",
            "Make `self.reversed` contiguous once, where it is made: `np.ascontiguousarray(…)`.",
        );
    }

    #[test]
    fn a_misaligned_operand_is_buffered() {
        let detail =
            Detail::BoundaryCopy { requirement: Requirement::Alignment, routine: "ufunc".into() };
        let field = strided(&[1 << 20], "float64", &[13]);
        let pattern = Pattern {
            operation: "multiply".into(),
            operands: [input(field), input(layout(&[], "float64"))].into(),
            ..pattern(detail, 300, 2400 * MIB)
        };
        check(
            pattern,
            "np.multiply(energy, self.gain + k, out=out)",
            "`multiply` can't take float64 (1048576,) with strides (13,) as it is \
             (misaligned): 2.34 GiB went through a buffer, 300 times",
            "Make `energy` aligned: `np.dtype([…], align=True)` for records, or an array of its \
             own for each field.",
        );
    }

    fn product(requirement: Requirement, operands: [ArrayLayout; 2], result: &str) -> Pattern {
        let detail = Detail::BoundaryCopy { requirement, routine: "matmul".into() };
        Pattern {
            operation: "matmul".into(),
            operands: operands.map(input).into(),
            result: Some(layout(&[600, 600], result)),
            ..pattern(detail, 40, 55 * MIB)
        }
    }

    #[test]
    fn rows_that_are_apart_are_not_what_blas_cannot_take() {
        let every_other = strided(&[600, 300], "float64", &[4800, 16]);
        let apart = strided(&[300, 600], "float64", &[9600, 8]);
        check(
            product(Requirement::Contiguity, [every_other, apart], "float64"),
            "y = e[:, ::2] @ self.model[::2]",
            "`matmul` can't take float64 (600, 300) with strides (4800, 16) as it is (not \
             contiguous): 55.0 MiB were copied for it, 40 times",
            "Make `e[:, ::2]` contiguous once, where it is made: `np.ascontiguousarray(…)`.",
        );
    }

    #[test]
    fn of_two_dtypes_the_one_that_is_converted_is_named() {
        let operands = [layout(&[600, 784], "float32"), layout(&[784, 600], "float64")];
        check(
            product(Requirement::Dtype, operands, "float64"),
            "y = x @ w",
            "`matmul` can't take float32 (600, 784) as it is (another dtype): 55.0 MiB were \
             copied for it, 40 times",
            "Give all operands one dtype: convert `x` to float64 once, outside of the loop, or \
             make the others as narrow where they are made.",
        );
    }

    #[test]
    fn of_a_method_the_operand_is_not_guessed() {
        let fix = crate::fixtures::said(dot(320), "return a.dot(b)").unwrap().fix;
        assert!(fix.starts_with("Make the operand contiguous once"), "{fix}");
        check_silent(dot(7));
    }
}
