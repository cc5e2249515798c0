/* Prints what the C compiler thinks of CPython's structs, as one JSON object.
 *
 * A key is `Struct.field` for an offset, `sizeof.Struct` for a size and a plain name for a constant.
 * A field that a version does not have is not printed. `tests/abi` compiles this once for each
 * interpreter, with that interpreter's headers, and compares it with the tables in `src/python`.
 *
 *     cc -DPy_BUILD_CORE -I$include -I$include/internal probe_python.c -o probe
 */

#include <Python.h>
#include <stddef.h>
#include <stdio.h>

#include <frameobject.h>
#if PY_VERSION_HEX >= 0x030B0000
#include <internal/pycore_code.h>
#include <internal/pycore_frame.h>
#endif
#if PY_VERSION_HEX >= 0x030D0000
#include <internal/pycore_runtime.h>
#endif

static const char *separator = "";

static void number(const char *key, long long value)
{
    printf("%s\n  \"%s\": %lld", separator, key, value);
    separator = ",";
}

#define CONSTANT(name) number(#name, (long long)(name))
#define FIELD(type, field) number(#type "." #field, (long long)offsetof(type, field))
#define FIELD_OF(label, type, field) number(label "." #field, (long long)offsetof(type, field))
#define SIZE(type) number("sizeof." #type, (long long)sizeof(type))

static void objects(void)
{
    SIZE(PyObject);
    SIZE(PyVarObject);
    FIELD(PyObject, ob_refcnt);
    FIELD(PyObject, ob_type);
    FIELD(PyVarObject, ob_size);

    FIELD(PyTypeObject, tp_name);
    FIELD(PyTypeObject, tp_basicsize);
    FIELD(PyTypeObject, tp_dealloc);
    FIELD(PyTypeObject, tp_vectorcall_offset);
    FIELD(PyTypeObject, tp_as_number);
    FIELD(PyTypeObject, tp_as_sequence);
    FIELD(PyTypeObject, tp_as_mapping);
    FIELD(PyTypeObject, tp_call);
    FIELD(PyTypeObject, tp_getattro);
    FIELD(PyTypeObject, tp_as_buffer);
    FIELD(PyTypeObject, tp_flags);
    FIELD(PyTypeObject, tp_methods);
    FIELD(PyTypeObject, tp_getset);
    FIELD(PyTypeObject, tp_base);
    FIELD(PyTypeObject, tp_dict);
    FIELD(PyTypeObject, tp_alloc);
    FIELD(PyTypeObject, tp_iternext);
    FIELD(PyTypeObject, tp_new);
    FIELD(PyTypeObject, tp_free);
    FIELD(PyTypeObject, tp_mro);
    FIELD(PyTypeObject, tp_subclasses);
    CONSTANT(Py_TPFLAGS_HEAPTYPE);
    CONSTANT(Py_TPFLAGS_READY);
    number("Py_TPFLAGS_HAVE_VECTORCALL", 1LL << 11);
    CONSTANT(Py_TPFLAGS_LONG_SUBCLASS);
    CONSTANT(Py_TPFLAGS_TUPLE_SUBCLASS);
    CONSTANT(Py_TPFLAGS_UNICODE_SUBCLASS);
    CONSTANT(Py_TPFLAGS_DICT_SUBCLASS);
    CONSTANT(Py_TPFLAGS_TYPE_SUBCLASS);

    FIELD(PySequenceMethods, sq_length);
    FIELD(PySequenceMethods, sq_item);
    FIELD(PyMappingMethods, mp_subscript);
    FIELD(PyMappingMethods, mp_ass_subscript);
    FIELD(PyBufferProcs, bf_getbuffer);
    FIELD(PyBufferProcs, bf_releasebuffer);

    FIELD(PyTupleObject, ob_item);
    FIELD(PyListObject, ob_item);
    FIELD(PySliceObject, start);
    FIELD(PySliceObject, stop);
    FIELD(PySliceObject, step);
}

static void methods(void)
{
    SIZE(PyMethodDef);
    FIELD(PyMethodDef, ml_name);
    FIELD(PyMethodDef, ml_meth);
    FIELD(PyMethodDef, ml_flags);
    FIELD(PyMethodDef, ml_doc);
    FIELD(PyCFunctionObject, m_ml);
    FIELD(PyCFunctionObject, m_self);
    FIELD(PyCFunctionObject, vectorcall);
    FIELD(PyMethodDescrObject, d_method);
    SIZE(PyGetSetDef);
    FIELD(PyGetSetDef, name);
    FIELD(PyGetSetDef, get);
    FIELD(PyGetSetDef, set);
    CONSTANT(METH_VARARGS);
    CONSTANT(METH_KEYWORDS);
    CONSTANT(METH_NOARGS);
    CONSTANT(METH_O);
    CONSTANT(METH_CLASS);
    CONSTANT(METH_STATIC);
    CONSTANT(METH_COEXIST);
    CONSTANT(METH_FASTCALL);
#ifdef METH_METHOD
    CONSTANT(METH_METHOD);
#endif
    number("PY_VECTORCALL_ARGUMENTS_OFFSET_BIT", 8 * (int)sizeof(size_t) - 1);
}

