//! What keys do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use npprof_model::{Nanos, SiteId};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{Action, App, Popup};
use crate::keys::{self, Command};
use crate::screens;
use crate::tab::Tab;
use crate::text::clean;
use crate::{Left, Stop, typing};

/// A second Ctrl-C within this time asks whether to leave.
const TWICE_TIME: Duration = Duration::from_secs(2);
/// Steps of the cursor from one end of the run to the other.
const CURSOR_STEPS: u64 = 80;
/// Longer filters are cut.
const MAX_FILTER: usize = 100;

impl App {
    pub(super) fn on_key(&mut self, key: KeyEvent, now: Instant) -> Option<Action> {
        match self.popup {
            Some(Popup::Leave) => return self.on_key_while_leaving(key, now),
            Some(Popup::Stop) => return self.on_key_while_stopping(key, now),
            _ => {}
        }
        if self.is_filtering && self.on_key_while_filtering(key) {
            return None;
        }
        if self.is_typing() {
            let Some(command) = keys::on_typing(key) else {
                self.output.follow();
                return Some(Action::SendInput(typing::encode_key(key, self.output.modes())?));
            };
            self.on_output_command(command);
            return None;
        }
        let command = keys::on_dashboard(key, &mut self.pending_key)?;
        match (command, self.popup) {
            (Command::Interrupt, _) => self.interrupt(now),
            (Command::Suspend, _) => Some(Action::Suspend),
            (Command::Freeze, _) => {
                self.freeze();
                None
            }
            (_, Some(popup)) => self.on_popup_command(command, popup),
            (Command::Leave, None) => self.ask_to_leave(),
            (_, None) => self.on_command(command, now),
        }
    }

    fn interrupt(&mut self, now: Instant) -> Option<Action> {
        if self.is_viewer() || self.end.is_some() {
            return Some(Action::Leave(self.how_left()));
        }
        let is_second = self.interrupted_at.is_some_and(|before| now < before + TWICE_TIME);
        if is_second {
            self.interrupted_at = None;
            return self.ask_to_leave();
        }
        self.interrupted_at = Some(now);
        self.say("sent Ctrl-C to the program; once more to leave npprof", now);
        Some(Action::Stop(Stop::Interrupt))
    }

    fn ask_to_leave(&mut self) -> Option<Action> {
        if self.is_viewer() || self.end.is_some() {
            return Some(Action::Leave(self.how_left()));
        }
        self.popup = Some(Popup::Leave);
        None
    }

    fn on_key_while_leaving(&mut self, key: KeyEvent, now: Instant) -> Option<Action> {
        if !(key.modifiers - KeyModifiers::SHIFT).is_empty() {
            return None;
        }
        match key.code {
            KeyCode::Char('s' | 'S') if !self.is_stopping => {
                self.is_leaving = true;
                self.stop("asked the program to stop (SIGTERM); q again if it does not", now)
            }
            KeyCode::Char('k' | 'K') if self.is_stopping => {
                self.is_leaving = true;
                self.kill(now)
            }
            KeyCode::Char('l' | 'L') => Some(Action::Leave(Left::StillRunning)),
            KeyCode::Char('c' | 'C') | KeyCode::Esc => {
                self.popup = None;
                self.is_leaving = false;
                None
            }
            _ => None,
        }
    }

    fn ask_to_stop(&mut self, now: Instant) {
        if self.is_viewer() {
            self.say("a viewer can't stop the program", now);
        } else if self.end.is_none() {
            self.popup = Some(Popup::Stop);
        }
    }

    fn on_key_while_stopping(&mut self, key: KeyEvent, now: Instant) -> Option<Action> {
        if !(key.modifiers - KeyModifiers::SHIFT).is_empty() {
            return None;
        }
        match key.code {
            KeyCode::Char('s' | 'S') if !self.is_stopping => {
                self.stop("asked the program to stop (SIGTERM); K again if it does not", now)
            }
            KeyCode::Char('k' | 'K') if self.is_stopping => self.kill(now),
            KeyCode::Char('c' | 'C') | KeyCode::Esc => {
                self.popup = None;
                None
            }
            _ => None,
        }
    }

    fn stop(&mut self, said: &str, now: Instant) -> Option<Action> {
        self.is_stopping = true;
        self.popup = None;
        self.say(said, now);
        Some(Action::Stop(Stop::Terminate))
    }

    fn kill(&mut self, now: Instant) -> Option<Action> {
        self.popup = None;
        self.say("killed the program (SIGKILL)", now);
        Some(Action::Stop(Stop::Kill))
    }

