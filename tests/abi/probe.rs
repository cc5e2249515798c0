//! Compiles and runs the C probes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::interpreters::Interpreter;

/// What a probe printed: offsets, sizes and constants by their C names.
pub(crate) type Numbers = BTreeMap<String, i64>;

/// Numbers the executables of this process.
static N_BUILT: AtomicU32 = AtomicU32::new(0);

/// Asks the compiler about CPython's structs.
pub(crate) fn python(interpreter: &Interpreter) -> Result<Numbers, Vec<String>> {
    let include = &interpreter.python_include;
    run("probe_python.c", &["-DPy_BUILD_CORE"], &[include.clone(), include.join("internal")])
}

/// Asks the compiler about NumPy's structs and slots.
pub(crate) fn numpy(
    interpreter: &Interpreter,
    numpy_include: &Path,
) -> Result<Numbers, Vec<String>> {
    let includes = [interpreter.python_include.clone(), numpy_include.to_owned()];
    run("probe_numpy.c", &[], &includes)
}

fn run(source: &str, options: &[&str], includes: &[PathBuf]) -> Result<Numbers, Vec<String>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/abi/c").join(source);
    let number = N_BUILT.fetch_add(1, Ordering::Relaxed);
    let executable = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("abi-probe-{}-{number}", std::process::id()));
    let mut compile = Command::new("cc");
    compile.args(options).arg("-o").arg(&executable).arg(source);
    for include in includes {
        compile.arg("-I").arg(include);
    }
    output_of(&mut compile)?;
    let printed = output_of(&mut Command::new(&executable));
    // Only litter if this fails.
    let _ = fs::remove_file(&executable);
    serde_json::from_slice(&printed?).map_err(|error| vec![error.to_string()])
}

fn output_of(command: &mut Command) -> Result<Vec<u8>, Vec<String>> {
    let output = command.output().map_err(|error| vec![format!("{command:?}: {error}")])?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        let stderr = String::from_utf8_lossy(&output.stderr);
        Err(vec![format!("{command:?}: {}\n{stderr}", output.status)])
    }
}
