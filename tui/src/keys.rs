//! The key map: which key means what, and what to say about it. The help screen and the hints at
//! the bottom are made from it.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::tab::Tab;

/// What a key asks for; what that means depends on what is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    Left,
    Right,
    Open,
    Close,
    Sort,
    Invert,
    Filter,
    UserOnly,
    Process,
    Threads,
    Mark,
    Differences,
    Show(Tab),
    NextTab,
    PreviousTab,
    Freeze,
    Theme,
    Report,
    Export,
    Copy,
    CopyPlace,
    Edit,
    Help,
    Leave,
    OlderMatch,
    NewerMatch,
    Follow,
    Interrupt,
    Stop,
    Suspend,
    /// Stop typing into the program.
    Return,
}

/// A key, or a key pressed twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chord {
    Key(KeyCode),
    Ctrl(char),
    Shift(KeyCode),
    Twice(char),
}

/// A line of the key map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding {
    pub(crate) chords: &'static [Chord],
    pub(crate) command: Command,
    /// The keys, as people write them.
    pub(crate) shown: &'static str,
    /// What they do.
    pub(crate) what: &'static str,
    /// A word or two for the bottom line; empty where the key explains itself.
    pub(crate) hint: &'static str,
}

/// A group of the key map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    pub(crate) title: &'static str,
    /// Works on tabs with a list.
    pub(crate) is_of_lists: bool,
    pub(crate) bindings: &'static [Binding],
}

const fn binding(
    chords: &'static [Chord],
    command: Command,
    shown: &'static str,
    what: &'static str,
) -> Binding {
    Binding { chords, command, shown, what, hint: "" }
}

impl Binding {
    const fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }
}

macro_rules! char_key {
    ($c:literal, $command:expr, $what:literal) => {
        binding(&[Chord::Key(KeyCode::Char($c))], $command, concat!($c), $what)
    };
}

/// Keys while the dashboard has them.
pub(crate) const DASHBOARD: &[Group] = &[
    Group {
        title: "Lists",
        is_of_lists: true,
        bindings: &[
            binding(
                &[Chord::Key(KeyCode::Up), Chord::Key(KeyCode::Char('k'))],
                Command::Up,
                "↑ k",
                "one row up",
            ),
            binding(
                &[Chord::Key(KeyCode::Down), Chord::Key(KeyCode::Char('j'))],
                Command::Down,
                "↓ j",
                "one row down",
            ),
            binding(
                &[Chord::Key(KeyCode::PageUp), Chord::Ctrl('b')],
                Command::PageUp,
                "PgUp",
                "one page up",
            ),
            binding(
                &[Chord::Key(KeyCode::PageDown), Chord::Ctrl('f')],
                Command::PageDown,
                "PgDn",
                "one page down",
            ),
            binding(
                &[Chord::Twice('g'), Chord::Key(KeyCode::Home)],
                Command::Top,
                "gg Home",
                "first row, and stay there",
            ),
            binding(
                &[Chord::Key(KeyCode::Char('G')), Chord::Key(KeyCode::End)],
                Command::Bottom,
                "G End",
                "last row",
            ),
            binding(
                &[Chord::Key(KeyCode::Enter)],
                Command::Open,
                "Enter",
                "details; on Output: type into the program",
            )
            .hint("details"),
            char_key!('/', Command::Filter, "show only rows that match; on Output: search")
                .hint("filter"),
            char_key!('s', Command::Sort, "sort by the next column").hint("sort"),
            char_key!('i', Command::Invert, "invert the order"),
            binding(
                &[Chord::Key(KeyCode::Left), Chord::Key(KeyCode::Char('h'))],
                Command::Left,
                "← h",
                "column before; on Overview: back in time",
            ),
            binding(
                &[Chord::Key(KeyCode::Right), Chord::Key(KeyCode::Char('l'))],
                Command::Right,
                "→ l",
                "column after; on Overview: on in time",
            ),
            char_key!('u', Command::UserOnly, "your own code only, or all").hint("your code"),
            char_key!('p', Command::Process, "one process after the other, or all"),
            char_key!('t', Command::Threads, "threads of each process, or not"),
            char_key!('m', Command::Mark, "mark this moment").hint("mark"),
            char_key!('d', Command::Differences, "figures since the mark, or all"),
        ],
    },
    Group {
        title: "Output",
        is_of_lists: false,
        bindings: &[
            char_key!('n', Command::OlderMatch, "match before, after / has searched"),
            char_key!('N', Command::NewerMatch, "match after"),
            char_key!('f', Command::Follow, "follow the newest output, or hold what is shown"),
        ],
    },
    Group {
        title: "What is selected",
        is_of_lists: true,
        bindings: &[
            char_key!('o', Command::Edit, "open the line in your editor"),
            char_key!('y', Command::Copy, "copy the fix, or else the place"),
            char_key!('Y', Command::CopyPlace, "copy the place, as file:line"),
        ],
    },
    Group {
        title: "View",
        is_of_lists: false,
        bindings: &[
            char_key!('1', Command::Show(Tab::Overview), "overview"),
            char_key!('2', Command::Show(Tab::Sites), "call sites"),
            char_key!('3', Command::Show(Tab::Copies), "copies"),
            char_key!('4', Command::Show(Tab::Layout), "layout: how loops walk through memory"),
            char_key!('5', Command::Show(Tab::Findings), "findings: what to write instead"),
            char_key!('6', Command::Show(Tab::Growth), "growth: what is alive and piles up"),
            char_key!('7', Command::Show(Tab::Processes), "processes and threads"),
            char_key!('8', Command::Show(Tab::Output), "the program's output"),
            binding(&[Chord::Key(KeyCode::Tab)], Command::NextTab, "Tab", "next tab"),
            binding(
                &[Chord::Key(KeyCode::BackTab)],
                Command::PreviousTab,
                "Shift-Tab",
                "tab before",
            ),
            binding(
                &[Chord::Key(KeyCode::Char(' '))],
                Command::Freeze,
                "Space",
                "freeze the figures, and go on",
            )
            .hint("freeze"),
            char_key!('T', Command::Theme, "colours: the terminal's, for dark, for light"),
            char_key!('?', Command::Help, "this help").hint("help"),
            binding(&[Chord::Key(KeyCode::Esc)], Command::Close, "Esc", "close what is open"),
        ],
    },
    Group {
        title: "The run",
        is_of_lists: false,
        bindings: &[
            char_key!('w', Command::Report, "write the report now"),
            char_key!('e', Command::Export, "write this list into a file"),
            binding(
                &[Chord::Ctrl('c')],
                Command::Interrupt,
                "Ctrl-C",
                "interrupt the program; twice: leave",
            ),
            char_key!('K', Command::Stop, "stop the program; asks first"),
            binding(
                &[Chord::Ctrl('z')],
                Command::Suspend,
                "Ctrl-Z",
                "suspend npprof and the program",
            ),
            char_key!('q', Command::Leave, "leave; asks while the program runs").hint("leave"),
        ],
    },
];

