"""A thread that is older than the import of NumPy."""

import threading

go_on = threading.Event()
kept = []


def work():
    go_on.wait()
    import numpy as np

    for n in range(100):
        kept.append(np.full(n, 7.0))  # @early


thread = threading.Thread(target=work)
thread.start()

import count

count.start()
go_on.set()
thread.join()
count.charge("early")
count.done()
