//! What the shim uses of the interpreter: functions found by name, offsets chosen by version.

use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::sync::OnceLock;

use npprof_abi::python::{LineReader, PythonBuild, PythonLayout, frame, object, published};
use npprof_abi::{Unsupported, python_support};

use crate::memory::{Address, c_string, read};
use crate::operation::call::{KEYWORDS, N_KEYWORDS};
use crate::operation::look::Types;
use crate::table::{hash_bytes, mix};

/// An object pointer of the interpreter.
type Object = *mut c_void;

/// Offset of the bytes in a `bytes` object, and of its length.
const BYTES_DATA: usize = 32;
/// Longest file name and function name that are kept.
const MAX_NAME: usize = 4096;
/// Lines of a text that only the program has that are kept.
const MAX_SOURCE_LINES: i16 = 5000;
/// File name under which code is shown whose name can't be read.
const UNREADABLE: &[u8] = b"?";

macro_rules! functions {
    ($($name:ident: $signature:ty = $symbol:literal;)*) => {
        /// Functions of the C API that every supported version exports.
        struct Functions { $($name: $signature,)* }

        impl Functions {
            fn find() -> Result<Self, String> {
                Ok(Self { $($name: {
                    let symbol = symbol($symbol)
                        .ok_or_else(|| format!("the interpreter has no {}", $symbol.to_string_lossy()))?;
                    // SAFETY: the C API gives the function of this name this signature, in all
                    // versions that are supported.
                    unsafe { std::mem::transmute::<*mut c_void, $signature>(symbol) }
                },)* })
            }
        }
    };
}

functions! {
    sys_object: unsafe extern "C" fn(*const c_char) -> Object = c"PySys_GetObject";
    dict_item_string: unsafe extern "C" fn(Object, *const c_char) -> Object = c"PyDict_GetItemString";
    dict_item: unsafe extern "C" fn(Object, Object) -> Object = c"PyDict_GetItem";
    dict_next: unsafe extern "C" fn(Object, *mut isize, *mut Object, *mut Object) -> c_int = c"PyDict_Next";
    module_dict: unsafe extern "C" fn(Object) -> Object = c"PyModule_GetDict";
    capsule_pointer: unsafe extern "C" fn(Object, *const c_char) -> *mut c_void = c"PyCapsule_GetPointer";
    capsule_is_valid: unsafe extern "C" fn(Object, *const c_char) -> c_int = c"PyCapsule_IsValid";
    text_utf8: unsafe extern "C" fn(Object, *mut isize) -> *const c_char = c"PyUnicode_AsUTF8AndSize";
    text_encode: unsafe extern "C" fn(Object, *const c_char, *const c_char) -> Object = c"PyUnicode_AsEncodedString";
    error_fetch: unsafe extern "C" fn(*mut Object, *mut Object, *mut Object) = c"PyErr_Fetch";
    error_restore: unsafe extern "C" fn(Object, Object, Object) = c"PyErr_Restore";
    referent: unsafe extern "C" fn(Object) -> Object = c"PyWeakref_GetObject";
    int_from: unsafe extern "C" fn(std::ffi::c_ulong) -> Object = c"PyLong_FromUnsignedLong";
    attribute: unsafe extern "C" fn(Object, *const c_char) -> Object = c"PyObject_GetAttrString";
    decrement: unsafe extern "C" fn(Object) = c"Py_DecRef";
    frame: unsafe extern "C" fn() -> Object = c"PyEval_GetFrame";
    intern: unsafe extern "C" fn(*const c_char) -> Object = c"PyUnicode_InternFromString";
    int_value: crate::operation::look::IntValue = c"PyLong_AsLongLongAndOverflow";
    tuple_item: unsafe extern "C" fn(Object, isize) -> Object = c"PyTuple_GetItem";
    list_item: unsafe extern "C" fn(Object, isize) -> Object = c"PyList_GetItem";
}

