"""Reads a running interpreter's memory by npprof's tables, and compares it with what Python says.

Takes the tables as JSON on standard input and prints one line for each disagreement, then
`checked N`. Exits with 0 unless it could not run at all.
"""

import ctypes
import json
import sys
import threading

T = json.load(sys.stdin)
PY = T["python"]
OBJECT = T["object"]
n_checked = 0


def check(what, found, expected):
    global n_checked
    n_checked += 1
    if found != expected:
        print(f"{what}: read {found!r}, but it is {expected!r}")


def pointer(address):
    return ctypes.c_void_p.from_address(address).value or 0


def integer(address, width=4):
    kind = {1: ctypes.c_int8, 4: ctypes.c_int32, 8: ctypes.c_int64}[width]
    return kind.from_address(address).value


def string(address):
    return ctypes.string_at(address).decode()


def the_object(address):
    return ctypes.cast(address, ctypes.py_object).value


def symbol(name, result, *arguments):
    function = getattr(ctypes.pythonapi, name)
    function.restype = result
    function.argtypes = arguments
    return function


thread_state = symbol(PY["getter"], ctypes.c_void_p)
address_to_line = symbol("PyCode_Addr2Line", ctypes.c_int, ctypes.py_object, ctypes.c_int)
capsule_pointer = symbol(
    "PyCapsule_GetPointer", ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p
)
CODE_TYPE = id(type(check.__code__))


# Threads and frames.


def byte_offset(frame, code):
    form = PY["instruction_form"]
    if form == "ByteIndex":
        return integer(frame + PY["instruction"])
    if form == "UnitIndex":
        return integer(frame + PY["instruction"]) * 2
    return pointer(frame + PY["instruction"]) - (code + PY["code_start"])


def walk(seen):
    """Lists (code object, byte offset) of the frames that Python shows: this function's, its
    caller's, and so on."""
    # A function called for this would have its own frame on top, which is gone when it returns.
    at = thread_state() + PY["top_frame"]
    if PY["through_cframe"] is not None:
        at = ctypes.c_void_p.from_address(at).value + PY["through_cframe"]
    frame = ctypes.c_void_p.from_address(at).value
    shown = []
    while frame:
        owner = integer(frame + PY["owner"], 1) if PY["owner"] is not None else 0
        seen.setdefault("owners", set()).add(owner)
        code = pointer(frame + PY["code"])
        if owner == 3:
            check("a frame on the C stack in this version", PY["has_cstack_frames"], True)
            if pointer(code + OBJECT["ob_type"]) != CODE_TYPE:
                check("a frame without code in this version", PY["must_check_code"], True)
        else:
            check("the type of a frame's code", pointer(code + OBJECT["ob_type"]), CODE_TYPE)
            at = byte_offset(frame, code)
            first = PY["first_traceable"]
            if first is not None and owner != 1 and at < 2 * integer(code + first):
                seen["incomplete"] = seen.get("incomplete", 0) + 1
            else:
                shown.append((code, at))
        frame = pointer(frame + PY["previous"])
    return shown


def compare_stack(seen):
    """Compares the frames from the caller's on; those above change while they are looked at."""
    read = walk(seen)[2:]
    frames = []
    frame = sys._getframe(1)
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    check("number of frames", len(read), len(frames))
    for (code, at), frame in zip(read, frames):
        check("code object of a frame", code, id(frame.f_code))
        line = address_to_line(frame.f_code, at)
        check("line of " + frame.f_code.co_name, line, frame.f_lineno)
        check("f_lasti", at, frame.f_lasti)
    seen["depth"] = max(seen.get("depth", 0), len(read))


class Made:
    def __init__(self, seen):
        compare_stack(seen)


class MadeDeeper(Made):
    def __init__(self, seen):
        super().__init__(seen)


def generate(seen):
    yield compare_stack(seen)


def recurse(n, seen):
    if n:
        recurse(n - 1, seen)
    else:
        compare_stack(seen)


