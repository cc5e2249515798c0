//! The collector of a run and what comes of it.
//!
//! The report is written as soon as the program has ended, whoever is looking at what meanwhile.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use npprof_collect::Collector;
use npprof_findings::{Finding, Settings, find};
use npprof_model::{Exit, Frame, Snapshot};
use npprof_report::{Report, SourceLookup};
use parking_lot::Mutex;

use crate::launch::Running;
use crate::share::{Finish, Hello, Moments, Share};
use crate::target::{self, Place, Target};

/// What was seen of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The report.
    pub report: Report,
    /// Where it is.
    pub place: Place,
    /// What the user should know about that.
    pub message: Option<String>,
}

/// A run that is being watched, or was.
#[derive(Debug)]
pub(crate) struct Watch {
    target: Target,
    /// Which findings are wanted.
    settings: Settings,
    /// Why nothing will be seen, if that is known from the start.
    flaw: Option<String>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Gone as soon as the program has ended.
    collector: Option<Collector>,
    pid: u32,
    latest: Arc<Snapshot>,
    outcome: Option<Arc<Outcome>>,
    /// How other terminals look at the run.
    share: Option<Share>,
}

impl Watch {
    /// Before the program starts. `flaw` says why nothing will be seen, if that is known.
    pub(crate) fn new(
        collector: Collector,
        target: Target,
        settings: Settings,
        flaw: Option<String>,
    ) -> Self {
        let latest = collector.latest();
        let state =
            State { collector: Some(collector), pid: 0, latest, outcome: None, share: None };
        Self { target, settings, flaw, state: Mutex::new(state) }
    }

    /// The program has started.
    pub(crate) fn started(&self, running: &Running) {
        let pid = running.pid().as_raw_nonzero().get().cast_unsigned();
        let mut state = self.state.lock();
        state.pid = pid;
        if let Some(collector) = &state.collector {
            collector.command_started(pid);
        }
    }

    /// Lets other terminals look at the run, through a socket in `folder`, until [`Watch::close`].
    pub(crate) fn share(self: &Arc<Self>, folder: &Path) -> io::Result<()> {
        let Target { command, folder: cwd, started, .. } = &self.target;
        let hello = Hello::new(self.state.lock().pid, command, &cwd.to_string_lossy(), *started);
        let mut moments = Moments::new(self.settings.clone());
        // The run holds the share, which must not hold the run.
        let watch = Arc::downgrade(self);
        let share = Share::start(folder, &hello, move |wants_stacks| {
            let Some(watch) = watch.upgrade() else { return String::new() };
            if wants_stacks {
                watch.want_stacks();
            }
            moments.next(|| watch.latest(), || watch.want_stacks())
        })?;
        self.state.lock().share = Some(share);
        Ok(())
    }

    /// Other terminals have seen what there was to see.
    pub(crate) fn close(&self) {
        let share = self.state.lock().share.take();
        // Not under the lock: its thread may be asking for a snapshot.
        drop(share);
    }

    /// The latest snapshot.
    pub(crate) fn latest(&self) -> Arc<Snapshot> {
        let mut state = self.state.lock();
        if let Some(collector) = &state.collector {
            state.latest = collector.latest();
        }
        Arc::clone(&state.latest)
    }

    /// The next snapshot is to have call stacks.
    pub(crate) fn want_stacks(&self) {
        if let Some(collector) = &self.state.lock().collector {
            collector.want_stacks();
        }
    }

