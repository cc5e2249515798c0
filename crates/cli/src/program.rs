//! What a command line will execute, and whether a preloaded library will reach it.
//!
//! Follows the rules of `execvp` and the kernel (search path, `#!` lines) without executing
//! anything, so that what is wrong can be said before anything has started.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{env, fmt};

use rustix::fs::{Access, access};

use crate::elf;
use crate::failure::{Failure, NOT_EXECUTABLE, NOT_FOUND};

/// The interpreter that a bare script gets.
pub(crate) const PYTHON: &str = "python3";
/// What `execvp` searches when there is no `PATH`.
const DEFAULT_PATH: &str = "/bin:/usr/bin";
/// The kernel follows fewer `#!` lines than this.
const MAX_INTERPRETERS: usize = 8;
/// As much of a `#!` line as the kernel reads.
const FIRST_LINE_BYTES: u64 = 256;

/// A command that exists and can be executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// The file to execute.
    pub path: PathBuf,
    /// Arguments, the program's name first.
    pub argv: Vec<OsString>,
    /// `path`, and then the interpreter of each `#!` line on the way to a real executable.
    pub chain: Vec<PathBuf>,
    /// Why the shim will not get in, if it won't.
    pub obstacle: Option<Obstacle>,
}

/// Why `LD_PRELOAD` has no effect on a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// It runs with the rights of another user or group, or with capabilities.
    Privileged(PathBuf),
    /// It has no dynamic loader.
    Static(PathBuf),
    /// It is made for another machine, or for 32 bits.
    OtherMachine(PathBuf),
    /// It uses another C library.
    Musl(PathBuf),
    /// It is a Python in which npprof can't even find out that it is one.
    OtherPython(PathBuf),
}

/// One line: what it is, and what to do.
impl fmt::Display for Obstacle {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, what, remedy) = match self {
            Self::OtherPython(path) => {
                let path = path.display();
                return write!(to, "{path} is no CPython of version 3.8 or later; use one that is");
            }
            Self::Privileged(path) => (
                path,
                "runs with other rights than yours (setuid, setgid or capabilities)",
                "profile the Python program that it starts instead",
            ),
            Self::Static(path) => {
                (path, "is statically linked", "use a Python that is linked to glibc")
            }
            Self::OtherMachine(path) => {
                (path, "is no x86-64 program", "use a Python for x86-64 Linux")
            }
            Self::Musl(path) => {
                (path, "uses the musl C library", "use a Python that is linked to glibc")
            }
        };
        write!(to, "{} {what}, so nothing can be preloaded into it; {remedy}", path.display())
    }
}

/// Where commands are looked for.
#[derive(Clone, Debug)]
pub(crate) struct SearchPath(OsString);

impl SearchPath {
    /// From the value of `PATH`.
    pub(crate) fn new(value: Option<OsString>) -> Self {
        Self(value.unwrap_or_else(|| DEFAULT_PATH.into()))
    }

    /// The first executable file of this name; the names that are not executable don't end the
    /// search, but are what is reported when nothing else is found.
    fn find(&self, name: &OsStr) -> Result<PathBuf, Failure> {
        let mut refused = None;
        for folder in env::split_paths(&self.0) {
            // An empty entry is the current folder. The dot keeps a slash in the result.
            let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
            let candidate = folder.join(name);
            match fs::metadata(&candidate) {
                Ok(found) if found.is_file() && is_executable(&candidate) => return Ok(candidate),
                Ok(found) if found.is_file() => refused = refused.or(Some(candidate)),
                _ => {}
            }
        }
        Err(match refused {
            Some(path) => not_executable(&path),
            None => Failure::new(
                NOT_FOUND,
                format_args!("command not found: {}", name.to_string_lossy()),
            ),
        })
    }
}

