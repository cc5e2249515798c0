//! The questions before a running program is left or stopped.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::text::{fit_end, width};
use crate::theme;
use crate::widgets::popup::Popup;

const STOP: Choice = ("s", "top it (SIGTERM)");
const KILL: Choice = ("k", "ill it (SIGKILL)");
const LEAVE: Choice = ("l", "eave it running and write the report at its end");
const CANCEL: Choice = ("c", "ancel");

/// A key, and what follows it in the words for what it does.
type Choice = (&'static str, &'static str);

/// The question before npprof is left.
pub(crate) fn to_leave(is_stopping: bool, area: Rect) -> Popup<'static> {
    popup("Leave npprof?", is_stopping, &[LEAVE, CANCEL], area)
}

/// The question before the program is stopped.
pub(crate) fn to_stop(is_stopping: bool, area: Rect) -> Popup<'static> {
    popup("Stop the program?", is_stopping, &[CANCEL], area)
}

/// A question in a box, in as many lines as the screen's width needs.
fn popup(title: &str, is_stopping: bool, choices: &[Choice], area: Rect) -> Popup<'static> {
    let (question, first) = if is_stopping {
        ("The program has not stopped yet:", KILL)
    } else {
        ("The program still runs:", STOP)
    };
    let columns = usize::from(area.width.saturating_sub(4));
    let mut lines = wrap(question, columns, 0);
    for (key, rest) in [first].iter().chain(choices) {
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
    Popup { title: title.to_owned(), lines, scroll: 0, foot: "" }
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
