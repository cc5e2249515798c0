"""The independent count, for the programs beside this file.

A program imports this module first (which imports NumPy), calls `start()`, and ends with `done()`.
After a line with `# @name` it calls `charge("name")`: all that was allocated since the last charge
belongs to that line. `done()` writes what was counted and ends the process at once, so that
nothing is freed behind the count.
"""

import ctypes
import gc
import json
import os
import sys

import numpy

_library = ctypes.PyDLL(os.environ["NPPROF_TEST_COUNTER"])
_library.custom_handler.restype = ctypes.c_void_p
_library.counter_start.argtypes = [ctypes.c_void_p]
_library.kill_after.argtypes = [ctypes.c_uint64]
_FIELDS = ["n_allocations", "n_frees", "allocated", "freed", "live", "high_water", "n_unknown_frees"]
_charges = {}
_charged = [0, 0]
_facts = {}

_capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_capsule_pointer.restype = ctypes.c_void_p
_capsule_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


class _Counts(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in _FIELDS]


def _api():
    module = sys.modules.get("numpy._core._multiarray_umath") or sys.modules["numpy.core._multiarray_umath"]
    table = _capsule_pointer(module._ARRAY_API, None)
    return ctypes.cast(table, ctypes.POINTER(ctypes.c_void_p))


def _read(function):
    counts = _Counts()
    function(ctypes.byref(counts))
    return {name: getattr(counts, name) for name in _FIELDS}


def start():
    """Counts from here on."""
    gc.collect()
    # PyDataMem_DefaultHandler: the address of a variable that holds a capsule.
    capsule = ctypes.cast(_api()[306], ctypes.POINTER(ctypes.py_object))[0]
    _library.counter_start(_capsule_pointer(capsule, b"mem_handler"))


def share():
    """Keeps the count in a file from here on, for the test to read when this process was killed."""
    path = os.path.join(os.environ["NPPROF_TEST_COUNTS"], "shared-count")
    if _library.counter_share(path.encode()) != 0:
        raise OSError(path)


def kill_after(nanoseconds):
    """Has the kernel kill this process at some moment."""
    if _library.kill_after(nanoseconds) != 0:
        raise OSError("no timer")


def start_in_fork():
    """Counts afresh in a forked child; what it inherited is unknown to the count."""
    _library.counter_forget()
    _charges.clear()
    _charged[:] = [0, 0]


def counts():
    return _read(_library.counter_read)


def custom_counts():
    return _read(_library.custom_read)


def set_custom_handler():
    """Sets a handler of our own for the arrays made in this context; returns the former one."""
    new = ctypes.pythonapi.PyCapsule_New
    new.restype = ctypes.py_object
    new.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    capsule = new(_library.custom_handler(), b"mem_handler", None)
    return set_handler(capsule)


def set_handler(capsule):
    set_in_numpy = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(_api()[304])
    return set_in_numpy(capsule)


def charge(name):
    """Says that all allocations since the last charge were made at the lines with `# @name`."""
    now, custom = counts(), custom_counts()
    n = now["n_allocations"] + custom["n_allocations"]
    allocated = now["allocated"] + custom["allocated"]
    old = _charges.get(name, [0, 0])
    _charges[name] = [old[0] + n - _charged[0], old[1] + allocated - _charged[1]]
    _charged[:] = [n, allocated]


def fact(name, value):
    """Keeps something else that the program found out, for the test to compare."""
    _facts[name] = value


def save(suffix=""):
    """Writes what was counted so far."""
    now = counts()
    said = {
        "counts": now,
        "custom": custom_counts(),
        "charges": _charges,
        "facts": _facts,
        "pid": os.getpid(),
        "parent_pid": os.getppid(),
    }
    folder = os.environ["NPPROF_TEST_COUNTS"]
    with open(os.path.join(folder, "%d%s.json" % (os.getpid(), suffix)), "w") as file:
        json.dump(said, file)


def done(code=0):
    """Writes what was counted and leaves, without a last clean-up."""
    save()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
