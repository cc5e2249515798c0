"""Ignores that its terminal is closed, and goes on for a while."""
import signal
import time

import numpy as np

signal.signal(signal.SIGHUP, signal.SIG_IGN)
keep = np.zeros(1 << 20)  # @keep
print("ready", flush=True)
time.sleep(3)
late = np.zeros(1000)  # @late
try:
    # Nobody reads it any more, but there still is a terminal to write to.
    print("at its end", flush=True)
finally:
    late = np.zeros(3000)  # @last
