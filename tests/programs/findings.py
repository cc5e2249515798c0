"""One of each kind of finding, each on a line of its own, and some lines that are right."""
import gc

import numpy as np

N = 1_500_000
rng = np.random.default_rng(0)


def redundant_copy(values):
    mine = values.copy()  # @redundant-copy
    return mine.sum()


def copy_that_is_shuffled(values):
    mine = values.copy()  # @right
    rng.shuffle(mine)
    return mine[0]


def silenced(values):
    mine = values.copy()  # @silenced  # npprof: ignore[redundant-copy]
    return mine.sum()


def layout_copy(cube):
    return cube.transpose(0, 2, 1).reshape(len(cube), -1)[0, :3].sum()  # @layout-copy


def boundary_copy(matrix, vector):
    total = 0.0
    for _ in range(4):
        total += np.dot(matrix[:, ::-1], vector)[0]  # @boundary-copy
    return total


def fancy_index_copy(matrix):
    rows = np.arange(100, 1100)
    return matrix[rows].sum()  # @fancy-index-copy


def broadcast_blowup(points, centers):
    apart = points[:, None, :] - centers[None, :, :]  # @broadcast-blowup
    np.square(apart, out=apart)
    return apart.sum(axis=-1).argmin(axis=1)[0]


def strided_access(matrix):
    return [matrix[:, column].max() for column in range(900)][3]  # @strided-access


def python_loop(values):
    total = 0.0
    for index in range(20_000):
        total += values[index]  # @python-loop
    return total


def implicit_upcast(frames, window):
    scaled = frames * window  # @implicit-upcast
    return scaled[0, 3]


def object_dtype():
    readings = np.array([1.5, None] * 10_000)  # @object-dtype
    return len(readings)


def list_conversion(values):
    kept = [value for value in values.tolist() if value > -9.0]
    return np.array(kept)[5]  # @list-conversion


def temporary_chain(left, right):
    return np.sqrt(left**2 + 0.5 * right**2)  # @temporary-chain


def quadratic_append():
    rows = np.zeros((0, 100))
    for _ in range(200):
        rows = np.concatenate([rows, np.ones((10, 100))])  # @quadratic-append
    return rows[-1, 0]


def over_allocation():
    table = np.zeros((300_000, 8))  # @over-allocation
    table[:1000] = 1.0
    return table[:1000].sum()


def heads(count):
    kept = []
    for _ in range(count):
        kept.append(rng.random(N)[:10])  # @view-pins-base
    return kept


class Reader:
    history = []

    def read(self):
        block = rng.random(N // 10)  # @memory-growth
        self.history.append(block)
        return block[0]


def main():
    values = rng.random(N)
    matrix = rng.random((1500, 1000))
    results = [
        redundant_copy(values),
        copy_that_is_shuffled(values),
        silenced(values),
        layout_copy(rng.random((120, 120, 100))),
        boundary_copy(matrix, rng.random(1000)),
        fancy_index_copy(matrix),
        broadcast_blowup(rng.random((1500, 20)), rng.random((60, 20))),
        strided_access(rng.random((1500, 1000))),
        python_loop(values),
        implicit_upcast(np.ones((3, N), dtype=np.float32), np.ones(N)),
        object_dtype(),
        list_conversion(values),
        temporary_chain(rng.random(2 * N), rng.random(2 * N)),
        quadratic_append(),
        over_allocation(),
    ]
    del values, matrix
    gc.collect()
    kept = heads(20)
    reader = Reader()
    results.append(sum(reader.read() for _ in range(20)))
    print(len(results), len(kept))


main()
