"""Allocates, copies and computes as fast as it can until it is stopped."""
import numpy as np

keep = [np.zeros(1 << 10) for _ in range(100)]
n = 0
while True:
    a = np.empty(16)
    b = a + 1.0
    keep[n % 100] = b.copy()
    n += 1
    if n % 1000 == 0:
        print("round", n, flush=True)
