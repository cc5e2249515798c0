"""Threads that end while what they wrote is still on its way."""

import threading

import count
import numpy as np

kept = []


def work(n):
    for i in range(n):
        kept.append(np.empty(i))  # @work


count.start()
for wave in range(30):
    threads = [threading.Thread(target=work, args=(20,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
count.charge("work")
del kept[::2]
count.done()
