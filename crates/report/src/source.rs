//! The text of source lines, as far as it can be read. Never fails.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Files of more bytes than this are not read.
const MAX_FILE_BYTES: u64 = 8 << 20;
/// Files that are kept in memory.
const MAX_FILES: usize = 512;
/// Characters of a line that are kept.
const MAX_LINE: usize = 200;

/// Finds the text of source lines, reading each file once.
#[derive(Debug)]
pub struct SourceLookup {
    folder: PathBuf,
    files: RefCell<HashMap<String, Option<Vec<String>>>>,
}

impl SourceLookup {
    /// Relative file names start at `folder`.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), files: RefCell::default() }
    }

    /// The text of line `line` (from 1) of `file`, trimmed and cut; `None` when it can't be read or
    /// is empty.
    #[must_use]
    pub fn line(&self, file: &str, line: u32) -> Option<String> {
        if file.starts_with('<') || line == 0 {
            return None;
        }
        let mut files = self.files.borrow_mut();
        if !files.contains_key(file) {
            if files.len() >= MAX_FILES {
                files.clear();
            }
            files.insert(file.to_owned(), read_lines(&self.folder.join(file)));
        }
        let lines = files.get(file)?.as_ref()?;
        let text = lines.get(line as usize - 1)?.trim();
        let text: String = text.chars().take(MAX_LINE).collect();
        (!text.is_empty()).then_some(text)
    }
}

fn read_lines(path: &Path) -> Option<Vec<String>> {
    let about = std::fs::metadata(path).ok()?;
    // A pipe or a device could block or never end.
    if !about.is_file() || about.len() > MAX_FILE_BYTES {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_FILE_BYTES).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_trimmed_and_anything_unreadable_is_none() {
        let sources = SourceLookup::new(env!("CARGO_MANIFEST_DIR"));
        let first = sources.line("src/source.rs", 1);
        let expected = "//! The text of source lines, as far as it can be read. Never fails.";
        assert_eq!(first.as_deref(), Some(expected));
        assert_eq!(sources.line("src/source.rs", 2), None);
        assert_eq!(sources.line("src/source.rs", 100_000), None);
        assert_eq!(sources.line("src/source.rs", 0), None);
        assert_eq!(sources.line("no such file", 1), None);
        assert_eq!(sources.line("<string>", 1), None);
        assert_eq!(sources.line("/dev/zero", 1), None);
    }
}
