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
    /// A large block given back, with the stack at that moment.
    FreeFrom = 11,
    /// An operation that has ended and had to do with much data.
    Operation = 12,
    /// Bytes of a block read or written by an operation that has no record of its own.
    Touch = 13,
    /// Counts of small operations that had to leave the table of counters.
    Counts = 14,
    /// Whether only views keep a large array alive.
    Pin = 15,
    /// A code object; with an empty name, a file of compiled code, which is the program itself if the file has
    /// no name either.
    DefineCode = 16,
    /// A stack: a frame and its caller's stack. In a file of compiled code the byte offset is an address
    /// of the file, and there is no line.
    DefineStack = 17,
    /// A dtype.
    DefineDtype = 18,
    /// A thread.
    DefineThread = 19,
    /// A fact about the process: [`Fact`] and its text.
    Fact = 20,
    /// The name of an operation.
    DefineOperation = 21,
    /// A line of source text that only the process has: of a notebook's cell, of generated code.
    DefineSource = 22,
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
    Alloc {
        address: u64,
        size_bytes: u64,
        stack: u32,
        is_zeroed: bool,
        /// The innermost operation that was running, 0 for none.
        operation: u16,
        /// Nothing else was allocated in that operation before.
        is_first: bool,
        layout: Layout<'a>,
    },
    /// See [`Kind::Free`], [`Kind::FreeSameLine`] and [`Kind::FreeSamePlace`].
    Free { address: u64, at: FreedAt },
    /// See [`Kind::FreeFrom`].
    FreeFrom { address: u64, at: FreedAt, stack: u32 },
    /// See [`Kind::Operation`].
    Operation(Operation<'a>),
    /// See [`Kind::Touch`].
    Touch { address: u64, size_bytes: u64, is_write: bool },
    /// See [`Kind::Counts`].
    Counts(Counts),
    /// See [`Kind::Pin`]: the owner's data, and how many views of how many bytes together are left;
    /// no views: the array is referred to otherwise again, or dead. The stack is that of the latest view.
    Pin { address: u64, stack: u32, n_views: u32, viewed_bytes: u64 },
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
    DefineStack { stack: u32, caller: u32, code: u32, line: u32, byte_offset: u32 },
    /// See [`Kind::DefineDtype`]; dtype 0 is "unknown" and needs no definition.
    DefineDtype { dtype: u16, itemsize: u32, name: &'a [u64], name_bytes: u32 },
    /// See [`Kind::DefineThread`].
    DefineThread { thread: u32, native_id: u64, name: &'a [u64], name_bytes: u32 },
    /// See [`Kind::Fact`].
    Fact { fact: Fact, text: &'a [u64], text_bytes: u32 },
    /// See [`Kind::DefineOperation`]; operation 0 is "none" and needs no definition.
    DefineOperation { operation: u16, name: &'a [u64], name_bytes: u32 },
    /// See [`Kind::DefineSource`]: `line`, from 1, of the file of the code object `code`.
    DefineSource { code: u32, line: u32, text: &'a [u64], text_bytes: u32 },
}

/// Bits of [`Operation::flags`].
pub mod operation {
    /// `dtype=` was given, or another explicit choice of the result's dtype.
    pub const HAS_DTYPE: u32 = 1;
    /// The result went to an array of the caller's: `out=`, or an operation in place.
    pub const HAS_OUT: u32 = 1 << 1;
    /// `where=` was given.
    pub const HAS_WHERE: u32 = 1 << 2;
    /// It raised an exception.
    pub const FAILED: u32 = 1 << 3;
    /// The memory was handed to foreign code, which may write to it.
    pub const WRITABLE: u32 = 1 << 4;
    /// The index is an arithmetic progression: `detail` holds its start and `second` its step, two's
    /// complement, and `axes` the axis that it indexes.
    pub const PROGRESSION: u32 = 1 << 5;
    /// An array of objects was looked through: `detail` holds bits of [`super::objects`].
    pub const OBJECTS: u32 = 1 << 6;
    /// The source, or for `tolist` the result, is a Python sequence: `detail` holds its address and
    /// `second` the number of scalars.
    pub const SEQUENCE: u32 = 1 << 7;
    /// Python code was called for each element; `second` holds how often.
    pub const CALLBACKS: u32 = 1 << 8;
    /// `axes` holds which axes it works along.
    pub const HAS_AXES: u32 = 1 << 9;
    /// `order=` was given.
    pub const HAS_ORDER: u32 = 1 << 10;
    /// Called through NumPy's C interface by foreign compiled code.
    pub const FOREIGN: u32 = 1 << 11;
    /// With [`SEQUENCE`]: the sequence holds arrays, not scalars.
    pub const OF_ARRAYS: u32 = 1 << 12;
    /// What a mask let through was counted: `second` holds the bytes that were written, also if none were.
    pub const COUNTED: u32 = 1 << 13;
}

/// What kinds of objects an array of objects holds.
pub mod objects {
    /// `float`, and NumPy's floating scalars.
    pub const FLOAT: u64 = 1;
    /// `int`, and NumPy's integers.
    pub const INT: u64 = 1 << 1;
    /// `bool`.
    pub const BOOL: u64 = 1 << 2;
    /// `None`.
    pub const NONE: u64 = 1 << 3;
    /// `complex`.
    pub const COMPLEX: u64 = 1 << 4;
    /// `decimal.Decimal`, `fractions.Fraction`.
    pub const NUMBER: u64 = 1 << 5;
    /// pandas' `NA` and `NaT`.
    pub const MISSING: u64 = 1 << 6;
    /// Anything else.
    pub const OTHER: u64 = 1 << 7;
}

/// Most operands that an operation's record carries; there may be more.
pub const MAX_OPERANDS: usize = 12;

/// Words of an operation's record before its operands.
pub(crate) const OPERATION_WORDS: usize = 8;

/// An operation, borrowed from its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation<'a> {
    /// Number of its name.
    pub operation: u16,
    /// The operation inside of which it ran, 0 for none.
    pub outer: u16,
    /// Bits of [`operation`].
    pub flags: u32,
    /// The stack from which it was called.
    pub stack: u32,
    /// Arrays that it read; more than the record carries of a long list.
    pub n_inputs: u16,
    /// How long it took; zero when that isn't known.
    pub duration_ns: u64,
    /// Bytes allocated inside of it, its result included.
    pub allocated_bytes: u64,
    /// Bytes freed inside of it.
    pub freed_bytes: u64,
    /// Bit `n`: works along axis `n`.
    pub axes: u64,
    /// See the flags.
    pub detail: u64,
    /// See the flags.
    pub second: u64,
    /// Its operands, one after the other: whole ones, as `decode` has made sure.
    pub(crate) operands: &'a [u64],
    pub(crate) n_operands: usize,
}

impl<'a> Operation<'a> {
    /// Its operands: inputs, outputs and results, in this order.
    pub fn operands(&self) -> impl Iterator<Item = Operand<'a>> + use<'a> {
        let mut words = self.operands;
        (0..self.n_operands).map_while(move |_| {
            let (operand, len) = crate::decode::operand(words).ok()?;
            words = words.get(len..)?;
            Some(operand)
        })
    }
}

/// What an array is to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    /// Read.
    Input = 0,
    /// An array of the caller's that was written; perhaps read as well.
    Output = 1,
    /// Given back: in a new block, or a view of an input, or an input itself, as its address says.
    Result = 2,
    /// An array that says which elements are meant.
    Index = 3,
    /// No array: see [`Operand::scalar`].
    Scalar = 4,
}

/// What an operand is that is no array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Scalar {
    /// An array.
    None = 0,
    /// `bool`.
    Bool = 1,
    /// `int`.
    Int = 2,
    /// `float`.
    Float = 3,
    /// `complex`.
    Complex = 4,
    /// A scalar of NumPy's.
    Numpy = 5,
    /// A list or tuple.
    Sequence = 6,
    /// Anything else.
    Other = 7,
}

/// Bits of [`Operand::traits`].
pub mod operand {
    /// Data or strides aren't aligned for the dtype.
    pub const MISALIGNED: u32 = 1;
    /// The other byte order.
    pub const SWAPPED: u32 = 1 << 1;
    /// The array object owns its memory.
    pub const OWNS_DATA: u32 = 1 << 2;
    /// The array may be written.
    pub const WRITEABLE: u32 = 1 << 3;
    /// Nothing but the expression refers to the array object.
    pub const LAST_REFERENCE: u32 = 1 << 4;
}

/// An operand of an operation, borrowed from its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operand<'a> {
    /// First element; zero for what is no array.
    pub address: u64,
    /// What it is to the operation.
    pub role: Role,
    /// What it is if it is no array.
    pub scalar: Scalar,
    /// Bits of [`operand`].
    pub traits: u32,
    /// Its layout; an array's shape is always given.
    pub layout: Layout<'a>,
}

/// Small operations of one name at one stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Number of the operation's name.
    pub operation: u16,
    /// The stack from which they were called.
    pub stack: u32,
    /// How often.
    pub n: u64,
    /// Bytes of their inputs.
    pub read_bytes: u64,
    /// Bytes of their outputs and results.
    pub written_bytes: u64,
    /// Bytes copied from an array to another.
    pub copied_bytes: u64,
    /// Of the bytes read or written, those that lie a cache line or more apart in a large block.
    pub strided_bytes: u64,
    /// Single elements that went to Python or came from it.
    pub n_scalars: u64,
    /// Operands that were taken through a buffer to compute with them: as many of each operation. What
    /// was copied then are their bytes.
    pub n_buffered: u64,
    /// What each of them did besides was to copy one array to another dtype: from which, to which.
    pub cast: Option<(u16, u16)>,
}

