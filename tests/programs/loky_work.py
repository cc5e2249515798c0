"""What a loky worker does: it counts for itself."""

import os

import count
import numpy as np

started = []


def work(n):
    if os.getpid() not in started:
        started.append(os.getpid())
        count.start()
    array = np.arange(n)  # @work
    total = int(array.sum())
    del array
    count.save()
    return total
