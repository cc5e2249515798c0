//! npprof's tables, by the names that the probes and the reading script use.

use std::collections::BTreeMap;
use std::mem::{offset_of, size_of};

use npprof_abi::numpy::{
    ArrayBody, DataMemHandler, DatetimeMetadata, NumpyLayout, api, array, builtin_name, data_mem,
    descr, dtype, scalar, ufunc,
};
use npprof_abi::python::{
    DEBUG_BUILD_SYMBOL, FrameKind, Instruction, MethodDef, ObjectHeader, PythonLayout, TopFrame,
    VarObjectHeader, frame, method, object, published,
};
use serde_json::{Value, json};

use crate::interpreters::Numpy;
use crate::probe::Numbers;

/// Names of the probe, and what npprof has for them.
pub(crate) type Expected = BTreeMap<String, i64>;

/// Names that a probe prints for whoever reads its output; npprof has no number for them.
const NOT_IN_TABLES: [&str; 1] = ["PY_VERSION_HEX"];

/// Compares both ways: a number that the probe doesn't print is unproved, one that npprof doesn't
/// have is not asked for.
pub(crate) fn compare(printed: &Numbers, expected: &Expected) -> Result<String, Vec<String>> {
    let mut messages = Vec::new();
    for (name, known) in expected {
        match printed.get(name) {
            Some(number) if number == known => {}
            Some(number) => messages.push(format!("{name} is {number}, but npprof has {known}")),
            None => messages.push(format!("{name} is {known} in npprof, but not printed")),
        }
    }
    for name in printed.keys() {
        if !expected.contains_key(name) && !NOT_IN_TABLES.contains(&name.as_str()) {
            messages.push(format!("{name} is printed, but not in npprof"));
        }
    }
    if messages.is_empty() {
        Ok(format!("{} numbers agree", expected.len()))
    } else {
        Err(messages)
    }
}

fn number(value: usize) -> i64 {
    i64::try_from(value).expect("an offset is small")
}

fn numbers<const N: usize>(pairs: [(&str, usize); N]) -> impl Iterator<Item = (String, i64)> {
    pairs.map(|(name, value)| (name.to_owned(), number(value))).into_iter()
}

/// What `probe_python.c` should print.
pub(crate) fn python(layout: &PythonLayout) -> Expected {
    let mut expected = Expected::new();
    expected.extend(objects());
    expected.extend(flags());
    expected.extend(methods(layout));
    expected.extend(thread_and_code(layout));
    expected.extend(frames(layout));
    expected.extend(published_offsets(layout));
    expected
}

fn objects() -> impl Iterator<Item = (String, i64)> {
    numbers([
        ("sizeof.PyObject", size_of::<ObjectHeader>()),
        ("sizeof.PyVarObject", size_of::<VarObjectHeader>()),
        ("PyObject.ob_refcnt", object::OB_REFCNT),
        ("PyObject.ob_type", object::OB_TYPE),
        ("PyVarObject.ob_size", object::OB_SIZE),
        ("PyTypeObject.tp_name", object::TP_NAME),
        ("PyTypeObject.tp_basicsize", object::TP_BASICSIZE),
        ("PyTypeObject.tp_dealloc", object::TP_DEALLOC),
        ("PyTypeObject.tp_vectorcall_offset", object::TP_VECTORCALL_OFFSET),
        ("PyTypeObject.tp_as_number", object::TP_AS_NUMBER),
        ("PyTypeObject.tp_as_sequence", object::TP_AS_SEQUENCE),
        ("PyTypeObject.tp_as_mapping", object::TP_AS_MAPPING),
        ("PyTypeObject.tp_call", object::TP_CALL),
        ("PyTypeObject.tp_getattro", object::TP_GETATTRO),
        ("PyTypeObject.tp_as_buffer", object::TP_AS_BUFFER),
        ("PyTypeObject.tp_flags", object::TP_FLAGS),
        ("PyTypeObject.tp_methods", object::TP_METHODS),
        ("PyTypeObject.tp_getset", object::TP_GETSET),
        ("PyTypeObject.tp_base", object::TP_BASE),
        ("PyTypeObject.tp_dict", object::TP_DICT),
        ("PyTypeObject.tp_alloc", object::TP_ALLOC),
        ("PyTypeObject.tp_iternext", object::TP_ITERNEXT),
        ("PyTypeObject.tp_new", object::TP_NEW),
        ("PyTypeObject.tp_free", object::TP_FREE),
        ("PyTypeObject.tp_mro", object::TP_MRO),
        ("PyTypeObject.tp_subclasses", object::TP_SUBCLASSES),
        ("PyMappingMethods.mp_subscript", object::MP_SUBSCRIPT),
        ("PyMappingMethods.mp_ass_subscript", object::MP_ASS_SUBSCRIPT),
        ("PyBufferProcs.bf_getbuffer", object::BF_GETBUFFER),
        ("PyBufferProcs.bf_releasebuffer", object::BF_RELEASEBUFFER),
        ("PyTupleObject.ob_item", object::TUPLE_ITEMS),
        ("PyListObject.ob_item", object::LIST_ITEMS),
        ("PySliceObject.start", object::SLICE_START),
        ("PySliceObject.stop", object::SLICE_STOP),
        ("PySliceObject.step", object::SLICE_STEP),
        ("PySequenceMethods.sq_length", object::SQ_LENGTH),
        ("PySequenceMethods.sq_item", object::SQ_ITEM),
    ])
}

