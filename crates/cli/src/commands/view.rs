//! `npprof view`: the dashboard over a report, or over a run in another terminal.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossbeam_channel::Receiver;
use npprof_findings::Finding;
use npprof_model::{Nanos, Snapshot};
use npprof_report::{Report, load, one_line};
use npprof_tui::{ProgramEvent, ReportWriter, Role};
use rustix::process::Signal;

use crate::args::ViewArguments;
use crate::console;
use crate::editor;
use crate::failure::{FAILED, Failure, NOTHING_TO_SHOW, OrFail};
use crate::job;
use crate::share::{self, Follower, Link, Wanted};
use crate::signals::Signals;
use crate::surroundings;
use crate::target;
use crate::watch::sources_of;

/// Shows a report, a run, or a list of runs.
pub(crate) fn view(arguments: &ViewArguments) -> Result<u8, Failure> {
    if arguments.list {
        console::write_out(list().as_bytes()).or_fail(FAILED)?;
        return Ok(0);
    }
    let mut session = match &arguments.what {
        Some(what) if what.exists() || process_id(what).is_none() => {
            let report = load(what).or_fail(NOTHING_TO_SHOW)?;
            Session::Report(Shown::new(&report, what))
        }
        what => Session::Run(follow(what.as_deref().and_then(process_id))?),
    };
    if !surroundings::has_terminal() {
        let instead = match session {
            Session::Report(_) => "`npprof report` prints it",
            Session::Run(_) => "`npprof view --list` lists the runs",
        };
        let message = format!("npprof view needs a terminal; {instead}");
        return Err(Failure::new(NOTHING_TO_SHOW, message));
    }
    let events = leave_on_signals().or_fail(FAILED)?;
    let options = surroundings::dashboard_options(&arguments.look, Role::Viewer);
    npprof_tui::run(&mut session, events, options).or_fail(FAILED)?;
    Ok(0)
}

/// Signals that end other programs give the terminal back and end the viewer.
fn leave_on_signals() -> io::Result<Receiver<ProgramEvent>> {
    let (sender, events) = crossbeam_channel::unbounded();
    Signals::catch()?.serve(move |caught| {
        let event = match caught.signal {
            Signal::TSTP if !caught.is_own => ProgramEvent::Suspend,
            Signal::CONT => ProgramEvent::Continued,
            _ if caught.asks_to_end() => ProgramEvent::Leave,
            _ => return,
        };
        // It fails when the dashboard has been left already.
        let _ = sender.send(event);
    })?;
    Ok(events)
}

/// What the dashboard shows.
enum Session {
    Report(Shown),
    Run(Follower),
}

/// A report, as it is shown.
struct Shown {
    path: PathBuf,
    snapshot: Arc<Snapshot>,
    findings: Arc<[Finding]>,
}

impl Shown {
    fn new(report: &Report, path: &Path) -> Self {
        let snapshot = Arc::new(report.to_snapshot());
        Self { path: path.to_owned(), snapshot, findings: report.to_findings().into() }
    }
}

impl npprof_tui::Session for Session {
    fn snapshot(&self) -> Arc<Snapshot> {
        match self {
            Self::Report(shown) => Arc::clone(&shown.snapshot),
            Self::Run(follower) => follower.seen().snapshot,
        }
    }

    fn findings(&self) -> Arc<[Finding]> {
        match self {
            Self::Report(shown) => Arc::clone(&shown.findings),
            Self::Run(follower) => follower.seen().findings,
        }
    }

    fn want_stacks(&self) {
        if let Self::Run(follower) = self {
            follower.want_stacks();
        }
    }

    fn source(&self, file: &str) -> Option<Arc<str>> {
        sources_of(&self.snapshot()).text(file).map(Arc::from)
    }

    fn report_path(&self) -> Option<String> {
        let path = match self {
            Self::Report(shown) => Some(shown.path.clone()),
            Self::Run(follower) => match follower.seen().link {
                Link::Finished(path) => path,
                Link::Open | Link::Silent | Link::Lost => None,
            },
        };
        path.map(|path| path.to_string_lossy().into_owned())
    }

    fn report_writer(&self) -> ReportWriter {
        let said = match self.report_path() {
            Some(path) => format!("the report is in {path}"),
            None => "a viewer writes no report: w does where the program was started".to_owned(),
        };
        Box::new(|| said)
    }

    fn export(&mut self, name: &str, text: &str) -> String {
        target::export(&surroundings::current_folder(), name, text)
    }

    fn edit(&mut self, file: &str, line: u32) -> Option<String> {
        editor::edit(&Path::new(&*self.snapshot().cwd).join(file), line)
    }

    // A viewer changes nothing about the program.

    fn send_input(&mut self, _: &[u8]) {}

    fn resize_program(&mut self, _: u16, _: u16) {}

    fn stop_program(&mut self, _: npprof_tui::Stop) {}

    fn can_be_suspended(&self) -> bool {
        job::can_be_suspended()
    }

    fn suspend(&mut self) {
        job::suspend();
    }

    fn has_terminal(&self) -> bool {
        !job::is_in_background()
    }
}

/// A process id, as a user types it.
fn process_id(what: &Path) -> Option<u32> {
    what.to_str()?.parse().ok().filter(|&pid| pid > 0)
}

/// Begins to follow the run of a process, or the newest one.
fn follow(pid: Option<u32>) -> Result<Follower, Failure> {
    let wanted = pid.map_or(Wanted::Newest, Wanted::Process);
    let Some(found) = share::newest(&wanted, None) else {
        let message = match pid {
            Some(pid) => format!(
                "there is no file {pid}, and no npprof of yours watches a process {pid}; \
                 `npprof view --list` lists the runs"
            ),
            None => "no npprof of yours is running; start one with `npprof run`, or name a report"
                .to_owned(),
        };
        return Err(Failure::new(NOTHING_TO_SHOW, message));
    };
    Follower::start(found, wanted).or_fail(FAILED)
}

/// The runs that can be viewed, the newest one last.
fn list() -> String {
    let (found, silent) = share::find();
    let mut text = String::new();
    if found.is_empty() && silent.is_empty() {
        text.push_str("no npprof of yours is running\n");
        return text;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let _ = writeln!(text, "{:>8}  {:>8}  {:>8}  COMMAND", "NPPROF", "PROGRAM", "AGE");
    for run in found {
        let hello = run.hello;
        let age = now.saturating_sub(Duration::from_millis(hello.started_ms));
        let age = Nanos(u64::try_from(age.as_nanos()).unwrap_or(u64::MAX)).to_string();
        let command = one_line(hello.command.join(" "));
        let _ = writeln!(text, "{:>8}  {:>8}  {age:>8}  {command}", hello.pid, hello.program);
    }
    for pid in silent {
        let _ = writeln!(text, "{pid:>8}  {:>8}  {:>8}  (does not answer)", "-", "-");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_id_is_a_number_and_nothing_else() {
        assert_eq!(process_id(Path::new("4711")), Some(4711));
        for other in ["", "0", "-1", "4711.json", "./4711", "99999999999"] {
            assert_eq!(process_id(Path::new(other)), None, "{other}");
        }
    }
}
