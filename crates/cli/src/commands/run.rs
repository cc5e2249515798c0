//! `npprof run`: starts a program with the shim in it, watches it, and writes what was seen.
//!
//! Until the program has started, everything that is wrong ends the run with a status of npprof's
//! own. From then on nothing does: the program's end is the end, and its status is npprof's.

use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use npprof_collect::Collector;
use npprof_findings::Settings;
use npprof_report::summary;
use npprof_report::text::{DEFAULT_FINDINGS, SummaryOptions};
use npprof_tui::Role;
use tempfile::TempDir;

use crate::args::{Level, RunArguments};
use crate::console;
use crate::dashboard::Dashboard;
use crate::failure::{Failure, NOT_STARTED, OrFail};
use crate::keeper::Keeper;
use crate::launch::{Environment, OnStop, spawn};
use crate::program::{self, Obstacle, Program};
use crate::pty::Pty;
use crate::settings;
use crate::shim_path::{self, is_plain};
use crate::signals::{Caught, Signals};
use crate::surroundings::{self, Stream, style};
use crate::target::{self, Place, Target};
use crate::watch::{Outcome, Watch};

/// Longer paths don't fit into the address of the collector's socket, which lies deeper.
const MAX_FOLDER_BYTES: usize = 48;

/// Runs a command and profiles it.
pub(crate) fn run(arguments: &RunArguments) -> Result<u8, Failure> {
    let settings = settings::read(&arguments.kinds, &arguments.thresholds)?;
    let program = program::resolve(&arguments.command, &surroundings::search_path())?;
    let target = target(arguments);
    target.check()?;
    let session = Session::open(&program, &target, settings, arguments)?;
    if let Some(obstacle) = &program.obstacle {
        console::say(format_args!("warning: running unprofiled: {obstacle}"));
    }
    let outcome = if !arguments.no_tui && surroundings::has_dashboard() {
        session.with_dashboard(&program, arguments)?
    } else {
        session.without_dashboard(&program)?
    };
    if let Some(outcome) = &outcome.0 {
        tell(outcome, arguments);
    }
    Ok(outcome.1)
}

/// What was seen, unless that failed, and the status of the program.
type Ended = (Option<Arc<Outcome>>, u8);

/// What a run needs: made before the program starts.
struct Session {
    watch: Arc<Watch>,
    environment: Environment,
    signals: Signals,
    /// Removed in the end.
    folder: TempDir,
}

impl Session {
    fn open(
        program: &Program,
        target: &Target,
        settings: Settings,
        arguments: &RunArguments,
    ) -> Result<Self, Failure> {
        let named = surroundings::named_shim();
        let own = surroundings::own_executable();
        let shim = shim_path::find(named.as_deref(), &own).or_fail(NOT_STARTED)?;
        let folder = session_folder()?;
        let preload = shim_path::preloadable(&shim.path, folder.path()).or_fail(NOT_STARTED)?;
        let signals = Signals::catch().or_fail(NOT_STARTED)?;
        let options = npprof_collect::Options {
            command: target.command.clone(),
            cwd: target.folder.to_string_lossy().into_owned(),
            host: target.host.clone(),
            is_lossy: arguments.lossy,
            is_allocations_only: arguments.level == Level::Allocations,
            is_not_followed: arguments.no_follow,
            reader_delay: surroundings::reader_delay(),
        };
        let collector = Collector::start(folder.path(), options).or_fail(NOT_STARTED)?;
        let own_preload = surroundings::own_preload();
        let environment =
            Environment::new(&preload, own_preload.as_deref(), collector.environment());
        let flaw = program.obstacle.as_ref().map(Obstacle::to_string);
        let watch = Arc::new(Watch::new(collector, target.clone(), settings, flaw));
        Ok(Self { watch, environment, signals, folder })
    }

    /// Lets other terminals look at the run. Nobody may want to, so that is no reason to fail.
    fn share(&self) {
        if let Err(error) = self.watch.share(self.folder.path()) {
            console::say(format_args!("warning: npprof view can't see this run: {error}"));
        }
    }

    /// The program has npprof's own standard streams.
    fn without_dashboard(self, program: &Program) -> Result<Ended, Failure> {
        let running = Arc::new(spawn(program, &self.environment)?);
        self.watch.started(&running);
        self.share();
        let receiver = Arc::clone(&running);
        let mut is_last_warning = false;
        let serving = self.signals.serve(move |caught| {
            if receiver.has_ended() {
                is_last_warning = finish_early(caught, is_last_warning);
            } else if !caught.has_reached_group() {
                receiver.send(caught.signal);
            }
        });
        warn(serving);
        let exit = running.wait(OnStop::StopToo);
        let outcome = self.watch.ended(exit);
        self.watch.close();
        close(self.folder, &self.environment, outcome.as_deref());
        Ok((outcome, exit.shell_status()))
    }