type SetExtra = unsafe extern "C" fn(Object, isize, *mut c_void) -> c_int;
type RequestExtra = unsafe extern "C" fn(unsafe extern "C" fn(*mut c_void)) -> isize;

/// How a code object's death is learnt of.
struct Watch {
    set_extra: SetExtra,
    index: isize,
}

/// Gives the current thread's `PyThreadState`.
pub(crate) type ThreadGetter = unsafe extern "C" fn() -> Object;

/// The interpreter of this process.
pub(crate) struct Python {
    /// As `3.11.7`.
    pub(crate) version: String,
    pub(crate) layout: &'static PythonLayout,
    functions: Functions,
    current_thread: ThreadGetter,
    /// Offset of the native thread's number in a `PyThreadState`.
    pub(crate) thread_id: usize,
    /// Offset in a `PyThreadState` of the interpreter's number of it.
    pub(crate) thread_number: usize,
    /// `PyType_GenericAlloc`.
    pub(crate) generic_alloc: usize,
    code_type: usize,
    function_type: usize,
    module_type: usize,
    text_type: usize,
    none: usize,
    generic_attribute: usize,
    watch: OnceLock<Option<Watch>>,
}

static PYTHON: OnceLock<Python> = OnceLock::new();

/// The interpreter, once [`find`] has found one that is supported.
#[inline]
pub(crate) fn get() -> Option<&'static Python> {
    PYTHON.get()
}

/// Looks at the interpreter that this process is.
///
/// # Errors
///
/// A line for the user: it isn't supported, or lacks something.
pub(crate) fn find() -> Result<(), String> {
    let version = symbol(c"Py_GetVersion").ok_or("the interpreter has no Py_GetVersion")?;
    // SAFETY: the C API's signature; may be called before initialisation.
    let version = unsafe {
        std::mem::transmute::<*mut c_void, unsafe extern "C" fn() -> *const c_char>(version)
    };
    // SAFETY: has no conditions.
    let version = unsafe { version() };
    // SAFETY: a C string that is never freed.
    let version = String::from_utf8_lossy(unsafe { c_string(version.addr()) }).into_owned();
    let has_debug_symbol = symbol(npprof_abi::python::DEBUG_BUILD_SYMBOL).is_some();
    let build = PythonBuild::parse(&version, has_debug_symbol).ok_or(Unsupported::PythonUnknown);
    let layout = build.and_then(python_support).map_err(|unsupported| unsupported.to_string())?;
    check_published(layout)?;
    let getter = symbol(layout.thread.getter).ok_or_else(|| {
        format!("the interpreter has no {}", layout.thread.getter.to_string_lossy())
    })?;
    let address = |name: &CStr| {
        symbol(name)
            .map(<*mut c_void>::addr)
            .ok_or_else(|| format!("the interpreter has no {}", name.to_string_lossy()))
    };
    let python = Python {
        version: version.split(' ').next().unwrap_or_default().to_owned(),
        layout,
        functions: Functions::find()?,
        // SAFETY: the signature of this function in every version that has it.
        current_thread: unsafe { std::mem::transmute::<*mut c_void, ThreadGetter>(getter) },
        thread_id: layout.thread.thread_id,
        thread_number: layout.thread.id,
        generic_alloc: address(c"PyType_GenericAlloc")?,
        code_type: address(c"PyCode_Type")?,
        function_type: address(c"PyCFunction_Type")?,
        module_type: address(c"PyModule_Type")?,
        text_type: address(c"PyUnicode_Type")?,
        none: address(c"_Py_NoneStruct")?,
        generic_attribute: address(c"PyObject_GenericGetAttr")?,
        watch: OnceLock::new(),
    };
    let _ = PYTHON.set(python);
    Ok(())
}

