"""A process that replaces its program with `os.exec*`."""

import os
import sys

import count
import numpy as np

count.start()
if sys.argv[1] == "first":
    before = np.empty(1000)  # @before
    count.charge("before")
    count.save("-first")
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, __file__, "second"])
after = np.empty(300)  # @after
count.charge("after")
count.done(6)
