//! Starts the program, passes signals on to it and waits for it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use npprof_model::Exit;
use parking_lot::Mutex;
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, getpid, kill_process, kill_process_group,
    waitid, waitpid,
};

use crate::failure::{Failure, NOT_EXECUTABLE, NOT_FOUND, NOT_STARTED};
use crate::program::Program;

/// The variable that makes the loader load the shim.
pub(crate) const PRELOAD: &str = "LD_PRELOAD";

/// What is added to the program's environment.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    /// Value of `LD_PRELOAD`.
    pub preload: OsString,
    /// What the collector wants the shim to know.
    pub session: Vec<(&'static str, String)>,
}

impl Environment {
    /// With the shim in front of what the user preloads: it only watches, and what the user's
    /// libraries put over NumPy's functions stays in place.
    pub(crate) fn new(
        shim: &Path,
        own_preload: Option<&OsStr>,
        session: Vec<(&'static str, String)>,
    ) -> Self {
        let mut preload = shim.as_os_str().to_owned();
        if let Some(own) = own_preload {
            preload.push(":");
            preload.push(own);
        }
        Self { preload, session }
    }
}

/// A program that was started and is waited for once.
#[derive(Debug)]
pub(crate) struct Running {
    pid: Pid,
    /// Set while nobody can have been given the same process id again.
    is_gone: Mutex<bool>,
}

/// What to do when the program is stopped by its terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnStop {
    /// Stop as well, so that the shell that started npprof sees its job stopped.
    StopToo,
    /// Nothing: the program has a terminal of its own.
    Stay,
}

impl Running {
    /// For a child of ours that has not been waited for.
    pub(crate) fn new(pid: Pid) -> Self {
        Self { pid, is_gone: Mutex::new(false) }
    }

    /// The process id.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Whether the program has ended and was waited for.
    pub(crate) fn has_ended(&self) -> bool {
        *self.is_gone.lock()
    }

    /// Sends a signal to the program; `false` if it has ended.
    pub(crate) fn send(&self, signal: Signal) -> bool {
        let is_gone = self.is_gone.lock();
        if !*is_gone {
            // It fails only if the program changed its user, and then it would without npprof too.
            let _ = kill_process(self.pid, signal);
        }
        !*is_gone
    }

    /// Sends a signal to the process group that a terminal would send it to, and to the program
    /// itself if it is in none; `false` if it has ended.
    pub(crate) fn send_to_group(&self, group: Option<Pid>, signal: Signal) -> bool {
        let is_gone = self.is_gone.lock();
        if !*is_gone && group.is_none_or(|group| kill_process_group(group, signal).is_err()) {
            let _ = kill_process(self.pid, signal);
        }
        !*is_gone
    }

    /// Waits until the program ends.
    pub(crate) fn wait(&self, on_stop: OnStop) -> Exit {
        let id = WaitId::Pid(self.pid);
        loop {
            // The program stays a zombie at first: its number is ours until the lock is held.
            let options = WaitIdOptions::EXITED | WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT;
            match waitid(id.clone(), options) {
                Ok(Some(status)) if status.stopped() => {
                    let taken = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
                    let _ = waitid(id.clone(), taken);
                    if on_stop == OnStop::StopToo && is_from_terminal(status.stopping_signal()) {
                        let _ = kill_process(getpid(), Signal::STOP);
                    }
                }
                Ok(Some(_)) => break,
                Ok(None) | Err(Errno::INTR) => {}
                Err(_) => return Exit::Unknown,
            }
        }
        let mut is_gone = self.is_gone.lock();
        *is_gone = true;
        match waitpid(Some(self.pid), WaitOptions::empty()) {
            Ok(Some((_, status))) => Exit::from_wait_status(status.as_raw()),
            _ => Exit::Unknown,
        }
    }
}