impl Counts {
    /// From the words of a place in the table of counters, see [`crate::segment::COUNTERS`]; `None`
    /// for a place that is free.
    #[must_use]
    pub fn from_words(words: [u64; crate::segment::COUNTER_WORDS]) -> Option<Self> {
        let [key, n, read_bytes, written_bytes, copied_bytes, strided_bytes, n_scalars, _] = words;
        (key & COUNTER_VALID != 0).then_some(Self {
            operation: (key & 0xffff) as u16,
            stack: (key >> 32) as u32,
            n,
            read_bytes,
            written_bytes,
            copied_bytes,
            strided_bytes,
            n_scalars,
            n_buffered: n.saturating_mul((key >> COUNTER_MARKS_SHIFT) & COUNTER_MAX_BUFFERED),
            cast: cast_of(key >> COUNTER_MARKS_SHIFT),
        })
    }
}

/// Bit of a counter's first word: the place is taken. The operation's number lies below, the stack
/// in the high half.
pub const COUNTER_VALID: u64 = 1 << 16;
/// Where a counter's first word says what its operations have in common besides: its marks.
pub const COUNTER_MARKS_SHIFT: u32 = 17;
/// All bits of the marks.
pub const COUNTER_MARKS: u64 = 0xfff;
/// Of the marks, those that say how many operands each operation took through a buffer.
pub const COUNTER_MAX_BUFFERED: u64 = 3;
/// Where among the marks the dtypes are from which and to which each operation cast an array, and how
/// many bits each of them has.
pub const COUNTER_CAST_SHIFTS: (u32, u32) = (2, 7);
/// The largest number of a dtype that has room there.
pub const COUNTER_MAX_DTYPE: u64 = 31;

