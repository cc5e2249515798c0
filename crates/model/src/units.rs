//! Quantities with their unit, and the only place that formats them for people.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

/// A number of bytes. Displayed in IEC units with three significant digits: `1.50 KiB`, `800 B`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

/// A time span in nanoseconds. Displayed as `12.3 µs`, `4.56 s`, `3 min 20 s`, `2 h 05 min`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub u64);

impl Bytes {
    /// `self − other`, or zero.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// This part of `whole` between 0 and 1; 0 of nothing.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    pub fn share_of(self, whole: Self) -> f64 {
        if whole.0 == 0 { 0.0 } else { self.0 as f64 / whole.0 as f64 }
    }
}

impl Nanos {
    /// `self − other`, or zero.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// In seconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate or an axis for people")]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

macro_rules! arithmetic {
    ($unit:ident) => {
        impl Add for $unit {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }
        impl AddAssign for $unit {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }
        impl Sub for $unit {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }
        impl Sum for $unit {
            fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
                Self(parts.map(|part| part.0).sum())
            }
        }
    };
}
arithmetic!(Bytes);
arithmetic!(Nanos);

impl fmt::Display for Bytes {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if self.0 < 1024 {
            return to.pad(&format!("{} B", self.0));
        }
        #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
        let mut value = self.0 as f64 / 1024.0;
        let mut unit = 0;
        // What would be shown as 1000 or more goes to the next unit, so that a number never takes
        // more than four characters.
        while value >= 999.5 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        to.pad(&format!("{} {}", three_digits(value), UNITS[unit]))
    }
}

impl fmt::Display for Nanos {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SECOND: u64 = 1_000_000_000;
        #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
        let value = self.0 as f64;
        let text = if self.0 < 1_000 {
            format!("{} ns", self.0)
        } else if value < 999.5e3 {
            format!("{} µs", three_digits(value / 1e3))
        } else if value < 999.5e6 {
            format!("{} ms", three_digits(value / 1e6))
        } else if self.0 < 60 * SECOND {
            format!("{} s", three_digits(value / 1e9))
        } else if self.0 < 3600 * SECOND {
            format!("{} min {:02} s", self.0 / SECOND / 60, self.0 / SECOND % 60)
        } else {
            format!("{} h {:02} min", self.0 / SECOND / 3600, self.0 / SECOND / 60 % 60)
        };
        to.pad(&text)
    }
}

fn three_digits(value: f64) -> String {
    if value < 9.995 {
        format!("{value:.2}")
    } else if value < 99.95 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// A count with thousands separated: `1,234,567`.
#[must_use]
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count in at most five characters: `999`, `12.3k`, `4.56M`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn short_count(count: u64) -> String {
    let value = count as f64;
    match count {
        0..1_000 => count.to_string(),
        1_000..999_500 => format!("{}k", three_digits(value / 1e3)),
        999_500..999_500_000 => format!("{}M", three_digits(value / 1e6)),
        _ => format!("{}G", three_digits(value / 1e9)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_show_three_digits_and_never_four_before_the_point() {
        let shown = |bytes| Bytes(bytes).to_string();
        assert_eq!(shown(0), "0 B");
        assert_eq!(shown(1023), "1023 B");
        assert_eq!(shown(1536), "1.50 KiB");
        assert_eq!(shown(800_000_000), "763 MiB");
        assert_eq!(shown(1_048_063), "1.00 MiB");
        assert_eq!(shown(u64::MAX), "16.0 EiB");
    }

    #[test]
    fn times_go_from_nanoseconds_to_hours() {
        let shown = |nanos| Nanos(nanos).to_string();
        assert_eq!(shown(12), "12 ns");
        assert_eq!(shown(12_340), "12.3 µs");
        assert_eq!(shown(999_600), "1.00 ms");
        assert_eq!(shown(4_560_000_000), "4.56 s");
        assert_eq!(shown(200_000_000_000), "3 min 20 s");
        assert_eq!(shown(7_500_000_000_000), "2 h 05 min");
    }

    #[test]
    fn counts_are_grouped_or_shortened() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(short_count(12_340), "12.3k");
        assert_eq!(short_count(999_600), "1.00M");
    }
}
