//! `npprof doctor`: tries out whether a command's interpreter can be profiled.
//!
//! Nothing is concluded from version numbers here: a few lines of NumPy are really run with the
//! shim, and what the collector learns from them is what is told.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use npprof_collect::{Collector, WIRE_VERSION};
use npprof_model::{HookState, Process, Snapshot};
use npprof_report::Style;

use super::run::session_folder;
use crate::args::DoctorArguments;
use crate::failure::{FAILED, Failure, OrFail};
use crate::launch::{Environment, OnStop, PRELOAD, running};
use crate::program::{self, PYTHON, Program};
use crate::surroundings::{self, Stream, style};
use crate::{console, elf, shim_path};

/// The hook without which there are no figures.
const ALLOCATOR: &str = "allocator";
/// What begins a line of the probe's own.
const MARK: &str = "npprof-doctor\t";
/// Columns of the names in front.
const NAME_COLUMNS: usize = 13;

/// Says about the interpreter what only it knows, and allocates one array.
const PROBE: &str = r#"
import platform, sys
def tell(*values):
    line = "\t".join(str(value).replace("\n", " ") for value in values)
    sys.stdout.write("npprof-doctor\t" + line + "\n")
tell("implementation", platform.python_implementation())
tell("version", sys.version.split()[0])
tell("executable", sys.executable)
try:
    import numpy
except BaseException as error:
    tell("error", type(error).__name__ + ": " + str(error).strip().split("\n")[0])
else:
    tell("numpy", numpy.__version__, numpy.__file__)
    numpy.empty(8)
"#;

/// What was found, line by line.
struct Findings {
    text: String,
    style: Style,
    is_good: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// As it should be.
    Good,
    /// Profiling does not work because of this.
    Bad,
    /// Neither.
    Note,
}

impl Findings {
    fn add(&mut self, mark: Mark, name: &str, what: &str) {
        let (text, colour) = match mark {
            Mark::Good => ("ok", "32"),
            Mark::Bad => ("no", "31"),
            Mark::Note => ("--", "2"),
        };
        self.is_good &= mark != Mark::Bad;
        let mark = if self.style.colour {
            format!("\x1b[{colour}m{text}\x1b[0m")
        } else {
            text.to_owned()
        };
        let line = format!("{mark}  {name:<NAME_COLUMNS$} {what}\n");
        self.text.push_str(&line);
    }
}

/// Examines a command's interpreter; the status is 0 if it can be profiled.
pub(crate) fn examine(arguments: &DoctorArguments) -> Result<u8, Failure> {
    let style = style(Stream::Out, arguments.ascii);
    let mut findings = Findings { text: String::new(), style, is_good: true };
    let version = env!("CARGO_PKG_VERSION");
    let own = surroundings::own_executable();
    findings.add(Mark::Good, "npprof", &format!("{version}  {}", own.display()));
    let shim = shim_path::find(surroundings::named_shim().as_deref(), &own);
    match &shim {
        Ok(shim) => {
            let path = shim.path.display();
            let what = format!("{}  {path} (wire format {WIRE_VERSION})", shim.version);
            findings.add(Mark::Good, "shim", &what);
        }
        Err(missing) => findings.add(Mark::Bad, "shim", &missing.to_string()),
    }
    let python = find_python(&arguments.command, &mut findings);
    if let (Ok(shim), Some(python)) = (shim, python) {
        let probed = probe(&python, &shim.path)?;
        add_interpreter(&python, &probed, &mut findings);
        add_numpy(&probed, &mut findings);
        add_hooks(&probed, &mut findings);
    }
    let verdict = if findings.is_good {
        "Programs of this interpreter can be profiled: npprof run COMMAND"
    } else {
        "Programs of this interpreter can't be profiled: see the lines marked 'no'."
    };
    let text = format!("{}\n{verdict}\n", findings.text);
    console::write_out(text.as_bytes()).or_fail(FAILED)?;
    Ok(if findings.is_good { 0 } else { FAILED })
}

/// The interpreter that a command comes down to, as far as that can be seen without running it.
fn find_python(command: &[OsString], findings: &mut Findings) -> Option<Program> {
    let search = surroundings::search_path();
    let default = [OsString::from(PYTHON)];
    let command = if command.is_empty() { &default } else { command };
    let program = match program::resolve(command, &search) {
        Ok(program) => program,
        Err(failure) => {
            findings.add(Mark::Bad, "command", &failure.message);
            return None;
        }
    };
    let way: Vec<_> = program.chain.iter().map(|path| path.display().to_string()).collect();
    let arrow = if findings.style.ascii { " -> " } else { " → " };
    findings.add(Mark::Good, "command", &way.join(arrow));
    if let Some(obstacle) = &program.obstacle {
        findings.add(Mark::Bad, "interpreter", &obstacle.to_string());
        return None;
    }
    let Some(path) = program.chain.iter().rfind(|path| is_python(path)) else {
        let what = format!("is no Python itself; what it starts decides, so {PYTHON} is examined");
        findings.add(Mark::Note, "", &what);
        return (command != default.as_slice()).then(|| find_python(&default, findings)).flatten();
    };
    let argv = vec![path.clone().into_os_string()];
    Some(Program { path: path.clone(), argv, chain: Vec::new(), obstacle: None })
}

fn is_python(path: &Path) -> bool {
    path.file_name().is_some_and(|name| {
        let name = name.as_bytes();
        name.starts_with(b"python") || name.starts_with(b"pypy")
    })
}

/// What a small profiled run has shown.
struct Probed {
    /// What the program said.
    output: Vec<u8>,
    /// What it complained of.
    complaints: Vec<u8>,
    snapshot: Snapshot,
    pid: u32,
}

