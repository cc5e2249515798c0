//! How a process ended.

use std::fmt;

/// How a process ended, or that it has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Exit {
    /// Still running when the snapshot was made.
    #[default]
    Running,
    /// Ended by itself with this status.
    Code(i32),
    /// Killed by this signal.
    Signal(i32),
    /// Replaced itself by another program with `exec`.
    Replaced,
    /// Gone, and nobody was told how.
    Unknown,
}

impl Exit {
    /// Splits the status word that `wait` reports.
    #[must_use]
    pub const fn from_wait_status(status: i32) -> Self {
        let signal = status & 0x7f;
        if signal == 0 { Self::Code((status >> 8) & 0xff) } else { Self::Signal(signal) }
    }

    /// What a shell would report: the status, or 128 plus the signal.
    #[must_use]
    pub const fn shell_status(self) -> u8 {
        match self {
            Self::Code(code) => code.to_le_bytes()[0],
            Self::Signal(signal) => 128 + (signal.to_le_bytes()[0] & 0x7f),
            Self::Running | Self::Replaced | Self::Unknown => 0,
        }
    }

    /// The standard name of a signal, such as `SIGKILL`; `None` for numbers without one.
    #[must_use]
    pub const fn signal_name(signal: i32) -> Option<&'static str> {
        Some(match signal {
            1 => "SIGHUP",
            2 => "SIGINT",
            3 => "SIGQUIT",
            4 => "SIGILL",
            5 => "SIGTRAP",
            6 => "SIGABRT",
            7 => "SIGBUS",
            8 => "SIGFPE",
            9 => "SIGKILL",
            10 => "SIGUSR1",
            11 => "SIGSEGV",
            12 => "SIGUSR2",
            13 => "SIGPIPE",
            14 => "SIGALRM",
            15 => "SIGTERM",
            16 => "SIGSTKFLT",
            24 => "SIGXCPU",
            25 => "SIGXFSZ",
            31 => "SIGSYS",
            _ => return None,
        })
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Running => to.write_str("still running"),
            Self::Code(code) => write!(to, "exit {code}"),
            Self::Signal(signal) => match Self::signal_name(signal) {
                Some(name) => write!(to, "killed by {name}"),
                None => write!(to, "killed by signal {signal}"),
            },
            Self::Replaced => to.write_str("replaced by exec"),
            Self::Unknown => to.write_str("ended, status unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: i32, expected: &str, shell: u8) {
        let exit = Exit::from_wait_status(status);
        assert_eq!(exit.to_string(), expected);
        assert_eq!(exit.shell_status(), shell);
    }

    #[test]
    fn wait_statuses_are_split_as_a_shell_does() {
        check(0, "exit 0", 0);
        check(3 << 8, "exit 3", 3);
        check(9, "killed by SIGKILL", 137);
        check(11 | 0x80, "killed by SIGSEGV", 139);
        check(40, "killed by signal 40", 168);
    }
}
