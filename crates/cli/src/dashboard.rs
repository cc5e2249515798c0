//! Runs the dashboard beside a program in a terminal of its own, and carries on without it.
//!
//! Three threads stand between the two terminals: one reads what the program writes, one writes
//! what the user types (the program may not read it for a long time), one waits for the program's
//! end. What the program writes goes to the dashboard and is kept; when the dashboard is left, what
//! was kept goes to the real terminal, and from then on everything goes there directly.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use npprof_findings::Finding;
use npprof_model::{Exit, Snapshot};
use npprof_tui::{Left, ProgramEvent, ReportWriter, Stop};
use parking_lot::Mutex;
use rustix::process::{Pid, Signal};

use crate::editor;
use crate::job;
use crate::kept::Kept;
use crate::launch::{OnStop, Running};
use crate::pty::{Pty, RawInput};
use crate::signals::Caught;
use crate::surroundings;
use crate::watch::Watch;

/// Pieces of output that wait for the dashboard. More make the program wait, as a slow terminal
/// does.
const MAX_EVENTS: usize = 32;
/// Pieces of input that wait for the program. More are lost, as with a real terminal.
const MAX_INPUTS: usize = 256;
const PIECE_BYTES: usize = 32 << 10;
/// When the program has ended and its terminal is quiet for so long, its output is over, even if a
/// process that it left behind holds the terminal open.
const QUIET: Duration = Duration::from_millis(100);
/// For the collector to take in what a stopped program has left, or to show that it is back.
const DRAINING_TIME: Duration = Duration::from_millis(100);

/// Between looks at whether npprof has come back from the background.
const BACKGROUND_LOOK: Duration = Duration::from_millis(100);

/// A program with a dashboard.
pub(crate) struct Dashboard {
    control: Control,
    events: Receiver<ProgramEvent>,
    watch: Arc<Watch>,
    exit: Receiver<Exit>,
}

/// The way to the program.
#[derive(Clone)]
pub(crate) struct Control {
    pty: Pty,
    running: Arc<Running>,
    input: Sender<Vec<u8>>,
    events: Sender<ProgramEvent>,
    output: Arc<Mutex<Output>>,
}

/// Where the program's output goes.
struct Output {
    /// Nothing is kept if there is no room for files.
    kept: Option<Kept>,
    to: Destination,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Destination {
    Dashboard,
    Terminal,
}

/// The user's keyboard once the dashboard has been left.
struct Keyboard {
    raw: Option<RawInput>,
    /// The program has ended, and the terminal is the shell's again.
    is_over: bool,
}

impl Dashboard {
    /// Begins to read what the program writes. Temporary files go to `folder`.
    pub(crate) fn start(pty: Pty, running: Arc<Running>, watch: Arc<Watch>, folder: &Path) -> Self {
        let (events, received_events) = bounded(MAX_EVENTS);
        let (input, received_input) = bounded::<Vec<u8>>(MAX_INPUTS);
        let (exit, received_exit) = bounded(1);
        let output = Output { kept: Kept::new(folder).ok(), to: Destination::Dashboard };
        let output = Arc::new(Mutex::new(output));
        let control = Control { pty, running, input, events, output };
        let dashboard = Self {
            control: control.clone(),
            events: received_events,
            watch: Arc::clone(&watch),
            exit: received_exit,
        };
        let n_read = Arc::new(AtomicU64::new(0));
        let (reading, read_all) = bounded::<()>(0);
        let reader = control.clone();
        let read = Arc::clone(&n_read);
        thread::spawn(move || {
            reader.read(&read);
            drop(reading);
        });
        let typist = control.pty.clone();
        thread::spawn(move || received_input.iter().try_for_each(|bytes| typist.write(&bytes)));
        thread::spawn(move || {
            let ended = control.running.wait(OnStop::Stay);
            wait_until_quiet(&read_all, &n_read);
            watch.ended(ended);
            let _ = exit.send(ended);
            // The dashboard may have been left already.
            let _ = control.events.send(ProgramEvent::Ended(ended));
        });
        dashboard
    }

    /// The way to the program.
    pub(crate) fn control(&self) -> Control {
        self.control.clone()
    }

    /// Shows the dashboard until the user leaves it.
    pub(crate) fn show(&self, options: npprof_tui::Options) -> io::Result<Left> {
        let advisor = npprof_tui::Advisor::start(self.watch.finder())?;
        let mut session = Session { control: &self.control, watch: &self.watch, advisor };
        npprof_tui::run(&mut session, self.events.clone(), options)
    }

