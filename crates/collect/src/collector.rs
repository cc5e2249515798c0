//! The collector: a thread that serves a whole process tree, and the handle to it.

use std::fs;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryRecvError};
use npprof_model::{Exit, RunState, Snapshot};
use npprof_wire::WIRE_VERSION;
use npprof_wire::hello::TOKEN_BYTES;
use parking_lot::Mutex;
use rustix::event::EventfdFlags;
use rustix::rand::GetRandomFlags;
use rustix::time::ClockId;

use crate::StartError;
use crate::greet::Door;
use crate::publish::{Detail, snapshot};
use crate::tree::Tree;

/// The variable that tells the shim where to connect.
const SESSION_VARIABLE: &str = "NPPROF_SESSION";

const TICK_NS: u64 = 1_000_000;
const SLOWEST_TICK_NS: u64 = 10_000_000;
/// Rounds without an event before they get slower.
const PATIENT_ROUNDS: u32 = 20;
/// For processes that are about to end when the command has ended.
const LAST_MOMENTS_NS: u64 = 200_000_000;
/// For reading what is left in the rings of ended processes, which somebody might fill for ever.
const MOST_REMAINS_NS: u64 = 60_000_000_000;

/// What the collector is told about the run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The command and its arguments.
    pub command: Vec<String>,
    /// Folder in which it is started.
    pub cwd: String,
    /// Name of the machine.
    pub host: String,
    /// A full ring drops records instead of making the program wait.
    pub is_lossy: bool,
    /// Only allocations are recorded, no operations.
    pub is_allocations_only: bool,
    /// A profiled process's own children are left alone.
    pub is_not_followed: bool,
    /// How long to sleep after each round of reading a little; zero but in tests of losslessness.
    pub reader_delay: Duration,
}

/// A running collector.
#[derive(Debug)]
pub struct Collector {
    folder: PathBuf,
    session: String,
    shared: Arc<Shared>,
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<Snapshot>>,
}

#[derive(Debug)]
struct Shared {
    latest: Mutex<Arc<Snapshot>>,
    is_wanted: AtomicBool,
    /// The next snapshot is to have call stacks.
    has_to_have_stacks: AtomicBool,
    /// Wakes the thread.
    wake: OwnedFd,
}

#[derive(Clone, Copy, Debug)]
enum Order {
    CommandStarted(u32),
    Finish(Exit),
}

