//! How a process introduces itself: one message with its segment's descriptor.
//!
//! Anybody of the same user may connect and say anything, or nothing, so nothing here waits.

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::Path;

use npprof_wire::hello::{HELLO_BYTES, Hello, TOKEN_BYTES};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, recvmsg, sockopt,
};

/// Connections that have not said everything yet; further ones wait in the kernel's queue.
const MAX_GREETINGS: usize = 64;
/// Patience with them.
const MAX_SILENCE_NS: u64 = 2_000_000_000;

/// A process that wants to be profiled.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) hello: Hello,
    /// Its process id as we see it, which differs from its own idea in another PID namespace.
    pub(crate) pid: u32,
    pub(crate) segment: OwnedFd,
}

/// What came of a connection.
#[derive(Debug)]
pub(crate) enum Greeting {
    /// A process to be profiled.
    Guest(Guest),
    /// A process with a shim of another version.
    OtherVersion(u32),
    /// A process that has no segment to be read: its process id.
    NoSegment(u32),
    /// A process whose segment could not be taken, for want of a descriptor: its process id.
    NoDescriptor(u32),
}

/// The door: accepts connections and hears them out.
#[derive(Debug)]
pub(crate) struct Door {
    listener: UnixListener,
    token: [u8; TOKEN_BYTES],
    waiting: Vec<Connection>,
    /// Somebody is at the door, and there was no descriptor to let him in.
    is_blocked: bool,
}

#[derive(Debug)]
struct Connection {
    stream: UnixStream,
    since_ns: u64,
    pid: u32,
    bytes: Vec<u8>,
    segment: Option<OwnedFd>,
    /// A descriptor came, and there was no room for it.
    is_cut: bool,
}

impl Door {
    /// `listener` must not block.
    pub(crate) const fn new(listener: UnixListener, token: [u8; TOKEN_BYTES]) -> Self {
        Self { listener, token, waiting: Vec::new(), is_blocked: false }
    }

    /// Becomes readable when somebody connects; `None` while there is no descriptor for it anyway.
    pub(crate) fn listener(&self) -> Option<&UnixListener> {
        (!self.is_blocked).then_some(&self.listener)
    }

    /// Whether somebody waits who can't be let in, for want of a descriptor.
    pub(crate) const fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    /// Whether the socket is still where processes look for it.
    pub(crate) fn is_reachable(&self) -> bool {
        let address = self.listener.local_addr();
        let path = address.as_ref().ok().and_then(SocketAddr::as_pathname);
        path.is_none_or(Path::exists)
    }

    /// Connections that have not said everything yet.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &UnixStream> {
        self.waiting.iter().map(|connection| &connection.stream)
    }

    /// Hears what has been said.
    pub(crate) fn greet(&mut self, now_ns: u64) -> Vec<Greeting> {
        self.is_blocked = false;
        while self.waiting.len() < MAX_GREETINGS {
            match self.listener.accept() {
                Ok((stream, _)) => self.waiting.extend(Connection::new(stream, now_ns)),
                Err(error) => {
                    let errno = Errno::from_io_error(&error);
                    self.is_blocked = matches!(errno, Some(Errno::MFILE | Errno::NFILE));
                    break;
                }
            }
        }
        let token = self.token;
        let mut greetings = Vec::new();
        self.waiting.retain_mut(|connection| {
            let heard = connection.hear();
            if let Some(hello) = heard.hello
                && is_same(&hello.token, &token)
            {
                greetings.push(connection.welcome(hello));
            }
            heard.is_open && now_ns.saturating_sub(connection.since_ns) < MAX_SILENCE_NS
        });
        greetings
    }
}

struct Heard {
    hello: Option<Hello>,
    /// There may be more to hear.
    is_open: bool,
}

impl Connection {
    /// `None` for a process of another user.
    fn new(stream: UnixStream, now_ns: u64) -> Option<Self> {
        let peer = sockopt::socket_peercred(&stream).ok()?;
        if peer.uid != rustix::process::geteuid() {
            return None;
        }
        stream.set_nonblocking(true).ok()?;
        let pid = u32::try_from(peer.pid.as_raw_pid()).ok()?;
        Some(Self {
            stream,
            since_ns: now_ns,
            pid,
            bytes: Vec::new(),
            segment: None,
            is_cut: false,
        })
    }

    fn hear(&mut self) -> Heard {
        let mut bytes = [0; HELLO_BYTES];
        let room = HELLO_BYTES - self.bytes.len();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        let mut parts = [IoSliceMut::new(&mut bytes[..room])];
        let received = match recvmsg(&self.stream, &mut parts, &mut control, flags) {
            Ok(received) => {
                self.is_cut |= received.flags.contains(ReturnFlags::CTRUNC);
                received.bytes
            }
            Err(error) => {
                let is_open = matches!(error, Errno::AGAIN | Errno::INTR);
                return Heard { hello: None, is_open };
            }
        };
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.segment = descriptors.last().or(self.segment.take());
            }
        }
        self.bytes.extend_from_slice(&bytes[..received]);
        if self.bytes.len() < HELLO_BYTES {
            return Heard { hello: None, is_open: received > 0 };
        }
        Heard { hello: Hello::decode(&self.bytes), is_open: false }
    }

    fn welcome(&mut self, hello: Hello) -> Greeting {
        if !hello.is_current() {
            return Greeting::OtherVersion(hello.version);
        }
        let Some(segment) = self.segment.take() else {
            let greeting = if self.is_cut { Greeting::NoDescriptor } else { Greeting::NoSegment };
            return greeting(hello.pid);
        };
        Greeting::Guest(Guest { hello, pid: self.pid, segment })
    }
}

/// Compares two secrets in a time that doesn't tell where they differ.
fn is_same(one: &[u8; TOKEN_BYTES], other: &[u8; TOKEN_BYTES]) -> bool {
    let pairs = one.iter().zip(other);
    std::hint::black_box(pairs.fold(0, |differences, (a, b)| differences | (a ^ b))) == 0
}
