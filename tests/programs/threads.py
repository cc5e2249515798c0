"""Four threads, and a pool, that allocate and free at the same time."""

import threading
from concurrent.futures import ThreadPoolExecutor

import count
import numpy as np

kept = []


def work(n):
    for i in range(n):
        a = np.ones(100 + i)  # @work
        b = a * 2  # @work
        if i % 50 == 0:
            kept.append(b)
    large = np.zeros(200000)  # @work
    large += 1  # @work


def pooled(n):
    return np.arange(n).sum()  # @pooled


count.start()
threads = [threading.Thread(target=work, args=(500,)) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
count.charge("work")
with ThreadPoolExecutor(3) as pool:
    count.fact("sum", int(sum(pool.map(pooled, range(100)))))
count.charge("pooled")
count.done()
