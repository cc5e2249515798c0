//! Getting in: from the preloaded library's constructor to hooks in place. Cold: may allocate.
//!
//! The constructor leaves everything that is no Python alone. In a Python it joins the session and
//! registers an audit hook, which at each `import` looks whether NumPy's core has arrived; then the
//! hooks go in, still inside `import numpy`, before the program sees NumPy.

mod audit;
mod numpy;
pub(crate) mod operations;
pub(crate) mod python;
pub(crate) mod session;

use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicU8, Ordering};

use npprof_wire::encode::Definition;
use npprof_wire::record::{Fact, MAX_RECORD_WORDS};

use crate::memory::c_string;
use crate::state;
use crate::stream::Stream;

/// Where the installation stands.
static STAGE: AtomicU8 = AtomicU8::new(WAITING);
const WAITING: u8 = 0;
const DONE: u8 = 1;

/// Runs when the library is loaded, in every program of the process tree.
pub(crate) extern "C" fn constructor() {
    // No panic may leave a C function; there is nobody to tell.
    let _ = std::panic::catch_unwind(construct);
}

fn construct() {
    // SAFETY: the name is a C string.
    let add_hook = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"PySys_AddAuditHook".as_ptr()) };
    if add_hook.is_null() || !session::read_environment() {
        return;
    }
    if !session::is_followed() {
        // SAFETY: constructors run before the program, and before any thread.
        unsafe { session::clear_environment() };
    }
    if !session::join(0, 0) {
        return;
    }
    crate::lifecycle::install();
    let Some(segment) = state::segment() else { return };
    let mut stream = Stream::new(segment, session::is_lossy());
    if let Err(reason) = python::find() {
        switched_off(&mut stream, &reason);
        return;
    }
    introduce(&mut stream);
    // SAFETY: the symbol is this function in every CPython that has it, and constructors run before
    // the interpreter is initialised.
    let is_registered = unsafe { audit::register(add_hook, on_audit) };
    if !is_registered {
        switched_off(&mut stream, "the interpreter refused an audit hook");
    }
}

/// # Safety
///
/// As Python calls an audit hook: with the interpreter lock held.
unsafe extern "C" fn on_audit(event: *const c_char, _: *mut c_void, _: *mut c_void) -> c_int {
    if STAGE.load(Ordering::Relaxed) == WAITING {
        // SAFETY: Python passes a C string.
        let event = unsafe { c_string(event.addr()) };
        if event == npprof_abi::python::IMPORT_EVENT.to_bytes() {
            // No panic may leave a C function.
            if std::panic::catch_unwind(look_for_numpy).is_err() {
                STAGE.store(DONE, Ordering::Relaxed);
            }
        }
    }
    0
}

fn look_for_numpy() {
    let Some(python) = python::get() else { return };
    // SAFETY: audit hooks are called with the lock held.
    let Some(core) = (unsafe { numpy::find(python) }) else { return };
    STAGE.store(DONE, Ordering::Relaxed);
    let Some(segment) = state::segment() else { return };
    let mut stream = Stream::new(segment, session::is_lossy());
    // SAFETY: as above.
    let installed = unsafe { numpy::install(&core, python, &mut stream) };
    match installed {
        Ok(ready) => ready.begin(stream),
        Err(reason) => switched_off(&mut stream, &reason),
    }
}

/// Says which interpreter this process is.
pub(crate) fn introduce(stream: &mut Stream) {
    if let Some(python) = python::get() {
        fact(stream, Fact::PythonVersion, &python.version);
    }
    if let Ok(executable) = std::fs::read_link("/proc/self/exe") {
        fact(stream, Fact::Executable, &executable.to_string_lossy());
    }
}

/// Sends a fact about the process.
fn fact(stream: &mut Stream, fact: Fact, text: &str) {
    let mut words = [0; MAX_RECORD_WORDS];
    stream.define(Definition::fact(&mut words, fact, text.as_bytes()).finish());
}

/// Says why this process is not watched.
fn switched_off(stream: &mut Stream, reason: &str) {
    STAGE.store(DONE, Ordering::Relaxed);
    for hook in ["allocator", "layout", "stacks", "operations"] {
        fact(stream, Fact::Hook, &format!("{hook}=off: {reason}"));
    }
    fact(stream, Fact::Notice, &format!("not profiled: {reason}"));
}
