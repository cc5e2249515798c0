"""Unusual companions of NumPy, which the argument names; the count tells what is allocated."""

import gc
import os
import signal
import sys
import threading

import count
import numpy as np


def work(n=50, charge="work"):
    for size in range(1, n + 1):
        np.empty(size)  # @work
    count.charge(charge)


def traced():
    """A trace function and a profile function of Python's own, which make arrays themselves."""
    seen = [0]

    def trace(frame, event, argument):
        if frame.f_code is work.__code__:
            np.empty(3)  # @in_trace
            seen[0] += 1
            return trace
        return None

    sys.settrace(trace)
    sys.setprofile(lambda frame, event, argument: None)
    work(5, "work and in_trace")
    sys.setprofile(None)
    sys.settrace(None)
    # The return was traced, too.
    count.charge("work and in_trace")
    print("traced", seen[0] > 0)


def monitored():
    """`sys.monitoring`, from 3.12 on."""
    if not hasattr(sys, "monitoring"):
        return work()
    monitoring = sys.monitoring
    monitoring.use_tool_id(2, "test")
    lines = []
    monitoring.register_callback(2, monitoring.events.LINE, lambda code, line: lines.append(line))
    monitoring.set_events(2, monitoring.events.LINE)
    work()
    monitoring.set_events(2, 0)
    print("monitored")


def profiled():
    import cProfile

    profile = cProfile.Profile()
    profile.runcall(work)
    print(sum(entry.callcount for entry in profile.getstats() if entry.code is work.__code__))


def debugged():
    """pdb, which reads its commands from a string."""
    import io
    import pdb

    debugger = pdb.Pdb(stdin=io.StringIO("next\nnext\ncontinue\n"), stdout=io.StringIO(), nosigint=True)
    debugger.runcall(work)
    sys.settrace(None)


def faulthandled():
    import faulthandler

    faulthandler.enable()
    faulthandler.dump_traceback_later(60)
    work()
    faulthandler.cancel_dump_traceback_later()
    count.save()
    sys.stdout.flush()
    import ctypes

    ctypes.string_at(0)


def signals():
    """A handler of Python's that makes arrays, in the middle of others."""
    n = [0]

    def handle(number, frame):
        np.empty(7)  # @handler
        n[0] += 1

    signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    while n[0] < 20:
        np.empty(100)  # @busy
    signal.setitimer(signal.ITIMER_REAL, 0)
    count.charge("handler and busy")


def imported_in_thread():
    """NumPy's parts are first imported by a thread."""

    def load():
        import numpy.polynomial  # @load
        import numpy.testing  # @load

        count.charge("load")
        work()
        print(numpy.testing.__name__)

    thread = threading.Thread(target=load)
    thread.start()
    thread.join()


def reloaded():
    """NumPy is reloaded; what was made before stays."""
    import importlib
    import warnings

    kept = np.empty(10)  # @kept
    count.charge("kept")
    warnings.simplefilter("ignore")
    importlib.reload(np)  # @reload
    count.charge("reload")
    work()
    print(kept.size)


def removed_from_modules():
    """NumPy's Python modules are forgotten, but go on to be used."""
    for name in [name for name in sys.modules if name.split(".")[0] == "numpy"]:
        del sys.modules[name]
    gc.collect()
    work()


def finalizers():
    class Allocates:
        def __del__(self):
            np.empty(11)  # @finalizer

    for _ in range(20):
        Allocates()
    count.charge("finalizer")
    cycle = [Allocates()]
    cycle.append(cycle)
    del cycle
    gc.collect()
    count.charge("finalizer")


def collector_callback():
    def callback(phase, info):
        np.empty(13)  # @callback

    gc.callbacks.append(callback)
    for _ in range(5):
        gc.collect()
    gc.callbacks.remove(callback)
    count.charge("callback")


def freed_by_another_thread():
    made = [np.empty(100 + n) for n in range(50)]  # @made
    count.charge("made")
    thread = threading.Thread(target=made.clear)
    thread.start()
    thread.join()
    print(len(made))


