//! The dashboard as a value: events change it and may give an action; drawing only reads it.
//!
//! What is shown comes in as immutable data, from whatever there is to show: a program that runs, a
//! run that is over, a report. `commands` says what keys do, `mouse` what clicks do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use npprof_findings::Finding;
use npprof_model::{Exit, Nanos, RunState, SiteId, Snapshot};
use ratatui::Frame;
use ratatui::crossterm::event::{KeyEvent, MouseEventKind};
use ratatui::layout::{Position, Rect, Size};

use crate::data::Data;
use crate::list::{List, Listing};
use crate::output::{self, Output};
use crate::rates::{self, Rate, RateMeter};
use crate::screens::{self, Areas};
use crate::tab::Tab;
use crate::theme::{self, Palette};
use crate::{Left, Options, ProgramEvent, Role, Stop, typing};

mod commands;
mod mouse;

/// How long a message stands at the bottom.
const MESSAGE_TIME: Duration = Duration::from_secs(4);

/// What happens to the dashboard.
#[derive(Debug)]
pub(crate) enum Event {
    Key(KeyEvent),
    Paste(String),
    Mouse(MouseEventKind, Position),
    Resize(Size),
    Program(ProgramEvent),
    Snapshot(Arc<Snapshot>),
    Findings(Arc<[Finding]>),
    /// The report of the run is in this file.
    Report(String),
    /// The text of a source file that was asked for.
    Source(Arc<str>, Option<Arc<str>>),
    /// What came of an action, in words for the user.
    Said(String),
    /// Nothing but the time has changed.
    Tick,
}

/// What the loop is to do for the dashboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    SendInput(Vec<u8>),
    ResizeProgram {
        columns: u16,
        rows: u16,
    },
    Stop(Stop),
    /// Read a source file, then send [`Event::Source`].
    ReadSource(Arc<str>),
    /// Put text into the clipboard.
    Copy(String),
    /// Open the user's editor at this line of a file.
    Edit {
        file: Arc<str>,
        line: u32,
    },
    /// Give the terminal back until the user lets npprof go on.
    Suspend,
    /// Take the terminal anew.
    Retake,
    WriteReport,
    /// Write a list into a file.
    Export {
        name: &'static str,
        text: String,
    },
    Leave(Left),
}

/// What lies over the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Popup {
    Help {
        scroll: u16,
    },
    Site {
        site: SiteId,
        scroll: u16,
    },
    Leave,
    /// The question before the program is stopped.
    Stop,
}

/// All that the dashboard knows.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) data: Data,
    pub(crate) tab: Tab,
    /// One for each tab.
    pub(crate) lists: [List; 8],
    /// The moment of the run that the user looks at.
    pub(crate) cursor: Option<Nanos>,
    pub(crate) output: Output,
    /// The program gets the keys.
    pub(crate) has_typing: bool,
    /// The filter of this tab's list is being typed.
    pub(crate) is_filtering: bool,
    pub(crate) is_frozen: bool,
    pub(crate) popup: Option<Popup>,
    pub(crate) message: Option<String>,
    pub(crate) palette: Palette,
    pub(crate) role: Role,
    /// How the program ended.
    pub(crate) end: Option<Exit>,
    /// Where the report is, once it is known.
    pub(crate) report: Option<String>,
    /// The program was asked to end.
    pub(crate) is_stopping: bool,
    /// The user wants to leave as soon as the program has ended.
    pub(crate) is_leaving: bool,
    /// Something that is shown has changed.
    pub(crate) needs_drawing: bool,
    latest: Arc<Snapshot>,
    latest_findings: Arc<[Finding]>,
    meter: RateMeter,
    message_until: Option<Instant>,
    interrupted_at: Option<Instant>,
    pending_key: Option<char>,
    size: Size,
}