    /// The program has a terminal of its own, which the dashboard shows.
    fn with_dashboard(self, program: &Program, arguments: &RunArguments) -> Result<Ended, Failure> {
        let size = surroundings::terminal_size();
        let Ok((pty, slave)) = Pty::open(npprof_tui::program_size(size.0, size.1)) else {
            console::say("no pseudo-terminal is to be had, so there is no dashboard");
            return self.without_dashboard(program);
        };
        let own = surroundings::own_executable();
        let running = Arc::new(Pty::spawn(&slave, program, &self.environment, &own)?);
        self.watch.started(&running);
        self.share();
        drop(slave);
        // Without a keeper, only who kills npprof kills the program too.
        let keeper = Keeper::start(&pty, &own).ok();
        let options = surroundings::dashboard_options(&arguments.look, Role::Owner);
        let dashboard = Dashboard::start(pty, running, Arc::clone(&self.watch), self.folder.path());
        let control = dashboard.control();
        warn(self.signals.serve(move |caught| control.pass_on(caught)));
        // A panic has given the terminal back, and is no reason to leave the program.
        let shown = catch_unwind(AssertUnwindSafe(|| dashboard.show(options)));
        if let Ok(Err(error)) = shown {
            console::say(format_args!("the dashboard has ended: {error}"));
        }
        let exit = dashboard.wait();
        drop(keeper);
        let outcome = self.watch.outcome();
        self.watch.close();
        close(self.folder, &self.environment, outcome.as_deref());
        Ok((outcome, exit.shell_status()))
    }
}

/// Removes the session's folder, unless a process that goes on would miss the link to the shim in
/// it: the loader would complain in whatever that process starts.
fn close(folder: TempDir, environment: &Environment, outcome: Option<&Outcome>) {
    let has_link = environment.preload.as_bytes().starts_with(folder.path().as_os_str().as_bytes());
    let goes_on = outcome.is_some_and(|outcome| {
        outcome.report.processes.iter().any(|process| process.ended_ns.is_none())
    });
    if has_link && goes_on {
        let _ = folder.keep();
    }
}

/// After the program's end: the first signal is answered by a word, in case it was meant for the
/// program, the second is obeyed.
fn finish_early(caught: Caught, is_last_warning: bool) -> bool {
    if !caught.asks_to_end() {
        return is_last_warning;
    }
    if is_last_warning {
        caught.obey();
    }
    console::say("the program has ended, its report is being written; once more to give up");
    true
}

fn warn(serving: std::io::Result<()>) {
    if let Err(error) = serving {
        console::say(format_args!("warning: signals are not passed on: {error}"));
    }
}

fn target(arguments: &RunArguments) -> Target {
    Target {
        pattern: arguments.output.clone(),
        has_force: arguments.force,
        command: arguments.command.iter().map(|word| word.to_string_lossy().into()).collect(),
        host: surroundings::host(),
        started: SystemTime::now(),
        folder: surroundings::current_folder(),
    }
}

/// A folder of our own whose path fits into `LD_PRELOAD` and into the address of a socket.
pub(crate) fn session_folder() -> Result<TempDir, Failure> {
    let usable = |folder: &Path| {
        is_plain(folder) && folder.to_str().is_some_and(|path| path.len() <= MAX_FOLDER_BYTES)
    };
    let mut reason = "no folder for temporary files has a short and plain name".to_owned();
    for folder in surroundings::temporary_folders().into_iter().filter(|path| usable(path)) {
        match tempfile::Builder::new().prefix("npprof-").tempdir_in(&folder) {
            Ok(made) => return Ok(made),
            Err(error) => reason = error.to_string(),
        }
    }
    let message = format!("no place for temporary files ({reason}); set TMPDIR to a folder");
    Err(Failure::new(NOT_STARTED, message))
}

/// Says what was seen, now that the terminal is npprof's.
fn tell(outcome: &Outcome, arguments: &RunArguments) {
    if outcome.place == Place::StandardOutput {
        target::print(&outcome.report);
    }
    if let Some(message) = &outcome.message {
        console::say(message);
    }
    if arguments.quiet {
        return;
    }
    let path = match &outcome.place {
        Place::File(path) => Some(path.as_path()),
        Place::StandardOutput | Place::Nowhere => None,
    };
    let style = style(Stream::Err, arguments.look.ascii);
    let options =
        SummaryOptions { style, path, n_sites: arguments.n_sites, n_findings: DEFAULT_FINDINGS };
    console::show(&summary(&outcome.report, &options));
}
