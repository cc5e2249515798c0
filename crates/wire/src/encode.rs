//! Records as words, for the writer.
//!
//! The events of the hot path are single words to be pushed one after the other; definitions fill a
//! fixed buffer.

use crate::record::{
    Fact, HAS_SHAPE, IS_FIRST, IS_ZEROED, Kind, MAX_TEXT, Order, Role, SIZE_BITS, Scalar,
};

/// First word of an event that concerns a block.
#[inline]
#[must_use]
pub const fn event(kind: Kind, address: u64) -> u64 {
    address << 8 | kind as u64
}

/// Third word of an `Alloc` record.
#[inline]
#[must_use]
pub const fn size_in_operation(size_bytes: u64, operation: u16) -> u64 {
    (size_bytes & ((1 << SIZE_BITS) - 1)) | (operation as u64) << SIZE_BITS
}

/// First word of an `Operation` record; `flags` are of [`crate::record::operation`].
#[inline]
#[must_use]
pub const fn operation(operation: u16, n_operands: u8, flags: u32) -> u64 {
    Kind::Operation as u64
        | (operation as u64) << 8
        | (n_operands as u64) << 24
        | (flags as u64) << 32
}

/// Second word of an `Operation` record.
#[inline]
#[must_use]
pub const fn operation_context(stack: u32, outer: u16, n_inputs: u16) -> u64 {
    (stack as u64) << 32 | (outer as u64) << 16 | n_inputs as u64
}

/// First word of an operand, followed by its [`Traits::word`] with [`operand_traits`] in place of the
/// stack, and its axes.
#[inline]
#[must_use]
pub const fn operand(address: u64, role: Role) -> u64 {
    address << 8 | role as u64
}

/// What stands in an operand's second word where an allocation has its stack; `traits` are of
/// [`crate::record::operand`].
#[inline]
#[must_use]
pub const fn operand_traits(scalar: Scalar, traits: u32) -> u32 {
    (scalar as u32) << 16 | traits
}

/// Second word of a `Touch` record.
#[inline]
#[must_use]
pub const fn touch(size_bytes: u64, is_write: bool) -> u64 {
    size_bytes << 1 | is_write as u64
}

/// Second word of a `FreeFrom` record; `kind` is that of a free without a stack.
#[inline]
#[must_use]
pub const fn freed_from(stack: u32, kind: Kind) -> u64 {
    (stack as u64) << 32 | kind as u64
}

/// Second word of an `Alloc` or `Layout` record.
#[derive(Clone, Copy, Debug)]
pub struct Traits {
    /// Number of the dtype.
    pub dtype: u16,
    /// Number of dimensions, at most [`crate::record::MAX_NDIM`].
    pub ndim: u8,
    /// Order of the elements.
    pub order: Order,
    /// The shape follows as `ndim` words, and the strides as well for [`Order::Strided`].
    pub has_shape: bool,
    /// The block was asked for with `calloc`.
    pub is_zeroed: bool,
    /// Nothing else was allocated in the operation before.
    pub is_first: bool,
}

impl Traits {
    /// What is known of a block in which no array is known to lie.
    pub const SCRATCH: Self = Self {
        dtype: 0,
        ndim: 0,
        order: Order::Scratch,
        has_shape: false,
        is_zeroed: false,
        is_first: false,
    };

    /// The word: stack in the high half, then dtype, number of dimensions, flags.
    #[inline]
    #[must_use]
    pub const fn word(self, stack: u32) -> u64 {
        let shape = if self.has_shape { HAS_SHAPE } else { 0 };
        let zeroed = if self.is_zeroed { IS_ZEROED } else { 0 };
        let first = if self.is_first { IS_FIRST } else { 0 };
        (stack as u64) << 32
            | (self.dtype as u64) << 16
            | (self.ndim as u64) << 8
            | self.order as u64
            | shape
            | zeroed
            | first
    }
}

/// A definition under construction, in words.
#[derive(Debug)]
pub struct Definition<'a> {
    words: &'a mut [u64],
    len: usize,
}

