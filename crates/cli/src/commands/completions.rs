//! `npprof completions`.

use clap::CommandFactory;

use crate::args::{Arguments, CompletionsArguments};
use crate::console;
use crate::failure::{FAILED, Failure, OrFail};

/// Prints the completions for a shell.
pub(crate) fn complete(arguments: &CompletionsArguments) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "npprof", &mut script);
    console::write_out(&script).or_fail(FAILED)?;
    Ok(0)
}
