"""Operations whose figures are known: one a line."""
import sys

import numpy as np

N = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000


class Labelled(np.ndarray):
    """An array with a name, as programs make them."""


def scalars(table):
    total = 0.0
    for index in range(1000):
        total += table[index]  # @read_scalar
        table[index] = index  # @write_scalar
    for value in table[:500]:  # @iterate
        total += value
    return total + table.item(3)  # @item


def views(table):
    part = table[10:20]  # @view
    again = part.reshape(2, 5)  # @view_method
    return again.T


def large(matrix, other):
    both = matrix + other  # @add
    np.add(matrix, other, out=both)  # @add_in_place
    both *= 2.0  # @in_place
    columns = matrix.sum(axis=0)  # @reduce_rows
    rows = other.sum(axis=0)  # @reduce_columns
    np.square(matrix[:, 3], out=columns[: len(matrix)])  # @column
    return both, columns, rows


def sorts(matrix):
    copy = matrix.copy()  # @copy
    copy.sort(axis=0)  # @sort
    return copy


def calls(matrix):
    labelled = matrix.view(Labelled)  # @labelled
    twice = labelled + labelled  # @subclass
    empty = np.empty((0, 4)) + 1.0  # @no_elements
    objects = np.array([1, 2.5, None] * 10, dtype=object)  # @objects
    return twice, empty, objects


def fails(matrix):
    for _ in range(5):
        try:
            matrix + np.ones(7)  # @fails
        except ValueError:
            pass
        try:
            matrix[len(matrix)]  # @out_of_range
        except IndexError:
            pass


def vectorized(values):
    return np.vectorize(lambda value: value + 1)(values)  # @vectorize


def recursive(depth, values):
    if depth == 0:
        return values + 1.0  # @deep
    return recursive(depth - 1, values)


def main():
    side = int(N**0.5)
    matrix = np.arange(float(side * side)).reshape(side, side)
    other = np.asfortranarray(matrix)
    table = np.zeros(2000)
    print(scalars(table), views(table).shape)
    print([part.shape for part in large(matrix, other)], sorts(matrix).shape)
    print([type(part).__name__ for part in calls(matrix)])
    fails(matrix)
    print(vectorized(np.arange(2000.0)).sum(), recursive(200, np.ones(3)))


main()