impl<'a> Definition<'a> {
    /// Starts a record in `words`, which should hold [`crate::record::MAX_RECORD_WORDS`]; what does not fit is cut.
    #[must_use]
    pub fn new(words: &'a mut [u64], kind: Kind) -> Self {
        let mut definition = Self { words, len: 0 };
        definition.push(kind as u64);
        definition
    }

    /// The code object `code`.
    #[must_use]
    pub fn code(
        words: &'a mut [u64],
        code: u32,
        first_line: u32,
        file: &[u8],
        name: &[u8],
    ) -> Self {
        let mut definition = Self::new(words, Kind::DefineCode);
        definition.pair(code, first_line);
        definition.texts(file, name);
        definition
    }

    /// The stack `stack`: `line` of `code`, at the instruction at `byte_offset`, called from the stack
    /// `caller`.
    #[must_use]
    pub fn stack(
        words: &'a mut [u64],
        stack: u32,
        caller: u32,
        (code, line, byte_offset): (u32, u32, u32),
    ) -> Self {
        let mut definition = Self::new(words, Kind::DefineStack);
        definition.pair(stack, caller);
        definition.pair(code, line);
        definition.pair(byte_offset, 0);
        definition
    }

    /// The operation `operation`.
    #[must_use]
    pub fn operation(words: &'a mut [u64], operation: u16, name: &[u8]) -> Self {
        let mut definition = Self::new(words, Kind::DefineOperation);
        definition.pair(u32::from(operation), 0);
        definition.texts(name, b"");
        definition
    }

    /// A line, from 1, of the file of the code object `code`.
    #[must_use]
    pub fn source(words: &'a mut [u64], code: u32, line: u32, text: &[u8]) -> Self {
        let mut definition = Self::new(words, Kind::DefineSource);
        definition.pair(code, line);
        definition.texts(text, b"");
        definition
    }

    /// The dtype `dtype`.
    #[must_use]
    pub fn dtype(words: &'a mut [u64], dtype: u16, itemsize: u32, name: &[u8]) -> Self {
        let mut definition = Self::new(words, Kind::DefineDtype);
        definition.pair(u32::from(dtype), itemsize);
        definition.texts(name, b"");
        definition
    }

    /// The thread `thread`.
    #[must_use]
    pub fn thread(words: &'a mut [u64], thread: u32, native_id: u64, name: &[u8]) -> Self {
        let mut definition = Self::new(words, Kind::DefineThread);
        definition.push(native_id);
        definition.pair(thread, 0);
        definition.texts(name, b"");
        definition
    }

    /// A fact about the process.
    #[must_use]
    pub fn fact(words: &'a mut [u64], fact: Fact, text: &[u8]) -> Self {
        let mut definition = Self::new(words, Kind::Fact);
        definition.pair(fact as u32, 0);
        definition.texts(text, b"");
        definition
    }

    /// The finished words.
    #[must_use]
    pub fn finish(self) -> &'a [u64] {
        let len = self.len;
        if let Some(first) = self.words.first_mut() {
            *first |= (len as u64) << 8;
        }
        self.words.get(..len).unwrap_or(&[])
    }

    fn push(&mut self, word: u64) {
        if let Some(place) = self.words.get_mut(self.len) {
            *place = word;
            self.len = self.len.saturating_add(1);
        }
    }

    fn pair(&mut self, high: u32, low: u32) {
        self.push(u64::from(high) << 32 | u64::from(low));
    }

    fn texts(&mut self, first: &[u8], second: &[u8]) {
        let first = first.get(..first.len().min(MAX_TEXT)).unwrap_or(&[]);
        let second = second.get(..second.len().min(MAX_TEXT)).unwrap_or(&[]);
        #[expect(clippy::cast_possible_truncation, reason = "cut to MAX_TEXT")]
        self.pair(first.len() as u32, second.len() as u32);
        self.text(first);
        self.text(second);
    }

    fn text(&mut self, text: &[u8]) {
        for chunk in text.chunks(8) {
            let mut word = [0; 8];
            for (to, &from) in word.iter_mut().zip(chunk) {
                *to = from;
            }
            self.push(u64::from_le_bytes(word));
        }
    }
}
