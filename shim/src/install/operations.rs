//! Putting the hooks of operations in: tables of methods, slots of the array type, ufuncs, NumPy's C
//! interface.

use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};

use npprof_abi::numpy::{api, ufunc};
use npprof_abi::python::method::{self as def, CallingConvention, MethodDef};
use npprof_abi::python::object;
use npprof_wire::encode::Definition;
use npprof_wire::record::{Fact, MAX_RECORD_WORDS};

use super::numpy::{Maps, entry};
use super::python::Python;
use super::session;
use crate::hooks::method::{self, Table};
use crate::hooks::{c_api, export, index, ufunc as ufunc_hook};
use crate::memory::{Address, c_string, read, replace};
use crate::operation::look::name_of;
use crate::state::{State, enter_locked};

/// NumPy, as far as it is patched here.
pub(super) struct Numpy<'a> {
    pub(super) api: Address,
    pub(super) array_type: Address,
    pub(super) maps: &'a Maps,
}

/// `numpy.ufunc`, once it is known.
static UFUNC_TYPE: AtomicUsize = AtomicUsize::new(0);

/// Puts the hooks in that are wanted, and says which.
///
/// # Safety
///
/// `numpy` must be NumPy's own tables, with the interpreter lock held. Once.
pub(super) unsafe fn install(numpy: &Numpy<'_>, state: &mut State) {
    // SAFETY: the caller vouches for the table.
    let numpy_int = unsafe { entry(numpy.api, api::LONG_TYPE) };
    // SAFETY: the caller vouches for the types.
    let types = unsafe { state.python.types(numpy.array_type, numpy_int) };
    let outcome = match types {
        _ if !session::has_operations() => Err("left out by --level allocations".to_owned()),
        Err(reason) => Err(reason),
        Ok(types) => {
            types.set();
            method::record_operations();
            Ok(())
        }
    };
    // Some methods change the layout of arrays: these are always hooked.
    // SAFETY: as above.
    let methods = unsafe { read::<Address>(numpy.array_type, object::TP_METHODS) };
    // SAFETY: a table of methods.
    unsafe { hook_table(methods, Table::Array, numpy.maps, state) };
    let outcome = outcome.and_then(|()| {
        // SAFETY: the caller vouches for everything.
        unsafe { install_all(numpy, state) }
    });
    match outcome {
        Ok(()) => say(state, "operations=on"),
        Err(reason) => say(state, &format!("operations=off: {reason}")),
    }
}

fn say(state: &mut State, text: &str) {
    let mut words = [0; MAX_RECORD_WORDS];
    state.stream.define(Definition::fact(&mut words, Fact::Hook, text.as_bytes()).finish());
}

/// # Safety
///
/// As for [`install`].
unsafe fn install_all(numpy: &Numpy<'_>, state: &mut State) -> Result<(), String> {
    let python = state.python;
    // SAFETY: the caller holds the lock.
    let modules = api::CORE_MODULES.iter().map(|name| unsafe { python.module(name) });
    let module = modules.into_iter().find(|&module| module != 0).ok_or("NumPy's core is gone")?;
    // SAFETY: as above.
    let capsule = unsafe { python.item(module, api::UFUNC_API) };
    if capsule == 0 {
        return Err("NumPy's ufunc functions weren't found".to_owned());
    }
    // SAFETY: as above; the capsule has no name.
    let ufunc_api = unsafe { python.capsule(capsule, None) };
    if ufunc_api == 0 {
        return Err("NumPy's table of ufunc functions wasn't found".to_owned());
    }
    // SAFETY: the table has this entry in every NumPy.
    let ufunc_type = unsafe { entry(ufunc_api, api::UFUNC_TYPE) };
    // SAFETY: a type that never dies.
    let name = unsafe { name_of(ufunc_type) };
    if name != b"numpy.ufunc" {
        return Err(format!("NumPy's ufunc type is {}", String::from_utf8_lossy(name)));
    }
    UFUNC_TYPE.store(ufunc_type, Ordering::Relaxed);
    // SAFETY: as above.
    let methods = unsafe { read::<Address>(ufunc_type, object::TP_METHODS) };
    // SAFETY: a table of methods.
    unsafe { hook_table(methods, Table::Ufunc, numpy.maps, state) };
    // SAFETY: the core module, in `sys.modules`.
    unsafe { hook_module(module, numpy.maps, python, state) };
    // SAFETY: the array type.
    unsafe { hook_slots(numpy.array_type, numpy.maps, state) };
    // SAFETY: the table has this entry in every supported NumPy.
    let flat_type = unsafe { entry(numpy.api, api::ITER_TYPE) };
    // SAFETY: a type.
    unsafe { hook_flat(flat_type, numpy.maps) };
    // SAFETY: NumPy's tables.
    unsafe { hook_interface(numpy.api, ufunc_api, numpy.maps, state) };
    Ok(())
}

