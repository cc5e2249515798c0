"""Casts arrays of ten elements, a hundred times at each line."""

import numpy as np

N = 100
numbers = np.arange(10.0)
every_other = np.arange(20.0)[::2]
same = np.broadcast_to(1.0, 10)
foreign = np.arange(10, dtype=">f8")
empty = np.empty(0)
part = np.zeros(2 << 20)[:10]


class Kept(np.ndarray):
    pass


kept = numbers.view(Kept)

for _ in range(N):
    numbers.astype(np.float32)  # @narrower
for _ in range(N):
    every_other.astype(np.float32)  # @with_gaps
for _ in range(N):
    same.astype(np.float32)  # @of_one_element
for _ in range(N):
    foreign.astype(np.float32)  # @foreign
for _ in range(N):
    empty.astype(np.float32)  # @empty
for _ in range(N):
    part.astype(np.float32)  # @part_of_large
for _ in range(N):
    kept.astype(np.float32)  # @of_a_class
for _ in range(N):
    numbers.astype(object)  # @to_objects
for _ in range(N):
    for dtype in (np.float32, np.float64, np.int16):
        numbers.astype(dtype)  # @to_several
    numbers.astype(np.float64, copy=False)
