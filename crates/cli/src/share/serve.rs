//! The side of the run: one thread answers all viewers and never waits for one of them.

use std::collections::VecDeque;
use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt;

use super::FOLDER;
use super::frame::{self, ASK, ASK_STACKS, Kind};
use super::hello::Hello;

/// Between two states that are made, however many viewers ask.
const INTERVAL: Duration = Duration::from_millis(200);
/// More viewers are turned away.
const MAX_VIEWERS: usize = 100;
/// For viewers to take the last frames when npprof ends.
const LAST_MOMENTS: Duration = Duration::from_millis(300);

/// A run that others can look at. Dropping it ends that.
#[derive(Debug)]
pub(crate) struct Share {
    path: PathBuf,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// How a run has ended, for viewers.
#[derive(Clone, Debug)]
pub(crate) enum Finish {
    /// The report is in this file.
    File(PathBuf),
    /// It is in no file: here it is, as JSON.
    Json(String),
}

#[derive(Debug)]
struct Shared {
    orders: Mutex<Orders>,
    wake: OwnedFd,
}

#[derive(Debug, Default)]
struct Orders {
    finish: Option<Finish>,
    is_over: bool,
}

impl Share {
    /// Lets others look at a run, through a socket in `folder`. `state` gives the JSON report of the
    /// moment, and is called from a thread of its own, only while somebody looks; it is told whether
    /// call stacks are wanted.
    pub(crate) fn start(
        folder: &Path,
        hello: &Hello,
        state: impl FnMut(bool) -> String + Send + 'static,
    ) -> io::Result<Self> {
        let folder = folder.join(FOLDER);
        DirBuilder::new().mode(0o700).create(&folder)?;
        let path = folder.join(hello.pid.to_string());
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        let wake = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let shared = Arc::new(Shared { orders: Mutex::default(), wake });
        let hello = frame::encode(Kind::Hello, &hello.encode()).ok_or(ErrorKind::InvalidData)?;
        let server = Server {
            listener,
            hello: hello.into(),
            state: Box::new(state),
            shared: Arc::clone(&shared),
            viewers: Vec::new(),
            made_at: None,
            last: None,
        };
        let thread = std::thread::Builder::new().name("npprof-share".to_owned());
        let thread = thread.spawn(|| server.serve())?;
        Ok(Self { path, shared, thread: Some(thread) })
    }

    /// The program has ended.
    pub(crate) fn finish(&self, finish: Finish) {
        self.shared.orders.lock().finish = Some(finish);
        self.shared.wake();
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // Nobody can be told that something is left in a folder for temporary files.
        let _ = fs::remove_file(&self.path);
        self.shared.orders.lock().is_over = true;
        self.shared.wake();
        if let Some(thread) = self.thread.take() {
            // It fails if the thread has panicked, which is no reason to panic here.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn wake(&self) {
        // It fails only if the counter is full, and then the thread is awake.
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }
}

/// What runs in the thread.
struct Server {
    listener: UnixListener,
    hello: Arc<[u8]>,
    state: Box<dyn FnMut(bool) -> String + Send>,
    shared: Arc<Shared>,
    viewers: Vec<Viewer>,
    /// When the latest state was made.
    made_at: Option<Instant>,
    /// What everybody gets once the program has ended.
    last: Option<Vec<Arc<[u8]>>>,
}

/// A connection.
struct Viewer {
    stream: UnixStream,
    /// Frames on the way; the first is sent up to `n_sent`.
    frames: VecDeque<Arc<[u8]>>,
    n_sent: usize,
    /// It waits for a state.
    has_asked: bool,
    /// With call stacks.
    wants_stacks: bool,
    has_last: bool,
}

impl Server {
    fn serve(mut self) {
        let mut deadline = None;
        loop {
            self.wait(deadline);
            let (finish, is_over) = {
                let mut orders = self.shared.orders.lock();
                (orders.finish.take(), orders.is_over)
            };
            if let Some(finish) = finish {
                self.last = Some(last_frames(&finish));
            }
            if !is_over {
                self.welcome();
            }
            self.viewers.retain_mut(|viewer| viewer.hear().is_ok());
            self.answer();
            self.viewers.retain_mut(|viewer| viewer.send().is_ok());
            if is_over {
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + LAST_MOMENTS);
                let is_done = self.viewers.iter().all(|viewer| viewer.frames.is_empty());
                if is_done || Instant::now() >= deadline {
                    return;
                }
            }
        }
    }

