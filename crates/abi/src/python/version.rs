//! What `Py_GetVersion()` says about an interpreter.
//!
//! The string is `3.11.7 (main, Dec  5 2023, 09:15:12) [GCC 12.2.0]`; a pre-release has `a1`, `b2`
//! or `rc1` after the micro version, a build from a repository `+`, and a free-threaded build says
//! so before the parenthesis.

use core::ffi::CStr;
use core::fmt;

/// Exported by interpreters built with `Py_REF_DEBUG`, which `--with-pydebug` and
/// `--with-trace-refs` both switch on, and by no other. The version string does not tell.
pub const DEBUG_BUILD_SYMBOL: &CStr = c"_Py_NegativeRefcount";

/// `3.11.7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PythonVersion {
    /// 3.
    pub major: u8,
    /// Structs change with this one.
    pub minor: u8,
    /// Structs do not change with this one.
    pub micro: u8,
}

impl fmt::Display for PythonVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { major, minor, micro } = self;
        write!(f, "{major}.{minor}.{micro}")
    }
}

/// A version, and the ways to build it that change its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PythonBuild {
    /// Without the pre-release level.
    pub version: PythonVersion,
    /// Built with `--disable-gil`.
    pub is_free_threaded: bool,
    /// Built with reference counting checks or tracing.
    pub is_debug: bool,
    /// An alpha or a beta, whose structs may still have changed before the release.
    pub is_unfinished: bool,
}

impl PythonBuild {
    /// Reads the string that `Py_GetVersion()` returns. `has_debug_symbol` says whether
    /// [`DEBUG_BUILD_SYMBOL`] was found in the process. `None` if no version can be read.
    #[must_use]
    pub fn parse(version_string: &str, has_debug_symbol: bool) -> Option<Self> {
        let (number, rest) = version_string.split_once(' ').unwrap_or((version_string, ""));
        let mut parts = number.splitn(3, '.');
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next()?.parse().ok()?;
        let micro_and_level = parts.next()?;
        let (micro, level) = micro_and_level.split_at(
            micro_and_level.find(|c: char| !c.is_ascii_digit()).unwrap_or(micro_and_level.len()),
        );
        // Only up to the compiler's or the distribution's words, which can be anything.
        let words = rest.split('(').next().unwrap_or_default();
        Some(Self {
            version: PythonVersion { major, minor, micro: micro.parse().ok()? },
            is_free_threaded: words.contains("free-threading build"),
            is_debug: has_debug_symbol,
            is_unfinished: level.starts_with(['a', 'b']),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    fn check(version_string: &str, expected: &str) {
        let found = PythonBuild::parse(version_string, false).map(|build| {
            let mut text = format!("{}", build.version);
            if build.is_free_threaded {
                text += " free-threaded";
            }
            if build.is_unfinished {
                text += " unfinished";
            }
            text
        });
        assert_eq!(found.as_deref().unwrap_or("none"), expected, "{version_string}");
    }

    #[test]
    fn a_release_is_read() {
        check("3.11.7 (main, Dec  5 2023, 09:15:12) [GCC 12.2.0]", "3.11.7");
        check("3.8.18 (default, Oct 11 2023) \n[GCC 12.2.0]", "3.8.18");
        check("3.10.13", "3.10.13");
        check("3.12.1 | packaged by conda-forge | (main, Dec 23 2023) [GCC 12.3.0]", "3.12.1");
        check("3.12.3+ (heads/3.12:f6650f9, Apr 9 2024) [GCC 12.3.0]", "3.12.3");
    }

    #[test]
    fn a_prerelease_counts_from_its_first_candidate() {
        check("3.13.0a3 (main) [GCC 12.2.0]", "3.13.0 unfinished");
        check("3.13.0b1+ (heads/main:1234567) [GCC 12.2.0]", "3.13.0 unfinished");
        check("3.13.0rc1 (main) [GCC 12.2.0]", "3.13.0");
    }

    #[test]
    fn a_free_threaded_build_says_so_before_the_parenthesis() {
        check("3.13.0 experimental free-threading build (main) [GCC 12]", "3.13.0 free-threaded");
        check("3.14.1 free-threading build (main) [Clang 18]", "3.14.1 free-threaded");
        check("3.13.0 (not a free-threading build) [GCC 12]", "3.13.0");
    }

    #[test]
    fn anything_else_is_no_version() {
        for text in ["", "3", "3.11", "3.x.1", "PyPy 7.3", "3.11.", "-3.1.2", "3.999.1"] {
            check(text, "none");
        }
    }
}