/// # Safety
///
/// `first` must be null or a table of methods, with the interpreter lock held.
unsafe fn hook_table(first: Address, table: Table, maps: &Maps, state: &mut State) {
    let mut at = first;
    while at != 0 {
        // SAFETY: an entry of the table, whose last one has no name.
        let found = unsafe { read::<MethodDef>(at, 0) };
        if found.ml_name.is_null() {
            return;
        }
        // SAFETY: an entry with a name.
        unsafe { hook_entry(at, &found, table, maps, state) };
        at = at.wrapping_add(size_of::<MethodDef>());
    }
}

/// # Safety
///
/// `found` must be what lies at `at`, an entry of a table of methods.
unsafe fn hook_entry(at: Address, found: &MethodDef, table: Table, maps: &Maps, state: &mut State) {
    // SAFETY: a C string.
    let name = unsafe { c_string(found.ml_name.addr()) };
    let Some((index, _)) = method::targets(table).find(|(_, entry)| entry.name.as_bytes() == name)
    else {
        return;
    };
    let Some(convention) = CallingConvention::of(found.ml_flags) else { return };
    if !maps.is_writable(at) {
        return;
    }
    let prefix: &[u8] = if table == Table::Array { b"ndarray." } else { b"" };
    // Methods of ufuncs bear the ufunc's name, which differs from call to call.
    let operation = match table {
        Table::Ufunc => 0,
        Table::Array | Table::Module => {
            state.operations.names.number(&[prefix, name], &mut state.stream)
        }
    };
    let original = found.ml_meth.addr();
    if let Some(stand_in) = method::stand_in(index, original, operation, convention) {
        // SAFETY: an entry that can be written; the original is kept.
        unsafe { replace(at, std::mem::offset_of!(MethodDef, ml_meth), stand_in) };
    }
}

/// Hooks the functions of the core module, and the ufuncs that it has.
///
/// # Safety
///
/// `dict` must be the core module's dict, with the interpreter lock held.
unsafe fn hook_module(dict: Address, maps: &Maps, python: &'static Python, state: &mut State) {
    let mut see = |value: Address| {
        // SAFETY: alive, as the module's dict holds it.
        let class = unsafe { read::<Address>(value, object::OB_TYPE) };
        if class == UFUNC_TYPE.load(Ordering::Relaxed) {
            hook_ufunc(value, state);
        } else if python.is_function(value) {
            // SAFETY: a built-in function.
            let at = unsafe { read::<Address>(value, def::CFUNCTION_ML) };
            // SAFETY: it leads to its entry of a table.
            let found = unsafe { read::<MethodDef>(at, 0) };
            // SAFETY: as above.
            unsafe { hook_entry(at, &found, Table::Module, maps, state) };
        }
    };
    // SAFETY: the caller vouches for the module.
    unsafe { python.for_each_value(dict, &mut see) };
}

/// Hooks a ufunc, which may be a new one.
pub(crate) fn hook_ufunc(ufunc: Address, state: &mut State) {
    let class = UFUNC_TYPE.load(Ordering::Relaxed);
    // SAFETY: callers pass live objects.
    if class == 0 || unsafe { read::<Address>(ufunc, object::OB_TYPE) } != class {
        return;
    }
    // SAFETY: a type that has it.
    let offset = unsafe { read::<usize>(class, object::TP_VECTORCALL_OFFSET) };
    // SAFETY: as above.
    let flags = unsafe { read::<u64>(class, object::TP_FLAGS) };
    if offset == 0 || flags & object::TPFLAGS_HAVE_VECTORCALL == 0 {
        return;
    }
    // SAFETY: a ufunc, which has a name or null.
    let name = unsafe { read::<Address>(ufunc, ufunc::NAME) };
    // SAFETY: a C string, or null.
    let name = unsafe { c_string(name) };
    let number = state.operations.names.number(&[name], &mut state.stream);
    state.operations.names.name_ufunc(ufunc, number);
    // SAFETY: the ufunc has its vectorcall there.
    let original = unsafe { read::<usize>(ufunc, offset) };
    if original != 0
        && let Some(stand_in) = ufunc_hook::stand_in(original)
    {
        // SAFETY: a ufunc is in Python's heap.
        unsafe { replace(ufunc, offset, stand_in) };
    }
}

