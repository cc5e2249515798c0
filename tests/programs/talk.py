"""Says things on both streams, warns, fails in a hook and ends with a traceback."""

import sys
import warnings

import numpy as np

print("args", sys.argv[1:], sys.flags.isolated)
print(np.arange(12.0).reshape(3, 4) / 7)
print("line", sys.stdin.readline().strip())
np.ones(3) / np.zeros(3)
warnings.warn("a warning of the program")
print("handler", np.zeros(0).dtype, getattr(np, "_core", None) and np._core.multiarray.get_handler_name())
print(sorted(name for name in sys.modules if "npprof" in name))
if sys.argv[1] == "code":
    sys.exit(42)
if sys.argv[1] == "raise":
    raise KeyError("the end")