/// Starts the program with npprof's own standard streams, in npprof's own process group.
pub(crate) fn spawn(program: &Program, environment: &Environment) -> Result<Running, Failure> {
    let (name, arguments) = split(&program.argv);
    let child = Command::new(&program.path)
        .arg0(name)
        .args(arguments)
        .env(PRELOAD, &environment.preload)
        .envs(environment.session.iter().map(|(name, value)| (name, value)))
        .spawn()
        .map_err(|error| not_started(&program.path, &error))?;
    running(&child)
}

/// The handle to a child that `Command` has started.
pub(crate) fn running(child: &std::process::Child) -> Result<Running, Failure> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    pid.map(Running::new)
        .ok_or_else(|| Failure::new(NOT_STARTED, "the program has no usable process id"))
}

/// The failure that a failed `exec` is to the user.
pub(crate) fn not_started(path: &Path, error: &io::Error) -> Failure {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    let status = match errno {
        Some(Errno::NOENT) => NOT_FOUND,
        Some(Errno::ACCESS | Errno::PERM | Errno::NOEXEC | Errno::TOOBIG | Errno::TXTBSY) => {
            NOT_EXECUTABLE
        }
        _ => NOT_STARTED,
    };
    let path = path.display();
    if errno == Some(Errno::NOENT) {
        // The file was there a moment ago.
        let hint = "its loader or its interpreter is missing";
        return Failure::new(status, format_args!("{path} can't be executed: {hint}"));
    }
    Failure::new(status, format_args!("{path} can't be executed: {error}"))
}

/// The program's name and its arguments.
pub(crate) fn split(argv: &[OsString]) -> (&OsStr, &[OsString]) {
    argv.split_first().map_or((OsStr::new(""), &[]), |(name, rest)| (name.as_os_str(), rest))
}

/// A stop that the shell makes for job control; it reaches the whole process group. `SIGSTOP` is
/// meant for the program alone.
fn is_from_terminal(signal: Option<i32>) -> bool {
    const STOPS: [Signal; 3] = [Signal::TSTP, Signal::TTIN, Signal::TTOU];
    STOPS.iter().any(|stop| signal == Some(stop.as_raw()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::zombie_processes, reason = "`Running::wait` waits for it")]
    fn shell(script: &str) -> Running {
        let child = Command::new("/bin/sh").args(["-c", script]).spawn().unwrap();
        running(&child).unwrap()
    }

    #[test]
    fn the_end_of_a_program_is_told_as_it_was() {
        assert_eq!(shell("exit 3").wait(OnStop::Stay), Exit::Code(3));
        assert_eq!(shell("kill -9 $$").wait(OnStop::Stay), Exit::Signal(9));
    }

    #[test]
    fn a_stopped_program_is_still_waited_for() {
        let running = shell("kill -STOP $$; exit 4");
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| running.wait(OnStop::StopToo));
            while !waiter.is_finished() {
                running.send(Signal::CONT);
                std::thread::yield_now();
            }
            assert_eq!(waiter.join().unwrap(), Exit::Code(4));
        });
        assert!(!running.send(Signal::TERM));
    }

    #[test]
    fn signals_arrive() {
        let running = shell("exec sleep 600");
        assert!(running.send(Signal::TERM));
        assert_eq!(running.wait(OnStop::Stay), Exit::Signal(15));
    }

    #[test]
    fn the_users_own_preload_stays() {
        let environment = Environment::new(Path::new("/s.so"), Some(OsStr::new("/u.so")), vec![]);
        assert_eq!(environment.preload, "/s.so:/u.so");
        assert_eq!(Environment::new(Path::new("/s.so"), None, vec![]).preload, "/s.so");
    }

    #[test]
    fn failed_executions_have_their_status() {
        let status = |errno: Errno| {
            not_started(Path::new("/x"), &io::Error::from_raw_os_error(errno.raw_os_error())).status
        };
        assert_eq!(status(Errno::NOENT), 127);
        assert_eq!(status(Errno::ACCESS), 126);
        assert_eq!(status(Errno::NOEXEC), 126);
        assert_eq!(status(Errno::NOMEM), 125);
    }
}
