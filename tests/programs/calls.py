"""Every way to get to a line: each allocation belongs to the innermost line of this file."""

import functools
import itertools

import count
import numpy as np

kept = []


def recurse(depth):
    own = np.ones(depth + 1)  # @recursion
    if depth > 0:
        kept.append(recurse(depth - 1))
    return own


def generate(n):
    for i in range(n):
        yield np.full(10, i)  # @generator


def doubled(function):
    @functools.wraps(function)
    def wrapper(*args):
        return np.concatenate([function(*args)] * 2)  # @wrapper

    return wrapper


@doubled
def decorated(n):
    return np.zeros(n)  # @decorated


def fail(n):
    lost = np.ones(n)  # @raised
    raise ValueError(lost.shape)


class Sized:
    def __init__(self, n):
        self.n = n

    @property
    def array(self):
        return np.arange(self.n)  # @property

    def __getitem__(self, i):
        return np.arange(i)  # @getitem

    def __del__(self):
        kept.append(np.ones(3))  # @del


count.start()
kept.append(recurse(30))
count.charge("recursion")
kept.extend(generate(12))
count.charge("generator")
kept.extend([np.ones(i) for i in range(20)])  # @comprehension
count.charge("comprehension")
kept.extend(np.ones((i, 2)) for i in range(20))  # @generator_expression
count.charge("generator_expression")
nested = {i: [np.ones(j) for j in range(i)] for i in range(6)}  # @nested
count.charge("nested")
make = lambda n: np.empty(n)  # @lambda
kept.append(make(100))
count.charge("lambda")
before = count.counts()["n_allocations"]
kept.append(decorated(50))
count.fact("decorated_n", count.counts()["n_allocations"] - before)
count.charge("wrapper and decorated")
for n in range(1, 6):
    try:
        fail(n)
    except ValueError:
        pass
count.charge("raised")
order = sorted(range(40, 0, -1), key=lambda n: np.ones(n).sum())  # @key
count.charge("key")
kept.extend(map(lambda n: np.zeros(n, dtype=np.int8), range(15)))  # @map
count.charge("map")
kept.append(functools.reduce(lambda a, n: np.append(a, n), range(8), np.empty(0)))  # @reduce
count.charge("reduce")
sized = Sized(33)
kept.append(sized.array)
count.charge("property")
kept.extend(itertools.islice(iter(sized.__getitem__, None), 0))
kept.append(sized[21])
count.charge("getitem")
del sized
count.charge("del")
exec("kept.append(np.ones(77))")
count.charge("<string>:1")
exec(compile("\n\nkept.append(np.ones(78))", "made-up.py", "exec"))
count.charge("made-up.py:3")
kept.append(
    np.pad(  # @several_lines
        np.ones(5),  # @several_lines
        3,
    )
)
count.charge("several_lines")
norm = np.linalg.norm(np.ones((4, 4)))  # @norm
count.charge("norm")
count.done()