impl Collector {
    /// Makes a folder for the session in `folder`, listens in it and starts the thread.
    ///
    /// # Errors
    ///
    /// [`StartError`], each with what to do about it.
    pub fn start(folder: &Path, options: Options) -> Result<Self, StartError> {
        let wake = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|errno| StartError::System(errno.into()))?;
        let folder = make_folder(folder)?;
        // From here on dropping it removes the folder.
        let mut collector = Self {
            folder,
            session: String::new(),
            shared: Arc::new(Shared {
                latest: Mutex::default(),
                is_wanted: AtomicBool::new(false),
                has_to_have_stacks: AtomicBool::new(false),
                wake,
            }),
            orders: None,
            thread: None,
        };
        let path = collector.folder.join("socket");
        let token: [u8; TOKEN_BYTES] = random()?;
        let flags = [
            ('L', options.is_lossy),
            ('A', options.is_allocations_only),
            ('N', options.is_not_followed),
        ];
        let flags: String =
            flags.iter().filter(|(_, is_set)| *is_set).map(|(flag, _)| flag).collect();
        let hex = hex(&token);
        let socket = path
            .to_str()
            .ok_or_else(|| StartError::NotUtf8 { folder: collector.folder.clone() })?;
        collector.session = format!("{WIRE_VERSION}:{hex}:{flags}:{socket}");
        let listener =
            listen(&path).map_err(|source| StartError::Socket { path: path.clone(), source })?;
        let mut tree = Tree::new(options, Door::new(listener, token), monotonic_ns());
        *collector.shared.latest.lock() = Arc::new(snapshot(&mut tree, Detail::Sites));
        let (orders, received) = crossbeam_channel::unbounded();
        let worker = Worker { tree, shared: Arc::clone(&collector.shared), orders: received };
        let thread = std::thread::Builder::new().name("npprof-collect".to_owned());
        collector.thread = Some(thread.spawn(|| worker.work()).map_err(StartError::System)?);
        collector.orders = Some(orders);
        Ok(collector)
    }

    /// Variables for the command's environment.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![(SESSION_VARIABLE, self.session.clone())]
    }

    /// The command runs as this process.
    pub fn command_started(&self, pid: u32) {
        self.order(Order::CommandStarted(pid));
    }

    /// The latest snapshot. A newer one is made for the next call, so that snapshots cost something
    /// only while somebody looks.
    #[must_use]
    pub fn latest(&self) -> Arc<Snapshot> {
        self.shared.is_wanted.store(true, Ordering::Relaxed);
        Arc::clone(&self.shared.latest.lock())
    }

    /// The next snapshot is to have call stacks, which costs more than one without.
    pub fn want_stacks(&self) {
        self.shared.has_to_have_stacks.store(true, Ordering::Relaxed);
    }

    /// The command has ended: reads everything, gives descendants that are about to end a moment,
    /// leaves those that go on, and removes the session's folder.
    #[must_use]
    pub fn finish(mut self, exit: Exit) -> Snapshot {
        self.order(Order::Finish(exit));
        self.join().unwrap_or_else(|| {
            let mut last = Snapshot::clone(&self.shared.latest.lock());
            let flaw = "the collector stopped because of an error in npprof".to_owned();
            last.incomplete = last.incomplete.iter().cloned().chain([flaw]).collect();
            last.state = RunState::Ended(exit);
            last
        })
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // It fails only if the thread is gone, which `finish` tells.
            let _ = orders.send(order);
        }
        self.wake();
    }

    fn wake(&self) {
        // It fails only if the counter is full, and then the thread is awake.
        let _ = rustix::io::write(&self.shared.wake, &1_u64.to_ne_bytes());
    }

    /// `None` if the thread panicked or was joined before.
    fn join(&mut self) -> Option<Snapshot> {
        self.thread.take()?.join().ok()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.orders = None;
        self.wake();
        self.join();
        // Nobody can be told that something is left in a folder for temporary files.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What runs in the thread.
struct Worker {
    tree: Tree,
    shared: Arc<Shared>,
    orders: Receiver<Order>,
}

impl Worker {
    fn work(mut self) -> Snapshot {
        let mut n_idle = 0_u32;
        loop {
            let n_words = self.tree.round(monotonic_ns());
            n_idle = if n_words > 0 { 0 } else { n_idle.saturating_add(1) };
            match self.orders.try_recv() {
                Ok(Order::CommandStarted(pid)) => self.tree.command_started(pid),
                Ok(Order::Finish(exit)) => return self.finish(exit),
                Err(TryRecvError::Empty) => self.publish(),
                Err(TryRecvError::Disconnected) => {
                    self.tree.leave();
                    return Snapshot::default();
                }
            }
            self.delay();
            let slower = u64::from(n_idle.saturating_sub(PATIENT_ROUNDS)) * TICK_NS;
            self.wait((TICK_NS + slower).min(SLOWEST_TICK_NS));
        }
    }

    fn finish(mut self, exit: Exit) -> Snapshot {
        self.tree.command_ended(exit);
        let deadline_ns = monotonic_ns().saturating_add(LAST_MOMENTS_NS);
        loop {
            let now_ns = monotonic_ns();
            let n_words = self.tree.round(now_ns);
            // What is left in the rings of ended processes is read, however slowly.
            let is_late = now_ns >= deadline_ns;
            let is_too_late = now_ns >= deadline_ns.saturating_add(MOST_REMAINS_NS);
            if self.tree.is_over() || (is_late && !self.tree.has_remains()) || is_too_late {
                break;
            }
            self.delay();
            if n_words == 0 {
                self.wait(TICK_NS);
            }
        }
        self.tree.leave();
        snapshot(&mut self.tree, Detail::Stacks)
    }

    fn publish(&mut self) {
        if self.shared.is_wanted.swap(false, Ordering::Relaxed) {
            let has_stacks = self.shared.has_to_have_stacks.swap(false, Ordering::Relaxed);
            let detail = if has_stacks { Detail::Stacks } else { Detail::Sites };
            let new = Arc::new(snapshot(&mut self.tree, detail));
            let old = std::mem::replace(&mut *self.shared.latest.lock(), new);
            // Not under the lock: this may be the last one to hold it.
            drop(old);
        }
    }

    fn wait(&mut self, nanos: u64) {
        self.tree.wait(&self.shared.wake, nanos);
        let mut counter = [0; 8];
        // It fails when nobody woke us.
        let _ = rustix::io::read(&self.shared.wake, &mut counter);
    }

    fn delay(&self) {
        let delay = self.tree.options.reader_delay;
        if !delay.is_zero() {
            std::thread::sleep(delay);
        }
    }
}

fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(ClockId::Monotonic);
    let (seconds, nanos) = (u64::try_from(now.tv_sec), u64::try_from(now.tv_nsec));
    seconds.unwrap_or(0).saturating_mul(1_000_000_000).saturating_add(nanos.unwrap_or(0))
}

fn random<const N: usize>() -> Result<[u8; N], StartError> {
    let mut bytes = [0; N];
    let n_bytes = rustix::rand::getrandom(&mut bytes, GetRandomFlags::empty())
        .map_err(|errno| StartError::System(errno.into()))?;
    if n_bytes < N {
        return Err(StartError::System(ErrorKind::UnexpectedEof.into()));
    }
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes a folder that only we can enter and nobody can foresee.
fn make_folder(parent: &Path) -> Result<PathBuf, StartError> {
    let name = format!("npprof-{}", hex(&random::<8>()?));
    let folder = parent.join(name);
    fs::DirBuilder::new()
        .mode(0o700)
        .create(&folder)
        .map_err(|source| StartError::Folder { folder: parent.to_owned(), source })?;
    Ok(folder)
}

fn listen(path: &Path) -> std::io::Result<UnixListener> {
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
