//! Why npprof itself could not do what was asked, with the exit status that says so.

use std::fmt;

/// Exit status when npprof failed before the program was started.
pub(crate) const NOT_STARTED: u8 = 125;
/// Exit status when the command was found and can't be executed.
pub(crate) const NOT_EXECUTABLE: u8 = 126;
/// Exit status when the command was not found.
pub(crate) const NOT_FOUND: u8 = 127;
/// Exit status of a wrong command line of npprof's own, except of `npprof run`.
pub(crate) const USAGE: u8 = 2;
/// Exit status of `npprof view` when there is nothing that it can show.
pub(crate) const NOTHING_TO_SHOW: u8 = 2;
/// Exit status of every other command that failed.
pub(crate) const FAILED: u8 = 1;

/// A failure of npprof's own.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit status.
    pub status: u8,
    /// One line: what is wrong and what to do.
    pub message: String,
}

impl Failure {
    /// `message` is one line that says what is wrong and what to do.
    pub(crate) fn new(status: u8, message: impl fmt::Display) -> Self {
        Self { status, message: message.to_string() }
    }
}

/// Gives an error the exit status that goes with it.
pub(crate) trait OrFail<T> {
    /// On an error, fails with this exit status; the line is the error and its causes.
    fn or_fail(self, status: u8) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> OrFail<T> for Result<T, E> {
    fn or_fail(self, status: u8) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(status, format_args!("{:#}", error.into())))
    }
}
