//! Where the report goes: its name, whether it can be written there, and the writing.
//!
//! A report appears at once and whole: it is written beside its place and renamed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use jiff::Timestamp;

use crate::Report;
use crate::paint::one_line;

/// Characters of a script's name that go into a report's.
const MAX_STEM_CHARS: usize = 64;

/// The mode of a new file, of which the user's `umask` takes away.
const OF_THE_USERS_CHOICE: u32 = 0o666;
const PRIVATE: u32 = 0o600;

/// Why a report cannot be written to its place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Something is there already.
    #[error(
        "{} exists already; add -f to replace it, or name another file with -o",
        one_line(path)
    )]
    Exists {
        /// The target.
        path: PathBuf,
    },
    /// A folder is there.
    #[error("{} is a folder; name a file in it with -o", one_line(path))]
    Folder {
        /// The target.
        path: PathBuf,
    },
    /// The folder of the target does not exist.
    #[error("there is no folder {}; make it first, or name another file with -o", one_line(folder))]
    NoFolder {
        /// The missing folder.
        folder: PathBuf,
    },
    /// The name is empty.
    #[error("the report's name is empty; name a file with -o")]
    NoName,
    /// The system refuses.
    #[error("cannot write the report {}: {cause}; name another file with -o", one_line(path))]
    Unwritable {
        /// The target.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
}

/// A place that was looked at.
enum Place {
    /// Where a regular file goes, with links resolved, and its folder.
    File { path: PathBuf, folder: PathBuf },
    /// A device or pipe, which is written as it is: renaming a file over `/dev/null` would take it
    /// away from everybody.
    Special { path: PathBuf },
}

/// Whether [`write_report`] would work, as far as one can say before the run. Leaves nothing behind.
///
/// # Errors
///
/// When it would not.
pub fn check_target(path: &Path, overwrite: bool) -> Result<(), TargetError> {
    match find(path, overwrite)? {
        Place::File { folder, .. } => {
            let unwritable = |cause| TargetError::Unwritable { path: path.to_path_buf(), cause };
            let (temporary, file) = create_beside(&folder, PRIVATE).map_err(unwritable)?;
            drop(file);
            fs::remove_file(temporary).map_err(unwritable)
        }
        // Opening a pipe would wait for its reader, and closing it again end the reader's input.
        Place::Special { .. } => Ok(()),
    }
}

/// Writes a report to a file, which appears when it is complete.
///
/// # Errors
///
/// When it cannot be written, or when something is there and `overwrite` is false. Nothing is left
/// behind then.
pub fn write_report(path: &Path, report: &Report, overwrite: bool) -> Result<(), TargetError> {
    write_with_mode(path, report, overwrite, OF_THE_USERS_CHOICE)
}

/// As [`write_report`], into a new file that nobody else can read: for a folder that is not the user's
/// choice, and may be everybody's.
///
/// # Errors
///
/// When it cannot be written, or when something is there.
pub fn write_private_report(path: &Path, report: &Report) -> Result<(), TargetError> {
    write_with_mode(path, report, false, PRIVATE)
}

fn write_with_mode(
    path: &Path,
    report: &Report,
    overwrite: bool,
    mode: u32,
) -> Result<(), TargetError> {
    let unwritable = |cause| TargetError::Unwritable { path: path.to_path_buf(), cause };
    match find(path, overwrite)? {
        Place::Special { path } => {
            let file = OpenOptions::new().write(true).open(path).map_err(unwritable)?;
            write_all(file, report).map_err(unwritable)
        }
        Place::File { path: target, folder } => {
            let (temporary, file) = create_beside(&folder, mode).map_err(unwritable)?;
            let written = write_all(file, report).and_then(|()| {
                if overwrite {
                    fs::rename(&temporary, &target)
                } else {
                    rename_if_free(&temporary, &target)
                }
            });
            written.map_err(|cause| {
                // Gone already where the rename succeeded in part; nothing more can be done.
                let _ = fs::remove_file(&temporary);
                match cause.kind() {
                    io::ErrorKind::AlreadyExists => {
                        TargetError::Exists { path: path.to_path_buf() }
                    }
                    _ => unwritable(cause),
                }
            })
        }
    }
}

