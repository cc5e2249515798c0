"""R1 learning: scikit-learn scales, reduces and clusters data, then grows a boosted forest on it.

Most of the time is in compiled code that works on NumPy's arrays; a tree of the forest asks NumPy for
some small arrays, a step of the clustering for a few larger ones.
"""

import os
import time

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SCALE = float(os.environ.get("WORKLOAD_SCALE", "1"))


def core(rounds):
    draws = np.random.default_rng(41)
    total = 0.0
    for seed in range(rounds):
        data = draws.normal(size=(1500, 20))
        label = (data[:, 0] * data[:, 1] + data[:, 2] > 0).astype(int)
        reduce = make_pipeline(StandardScaler(), PCA(8, svd_solver="full"))
        reduced = reduce.fit_transform(data)
        clusters = KMeans(6, n_init=2, random_state=seed).fit_predict(reduced)
        model = GradientBoostingClassifier(n_estimators=25, max_depth=3, random_state=seed)
        features = np.column_stack([data, clusters])
        model.fit(features[:1000], label[:1000])
        total += model.score(features[1000:], label[1000:])
    return total


def main():
    rounds = max(1, int(30 * SCALE))
    core(1)  # imports what scikit-learn puts off
    cpu0, t0 = time.process_time(), time.perf_counter()
    checksum = core(rounds)
    seconds, cpu = time.perf_counter() - t0, time.process_time() - cpu0
    print(f"RESULT seconds={seconds:.6f} checksum={checksum:.10g} cpu={cpu:.6f}", flush=True)


if __name__ == "__main__":
    main()
