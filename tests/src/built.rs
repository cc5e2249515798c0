//! What a test runs: npprof and its shim from the release profile, and the C library that counts.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The folder of the whole repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the repository")
}

/// A program of `tests/programs`.
pub fn program_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("programs").join(name)
}

/// The `npprof` executable, with its shim beside it. `NPPROF_TEST_BIN` names one that is built
/// already; otherwise cargo builds both, once a process.
///
/// # Panics
///
/// If they don't build.
pub fn npprof() -> &'static Path {
    static NPPROF: OnceLock<Option<PathBuf>> = OnceLock::new();
    // A failure is remembered, too: every test would build again otherwise.
    let npprof = NPPROF.get_or_init(|| match env::var_os("NPPROF_TEST_BIN") {
        Some(path) => Some(PathBuf::from(path)),
        None => build(),
    });
    npprof.as_deref().expect("npprof and its shim build")
}

fn build() -> Option<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .current_dir(repository())
        .args(["build", "--release", "--locked", "--quiet"])
        .args(["-p", "npprof-cli", "-p", "npprof-shim"])
        .status()
        .ok()?;
    let npprof = target().join("release").join("npprof");
    (built.success() && npprof.is_file()).then_some(npprof)
}

/// The library of the independent count, `counter/counter.c`, compiled once a process.
pub fn counter() -> &'static Path {
    static COUNTER: OnceLock<PathBuf> = OnceLock::new();
    COUNTER.get_or_init(|| library("counter", "counter/counter.c", &[]))
}

/// The library that listens at inner loops, `oracle/tap.c`, compiled once a process.
pub fn tap() -> &'static Path {
    static TAP: OnceLock<PathBuf> = OnceLock::new();
    TAP.get_or_init(|| library("tap", "oracle/tap.c", &[]))
}

/// A replacement of the C library's allocator, `counter/own_malloc.c`, compiled once a process.
pub fn own_malloc() -> &'static Path {
    static OWN_MALLOC: OnceLock<PathBuf> = OnceLock::new();
    OWN_MALLOC.get_or_init(|| library("own_malloc", "counter/own_malloc.c", &[]))
}

/// A library that makes arrays where no Python code runs, with lines for debuggers or stripped; compiled
/// once a process.
pub fn native(is_stripped: bool) -> &'static Path {
    static WITH_LINES: OnceLock<PathBuf> = OnceLock::new();
    static STRIPPED: OnceLock<PathBuf> = OnceLock::new();
    if is_stripped {
        STRIPPED.get_or_init(|| library("native_stripped", NATIVE, &["-s"]))
    } else {
        WITH_LINES.get_or_init(|| library("native", NATIVE, &["-g"]))
    }
}

/// The source of [`native`].
pub fn native_source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(NATIVE)
}

const NATIVE: &str = "counter/native.c";

fn library(name: &str, source: &str, options: &[&str]) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let library = target().join(format!("libnpprof_test_{name}.so"));
    // Built beside and renamed: another test may be loading the library at this moment.
    let half = tempfile::Builder::new()
        .prefix(&format!("{name}-"))
        .suffix(".so")
        .tempfile_in(target())
        .expect("the target folder can be written")
        .into_temp_path();
    let compiled = Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()))
        .args(["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread"])
        .args(options)
        .arg("-o")
        .arg(&half)
        .arg(&source)
        .status()
        .expect("a C compiler runs");
    assert!(compiled.success(), "{} compiles", source.display());
    half.persist(&library).expect("the library can be renamed");
    library
}

/// The target folder: what holds the profile's folder that this test runs from.
fn target() -> PathBuf {
    let test = env::current_exe().expect("a process has an executable");
    let profile = test.ancestors().nth(2).expect("a test lies in target/<profile>/deps");
    profile.parent().expect("a profile lies in the target folder").to_owned()
}
