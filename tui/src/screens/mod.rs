//! Screens: functions from what there is to see into a frame.

pub(crate) mod help;
pub(crate) mod leave;
pub(crate) mod overview;
pub(crate) mod site;
pub(crate) mod sites;

use ratatui::Frame;
use ratatui::text::Line;

use crate::app::{App, Popup};
use crate::widgets::popup;

/// Draws the dashboard.
pub(crate) fn render(app: &App, frame: &mut Frame<'_>) {
    overview::render(app, frame);
    let area = frame.area();
    match app.popup {
        Some(Popup::Leave) => frame.render_widget(leave::popup(app.is_stopping, area), area),
        Some(Popup::Help { scroll }) => frame.render_widget(help::popup(scroll), area),
        Some(Popup::Site { scroll }) => {
            if let Some(site) = app.sites.selected_site(&app.snapshot.sites) {
                frame.render_widget(site::popup(site, &app.snapshot, scroll, area.width), area);
            }
        }
        None => {}
    }
}

/// How far what lies over the screen can be scrolled.
pub(crate) fn max_scroll(app: &App, popup: Popup) -> u16 {
    let area = app.area();
    let lines: Vec<Line<'_>> = match popup {
        Popup::Help { .. } => help::lines(),
        Popup::Site { .. } => match app.sites.selected_site(&app.snapshot.sites) {
            Some(site) => site::lines(site, &app.snapshot, site::text_width(area.width)),
            None => Vec::new(),
        },
        Popup::Leave => Vec::new(),
    };
    popup::Popup::max_scroll(lines.len(), area)
}
