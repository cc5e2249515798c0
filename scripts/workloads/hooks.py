"""What each hook adds to a call, for `scripts/overhead --instructions`: counted, never timed.

Each case is a function that makes N calls of one sort. `os.getppid`, which nothing else here calls,
tells callgrind where a case begins and ends. Cases whose names begin with `30 frames` are called
below so many frames.
"""

import os

import numpy as np

N = 4000

empty, add = np.empty, np.add
small = np.arange(10.0)
small_out = np.empty(10)
large = np.ones(16 << 10)
large_out = np.empty(16 << 10)


def allocation():
    kept = [None] * N
    for i in range(N):
        kept[i] = empty(10)
    return kept


def allocation_and_free():
    for _ in range(N):
        empty(10)


def small_ufunc():
    for _ in range(N):
        add(small, small, small_out)


def large_ufunc():
    for _ in range(N):
        add(large, large, large_out)


def element_read():
    array = small
    for _ in range(N):
        array[3]


def element_written():
    array = small
    for _ in range(N):
        array[3] = 1.0


def view():
    array = small
    for _ in range(N):
        array[2:8]


def small_cast():
    for _ in range(N):
        small.astype("f4")


def another_line():
    for _ in range(N // 2):
        empty(10)
        empty(10)


def make():
    empty(10)


def another_caller():
    for _ in range(N // 2):
        make()
        make()


def below(depth, case):
    return below(depth - 1, case) if depth else case()


CASES = {
    "allocation": allocation,
    "allocation and free": allocation_and_free,
    "small ufunc": small_ufunc,
    "large ufunc": large_ufunc,
    "element read": element_read,
    "element written": element_written,
    "view": view,
    "small cast": small_cast,
    "30 frames, unchanged": allocation_and_free,
    "30 frames, another line": another_line,
    "30 frames, another caller": another_caller,
}


def main():
    for name, case in CASES.items():
        depth = 28 if name.startswith("30 frames") else 0
        below(depth, case)
        os.getppid()
        held = below(depth, case)
        os.getppid()
        del held
    print(f"CASES {N} {'|'.join(CASES)}")


if __name__ == "__main__":
    main()
