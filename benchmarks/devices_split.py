"""One batch on one GPU, on two, in uneven shares, and with the CPU: `python benchmarks/devices_split.py` where there are two.

Two million Lorenz trajectories from NumPy and back; results verified against one GPU; medians and spread. Writes
$OUT/devices_split.json (or ./devices_split.json).
"""

from __future__ import annotations

import json
import os
import time
from datetime import date
from pathlib import Path

import numpy as np
from gpu_check import put_together  # puts the package on the path where it is not installed

import wengert as wg

assert put_together
CALLS, STEPS, DT = 2_000_000, 200_000, 0.00005


def lorenz(start, rho, steps):
    u = start.copy()
    for _ in range(steps):
        dx, dy, dz = 10.0 * (u[1] - u[0]), u[0] * (rho - u[2]) - u[1], u[0] * u[1] - 8.0 / 3.0 * u[2]
        u[0] += DT * dx
        u[1] += DT * dy
        u[2] += DT * dz
    return u


def main() -> None:
    batch = wg.batch(lorenz, in_axes=(0, 0, None))
    start, rho = np.random.default_rng(0).random((CALLS, 3)), np.linspace(20.0, 30.0, CALLS)
    cases = [
        ("one GPU", wg.offload(batch, "cuda:0")),
        ("two GPUs", wg.offload(batch, ["cuda:0", "cuda:1"])),
        ("two GPUs, 3 to 1", wg.offload(batch, ["cuda:0", "cuda:1"], shares=[3, 1])),
        ("two GPUs and the CPU, 50000 : 50000 : 1", wg.offload(batch, ["cuda:0", "cuda:1", "cpu"], shares=[50_000, 50_000, 1])),
    ]
    rows, reference = [], None
    for name, f in cases:
        got = np.asarray(f(start, rho, STEPS))
        reference = got if reference is None else reference
        difference = float(np.max(np.abs(got - reference)))
        assert difference < 1e-6, (name, difference)
        times = []
        for _ in range(7):
            begin = time.perf_counter()
            np.asarray(f(start, rho, STEPS))
            times.append(time.perf_counter() - begin)
        shares = [(s.device, s.stop - s.start) for s in getattr(f, "split", ())]
        rows.append({"case": name, "median": float(np.median(times)), "least": min(times), "most": max(times),
                     "difference": difference, "shares": shares})  # fmt: skip
        least, median, most = (1e3 * t for t in (min(times), rows[-1]["median"], max(times)))
        print(f"{name:<40} {median:8.1f} ms ({least:.1f} to {most:.1f})  {difference:.0e}")
    record = {"date": date.today().isoformat(), "devices": [d.name for d in wg.devices()],
              "calls": CALLS, "steps": STEPS, "rows": rows}  # fmt: skip
    (Path(os.environ.get("OUT", ".")) / "devices_split.json").write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
