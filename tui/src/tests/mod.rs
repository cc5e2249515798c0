//! The dashboard as its users meet it: keys in, screens and actions out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use npprof_model::{Bytes, Exit, Nanos, RunState, Snapshot};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEventKind};
use ratatui::layout::{Position, Size};

use crate::app::{Action, App, Event, Popup};
use crate::tab::Tab;
use crate::{Left, Options, Palette, ProgramEvent, Role, Stop, fixtures, theme};

mod keys;
mod screens;

const PLAIN: Options = Options {
    colour: true,
    ascii: false,
    mouse: true,
    palette: Palette::Terminal,
    role: Role::Owner,
};
const OUTPUT: &str = "reading \x1b[32mblock 7\x1b[0m\r\n\x1b[1mdone\x1b[0m 漢字\r\n$ ";

/// A dashboard and a clock.
struct Tester {
    app: App,
    now: Instant,
    size: Size,
}

impl Tester {
    fn new(snapshot: Snapshot, columns: u16, rows: u16) -> Self {
        let size = Size::new(columns, rows);
        Self::with(PLAIN, snapshot, size)
    }

    fn with(options: Options, snapshot: Snapshot, size: Size) -> Self {
        let now = Instant::now();
        Self { app: App::new(Arc::new(snapshot), size, options, now), now, size }
    }

    /// Somebody who only looks.
    fn viewer(snapshot: Snapshot) -> Self {
        Self::with(Options { role: Role::Viewer, ..PLAIN }, snapshot, Size::new(80, 24))
    }

    fn running() -> Self {
        Self::new(fixtures::running(), 80, 24)
    }

    /// With findings, the text of a source file, and output.
    fn full(snapshot: Snapshot, columns: u16, rows: u16) -> Self {
        let mut tester = Self::new(snapshot, columns, rows);
        tester.update(Event::Findings(fixtures::findings().into()));
        let file = "/home/ada/code/pipeline/load.py".into();
        tester.update(Event::Source(file, Some(fixtures::source())));
        tester.output(OUTPUT);
        tester
    }

    fn update(&mut self, event: Event) -> Option<Action> {
        self.app.update(event, self.now)
    }

    fn snapshot(&mut self, snapshot: Snapshot) -> Option<Action> {
        self.update(Event::Snapshot(Arc::new(snapshot)))
    }

    fn output(&mut self, text: &str) -> Option<Action> {
        self.update(Event::Program(ProgramEvent::Output(text.as_bytes().to_vec())))
    }

    fn end(&mut self, exit: Exit) -> Option<Action> {
        self.update(Event::Program(ProgramEvent::Ended(exit)))
    }

    /// Presses keys; `^c` is Ctrl-C, the names of other keys stand in angle brackets. Returns the
    /// actions.
    fn keys(&mut self, keys: &str) -> Vec<Action> {
        let mut actions = Vec::new();
        let mut rest = keys;
        while let Some(first) = rest.chars().next() {
            let (code, modifiers, length) = if let Some(name) = rest.strip_prefix('<') {
                let (name, _) = name.split_once('>').unwrap();
                (named(name), KeyModifiers::NONE, name.len() + 2)
            } else if rest.starts_with('^') {
                let c = rest.chars().nth(1).unwrap();
                (KeyCode::Char(c), KeyModifiers::CONTROL, 2)
            } else {
                (KeyCode::Char(first), KeyModifiers::NONE, first.len_utf8())
            };
            actions.extend(self.update(Event::Key(KeyEvent::new(code, modifiers))));
            rest = &rest[length..];
        }
        actions
    }

    fn resize(&mut self, columns: u16, rows: u16) {
        self.size = Size::new(columns, rows);
        self.update(Event::Resize(self.size));
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.update(Event::Tick);
    }

    fn screen(&self, options: Options) -> Terminal<TestBackend> {
        let backend = TestBackend::new(self.size.width, self.size.height);
        let mut terminal = Terminal::new(backend).unwrap();
        terminal
            .draw(|frame| {
                self.app.render(frame);
                theme::adapt(frame.buffer_mut(), options);
            })
            .unwrap();
        terminal
    }

    fn shown(&self) -> String {
        self.screen(PLAIN).backend().to_string()
    }
}

fn named(name: &str) -> KeyCode {
    match name {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "backtab" => KeyCode::BackTab,
        "backspace" => KeyCode::Backspace,
        "right" => KeyCode::Right,
        "pgup" => KeyCode::PageUp,
        "pgdn" => KeyCode::PageDown,
        "end" => KeyCode::End,
        "f12" => KeyCode::F(12),
        _ => panic!("no key {name}"),
    }
}

/// Presses keys on a running program's dashboard; expects these actions.
fn check_keys(keys: &str, expected: &[Action]) {
    assert_eq!(Tester::running().keys(keys), expected, "{keys}");
}

fn input(bytes: &str) -> Action {
    Action::SendInput(bytes.as_bytes().to_vec())
}
