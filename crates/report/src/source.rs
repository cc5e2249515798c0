//! The text of a line of the program, read when the run is over.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use npprof_model::SourceText;

/// Longer files are not read.
const MAX_FILE_BYTES: u64 = 8 << 20;
/// What is kept of files in memory; beyond it, reading begins anew.
const MAX_CACHE_BYTES: usize = 32 << 20;
/// Characters of a line that are shown.
const MAX_LINE_CHARS: usize = 200;

/// Finds the text of lines. It never fails: a line that cannot be read is `None`.
pub struct SourceLookup {
    cwd: PathBuf,
    /// Files that were changed later have no lines.
    until: Option<SystemTime>,
    /// What the program had beside files.
    told: Arc<[SourceText]>,
    cache: RefCell<Cache>,
}

#[derive(Default)]
struct Cache {
    files: HashMap<String, Option<Text>>,
    n_bytes: usize,
}

/// A file's text and the place of each line in it.
struct Text {
    text: String,
    lines: Vec<(usize, usize)>,
}

impl SourceLookup {
    /// Relative file names start in `cwd`, the folder in which the program was started.
    #[must_use]
    pub fn new(cwd: impl Into<PathBuf>) -> Self {
        Self { cwd: cwd.into(), until: None, told: Arc::default(), cache: RefCell::default() }
    }

    /// Passes over files that were changed after the start of the run: their lines may be others
    /// than those that ran.
    #[must_use]
    pub fn unchanged_since(self, started: Option<SystemTime>) -> Self {
        Self { until: started, ..self }
    }

    /// Also knows the text that only the program had.
    #[must_use]
    pub fn with_told(self, told: &Arc<[SourceText]>) -> Self {
        Self { told: Arc::clone(told), ..self }
    }

    /// Whether it knows what the program had by now.
    #[must_use]
    pub fn has_told(&self, told: &Arc<[SourceText]>) -> bool {
        Arc::ptr_eq(&self.told, told)
    }

    /// The text of a line, from 1, without the space around it and cut when it is long. `None`
    /// where there is no such line, or where it is blank.
    #[must_use]
    pub fn line(&self, file: &str, line: u32) -> Option<String> {
        let line = self.whole_line(file, line)?;
        Some(shown(&line))
    }

    /// The whole text of a file.
    #[must_use]
    pub fn text(&self, file: &str) -> Option<String> {
        let told = self.told.iter().find(|source| &*source.file == file);
        if let Some(source) = told {
            return Some((*source.text).to_owned());
        }
        is_name(file).then(|| read(&self.cwd.join(file), self.until))?
    }

    /// The same as [`SourceLookup::line`], however long it is.
    #[must_use]
    pub fn whole_line(&self, file: &str, line: u32) -> Option<String> {
        let index = usize::try_from(line).ok()?.checked_sub(1)?;
        let cache = &mut *self.cache.borrow_mut();
        if !cache.files.contains_key(file) {
            let text = self.text(file).map(Text::new);
            let n_bytes = file.len() + text.as_ref().map_or(0, Text::n_bytes);
            if cache.n_bytes + n_bytes > MAX_CACHE_BYTES {
                *cache = Cache::default();
            }
            cache.n_bytes += n_bytes;
            cache.files.insert(file.to_owned(), text);
        }
        let text = cache.files.get(file)?.as_ref()?;
        let &(start, end) = text.lines.get(index)?;
        let line = text.text.get(start..end)?.trim();
        (!line.is_empty()).then(|| line.to_owned())
    }
}

impl fmt::Debug for SourceLookup {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("SourceLookup").field("cwd", &self.cwd).finish_non_exhaustive()
    }
}

impl Text {
    /// Lines end as Python sees it: with `\n`, `\r\n` or `\r`.
    fn new(text: String) -> Self {
        let bytes = text.as_bytes();
        let mut lines = Vec::new();
        let mut start = 0;
        for (place, &byte) in bytes.iter().enumerate() {
            let ends = byte == b'\n' || (byte == b'\r' && bytes.get(place + 1) != Some(&b'\n'));
            if ends {
                lines.push((start, place));
                start = place + 1;
            }
        }
        lines.push((start, text.len()));
        Self { text, lines }
    }

    fn n_bytes(&self) -> usize {
        self.text.len() + self.lines.len() * size_of::<(usize, usize)>()
    }
}

/// Whether this can be the name of a file: `<string>` can't.
fn is_name(file: &str) -> bool {
    let is_made_up = file.starts_with('<') && file.ends_with('>');
    !(file.is_empty() || file.contains('\0') || is_made_up)
}

fn read(path: &Path, until: Option<SystemTime>) -> Option<String> {
    // Asked before opening: opening a pipe or a device could wait, or have an effect.
    let about = fs::metadata(path).ok()?;
    if !about.is_file() || about.len() > MAX_FILE_BYTES {
        return None;
    }
    // Where the system does not know when a file was changed, it is taken as it is.
    if let (Some(until), Ok(changed)) = (until, about.modified())
        && changed > until
    {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_FILE_BYTES).read_to_end(&mut bytes).ok()?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    if is_latin_1(bytes) {
        Some(bytes.iter().copied().map(char::from).collect())
    } else {
        Some(String::from_utf8_lossy(bytes).into_owned())
    }
}

