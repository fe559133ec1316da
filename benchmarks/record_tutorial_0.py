"""The offloaded part of tutorial 0 on a machine with an NVIDIA GPU, written down for readers who have none.

    python benchmarks/record_tutorial_0.py [--device cuda:0] [--output tutorials/recorded/00_lotka_volterra.json]

Run from the root of the repository. It takes the model from the notebook itself, checks the device's gradients against the
CPU's, then times both and keeps the ledger. Needs neither Jupyter nor an installed wengert.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import linecache
import os
import sys
import time
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
if importlib.util.find_spec("wengert") is None:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from gpu_check import put_together

    put_together()

import wengert as wg  # noqa: E402

SIZES = (1_000, 16_000, 256_000)


def model() -> dict[str, Any]:
    """The functions of the notebook's first compiled cell, under their names."""
    notebook = json.loads((ROOT / "tutorials/00_lotka_volterra.ipynb").read_text())
    cell = next("".join(c["source"]) for c in notebook["cells"] if "".join(c["source"]).startswith("%%autodiff"))
    source = "\n" + cell.split("\n", 1)[1]
    linecache.cache["tutorial_0"] = (len(source), None, source.splitlines(keepends=True), "tutorial_0")
    try:
        from jaxtyping import Float64
    except ImportError:  # the annotations are only read by the notebook
        source, Float64 = "from __future__ import annotations" + source, None
    names: dict[str, Any] = {"np": np, "Float64": Float64, "__name__": "tutorial_0"}
    exec(compile(source, "tutorial_0", "exec"), names)
    return names


def measure(call: Any, wait: Any, seconds: float = 1.0) -> dict[str, float]:
    """Median and quartiles of a call, in seconds, and how many there were."""
    call(), wait()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        call(), wait()
        times.append(time.perf_counter() - start)
    q1, median, q3 = np.quantile(times, [0.25, 0.5, 0.75])
    return {"median": float(median), "q1": float(q1), "q3": float(q3), "calls": len(times)}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--device", default="cuda:0")
    arguments.add_argument("--output", default=os.environ.get("OUT", "tutorials/recorded") + "/00_lotka_volterra.json")
    options = arguments.parse_args()

    loss = model()["loss"]
    _, hare, lynx = np.loadtxt(ROOT / "tutorials/data/lynx_hare.csv", delimiter=",", skiprows=2, unpack=True)
    gradients = wg.batch(wg.grad(loss), in_axes=(0, None, None))
    there = wg.offload(gradients, options.device)
    rng = np.random.default_rng(1900)
    start = np.log([0.5, 0.02, 0.02, 0.8, 30.0, 4.0])

    rows = []
    for size in SIZES:
        points = start + 0.3 * rng.standard_normal((size, 6))
        here = gradients(points, hare, lynx)
        far = np.asarray(there(points, hare, lynx))
        error = float(np.max(np.abs(far - here)) / np.max(np.abs(here)))
        assert error < 1e-9, f"the device's gradients are off by {error}"
        wait = there.last.executable.synchronize
        row = {"points": size, "relative_difference": error}
        row["cpu, one thread"] = measure(lambda: gradients(points, hare, lynx), lambda: None)  # noqa: B023
        row["device, resident"] = measure(lambda: there(points, hare, lynx), wait)  # noqa: B023
        row["device, there and back"] = measure(lambda: np.asarray(there(points + 0.0, hare, lynx)), lambda: None)  # noqa: B023
        rows.append(row)
        print(size, {k: v["median"] if isinstance(v, dict) else v for k, v in row.items()}, flush=True)
    before = len(wg.transfers())
    result = there(points[:1000] + 0.0, hare, lynx)
    np.asarray(result)
    ledger = [
        {"array": t.array, "bytes": t.bytes, "direction": t.direction, "milliseconds": t.milliseconds, "why": t.why}
        for t in list(wg.transfers())[before:]
    ]
    device = next(d for d in wg.devices() if d.id == options.device)
    record = {
        "date": date.today().isoformat(),
        "device": device.name,
        "versions": {n: _version(n) for n in ("numpy", "llvmlite", "cupy-cuda13x")},
        "rows": rows,
        "ledger": ledger,
        "kernels": [str(k) for k in there.last.executable.kernels],
        "notes": list(there.last.executable.notes),
    }
    Path(options.output).write_text(json.dumps(record, indent=1) + "\n")
    print(wg.devices())
    print(f"written: {options.output}")


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "-"


if __name__ == "__main__":
    main()
