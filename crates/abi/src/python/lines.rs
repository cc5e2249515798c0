//! The line tables of code objects: which instruction is on which line.
//!
//! `PyCode_Addr2Line` reads them too, but tells one instruction's line only, and counts from the start
//! of the code each time.

/// The format of a code object's line table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineTable {
    /// `co_lnotab` of 3.8 and 3.9: pairs of a distance in bytes to the entry's start and a signed
    /// distance in lines (`Objects/lnotab_notes.txt`).
    Lnotab,
    /// `co_linetable` of 3.10 (PEP 626): pairs of an entry's length in bytes and a signed distance in
    /// lines, -128 for none.
    Pairs,
    /// `co_linetable` from 3.11 on: entries of a byte with a code and a length in units, and what the
    /// code asks for (`Objects/locations.md`, `InternalDocs/code_objects.md`).
    Locations,
}

/// Neighbouring instructions of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Byte offset of the first instruction.
    pub start: u32,
    /// Behind the last instruction; `u32::MAX` for the last line of a table that doesn't say.
    pub end: u32,
    /// Negative for instructions that belong to no line.
    pub line: i32,
}

/// Goes through a line table.
///
/// It is a plain value that doesn't hold the table, so that it can be kept: who looks for a place behind
/// the last one needn't begin anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineReader {
    format: LineTable,
    /// Where the next entry is in the table.
    at: usize,
    /// The line that the next entry's distance counts from.
    line: i32,
    /// The latest entry, or what has come together of a run.
    run: Run,
    is_over: bool,
}

/// An entry for instructions without a line, as a pair of 3.10 has it.
const NO_LINE: i8 = -128;
/// Bytes of a code unit.
const UNIT: u32 = 2;

impl LineReader {
    /// At the start of a table; `first_line` is `co_firstlineno`.
    #[must_use]
    pub const fn new(format: LineTable, first_line: i32) -> Self {
        let run = Run { start: 0, end: 0, line: first_line };
        Self { format, at: 0, line: first_line, run, is_over: false }
    }

    /// The line of the latest run; at the start, the first line of the code.
    #[must_use]
    pub const fn line(&self) -> i32 {
        self.run.line
    }

    /// Whether [`find`](Self::find) gets to a place from here.
    #[must_use]
    pub const fn is_at_or_before(&self, byte_offset: u32) -> bool {
        self.run.start <= byte_offset
    }

    /// The run that holds an instruction, from the run that was found before on.
    ///
    /// `None`: the table ends before that, or the place is before the latest run.
    pub fn find(&mut self, table: &[u8], byte_offset: u32) -> Option<Run> {
        if !self.is_at_or_before(byte_offset) {
            return None;
        }
        while byte_offset >= self.run.end {
            self.next(table)?;
        }
        Some(self.run)
    }

    /// Goes on to the next run; `None` at the end of the table.
    fn next(&mut self, table: &[u8]) -> Option<Run> {
        let first = loop {
            let before = self.run.end;
            let entry = self.entry(table)?;
            if entry.end > before {
                break entry;
            }
        };
        self.run = first;
        loop {
            let mut ahead = *self;
            let Some(entry) = ahead.entry(table) else { break };
            // Entries without instructions only move the line.
            if entry.end > entry.start && entry.line != first.line {
                break;
            }
            ahead.run = Run { end: entry.end.max(self.run.end), ..self.run };
            *self = ahead;
        }
        Some(self.run)
    }

    /// Reads an entry. Damaged tables end where they make no sense.
    fn entry(&mut self, table: &[u8]) -> Option<Run> {
        let start = self.run.end;
        match self.format {
            LineTable::Lnotab => {
                if self.is_over {
                    return None;
                }
                // A pair says where the next entry starts, so this one ends there.
                let line = self.line;
                let Some(&[to_next, lines]) = table.get(self.at..).and_then(<[u8]>::first_chunk)
                else {
                    self.is_over = true;
                    return Some(Run { start, end: u32::MAX, line });
                };
                self.at = self.at.saturating_add(2);
                self.line = line.wrapping_add(lines.cast_signed().into());
                Some(Run { start, end: start.saturating_add(to_next.into()), line })
            }
            LineTable::Pairs => {
                let &[length, lines] = table.get(self.at..)?.first_chunk()?;
                self.at = self.at.saturating_add(2);
                let end = start.saturating_add(length.into());
                let lines = lines.cast_signed();
                if lines == NO_LINE {
                    return Some(Run { start, end, line: -1 });
                }
                self.line = self.line.wrapping_add(lines.into());
                Some(Run { start, end, line: self.line })
            }
            LineTable::Locations => self.location(table),
        }
    }

