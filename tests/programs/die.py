"""Ends in the way that the argument says, with arrays alive."""

import ctypes
import os
import signal
import sys
import threading

import count
import numpy as np

how = sys.argv[1]
count.start()
kept = []
for n in range(1, 1001):
    kept.append(np.empty(n))  # @kept
    np.empty(n)  # @passing
count.fact("pid", os.getpid())
count.save()
last = np.empty(123)  # @last
if how == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
elif how == "terminate":
    os.kill(os.getpid(), signal.SIGTERM)
elif how == "segfault":
    ctypes.string_at(0)
elif how == "exit":
    os._exit(5)
elif how == "abort":
    os.abort()
elif how == "raise":
    raise RuntimeError("on purpose")
elif how == "sys.exit":
    sys.exit(7)
elif how == "memory":
    np.empty(1 << 60, dtype=np.uint8)
elif how == "interrupt":
    os.kill(os.getpid(), signal.SIGINT)
    signal.pause()
elif how == "thread":

    def fail():
        doomed = np.empty(50)  # @doomed
        raise RuntimeError(doomed.size)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    os._exit(0)