/// Compares the table with what the interpreter says of itself, where it does.
fn check_published(layout: &'static PythonLayout) -> Result<(), String> {
    let mut fields = published::fields(layout).peekable();
    if fields.peek().is_none() {
        return Ok(());
    }
    let runtime = symbol(published::RUNTIME_SYMBOL)
        .ok_or("the interpreter doesn't publish its offsets")?
        .addr();
    // SAFETY: the variable starts with the published offsets, which are longer than what is read.
    let cookie = unsafe { read::<[u8; 8]>(runtime, 0) };
    if cookie != published::COOKIE {
        return Err("the interpreter doesn't publish its offsets".to_owned());
    }
    for field in fields {
        // SAFETY: as above.
        let published = unsafe { read::<u64>(runtime, field.position) };
        field.check(published).map_err(|unsupported| unsupported.to_string())?;
    }
    Ok(())
}

/// Finds a symbol in the program and the libraries that it was started with.
pub(super) fn symbol(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: the name is a C string.
    let symbol = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!symbol.is_null()).then_some(symbol)
}

/// Puts an exception that is pending aside, so that calls that may fail leave it alone.
struct PendingError<'a> {
    functions: &'a Functions,
    parts: [Object; 3],
}

impl<'a> PendingError<'a> {
    /// # Safety
    ///
    /// The interpreter lock must be held, until the value is dropped.
    unsafe fn put_aside(functions: &'a Functions) -> Self {
        let mut parts = [std::ptr::null_mut(); 3];
        let [kind, value, traceback] = &mut parts;
        // SAFETY: the caller holds the lock.
        unsafe { (functions.error_fetch)(kind, value, traceback) };
        Self { functions, parts }
    }
}

impl Drop for PendingError<'_> {
    fn drop(&mut self) {
        let [kind, value, traceback] = self.parts;
        // Also forgets an exception of our own calls.
        // SAFETY: `put_aside` got these, and the lock is still held.
        unsafe { (self.functions.error_restore)(kind, value, traceback) };
    }
}

impl Python {
    /// The function behind [`Self::current_thread`].
    pub(crate) fn getter(&self) -> ThreadGetter {
        self.current_thread
    }

    /// The current thread's `PyThreadState`, or null; see `ThreadLayout::getter` for what it is
    /// without the interpreter lock.
    pub(crate) fn current_thread(&self) -> Address {
        // SAFETY: has no conditions.
        unsafe { (self.current_thread)() }.addr()
    }

    /// A module's dictionary, or null: `sys.modules[name].__dict__`, without importing anything.
    ///
    /// # Safety
    ///
    /// The interpreter lock must be held, here and for all functions below. The result is borrowed.
    pub(crate) unsafe fn module(&self, name: &CStr) -> Address {
        let functions = &self.functions;
        // SAFETY: the caller holds the lock.
        let _error = unsafe { PendingError::put_aside(functions) };
        // SAFETY: as above.
        let modules = unsafe { (functions.sys_object)(c"modules".as_ptr()) };
        if modules.is_null() || !is_dict(modules.addr()) {
            return 0;
        }
        // SAFETY: as above; a dict.
        let module = unsafe { (functions.dict_item_string)(modules, name.as_ptr()) };
        if module.is_null() || !self.is_instance(module.addr(), self.module_type) {
            return 0;
        }
        // SAFETY: as above; a module.
        unsafe { (functions.module_dict)(module) }.addr()
    }

    /// An item of a dict by a string, or null. Borrowed.
    ///
    /// # Safety
    ///
    /// As for [`Self::module`]; `dict` must be a live object.
    pub(crate) unsafe fn item(&self, dict: Address, name: &CStr) -> Address {
        if dict == 0 || !is_dict(dict) {
            return 0;
        }
        // SAFETY: the caller holds the lock.
        let _error = unsafe { PendingError::put_aside(&self.functions) };
        // SAFETY: a dict, as was just looked at.
        unsafe { (self.functions.dict_item_string)(object_at(dict), name.as_ptr()) }.addr()
    }

