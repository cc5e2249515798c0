"""Holds an array, says so, and ends when a line is typed."""
import numpy as np

keep = np.zeros(1 << 20)  # @keep
print("ready", flush=True)
line = input()
print("read", line, flush=True)
