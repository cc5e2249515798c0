//! Reads a report, and says what is wrong with what is none.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::error::Category;

use super::{Report, SCHEMA};
use crate::paint::one_line;

/// More than any report: what is larger is not read.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// Why a report cannot be read. Each says what to do in one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// There is no such file.
    #[error("there is no file {}; `npprof run` names the report that it writes", one_line(path))]
    NotFound {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// It is a folder.
    #[error("{} is a folder; name the report in it", one_line(path))]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("cannot read {}: {cause}", one_line(path))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// Far larger than any report.
    #[error("{name} is larger than any npprof report; name the file that `npprof run` wrote")]
    TooLarge {
        /// The file.
        name: String,
    },
    /// Nothing in it.
    #[error("{name} is empty; run the program again, and see that the disk has room")]
    Empty {
        /// The file.
        name: String,
    },
    /// The end is missing.
    #[error(
        "{name} ends too early, after {n_bytes} bytes; copy it again, or run the program again"
    )]
    Truncated {
        /// The file.
        name: String,
        /// Its length.
        n_bytes: usize,
    },
    /// No JSON at all.
    #[error(
        "{name} is not JSON (line {line}, column {column}); name the file that `npprof run` wrote"
    )]
    NotJson {
        /// The file.
        name: String,
        /// Where it stops being JSON, from 1.
        line: usize,
        /// Where in that line, from 1.
        column: usize,
    },
    /// JSON of another kind.
    #[error("{name} is JSON but no npprof report; name the file that `npprof run` wrote")]
    Foreign {
        /// The file.
        name: String,
    },
    /// Written by a newer npprof.
    #[error("{name} is an {found}, and this npprof reads {SCHEMA}; use the npprof that wrote it")]
    Newer {
        /// The file.
        name: String,
        /// Its schema.
        found: String,
    },
    /// It says that it is a report, and is not.
    #[error("{name} says that it is an {SCHEMA} and is not: {detail}; run the program again")]
    Damaged {
        /// The file.
        name: String,
        /// What is wrong.
        detail: String,
    },
}

/// Reads the report in a file.
///
/// # Errors
///
/// When the file cannot be read or holds no report.
pub fn load(path: &Path) -> Result<Report, LoadError> {
    let unreadable = |cause: io::Error| {
        let path = path.to_path_buf();
        match cause.kind() {
            io::ErrorKind::NotFound => LoadError::NotFound { path },
            io::ErrorKind::IsADirectory => LoadError::Folder { path },
            _ => LoadError::Unreadable { path, cause },
        }
    };
    let file = File::open(path).map_err(unreadable)?;
    let bytes = read_within(file, MAX_FILE_BYTES).map_err(unreadable)?;
    read_if_all(bytes, &path.to_string_lossy())
}

/// Reads the report that a pipe or the like brings; `name` says in errors what that is.
///
/// # Errors
///
/// When it cannot be read or brings no report.
pub fn load_from(from: impl Read, name: &str) -> Result<Report, LoadError> {
    let unreadable = |cause| LoadError::Unreadable { path: PathBuf::from(name), cause };
    read_if_all(read_within(from, MAX_FILE_BYTES).map_err(unreadable)?, name)
}

/// All that comes, or `None` if that is more than `max` bytes.
fn read_within(from: impl Read, max: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    from.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= max).then_some(bytes))
}

fn read_if_all(bytes: Option<Vec<u8>>, name: &str) -> Result<Report, LoadError> {
    let bytes = bytes.ok_or_else(|| LoadError::TooLarge { name: one_line(name) })?;
    read_json(&bytes, name)
}

/// Reads a report from memory; `name` says in errors where it is from.
///
/// # Errors
///
/// When `bytes` are no report.
pub fn read_json(bytes: &[u8], name: &str) -> Result<Report, LoadError> {
    let name = one_line(name);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(LoadError::Empty { name });
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        // Perhaps JSON all the same, only none of ours.
        return Err(match serde_json::from_slice::<IgnoredAny>(bytes) {
            Ok(_) => LoadError::Foreign { name },
            Err(error) => explain(&error, name, bytes.len()),
        });
    }
    let head: Head = match serde_json::from_slice(bytes) {
        Ok(head) => head,
        Err(error) => return Err(explain(&error, name, bytes.len())),
    };
    match head.schema {
        Some(Value::String(schema)) if schema == SCHEMA => {}
        Some(Value::String(schema)) if is_ours(&schema) => {
            return Err(LoadError::Newer { name, found: one_line(&schema) });
        }
        _ => return Err(LoadError::Foreign { name }),
    }
    serde_json::from_slice(bytes)
        .map_err(|error| LoadError::Damaged { name, detail: one_line(error.to_string()) })
}

/// What is looked at before anything else; the rest is checked to be JSON and not kept.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    schema: Option<Value>,
}

fn explain(error: &serde_json::Error, name: String, n_bytes: usize) -> LoadError {
    match error.classify() {
        Category::Eof => LoadError::Truncated { name, n_bytes },
        Category::Data => LoadError::Foreign { name },
        Category::Syntax | Category::Io => {
            LoadError::NotJson { name, line: error.line(), column: error.column() }
        }
    }
}

fn is_ours(schema: &str) -> bool {
    schema.strip_prefix("npprof-report/").is_some_and(|version| version.parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_ends_is_not_read_to_its_end() {
        assert_eq!(read_within(io::repeat(b' '), 1000).unwrap(), None);
        assert_eq!(read_within(&b"1234"[..], 4).unwrap(), Some(b"1234".to_vec()));
        let error = read_if_all(None, "standard input").unwrap_err().to_string();
        assert!(error.starts_with("standard input is larger than any npprof report"), "{error}");
    }
}