fn flags() -> impl Iterator<Item = (String, i64)> {
    [
        ("Py_TPFLAGS_HEAPTYPE", object::TPFLAGS_HEAPTYPE),
        ("Py_TPFLAGS_READY", object::TPFLAGS_READY),
        ("Py_TPFLAGS_HAVE_VECTORCALL", object::TPFLAGS_HAVE_VECTORCALL),
        ("Py_TPFLAGS_LONG_SUBCLASS", object::TPFLAGS_LONG_SUBCLASS),
        ("Py_TPFLAGS_TUPLE_SUBCLASS", object::TPFLAGS_TUPLE_SUBCLASS),
        ("Py_TPFLAGS_UNICODE_SUBCLASS", object::TPFLAGS_UNICODE_SUBCLASS),
        ("Py_TPFLAGS_DICT_SUBCLASS", object::TPFLAGS_DICT_SUBCLASS),
        ("Py_TPFLAGS_TYPE_SUBCLASS", object::TPFLAGS_TYPE_SUBCLASS),
    ]
    .into_iter()
    .map(|(name, flag)| (name.to_owned(), flag.cast_signed()))
}

fn methods(layout: &PythonLayout) -> impl Iterator<Item = (String, i64)> {
    let flags = [
        ("METH_VARARGS", method::METH_VARARGS),
        ("METH_KEYWORDS", method::METH_KEYWORDS),
        ("METH_NOARGS", method::METH_NOARGS),
        ("METH_O", method::METH_O),
        ("METH_CLASS", method::METH_CLASS),
        ("METH_STATIC", method::METH_STATIC),
        ("METH_COEXIST", method::METH_COEXIST),
        ("METH_FASTCALL", method::METH_FASTCALL),
        ("METH_METHOD", method::METH_METHOD),
    ]
    .into_iter()
    // 3.8 does not have it, and so no function with it.
    .filter(|(name, _)| layout.minor > 8 || *name != "METH_METHOD")
    .map(|(name, flag)| (name.to_owned(), i64::from(flag)));
    numbers([
        ("sizeof.PyMethodDef", size_of::<MethodDef>()),
        ("PyMethodDef.ml_name", offset_of!(MethodDef, ml_name)),
        ("PyMethodDef.ml_meth", offset_of!(MethodDef, ml_meth)),
        ("PyMethodDef.ml_flags", offset_of!(MethodDef, ml_flags)),
        ("PyMethodDef.ml_doc", offset_of!(MethodDef, ml_doc)),
        ("PyCFunctionObject.m_ml", method::CFUNCTION_ML),
        ("PyCFunctionObject.m_self", method::CFUNCTION_SELF),
        ("PyCFunctionObject.vectorcall", method::CFUNCTION_VECTORCALL),
        ("PyMethodDescrObject.d_method", method::METHOD_DESCR_METHOD),
        ("sizeof.PyGetSetDef", object::GETSET_SIZE),
        ("PyGetSetDef.name", object::GETSET_NAME),
        ("PyGetSetDef.get", object::GETSET_GET),
        ("PyGetSetDef.set", object::GETSET_SET),
    ])
    .chain([(
        "PY_VECTORCALL_ARGUMENTS_OFFSET_BIT".to_owned(),
        i64::from(method::VECTORCALL_ARGUMENTS_OFFSET.trailing_zeros()),
    )])
    .chain(flags)
}

