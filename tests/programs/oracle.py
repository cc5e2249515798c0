"""Says how NumPy itself walks arrays: one JSON line for each of many random operations.

Arguments: the library of `tests/oracle/tap.c`, a seed, how many operations. A line holds

    walk       as `npprof_model::walk::Walk` calls it
    operands   [shape, strides or null for what NumPy makes itself, itemsize] of each
    axes       a bit for each axis of a reduction, an accumulation or a sort
    seen       the strides of inner loops over more than one element, null for an operand that went
               through the buffer; no loop, no entry
    result     the strides of what NumPy made
    call       what was done
    copied     for products of matrices: whether a copy of the operand was made; `walk` is `dot` or
               `matmul` then

Where the strides come from: the loops of ufuncs are listened to; `nditer`, which is the same
iterator, says them where a ufunc uses its buffer; assignments, flat copies and sorts are watched
through elements that take notes when they are converted or compared. A copy that a product makes
is seen by `tracemalloc`.
"""

import ctypes
import json
import random
import sys
import tracemalloc

import numpy as np

MAX_ARGS = 6
BUFFER_SIZE = 16


class Seen(ctypes.Structure):
    _fields_ = [
        ("count", ctypes.c_int64),
        ("args", ctypes.c_int64 * MAX_ARGS),
        ("steps", ctypes.c_int64 * MAX_ARGS),
    ]


tap = ctypes.CDLL(sys.argv[1])
tap.tap_ufunc.argtypes = [ctypes.py_object]
tap_seen = (Seen * 8192).in_dll(tap, "tap_seen")
tap_n_seen = ctypes.c_int.in_dll(tap, "tap_n_seen")
tap_is_on = ctypes.c_int.in_dll(tap, "tap_is_on")
seed, n_cases = int(sys.argv[2]), int(sys.argv[3])
choose = random.Random(seed)

BINARY = ["add", "multiply", "maximum", "logical_xor", "less"]
UNARY = ["negative", "square", "logical_not"]
TWO_RESULTS = ["divmod", "modf"]
REDUCING = ["add", "multiply", "maximum", "logical_xor"]
DTYPES = ["f8", "f4", "i8", "i2"]
for name in set(BINARY + UNARY + TWO_RESULTS + REDUCING):
    assert tap.tap_ufunc(getattr(np, name)) == 0


def extents(most=7):
    shape = [choose.choice([1, 2, 3, 4, 5, most]) for _ in range(choose.randint(1, 4))]
    if choose.random() < 0.4:
        # More than the buffer holds, so that NumPy doesn't copy pieces of rows into it.
        shape[choose.randrange(len(shape))] = BUFFER_SIZE + choose.randint(1, 4)
    if choose.random() < 0.02:
        shape[choose.randrange(len(shape))] = 0
    return tuple(shape)


def laid_out(shape, dtype, fill=None):
    """An array of this shape with any order of axes, gaps, reversed axes, or repeated ones."""
    axes = list(range(len(shape)))
    way = choose.random()
    if way < 0.3:
        axes.reverse()
    elif way < 0.6:
        choose.shuffle(axes)
    steps = [choose.choice([1, 1, 1, 1, 2, 3, -1, -2]) for _ in shape]
    if choose.random() < 0.4:
        steps = [1] * len(shape)
    if choose.random() < 0.15:
        steps = [-1] * len(shape)
    spare = [choose.choice([0, 0, 0, 1]) if choose.random() < 0.3 else 0 for _ in shape]
    memory_shape = [shape[axis] * abs(steps[axis]) + spare[axis] for axis in axes]
    if fill is None:
        memory = np.ones(memory_shape, dtype)
    else:
        memory = np.empty(memory_shape, dtype)
        flat = memory.reshape(-1)
        for position in range(flat.size):
            flat[position] = fill(position)
    array = memory.transpose([axes.index(axis) for axis in range(len(shape))])
    picks = []
    for axis, step in enumerate(steps):
        if step > 0:
            pick = slice(0, shape[axis] * step, step)
        else:
            pick = slice(shape[axis] * -step - 1, None, step)
        picks.append(pick if shape[axis] else slice(0, 0))
    array = array[tuple(picks) + (Ellipsis,)]
    assert array.shape == tuple(shape), (array.shape, shape, steps)
    return array


