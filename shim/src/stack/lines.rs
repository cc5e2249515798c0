//! On which line a place in the code is, and how far that line reaches.

use npprof_abi::python::LineReader;

use crate::install::python::Python;
use crate::memory::Address;
use crate::table::{Key, Table};

/// Code objects whose tables are read from where they were left. Programs go forward through their
/// functions, so that each line of a long one costs only the way from the one before.
const N_READERS: usize = 16;

/// A place in what a code object contains: the number of that, and a byte offset.
#[derive(Clone, Copy, PartialEq, Eq)]
struct PlaceKey(u32, i32);

impl Key for PlaceKey {
    #[inline]
    fn hash(&self) -> u64 {
        (u64::from(self.0) << 32 | u64::from(self.1.cast_unsigned())).hash()
    }
}

/// The line of a place, and how far it reaches from there.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    /// Zero for none.
    pub(super) line: u32,
    /// Bytes to go back to the line's first instruction, and to its end.
    pub(super) before: u16,
    pub(super) after: u16,
}

impl Extent {
    /// Of an instruction that nothing is known of.
    pub(super) const UNKNOWN: Self = Self { line: 0, before: 0, after: 2 };
}

/// The lines of all places that were asked for.
pub(super) struct Lines {
    /// Many stacks have them in common.
    known: Table<PlaceKey, Extent>,
    /// By the code object's number.
    readers: [Option<(u32, LineReader)>; N_READERS],
}

impl Lines {
    pub(super) const NONE: Self = Self { known: Table::EMPTY, readers: [None; N_READERS] };

    /// The line of a place, told by the number of what its code object contains and a byte offset.
    ///
    /// # Safety
    ///
    /// `code` must be a live code object with this content, with the interpreter lock held.
    pub(super) unsafe fn of(
        &mut self,
        code: Address,
        (number, byte_offset): (u32, i32),
        python: &Python,
    ) -> Extent {
        let key = PlaceKey(number, byte_offset);
        if let Some(extent) = self.known.get(&key) {
            return extent;
        }
        // SAFETY: the caller vouches for the code object.
        let extent = unsafe { self.find(code, (number, byte_offset), python) };
        // Without room for it, the line is looked for again.
        self.known.insert(key, extent);
        extent
    }

    /// # Safety
    ///
    /// As for [`Self::of`].
    #[cold]
    unsafe fn find(
        &mut self,
        code: Address,
        (number, byte_offset): (u32, i32),
        python: &Python,
    ) -> Extent {
        // SAFETY: the caller vouches for the code object.
        let (table, first) = unsafe { python.line_table(code) };
        // Before the first instruction Python says the first line.
        let Ok(offset) = u32::try_from(byte_offset) else {
            let line = u32::try_from(first.line()).unwrap_or(0);
            return Extent { line, ..Extent::UNKNOWN };
        };
        let mut slot = self.readers.get_mut(number as usize % N_READERS);
        let mut reader = match slot {
            Some(&mut Some((of, reader))) if of == number && reader.is_at_or_before(offset) => {
                reader
            }
            _ => first,
        };
        let found = reader.find(table, offset);
        if let Some(slot) = &mut slot {
            **slot = Some((number, reader));
        }
        found.map_or(Extent::UNKNOWN, |run| Extent {
            line: u32::try_from(run.line).unwrap_or(0),
            before: distance(run.start, offset),
            after: distance(offset, run.end),
        })
    }
}

/// Bytes between two places, as far as they are of interest: a whole number of units.
fn distance(from: u32, to: u32) -> u16 {
    u16::try_from(to.saturating_sub(from)).unwrap_or(u16::MAX.wrapping_sub(1))
}
