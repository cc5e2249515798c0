"""What happens to a block after its birth, and blocks that belong to no array."""

import pickle

import count
import numpy as np

count.start()
saved = pickle.dumps(np.arange(500.0), protocol=2)  # @pickled
outside = pickle.dumps(np.arange(500.0), protocol=4)  # @pickled
count.charge("pickled")
grown = np.arange(100)  # @grown
count.charge("grown")
grown.resize(5000, refcheck=False)  # @resize
count.charge("resize")
grown.resize(10, refcheck=False)  # @shrink
count.charge("shrink")
streamed = np.fromiter((i * i for i in range(3000)), dtype=np.int64)  # @fromiter
count.charge("fromiter")
parsed = np.fromstring("1 2 3 4 5", sep=" ")  # @fromstring
count.charge("fromstring")
loaded = pickle.loads(saved)  # @unpickled
count.charge("unpickled")
loaded_too = pickle.loads(outside)  # @unpickled_too
count.charge("unpickled_too")
noise = np.arange(20000)[::-1].copy()  # @noise
count.charge("noise")
noise.sort(kind="stable")  # @sort
count.charge("sort")
indices = noise.argsort(kind="stable")  # @argsort
count.charge("argsort")
parted = np.partition(noise, 100)  # @partition
count.charge("partition")
table = np.arange(60.0).reshape(6, 10)  # @table
count.charge("table")
by_column = np.sort(table[:, ::2], axis=0)  # @sort_strided
count.charge("sort_strided")
picked = table[[0, 2, 4]]  # @fancy
count.charge("fancy")
masked = table[table > 10]  # @mask
count.charge("mask")
cast = table.astype(np.float32)  # @astype
count.charge("astype")
buffered = np.add(table[::2, ::2], cast[::2, ::2], dtype=np.float64, casting="unsafe")  # @buffered
count.charge("buffered")
total = table.sum(axis=1, dtype=np.longdouble)  # @sum
count.charge("sum")
table += 1  # @inplace
count.charge("inplace")
product = table @ table.T  # @matmul
count.charge("matmul")
unique = np.unique(np.array([3, 1, 3, 2, 1]))  # @unique
count.charge("unique")
text = np.array2string(table)  # @print
count.charge("print")
read = np.frombuffer(bytearray(800))  # @frombuffer
count.charge("frombuffer")
try:
    np.empty(1 << 60, dtype=np.uint8)  # @too_large
except MemoryError:
    count.fact("memory_error", True)
count.charge("too_large")
for i in range(2000):
    scratch = np.empty(i)  # @scratch
count.charge("scratch")
del noise, indices, parted, scratch
count.done()