fn thread_and_code(layout: &PythonLayout) -> Vec<(String, i64)> {
    let PythonLayout { minor, thread, code, .. } = layout;
    let mut all: Vec<_> = numbers([
        ("PyThreadState.interp", thread.interp),
        ("PyThreadState.thread_id", thread.thread_id),
        ("PyThreadState.id", thread.id),
        ("sizeof.PyThreadState.thread_id", 8),
        ("sizeof.PyThreadState.id", 8),
        ("PyCodeObject.co_filename", code.filename),
        ("PyCodeObject.co_name", code.name),
        ("PyCodeObject.co_firstlineno", code.first_line),
        ("PyCodeObject.co_flags", code.flags),
    ])
    .collect();
    let line_table =
        if *minor < 10 { "PyCodeObject.co_lnotab" } else { "PyCodeObject.co_linetable" };
    all.extend(numbers([(line_table, code.line_table)]));
    match thread.top_frame {
        TopFrame::Direct { offset } if *minor < 11 => {
            all.extend(numbers([("PyThreadState.frame", offset)]));
        }
        TopFrame::Direct { offset } => {
            all.extend(numbers([("PyThreadState.current_frame", offset)]));
        }
        TopFrame::ThroughCFrame { cframe, current_frame } => all.extend(numbers([
            ("PyThreadState.cframe", cframe),
            ("_PyCFrame.current_frame", current_frame),
        ])),
    }
    let newer = [
        ("PyCodeObject.co_qualname", code.qualname),
        ("PyCodeObject._co_firsttraceable", code.first_traceable),
        ("PyCodeObject.co_code_adaptive", code.code_start),
    ];
    all.extend(
        newer.into_iter().filter_map(|(name, offset)| Some((name.to_owned(), number(offset?)))),
    );
    all
}

fn frames(layout: &PythonLayout) -> Vec<(String, i64)> {
    let PythonLayout { minor, frame, .. } = layout;
    if frame.kind == FrameKind::FrameObject {
        return numbers([
            ("PyFrameObject.f_back", frame.previous),
            ("PyFrameObject.f_code", frame.code),
            ("PyFrameObject.f_lasti", frame.instruction),
            ("sizeof.PyFrameObject.f_lasti", 4),
        ])
        .collect();
    }
    let (code, instruction) =
        if *minor < 13 { ("f_code", "prev_instr") } else { ("f_executable", "instr_ptr") };
    let mut all: Vec<_> = numbers([
        ("_PyInterpreterFrame.previous", frame.previous),
        (&format!("_PyInterpreterFrame.{code}"), frame.code),
        (&format!("_PyInterpreterFrame.{instruction}"), frame.instruction),
        ("_PyInterpreterFrame.owner", frame.owner.expect("interpreter frames have an owner")),
        ("FRAME_OWNED_BY_THREAD", usize::from(frame::OWNED_BY_THREAD)),
        ("FRAME_OWNED_BY_GENERATOR", usize::from(frame::OWNED_BY_GENERATOR)),
        ("FRAME_OWNED_BY_FRAME_OBJECT", usize::from(frame::OWNED_BY_FRAME_OBJECT)),
        ("sizeof._Py_CODEUNIT", frame::CODE_UNIT),
    ])
    .collect();
    if frame.has_cstack_frames {
        all.extend(numbers([("FRAME_OWNED_BY_CSTACK", usize::from(frame::OWNED_BY_CSTACK))]));
    }
    all
}

