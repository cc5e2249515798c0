//! A pseudo-terminal of the program's own, for the time when npprof's dashboard has the real one.
//!
//! To get a controlling terminal, a process must call `setsid` and an `ioctl` between `fork` and
//! `exec`, where hardly anything is safe to do. So npprof executes itself there: as
//! `npprof in-terminal …` it does both, quite ordinarily, and then executes the program. Process id,
//! open files and ignored signals stay what they would be.

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustix::pty::OpenptFlags;
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, Winsize, tcgetattr, tcsetattr,
    tcsetwinsize,
};

use crate::args::InTerminalArguments;
use crate::failure::{Failure, NOT_STARTED, OrFail};
use crate::launch::{Environment, PRELOAD, Running, not_started, running, split};
use crate::program::Program;

/// The hidden command by which npprof executes itself.
pub(crate) const TRAMPOLINE: &str = "in-terminal";

/// The controlling side of a pseudo-terminal.
#[derive(Clone, Debug)]
pub(crate) struct Pty {
    master: Arc<OwnedFd>,
}

impl Pty {
    /// Opens one of this size, and gives the program's side of it as well.
    pub(crate) fn open((columns, rows): (u16, u16)) -> io::Result<(Self, OwnedFd)> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = rustix::pty::openpt(flags)?;
        rustix::pty::grantpt(&master)?;
        rustix::pty::unlockpt(&master)?;
        let slave = rustix::pty::ioctl_tiocgptpeer(&master, flags)?;
        // The program finds the keys and modes that the user has set up.
        if let Ok(modes) = tcgetattr(io::stdout()) {
            tcsetattr(&slave, OptionalActions::Now, &modes)?;
        }
        let pty = Self { master: Arc::new(master) };
        pty.resize(columns, rows);
        Ok((pty, slave))
    }

    /// Starts the program with this terminal as its standard output and error. Standard input is
    /// the terminal as well, unless it comes from somewhere else.
    pub(crate) fn spawn(
        slave: &OwnedFd,
        program: &Program,
        environment: &Environment,
        own_executable: &Path,
    ) -> Result<Running, Failure> {
        let end = || slave.try_clone().map(Stdio::from).or_fail(NOT_STARTED);
        let mut command = Command::new(own_executable);
        command.arg(TRAMPOLINE).arg(&environment.preload).arg(&program.path).arg("--");
        command.args(&program.argv).stdout(end()?).stderr(end()?);
        // The trampoline is not to be watched.
        command.env_remove(PRELOAD);
        command.envs(environment.session.iter().map(|(name, value)| (name, value)));
        if io::stdin().is_terminal() {
            command.stdin(end()?);
        }
        running(&command.spawn().map_err(|error| not_started(own_executable, &error))?)
    }

    /// Another handle to the controlling side.
    pub(crate) fn try_clone(&self) -> io::Result<OwnedFd> {
        self.master.try_clone()
    }

    /// Gives the terminal a size; the program's foreground gets `SIGWINCH` if it is another one.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        // It fails only when the terminal is gone.
        let _ = tcsetwinsize(&*self.master, size);
    }

    /// The process group that the terminal's keys would interrupt.
    pub(crate) fn foreground(&self) -> Option<rustix::process::Pid> {
        rustix::termios::tcgetpgrp(&*self.master).ok()
    }

    /// The key by which the program's terminal suspends; `None` where keys raise no signals.
    pub(crate) fn suspend_key(&self) -> Option<u8> {
        let modes = tcgetattr(&*self.master).ok()?;
        let key = modes.special_codes[SpecialCodeIndex::VSUSP];
        // Zero is no key.
        (modes.local_modes.contains(LocalModes::ISIG) && key != 0).then_some(key)
    }

    /// Reads what the program writes: zero bytes when nobody has the terminal open any more.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match rustix::io::read(&*self.master, &mut *buffer) {
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::IO) => return Ok(0),
                result => return Ok(result?),
            }
        }
    }

    /// Types for the user. Waits when the program reads none of it.
    pub(crate) fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match rustix::io::write(&*self.master, bytes) {
                Err(rustix::io::Errno::INTR) => {}
                result => bytes = bytes.get(result?..).unwrap_or_default(),
            }
        }
        Ok(())
    }
}

/// `npprof in-terminal`: makes standard output the controlling terminal and executes the program.
pub(crate) fn execute(arguments: &InTerminalArguments) -> Failure {
    let terminal = io::stdout();
    let controlled =
        rustix::process::setsid().and_then(|_| rustix::process::ioctl_tiocsctty(terminal.as_fd()));
    if let Err(errno) = controlled {
        return Failure::new(NOT_STARTED, format_args!("no terminal for the program: {errno}"));
    }
    let (name, rest) = split(&arguments.argv);
    let mut command = Command::new(&arguments.path);
    command.arg0(name).args(rest).env(PRELOAD, &arguments.preload);
    not_started(&arguments.path, &command.exec())
}

/// Standard input in raw mode, for as long as this lives: every key goes to the program.
#[derive(Debug)]
pub(crate) struct RawInput {
    before: Termios,
}

impl RawInput {
    /// `None` if standard input is no terminal.
    pub(crate) fn enter() -> Option<Self> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw).ok()?;
        Some(Self { before })
    }
}

impl Drop for RawInput {
    fn drop(&mut self) {
        // It fails only when the terminal is gone.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}
