/* Prints what the C compiler thinks of NumPy's structs and API slots, as one JSON object.
 *
 * A key is `Struct.field` for an offset, `sizeof.Struct` for a size, `slot.Name` for an index into
 * `_ARRAY_API` and a plain name for a constant. A struct that has another C name in NumPy 2 has the
 * name of NumPy 1 here. `tests/abi` compiles this once for each interpreter with a NumPy, and
 * compares it with the tables in `src/numpy`.
 *
 *     cc -I$python_include -I$numpy_include probe_numpy.c -o probe
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <stdio.h>

/* The headers read a slot as `PyArray_API[number]`. A table in which each entry is its own number
 * makes them say the number. */
#define PY_ARRAY_UNIQUE_SYMBOL npprof_slots
#define PY_UFUNC_UNIQUE_SYMBOL npprof_ufunc_slots
#define NO_IMPORT_ARRAY
#define NO_IMPORT_UFUNC
/* Fields are what this is about, and NumPy 1 calls reading them deprecated. */
#define NPY_NO_DEPRECATED_API 0
/* The first version with data-memory handlers; NumPy 2's headers otherwise hide them. */
#define NPY_TARGET_VERSION NPY_1_22_API_VERSION
#include <numpy/arrayobject.h>
#include <numpy/arrayscalars.h>
#include <numpy/ufuncobject.h>

static void *numbers[512];
void **npprof_slots = numbers;
void **npprof_ufunc_slots = numbers;

