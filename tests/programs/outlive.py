"""Goes on after npprof was killed: says so, waits for its standard input, then works on."""

import sys

import numpy as np

first = np.ones(1000)
print("ready", flush=True)
sys.stdin.readline()
total = 0
for n in range(300000):
    total += np.full(3, n).size
print("total", total, flush=True)
