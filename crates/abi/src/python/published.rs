//! `_Py_DebugOffsets`: the offsets that CPython publishes about itself, from 3.13 on.
//!
//! They are the first thing in the exported variable [`RUNTIME_SYMBOL`], for debuggers and profilers
//! outside of the process. The shim compares them with the table before it trusts either. The struct
//! itself has grown with each version; what is here is 3.13's.

use core::ffi::CStr;

use super::{PythonLayout, TopFrame};
use crate::Unsupported;

/// The variable that `_Py_DebugOffsets` lies at the start of.
pub const RUNTIME_SYMBOL: &CStr = c"_PyRuntime";
/// The first eight bytes.
pub const COOKIE: [u8; 8] = *b"xdebugpy";
/// Position of the `uint64_t` with `PY_VERSION_HEX`, as `0x030d00f0` for 3.13.0.
pub const VERSION: usize = 8;
/// Position of the `uint64_t` that is 1 in a free-threaded build.
pub const FREE_THREADED: usize = 16;
/// Bytes of the struct that [`fields`] lies within.
pub const PREFIX_SIZE: usize = 352;

/// One published offset, and what this crate's table has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedField {
    /// C name of the struct and field it is about.
    pub name: &'static str,
    /// Position of the `uint64_t` in `_Py_DebugOffsets`.
    pub position: usize,
    /// Offset in the table.
    pub known: usize,
}

impl PublishedField {
    /// Compares the table with the value that stands at [`Self::position`].
    ///
    /// # Errors
    ///
    /// The two differ.
    pub fn check(self, published: u64) -> Result<(), Unsupported> {
        if u64::try_from(self.known) == Ok(published) {
            Ok(())
        } else {
            Err(Unsupported::PythonOffset { field: self.name, known: self.known, published })
        }
    }
}

/// The offsets in a layout that the interpreter publishes too. Empty when
/// [`PythonLayout::has_published_offsets`] is false.
pub fn fields(layout: &PythonLayout) -> impl Iterator<Item = PublishedField> {
    let PythonLayout { thread, frame, code, .. } = layout;
    let top_frame = match thread.top_frame {
        TopFrame::Direct { offset } => Some(offset),
        TopFrame::ThroughCFrame { .. } => None,
    };
    let all = [
        ("PyThreadState.interp", 176, Some(thread.interp)),
        ("PyThreadState.current_frame", 184, top_frame),
        ("PyThreadState.thread_id", 192, Some(thread.thread_id)),
        ("_PyInterpreterFrame.previous", 232, Some(frame.previous)),
        ("_PyInterpreterFrame.f_executable", 240, Some(frame.code)),
        ("_PyInterpreterFrame.instr_ptr", 248, Some(frame.instruction)),
        ("_PyInterpreterFrame.owner", 264, frame.owner),
        ("PyCodeObject.co_filename", 280, Some(code.filename)),
        ("PyCodeObject.co_name", 288, Some(code.name)),
        ("PyCodeObject.co_qualname", 296, code.qualname),
        ("PyCodeObject.co_linetable", 304, Some(code.line_table)),
        ("PyCodeObject.co_firstlineno", 312, Some(code.first_line)),
        ("PyCodeObject.co_code_adaptive", 344, code.code_start),
    ];
    let n_fields = if layout.has_published_offsets { all.len() } else { 0 };
    all.into_iter().take(n_fields).filter_map(|(name, position, known)| {
        Some(PublishedField { name, position, known: known? })
    })
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::python::PYTHON_LAYOUTS;

    #[test]
    fn only_3_13_publishes_and_what_it_publishes_is_complete() {
        let counts: Vec<_> = PYTHON_LAYOUTS.iter().map(|layout| fields(layout).count()).collect();
        assert_eq!(counts, [0, 0, 0, 0, 0, 13]);
    }

    #[test]
    fn every_position_lies_within_the_prefix() {
        for field in PYTHON_LAYOUTS.iter().flat_map(fields) {
            assert!(field.position + 8 <= PREFIX_SIZE, "{field:?}");
        }
    }

    #[test]
    fn a_field_is_checked_exactly() {
        let field = PublishedField { name: "PyThreadState.interp", position: 176, known: 16 };
        assert_eq!(field.check(16), Ok(()));
        assert_eq!(
            field.check(24),
            Err(Unsupported::PythonOffset {
                field: "PyThreadState.interp",
                known: 16,
                published: 24
            })
        );
    }
}
