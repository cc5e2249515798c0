//! A line of Python in colours: words of the language, numbers, text, comments.

use ratatui::style::Modifier;
use ratatui::text::Span;

use crate::theme;

const KEYWORDS: [&str; 33] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "not", "or", "pass", "raise", "return", "try", "while", "with",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Keyword,
    Number,
    Text,
    Comment,
}

/// The line in pieces; the whole of it bold if asked for. Text that began on another line is not
/// recognised as such.
pub(crate) fn highlighted(line: &str, is_bold: bool) -> Vec<Span<'static>> {
    let styled = |(kind, text): (Kind, &str)| {
        let style = match kind {
            Kind::Plain => theme::TEXT,
            Kind::Keyword => theme::KEYWORD,
            Kind::Number => theme::NUMBER,
            Kind::Text => theme::SOURCE,
            Kind::Comment => theme::QUIET,
        };
        let style = if is_bold { style.add_modifier(Modifier::BOLD) } else { style };
        Span::styled(text.to_owned(), style)
    };
    pieces(line).into_iter().map(styled).collect()
}

fn pieces(line: &str) -> Vec<(Kind, &str)> {
    let mut pieces: Vec<(Kind, &str)> = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let (kind, length) = match first {
            '#' => (Kind::Comment, rest.len()),
            '"' | '\'' => (Kind::Text, text_length(rest, first)),
            c if c.is_alphabetic() || c == '_' => {
                let length = length_of(rest, |c| c.is_alphanumeric() || c == '_');
                let is_keyword = KEYWORDS.contains(&&rest[..length]);
                (if is_keyword { Kind::Keyword } else { Kind::Plain }, length)
            }
            c if c.is_ascii_digit() => {
                (Kind::Number, length_of(rest, |c| c.is_ascii_alphanumeric() || "._".contains(c)))
            }
            c => (Kind::Plain, c.len_utf8()),
        };
        let (piece, after) = rest.split_at(length);
        pieces.push((kind, piece));
        rest = after;
    }
    pieces
}

fn length_of(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

/// Up to the quote that ends it, or to the end of the line.
fn text_length(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (place, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            c if c == quote => return place + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &[(Kind, &str)]) {
        let seen: Vec<_> =
            pieces(line).into_iter().filter(|(kind, _)| *kind != Kind::Plain).collect();
        assert_eq!(seen, expected);
        assert_eq!(pieces(line).iter().map(|(_, text)| *text).collect::<String>(), line);
    }

    #[test]
    fn words_numbers_text_and_comments_are_told_apart() {
        check(
            "x = a[1:20] # why",
            &[(Kind::Number, "1"), (Kind::Number, "20"), (Kind::Comment, "# why")],
        );
        check(
            "return 'a#\\'b' if x1 else 2.5e3",
            &[
                (Kind::Keyword, "return"),
                (Kind::Text, "'a#\\'b'"),
                (Kind::Keyword, "if"),
                (Kind::Keyword, "else"),
                (Kind::Number, "2.5e3"),
            ],
        );
        check("été = \"open", &[(Kind::Text, "\"open")]);
        check("", &[]);
    }
}
