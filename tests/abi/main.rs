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
use npprof_abi::python::{LineReader, PYTHON_LAYOUTS, PythonLayout};
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

/// Prints a line for each code object of some modules: first line, line table, and the line of every
/// second byte as the interpreter's own function tells it, -1 for none.
const LINES: &str = r#"
import argparse, ast, ctypes, dis, inspect, json.decoder, tarfile, typing
line_of = ctypes.pythonapi.PyCode_Addr2Line
line_of.argtypes = (ctypes.py_object, ctypes.c_int)
def show(code):
    table = code.co_linetable if hasattr(code, "co_linetable") else code.co_lnotab
    places = range(0, len(code.co_code), 2)
    print(code.co_firstlineno, table.hex() or "-", *[line_of(code, at) for at in places])
    for const in code.co_consts:
        if inspect.iscode(const):
            show(const)
far = "x = 1" + "\n" * 70000 + "y = 2; z = (x +\n\n\n y)\nx = 3\n"
back = "f(1,\n  g(2,\n    h(3)),\n  4)\n"
long = "x = [" + ", ".join("a{}.b(c)".format(i) for i in range(400)) + "]\nx = 2\n"
for text in ("", far, back, long):
    show(compile(text, "made up", "exec"))
for module in (argparse, ast, dis, inspect, json.decoder, tarfile, typing):
    with open(module.__file__, encoding="utf-8") as file:
        show(compile(file.read(), module.__file__, "exec"))
"#;

#[test]
fn lines_are_where_the_interpreter_says() {
    for_each(|interpreter| {
        let python = python_support(interpreter.build).map_err(|error| vec![error.to_string()])?;
        let output = Command::new(&interpreter.path)
            .args(["-B", "-c", LINES])
            .output()
            .map_err(|error| vec![error.to_string()])?;
        if !output.status.success() {
            return Err(vec![String::from_utf8_lossy(&output.stderr).into_owned()]);
        }
        let told = String::from_utf8_lossy(&output.stdout);
        let wrong: Vec<String> =
            told.lines().filter_map(|code| wrong_line(code, python)).take(5).collect();
        if wrong.is_empty() {
            Ok(format!("{} code objects agree", told.lines().count()))
        } else {
            Err(wrong)
        }
    });
}

/// Returns a message if a code object, as printed by [`LINES`], has an instruction on another line, be
/// it looked for from the start or from the one before.
fn wrong_line(code: &str, python: &PythonLayout) -> Option<String> {
    let mut words = code.split(' ');
    let first_line = words.next()?.parse().expect("a line");
    let table = words.next()?.trim_start_matches('-').as_bytes();
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("digits");
        u8::from_str_radix(pair, 16).expect("hexadecimal digits")
    };
    let table: Vec<u8> = table.chunks(2).map(byte).collect();
    let new = || LineReader::new(python.code.line_format, first_line);
    let mut onwards = new();
    for (place, line) in (0..).step_by(2).zip(words) {
        let line: i32 = line.parse().expect("a line");
        let found = onwards.find(&table, place);
        // From the start only now and then, as that takes longer and longer.
        let is_same = place % 64 != 0 || new().find(&table, place) == found;
        if found.is_none_or(|run| run.line != line) || !is_same {
            return Some(format!("line {line} at {place} of {code}, and not {found:?}"));
        }
    }
    None
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
