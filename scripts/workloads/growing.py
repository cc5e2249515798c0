"""A program with one property that `scripts/growth` makes larger and larger.

    growing.py WHAT HOW_MANY EVENTS

It prepares, prints `BEGIN`, waits for a line, makes EVENTS arrays of a few bytes, each of which takes the
place of an older one, prints `END events cpu-seconds peak-bytes`, waits for a line, and leaves. `os.getppid`,
which nothing else here calls, tells callgrind where the counted part begins and ends. `steady` waits for
nothing and goes on for EVENTS seconds: a program to look at.
"""

import importlib.util
import os
import random
import resource
import sys
import tempfile
import threading
import time

import numpy as np

BATCH = 64
RING = 1000
LINES_A_FUNCTION = 50

empty = np.empty


def replace(ring, order):
    """Makes one array for each place named."""
    for place in order:
        ring[place] = empty(2)


def descend(depth, ring, order):
    if depth:
        descend(depth - 1, ring, order)
    else:
        replace(ring, order)


def orders(n_places, n_events):
    """Which places are replaced, in batches; the same batches again and again."""
    draws = random.Random(7)
    batches = [[draws.randrange(n_places) for _ in range(BATCH)] for _ in range(512)]
    return (batches[number % len(batches)] for number in range(n_events // BATCH))


def depth(n_frames, n_events):
    ring = [empty(2) for _ in range(RING)]

    def work():
        for order in orders(RING, n_events):
            # The module, `main`, this one and `replace` are frames, too.
            descend(max(0, n_frames - 5), ring, order)

    return work


def arrays(n_alive, n_events):
    ring = [empty(2) for _ in range(n_alive)]

    def work():
        for order in orders(n_alive, n_events):
            replace(ring, order)

    return work


def length(_, n_events):
    return arrays(RING, n_events)


def threads(n_threads, n_events):
    works = [arrays(RING, n_events // n_threads) for _ in range(n_threads)]

    def work():
        running = [threading.Thread(target=one) for one in works]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()

    return work


def processes(n_processes, n_events):
    """Forked children that are all alive at once."""

    def work():
        begin_read, begin_write = os.pipe()
        children = []
        for _ in range(n_processes):
            pid = os.fork()
            if not pid:
                os.close(begin_write)
                os.read(begin_read, 1)
                arrays(RING, n_events // n_processes)()
                os._exit(0)
            children.append(pid)
        os.close(begin_write)
        for pid in children:
            os.waitpid(pid, 0)

    return work


def generated(n_sites, lines_a_function):
    """Functions with so many lines that make arrays, of a file written for this."""
    firsts = range(0, n_sites, lines_a_function)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "generated.py")
        with open(path, "w") as file:
            for first in firsts:
                file.write(f"def f{first}(r, e):\n")
                for number in range(first, min(first + lines_a_function, n_sites)):
                    file.write(f"    r[{number}] = e(2)\n")
        spec = importlib.util.spec_from_file_location("generated", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return [getattr(module, f"f{first}") for first in firsts]


def sites(n_sites, n_events):
    """As many lines that make arrays, all of them met before the count begins."""
    functions = generated(n_sites, LINES_A_FUNCTION)
    ring = [None] * n_sites
    passes = max(1, n_events // n_sites)
    left = [1, passes]

    def work():
        for _ in range(left.pop(0)):
            for function in functions:
                function(ring, empty)

    work.n_events = passes * n_sites
    work.has_warm_up = True
    return work


def lines(n_lines, n_events):
    """Lines of functions that are so long, each met for the first time and once."""
    functions = generated(n_events, n_lines)
    ring = [None] * n_events

    def work():
        for function in functions:
            function(ring, empty)

    return work


def steady(_, seconds):
    """Some thousand events a second, at many sites, with pauses: a program to look at."""
    functions = generated(200, LINES_A_FUNCTION)
    ring = [None] * 200

    def pace():
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for function in functions:
                function(ring, empty)
            time.sleep(0.05)

    return pace


WHAT = {
    "depth": depth, "arrays": arrays, "threads": threads, "processes": processes, "length": length,
    "sites": sites, "lines": lines, "steady": steady,
}  # fmt: skip


def used():
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def wait(what):
    if what != "steady":
        sys.stdin.readline()


def main():
    what, how_many, n_events = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    sys.setrecursionlimit(3000)
    work = WHAT[what](how_many, n_events)
    # Both calls of `work` stand on one line, so that they have the same stack.
    for is_counted in (False, True):
        if is_counted:
            print("BEGIN", flush=True)
            wait(what)
            before = used()
            os.getppid()
        elif not getattr(work, "has_warm_up", False):
            continue
        work()
    os.getppid()
    cpu = used() - before
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print("END", getattr(work, "n_events", n_events), cpu, peak * 1024, flush=True)
    wait(what)


if __name__ == "__main__":
    main()
