//! CPython 3.8 to 3.13: versions, objects, methods, threads, frames and code objects.
//!
//! What differs between minor versions is in [`PythonLayout`], one per minor version; what is the
//! same in all of them is constants and structs.

pub mod code;
pub mod frame;
pub mod int;
pub mod lines;
pub mod method;
pub mod object;
pub mod published;
pub mod thread;
mod version;

use core::ffi::CStr;

pub use self::code::CodeLayout;
pub use self::frame::{FrameKind, FrameLayout, Instruction};
pub use self::int::IntLayout;
pub use self::lines::{LineReader, LineTable};
pub use self::method::MethodDef;
pub use self::object::{ObjectHeader, VarObjectHeader};
pub use self::thread::{ThreadLayout, TopFrame};
pub use self::version::{DEBUG_BUILD_SYMBOL, PythonBuild, PythonVersion};

/// Event of the audit hook that fires at each import, with the GIL held.
pub const IMPORT_EVENT: &CStr = c"import";

/// Everything that differs from one minor version of CPython to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PythonLayout {
    /// 8 to 13, of 3.8 to 3.13.
    pub minor: u8,
    /// `PyThreadState`.
    pub thread: ThreadLayout,
    /// `PyFrameObject` or `_PyInterpreterFrame`.
    pub frame: FrameLayout,
    /// `PyCodeObject`.
    pub code: CodeLayout,
    /// `PyLongObject`.
    pub int: IntLayout,
    /// Whether `_PyRuntime` starts with the `_Py_DebugOffsets` that [`published`] describes.
    pub has_published_offsets: bool,
}

/// All supported layouts, oldest first.
pub static PYTHON_LAYOUTS: [PythonLayout; 6] = [
    PythonLayout {
        minor: 8,
        thread: thread::PYTHON_3_8,
        frame: frame::PYTHON_3_8,
        code: code::PYTHON_3_8,
        int: int::PYTHON_3_8,
        has_published_offsets: false,
    },
    PythonLayout {
        minor: 9,
        thread: thread::PYTHON_3_8,
        frame: frame::PYTHON_3_8,
        code: code::PYTHON_3_8,
        int: int::PYTHON_3_8,
        has_published_offsets: false,
    },
    PythonLayout {
        minor: 10,
        thread: thread::PYTHON_3_8,
        frame: frame::PYTHON_3_10,
        code: code::PYTHON_3_10,
        int: int::PYTHON_3_8,
        has_published_offsets: false,
    },
    PythonLayout {
        minor: 11,
        thread: thread::PYTHON_3_11,
        frame: frame::PYTHON_3_11,
        code: code::PYTHON_3_11,
        int: int::PYTHON_3_8,
        has_published_offsets: false,
    },
    PythonLayout {
        minor: 12,
        thread: thread::PYTHON_3_12,
        frame: frame::PYTHON_3_12,
        code: code::PYTHON_3_12,
        int: int::PYTHON_3_12,
        has_published_offsets: false,
    },
    PythonLayout {
        minor: 13,
        thread: thread::PYTHON_3_13,
        frame: frame::PYTHON_3_13,
        code: code::PYTHON_3_13,
        int: int::PYTHON_3_12,
        has_published_offsets: true,
    },
];
