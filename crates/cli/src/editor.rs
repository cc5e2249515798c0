//! The user's editor, opened at a line.

use std::path::Path;
use std::process::Command;

use crate::surroundings;

/// Opens a file at a line and waits for the editor's end. What went wrong, if it did.
pub(crate) fn edit(path: &Path, line: u32) -> Option<String> {
    let words = surroundings::editor();
    let (program, arguments) = words.split_first()?;
    let mut command = Command::new(program);
    command.args(arguments).args(place(program, line)).arg(path);
    match command.status() {
        Ok(status) if status.success() => None,
        Ok(status) => Some(format!("{program}: {status}; EDITOR names another editor")),
        Err(error) => Some(format!("{program} can't be started: {error}; set EDITOR")),
    }
}

/// How an editor is told the line. `+40` is understood by nearly all that run in a terminal.
fn place(program: &str, line: u32) -> Option<String> {
    let name = Path::new(program).file_name()?.to_str()?;
    let knows_lines =
        ["vi", "vim", "nvim", "nano", "emacs", "emacsclient", "micro", "kak", "joe", "ne", "mg"];
    knows_lines.contains(&name).then(|| format!("+{line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn editors_that_know_lines_are_told_one() {
        assert_eq!(place("/usr/bin/vim", 40).as_deref(), Some("+40"));
        assert_eq!(place("code", 40), None);
    }
}