def source(shape, dtype, fill=None):
    """As `laid_out`, but perhaps with two axes that share their elements, as windows do."""
    if len(shape) < 2 or 0 in shape or choose.random() < 0.9:
        return laid_out(shape, dtype, fill)
    one, other = choose.sample(range(len(shape)), 2)
    own = list(shape)
    own[one] += own[other] - 1
    del own[other]
    array = laid_out(own, dtype, fill)
    strides = list(array.strides)
    strides.insert(other, strides[one - (one > other)])
    return np.lib.stride_tricks.as_strided(array, shape, strides, writeable=False)


def broadcastable(shape, dtype):
    """An array that is broadcast to this shape by an operation, or was already."""
    way = choose.random()
    own = list(shape)
    if way < 0.35:
        for axis in range(len(own)):
            if choose.random() < 0.4:
                own[axis] = 1
        if way < 0.15:
            own = own[choose.randint(0, len(own)):]
    array = source(own, dtype)
    if way > 0.92:
        repeated = laid_out([1 if choose.random() < 0.4 else extent for extent in shape], dtype)
        array = np.broadcast_to(repeated, shape)
    return array


def described(array):
    return [array.shape, array.strides, array.itemsize]


def to_be_made(array):
    return [array.shape, None, array.itemsize]


def holds(array, address):
    low = high = array.__array_interface__["data"][0]
    for extent, stride in zip(array.shape, array.strides):
        reach = (extent - 1) * stride
        low, high = low + min(reach, 0), high + max(reach, 0)
    return low <= address < high + array.itemsize


def listen(call):
    tap_n_seen.value = 0
    tap_is_on.value = 1
    try:
        return call()
    finally:
        tap_is_on.value = 0


def heard(operands, places):
    """The strides of each operand, which is at one of the `places` of the loop's arguments."""
    assert tap_n_seen.value < 8192
    strides = []
    for call in tap_seen[: tap_n_seen.value]:
        if call.count < 2:
            continue
        row = [
            call.steps[place] if holds(operand, call.args[place]) else None
            for operand, place in zip(operands, places)
        ]
        if row not in strides:
            strides.append(row)
    return strides


def iterated(operands, flags, op_axes=None):
    """The strides of the first piece that `nditer` gives out; `None` is to be allocated."""
    meaning = {"r": ["readonly"], "w": ["writeonly", "allocate"], "rw": ["readwrite", "allocate"]}
    op_flags = [meaning[flag] for flag in flags]
    dtypes = [next(array for array in operands if array is not None).dtype] * len(operands)
    try:
        walk = np.nditer(
            operands,
            ["external_loop", "zerosize_ok"] + (["reduce_ok"] if op_axes else []),
            op_flags,
            op_dtypes=dtypes,
            op_axes=op_axes,
        )
    except ValueError as error:
        # Not every reduction can be told to `nditer`; the loops have been listened to anyway.
        assert op_axes, error
        return []
    if walk.itersize < 2:
        return []
    pieces = walk.value
    pieces = pieces if isinstance(pieces, tuple) else (pieces,)
    return [[piece.strides[0] for piece in pieces]] if len(pieces[0]) > 1 else []


def tell(walk, operands, axes, seen, result, call):
    line = {
        "walk": walk,
        "operands": operands,
        "axes": axes,
        "seen": seen,
        "result": result,
        "call": call,
    }
    print(json.dumps(line))