    /// An item of a dict, or null. Borrowed.
    ///
    /// # Safety
    ///
    /// As for [`Self::module`]; both must be live objects, and the key a plain string or number.
    pub(crate) unsafe fn dict_item(&self, dict: Address, key: Address) -> Address {
        // A proxy of a dict isn't looked into.
        if dict == 0 || !is_dict(dict) {
            return 0;
        }
        // SAFETY: the caller holds the lock.
        let _error = unsafe { PendingError::put_aside(&self.functions) };
        // SAFETY: a dict, as was just looked at.
        unsafe { (self.functions.dict_item)(object_at(dict), object_at(key)) }.addr()
    }

    /// What a capsule holds, or null when it is none of this name.
    ///
    /// # Safety
    ///
    /// As for [`Self::module`]; `capsule` must be a live object or null.
    pub(crate) unsafe fn capsule(&self, capsule: Address, name: Option<&CStr>) -> Address {
        let name = name.map_or(std::ptr::null(), CStr::as_ptr);
        let capsule = object_at(capsule);
        // SAFETY: the caller holds the lock; null is allowed.
        if unsafe { (self.functions.capsule_is_valid)(capsule, name) } == 0 {
            return 0;
        }
        // SAFETY: as above; valid, so no error is set.
        unsafe { (self.functions.capsule_pointer)(capsule, name) }.addr()
    }

    /// Shows a string's UTF-8, or the bytes of a file name that isn't UTF-8.
    ///
    /// # Safety
    ///
    /// As for [`Self::module`]; `text` must be a live object.
    pub(crate) unsafe fn with_text<T>(&self, text: Address, show: impl FnOnce(&[u8]) -> T) -> T {
        if !has_flag(text, object::TPFLAGS_UNICODE_SUBCLASS) {
            return show(UNREADABLE);
        }
        let functions = &self.functions;
        // SAFETY: the caller holds the lock.
        let _error = unsafe { PendingError::put_aside(functions) };
        let mut size = 0;
        // SAFETY: a string.
        let utf8 = unsafe { (functions.text_utf8)(object_at(text), &raw mut size) };
        if !utf8.is_null() {
            let size = usize::try_from(size).unwrap_or(0);
            // SAFETY: the string keeps so many bytes there as long as it lives.
            return show(unsafe { std::slice::from_raw_parts(utf8.cast(), size) });
        }
        let (encoding, errors) = (c"utf-8".as_ptr(), c"surrogateescape".as_ptr());
        // Replaces the error of the attempt above by this one's, if any.
        // SAFETY: as above.
        let _error = unsafe { PendingError::put_aside(functions) };
        // SAFETY: a string.
        let bytes = unsafe { (functions.text_encode)(object_at(text), encoding, errors) };
        if bytes.is_null() {
            return show(UNREADABLE);
        }
        // SAFETY: a `bytes`, which we own.
        let result = show(unsafe { bytes_of(bytes.addr()) });
        // SAFETY: our own reference.
        unsafe { (functions.decrement)(bytes) };
        result
    }

    /// Calls `see` for each value in a dict.
    ///
    /// # Safety
    ///
    /// As for [`Self::module`]; `dict` must be a live dict, which `see` leaves alone.
    pub(crate) unsafe fn for_each_value(&self, dict: Address, mut see: impl FnMut(Address)) {
        let dict = object_at(dict);
        let (mut position, mut value) = (0, std::ptr::null_mut());
        let key = std::ptr::null_mut();
        // SAFETY: a dict that doesn't change meanwhile.
        while unsafe { (self.functions.dict_next)(dict, &raw mut position, key, &raw mut value) }
            != 0
        {
            see(value.addr());
        }
    }

    /// Whether an object is a built-in function.
    pub(crate) fn is_function(&self, object: Address) -> bool {
        self.is_instance(object, self.function_type)
    }

