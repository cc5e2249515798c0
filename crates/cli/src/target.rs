//! Where the report of a run goes: decided and tried before the program starts, kept to at its end.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use npprof_report::{
    Names, Report, TargetError, check_target, default_name, expand_pattern, write_private_report,
    write_report,
};
use rustix::fs::{Access, access};

use crate::failure::{Failure, NOT_STARTED, OrFail};
use crate::{console, surroundings};

/// Names that are tried when a report of the same process id is there already.
const MAX_NAMES: u32 = 1000;

/// Where the report of a run goes.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// What `-o` says.
    pub pattern: Option<String>,
    /// Overwrite what is there.
    pub has_force: bool,
    /// The command, for the usual name.
    pub command: Vec<String>,
    /// Name of the machine.
    pub host: String,
    /// When the run was started.
    pub started: SystemTime,
    /// The folder in which npprof was started.
    pub folder: PathBuf,
}

/// Where a report went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// To standard output, as soon as that is npprof's again.
    StandardOutput,
    /// To this file.
    File(PathBuf),
    /// Nowhere.
    Nowhere,
}

impl Target {
    /// Makes sure that the report can be written.
    ///
    /// # Errors
    ///
    /// When it can't, with what to do.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.is_stdout() {
            return Ok(());
        }
        // The program's process id is not known yet, and no file can have the name because of it.
        let path = self.path(std::process::id()).or_fail(NOT_STARTED)?;
        let path = self.absolute(&path);
        if is_stream(&path) {
            // Not opened to try: whoever reads a pipe would take that for the end.
            let name = path.display();
            return access(&path, Access::WRITE_OK).map_err(|errno| {
                Failure::new(NOT_STARTED, format_args!("{name} can't be written to: {errno}"))
            });
        }
        check_target(&resolved(&path), self.has_force || self.has_pid()).or_fail(NOT_STARTED)
    }

    /// Writes the report of the program that had this process id, and returns where it is and what
    /// the user should know about that.
    pub(crate) fn write(&self, report: &Report, pid: u32) -> (Place, Option<String>) {
        if self.is_stdout() {
            return (Place::StandardOutput, None);
        }
        let shown = match self.path(pid) {
            Ok(shown) => shown,
            Err(error) => return (Place::Nowhere, Some(error.to_string())),
        };
        match self.write_to(&shown, report) {
            Ok(path) => (Place::File(path), None),
            Err(error) => self.write_elsewhere(report, pid, &error),
        }
    }

    /// Writes a report of the run so far, beside where the one at the end will be.
    pub(crate) fn write_so_far(&self, report: &Report, pid: u32) -> anyhow::Result<PathBuf> {
        let name = default_name(&self.command, pid);
        let name = format!("{}-so-far.json", name.trim_end_matches(".json"));
        let path = self.folder.join(&name);
        let path = write_numbered(&path, |path| write_report(path, report, false))?;
        Ok(PathBuf::from(path.file_name().unwrap_or_default()))
    }

    /// A lost report is worse than one in another place.
    fn write_elsewhere(
        &self,
        report: &Report,
        pid: u32,
        error: &anyhow::Error,
    ) -> (Place, Option<String>) {
        let name = default_name(&self.command, pid);
        for folder in surroundings::temporary_folders() {
            let path = folder.join(&name);
            // The name may have been taken, and other users may look into that folder.
            if let Ok(path) = write_numbered(&path, |path| write_private_report(path, report)) {
                let message = format!("{error:#}; it is in {} instead", path.display());
                return (Place::File(path), Some(message));
            }
        }
        (Place::Nowhere, Some(format!("{error:#}; nor is there room for temporary files")))
    }

    fn write_to(&self, shown: &Path, report: &Report) -> anyhow::Result<PathBuf> {
        let path = self.absolute(shown);
        if is_stream(&path) {
            let file = OpenOptions::new().write(true).open(&path)?;
            let mut file = io::BufWriter::new(file);
            report.write_json(&mut file)?;
            file.flush()?;
            return Ok(shown.to_owned());
        }
        if self.has_force || !self.has_pid() {
            write_report(&resolved(&path), report, self.has_force)?;
            return Ok(shown.to_owned());
        }
        let written = write_numbered(&path, |path| write_report(path, report, false))?;
        // As the user would type it.
        let name = written.file_name().unwrap_or_default();
        Ok(shown.with_file_name(name))
    }

    /// As the user would type it.
    fn path(&self, pid: u32) -> anyhow::Result<PathBuf> {
        let Some(pattern) = &self.pattern else {
            return Ok(PathBuf::from(default_name(&self.command, pid)));
        };
        let names = Names { pid, host: &self.host, started: self.started };
        Ok(PathBuf::from(expand_pattern(pattern, &names)?))
    }

    /// The program can't move it by changing the folder of its own, but somebody could remove it.
    fn absolute(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    fn is_stdout(&self) -> bool {
        self.pattern.as_deref() == Some("-")
    }

    fn has_pid(&self) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| pattern.replace("%%", "").contains("%p"))
    }
}

/// Writes a list as text into a new file of this folder; says where it is, or what went wrong.
pub(crate) fn export(folder: &Path, name: &str, text: &str) -> String {
    let name = format!("npprof-{}", name.to_lowercase().replace(' ', "-"));
    let names = (2..MAX_NAMES).map(|n| format!("{name}-{n}.tsv"));
    for name in std::iter::once(format!("{name}.tsv")).chain(names) {
        let file = OpenOptions::new().write(true).create_new(true).open(folder.join(&name));
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
        match written {
            Ok(()) => return format!("wrote {name}"),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return format!("nothing was written: {error}"),
        }
    }
    "nothing was written: there are too many such files already".to_owned()
}

/// Process ids come again, so there may be an older report of the same name: then `-2` and so on is
/// put before the end of the name.
fn write_numbered(
    path: &Path,
    write: impl FnOnce(&Path) -> Result<(), TargetError>,
) -> anyhow::Result<PathBuf> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let end = path.extension().unwrap_or_default().to_string_lossy();
    let numbered = (2..MAX_NAMES).map(|n| path.with_file_name(format!("{stem}-{n}.{end}")));
    let free = std::iter::once(path.to_owned())
        .chain(numbered)
        .find(|path| path.symlink_metadata().is_err());
    let path = free.unwrap_or_else(|| path.to_owned());
    write(&path)?;
    Ok(path)
}

/// A terminal, a pipe or `/dev/null`: written to as it is, never replaced.
fn is_stream(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// With links followed, so that renaming replaces the file and not the link to it.
fn resolved(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Shows a report that goes to standard output.
pub(crate) fn print(report: &Report) {
    if let Err(error) = console::write_out(report.to_json_string().as_bytes()) {
        console::say(format_args!("the report can't be written to standard output: {error}"));
    }
}
