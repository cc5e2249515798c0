"""R5 network: a neural network is trained in plain NumPy, with momentum, by small batches.

Matrix products of moderate size, and elementwise steps on weights and activations between them.
"""

import os
import time

import numpy as np

SCALE = float(os.environ.get("WORKLOAD_SCALE", "1"))
SHAPE = (64, 256, 128, 10)
BATCH = 128


def forward(weights, biases, batch):
    """The activations of all layers; the last one as probabilities."""
    layers = [batch]
    for weight, bias in zip(weights[:-1], biases[:-1]):
        layers.append(np.maximum(layers[-1] @ weight + bias, 0))
    scores = layers[-1] @ weights[-1] + biases[-1]
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    layers.append(scores / scores.sum(axis=1, keepdims=True))
    return layers


def core(steps):
    draws = np.random.default_rng(45)
    inputs = draws.normal(size=(8192, SHAPE[0])).astype(np.float32)
    hidden_rule = draws.normal(size=(SHAPE[0], SHAPE[-1])).astype(np.float32)
    wanted = (inputs @ hidden_rule).argmax(axis=1)
    weights = [draws.normal(0, a**-0.5, (a, b)).astype(np.float32) for a, b in zip(SHAPE, SHAPE[1:])]
    biases = [np.zeros(b, np.float32) for b in SHAPE[1:]]
    momentum = [np.zeros_like(weight) for weight in weights]
    for _ in range(steps):
        chosen = draws.integers(0, len(inputs), BATCH)
        layers = forward(weights, biases, inputs[chosen])
        error = layers[-1]
        error[np.arange(BATCH), wanted[chosen]] -= 1
        error /= BATCH
        for i in reversed(range(len(weights))):
            slope = layers[i].T @ error
            bias_slope = error.sum(axis=0)
            if i:
                error = (error @ weights[i].T) * (layers[i] > 0)
            momentum[i] *= np.float32(0.9)
            momentum[i] += slope
            weights[i] -= np.float32(0.05) * momentum[i]
            biases[i] -= np.float32(0.05) * bias_slope
    right = forward(weights, biases, inputs)[-1].argmax(axis=1) == wanted
    return float(right.mean()) + sum(float(np.abs(weight).sum()) for weight in weights)


def main():
    steps = max(1, int(8000 * SCALE))
    core(10)
    cpu0, t0 = time.process_time(), time.perf_counter()
    checksum = core(steps)
    seconds, cpu = time.perf_counter() - t0, time.process_time() - cpu0
    print(f"RESULT seconds={seconds:.6f} checksum={checksum:.6g} cpu={cpu:.6f}", flush=True)


if __name__ == "__main__":
    main()
