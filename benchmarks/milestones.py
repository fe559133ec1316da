"""The five milestones on a GPU, verified and timed beside the CPU: `python benchmarks/milestones.py [--device cuda-sim]`.

Arrays there and back; user types there and back; independent iterations as threads; a case where that beats the same loop on all
cores of the CPU; the derivative of an in-place time loop on the device. The CPU runs each on one thread and on all. Needs
NumPy, SciPy, llvmlite and CuPy, nothing installed; writes $OUT/milestones.json (or ./milestones.json). The tutorial on the GPU
shows the recorded numbers.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from gpu_check import put_together  # puts the package on the path where it is not installed
from numpy.typing import NDArray

import wengert as wg
from wengert.compiler.api import on_threads, threads_at_most

assert put_together
Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


@dataclass
class Cloud:
    position: Matrix
    velocity: Matrix
    mass: Vector
    time: float


def roots(x: Vector) -> Vector:
    return 2.0 * np.sqrt(x) + x


def drift(cloud: Cloud, dt: float) -> Cloud:
    velocity = cloud.velocity - dt * cloud.position / cloud.mass[:, None]
    return Cloud(cloud.position + dt * velocity, velocity, cloud.mass, cloud.time + dt)


def mandelbrot(width: int, height: int, limit: int) -> NDArray[np.int64]:
    counts = np.zeros((height, width), dtype=np.int64)
    for row in wg.prange(height):
        for column in range(width):
            a, b = -2.2 + 3.0 * column / width, -1.2 + 2.4 * row / height
            x, y, n = 0.0, 0.0, 0
            while n < limit and x * x + y * y < 4.0:
                x, y = x * x - y * y + a, 2.0 * x * y + b
                n += 1
            counts[row, column] = n
    return counts


def pattern(u: Matrix, steps: int) -> float:
    """Fisher's equation with an explicit scheme, the state overwritten in each step."""
    u = u.copy()
    for _ in range(steps):
        change = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4.0 * u[1:-1, 1:-1]
        u[1:-1, 1:-1] += 0.2 * change + 0.01 * u[1:-1, 1:-1] * (1.0 - u[1:-1, 1:-1])
    return np.sum(u**2)


def leaves(value: Any) -> list[np.ndarray]:
    if isinstance(value, Cloud):
        return [np.asarray(leaf) for leaf in (value.position, value.velocity, value.mass, value.time)]
    return [np.asarray(value)]


def renewed(value: Any) -> Any:
    """The argument in new memory, which the device has not seen."""
    if isinstance(value, Cloud):
        return Cloud(value.position.copy(), value.velocity.copy(), value.mass.copy(), value.time)
    return value.copy() if isinstance(value, np.ndarray) else value


def seconds(f: Callable[..., Any], args: tuple[Any, ...], at_least: float, read: bool, new: bool = False) -> dict[str, Any]:
    """Times of calls; `read`: with the results on the host; `new`: with arguments that have to be sent."""
    times: list[float] = []
    end = time.perf_counter() + at_least
    while len(times) < 5 or (time.perf_counter() < end and len(times) < 1000):
        given = tuple(map(renewed, args)) if new else args
        start = time.perf_counter()
        result = f(*given)
        if read:
            leaves(result)
        times.append(time.perf_counter() - start)
    q1, median, q3 = np.percentile(times, (25, 50, 75))
    return {"median": median, "q1": q1, "q3": q3, "calls": len(times)}


def measure(
    name: str, f: Callable[..., Any], args: tuple[Any, ...], compared: tuple[Any, ...], device: str, at_least: float
) -> dict[str, Any]:
    """`compared`: the arguments for which the results are compared."""
    here, there = f, wg.offload(f, device)
    start = time.perf_counter()
    leaves(there(*args))
    first = time.perf_counter() - start
    worst = 0.0
    for a, b in zip(leaves(here(*compared)), leaves(there(*compared)), strict=True):
        assert a.shape == b.shape and np.all(np.isfinite(b))
        worst = max(worst, float(np.max(np.abs(a - b), initial=0.0) / max(1e-300, float(np.max(np.abs(a), initial=0.0)))))
    assert worst < 1e-9, (name, worst)
    before = len(wg.transfers())
    leaves(there(*args))
    moved = [{"array": t.array, "bytes": t.bytes, "direction": t.direction, "why": t.why, "milliseconds": t.milliseconds}
             for t in wg.transfers()[before:]]  # fmt: skip
    with on_threads(1):
        one_thread = seconds(here, args, at_least, read=True)
    row: dict[str, Any] = {
        "milestone": name,
        "relative difference": worst,
        "first call": first,
        "cpu": one_thread,
        "cpu, all threads": seconds(here, args, at_least, read=True),
        "device, there and back": seconds(there, args, at_least, read=True, new=True),
        "device, resident, results read": seconds(there, args, at_least, read=True),
        "device, resident, until the call returns": seconds(there, args, at_least, read=False),
        "transfers of a second call": moved,
    }
    cpu, every = row["cpu"]["median"], row["cpu, all threads"]["median"]
    gpu = row["device, there and back"]["median"]
    left = row["device, resident, until the call returns"]["median"]
    print(
        f"{name:<40} cpu {1e3 * cpu:9.3f} ms, all threads {1e3 * every:9.3f} ms   "
        f"device: returns after {1e3 * left:9.3f} ms, there and back {1e3 * gpu:9.3f} ms, "
        f"{cpu / gpu:7.2f} and {every / gpu:7.2f} times   difference {worst:.0e}"
    )
    return row


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--small", action="store_true", help="small sizes, to try the script out")
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    n, side, pixels, limit, steps = (4000, 64, 64, 50, 5) if given.small else (8_000_000, 1024, 2048, 500, 100)
    cloud = Cloud(rng.standard_normal((n // 8, 3)), rng.standard_normal((n // 8, 3)), 1.0 + rng.random(n // 8), 0.0)
    u = rng.random((side, side))
    cases: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = [
        ("arrays there and back", wg.jit(roots), (rng.random(n),)),
        ("user types there and back", wg.jit(drift), (cloud, 0.01)),
        ("independent iterations as threads", wg.jit(mandelbrot), (pixels, pixels, limit)),
        ("an in-place time loop", wg.jit(pattern), (u, steps)),
        ("the gradient of an in-place time loop", wg.grad(pattern), (u, steps)),
    ]
    # a kernel rounds a product and its sum once, and the map doubles an error with each step: after 50 steps counts differ
    compared = {"independent iterations as threads": (pixels, pixels, 30)}
    rows = []
    for name, f, args in cases:
        try:
            rows.append(measure(name, f, args, compared.get(name, args), given.device, 0.05 if given.small else 1.0))
        except Exception as error:  # the other milestones are measured all the same, and this one is said to have failed
            print(f"{name}: FAILED: {type(error).__name__}: {error}")
            rows.append({"milestone": name, "failed": f"{type(error).__name__}: {error}"})
    record = {
        "date": date.today().isoformat(),
        "device": next((d.name for d in wg.devices() if d.id == given.device), given.device),
        "cpu": next(d.name for d in wg.devices() if d.id == "cpu"),
        "threads": threads_at_most(),
        "versions": {name: metadata.version(name) for name in ("numpy", "llvmlite")},
        "sizes": {"elements": n, "side": side, "pixels": pixels, "limit": limit, "steps": steps},
        "rows": rows,
    }
    (Path(os.environ.get("OUT", ".")) / "milestones.json").write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
