//! Catches the signals that end other programs, so that npprof outlives the one it watches, and
//! tells where each comes from.
//!
//! A signal from the terminal (the kernel sends it) has already reached everybody in the foreground.
//! A signal from a process has reached npprof alone and is meant for the program. The two can't be
//! told apart when a process signals the whole group: then the program gets it twice.

use std::fs;
use std::io;
use std::sync::Arc;

use rustix::process::Signal;
use signal_hook::consts::signal::{
    SIGALRM, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGWINCH,
    SIGXFSZ,
};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::origin::WithOrigin;
use signal_hook::low_level::emulate_default_handler;
use signal_hook::low_level::siginfo::{Cause, Origin};

const CAUGHT: [i32; 10] =
    [SIGHUP, SIGINT, SIGQUIT, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT, SIGTSTP, SIGWINCH];

/// A signal that npprof got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caught {
    /// The signal.
    pub signal: Signal,
    /// The kernel sent it: the terminal, as a rule.
    pub is_from_kernel: bool,
    /// npprof sent it to itself, together with others.
    pub is_own: bool,
}

/// What a terminal sends to everybody in its foreground.
const FROM_TERMINAL: [Signal; 6] =
    [Signal::HUP, Signal::INT, Signal::QUIT, Signal::CONT, Signal::TSTP, Signal::WINCH];

impl Caught {
    /// Whether a program in npprof's own process group has got the signal too.
    pub(crate) fn has_reached_group(self) -> bool {
        // A terminal that goes away tells nobody but the leader of its session.
        let is_leaders_own = || {
            self.signal == Signal::HUP
                && rustix::process::getsid(None).ok() == Some(rustix::process::getpid())
        };
        self.is_from_kernel && FROM_TERMINAL.contains(&self.signal) && !is_leaders_own()
    }

    /// Whether it asks npprof itself to end, once there is no program any more that it is meant for.
    pub(crate) fn asks_to_end(self) -> bool {
        matches!(self.signal, Signal::HUP | Signal::INT | Signal::QUIT | Signal::TERM)
    }

    /// Does to npprof what the signal does to a program that knows nothing of signals.
    pub(crate) fn obey(self) {
        // It fails only for signals that can't be caught.
        let _ = emulate_default_handler(self.signal.as_raw());
    }
}

/// The signals, caught from its making on.
#[derive(Debug)]
pub(crate) struct Signals {
    info: SignalsInfo<WithOrigin>,
}

impl Signals {
    /// Begins to catch signals, except those that npprof was started to ignore (as by `nohup`):
    /// these the program is to ignore as well.
    pub(crate) fn catch() -> io::Result<Self> {
        let ignored = fs::read_to_string("/proc/self/status").map_or(0, |status| ignored(&status));
        let is_wanted = |signal: &i32| ignored >> (signal - 1) & 1 == 0;
        if is_wanted(&SIGXFSZ) {
            // A report that is too large for the limit of file sizes is an error that is told. It is
            // not ignored, because the program would inherit that.
            signal_hook::flag::register(SIGXFSZ, Arc::default())?;
        }
        Ok(Self { info: SignalsInfo::new(CAUGHT.into_iter().filter(is_wanted))? })
    }

    /// Gives every signal to `act`, from a thread of its own, until npprof ends.
    pub(crate) fn serve(mut self, mut act: impl FnMut(Caught) + Send + 'static) -> io::Result<()> {
        let thread = std::thread::Builder::new().name("npprof-signals".to_owned());
        thread.spawn(move || {
            for origin in self.info.forever() {
                if let Some(caught) = caught(&origin) {
                    act(caught);
                }
            }
        })?;
        Ok(())
    }
}

fn caught(origin: &Origin) -> Option<Caught> {
    let signal = Signal::from_named_raw(origin.signal)?;
    let own = i32::try_from(std::process::id()).ok();
    let is_own = own.is_some_and(|pid| origin.process.as_ref().is_some_and(|it| it.pid == pid));
    Some(Caught { signal, is_from_kernel: origin.cause == Cause::Kernel, is_own })
}

/// The set of ignored signals in `/proc/PID/status`; bit 0 is signal 1.
fn ignored(status: &str) -> u64 {
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_of_ignored_signals_is_read() {
        let status = "Name:\tcat\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nX:\t1\n";
        assert_eq!(ignored(status), 0x1001);
        assert_eq!(ignored(""), 0);
    }

    #[test]
    fn a_signal_from_a_process_is_told_from_the_kernels() {
        let signals = Signals::catch().unwrap();
        let (sender, caught) = crossbeam_channel::unbounded();
        signals.serve(move |caught| sender.send(caught).unwrap_or(())).unwrap();
        let pid = rustix::process::getpid();
        rustix::process::kill_process(pid, Signal::USR1).unwrap();
        let first = caught.recv_timeout(std::time::Duration::from_secs(10)).unwrap();
        assert_eq!(first, Caught { signal: Signal::USR1, is_from_kernel: false, is_own: true });
        assert!(!first.asks_to_end());
    }
}
