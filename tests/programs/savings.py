"""One program of a kind of finding, `savings.py KIND`, and the same one mended, `savings.py KIND fixed`."""
import sys

import numpy as np


def redundant_copy(is_fixed):
    table = np.linspace(0, 1, 1_200_000)
    mine = table if is_fixed else table.copy()  # @redundant-copy
    return mine.sum() + table[3]


def layout_copy(is_fixed):
    # Larger than what it is made of, and alive longer.
    def patches():
        image = np.ones((220, 220), np.int32)
        windows = np.lib.stride_tricks.sliding_window_view(image, (7, 7))
        return windows if is_fixed else windows.reshape(-1, 49)  # @layout-copy
    return patches().max()


def boundary_copy(is_fixed):
    operator = np.ones((1100, 1100))
    reversed_ = np.ascontiguousarray(operator[::-1]) if is_fixed else operator[::-1]
    del operator
    vector = np.ones(1100)
    return [np.dot(reversed_, vector)[0] for _ in range(4)]  # @boundary-copy


def fancy_index_copy(is_fixed):
    values = np.ones((1_200_000, 2), np.float32)
    if is_fixed:
        return values[100_000:1_150_000].max()
    return values[np.arange(100_000, 1_150_000)].max()  # @fancy-index-copy


def broadcast_blowup(is_fixed):
    points, centers = np.ones((6000, 8)), np.zeros((30, 8))
    if is_fixed:
        apart = points @ centers.T
        apart *= -2
        apart += np.einsum("ij,ij->i", points, points)[:, None]
        return apart.argmin(axis=1)[0]
    apart = points[:, None, :] - centers[None, :, :]  # @broadcast-blowup
    return (apart * apart).sum(axis=2).argmin(axis=1)[0]


def materialized(is_fixed):
    y, x = np.meshgrid(np.arange(1100.0), np.arange(1000.0), indexing="ij", sparse=is_fixed)  # @broadcast-blowup
    return radius(x, y).max()


def radius(x, y):
    return x * x + y * y


def vectorize(is_fixed):
    values = np.linspace(0, 1, 40_000)
    if is_fixed:
        return np.where(values > 0.5, 1.0, 0.0).sum()
    return np.vectorize(lambda value: 1.0 if value > 0.5 else 0.0, otypes=[float])(values).sum()  # @python-loop


def implicit_upcast(is_fixed):
    image = np.ones((1500, 1500), np.float32)
    window = np.hanning(1500).astype(np.float32 if is_fixed else np.float64)
    weighted = image * window  # @implicit-upcast
    shifted = weighted + 1
    return np.isfinite(shifted.max())


def object_dtype(is_fixed):
    values = np.array([float(i) for i in range(20_000)], dtype=float if is_fixed else object)
    return (values * 2.0).sum()  # @object-dtype


def list_conversion(is_fixed):
    samples = [float(i % 91) for i in range(100_000)]
    if is_fixed:
        samples = np.array(samples)
    return [median(samples) for _ in range(3)]


def median(samples):
    return np.partition(np.asarray(samples), 500)[500]  # @list-conversion


def temporary_chain(is_fixed):
    values = np.linspace(0, 1, 2_200_000)
    if is_fixed:
        result = values - values.mean()
        result /= np.sqrt(np.vdot(result, result) / result.size)
        return round(result.max(), 6)
    result = (values - values.mean()) / np.sqrt(((values - values.mean()) ** 2).mean())  # @temporary-chain
    return round(result.max(), 6)


def quadratic_append(is_fixed):
    if is_fixed:
        return np.concatenate([np.full(6_000, i, np.float32) for i in range(40)]).sum()
    grown = np.empty(0, np.float32)
    for i in range(40):
        grown = np.append(grown, np.full(6_000, i, np.float32))  # @quadratic-append
    return grown.sum()


def over_allocation(is_fixed):
    counts = np.zeros(3_000 if is_fixed else 3_000_000, np.int32)  # @over-allocation
    np.add.at(counts, np.arange(0, 3_000, 3), 1)
    return counts[:10].sum()


def view_pins_base(is_fixed):
    heads = []
    for i in range(20):
        block = np.full(300_000, i, np.float32)
        heads.append(block[:10].copy() if is_fixed else block[:10])  # @view-pins-base
    return sum(head.sum() for head in heads)


def memory_growth(is_fixed):
    state, undo = np.ones(100_000, np.complex128), []
    for _ in range(14):
        if is_fixed:
            undo.clear()
        undo.append(state.copy())  # @memory-growth
        state *= 1j
    return abs(state[0])


print(globals()[sys.argv[1]](sys.argv[2:] == ["fixed"]))
