//! The `npprof` command: arguments → command → exit status.

#![forbid(unsafe_code)]

mod args;
mod commands;

mod dashboard;
mod editor;
mod job;
mod keeper;
mod kept;
mod launch;
mod pty;
mod share;
mod signals;
mod target;
mod watch;

mod elf;
mod program;
mod shim_path;

mod console;
mod failure;
mod settings;
mod surroundings;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::args::{Arguments, Command};
use crate::commands::{completions, doctor, report, rules, run, view};
use crate::failure::{Failure, NOT_STARTED, USAGE};

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let status = match Arguments::try_parse_from(&words) {
        Ok(arguments) => carry_out(arguments.command),
        Err(error) => refuse(&error, &words),
    };
    ExitCode::from(status)
}

fn carry_out(command: Command) -> u8 {
    let result = match command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Report(arguments) => report::show(&arguments),
        Command::View(arguments) => view::view(&arguments),
        Command::Rules(arguments) => rules::explain(&arguments),
        Command::Doctor(arguments) => doctor::examine(&arguments),
        Command::Completions(arguments) => completions::complete(&arguments),
        Command::InTerminal(arguments) => Err(pty::execute(&arguments)),
        Command::KeepTerminal => Ok(keeper::keep()),
    };
    result.unwrap_or_else(|Failure { status, message }| {
        console::say(message);
        status
    })
}

/// Shows help and version where they were asked for, and otherwise what is wrong.
fn refuse(error: &clap::Error, words: &[OsString]) -> u8 {
    match forgotten_run(error, words) {
        Some(hint) => console::say(hint),
        // It fails when the stream is closed, and then nobody can be told.
        None => drop(error.print()),
    }
    let is_run = words.get(1).is_some_and(|word| word == "run");
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => 0,
        // As the programs that run others do: what they are asked to run may use 2 itself.
        _ if is_run => NOT_STARTED,
        _ => USAGE,
    }
}

/// What to say when the first word is no command of npprof's but something that can be run.
fn forgotten_run(error: &clap::Error, words: &[OsString]) -> Option<String> {
    let command = words.get(1..)?;
    if error.kind() != ErrorKind::InvalidSubcommand
        || program::resolve(command, &surroundings::search_path()).is_err()
    {
        return None;
    }
    let shown: Vec<_> = command.iter().map(|word| word.to_string_lossy()).collect();
    Some(format!("to profile a program, say: npprof run {}", shown.join(" ")))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn help(path: &[&str]) -> String {
        let mut words = vec!["npprof"];
        words.extend_from_slice(path);
        words.push("--help");
        // A fixed width: the terminal of whoever runs the tests has none of its own here.
        let command = Arguments::command().term_width(100);
        command.try_get_matches_from(words).unwrap_err().to_string()
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn help_reads_like_this() {
        insta::assert_snapshot!("npprof", help(&[]));
        for command in ["run", "report", "view", "rules", "doctor", "completions"] {
            insta::assert_snapshot!(format!("npprof-{command}"), help(&[command]));
        }
    }

    fn run(words: &[&str]) -> (RunWords, bool) {
        let arguments = Arguments::try_parse_from(words).unwrap();
        let Command::Run(run) = arguments.command else { panic!("not run") };
        let command = run.command.iter().map(|word| word.to_str().unwrap().to_owned()).collect();
        (command, run.lossy)
    }

    type RunWords = Vec<String>;

    #[test]
    fn what_follows_the_command_is_the_commands() {
        let line = ["npprof", "run", "--lossy", "python", "app.py", "--lossy", "-o", "x", "--"];
        assert_eq!(run(&line).0, ["python", "app.py", "--lossy", "-o", "x", "--"]);
        assert!(run(&line).1);
        assert_eq!(run(&["npprof", "run", "--", "a", "--", "b"]).0, ["a", "--", "b"]);
        assert!(!run(&["npprof", "run", "a", "--lossy"]).1);
    }

    fn refused(words: &[&str]) -> String {
        Arguments::try_parse_from(words).unwrap_err().to_string()
    }

    #[test]
    fn a_wrong_word_is_told_with_the_right_one() {
        let told = refused(&["npprof", "rapport", "x"]);
        assert!(told.contains("a similar subcommand exists: 'report'"), "{told}");
        let told = refused(&["npprof", "run", "--lossi", "x"]);
        assert!(told.contains("a similar argument exists: '--lossy'"), "{told}");
    }

    #[test]
    fn a_program_without_run_gets_a_hint() {
        let words: Vec<OsString> = ["npprof", "sh", "-c", "true"].map(OsString::from).into();
        let error = Arguments::try_parse_from(&words).unwrap_err();
        let hint = forgotten_run(&error, &words);
        assert_eq!(hint.unwrap(), "to profile a program, say: npprof run sh -c true");
    }
}
