//! Finds the runs of this user that can be looked at.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use super::FOLDER;
use super::frame::{self, Kind};
use super::hello::{Hello, MAX_HELLO_BYTES};
use super::serve::is_same_user;
use crate::surroundings;

/// A run that does not introduce itself for so long is stopped, or no run.
const PATIENCE: Duration = Duration::from_millis(500);
/// Begins the name of a session's folder.
const FOLDER_PREFIX: &str = "npprof-";

/// A run, with a connection to it.
#[derive(Debug)]
pub(crate) struct Found {
    /// Who it is.
    pub hello: Hello,
    /// After its introduction.
    pub stream: UnixStream,
}

/// Which run is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The newest one.
    Newest,
    /// That of an npprof, or of a program, with this process id.
    Process(u32),
}

/// The runs that answer, the newest one last, and the process ids of those that don't.
pub(crate) fn find() -> (Vec<Found>, Vec<u32>) {
    let mut found = Vec::new();
    let mut silent = Vec::new();
    for (pid, path) in sockets() {
        match open(&path) {
            Ok(run) => found.push(run),
            // Left by an npprof that was killed.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(_) => silent.push(pid),
        }
    }
    found.sort_by_key(|run| (run.hello.started_ms, run.hello.pid));
    (found, silent)
}

/// The newest run that is wanted; if `after` is given, one of the same program that was started
/// later, or of any program where just the newest one is wanted.
pub(crate) fn newest(wanted: &Wanted, after: Option<&Hello>) -> Option<Found> {
    let (found, _) = find();
    found.into_iter().rfind(|run| match (wanted, after) {
        (Wanted::Newest, None) => true,
        (Wanted::Newest, Some(before)) => is_later(&run.hello, before),
        (Wanted::Process(pid), None) => [run.hello.pid, run.hello.program].contains(pid),
        (Wanted::Process(_), Some(before)) => {
            is_later(&run.hello, before) && run.hello.is_same_program(before)
        }
    })
}

fn is_later(one: &Hello, other: &Hello) -> bool {
    one.started_ms > other.started_ms && one.pid != other.pid
}

/// Sockets, each with the process id that is its name, in folders that only this user can enter.
fn sockets() -> Vec<(u32, PathBuf)> {
    let mut folders = surroundings::temporary_folders();
    folders.iter_mut().for_each(|folder| {
        if let Ok(path) = fs::canonicalize(&folder) {
            *folder = path;
        }
    });
    folders.sort();
    folders.dedup();
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
    let mut sockets = Vec::new();
    for session in folders.iter().flat_map(|folder| entries(folder)) {
        let folder = session.path().join(FOLDER);
        let is_session =
            session.file_name().to_str().is_some_and(|name| name.starts_with(FOLDER_PREFIX));
        // Whoever could write to the outer one could put another one in its place.
        if !is_session || !is_own(&session.path(), 0o022) || !is_own(&folder, 0o077) {
            continue;
        }
        for entry in entries(&folder) {
            if let Some(pid) = entry.file_name().to_str().and_then(|pid| pid.parse().ok()) {
                sockets.push((pid, entry.path()));
            }
        }
    }
    sockets
}

/// Whether a folder is this user's, and nobody else has any of these rights.
fn is_own(folder: &Path, rights: u32) -> bool {
    fs::symlink_metadata(folder).is_ok_and(|found| {
        found.is_dir()
            && found.uid() == rustix::process::geteuid().as_raw()
            && found.mode() & rights == 0
    })
}

/// Connects to a run and hears who it is. Never waits for long.
fn open(path: &Path) -> io::Result<Found> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    let mut stream = UnixStream::from(socket);
    if !is_same_user(&stream) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    match frame::read(&mut stream, MAX_HELLO_BYTES)? {
        (Kind::Hello, content) => match Hello::decode(&content) {
            Some(hello) => Ok(Found { hello, stream }),
            None => Err(io::ErrorKind::InvalidData.into()),
        },
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}
