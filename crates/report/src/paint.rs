//! Text for a terminal: width, colour, and nothing in it that a terminal would obey.

use npprof_model::columns::{self as cutting, is_obeyed};

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
    /// Text in bold letters, where colours are wanted.
    #[must_use]
    pub fn bold(self, text: &str) -> String {
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
            format!("{ESCAPE}{code}m{text}{RESET}")
        } else {
            text.to_owned()
        }
    }

    /// Cuts text to `width` columns at its end. Colours take no columns, and end where it is cut.
    pub(crate) fn cut(self, text: &str, width: usize) -> String {
        if columns(text) <= width {
            return text.to_owned();
        }
        let mark = self.ellipsis();
        let head = head(text, width.saturating_sub(cutting::width(mark)));
        let end = if head.contains(ESCAPE) { RESET } else { "" };
        format!("{head}{mark}{end}")
    }

    /// Cuts text to `width` columns at its start, as suits a path whose end says most.
    pub(crate) fn cut_left(self, text: &str, width: usize) -> String {
        cutting::cut_start(text, width, self.ellipsis())
    }

    /// Cuts text to `width` columns in its middle, as suits a command.
    pub(crate) fn cut_middle(self, text: &str, width: usize) -> String {
        cutting::cut_middle(text, width, self.ellipsis())
    }

    /// Text in the characters that may be used.
    #[must_use]
    pub fn plain(self, text: &str) -> String {
        if !self.ascii {
            return text.to_owned();
        }
        text.replace('µ', "u")
            .replace(['·', '–', '—'], "-")
            .replace('→', "->")
            .replace('…', "...")
            .chars()
            .map(|c| if c.is_ascii() { c } else { '?' })
            .collect()
    }

    /// Breaks text between words into lines of at most `width` columns; longer words are broken.
    #[must_use]
    pub fn fill(self, text: &str, width: usize) -> Vec<String> {
        let width = width.max(2);
        let mut lines = vec![String::new()];
        for mut word in text.split_whitespace() {
            let taken = lines.last().map_or(0, |line| cutting::width(line));
            let gap = usize::from(taken > 0);
            if taken + gap + cutting::width(word) <= width {
                if let Some(line) = lines.last_mut() {
                    line.push_str(if taken > 0 { " " } else { "" });
                    line.push_str(word);
                }
                continue;
            }
            if taken > 0 {
                lines.push(String::new());
            }
            while cutting::width(word) > width {
                let part = cutting::head(word, width);
                if let Some(line) = lines.last_mut() {
                    line.push_str(part);
                }
                lines.push(String::new());
                word = word.get(part.len()..).unwrap_or_default();
            }
            if let Some(line) = lines.last_mut() {
                line.push_str(word);
            }
        }
        lines
    }

    fn ellipsis(self) -> &'static str {
        if self.ascii { "..." } else { "…" }
    }
}

/// What begins a colour, up to the `m` behind it. Nothing else that a terminal would obey gets into
/// a text, see [`one_line`].
const ESCAPE: &str = "\x1b[";
/// Ends all colours.
const RESET: &str = "\x1b[0m";

/// Columns that a text takes in a terminal.
pub(crate) fn columns(text: &str) -> usize {
    let mut columns = 0;
    let mut rest = text;
    while let Some((before, colour)) = rest.split_once(ESCAPE) {
        columns += cutting::width(before);
        rest = colour.split_once('m').map_or("", |(_, rest)| rest);
    }
    columns + cutting::width(rest)
}

/// The start of a text that takes at most so many columns, with the colours in it.
fn head(text: &str, width: usize) -> &str {
    let mut left = width;
    let mut from = 0;
    loop {
        let rest = text.get(from..).unwrap_or_default();
        let (plain, colour) = rest.split_at(rest.find(ESCAPE).unwrap_or(rest.len()));
        let taken = cutting::width(plain);
        if taken > left {
            return text.get(..from + cutting::head(plain, left).len()).unwrap_or_default();
        }
        if colour.is_empty() {
            return text;
        }
        left -= taken;
        from += plain.len() + colour.find('m').map_or(colour.len(), |at| at + 1);
    }
}

/// One line without anything that a terminal would obey: control characters and the marks that turn
/// the direction of writing become `\u{…}`, line breaks become spaces.
#[must_use]
pub fn one_line(text: impl AsRef<std::ffi::OsStr>) -> String {
    let text = text.as_ref().to_string_lossy();
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => line.push(' '),
            c if is_obeyed(c) => line.extend(c.escape_unicode()),
            c => line.push(c),
        }
    }
    line
}

/// Pads to a width of columns, at the left.
pub(crate) fn right(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(cutting::width(text))))
}

/// Pads to a width of columns, at the right.
pub(crate) fn left(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(cutting::width(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: Style = Style { width: 80, colour: false, ascii: false };

    #[test]
    fn nothing_reaches_the_terminal_that_it_would_obey() {
        assert_eq!(one_line("a\x1b[31mb\nc\u{202e}d"), "a\\u{1b}[31mb c\\u{202e}d");
        assert_eq!(one_line("\u{61c}\u{9b}"), "\\u{61c}\\u{9b}");
    }

    #[test]
    fn colours_take_no_columns_and_end_where_text_is_cut() {
        let style = Style { colour: true, ..STYLE };
        let text = format!("ab {} gh", style.bold("cdef"));
        assert_eq!(columns(&text), 10);
        assert_eq!(style.cut(&text, 10), text);
        assert_eq!(style.cut(&text, 6), "ab \x1b[1mcd…\x1b[0m");
        assert_eq!(style.cut(&text, 3), "ab…");
        assert_eq!(style.cut(&text, 8), "ab \x1b[1mcdef\x1b[0m…\x1b[0m");
    }

    #[test]
    fn text_is_broken_between_words() {
        let filled = |text: &str, width| STYLE.fill(text, width);
        assert_eq!(filled("one two  three", 7), ["one two", "three"]);
        assert_eq!(filled("one twothree", 5), ["one", "twoth", "ree"]);
        assert_eq!(filled("日本語です x", 5), ["日本", "語で", "す x"]);
        assert_eq!(filled("", 5), [""]);
    }

    #[test]
    fn text_is_cut_by_columns_and_not_by_bytes() {
        assert_eq!(STYLE.cut("abcdef", 6), "abcdef");
        assert_eq!(STYLE.cut("abcdef", 4), "abc…");
        assert_eq!(STYLE.cut("日本語です", 5), "日本…");
        assert_eq!(STYLE.cut_middle("/home/user/project/module.py", 16), "/home/…module.py");
        assert_eq!(cutting::width(&STYLE.cut_middle("日本語ですね", 7)), 7);
        assert_eq!(STYLE.cut("abc", 0), "…");
        assert_eq!(STYLE.cut_left("/home/module.py:3 f", 13), "…odule.py:3 f");
    }
}