/// # Safety
///
/// `flat_type` must be `numpy.flatiter`, with the interpreter lock held.
unsafe fn hook_flat(flat_type: Address, maps: &Maps) {
    let at = flat_type.wrapping_add(object::TP_ITERNEXT);
    // SAFETY: the caller vouches for the type.
    let name = unsafe { name_of(flat_type) };
    // SAFETY: as above.
    let original = unsafe { read::<usize>(flat_type, object::TP_ITERNEXT) };
    if name == b"numpy.flatiter" && original != 0 && maps.is_writable(at) {
        let stand_in = index::stand_in_for_flat_next(original);
        // SAFETY: it can be written; the original is kept.
        unsafe { replace(flat_type, object::TP_ITERNEXT, stand_in) };
    }
}

/// # Safety
///
/// `array_type` must be `ndarray`, with the interpreter lock held.
unsafe fn hook_slots(array_type: Address, maps: &Maps, state: &mut State) {
    type StandIn = fn(usize) -> usize;
    let slots: [(usize, usize, StandIn); 5] = [
        (object::TP_AS_MAPPING, object::MP_SUBSCRIPT, index::stand_in_for_subscript),
        (object::TP_AS_MAPPING, object::MP_ASS_SUBSCRIPT, index::stand_in_for_set_subscript),
        (object::TP_AS_SEQUENCE, object::SQ_LENGTH, index::stand_in_for_length),
        (object::TP_AS_SEQUENCE, object::SQ_ITEM, index::stand_in_for_item),
        (object::TP_AS_BUFFER, object::BF_GETBUFFER, export::stand_in_for_get_buffer),
    ];
    for (table, slot, stand_in) in slots {
        // SAFETY: the caller vouches for the type.
        let table = unsafe { read::<Address>(array_type, table) };
        let at = table.wrapping_add(slot);
        // SAFETY: a table of slots.
        if table == 0 || !maps.is_writable(at) || unsafe { read::<usize>(table, slot) } == 0 {
            continue;
        }
        // SAFETY: as above.
        let original = unsafe { read::<usize>(table, slot) };
        // SAFETY: it can be written; the original is kept.
        unsafe { replace(table, slot, stand_in(original)) };
    }
    // SAFETY: as above.
    let mut at = unsafe { read::<Address>(array_type, object::TP_GETSET) };
    while at != 0 {
        // SAFETY: an entry of the table, whose last one has no name.
        let name = unsafe { read::<Address>(at, object::GETSET_NAME) };
        if name == 0 {
            return;
        }
        // SAFETY: a C string.
        let name = unsafe { c_string(name) };
        let index = export::ATTRIBUTES.iter().position(|attribute| attribute.as_bytes() == name);
        if let Some(index) = index.filter(|_| maps.is_writable(at)) {
            let operation = state.operations.names.number(&[name], &mut state.stream);
            // SAFETY: an entry of the table.
            let original = unsafe { read::<usize>(at, object::GETSET_GET) };
            let stand_in = export::stand_in_for_getter(index, original, operation);
            if let Some(stand_in) = stand_in.filter(|_| original != 0) {
                // SAFETY: it can be written; the original is kept.
                unsafe { replace(at, object::GETSET_GET, stand_in) };
            }
        }
        at = at.wrapping_add(object::GETSET_SIZE);
    }
}

/// # Safety
///
/// Both must be NumPy's tables, with the interpreter lock held.
unsafe fn hook_interface(array_api: Address, ufunc_api: Address, maps: &Maps, state: &mut State) {
    for (index, found) in c_api::ENTRIES.iter().enumerate() {
        let at = found.slot.wrapping_mul(8);
        // SAFETY: the table has this entry in every supported NumPy.
        let original = unsafe { read::<usize>(array_api, at) };
        if original == 0 || !maps.is_writable(array_api.wrapping_add(at)) {
            continue;
        }
        let name = found.name.as_bytes();
        let operation = state.operations.names.number(&[name], &mut state.stream);
        c_api::keep(index, original, operation);
        // SAFETY: it can be written; the original is kept.
        unsafe { replace(array_api, at, (found.stand_in)()) };
    }
    for (slot, stand_in, kept) in [
        (api::UFUNC_FROM_FUNC_AND_DATA, make_plain as *const () as usize, &MAKERS[0]),
        (
            api::UFUNC_FROM_FUNC_AND_DATA_AND_SIGNATURE,
            make_with_signature as *const () as usize,
            &MAKERS[1],
        ),
        (
            api::UFUNC_FROM_FUNC_AND_DATA_AND_SIGNATURE_AND_IDENTITY,
            make_with_identity as *const () as usize,
            &MAKERS[2],
        ),
    ] {
        let at = slot.wrapping_mul(8);
        // SAFETY: the table has this entry in every supported NumPy.
        let original = unsafe { read::<usize>(ufunc_api, at) };
        if original != 0 && maps.is_writable(ufunc_api.wrapping_add(at)) {
            kept.store(original, Ordering::Relaxed);
            // SAFETY: it can be written; the original is kept.
            unsafe { replace(ufunc_api, at, stand_in) };
        }
    }
}

