//! Keeps the program's terminal open if npprof is killed while its dashboard is shown.
//!
//! A pseudo-terminal whose controlling side is closed hangs up on everybody in it, so the program
//! would die with npprof. A second, idle process holds that side too. When npprof ends in an orderly
//! way it says so; when it is simply gone, the keeper takes the dashboard off the real terminal and
//! passes on what the program writes, until the program ends.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::io::Errno;
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use crate::pty::Pty;

/// The hidden command by which npprof executes itself as a keeper.
pub(crate) const KEEPER: &str = "keep-terminal";

/// Undoes what a dashboard does to a terminal: mouse and paste reports, the other screen, the hidden
/// cursor.
const GIVE_BACK: &[u8] = b"\x1b[?1006l\x1b[?1002l\x1b[?2004l\x1b[?1049l\x1b[?25h\x1b[0m\r\n\
    npprof: killed; the program goes on, and there will be no report\r\n";

/// For a process of our own to start.
const PATIENCE: Duration = Duration::from_secs(1);

/// The way to the keeper. Dropping it dismisses the keeper.
#[derive(Debug)]
pub(crate) struct Keeper {
    control: UnixStream,
}

impl Keeper {
    /// Starts a keeper for this terminal. Its standard input is the terminal's controlling side,
    /// its standard output the real terminal, its standard error the way from npprof to it.
    pub(crate) fn start(pty: &Pty, own_executable: &Path) -> io::Result<Self> {
        let (control, theirs) = UnixStream::pair()?;
        let mut command = Command::new(own_executable);
        command.arg(KEEPER).env_remove(crate::launch::PRELOAD);
        command.stdin(Stdio::from(pty.try_clone()?)).stderr(Stdio::from(OwnedFd::from(theirs)));
        command.spawn()?;
        // Its own handle to the other end, so that a keeper that fails is noticed here.
        drop(command);
        control.set_read_timeout(Some(PATIENCE))?;
        (&control).read_exact(&mut [0])?;
        Ok(Self { control })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // If the keeper is gone, nobody needs to be dismissed.
        let _ = self.control.write_all(b".");
    }
}

/// `npprof keep-terminal`: waits, and takes over if need be.
pub(crate) fn keep() -> u8 {
    let modes = tcgetattr(io::stdout());
    // Now the dashboard may change them.
    let _ = rustix::io::write(io::stderr(), b".");
    if !is_dismissed() {
        write(GIVE_BACK);
        if let Ok(modes) = modes {
            // It fails if the shell has the terminal already, which restores them by itself.
            let _ = tcsetattr(io::stdout(), OptionalActions::Now, &modes);
        }
        let mut piece = [0; 4096];
        // The terminal ends with an error when nobody has it open any more.
        while let Ok(n_bytes @ 1..) = io::stdin().lock().read(&mut piece) {
            write(piece.get(..n_bytes).unwrap_or_default());
        }
    }
    0
}

/// Waits until npprof says that all is well, or is gone.
fn is_dismissed() -> bool {
    let mut word = [0; 1];
    loop {
        match rustix::io::read(io::stderr(), &mut word) {
            Err(Errno::INTR) => {}
            outcome => return outcome == Ok(1),
        }
    }
}

/// The program must not wait for a terminal that is gone.
fn write(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(bytes);
    let _ = out.flush();
}