def elementwise():
    shape, dtype = extents(), choose.choice(DTYPES)
    way = choose.random()
    if way < 0.7:
        name, n_in, n_out = choose.choice(BINARY), 2, 1
    elif way < 0.85:
        name, n_in, n_out = choose.choice(UNARY), 1, 1
    else:
        name, n_out, dtype = choose.choice(TWO_RESULTS), 2, choose.choice(["f8", "f4"])
        n_in = 2 if name == "divmod" else 1
    inputs = [broadcastable(shape, dtype) for _ in range(n_in)]
    result_dtype = "?" if name.startswith(("less", "logical")) else dtype
    shape = np.broadcast(*inputs).shape if n_in > 1 else inputs[0].shape
    outs = [laid_out(shape, result_dtype) if choose.random() < 0.3 else None for _ in range(n_out)]
    if not shape:
        outs = [None] * n_out
    results = listen(lambda: getattr(np, name)(*inputs, out=tuple(outs)))
    results = results if isinstance(results, tuple) else (results,)
    if any(not isinstance(result, np.ndarray) for result in results):
        return
    operands = list(inputs) + list(results)
    seen = heard(operands, range(len(operands)))
    told = iterated(inputs + outs, "r" * n_in + "w" * n_out) if result_dtype == dtype else []
    seen += [row for row in told if row not in seen]
    made = [result for result, out in zip(results, outs) if out is None]
    tell(
        "elementwise",
        [described(array) for array in inputs]
        + [described(r) if out is not None else to_be_made(r) for r, out in zip(results, outs)],
        0,
        seen,
        made[0].strides if made else None,
        name,
    )


def reduce():
    shape, dtype, name = extents(), choose.choice(DTYPES), choose.choice(REDUCING)
    array = source(shape, dtype)
    if choose.random() < 0.1:
        few = [1 if choose.random() < 0.4 else extent for extent in shape]
        array = np.broadcast_to(laid_out(few, dtype), shape)
    if 0 in shape and name == "maximum":
        return
    axes = [axis for axis in range(array.ndim) if choose.random() < 0.5]
    axes = axes or [choose.randrange(array.ndim)]
    if choose.random() < 0.15:
        axes = list(range(array.ndim))
    keepdims = choose.random() < 0.3
    result_dtype = "?" if name.startswith("logical") else dtype
    out = None
    if choose.random() < 0.2:
        left = [1 if a in axes else e for a, e in enumerate(shape) if keepdims or a not in axes]
        out = laid_out(left, result_dtype)
    options = {"axis": tuple(axes), "keepdims": keepdims, "dtype": result_dtype}
    if name.startswith("logical"):
        array = array.astype("?", order="K") if choose.random() < 0.5 else array
    result = listen(lambda: getattr(np, name).reduce(array, out=out, **options))
    result = np.asarray(result)
    seen = heard([array, result], [1, 0])
    if out is None and not result.ndim:
        # A single number was made from the array that the loop wrote to.
        seen = [[row[0], 0] for row in seen]
    if out is None and result_dtype == dtype:
        places = iter(range(array.ndim))
        own_axes = [-1 if axis in axes else next(places) for axis in range(array.ndim)]
        told = iterated([None, array], ["rw", "r"], [own_axes, list(range(array.ndim))])
        seen += [row[::-1] for row in told if row[::-1] not in seen]
    made = None
    if out is None:
        made = (result.squeeze(axis=tuple(axes)) if keepdims else result).strides
    tell(
        "reduce",
        [described(array), described(result) if out is not None else to_be_made(result)],
        sum(1 << axis for axis in axes),
        seen,
        made,
        "%s.reduce%s" % (name, ", keepdims" if keepdims else ""),
    )


def accumulate():
    shape, dtype = extents(), choose.choice(DTYPES)
    name = choose.choice(["add", "multiply", "maximum"])
    array = source(shape, dtype)
    axis = choose.randrange(array.ndim)
    out = laid_out(shape, dtype) if choose.random() < 0.3 else None
    result = listen(lambda: getattr(np, name).accumulate(array, axis, dtype, out))
    seen = heard([array, result], [1, 0])
    if array.shape[axis] == 2:
        # The only loop is over one element.
        seen = []
    tell(
        "accumulate",
        [described(array), described(result) if out is not None else to_be_made(result)],
        1 << axis,
        seen,
        result.strides if out is None else None,
        "%s.accumulate" % name,
    )


class Noted:
    """An element that knows its place in memory and takes part in a log."""

    __slots__ = ("position",)
    log = []

    def __init__(self, position):
        self.position = position

    def __float__(self):
        Noted.log.append(self.position)
        return float(len(Noted.log) - 1)

    def __lt__(self, other):
        Noted.log.append((self.position, other.position))
        return self.position < other.position


def offset(array, number):
    """The byte offset of the element that was written as the first, second, ..."""
    (index,) = np.argwhere(array == number)
    return sum(int(at) * stride for at, stride in zip(index, array.strides))


