//! Finding NumPy in the process and putting the hooks into it.

use std::ffi::{c_uint, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};

use npprof_abi::numpy::data_mem::{CAPSULE_NAME, DEFAULT_HANDLER_NAME, HANDLER_VERSION};
use npprof_abi::numpy::{DataMemHandler, NumpyLayout, NumpyVersion, api, descr};
use npprof_abi::python::object;
use npprof_abi::{Unsupported, numpy_support};
use npprof_wire::record::Fact;
use npprof_wire::segment;

use super::fact;
use super::operations::{self, Numpy};
use super::python::Python;
use crate::dtype::DtypeTable;
use crate::hooks::{array, data_mem};
use crate::memory::{Address, c_string, read, replace};
use crate::operation::Operations;
use crate::operation::names::Names;
use crate::stack::{FrameOffsets, Room, Stacks};
use crate::state::State;
use crate::stream::Stream;

/// NumPy's core, imported far enough to be hooked.
pub(super) struct Core {
    api: Address,
    layout: Result<&'static NumpyLayout, Unsupported>,
    default_handler: Address,
}

/// Everything is in place but the state.
pub(super) struct Ready {
    layout: &'static NumpyLayout,
    stacks: Stacks,
    python: &'static Python,
    operations: Operations,
    array_type: Address,
    api: Address,
    maps: Maps,
}

impl Ready {
    /// Hooks record from now on.
    pub(super) fn begin(self, mut stream: Stream) {
        DtypeTable::define_plain(&mut stream);
        let flags = stream.segment.word(segment::FLAGS);
        flags.fetch_or(segment::flags::HOOKED, Ordering::Relaxed);
        let dtypes = DtypeTable::new(self.layout.descr);
        let state = State::new(self.python, stream, self.stacks, dtypes, self.operations);
        crate::state::begin(state);
        // SAFETY: the installer holds the lock, and hooks record from now on.
        if let Some(state) = unsafe { crate::state::enter_locked() } {
            let numpy = Numpy { api: self.api, array_type: self.array_type, maps: &self.maps };
            // SAFETY: as above; the table and the type are NumPy's.
            unsafe { operations::install(&numpy, state) };
        }
    }
}

/// NumPy's core, when it is in `sys.modules` and has made its allocator.
///
/// # Safety
///
/// The interpreter lock must be held.
pub(super) unsafe fn find(python: &Python) -> Option<Core> {
    // SAFETY: the caller holds the lock.
    let module = api::CORE_MODULES.iter().map(|name| unsafe { python.module(name) });
    let module = module.into_iter().find(|&module| module != 0)?;
    // SAFETY: as above.
    let capsule = unsafe { python.item(module, api::ARRAY_API) };
    if capsule == 0 {
        return None;
    }
    // SAFETY: as above; the capsule has no name.
    let api = unsafe { python.capsule(capsule, None) };
    if api == 0 {
        return None;
    }
    let version = |slot: usize| {
        // SAFETY: the table has this function in every NumPy.
        let function = unsafe { read::<Address>(api, slot.wrapping_mul(8)) };
        // SAFETY: of this signature.
        let function =
            unsafe { std::mem::transmute::<usize, unsafe extern "C" fn() -> c_uint>(function) };
        // SAFETY: the lock is held.
        unsafe { function() }
    };
    let (abi, feature) = (version(api::GET_ABI_VERSION), version(api::GET_FEATURE_VERSION));
    let layout = numpy_support(abi, feature);
    if layout.is_err() {
        // What follows may not be where it is looked for.
        return Some(Core { api, layout, default_handler: 0 });
    }
    // SAFETY: the table has this entry, the address of a variable, from 1.22 on.
    let variable = unsafe { entry(api, api::DEFAULT_DATA_MEM_HANDLER) };
    // SAFETY: a variable of pointer size, null until the module has made the capsule.
    let capsule = unsafe { read::<Address>(variable, 0) };
    if capsule == 0 {
        return None;
    }
    // SAFETY: as above.
    let default_handler = unsafe { python.capsule(capsule, Some(CAPSULE_NAME)) };
    Some(Core { api, layout, default_handler })
}