/// Finds what `command` executes. A Python script that can't be executed by itself, or is named
/// without a folder, gets `python3`.
///
/// # Errors
///
/// When it does not exist (status 127) or can't be executed (status 126).
pub(crate) fn resolve(command: &[OsString], search: &SearchPath) -> Result<Program, Failure> {
    let Some(name) = command.first().filter(|name| !name.is_empty()) else {
        return Err(Failure::new(NOT_FOUND, "command not found: its name is empty"));
    };
    let file = Path::new(name);
    let has_folder = name.as_bytes().contains(&b'/');
    let (path, argv) = match fs::metadata(file) {
        Ok(found) if is_python_script(file, &found, has_folder) => with_python(command, search)?,
        Ok(found) if has_folder => (executable(file, &found)?, command.to_vec()),
        Err(_) if has_folder || (has_python_suffix(file) && search.find(name).is_err()) => {
            let what = if has_python_suffix(file) { "script" } else { "command" };
            return Err(Failure::new(
                NOT_FOUND,
                format_args!("no such {what}: {}", file.display()),
            ));
        }
        _ => (search.find(name)?, command.to_vec()),
    };
    let mut program = Program { path, argv, chain: Vec::new(), obstacle: None };
    follow(&mut program, search)?;
    Ok(program)
}

fn with_python(
    command: &[OsString],
    search: &SearchPath,
) -> Result<(PathBuf, Vec<OsString>), Failure> {
    let path = search.find(OsStr::new(PYTHON)).map_err(|failure| {
        let script = command.first().map(|name| name.to_string_lossy()).unwrap_or_default();
        Failure::new(
            failure.status,
            format_args!("no {PYTHON} in PATH for {script}; name the interpreter: npprof run /path/to/python {script}"),
        )
    })?;
    let mut argv = vec![OsString::from(PYTHON)];
    argv.extend_from_slice(command);
    Ok((path, argv))
}

/// A script that runs by itself keeps its own interpreter when it is named as one would to run it.
fn is_python_script(file: &Path, found: &Metadata, has_folder: bool) -> bool {
    if !found.is_file() {
        return false;
    }
    let first_line = first_line(file);
    let runs_by_itself = has_folder && is_executable(file) && first_line.is_some();
    let is_python = has_python_suffix(file)
        || (!is_executable(file)
            && first_line.is_some_and(|line| line.windows(6).any(|word| word == b"python")));
    is_python && !runs_by_itself
}

fn has_python_suffix(file: &Path) -> bool {
    file.extension().is_some_and(|suffix| suffix == "py" || suffix == "pyz")
}

fn executable(file: &Path, found: &Metadata) -> Result<PathBuf, Failure> {
    if found.is_dir() {
        return Err(Failure::new(
            NOT_EXECUTABLE,
            format_args!(
                "{} is a folder; for a package in it: npprof run {PYTHON} {0}",
                file.display()
            ),
        ));
    }
    if is_executable(file) { Ok(file.to_owned()) } else { Err(not_executable(file)) }
}

fn not_executable(file: &Path) -> Failure {
    Failure::new(
        NOT_EXECUTABLE,
        format_args!("{} is not executable; try: chmod +x {0}", file.display()),
    )
}

fn is_executable(file: &Path) -> bool {
    access(file, Access::EXEC_OK).is_ok()
}

/// Follows `#!` lines down to an executable and looks at that.
fn follow(program: &mut Program, search: &SearchPath) -> Result<(), Failure> {
    let mut path = program.path.clone();
    for _ in 0..MAX_INTERPRETERS {
        program.chain.push(path.clone());
        let Some(line) = first_line(&path) else {
            return finish(program, &path);
        };
        let Some(interpreter) = interpreter(&line, search) else {
            return Ok(());
        };
        if !interpreter.exists() {
            return Err(Failure::new(
                NOT_FOUND,
                format_args!(
                    "{} asks for the interpreter {}, which doesn't exist",
                    path.display(),
                    interpreter.display()
                ),
            ));
        }
        path = interpreter;
    }
    Ok(())
}

/// Looks at the file that the kernel will load. What can't be read can still be executed, so
/// nothing is said about it.
fn finish(program: &mut Program, path: &Path) -> Result<(), Failure> {
    let mut magic = [0; 4];
    let is_elf = File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok()
        && magic == *b"\x7fELF";
    if is_elf {
        program.obstacle = obstacle(path);
    } else if program.chain.len() == 1 && is_readable_text(path) {
        // As `execvp` does with a text that names no interpreter.
        let mut argv = vec![OsString::from("/bin/sh"), path.as_os_str().to_owned()];
        argv.extend(program.argv.drain(1..));
        program.argv = argv;
        program.path = PathBuf::from("/bin/sh");
        program.chain.push(program.path.clone());
    } else if access(path, Access::READ_OK).is_ok() {
        return Err(Failure::new(
            NOT_EXECUTABLE,
            format_args!("{} is in no executable format", path.display()),
        ));
    }
    Ok(())
}