impl Probed {
    /// What the program said under this name.
    fn told(&self, name: &str) -> Option<Vec<String>> {
        let output = String::from_utf8_lossy(&self.output);
        let line = output.lines().find_map(|line| {
            line.strip_prefix(MARK)?.strip_prefix(name)?.strip_prefix('\t').map(str::to_owned)
        })?;
        Some(line.split('\t').map(str::to_owned).collect())
    }

    /// What the shim said of the program; of several images the last one, which is the interpreter.
    fn process(&self) -> Option<&Process> {
        self.snapshot.processes.iter().rfind(|process| process.pid == self.pid)
    }
}

fn probe(python: &Program, shim: &Path) -> Result<Probed, Failure> {
    let folder = session_folder()?;
    let preload = shim_path::preloadable(shim, folder.path()).or_fail(FAILED)?;
    let options = npprof_collect::Options::default();
    let collector = Collector::start(folder.path(), options).or_fail(FAILED)?;
    let own_preload = surroundings::own_preload();
    let environment = Environment::new(&preload, own_preload.as_deref(), collector.environment());
    let mut child = Command::new(&python.path)
        .args(["-c", PROBE])
        .env(PRELOAD, &environment.preload)
        .envs(environment.session)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .or_fail(FAILED)?;
    let pid = child.id();
    collector.command_started(pid);
    let complaints = child.stderr.take();
    let reading = std::thread::spawn(move || read_all(complaints));
    let output = read_all(child.stdout.take());
    let complaints = reading.join().unwrap_or_default();
    let exit = running(&child)?.wait(OnStop::Stay);
    Ok(Probed { output, complaints, snapshot: collector.finish(exit), pid })
}

fn read_all(from: Option<impl io::Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut from) = from {
        // What could be read before an error is all there is to tell.
        let _ = from.read_to_end(&mut bytes);
    }
    bytes
}

fn add_interpreter(python: &Program, probed: &Probed, findings: &mut Findings) {
    let Some(version) = probed.told("version") else {
        let complaints = String::from_utf8_lossy(&probed.complaints);
        let last = complaints.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("silent");
        let what = format!("{} doesn't run: {last}", python.path.display());
        findings.add(Mark::Bad, "interpreter", &what);
        return;
    };
    let executable = probed.told("executable").and_then(|told| told.into_iter().next());
    let executable = executable.filter(|path| !path.is_empty());
    let executable = executable.map_or_else(|| python.path.clone(), PathBuf::from);
    let path = fs::canonicalize(&executable).unwrap_or_else(|_| executable.clone());
    findings.add(Mark::Good, "interpreter", &executable.display().to_string());
    if let Some(linkage) = describe_linkage(&path) {
        findings.add(Mark::Good, "", &linkage);
    }
    let implementation = probed.told("implementation").unwrap_or_default().join(" ");
    let known = probed.process().and_then(|process| process.python.as_deref());
    let what = format!("{implementation} {}", version.join(" "));
    match known {
        Some(_) => findings.add(Mark::Good, "Python", &what),
        None if implementation == "CPython" => {
            let what =
                format!("{what} is not one that npprof knows; known are CPython 3.8 to 3.13");
            findings.add(Mark::Bad, "Python", &what);
        }
        None => findings.add(Mark::Bad, "Python", &format!("{what}; npprof needs CPython")),
    }
}

fn describe_linkage(path: &Path) -> Option<String> {
    let linkage = elf::read_linkage(path, "PySys_AddAuditHook").ok()?;
    let library = linkage.needed.iter().find(|name| name.starts_with("libpython"));
    let described = match library {
        Some(library) => format!("linked to {library}"),
        None if linkage.exports => "with the interpreter linked in statically".to_owned(),
        None => return None,
    };
    Some(format!("{} ({described})", path.display()))
}

fn add_numpy(probed: &Probed, findings: &mut Findings) {
    if probed.told("version").is_none() {
        return;
    }
    match (probed.told("numpy"), probed.told("error")) {
        (Some(numpy), _) => {
            let path = numpy.get(1).map(|file| Path::new(OsStr::new(file)).parent());
            let path = path.flatten().unwrap_or(Path::new("")).display().to_string();
            let version = numpy.first().map_or("", String::as_str);
            let is_known = probed.process().is_some_and(|process| process.numpy.is_some());
            let mark = if is_known { Mark::Good } else { Mark::Bad };
            findings.add(mark, "NumPy", &format!("{version}  {path}"));
        }
        (None, Some(error)) if error.iter().any(|why| why.starts_with("ModuleNotFoundError")) => {
            let what = "not installed for this interpreter; try: python -m pip install numpy";
            findings.add(Mark::Bad, "NumPy", what);
        }
        (None, error) => {
            let why = error.unwrap_or_default().join(" ");
            findings.add(Mark::Bad, "NumPy", &format!("can't be imported: {why}"));
        }
    }
}

fn add_hooks(probed: &Probed, findings: &mut Findings) {
    let Some(process) = probed.process() else {
        // What is said above would be the reason.
        if findings.is_good {
            let what = "the shim didn't report from the interpreter; is LD_PRELOAD forbidden here?";
            findings.add(Mark::Bad, "hooks", what);
        }
        return;
    };
    for hook in process.hooks.iter() {
        let name = format!("  {}", hook.name);
        match &hook.state {
            HookState::On => findings.add(Mark::Good, &name, "on"),
            HookState::Off(why) => {
                let mark = if &*hook.name == ALLOCATOR { Mark::Bad } else { Mark::Note };
                findings.add(mark, &name, &format!("off: {why}"));
            }
        }
    }
    for notice in process.notices.iter() {
        findings.add(Mark::Note, "", notice);
    }
}