    /// Waits until there is something to do.
    fn wait(&self, deadline: Option<Instant>) {
        let mut fds = vec![PollFd::new(&self.shared.wake, PollFlags::IN)];
        if deadline.is_none() {
            fds.push(PollFd::new(&self.listener, PollFlags::IN));
        }
        for viewer in &self.viewers {
            let waits = if viewer.frames.is_empty() { PollFlags::IN } else { PollFlags::OUT };
            fds.push(PollFd::from_borrowed_fd(viewer.stream.as_fd(), waits));
        }
        let is_awaited = self.last.is_none() && self.viewers.iter().any(Viewer::is_waiting);
        let due = self.made_at.map(|made_at| made_at + INTERVAL);
        let next = due.filter(|_| is_awaited).into_iter().chain(deadline).min();
        let timeout = next.map(|next| timespec(next.saturating_duration_since(Instant::now())));
        // It fails when a signal comes, and then everything is looked at once more.
        let _ = poll(&mut fds, timeout.as_ref());
        let mut counter = [0; 8];
        // It fails when nobody woke us.
        let _ = rustix::io::read(&self.shared.wake, &mut counter);
    }

    fn welcome(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            // Whoever is turned away sees the end of the connection.
            if self.viewers.len() < MAX_VIEWERS && is_same_user(&stream) {
                self.viewers.extend(Viewer::new(stream, &self.hello));
            }
        }
    }

    fn answer(&mut self) {
        if let Some(last) = &self.last {
            for viewer in self.viewers.iter_mut().filter(|viewer| !viewer.has_last) {
                viewer.frames.extend(last.iter().cloned());
                viewer.has_last = true;
            }
            return;
        }
        let is_due = self.made_at.is_none_or(|made_at| made_at.elapsed() >= INTERVAL);
        if !is_due || !self.viewers.iter().any(Viewer::is_waiting) {
            return;
        }
        let wants_stacks =
            self.viewers.iter().any(|viewer| viewer.is_waiting() && viewer.wants_stacks);
        let json = (self.state)(wants_stacks);
        let state: Option<Arc<[u8]>> = frame::encode(Kind::State, json.as_bytes()).map(Arc::from);
        for viewer in self.viewers.iter_mut().filter(|viewer| viewer.is_waiting()) {
            viewer.frames.extend(state.clone());
            viewer.has_asked = false;
            viewer.wants_stacks = false;
        }
        // After the making, which may take time: it is to be a small part of all time.
        self.made_at = Some(Instant::now());
    }
}

impl Viewer {
    fn new(stream: UnixStream, hello: &Arc<[u8]>) -> Option<Self> {
        stream.set_nonblocking(true).ok()?;
        Some(Self {
            stream,
            frames: VecDeque::from([Arc::clone(hello)]),
            n_sent: 0,
            has_asked: false,
            wants_stacks: false,
            has_last: false,
        })
    }

    /// Whether a state is wanted: not before it has read what it got.
    fn is_waiting(&self) -> bool {
        self.has_asked && self.frames.is_empty()
    }