fn obstacle(path: &Path) -> Option<Obstacle> {
    if is_privileged(path) {
        return Some(Obstacle::Privileged(path.to_owned()));
    }
    let elf = elf::read(path).ok()?;
    if !elf.is_x86_64 {
        return Some(Obstacle::OtherMachine(path.to_owned()));
    }
    let Some(loader) = elf.loader else {
        return Some(Obstacle::Static(path.to_owned()));
    };
    let is_musl = loader
        .file_name()
        .is_some_and(|name| name.as_bytes().windows(4).any(|word| word == b"musl"));
    if is_musl {
        return Some(Obstacle::Musl(path.to_owned()));
    }
    let real = fs::canonicalize(path).ok()?;
    let is_other = is_other_python(&real.file_name()?.to_string_lossy());
    is_other.then(|| Obstacle::OtherPython(path.to_owned()))
}

/// Whether an interpreter of this name lacks the audit hooks with which the shim begins: CPython
/// has them from 3.8 on. Later ones that are not known say so themselves.
fn is_other_python(name: &str) -> bool {
    if name.starts_with("pypy") {
        return true;
    }
    let version = name.strip_prefix("python").and_then(|version| version.split_once('.'));
    let Some((major, minor)) = version else { return false };
    let minor = minor.trim_end_matches(|end: char| !end.is_ascii_digit());
    match (major.parse::<u32>(), minor.parse::<u32>()) {
        (Ok(3), Ok(minor)) => minor < 8,
        (Ok(major), Ok(_)) => major < 3,
        _ => false,
    }
}

/// Whether the loader will take the program for one that must not trust its environment.
fn is_privileged(path: &Path) -> bool {
    const SETUID: u32 = 0o4000;
    /// Without the group's right to execute, the bit means something else.
    const SETGID: u32 = 0o2010;
    let Ok(found) = fs::metadata(path) else { return false };
    let mode = found.permissions().mode();
    let user = rustix::process::getuid();
    let is_other_user = mode & SETUID != 0 && found.uid() != user.as_raw();
    let is_other_group =
        mode & SETGID == SETGID && found.gid() != rustix::process::getgid().as_raw();
    let has_capabilities = !user.is_root()
        && rustix::fs::getxattr(path, "security.capability", &mut [0_u8; 64]).is_ok();
    is_other_user || is_other_group || has_capabilities
}

/// The `#!` line of a script without its mark; `None` of every other file.
fn first_line(path: &Path) -> Option<Vec<u8>> {
    let mut start = Vec::new();
    File::open(path).ok()?.take(FIRST_LINE_BYTES).read_to_end(&mut start).ok()?;
    let line = start.strip_prefix(b"#!")?;
    Some(line.split(|&byte| byte == b'\n').next()?.trim_ascii().to_vec())
}

/// The program that a `#!` line names, seen through `env`.
fn interpreter(line: &[u8], search: &SearchPath) -> Option<PathBuf> {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let first = Path::new(OsStr::from_bytes(words.next()?));
    if first.file_name() != Some(OsStr::new("env")) {
        return Some(first.to_owned());
    }
    let is_setting = |word: &&[u8]| word.starts_with(b"-") || word.contains(&b'=');
    let name = words.find(|word| !is_setting(word))?;
    let name = OsString::from_vec(name.to_vec());
    if name.as_bytes().contains(&b'/') {
        return Some(PathBuf::from(name));
    }
    // `env` itself says it if the name is not found.
    search.find(&name).ok()
}