fn published_offsets(layout: &PythonLayout) -> Vec<(String, i64)> {
    if !layout.has_published_offsets {
        return Vec::new();
    }
    let mut all: Vec<_> = numbers([
        ("_PyRuntime.debug_offsets", 0),
        ("_Py_DebugOffsets.cookie", 0),
        ("_Py_DebugOffsets.version", published::VERSION),
        ("_Py_DebugOffsets.free_threaded", published::FREE_THREADED),
    ])
    .collect();
    for field in published::fields(layout) {
        let (owner, name) = field.name.split_once('.').expect("a struct and a field");
        let published = match owner {
            "PyThreadState" => format!("thread_state.{name}"),
            "_PyInterpreterFrame" => {
                format!("interpreter_frame.{}", name.trim_start_matches("f_"))
            }
            _ if name == "co_code_adaptive" => format!("code_object.{name}"),
            _ => format!("code_object.{}", name.trim_start_matches("co_")),
        };
        all.push((format!("_Py_DebugOffsets.{published}"), number(field.position)));
    }
    all
}

/// What `probe_numpy.c` should print.
pub(crate) fn numpy(layout: &NumpyLayout, numpy: &Numpy) -> Expected {
    let mut expected = Expected::new();
    expected.insert("NPY_ABI_VERSION".to_owned(), i64::from(numpy.abi_version));
    expected.insert("NPY_API_VERSION".to_owned(), i64::from(numpy.feature_version));
    expected.extend(arrays(layout));
    expected.extend(descrs(layout));
    expected.extend(datetimes());
    expected.extend(types(layout));
    expected.extend(handlers_and_ufuncs());
    expected.extend(slots());
    expected
}

fn arrays(layout: &NumpyLayout) -> impl Iterator<Item = (String, i64)> {
    let body = object::OBJECT_SIZE;
    let flags = [
        ("NPY_ARRAY_C_CONTIGUOUS", array::C_CONTIGUOUS),
        ("NPY_ARRAY_F_CONTIGUOUS", array::F_CONTIGUOUS),
        ("NPY_ARRAY_OWNDATA", array::OWNDATA),
        ("NPY_ARRAY_FORCECAST", array::FORCECAST),
        ("NPY_ARRAY_ENSURECOPY", array::ENSURECOPY),
        ("NPY_ARRAY_ALIGNED", array::ALIGNED),
        ("NPY_ARRAY_NOTSWAPPED", array::NOTSWAPPED),
        ("NPY_ARRAY_WRITEABLE", array::WRITEABLE),
        ("NPY_ARRAY_WRITEBACKIFCOPY", array::WRITEBACKIFCOPY),
    ];
    numbers([
        ("NPY_MAXDIMS", layout.max_ndim),
        ("sizeof.PyArrayObject_fields", array::ARRAY_SIZE),
        ("PyArrayObject_fields.data", body + offset_of!(ArrayBody, data)),
        ("PyArrayObject_fields.nd", body + offset_of!(ArrayBody, ndim)),
        ("PyArrayObject_fields.dimensions", body + offset_of!(ArrayBody, shape)),
        ("PyArrayObject_fields.strides", body + offset_of!(ArrayBody, strides)),
        ("PyArrayObject_fields.base", body + offset_of!(ArrayBody, base)),
        ("PyArrayObject_fields.descr", body + offset_of!(ArrayBody, descr)),
        ("PyArrayObject_fields.flags", body + offset_of!(ArrayBody, flags)),
        ("PyArrayObject_fields.weakreflist", body + offset_of!(ArrayBody, weak_references)),
        ("PyArrayObject_fields._buffer_info", body + offset_of!(ArrayBody, buffer_info)),
        ("PyArrayObject_fields.mem_handler", body + offset_of!(ArrayBody, mem_handler)),
    ])
    .chain(flags.map(|(name, flag)| (name.to_owned(), i64::from(flag))))
}