/// A line as it is shown: cut when it is long.
pub(crate) fn shown(line: &str) -> String {
    let mut shown: String = line.chars().take(MAX_LINE_CHARS).collect();
    if shown.len() < line.len() {
        shown.pop();
        shown.push('…');
    }
    shown
}

/// Whether one of the first two lines declares Latin-1, in the way of PEP 263.
fn is_latin_1(bytes: &[u8]) -> bool {
    let declared = bytes.split(|&byte| byte == b'\n').take(2).find_map(|line| {
        let line = line.get(..line.len().min(MAX_LINE_CHARS))?;
        let line = str::from_utf8(line.trim_ascii()).ok()?;
        let after = line.strip_prefix('#')?.split_once("coding")?.1;
        let name = after.strip_prefix([':', '='])?.trim_start();
        let is_part = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
        let end = name.find(|char| !is_part(char)).unwrap_or(name.len());
        Some(name[..end].to_ascii_lowercase().replace('_', "-"))
    });
    declared.is_some_and(|name| {
        ["latin-1", "latin1", "iso-8859-1", "iso8859-1", "l1", "iso-latin-1"]
            .iter()
            .any(|&latin| name == latin || name.strip_prefix(latin).is_some_and(is_suffix))
    })
}

/// `latin-1-unix` is what Emacs writes.
fn is_suffix(rest: &str) -> bool {
    rest.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(content: &[u8], line: u32, expected: Option<&str>) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("app.py"), content).unwrap();
        let sources = SourceLookup::new(folder.path());
        assert_eq!(sources.line("app.py", line).as_deref(), expected);
        let text = sources.text("app.py").unwrap();
        assert!(expected.is_none_or(|line| text.contains(line.trim_end_matches('…'))), "{text}");
        let absolute = folder.path().join("app.py");
        assert_eq!(sources.line(absolute.to_str().unwrap(), line).as_deref(), expected);
    }

    #[test]
    fn lines_are_counted_as_python_counts_them() {
        check(b"a = 1\n  b = 2  \nc = 3", 2, Some("b = 2"));
        check(b"a = 1\r\nb = 2\rc = 3\n", 3, Some("c = 3"));
        check(b"a = 1\n\x0c\nb = 2\n", 3, Some("b = 2"));
        check(b"a = 1\n\nb", 2, None);
        check(b"a = 1\n", 3, None);
        check(b"a = 1\n", 0, None);
        check(b"", 1, None);
        check("\u{feff}a = 'ä'\n".as_bytes(), 1, Some("a = 'ä'"));
    }

    #[test]
    fn encodings_are_latin_1_where_declared_and_else_utf_8() {
        check(b"#!python\n# -*- coding: latin-1 -*-\nx = '\xe4'\n", 3, Some("x = 'ä'"));
        check(b"# vim: set fileencoding=ISO_8859_1 :\nx = '\xe4'\n", 2, Some("x = 'ä'"));
        check(b"x = '\xe4'\n", 1, Some("x = '\u{fffd}'"));
        check(b"# coding: no-such\nx = '\xc3\xa4'\n", 2, Some("x = 'ä'"));
    }

    #[test]
    fn long_lines_are_cut() {
        let long = "ä".repeat(300);
        check(long.as_bytes(), 1, Some(&("ä".repeat(199) + "…")));
        let fits = "ä".repeat(200);
        check(fits.as_bytes(), 1, Some(&fits));
    }

    #[test]
    fn what_is_no_regular_file_of_reasonable_size_has_no_lines() {
        let folder = tempfile::tempdir().unwrap();
        File::create(folder.path().join("huge.py")).unwrap().set_len(MAX_FILE_BYTES + 1).unwrap();
        let sources = SourceLookup::new(folder.path());
        for file in
            ["huge.py", "none.py", "/dev/zero", ".", "", "<string>", "a\0b", "/proc/self/mem"]
        {
            assert_eq!(sources.line(file, 1), None, "{file}");
        }
    }

    #[test]
    fn a_file_that_was_changed_after_the_start_has_no_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.py");
        fs::write(&path, "a = 1\n").unwrap();
        let changed = fs::metadata(&path).unwrap().modified().unwrap();
        let line =
            |started| SourceLookup::new(folder.path()).unchanged_since(started).line("app.py", 1);
        let second = std::time::Duration::from_secs(1);
        assert_eq!(line(Some(changed)).as_deref(), Some("a = 1"));
        assert_eq!(line(Some(changed + second)).as_deref(), Some("a = 1"));
        assert_eq!(line(Some(changed - second)), None);
        assert_eq!(line(None).as_deref(), Some("a = 1"));
    }

    #[test]
    fn a_small_cache_is_enough_for_any_number_of_files() {
        let folder = tempfile::tempdir().unwrap();
        let content = format!("first = 1\n{}\n", "#".repeat(7 << 20));
        for index in 0..6 {
            fs::write(folder.path().join(format!("{index}.py")), &content).unwrap();
        }
        let sources = SourceLookup::new(folder.path());
        for index in (0..6).chain(0..6) {
            let line = sources.line(&format!("{index}.py"), 1);
            assert_eq!(line.as_deref(), Some("first = 1"));
            assert!(sources.cache.borrow().n_bytes <= MAX_CACHE_BYTES);
        }
    }
}