def first_steps(source, destination):
    """The strides between the first and the second element that were copied."""
    if len(Noted.log) < 2:
        return []
    first, second = Noted.log[:2]
    written = offset(destination, 1.0) - offset(destination, 0.0)
    return [[written, (second - first) * source.itemsize]]


def assign():
    shape = extents(4)
    own = [1 if choose.random() < 0.2 else extent for extent in shape]
    given = source(own, object, Noted)
    if choose.random() < 0.2:
        given = given[(None,) * choose.randint(1, 2)]
    del Noted.log[:]
    way = choose.choice(["setitem", "copyto", "astype"])
    if way == "astype":
        destination = given.astype(float)
    else:
        destination = laid_out(shape, float)
        destination[...] = -1
        if way == "setitem":
            destination[...] = given
        else:
            if given.ndim > destination.ndim:
                given = given[(0,) * (given.ndim - destination.ndim)]
            np.copyto(destination, given, "unsafe")
    assert len(Noted.log) == destination.size
    told = to_be_made(destination) if way == "astype" else described(destination)
    tell(
        "assign",
        [told, described(given)],
        0,
        first_steps(given, destination),
        destination.strides if way == "astype" else None,
        way,
    )


def flat_copy():
    given = source(extents(4), object, Noted)
    del Noted.log[:]
    destination = np.concatenate([given], axis=None, dtype=float, casting="unsafe")
    tell(
        "copy",
        [to_be_made(destination), described(given)],
        0,
        first_steps(given, destination),
        None,
        "concatenate(axis=None)",
    )


def sort():
    # So few that a sort begins by comparing neighbours.
    shape = tuple(choose.randint(1, 7) for _ in range(choose.randint(1, 4)))
    array = laid_out(shape, object, Noted)
    axis = choose.randrange(array.ndim)
    del Noted.log[:]
    array.sort(axis)
    seen = []
    if Noted.log:
        one, other = Noted.log[0]
        before = described(array)
        stride = abs(one - other) * array.itemsize
        seen = [[-stride if before[1][axis] < 0 else stride]]
    tell("sort", [described(array)], 1 << axis, seen, None, "sort")


NUMPY = tuple(int(part) for part in np.__version__.split(".")[:2])


def product():
    # Before NumPy 2.3, `matmul` does without BLAS; in 2.3 and 2.4, the copy is not to be seen.
    name = choose.choice(["dot", "matmul"] if NUMPY >= (2, 5) else ["dot"])
    dtype = choose.choice(["f8", "f4", "c8"])
    if name == "dot" and choose.random() < 0.3:
        shape = [choose.randint(500, 600)]
    else:
        # So large that a copy stands out from all else that is allocated.
        shape = [choose.randint(20, 30), choose.randint(20, 30)]
        if name == "matmul" and choose.random() < 0.3:
            shape.insert(0, 2)
    array = source(shape, dtype)
    if dtype == "c8" and choose.random() < 0.3:
        # Aligned, but not a whole number of elements apart.
        array = laid_out(shape, [("z", "c8"), ("w", "f4")])["z"]
    if choose.random() < 0.1:
        few = [1 if choose.random() < 0.5 else extent for extent in shape]
        array = np.broadcast_to(laid_out(few, dtype), shape)
    if choose.random() < 0.2:
        array = np.empty(shape[:-1] + [shape[-1] + 3], dtype)[..., : shape[-1]]
    if choose.random() < 0.5:
        pair = [array, np.ones((shape[-1], 3), dtype)]
    else:
        pair = [np.ones((3, shape[-2] if len(shape) > 1 else shape[0]), dtype), array]
    function = getattr(np, name)
    out = function(*pair)
    tracemalloc.start()
    function(*pair, out=out)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Of a stack of matrices, one is copied after the other.
    size = int(np.prod(shape[-2:])) * array.itemsize
    line = {"walk": name, "operands": [described(array)], "copied": peak >= size}
    print(json.dumps(line))


np.setbufsize(BUFFER_SIZE)
np.seterr(all="ignore")
KINDS = [elementwise] * 10 + [reduce] * 6 + [accumulate] * 3 + [assign] * 4
KINDS += [flat_copy, sort, product, product]
for _ in range(n_cases):
    choose.choice(KINDS)()