    /// Gives the terminal to the program, shows what it has written so far, and waits for its end.
    pub(crate) fn wait(self) -> Exit {
        let Self { control, events, exit, .. } = self;
        // Whoever still sends an event learns that nobody wants it.
        drop(events);
        control.output.lock().release();
        exit.try_recv().unwrap_or_else(|_| control.relay(&exit))
    }
}

impl Control {
    /// Passes a signal on that npprof got. The program is in another session than npprof, so no
    /// signal has reached it by itself.
    pub(crate) fn pass_on(&self, caught: Caught) {
        let is_running = match caught.signal {
            Signal::WINCH => {
                // The dashboard looks after the size as long as it is there.
                if self.output.lock().to == Destination::Terminal {
                    let (columns, rows) = surroundings::terminal_size();
                    self.pty.resize(columns, rows);
                }
                return;
            }
            Signal::TSTP | Signal::CONT => {
                // Without a dashboard npprof goes on, as the program does.
                if !caught.is_own && self.output.lock().to == Destination::Dashboard {
                    let is_stop = caught.signal == Signal::TSTP;
                    // Not waited for: the dashboard may be waiting itself.
                    let _ = self.events.try_send(if is_stop {
                        ProgramEvent::Suspend
                    } else {
                        ProgramEvent::Continued
                    });
                }
                return;
            }
            signal if caught.is_from_kernel => {
                self.running.send_to_group(self.pty.foreground(), signal)
            }
            signal => self.running.send(signal),
        };
        let has_to_leave = matches!(caught.signal, Signal::HUP | Signal::TERM);
        if has_to_leave || (!is_running && caught.asks_to_end()) {
            let _ = self.events.send(ProgramEvent::Leave);
        }
    }

    /// Sends a signal to those that the keys of the program's terminal reach.
    fn send_to_foreground(&self, signal: Signal) {
        self.running.send_to_group(self.pty.foreground(), signal);
    }

    /// The same, and to the program's own group: a shell that waits for its foreground would not hear
    /// of it.
    fn send_to_all(&self, signal: Signal) {
        let foreground = self.pty.foreground();
        self.running.send_to_group(foreground, signal);
        let own_group: Option<Pid> = Some(self.running.pid());
        if foreground != own_group {
            self.running.send_to_group(own_group, signal);
        }
    }

