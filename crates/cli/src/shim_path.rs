//! Finds the shim and makes sure that it speaks this npprof's language.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use anyhow::{Context, Result};
use npprof_collect::WIRE_VERSION;

/// File name of the shim.
pub(crate) const FILE_NAME: &str = "libnpprof_shim.so";
/// Environment variable that names the shim instead of the usual places.
pub(crate) const VARIABLE: &str = "NPPROF_SHIM";

/// What the shim carries in its bytes, followed by its version of the wire format.
const MARKER: &[u8] = b"npprof-shim wire=";
/// More than any marker is long.
const MARKER_BYTES: usize = 128;

/// A shim that this npprof can talk to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shim {
    /// Absolute path.
    pub path: PathBuf,
    /// Its version, as the shim names it.
    pub version: String,
}

/// Why there is no usable shim.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Nothing at any of these places.
    NotFound(Vec<PathBuf>),
    /// A file that can't be read.
    Unreadable(PathBuf, String),
    /// A file that is no shim of npprof's.
    Foreign(PathBuf),
    /// A shim of another version of the wire format.
    OtherVersion { path: PathBuf, theirs: String },
}

impl fmt::Display for Missing {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(places) => {
                write!(to, "{FILE_NAME} is missing; looked for")?;
                for (index, place) in places.iter().enumerate() {
                    write!(to, "{} {}", if index == 0 { "" } else { "," }, place.display())?;
                }
                write!(to, "; set {VARIABLE} to its path, or build it: cargo build --release")
            }
            Self::Unreadable(path, why) => {
                write!(to, "{} can't be read: {why}", path.display())
            }
            Self::Foreign(path) => {
                write!(
                    to,
                    "{} is not npprof's shim; set {VARIABLE} to the one that was built with npprof",
                    path.display()
                )
            }
            Self::OtherVersion { path, theirs } => write!(
                to,
                "{} is of another version ({theirs}, needed wire={WIRE_VERSION}); \
                 install npprof and its shim together",
                path.display()
            ),
        }
    }
}

impl std::error::Error for Missing {}

/// Finds the shim: what `NPPROF_SHIM` names, or else beside npprof's own executable, or else in
/// `../lib/npprof/` from there.
///
/// # Errors
///
/// When there is none at these places, or the first one found is not of this version.
pub(crate) fn find(named: Option<&OsStr>, own_executable: &Path) -> Result<Shim, Missing> {
    let places = places(named, own_executable);
    let Some(path) = places.iter().find(|place| place.is_file()) else {
        return Err(Missing::NotFound(places));
    };
    let unreadable = |error: io::Error| Missing::Unreadable(path.clone(), error.to_string());
    let path = fs::canonicalize(path).map_err(unreadable)?;
    let bytes =
        fs::read(&path).map_err(|error| Missing::Unreadable(path.clone(), error.to_string()))?;
    match check(&bytes) {
        Handshake::Agrees(version) => Ok(Shim { path, version }),
        Handshake::Other(theirs) => Err(Missing::OtherVersion { path, theirs }),
        Handshake::None => Err(Missing::Foreign(path)),
    }
}

/// A path to the shim that `LD_PRELOAD` can hold: its own, or that of a link to it in `folder`,
/// which must have a plain name itself.
///
/// # Errors
///
/// When the link can't be made.
pub(crate) fn preloadable(shim: &Path, folder: &Path) -> Result<PathBuf> {
    if is_plain(shim) {
        return Ok(shim.to_owned());
    }
    let link = folder.join(FILE_NAME);
    std::os::unix::fs::symlink(shim, &link)
        .with_context(|| format!("no link to the shim in {}", folder.display()))?;
    Ok(link)
}

/// The loader takes a space or a colon in `LD_PRELOAD` for the end of a name, and a dollar sign for
/// the beginning of a variable.
pub(crate) fn is_plain(path: &Path) -> bool {
    path.as_os_str()
        .as_bytes()
        .iter()
        .all(|&byte| !byte.is_ascii_whitespace() && !matches!(byte, b':' | b';' | b'$'))
}

