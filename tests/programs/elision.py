"""NumPy reuses a temporary's memory, if nobody stands between it and the interpreter."""

import count
import numpy as np

count.start()
a = np.ones(1000000)  # @a
count.charge("a")
result = (a * 2 + 1) / 3 - a  # @expression
count.charge("expression")
count.fact("first", float(result[0]))
count.done()