def all_ways(seen):
    compare_stack(seen)
    recurse(40, seen)
    # Often enough for the interpreter to specialise the call.
    for _ in range(100):
        MadeDeeper(seen)
    list(generate(seen))
    # From C: through a slot, a key function, a callback of ctypes.
    list(map(compare_stack, [seen]))
    sorted([1], key=lambda _: compare_stack(seen))
    ctypes.PYFUNCTYPE(None)(lambda: compare_stack(seen))()
    exec(compile("\n\ncompare_stack(seen)", "made up.py", "exec"), dict(globals(), seen=seen))
    (lambda: [compare_stack(seen) for _ in range(2)])()


def check_thread(thread_ids):
    state = thread_state()
    check("thread_id", ctypes.c_ulong.from_address(state + PY["thread_id"]).value,
          threading.get_ident())
    thread_ids.append(integer(state + PY["id"], 8))
    seen = {}
    all_ways(seen)
    return seen


def check_threads():
    thread_ids = []
    interpreter = pointer(thread_state() + PY["interp"])
    # Public from 3.9 on.
    current = getattr(ctypes.pythonapi, "PyInterpreterState_Get", None)
    if current is not None:
        current.restype = ctypes.c_void_p
        check("interp", interpreter, current())
    seen = check_thread(thread_ids)
    for _ in range(3):
        thread = threading.Thread(target=check_thread, args=(thread_ids,))
        thread.start()
        thread.join()
    check("number of different thread ids", len(set(thread_ids)), len(thread_ids))
    check("thread ids in order", thread_ids, sorted(thread_ids))
    check("deep stacks were compared", seen["depth"] > 40, True)
    check("frames on the C stack were met", 3 in seen["owners"], PY["has_cstack_frames"])
    check("frames of generators were met", 1 in seen["owners"], PY["owner"] is not None)
    # 3.12 and before have them too, but for moments in which no Python code runs.
    check("incomplete frames were met", "incomplete" in seen, sys.version_info >= (3, 13))


# Code objects, types, method tables.


def check_code():
    code = Made.__init__.__code__
    at = id(code)
    check("co_filename", the_object(pointer(at + PY["filename"])), code.co_filename)
    check("co_name", the_object(pointer(at + PY["name"])), code.co_name)
    if PY["qualname"] is not None:
        check("co_qualname", the_object(pointer(at + PY["qualname"])), code.co_qualname)
    check("co_firstlineno", integer(at + PY["first_line"]), code.co_firstlineno)
    check("co_flags", integer(at + PY["flags"]), code.co_flags)
    table = code.co_linetable if hasattr(code, "co_linetable") else code.co_lnotab
    check("co_linetable", the_object(pointer(at + PY["line_table"])), table)


def method_names(table):
    names = []
    while table and pointer(table + OBJECT["ml_name"]):
        names.append(string(pointer(table + OBJECT["ml_name"])))
        table += OBJECT["method_size"]
    return names


def check_type(cls):
    at = id(cls)
    name = string(pointer(at + OBJECT["tp_name"]))
    check("tp_name", name.split(".")[-1], cls.__name__)
    check("tp_basicsize", integer(at + OBJECT["tp_basicsize"], 8), cls.__basicsize__)
    check("tp_flags", ctypes.c_ulong.from_address(at + OBJECT["tp_flags"]).value, cls.__flags__)
    check("tp_base", pointer(at + OBJECT["tp_base"]), id(cls.__base__))
    check("tp_mro", pointer(at + OBJECT["tp_mro"]), id(cls.__mro__))
    for method in method_names(pointer(at + OBJECT["tp_methods"])):
        check(f"{name}.{method} exists", method in cls.__dict__, True)


