//! Registering the audit hook, before the interpreter exists.
//!
//! The interpreter keeps the hook in a block of its raw allocator and frees it at its end. When it
//! is going to use its debugging allocator, the block must come from there too, or that free ends
//! the process. So what the interpreter will decide from its command line and its environment is
//! decided here in the same way.

use std::ffi::{c_char, c_int, c_void};

/// A hook as `PySys_AddAuditHook` takes it.
pub(super) type Hook = unsafe extern "C" fn(*const c_char, *mut c_void, *mut c_void) -> c_int;
type AddHook = unsafe extern "C" fn(Hook, *mut c_void) -> c_int;
type AllocatorCall = unsafe extern "C" fn(c_int, *mut Allocator);

/// `PyMemAllocatorEx`: a context and four functions.
type Allocator = [usize; 5];
/// `PYMEM_DOMAIN_RAW`, `_MEM` and `_OBJ`.
const DOMAINS: [c_int; 3] = [0, 1, 2];

/// Registers `hook`. `false` when the interpreter refuses.
///
/// # Safety
///
/// `add_hook` must be `PySys_AddAuditHook` of an interpreter that isn't initialised.
pub(super) unsafe fn register(add_hook: *mut c_void, hook: Hook) -> bool {
    // SAFETY: the caller vouches for the function.
    let add_hook = unsafe { std::mem::transmute::<*mut c_void, AddHook>(add_hook) };
    let add = || {
        // SAFETY: may be called before the interpreter is initialised.
        unsafe { add_hook(hook, std::ptr::null_mut()) == 0 }
    };
    let arguments = std::fs::read("/proc/self/cmdline").unwrap_or_default();
    let arguments: Vec<&[u8]> = arguments.split(|&byte| byte == 0).collect();
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if !uses_debug_allocator(&arguments, variable) {
        return add();
    }
    with_debug_allocator(add)
}

/// Calls `call` while the interpreter's allocators are the debugging ones, if there are such.
fn with_debug_allocator(call: impl FnOnce() -> bool) -> bool {
    let symbol = super::python::symbol;
    let (Some(get), Some(set), Some(set_up)) = (
        symbol(c"PyMem_GetAllocator"),
        symbol(c"PyMem_SetAllocator"),
        symbol(c"PyMem_SetupDebugHooks"),
    ) else {
        return call();
    };
    // SAFETY: the signatures of these functions in the C API, here and below.
    let get = unsafe { std::mem::transmute::<*mut c_void, AllocatorCall>(get) };
    // SAFETY: as above.
    let set = unsafe { std::mem::transmute::<*mut c_void, AllocatorCall>(set) };
    // SAFETY: as above.
    let set_up = unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn()>(set_up) };
    let mut usual = [[0; 5]; DOMAINS.len()];
    for (domain, allocator) in DOMAINS.iter().zip(&mut usual) {
        // SAFETY: room for what it writes; nothing runs yet.
        unsafe { get(*domain, allocator) };
    }
    // SAFETY: allowed before the interpreter is initialised.
    unsafe { set_up() };
    let result = call();
    for (domain, allocator) in DOMAINS.iter().zip(&mut usual) {
        // SAFETY: what `get` gave, so that the interpreter starts as if nothing had been.
        unsafe { set(*domain, allocator) };
    }
    result
}

/// Whether an interpreter with these arguments and environment uses its debugging allocator: if the
/// environment names it, or in development mode if the environment names none.
fn uses_debug_allocator(arguments: &[&[u8]], variable: impl Fn(&str) -> Option<String>) -> bool {
    let mut is_development = false;
    let mut has_environment = true;
    let mut arguments = arguments.iter().skip(1);
    'all: while let Some(argument) = arguments.next() {
        let Some((b'-', letters)) = argument.split_first() else { break };
        if letters.is_empty() || letters == b"-" {
            break;
        }
        if letters.starts_with(b"-") {
            // The only long option that takes a value.
            if letters == b"-check-hash-based-pycs" {
                arguments.next();
            }
            continue;
        }
        for (at, letter) in letters.iter().enumerate() {
            let rest = letters.get(at.wrapping_add(1)..).unwrap_or_default();
            match letter {
                b'c' | b'm' => break 'all,
                b'E' | b'I' => has_environment = false,
                b'X' | b'W' => {
                    let value =
                        if rest.is_empty() { arguments.next().copied() } else { Some(rest) };
                    is_development |= *letter == b'X' && value == Some(b"dev".as_slice());
                    break;
                }
                _ => {}
            }
        }
    }
    if has_environment {
        is_development |= variable("PYTHONDEVMODE").is_some();
        if let Some(allocator) = variable("PYTHONMALLOC") {
            return matches!(allocator.as_str(), "debug" | "pymalloc_debug" | "malloc_debug");
        }
    }
    is_development
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(command: &str, environment: &str, expected: bool) {
        let arguments: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        let variable = |name: &str| {
            let (found, value) = environment.split_once('=')?;
            (found == name).then(|| value.to_owned())
        };
        assert_eq!(uses_debug_allocator(&arguments, variable), expected, "{environment} {command}");
    }

    #[test]
    fn the_interpreters_own_rules_decide() {
        check("python app.py", "", false);
        check("python -X dev app.py", "", true);
        check("python -Xdev app.py", "", true);
        check("python -IXdev app.py", "", true);
        check("python -X utf8 app.py", "", false);
        check("python -W error -X dev -m app", "", true);
        check("python app.py -X dev", "", false);
        check("python -m app -X dev", "", false);
        check("python -c pass -X dev", "", false);
        check("python", "PYTHONDEVMODE=1", true);
        check("python -E app.py", "PYTHONDEVMODE=1", false);
        check("python app.py", "PYTHONMALLOC=debug", true);
        check("python -I app.py", "PYTHONMALLOC=debug", false);
        check("python -X dev app.py", "PYTHONMALLOC=malloc", false);
        check("python app.py", "PYTHONMALLOC=pymalloc", false);
        check("python --check-hash-based-pycs always -X dev", "", true);
    }
}
