//! What can go wrong.

use std::io;
use std::path::PathBuf;

use npprof_shm::ring::ImpossibleHead;
use npprof_wire::decode::DecodeError;

/// Why profiling can't begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The session's folder can't be made.
    #[error("cannot make a folder for the session in {folder}")]
    Folder {
        /// Where it was to be.
        folder: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
    /// The path doesn't fit into an environment variable.
    #[error("the path {folder:?} is not UTF-8; set TMPDIR to one that is")]
    NotUtf8 {
        /// The folder.
        folder: PathBuf,
    },
    /// The session's socket can't be made.
    #[error("cannot listen on {path}; if the path is too long, set TMPDIR to a shorter one")]
    Socket {
        /// Where it was to be.
        path: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
    /// No random numbers, no wake-up descriptor or no thread.
    #[error("cannot start the collector")]
    System(#[source] io::Error),
}

/// Why the stream of a process can't be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StreamError {
    #[error(transparent)]
    Head(#[from] ImpossibleHead),
    #[error("ring {ring}, word {position}: {error}")]
    Record { ring: usize, position: u64, error: DecodeError },
    #[error("stack {stack} is used, but {known} are defined")]
    UnknownStack { stack: u32, known: usize },
    #[error("stack {stack} is defined out of turn: {known} are defined")]
    StackOutOfTurn { stack: u32, known: usize },
    #[error("stack {stack} is in code {code}, which is not defined")]
    UnknownCode { stack: u32, code: u32 },
    #[error("there are more than {max} {what}")]
    TooMany { what: &'static str, max: usize },
}
