//! A terminal with npprof in it.

use std::ffi::OsStr;
use std::io::{Read as _, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use npprof_tests::{built, matrix::Pair};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// Nothing on a screen takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// As from a shell, which stays when npprof is killed: the end of a terminal's first process would
/// hang up the terminal.
const SHELL: &str = r#""$@"; status=$?; [ $status -ne 137 ] || sleep 60; exit $status"#;

/// What has come out of the terminal so far.
struct Shown {
    screen: vt100::Parser,
    bytes: Vec<u8>,
}

pub(crate) struct Terminal {
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    shown: Arc<Mutex<Shown>>,
    is_closing: Arc<AtomicBool>,
    reading: JoinHandle<()>,
}

impl Terminal {
    /// Runs a program of `tests/programs` under npprof in a terminal of this size.
    pub(crate) fn run(pair: &Pair, program: &str, columns: u16, rows: u16, report: &str) -> Self {
        Self::run_with(&["-f", "-o", report], pair, program, (columns, rows))
    }

    /// The same with these options of `npprof run`.
    pub(crate) fn run_with(options: &[&str], pair: &Pair, program: &str, size: (u16, u16)) -> Self {
        let program = built::program_path(program);
        let words = ["run"].iter().chain(options).chain(&["--"]).map(OsStr::new);
        let words = words.chain([pair.python.as_os_str(), program.as_os_str()]);
        Self::start(words, SHELL, size.0, size.1)
    }

    /// Runs `npprof view` with these words in a terminal of this size.
    pub(crate) fn view(words: &[&str], columns: u16, rows: u16) -> Self {
        let words = ["view"].iter().chain(words).map(OsStr::new);
        Self::start(words, SHELL, columns, rows)
    }

    /// Runs npprof with these words, as a shell that executes this script.
    pub(crate) fn start<'a>(
        words: impl Iterator<Item = &'a OsStr>,
        shell: &str,
        columns: u16,
        rows: u16,
    ) -> Self {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pty = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new("sh");
        command.args(["-c", shell, "sh"]);
        command.arg(built::npprof());
        command.args(words);
        command.env("TERM", "xterm-256color");
        command.env_remove("CI");
        command.env_remove("NO_COLOR");
        let child = pty.slave.spawn_command(command).expect("npprof starts");
        drop(pty.slave);
        let mut reader = pty.master.try_clone_reader().expect("a reader");
        let screen = vt100::Parser::new(rows, columns, 0);
        let shown = Arc::new(Mutex::new(Shown { screen, bytes: Vec::new() }));
        let to = Arc::clone(&shown);
        let is_closing = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&is_closing);
        let reading = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = reader.read(&mut buffer)
                && !is_over.load(Ordering::Relaxed)
            {
                let mut shown = to.lock().unwrap_or_else(PoisonError::into_inner);
                shown.screen.process(&buffer[..n]);
                shown.bytes.extend_from_slice(&buffer[..n]);
            }
        });
        let keys = pty.master.take_writer().expect("a writer");
        Self { master: pty.master, keys, child, shown, is_closing, reading }
    }

    /// Closes the terminal, as its window is closed, with everything in it still running.
    pub(crate) fn close(self) {
        self.is_closing.store(true, Ordering::Relaxed);
        // The reader notices when something comes, as it does on a screen of another size.
        let (rows, cols) = (25, 81);
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        self.master.resize(size).expect("the terminal can be resized");
        self.reading.join().expect("the reader ends");
        // With these the last descriptor of the terminal's other side goes.
        drop((self.keys, self.master));
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The screen as text.
    pub(crate) fn screen(&self) -> String {
        self.shown().screen.screen().contents()
    }

    /// Everything that was written, as text.
    pub(crate) fn transcript(&self) -> String {
        String::from_utf8_lossy(&self.shown().bytes).into_owned()
    }

    /// Whether the terminal is in a state that its user expects from a shell.
    pub(crate) fn is_restored(&self) -> bool {
        let shown = self.shown();
        let screen = shown.screen.screen();
        !screen.alternate_screen()
            && !screen.hide_cursor()
            && !screen.bracketed_paste()
            && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
    }

    /// Waits until the screen fulfils something.
    pub(crate) fn wait(&self, what: &str, is_there: impl Fn(&str) -> bool) {
        self.look(what, is_there, Duration::from_millis(20));
    }

    /// The same, looking all the time.
    pub(crate) fn watch(&self, what: &str, is_there: impl Fn(&str) -> bool) {
        self.look(what, is_there, Duration::from_micros(500));
    }

    fn look(&self, what: &str, is_there: impl Fn(&str) -> bool, pause: Duration) {
        let start = Instant::now();
        while !is_there(&self.screen()) {
            assert!(start.elapsed() < PATIENCE, "no {what} on the screen:\n{}", self.screen());
            std::thread::sleep(pause);
        }
    }

    /// Waits until a text stands on the screen.
    pub(crate) fn wait_for(&self, text: &str) {
        self.wait(text, |screen| screen.contains(text));
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("the terminal takes keys");
        self.keys.flush().expect("the terminal takes keys");
    }

    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        // Under the lock, so that what npprof draws next meets the new size.
        let mut shown = self.shown();
        shown.screen.screen_mut().set_size(rows, columns);
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        self.master.resize(size).expect("the terminal can be resized");
    }

    pub(crate) fn npprof_pid(&self) -> i32 {
        child_of(self.child.process_id().expect("the shell runs").cast_signed(), "npprof")
    }

    /// Processor time of npprof's first thread, which draws.
    pub(crate) fn drawing_time(&self) -> Duration {
        let pid = self.npprof_pid();
        let path = format!("/proc/{pid}/task/{pid}/schedstat");
        let figures = std::fs::read_to_string(path).expect("npprof runs");
        let nanos = figures.split_whitespace().next().expect("a figure");
        Duration::from_nanos(nanos.parse().expect("nanoseconds"))
    }

    pub(crate) fn program_pid(&self) -> i32 {
        child_of(self.npprof_pid(), "python")
    }

    /// npprof's exit status, when it has ended.
    pub(crate) fn end(&mut self) -> u32 {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("npprof is ours") {
                // What it wrote last is still on its way.
                std::thread::sleep(Duration::from_millis(200));
                return status.exit_code();
            }
            assert!(start.elapsed() < PATIENCE, "npprof doesn't end:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The child of a process whose name begins like this.
fn child_of(pid: i32, name: &str) -> i32 {
    let read = |path: String| std::fs::read_to_string(path).unwrap_or_default();
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    let threads = threads.map(|thread| thread.expect("it runs").file_name());
    let mut children = threads.flat_map(|thread| {
        let path = format!("/proc/{pid}/task/{}/children", thread.to_string_lossy());
        read(path).split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    });
    let child = children.find(|child| {
        let words = read(format!("/proc/{child}/cmdline"));
        let program = words.split('\0').next().unwrap_or_default();
        program.rsplit('/').next().is_some_and(|program| program.starts_with(name))
    });
    child.unwrap_or_else(|| panic!("no {name} runs")).parse().expect("a process id")
}
