//! What the kernel tells about a process, in `/proc` and by a process descriptor.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;

use rustix::process::{Pid, PidfdFlags};

/// Longest file read here; command lines may be longer and are cut.
const MAX_BYTES: u64 = 1 << 16;

/// Resident set of a process, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resident {
    pub(crate) now: u64,
    pub(crate) high_water: u64,
}

/// A descriptor that becomes readable when the process ends; `None` when it has ended.
pub(crate) fn watch(pid: u32) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok()
}

/// Command line of a process.
pub(crate) fn command_line(pid: u32) -> Vec<String> {
    let bytes = read(pid, "cmdline").unwrap_or_default();
    let arguments = bytes.strip_suffix(&[0]).unwrap_or(&bytes);
    if arguments.is_empty() {
        return Vec::new();
    }
    arguments.split(|&byte| byte == 0).map(|text| String::from_utf8_lossy(text).into()).collect()
}

/// Resident set of a process; `None` when it has ended.
pub(crate) fn resident(pid: u32) -> Option<Resident> {
    let status = read(pid, "status")?;
    parse_resident(&String::from_utf8_lossy(&status))
}

/// The wait status of a process that has ended and not been waited for.
pub(crate) fn wait_status(pid: u32) -> Option<i32> {
    let stat = read(pid, "stat")?;
    parse_wait_status(&String::from_utf8_lossy(&stat))
}

fn read(pid: u32, file: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(format!("/proc/{pid}/{file}")).ok()?;
    file.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn parse_resident(status: &str) -> Option<Resident> {
    let field = |name: &str| {
        let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kibibytes: u64 = rest.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kibibytes.saturating_mul(1024))
    };
    Some(Resident { now: field("VmRSS:")?, high_water: field("VmHWM:")? })
}

/// The command's name stands in parentheses, which it may contain itself.
fn parse_wait_status(stat: &str) -> Option<i32> {
    const STATE: usize = 3;
    const EXIT_CODE: usize = 52;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    let code = fields.nth(EXIT_CODE - STATE - 1)?.parse().ok()?;
    matches!(state, "Z" | "X").then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resident_set_is_in_kibibytes() {
        let status = "Name:\tpython\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t1\n";
        let expected = Resident { now: 1024 * 1024, high_water: 2048 * 1024 };
        assert_eq!(parse_resident(status), Some(expected));
        assert_eq!(parse_resident("Name:\tzombie\n"), None);
    }

    #[test]
    fn our_own_process_is_alive_and_has_a_command_line() {
        let pid = std::process::id();
        assert!(resident(pid).expect("it is alive").now > 0);
        assert!(!command_line(pid).is_empty());
        assert_eq!(wait_status(pid), None);
    }

    #[test]
    fn a_zombie_tells_its_wait_status() {
        let fields = (4..52).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(parse_wait_status(&format!("77 (a) b) Z {fields} 9\n")), Some(9));
        assert_eq!(parse_wait_status(&format!("77 (a) b) R {fields} 9\n")), None);
    }
}
