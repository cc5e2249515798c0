//! Styles by meaning, and what a terminal without colours or without Unicode gets.
//!
//! Only the terminal's own sixteen colours are used, so that the user's choice of a light or dark
//! background holds. No colour carries a meaning alone: a glyph, a word or a place says it too.
//! Screens draw as if colours and Unicode were there; [`adapt`] takes away at the end what is not.

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};
use unicode_width::UnicodeWidthStr;

use crate::Options;

/// The line at the top.
pub(crate) const HEADER: Style = Style::new().add_modifier(Modifier::REVERSED);
/// The name of a thing, beside its value.
pub(crate) const LABEL: Style = Style::new().add_modifier(Modifier::DIM);
/// A figure that matters.
pub(crate) const VALUE: Style = Style::new().add_modifier(Modifier::BOLD);
/// Ordinary text.
pub(crate) const TEXT: Style = Style::new();
/// What can be done without.
pub(crate) const QUIET: Style = Style::new().add_modifier(Modifier::DIM);
/// The title of a part, and the line it stands on.
pub(crate) const TITLE: Style = Style::new();
/// The same for the part that has the focus; its line is also thicker.
pub(crate) const TITLE_FOCUSED: Style = Style::new().fg(Color::Cyan).add_modifier(Modifier::BOLD);
/// The row that is selected.
pub(crate) const SELECTED: Style = Style::new().add_modifier(Modifier::REVERSED);
/// The column by which a table is sorted; it also has an arrow.
pub(crate) const SORTED: Style = Style::new().add_modifier(Modifier::BOLD);
/// Live bytes.
pub(crate) const LIVE: Style = Style::new().fg(Color::Cyan);
/// The most that was alive in an interval.
pub(crate) const PEAK: Style = Style::new().fg(Color::Cyan).add_modifier(Modifier::DIM);
/// Resident set.
pub(crate) const RSS: Style = Style::new().fg(Color::Magenta);
/// The high-water mark.
pub(crate) const HIGH_WATER: Style = Style::new().add_modifier(Modifier::BOLD);
/// Something the user should know.
pub(crate) const NOTICE: Style = Style::new().add_modifier(Modifier::BOLD);
/// Figures are wrong, or something is lost.
pub(crate) const ALARM: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
/// A key, where keys are explained.
pub(crate) const KEY: Style = Style::new().add_modifier(Modifier::BOLD);

/// Takes from a drawn frame what the terminal is not to get.
pub(crate) fn adapt(buffer: &mut Buffer, options: Options) {
    if !options.colour {
        for cell in &mut buffer.content {
            cell.fg = Color::Reset;
            cell.bg = Color::Reset;
            cell.underline_color = Color::Reset;
        }
    }
    if options.ascii {
        for index in 0..buffer.content.len() {
            let symbol = buffer.content[index].symbol();
            if symbol.is_ascii() {
                continue;
            }
            let is_wide = symbol.width() > 1;
            let ascii = ascii_for(symbol);
            buffer.content[index].set_symbol(ascii);
            // The second half of a wide character stood empty.
            if is_wide && let Some(next) = buffer.content.get_mut(index + 1) {
                next.set_symbol("?");
            }
        }
    }
}

fn ascii_for(symbol: &str) -> &'static str {
    match symbol {
        "─" | "▔" | "—" | "–" | "├" | "┤" => "-",
        "━" => "=",
        "│" => "|",
        "┌" | "┐" | "└" | "┘" => "+",
        "█" | "▇" => "#",
        "▆" | "▅" | "▄" => "o",
        "▃" | "▂" => ".",
        "▁" => "_",
        "▉" | "▊" | "▋" | "▌" => "=",
        "▍" | "▎" | "▏" => "-",
        "░" => ":",
        "▲" | "↑" => "^",
        "▼" | "↓" => "v",
        "…" => "~",
        "·" => ".",
        "µ" => "u",
        "→" | "▸" => ">",
        "←" => "<",
        _ => "?",
    }
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;

    use super::*;

    fn adapted(text: &str, options: Options) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 1));
        buffer.set_string(0, 0, text, Style::new().fg(Color::Red).bg(Color::Blue));
        adapt(&mut buffer, options);
        buffer
    }

    #[test]
    fn a_terminal_with_ascii_only_gets_ascii_only() {
        let buffer = adapted("µs 漢 …é", Options { ascii: true, ..Options::default() });
        let text: String = buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect();
        assert_eq!(text, "us ?? ~?");
    }

    #[test]
    fn without_colours_no_cell_has_one() {
        let buffer = adapted("text", Options { colour: false, ..Options::default() });
        assert!(buffer.content.iter().all(|cell| cell.fg == Color::Reset));
        assert!(buffer.content.iter().all(|cell| cell.bg == Color::Reset));
    }
}
