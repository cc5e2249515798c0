//! Screens: functions from what there is to see into a frame, and what each tab lists.

pub(crate) mod header;

pub(crate) mod overview;

pub(crate) mod copies;
pub(crate) mod findings;
pub(crate) mod growth;
pub(crate) mod layout;
pub(crate) mod processes;
pub(crate) mod sites;

pub(crate) mod output;

pub(crate) mod help;
pub(crate) mod leave;
pub(crate) mod site;

mod areas;

pub(crate) use areas::Areas;

use npprof_model::SiteId;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::app::{App, Popup};
use crate::data::Data;
use crate::list::Listing;
use crate::tab::Tab;
use crate::widgets::list_view::ListView;
use crate::widgets::popup;
use crate::widgets::rule::Rule;

/// What a tab lists; `None` for the program's output.
pub(crate) fn listing(tab: Tab, data: &Data) -> Option<Box<dyn Listing + '_>> {
    Some(match tab {
        Tab::Overview | Tab::Sites => Box::new(sites::Sites::new(data)),
        Tab::Copies => Box::new(copies::Copies::new(data)),
        Tab::Layout => Box::new(layout::Walks::new(data)),
        Tab::Findings => Box::new(findings::Findings::new(data)),
        Tab::Growth => Box::new(growth::Growing::new(data)),
        Tab::Processes => Box::new(processes::Tree::new(data)),
        Tab::Output => return None,
    })
}

/// The call site that a row of a tab's list is about.
pub(crate) fn site_of(tab: Tab, data: &Data, row: usize) -> Option<SiteId> {
    match tab {
        Tab::Overview | Tab::Sites => sites::Sites::new(data).site(row),
        Tab::Copies => copies::Copies::new(data).site(row),
        Tab::Layout => layout::Walks::new(data).site(row),
        Tab::Findings => data.findings.get(row)?.sites.first().copied(),
        Tab::Growth => growth::Growing::new(data).site(row),
        Tab::Processes | Tab::Output => None,
    }
}

/// Draws the dashboard.
pub(crate) fn render(app: &App, frame: &mut Frame<'_>) {
    let areas = app.areas();
    header::render(app, &areas, frame);
    match app.tab {
        Tab::Overview => overview::render(app, &areas, frame),
        Tab::Output => output::render(app, frame, areas.output),
        tab => {
            render_list(app, tab.title(), frame, areas.list);
            render_details(app, frame, areas.details);
        }
    }
    render_popup(app, frame);
}

/// Where boxes over the screen may lie: header, tabs and keys stay in sight if there is room.
fn popup_area(screen: Rect) -> Rect {
    if screen.height < 20 {
        return screen;
    }
    Rect { y: screen.y + 2, height: screen.height - 3, ..screen }
}

fn render_popup(app: &App, frame: &mut Frame<'_>) {
    let area = popup_area(frame.area());
    match app.popup {
        Some(Popup::Leave) => frame.render_widget(leave::to_leave(app.is_stopping, area), area),
        Some(Popup::Stop) => frame.render_widget(leave::to_stop(app.is_stopping, area), area),
        Some(Popup::Help { scroll }) => frame.render_widget(help::popup(scroll), area),
        Some(Popup::Site { site, scroll }) => {
            if let Some(popup) = site::popup(site, &app.data, scroll, area.width) {
                frame.render_widget(popup, area);
            }
        }
        None => {}
    }
}

/// The list of the tab.
pub(crate) fn render_list(app: &App, title: &str, frame: &mut Frame<'_>, area: Rect) {
    let Some(listing) = listing(app.tab, &app.data) else { return };
    let view = ListView {
        title,
        list: app.list(),
        listing: &*listing,
        has_focus: app.popup.is_none(),
        filters: &app.data.filters(),
    };
    frame.render_widget(view, area);
}

/// What is to be said about the selected row.
fn render_details(app: &App, frame: &mut Frame<'_>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let columns = usize::from(area.width.saturating_sub(3));
    let rows = usize::from(area.height.saturating_sub(1));
    let row = listing(app.tab, &app.data).and_then(|listing| app.list().selected(&*listing));
    let (title, lines) = match (app.tab, row) {
        (Tab::Findings, Some(row)) => ("Finding", findings::details(&app.data, row, columns)),
        (Tab::Layout, Some(row)) => {
            ("How the loop walks", layout::details(&app.data, row, columns, rows))
        }
        (Tab::Copies, Some(row)) => ("Copy", copies::details(&app.data, row, columns)),
        (Tab::Sites, Some(row)) => {
            let lines = site_of(Tab::Sites, &app.data, row)
                .map(|site| site::lines(site, &app.data, columns))
                .unwrap_or_default();
            ("Selected site", lines)
        }
        _ => ("", Vec::new()),
    };
    if lines.is_empty() {
        return;
    }
    let rule = Rule { title, has_focus: false, aside: Line::default() };
    frame.render_widget(rule, Rect { height: 1, ..area });
    // Beside a list, with a gap.
    let margin = if area.x > 0 { 2 } else { 1 };
    let inner = Rect {
        x: area.x + margin,
        y: area.y + 1,
        width: area.width.saturating_sub(margin + 1),
        height: area.height - 1,
    };
    frame.render_widget(Paragraph::new(lines), inner);
}

/// How far what lies over the screen can be scrolled.
pub(crate) fn max_scroll(app: &App, popup: Popup) -> u16 {
    let area = popup_area(app.area());
    let lines: Vec<Line<'_>> = match popup {
        Popup::Help { .. } => help::lines(),
        Popup::Site { site, .. } => site::lines(site, &app.data, site::text_width(area.width)),
        Popup::Leave | Popup::Stop => Vec::new(),
    };
    popup::Popup::max_scroll(lines.len(), area)
}