static void code(void)
{
    FIELD(PyCodeObject, co_firstlineno);
    FIELD(PyCodeObject, co_filename);
    FIELD(PyCodeObject, co_name);
    FIELD(PyCodeObject, co_flags);
#if PY_VERSION_HEX >= 0x030A0000
    FIELD(PyCodeObject, co_linetable);
#else
    FIELD(PyCodeObject, co_lnotab);
#endif
#if PY_VERSION_HEX >= 0x030B0000
    FIELD(PyCodeObject, co_qualname);
    FIELD(PyCodeObject, _co_firsttraceable);
    FIELD(PyCodeObject, co_code_adaptive);
    SIZE(_Py_CODEUNIT);
#endif
}

static void thread_and_frame(void)
{
    FIELD(PyThreadState, interp);
    FIELD(PyThreadState, thread_id);
    FIELD(PyThreadState, id);
    number("sizeof.PyThreadState.thread_id", (long long)sizeof(((PyThreadState *)0)->thread_id));
    number("sizeof.PyThreadState.id", (long long)sizeof(((PyThreadState *)0)->id));
#if PY_VERSION_HEX >= 0x030D0000
    FIELD(PyThreadState, current_frame);
#elif PY_VERSION_HEX >= 0x030B0000
    FIELD(PyThreadState, cframe);
    FIELD(_PyCFrame, current_frame);
#else
    FIELD(PyThreadState, frame);
#endif

#if PY_VERSION_HEX >= 0x030B0000
    FIELD(_PyInterpreterFrame, previous);
    FIELD(_PyInterpreterFrame, owner);
    CONSTANT(FRAME_OWNED_BY_THREAD);
    CONSTANT(FRAME_OWNED_BY_GENERATOR);
    CONSTANT(FRAME_OWNED_BY_FRAME_OBJECT);
#if PY_VERSION_HEX >= 0x030C0000
    CONSTANT(FRAME_OWNED_BY_CSTACK);
#endif
#if PY_VERSION_HEX >= 0x030D0000
    FIELD(_PyInterpreterFrame, f_executable);
    FIELD(_PyInterpreterFrame, instr_ptr);
#else
    FIELD(_PyInterpreterFrame, f_code);
    FIELD(_PyInterpreterFrame, prev_instr);
#endif
#else
    FIELD(PyFrameObject, f_back);
    FIELD(PyFrameObject, f_code);
    FIELD(PyFrameObject, f_lasti);
    number("sizeof.PyFrameObject.f_lasti", (long long)sizeof(((PyFrameObject *)0)->f_lasti));
#endif
}

static void debug_offsets(void)
{
#if PY_VERSION_HEX >= 0x030D0000
    FIELD_OF("_PyRuntime", _PyRuntimeState, debug_offsets);
    FIELD(_Py_DebugOffsets, cookie);
    FIELD(_Py_DebugOffsets, version);
    FIELD(_Py_DebugOffsets, free_threaded);
    FIELD(_Py_DebugOffsets, thread_state.interp);
    FIELD(_Py_DebugOffsets, thread_state.current_frame);
    FIELD(_Py_DebugOffsets, thread_state.thread_id);
    FIELD(_Py_DebugOffsets, interpreter_frame.previous);
    FIELD(_Py_DebugOffsets, interpreter_frame.executable);
    FIELD(_Py_DebugOffsets, interpreter_frame.instr_ptr);
    FIELD(_Py_DebugOffsets, interpreter_frame.owner);
    FIELD(_Py_DebugOffsets, code_object.filename);
    FIELD(_Py_DebugOffsets, code_object.name);
    FIELD(_Py_DebugOffsets, code_object.qualname);
    FIELD(_Py_DebugOffsets, code_object.linetable);
    FIELD(_Py_DebugOffsets, code_object.firstlineno);
    FIELD(_Py_DebugOffsets, code_object.co_code_adaptive);
#endif
}

int main(void)
{
    printf("{");
    number("PY_VERSION_HEX", PY_VERSION_HEX);
#ifdef Py_GIL_DISABLED
    number("Py_GIL_DISABLED", 1);
#endif
#ifdef Py_DEBUG
    number("Py_DEBUG", 1);
#endif
    objects();
    methods();
    code();
    thread_and_frame();
    debug_offsets();
    printf("\n}\n");
    return 0;
}