    /// Calls `see` for each live object that a dict of weak references refers to.
    ///
    /// # Safety
    ///
    /// As for [`Self::module`]; `dict` must be a dict of weak references, which `see` leaves alone.
    pub(crate) unsafe fn for_each_referent(&self, dict: Address, mut see: impl FnMut(Address)) {
        if !is_dict(dict) {
            return;
        }
        let (mut position, mut value) = (0, std::ptr::null_mut());
        loop {
            let key = std::ptr::null_mut();
            // SAFETY: a dict that doesn't change meanwhile.
            let has_next = unsafe {
                (self.functions.dict_next)(object_at(dict), &raw mut position, key, &raw mut value)
            };
            if has_next == 0 {
                return;
            }
            // SAFETY: a weak reference, as the caller says.
            let referent = unsafe { (self.functions.referent)(value) }.addr();
            if referent != 0 && is_class(referent) {
                see(referent);
            }
        }
    }

    /// Whether an object is a code object.
    pub(crate) fn is_code(&self, object: Address) -> bool {
        object != 0 && self.is_instance(object, self.code_type)
    }

    fn is_instance(&self, object: Address, class: usize) -> bool {
        // SAFETY: callers pass live objects, and every object has a type.
        unsafe { read::<usize>(object, object::OB_TYPE) == class }
    }

