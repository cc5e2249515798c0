//! Names for places in compiled code: of the function, and of the source line where the file has that.
//!
//! Files are opened when the first stack comes that leads through them. What they say is no more trusted
//! than what a process says: only regular files are read, and only so much of them.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use gimli::{Dwarf, EndianArcSlice, RunTimeEndian, SectionId};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, ReadCache, ReadRef, SymbolKind};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

/// Bytes that are kept of files. One with more is told without source lines; when several have more, they
/// are read again when they are needed again.
const MAX_BYTES: usize = 32 << 20;
/// Longest name that is told; those of C++ have no end.
const MAX_NAME: usize = 256;

type Lines = addr2line::Context<EndianArcSlice<RunTimeEndian>>;

/// What a place in compiled code is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Symbol {
    /// The function, or the address where there is no name.
    pub(crate) function: String,
    /// Source file and line.
    pub(crate) line: Option<(String, u32)>,
}

/// The files that were looked into. A copy knows nothing yet.
#[derive(Default)]
pub(crate) struct Symbols(Mutex<Known>);

#[derive(Default)]
struct Known {
    files: FxHashMap<Box<str>, Option<Compiled>>,
    n_bytes: usize,
}

/// A file with compiled code.
struct Compiled {
    /// By their addresses.
    functions: Vec<Function>,
    lines: Option<Lines>,
    n_bytes: usize,
}

struct Function {
    start: u64,
    n_bytes: u64,
    name: Box<[u8]>,
}

impl Symbols {
    /// The names of an address in a file.
    pub(crate) fn look_up(&self, file: &str, address: u32) -> Symbol {
        let mut known = self.0.lock();
        if !known.files.contains_key(file) {
            known.read(file);
        }
        let compiled = known.files.get(file).and_then(Option::as_ref);
        let address = u64::from(address);
        let unnamed = || format!("0x{address:x}");
        let function = compiled.and_then(|compiled| compiled.function(address));
        Symbol {
            function: function.unwrap_or_else(unnamed),
            line: compiled.and_then(|compiled| compiled.line(address)),
        }
    }
}

impl Clone for Symbols {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl std::fmt::Debug for Symbols {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_list().entries(self.0.lock().files.keys()).finish()
    }
}

impl Known {
    fn read(&mut self, file: &str) {
        let compiled = Compiled::read(Path::new(file));
        let n_bytes = file.len() + compiled.as_ref().map_or(0, |compiled| compiled.n_bytes);
        if self.n_bytes + n_bytes > MAX_BYTES {
            *self = Self::default();
        }
        self.n_bytes += n_bytes;
        self.files.insert(file.into(), compiled);
    }
}

impl Compiled {
    /// `None` where this is no file with compiled code, or can't be read.
    fn read(path: &Path) -> Option<Self> {
        // Looked at before it is opened: opening a pipe would wait for its writer.
        if !path.metadata().ok()?.is_file() {
            return None;
        }
        let cache = ReadCache::new(File::open(path).ok()?);
        let file = object::File::parse(&cache).ok()?;
        let functions = functions(&file)?;
        let n_bytes = functions.iter().map(|one| size_of::<Function>() + one.name.len()).sum();
        let (lines, of_lines) = lines(&file, MAX_BYTES.saturating_sub(n_bytes)).unzip();
        Some(Self { functions, lines, n_bytes: n_bytes + of_lines.unwrap_or(0) })
    }

    fn function(&self, address: u64) -> Option<String> {
        let after = self.functions.partition_point(|function| function.start <= address);
        let function = self.functions.get(after.checked_sub(1)?)?;
        if address - function.start >= function.n_bytes {
            return None;
        }
        let name = addr2line::demangle_auto(String::from_utf8_lossy(&function.name), None);
        let cut = name.char_indices().nth(MAX_NAME).map_or(name.len(), |(at, _)| at);
        name.get(..cut).map(str::to_owned)
    }

    fn line(&self, address: u64) -> Option<(String, u32)> {
        let location = self.lines.as_ref()?.find_location(address).ok()??;
        Some((location.file?.to_owned(), location.line?))
    }
}