#if NPY_ABI_VERSION >= 0x02000000
typedef _PyArray_LegacyDescr Descr;
#else
typedef PyArray_Descr Descr;
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
#define WIDTH_OF(label, type, field) \
    number("sizeof." label "." #field, (long long)sizeof(((type *)0)->field))
#define SIZE(type) number("sizeof." #type, (long long)sizeof(type))
#define SLOT(expression) number("slot." #expression, (long long)(size_t)(expression))
#define SLOT_OF_VARIABLE(name) number("slot." #name, (long long)(size_t)&(name))

static void array(void)
{
    SIZE(PyArrayObject_fields);
    FIELD(PyArrayObject_fields, data);
    FIELD(PyArrayObject_fields, nd);
    FIELD(PyArrayObject_fields, dimensions);
    FIELD(PyArrayObject_fields, strides);
    FIELD(PyArrayObject_fields, base);
    FIELD(PyArrayObject_fields, descr);
    FIELD(PyArrayObject_fields, flags);
    FIELD(PyArrayObject_fields, weakreflist);
    FIELD(PyArrayObject_fields, _buffer_info);
    FIELD(PyArrayObject_fields, mem_handler);
    CONSTANT(NPY_ARRAY_C_CONTIGUOUS);
    CONSTANT(NPY_ARRAY_F_CONTIGUOUS);
    CONSTANT(NPY_ARRAY_OWNDATA);
    CONSTANT(NPY_ARRAY_FORCECAST);
    CONSTANT(NPY_ARRAY_ENSURECOPY);
    CONSTANT(NPY_ARRAY_ALIGNED);
    CONSTANT(NPY_ARRAY_NOTSWAPPED);
    CONSTANT(NPY_ARRAY_WRITEABLE);
    CONSTANT(NPY_ARRAY_WRITEBACKIFCOPY);
    CONSTANT(NPY_MAXDIMS);
}

static void descr(void)
{
    FIELD_OF("PyArray_Descr", Descr, typeobj);
    FIELD_OF("PyArray_Descr", Descr, kind);
    FIELD_OF("PyArray_Descr", Descr, type);
    FIELD_OF("PyArray_Descr", Descr, byteorder);
    FIELD_OF("PyArray_Descr", Descr, type_num);
    FIELD_OF("PyArray_Descr", Descr, flags);
    FIELD_OF("PyArray_Descr", Descr, elsize);
    FIELD_OF("PyArray_Descr", Descr, alignment);
    FIELD_OF("PyArray_Descr", Descr, subarray);
    FIELD_OF("PyArray_Descr", Descr, fields);
    FIELD_OF("PyArray_Descr", Descr, names);
    FIELD_OF("PyArray_Descr", Descr, metadata);
    FIELD_OF("PyArray_Descr", Descr, c_metadata);
    WIDTH_OF("PyArray_Descr", Descr, type_num);
    WIDTH_OF("PyArray_Descr", Descr, flags);
    WIDTH_OF("PyArray_Descr", Descr, elsize);
    WIDTH_OF("PyArray_Descr", Descr, alignment);
    CONSTANT(NPY_ITEM_REFCOUNT);
    CONSTANT(NPY_ITEM_IS_POINTER);
    FIELD(PyArray_ArrayDescr, base);
    FIELD(PyArray_ArrayDescr, shape);
}

static void datetime(void)
{
    SIZE(NpyAuxData);
    FIELD(PyArray_DatetimeDTypeMetaData, meta);
    FIELD(PyArray_DatetimeMetaData, base);
    FIELD(PyArray_DatetimeMetaData, num);
    WIDTH_OF("PyArray_DatetimeMetaData", PyArray_DatetimeMetaData, base);
    WIDTH_OF("PyArray_DatetimeMetaData", PyArray_DatetimeMetaData, num);
    CONSTANT(NPY_FR_Y);
    CONSTANT(NPY_FR_M);
    CONSTANT(NPY_FR_W);
    CONSTANT(NPY_FR_D);
    CONSTANT(NPY_FR_h);
    CONSTANT(NPY_FR_m);
    CONSTANT(NPY_FR_s);
    CONSTANT(NPY_FR_ms);
    CONSTANT(NPY_FR_us);
    CONSTANT(NPY_FR_ns);
    CONSTANT(NPY_FR_ps);
    CONSTANT(NPY_FR_fs);
    CONSTANT(NPY_FR_as);
    CONSTANT(NPY_FR_GENERIC);
}

static void types(void)
{
    CONSTANT(NPY_BOOL);
    CONSTANT(NPY_BYTE);
    CONSTANT(NPY_UBYTE);
    CONSTANT(NPY_SHORT);
    CONSTANT(NPY_USHORT);
    CONSTANT(NPY_INT);
    CONSTANT(NPY_UINT);
    CONSTANT(NPY_LONG);
    CONSTANT(NPY_ULONG);
    CONSTANT(NPY_LONGLONG);
    CONSTANT(NPY_ULONGLONG);
    CONSTANT(NPY_FLOAT);
    CONSTANT(NPY_DOUBLE);
    CONSTANT(NPY_LONGDOUBLE);
    CONSTANT(NPY_CFLOAT);
    CONSTANT(NPY_CDOUBLE);
    CONSTANT(NPY_CLONGDOUBLE);
    CONSTANT(NPY_OBJECT);
    CONSTANT(NPY_STRING);
    CONSTANT(NPY_UNICODE);
    CONSTANT(NPY_VOID);
    CONSTANT(NPY_DATETIME);
    CONSTANT(NPY_TIMEDELTA);
    CONSTANT(NPY_HALF);
    CONSTANT(NPY_USERDEF);
#if NPY_ABI_VERSION >= 0x02000000
    CONSTANT(NPY_VSTRING);
#endif
}

static void data_mem(void)
{
    SIZE(PyDataMem_Handler);
    FIELD(PyDataMem_Handler, name);
    FIELD(PyDataMem_Handler, version);
    FIELD(PyDataMem_Handler, allocator.ctx);
    FIELD(PyDataMem_Handler, allocator.malloc);
    FIELD(PyDataMem_Handler, allocator.calloc);
    FIELD(PyDataMem_Handler, allocator.realloc);
    FIELD(PyDataMem_Handler, allocator.free);
    WIDTH_OF("PyDataMem_Handler", PyDataMem_Handler, name);
}

static void ufunc(void)
{
    FIELD(PyUFuncObject, nin);
    FIELD(PyUFuncObject, nout);
    FIELD(PyUFuncObject, nargs);
    FIELD(PyUFuncObject, functions);
    FIELD(PyUFuncObject, data);
    FIELD(PyUFuncObject, ntypes);
    FIELD(PyUFuncObject, name);
    FIELD(PyUFuncObject, types);
    FIELD(PyUFuncObject, obj);
    FIELD(PyUFuncObject, core_enabled);
    FIELD(PyUFuncObject, core_signature);
    FIELD(PyLongScalarObject, obval);
}

static void slots(void)
{
    SLOT(PyArray_GetNDArrayCVersion);
    SLOT_OF_VARIABLE(PyArray_Type);
    SLOT_OF_VARIABLE(PyArrayDescr_Type);
    SLOT_OF_VARIABLE(PyArrayIter_Type);
    SLOT_OF_VARIABLE(PyLongArrType_Type);
    SLOT(PyArray_DescrFromType);
    SLOT(PyArray_FromAny);
    SLOT(PyArray_NewCopy);
    SLOT(PyArray_NewFromDescr);
    SLOT(PyArray_CheckFromAny);
    SLOT(PyArray_FromArray);
    SLOT(PyArray_GetNDArrayCFeatureVersion);
    SLOT(PyDataMem_SetHandler);
    SLOT(PyDataMem_GetHandler);
    SLOT_OF_VARIABLE(PyDataMem_DefaultHandler);
    SLOT_OF_VARIABLE(PyUFunc_Type);
    SLOT(PyUFunc_FromFuncAndData);
    SLOT(PyUFunc_FromFuncAndDataAndSignature);
    SLOT(PyUFunc_FromFuncAndDataAndSignatureAndIdentity);
}

int main(void)
{
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        numbers[i] = (void *)i;
    }
    printf("{");
    CONSTANT(NPY_ABI_VERSION);
    CONSTANT(NPY_API_VERSION);
    array();
    descr();
    datetime();
    types();
    data_mem();
    ufunc();
    slots();
    printf("\n}\n");
    return 0;
}
