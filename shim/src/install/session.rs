//! Joining the session: a segment of our own, passed to the collector over the session's socket.

use std::ffi::{CStr, OsStr};
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use npprof_shm::Segment;
use npprof_wire::WIRE_VERSION;
use npprof_wire::hello::{Hello, TOKEN_BYTES};
use npprof_wire::segment;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType,
};

use crate::state;
use crate::stream::now_ns;

/// Set by `npprof run`: version, token in hexadecimal digits, flags, path of the socket, with colons
/// in between.
const VARIABLE: &str = "NPPROF_SESSION";
/// What made the loader load this library: our own name in front of the user's own ones.
const PRELOAD: &str = "LD_PRELOAD";

struct Session {
    token: [u8; TOKEN_BYTES],
    is_lossy: bool,
    has_operations: bool,
    is_followed: bool,
    socket: String,
}

static SESSION: OnceLock<Session> = OnceLock::new();
/// This process image's number.
static IMAGE: AtomicU64 = AtomicU64::new(0);

/// Reads what `npprof run` put into the environment. `false` when there is nothing, or nothing that
/// this library can use.
pub(crate) fn read_environment() -> bool {
    let Some(session) = std::env::var(VARIABLE).ok().as_deref().and_then(parse) else {
        return false;
    };
    SESSION.set(session).is_ok()
}

fn parse(text: &str) -> Option<Session> {
    let mut parts = text.splitn(4, ':');
    let (version, token, flags, socket) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if version.parse() != Ok(WIRE_VERSION) || token.len() != TOKEN_BYTES.wrapping_mul(2) {
        return None;
    }
    let mut bytes = [0; TOKEN_BYTES];
    for (index, byte) in bytes.iter_mut().enumerate() {
        let at = index.wrapping_mul(2);
        *byte = u8::from_str_radix(token.get(at..at.wrapping_add(2))?, 16).ok()?;
    }
    Some(Session {
        token: bytes,
        is_lossy: flags.contains('L'),
        has_operations: !flags.contains('A'),
        is_followed: !flags.contains('N'),
        socket: socket.to_owned(),
    })
}

/// Whether a full ring drops events.
pub(crate) fn is_lossy() -> bool {
    SESSION.get().is_some_and(|session| session.is_lossy)
}

/// Whether operations are recorded, and not only allocations.
pub(crate) fn has_operations() -> bool {
    SESSION.get().is_some_and(|session| session.has_operations)
}

/// Whether the processes that this one starts are to be profiled, too.
pub(crate) fn is_followed() -> bool {
    SESSION.get().is_none_or(|session| session.is_followed)
}

/// Takes out of the environment what `npprof run` put into it, before the interpreter reads it: what
/// this process starts then knows nothing of us.
///
/// # Safety
///
/// No other thread may be running.
pub(crate) unsafe fn clear_environment() {
    // SAFETY: the caller is alone.
    unsafe { std::env::remove_var(VARIABLE) };
    let own = own_path();
    let Some(libraries) = std::env::var_os(PRELOAD) else { return };
    let is_own = |name: &&[u8]| own.as_deref() == Some(*name);
    let others = libraries.as_bytes().split(|byte| *byte == b':').filter(|name| !is_own(name));
    let others: Vec<&[u8]> = others.collect();
    if others.is_empty() {
        // SAFETY: as above.
        unsafe { std::env::remove_var(PRELOAD) };
    } else {
        // SAFETY: as above.
        unsafe { std::env::set_var(PRELOAD, OsStr::from_bytes(&others.join(&b':'))) };
    }
}

/// The name under which the loader has loaded this library.
fn own_path() -> Option<Vec<u8>> {
    let mut found = MaybeUninit::<libc::Dl_info>::zeroed();
    let address = std::ptr::from_ref(&crate::NPPROF_SHIM_MARKER).cast();
    // SAFETY: room for the result, and an address of this library.
    if unsafe { libc::dladdr(address, found.as_mut_ptr()) } == 0 {
        return None;
    }
    // SAFETY: the call has filled it in.
    let name = unsafe { found.assume_init() }.dli_fname;
    // SAFETY: a C string that lives as long as this library.
    (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_bytes().to_vec())
}

