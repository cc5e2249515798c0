"""Arrays that a library makes in a thread of its own, beside those of the program."""

import ctypes
import os

import numpy as np

library = ctypes.CDLL(os.environ["TEST_NATIVE"])
library.native_run.argtypes = [ctypes.py_object]

before = np.empty(1000)  # @before
assert library.native_run(np.zeros) == 0
after = np.empty(2000)  # @after
assert library.native_run(np.zeros) == 0
print(before.nbytes + after.nbytes)
