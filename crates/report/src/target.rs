//! Where a report goes: names, and files that are whole or not there.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;

use crate::Report;

/// What the parts of a file name's pattern stand for.
#[derive(Clone, Debug)]
pub struct Names<'a> {
    /// `%p`: process id.
    pub pid: u32,
    /// `%h`: name of the machine.
    pub host: &'a str,
    /// `%t`: when the run was started.
    pub started: SystemTime,
}

/// A pattern with something else than `%p`, `%h`, `%t` or `%%` in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{pattern:?} has {found:?}; allowed are %p (process id), %h (host), %t (time) and %% (a percent sign)"
)]
pub struct PatternError {
    /// The pattern.
    pub pattern: String,
    /// What is not allowed in it.
    pub found: String,
}

/// Why a report can't be written where it should go.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// A file is there, and it was not asked to be overwritten.
    #[error("{} exists; give -f to overwrite it, or another name with -o", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A folder is there.
    #[error("{} is a folder; give the name of a file with -o", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// The file's folder can't be written to.
    #[error("no report can be written to {}: {cause}; give another place with -o", folder.display())]
    Unwritable {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// Writing failed.
    #[error("the report can't be written to {}: {cause}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
}

/// The usual name of a report: `npprof-<script>.<pid>.json`.
#[must_use]
pub fn default_name(command: &[String], pid: u32) -> String {
    let stem = |name: &str| {
        let name = Path::new(name).file_stem().unwrap_or_default().to_string_lossy();
        let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        name.chars().map(|c| if is_plain(c) { c } else { '_' }).take(80).collect::<String>()
    };
    let is_script = |name: &&String| {
        Path::new(name.as_str()).extension().is_some_and(|end| end.eq_ignore_ascii_case("py"))
    };
    let module = || {
        let at = command.iter().position(|part| part == "-m")?;
        command.get(at + 1)
    };
    let name = command.iter().find(is_script).or_else(module).or(command.first());
    let name = name.map(|name| stem(name)).filter(|name| !name.is_empty());
    format!("npprof-{}.{pid}.json", name.as_deref().unwrap_or("run"))
}

/// Puts in what the parts of a pattern stand for.
///
/// # Errors
///
/// When a percent sign is followed by anything else than `p`, `h`, `t` or `%`.
pub fn expand_pattern(pattern: &str, names: &Names<'_>) -> Result<String, PatternError> {
    let mut name = String::new();
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            name.push(c);
            continue;
        }
        match rest.next() {
            Some('p') => name.push_str(&names.pid.to_string()),
            Some('h') => name.push_str(names.host),
            Some('t') => name.push_str(&time_stamp(names.started)),
            Some('%') => name.push('%'),
            other => {
                let found = format!("%{}", other.map(String::from).unwrap_or_default());
                return Err(PatternError { pattern: pattern.to_owned(), found });
            }
        }
    }
    Ok(name)
}

fn time_stamp(time: SystemTime) -> String {
    Timestamp::try_from(time)
        .map(|time| time.strftime("%Y%m%dT%H%M%SZ").to_string())
        .unwrap_or_default()
}

/// Makes sure, before the program starts, that its report can be written to `path` at the end.
///
/// # Errors
///
/// [`TargetError`], with what to do.
pub fn check_target(path: &Path, overwrite: bool) -> Result<(), TargetError> {
    let path_buf = || path.to_path_buf();
    match std::fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => return Err(TargetError::Folder { path: path_buf() }),
        Ok(_) if !overwrite => return Err(TargetError::Exists { path: path_buf() }),
        _ => {}
    }
    let beside = beside(path);
    let unwritable = |cause| TargetError::Unwritable { folder: folder_of(path), cause };
    create_new(&beside).map_err(unwritable)?;
    // It was only a trial; a file that stays is a nuisance, no failure.
    let _ = std::fs::remove_file(&beside);
    Ok(())
}

/// Writes a report: to a file beside `path` first, which then takes its place.
///
/// # Errors
///
/// [`TargetError`]; what was at `path` is still there then.
pub fn write_report(path: &Path, report: &Report, overwrite: bool) -> Result<(), TargetError> {
    if !overwrite && path.symlink_metadata().is_ok() {
        return Err(TargetError::Exists { path: path.to_path_buf() });
    }
    let beside = beside(path);
    let written = (|| {
        let mut file = BufWriter::new(create_new(&beside)?);
        report.write_json(&mut file)?;
        file.flush()?;
        std::fs::rename(&beside, path)
    })();
    written.map_err(|cause| {
        let _ = std::fs::remove_file(&beside);
        TargetError::Write { path: path.to_path_buf(), cause }
    })
}

fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// A name of our own in the same folder, so that renaming stays within a file system.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    folder_of(path).join(format!(".{name}.{}.part", std::process::id()))
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names<'static> {
        Names { pid: 42, host: "box", started: SystemTime::UNIX_EPOCH }
    }

    #[test]
    fn patterns_are_expanded_and_anything_else_is_named() {
        let expand = |pattern: &str| expand_pattern(pattern, &names());
        assert_eq!(expand("a-%p-%h-%t-%%.json").unwrap(), "a-42-box-19700101T000000Z-%.json");
        assert_eq!(
            expand("a%q").unwrap_err().to_string(),
            "\"a%q\" has \"%q\"; allowed are %p (process id), %h (host), %t (time) and %% (a percent sign)"
        );
        assert_eq!(expand("a%").unwrap_err().found, "%");
    }

    #[test]
    fn the_usual_name_is_the_scripts() {
        let name = |command: &[&str]| {
            default_name(&command.iter().map(|&part| part.to_owned()).collect::<Vec<_>>(), 7)
        };
        assert_eq!(name(&["python", "src/app.py", "x"]), "npprof-app.7.json");
        assert_eq!(name(&["python", "-m", "pkg.tool"]), "npprof-pkg.7.json");
        assert_eq!(name(&["/usr/bin/pytest", "-q"]), "npprof-pytest.7.json");
        assert_eq!(name(&[]), "npprof-run.7.json");
    }

    #[test]
    fn a_target_is_checked_before_the_run() {
        let folder = std::env::temp_dir().join(format!("npprof-target-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("r.json");
        check_target(&file, false).unwrap();
        assert!(!file.exists());
        std::fs::write(&file, "old").unwrap();
        assert!(matches!(check_target(&file, false), Err(TargetError::Exists { .. })));
        check_target(&file, true).unwrap();
        assert!(matches!(check_target(&folder, true), Err(TargetError::Folder { .. })));
        let missing = folder.join("no/r.json");
        assert!(matches!(check_target(&missing, false), Err(TargetError::Unwritable { .. })));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
