//! Words as records, for the reader.
//!
//! Total: whatever the words are, the result is a record or an error, and a record's length is at
//! least one word.

use crate::record::{
    COUNTER_MAX_BUFFERED, Counts, Fact, FreedAt, HAS_SHAPE, IS_FIRST, IS_ZEROED, Kind, Layout,
    MAX_NDIM, MAX_OPERANDS, MAX_RECORD_WORDS, MAX_TEXT, OPERATION_WORDS, Operand, Operation, Order,
    Record, Role, SIZE_BITS, Scalar, cast_of,
};

/// Why words are no record. The ring they come from can't be read further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// No record is of this kind.
    UnknownKind(u8),
    /// The record claims more words than there are.
    Truncated {
        /// Words that it claims.
        claimed: usize,
        /// Words that there are.
        left: usize,
    },
    /// A field of a record of this kind has a value that it can't have.
    Malformed(u8),
}

impl core::fmt::Display for DecodeError {
    fn fmt(&self, to: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::UnknownKind(kind) => write!(to, "no record is of kind {kind}"),
            Self::Truncated { claimed, left } => {
                write!(to, "a record claims {claimed} words, but {left} are left")
            }
            Self::Malformed(kind) => write!(to, "a record of kind {kind} has an impossible field"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// Decodes the record at the start of `words` and says how many words it takes.
///
/// # Errors
///
/// [`DecodeError`] for anything that the encoder can't have written.
#[inline(always)]
pub fn decode(words: &[u64]) -> Result<(Record<'_>, usize), DecodeError> {
    decode_and(words, |record, len| (record, len))
}

/// As [`decode`], where it is known what is to be done with a record: as that is done at several places,
/// once for each frequent kind, the compiler needn't put a record together first.
///
/// # Errors
///
/// Those of [`decode`]; nothing has been done then.
#[inline(always)]
pub fn decode_and<'a, T>(
    words: &'a [u64],
    take: impl FnOnce(Record<'a>, usize) -> T,
) -> Result<T, DecodeError> {
    let Some(&first) = words.first() else {
        return Err(DecodeError::Truncated { claimed: 1, left: 0 });
    };
    let rest = first >> 8;
    const ALLOC: u8 = Kind::Alloc as u8;
    const FREE: u8 = Kind::Free as u8;
    // The two kinds of which there are most, where the reader can see what it gets; a record as
    // a whole is too large to be handed around.
    match (first & 0xff) as u8 {
        kind @ (FREE | FREE_SAME_LINE | FREE_SAME_PLACE) => {
            Ok(take(Record::Free { address: rest, at: freed_at(kind) }, 1))
        }
        ALLOC => {
            let traits = word(words, 1, 3)?;
            let size = word(words, 2, 3)?;
            let (layout, len) = layout(words, traits, 3)?;
            let record = Record::Alloc {
                address: rest,
                size_bytes: size & ((1 << SIZE_BITS) - 1),
                stack: high(traits),
                is_zeroed: traits & IS_ZEROED != 0,
                operation: (size >> SIZE_BITS) as u16,
                is_first: traits & IS_FIRST != 0,
                layout,
            };
            Ok(take(record, len))
        }
        kind => {
            let (record, len) = other(words, kind, first)?;
            Ok(take(record, len))
        }
    }
}

/// What a kind of record says of where a block was given back.
#[inline]
const fn freed_at(kind: u8) -> FreedAt {
    match kind {
        FREE_SAME_LINE => FreedAt::SameLine,
        FREE_SAME_PLACE => FreedAt::SamePlace,
        _ => FreedAt::Elsewhere,
    }
}

const FREE_SAME_LINE: u8 = Kind::FreeSameLine as u8;
const FREE_SAME_PLACE: u8 = Kind::FreeSamePlace as u8;

/// The records that are neither allocations nor plain frees.
#[inline(never)]
fn other(words: &[u64], kind: u8, first: u64) -> Result<(Record<'_>, usize), DecodeError> {
    let rest = first >> 8;
    const REALLOC: u8 = Kind::Realloc as u8;
    const LAYOUT: u8 = Kind::Layout as u8;
    const THREAD: u8 = Kind::Thread as u8;
    const CLOCK: u8 = Kind::Clock as u8;
    const FORK: u8 = Kind::Fork as u8;
    const STAMP: u8 = Kind::Stamp as u8;
    const FREE_FROM: u8 = Kind::FreeFrom as u8;
    const OPERATION: u8 = Kind::Operation as u8;
    const TOUCH: u8 = Kind::Touch as u8;
    const COUNTS: u8 = Kind::Counts as u8;
    const PIN: u8 = Kind::Pin as u8;
    Ok(match kind {
        REALLOC => {
            let new_address = word(words, 1, 4)?;
            let size_bytes = word(words, 2, 4)?;
            let stack = high(word(words, 3, 4)?);
            (Record::Realloc { old_address: rest, new_address, size_bytes, stack }, 4)
        }
        LAYOUT => {
            let traits = word(words, 1, 2)?;
            let (layout, len) = layout(words, traits, 2)?;
            (Record::Layout { address: rest, layout }, len)
        }
        THREAD => (Record::Thread { thread: low(rest) }, 1),
        CLOCK => (Record::Clock { now_ns: rest }, 1),
        FORK => (Record::Fork { fork: rest }, 1),
        STAMP => (Record::Stamp { position: rest }, 1),
        FREE_FROM => {
            let second = word(words, 1, 2)?;
            let at = freed_at((second & 0xff) as u8);
            (Record::FreeFrom { address: rest, at, stack: high(second) }, 2)
        }
        OPERATION => operation(words, first)?,
        TOUCH => {
            let second = word(words, 1, 2)?;
            let is_write = second & 1 != 0;
            (Record::Touch { address: rest, size_bytes: second >> 1, is_write }, 2)
        }
        COUNTS => {
            let at = |index| word(words, index, 8);
            let marks = u64::from(low(at(1)?));
            let counts = Counts {
                operation: (rest & 0xffff) as u16,
                stack: high(at(1)?),
                n: at(2)?,
                read_bytes: at(3)?,
                written_bytes: at(4)?,
                copied_bytes: at(5)?,
                strided_bytes: at(6)?,
                n_scalars: at(7)?,
                n_buffered: at(2)?.saturating_mul(marks & COUNTER_MAX_BUFFERED),
                cast: cast_of(marks),
            };
            (Record::Counts(counts), 8)
        }
        PIN => {
            let second = word(words, 1, 3)?;
            let viewed_bytes = word(words, 2, 3)?;
            let (stack, n_views) = (high(second), low(second));
            (Record::Pin { address: rest, stack, n_views, viewed_bytes }, 3)
        }
        _ => return definition(words, kind, rest),
    })
}

fn operation(words: &[u64], first: u64) -> Result<(Record<'_>, usize), DecodeError> {
    let at = |index| word(words, index, OPERATION_WORDS);
    let context = at(1)?;
    let n_operands = (first >> 24 & 0xff) as usize;
    let malformed = DecodeError::Malformed(Kind::Operation as u8);
    if n_operands > MAX_OPERANDS {
        return Err(malformed);
    }
    let (duration_ns, allocated_bytes, freed_bytes) = (at(2)?, at(3)?, at(4)?);
    let (axes, detail, second) = (at(5)?, at(6)?, at(7)?);
    let operands = words.get(OPERATION_WORDS..).unwrap_or(&[]);
    let mut len = 0;
    for _ in 0..n_operands {
        let rest = operands.get(len..).unwrap_or(&[]);
        let (_, operand_len) = operand(rest).map_err(|error| match error {
            // Its words may not all be there yet.
            DecodeError::Truncated { claimed, left } => DecodeError::Truncated {
                claimed: OPERATION_WORDS + len + claimed,
                left: OPERATION_WORDS + len + left,
            },
            _ => malformed,
        })?;
        len += operand_len;
    }
    let operation = Operation {
        operation: (first >> 8 & 0xffff) as u16,
        outer: (context >> 16 & 0xffff) as u16,
        flags: high(first),
        stack: high(context),
        n_inputs: (context & 0xffff) as u16,
        duration_ns,
        allocated_bytes,
        freed_bytes,
        axes,
        detail,
        second,
        operands: operands.get(..len).unwrap_or(&[]),
        n_operands,
    };
    Ok((Record::Operation(operation), OPERATION_WORDS + len))
}

/// The operand at the start of `words`, and how many words it takes.
pub(crate) fn operand(words: &[u64]) -> Result<(Operand<'_>, usize), DecodeError> {
    let first = word(words, 0, 2)?;
    let traits = word(words, 1, 2)?;
    let (layout, len) = layout(words, traits, 2)?;
    let role =
        Role::from_bits(first & 0xff).ok_or(DecodeError::Malformed(Kind::Operation as u8))?;
    let scalar = Scalar::from_bits(high(traits) >> 16);
    let operand =
        Operand { address: first >> 8, role, scalar, traits: high(traits) & 0xffff, layout };
    Ok((operand, len))
}

fn definition(words: &[u64], kind: u8, claimed: u64) -> Result<(Record<'_>, usize), DecodeError> {
    const CODE: u8 = Kind::DefineCode as u8;
    const STACK: u8 = Kind::DefineStack as u8;
    const DTYPE: u8 = Kind::DefineDtype as u8;
    const THREAD: u8 = Kind::DefineThread as u8;
    const OPERATION: u8 = Kind::DefineOperation as u8;
    const SOURCE: u8 = Kind::DefineSource as u8;
    if !(CODE..=SOURCE).contains(&kind) {
        return Err(DecodeError::UnknownKind(kind));
    }
    let malformed = DecodeError::Malformed(kind);
    let len = usize::try_from(claimed).map_err(|_| malformed)?;
    if !(2..=MAX_RECORD_WORDS).contains(&len) {
        return Err(malformed);
    }
    let Some(words) = words.get(..len) else {
        return Err(DecodeError::Truncated { claimed: len, left: words.len() });
    };
    let at = |index: usize| words.get(index).copied().ok_or(malformed);
    let first = at(1)?;
    let record = match kind {
        CODE => {
            let (file, name) = texts(words, 2).ok_or(malformed)?;
            Record::DefineCode {
                code: high(first),
                first_line: low(first),
                file: file.0,
                file_bytes: file.1,
                name: name.0,
                name_bytes: name.1,
            }
        }
        STACK => {
            let second = at(2)?;
            Record::DefineStack {
                stack: high(first),
                caller: low(first),
                code: high(second),
                line: low(second),
                byte_offset: high(at(3)?),
            }
        }
        DTYPE => {
            let (name, _) = texts(words, 2).ok_or(malformed)?;
            let dtype = u16::try_from(high(first)).map_err(|_| malformed)?;
            Record::DefineDtype { dtype, itemsize: low(first), name: name.0, name_bytes: name.1 }
        }
        THREAD => {
            let thread = high(at(2)?);
            let (name, _) = texts(words, 3).ok_or(malformed)?;
            Record::DefineThread { thread, native_id: first, name: name.0, name_bytes: name.1 }
        }
        OPERATION => {
            let (name, _) = texts(words, 2).ok_or(malformed)?;
            let operation = u16::try_from(high(first)).map_err(|_| malformed)?;
            Record::DefineOperation { operation, name: name.0, name_bytes: name.1 }
        }
        SOURCE => {
            let (text, _) = texts(words, 2).ok_or(malformed)?;
            let (code, line) = (high(first), low(first));
            Record::DefineSource { code, line, text: text.0, text_bytes: text.1 }
        }
        _ => {
            let (text, _) = texts(words, 2).ok_or(malformed)?;
            let fact = Fact::from_bits(first >> 32).ok_or(malformed)?;
            Record::Fact { fact, text: text.0, text_bytes: text.1 }
        }
    };
    Ok((record, len))
}

/// Copies the text of a definition to bytes: `bytes` of `words`.
pub fn text_bytes(words: &[u64], bytes: u32) -> impl Iterator<Item = u8> + '_ {
    words.iter().flat_map(|word| word.to_le_bytes()).take(bytes as usize)
}

#[inline]
fn word(words: &[u64], index: usize, claimed: usize) -> Result<u64, DecodeError> {
    words.get(index).copied().ok_or(DecodeError::Truncated { claimed, left: words.len() })
}

#[inline]
fn layout(words: &[u64], traits: u64, at: usize) -> Result<(Layout<'_>, usize), DecodeError> {
    let dtype = ((traits >> 16) & 0xffff) as u16;
    let ndim = ((traits >> 8) & 0xff) as usize;
    let order = Order::from_bits(traits);
    if traits & HAS_SHAPE == 0 {
        let is_flat = ndim == 1;
        return Ok((Layout { dtype, order, shape: &[], strides: &[], is_flat }, at));
    }
    if ndim > MAX_NDIM {
        return Err(DecodeError::Malformed(words.first().map_or(0, |first| (first & 0xff) as u8)));
    }
    let middle = at + ndim;
    let end = if matches!(order, Order::Strided) { middle + ndim } else { middle };
    let truncated = DecodeError::Truncated { claimed: end, left: words.len() };
    let shape = words.get(at..middle).ok_or(truncated)?;
    let strides = words.get(middle..end).ok_or(truncated)?;
    Ok((Layout { dtype, order, shape, strides, is_flat: false }, end))
}

type Text<'a> = (&'a [u64], u32);

/// Two texts, whose lengths in bytes stand in the word at `at`.
fn texts(words: &[u64], at: usize) -> Option<(Text<'_>, Text<'_>)> {
    let lengths = *words.get(at)?;
    let (first, second) = (high(lengths), low(lengths));
    if first as usize > MAX_TEXT || second as usize > MAX_TEXT {
        return None;
    }
    let start = at + 1;
    let middle = start + (first as usize).div_ceil(8);
    let end = middle + (second as usize).div_ceil(8);
    Some(((words.get(start..middle)?, first), (words.get(middle..end)?, second)))
}

#[inline]
const fn high(word: u64) -> u32 {
    (word >> 32) as u32
}

#[inline]
const fn low(word: u64) -> u32 {
    (word & 0xffff_ffff) as u32
}
