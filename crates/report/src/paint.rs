//! Text for a terminal: width, colour, and nothing in it that a terminal would obey.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How texts are to look. Decided by the caller, who knows the terminal and the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Columns.
    pub width: usize,
    /// Whether ANSI colours are wanted.
    pub colour: bool,
    /// Whether only ASCII may be used.
    pub ascii: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self { width: 100, colour: false, ascii: false }
    }
}

impl Style {
    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    pub(crate) fn alarm(self, text: &str) -> String {
        self.wrap("1;31", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.colour && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// Cuts text to `width` columns at its end.
    pub(crate) fn cut(self, text: &str, width: usize) -> String {
        if text.width() <= width {
            return text.to_owned();
        }
        let mark = self.ellipsis();
        format!("{}{mark}", head(text, width.saturating_sub(mark.width())))
    }

    /// Cuts text to `width` columns at its start, as suits a path whose end says most.
    pub(crate) fn cut_left(self, text: &str, width: usize) -> String {
        if text.width() <= width {
            return text.to_owned();
        }
        let mark = self.ellipsis();
        format!("{mark}{}", tail(text, width.saturating_sub(mark.width())))
    }

    /// Cuts text to `width` columns in its middle, as suits a command.
    pub(crate) fn cut_middle(self, text: &str, width: usize) -> String {
        if text.width() <= width {
            return text.to_owned();
        }
        let mark = self.ellipsis();
        let room = width.saturating_sub(mark.width());
        let tail_width = room - room / 3;
        format!("{}{mark}{}", head(text, room - tail_width), tail(text, tail_width))
    }

    /// Text in the characters that may be used.
    pub(crate) fn plain(self, text: &str) -> String {
        if !self.ascii {
            return text.to_owned();
        }
        text.replace('µ', "u")
            .replace(['·', '–', '—'], "-")
            .chars()
            .map(|c| if c.is_ascii() { c } else { '?' })
            .collect()
    }

    fn ellipsis(self) -> &'static str {
        if self.ascii { "..." } else { "…" }
    }
}

fn head(text: &str, width: usize) -> &str {
    let mut taken = 0;
    for (at, c) in text.char_indices() {
        taken += c.width().unwrap_or(0);
        if taken > width {
            return text.get(..at).unwrap_or_default();
        }
    }
    text
}

fn tail(text: &str, width: usize) -> &str {
    let mut start = text.len();
    let mut taken = 0;
    for (at, c) in text.char_indices().rev() {
        taken += c.width().unwrap_or(0);
        if taken > width {
            break;
        }
        start = at;
    }
    text.get(start..).unwrap_or_default()
}

/// One line without anything that a terminal would obey: control characters and the marks that turn
/// the direction of writing become `\u{…}`, line breaks become spaces.
#[must_use]
pub(crate) fn one_line(text: impl AsRef<std::ffi::OsStr>) -> String {
    let text = text.as_ref().to_string_lossy();
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => line.push(' '),
            c if c.is_control() || is_direction_mark(c) => line.extend(c.escape_unicode()),
            c => line.push(c),
        }
    }
    line
}

const fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Pads to a width of columns, at the left.
pub(crate) fn right(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(text.width())))
}

/// Pads to a width of columns, at the right.
pub(crate) fn left(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: Style = Style { width: 80, colour: false, ascii: false };

    #[test]
    fn nothing_reaches_the_terminal_that_it_would_obey() {
        assert_eq!(one_line("a\x1b[31mb\nc\u{202e}d"), "a\\u{1b}[31mb c\\u{202e}d");
    }

    #[test]
    fn text_is_cut_by_columns_and_not_by_bytes() {
        assert_eq!(STYLE.cut("abcdef", 6), "abcdef");
        assert_eq!(STYLE.cut("abcdef", 4), "abc…");
        assert_eq!(STYLE.cut("日本語です", 5), "日本…");
        assert_eq!(STYLE.cut_middle("/home/user/project/module.py", 16), "/home…/module.py");
        assert_eq!(STYLE.cut_middle("日本語ですね", 7).width(), 7);
        assert_eq!(STYLE.cut("abc", 0), "…");
        assert_eq!(STYLE.cut_left("/home/module.py:3 f", 13), "…odule.py:3 f");
    }
}
