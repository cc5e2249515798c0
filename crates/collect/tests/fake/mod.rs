//! A stand-in for the shim: introduces itself to a collector and writes records.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;

use npprof_collect::Collector;
use npprof_shm::{RingWriter, Segment};
use npprof_wire::WIRE_VERSION;
pub(crate) use npprof_wire::encode::Traits;
use npprof_wire::encode::{Definition, event, size_in_operation};
use npprof_wire::hello::{Hello, TOKEN_BYTES};
use npprof_wire::record::{Fact, Kind, MAX_RECORD_WORDS, Order};
use npprof_wire::segment::{MAGIC, MAGIC_WORD, MAIN_RING, MAIN_RING_WORDS};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};

pub(crate) struct Process {
    pub(crate) segment: Segment,
    file: OwnedFd,
    pub(crate) hello: Hello,
}

/// What operations 1 to 3 are called.
const OPERATIONS: [&str; 3] = ["add", "zeros", "ndarray.copy"];

/// A flat array of dtype 1.
pub(crate) const FLAT: Traits = Traits {
    dtype: 1,
    ndim: 1,
    order: Order::C,
    has_shape: false,
    is_zeroed: false,
    is_first: false,
};

impl Process {
    /// A process image with our own process id.
    pub(crate) fn new(collector: &Collector, image: u64) -> Self {
        let (segment, file) = Segment::create().expect("memory");
        segment.word(MAGIC_WORD).store(MAGIC, Ordering::Relaxed);
        let token = token(collector);
        let pid = std::process::id();
        let hello = Hello {
            token,
            version: WIRE_VERSION,
            pid,
            parent_pid: 1,
            image,
            parent_image: 0,
            fork: 0,
        };
        Self { segment, file, hello }
    }

    /// Introduces itself.
    pub(crate) fn connect(&self, collector: &Collector) {
        let stream = UnixStream::connect(socket(collector)).expect("the collector listens");
        let files = [self.file.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&files)));
        let bytes = self.hello.encode();
        rustix::net::sendmsg(&stream, &[IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL)
            .expect("the collector listens");
    }

    /// Writes to the main ring, waiting for room.
    pub(crate) fn write(&self, words: &[u64]) {
        let mut writer = MainWriter::new(&self.segment, MAIN_RING);
        push(&mut writer, words);
        writer.publish();
    }

    /// Defines dtype 1 and stacks 1 to `n_stacks`, each on a line of its own.
    pub(crate) fn define(&self, n_stacks: u32) {
        let mut words = [0; MAX_RECORD_WORDS];
        self.write(Definition::fact(&mut words, Fact::NumpyVersion, b"2.4.6").finish());
        self.write(Definition::dtype(&mut words, 1, 8, b"float64").finish());
        for (number, name) in (1..).zip(OPERATIONS) {
            self.write(Definition::operation(&mut words, number, name.as_bytes()).finish());
        }
        self.write(Definition::code(&mut words, 1, 1, b"/home/u/fit.py", b"fit").finish());
        for stack in 1..=n_stacks {
            self.write(Definition::stack(&mut words, stack, 0, (1, stack, 0)).finish());
        }
    }
}

/// A writer of the main ring.
pub(crate) type MainWriter<'a> = RingWriter<'a, MAIN_RING_WORDS>;

pub(crate) fn push<const WORDS: usize>(writer: &mut RingWriter<'_, WORDS>, words: &[u64]) {
    while !writer.has_room(words.len()) {
        std::thread::yield_now();
    }
    words.iter().for_each(|&word| writer.push(word));
}

pub(crate) fn alloc(address: u64, size: u64, stack: u32) -> [u64; 3] {
    [event(Kind::Alloc, address), FLAT.word(stack), size]
}

/// The first allocation of an operation.
pub(crate) fn alloc_in(operation: u16, address: u64, size: u64, stack: u32) -> [u64; 3] {
    let traits = Traits { is_first: true, ..FLAT };
    [event(Kind::Alloc, address), traits.word(stack), size_in_operation(size, operation)]
}

pub(crate) fn free(address: u64) -> [u64; 1] {
    [event(Kind::Free, address)]
}

fn session(collector: &Collector) -> String {
    collector.environment().into_iter().next().expect("a variable").1
}

pub(crate) fn socket(collector: &Collector) -> String {
    session(collector).splitn(4, ':').nth(3).expect("a path").to_owned()
}

fn token(collector: &Collector) -> [u8; TOKEN_BYTES] {
    let session = session(collector);
    let hex = session.split(':').nth(1).expect("a token");
    std::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hex"))
}
