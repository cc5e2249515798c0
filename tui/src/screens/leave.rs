//! The question before a running program is left.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::text::{fit_end, width};
use crate::theme;
use crate::widgets::popup::Popup;

/// The question in a box, in as many lines as the screen's width needs.
pub(crate) fn popup(is_stopping: bool, area: Rect) -> Popup<'static> {
    let (question, choices): (_, &[(&str, &str)]) = if is_stopping {
        (
            "The program has not stopped yet:",
            &[
                ("k", "ill it (SIGKILL)"),
                ("l", "eave it running and write the report at its end"),
                ("c", "ancel"),
            ],
        )
    } else {
        (
            "The program still runs:",
            &[
                ("s", "top it"),
                ("l", "eave it running and write the report at its end"),
                ("c", "ancel"),
            ],
        )
    };
    let columns = usize::from(area.width.saturating_sub(4));
    let mut lines = wrap(question, columns, 0);
    for (key, rest) in choices {
        let mut wrapped = wrap(&format!("[{key}]{rest}"), columns, 3).into_iter();
        if let Some(first) = wrapped.next() {
            let text = first.to_string();
            let split = if text.is_char_boundary(3) { 3 } else { 0 };
            lines.push(Line::from(vec![
                Span::styled(text[..split].to_owned(), theme::KEY),
                Span::styled(text[split..].to_owned(), theme::TEXT),
            ]));
        }
        lines.extend(wrapped);
    }
    Popup { title: "Leave npprof?".to_owned(), lines, scroll: 0, foot: "" }
}

/// Breaks a text between words; lines after the first are indented.
fn wrap(text: &str, columns: usize, indent: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.trim().is_empty() && width(&line) + 1 + width(word) > columns {
            lines.push(Line::raw(fit_end(&line, columns)));
            line = " ".repeat(indent);
        } else if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(Line::raw(fit_end(&line, columns)));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_breaks_between_words() {
        let shown = |columns| -> Vec<String> {
            wrap("one two three", columns, 2).iter().map(ToString::to_string).collect()
        };
        assert_eq!(shown(20), ["one two three"]);
        assert_eq!(shown(9), ["one two", "  three"]);
        assert_eq!(shown(4), ["one", "  t…", "  t…"].map(|line| line));
    }
}
