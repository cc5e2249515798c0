//! `numpy.__version__`: for messages, and for a decision before any API function can be called.

use core::fmt;

use super::{NUMPY_1, NUMPY_2, NumpyLayout};
use crate::Unsupported;

/// `2.4.6`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NumpyVersion {
    /// 1 or 2.
    pub major: u16,
    /// New features; from 2.0 on, structs do not change with it.
    pub minor: u16,
    /// Fixes; 0 when the string has none.
    pub micro: u16,
}

impl NumpyVersion {
    /// Reads `1.26.4`, `2.0.0rc1`, `2.5.0.dev0+git20260101.1234567`. `None` if it doesn't start with
    /// two numbers.
    #[must_use]
    pub fn parse(version_string: &str) -> Option<Self> {
        let mut parts = version_string.splitn(3, '.');
        let major = parts.next()?.parse().ok()?;
        let minor = leading_number(parts.next()?)?;
        let micro = parts.next().and_then(leading_number).unwrap_or(0);
        Some(Self { major, minor, micro })
    }

    /// Finds the layout by version alone, for want of an ABI version; where there is one,
    /// [`numpy_support`](crate::numpy_support) decides.
    ///
    /// # Errors
    ///
    /// NumPy before 1.22, or 3 and later.
    pub fn layout(self) -> Result<&'static NumpyLayout, Unsupported> {
        match self.major {
            1 if self.minor >= 22 => Ok(&NUMPY_1),
            2 => Ok(&NUMPY_2),
            _ => Err(Unsupported::NumpyVersion(self)),
        }
    }
}

impl fmt::Display for NumpyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { major, minor, micro } = self;
        write!(f, "{major}.{minor}.{micro}")
    }
}

fn leading_number(text: &str) -> Option<u16> {
    let (digits, _) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString};

    use super::*;

    fn check(version_string: &str, expected_version: &str, expected_layout: &str) {
        let version = NumpyVersion::parse(version_string);
        let text = version.map_or_else(|| String::from("none"), |version| version.to_string());
        let layout = version.map_or_else(
            || String::from("none"),
            |version| match version.layout() {
                Ok(layout) => std::format!("{}.x", layout.major),
                Err(unsupported) => unsupported.to_string(),
            },
        );
        assert_eq!((text.as_str(), layout.as_str()), (expected_version, expected_layout));
    }

    #[test]
    fn a_version_string_is_read() {
        check("1.22.4", "1.22.4", "1.x");
        check("1.26.4", "1.26.4", "1.x");
        check("2.0.0rc1", "2.0.0", "2.x");
        check("2.5.0.dev0+git20260101.1234567", "2.5.0", "2.x");
        check("2.4", "2.4.0", "2.x");
    }

    #[test]
    fn an_unsupported_version_is_named_with_what_is_supported() {
        let supported = "npprof supports NumPy 1.22 to 2.x";
        check("1.21.6", "1.21.6", &std::format!("NumPy 1.21.6: {supported}"));
        check("3.0.0", "3.0.0", &std::format!("NumPy 3.0.0: {supported}"));
    }

    #[test]
    fn anything_else_is_no_version() {
        for text in ["", "2", "two.one", "2.x", "v2.0.0", "2.99999999"] {
            check(text, "none", "none");
        }
    }
}
