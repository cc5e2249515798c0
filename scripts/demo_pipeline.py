#!/usr/bin/env python3
"""Follows a spot through the frames of a camera: an example program for npprof.

It gives the right results, and wastes memory in the ways in which real programs do. Each mistake is
marked, with what to write instead; npprof shows them without being told.

    python3 scripts/demo_pipeline.py           in a terminal at the pace of a camera: 10 seconds
    python3 scripts/demo_pipeline.py --fast    as fast as it goes
"""

import sys
import time

import numpy as np

N_FRAMES = 64
SIDE = 1024
CROP = 64
N_CHUNKS = 200
CHUNK = 4096
N_CANDIDATES = 2200


class Camera:
    """Makes frames: a spot that moves on a noisy background."""

    def __init__(self, seed, seconds_per_frame):
        random = np.random.RandomState(seed)
        self.background = random.randint(0, 256, (SIDE, SIDE)).astype(np.uint16)
        self.seconds_per_frame = seconds_per_frame

    def read(self, number):
        time.sleep(self.seconds_per_frame)
        frame = self.background + np.uint16(number)
        row, column = spot_position(number)
        frame[row : row + CROP // 4, column : column + CROP // 4] += 3000
        return frame


def spot_position(number):
    angle = 2 * np.pi * number / N_FRAMES
    middle, radius = SIDE // 2, SIDE // 3
    return int(middle + radius * np.sin(angle)), int(middle + radius * np.cos(angle))


def smooth(frame):
    # Mistake: dividing integers gives float64, four times the size of the frame, only to be thrown
    # away on the same line.
    # Instead: frame / np.float32(4095), which is float32 at once.
    scaled = (frame / 4095).astype(np.float32)
    return (scaled[:-2] + scaled[1:-1] + scaled[2:]) / 3


def find_spot(frame):
    bright = smooth(frame)
    row, column = np.unravel_index(np.argmax(bright), bright.shape)
    return int(row), int(column)


def record(camera):
    """Keeps what is around the spot in each frame."""
    crops, path = [], []
    for number in range(N_FRAMES):
        frame = camera.read(number)
        row, column = find_spot(frame)
        # Mistake: a crop is a view, and each one keeps its whole frame alive.
        # Instead: frame[...].copy(), which is 8 KiB and not 2 MiB.
        crops.append(frame[row : row + CROP, column : column + CROP])
        path.append((row, column))
        if number % 8 == 7:
            print(f"frame {number + 1} of {N_FRAMES}: spot at {row}, {column}", flush=True)
    return crops, np.array(path)


def brightness(crops, seconds_per_chunk):
    """One long signal, chunk by chunk."""
    window = np.hanning(CHUNK)
    signal = np.empty(0)
    for number in range(N_CHUNKS):
        chunk = np.resize(crops[number % len(crops)], CHUNK) * window
        # Mistake: this copies all that there is for each chunk that is added.
        # Instead: collect the chunks in a list and concatenate once, or fill one np.empty.
        signal = np.concatenate([signal, chunk])
        if number % 50 == 49:
            print(f"signal: {signal.size:,} samples", flush=True)
        time.sleep(seconds_per_chunk)
    return signal


def spectrum_of(signal):
    # Mistake: copies of copies. `astype` makes a new array, and `copy` one more.
    # Instead: signal.reshape(-1, CHUNK), which copies nothing, since it is float64 already.
    windows = signal.astype(np.float64).copy().reshape(-1, CHUNK)
    return np.abs(np.fft.rfft(windows, axis=1)).mean(axis=0)


def candidates(path):
    """Places around those where the spot was."""
    random = np.random.RandomState(3)
    chosen = path[random.randint(0, len(path), N_CANDIDATES)]
    return chosen + random.normal(0, 4, (N_CANDIDATES, 2))


def nearest(spots):
    # Mistake: broadcasting makes an array of n x n x 2 to get one of n.
    # Instead: block by block of rows, or scipy.spatial.cKDTree.
    apart = spots[:, None, :] - spots[None, :, :]
    distances = np.sqrt((apart**2).sum(axis=2))
    np.fill_diagonal(distances, np.inf)
    return distances.min(axis=1)


def main():
    pace = 1 if sys.stdout.isatty() and "--fast" not in sys.argv[1:] else 0
    crops, path = record(Camera(seed=7, seconds_per_frame=0.07 * pace))
    signal = brightness(crops, seconds_per_chunk=0.01 * pace)
    spectrum = spectrum_of(signal)
    print(f"loudest of {spectrum.size:,} frequencies: {int(spectrum.argmax())}", flush=True)
    time.sleep(0.5 * pace)
    gaps = nearest(candidates(path))
    print(f"candidates are {gaps.mean():.3f} apart on average", flush=True)
    time.sleep(1.0 * pace)


if __name__ == "__main__":
    main()
