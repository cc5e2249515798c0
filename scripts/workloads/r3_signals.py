"""R3 signals: SciPy filters recordings, takes their spectra, finds peaks; smooths and labels images."""

import os
import time

import numpy as np
from scipy import ndimage, signal

SCALE = float(os.environ.get("WORKLOAD_SCALE", "1"))
RATE = 8000


def core(rounds):
    draws = np.random.default_rng(43)
    low_pass = signal.butter(4, [300, 2000], "bandpass", fs=RATE, output="sos")
    seconds = np.arange(4 * RATE) / RATE
    total = 0.0
    for number in range(rounds):
        tone = np.sin(2 * np.pi * (400 + 10 * (number % 50)) * seconds)
        heard = signal.sosfiltfilt(low_pass, tone + draws.normal(size=seconds.size))
        _, _, power = signal.spectrogram(heard, RATE, nperseg=256, noverlap=128)
        loudest = power.mean(axis=1)
        peaks, _ = signal.find_peaks(loudest, height=loudest.mean())
        image = ndimage.gaussian_filter(draws.normal(size=(256, 256)), 2)
        labels, n_spots = ndimage.label(image > image.std())
        sizes = ndimage.sum_labels(np.ones_like(image), labels, np.arange(1, n_spots + 1))
        turned = ndimage.zoom(image[::2, ::2], 1.5, order=1)
        total += float(peaks.sum() + sizes.max() + turned.mean())
    return total


def main():
    rounds = max(1, int(800 * SCALE))
    core(1)
    cpu0, t0 = time.process_time(), time.perf_counter()
    checksum = core(rounds)
    seconds, cpu = time.perf_counter() - t0, time.process_time() - cpu0
    print(f"RESULT seconds={seconds:.6f} checksum={checksum:.10g} cpu={cpu:.6f}", flush=True)


if __name__ == "__main__":
    main()