fn descrs(layout: &NumpyLayout) -> impl Iterator<Item = (String, i64)> {
    let fields = &layout.descr;
    numbers([
        ("PyArray_Descr.typeobj", descr::TYPEOBJ),
        ("PyArray_Descr.kind", descr::KIND),
        ("PyArray_Descr.type", descr::TYPE),
        ("PyArray_Descr.byteorder", descr::BYTEORDER),
        ("PyArray_Descr.type_num", descr::TYPE_NUM),
        ("PyArray_Descr.flags", fields.flags),
        ("PyArray_Descr.elsize", fields.elsize),
        ("PyArray_Descr.alignment", fields.alignment),
        ("PyArray_Descr.subarray", fields.subarray),
        ("PyArray_Descr.fields", fields.fields),
        ("PyArray_Descr.names", fields.names),
        ("PyArray_Descr.metadata", fields.metadata),
        ("PyArray_Descr.c_metadata", fields.c_metadata),
        ("sizeof.PyArray_Descr.type_num", 4),
        ("sizeof.PyArray_Descr.flags", if layout.major == 1 { 1 } else { 8 }),
        ("sizeof.PyArray_Descr.elsize", fields.size_width),
        ("sizeof.PyArray_Descr.alignment", fields.size_width),
        ("PyArray_ArrayDescr.base", descr::SUBARRAY_BASE),
        ("PyArray_ArrayDescr.shape", descr::SUBARRAY_SHAPE),
    ])
    .chain([
        ("NPY_ITEM_REFCOUNT".to_owned(), descr::ITEM_REFCOUNT.cast_signed()),
        ("NPY_ITEM_IS_POINTER".to_owned(), descr::ITEM_IS_POINTER.cast_signed()),
    ])
}

fn datetimes() -> impl Iterator<Item = (String, i64)> {
    numbers([
        ("sizeof.NpyAuxData", descr::DATETIME_METADATA),
        ("PyArray_DatetimeDTypeMetaData.meta", descr::DATETIME_METADATA),
        ("PyArray_DatetimeMetaData.base", offset_of!(DatetimeMetadata, unit)),
        ("PyArray_DatetimeMetaData.num", offset_of!(DatetimeMetadata, count)),
        ("sizeof.PyArray_DatetimeMetaData.base", 4),
        ("sizeof.PyArray_DatetimeMetaData.num", 4),
        ("NPY_FR_GENERIC", 14),
    ])
    .chain(units().map(|(unit, name)| (format!("NPY_FR_{name}"), i64::from(unit))))
}

/// Numbers and names of the units, without the generic one.
fn units() -> impl Iterator<Item = (i32, &'static str)> {
    (0..=20).filter_map(|unit| Some((unit, DatetimeMetadata { unit, count: 1 }.unit_name()?)))
}

fn types(layout: &NumpyLayout) -> impl Iterator<Item = (String, i64)> {
    // The names that NumPy's own numbering goes by, in order.
    let names = [
        "BOOL",
        "BYTE",
        "UBYTE",
        "SHORT",
        "USHORT",
        "INT",
        "UINT",
        "LONG",
        "ULONG",
        "LONGLONG",
        "ULONGLONG",
        "FLOAT",
        "DOUBLE",
        "LONGDOUBLE",
        "CFLOAT",
        "CDOUBLE",
        "CLONGDOUBLE",
    ];
    let further = [
        ("BOOL", dtype::BOOL),
        ("BYTE", dtype::BYTE),
        ("INT", dtype::INT),
        ("LONG", dtype::LONG),
        ("ULONG", dtype::ULONG),
        ("LONGLONG", dtype::LONGLONG),
        ("FLOAT", dtype::FLOAT),
        ("DOUBLE", dtype::DOUBLE),
        ("CFLOAT", dtype::CFLOAT),
        ("CDOUBLE", dtype::CDOUBLE),
        ("OBJECT", dtype::OBJECT),
        ("STRING", dtype::BYTES),
        ("UNICODE", dtype::UNICODE),
        ("VOID", dtype::VOID),
        ("DATETIME", dtype::DATETIME),
        ("TIMEDELTA", dtype::TIMEDELTA),
        ("HALF", dtype::HALF),
        ("USERDEF", dtype::USER_DEFINED),
    ];
    let newer = [("VSTRING", dtype::VSTRING)];
    (0..)
        .zip(names)
        .map(|(type_num, name)| (name, type_num))
        .chain(further)
        .chain(newer.into_iter().filter(|_| layout.major == 2))
        .map(|(name, type_num)| (format!("NPY_{name}"), i64::from(type_num)))
}

