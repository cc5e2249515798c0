//! Styles by meaning, and what a terminal without colours or without Unicode gets.
//!
//! Only the terminal's own sixteen colours are used, so that the user's choice of a light or dark
//! background holds. No colour carries a meaning alone: a glyph, a word or a place says it too.
//! Screens draw as if colours and Unicode were there; [`adapt`] takes away at the end what is not.

use npprof_findings::Severity;
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
/// Bytes copied.
pub(crate) const COPIED: Style = Style::new().fg(Color::Yellow);
/// The moment that the user looks at.
pub(crate) const CURSOR: Style = Style::new().add_modifier(Modifier::REVERSED);
/// What was searched for.
pub(crate) const MATCH: Style = Style::new().add_modifier(Modifier::REVERSED);
/// The high-water mark.
pub(crate) const HIGH_WATER: Style = Style::new().add_modifier(Modifier::BOLD);
/// Something the user should know.
pub(crate) const NOTICE: Style = Style::new().add_modifier(Modifier::BOLD);
/// Figures are wrong, or something is lost.
pub(crate) const ALARM: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
/// Something that costs; a mark or a word beside it says so too.
pub(crate) const WARNING: Style = Style::new().fg(Color::Yellow);
/// Text of the program's source.
pub(crate) const SOURCE: Style = Style::new().fg(Color::Blue);
/// A word of the language in source.
pub(crate) const KEYWORD: Style = Style::new().fg(Color::Magenta);
/// A number in source.
pub(crate) const NUMBER: Style = Style::new().fg(Color::Cyan);
/// What a loop uses.
pub(crate) const USED: Style = Style::new().fg(Color::Cyan);
/// The name of a tab.
pub(crate) const TAB: Style = Style::new().add_modifier(Modifier::DIM);
/// The name of the tab that is shown.
pub(crate) const TAB_SHOWN: Style =
    Style::new().add_modifier(Modifier::BOLD).add_modifier(Modifier::UNDERLINED);
/// A key, where keys are explained.
pub(crate) const KEY: Style = Style::new().add_modifier(Modifier::BOLD);

/// A mark for how much a finding matters.
pub(crate) const fn severity_mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "i",
        Severity::Warning => "!",
        Severity::Error => "‼",
    }
}

/// Its style.
pub(crate) const fn severity(severity: Severity) -> Style {
    match severity {
        Severity::Info => QUIET,
        Severity::Warning => WARNING,
        Severity::Error => ALARM,
    }
}

/// Which colours stand for those of the styles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Palette {
    /// The terminal's own sixteen.
    #[default]
    Terminal,
    /// Fixed ones for a dark background, told apart by colour-blind people too.
    Dark,
    /// The same for a light background.
    Light,
}

impl Palette {
    pub(crate) const fn next(self) -> Self {
        match self {
            Self::Terminal => Self::Dark,
            Self::Dark => Self::Light,
            Self::Light => Self::Terminal,
        }
    }

    /// What it is, for the user.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Terminal => "colours: the terminal's own",
            Self::Dark => "colours: for a dark background, safe for colour-blind people",
            Self::Light => "colours: for a light background, safe for colour-blind people",
        }
    }

    /// After Okabe and Ito, lighter or darker for the sake of contrast.
    const fn colour(self, colour: Color) -> Color {
        match (self, colour) {
            (Self::Terminal, colour) => colour,
            (Self::Dark, Color::Cyan) => Color::Rgb(86, 180, 233),
            (Self::Dark, Color::Magenta) => Color::Rgb(225, 155, 195),
            (Self::Dark, Color::Yellow) => Color::Rgb(240, 200, 60),
            (Self::Dark, Color::Red) => Color::Rgb(240, 115, 40),
            (Self::Dark, Color::Blue) => Color::Rgb(0, 190, 145),
            (Self::Light, Color::Cyan) => Color::Rgb(0, 98, 155),
            (Self::Light, Color::Magenta) => Color::Rgb(150, 70, 120),
            (Self::Light, Color::Yellow) => Color::Rgb(150, 95, 0),
            (Self::Light, Color::Red) => Color::Rgb(180, 60, 0),
            (Self::Light, Color::Blue) => Color::Rgb(0, 105, 80),
            (_, colour) => colour,
        }
    }
}

/// Gives a drawn frame the colours of a palette. The program's own colours are numbered and stay.
pub(crate) fn tint(buffer: &mut Buffer, palette: Palette) {
    if palette == Palette::Terminal {
        return;
    }
    for cell in &mut buffer.content {
        cell.fg = palette.colour(cell.fg);
        cell.bg = palette.colour(cell.bg);
    }
}

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
        "┌" | "┐" | "┘" => "+",
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
        "·" | "⋯" => ".",
        "■" => "#",
        "‼" => "!",
        "−" => "-",
        "≤" => "<",
        "×" => "x",
        "└" => "+",
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
