//! Holds every number in `npprof-abi` against the C compiler and against running interpreters.
//!
//! The probes in `crates/abi/c` print what the headers of an interpreter and of a NumPy say; the
//! script `read_memory.py` reads the memory of a running one by npprof's tables and compares it with
//! what Python itself says. Both run for every interpreter that [`interpreters`] finds; what is
//! missing is printed by name.

mod interpreters;
mod probe;
mod tables;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use npprof_abi::numpy::{DatetimeMetadata, Dtype, NumpyVersion};
use npprof_abi::python::{PYTHON_LAYOUTS, PythonLayout};
use npprof_abi::{numpy_support, python_support};

use crate::interpreters::{FOUND, Found, Interpreter};

/// Runs `check`, which gives the names of what it checked or a message for each disagreement, for
/// every supported interpreter.
#[expect(clippy::print_stdout, reason = "what was checked and what is missing is for the reader")]
fn for_each(check: impl Fn(&Interpreter) -> Result<String, Vec<String>>) {
    let Found { interpreters, missing } = &*FOUND;
    for line in missing {
        println!("{line}");
    }
    let mut disagreements = Vec::new();
    for interpreter in interpreters {
        let name = interpreter.name();
        match check(interpreter) {
            Ok(checked) => println!("{name}: {checked}"),
            Err(messages) => {
                disagreements
                    .extend(messages.into_iter().map(|message| format!("{name}: {message}")));
            }
        }
    }
    assert!(disagreements.is_empty(), "\n{}", disagreements.join("\n"));
    assert!(!interpreters.is_empty(), "no supported interpreter on this machine");
}

#[test]
fn python_tables_agree_with_the_compiler() {
    for_each(|interpreter| {
        let layout = python_support(interpreter.build).map_err(|error| vec![error.to_string()])?;
        if !interpreter.python_include.join("Python.h").exists() {
            return Ok(format!("no headers in {}", interpreter.python_include.display()));
        }
        let printed = probe::python(interpreter)?;
        tables::compare(&printed, &tables::python(layout))
    });
}

#[test]
fn numpy_tables_agree_with_the_compiler() {
    for_each(|interpreter| {
        let Some(numpy) = &interpreter.numpy else {
            return Ok("no NumPy".to_owned());
        };
        let layout = numpy_support(numpy.abi_version, numpy.feature_version)
            .map_err(|error| vec![error.to_string()])?;
        if !interpreter.python_include.join("Python.h").exists() {
            return Ok(format!("no headers in {}", interpreter.python_include.display()));
        }
        let printed = probe::numpy(interpreter, &numpy.include)?;
        tables::compare(&printed, &tables::numpy(layout, numpy))
    });
}

#[test]
fn tables_agree_with_running_interpreters() {
    for_each(|interpreter| {
        let python = python_support(interpreter.build).map_err(|error| vec![error.to_string()])?;
        let numpy = interpreter
            .numpy
            .as_ref()
            .map(|numpy| numpy_support(numpy.abi_version, numpy.feature_version))
            .transpose()
            .map_err(|error| vec![error.to_string()])?;
        read_memory(&interpreter.path, &tables::for_reader(python, numpy))
    });
}

/// Prints one line for each dtype: number, bytes, whether swapped, unit, units, and how it is written.
const DTYPES: &str = r#"
import numpy
dtypes = [numpy.dtype(c) for c in "?bBhHiIlLqQefdgFDGOSUVMm"]
dtypes += [numpy.dtype(s) for s in ("S10", "U10", "V16", "M8[ns]", "M8[10us]", "m8[25s]", "m8[Y]")]
dtypes += [d.newbyteorder() for d in dtypes]
units = ["Y", "M", "W", "", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "generic"]
for d in dtypes:
    unit, count = numpy.datetime_data(d) if d.kind in "Mm" else ("generic", 1)
    written = d.name if d.byteorder in "=|" and d.kind not in "SUV" else d.str.lstrip("|")
    print(d.num, d.itemsize, int(d.byteorder == ">"), units.index(unit), count, written)
"#;