/// Keys while the user types into the program; all others are the program's.
pub(crate) const TYPING: Group = Group {
    title: "While typing into the program",
    is_of_lists: false,
    bindings: &[
        binding(
            &[Chord::Key(KeyCode::F(12)), Chord::Ctrl(']'), Chord::Ctrl('5')],
            Command::Return,
            "F12 Ctrl-]",
            "back to the dashboard",
        )
        .hint("back to the dashboard"),
        binding(&[Chord::Shift(KeyCode::PageUp)], Command::PageUp, "Shift-PgUp", "earlier output")
            .hint("earlier output"),
        binding(
            &[Chord::Shift(KeyCode::PageDown)],
            Command::PageDown,
            "Shift-PgDn",
            "later output",
        ),
    ],
};

/// What a key means while the dashboard has the keys. `pending` is the first half of a key pressed
/// twice; it is kept here from one call to the next.
pub(crate) fn on_dashboard(key: KeyEvent, pending: &mut Option<char>) -> Option<Command> {
    let before = pending.take();
    let bindings = || DASHBOARD.iter().flat_map(|group| group.bindings);
    for binding in bindings() {
        for &chord in binding.chords {
            match chord {
                Chord::Twice(c) if is_plain(key, KeyCode::Char(c)) => {
                    if before == Some(c) {
                        return Some(binding.command);
                    }
                    *pending = Some(c);
                }
                _ if matches(chord, key) => return Some(binding.command),
                _ => {}
            }
        }
    }
    None
}

/// What a key means while the user types into the program; `None` when it is the program's.
pub(crate) fn on_typing(key: KeyEvent) -> Option<Command> {
    let binding = TYPING
        .bindings
        .iter()
        .find(|binding| binding.chords.iter().any(|&chord| matches(chord, key)))?;
    Some(binding.command)
}

fn matches(chord: Chord, key: KeyEvent) -> bool {
    match chord {
        Chord::Key(code) => is_plain(key, code),
        Chord::Ctrl(c) => {
            key.modifiers == KeyModifiers::CONTROL
                && matches!(key.code, KeyCode::Char(pressed) if pressed.eq_ignore_ascii_case(&c))
        }
        Chord::Shift(code) => key.modifiers == KeyModifiers::SHIFT && key.code == code,
        Chord::Twice(_) => false,
    }
}

/// Shift is part of a character; some terminals report it beside it, some do not.
fn is_plain(key: KeyEvent, code: KeyCode) -> bool {
    (key.modifiers - KeyModifiers::SHIFT).is_empty() && key.code == code
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(code: KeyCode, modifiers: KeyModifiers) -> Option<Command> {
        on_dashboard(KeyEvent::new(code, modifiers), &mut None)
    }

    #[test]
    fn no_chord_is_bound_twice() {
        let mut seen: Vec<Chord> = Vec::new();
        for chord in DASHBOARD.iter().flat_map(|group| group.bindings).flat_map(|b| b.chords) {
            assert!(!seen.contains(chord), "{chord:?}");
            seen.push(*chord);
        }
    }

    #[test]
    fn shift_is_part_of_a_character() {
        assert_eq!(press(KeyCode::Char('G'), KeyModifiers::SHIFT), Some(Command::Bottom));
        assert_eq!(press(KeyCode::Char('?'), KeyModifiers::NONE), Some(Command::Help));
        assert_eq!(press(KeyCode::Char('q'), KeyModifiers::ALT), None);
        assert_eq!(press(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Command::Interrupt));
    }

    #[test]
    fn g_twice_is_the_top_and_once_is_nothing() {
        let g = KeyEvent::new(KeyCode::Char('g'), KeyModifiers::NONE);
        let j = KeyEvent::new(KeyCode::Char('j'), KeyModifiers::NONE);
        let mut pending = None;
        assert_eq!(on_dashboard(g, &mut pending), None);
        assert_eq!(on_dashboard(g, &mut pending), Some(Command::Top));
        assert_eq!(on_dashboard(g, &mut pending), None);
        assert_eq!(on_dashboard(j, &mut pending), Some(Command::Down));
        assert_eq!(on_dashboard(g, &mut pending), None);
    }

    #[test]
    fn ctrl_bracket_returns_however_the_terminal_reports_it() {
        for c in [']', '5'] {
            let key = KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
            assert_eq!(on_typing(key), Some(Command::Return));
        }
        assert_eq!(on_typing(KeyEvent::new(KeyCode::Tab, KeyModifiers::NONE)), None);
    }
}