    /// A code object's line table, and a reader at its start.
    ///
    /// # Safety
    ///
    /// As for [`Self::module`]; `code` must be a live code object, for as long as the table is used.
    pub(crate) unsafe fn line_table<'a>(&self, code: Address) -> (&'a [u8], LineReader) {
        let layout = &self.layout.code;
        // SAFETY: the caller vouches for the code object.
        let table = unsafe { read::<Address>(code, layout.line_table) };
        // SAFETY: as above.
        let first_line = unsafe { read::<i32>(code, layout.first_line) };
        // SAFETY: a `bytes`, as long as the code object lives.
        (unsafe { bytes_of(table) }, LineReader::new(layout.line_format, first_line))
    }

    /// Whether a frame at a byte offset in a code object is still being set up.
    ///
    /// # Safety
    ///
    /// As for [`Self::line_table`].
    pub(crate) unsafe fn is_incomplete(&self, code: Address, byte_offset: i32) -> bool {
        let Some(offset) = self.layout.code.first_traceable else { return false };
        // SAFETY: the caller vouches for the code object.
        let first_traceable = unsafe { read::<i32>(code, offset) };
        frame::is_incomplete(frame::OWNED_BY_THREAD, byte_offset, first_traceable)
    }

    /// Reads the names of a code object.
    ///
    /// # Safety
    ///
    /// As for [`Self::line_table`].
    pub(crate) unsafe fn describe(&self, code: Address, texts: &mut CodeTexts) {
        let layout = &self.layout.code;
        let name = layout.qualname.unwrap_or(layout.name);
        // SAFETY: the caller vouches for the code object, whose names are strings.
        let file = unsafe { read::<Address>(code, layout.filename) };
        // SAFETY: as above.
        let name = unsafe { read::<Address>(code, name) };
        // SAFETY: as above.
        unsafe { self.with_text(file, |text| texts.file.set(text, Cut::Start)) };
        // SAFETY: as above.
        unsafe { self.with_text(name, |text| texts.name.set(text, Cut::End)) };
        // SAFETY: as above.
        let first_line = unsafe { read::<i32>(code, layout.first_line) };
        texts.first_line = u32::try_from(first_line).unwrap_or(0);
        // SAFETY: as above.
        let table = unsafe { read::<Address>(code, layout.line_table) };
        // SAFETY: a `bytes`, as long as the code object lives.
        texts.lines = hash_bytes(unsafe { bytes_of(table) }, 0);
    }

    /// Shows the lines of a code object's file, if only the program has them: `linecache` keeps the cells of
    /// notebooks, and other code that was never a file, without a time at which a file was changed.
    ///
    /// # Safety
    ///
    /// As for [`Self::line_table`].
    pub(crate) unsafe fn for_each_source_line(
        &self,
        code: Address,
        mut show: impl FnMut(u32, &[u8]),
    ) {
        const MODIFIED: isize = 1;
        const LINES: isize = 2;
        // SAFETY: the caller vouches for the code object.
        let file = unsafe { read::<Address>(code, self.layout.code.filename) };
        // A class with a hash of its own would run its code here.
        if !self.is_instance(file, self.text_type) {
            return;
        }
        // SAFETY: the caller holds the lock.
        let linecache = unsafe { self.module(c"linecache") };
        // SAFETY: as above.
        let cache = unsafe { self.item(linecache, c"cache") };
        // SAFETY: as above; a plain string.
        let entry = unsafe { self.dict_item(cache, file) };
        // SAFETY: as above.
        let _error = unsafe { PendingError::put_aside(&self.functions) };
        if entry == 0 {
            return;
        }
        // SAFETY: as above; what is no tuple has no items, and an error that is put away.
        let modified = unsafe { (self.functions.tuple_item)(object_at(entry), MODIFIED) };
        if modified.addr() != self.none {
            return;
        }
        // SAFETY: as above.
        let lines = unsafe { (self.functions.tuple_item)(object_at(entry), LINES) };
        if lines.is_null() {
            return;
        }
        for number in 0..MAX_SOURCE_LINES {
            // SAFETY: as above, for lists.
            let line = unsafe { (self.functions.list_item)(lines, isize::from(number)) };
            if line.is_null() {
                break;
            }
            let number = u32::from(number.unsigned_abs()).wrapping_add(1);
            // SAFETY: as above; a live object.
            unsafe { self.with_text(line.addr(), |text| show(number, text)) };
        }
    }

    /// Asks to be told of a code object's death. `false`: nobody will tell.
    ///
    /// # Safety
    ///
    /// As for [`Self::line_table`].
    pub(crate) unsafe fn watch(&self, code: Address) -> bool {
        let watch = self.watch.get_or_init(|| self.request_watch());
        let Some(watch) = watch else { return false };
        // SAFETY: the caller holds the lock.
        let _error = unsafe { PendingError::put_aside(&self.functions) };
        let code = object_at(code);
        // SAFETY: a live code object, and our own index.
        unsafe { (watch.set_extra)(code, watch.index, code) == 0 }
    }

    fn request_watch(&self) -> Option<Watch> {
        let request = symbol(c"PyUnstable_Eval_RequestCodeExtraIndex")
            .or_else(|| symbol(c"_PyEval_RequestCodeExtraIndex"))?;
        let set_extra =
            symbol(c"PyUnstable_Code_SetExtra").or_else(|| symbol(c"_PyCode_SetExtra"))?;
        // SAFETY: the signatures of these functions under either name.
        let request = unsafe { std::mem::transmute::<*mut c_void, RequestExtra>(request) };
        // SAFETY: as above.
        let set_extra = unsafe { std::mem::transmute::<*mut c_void, SetExtra>(set_extra) };
        // SAFETY: the lock is held: `watch` is the only caller.
        let index = unsafe { request(on_code_death) };
        (index >= 0).then_some(Watch { set_extra, index })
    }

    /// The types that operations are told by; `array` is `ndarray` and `numpy_int` NumPy's integer of
    /// the size of an index. An error names what is missing.
    ///
    /// # Safety
    ///
    /// The interpreter lock must be held.
    pub(crate) unsafe fn types(&self, array: Address, numpy_int: Address) -> Result<Types, String> {
        let at = |name: &CStr| {
            let missing = || format!("the interpreter has no {}", name.to_string_lossy());
            symbol(name).map(<*mut c_void>::expose_provenance).ok_or_else(missing)
        };
        let mut keywords = [0; N_KEYWORDS];
        for (to, name) in keywords.iter_mut().zip(KEYWORDS) {
            // The reference is kept: the string is interned for good.
            // SAFETY: a C string; the caller holds the lock.
            *to = unsafe { (self.functions.intern)(name.as_ptr()) }.addr();
        }
        Ok(Types {
            array,
            int: at(c"PyLong_Type")?,
            numpy_int,
            float: at(c"PyFloat_Type")?,
            complex: at(c"PyComplex_Type")?,
            bool: at(c"PyBool_Type")?,
            slice: at(c"PySlice_Type")?,
            tuple: at(c"PyTuple_Type")?,
            list: at(c"PyList_Type")?,
            generator: at(c"PyGen_Type")?,
            none: at(c"_Py_NoneStruct")?,
            ellipsis: at(c"_Py_EllipsisObject")?,
            int_value: self.functions.int_value,
            int_layout: self.layout.int,
            keywords,
        })
    }

    /// The native number of a thread.
    ///
    /// # Safety
    ///
    /// `thread` must be a live `PyThreadState`.
    pub(crate) unsafe fn thread_ident(&self, thread: Address) -> u64 {
        // SAFETY: the caller vouches for it.
        unsafe { read::<u64>(thread, self.thread_id) }
    }

    /// Shows the name that the module `threading` has for a thread; empty if it has none.
    ///
    /// # Safety
    ///
    /// As for [`Self::module`].
    pub(crate) unsafe fn with_thread_name<T>(
        &self,
        ident: u64,
        show: impl FnOnce(&[u8]) -> T,
    ) -> T {
        let functions = &self.functions;
        // SAFETY: the caller holds the lock.
        let _error = unsafe { PendingError::put_aside(functions) };
        // SAFETY: as above.
        let threading = unsafe { self.module(c"threading") };
        // SAFETY: as above.
        let active = unsafe { self.item(threading, c"_active") };
        if active == 0 {
            return show(b"");
        }
        // SAFETY: as above.
        let key = unsafe { (functions.int_from)(ident) };
        if key.is_null() {
            return show(b"");
        }
        // SAFETY: as above; a dict or not, both live.
        let thread = unsafe { self.dict_item(active, key.addr()) };
        // SAFETY: our own reference.
        unsafe { (functions.decrement)(key) };
        // A class with ways of its own to find attributes would run its code here.
        if thread == 0 || !self.has_plain_attributes(thread) {
            return show(b"");
        }
        // SAFETY: as above.
        let name = unsafe { (functions.attribute)(object_at(thread), c"_name".as_ptr()) };
        if name.is_null() {
            return show(b"");
        }
        // SAFETY: as above; a live object.
        let result = unsafe { self.with_text(name.addr(), show) };
        // SAFETY: our own reference.
        unsafe { (functions.decrement)(name) };
        result
    }

    fn has_plain_attributes(&self, object: Address) -> bool {
        // SAFETY: callers pass live objects; every object has a type.
        let class = unsafe { read::<Address>(object, object::OB_TYPE) };
        // SAFETY: as above.
        unsafe { read::<usize>(class, object::TP_GETATTRO) == self.generic_attribute }
    }

    /// The code object that Python itself says is running, or null: to check our own way of finding
    /// it. Makes a frame object, so not for hooks.
    ///
    /// # Safety
    ///
    /// As for [`Self::module`].
    pub(crate) unsafe fn running_code(&self) -> Address {
        // SAFETY: the caller holds the lock.
        let frame = unsafe { (self.functions.frame)() };
        if frame.is_null() {
            return 0;
        }
        match symbol(c"PyFrame_GetCode") {
            // 3.8 has no function for it, and its frame objects are frames.
            // SAFETY: a frame object.
            None => unsafe { read::<Address>(frame.addr(), self.layout.frame.code) },
            Some(function) => {
                // SAFETY: the C API's signature.
                let function = unsafe {
                    std::mem::transmute::<*mut c_void, unsafe extern "C" fn(Object) -> Object>(
                        function,
                    )
                };
                // SAFETY: a frame object.
                let code = unsafe { function(frame) };
                // The frame that runs holds one too.
                // SAFETY: our own reference.
                unsafe { (self.functions.decrement)(code) };
                code.addr()
            }
        }
    }

    /// The folder of the standard library, where `os` is from.
    ///
    /// # Safety
    ///
    /// As for [`Self::module`].
    pub(crate) unsafe fn stdlib_folder(&self) -> Option<String> {
        // SAFETY: the caller holds the lock.
        let os = unsafe { self.module(c"os") };
        // SAFETY: as above.
        let file = unsafe { self.item(os, c"__file__") };
        if file == 0 {
            return None;
        }
        // SAFETY: as above.
        let file =
            unsafe { self.with_text(file, |text| String::from_utf8_lossy(text).into_owned()) };
        Some(file.rsplit_once('/')?.0.to_owned())
    }
}

