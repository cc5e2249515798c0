//! `PyThreadState`: what the interpreter knows about one thread.

use core::ffi::CStr;

/// `_PyThreadState_UncheckedGet`: exported from 3.5 to 3.12, renamed in 3.13.
const PRIVATE_GETTER: &CStr = c"_PyThreadState_UncheckedGet";
/// `PyThreadState_GetUnchecked`: public from 3.13 on.
const PUBLIC_GETTER: &CStr = c"PyThreadState_GetUnchecked";

/// Where `PyThreadState` has its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadLayout {
    /// Symbol of the function `PyThreadState *(void)` that gives the state of the thread that holds
    /// the GIL, and null instead of an abort when there is none. Without it there are no stacks.
    /// Up to 3.11 it reads a process-wide variable, so a thread without the GIL may see the state of
    /// the one that has it; from 3.12 on a thread-local, null while the thread is detached.
    pub getter: &'static CStr,
    /// Whether [`Self::getter`] reads a thread-local variable of the interpreter's.
    pub is_thread_local: bool,
    /// `interp`: a `PyInterpreterState *`.
    pub interp: usize,
    /// `thread_id`: `unsigned long`, what `pthread_self` and `threading.get_ident` return. Used again
    /// after the thread has ended.
    pub thread_id: usize,
    /// `id`: `uint64_t`, never used twice in an interpreter.
    pub id: usize,
    /// Where the innermost frame is.
    pub top_frame: TopFrame,
}

/// The way from a thread state to its innermost frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopFrame {
    /// `frame` (3.8 to 3.10) or `current_frame` (3.13): the thread state points to it; null outside
    /// of Python code.
    Direct {
        /// Of the pointer in the thread state.
        offset: usize,
    },
    /// `cframe->current_frame` (3.11 and 3.12): the thread state points to a `_PyCFrame` on the C
    /// stack, never null, and that to the frame, null outside of Python code.
    ThroughCFrame {
        /// Of the `_PyCFrame *` in the thread state.
        cframe: usize,
        /// Of the frame pointer in the `_PyCFrame`.
        current_frame: usize,
    },
}

/// 3.8, 3.9 and 3.10.
pub(super) const PYTHON_3_8: ThreadLayout = ThreadLayout {
    getter: PRIVATE_GETTER,
    is_thread_local: false,
    interp: 16,
    thread_id: 176,
    id: 256,
    top_frame: TopFrame::Direct { offset: 24 },
};

pub(super) const PYTHON_3_11: ThreadLayout = ThreadLayout {
    getter: PRIVATE_GETTER,
    is_thread_local: false,
    interp: 16,
    thread_id: 152,
    id: 240,
    top_frame: TopFrame::ThroughCFrame { cframe: 56, current_frame: 8 },
};

pub(super) const PYTHON_3_12: ThreadLayout = ThreadLayout {
    getter: PRIVATE_GETTER,
    is_thread_local: true,
    interp: 16,
    thread_id: 136,
    id: 224,
    top_frame: TopFrame::ThroughCFrame { cframe: 56, current_frame: 0 },
};

pub(super) const PYTHON_3_13: ThreadLayout = ThreadLayout {
    getter: PUBLIC_GETTER,
    is_thread_local: true,
    interp: 16,
    thread_id: 152,
    id: 224,
    top_frame: TopFrame::Direct { offset: 72 },
};
