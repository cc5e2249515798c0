//! What is around every tab: the command and its state, the tabs, what is wrong, the keys.

use npprof_model::units::grouped;
use npprof_model::{Exit, Process, RunState, Snapshot};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::Areas;
use crate::app::{App, Popup};
use crate::keys;
use crate::tab::Tab;
use crate::text::{clean, fit_end, fit_middle, relative, to_u16, width};
use crate::theme;

const MAX_NOTICES: usize = 3;

pub(crate) fn render(app: &App, areas: &Areas, frame: &mut Frame<'_>) {
    frame.render_widget(header(app, areas.header.width), areas.header);
    frame.render_widget(tabs(app, areas.tabs.width), areas.tabs);
    render_notices(&app.data.snapshot, frame, areas.notices);
    frame.render_widget(footer(app, areas.footer.width), areas.footer);
}

/// The top line: the command, and where it stands.
fn header(app: &App, columns: u16) -> Paragraph<'static> {
    let columns = usize::from(columns);
    let snapshot = &*app.data.snapshot;
    let dropped = match snapshot.totals.n_dropped {
        0 => String::new(),
        n => format!(" ! {} events dropped ", grouped(n)),
    };
    let elapsed = snapshot.elapsed.to_string();
    let states = states(app);
    let min_command = 16.min(columns / 3);
    let room = columns.saturating_sub(width(&dropped) + min_command);
    let state = states
        .iter()
        .map(|state| format!(" {state} {elapsed:>11} "))
        .chain(states.last().map(|state| format!(" {state} ")))
        .find(|state| width(state) <= room)
        .unwrap_or_else(|| fit_end(states.last().map_or("", String::as_str), room));
    let left = columns.saturating_sub(width(&dropped) + width(&state));
    let mut command = clean(&snapshot.command.join(" "));
    let title = match app.is_viewer() {
        _ if left < 24 => " ",
        true => " npprof view  ",
        false => " npprof  ",
    };
    let room = left.saturating_sub(width(title));
    if width(&command) > room {
        command = without_folder(&snapshot.command);
    }
    let command = fit_end(&command, room);
    let gap = left.saturating_sub(width(title) + width(&command));
    let line = Line::from(vec![
        Span::styled(title, theme::VALUE),
        Span::raw(command),
        Span::raw(" ".repeat(gap)),
        Span::styled(dropped, theme::ALARM),
        Span::styled(state, theme::VALUE),
    ]);
    Paragraph::new(line).style(theme::HEADER)
}

/// The command without the folder of its program, which says least.
fn without_folder(command: &[String]) -> String {
    let Some((program, arguments)) = command.split_first() else { return String::new() };
    let name = program.rsplit('/').next().unwrap_or(program);
    clean(&[&[name.to_owned()], arguments].concat().join(" "))
}

/// Where the run stands, from the longest way to say it to the shortest.
fn states(app: &App) -> Vec<String> {
    if let Some(exit) = app.end {
        let end = match exit {
            Exit::Running => "status unknown".to_owned(),
            exit => exit.to_string(),
        };
        let finished = format!("finished, {end}");
        // A viewer may have been started in another folder.
        let cwd = if app.is_viewer() { "" } else { &app.data.snapshot.cwd };
        let report = app.report.as_deref().map(|path| relative(path, cwd));
        let reports = report.iter().flat_map(|path| {
            let name = path.rsplit('/').next().unwrap_or(path);
            [path, name].map(|path| format!("{finished}, report in {path}"))
        });
        return reports.chain([format!("{finished} — q leaves"), finished.clone(), end]).collect();
    }
    let state = if app.is_frozen {
        "frozen, Space goes on"
    } else if app.is_stopping {
        "stopping"
    } else if app.data.snapshot.state == RunState::Starting {
        "starting"
    } else {
        "running"
    };
    vec![state.to_owned(), fit_end(state, 8)]
}

/// The names of the tabs in a line, each with the column behind it.
fn tab_names(app: &App, columns: u16) -> Vec<(Tab, String)> {
    let n_findings = app.data.findings.len();
    let count = |tab| match tab {
        Tab::Findings if n_findings > 0 => format!(" ({n_findings})"),
        _ => String::new(),
    };
    let long = |tab: Tab| format!(" {} {}{} ", tab.place() + 1, tab.title(), count(tab));
    let short = |tab: Tab| format!(" {} {}{} ", tab.place() + 1, tab.short(), count(tab));
    let bare = |tab: Tab| format!(" {} {}", tab.place() + 1, tab.short());
    let active = |tab: Tab| {
        let name = if tab == app.tab { tab.short() } else { "" };
        format!(" {} {name}", tab.place() + 1)
    };
    let number = |tab: Tab| (tab.place() + 1).to_string();
    let ways: [&dyn Fn(Tab) -> String; 5] = [&long, &short, &bare, &active, &number];
    let mut names = Vec::new();
    for way in ways {
        names = Tab::ALL.map(|tab| (tab, way(tab))).to_vec();
        let whole: usize = names.iter().map(|(_, name)| width(name)).sum();
        if whole < usize::from(columns) {
            break;
        }
    }
    names
}

