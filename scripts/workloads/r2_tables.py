"""R2 tables: pandas filters, joins, groups, pivots and smooths a table of sales.

pandas makes many arrays of all sizes for each step: index arrays, masks, blocks of columns.
"""

import os
import time

import numpy as np
import pandas as pd

SCALE = float(os.environ.get("WORKLOAD_SCALE", "1"))


def core(rounds):
    draws = np.random.default_rng(42)
    total = 0.0
    shops = pd.DataFrame({"shop": np.arange(200), "region": draws.integers(0, 12, 200)})
    for _ in range(rounds):
        n = 60_000
        sales = pd.DataFrame(
            {
                "shop": draws.integers(0, 200, n),
                "day": draws.integers(0, 365, n),
                "price": draws.gamma(2.0, 10.0, n),
                "amount": draws.integers(1, 9, n),
            }
        )
        sales = sales[sales["price"] > 2.0].merge(shops, on="shop")
        sales["value"] = sales["price"] * sales["amount"]
        by_day = sales.groupby(["region", "day"])["value"].agg(["sum", "mean", "max"]).reset_index()
        wide = by_day.pivot_table(index="day", columns="region", values="sum", fill_value=0.0)
        smooth = wide.rolling(7, min_periods=1).mean()
        best = sales.sort_values(["region", "value"]).groupby("region").tail(3)
        total += float(smooth.to_numpy().sum()) + float(best["value"].sum())
    return total


def main():
    rounds = max(1, int(120 * SCALE))
    core(1)  # imports what pandas puts off
    cpu0, t0 = time.process_time(), time.perf_counter()
    checksum = core(rounds)
    seconds, cpu = time.perf_counter() - t0, time.process_time() - cpu0
    print(f"RESULT seconds={seconds:.6f} checksum={checksum:.10g} cpu={cpu:.6f}", flush=True)


if __name__ == "__main__":
    main()