def latin_1():
    """Sources in another encoding, files with other names than text, and code without a file."""
    folder = os.environ["NPPROF_TEST_COUNTS"]
    path = os.path.join(folder.encode(), b"caf\xe9.py")
    with open(path, "wb") as file:
        file.write(b"# -*- coding: latin-1 -*-\nimport numpy as np\ndef caf\xe9():\n    return np.empty(21)\n")
    with open(path, "rb") as file:
        source = file.read()
    names = {}
    exec(compile(source, os.fsdecode(path), "exec"), names)
    print(names["caf\xe9"]().size)
    exec(compile("np.empty(22)", "\ud800\udfff\x1b[31m.py", "exec"), {"np": np})
    exec(compile("np.empty(23)", "", "exec"), {"np": np})


def long_sources():
    """A lambda of 10,000 lines, and a line of 100,000 characters."""
    lines = ["made = lambda: [", *["e(%d)," % n for n in range(1, 10001)], "]"]
    names = {"e": np.empty}
    exec(compile("\n".join(lines), "many_lines.py", "exec"), names)
    print(len(names["made"]()))
    exec(compile("[" + "e(5)," * 20000 + "]", "long_line.py", "exec"), names)


def subinterpreter():
    """Another interpreter in this process, which npprof doesn't look into; NumPy declines it, too."""
    try:
        import _xxsubinterpreters as interpreters
    except ImportError:
        try:
            import _interpreters as interpreters
        except ImportError:
            print("none")
            return work()
    other = interpreters.create()
    try:
        interpreters.run_string(other, "import sys; x = [n for n in range(1000)]")
    finally:
        interpreters.destroy(other)
    work()
    print("left")


def traced_memory():
    import tracemalloc

    tracemalloc.start(10)
    kept = np.empty(1000)  # @kept
    count.charge("kept")
    domain = tracemalloc.take_snapshot().filter_traces([tracemalloc.DomainFilter(True, 389047)])
    print(sum(trace.size for trace in domain.traces) // 8000)
    tracemalloc.stop()
    return kept


def coroutines():
    import asyncio

    async def one(n):
        await asyncio.sleep(0)
        np.empty(n)  # @task

    async def all_of_them():
        await asyncio.gather(*[one(n) for n in range(1, 51)])

    asyncio.run(all_of_them())
    count.charge("task")


def greenlets():
    from greenlet import greenlet

    def body(n):
        for _ in range(5):
            np.empty(n)  # @greenlet
            np.add(np.empty(20000), 1)  # @greenlet
            main.switch()

    main = greenlet.getcurrent()
    all_of_them = [greenlet(body) for _ in range(10)]
    for _ in range(6):
        for n, one in enumerate(all_of_them):
            one.switch(n + 1) if not one.dead else None
    count.charge("greenlet")
    print("switched")


def gevents():
    """gevent's greenlets, its own threads, and a standard library that it has patched."""
    import gevent
    import gevent.monkey
    import gevent.pool

    # The count has a lock of its own, so NumPy and threads are there already; gevent only warns.
    gevent.monkey.patch_all(thread=False)
    import time

    def task(n):
        made = np.empty(n)  # @task
        time.sleep(0)
        return np.add(made, 1).size  # @task

    pool = gevent.pool.Pool(5)
    print(sum(pool.imap_unordered(task, range(1, 51))))
    count.charge("task")

    def in_thread():
        for n in range(1, 51):
            np.empty(n)  # @thread
        return os.getpid()

    print(gevent.get_hub().threadpool.apply(in_thread) == os.getpid())
    count.charge("thread")


def preloaded():
    """Another allocator in the C library's place, with threads, a fork and large blocks."""
    paths = os.environ["TEST_PRELOADED"].split()
    libraries = [os.path.basename(os.path.realpath(name)) for name in paths]
    with open("/proc/self/maps") as maps:
        mapped = {os.path.basename(line.split()[-1]) for line in maps if "/" in line}
    print([name in mapped for name in libraries])
    work()
    made = [np.empty(1 << bits, np.uint8) for bits in range(25)]  # @made
    made += [np.zeros((100, n)).T.copy() for n in range(1, 50)]  # @made
    count.charge("made")
    threads = [threading.Thread(target=lambda: [np.empty(n) for n in range(200)]) for _ in range(4)]  # @many
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    count.charge("many")
    child = os.fork()
    if child == 0:
        os._exit(np.arange(9).size)
    print(os.WEXITSTATUS(os.waitpid(child, 0)[1]), sum(array.nbytes for array in made))


def covered():
    import coverage

    cover = coverage.Coverage(data_file=None)
    cover.start()
    work()
    cover.stop()
    print("covered")


if __name__ == "__main__":
    count.start()
    globals()[sys.argv[1]]()
    count.done()
