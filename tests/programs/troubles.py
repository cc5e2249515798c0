"""Gets npprof into trouble, in the way that the argument names, and works on."""

import os
import shutil
import signal
import subprocess
import sys
import time

import count
import numpy as np

npprof = os.getppid()


def socket_path():
    return os.environ["NPPROF_SESSION"].split(":", 3)[3]


def fork_one():
    """A child that would have to introduce itself, and ends with 7 allocations."""
    child = os.fork()
    if child == 0:
        for n in range(1, 8):
            np.empty(n)  # @in_child
        os._exit(7)
    print(os.waitpid(child, 0)[1] >> 8, flush=True)


def work(n):
    for _ in range(n):
        np.empty(10)  # @work
    count.charge("work")


def socket_unlinked():
    os.unlink(socket_path())
    fork_one()
    print(subprocess.call([sys.executable, "-c", "import numpy; raise SystemExit(5)"]), flush=True)
    work(1000)


def session_folder_removed():
    shutil.rmtree(os.path.dirname(socket_path()))
    fork_one()
    work(1000)


def report_folder_removed():
    work(1000)
    shutil.rmtree(sys.argv[2])


def stopped():
    """npprof stands still for so many seconds, while more is allocated than any buffer holds."""
    seconds = sys.argv[2]
    os.kill(npprof, signal.SIGSTOP)
    command = "sleep %s; kill -CONT %d" % (seconds, npprof)
    waker = subprocess.Popen(["sh", "-c", command], env={"PATH": os.environ["PATH"]})
    start = time.monotonic()
    work(400000)
    count.fact("seconds", time.monotonic() - start)
    waker.wait()
    # By now npprof reads again.
    time.sleep(0.1)
    for _ in range(10):
        # Zeroed: NumPy gives up the interpreter lock for it.
        np.zeros(1 << 18)  # @late
    count.charge("late")


def hung_up():
    """npprof's terminal is closed, and this program is told."""
    work(1000)
    count.save()
    os.kill(npprof, signal.SIGHUP)
    signal.pause()


def large_report():
    """So many lines that the report takes some room."""
    source = "".join("np.empty(%d)\n" % n for n in range(1, 2000))
    exec(compile(source, "many_lines.py", "exec"), {"np": np})
    count.charge("many_lines.py:7")


def strangers():
    """Others speak at the socket: nobody who doesn't know the token is heard."""
    import socket

    work(1000)
    for message in (b"", b"x", b"x" * 4096, os.urandom(128)):
        stranger = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        stranger.connect(socket_path())
        if message:
            stranger.send(message)
        stranger.close()
    idle = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(100)]
    for one in idle:
        one.connect(socket_path())
    fork_one()
    # A process with another token, and else with all that a process of this session has.
    session = os.environ["NPPROF_SESSION"].split(":", 3)
    session[1] = "%032x" % (int(session[1], 16) ^ 1)
    os.environ["NPPROF_SESSION"] = ":".join(session)
    program = "import numpy; numpy.empty(12345); raise SystemExit(6)"
    print(subprocess.call([sys.executable, "-c", program]), flush=True)


def modes():
    """Says who may reach the session: mode of its folder, of its socket and of what is mapped."""
    path = socket_path()
    for one in (os.path.dirname(path), path):
        print("%o" % (os.stat(one).st_mode & 0o7777), os.stat(one).st_uid == os.geteuid())
    with open("/proc/self/maps") as maps:
        mapped = {line.split(None, 5)[5].strip() for line in maps if "npprof" in line}
    print(sorted(os.path.basename(name) for name in mapped))
    listed = []
    for descriptor in range(3, 256):
        try:
            listed.append(os.readlink("/proc/self/fd/%d" % descriptor))
        except FileNotFoundError:
            pass
    print([name for name in listed if "npprof" in name or "socket" in name])


if __name__ == "__main__":
    count.start()
    globals()[sys.argv[1]]()
    count.done()
