"""What tracemalloc knows of NumPy's blocks: its domain for them is 389047."""

import sys
import tracemalloc

import count
import numpy as np


def traced():
    traces = tracemalloc.take_snapshot().traces
    return sum(trace.size for trace in traces if trace.domain == 389047)


count.start()
before = traced()
kept = [np.ones(n) for n in range(1000)]  # @kept
kept += [np.zeros((n, 7), dtype=np.int8) for n in range(200)]  # @kept
kept[10].resize(4000, refcheck=False)  # @kept
del kept[::3]
count.charge("kept")
count.fact("traced", traced() - before)
count.fact("live", count.counts()["live"])
a = np.ones(1000000)  # @expression
tracemalloc.clear_traces()
result = (a * 2 + 1) / 3 - a  # @expression
peak = tracemalloc.get_traced_memory()[1]
count.charge("expression")
count.fact("peak_mb", peak // 1000000)
count.done()
