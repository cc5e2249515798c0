//! Which findings are wanted: read from `npprof.toml` and from the command line.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use npprof_findings::{Settings, SettingsError, read_config};

use crate::args::KindArguments;
use crate::failure::{Failure, USAGE};
use crate::surroundings;

/// Name of the file that stays with a project.
const FILE: &str = "npprof.toml";
/// More than any settings: what is larger is not read.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The settings of a file, and over them those of the command line.
///
/// # Errors
///
/// With the status of a wrong command line when any of them can't be understood.
pub(crate) fn read(kinds: &KindArguments, thresholds: &[String]) -> Result<Settings, Failure> {
    let folder = surroundings::current_folder();
    let mut settings = match &kinds.config {
        Some(path) => read_file(&folder.join(path), &path.to_string_lossy())?,
        None => match find(&folder) {
            Some(path) => read_file(&path, &shown(&path, &folder))?,
            None => Settings::default(),
        },
    };
    add(&mut settings, kinds, thresholds).map_err(|error| Failure::new(USAGE, error))?;
    Ok(settings)
}

fn add(
    settings: &mut Settings,
    kinds: &KindArguments,
    thresholds: &[String],
) -> Result<(), SettingsError> {
    if !kinds.only.is_empty() {
        settings.only(kinds.only.iter().map(String::as_str))?;
    }
    settings.ignore(kinds.ignore.iter().map(String::as_str))?;
    thresholds.iter().try_for_each(|pair| settings.set_pair(pair))
}

/// The next settings from a folder up, within the repository that it is part of.
fn find(folder: &Path) -> Option<PathBuf> {
    for folder in folder.ancestors() {
        let path = folder.join(FILE);
        if path.is_file() {
            return Some(path);
        }
        if folder.join(".git").exists() {
            return None;
        }
    }
    None
}

fn shown(path: &Path, folder: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned()
}

fn read_file(path: &Path, name: &str) -> Result<Settings, Failure> {
    let wrong = |what: &str| Failure::new(USAGE, format_args!("{name}: {what}"));
    let about = fs::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => wrong("there is no such file"),
        _ => wrong(&error.to_string()),
    })?;
    if !about.is_file() || about.len() > MAX_FILE_BYTES {
        return Err(wrong("these are no settings; name a small text file"));
    }
    let bytes = fs::read(path).map_err(|error| wrong(&error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("this is no UTF-8 text"))?;
    read_config(&text, name).map_err(|error| Failure::new(USAGE, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_looked_for_up_to_the_repository() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b/c");
        fs::create_dir_all(&deep).unwrap();
        fs::create_dir(folder.path().join("a/.git")).unwrap();
        fs::write(folder.path().join(FILE), "").unwrap();
        assert_eq!(find(&deep), None);
        fs::write(folder.path().join("a").join(FILE), "").unwrap();
        assert_eq!(find(&deep), Some(folder.path().join("a").join(FILE)));
        fs::write(deep.join(FILE), "").unwrap();
        assert_eq!(find(&deep), Some(deep.join(FILE)));
        assert_eq!(shown(&deep.join(FILE), &deep), FILE);
    }

    #[test]
    fn the_command_line_has_the_last_word() {
        let mut settings =
            read_config("[findings]\nignore = [\"python-loop\"]\n", "npprof.toml").unwrap();
        let kinds = KindArguments {
            only: vec!["python-loop".to_owned()],
            ignore: Vec::new(),
            config: None,
        };
        add(&mut settings, &kinds, &[]).unwrap();
        assert!(settings.wants("python-loop") && !settings.wants("layout-copy"));
    }
}
