//! The user's terminal: taken, drawn on, and given back in every case.

use std::cell::Cell;
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::thread::{self, ThreadId};

use ratatui::Frame;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::style::{Print, force_color_output};
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{cursor, event, execute};
use ratatui::layout::Size;

use crate::{Options, theme};

/// Clicks, the wheel and what is dragged, with places beyond column 223; no other moves, which would
/// be many.
const MOUSE_ON: &str = "\x1b[?1002h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1002l";
/// Around a frame, so that a terminal shows it whole or not at all. Others ignore it.
const FRAME_START: &[u8] = b"\x1b[?2026h";
const FRAME_END: &[u8] = b"\x1b[?2026l";

/// The terminal as long as it is the dashboard's. Losing it gives the terminal back.
pub(crate) struct Terminal {
    inner: ratatui::Terminal<CrosstermBackend<FrameWriter>>,
    options: Options,
    _taken: Taken,
}

impl Terminal {
    /// Takes the terminal.
    pub(crate) fn enter(options: Options) -> io::Result<Self> {
        force_color_output(options.colour);
        let taken = Taken::take()?;
        execute!(io::stdout(), EnterAlternateScreen, event::EnableBracketedPaste)?;
        if options.mouse {
            execute!(io::stdout(), Print(MOUSE_ON))?;
        }
        // Not ratatui's `clear`, which asks where the cursor is and fails where nobody answers.
        execute!(io::stdout(), Clear(ClearType::All))?;
        let inner = ratatui::Terminal::new(CrosstermBackend::new(FrameWriter::default()))?;
        Ok(Self { inner, options, _taken: taken })
    }

    pub(crate) fn size(&self) -> io::Result<Size> {
        self.inner.size()
    }

    pub(crate) fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        let options = self.options;
        self.inner.draw(|frame| {
            render(frame);
            theme::adapt(frame.buffer_mut(), options);
        })?;
        Ok(())
    }
}

/// Standard output, written to in whole frames. What is not flushed is never written: half a frame
/// does not get out when drawing panics.
#[derive(Debug, Default)]
struct FrameWriter {
    frame: Vec<u8>,
}

impl Write for FrameWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.frame.is_empty() {
            self.frame.extend(FRAME_START);
        }
        self.frame.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.frame.is_empty() {
            return Ok(());
        }
        self.frame.extend(FRAME_END);
        let mut out = io::stdout().lock();
        let outcome = out.write_all(&self.frame).and_then(|()| out.flush());
        self.frame.clear();
        outcome
    }
}

/// Which thread has taken the terminal.
static OWNER: Mutex<Option<ThreadId>> = Mutex::new(None);
/// What other threads' panics had to say while the terminal was taken.
static WITHHELD: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// The terminal is taken. Only this thread's `restore` clears it, so it is undone once.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// Holding one proves that the terminal is in raw mode and to be given back.
struct Taken;

impl Taken {
    fn take() -> io::Result<Self> {
        restore_on_panic();
        enable_raw_mode()?;
        *OWNER.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread::current().id());
        IS_TAKEN.store(true, Ordering::SeqCst);
        Ok(Self)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back if it is taken. Errors are left alone: there is no better place to say
/// so, and each step is worth trying.
fn restore() {
    if !IS_TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout();
    drop(execute!(out, Print(MOUSE_OFF), event::DisableBracketedPaste));
    drop(execute!(out, LeaveAlternateScreen, cursor::Show));
    drop(disable_raw_mode());
    *OWNER.lock().unwrap_or_else(PoisonError::into_inner) = None;
    for message in WITHHELD.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        drop(writeln!(io::stderr(), "{message}"));
    }
}

thread_local! {
    /// A panic of this thread is awaited and not to be reported.
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Calls a function that may panic, without a report and with the terminal left as it is.
pub(crate) fn quietly<T>(call: impl FnOnce() -> T) -> thread::Result<T> {
    IS_QUIET.set(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(call));
    IS_QUIET.set(false);
    outcome
}

/// Makes a panic of the dashboard's thread give the terminal back before it is reported, and lets
/// the report of another thread's panic wait until then.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |what| {
            if IS_QUIET.get() {
                return;
            }
            let owner = *OWNER.lock().unwrap_or_else(PoisonError::into_inner);
            if owner.is_some_and(|owner| owner != thread::current().id()) {
                let mut withheld = WITHHELD.lock().unwrap_or_else(PoisonError::into_inner);
                withheld.push(what.to_string());
                return;
            }
            restore();
            report(what);
        }));
    });
}
