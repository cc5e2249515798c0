//! Text in the columns of a terminal: how many it takes, and where to cut it.
//!
//! Texts are measured as wholes, because what several characters make together, such as a letter with
//! its accents or a family of emoji, may be narrower than its parts.

use unicode_width::UnicodeWidthStr;

/// Columns that a text takes.
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// The longest beginning of a text that takes at most so many columns.
#[must_use]
pub fn head(text: &str, columns: usize) -> &str {
    let mut end = 0;
    for (at, c) in text.char_indices() {
        let next = at + c.len_utf8();
        if width(text.get(..next).unwrap_or_default()) > columns {
            break;
        }
        end = next;
    }
    text.get(..end).unwrap_or_default()
}

/// The longest end of a text that takes at most so many columns.
#[must_use]
pub fn tail(text: &str, columns: usize) -> &str {
    let mut start = text.len();
    for (at, _) in text.char_indices().rev() {
        if width(text.get(at..).unwrap_or_default()) > columns {
            break;
        }
        start = at;
    }
    text.get(start..).unwrap_or_default()
}

/// A text in at most so many columns, with a mark where its end was cut off.
#[must_use]
pub fn cut_end(text: &str, columns: usize, mark: &str) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    format!("{}{mark}", head(text, columns.saturating_sub(width(mark))))
}

/// A text in at most so many columns, with a mark where its beginning was cut off.
#[must_use]
pub fn cut_start(text: &str, columns: usize, mark: &str) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    format!("{mark}{}", tail(text, columns.saturating_sub(width(mark))))
}

/// A text in at most so many columns, with a mark where its middle was cut out. The end is kept a
/// little longer.
#[must_use]
pub fn cut_middle(text: &str, columns: usize, mark: &str) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let kept = columns.saturating_sub(width(mark));
    let front = kept * 2 / 5;
    format!("{}{mark}{}", head(text, front), tail(text, kept - front))
}

/// Whether a terminal would obey this character instead of showing it: control characters, and those
/// that turn the direction of the text around them.
#[must_use]
pub fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_columns_and_are_not_halved() {
        assert_eq!(cut_end("漢字漢字", 8, "…"), "漢字漢字");
        assert_eq!(cut_end("漢字漢字", 5, "…"), "漢字…");
        assert_eq!(cut_end("漢字漢字", 4, "…"), "漢…");
        assert_eq!(cut_start("漢字漢字", 4, "…"), "…字");
        assert_eq!(cut_middle("漢字漢字漢字", 8, "…"), "漢…漢字");
    }

    #[test]
    fn what_belongs_together_takes_its_own_columns() {
        assert_eq!(head("e\u{301}e\u{301}x", 2), "e\u{301}e\u{301}");
        assert_eq!(tail("xe\u{301}y", 2), "e\u{301}y");
    }

    #[test]
    fn a_mark_takes_its_columns_too() {
        assert_eq!(cut_end("abcdefgh", 6, "..."), "abc...");
        assert_eq!(cut_start("abcdefgh", 6, "..."), "...fgh");
        assert_eq!(cut_middle("abcdefghij", 7, "…"), "ab…ghij");
    }

    #[test]
    fn accents_and_letters_are_shown_and_not_obeyed() {
        assert!(["é", "漢", "\u{301}"].iter().all(|text| !text.contains(is_obeyed)));
        let obeyed = ["\x1b", "\n", "\u{9b}", "\u{202e}", "\u{61c}"];
        assert!(obeyed.iter().all(|text| text.contains(is_obeyed)));
    }
}