    /// Types the filter; says whether the key was for it.
    fn on_key_while_filtering(&mut self, key: KeyEvent) -> bool {
        let is_plain = (key.modifiers - KeyModifiers::SHIFT).is_empty();
        match key.code {
            KeyCode::Char(c) if is_plain => self.type_into_filter(c.encode_utf8(&mut [0; 4])),
            KeyCode::Char('u') if key.modifiers == KeyModifiers::CONTROL => self.clear_filter(),
            KeyCode::Backspace => {
                self.lists[self.tab.place()].filter.pop();
                self.on_filter();
            }
            KeyCode::Enter => self.is_filtering = false,
            KeyCode::Esc => {
                self.clear_filter();
                self.is_filtering = false;
            }
            // The list can be walked through meanwhile.
            KeyCode::Up | KeyCode::Down | KeyCode::PageUp | KeyCode::PageDown => return false,
            KeyCode::Char(_) => return false,
            _ => {}
        }
        true
    }

    pub(super) fn type_into_filter(&mut self, text: &str) {
        let filter = &mut self.lists[self.tab.place()].filter;
        let room = MAX_FILTER.saturating_sub(filter.chars().count());
        filter.extend(text.chars().filter(|c| !c.is_control()).take(room));
        self.on_filter();
    }

    fn clear_filter(&mut self) {
        self.lists[self.tab.place()].filter.clear();
        self.on_filter();
    }

    /// What is looked for has changed.
    fn on_filter(&mut self) {
        if self.tab == Tab::Output {
            let height = self.areas().output_rows();
            self.output.search(&self.lists[self.tab.place()].filter, height);
        }
        self.update_list();
    }

    fn on_popup_command(&mut self, command: Command, popup: Popup) -> Option<Action> {
        let page = i32::from(self.area().height.saturating_sub(4).max(1));
        let rows = match command {
            Command::Close | Command::Leave | Command::Open => {
                self.popup = None;
                return None;
            }
            Command::Help => {
                let is_help = matches!(popup, Popup::Help { .. });
                self.popup = if is_help { None } else { Some(Popup::Help { scroll: 0 }) };
                return None;
            }
            Command::Left | Command::Right => return self.open_neighbour(command, popup),
            Command::Copy | Command::CopyPlace => return self.copy(command),
            Command::Edit => return self.edit(),
            Command::Show(tab) => {
                self.popup = None;
                self.show(tab);
                return None;
            }
            Command::Up => -1,
            Command::Down => 1,
            Command::PageUp => -page,
            Command::PageDown => page,
            Command::Top => i32::MIN,
            Command::Bottom => i32::MAX,
            _ => return None,
        };
        self.scroll_popup(rows, popup);
        None
    }

    pub(super) fn scroll_popup(&mut self, rows: i32, popup: Popup) {
        let limit = i32::from(screens::max_scroll(self, popup));
        let moved = |scroll: u16| {
            u16::try_from(i32::from(scroll).min(limit).saturating_add(rows).clamp(0, limit))
                .unwrap_or(0)
        };
        self.popup = Some(match popup {
            Popup::Help { scroll } => Popup::Help { scroll: moved(scroll) },
            Popup::Site { site, scroll } => Popup::Site { site, scroll: moved(scroll) },
            Popup::Leave | Popup::Stop => popup,
        });
    }

    /// In the details of a site, left and right are the rows above and below.
    fn open_neighbour(&mut self, command: Command, popup: Popup) -> Option<Action> {
        if !matches!(popup, Popup::Site { .. }) {
            return None;
        }
        let command = if command == Command::Left { Command::Up } else { Command::Down };
        self.with_list(|list, listing, height| list.on_command(command, listing, height));
        self.open()
    }

    fn on_command(&mut self, command: Command, now: Instant) -> Option<Action> {
        match command {
            Command::Help => self.popup = Some(Popup::Help { scroll: 0 }),
            Command::Show(tab) => self.show(tab),
            Command::NextTab => self.show(self.tab.step(1)),
            Command::PreviousTab => self.show(self.tab.step(Tab::ALL.len() - 1)),
            Command::Theme => {
                self.palette = self.palette.next();
                self.say(self.palette.name(), now);
            }
            Command::Stop => self.ask_to_stop(now),
            Command::Report => return Some(Action::WriteReport),
            Command::Mark => self.mark(now),
            Command::Differences => self.show_differences(now),
            Command::UserOnly => {
                self.data.is_user_only = !self.data.is_user_only;
                self.update_list();
            }
            Command::Process => {
                self.data.process = self.data.next_process();
                self.update_list();
            }
            Command::Threads => {
                self.data.has_threads = !self.data.has_threads;
                self.update_list();
            }
            Command::Close => self.close(),
            Command::Filter if self.tab != Tab::Output || !self.is_viewer() => {
                self.is_filtering = true;
            }
            _ if self.tab == Tab::Output => self.on_output_command(command),
            Command::Left | Command::Right if self.tab == Tab::Overview => self.look_at(command),
            Command::Open => return self.open(),
            Command::Copy | Command::CopyPlace => return self.copy(command),
            Command::Edit => return self.edit(),
            Command::Export => return self.export(),
            _ => {
                self.with_list(|list, listing, height| list.on_command(command, listing, height));
            }
        }
        None
    }

