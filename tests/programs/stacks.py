"""Calls and returns in all orders, with an allocation after each: which stack made how many.

Prints, as JSON, the lines of each stack from the innermost frame on, and its number of allocations.
"""

import collections
import json
import random
import sys

import numpy as np

rng = random.Random(6)
made = collections.Counter()
kept = []


def make():
    kept.append(np.empty(10))
    frame, lines = sys._getframe(0), [sys._getframe(0).f_lineno - 1]
    while frame.f_back is not None:
        frame = frame.f_back
        lines.append(frame.f_lineno)
    made[tuple(lines)] += 1


def step(depth):
    if rng.random() < 0.3:
        make()
    chance = rng.random()
    if depth and chance < 0.3:
        step(depth - 1)
        leap(depth - 1)
    elif depth and chance < 0.9:
        next(generate(depth - 1))
    make()


def leap(depth):
    make()
    if depth:
        step(depth - 1)
    make()


def generate(depth):
    if rng.random() < 0.5:
        list(map(step, [depth]))
    make()
    yield


def dive(depth):
    if depth:
        dive(depth - 1)
    if depth % 7 == 0:
        make()


for turn in range(60):
    if turn % 3:
        step(rng.randrange(7))
    else:
        leap(rng.randrange(7))
    if turn % 20 == 0:
        dive(rng.randrange(60))
print(json.dumps([[list(lines), n] for lines, n in made.items()]))
