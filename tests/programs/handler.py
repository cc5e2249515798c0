"""A program that sets a data handler of its own (NEP 49)."""

import count
import numpy as np

count.start()
default = np.ones(100)  # @default
count.charge("default")
former = count.set_custom_handler()
own = np.ones((20, 10))  # @own
count.charge("own")
own.resize(5000, refcheck=False)  # @own_resize
count.charge("own_resize")
passing = [np.zeros(n) for n in range(50)]  # @own_many
count.charge("own_many")
del passing
default.resize(300, refcheck=False)  # @default_resize
count.charge("default_resize")
count.set_handler(former)
again = np.ones(50)  # @again
count.charge("again")
del own
count.done()
