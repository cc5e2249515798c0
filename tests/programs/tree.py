"""A chain of subprocesses, as deep as the argument says; a shell stands in between."""

import subprocess
import sys

import count
import numpy as np

depth = int(sys.argv[1])
count.start()
kept = [np.ones(1000 * (depth + 1)) for _ in range(depth + 1)]  # @kept
count.charge("kept")
if depth > 0:
    command = ["sh", "-c", '"$0" "$1" "$2"; exit $?', sys.executable, __file__, str(depth - 1)]
    count.fact("below", subprocess.call(command))
count.done(depth)
