//! What an ELF executable says about how it will be loaded.
//!
//! Decides one question: will the dynamic loader of the C library that the shim is built for start
//! this program, so that `LD_PRELOAD` has an effect? Knows nothing of Python.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use object::elf::{DT_NEEDED, EM_X86_64, FileHeader32, FileHeader64, SHT_DYNSYM};
use object::read::elf::{Dyn, FileHeader, ProgramHeader, Sym};
use object::{Endianness, ReadCache, ReadRef};

/// The parts of an executable that matter here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Elf {
    /// Made for x86-64 in its 64-bit form.
    pub is_x86_64: bool,
    /// The dynamic loader; `None` for a statically linked program.
    pub loader: Option<PathBuf>,
}

/// What a dynamically linked program offers and wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Linkage {
    /// Libraries that it names, such as `libpython3.11.so.1.0`.
    pub needed: Vec<String>,
    /// It exports the function that was asked for itself.
    pub exports: bool,
}

/// Reads the headers of a file that begins like an ELF file.
///
/// # Errors
///
/// When the file can't be read or its headers point outside of it.
pub(crate) fn read(path: &Path) -> Result<Elf> {
    let cache = ReadCache::new(File::open(path)?);
    parse(&cache).with_context(|| format!("{} is no valid executable", path.display()))
}

/// Reads which libraries a 64-bit program names, and whether it exports `function` itself.
///
/// # Errors
///
/// When the file can't be read or its tables point outside of it.
pub(crate) fn read_linkage(path: &Path, function: &str) -> Result<Linkage> {
    let cache = ReadCache::new(File::open(path)?);
    let data = &cache;
    let header = FileHeader64::<Endianness>::parse(data)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, data)?;
    let mut linkage = Linkage::default();
    if let Some((entries, strings)) = sections.dynamic(endian, data)? {
        let strings = sections.strings(endian, data, strings)?;
        for entry in entries.iter().filter(|entry| entry.tag(endian) == DT_NEEDED) {
            let name = entry.string(endian, strings)?;
            linkage.needed.push(String::from_utf8_lossy(name).into_owned());
        }
    }
    let symbols = sections.symbols(endian, data, SHT_DYNSYM)?;
    linkage.exports = symbols.iter().any(|symbol| {
        symbol.is_definition(endian, symbols.strings())
            && symbol.name(endian, symbols.strings()).is_ok_and(|name| name == function.as_bytes())
    });
    Ok(linkage)
}

fn parse<'data>(data: impl ReadRef<'data>) -> Result<Elf> {
    const CLASS: u64 = 4;
    const CLASS_64: u8 = 2;
    let class = data.read_bytes_at(CLASS, 1).ok().and_then(<[u8]>::first).copied();
    if class == Some(CLASS_64) {
        parse_as::<FileHeader64<Endianness>>(data)
    } else {
        parse_as::<FileHeader32<Endianness>>(data)
    }
}

fn parse_as<'data, Header: FileHeader<Endian = Endianness>>(
    data: impl ReadRef<'data>,
) -> Result<Elf> {
    let header = Header::parse(data)?;
    let endian = header.endian()?;
    let mut loader = None;
    for segment in header.program_headers(endian, data)? {
        if let Some(path) = segment.interpreter(endian, data)? {
            loader = Some(PathBuf::from(OsString::from_vec(path.to_vec())));
        }
    }
    let is_x86_64 = header.is_type_64() && header.e_machine(endian) == EM_X86_64;
    Ok(Elf { is_x86_64, loader })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of 64 bytes, then one program header, then the loader's path.
    fn executable(machine: u16, segment_type: u32, loader: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
        bytes.extend_from_slice(&3_u16.to_le_bytes());
        bytes.extend_from_slice(&machine.to_le_bytes());
        bytes.extend_from_slice(&1_u32.to_le_bytes());
        for word in [0_u64, 64, 0] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.extend_from_slice(&0_u32.to_le_bytes());
        for half in [64_u16, 56, 1, 64, 0, 0] {
            bytes.extend_from_slice(&half.to_le_bytes());
        }
        let length = loader.len() as u64;
        bytes.extend_from_slice(&segment_type.to_le_bytes());
        bytes.extend_from_slice(&4_u32.to_le_bytes());
        for word in [120_u64, 0, 0, length, length, 1] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.extend_from_slice(loader);
        bytes
    }

    #[test]
    fn a_dynamic_program_names_its_loader() {
        let bytes = executable(62, 3, b"/lib64/ld-linux-x86-64.so.2\0");
        let expected = Elf { is_x86_64: true, loader: Some("/lib64/ld-linux-x86-64.so.2".into()) };
        assert_eq!(parse(bytes.as_slice()).unwrap(), expected);
    }

    #[test]
    fn a_static_program_has_no_loader() {
        let bytes = executable(62, 1, b"");
        assert_eq!(parse(bytes.as_slice()).unwrap(), Elf { is_x86_64: true, loader: None });
    }

    #[test]
    fn another_machine_is_told_apart() {
        let bytes = executable(183, 3, b"/lib/ld-linux-aarch64.so.1\0");
        assert!(!parse(bytes.as_slice()).unwrap().is_x86_64);
    }

    #[test]
    fn every_cut_and_every_changed_byte_gives_a_result_or_an_error() {
        let bytes = executable(62, 3, b"/lib64/ld-linux-x86-64.so.2\0");
        for length in 0..bytes.len() {
            let _ = parse(&bytes[..length]);
        }
        for place in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = bytes.clone();
                bytes[place] = value;
                let _ = parse(bytes.as_slice());
            }
        }
    }

    #[test]
    fn this_very_program_is_dynamic() {
        let elf = read(&std::env::current_exe().unwrap()).unwrap();
        assert!(elf.is_x86_64 && elf.loader.is_some(), "{elf:?}");
    }
}
