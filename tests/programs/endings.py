"""Ends in an unusual way, which the argument names; the lines with marks have figures to be known.

Each way is a function. What one returns is the exit status; most never return.
"""

import atexit
import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
import time

import numpy as np

library = ctypes.PyDLL(os.environ["NPPROF_TEST_COUNTER"])


def say(*words):
    print(*words, flush=True)


def crash_in_operation():
    """A compiled function dies in the middle of an operation of NumPy's."""
    kept = np.empty(1000)  # @kept
    np.frompyfunc(lambda value: library.crash(), 1, 1)(kept)


def crash_in_thread():
    kept = np.empty(1000)  # @kept
    thread = threading.Thread(target=lambda: (np.empty(50), library.crash()))  # @doomed
    thread.start()
    thread.join()
    return kept.size


def stack_overflow():
    kept = np.empty(1000)  # @kept
    library.overflow_stack(1)
    return kept.size


def recursion():
    """Python's own limit, with an array in each frame."""

    def deeper(n):
        array = np.empty(10)  # @deep
        return array.size + deeper(n + 1)

    try:
        deeper(0)
    except RecursionError as error:
        say(type(error).__name__)


def deep_recursion():
    """Far beyond Python's usual limit, in a thread with a stack to match."""

    def deeper(n):
        return np.empty(3).size + deeper(n - 1) if n else 0  # @deep

    sys.setrecursionlimit(20000)
    threading.stack_size(256 << 20)
    found = []
    thread = threading.Thread(target=lambda: found.append(deeper(5000)))
    thread.start()
    thread.join()
    say(found)


def no_address_space():
    """The limit of the address space is reached: the program sees it and goes on."""
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (200 << 20),) * 2)
    kept = []
    try:
        while True:
            kept.append(np.empty(1 << 20))  # @large
    except MemoryError:
        say("refused", 15 < len(kept) <= 25)
    del kept
    say(np.empty(100).size)  # @after


def no_memory_at_all():
    """Little more than nothing is left."""
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    kept = np.empty(1000)  # @kept
    resource.setrlimit(resource.RLIMIT_AS, (used, used))
    try:
        np.ones(kept.size << 20)
    except MemoryError:
        os._exit(kept.size // 1000)


def group_memory():
    """More than the limit of the group that this process is in; not endless if there is none."""
    kept = [np.empty(1000)]  # @kept
    for n in range(64):
        kept.append(np.empty(1 << 20))  # @filled
        kept[-1].fill(n)
        say(n)
    return 3


def exception_at_exit():
    kept = []

    def fail():
        kept.append(np.empty(300))  # @at_exit
        raise ValueError("at exit")

    atexit.register(fail)
    return 3


class AtShutdown:
    """Allocates when the interpreter takes its modules apart."""

    def __init__(self):
        self.empty = np.empty

    def __del__(self):
        array = self.empty(70)  # @finalizer
        print("finalized", array.size)


def finalizer_at_shutdown():
    global last
    last = AtShutdown()
    sys.modules["kept_until_the_end"] = last


def finalizer_fails():
    class Fails:
        def __del__(self, empty=np.empty):
            raise ValueError(empty(20).size)  # @finalizer

    global last
    last = Fails()


def daemons_at_exit():
    """Threads that allocate while the interpreter goes."""

    def work():
        while True:
            (np.ones(100) + 1).sum()
            np.empty(1 << 16)

    for _ in range(4):
        threading.Thread(target=work, daemon=True).start()
    kept = np.empty(500)  # @kept
    time.sleep(0.1)
    say(kept.size)


def daemon_in_calloc():
    """Zeroed arrays, for which NumPy gives up the interpreter lock."""

    def work():
        while True:
            np.zeros(1 << 18)

    for _ in range(4):
        threading.Thread(target=work, daemon=True).start()
    time.sleep(0.1)


def killed_by_alarm():
    """A signal without a handler, while arrays are made."""
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    while True:
        np.ones(100)


def stopped_and_continued():
    """Stopped by itself, continued by a child."""
    child = os.fork()
    if child == 0:
        time.sleep(0.2)
        os.kill(os.getppid(), signal.SIGCONT)
        os._exit(0)
    before = np.empty(100)  # @before
    os.kill(os.getpid(), signal.SIGSTOP)
    after = np.empty(200)  # @after
    os.waitpid(child, 0)
    say(before.size + after.size)


def closed_output():
    """Standard output is gone when Python flushes it at the end: exit status 120."""
    kept = np.empty(100)  # @kept
    # A buffer, whatever the environment says of buffering.
    sys.stdout = open(1, "w", closefd=False)
    sys.stdout.write("lost %d" % kept.size)
    os.close(1)


def closed_descriptors():
    """All descriptors are closed, as daemons do it."""
    kept = np.empty(100)  # @before
    os.closerange(3, 1024)
    child = os.fork()
    if child == 0:
        kept = np.empty(300)  # @in_child
        os._exit(4)
    say(os.waitpid(child, 0)[1] >> 8)
    kept = np.empty(200)  # @after
    return kept.size // 100


def kill_group():
    """Kills its own group, which npprof is in as well unless it is given one of its own."""
    os.setpgid(0, 0)
    kept = np.empty(100)  # @kept
    os.kill(0, signal.SIGKILL)
    return kept.size


def replaced_from_thread():
    """Another program takes this one's place, from a thread."""
    kept = np.empty(400)  # @kept

    def replace():
        os.execv(sys.executable, [sys.executable, "-c", "print('replaced')"])

    thread = threading.Thread(target=replace)
    thread.start()
    thread.join()
    return kept.size


def failing_exec():
    """An `exec` that fails leaves the program as it was."""
    before = np.empty(100)  # @before
    try:
        os.execv("/no/such/program", ["program"])
    except FileNotFoundError:
        pass
    after = np.empty(200)  # @after
    say(before.size + after.size)


def vfork_and_exit():
    """`subprocess` starts a program by `vfork`; one that doesn't exist as well."""
    kept = np.empty(100)  # @kept
    for command in (["true"], ["/no/such/program"]):
        try:
            say(subprocess.call(command))
        except FileNotFoundError:
            say("not found")
    return kept.size // 100


if __name__ == "__main__":
    status = globals()[sys.argv[1]]()
    sys.exit(status or 0)