def check_type_with_dict(cls):
    check_type(cls)
    at = id(cls)
    check("tp_dict", sorted(the_object(pointer(at + OBJECT["tp_dict"]))), sorted(cls.__dict__))
    subclasses = pointer(at + OBJECT["tp_subclasses"])
    found = [r() for r in the_object(subclasses).values()] if subclasses else []
    check("tp_subclasses", {c for c in found if c}, set(cls.__subclasses__()))


def small_int(value):
    size = integer(id(value) + PY["int"]["size"], 8)
    if PY["int"]["is_tagged"]:
        if size < 0 or size >= 16:
            return None
        sign = 1 - (size & 3)
    else:
        if abs(size) > 1:
            return None
        sign = size
    return sign and sign * integer(id(value) + PY["int"]["digit"])


def check_objects():
    check("ob_type", pointer(id(check) + OBJECT["ob_type"]), id(type(check)))
    items = (object(), object())
    check("a tuple's size", integer(id(items) + OBJECT["ob_size"], 8), 2)
    check("a tuple's item", pointer(id(items) + OBJECT["tuple_items"] + 8), id(items[1]))
    held = list(items)
    check("a list's item", pointer(pointer(id(held) + OBJECT["list_items"]) + 8), id(items[1]))
    for value in (-7, 0, 1, 255, 2**30 - 1, -(2**30) + 1):
        check("a small int", small_int(value), value)
    for value in (2**30, -(2**30), 2**70):
        check("a large int", small_int(value), None)
    check_type(str)
    check_type_with_dict(Made)
    ml = pointer(id(len) + OBJECT["cfunction_ml"])
    check("name of a built-in function", method_names(ml)[:1], ["len"])
    check("self of a built-in function", pointer(id(len) + OBJECT["cfunction_self"]),
          id(sys.modules["builtins"]))
    ml = pointer(id(str.upper) + OBJECT["method_descr_method"])
    check("name of a built-in method", method_names(ml)[:1], ["upper"])


def check_published():
    if not PY["has_published_offsets"]:
        return
    runtime = ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, T["published"]["symbol"]))
    check("cookie", ctypes.string_at(runtime, 8).decode(), T["published"]["cookie"])
    check("version", integer(runtime + T["published"]["version"], 8), sys.hexversion)
    check("free_threaded", integer(runtime + T["published"]["free_threaded"], 8), 0)
    for field in T["published"]["fields"]:
        check(field["name"], integer(runtime + field["position"], 8), field["known"])


def check_build():
    has_debug_symbol = hasattr(ctypes.pythonapi, T["debug_build_symbol"])
    check("a debug build", has_debug_symbol, hasattr(sys, "gettotalrefcount"))


# NumPy.


def array_api(module):
    table = capsule_pointer(getattr(module, N["array_api"]), None)
    return lambda slot: pointer(table + 8 * slot)


def check_api(module):
    slot = array_api(module)
    check("the array type", slot(N["slot.array_type"]), id(numpy.ndarray))
    check("the dtype type", slot(N["slot.descr_type"]), id(numpy.dtype))
    check("the integer type", slot(N["slot.long_type"]), id(numpy.int64))
    number = numpy.int64(-(1 << 40) - 5)
    check("an integer's value", integer(id(number) + N["long_value_at"], 8), int(number))
    from_type = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_int)(slot(N["slot.descr_from_type"]))
    check("dtype number 12", from_type(12), numpy.dtype("float64"))
    ufuncs = capsule_pointer(getattr(module, N["ufunc_api"]), None)
    check("the ufunc type", pointer(ufuncs + 8 * N["slot.ufunc_type"]), id(numpy.ufunc))

    default = pointer(slot(N["slot.default_handler"]))
    capsule = the_object(default)
    handler = capsule_pointer(capsule, N["capsule"].encode())
    check("name of the default handler", string(handler), N["handler_name"])
    check("version of the default handler", integer(handler + N["handler_version_at"], 1),
          N["handler_version"])
    functions = [pointer(handler + at) for at in N["handler_functions"]]
    check("functions of the default handler", len(set(functions) - {0}), 4)
    block = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)(functions[0])(
        None, 64)
    check("a block from the default handler", bool(block), True)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)(functions[3])(
        None, block, 64)
    get = ctypes.PYFUNCTYPE(ctypes.py_object)(slot(N["slot.get_handler"]))
    check("the handler in use", id(get()), default)
    return default