fn places(named: Option<&OsStr>, own_executable: &Path) -> Vec<PathBuf> {
    if let Some(named) = named.filter(|named| !named.is_empty()) {
        return vec![PathBuf::from(named)];
    }
    let folder = own_executable.parent().unwrap_or(Path::new("/"));
    let library = folder.parent().unwrap_or(folder).join("lib/npprof");
    vec![folder.join(FILE_NAME), library.join(FILE_NAME)]
}

enum Handshake {
    Agrees(String),
    Other(String),
    None,
}

fn check(bytes: &[u8]) -> Handshake {
    let mut other = Handshake::None;
    let mut rest = bytes;
    while let Some(found) = find_marker(rest) {
        let (text, behind) = found;
        let mut words = text.split_ascii_whitespace();
        let wire = words.next().unwrap_or_default();
        if wire.parse() == Ok(WIRE_VERSION) {
            let version = words.find_map(|word| word.strip_prefix("version="));
            return Handshake::Agrees(version.unwrap_or("unknown").to_owned());
        }
        if wire.starts_with(|first: char| first.is_ascii_digit()) {
            other = Handshake::Other(format!("wire={wire}"));
        }
        rest = behind;
    }
    other
}

/// The text behind the first marker, up to its end, and the bytes behind that marker.
fn find_marker(bytes: &[u8]) -> Option<(&str, &[u8])> {
    // Most bytes are no `n`: this is several times faster than comparing whole windows.
    let mut from = 0;
    loop {
        let place = from + bytes.get(from..)?.iter().position(|&byte| byte == MARKER[0])?;
        let behind = bytes.get(place..)?;
        if let Some(behind) = behind.strip_prefix(MARKER) {
            let text = behind.get(..MARKER_BYTES).unwrap_or(behind);
            let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
            return Some((std::str::from_utf8(text).unwrap_or_default(), behind));
        }
        from = place + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handshake(bytes: &[u8]) -> String {
        match check(bytes) {
            Handshake::Agrees(version) => format!("agrees: {version}"),
            Handshake::Other(theirs) => format!("other: {theirs}"),
            Handshake::None => "none".to_owned(),
        }
    }

    #[test]
    fn the_marker_tells_the_version() {
        let ours = format!("\x7fELF nnn npprof-shim wire={WIRE_VERSION} version=0.1.0\0 rest");
        assert_eq!(handshake(ours.as_bytes()), "agrees: 0.1.0");
        assert_eq!(handshake(b"npprof-shim wire=999 version=9.0\0"), "other: wire=999");
        assert_eq!(handshake(b"some other library"), "none");
        assert_eq!(handshake(b"npprof-shim wire="), "none");
        assert_eq!(handshake(b""), "none");
    }

    #[test]
    fn a_missing_shim_is_told_with_the_places() {
        let missing = find(None, Path::new("/nowhere/bin/npprof")).unwrap_err();
        insta::assert_snapshot!(missing, @"libnpprof_shim.so is missing; looked for /nowhere/bin/libnpprof_shim.so, /nowhere/lib/npprof/libnpprof_shim.so; set NPPROF_SHIM to its path, or build it: cargo build --release");
    }

    #[test]
    fn a_named_file_that_is_no_shim_is_refused() {
        let own = std::env::current_exe().unwrap();
        let missing = find(Some(OsStr::new("/etc/passwd")), &own).unwrap_err();
        assert_eq!(missing, Missing::Foreign("/etc/passwd".into()));
    }

    #[test]
    fn a_path_with_a_space_gets_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join("a b");
        fs::write(&odd, "x").unwrap();
        let link = preloadable(&odd, folder.path()).unwrap();
        assert_eq!(link, folder.path().join(FILE_NAME));
        assert_eq!(fs::read(link).unwrap(), b"x");
        assert_eq!(preloadable(Path::new("/a/b.so"), folder.path()).unwrap(), Path::new("/a/b.so"));
    }
}