fn is_readable_text(path: &Path) -> bool {
    let mut start = Vec::new();
    let is_read = File::open(path)
        .and_then(|file| file.take(FIRST_LINE_BYTES).read_to_end(&mut start))
        .is_ok();
    is_read && !start.contains(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with these files, the ones marked with `*` executable, as the search path.
    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name.trim_end_matches('*'));
            fs::write(&path, content).unwrap();
            let mode = if name.ends_with('*') { 0o755 } else { 0o644 };
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        folder
    }

    /// What becomes of a command line in which `@` is the folder.
    fn check(files: &[(&str, &str)], command: &str) -> String {
        let folder = folder(files);
        let at = folder.path().to_str().unwrap();
        let words: Vec<OsString> =
            command.split(' ').map(|word| word.replace('@', at).into()).collect();
        let search = SearchPath::new(Some(at.into()));
        let shown = match resolve(&words, &search) {
            Ok(program) => {
                let argv: Vec<_> = program.argv.iter().map(|word| word.to_string_lossy()).collect();
                let chain: Vec<_> =
                    program.chain.iter().map(|path| path.to_string_lossy()).collect();
                let obstacle =
                    program.obstacle.map(|obstacle| format!("; {obstacle}")).unwrap_or_default();
                format!("{} | {}{obstacle}", argv.join(" "), chain.join(" > "))
            }
            Err(failure) => format!("{}: {}", failure.status, failure.message),
        };
        shown.replace(at, "@")
    }

    const PYTHON3: (&str, &str) = ("python3*", "#!/bin/sh\n");

    #[test]
    fn a_script_gets_python() {
        let files = [PYTHON3, ("app.py", "import numpy\n")];
        assert_eq!(check(&files, "@/app.py -x"), "python3 @/app.py -x | @/python3 > /bin/sh");
    }

    #[test]
    fn a_script_that_names_its_interpreter_and_is_executable_keeps_it() {
        let files = [("app.py*", "#!/bin/sh -e\n")];
        assert_eq!(check(&files, "@/app.py"), "@/app.py | @/app.py > /bin/sh");
    }

    #[test]
    fn a_python_script_without_suffix_and_without_the_right_to_execute_gets_python() {
        let files = [PYTHON3, ("tool", "#!/usr/bin/env python3\n")];
        assert_eq!(check(&files, "@/tool"), "python3 @/tool | @/python3 > /bin/sh");
    }

    #[test]
    fn env_lines_are_followed_through_the_search_path() {
        let files = [PYTHON3, ("tool*", "#!/usr/bin/env -S A=1 python3 -I\n")];
        assert_eq!(check(&files, "tool"), "tool | @/tool > @/python3 > /bin/sh");
    }

    #[test]
    fn a_text_without_interpreter_goes_to_the_shell() {
        assert_eq!(check(&[("tool*", "true\n")], "tool a"), "/bin/sh @/tool a | @/tool > /bin/sh");
    }

    #[test]
    fn what_is_missing_is_status_127() {
        assert_eq!(check(&[], "nothing"), "127: command not found: nothing");
        assert_eq!(check(&[], "@/nothing"), "127: no such command: @/nothing");
        assert_eq!(check(&[], "nothing.py"), "127: no such script: nothing.py");
        assert_eq!(check(&[], ""), "127: command not found: its name is empty");
        assert_eq!(
            check(&[("app.py", "")], "@/app.py"),
            "127: no python3 in PATH for @/app.py; \
             name the interpreter: npprof run /path/to/python @/app.py"
        );
        assert_eq!(
            check(&[("tool*", "#!/no/such/python\n")], "tool"),
            "127: @/tool asks for the interpreter /no/such/python, which doesn't exist"
        );
    }

    #[test]
    fn what_cannot_be_executed_is_status_126() {
        let files = [("data", "x"), ("noise*", "\0\u{1}")];
        let refused = "126: @/data is not executable; try: chmod +x @/data";
        assert_eq!(check(&files, "@/data"), refused);
        assert_eq!(check(&files, "data"), refused);
        assert_eq!(check(&files, "@/noise"), "126: @/noise is in no executable format");
        assert_eq!(
            check(&files, "@/"),
            "126: @/ is a folder; for a package in it: npprof run python3 @/"
        );
    }

    #[test]
    fn an_interpreter_without_audit_hooks_is_known_by_its_name() {
        for name in ["python2.7", "python3.6m", "python3.7", "pypy3.9"] {
            assert!(is_other_python(name), "{name}");
        }
        for name in ["python3.8", "python3.13t", "python3.14", "python3", "pythonw", "bash"] {
            assert!(!is_other_python(name), "{name}");
        }
    }

    #[test]
    fn a_setuid_program_of_somebody_else_is_an_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tool");
        fs::copy("/bin/true", &path).unwrap();
        assert!(!is_privileged(&path));
        let is_root = rustix::process::getuid().is_root();
        if is_root && std::os::unix::fs::chown(&path, Some(1), None).is_ok() {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o4755)).unwrap();
            assert!(is_privileged(&path));
        }
    }
}
