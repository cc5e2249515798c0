//! npprof as a job of the user's shell: Ctrl-Z, and what comes after it.

use std::fs;
use std::io;
use std::thread;
use std::time::Duration;

use rustix::process::{
    Pid, Signal, getpgid, getpgrp, getpid, getsid, kill_process, kill_process_group,
};

/// More ancestors are not looked at.
const MAX_ANCESTORS: usize = 64;
/// For the kernel to stop all threads after a signal that does so.
const STOPPING_TIME: Duration = Duration::from_millis(50);

/// Whether the terminal is npprof's, so that it may change its modes and read its keys.
pub(crate) fn is_in_foreground() -> bool {
    rustix::termios::tcgetpgrp(io::stdout()).is_ok_and(|group| group == getpgrp())
}

/// Whether the terminal is another job's. One that is gone is nobody's.
pub(crate) fn is_in_background() -> bool {
    rustix::termios::tcgetpgrp(io::stdout()).is_ok_and(|group| group != getpgrp())
}

/// Whether somebody is there who could let npprof go on: a shell that knows jobs. The kernel asks the
/// same before it stops a process for Ctrl-Z.
pub(crate) fn can_be_suspended() -> bool {
    let (group, session) = (getpgrp(), getsid(None).ok());
    let mut pid = getpid();
    for _ in 0..MAX_ANCESTORS {
        let Some(parent) = parent_of(pid) else { return false };
        match getpgid(Some(parent)) {
            Ok(its_group) if its_group == group => pid = parent,
            Ok(_) => return session.is_some() && getsid(Some(parent)).ok() == session,
            Err(_) => return false,
        }
    }
    false
}

/// Stops npprof and all that was started together with it, as Ctrl-Z in a terminal does. Returns when
/// the shell lets it go on.
pub(crate) fn suspend() {
    // npprof itself catches this one, and takes no notice of its own.
    let _ = kill_process_group(getpgrp(), Signal::TSTP);
    let _ = kill_process(getpid(), Signal::STOP);
    // Another thread may have got the signal: this one is stopped in here at the latest.
    thread::sleep(STOPPING_TIME);
}

fn parent_of(pid: Pid) -> Option<Pid> {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).ok()?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    Pid::from_raw(parent.trim().parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_found() {
        assert_eq!(parent_of(getpid()), rustix::process::getppid());
    }
}
