"""Many small allocations from four threads: more than any buffer holds."""

import sys
import threading

import count
import numpy as np


def work(n):
    for _ in range(n):
        np.empty(10)  # @storm


n = int(sys.argv[1])
count.start()
# More than the import ever held, so that the high-water mark is the count's.
first = np.empty(10000)  # @first
count.charge("first")
threads = [threading.Thread(target=work, args=(n,)) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
count.charge("storm")
count.done()
