//! Frames: the Python call stack as the interpreter keeps it.
//!
//! Up to 3.10 a frame is a `PyFrameObject`; from 3.11 on it is a `_PyInterpreterFrame`, which is no
//! object and for which the interpreter makes a `PyFrameObject` only when somebody asks. Either way
//! it leads to the calling frame, to the code object and to the instruction.
//!
//! Walking from 3.11 on meets frames that no traceback shows. 3.12 and 3.13 put one on the C stack
//! for each entry into the interpreter loop from C: its owner byte is [`OWNED_BY_CSTACK`], its code
//! is a trampoline (3.12) or `None` (3.13), and its `previous` goes on as usual. And a frame that is
//! still being set up (only its cells are made), or the helper between a class and its `__init__`
//! (3.13, once the call is specialised), has a real code object but stands before its first
//! traceable instruction: see [`is_incomplete`].

/// Where a frame has its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLayout {
    /// What sort of struct it is.
    pub kind: FrameKind,
    /// `f_back` or `previous`: the calling frame, null for the outermost. Frames of a generator that
    /// does not run have none, but are not met on the way from a thread state either.
    pub previous: usize,
    /// `f_code` or `f_executable`: the code object.
    pub code: usize,
    /// `f_lasti`, `prev_instr` or `instr_ptr`: where the frame is; [`Self::instruction_form`] says how.
    pub instruction: usize,
    /// How [`Self::instruction`] is to be read.
    pub instruction_form: Instruction,
    /// `owner`: a `char`, one of `OWNED_BY_*`. `None` up to 3.10.
    pub owner: Option<usize>,
    /// Whether the walk meets frames with [`OWNED_BY_CSTACK`], which are to be passed over.
    pub has_cstack_frames: bool,
    /// Whether [`Self::code`] may lead to something that is no code object (3.13: `None`), even if
    /// only in frames with [`OWNED_BY_CSTACK`]: look at its `ob_type` before reading more. Without
    /// this, what is there is a code object in every frame.
    pub must_check_code: bool,
}

/// What sort of struct a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// `PyFrameObject`, a Python object (3.8 to 3.10).
    FrameObject,
    /// `_PyInterpreterFrame`, a plain struct (3.11 to 3.13).
    InterpreterFrame,
}

/// How a frame says where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Instruction {
    /// An `int`: bytes from the start of the bytecode; -1 before the first (`f_lasti`, 3.8 and 3.9).
    ByteIndex,
    /// An `int`: two-byte code units from the start; -1 before the first (`f_lasti`, 3.10).
    UnitIndex,
    /// A pointer into the code object, to or shortly before the current instruction (`prev_instr`,
    /// 3.11 and 3.12; `instr_ptr`, 3.13). The bytecode starts at
    /// [`CodeLayout::code_start`](super::CodeLayout::code_start) of the same code object.
    Pointer,
}

/// `FRAME_OWNED_BY_THREAD`: an ordinary call.
pub const OWNED_BY_THREAD: u8 = 0;
/// `FRAME_OWNED_BY_GENERATOR`.
pub const OWNED_BY_GENERATOR: u8 = 1;
/// `FRAME_OWNED_BY_FRAME_OBJECT`: finished; only kept for a traceback. Not met on the way from a
/// thread state.
pub const OWNED_BY_FRAME_OBJECT: u8 = 2;
/// `FRAME_OWNED_BY_CSTACK`, 3.12 and 3.13: no Python frame, but an entry into the interpreter loop.
/// Only `previous` and `owner` mean anything.
pub const OWNED_BY_CSTACK: u8 = 3;

/// Bytes in a code unit, `sizeof(_Py_CODEUNIT)`.
pub const CODE_UNIT: usize = 2;

/// Turns `f_lasti` into what `PyCode_Addr2Line` takes: a byte offset, negative before the first
/// instruction. For [`Instruction::Pointer`] see [`byte_offset`].
#[must_use]
pub const fn byte_offset_of_index(index: i32, form: Instruction) -> i32 {
    match form {
        Instruction::UnitIndex => index.saturating_mul(2),
        Instruction::ByteIndex | Instruction::Pointer => index,
    }
}