/// The functions that the file's tables of symbols name, by their addresses; `None` if there are too many.
fn functions<'data, R: ReadRef<'data>>(file: &object::File<'data, R>) -> Option<Vec<Function>> {
    let mut found = Vec::new();
    let mut n_bytes = 0;
    // What is stripped of the one table is at least in the other.
    for symbol in file.symbols().chain(file.dynamic_symbols()) {
        if symbol.kind() != SymbolKind::Text || !symbol.is_definition() || symbol.size() == 0 {
            continue;
        }
        let Ok(name) = symbol.name_bytes() else { continue };
        n_bytes += size_of::<Function>() + name.len();
        if n_bytes > MAX_BYTES {
            return None;
        }
        let (start, n_bytes) = (symbol.address(), symbol.size());
        found.push(Function { start, n_bytes, name: name.into() });
    }
    found.sort_by_key(|function| function.start);
    found.dedup_by_key(|function| function.start);
    found.shrink_to_fit();
    Some(found)
}

/// The table of lines, and its size, if that is not above a limit.
fn lines<'data, R: ReadRef<'data>>(
    file: &object::File<'data, R>,
    max_bytes: usize,
) -> Option<(Lines, usize)> {
    const SECTIONS: [SectionId; 11] = [
        SectionId::DebugAbbrev,
        SectionId::DebugAddr,
        SectionId::DebugAranges,
        SectionId::DebugInfo,
        SectionId::DebugLine,
        SectionId::DebugLineStr,
        SectionId::DebugLoc,
        SectionId::DebugRanges,
        SectionId::DebugRngLists,
        SectionId::DebugStr,
        SectionId::DebugStrOffsets,
    ];
    let endian = if file.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big };
    let section = |id: SectionId| file.section_by_name(id.name());
    let sizes = SECTIONS.iter().filter_map(|&id| section(id)).map(|section| section.size());
    let n_bytes = sizes.fold(0_u64, u64::saturating_add);
    let n_bytes = usize::try_from(n_bytes).ok().filter(|&n| (1..=max_bytes).contains(&n))?;
    let load = |id: SectionId| {
        let wanted = SECTIONS.contains(&id).then(|| section(id)).flatten();
        let data = wanted.and_then(|section| section.data().ok()).unwrap_or_default();
        Ok::<_, gimli::Error>(EndianArcSlice::new(Arc::from(data), endian))
    };
    let lines = addr2line::Context::from_dwarf(Dwarf::load(load).ok()?).ok()?;
    Some((lines, n_bytes))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// The address in this test's own file of a function of it.
    #[inline(never)]
    fn own_address() -> u32 {
        let maps = std::fs::read_to_string("/proc/self/maps").expect("the kernel tells");
        let base = maps.split('-').next().and_then(|at| u64::from_str_radix(at, 16).ok());
        let address = own_address as *const () as u64;
        u32::try_from(address - base.expect("a first mapping")).expect("a small file")
    }

    #[test]
    fn functions_and_lines_of_a_file_are_found() {
        let own = std::env::current_exe().expect("a process has an executable");
        let own = own.to_str().expect("its name is text");
        let symbols = Symbols::default();
        let symbol = symbols.look_up(own, own_address());
        assert!(symbol.function.ends_with("symbolize::tests::own_address"), "{symbol:?}");
        // Where lines take too much memory they are left out.
        if let Some((file, line)) = symbol.line {
            assert!(file.ends_with("symbolize.rs"), "{file}");
            assert!(line > 100, "{line}");
        }
        assert_eq!(symbols.look_up(own, 1).function, "0x1");
    }

    #[test]
    fn files_that_are_none_and_pipes_have_no_names_and_nobody_waits() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .expect("a pipe");
        let text = folder.path().join("text");
        File::create(&text).and_then(|mut file| file.write_all(b"\x7fELF")).expect("written");
        let symbols = Symbols::default();
        for path in [&pipe, &text, &folder.path().join("nothing"), folder.path()] {
            let path = path.to_str().expect("text");
            let expected = Symbol { function: "0x10".to_owned(), line: None };
            assert_eq!(symbols.look_up(path, 16), expected, "{path}");
        }
    }

    #[test]
    fn what_is_kept_of_files_has_a_limit() {
        let mut known = Known::default();
        known.read("/nothing");
        assert_eq!((known.files.len(), known.n_bytes), (1, "/nothing".len()));
        known.n_bytes = MAX_BYTES;
        known.read("/nothing else");
        assert_eq!((known.files.len(), known.n_bytes), (1, "/nothing else".len()));
    }
}
