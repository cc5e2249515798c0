//! The side of the viewer: a thread that asks a run for its state, and finds the next run when it
//! has ended or is gone.
//!
//! What is wrong with the connection stands in the snapshot, as a reason why it is incomplete.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use npprof_findings::Finding;
use npprof_model::{RunState, Snapshot};
use npprof_report::json::read_json;
use npprof_report::load;
use parking_lot::Mutex;

use super::frame::{self, ASK, ASK_STACKS, Kind};
use super::hello::Hello;
use super::search::{Found, Wanted, newest};

/// Between two states that are asked for.
const INTERVAL: Duration = Duration::from_millis(250);
/// Between two looks whether there is another run.
const SEARCH_INTERVAL: Duration = Duration::from_millis(500);
/// How often it is looked whether anybody still wants to see the run.
const POLL: Duration = Duration::from_millis(100);
/// A run that says nothing for so long is said not to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where the connection stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// The run answers.
    Open,
    /// It doesn't, and may do so again: npprof is stopped, or very busy.
    Silent,
    /// npprof is gone without a word; another run is waited for.
    Lost,
    /// The run has ended; its report is in this file, if it is in any.
    Finished(Option<PathBuf>),
}

/// What is known of a run.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub snapshot: Arc<Snapshot>,
    pub findings: Arc<[Finding]>,
    pub link: Link,
}

/// Follows a run. Dropping it ends that.
#[derive(Debug)]
pub(crate) struct Follower {
    seen: Arc<Mutex<Seen>>,
    wants_stacks: Arc<AtomicBool>,
    is_wanted: Arc<()>,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    /// Begins with a run that was found, and goes on with the next one that is wanted.
    pub(crate) fn start(found: Found, wanted: Wanted) -> io::Result<Self> {
        let seen = Arc::new(Mutex::new(Seen {
            snapshot: Arc::new(beginning(&found.hello)),
            findings: Arc::default(),
            link: Link::Open,
        }));
        let is_wanted = Arc::new(());
        let wants_stacks = Arc::default();
        let worker = Worker {
            seen: Arc::clone(&seen),
            wanted,
            wants_stacks: Arc::clone(&wants_stacks),
            lease: Arc::downgrade(&is_wanted),
        };
        let thread = thread::Builder::new().name("npprof-follow".to_owned());
        let thread = thread.spawn(move || worker.follow(found))?;
        Ok(Self { seen, wants_stacks, is_wanted, thread: Some(thread) })
    }

    /// The latest state.
    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().clone()
    }

    /// One of the next states is to have call stacks.
    pub(crate) fn want_stacks(&self) {
        self.wants_stacks.store(true, Ordering::Relaxed);
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // The thread notices that nobody holds it any more.
        self.is_wanted = Arc::default();
        if let Some(thread) = self.thread.take() {
            // It fails if the thread has panicked, which is no reason to panic here.
            let _ = thread.join();
        }
    }
}

/// What is shown until the first state has come.
fn beginning(hello: &Hello) -> Snapshot {
    Snapshot {
        command: hello.command.clone().into(),
        cwd: hello.folder.as_str().into(),
        ..Snapshot::default()
    }
}

struct Worker {
    seen: Arc<Mutex<Seen>>,
    wanted: Wanted,
    wants_stacks: Arc<AtomicBool>,
    lease: std::sync::Weak<()>,
}

/// How a connection has ended.
enum End {
    /// Nobody wants to see more.
    Left,
    /// The run was over.
    Finished(Option<PathBuf>),
    /// The run is gone.
    Lost,
}

impl Worker {
    fn follow(self, mut found: Found) {
        loop {
            let link = match self.watch(&mut found.stream) {
                End::Left => return,
                End::Finished(path) => {
                    self.show_report(path.as_ref());
                    Link::Finished(path)
                }
                End::Lost => Link::Lost,
            };
            self.set_link(link);
            let Some(next) = self.search(&found.hello) else { return };
            *self.seen.lock() = Seen {
                snapshot: Arc::new(beginning(&next.hello)),
                findings: Arc::default(),
                link: Link::Open,
            };
            found = next;
        }
    }