#[test]
fn dtypes_are_written_as_numpy_writes_them() {
    for_each(|interpreter| {
        if interpreter.numpy.is_none() {
            return Ok("no NumPy".to_owned());
        }
        let output = Command::new(&interpreter.path)
            .args(["-B", "-c", DTYPES])
            .output()
            .map_err(|error| vec![error.to_string()])?;
        if !output.status.success() {
            return Err(vec![String::from_utf8_lossy(&output.stderr).into_owned()]);
        }
        let lines = String::from_utf8_lossy(&output.stdout);
        let wrong: Vec<String> = lines.lines().filter_map(wrongly_written).collect();
        if wrong.is_empty() {
            Ok(format!("{} dtypes agree", lines.lines().count()))
        } else {
            Err(wrong)
        }
    });
}

/// Returns a message if npprof writes the dtype on a line of [`DTYPES`] in another way than NumPy.
fn wrongly_written(line: &str) -> Option<String> {
    let (facts, written) = line.rsplit_once(' ').expect("facts and a dtype");
    let facts: Vec<i32> =
        facts.split(' ').map(|fact| fact.parse().expect("facts are numbers")).collect();
    let &[type_num, itemsize, is_swapped, unit, count] = facts.as_slice() else {
        return Some(format!("not a line about a dtype: {line}"));
    };
    let dtype = Dtype {
        type_num,
        itemsize: usize::try_from(itemsize).expect("a size is not negative"),
        is_swapped: is_swapped == 1,
        datetime: Some(DatetimeMetadata { unit, count }),
    };
    let ours = dtype.to_string();
    (ours != written).then(|| format!("NumPy writes {written}, npprof {ours}"))
}

/// Runs `read_memory.py`, whose last line is `checked N` and the others are disagreements.
fn read_memory(python: &Path, tables: &serde_json::Value) -> Result<String, Vec<String>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("abi/read_memory.py");
    // A hash of strings that differs from run to run would make disagreements hard to repeat.
    let mut child = Command::new(python)
        .arg("-B")
        .arg(script)
        .env("PYTHONHASHSEED", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| vec![error.to_string()])?;
    let mut stdin = child.stdin.take().expect("stdin was asked for");
    stdin.write_all(tables.to_string().as_bytes()).map_err(|error| vec![error.to_string()])?;
    drop(stdin);
    let output = child.wait_with_output().map_err(|error| vec![error.to_string()])?;
    let mut lines: Vec<String> =
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    match lines.pop() {
        Some(last) if output.status.success() && last.starts_with("checked ") => {
            // The same disagreement comes from many frames.
            let lines: BTreeSet<String> = lines.into_iter().collect();
            if lines.is_empty() { Ok(last) } else { Err(lines.into_iter().collect()) }
        }
        last => {
            lines.extend(last);
            lines.push(output.status.to_string());
            lines.push(String::from_utf8_lossy(&output.stderr).into_owned());
            Err(lines)
        }
    }
}

#[test]
fn the_version_strings_of_real_builds_lead_to_the_same_layouts() {
    for_each(|interpreter| {
        let layout = python_support(interpreter.build).map_err(|error| vec![error.to_string()])?;
        let Some(numpy) = &interpreter.numpy else {
            return Ok(format!("3.{}", layout.minor));
        };
        let by_abi = numpy_support(numpy.abi_version, numpy.feature_version);
        let by_version = NumpyVersion::parse(&numpy.version).map(NumpyVersion::layout);
        if Some(by_abi) == by_version {
            Ok(format!("3.{}, NumPy {}", layout.minor, numpy.version))
        } else {
            Err(vec![format!("NumPy {}: {by_abi:?}, {by_version:?}", numpy.version)])
        }
    });
}

#[test]
fn every_supported_minor_version_is_checked_or_named_as_missing() {
    let Found { interpreters, missing } = &*FOUND;
    for PythonLayout { minor, .. } in &PYTHON_LAYOUTS {
        let is_checked =
            interpreters.iter().any(|interpreter| interpreter.build.version.minor == *minor);
        let is_named = missing.iter().any(|line| line.ends_with(&format!("CPython 3.{minor}")));
        assert!(is_checked != is_named, "3.{minor}: checked {is_checked}, named {is_named}");
    }
}
