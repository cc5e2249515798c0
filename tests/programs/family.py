"""Process trees of unusual kinds, which the argument names; the processes count for themselves."""

import multiprocessing
import os
import sys
import threading
import time

import count
import numpy as np


def fork_in_thread():
    """A thread forks; its child has that thread only."""

    def work():
        child = os.fork()
        if child == 0:
            count.start_in_fork()
            own = np.empty(300)  # @own
            count.charge("own")
            count.done(own.size // 100)
        count.fact("status", os.waitpid(child, 0)[1] >> 8)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def fork_among_threads():
    """Forks while other threads allocate, with the interpreter lock and without."""
    is_over = []

    def work(function):
        while not is_over:
            function(1 << 15)

    threads = [threading.Thread(target=work, args=(f,)) for f in (np.empty, np.zeros, np.ones)]
    for thread in threads:
        thread.start()
    statuses = []
    for n in range(1, 9):
        child = os.fork()
        if child == 0:
            count.start_in_fork()
            own = [np.empty(100) for _ in range(n)]  # @own
            count.charge("own")
            count.done(len(own))
        statuses.append(os.waitpid(child, 0)[1] >> 8)
    is_over.append(True)
    for thread in threads:
        thread.join()
    count.fact("statuses", statuses)


def many_workers():
    """64 processes at once."""
    ready, go = os.pipe()
    children = []
    for n in range(64):
        child = os.fork()
        if child == 0:
            os.close(go)
            count.start_in_fork()
            own = np.empty(100 + n)  # @own
            count.charge("own")
            # All are there before the first one ends.
            os.read(ready, 1)
            count.done(own.size - 100)
        children.append(child)
    os.close(go)
    count.fact("statuses", [os.waitpid(child, 0)[1] >> 8 for child in children])


def recycled_work(n):
    count.start_in_fork()
    own = np.empty(1000 + n)  # @own
    count.charge("own")
    count.save()
    return own.size


def recycled():
    """A pool whose workers are replaced after each task."""
    with multiprocessing.get_context("fork").Pool(2, maxtasksperchild=1) as pool:
        count.fact("sizes", pool.map(recycled_work, range(16), chunksize=1))
        # Leaving the block kills the workers, the latest of them maybe before it is more than a fork.
        pool.close()
        pool.join()


def survivor():
    """A daemon that goes on when all is over; it ends when its folder is gone."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            count.start_in_fork()
            for n in (0, 1, 2):
                os.close(n)
            own = np.empty(100)  # @own
            count.charge("own")
            count.save()
            limit = time.monotonic() + 30
            while os.path.exists(os.environ["NPPROF_TEST_COUNTS"]) and time.monotonic() < limit:
                own = np.ones(100)
                time.sleep(0.05)
        os._exit(0)
    os.wait()
    folder = os.environ["NPPROF_TEST_COUNTS"]
    limit = time.monotonic() + 30
    while not any(name[0].isdigit() for name in os.listdir(folder)) and time.monotonic() < limit:
        time.sleep(0.01)


if __name__ == "__main__":
    count.start()
    globals()[sys.argv[1]]()
    count.fact("main", True)
    count.done()
