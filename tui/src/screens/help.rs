//! Help, made from the key map.

use ratatui::text::{Line, Span};

use crate::keys::{self, Group};
use crate::text::width;
use crate::theme;
use crate::widgets::popup::Popup;

pub(crate) fn popup(scroll: u16) -> Popup<'static> {
    Popup { title: "Help".to_owned(), lines: lines(), scroll, foot: "Esc closes" }
}

/// All keys, and what the figures mean.
pub(crate) fn lines() -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for group in keys::DASHBOARD.iter().chain([&keys::TYPING]) {
        lines.push(Line::styled(group.title, theme::TITLE_FOCUSED));
        lines.extend(group_lines(group));
        lines.push(Line::default());
    }
    lines.push(Line::styled("Figures", theme::TITLE_FOCUSED));
    for (name, meaning) in FIGURES {
        lines.push(entry(name, meaning));
    }
    lines
}

const FIGURES: [(&str, &str); 8] = [
    ("live", "array bytes allocated and not yet freed"),
    ("high-water", "the largest live total so far"),
    ("at h-water", "what a site held at that moment"),
    ("allocated", "all bytes a site ever allocated"),
    ("temporary", "made and freed by one line, unnamed"),
    ("blocks", "calls of NumPy's allocator"),
    ("copied", "from one array to another"),
    ("RSS", "the process's memory, arrays and all else"),
];

fn group_lines(group: &Group) -> impl Iterator<Item = Line<'static>> {
    group.bindings.iter().map(|binding| entry(binding.shown, binding.what))
}

fn entry(name: &'static str, meaning: &'static str) -> Line<'static> {
    let gap = " ".repeat(12_usize.saturating_sub(width(name)));
    Line::from(vec![Span::styled(name, theme::KEY), Span::raw(gap), Span::raw(meaning)])
}
