//! The dashboard as a value: events change it and may give an action; drawing only reads it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use npprof_model::{Exit, RunState, Snapshot};
use ratatui::Frame;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEventKind};
use ratatui::layout::{Position, Rect, Size};

use crate::keys::{self, Command};
use crate::output::{self, Output};
use crate::rates::{self, Rate, RateMeter};
use crate::screens;
use crate::screens::overview::Areas;
use crate::table::SiteTable;
use crate::{Left, ProgramEvent, Stop, typing};

/// How long a message stands at the bottom.
const MESSAGE_TIME: Duration = Duration::from_secs(4);
/// A second Ctrl-C within this time asks whether to leave.
const TWICE_TIME: Duration = Duration::from_secs(2);
/// Rows that a turn of the wheel moves.
const WHEEL_ROWS: i32 = 3;

/// What happens to the dashboard.
#[derive(Debug)]
pub(crate) enum Event {
    Key(KeyEvent),
    Paste(String),
    Mouse(MouseEventKind, Position),
    Resize(Size),
    Program(ProgramEvent),
    Snapshot(Arc<Snapshot>),
    /// Nothing but the time has changed.
    Tick,
}

/// What the loop is to do for the dashboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    SendInput(Vec<u8>),
    ResizeProgram { columns: u16, rows: u16 },
    Stop(Stop),
    Leave(Left),
}

/// Where keys go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Focus {
    #[default]
    Sites,
    Output,
}

/// What lies over the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Popup {
    Help { scroll: u16 },
    Site { scroll: u16 },
    Leave,
}

/// All that the dashboard knows.
#[derive(Debug)]
pub(crate) struct App {
    /// What is shown; the latest one unless the view is frozen.
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) is_frozen: bool,
    pub(crate) rate: Rate,
    pub(crate) sites: SiteTable,
    pub(crate) output: Output,
    pub(crate) focus: Focus,
    /// The output has the whole screen.
    pub(crate) is_enlarged: bool,
    pub(crate) popup: Option<Popup>,
    pub(crate) message: Option<String>,
    /// How the program ended.
    pub(crate) end: Option<Exit>,
    /// The user wants to leave as soon as the program has ended.
    pub(crate) is_stopping: bool,
    /// Something that is shown has changed.
    pub(crate) needs_drawing: bool,
    latest: Arc<Snapshot>,
    meter: RateMeter,
    message_until: Option<Instant>,
    interrupted_at: Option<Instant>,
    pending_key: Option<char>,
    size: Size,
}