    /// What works out the findings of a snapshot, for a thread of its own.
    pub(crate) fn finder(&self) -> impl Fn(&Snapshot) -> Vec<Finding> + Send + 'static {
        let settings = self.settings.clone();
        let sources = RefCell::new(None);
        move |snapshot| {
            let mut sources = sources.borrow_mut();
            let sources = keep_sources(&mut sources, snapshot);
            find(snapshot, &settings, &|frame: &Frame| sources.whole_line(&frame.file, frame.line))
        }
    }

    /// The text of a source file, if it is what ran.
    pub(crate) fn source(&self, file: &str) -> Option<Arc<str>> {
        sources_of(&self.latest()).text(file).map(Arc::from)
    }

    /// The file with the report of the run; `None` before the end, or if it is in none.
    pub(crate) fn report_path(&self) -> Option<String> {
        match &self.outcome()?.place {
            Place::File(path) => Some(path.to_string_lossy().into_owned()),
            Place::StandardOutput | Place::Nowhere => None,
        }
    }

    /// Writes a report of the run so far; says where it is, or what went wrong.
    pub(crate) fn write_report(&self) -> String {
        if let Some(outcome) = self.outcome() {
            return match &outcome.place {
                Place::File(path) => format!("the report is in {}", path.display()),
                Place::StandardOutput => {
                    "the report comes to standard output at the end".to_owned()
                }
                Place::Nowhere => outcome.message.clone().unwrap_or_default(),
            };
        }
        let snapshot = self.latest();
        let sources = sources_of(&snapshot);
        let line = |frame: &Frame| sources.whole_line(&frame.file, frame.line);
        let findings = find(&snapshot, &self.settings, &line);
        let report = Report::from_snapshot(&snapshot, &findings, &sources);
        let pid = self.state.lock().pid;
        match self.target.write_so_far(&report, pid) {
            Ok(path) => format!("wrote {}, with all until now", path.display()),
            Err(error) => format!("no report was written: {error:#}"),
        }
    }

    /// Writes a list into a file; says where it is, or what went wrong.
    pub(crate) fn export(&self, name: &str, text: &str) -> String {
        target::export(&self.target.folder, name, text)
    }

    /// The program has ended: reads what is left and writes the report.
    pub(crate) fn ended(&self, exit: Exit) -> Option<Arc<Outcome>> {
        let (collector, pid) = {
            let mut state = self.state.lock();
            (state.collector.take(), state.pid)
        };
        let mut last = collector?.finish(exit);
        if let Some(flaw) = &self.flaw {
            last.incomplete = last.incomplete.iter().chain([flaw]).cloned().collect();
        }
        let sources = sources_of(&last);
        let line = |frame: &Frame| sources.whole_line(&frame.file, frame.line);
        let findings = find(&last, &self.settings, &line);
        let report = Report::from_snapshot(&last, &findings, &sources);
        let (place, message) = self.target.write(&report, pid);
        let outcome = Arc::new(Outcome { report, place, message });
        let finish = self.finish(&outcome);
        let mut state = self.state.lock();
        if let Some(share) = &state.share {
            share.finish(finish);
        }
        state.latest = Arc::new(last);
        state.outcome = Some(Arc::clone(&outcome));
        Some(outcome)
    }

    /// What other terminals get in the end.
    fn finish(&self, outcome: &Outcome) -> Finish {
        match &outcome.place {
            // Not a pipe, which has been read by somebody else.
            Place::File(path) if self.target.folder.join(path).is_file() => {
                Finish::File(self.target.folder.join(path))
            }
            _ => Finish::Json(outcome.report.to_json_string()),
        }
    }

    /// What came of the run; `None` before the program has ended.
    pub(crate) fn outcome(&self) -> Option<Arc<Outcome>> {
        self.state.lock().outcome.clone()
    }
}

/// Source files as they were when the program was started.
pub(crate) fn sources_of(snapshot: &Snapshot) -> SourceLookup {
    SourceLookup::new(PathBuf::from(&*snapshot.cwd))
        .unchanged_since(snapshot.started)
        .with_told(&snapshot.sources)
}

/// The same as [`sources_of`], with what was read for an earlier snapshot of the run.
pub(crate) fn keep_sources<'a>(
    kept: &'a mut Option<SourceLookup>,
    snapshot: &Snapshot,
) -> &'a SourceLookup {
    if kept.as_ref().is_some_and(|kept| !kept.has_told(&snapshot.sources)) {
        *kept = None;
    }
    kept.get_or_insert_with(|| sources_of(snapshot))
}
