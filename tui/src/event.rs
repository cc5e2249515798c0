//! The loop: keys, the program's output and new snapshots become events of the dashboard; its
//! actions are carried out; frames are drawn when something has changed and not too often.

use std::fs::File;
use std::io::{self, IsTerminal, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded, never, select, unbounded};
use ratatui::crossterm::event::{self, KeyEventKind};
use ratatui::layout::{Position, Size};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::app::{Action, App, Event};
use crate::terminal::Terminal;
use crate::{Left, Options, ProgramEvent, Session, clipboard};

/// Between two looks at the figures, and between two frames that only they or the output caused.
const TICK: Duration = Duration::from_millis(100);
/// Between two frames while the user presses keys.
const INPUT_TICK: Duration = Duration::from_millis(25);
/// Between two wishes for call stacks, which cost more than other figures.
const STACKS_TICK: Duration = Duration::from_secs(1);
/// Between two looks whether a shell has given the terminal back.
const BACKGROUND_TICK: Duration = Duration::from_millis(50);
/// After a pause, word that it is over may come for so long.
const CONTINUING_TIME: Duration = Duration::from_secs(1);
/// The program's output is taken in for so long before keys are looked at again.
const OUTPUT_TIME: Duration = Duration::from_millis(10);
/// The keyboard's thread looks this often whether it is still wanted and whether the terminal has
/// another size.
const POLL: Timespec = Timespec { tv_sec: 0, tv_nsec: 40_000_000 };
/// The keyboard's thread is waited for no longer than this.
const JOIN_TIME: Duration = Duration::from_millis(500);

