//! A share as a bar within a line of text.

const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// A bar of so many columns, filled to a share between 0 and 1. Whatever is not nothing is seen.
pub(crate) fn byte_bar(share: f64, columns: u16) -> String {
    let full = u32::from(columns) * 8;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between zero and the number of eighths"
    )]
    let eighths = (share.clamp(0.0, 1.0) * f64::from(full)).round() as u32;
    let eighths = if share > 0.0 { eighths.max(1).min(full) } else { 0 };
    let n_whole = usize::try_from(eighths / 8).unwrap_or(0);
    let rest = EIGHTHS[usize::try_from(eighths % 8).unwrap_or(0)];
    let n_blank = usize::from(columns) - n_whole - usize::from(!rest.is_empty());
    "█".repeat(n_whole) + rest + &" ".repeat(n_blank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_always_takes_its_columns() {
        assert_eq!(byte_bar(0.0, 3), "   ");
        assert_eq!(byte_bar(0.0001, 3), "▏  ");
        assert_eq!(byte_bar(0.5, 3), "█▌ ");
        assert_eq!(byte_bar(1.0, 3), "███");
        assert_eq!(byte_bar(7.0, 3), "███");
        assert_eq!(byte_bar(f64::NAN, 2), "  ");
        assert_eq!(byte_bar(0.5, 0), "");
    }
}