fn handlers_and_ufuncs() -> impl Iterator<Item = (String, i64)> {
    numbers([
        ("sizeof.PyDataMem_Handler", size_of::<DataMemHandler>()),
        ("sizeof.PyDataMem_Handler.name", 127),
        ("PyDataMem_Handler.name", offset_of!(DataMemHandler, name)),
        ("PyDataMem_Handler.version", offset_of!(DataMemHandler, version)),
        ("PyDataMem_Handler.allocator.ctx", offset_of!(DataMemHandler, ctx)),
        ("PyDataMem_Handler.allocator.malloc", offset_of!(DataMemHandler, malloc)),
        ("PyDataMem_Handler.allocator.calloc", offset_of!(DataMemHandler, calloc)),
        ("PyDataMem_Handler.allocator.realloc", offset_of!(DataMemHandler, realloc)),
        ("PyDataMem_Handler.allocator.free", offset_of!(DataMemHandler, free)),
        ("PyUFuncObject.nin", ufunc::NIN),
        ("PyUFuncObject.nout", ufunc::NOUT),
        ("PyUFuncObject.nargs", ufunc::NARGS),
        ("PyUFuncObject.functions", ufunc::FUNCTIONS),
        ("PyUFuncObject.data", ufunc::DATA),
        ("PyUFuncObject.ntypes", ufunc::NTYPES),
        ("PyUFuncObject.name", ufunc::NAME),
        ("PyUFuncObject.types", ufunc::TYPES),
        ("PyUFuncObject.obj", ufunc::OBJ),
        ("PyUFuncObject.core_enabled", ufunc::CORE_ENABLED),
        ("PyUFuncObject.core_signature", ufunc::CORE_SIGNATURE),
        ("PyLongScalarObject.obval", scalar::LONG_VALUE),
    ])
}

fn slots() -> impl Iterator<Item = (String, i64)> {
    numbers([
        ("slot.PyArray_GetNDArrayCVersion", api::GET_ABI_VERSION),
        ("slot.PyArray_Type", api::ARRAY_TYPE),
        ("slot.PyArrayDescr_Type", api::DESCR_TYPE),
        ("slot.PyArrayIter_Type", api::ITER_TYPE),
        ("slot.PyLongArrType_Type", api::LONG_TYPE),
        ("slot.PyArray_DescrFromType", api::DESCR_FROM_TYPE),
        ("slot.PyArray_FromAny", api::FROM_ANY),
        ("slot.PyArray_NewCopy", api::NEW_COPY),
        ("slot.PyArray_NewFromDescr", api::NEW_FROM_DESCR),
        ("slot.PyArray_CheckFromAny", api::CHECK_FROM_ANY),
        ("slot.PyArray_FromArray", api::FROM_ARRAY),
        ("slot.PyArray_GetNDArrayCFeatureVersion", api::GET_FEATURE_VERSION),
        ("slot.PyDataMem_SetHandler", api::SET_DATA_MEM_HANDLER),
        ("slot.PyDataMem_GetHandler", api::GET_DATA_MEM_HANDLER),
        ("slot.PyDataMem_DefaultHandler", api::DEFAULT_DATA_MEM_HANDLER),
        ("slot.PyUFunc_Type", api::UFUNC_TYPE),
        ("slot.PyUFunc_FromFuncAndData", api::UFUNC_FROM_FUNC_AND_DATA),
        ("slot.PyUFunc_FromFuncAndDataAndSignature", api::UFUNC_FROM_FUNC_AND_DATA_AND_SIGNATURE),
        (
            "slot.PyUFunc_FromFuncAndDataAndSignatureAndIdentity",
            api::UFUNC_FROM_FUNC_AND_DATA_AND_SIGNATURE_AND_IDENTITY,
        ),
    ])
}