def array_fields(array):
    body = id(array) + OBJECT["object_size"]
    ndim = integer(body + N["ndim"])
    sizes = lambda at: tuple(integer(pointer(body + at) + 8 * i, 8) for i in range(ndim))
    return {
        "data": pointer(body + N["data"]),
        "shape": sizes(N["shape"]),
        "strides": sizes(N["strides"]),
        "base": pointer(body + N["base"]),
        "descr": pointer(body + N["descr"]),
        "flags": integer(body + N["array_flags"]),
    }


def check_array(array, default_handler):
    check(
        "array",
        array_fields(array),
        {
            "data": array.__array_interface__["data"][0],
            "shape": array.shape,
            "strides": array.strides,
            "base": 0 if array.base is None else id(array.base),
            "descr": id(array.dtype),
            "flags": array.flags.num,
        },
    )
    named = {
        "C_CONTIGUOUS": array.flags.c_contiguous,
        "F_CONTIGUOUS": array.flags.f_contiguous,
        "OWNDATA": array.flags.owndata,
        "ALIGNED": array.flags.aligned,
        "WRITEABLE": array.flags.writeable,
    }
    for name, expected in named.items():
        check(name, bool(array_fields(array)["flags"] & N["flag." + name]), bool(expected))
    handler = pointer(id(array) + OBJECT["object_size"] + N["mem_handler"])
    check("mem_handler", handler, default_handler if array.flags.owndata else 0)


def check_dtype(dtype):
    at = id(dtype)
    width = N["size_width"]
    check("num", integer(at + N["type_num"]), dtype.num)
    check("kind", chr(integer(at + N["kind"], 1)), dtype.kind)
    check("char", chr(integer(at + N["type"], 1)), dtype.char)
    check("byteorder", chr(integer(at + N["byteorder"], 1)), dtype.byteorder)
    check("type", pointer(at + N["typeobj"]), id(dtype.type))
    check("itemsize", integer(at + N["elsize"], width), dtype.itemsize)
    check("alignment", integer(at + N["alignment"], width), dtype.alignment)
    check("flags", integer(at + N["descr_flags"], 1) & 0xFF, dtype.flags & 0xFF)
    check("hasobject", bool(integer(at + N["descr_flags"], 1) & N["item_refcount"]),
          dtype.hasobject)
    if dtype.num < 0 or dtype.num >= N["legacy_type_nums"]:
        return
    names = pointer(at + N["names"])
    check("names", the_object(names) if names else None, dtype.names)
    fields = pointer(at + N["fields"])
    check("fields", sorted((the_object(fields) if fields else None) or ()),
          sorted(dtype.fields or ()))
    subarray = pointer(at + N["subarray"])
    check("subdtype", bool(subarray), dtype.subdtype is not None)
    if subarray:
        found = (the_object(pointer(subarray + N["subarray_base"])),
                 the_object(pointer(subarray + N["subarray_shape"])))
        check("subdtype", found, dtype.subdtype)
    if dtype.kind in "mM":
        meta = pointer(at + N["c_metadata"]) + N["datetime_metadata"]
        unit, count = numpy.datetime_data(dtype)
        found = N["units"].get(str(integer(meta)), "generic"), integer(meta + 4)
        check("datetime_data", found, (unit, count))
    check("written form", N["dtypes"].get(str(dtype.num), None) in (None, dtype.name), True)


