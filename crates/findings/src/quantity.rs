//! Amounts as people write them in settings: `8 MiB`, `10_000`, `0.5`.

use std::fmt;

use npprof_model::Bytes;
use npprof_model::units::grouped;

/// Units of bytes that are understood.
const UNITS: [(&str, u64); 10] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

/// The value of a threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// Bytes.
    Bytes(u64),
    /// A number of things.
    Count(u64),
    /// A ratio.
    Ratio(f64),
}

/// Why a text is no amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// The unit is not known.
    #[error("unknown unit {unit:?} in {text:?}; allowed: {}", allowed_units())]
    Unit {
        /// The unit.
        unit: String,
        /// The whole text.
        text: String,
    },
    /// No bytes.
    #[error("{text:?} is no number of bytes; allowed: a number and one of {}", allowed_units())]
    Bytes {
        /// The text.
        text: String,
    },
    /// No whole number.
    #[error("{text:?} is no count; allowed: a whole number, such as 10_000")]
    Count {
        /// The text.
        text: String,
    },
    /// No ratio.
    #[error("{text:?} is no ratio; allowed: a number from 0 on, such as 0.5")]
    Ratio {
        /// The text.
        text: String,
    },
}

fn allowed_units() -> String {
    UNITS.map(|(unit, _)| unit).join(", ")
}

impl Amount {
    /// Reads an amount of the same sort as `self`.
    ///
    /// # Errors
    ///
    /// When it is none, with what is allowed.
    pub fn parse_like(self, text: &str) -> Result<Self, AmountError> {
        let text = text.trim();
        let plain = text.replace('_', "");
        match self {
            Self::Bytes(_) => parse_bytes(text).map(Self::Bytes),
            Self::Count(_) => plain
                .parse()
                .map(Self::Count)
                .map_err(|_| AmountError::Count { text: text.to_owned() }),
            Self::Ratio(_) => plain
                .parse()
                .ok()
                .filter(|ratio: &f64| ratio.is_finite() && *ratio >= 0.0)
                .map(Self::Ratio)
                .ok_or_else(|| AmountError::Ratio { text: text.to_owned() }),
        }
    }

    pub(crate) fn as_count(self) -> u64 {
        match self {
            Self::Bytes(count) | Self::Count(count) => count,
            Self::Ratio(_) => u64::MAX,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a ratio for a comparison")]
    pub(crate) fn as_ratio(self) -> f64 {
        match self {
            Self::Bytes(count) | Self::Count(count) => count as f64,
            Self::Ratio(ratio) => ratio,
        }
    }
}

fn parse_bytes(text: &str) -> Result<u64, AmountError> {
    let wrong = || AmountError::Bytes { text: text.to_owned() };
    let is_number = |c: char| c.is_ascii_digit() || c == '.' || c == '_';
    let end = text.find(|c| !is_number(c)).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (number, unit) = (number.replace('_', ""), unit.trim());
    if number.is_empty() {
        return Err(wrong());
    }
    let unit = if unit.is_empty() { "B" } else { unit };
    let &(_, factor) = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .ok_or_else(|| AmountError::Unit { unit: unit.to_owned(), text: text.to_owned() })?;
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor).ok_or_else(wrong);
    }
    let number: f64 = number.parse().map_err(|_| wrong())?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "what people write with a point is no exact number"
    )]
    let bytes = (number * factor as f64).round() as u64;
    Ok(bytes)
}

impl fmt::Display for Amount {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Bytes(bytes) => Bytes(bytes).fmt(to),
            Self::Count(count) => to.pad(&grouped(count)),
            Self::Ratio(ratio) => to.pad(&ratio.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(like: Amount, text: &str, expected: Result<Amount, &str>) {
        let read = like.parse_like(text).map_err(|error| error.to_string());
        assert_eq!(read, expected.map_err(str::to_owned));
    }

    #[test]
    fn amounts_are_read_as_people_write_them() {
        check(Amount::Bytes(0), "8 MiB", Ok(Amount::Bytes(8 << 20)));
        check(Amount::Bytes(0), "1.5GB", Ok(Amount::Bytes(1_500_000_000)));
        check(Amount::Bytes(0), "1_000", Ok(Amount::Bytes(1000)));
        check(Amount::Count(0), " 10_000 ", Ok(Amount::Count(10_000)));
        check(Amount::Ratio(0.0), "0.25", Ok(Amount::Ratio(0.25)));
    }

    #[test]
    fn what_is_no_amount_is_told_with_what_is_allowed() {
        let units = "B, KiB, MiB, GiB, TiB, kB, KB, MB, GB, TB";
        let told = format!("unknown unit \"MiBs\" in \"8 MiBs\"; allowed: {units}");
        check(Amount::Bytes(0), "8 MiBs", Err(&told));
        let told = format!("\"much\" is no number of bytes; allowed: a number and one of {units}");
        check(Amount::Bytes(0), "much", Err(&told));
        let told = "\"-1\" is no count; allowed: a whole number, such as 10_000";
        check(Amount::Count(0), "-1", Err(told));
        let told = "\"nan\" is no ratio; allowed: a number from 0 on, such as 0.5";
        check(Amount::Ratio(0.0), "nan", Err(told));
        let told = format!(
            "\"99999999999 TiB\" is no number of bytes; allowed: a number and one of {units}"
        );
        check(Amount::Bytes(0), "99999999999 TiB", Err(&told));
    }
}