/// The dtypes in a counter's marks.
pub(crate) const fn cast_of(marks: u64) -> Option<(u16, u16)> {
    let from = (marks >> COUNTER_CAST_SHIFTS.0 & COUNTER_MAX_DTYPE) as u16;
    let to = (marks >> COUNTER_CAST_SHIFTS.1 & COUNTER_MAX_DTYPE) as u16;
    if from == 0 || to == 0 { None } else { Some((from, to)) }
}

/// Bit of an `Alloc` or `Layout` record's flags: the shape follows, `ndim` words.
pub(crate) const HAS_SHAPE: u64 = 1 << 2;
/// Bit of an `Alloc` record's flags: the block was asked for with `calloc`.
pub(crate) const IS_ZEROED: u64 = 1 << 3;
/// Bit of an `Alloc` record's flags: the first one inside of its operation.
pub(crate) const IS_FIRST: u64 = 1 << 4;
/// Bits of an `Alloc` record's third word that hold the size; the operation lies above.
pub(crate) const SIZE_BITS: u32 = 48;
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

impl Role {
    pub(crate) const fn from_bits(bits: u64) -> Option<Self> {
        Some(match bits {
            0 => Self::Input,
            1 => Self::Output,
            2 => Self::Result,
            3 => Self::Index,
            4 => Self::Scalar,
            _ => return None,
        })
    }
}

impl Scalar {
    pub(crate) const fn from_bits(bits: u32) -> Self {
        match bits {
            0 => Self::None,
            1 => Self::Bool,
            2 => Self::Int,
            3 => Self::Float,
            4 => Self::Complex,
            5 => Self::Numpy,
            6 => Self::Sequence,
            _ => Self::Other,
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
