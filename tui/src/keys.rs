//! The key map: which key means what, and what to say about it. The help screen and the hints at
//! the bottom are made from it.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

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
    Focus,
    Enlarge,
    Freeze,
    Help,
    Leave,
    Interrupt,
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
    /// Works while the table of call sites has the keys.
    pub(crate) is_of_sites: bool,
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

/// Keys while the dashboard has them.
pub(crate) const DASHBOARD: &[Group] = &[
    Group {
        title: "Call sites",
        is_of_sites: true,
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
            binding(&[Chord::Key(KeyCode::Enter)], Command::Open, "Enter", "details of the site")
                .hint("details"),
            binding(
                &[Chord::Key(KeyCode::Char('s'))],
                Command::Sort,
                "s",
                "sort by the next column",
            )
            .hint("sort"),
            binding(
                &[Chord::Key(KeyCode::Left), Chord::Key(KeyCode::Char('h'))],
                Command::Left,
                "← h",
                "sort by the column before",
            ),
            binding(
                &[Chord::Key(KeyCode::Right), Chord::Key(KeyCode::Char('l'))],
                Command::Right,
                "→ l",
                "sort by the column after",
            ),
            binding(&[Chord::Key(KeyCode::Char('i'))], Command::Invert, "i", "invert the order"),
        ],
    },
    Group {
        title: "View",
        is_of_sites: false,
        bindings: &[
            binding(
                &[Chord::Key(KeyCode::Tab), Chord::Key(KeyCode::BackTab)],
                Command::Focus,
                "Tab",
                "to the program's output, to type into it",
            )
            .hint("output"),
            binding(
                &[Chord::Key(KeyCode::Char('o'))],
                Command::Enlarge,
                "o",
                "enlarge the program's output, and back",
            )
            .hint("enlarge"),
            binding(
                &[Chord::Key(KeyCode::Char(' '))],
                Command::Freeze,
                "Space",
                "freeze the figures, and go on",
            )
            .hint("freeze"),
            binding(&[Chord::Key(KeyCode::Char('?'))], Command::Help, "?", "this help")
                .hint("help"),
            binding(&[Chord::Key(KeyCode::Esc)], Command::Close, "Esc", "close what is open"),
        ],
    },
    Group {
        title: "The program",
        is_of_sites: false,
        bindings: &[
            binding(
                &[Chord::Ctrl('c')],
                Command::Interrupt,
                "Ctrl-C",
                "interrupt the program; twice: leave",
            ),
            binding(
                &[Chord::Key(KeyCode::Char('q'))],
                Command::Leave,
                "q",
                "leave; asks while the program runs",
            )
            .hint("leave"),
        ],
    },
];

/// Keys while the user types into the program; all others are the program's.
pub(crate) const TYPING: Group = Group {
    title: "While typing into the program",
    is_of_sites: false,
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
