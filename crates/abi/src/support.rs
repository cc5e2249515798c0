//! Which interpreters and NumPys are supported, and how it is said that one isn't.
//!
//! The policy: a CPython minor version is known or it is declined, since its structs change with each
//! one and never within one. A NumPy is known by its ABI version, which NumPy raises when a struct
//! changes in place: 1.x has ended, so its feature versions are a closed range, while every 2.x that
//! keeps the ABI version of 2.0 is accepted, also one that came out after this was written.

use core::error::Error;
use core::fmt;

use crate::numpy::{NUMPY_1, NUMPY_2, NumpyLayout, NumpyVersion};
use crate::python::{PYTHON_LAYOUTS, PythonBuild, PythonLayout, PythonVersion};

/// `PyArray_GetNDArrayCVersion()` of every NumPy 1.x from 1.22 on.
pub(crate) const NUMPY_1_ABI: u32 = 0x0100_0009;
/// `PyArray_GetNDArrayCVersion()` of NumPy 2.x.
pub(crate) const NUMPY_2_ABI: u32 = 0x0200_0000;
/// Feature versions of NumPy 1.22, the first with data-memory handlers, to 1.26, the last 1.x.
const NUMPY_1_FEATURES: core::ops::RangeInclusive<u32> = 0x0f..=0x11;
/// Feature version of NumPy 2.0; pre-releases before it have less.
const NUMPY_2_FIRST_FEATURE: u32 = 0x12;

/// Why npprof leaves an interpreter or a NumPy alone. `Display` gives one line: what was found and
/// what is supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unsupported {
    /// The interpreter's version could not be read from `Py_GetVersion()`.
    PythonUnknown,
    /// An older or newer minor version, or an alpha or beta of a supported one.
    Python(PythonVersion),
    /// Built with `--disable-gil`: another object header, other structs, and no lock to rely on.
    PythonFreeThreaded(PythonVersion),
    /// Built with `--with-pydebug` or reference tracing.
    PythonDebug(PythonVersion),
    /// The offset that the interpreter publishes in `_Py_DebugOffsets` is not the one in the table.
    PythonOffset {
        /// C name of the field.
        field: &'static str,
        /// Offset in this crate's table.
        known: usize,
        /// Offset that the interpreter published.
        published: u64,
    },
    /// A NumPy whose structs aren't known.
    Numpy {
        /// Result of `PyArray_GetNDArrayCVersion()`.
        abi_version: u32,
        /// Result of `PyArray_GetNDArrayCFeatureVersion()`.
        feature_version: u32,
    },
    /// A NumPy that is too old, by its version string.
    NumpyVersion(NumpyVersion),
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::PythonUnknown => {
                f.write_str("unknown Python: npprof supports CPython 3.8 to 3.13")
            }
            Self::Python(version) => {
                write!(f, "Python {version}: npprof supports CPython 3.8 to 3.13")
            }
            Self::PythonFreeThreaded(version) => write!(
                f,
                "free-threaded Python {version}: npprof supports CPython 3.8 to 3.13 with a GIL"
            ),
            Self::PythonDebug(version) => write!(
                f,
                "debug build of Python {version}: npprof supports release builds of CPython 3.8 to \
                 3.13"
            ),
            Self::PythonOffset { field, known, published } => write!(
                f,
                "this Python has {field} at {published}: npprof supports CPython 3.8 to 3.13, \
                 where it is at {known}"
            ),
            Self::Numpy { abi_version, feature_version } => write!(
                f,
                "NumPy with ABI version {abi_version:#x} and feature version {feature_version:#x}: \
                 npprof supports NumPy 1.22 to 2.x ({NUMPY_1_ABI:#x} and {NUMPY_2_ABI:#x})"
            ),
            Self::NumpyVersion(version) => {
                write!(f, "NumPy {version}: npprof supports NumPy 1.22 to 2.x")
            }
        }
    }
}

impl Error for Unsupported {}

/// Finds the layout of an interpreter.
///
/// # Errors
///
/// Any version but 3.8 to 3.13, a free-threaded build, a debug build, an alpha or a beta.
pub fn python_support(build: PythonBuild) -> Result<&'static PythonLayout, Unsupported> {
    let PythonBuild { version, is_free_threaded, is_debug, is_unfinished } = build;
    if is_free_threaded {
        return Err(Unsupported::PythonFreeThreaded(version));
    }
    if is_debug {
        return Err(Unsupported::PythonDebug(version));
    }
    PYTHON_LAYOUTS
        .iter()
        .find(|layout| version.major == 3 && version.minor == layout.minor && !is_unfinished)
        .ok_or(Unsupported::Python(version))
}