/// Turns an instruction pointer into what `PyCode_Addr2Line` takes: a byte offset, negative before
/// the first instruction. `bytecode` is the address of the code object plus
/// [`CodeLayout::code_start`](super::CodeLayout::code_start). `None` if the two can't belong together.
#[must_use]
pub fn byte_offset(instruction: usize, bytecode: usize) -> Option<i32> {
    i32::try_from(instruction.wrapping_sub(bytecode).cast_signed()).ok()
}

/// Whether a frame is one that Python itself doesn't show, though its code object is a real one: it
/// stands before the first traceable instruction. `first_traceable` is the value at
/// [`CodeLayout::first_traceable`](super::CodeLayout::first_traceable), in code units.
#[must_use]
pub const fn is_incomplete(owner: u8, byte_offset: i32, first_traceable: i32) -> bool {
    owner == OWNED_BY_CSTACK
        || owner != OWNED_BY_GENERATOR && byte_offset < first_traceable.saturating_mul(2)
}

/// 3.8 and 3.9.
pub(super) const PYTHON_3_8: FrameLayout = FrameLayout {
    kind: FrameKind::FrameObject,
    previous: 24,
    code: 32,
    instruction: 104,
    instruction_form: Instruction::ByteIndex,
    owner: None,
    has_cstack_frames: false,
    must_check_code: false,
};

pub(super) const PYTHON_3_10: FrameLayout =
    FrameLayout { instruction: 96, instruction_form: Instruction::UnitIndex, ..PYTHON_3_8 };

pub(super) const PYTHON_3_11: FrameLayout = FrameLayout {
    kind: FrameKind::InterpreterFrame,
    previous: 48,
    code: 32,
    instruction: 56,
    instruction_form: Instruction::Pointer,
    owner: Some(69),
    has_cstack_frames: false,
    must_check_code: false,
};

pub(super) const PYTHON_3_12: FrameLayout = FrameLayout {
    kind: FrameKind::InterpreterFrame,
    previous: 8,
    code: 0,
    instruction: 56,
    instruction_form: Instruction::Pointer,
    owner: Some(70),
    has_cstack_frames: true,
    must_check_code: false,
};

pub(super) const PYTHON_3_13: FrameLayout = FrameLayout { must_check_code: true, ..PYTHON_3_12 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_becomes_a_byte_offset() {
        assert_eq!(byte_offset_of_index(14, Instruction::ByteIndex), 14);
        assert_eq!(byte_offset_of_index(7, Instruction::UnitIndex), 14);
        assert_eq!(byte_offset_of_index(-1, Instruction::UnitIndex), -2);
        assert_eq!(byte_offset_of_index(i32::MAX, Instruction::UnitIndex), i32::MAX);
    }

    #[test]
    fn a_pointer_becomes_a_byte_offset() {
        assert_eq!(byte_offset(0x1010, 0x1000), Some(16));
        // A frame that was just made points to the unit before the first.
        assert_eq!(byte_offset(0x0ffe, 0x1000), Some(-2));
        assert_eq!(byte_offset(usize::MAX, 0x1000), Some(-0x1001));
        assert_eq!(byte_offset(0x7fff_0000_0000, 0x1000), None);
        assert_eq!(byte_offset(0x1000, 0x7fff_0000_0000), None);
    }

    #[test]
    fn frames_before_their_first_traceable_instruction_are_incomplete() {
        for (owner, byte_offset, expected) in [
            (OWNED_BY_THREAD, -2, true),
            (OWNED_BY_THREAD, 6, true),
            (OWNED_BY_THREAD, 8, false),
            (OWNED_BY_GENERATOR, -2, false),
            (OWNED_BY_FRAME_OBJECT, 0, true),
            (OWNED_BY_CSTACK, 100, true),
        ] {
            assert_eq!(is_incomplete(owner, byte_offset, 4), expected, "{owner} {byte_offset}");
        }
    }
}