fn tabs(app: &App, columns: u16) -> Paragraph<'static> {
    let spans = tab_names(app, columns).into_iter().map(|(tab, name)| {
        let style = if tab == app.tab { theme::TAB_SHOWN } else { theme::TAB };
        Span::styled(name, style)
    });
    Paragraph::new(Line::from_iter(spans))
}

/// The tab whose name stands in this column.
pub(crate) fn tab_at(app: &App, column: u16) -> Option<Tab> {
    let mut end = 0;
    tab_names(app, app.area().width).into_iter().find_map(|(tab, name)| {
        end += to_u16(width(&name));
        (column < end).then_some(tab)
    })
}

/// Lines that say what is wrong with the figures.
pub(crate) fn n_notices(snapshot: &Snapshot) -> usize {
    notices(snapshot).count().min(MAX_NOTICES)
}

/// What the user should know about the figures, most important first.
fn notices(snapshot: &Snapshot) -> impl Iterator<Item = String> {
    let incomplete = snapshot.incomplete.iter().map(|line| format!("incomplete: {}", clean(line)));
    let of_process = |process: &Process| {
        let pid = process.pid;
        let notices: Vec<_> = process.notices.iter().map(|line| (pid, clean(line))).collect();
        notices
    };
    let is_one = snapshot.processes.len() == 1;
    let others = snapshot.processes.iter().flat_map(of_process);
    incomplete.chain(
        others.map(move |(pid, line)| if is_one { line } else { format!("process {pid}: {line}") }),
    )
}

fn render_notices(snapshot: &Snapshot, frame: &mut Frame<'_>, area: Rect) {
    let rows = usize::from(area.height);
    let n = notices(snapshot).count();
    let columns = usize::from(area.width);
    let lines: Vec<_> = notices(snapshot)
        .take(rows)
        .enumerate()
        .map(|(row, notice)| {
            let more = if row + 1 == rows && n > rows {
                format!(" (and {} more in the report)", n - rows)
            } else {
                String::new()
            };
            let room = columns.saturating_sub(width(&more) + 3);
            Line::styled(format!(" ! {}{more}", fit_end(&notice, room)), theme::NOTICE)
        })
        .collect();
    frame.render_widget(Paragraph::new(lines), area);
}

/// The bottom line: what is being typed, a message, or the keys that work now.
fn footer(app: &App, columns: u16) -> Paragraph<'static> {
    let columns = usize::from(columns);
    if app.is_filtering {
        let filter = clean(&app.list().filter);
        let room = columns.saturating_sub(10);
        let (name, hint) = match app.tab {
            Tab::Output => (" Search: ", "  Enter keeps it, Esc ends it"),
            _ => (" Filter: ", "  Enter keeps it, Esc shows all"),
        };
        let mut spans = vec![
            Span::styled(name, theme::KEY),
            Span::raw(fit_middle(&filter, room)),
            Span::styled("▏", theme::KEY),
        ];
        if width(&filter) + width(hint) + 10 <= columns {
            spans.push(Span::styled(hint, theme::QUIET));
        }
        return Paragraph::new(Line::from(spans));
    }
    if let Some(message) = &app.message {
        let message = fit_middle(&clean(message), columns.saturating_sub(1));
        return Paragraph::new(Line::styled(format!(" {message}"), theme::NOTICE));
    }
    let mut spans = Vec::new();
    let mut used = 0;
    for (key, hint) in hints(app) {
        let key = format!(" {key} ");
        let hint = format!("{hint} ");
        used += width(&key) + width(&hint);
        if used > columns {
            break;
        }
        spans.push(Span::styled(key, theme::KEY));
        spans.push(Span::styled(hint, theme::QUIET));
    }
    Paragraph::new(Line::from(spans))
}

/// Keys and what they do, most important first.
fn hints(app: &App) -> Vec<(&'static str, &'static str)> {
    match app.popup {
        Some(Popup::Help { .. }) => return vec![("Esc", "close")],
        Some(Popup::Site { .. }) => {
            return vec![("Esc", "close"), ("←→", "other sites"), ("o", "editor"), ("y", "copy")];
        }
        _ => {}
    }
    let bindings: Vec<_> = if app.is_typing() {
        keys::TYPING.bindings.iter().collect()
    } else {
        let has_list = app.tab.has_list();
        let groups = keys::DASHBOARD.iter().rev().filter(|group| has_list || !group.is_of_lists);
        groups.flat_map(|group| group.bindings).collect()
    };
    let own: &[_] = match app.tab {
        Tab::Overview => &[("←→", "look back")],
        Tab::Findings => &[("y", "copy the fix")],
        Tab::Output if !app.list().filter.is_empty() => &[("n", "match before"), ("N", "after")],
        Tab::Output if app.has_program() && !app.is_typing() => {
            &[("Enter", "type"), ("/", "search"), ("f", "hold")]
        }
        Tab::Output if !app.is_viewer() && !app.is_typing() => &[("/", "search")],
        _ => &[],
    };
    let general = bindings
        .into_iter()
        .filter(|binding| !binding.hint.is_empty())
        .map(|binding| (binding.shown, binding.hint));
    let mut hints: Vec<_> = general.collect();
    // Behind how to leave.
    let place = hints.len().min(1);
    hints.splice(place..place, own.iter().copied());
    hints
}