/// Finds the layout of a NumPy by what its API functions at [`numpy::api::GET_ABI_VERSION`] and
/// [`numpy::api::GET_FEATURE_VERSION`] return. This is the check that counts: a version string says
/// less about memory.
///
/// [`numpy::api::GET_ABI_VERSION`]: crate::numpy::api::GET_ABI_VERSION
/// [`numpy::api::GET_FEATURE_VERSION`]: crate::numpy::api::GET_FEATURE_VERSION
///
/// # Errors
///
/// A NumPy before 1.22, or one with an ABI version other than 1.x's or 2.x's.
pub fn numpy_support(
    abi_version: u32,
    feature_version: u32,
) -> Result<&'static NumpyLayout, Unsupported> {
    match abi_version {
        NUMPY_1_ABI if NUMPY_1_FEATURES.contains(&feature_version) => Ok(&NUMPY_1),
        NUMPY_2_ABI if feature_version >= NUMPY_2_FIRST_FEATURE => Ok(&NUMPY_2),
        _ => Err(Unsupported::Numpy { abi_version, feature_version }),
    }
}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString};

    use super::*;
    use crate::python::DEBUG_BUILD_SYMBOL;

    fn python(version_string: &str) -> String {
        let Some(build) = PythonBuild::parse(version_string, false) else {
            return Unsupported::PythonUnknown.to_string();
        };
        match python_support(build) {
            Ok(layout) => std::format!("3.{}", layout.minor),
            Err(unsupported) => unsupported.to_string(),
        }
    }

    fn numpy(abi_version: u32, feature_version: u32) -> String {
        match numpy_support(abi_version, feature_version) {
            Ok(layout) => std::format!("{}.x", layout.major),
            Err(unsupported) => unsupported.to_string(),
        }
    }

    #[test]
    fn each_supported_minor_version_has_its_layout() {
        for minor in ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13"] {
            assert_eq!(python(&std::format!("{minor}.7 (main, Jan 1 2024) [GCC 12.2.0]")), minor);
        }
        assert_eq!(python("3.13.0rc2 (main, Sep  6 2024) [GCC 12.2.0]"), "3.13");
    }

    #[test]
    fn an_unsupported_python_is_named_with_what_is_supported() {
        let supported = "npprof supports CPython 3.8 to 3.13";
        for (version_string, found) in [
            ("2.7.18 (default, Apr 20 2020) [GCC 9.3.0]", "Python 2.7.18"),
            ("3.7.16 (default, Jan 1 2023) [GCC 12.2.0]", "Python 3.7.16"),
            ("3.14.0 (main, Oct 7 2025) [GCC 12.2.0]", "Python 3.14.0"),
            ("3.13.0b1 (main, May 8 2024) [GCC 12.2.0]", "Python 3.13.0"),
            ("4.10.0 (main)", "Python 4.10.0"),
            ("a parrot", "unknown Python"),
        ] {
            assert_eq!(python(version_string), std::format!("{found}: {supported}"));
        }
        assert_eq!(
            python("3.13.0 experimental free-threading build (main, Oct 7 2024) [GCC 12.2.0]"),
            "free-threaded Python 3.13.0: npprof supports CPython 3.8 to 3.13 with a GIL"
        );
        assert_eq!(
            python("3.14.0 free-threading build (main, Oct 7 2025) [GCC 12.2.0]"),
            "free-threaded Python 3.14.0: npprof supports CPython 3.8 to 3.13 with a GIL"
        );
    }

    #[test]
    fn a_debug_build_is_declined() {
        assert_eq!(DEBUG_BUILD_SYMBOL, c"_Py_NegativeRefcount");
        let build = PythonBuild::parse("3.12.1 (main)", true).expect("a version");
        assert_eq!(
            python_support(build).map_err(|unsupported| unsupported.to_string()).err(),
            Some(String::from(
                "debug build of Python 3.12.1: npprof supports release builds of CPython 3.8 to 3.13"
            ))
        );
    }

    #[test]
    fn numpy_is_judged_by_its_abi_version() {
        for feature_version in [0x0f, 0x10, 0x11] {
            assert_eq!(numpy(0x0100_0009, feature_version), "1.x");
        }
        // 2.0, 2.5, and one that does not exist yet.
        for feature_version in [0x12, 0x16, 0x40] {
            assert_eq!(numpy(0x0200_0000, feature_version), "2.x");
        }
        let supported = "npprof supports NumPy 1.22 to 2.x (0x1000009 and 0x2000000)";
        for (abi_version, feature_version, found) in [
            (0x0100_0009, 0x0e, "NumPy with ABI version 0x1000009 and feature version 0xe"),
            (0x0100_0009, 0x12, "NumPy with ABI version 0x1000009 and feature version 0x12"),
            (0x0200_0000, 0x11, "NumPy with ABI version 0x2000000 and feature version 0x11"),
            (0x0300_0000, 0x20, "NumPy with ABI version 0x3000000 and feature version 0x20"),
        ] {
            assert_eq!(numpy(abi_version, feature_version), std::format!("{found}: {supported}"));
        }
    }

    #[test]
    fn a_published_offset_that_differs_is_named() {
        let unsupported = Unsupported::PythonOffset {
            field: "_PyInterpreterFrame.previous",
            known: 8,
            published: 16,
        };
        assert_eq!(
            unsupported.to_string(),
            "this Python has _PyInterpreterFrame.previous at 16: npprof supports CPython 3.8 to \
             3.13, where it is at 8"
        );
    }
}