/// A thread that reads the user's terminal. Losing it ends the thread.
pub(crate) struct Keyboard {
    events: Receiver<io::Result<event::Event>>,
    is_wanted: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Keyboard {
    pub(crate) fn start() -> io::Result<Self> {
        let (sender, events) = unbounded();
        let is_wanted = Arc::new(AtomicBool::new(true));
        let thread = thread::Builder::new().name("npprof-keys".to_owned()).spawn({
            let is_wanted = Arc::clone(&is_wanted);
            move || {
                if let Err(error) = read_keyboard(&sender, &is_wanted) {
                    sender.send(Err(error)).ok();
                }
            }
        })?;
        Ok(Self { events, is_wanted, thread })
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        self.is_wanted.store(false, Ordering::Relaxed);
        // Ended before somebody else reads the terminal. Not joined, because a read that hangs must
        // not keep npprof from its report.
        let end = Instant::now() + JOIN_TIME;
        while !self.thread.is_finished() && Instant::now() < end {
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Sends what the user does until it is no longer wanted or the terminal is gone.
fn read_keyboard(
    events: &Sender<io::Result<event::Event>>,
    is_wanted: &AtomicBool,
) -> io::Result<()> {
    let terminal = keyboard_terminal()?;
    while is_wanted.load(Ordering::Relaxed) {
        wait_for_key(&terminal)?;
        // Also reports a change of size, for which no byte has come.
        while event::poll(Duration::ZERO)? {
            if events.send(Ok(event::read()?)).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Waits for bytes from the terminal, not for long. crossterm could do that itself, but spins for
/// ever on a terminal that is gone.
fn wait_for_key(terminal: &OwnedFd) -> io::Result<()> {
    let mut fds = [PollFd::new(terminal, PollFlags::IN)];
    match poll(&mut fds, Some(&POLL)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    if fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
        return Err(io::Error::new(io::ErrorKind::BrokenPipe, "the terminal is gone"));
    }
    Ok(())
}

/// What crossterm reads from.
fn keyboard_terminal() -> io::Result<OwnedFd> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        stdin.as_fd().try_clone_to_owned()
    } else {
        File::open("/dev/tty").map(OwnedFd::from)
    }
}

/// Runs the dashboard until the user leaves it.
pub(crate) fn run(
    session: &mut dyn Session,
    program: Receiver<ProgramEvent>,
    app: App,
    mut terminal: Terminal,
    options: Options,
) -> io::Result<Left> {
    let now = Instant::now();
    let mut keyboard = Keyboard::start()?;
    let mut run = Run {
        session,
        app,
        program,
        next_snapshot: now,
        next_stacks: now,
        drawn_at: now.checked_sub(TICK).unwrap_or(now),
        has_new_input: true,
        written: never(),
        copy: None,
        pause: None,
        paused_at: None,
    };
    let size = terminal.size()?;
    let (columns, rows) = crate::program_size(size.width, size.height);
    run.session.resize_program(columns, rows);
    loop {
        let left = run.turn(&keyboard)?;
        if left.is_some() || run.is_drawing_due(Instant::now()) {
            terminal.draw(|frame| run.app.render(frame))?;
            run.app.needs_drawing = false;
            run.has_new_input = false;
            run.drawn_at = Instant::now();
        }
        if let Some(left) = left {
            return Ok(left);
        }
        if let Some(text) = run.copy.take() {
            let mut out = io::stdout().lock();
            out.write_all(clipboard::sequence(&text).as_bytes())?;
            out.flush()?;
        }
        if let Some(pause) = run.pause.take() {
            // Somebody else has the terminal and the keys to himself.
            drop(keyboard);
            drop(terminal);
            let trouble = match pause {
                Pause::Edit { file, line } => run.session.edit(&file, line),
                Pause::Suspend => {
                    run.session.suspend();
                    None
                }
                Pause::Retake => None,
            };
            run.paused_at = Some(Instant::now());
            if let Some(left) = run.wait_for_terminal() {
                return Ok(left);
            }
            terminal = Terminal::enter(options)?;
            keyboard = Keyboard::start()?;
            run.take(Event::Resize(terminal.size()?));
            if let Some(trouble) = trouble {
                run.take(Event::Said(trouble));
            }
        }
    }
}

/// Why the terminal is given back for a while.
enum Pause {
    /// The user wants to edit a file at this line.
    Edit { file: Arc<str>, line: u32 },
    /// The user wants to do something else.
    Suspend,
    /// It was somebody else's, who has left his marks on it.
    Retake,
}

struct Run<'a> {
    session: &'a mut dyn Session,
    app: App,
    program: Receiver<ProgramEvent>,
    next_snapshot: Instant,
    next_stacks: Instant,
    drawn_at: Instant,
    /// The frame to come answers the user.
    has_new_input: bool,
    /// What comes of the report that is being written.
    written: Receiver<String>,
    /// Text for the clipboard.
    copy: Option<String>,
    /// The terminal is to be given back for a while.
    pause: Option<Pause>,
    /// When that was over, the last time.
    paused_at: Option<Instant>,
}

impl Run<'_> {
    /// Waits for something to happen and takes it in.
    fn turn(&mut self, keyboard: &Keyboard) -> io::Result<Option<Left>> {
        let timeout = self.next_turn().saturating_duration_since(Instant::now());
        select! {
            recv(keyboard.events) -> event => {
                let event = event.map_err(|_| io::ErrorKind::BrokenPipe)??;
                if let Some(left) = self.on_input(event) {
                    return Ok(Some(left));
                }
            }
            recv(self.program) -> event => match event {
                Ok(event) => {
                    if let Some(left) = self.take(Event::Program(event)) {
                        return Ok(Some(left));
                    }
                }
                Err(_) => self.program = never(),
            },
            recv(self.written) -> said => {
                self.written = never();
                if let Ok(said) = said {
                    self.take(Event::Said(said));
                }
            }
            default(timeout) => {}
        }
        while let Ok(event) = keyboard.events.try_recv() {
            if let Some(left) = self.on_input(event?) {
                return Ok(Some(left));
            }
        }
        if let Some(left) = self.take_output() {
            return Ok(Some(left));
        }
        if self.next_snapshot <= Instant::now() {
            self.next_snapshot = Instant::now() + TICK;
            if self.app.wants_stacks() && self.next_stacks <= Instant::now() {
                self.next_stacks = Instant::now() + STACKS_TICK;
                self.session.want_stacks();
            }
            let snapshot = self.session.snapshot();
            let left = self.take(Event::Snapshot(snapshot));
            let findings = self.session.findings();
            let left = left.or_else(|| self.take(Event::Findings(findings)));
            let path = self.app.wants_report_path().then(|| self.session.report_path()).flatten();
            let left = left.or_else(|| self.take(Event::Report(path?)));
            return Ok(left.or_else(|| self.take(Event::Tick)));
        }
        Ok(None)
    }

    /// Takes in what the program has written, for a short time.
    fn take_output(&mut self) -> Option<Left> {
        let end = Instant::now() + OUTPUT_TIME;
        while Instant::now() < end {
            match self.program.try_recv() {
                Ok(event) => {
                    let left = self.take(Event::Program(event));
                    if left.is_some() {
                        return left;
                    }
                }
                Err(TryRecvError::Empty) => return None,
                Err(TryRecvError::Disconnected) => self.program = never(),
            }
        }
        None
    }

    /// Begins to write the report: that may take longer than a key is waited for.
    fn write_report(&mut self) -> String {
        let (sender, said) = bounded(1);
        let write = self.session.report_writer();
        let thread = thread::Builder::new().name("npprof-report".to_owned());
        match thread.spawn(move || sender.send(write())) {
            Ok(_) => {
                self.written = said;
                "the report is being written".to_owned()
            }
            Err(error) => format!("no report was written: {error}"),
        }
    }

    /// Waits as long as a shell has the terminal. The program goes on meanwhile, so what it writes is
    /// taken in.
    fn wait_for_terminal(&mut self) -> Option<Left> {
        while !self.session.has_terminal() {
            let left = self.take_output();
            if left.is_some() {
                return left;
            }
            thread::sleep(BACKGROUND_TICK);
        }
        // Whoever asked for a pause meanwhile has had it.
        self.pause = None;
        None
    }

    fn on_input(&mut self, event: event::Event) -> Option<Left> {
        let event = match event {
            event::Event::Key(key) if key.kind != KeyEventKind::Release => Event::Key(key),
            event::Event::Paste(text) => Event::Paste(text),
            event::Event::Mouse(mouse) => {
                Event::Mouse(mouse.kind, Position::new(mouse.column, mouse.row))
            }
            event::Event::Resize(columns, rows) => Event::Resize(Size::new(columns, rows)),
            _ => return None,
        };
        self.has_new_input = true;
        self.take(event)
    }

    /// Gives the dashboard an event and carries out what it asks for.
    fn take(&mut self, event: Event) -> Option<Left> {
        match self.app.update(event, Instant::now())? {
            Action::SendInput(bytes) => self.session.send_input(&bytes),
            Action::ResizeProgram { columns, rows } => self.session.resize_program(columns, rows),
            Action::Stop(how) => self.session.stop_program(how),
            Action::ReadSource(file) => {
                let text = self.session.source(&file);
                return self.take(Event::Source(file, text));
            }
            Action::Copy(text) => {
                let said = format!("copied: {text}");
                self.copy = Some(text);
                return self.take(Event::Said(said));
            }
            Action::Edit { file, line } => self.pause = Some(Pause::Edit { file, line }),
            Action::Suspend if self.session.can_be_suspended() => {
                self.pause = Some(Pause::Suspend);
            }
            Action::Suspend => {
                let said = "there is no shell here that could let npprof go on".to_owned();
                return self.take(Event::Said(said));
            }
            Action::Retake => {
                // Every pause of our own ends with this signal too.
                if self.paused_at.is_none_or(|at| at.elapsed() > CONTINUING_TIME) {
                    self.pause = Some(Pause::Retake);
                }
            }
            Action::WriteReport => {
                let said = self.write_report();
                return self.take(Event::Said(said));
            }
            Action::Export { name, text } => {
                let said = self.session.export(name, &text);
                return self.take(Event::Said(said));
            }
            Action::Leave(left) => return Some(left),
        }
        None
    }

    fn draw_at(&self) -> Instant {
        self.drawn_at + if self.has_new_input { INPUT_TICK } else { TICK }
    }

    fn is_drawing_due(&self, now: Instant) -> bool {
        self.app.needs_drawing && self.draw_at() <= now
    }

    fn next_turn(&self) -> Instant {
        if self.app.needs_drawing {
            self.draw_at().min(self.next_snapshot)
        } else {
            self.next_snapshot
        }
    }
}