/// An entry of the API table.
///
/// # Safety
///
/// `api` must be a table with this entry.
pub(super) unsafe fn entry(api: Address, slot: usize) -> Address {
    // SAFETY: the caller vouches for the table.
    unsafe { read::<Address>(api, slot.wrapping_mul(8)) }
}

/// Puts the hooks in, having made sure that everything is as expected.
///
/// # Errors
///
/// A line for the user; nothing has been changed then.
///
/// # Safety
///
/// The interpreter lock must be held; to be called once.
pub(super) unsafe fn install(
    core: &Core,
    python: &'static Python,
    stream: &mut Stream,
) -> Result<Ready, String> {
    // SAFETY: the caller holds the lock.
    let version = unsafe { numpy_version(python) };
    if let Some(version) = &version {
        fact(stream, Fact::NumpyVersion, version);
    }
    // SAFETY: as above.
    if let Some(folder) = unsafe { python.stdlib_folder() } {
        fact(stream, Fact::StdlibFolder, &folder);
    }
    let layout = core.layout.map_err(|unsupported| {
        // The version says more to people than the numbers of the interface that it comes from.
        let version = version.as_deref().and_then(NumpyVersion::parse);
        match version.map(NumpyVersion::layout) {
            Some(Err(unsupported)) => unsupported.to_string(),
            _ => unsupported.to_string(),
        }
    })?;
    let offsets = FrameOffsets::of(python.layout);
    // SAFETY: this function is called once.
    let room = unsafe { Room::take() };
    let stacks = Stacks::new(offsets, room);
    // SAFETY: as above.
    unsafe { check_frames(&stacks, python) }?;
    // SAFETY: the table has these entries in every supported NumPy.
    let array_type = unsafe { entry(core.api, api::ARRAY_TYPE) };
    // SAFETY: as above.
    unsafe { check_array_type(array_type) }?;
    // SAFETY: as above.
    unsafe { check_dtype(core.api, layout) }?;
    let maps = Maps::read()?;
    // SAFETY: as above.
    let handler = unsafe { check_handler(core.default_handler, &maps) }?;

    // Nothing has been changed up to here.
    // SAFETY: checked above; once, with the lock held.
    let hooks = unsafe { data_mem::default_hooks(handler.1, &handler.0) };
    // SAFETY: a handler that can be written.
    unsafe { write_handler(core.default_handler, &hooks) };
    fact(stream, Fact::Hook, "allocator=on");
    let is_writable = maps.is_writable(array_type.wrapping_add(object::TP_ALLOC));
    if is_writable {
        // SAFETY: `ndarray`, as checked, and it can be written.
        unsafe { array::install(array_type, python) };
    }
    fact(
        stream,
        Fact::Hook,
        if is_writable { "layout=on" } else { "layout=off: ndarray can't be written" },
    );
    fact(stream, Fact::Hook, "stacks=on");
    let set_handler = core.api.wrapping_add(api::SET_DATA_MEM_HANDLER.wrapping_mul(8));
    let can_wrap = maps.is_writable(set_handler);
    if can_wrap {
        // SAFETY: an entry of the table that can be written.
        SET_HANDLER.store(unsafe { read(set_handler, 0) }, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { replace(set_handler, 0, on_set_handler as *const () as usize) };
    }
    fact(
        stream,
        Fact::Hook,
        if can_wrap { "handlers=on" } else { "handlers=off: NumPy's API table can't be written" },
    );
    // SAFETY: this function is called once, with the lock held.
    let operations = unsafe { Operations::new(Names::new(stream)) };
    Ok(Ready { layout, stacks, python, operations, array_type, api: core.api, maps })
}

/// # Safety
///
/// The interpreter lock must be held.
unsafe fn numpy_version(python: &Python) -> Option<String> {
    // `numpy/__init__.py` may not have got as far as its own `__version__`.
    let places = [
        (c"numpy.version", c"version"),
        (c"numpy.version", c"short_version"),
        (c"numpy", c"__version__"),
    ];
    places.iter().find_map(|(module, name)| {
        // SAFETY: the caller holds the lock.
        let module = unsafe { python.module(module) };
        // SAFETY: as above.
        let version = unsafe { python.item(module, name) };
        if version == 0 {
            return None;
        }
        // SAFETY: as above.
        Some(unsafe {
            python.with_text(version, |text| String::from_utf8_lossy(text).into_owned())
        })
    })
}

/// Compares our way of finding the running code with the interpreter's own.
///
/// # Safety
///
/// The interpreter lock must be held.
unsafe fn check_frames(stacks: &Stacks, python: &Python) -> Result<(), String> {
    // SAFETY: the caller holds the lock.
    let expected = unsafe { python.running_code() };
    // SAFETY: as above.
    let found = unsafe { stacks.innermost_code(python.current_thread()) };
    if expected == found {
        Ok(())
    } else {
        Err("the interpreter's frames aren't where they are in the version that it claims"
            .to_owned())
    }
}

/// # Safety
///
/// `array_type` must be the API table's entry.
unsafe fn check_array_type(array_type: Address) -> Result<(), String> {
    // SAFETY: an entry of the table, so a type.
    let name = unsafe { read::<Address>(array_type, object::TP_NAME) };
    // SAFETY: every type has a name.
    let name = unsafe { c_string(name) };
    if name != b"numpy.ndarray" {
        return Err(format!("NumPy's array type is {}", String::from_utf8_lossy(name)));
    }
    for offset in [object::TP_ALLOC, object::TP_DEALLOC, object::TP_NEW] {
        // SAFETY: as above.
        if unsafe { read::<usize>(array_type, offset) } == 0 {
            return Err("NumPy's array type isn't ready".to_owned());
        }
    }
    Ok(())
}

/// Looks whether `float64` has its fields where they should be.
///
/// # Safety
///
/// `api` must be NumPy's API table, with the interpreter lock held.
unsafe fn check_dtype(api: Address, layout: &NumpyLayout) -> Result<(), String> {
    const FLOAT64: i32 = 12;
    // SAFETY: the caller vouches for the table.
    let function = unsafe { entry(api, api::DESCR_FROM_TYPE) };
    // SAFETY: the entry is this function in every supported NumPy.
    let function =
        unsafe { std::mem::transmute::<usize, unsafe extern "C" fn(i32) -> *mut c_void>(function) };
    // A reference is kept: it is one of NumPy's own dtypes, which never die.
    // SAFETY: the lock is held.
    let float64 = unsafe { function(FLOAT64) }.addr();
    // SAFETY: a dtype.
    let type_num = unsafe { read::<i32>(float64, descr::TYPE_NUM) };
    // SAFETY: as above; the low half on a little-endian machine.
    let itemsize = unsafe { read::<i32>(float64, layout.descr.elsize) };
    if (type_num, itemsize) == (FLOAT64, 8) {
        Ok(())
    } else {
        Err("NumPy's dtypes aren't laid out as in the version that it claims".to_owned())
    }
}

/// # Safety
///
/// `handler` must be null or a `PyDataMem_Handler`.
unsafe fn check_handler(
    handler: Address,
    maps: &Maps,
) -> Result<(DataMemHandler, data_mem::Original), String> {
    if handler == 0 {
        return Err("NumPy's data allocator wasn't found".to_owned());
    }
    // SAFETY: the caller vouches for the handler.
    let content = unsafe { read::<DataMemHandler>(handler, 0) };
    // SAFETY: a handler starts with its name, a C string.
    let name = unsafe { c_string(handler) };
    let is_known = name == DEFAULT_HANDLER_NAME.to_bytes() && content.version == HANDLER_VERSION;
    let last = handler.wrapping_add(size_of::<DataMemHandler>()).wrapping_sub(1);
    if !is_known || !maps.is_writable(handler) || !maps.is_writable(last) {
        return Err(format!("NumPy's data allocator is {}", String::from_utf8_lossy(name)));
    }
    let original =
        data_mem::Original::of(&content).ok_or("NumPy's data allocator lacks a function")?;
    Ok((content, original))
}

/// # Safety
///
/// `handler` must be a `PyDataMem_Handler` that can be written, with the interpreter lock held.
unsafe fn write_handler(handler: Address, content: &DataMemHandler) {
    let to = std::ptr::with_exposed_provenance_mut::<DataMemHandler>(handler);
    // SAFETY: the caller vouches for the handler.
    unsafe { to.write_unaligned(*content) };
}

type SetHandler = unsafe extern "C" fn(*mut c_void) -> *mut c_void;

/// `PyDataMem_SetHandler`.
static SET_HANDLER: AtomicUsize = AtomicUsize::new(0);

/// Stands in for `PyDataMem_SetHandler`: wraps a handler of the user's before it is set.
///
/// # Safety
///
/// As C extensions call it: with a capsule or null, and the interpreter lock held.
unsafe extern "C" fn on_set_handler(capsule: *mut c_void) -> *mut c_void {
    if let Some(python) = super::python::get() {
        // Nothing in here is worth a panic, but none may leave.
        // SAFETY: the caller vouches for the capsule and the lock.
        let _ = std::panic::catch_unwind(|| unsafe { wrap(capsule.addr(), python) });
    }
    // SAFETY: stored before this function was put in place.
    let original =
        unsafe { std::mem::transmute::<usize, SetHandler>(SET_HANDLER.load(Ordering::Relaxed)) };
    // SAFETY: the caller's call, passed on.
    unsafe { original(capsule) }
}

/// # Safety
///
/// `capsule` must be null or a live object, with the interpreter lock held.
unsafe fn wrap(capsule: Address, python: &Python) {
    if capsule == 0 {
        return;
    }
    // SAFETY: the caller vouches for the object.
    let handler = unsafe { python.capsule(capsule, Some(CAPSULE_NAME)) };
    if handler == 0 {
        return;
    }
    // SAFETY: what a capsule of this name holds.
    let content = unsafe { read::<DataMemHandler>(handler, 0) };
    if data_mem::is_hooked(&content) || content.version != HANDLER_VERSION {
        return;
    }
    let end = handler.wrapping_add(size_of::<DataMemHandler>()).wrapping_sub(1);
    let is_writable =
        Maps::read().is_ok_and(|maps| maps.is_writable(handler) && maps.is_writable(end));
    let Some(original) = data_mem::Original::of(&content).filter(|_| is_writable) else {
        return;
    };
    // SAFETY: the lock is held.
    if let Some(hooks) = unsafe { data_mem::wrapping_hooks(original, &content) } {
        // SAFETY: a handler that can be written.
        unsafe { write_handler(handler, &hooks) };
    }
}

/// The process's memory map.
pub(super) struct Maps(String);

impl Maps {
    fn read() -> Result<Self, String> {
        let maps = std::fs::read("/proc/self/maps")
            .map_err(|error| format!("/proc/self/maps can't be read: {error}"))?;
        Ok(Self(String::from_utf8_lossy(&maps).into_owned()))
    }

    pub(super) fn is_writable(&self, address: Address) -> bool {
        self.0.lines().any(|line| {
            let parse = || {
                let (range, rest) = line.split_once(' ')?;
                let (from, to) = range.split_once('-')?;
                let from = usize::from_str_radix(from, 16).ok()?;
                let to = usize::from_str_radix(to, 16).ok()?;
                Some((from..to).contains(&address) && rest.as_bytes().get(1) == Some(&b'w'))
            };
            parse().unwrap_or(false)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_can_be_written_and_code_cannot() {
        let maps = Maps::read().expect("Linux");
        let local = 0_u8;
        assert!(maps.is_writable((&raw const local).addr()));
        assert!(!maps.is_writable(find as *const () as usize));
        assert!(!maps.is_writable(16));
    }
}