fn find(path: &Path, overwrite: bool) -> Result<Place, TargetError> {
    let owned = || path.to_path_buf();
    if path.as_os_str().is_empty() {
        return Err(TargetError::NoName);
    }
    match fs::metadata(path) {
        Ok(about) if about.is_dir() => Err(TargetError::Folder { path: owned() }),
        Ok(about) if !about.is_file() => Ok(Place::Special { path: owned() }),
        Ok(_) if !overwrite => Err(TargetError::Exists { path: owned() }),
        Ok(_) => {
            // The file behind a link is replaced, not the link.
            let path = fs::canonicalize(path)
                .map_err(|cause| TargetError::Unwritable { path: owned(), cause })?;
            let folder = folder_of(&path);
            Ok(Place::File { path, folder })
        }
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            let folder = folder_of(path);
            if path.as_os_str().as_bytes().ends_with(b"/") {
                return Err(TargetError::NoFolder { folder: owned() });
            }
            // A link to nowhere is in the way like a file.
            if !overwrite && fs::symlink_metadata(path).is_ok() {
                return Err(TargetError::Exists { path: owned() });
            }
            match fs::metadata(&folder) {
                Ok(about) if about.is_dir() => Ok(Place::File { path: owned(), folder }),
                Ok(_) => Err(TargetError::NoFolder { folder }),
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                    Err(TargetError::NoFolder { folder })
                }
                Err(cause) => Err(TargetError::Unwritable { path: owned(), cause }),
            }
        }
        Err(cause) => Err(TargetError::Unwritable { path: owned(), cause }),
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// Makes a file of a name that nobody else uses.
fn create_beside(folder: &Path, mode: u32) -> io::Result<(PathBuf, File)> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    const ATTEMPTS: usize = 1_000;
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for _ in 0..ATTEMPTS {
        // A counter: only that each call gets another number matters.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!(".npprof-{}-{number}.tmp", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).mode(mode).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => last = cause,
            Err(cause) => return Err(cause),
        }
    }
    Err(last)
}

fn write_all(file: File, report: &Report) -> io::Result<()> {
    let mut to = BufWriter::with_capacity(1 << 16, file);
    report.write_json(&mut to)?;
    to.flush()
}

/// Renames, and fails when there is something: a link is made in one step or not at all.
fn rename_if_free(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Err(cause),
        // A file system without links: nearly as good.
        Err(_) if fs::symlink_metadata(to).is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(from, to),
    }
}

/// What the place-holders in a report's name stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names<'a> {
    /// `%p`: the command's process id.
    pub pid: u32,
    /// `%h`: the machine's name.
    pub host: &'a str,
    /// `%t`: when the run was started, in UTC, as `20260131T120000Z`.
    pub started: SystemTime,
}

/// A pattern that cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A per cent sign before something else than `p`, `h`, `t` or another one.
    #[error(
        "{found} in the report's name means nothing; %p is the process id, %h the host, %t the \
         time, %% a per cent sign"
    )]
    Unknown {
        /// What was found.
        found: String,
    },
}

/// Fills in the place-holders of a report's name: `%p`, `%h`, `%t` and `%%`.
///
/// # Errors
///
/// When a per cent sign is followed by anything else.
pub fn expand_pattern(pattern: &str, names: &Names<'_>) -> Result<String, PatternError> {
    let mut name = String::new();
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        if char != '%' {
            name.push(char);
            continue;
        }
        match chars.next() {
            Some('p') => name.push_str(&names.pid.to_string()),
            Some('h') => name.push_str(&file_name_part(names.host)),
            Some('t') => name.push_str(&compact_time(names.started)),
            Some('%') => name.push('%'),
            other => {
                let found: String = Some('%').into_iter().chain(other).collect();
                return Err(PatternError::Unknown { found: one_line(&found) });
            }
        }
    }
    Ok(name)
}