    /// Says on the screen what is wrong with the connection.
    fn set_link(&self, link: Link) {
        let mut seen = self.seen.lock();
        if seen.link == link {
            return;
        }
        let flaw = match link {
            Link::Open | Link::Finished(_) => None,
            Link::Silent => Some("npprof does not answer; these are the figures before"),
            Link::Lost => Some("npprof is gone without a word; its next start is waited for"),
        };
        if let Some(flaw) = flaw {
            let mut snapshot = Snapshot::clone(&seen.snapshot);
            snapshot.incomplete = [flaw.to_owned()].into();
            seen.snapshot = Arc::new(snapshot);
        }
        seen.link = link;
    }

    fn is_wanted(&self) -> bool {
        self.lease.strong_count() > 0
    }

    /// Waits; `false` if nobody wants to see more.
    fn wait(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        while self.is_wanted() && Instant::now() < end {
            thread::sleep(POLL.min(end.saturating_duration_since(Instant::now())));
        }
        self.is_wanted()
    }

    /// Finds the run after this one; `None` when nobody wants to see one.
    fn search(&self, before: &Hello) -> Option<Found> {
        while self.wait(SEARCH_INTERVAL) {
            let found = newest(&self.wanted, Some(before));
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// Asks and shows until the connection ends.
    fn watch(&self, stream: &mut UnixStream) -> End {
        loop {
            let wants_stacks = self.wants_stacks.swap(false, Ordering::Relaxed);
            // It fails when npprof has just gone, and then there may still be something to read.
            let _ = stream.write_all(&[if wants_stacks { ASK_STACKS } else { ASK }]);
            let mut patient = Patient { stream: &*stream, worker: self, heard_at: Instant::now() };
            match frame::read(&mut patient, frame::MAX_BYTES) {
                Ok((Kind::State, json)) => {
                    if !self.show(&json) {
                        return End::Lost;
                    }
                }
                Ok((Kind::End, path)) => {
                    let path = PathBuf::from(OsStr::from_bytes(&path));
                    return End::Finished((!path.as_os_str().is_empty()).then_some(path));
                }
                Ok((Kind::Hello, _)) => {}
                Err(_) if !self.is_wanted() => return End::Left,
                Err(_) => return End::Lost,
            }
            if !self.wait(INTERVAL) {
                return End::Left;
            }
        }
    }

    /// Shows a state; `false` if it is none.
    fn show(&self, json: &[u8]) -> bool {
        let Ok(report) = read_json(json, "the run") else { return false };
        let (snapshot, findings) = (report.to_snapshot(), report.to_findings());
        let mut seen = self.seen.lock();
        let before = std::mem::replace(&mut seen.snapshot, Arc::new(snapshot));
        seen.findings = findings.into();
        seen.link = Link::Open;
        drop(seen);
        // Not under the lock: this may be the last one to hold it.
        drop(before);
        true
    }

    /// The report says more than the last state did. Without it the run has ended all the same.
    fn show_report(&self, path: Option<&PathBuf>) {
        let report = path.and_then(|path| load(path).ok());
        let mut seen = self.seen.lock();
        if let Some(report) = report {
            seen.snapshot = Arc::new(report.to_snapshot());
            seen.findings = report.to_findings().into();
        }
        if !matches!(seen.snapshot.state, RunState::Ended(_)) {
            let mut last = Snapshot::clone(&seen.snapshot);
            last.state = RunState::Ended(npprof_model::Exit::Unknown);
            seen.snapshot = Arc::new(last);
        }
    }
}

/// Reads with all the time that there is, and says meanwhile that there is no answer.
struct Patient<'a> {
    stream: &'a UnixStream,
    worker: &'a Worker,
    heard_at: Instant,
}

impl io::Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(POLL))?;
        loop {
            let mut stream = self.stream;
            match stream.read(buffer) {
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    if !self.worker.is_wanted() {
                        return Err(ErrorKind::TimedOut.into());
                    }
                    if self.heard_at.elapsed() >= PATIENCE {
                        self.worker.set_link(Link::Silent);
                    }
                }
                outcome => {
                    self.heard_at = Instant::now();
                    return outcome;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::share::serve::{Finish, Share};

    const REPORT: &str = r#"{"schema":"npprof-report/1","npprof":{"version":"1"},"command":["app"],
        "cwd":"/w","host":"box","elapsed_ns":ELAPSED,"exit":{"state":"running"},"complete":true,
        "totals":{"n_allocations":0,"n_frees":0,"allocated_bytes":0,"freed_bytes":0,"live_bytes":0,
        "high_water_bytes":0,"high_water_at_ns":0,"temporary_bytes":0,"n_temporaries":0,
        "n_dropped":0,"rss_high_water_bytes":0},
        "processes":[],"stacks":[],"sites":[],"operations":[],"findings":[]}"#;

    fn share(folder: &tempfile::TempDir) -> (Share, Found) {
        let hello = Hello::new(7, &["app".to_owned()], "/w", SystemTime::now());
        let mut elapsed = 0;
        let state = move |_| {
            elapsed += 1;
            REPORT.replace("ELAPSED", &elapsed.to_string())
        };
        let share = Share::start(folder.path(), &hello, state).unwrap();
        let path = folder.path().join("view").join(hello.pid.to_string());
        let mut stream = UnixStream::connect(path).unwrap();
        assert_eq!(frame::read(&mut stream, frame::MAX_BYTES).unwrap().0, Kind::Hello);
        (share, Found { hello, stream })
    }

    fn until(follower: &Follower, is_there: impl Fn(&Seen) -> bool) -> Seen {
        let start = Instant::now();
        loop {
            let seen = follower.seen();
            if is_there(&seen) {
                return seen;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "{seen:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// No process has this number.
    const NOBODY: Wanted = Wanted::Process(u32::MAX);

    #[test]
    fn a_run_is_followed_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let (share, found) = share(&folder);
        let follower = Follower::start(found, NOBODY).unwrap();
        assert_eq!(&*follower.seen().snapshot.command, ["app".to_owned()]);
        until(&follower, |seen| seen.snapshot.elapsed.0 >= 2);
        share.finish(Finish::Json(REPORT.replace("ELAPSED", "99")));
        drop(share);
        let last = until(&follower, |seen| seen.link == Link::Finished(None));
        assert_eq!(last.snapshot.elapsed.0, 99);
        assert_eq!(last.snapshot.state, RunState::Ended(npprof_model::Exit::Unknown));
    }

    #[test]
    fn a_run_that_is_gone_without_a_word_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let (share, found) = share(&folder);
        let follower = Follower::start(found, NOBODY).unwrap();
        until(&follower, |seen| seen.snapshot.elapsed.0 >= 1);
        drop(share);
        let last = until(&follower, |seen| seen.link == Link::Lost);
        assert!(last.snapshot.elapsed.0 >= 1, "what was seen stays");
        assert_eq!(last.snapshot.incomplete.len(), 1, "and it says so");
    }

    #[test]
    fn a_run_that_sends_nonsense_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let hello = Hello::new(7, &["app".to_owned()], "/w", SystemTime::now());
        let (share, _) = share(&folder);
        drop(share);
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(&frame::encode(Kind::State, b"{\"schema\":1}").unwrap()).unwrap();
        let found = Found { hello, stream: ours };
        let follower = Follower::start(found, NOBODY).unwrap();
        until(&follower, |seen| seen.link == Link::Lost);
    }
}