impl App {
    pub(crate) fn new(snapshot: Arc<Snapshot>, size: Size, now: Instant) -> Self {
        let mut app = Self {
            snapshot: Arc::default(),
            is_frozen: false,
            rate: Rate::default(),
            sites: SiteTable::default(),
            output: Output::new(size),
            focus: Focus::Sites,
            is_enlarged: false,
            popup: None,
            message: None,
            end: None,
            is_stopping: false,
            needs_drawing: true,
            latest: Arc::default(),
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
        self.needs_drawing |= !matches!(event, Event::Tick | Event::Snapshot(_));
        match event {
            Event::Key(key) => self.on_key(key, now),
            Event::Paste(text) => self.is_typing().then(|| {
                self.output.follow();
                Action::SendInput(typing::encode_paste(&text, self.output.modes()))
            }),
            Event::Mouse(kind, place) => self.on_mouse(kind, place),
            Event::Resize(size) => self.on_resize(size),
            Event::Program(ProgramEvent::Output(bytes)) => {
                let answer = self.output.write(&bytes);
                (!answer.is_empty() && self.end.is_none()).then_some(Action::SendInput(answer))
            }
            Event::Program(ProgramEvent::Ended(exit)) => self.on_end(exit),
            Event::Program(ProgramEvent::Leave) => Some(Action::Leave(self.how_left())),
            Event::Snapshot(snapshot) => self.on_snapshot(snapshot),
            Event::Tick => None,
        }
    }

    /// Whether keys go to the program.
    pub(crate) fn is_typing(&self) -> bool {
        self.focus == Focus::Output && self.end.is_none() && self.popup.is_none()
    }

    pub(crate) fn render(&self, frame: &mut Frame<'_>) {
        screens::render(self, frame);
    }

    /// The whole screen.
    pub(crate) fn area(&self) -> Rect {
        Rect::from((Position::ORIGIN, self.size))
    }

    fn how_left(&self) -> Left {
        if self.end.is_some() { Left::AfterEnd } else { Left::StillRunning }
    }

    fn areas(&self) -> Areas {
        Areas::new(self.size, self.is_enlarged, screens::overview::n_notices(&self.snapshot))
    }

    fn say(&mut self, message: &str, now: Instant) {
        self.message = Some(message.to_owned());
        self.message_until = Some(now + MESSAGE_TIME);
    }

    fn on_snapshot(&mut self, snapshot: Arc<Snapshot>) -> Option<Action> {
        if Arc::ptr_eq(&snapshot, &self.latest) || snapshot == self.latest {
            return None;
        }
        self.meter.add(&snapshot);
        self.latest = snapshot;
        if !self.is_frozen {
            self.show_latest();
        }
        match self.latest.state {
            RunState::Ended(exit) => self.on_end(exit),
            RunState::Starting | RunState::Running => None,
        }
    }

    fn show_latest(&mut self) {
        self.snapshot = Arc::clone(&self.latest);
        self.rate = self.rate_of_latest();
        let height = self.areas().table_rows();
        self.sites.update(&self.snapshot.sites, height);
        self.needs_drawing = true;
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
        if self.popup == Some(Popup::Leave) {
            self.popup = None;
        }
        self.is_stopping.then_some(Action::Leave(Left::AfterEnd))
    }

    fn on_resize(&mut self, size: Size) -> Option<Action> {
        let before = output::program_size(self.size);
        self.size = size;
        let height = self.areas().table_rows();
        self.sites.update(&self.snapshot.sites, height);
        let (columns, rows) = output::program_size(size);
        if before == (columns, rows) {
            return None;
        }
        self.output.resize(size);
        Some(Action::ResizeProgram { columns, rows })
    }

    fn on_key(&mut self, key: KeyEvent, now: Instant) -> Option<Action> {
        if self.popup == Some(Popup::Leave) {
            return self.on_key_while_leaving(key, now);
        }
        if self.is_typing() {
            let Some(command) = keys::on_typing(key) else {
                self.output.follow();
                return Some(Action::SendInput(typing::encode_key(key, self.output.modes())?));
            };
            self.on_output_command(command);
            return None;
        }
        let command = keys::on_dashboard(key, &mut self.pending_key)?;
        match (command, self.popup) {
            (Command::Interrupt, _) => self.interrupt(now),
            (_, Some(popup)) => {
                self.on_popup_command(command, popup);
                None
            }
            (Command::Leave, None) => self.ask_to_leave(),
            (_, None) => {
                self.on_command(command);
                None
            }
        }
    }

    fn interrupt(&mut self, now: Instant) -> Option<Action> {
        if self.end.is_some() {
            return Some(Action::Leave(Left::AfterEnd));
        }
        let is_second = self.interrupted_at.is_some_and(|before| now < before + TWICE_TIME);
        if is_second {
            self.interrupted_at = None;
            return self.ask_to_leave();
        }
        self.interrupted_at = Some(now);
        self.say("sent Ctrl-C to the program; once more to leave npprof", now);
        Some(Action::Stop(Stop::Interrupt))
    }

    fn ask_to_leave(&mut self) -> Option<Action> {
        if self.end.is_some() {
            return Some(Action::Leave(Left::AfterEnd));
        }
        self.popup = Some(Popup::Leave);
        None
    }

    fn on_key_while_leaving(&mut self, key: KeyEvent, now: Instant) -> Option<Action> {
        if !(key.modifiers - KeyModifiers::SHIFT).is_empty() {
            return None;
        }
        match key.code {
            KeyCode::Char('s' | 'S') if !self.is_stopping => {
                self.is_stopping = true;
                self.popup = None;
                self.say("asked the program to stop (SIGTERM); q again if it does not", now);
                Some(Action::Stop(Stop::Terminate))
            }
            KeyCode::Char('k' | 'K') if self.is_stopping => {
                self.popup = None;
                self.say("killed the program (SIGKILL)", now);
                Some(Action::Stop(Stop::Kill))
            }
            KeyCode::Char('l' | 'L') => Some(Action::Leave(Left::StillRunning)),
            KeyCode::Char('c' | 'C') | KeyCode::Esc => {
                self.popup = None;
                self.is_stopping = false;
                None
            }
            _ => None,
        }
    }

    fn on_popup_command(&mut self, command: Command, popup: Popup) {
        let page = i32::from(self.size.height.saturating_sub(4).max(1));
        let rows = match command {
            Command::Close | Command::Leave => return self.popup = None,
            Command::Help => {
                let is_help = matches!(popup, Popup::Help { .. });
                return self.popup = if is_help { None } else { Some(Popup::Help { scroll: 0 }) };
            }
            Command::Open => return self.popup = None,
            Command::Left | Command::Right => return self.open_neighbour(command, popup),
            Command::Up => -1,
            Command::Down => 1,
            Command::PageUp => -page,
            Command::PageDown => page,
            Command::Top => i32::MIN,
            Command::Bottom => i32::MAX,
            _ => return,
        };
        let limit = i32::from(screens::max_scroll(self, popup));
        let moved = |scroll: u16| {
            u16::try_from(i32::from(scroll).min(limit).saturating_add(rows).clamp(0, limit))
                .unwrap_or(0)
        };
        self.popup = Some(match popup {
            Popup::Help { scroll } => Popup::Help { scroll: moved(scroll) },
            Popup::Site { scroll } => Popup::Site { scroll: moved(scroll) },
            Popup::Leave => Popup::Leave,
        });
    }

    /// In the details of a site, left and right are the rows above and below.
    fn open_neighbour(&mut self, command: Command, popup: Popup) {
        if matches!(popup, Popup::Site { .. }) {
            let command = if command == Command::Left { Command::Up } else { Command::Down };
            let height = self.areas().table_rows();
            self.sites.on_command(command, &self.snapshot.sites, height);
            self.popup = Some(Popup::Site { scroll: 0 });
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Help => self.popup = Some(Popup::Help { scroll: 0 }),
            Command::Focus => {
                self.focus = match self.focus {
                    Focus::Sites => Focus::Output,
                    Focus::Output => Focus::Sites,
                };
            }
            Command::Enlarge => self.enlarge(!self.is_enlarged),
            Command::Close if self.is_enlarged => self.enlarge(false),
            Command::Close => self.focus = Focus::Sites,
            Command::Freeze => {
                self.is_frozen = !self.is_frozen;
                if !self.is_frozen {
                    self.show_latest();
                }
            }
            _ if self.is_enlarged || self.focus == Focus::Output => self.on_output_command(command),
            Command::Open => {
                if self.sites.selected_site(&self.snapshot.sites).is_some() {
                    self.popup = Some(Popup::Site { scroll: 0 });
                }
            }
            _ => {
                let height = self.areas().table_rows();
                self.sites.on_command(command, &self.snapshot.sites, height);
            }
        }
    }

    fn enlarge(&mut self, is_enlarged: bool) {
        self.is_enlarged = is_enlarged;
        self.output.follow();
        if !is_enlarged {
            self.focus = Focus::Sites;
        }
    }

    fn on_output_command(&mut self, command: Command) {
        let height = self.areas().output_rows();
        let page = i32::from(height.saturating_sub(1).max(1));
        let rows = match command {
            Command::Return => return self.focus = Focus::Sites,
            Command::Up => -1,
            Command::Down => 1,
            Command::PageUp => -page,
            Command::PageDown => page,
            // Not the limits themselves, for they are added to a place.
            Command::Top => i32::MIN / 2,
            Command::Bottom => i32::MAX / 2,
            _ => return,
        };
        self.output.scroll(rows, height);
    }

    fn on_mouse(&mut self, kind: MouseEventKind, place: Position) -> Option<Action> {
        let rows = match kind {
            MouseEventKind::ScrollUp => -WHEEL_ROWS,
            MouseEventKind::ScrollDown => WHEEL_ROWS,
            MouseEventKind::Down(MouseButton::Left) => 0,
            _ => return None,
        };
        let areas = self.areas();
        let is_in = |area: Rect| area.contains(place);
        if let Some(popup) = self.popup {
            let command = if rows < 0 { Command::Up } else { Command::Down };
            if rows != 0 {
                self.on_popup_command(command, popup);
            }
        } else if is_in(areas.output) {
            if rows == 0 {
                self.focus = Focus::Output;
            } else {
                self.output.scroll(rows, areas.output_rows());
            }
        } else if is_in(areas.table) {
            self.on_table_mouse(rows, place, areas);
        }
        None
    }

    fn on_table_mouse(&mut self, rows: i32, place: Position, areas: Areas) {
        let sites = &self.snapshot.sites;
        let height = areas.table_rows();
        if rows == 0 {
            self.focus = Focus::Sites;
            if let Some(row) = areas.table_row_at(place) {
                self.sites.select(self.sites.offset + row, sites, height);
            }
            return;
        }
        let command = if rows < 0 { Command::Up } else { Command::Down };
        for _ in 0..rows.unsigned_abs() {
            self.sites.on_command(command, sites, height);
        }
    }
}
