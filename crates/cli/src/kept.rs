//! The program's output, kept while the dashboard has the terminal.
//!
//! It lies in nameless files, not in memory, and of a flood only the end stays.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// When a file has grown to this, another one is begun and the one before it dropped: at least this
/// much is kept, and at most twice as much.
const FILE_BYTES: u64 = 32 << 20;

/// What the program has written.
#[derive(Debug)]
pub(crate) struct Kept {
    folder: PathBuf,
    file_bytes: u64,
    older: Option<Part>,
    newer: Part,
    n_lost: u64,
}

#[derive(Debug)]
struct Part {
    file: File,
    n_bytes: u64,
}

impl Part {
    fn new(folder: &Path) -> io::Result<Self> {
        Ok(Self { file: tempfile::tempfile_in(folder)?, n_bytes: 0 })
    }
}

impl Kept {
    /// Keeps its files in `folder`.
    ///
    /// # Errors
    ///
    /// When no file can be made there.
    pub(crate) fn new(folder: &Path) -> io::Result<Self> {
        Self::with_file_bytes(folder, FILE_BYTES)
    }

    fn with_file_bytes(folder: &Path, file_bytes: u64) -> io::Result<Self> {
        let newer = Part::new(folder)?;
        Ok(Self { folder: folder.to_owned(), file_bytes, older: None, newer, n_lost: 0 })
    }

    /// Keeps these bytes. What no disk has room for is lost, and counted.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.newer.n_bytes >= self.file_bytes
            && let Ok(part) = Part::new(&self.folder)
        {
            let full = std::mem::replace(&mut self.newer, part);
            self.n_lost += self.older.replace(full).map_or(0, |dropped| dropped.n_bytes);
        }
        let n_bytes = bytes.len() as u64;
        match self.newer.file.write_all(bytes) {
            Ok(()) => self.newer.n_bytes += n_bytes,
            Err(_) => self.n_lost += n_bytes,
        }
    }

    /// Writes out everything that was kept, with a line before it if that is not all. Nothing is
    /// kept afterwards.
    ///
    /// # Errors
    ///
    /// When the bytes can't be read again or `to` takes no more.
    pub(crate) fn replay(&mut self, to: &mut impl Write) -> io::Result<()> {
        if self.n_lost > 0 {
            let n_lost = std::mem::take(&mut self.n_lost);
            writeln!(to, "npprof: {n_lost} bytes of output are not shown here\r")?;
        }
        if let Some(mut older) = self.older.take() {
            older.copy(to)?;
        }
        self.newer.copy(to)?;
        self.newer.n_bytes = 0;
        self.newer.file.set_len(0)?;
        self.newer.file.rewind()?;
        to.flush()
    }
}

impl Part {
    fn copy(&mut self, to: &mut impl Write) -> io::Result<()> {
        self.file.rewind()?;
        io::copy(&mut (&mut self.file).take(self.n_bytes), to)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pushed: &[&str], expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let mut kept = Kept::with_file_bytes(folder.path(), 4).unwrap();
        for bytes in pushed {
            kept.push(bytes.as_bytes());
        }
        let mut shown = Vec::new();
        kept.replay(&mut shown).unwrap();
        assert_eq!(String::from_utf8(shown).unwrap(), expected);
        let mut again = Vec::new();
        kept.replay(&mut again).unwrap();
        assert_eq!(again, b"", "shown once");
    }

    #[test]
    fn everything_is_kept_while_it_is_little() {
        check(&[], "");
        check(&["ab", "c"], "abc");
        check(&["ab", "cd", "ef", "gh"], "abcdefgh");
    }

    #[test]
    fn of_a_flood_the_end_is_kept() {
        let expected = "npprof: 4 bytes of output are not shown here\r\nefghi";
        check(&["ab", "cd", "ef", "gh", "i"], expected);
    }
}
