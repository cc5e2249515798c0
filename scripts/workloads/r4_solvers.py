"""R4 solvers: SciPy's iterative solvers: sparse systems, minimisation, differential equations.

They are written in Python and call NumPy for each small step: short vectors, many calls.
"""

import os
import time

import numpy as np
from scipy import integrate, optimize, sparse
from scipy.sparse.linalg import cg, spsolve

SCALE = float(os.environ.get("WORKLOAD_SCALE", "1"))


def laplace(n):
    """The five-point stencil on a grid of n × n."""
    line = sparse.diags([-1.0, 2.0, -1.0], [-1, 0, 1], shape=(n, n))
    return (sparse.kron(sparse.eye(n), line) + sparse.kron(line, sparse.eye(n))).tocsr()


def predator_and_prey(_, state):
    prey, predator = state
    return np.array([prey * (1.1 - 0.4 * predator), predator * (0.1 * prey - 0.4)])


def core(rounds):
    draws = np.random.default_rng(44)
    system = laplace(48)
    total = 0.0
    for _ in range(rounds):
        right = draws.normal(size=system.shape[0])
        solved, failed = cg(system, right, rtol=1e-6)
        exact = spsolve(system.tocsc(), right)
        start = draws.uniform(-1.0, 2.0, 12)
        least = optimize.minimize(optimize.rosen, start, jac=optimize.rosen_der, method="BFGS")
        path = integrate.solve_ivp(predator_and_prey, (0, 40), [10.0, 5.0], rtol=1e-6)
        total += failed + float(np.abs(solved - exact).max() < 1e-3) + least.fun + path.y[0, -1]
    return total


def main():
    rounds = max(1, int(200 * SCALE))
    core(1)
    cpu0, t0 = time.process_time(), time.perf_counter()
    checksum = core(rounds)
    seconds, cpu = time.perf_counter() - t0, time.process_time() - cpu0
    print(f"RESULT seconds={seconds:.6f} checksum={checksum:.10g} cpu={cpu:.6f}", flush=True)


if __name__ == "__main__":
    main()