impl App {
    pub(crate) fn new(snapshot: Arc<Snapshot>, size: Size, options: Options, now: Instant) -> Self {
        let mut app = Self {
            data: Data::default(),
            tab: Tab::Overview,
            lists: Default::default(),
            cursor: None,
            output: Output::new(size),
            has_typing: false,
            is_filtering: false,
            is_frozen: false,
            popup: None,
            message: None,
            palette: options.palette,
            role: options.role,
            end: None,
            report: None,
            is_stopping: false,
            is_leaving: false,
            needs_drawing: true,
            latest: Arc::default(),
            latest_findings: Arc::default(),
            meter: RateMeter::default(),
            message_until: None,
            interrupted_at: None,
            pending_key: None,
            size,
        };
        app.update(Event::Snapshot(snapshot), now);
        app
    }

    /// Takes an event in.
    pub(crate) fn update(&mut self, event: Event, now: Instant) -> Option<Action> {
        if self.message_until.is_some_and(|until| until <= now) {
            self.message = None;
            self.message_until = None;
            self.needs_drawing = true;
        }
        self.needs_drawing |=
            !matches!(event, Event::Tick | Event::Snapshot(_) | Event::Findings(_));
        match event {
            Event::Key(key) => self.on_key(key, now),
            Event::Paste(text) => self.on_paste(&text),
            Event::Mouse(kind, place) => self.on_mouse(kind, place),
            Event::Resize(size) => self.on_resize(size),
            Event::Program(ProgramEvent::Output(bytes)) => {
                let answer = self.output.write(&bytes);
                (!answer.is_empty() && self.end.is_none()).then_some(Action::SendInput(answer))
            }
            Event::Program(ProgramEvent::Ended(exit)) => self.on_end(exit),
            Event::Program(ProgramEvent::Suspend) => Some(Action::Suspend),
            Event::Program(ProgramEvent::Continued) => Some(Action::Retake),
            Event::Program(ProgramEvent::Leave) => Some(Action::Leave(self.how_left())),
            Event::Snapshot(snapshot) => self.on_snapshot(snapshot),
            Event::Findings(findings) => {
                self.on_findings(findings);
                None
            }
            Event::Report(path) => {
                self.report = Some(path);
                None
            }
            Event::Source(file, text) => {
                self.data.sources.insert(file, text);
                None
            }
            Event::Said(message) => {
                self.say(&message, now);
                None
            }
            Event::Tick => None,
        }
    }

    /// Whether keys go to the program.
    pub(crate) fn is_typing(&self) -> bool {
        self.has_typing && self.tab == Tab::Output && self.has_program() && self.popup.is_none()
    }

    /// Whether it only looks.
    pub(crate) fn is_viewer(&self) -> bool {
        self.role == Role::Viewer
    }

    /// Whether there is a program that keys can go to.
    pub(crate) fn has_program(&self) -> bool {
        self.end.is_none() && !self.is_viewer()
    }

    /// Whether it is time to ask where the report is.
    pub(crate) const fn wants_report_path(&self) -> bool {
        self.end.is_some() && self.report.is_none()
    }

    /// Whether full snapshots are of use to what is shown.
    pub(crate) fn wants_stacks(&self) -> bool {
        matches!(self.popup, Some(Popup::Site { .. })) || self.tab == Tab::Growth
    }

    pub(crate) fn render(&self, frame: &mut Frame<'_>) {
        screens::render(self, frame);
        theme::tint(frame.buffer_mut(), self.palette);
    }

    /// The whole screen.
    pub(crate) fn area(&self) -> Rect {
        Rect::from((Position::ORIGIN, self.size))
    }

    pub(crate) fn areas(&self) -> Areas {
        let n_notices = screens::header::n_notices(&self.data.snapshot);
        Areas::new(self.size, self.tab, n_notices, !self.is_viewer())
    }

    /// The list of this tab.
    pub(crate) fn list(&self) -> &List {
        &self.lists[self.tab.place()]
    }

    /// Calls a function with the list of this tab, what is listed, and the rows that are seen.
    fn with_list<R>(
        &mut self,
        then: impl FnOnce(&mut List, &dyn Listing, usize) -> R,
    ) -> Option<R> {
        let height = self.areas().list_rows();
        let listing = screens::listing(self.tab, &self.data)?;
        Some(then(&mut self.lists[self.tab.place()], &*listing, height))
    }