/// This process image's number.
pub(crate) fn image() -> u64 {
    IMAGE.load(Ordering::Relaxed)
}

/// Leaves the session to the parent: a forked child that is not to be followed.
pub(crate) fn leave() {
    state::set_segment(None);
}

/// Makes a segment and passes it to the collector. `false` if there is no collector, or no memory:
/// then the program runs on unwatched.
pub(crate) fn join(parent_image: u64, fork: u64) -> bool {
    match try_join(parent_image, fork) {
        Some(segment) => {
            state::set_segment(Some(segment));
            true
        }
        None => {
            state::set_segment(None);
            false
        }
    }
}

fn try_join(parent_image: u64, fork: u64) -> Option<Segment> {
    let session = SESSION.get()?;
    // Without a segment this process still says that it is there: the report is to name it.
    let (segment, file) = Segment::create().ok().unzip();
    let pid = rustix::process::getpid().as_raw_nonzero().get().cast_unsigned();
    let parent_pid =
        rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get().cast_unsigned());
    let now = now_ns();
    let image = u64::from(pid) << 40 ^ now;
    IMAGE.store(image, Ordering::Relaxed);
    if let Some(segment) = &segment {
        let store = |index: usize, value: u64| segment.word(index).store(value, Ordering::Relaxed);
        store(segment::MAGIC_WORD, segment::MAGIC);
        store(segment::VERSION, WIRE_VERSION.into());
        store(segment::PID, pid.into());
        store(segment::STARTED_NS, now);
        if session.is_lossy {
            store(segment::FLAGS, segment::flags::LOSSY);
        }
    }
    let version = WIRE_VERSION;
    let hello = Hello { token: session.token, version, pid, parent_pid, image, parent_image, fork };

    let socket = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )
    .ok()?;
    // A collector that is stopped must not stop the program.
    let patience = Some(std::time::Duration::from_secs(1));
    let timeout = rustix::net::sockopt::Timeout::Send;
    rustix::net::sockopt::set_socket_timeout(&socket, timeout, patience).ok()?;
    let address = SocketAddrUnix::new(session.socket.as_str()).ok()?;
    rustix::net::connect(&socket, &address).ok()?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let files = file.as_ref().map(|file| [file.as_fd()]);
    if let Some(files) = &files
        && !ancillary.push(SendAncillaryMessage::ScmRights(files))
    {
        return None;
    }
    let message = hello.encode();
    let sent = rustix::net::sendmsg(
        &socket,
        &[IoSlice::new(&message)],
        &mut ancillary,
        SendFlags::NOSIGNAL,
    )
    .ok()?;
    segment.filter(|_| sent == message.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_is_read_and_anything_else_refused() {
        let token = "000102030405060708090a0b0c0d0eff";
        let session = parse(&format!("4:{token}:L:/tmp/a:b")).expect("well-formed");
        assert_eq!((session.token[1], session.token[15]), (1, 255));
        assert!(session.is_lossy && session.has_operations && session.is_followed);
        assert_eq!(session.socket, "/tmp/a:b");
        let session = parse(&format!("4:{token}:AN:/tmp/a")).expect("well-formed");
        assert!(!session.is_lossy && !session.has_operations && !session.is_followed);
        for text in [
            "".to_owned(),
            format!("1:{token}:-:/tmp/a"),
            "4:00:-:/tmp/a".to_owned(),
            format!("4:{token}"),
            format!("4:zz{}:-:/tmp/a", &token.replace("0001", "01")),
        ] {
            assert!(parse(&text).is_none(), "{text}");
        }
    }
}
