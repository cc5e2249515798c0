"""Allocates and frees until the test's timer kills it; the argument says when: nanoseconds.

The sizes follow a rule that the test knows, so that two counts give all bytes.
"""

import collections
import sys

import count
import numpy as np

count.start()
count.share()
kept = collections.deque()
n = 0
if len(sys.argv) > 1:
    count.kill_after(int(sys.argv[1]))
while True:
    kept.append(np.empty(1 + n * 7919 % 1000))  # @kept
    n += 1
    if n > 50:
        kept.popleft()
