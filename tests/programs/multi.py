"""Processes of `multiprocessing`, with the start method given as argument."""

import multiprocessing
import os
import sys

import count
import numpy as np


def work(n, conn):
    if multiprocessing.get_start_method() == "fork":
        count.start_in_fork()
    else:
        count.start()
    kept = [np.ones(1000 + n + i) for i in range(10)]  # @work
    count.charge("work")
    conn.send(len(kept))
    conn.close()
    count.done()


if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    count.start()
    ends = []
    for n in (10, 200):
        here, there = multiprocessing.Pipe()
        process = multiprocessing.Process(target=work, args=(n, there))
        process.start()
        ends.append((process, here))
    for process, here in ends:
        here.recv()
        process.join()
    count.fact("children", [process.pid for process, _ in ends])
    count.fact("exit_codes", [process.exitcode for process, _ in ends])
    own = np.ones(999)  # @own
    count.charge("own")
    count.done()