    /// Takes in what it has asked. Asking twice is asking once.
    fn hear(&mut self) -> io::Result<()> {
        let mut bytes = [0; 64];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n_bytes) => {
                    for &byte in bytes.iter().take(n_bytes) {
                        match byte {
                            ASK => {}
                            ASK_STACKS => self.wants_stacks = true,
                            _ => return Err(ErrorKind::InvalidData.into()),
                        }
                        self.has_asked = true;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends as much as it takes.
    fn send(&mut self) -> io::Result<()> {
        while let Some(frame) = self.frames.front() {
            match self.stream.write(frame.get(self.n_sent..).unwrap_or_default()) {
                Ok(n_bytes) => self.n_sent += n_bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            if self.n_sent >= frame.len() {
                self.frames.pop_front();
                self.n_sent = 0;
            }
        }
        Ok(())
    }
}

fn last_frames(finish: &Finish) -> Vec<Arc<[u8]>> {
    let frames = match finish {
        Finish::File(path) => vec![frame::encode(Kind::End, path.as_os_str().as_bytes())],
        Finish::Json(json) => {
            vec![frame::encode(Kind::State, json.as_bytes()), frame::encode(Kind::End, b"")]
        }
    };
    frames.into_iter().flatten().map(Arc::from).collect()
}

fn timespec(duration: Duration) -> Timespec {
    // A round number above: waking too early would be for nothing.
    let duration = duration + Duration::from_millis(1);
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}

/// Whether the other end belongs to the user of this process.
pub(super) fn is_same_user(stream: &UnixStream) -> bool {
    sockopt::socket_peercred(stream).is_ok_and(|peer| peer.uid == rustix::process::geteuid())
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Fixture {
        _folder: tempfile::TempDir,
        share: Share,
        n_made: Arc<AtomicUsize>,
    }

    fn fixture(n_bytes: usize) -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let n_made = Arc::new(AtomicUsize::new(0));
        let made = Arc::clone(&n_made);
        let hello = Hello::new(7, &["app".to_owned()], "/w", std::time::SystemTime::now());
        let state = move |_| {
            made.fetch_add(1, Ordering::SeqCst);
            "x".repeat(n_bytes)
        };
        let share = Share::start(folder.path(), &hello, state).unwrap();
        Fixture { _folder: folder, share, n_made }
    }

    impl Fixture {
        fn viewer(&self) -> UnixStream {
            let mut stream = UnixStream::connect(&self.share.path).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let (kind, hello) = frame::read(&mut stream, frame::MAX_BYTES).unwrap();
            assert_eq!(kind, Kind::Hello);
            assert_eq!(Hello::decode(&hello).unwrap().program, 7);
            stream
        }
    }

    fn ask(stream: &mut UnixStream) -> (Kind, Vec<u8>) {
        stream.write_all(&[ASK]).unwrap();
        frame::read(stream, frame::MAX_BYTES).unwrap()
    }

    #[test]
    fn a_state_is_made_when_somebody_asks_and_once_for_all() {
        let fixture = fixture(1000);
        let mut viewers: Vec<_> = (0..3).map(|_| fixture.viewer()).collect();
        assert_eq!(fixture.n_made.load(Ordering::SeqCst), 0);
        assert_eq!(ask(&mut viewers[0]), (Kind::State, vec![b'x'; 1000]));
        let start = Instant::now();
        for viewer in &mut viewers {
            viewer.write_all(&[ASK, ASK]).unwrap();
        }
        for viewer in &mut viewers {
            assert_eq!(frame::read(viewer, frame::MAX_BYTES).unwrap().0, Kind::State);
        }
        // On a busy machine not all may have asked in the same interval.
        let n_made = fixture.n_made.load(Ordering::SeqCst);
        assert!((2..=4).contains(&n_made), "{n_made}");
        assert!(start.elapsed() >= INTERVAL / 2, "not more often than that");
    }

    #[test]
    fn a_viewer_that_does_not_read_keeps_nobody_waiting() {
        let fixture = fixture(8 << 20);
        let mut stopped = fixture.viewer();
        stopped.write_all(&[ASK]).unwrap();
        let mut other = fixture.viewer();
        for _ in 0..2 {
            assert_eq!(ask(&mut other).1.len(), 8 << 20);
            stopped.write_all(&[ASK]).unwrap();
        }
        let start = Instant::now();
        drop(fixture.share);
        assert!(start.elapsed() < LAST_MOMENTS * 10, "npprof ends all the same");
    }

    #[test]
    fn the_end_is_told_to_everybody() {
        let fixture = fixture(10);
        let mut viewers = [fixture.viewer(), fixture.viewer()];
        fixture.share.finish(Finish::File("/w/report.json".into()));
        for viewer in &mut viewers {
            let end = frame::read(viewer, frame::MAX_BYTES).unwrap();
            assert_eq!(end, (Kind::End, b"/w/report.json".to_vec()));
        }
        let mut late = fixture.viewer();
        assert_eq!(frame::read(&mut late, frame::MAX_BYTES).unwrap().0, Kind::End);
        drop(fixture.share);
        let end = frame::read(&mut late, frame::MAX_BYTES).map_err(|error| error.kind());
        assert_eq!(end, Err(UnexpectedEof));
    }

    #[test]
    fn a_report_in_no_file_is_sent() {
        let fixture = fixture(10);
        let mut viewer = fixture.viewer();
        fixture.share.finish(Finish::Json("{}".to_owned()));
        drop(fixture.share);
        let mut next = || frame::read(&mut viewer, frame::MAX_BYTES).unwrap();
        assert_eq!(next(), (Kind::State, b"{}".to_vec()));
        assert_eq!(next(), (Kind::End, Vec::new()));
    }

    #[test]
    fn whoever_says_anything_else_is_sent_away() {
        let fixture = fixture(10);
        let mut viewer = fixture.viewer();
        viewer.write_all(b"GET / HTTP/1.1").unwrap();
        let end = frame::read(&mut viewer, frame::MAX_BYTES).map_err(|error| error.kind());
        assert!(matches!(end, Err(UnexpectedEof | ConnectionReset | BrokenPipe)), "{end:?}");
        assert_eq!(ask(&mut fixture.viewer()).0, Kind::State);
    }

    #[test]
    fn the_socket_is_the_users_alone_and_goes_with_the_run() {
        let fixture = fixture(10);
        let path = fixture.share.path.clone();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        drop(fixture.share);
        assert!(!path.exists());
    }
}
