//! The records: one variant per kind of event or definition.
//!
//! The lowest byte of a record's first word is its [`Kind`]; the rest depends on the kind. The
//! events of the hot path are as short as they can be: an allocation of a one-dimensional array
//! takes three words, a free one.

/// Most dimensions an array can have: 32 in NumPy 1.x, 64 in NumPy 2.x.
pub const MAX_NDIM: usize = 64;

/// Longest record in words: a `Define*` record with its strings cut to [`MAX_TEXT`] each.
pub const MAX_RECORD_WORDS: usize = 2048;

/// Longest text in a definition, in bytes; longer ones are cut at their start (file names) or end.
pub const MAX_TEXT: usize = 4096;

/// What a record is; the lowest byte of its first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A block handed out.
    Alloc = 1,
    /// A block given back.
    Free = 2,
    /// A block given back by the frame that made the latest allocation, which is still at that
    /// allocation's line.
    FreeSameLine = 3,
    /// A block moved or resized.
    Realloc = 4,
    /// The layout that the array in a block got after the block was made.
    Layout = 5,
    /// Later records are of another thread.
    Thread = 6,
    /// Later records are at or after a time.
    Clock = 7,
    /// The process forks here.
    Fork = 8,
    /// In a side ring, before each event: the main ring's position at that moment.
    Stamp = 9,
    /// As `FreeSameLine`, and the frame is still at the very instruction of that allocation.
    FreeSamePlace = 10,
    /// A code object.
    DefineCode = 16,
    /// A stack: a frame and its caller's stack.
    DefineStack = 17,
    /// A dtype.
    DefineDtype = 18,
    /// A thread.
    DefineThread = 19,
    /// A fact about the process: [`Fact`] and its text.
    Fact = 20,
}

/// How the elements of an allocation lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Order {
    /// No array is known to lie in the block: scratch space of a sort and the like.
    Scratch = 0,
    /// C-contiguous (also every contiguous array of one dimension or less).
    C = 1,
    /// F-contiguous and not C-contiguous.
    F = 2,
    /// Neither: the strides follow the shape in the record.
    Strided = 3,
}

/// Where a block was given back, as seen from the latest allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreedAt {
    /// In another frame, or at another line.
    Elsewhere,
    /// In the same frame, at the same line.
    SameLine,
    /// In the same frame, at the same instruction.
    SamePlace,
}

/// Facts about a process that go out as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Fact {
    /// Version of the interpreter, `3.11.7`.
    PythonVersion = 1,
    /// Version of NumPy, `2.4.6`.
    NumpyVersion = 2,
    /// Folder of the standard library.
    StdlibFolder = 3,
    /// State of a hook: `allocator=on`, `operations=off: reason`.
    Hook = 4,
    /// Something that the user should know, one line.
    Notice = 5,
    /// Path of the interpreter's executable.
    Executable = 6,
}

/// Layout of the array in a block, borrowed from the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout<'a> {
    /// Number of the dtype; zero when it is not known.
    pub dtype: u16,
    /// Order of the elements.
    pub order: Order,
    /// Extents. Empty for 0-d and, see `is_flat`, for arrays whose shape follows from the size.
    pub shape: &'a [u64],
    /// Strides in bytes, two's complement; empty unless `order` is [`Order::Strided`].
    pub strides: &'a [u64],
    /// One dimension, whose extent is the block's size over the dtype's itemsize.
    pub is_flat: bool,
}

/// A decoded record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are named after what they hold; units are in the name")]
pub enum Record<'a> {
    /// See [`Kind::Alloc`].
    Alloc { address: u64, size_bytes: u64, stack: u32, is_zeroed: bool, layout: Layout<'a> },
    /// See [`Kind::Free`], [`Kind::FreeSameLine`] and [`Kind::FreeSamePlace`].
    Free { address: u64, at: FreedAt },
    /// See [`Kind::Realloc`]; the stack is the one at the moment of the call.
    Realloc { old_address: u64, new_address: u64, size_bytes: u64, stack: u32 },
    /// See [`Kind::Layout`].
    Layout { address: u64, layout: Layout<'a> },
    /// See [`Kind::Thread`].
    Thread { thread: u32 },
    /// See [`Kind::Clock`]; monotonic clock.
    Clock { now_ns: u64 },
    /// See [`Kind::Fork`]; counts up in one process.
    Fork { fork: u64 },
    /// See [`Kind::Stamp`].
    Stamp { position: u64 },
    /// See [`Kind::DefineCode`].
    DefineCode {
        code: u32,
        first_line: u32,
        file: &'a [u64],
        file_bytes: u32,
        name: &'a [u64],
        name_bytes: u32,
    },
    /// See [`Kind::DefineStack`]; stack 0 is the empty stack and needs no definition.
    DefineStack { stack: u32, caller: u32, code: u32, line: u32 },
    /// See [`Kind::DefineDtype`]; dtype 0 is "unknown" and needs no definition.
    DefineDtype { dtype: u16, itemsize: u32, name: &'a [u64], name_bytes: u32 },
    /// See [`Kind::DefineThread`].
    DefineThread { thread: u32, native_id: u64, name: &'a [u64], name_bytes: u32 },
    /// See [`Kind::Fact`].
    Fact { fact: Fact, text: &'a [u64], text_bytes: u32 },
}

/// Bit of an `Alloc` or `Layout` record's flags: the shape follows, `ndim` words.
pub(crate) const HAS_SHAPE: u64 = 1 << 2;
/// Bit of an `Alloc` record's flags: the block was asked for with `calloc`.
pub(crate) const IS_ZEROED: u64 = 1 << 3;
/// Bits of the flags that hold the [`Order`].
pub(crate) const ORDER_MASK: u64 = 3;

impl Order {
    pub(crate) const fn from_bits(bits: u64) -> Self {
        match bits & ORDER_MASK {
            0 => Self::Scratch,
            1 => Self::C,
            2 => Self::F,
            _ => Self::Strided,
        }
    }
}

impl Fact {
    pub(crate) const fn from_bits(bits: u64) -> Option<Self> {
        Some(match bits {
            1 => Self::PythonVersion,
            2 => Self::NumpyVersion,
            3 => Self::StdlibFolder,
            4 => Self::Hook,
            5 => Self::Notice,
            6 => Self::Executable,
            _ => return None,
        })
    }
}
