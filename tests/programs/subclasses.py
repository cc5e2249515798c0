"""Subclasses of ndarray: NumPy's own and the user's."""

import os
import tempfile

import count
import numpy as np


class Tagged(np.ndarray):
    """Made in Python, so it has a `tp_alloc` of its own."""

    def __array_finalize__(self, other):
        self.note = np.ones(2)  # @finalize


class Plain(np.ndarray):
    pass


with open(os.path.join(tempfile.mkdtemp(dir=os.environ["NPPROF_TEST_COUNTS"]), "data"), "wb") as file:
    file.write(bytes(8000))

count.start()
import numpy.ma  # @imports

count.charge("imports")
plain = Plain((5, 6))  # @plain
count.charge("plain")
plainer = np.zeros((3, 7)).view(Plain).copy()  # @plain_copy
count.charge("plain_copy")
tagged = Tagged((40,), dtype=np.int32)  # @finalize @tagged
count.charge("finalize")
doubled = tagged + tagged  # @finalize
count.charge("finalize")
matrix = np.matrix([[1.0, 2.0], [3.0, 4.0]])  # @matrix
count.charge("matrix")
power = matrix * matrix  # @matrix_product
count.charge("matrix_product")
masked = np.ma.masked_array(np.arange(10.0), mask=np.arange(10) % 2)  # @masked
count.charge("masked")
mean = masked.mean()  # @masked_mean
count.charge("masked_mean")
mapped = np.memmap(file.name, dtype=np.float64, mode="r", shape=(1000,))  # @memmap
count.charge("memmap")
summed = mapped + 1.0  # @memmap_sum
count.charge("memmap_sum")
records = np.rec.fromarrays([np.arange(4), np.ones(4)], names="a,b")  # @records
count.charge("records")
column = records.a + 1  # @records_column
count.charge("records_column")
letters = np.char.upper(np.array(["a", "bc"]))  # @letters
count.charge("letters")
count.fact("mapped", mapped.nbytes)
count.done()