    fn location(&mut self, table: &[u8]) -> Option<Run> {
        let start = self.run.end;
        let &first = table.get(self.at)?;
        let units = u32::from(first & 7).wrapping_add(1);
        let end = start.saturating_add(units.wrapping_mul(UNIT));
        let rest = table.get(self.at.saturating_add(1)..)?;
        // The code is in the four bits behind the mark of an entry's first byte.
        let line = match first >> 3 & 15 {
            15 => -1,
            13 | 14 => {
                self.line = self.line.wrapping_add(signed(rest));
                self.line
            }
            code @ 10..=12 => {
                self.line = self.line.wrapping_add(i32::from(code).wrapping_sub(10));
                self.line
            }
            _ => self.line,
        };
        // Only the first byte of an entry has the highest bit.
        let length = rest.iter().take_while(|byte| **byte < 128).count();
        self.at = self.at.saturating_add(1).saturating_add(length);
        Some(Run { start, end, line })
    }
}

/// A signed number: six bits a byte, the lowest first, the seventh for *there is more*; the sign is the
/// lowest bit of the whole.
fn signed(bytes: &[u8]) -> i32 {
    let mut value = 0_u32;
    for (place, byte) in bytes.iter().take(6).enumerate() {
        #[expect(clippy::cast_possible_truncation, reason = "below six")]
        let shift = (place as u32).wrapping_mul(6);
        value |= u32::from(byte & 63) << shift;
        if byte & 64 == 0 {
            break;
        }
    }
    let size = (value >> 1).cast_signed();
    if value & 1 == 0 { size } else { size.wrapping_neg() }
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::String;
    use std::vec::Vec;

    use super::*;

    /// All runs of a table, as `start-end:line`.
    fn runs(format: LineTable, table: &[u8], first_line: i32, end: u32) -> Vec<String> {
        let mut reader = LineReader::new(format, first_line);
        let mut told = Vec::new();
        let mut offset = 0;
        while offset < end
            && let Some(run) = reader.find(table, offset)
        {
            told.push(format!("{}-{}:{}", run.start, run.end.min(end), run.line));
            offset = run.end;
        }
        told
    }

    #[test]
    fn pairs_of_starts_are_read() {
        // 10 from 0 to 6, 11 from 6 to 300 in two steps, 9 from there on.
        let table = [0, 0, 6, 1, 255, 0, 39, 254];
        assert_eq!(runs(LineTable::Lnotab, &table, 10, 400), ["0-6:10", "6-300:11", "300-400:9"],);
        assert_eq!(runs(LineTable::Lnotab, &[], 3, 10), ["0-10:3"]);
    }

    #[test]
    fn pairs_of_lengths_are_read() {
        // An entry of no length moves the line far.
        let table = [4, 0, 0, 127, 2, 1, 6, 0x80, 8, 0];
        assert_eq!(
            runs(LineTable::Pairs, &table, 10, 20),
            ["0-4:10", "4-6:138", "6-12:-1", "12-20:138"],
        );
        assert_eq!(runs(LineTable::Pairs, &[4], 1, 8), [""; 0]);
    }

    #[test]
    fn locations_are_read() {
        let table = [
            0x80 | 1 << 3 | 1,
            0x11, // short, two units
            0x80 | 11 << 3,
            1,
            2, // next line, one unit
            0x80 | 10 << 3 | 2,
            1,
            2, // the same line, three units
            0x80 | 13 << 3,
            3, // a line back
            0x80 | 14 << 3,
            0x40 | 8,
            2,
            1,
            2,
            3,                  // 68 lines on
            0x80 | 15 << 3 | 7, // none
        ];
        assert_eq!(
            runs(LineTable::Locations, &table, 10, 100),
            ["0-4:10", "4-12:11", "12-14:10", "14-16:78", "16-32:-1"],
        );
    }

    #[test]
    fn a_reader_goes_on_but_never_back() {
        let table = [4, 1, 4, 1, 4, 1];
        let mut reader = LineReader::new(LineTable::Pairs, 0);
        assert_eq!(reader.find(&table, 5), Some(Run { start: 4, end: 8, line: 2 }));
        assert_eq!(reader.find(&table, 7), Some(Run { start: 4, end: 8, line: 2 }));
        assert_eq!(reader.find(&table, 3), None);
        assert_eq!(reader.find(&table, 8), Some(Run { start: 8, end: 12, line: 3 }));
        assert_eq!(reader.find(&table, 12), None);
    }
}