fn compact_time(time: SystemTime) -> String {
    Timestamp::try_from(time)
        .map_or_else(|_| "0".to_owned(), |time| time.strftime("%Y%m%dT%H%M%SZ").to_string())
}

/// The report's name where none is given: `npprof-<script>.<pid>.json`.
#[must_use]
pub fn default_name(command: &[String], pid: u32) -> String {
    format!("npprof-{}.{pid}.json", script_stem(command))
}

/// What a command runs, as part of a file name: `app` for `python -X dev app.py`, `pkg.mod` for
/// `python -m pkg.mod`, `pytest` for `/usr/bin/pytest tests`.
fn script_stem(command: &[String]) -> String {
    let Some((program, arguments)) = command.split_first() else {
        return "run".to_owned();
    };
    let program = last_name(program);
    let stem =
        if is_python(program) { python_script(arguments).unwrap_or(program) } else { program };
    let stem = ["py", "pyw", "pyc", "pyz", "sh"]
        .iter()
        .find_map(|ending| stem.strip_suffix(ending)?.strip_suffix('.'))
        .unwrap_or(stem);
    let stem = file_name_part(stem);
    if stem.is_empty() { "run".to_owned() } else { stem }
}

fn is_python(program: &str) -> bool {
    ["python", "pypy"].iter().any(|name| {
        program.strip_prefix(name).is_some_and(|rest| {
            rest.chars().all(|char| char.is_ascii_digit() || ".tdw-".contains(char))
        })
    })
}

/// The script or module among an interpreter's arguments.
fn python_script(arguments: &[String]) -> Option<&str> {
    let mut arguments = arguments.iter().map(String::as_str);
    while let Some(argument) = arguments.next() {
        let Some(options) = argument.strip_prefix('-') else {
            return Some(match last_name(argument) {
                "__main__.py" => argument.rsplit('/').nth(1).unwrap_or("__main__"),
                name => name,
            });
        };
        if options.is_empty() {
            return Some("stdin");
        }
        if let Some(long) = options.strip_prefix('-') {
            match long {
                "" => {}
                "check-hash-based-pycs" => drop(arguments.next()),
                _ => {}
            }
            continue;
        }
        // Single letters may share a dash; one that takes a value takes the rest or the next word.
        for (place, option) in options.char_indices() {
            let rest = &options[place + 1..];
            let mut value = || if rest.is_empty() { arguments.next() } else { Some(rest) };
            match option {
                'c' => return Some("command"),
                'm' => return value(),
                'W' | 'X' => {
                    value();
                    break;
                }
                _ if option.is_ascii() => {}
                _ => return None,
            }
        }
    }
    None
}