/// Everything that `read_memory.py` goes by.
pub(crate) fn for_reader(python: &PythonLayout, numpy: Option<&NumpyLayout>) -> Value {
    json!({
        "debug_build_symbol": DEBUG_BUILD_SYMBOL.to_str().expect("ASCII"),
        "object": objects_for_reader(),
        "python": python_for_reader(python),
        "published": {
            "symbol": published::RUNTIME_SYMBOL.to_str().expect("ASCII"),
            "cookie": str::from_utf8(&published::COOKIE).expect("ASCII"),
            "version": published::VERSION,
            "free_threaded": published::FREE_THREADED,
            "fields": published::fields(python)
                .map(|field| json!({
                    "name": field.name, "position": field.position, "known": field.known,
                }))
                .collect::<Vec<_>>(),
        },
        "numpy": numpy.map(numpy_for_reader),
    })
}

fn objects_for_reader() -> Value {
    json!({
        "object_size": object::OBJECT_SIZE,
        "ob_type": object::OB_TYPE,
        "ob_size": object::OB_SIZE,
        "tuple_items": object::TUPLE_ITEMS,
        "list_items": object::LIST_ITEMS,
        "tp_name": object::TP_NAME,
        "tp_basicsize": object::TP_BASICSIZE,
        "tp_vectorcall_offset": object::TP_VECTORCALL_OFFSET,
        "tp_flags": object::TP_FLAGS,
        "tp_methods": object::TP_METHODS,
        "tp_base": object::TP_BASE,
        "tp_dict": object::TP_DICT,
        "tp_mro": object::TP_MRO,
        "tp_subclasses": object::TP_SUBCLASSES,
        "have_vectorcall": object::TPFLAGS_HAVE_VECTORCALL,
        "ml_name": offset_of!(MethodDef, ml_name),
        "method_size": size_of::<MethodDef>(),
        "cfunction_ml": method::CFUNCTION_ML,
        "cfunction_self": method::CFUNCTION_SELF,
        "method_descr_method": method::METHOD_DESCR_METHOD,
    })
}

fn python_for_reader(layout: &PythonLayout) -> Value {
    let PythonLayout { thread, frame, code, has_published_offsets, .. } = layout;
    let (top_frame, through_cframe) = match thread.top_frame {
        TopFrame::Direct { offset } => (offset, None),
        TopFrame::ThroughCFrame { cframe, current_frame } => (cframe, Some(current_frame)),
    };
    let form = match frame.instruction_form {
        Instruction::ByteIndex => "ByteIndex",
        Instruction::UnitIndex => "UnitIndex",
        Instruction::Pointer => "Pointer",
    };
    json!({
        "has_published_offsets": has_published_offsets,
        "getter": thread.getter.to_str().expect("ASCII"),
        "int": { "size": layout.int.size, "digit": layout.int.digit, "is_tagged": layout.int.is_tagged },
        "interp": thread.interp,
        "thread_id": thread.thread_id,
        "id": thread.id,
        "top_frame": top_frame,
        "through_cframe": through_cframe,
        "previous": frame.previous,
        "code": frame.code,
        "instruction": frame.instruction,
        "instruction_form": form,
        "owner": frame.owner,
        "has_cstack_frames": frame.has_cstack_frames,
        "must_check_code": frame.must_check_code,
        "filename": code.filename,
        "name": code.name,
        "qualname": code.qualname,
        "first_line": code.first_line,
        "flags": code.flags,
        "line_table": code.line_table,
        "first_traceable": code.first_traceable,
        "code_start": code.code_start,
    })
}

