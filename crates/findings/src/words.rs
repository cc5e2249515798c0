//! Words that several rules use.

use npprof_model::layout::Shape;
use npprof_model::units::grouped;
use npprof_model::{ArrayLayout, OperandRole, Order, Pattern};

/// Text as code.
pub(crate) fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'"))
}

/// `float64 in C order`: what one array may have in common with others of other shapes.
pub(crate) fn plain(layout: &ArrayLayout) -> String {
    match layout.order {
        Order::C => format!("{} in C order", layout.dtype),
        Order::F => format!("{} in Fortran order", layout.dtype),
        _ => layout.dtype.to_string(),
    }
}

/// `once`, `twice`, `1,234 times`.
pub(crate) fn times(n: u64) -> String {
    match n {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{} times", grouped(n)),
    }
}

/// `3 copies`; `word` is the singular, and its plural has an `s` or `ies`.
pub(crate) fn counted(n: u64, word: &str) -> String {
    if n == 1 {
        return format!("1 {word}");
    }
    match word.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{} {stem}ies", grouped(n)),
        _ => format!("{} {word}s", grouped(n)),
    }
}

/// The operation as code, or `otherwise` where there is none.
pub(crate) fn operation(pattern: &Pattern, otherwise: &str) -> String {
    if pattern.operation.is_empty() { otherwise.to_owned() } else { code(&pattern.operation) }
}

/// The name of the operation as it is called in source: `astype` of `ndarray.astype(f4→f8)`.
pub(crate) fn called(pattern: &Pattern) -> &str {
    let name = pattern.operation.split('(').next().unwrap_or_default();
    name.rsplit('.').next().unwrap_or_default()
}

/// What was read first, or else what came of it.
pub(crate) fn source(pattern: &Pattern) -> Option<&ArrayLayout> {
    pattern
        .operands
        .iter()
        .find(|operand| operand.role == OperandRole::Input)
        .map(|operand| &operand.layout)
}

/// ` of float64 (3, 4)`, or nothing.
pub(crate) fn of(layout: Option<&ArrayLayout>) -> String {
    layout.map(|layout| format!(" of {layout}")).unwrap_or_default()
}

/// `float64 (3, 4) with strides (8, 56)`: with strides where no order says them.
pub(crate) fn with_strides(layout: &ArrayLayout) -> String {
    if layout.order == Order::Strided {
        format!("{} {} with strides {}", layout.dtype, shape(layout), strides(layout))
    } else {
        layout.to_string()
    }
}

/// `(8, 24)`.
pub(crate) fn strides(layout: &ArrayLayout) -> String {
    let strides: Vec<String> = layout.strides.iter().map(i64::to_string).collect();
    match strides.as_slice() {
        [one] => format!("({one},)"),
        many => format!("({})", many.join(", ")),
    }
}

/// `(3, 4)`.
pub(crate) fn shape(layout: &ArrayLayout) -> String {
    Shape(&layout.shape).to_string()
}

/// A dtype as code, where NumPy has a name for it: `np.float32`.
pub(crate) fn scalar_type(dtype: &str) -> Option<String> {
    let digits = dtype.trim_start_matches(|c: char| c.is_ascii_lowercase());
    let word = dtype.strip_suffix(digits)?;
    let is_known = ["float", "int", "uint", "complex"].contains(&word)
        && ["8", "16", "32", "64", "128"].contains(&digits);
    is_known.then(|| format!("np.{dtype}"))
}

/// `8.1x`, `81x`.
#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
pub(crate) fn ratio(part: u64, whole: u64) -> String {
    let ratio = part as f64 / whole.max(1) as f64;
    if ratio < 9.95 { format!("{ratio:.1}x") } else { format!("{ratio:.0}x") }
}

/// The same with two places, for evidence.
#[expect(clippy::cast_precision_loss, reason = "two places are kept")]
pub(crate) fn rounded_ratio(part: u64, whole: u64) -> f64 {
    (part as f64 / whole.max(1) as f64 * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_fit_numbers() {
        assert_eq!([times(1), times(2), times(3000)], ["once", "twice", "3,000 times"]);
        assert_eq!(counted(1, "copy"), "1 copy");
        assert_eq!(counted(2, "copy"), "2 copies");
        assert_eq!(counted(3, "array"), "3 arrays");
        assert_eq!(ratio(81, 10), "8.1x");
        assert_eq!(ratio(810, 10), "81x");
    }

    #[test]
    fn only_names_that_numpy_has_become_code() {
        assert_eq!(scalar_type("float32").as_deref(), Some("np.float32"));
        assert_eq!(scalar_type("complex128").as_deref(), Some("np.complex128"));
        for dtype in [">f8", "<U10", "object", "datetime64[ns]", "float", "", "bool"] {
            assert_eq!(scalar_type(dtype), None, "{dtype}");
        }
    }
}