fn last_name(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

/// `text` with only such characters as need no quoting in a shell.
fn file_name_part(text: &str) -> String {
    let part: String = text
        .chars()
        .map(|char| if char.is_alphanumeric() || "._-".contains(char) { char } else { '_' })
        .take(MAX_STEM_CHARS)
        .collect();
    part.trim_start_matches(['.', '-']).to_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    use super::*;
    use crate::example;

    fn report() -> Report {
        example::report()
    }

    #[test]
    fn place_holders_are_filled_in() {
        let names = Names {
            pid: 4711,
            host: "a/b c",
            started: SystemTime::UNIX_EPOCH + Duration::from_secs(1_769_860_800),
        };
        let check = |pattern: &str, expected: Result<&str, &str>| {
            let name = expand_pattern(pattern, &names).map_err(|error| error.to_string());
            assert_eq!(name, expected.map(str::to_owned).map_err(str::to_owned));
        };
        check("r-%p.json", Ok("r-4711.json"));
        check("%h/%t-%%p.json", Ok("a_b_c/20260131T120000Z-%p.json"));
        check("plain", Ok("plain"));
        let help = "in the report's name means nothing; %p is the process id, %h the host, %t the \
                    time, %% a per cent sign";
        check("x%d", Err(&format!("%d {help}")));
        check("x%", Err(&format!("% {help}")));
    }

    #[test]
    fn reports_are_named_after_the_script() {
        let check = |command: &str, expected: &str| {
            let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
            assert_eq!(default_name(&words, 7), format!("npprof-{expected}.7.json"), "{command}");
        };
        check("python app.py --x", "app");
        check("/usr/bin/python3.11 -X dev -Wignore dir/app.v2.py", "app.v2");
        check("python -m pkg.mod arg", "pkg.mod");
        check("python -Im pkg", "pkg");
        check("python -c print(1)", "command");
        check("python -", "stdin");
        check("python pkg/__main__.py", "pkg");
        check("python3 -W error -- x.py", "x");
        check("python", "python");
        check("python3.13t a.py", "a");
        check("pytest -q tests", "pytest");
        check("./run.sh", "run");
        check("/opt/.hidden", "hidden");
        check("python 数値.py", "数値");
        check("python 'a;b$.py", "_a_b_");
        check("", "run");
    }

    #[test]
    fn a_report_is_written_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.json");
        check_target(&path, false).unwrap();
        assert!(!path.exists());
        write_report(&path, &report(), false).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), report().to_json_string());
        assert_eq!(crate::load(&path).unwrap(), report());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_exists_is_kept_unless_it_may_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.json");
        fs::write(&path, "mine").unwrap();
        for result in [check_target(&path, false), write_report(&path, &report(), false)] {
            let message = result.unwrap_err().to_string();
            assert!(
                message.ends_with(
                    "r.json exists already; add -f to replace it, or name another file with -o"
                ),
                "{message}"
            );
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        check_target(&path, true).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        write_report(&path, &report(), true).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), report().to_json_string());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_file_behind_a_link_is_replaced_and_not_the_link() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        symlink(&file, &link).unwrap();
        write_report(&link, &report(), true).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), report().to_json_string());
    }

    #[test]
    fn impossible_targets_are_found_before_the_run() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        symlink("nowhere", folder.path().join("dangling")).unwrap();
        let message = |name: &str| {
            let path = folder.path().join(name);
            let checked = check_target(&path, false).unwrap_err().to_string();
            assert_eq!(write_report(&path, &report(), false).unwrap_err().to_string(), checked);
            checked.replace(folder.path().to_str().unwrap(), "FOLDER")
        };
        assert_eq!(
            message("none/r.json"),
            "there is no folder FOLDER/none; make it first, or name another file with -o"
        );
        assert_eq!(
            message("file/r.json"),
            "cannot write the report FOLDER/file/r.json: Not a directory (os error 20); name \
             another file with -o"
        );
        assert_eq!(message(""), "FOLDER/ is a folder; name a file in it with -o");
        assert_eq!(
            message("dangling"),
            "FOLDER/dangling exists already; add -f to replace it, or name another file with -o"
        );
        assert!(message(&"x".repeat(300)).contains("File name too long"));
        assert_eq!(
            check_target(Path::new(""), false).unwrap_err().to_string(),
            "the report's name is empty; name a file with -o"
        );
        assert_eq!(
            check_target(Path::new("/proc/r.json"), false).unwrap_err().to_string(),
            "cannot write the report /proc/r.json: No such file or directory (os error 2); name \
             another file with -o"
        );
    }

    #[test]
    fn devices_are_written_and_not_replaced() {
        let path = Path::new("/dev/null");
        check_target(path, false).unwrap();
        write_report(path, &report(), false).unwrap();
        assert!(!fs::metadata(path).unwrap().is_file());
    }

    #[test]
    fn a_full_disk_is_told_and_leaves_no_half_report() {
        let path = Path::new("/dev/full");
        let message = write_report(path, &report(), false).unwrap_err().to_string();
        assert!(message.contains("No space left on device"), "{message}");
    }
}