def check_ufunc(ufunc):
    at = id(ufunc)
    check("nin", integer(at + N["nin"]), ufunc.nin)
    check("nout", integer(at + N["nout"]), ufunc.nout)
    check("nargs", integer(at + N["nargs"]), ufunc.nargs)
    check("ntypes", integer(at + N["ntypes"]), ufunc.ntypes)
    check("ufunc name", string(pointer(at + N["ufunc_name"])), ufunc.__name__)
    types = ctypes.string_at(pointer(at + N["types"]), ufunc.nargs * ufunc.ntypes)
    chars = [numpy.dtype(t) for t in ufunc.types[0].replace("->", "")]
    check("first loop", list(types[: ufunc.nargs]), [c.num for c in chars])
    check("functions", bool(pointer(pointer(at + N["functions"]))), True)
    check("signature", bool(integer(at + N["core_enabled"])), ufunc.signature is not None)
    if ufunc.signature is not None:
        check("signature", string(pointer(at + N["core_signature"])), ufunc.signature)


def check_vectorcall():
    flags = ctypes.c_ulong.from_address(id(numpy.ufunc) + OBJECT["tp_flags"]).value
    check("ufuncs take vectorcalls", bool(flags & OBJECT["have_vectorcall"]), True)
    offset = integer(id(numpy.ufunc) + OBJECT["tp_vectorcall_offset"], 8)
    check("a ufunc's vectorcall", bool(pointer(id(numpy.add) + offset)), True)
    check("the same in each", pointer(id(numpy.sin) + offset), pointer(id(numpy.add) + offset))


def check_numpy():
    module = next(sys.modules[m] for m in N["modules"] if m in sys.modules)
    default_handler = check_api(module)
    base = numpy.arange(60.0).reshape(3, 4, 5)
    for array in (
        numpy.ones((3, 4, 5)), base, base.T, base[::-1, 1:3], base[..., 2], numpy.array(1.5),
        numpy.broadcast_to(base[:, :1, :1], (3, 4, 5)), numpy.asfortranarray(base),
        numpy.frombuffer(b"12345678", "i4"), numpy.zeros(0), numpy.zeros((2, 0, 3)),
        numpy.array(["a", "bcd"]), numpy.zeros(3, ">f4"), numpy.array([None, 1]),
    ):
        check_array(array, default_handler)
    dtypes = [numpy.dtype(c) for c in "?bBhHiIlLqQefdgFDGOSUV"]
    dtypes += [numpy.dtype(s) for s in (
        "S10", "U10", ">U3", "V16", ">f4", ">i8", "M8", "m8", "M8[ns]", "M8[10us]", "m8[25s]",
        ">M8[D]", "i4,f8", "(2,3)f4",
    )]
    dtypes += [numpy.dtype(f"M8[{unit}]") for unit in N["units"].values()]
    dtypes += [numpy.dtype([("a", "i1"), ("b", "O"), ("c", "f4", (2, 2))], align=True)]
    if hasattr(numpy, "dtypes") and hasattr(numpy.dtypes, "StringDType"):
        dtypes.append(numpy.dtypes.StringDType())
        check("number of StringDType", dtypes[-1].num, N["vstring"])
    for dtype in dtypes:
        check_dtype(dtype)
    for ufunc in (numpy.add, numpy.sin, numpy.divmod, numpy.matmul, numpy.isfinite):
        check_ufunc(ufunc)
    check_vectorcall()
    check("size of an array", numpy.ndarray.__basicsize__, N["array_size"])

    class Subclass(numpy.ndarray):
        pass

    check_type_with_dict(numpy.ndarray)
    check_type(numpy.ufunc)
    check_type(Subclass)
    methods = method_names(pointer(id(numpy.ndarray) + OBJECT["tp_methods"]))
    check("methods of arrays", {"copy", "astype", "reshape", "dot"} <= set(methods), True)


check_build()
check_objects()
check_code()
check_published()
check_threads()
if T["numpy"] is not None:
    import numpy

    N = T["numpy"]
    check_numpy()
print(f"checked {n_checked}")
