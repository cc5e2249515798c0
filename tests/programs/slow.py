"""Goes on for a while after it has said that it is ready."""
import time

import numpy as np

keep = np.zeros(1 << 20)
print("ready", flush=True)
time.sleep(3)
print("at its end", flush=True)
