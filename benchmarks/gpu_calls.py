"""Where the time of a small call on a GPU goes, by Python function: `python benchmarks/gpu_calls.py [--device cuda-sim]`."""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time

import numpy as np
from gpu_check import put_together  # puts the package on the path where it is not installed
from numpy.typing import NDArray

import wengert as wg

assert put_together
Vector = NDArray[np.float64]


def fused(x: Vector) -> Vector:
    return np.sin(x) * x


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cuda:0")
    f = wg.offload(fused, parser.parse_args().device)
    x = f(np.linspace(0.0, 1.0, 1000))
    f(x)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        for _ in range(200):
            f(x)
        times.append((time.perf_counter() - start) / 200)
    q1, median, q3 = np.percentile(times, (25, 50, 75))
    print(f"a resident call: {1e6 * median:.1f} µs (quartiles {1e6 * q1:.1f} to {1e6 * q3:.1f})")
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(2000):
        f(x)
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(22)


if __name__ == "__main__":
    main()
