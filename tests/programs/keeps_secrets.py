"""Holds secrets where npprof must not look: in the environment, in arrays, in names of variables."""

import os

import numpy as np

secret_variable_name = np.frombuffer(os.environ["TEST_SECRET"].encode(), dtype=np.uint8).copy()
text = np.array(["secret-of-an-array"] * 3)
numbers = np.full(20000, 7353191177.0)
copied = numbers.copy()
objects = np.array(["secret-of-an-object", None], dtype=object)
print(len(text), copied.size, objects.size, secret_variable_name.size)