/// A code object is being destroyed.
///
/// # Safety
///
/// As Python calls it: with the interpreter lock held and what `watch` set, or null.
unsafe extern "C" fn on_code_death(code: *mut c_void) {
    if !code.is_null()
        && let Some(state) = crate::state::enter()
    {
        state.stacks.forget_code(code.addr());
    }
}

/// Names of a code object, copied.
pub(crate) struct CodeTexts {
    file: Text,
    name: Text,
    pub(crate) first_line: u32,
    lines: u64,
}

struct Text {
    bytes: [u8; MAX_NAME],
    len: usize,
}

/// Which end of a text that is too long is left out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    Start,
    End,
}

impl CodeTexts {
    pub(crate) const fn new() -> Self {
        const EMPTY: Text = Text { bytes: [0; MAX_NAME], len: 0 };
        Self { file: EMPTY, name: EMPTY, first_line: 0, lines: 0 }
    }

    /// Describes a file with compiled code, which has no name beside.
    pub(crate) fn set_compiled(&mut self, file: &[u8]) {
        self.file.set(file, Cut::Start);
        self.name.set(b"", Cut::End);
        self.first_line = 0;
        self.lines = 0;
    }

    pub(crate) fn file(&self) -> &[u8] {
        self.file.get()
    }

    pub(crate) fn name(&self) -> &[u8] {
        self.name.get()
    }

