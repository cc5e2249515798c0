//! The two standard streams, written to without ever failing the run.
//!
//! A closed pipe or a full disk behind them is nobody's reason to change what happens to the
//! profiled program, so errors end here, except where a command's whole purpose is its output.

use std::fmt;
use std::io::{self, Write};

/// Says something about npprof itself, as one line on standard error. What it quotes, such as names of
/// files, comes out without anything that a terminal would obey.
pub(crate) fn say(message: impl fmt::Display) {
    let text = format!("npprof: {}\n", npprof_report::one_line(message.to_string()));
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Shows a text on standard error as it is.
pub(crate) fn show(text: &str) {
    let mut stream = io::stderr().lock();
    let _ = stream.write_all(text.as_bytes());
    let _ = stream.flush();
}

/// Writes a command's output to standard output. A reader that has seen enough, such as `head`, is
/// no error.
///
/// # Errors
///
/// When the stream takes no more for any other reason, such as a full disk.
pub(crate) fn write_out(bytes: &[u8]) -> io::Result<()> {
    let mut stream = io::stdout().lock();
    match stream.write_all(bytes).and_then(|()| stream.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
