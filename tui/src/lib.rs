//! The terminal interface: shows what the arrays of a running program do, while they do it.
//!
//! It sees immutable [`Snapshot`]s and [`Finding`]s and the bytes that the program writes to its
//! terminal; it knows nothing of shims, records, collectors or report files: whatever gives those is
//! a [`Session`]. One idea: `app::App` is a plain value. Events change
//! it and may give an action; drawing only reads it; clocks, files and threads are in
//! `event` and `terminal`.

#![forbid(unsafe_code)]

mod advice;
mod app;
mod clipboard;
mod data;
mod event;
mod fuzzy;
mod history;
mod keys;
mod list;
mod mousing;
mod output;
mod rates;
mod screens;
mod tab;
mod terminal;
mod text;
mod theme;
mod typing;
mod widgets;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::Receiver;
use npprof_findings::Finding;
use npprof_model::{Exit, Snapshot};
use ratatui::layout::Size;

pub use advice::{Advisor, has_what_findings_need};
pub use theme::Palette;

/// The profiled program, as the dashboard sees it: one that runs, or a run that is over.
pub trait Session {
    /// The latest snapshot. Asked for about ten times a second, so it should be at hand; the same
    /// `Arc` as before means that nothing has changed.
    fn snapshot(&self) -> Arc<Snapshot>;

    /// The latest findings, which may be a little older than the snapshot. The same `Arc` as
    /// before means that nothing has changed. Must not work them out: an [`Advisor`] does that.
    fn findings(&self) -> Arc<[Finding]>;

    /// One of the next snapshots is to have call stacks. Asked for about once a second while they
    /// are shown.
    fn want_stacks(&self);

    /// The text of a source file of the program; `None` where it can't be read or is not what ran.
    fn source(&self, file: &str) -> Option<Arc<str>>;

    /// The file with the report of the run; `None` before it is written, or if it is in none.
    fn report_path(&self) -> Option<String>;

    /// What writes a report of the run as it is now, in a thread of its own, and says where it is, or
    /// what went wrong.
    fn report_writer(&self) -> ReportWriter;

    /// Writes a list as text, columns between tabs; says where it is, or what went wrong.
    fn export(&mut self, name: &str, text: &str) -> String;

    /// Opens the user's editor at this line and waits for its end; the terminal is the editor's
    /// meanwhile. What went wrong, if it did.
    fn edit(&mut self, file: &str, line: u32) -> Option<String>;

    /// Passes on what the user typed into the program's terminal.
    fn send_input(&mut self, bytes: &[u8]);

    /// Gives the program's terminal this size.
    fn resize_program(&mut self, columns: u16, rows: u16);

    /// Ends the program, or asks it to end.
    fn stop_program(&mut self, how: Stop);

    /// Whether somebody is there who could let this process go on once it is suspended.
    fn can_be_suspended(&self) -> bool;

    /// Stops the program and this process until the user lets them go on; the terminal is the
    /// shell's meanwhile.
    fn suspend(&mut self);

    /// Whether the terminal may be drawn on and read from: not while a shell has it.
    fn has_terminal(&self) -> bool;
}

/// Writes a report and says where it is, or what went wrong.
pub type ReportWriter = Box<dyn FnOnce() -> String + Send>;

/// Ways to stop a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// As Ctrl-C does: `SIGINT`.
    Interrupt,
    /// As a polite request: `SIGTERM`.
    Terminate,
    /// At once: `SIGKILL`.
    Kill,
}

/// What comes from the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgramEvent {
    /// Bytes that it wrote to its terminal.
    Output(Vec<u8>),
    /// It has ended; all its output has been sent before.
    Ended(Exit),
    /// The dashboard is to give the terminal back at once, as after `SIGTERM` or `SIGHUP`.
    Leave,
    /// This process was asked to stop for a while, by `SIGTSTP`.
    Suspend,
    /// It was stopped by others and goes on: whoever had the terminal meanwhile has changed it.
    Continued,
}

/// How the dashboard was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The program had ended.
    AfterEnd,
    /// The program still runs and is to go on without a dashboard.
    StillRunning,
}

/// Whose dashboard it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// The program's: it gets its output, passes keys on, and can stop it.
    #[default]
    Owner,
    /// Somebody's who only looks: at a run in another terminal, or at a report.
    Viewer,
}

/// How to show things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Use colours. Without them nothing is lost but beauty.
    pub colour: bool,
    /// Show ASCII only, the program's output included.
    pub ascii: bool,
    /// Take clicks and the wheel. Text is then selected with Shift held down.
    pub mouse: bool,
    /// The colours, if there are any.
    pub palette: Palette,
    /// Whose dashboard it is.
    pub role: Role,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            colour: true,
            ascii: false,
            mouse: true,
            palette: Palette::Terminal,
            role: Role::Owner,
        }
    }
}

/// Size of the program's terminal under a dashboard of this size, as columns and rows: for
/// starting the program with the size that [`run`] gives it.
#[must_use]
pub fn program_size(columns: u16, rows: u16) -> (u16, u16) {
    output::program_size(Size::new(columns, rows))
}

/// Shows the dashboard on standard output until the user leaves it.
///
/// The terminal is as it was on return, be it by an error, and after a panic.
///
/// # Errors
///
/// Returns what reading from or writing to the terminal failed with; the program is not touched
/// then and can go on without a dashboard.
pub fn run(
    session: &mut dyn Session,
    events: Receiver<ProgramEvent>,
    options: Options,
) -> io::Result<Left> {
    let terminal = terminal::Terminal::enter(options)?;
    let app = app::App::new(session.snapshot(), terminal.size()?, options, Instant::now());
    event::run(session, events, app, terminal, options)
}
