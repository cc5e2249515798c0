"""A forked child: it inherits arrays, frees one, makes its own and forks again."""

import os
import sys

import count
import numpy as np

count.start()
inherited = np.empty(1000)  # @inherited
count.charge("inherited")
given_up = np.empty(300)  # @given_up
count.charge("given_up")
sys.stdout.flush()
child = os.fork()
if child == 0:
    count.start_in_fork()
    del given_up
    own = np.empty(500)  # @own
    count.charge("own")
    grandchild = os.fork()
    if grandchild == 0:
        count.start_in_fork()
        last = np.empty(70)  # @last
        count.charge("last")
        count.done(4)
    os.waitpid(grandchild, 0)
    count.done(3)
os.waitpid(child, 0)
after = np.empty(250)  # @after
count.charge("after")
count.fact("child", child)
count.done()
