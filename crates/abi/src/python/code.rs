//! `PyCodeObject`: the name, file and lines of a function.

use super::lines::LineTable;

/// Where a code object has its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeLayout {
    /// `co_filename`: a `str`.
    pub filename: usize,
    /// `co_name`: a `str`.
    pub name: usize,
    /// `co_qualname`: a `str`; `None` before 3.11, which knows qualified names in functions only.
    pub qualname: Option<usize>,
    /// `co_firstlineno`: an `int`.
    pub first_line: usize,
    /// `co_flags`: an `int`.
    pub flags: usize,
    /// `co_lnotab` (3.8, 3.9) or `co_linetable`: a `bytes`, in a format of its own in each of 3.8 and
    /// 3.9, 3.10, and 3.11 and later.
    pub line_table: usize,
    /// That format.
    pub line_format: LineTable,
    /// `_co_firsttraceable`: an `int`, index in code units of the first instruction at which the
    /// frame counts as started. `None` before 3.11.
    pub first_traceable: Option<usize>,
    /// `co_code_adaptive`: the bytecode itself, which instruction pointers lead into. `None` before
    /// 3.11, which has the bytecode in an object of its own.
    pub code_start: Option<usize>,
}

/// 3.8 and 3.9.
pub(super) const PYTHON_3_8: CodeLayout = CodeLayout {
    filename: 104,
    name: 112,
    qualname: None,
    first_line: 40,
    flags: 36,
    line_table: 120,
    line_format: LineTable::Lnotab,
    first_traceable: None,
    code_start: None,
};

pub(super) const PYTHON_3_10: CodeLayout =
    CodeLayout { line_format: LineTable::Pairs, ..PYTHON_3_8 };

pub(super) const PYTHON_3_11: CodeLayout = CodeLayout {
    filename: 112,
    name: 120,
    qualname: Some(128),
    first_line: 72,
    flags: 48,
    line_table: 136,
    line_format: LineTable::Locations,
    first_traceable: Some(168),
    code_start: Some(184),
};

pub(super) const PYTHON_3_12: CodeLayout =
    CodeLayout { first_line: 68, first_traceable: Some(176), code_start: Some(192), ..PYTHON_3_11 };

pub(super) const PYTHON_3_13: CodeLayout =
    CodeLayout { first_traceable: Some(184), code_start: Some(200), ..PYTHON_3_12 };