fn numpy_for_reader(layout: &NumpyLayout) -> Value {
    let mut tables = json!({
        "modules": api::CORE_MODULES.map(|name| name.to_str().expect("ASCII")),
        "array_api": api::ARRAY_API.to_str().expect("ASCII"),
        "ufunc_api": api::UFUNC_API.to_str().expect("ASCII"),
        "capsule": data_mem::CAPSULE_NAME.to_str().expect("ASCII"),
        "handler_name": data_mem::DEFAULT_HANDLER_NAME.to_str().expect("ASCII"),
        "handler_version": data_mem::HANDLER_VERSION,
        "handler_version_at": offset_of!(DataMemHandler, version),
        "handler_functions": [
            offset_of!(DataMemHandler, malloc),
            offset_of!(DataMemHandler, calloc),
            offset_of!(DataMemHandler, realloc),
            offset_of!(DataMemHandler, free),
        ],
        "array_size": array::ARRAY_SIZE,
        "max_ndim": layout.max_ndim,
        "legacy_type_nums": dtype::LEGACY_TYPE_NUMS,
        "vstring": dtype::VSTRING,
        "item_refcount": descr::ITEM_REFCOUNT,
        "units": units().map(|(unit, name)| (unit.to_string(), name)).collect::<BTreeMap<_, _>>(),
        "dtypes": names_of_fixed_dtypes(),
    });
    let Value::Object(all) = &mut tables else { unreachable!("an object was written") };
    for offsets in [offsets_for_reader(layout), slots_for_reader()] {
        if let Value::Object(offsets) = offsets {
            all.extend(offsets);
        }
    }
    tables
}

fn offsets_for_reader(layout: &NumpyLayout) -> Value {
    let fields = &layout.descr;
    json!({
        "data": offset_of!(ArrayBody, data),
        "ndim": offset_of!(ArrayBody, ndim),
        "shape": offset_of!(ArrayBody, shape),
        "strides": offset_of!(ArrayBody, strides),
        "base": offset_of!(ArrayBody, base),
        "descr": offset_of!(ArrayBody, descr),
        "array_flags": offset_of!(ArrayBody, flags),
        "mem_handler": offset_of!(ArrayBody, mem_handler),
        "flag.C_CONTIGUOUS": array::C_CONTIGUOUS,
        "flag.F_CONTIGUOUS": array::F_CONTIGUOUS,
        "flag.OWNDATA": array::OWNDATA,
        "flag.ALIGNED": array::ALIGNED,
        "flag.WRITEABLE": array::WRITEABLE,
        "typeobj": descr::TYPEOBJ,
        "kind": descr::KIND,
        "type": descr::TYPE,
        "byteorder": descr::BYTEORDER,
        "type_num": descr::TYPE_NUM,
        "descr_flags": fields.flags,
        "elsize": fields.elsize,
        "alignment": fields.alignment,
        "size_width": fields.size_width,
        "metadata": fields.metadata,
        "subarray": fields.subarray,
        "fields": fields.fields,
        "names": fields.names,
        "c_metadata": fields.c_metadata,
        "subarray_base": descr::SUBARRAY_BASE,
        "subarray_shape": descr::SUBARRAY_SHAPE,
        "datetime_metadata": descr::DATETIME_METADATA,
        "nin": ufunc::NIN,
        "nout": ufunc::NOUT,
        "nargs": ufunc::NARGS,
        "functions": ufunc::FUNCTIONS,
        "ntypes": ufunc::NTYPES,
        "ufunc_name": ufunc::NAME,
        "types": ufunc::TYPES,
        "core_enabled": ufunc::CORE_ENABLED,
        "core_signature": ufunc::CORE_SIGNATURE,
    })
}

fn slots_for_reader() -> Value {
    json!({
        "slot.abi_version": api::GET_ABI_VERSION,
        "slot.feature_version": api::GET_FEATURE_VERSION,
        "slot.array_type": api::ARRAY_TYPE,
        "slot.long_type": api::LONG_TYPE,
        "long_value_at": scalar::LONG_VALUE,
        "slot.descr_type": api::DESCR_TYPE,
        "slot.descr_from_type": api::DESCR_FROM_TYPE,
        "slot.default_handler": api::DEFAULT_DATA_MEM_HANDLER,
        "slot.get_handler": api::GET_DATA_MEM_HANDLER,
        "slot.ufunc_type": api::UFUNC_TYPE,
    })
}

/// Names by number, of the dtypes whose name has neither size nor unit.
fn names_of_fixed_dtypes() -> BTreeMap<String, &'static str> {
    (0..dtype::LEGACY_TYPE_NUMS)
        .filter(|type_num| !(dtype::BYTES..=dtype::TIMEDELTA).contains(type_num))
        .filter_map(|type_num| Some((type_num.to_string(), builtin_name(type_num)?)))
        .collect()
}
