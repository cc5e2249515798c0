//! What npprof is told by its environment and its terminal. The only place that asks them.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs};

use npprof_report::Style;
use npprof_tui::Palette;
use rustix::termios::{Winsize, tcgetwinsize};

use crate::args::{Look, Theme};
use crate::job;
use crate::program::SearchPath;

/// Columns of a text that goes to no terminal.
const COLUMNS: usize = 100;

/// One of the standard streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

/// How a text on this stream is to look.
pub(crate) fn style(stream: Stream, is_ascii: bool) -> Style {
    let is_terminal = match stream {
        Stream::Out => io::stdout().is_terminal(),
        Stream::Err => io::stderr().is_terminal(),
    };
    let size = match stream {
        Stream::Out => tcgetwinsize(io::stdout()),
        Stream::Err => tcgetwinsize(io::stderr()),
    };
    let width = size.ok().map(|size| usize::from(size.ws_col)).filter(|&columns| columns > 0);
    Style {
        width: width.unwrap_or(COLUMNS),
        colour: is_terminal && wants_colour(),
        ascii: is_ascii || !has_unicode(),
    }
}

/// Whether colours are welcome in a terminal.
pub(crate) fn wants_colour() -> bool {
    !is_set("NO_COLOR") && !is_dumb()
}

/// The user's editor and its arguments.
pub(crate) fn editor() -> Vec<String> {
    let named = ["VISUAL", "EDITOR"].into_iter().find_map(|name| env::var(name).ok());
    let named = named.filter(|words| !words.trim().is_empty());
    let words = named.unwrap_or_else(|| "vi".to_owned());
    words.split_whitespace().map(str::to_owned).collect()
}

/// Whether the locale can show more than ASCII. Where none is set, almost every terminal can.
pub(crate) fn has_unicode() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| env::var(name).ok().filter(|locale| !locale.is_empty()));
    locale.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale == "c" || locale == "posix" || locale.contains("utf")
    })
}

/// Whether a dashboard makes sense: somebody looks at both streams, and npprof may use the terminal.
pub(crate) fn has_dashboard() -> bool {
    io::stdout().is_terminal()
        && io::stderr().is_terminal()
        && !is_set("CI")
        && !is_dumb()
        // A background job that changes the terminal's mode would be stopped.
        && job::is_in_foreground()
}

/// Whether somebody looks at what is drawn here and can press keys.
pub(crate) fn has_terminal() -> bool {
    io::stdout().is_terminal() && io::stdin().is_terminal() && !is_dumb()
}

/// How the dashboard is to look.
pub(crate) fn dashboard_options(look: &Look, role: npprof_tui::Role) -> npprof_tui::Options {
    npprof_tui::Options {
        colour: wants_colour(),
        ascii: look.ascii || !has_unicode(),
        palette: match look.theme {
            Theme::Terminal => Palette::Terminal,
            Theme::Dark => Palette::Dark,
            Theme::Light => Palette::Light,
        },
        role,
        ..npprof_tui::Options::default()
    }
}

/// Size of the terminal as columns and rows.
pub(crate) fn terminal_size() -> (u16, u16) {
    let size = tcgetwinsize(io::stdout()).ok();
    match size {
        Some(Winsize { ws_col, ws_row, .. }) if ws_col > 0 && ws_row > 0 => (ws_col, ws_row),
        _ => (80, 24),
    }
}

/// Where commands are looked for.
pub(crate) fn search_path() -> SearchPath {
    SearchPath::new(env::var_os("PATH"))
}

/// The user's own preloaded libraries.
pub(crate) fn own_preload() -> Option<OsString> {
    env::var_os("LD_PRELOAD").filter(|libraries| !libraries.is_empty())
}

/// Where the user says that the shim is.
pub(crate) fn named_shim() -> Option<OsString> {
    env::var_os(crate::shim_path::VARIABLE)
}

/// For tests of a slow reader: how long the collector sleeps in each of its rounds.
pub(crate) fn reader_delay() -> Duration {
    let micros =
        env::var("NPPROF_TEST_READER_DELAY_US").ok().and_then(|micros| micros.parse().ok());
    Duration::from_micros(micros.unwrap_or(0))
}

/// npprof's own executable, with links followed.
pub(crate) fn own_executable() -> PathBuf {
    let path = env::current_exe().unwrap_or_default();
    fs::canonicalize(&path).unwrap_or(path)
}

/// The current folder; empty if it was removed.
pub(crate) fn current_folder() -> PathBuf {
    env::current_dir().unwrap_or_default()
}

/// Name of the machine.
pub(crate) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Folders that may hold temporary files, the best one first.
pub(crate) fn temporary_folders() -> Vec<PathBuf> {
    let mut folders = vec![env::temp_dir(), PathBuf::from("/tmp"), PathBuf::from("/var/tmp")];
    folders.extend(env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from));
    folders
}

fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| !value.is_empty())
}

fn is_dumb() -> bool {
    env::var_os("TERM").is_some_and(|terminal| terminal == "dumb")
}