    /// Puts the list of this tab into order anew.
    fn update_list(&mut self) {
        self.with_list(|list, listing, height| list.update(listing, height));
        self.needs_drawing = true;
    }

    fn how_left(&self) -> Left {
        if self.end.is_some() { Left::AfterEnd } else { Left::StillRunning }
    }

    fn say(&mut self, message: &str, now: Instant) {
        self.message = Some(message.to_owned());
        self.message_until = Some(now + MESSAGE_TIME);
        self.needs_drawing = true;
    }

    fn on_snapshot(&mut self, snapshot: Arc<Snapshot>) -> Option<Action> {
        if Arc::ptr_eq(&snapshot, &self.latest) || snapshot == self.latest {
            return None;
        }
        if is_of_next_run(&snapshot, &self.latest) {
            self.forget_run();
        }
        self.meter.add(&snapshot);
        self.data.history.add(&snapshot);
        if !snapshot.stacks.is_empty() {
            self.data.with_stacks = Some(Arc::clone(&snapshot));
        }
        self.latest = snapshot;
        if !self.is_frozen {
            self.show_latest();
        }
        match self.latest.state {
            RunState::Ended(exit) => self.on_end(exit),
            RunState::Starting | RunState::Running => None,
        }
    }

    /// Another run is shown from now on. What the user has chosen stays, if it means anything there.
    fn forget_run(&mut self) {
        let Data { is_user_only, has_threads, .. } = self.data;
        self.data = Data { is_user_only, has_threads, ..Data::default() };
        self.meter = RateMeter::default();
        self.end = None;
        self.report = None;
        self.cursor = None;
        self.is_frozen = false;
        if matches!(self.popup, Some(Popup::Site { .. })) {
            self.popup = None;
        }
    }

    fn on_findings(&mut self, findings: Arc<[Finding]>) {
        if Arc::ptr_eq(&findings, &self.latest_findings) || findings == self.latest_findings {
            return;
        }
        self.latest_findings = findings;
        if !self.is_frozen {
            self.show_latest();
        }
    }

    fn show_latest(&mut self) {
        self.data.snapshot = Arc::clone(&self.latest);
        self.data.findings = Arc::clone(&self.latest_findings);
        self.data.rate = self.rate_of_latest();
        self.update_list();
    }

    fn rate_of_latest(&self) -> Rate {
        match self.latest.state {
            RunState::Ended(_) => rates::mean(&self.latest),
            RunState::Starting | RunState::Running => self.meter.rate(),
        }
    }

    fn on_end(&mut self, exit: Exit) -> Option<Action> {
        // Told twice: by the snapshots and by the program's terminal.
        if self.end.is_none() || exit != Exit::Unknown {
            self.end = Some(exit);
        }
        self.needs_drawing = true;
        if matches!(self.popup, Some(Popup::Leave | Popup::Stop)) {
            self.popup = None;
        }
        self.is_leaving.then_some(Action::Leave(Left::AfterEnd))
    }

    fn on_resize(&mut self, size: Size) -> Option<Action> {
        let before = output::program_size(self.size);
        self.size = size;
        self.update_list();
        let (columns, rows) = output::program_size(size);
        if before == (columns, rows) {
            return None;
        }
        self.output.resize(size);
        Some(Action::ResizeProgram { columns, rows })
    }

    fn on_paste(&mut self, text: &str) -> Option<Action> {
        if self.is_filtering {
            self.type_into_filter(text);
            return None;
        }
        self.is_typing().then(|| {
            self.output.follow();
            Action::SendInput(typing::encode_paste(text, self.output.modes()))
        })
    }
}

/// Whether time has begun anew: a viewer goes on with the next run of a program.
fn is_of_next_run(snapshot: &Snapshot, before: &Snapshot) -> bool {
    let has_ended = |snapshot: &Snapshot| matches!(snapshot.state, RunState::Ended(_));
    !has_ended(snapshot) && (has_ended(before) || snapshot.elapsed < before.elapsed)
}
