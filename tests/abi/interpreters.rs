//! Finds interpreters to check, with or without a NumPy.
//!
//! Those that `scripts/python-matrix --list` names come first; interpreters under pyenv, and `python3`
//! on the path, are taken when the list has none of their version.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use npprof_abi::numpy::api;
use npprof_abi::python::{DEBUG_BUILD_SYMBOL, PYTHON_LAYOUTS, PythonBuild, PythonLayout};
use npprof_abi::python_support;
use serde::Deserialize;

/// What was found on this machine.
pub(crate) struct Found {
    pub(crate) interpreters: Vec<Interpreter>,
    /// One line for each thing that was looked for and isn't there.
    pub(crate) missing: Vec<String>,
}

/// A supported interpreter.
pub(crate) struct Interpreter {
    pub(crate) path: PathBuf,
    pub(crate) build: PythonBuild,
    /// Where `Python.h` would be.
    pub(crate) python_include: PathBuf,
    pub(crate) numpy: Option<Numpy>,
}

/// The NumPy of an interpreter.
#[derive(Deserialize)]
pub(crate) struct Numpy {
    pub(crate) version: String,
    pub(crate) include: PathBuf,
    pub(crate) abi_version: u32,
    pub(crate) feature_version: u32,
}

/// What an interpreter says about itself.
#[derive(Deserialize)]
struct Answer {
    /// `sys.version` is the string of `Py_GetVersion()`.
    version: String,
    has_debug_symbol: bool,
    include: PathBuf,
    numpy: Option<Numpy>,
}

/// Arguments: the symbol of debug builds, the slots of the ABI version and of the feature version.
const ASK: &str = r#"
import ctypes, json, sys, sysconfig
symbol, abi, feature = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
answer = {
    "version": sys.version,
    "has_debug_symbol": hasattr(ctypes.pythonapi, symbol),
    "include": sysconfig.get_paths()["include"],
    "numpy": None,
}
try:
    import numpy
except ImportError:
    pass
else:
    try:
        from numpy._core._multiarray_umath import _ARRAY_API
    except ImportError:
        from numpy.core._multiarray_umath import _ARRAY_API
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    table = (ctypes.c_void_p * (feature + 1)).from_address(get(_ARRAY_API, None))
    number = ctypes.CFUNCTYPE(ctypes.c_uint)
    answer["numpy"] = {
        "version": numpy.__version__,
        "include": numpy.get_include(),
        "abi_version": number(table[abi])(),
        "feature_version": number(table[feature])(),
    }
print(json.dumps(answer))
"#;

impl Interpreter {
    /// The executable, and the versions that it has.
    pub(crate) fn name(&self) -> String {
        let path = self.path.display();
        let version = self.build.version;
        match &self.numpy {
            Some(numpy) => format!("{path} (Python {version}, NumPy {})", numpy.version),
            None => format!("{path} (Python {version}, no NumPy)"),
        }
    }
}

/// The supported interpreters of this machine.
pub(crate) static FOUND: LazyLock<Found> = LazyLock::new(find);

fn find() -> Found {
    let mut interpreters = Vec::new();
    let mut missing = Vec::new();
    for path in listed() {
        match ask(&path) {
            Ok(interpreter) => interpreters.push(interpreter),
            Err(why) => missing.push(format!("missing: {}: {why}", path.display())),
        }
    }
    for path in installed() {
        let Ok(interpreter) = ask(&path) else {
            continue;
        };
        let minor = interpreter.build.version.minor;
        if !interpreters.iter().any(|known| known.build.version.minor == minor) {
            interpreters.push(interpreter);
        }
    }
    for PythonLayout { minor, .. } in &PYTHON_LAYOUTS {
        if !interpreters.iter().any(|known| known.build.version.minor == *minor) {
            missing.push(format!("missing: CPython 3.{minor}"));
        }
    }
    Found { interpreters, missing }
}

/// The interpreters in virtual environments with a NumPy that the script has made.
fn listed() -> Vec<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/python-matrix");
    let Ok(output) = Command::new(script).arg("--list").output() else {
        return Vec::new();
    };
    String::from_utf8_lossy(&output.stdout)
        .lines()
        // One environment is there to be declined.
        .filter(|line| !line.starts_with("too-old\t"))
        .filter_map(|line| line.split('\t').nth(1))
        .map(PathBuf::from)
        .collect()
}

/// Interpreters under pyenv, and whatever `python3` is.
fn installed() -> Vec<PathBuf> {
    let root = env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".pyenv")));
    let versions = root.and_then(|root| root.join("versions").read_dir().ok());
    let mut found: Vec<PathBuf> = versions
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin/python")))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    found.push(PathBuf::from("python3"));
    found
}

fn ask(python: &Path) -> Result<Interpreter, String> {
    let output = Command::new(python)
        .args(["-B", "-c", ASK])
        .arg(DEBUG_BUILD_SYMBOL.to_string_lossy().as_ref())
        .arg(api::GET_ABI_VERSION.to_string())
        .arg(api::GET_FEATURE_VERSION.to_string())
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let answer: Answer =
        serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    let build = PythonBuild::parse(&answer.version, answer.has_debug_symbol)
        .ok_or_else(|| format!("no version in {:?}", answer.version))?;
    python_support(build).map_err(|error| error.to_string())?;
    Ok(Interpreter {
        path: python.to_owned(),
        build,
        python_include: answer.include,
        numpy: answer.numpy,
    })
}
