//! Runs a program, bare or under npprof, with a limit on its time.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::{built, count::Counted, matrix::Pair, report::Report};

/// No program here takes longer, even on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(180);

/// A Python program of `tests/programs` and how it is to be run.
#[derive(Clone, Debug)]
pub struct Program {
    name: String,
    python_args: Vec<OsString>,
    args: Vec<OsString>,
    npprof_args: Vec<OsString>,
    env: Vec<(String, String)>,
}

/// What a run left behind. The folder lives as long as this.
#[derive(Debug)]
pub struct Run {
    pub folder: TempDir,
    pub output: Output,
    pub report_path: PathBuf,
}

impl Program {
    /// `words` is the program's file name and its arguments.
    pub fn new(words: &str) -> Self {
        let mut words = words.split_whitespace();
        Self {
            name: words.next().unwrap_or_default().to_owned(),
            args: words.map(OsString::from).collect(),
            python_args: Vec::new(),
            npprof_args: Vec::new(),
            env: Vec::new(),
        }
    }

    /// Adds options of the interpreter, such as `-X tracemalloc`.
    #[must_use]
    pub fn with_python_args(mut self, args: &str) -> Self {
        self.python_args.extend(args.split_whitespace().map(OsString::from));
        self
    }

    /// Adds options of `npprof run`.
    #[must_use]
    pub fn with_npprof_args(mut self, args: &str) -> Self {
        self.npprof_args.extend(args.split_whitespace().map(OsString::from));
        self
    }

    #[must_use]
    pub fn with_env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn path(&self) -> PathBuf {
        built::program_path(&self.name)
    }

    /// Runs the program without npprof.
    pub fn bare(&self, pair: &Pair) -> Run {
        let folder = folder();
        let mut command = Command::new(&pair.python);
        command.args(self.python_words());
        self.run(command, folder)
    }

    /// Runs the program under `npprof run`.
    pub fn profiled(&self, pair: &Pair) -> Run {
        let folder = folder();
        let mut command = npprof_run(&folder.path().join("report.json"));
        command.args(&self.npprof_args).arg("--").arg(&pair.python).args(self.python_words());
        self.run(command, folder)
    }

    /// Runs the program in a shell under npprof: the shell's line is `exec`'s argument `"$0" "$@"`.
    pub fn profiled_in_shell(&self, pair: &Pair, line: &str) -> Run {
        let folder = folder();
        let mut command = npprof_run(&folder.path().join("report.json"));
        command
            .args(&self.npprof_args)
            .args(["--", "sh", "-c", line])
            .arg(&pair.python)
            .args(self.python_words());
        self.run(command, folder)
    }

    fn python_words(&self) -> Vec<OsString> {
        let mut words = self.python_args.clone();
        words.push(self.path().into());
        words.extend(self.args.iter().cloned());
        words
    }

    fn run(&self, mut command: Command, folder: TempDir) -> Run {
        let report_path = folder.path().join("report.json");
        prepare(&mut command, folder.path());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        let output = output_within(command, LIMIT);
        Run { folder, output, report_path }
    }
}

impl Run {
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// The exit code; `128 + n` where signal `n` ended the process, as a shell has it.
    pub fn code(&self) -> i32 {
        code_of(&self.output)
    }

    /// The report.
    ///
    /// # Panics
    ///
    /// If there is none; says what the run wrote instead.
    pub fn report(&self) -> Report {
        match fs::read(&self.report_path) {
            Ok(bytes) => Report::parse(&bytes),
            Err(error) => panic!("no report ({error}); code {}; {}", self.code(), self.stderr()),
        }
    }

    /// What the processes of the run counted for themselves.
    pub fn counted(&self) -> Vec<Counted> {
        let counted = Counted::load_all(self.folder.path());
        assert!(!counted.is_empty(), "nothing counted; code {}; {}", self.code(), self.stderr());
        counted
    }

    /// What the only process of the run counted.
    pub fn counted_once(&self) -> Counted {
        let mut counted = self.counted();
        assert_eq!(counted.len(), 1, "one process counted");
        counted.remove(0)
    }
}

/// A new folder for one run.
///
/// # Panics
///
/// If none can be made.
pub fn folder() -> TempDir {
    tempfile::Builder::new().prefix("npprof-test-").tempdir().expect("a folder can be made")
}

/// `npprof run`, without a screen, with its report to `report`.
pub fn npprof_run(report: &Path) -> Command {
    let mut command = Command::new(built::npprof());
    command.args(["run", "--no-tui", "-f", "-o"]).arg(report);
    command
}

/// Runs `npprof` with these arguments, in a folder of its own.
pub fn npprof<A: AsRef<OsStr>>(args: &[A], folder: &Path) -> Output {
    let mut command = Command::new(built::npprof());
    command.args(args);
    prepare(&mut command, folder);
    output_within(command, LIMIT)
}

/// As [`Run::code`].
pub fn code_of(output: &Output) -> i32 {
    let status = output.status;
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

/// The surroundings that every test gives a command: the same with npprof and without.
pub fn prepare(command: &mut Command, folder: &Path) {
    command
        .current_dir(folder)
        .env("NPPROF_TEST_COUNTER", built::counter())
        .env("NPPROF_TEST_COUNTS", folder)
        .env("PYTHONHASHSEED", "0")
        .env_remove("PYTHONPATH")
        .env_remove("PYTHONSTARTUP")
        .env_remove("NPPROF_SHIM");
}

/// The output of a command, which gets an empty standard input and a process group of its own.
///
/// # Panics
///
/// If it takes longer than `limit`; its group is killed then.
pub fn output_within(mut command: Command, limit: Duration) -> Output {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} starts: {error}"));
    let group = Pid::from_child(&child);
    let (ended, end) = channel::<()>();
    let watchdog = thread::spawn(move || {
        let is_late = end.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
        if is_late {
            // The group may have ended at this very moment, and then there is nothing to kill.
            kill_process_group(group, Signal::KILL).ok();
        }
        is_late
    });
    let output = child.wait_with_output().expect("a child can be waited for");
    drop(ended);
    let is_late = watchdog.join().expect("the watchdog ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!is_late, "{command:?} takes longer than {limit:?}; {stderr}");
    output
}