    /// Reads what the program writes until nobody can write any more.
    fn read(&self, n_read: &AtomicU64) {
        let mut piece = vec![0; PIECE_BYTES];
        while let Ok(n_bytes @ 1..) = self.pty.read(&mut piece) {
            // Only says that something happened.
            n_read.fetch_add(1, Ordering::Relaxed);
            let bytes = piece.get(..n_bytes).unwrap_or_default();
            let to = self.output.lock().push(bytes);
            if to == Destination::Dashboard {
                // Whoever leaves the dashboard finds these bytes in what is kept.
                let _ = self.events.send(ProgramEvent::Output(bytes.to_vec()));
                n_read.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Stands between the two terminals, without a dashboard, until the program ends.
    fn relay(&self, exit: &Receiver<Exit>) -> Exit {
        let keyboard = Arc::new(Mutex::new(Keyboard { raw: RawInput::enter(), is_over: false }));
        if keyboard.lock().raw.is_some() {
            let (columns, rows) = surroundings::terminal_size();
            self.pty.resize(columns, rows);
            let (control, keyboard) = (self.clone(), Arc::clone(&keyboard));
            thread::spawn(move || control.pass_keys(&keyboard));
        }
        let exit = exit.recv().unwrap_or(Exit::Unknown);
        *keyboard.lock() = Keyboard { raw: None, is_over: true };
        exit
    }

    /// Passes on what is typed, except the key that suspends a program which is a job of npprof's
    /// alone: the kernel takes no notice of it there, see [`Control::suspend`].
    fn pass_keys(&self, keyboard: &Mutex<Keyboard>) {
        let mut keys = [0; 1024];
        while let Ok(n_bytes @ 1..) = io::stdin().lock().read(&mut keys) {
            let typed = keys.get(..n_bytes).unwrap_or_default();
            let suspends = typed.iter().position(|&key| self.suspends(key));
            let (before, after) = match suspends {
                Some(at) => (typed.get(..at), typed.get(at + 1..)),
                None => (Some(typed), None),
            };
            for part in [before, after].into_iter().flatten().filter(|part| !part.is_empty()) {
                if self.input.send(part.to_vec()).is_err() {
                    return;
                }
            }
            if suspends.is_some() {
                keyboard.lock().raw = None;
                self.suspend();
                // Continued in the background, npprof has no say in the terminal's modes.
                while job::is_in_background() {
                    thread::sleep(BACKGROUND_LOOK);
                }
                let mut keyboard = keyboard.lock();
                if keyboard.is_over {
                    return;
                }
                keyboard.raw = RawInput::enter();
                let (columns, rows) = surroundings::terminal_size();
                self.pty.resize(columns, rows);
            }
        }
    }

    /// Whether this key is to stop npprof and the program: not where the program has other plans for
    /// it, or jobs of its own, as a shell has.
    fn suspends(&self, key: u8) -> bool {
        self.pty.suspend_key() == Some(key)
            && self.pty.foreground() == Some(self.running.pid())
            && job::can_be_suspended()
    }

    /// Stops the program and npprof until the shell lets them go on.
    ///
    /// Nobody but its keeper could stop the program in its terminal: the kernel takes no notice of
    /// Ctrl-Z where there is no shell. It goes first and comes back last, because a program that
    /// meets npprof stopped would in the end go on without it.
    fn suspend(&self) {
        self.send_to_all(Signal::STOP);
        thread::sleep(DRAINING_TIME);
        job::suspend();
        thread::sleep(DRAINING_TIME);
        self.send_to_all(Signal::CONT);
    }
}

impl Output {
    /// Takes what the program has written, and says where it is to go besides.
    fn push(&mut self, bytes: &[u8]) -> Destination {
        match (self.to, &mut self.kept) {
            (Destination::Dashboard, Some(kept)) => kept.push(bytes),
            (Destination::Dashboard, None) => {}
            (Destination::Terminal, _) => show(bytes),
        }
        self.to
    }

    /// The terminal is the program's now.
    fn release(&mut self) {
        self.to = Destination::Terminal;
        if let Some(mut kept) = self.kept.take() {
            // A terminal that is gone is no reason to stop.
            let _ = kept.replay(&mut io::stdout().lock());
        }
    }
}

/// What the dashboard sees of the program.
struct Session<'a> {
    control: &'a Control,
    watch: &'a Arc<Watch>,
    advisor: npprof_tui::Advisor,
}

impl npprof_tui::Session for Session<'_> {
    fn snapshot(&self) -> Arc<Snapshot> {
        self.watch.latest()
    }

    fn findings(&self) -> Arc<[Finding]> {
        if self.advisor.wants_snapshot() {
            self.watch.want_stacks();
        }
        self.advisor.findings(&self.watch.latest())
    }

    fn want_stacks(&self) {
        self.watch.want_stacks();
    }

    fn source(&self, file: &str) -> Option<Arc<str>> {
        self.watch.source(file)
    }

    fn report_path(&self) -> Option<String> {
        self.watch.report_path()
    }

    fn report_writer(&self) -> ReportWriter {
        let watch = Arc::clone(self.watch);
        Box::new(move || watch.write_report())
    }

    fn export(&mut self, name: &str, text: &str) -> String {
        self.watch.export(name, text)
    }

    fn edit(&mut self, file: &str, line: u32) -> Option<String> {
        editor::edit(Path::new(&*self.watch.latest().cwd).join(file).as_path(), line)
    }

    fn send_input(&mut self, bytes: &[u8]) {
        // A program that reads nothing of it for so long would not find it in a real terminal either.
        let _ = self.control.input.try_send(bytes.to_vec());
    }

    fn resize_program(&mut self, columns: u16, rows: u16) {
        self.control.pty.resize(columns, rows);
    }

    fn stop_program(&mut self, how: Stop) {
        match how {
            Stop::Interrupt => self.control.send_to_foreground(Signal::INT),
            Stop::Terminate => self.control.send_to_all(Signal::TERM),
            Stop::Kill => self.control.send_to_all(Signal::KILL),
        }
    }

    fn can_be_suspended(&self) -> bool {
        job::can_be_suspended()
    }

    fn suspend(&mut self) {
        self.control.suspend();
    }

    fn has_terminal(&self) -> bool {
        !job::is_in_background()
    }
}

/// Waits until the reader has come to an end, or has had nothing to do for a while.
fn wait_until_quiet(read_all: &Receiver<()>, n_read: &AtomicU64) {
    let mut before = None;
    while let Err(RecvTimeoutError::Timeout) = read_all.recv_timeout(QUIET) {
        let now = Some(n_read.load(Ordering::Relaxed));
        if before == now {
            return;
        }
        before = now;
    }
}

fn show(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    // A terminal that is gone is no reason to stop.
    let _ = out.write_all(bytes);
    let _ = out.flush();
}
