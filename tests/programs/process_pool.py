"""A pool of processes; its workers end in `os._exit`."""

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor

import count
import numpy as np

started = []


def work(n):
    if os.getpid() not in started:
        started.append(os.getpid())
        if sys.argv[1] == "fork":
            count.start_in_fork()
        else:
            count.start()
    array = np.ones(n)  # @work
    total = array.sum()  # @work
    count.charge("work")
    del array
    count.save()
    return int(total), os.getpid()


if __name__ == "__main__":
    count.start()
    started.append(os.getpid())
    context = multiprocessing.get_context(sys.argv[1])
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        answers = list(pool.map(work, range(1, 21)))
    count.fact("children", sorted({pid for _, pid in answers}))
    count.fact("total", sum(total for total, _ in answers))
    count.done()