    /// Goes to a tab.
    pub(super) fn show(&mut self, tab: Tab) {
        self.tab = tab;
        self.is_filtering = false;
        self.has_typing = false;
        self.output.follow();
        self.update_list();
    }

    /// Closes the innermost thing that is open.
    fn close(&mut self) {
        if !self.list().filter.is_empty() {
            self.clear_filter();
        } else if self.cursor.is_some() {
            self.cursor = None;
        } else if self.tab == Tab::Output {
            self.output.follow();
        }
    }

    fn freeze(&mut self) {
        self.is_frozen = !self.is_frozen;
        if !self.is_frozen {
            self.show_latest();
        }
    }

    fn mark(&mut self, now: Instant) {
        self.data.mark = Some(Arc::clone(&self.data.snapshot));
        self.say(&format!("marked {}; d shows what came since", self.data.snapshot.elapsed), now);
    }

    fn show_differences(&mut self, now: Instant) {
        if self.data.mark.is_none() {
            self.say("nothing is marked yet: m marks this moment", now);
            return;
        }
        self.data.is_since_mark = !self.data.is_since_mark;
        self.update_list();
    }

    /// Moves the cursor of the chart.
    fn look_at(&mut self, command: Command) {
        let end = self.data.snapshot.elapsed;
        let step = (end.0 / CURSOR_STEPS).max(1);
        let from = self.cursor.unwrap_or(end).0.min(end.0);
        self.cursor = match command {
            Command::Left => Some(Nanos(from.saturating_sub(step))),
            _ if self.cursor.is_none() || from + step > end.0 => None,
            _ => Some(Nanos(from + step)),
        };
    }

    /// The site of the selected row.
    fn selected_site(&mut self) -> Option<SiteId> {
        let tab = self.tab;
        let row = self.with_list(|list, listing, _| list.selected(listing))??;
        screens::site_of(tab, &self.data, row)
    }

    /// Opens the details of the selected row.
    pub(super) fn open(&mut self) -> Option<Action> {
        let site = self.selected_site()?;
        self.popup = Some(Popup::Site { site, scroll: 0 });
        let file = &self.data.snapshot.sites.iter().find(|it| it.id == site)?.frame.file;
        let is_known = self.data.sources.contains_key(file);
        (!is_known).then(|| Action::ReadSource(Arc::clone(file)))
    }

    /// File and line of what is open or selected.
    fn place(&mut self) -> Option<(Arc<str>, u32)> {
        let site = match self.popup {
            Some(Popup::Site { site, .. }) => site,
            _ => self.selected_site()?,
        };
        let frame = &self.data.snapshot.sites.iter().find(|it| it.id == site)?.frame;
        (frame.line > 0).then(|| (Arc::clone(&frame.file), frame.line))
    }

    fn copy(&mut self, command: Command) -> Option<Action> {
        if command == Command::Copy && self.tab == Tab::Findings && self.popup.is_none() {
            let row = self.with_list(|list, listing, _| list.selected(listing))??;
            return Some(Action::Copy(self.data.findings.get(row)?.fix.clone()));
        }
        let (file, line) = self.place()?;
        Some(Action::Copy(format!("{}:{line}", clean(&file))))
    }

    fn edit(&mut self) -> Option<Action> {
        let (file, line) = self.place()?;
        Some(Action::Edit { file, line })
    }

    /// The list as a table, cells between tabs.
    fn export(&mut self) -> Option<Action> {
        let name = self.tab.short();
        let text = self.with_list(|list, listing, _| {
            let row = |cells: Vec<String>| cells.join("\t") + "\n";
            let columns = listing.columns();
            let mut text = row(columns.iter().map(|column| column.name.to_owned()).collect());
            for &place in &list.order {
                let cell = |column| listing.cell(place, column, usize::from(u16::MAX)).text;
                let cells = (0..columns.len()).map(|column| cell(column).replace('\t', " "));
                text += &row(cells.collect());
            }
            text
        })?;
        Some(Action::Export { name, text })
    }

    fn on_output_command(&mut self, command: Command) {
        let height = self.areas().output_rows();
        let page = i32::from(height.saturating_sub(1).max(1));
        let rows = match command {
            Command::Return => return self.has_typing = false,
            Command::OlderMatch => return self.output.find(true, height),
            Command::NewerMatch => return self.output.find(false, height),
            Command::Follow if self.output.is_held() => return self.output.follow(),
            Command::Follow => return self.output.hold(height),
            Command::Open => return self.has_typing = self.has_program(),
            Command::Up => -1,
            Command::Down => 1,
            Command::PageUp => -page,
            Command::PageDown => page,
            // Not the limits themselves, for they are added to a place.
            Command::Top => i32::MIN / 2,
            Command::Bottom => i32::MAX / 2,
            _ => return,
        };
        self.output.scroll(rows, height);
    }
}