/// What makes ufuncs for other modules.
static MAKERS: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];

/// A new ufunc: it is hooked as it is.
fn made(ufunc: *mut c_void) -> *mut c_void {
    if !ufunc.is_null() {
        // SAFETY: who makes a ufunc holds the lock.
        if let Some(state) = unsafe { enter_locked() } {
            hook_ufunc(ufunc.addr(), state);
        }
    }
    ufunc
}

type Text = *const c_char;
type Plain = unsafe extern "C" fn(
    *mut c_void,
    *mut c_void,
    Text,
    c_int,
    c_int,
    c_int,
    c_int,
    Text,
    Text,
    c_int,
) -> *mut c_void;
type WithSignature = unsafe extern "C" fn(
    *mut c_void,
    *mut c_void,
    Text,
    c_int,
    c_int,
    c_int,
    c_int,
    Text,
    Text,
    c_int,
    Text,
) -> *mut c_void;
type WithIdentity = unsafe extern "C" fn(
    *mut c_void,
    *mut c_void,
    Text,
    c_int,
    c_int,
    c_int,
    c_int,
    Text,
    Text,
    c_int,
    Text,
    *mut c_void,
) -> *mut c_void;

/// # Safety
///
/// As extensions call `PyUFunc_FromFuncAndData`.
unsafe extern "C" fn make_plain(
    functions: *mut c_void,
    data: *mut c_void,
    types: Text,
    n_types: c_int,
    n_in: c_int,
    n_out: c_int,
    identity: c_int,
    name: Text,
    doc: Text,
    unused: c_int,
) -> *mut c_void {
    let original = MAKERS[0].load(Ordering::Relaxed);
    // SAFETY: kept before this could be called.
    let original = unsafe { std::mem::transmute::<usize, Plain>(original) };
    // SAFETY: the caller's call, passed on.
    made(unsafe {
        original(functions, data, types, n_types, n_in, n_out, identity, name, doc, unused)
    })
}

/// # Safety
///
/// As extensions call `PyUFunc_FromFuncAndDataAndSignature`.
unsafe extern "C" fn make_with_signature(
    functions: *mut c_void,
    data: *mut c_void,
    types: Text,
    n_types: c_int,
    n_in: c_int,
    n_out: c_int,
    identity: c_int,
    name: Text,
    doc: Text,
    unused: c_int,
    signature: Text,
) -> *mut c_void {
    let original = MAKERS[1].load(Ordering::Relaxed);
    // SAFETY: kept before this could be called.
    let original = unsafe { std::mem::transmute::<usize, WithSignature>(original) };
    // SAFETY: the caller's call, passed on.
    made(unsafe {
        original(
            functions, data, types, n_types, n_in, n_out, identity, name, doc, unused, signature,
        )
    })
}

/// # Safety
///
/// As extensions call `PyUFunc_FromFuncAndDataAndSignatureAndIdentity`.
unsafe extern "C" fn make_with_identity(
    functions: *mut c_void,
    data: *mut c_void,
    types: Text,
    n_types: c_int,
    n_in: c_int,
    n_out: c_int,
    identity: c_int,
    name: Text,
    doc: Text,
    unused: c_int,
    signature: Text,
    identity_value: *mut c_void,
) -> *mut c_void {
    let original = MAKERS[2].load(Ordering::Relaxed);
    // SAFETY: kept before this could be called.
    let original = unsafe { std::mem::transmute::<usize, WithIdentity>(original) };
    // SAFETY: the caller's call, passed on.
    made(unsafe {
        original(
            functions,
            data,
            types,
            n_types,
            n_in,
            n_out,
            identity,
            name,
            doc,
            unused,
            signature,
            identity_value,
        )
    })
}