    /// A hash of everything that tells code objects apart; `seed` gives independent ones.
    pub(crate) fn hash(&self, seed: u64) -> u64 {
        let names = mix(hash_bytes(self.file(), seed), hash_bytes(self.name(), seed));
        mix(names, mix(self.lines, u64::from(self.first_line)))
    }
}

impl Text {
    fn set(&mut self, text: &[u8], cut: Cut) {
        let start = if cut == Cut::Start { text.len().saturating_sub(MAX_NAME) } else { 0 };
        let text = text.get(start..).unwrap_or(&[]);
        self.len = text.len().min(MAX_NAME);
        for (to, &from) in self.bytes.iter_mut().zip(text) {
            *to = from;
        }
    }

    fn get(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }
}

fn object_at(address: Address) -> Object {
    std::ptr::with_exposed_provenance_mut(address)
}

/// Whether a live object is a dict (or of a subclass).
fn is_dict(object: Address) -> bool {
    has_flag(object, object::TPFLAGS_DICT_SUBCLASS)
}

fn is_class(object: Address) -> bool {
    has_flag(object, object::TPFLAGS_TYPE_SUBCLASS)
}

fn has_flag(object: Address, flag: u64) -> bool {
    // SAFETY: callers pass live objects; every object has a type.
    let class = unsafe { read::<Address>(object, object::OB_TYPE) };
    // SAFETY: as above.
    unsafe { read::<u64>(class, object::TP_FLAGS) & flag != 0 }
}

/// The content of a `bytes` object, or nothing for null.
///
/// # Safety
///
/// `bytes` must be null or a `bytes` that outlives `'a`.
unsafe fn bytes_of<'a>(bytes: Address) -> &'a [u8] {
    if bytes == 0 {
        return &[];
    }
    // SAFETY: the caller vouches for the object.
    let len = usize::try_from(unsafe { read::<isize>(bytes, object::OB_SIZE) }).unwrap_or(0);
    let data = std::ptr::with_exposed_provenance(bytes.wrapping_add(BYTES_DATA));
    // SAFETY: that is where a `bytes` has its content.
    unsafe { std::slice::from_raw_parts(data, len) }
}

/// `long`, as the C API has it, is a word on every supported machine.
const _: () = assert!(size_of::<c_long>() == 8);
