//! The program's output.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::app::App;
use crate::tab::Tab;
use crate::theme;
use crate::widgets::rule::Rule;
use crate::widgets::terminal_view::TerminalView;

/// What a viewer sees.
const ELSEWHERE: [&str; 2] =
    ["  The program's output is in the terminal", "  where npprof run was started."];
/// What it sees of a run that is over.
const ENDED: [&str; 2] =
    ["  A report has figures only, and not", "  what the program has written."];

pub(crate) fn render(app: &App, frame: &mut Frame<'_>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let is_typing = app.is_typing();
    let title = match (is_typing, app.end.is_some()) {
        (true, _) if area.width >= 72 => "Output: keys go to the program, F12 or Ctrl-] returns",
        (true, _) => "Output: F12 returns",
        (false, true) => "Output (the program has ended)",
        (false, false) => "Output",
    };
    let (needle, (place, n_matches)) = app.output.search_state();
    let aside = match (needle.is_empty(), n_matches, app.output.is_held()) {
        (false, 0, _) => Line::styled("no match", theme::NOTICE),
        (false, _, true) => Line::styled(format!("match {place} of {n_matches}"), theme::NOTICE),
        (_, _, true) => Line::styled("earlier output, f follows", theme::NOTICE),
        _ => Line::default(),
    };
    let has_focus = app.tab == Tab::Output && app.popup.is_none();
    let rule = Rule { title, has_focus, aside };
    frame.render_widget(rule, Rect { height: 1, ..area });
    let area = Rect { y: area.y + 1, height: area.height - 1, ..area };
    if app.is_viewer() {
        let lines = if app.end.is_some() { ENDED } else { ELSEWHERE };
        let lines = lines.map(|line| Line::styled(line, theme::QUIET));
        frame.render_widget(Paragraph::new(lines.to_vec()), area);
        return;
    }
    let first_row = app.output.first_row(area.height, is_typing);
    let view = TerminalView { screen: app.output.screen(), first_row, needle };
    frame.render_widget(view, area);
    if is_typing && let Some(cursor) = app.output.cursor() {
        let place = Position::new(
            area.x.saturating_add(cursor.x),
            area.y.saturating_add(cursor.y.saturating_sub(first_row)),
        );
        if cursor.y >= first_row && area.contains(place) {
            frame.set_cursor_position(place);
        }
    }
}
