"""Speed on one CPU thread, beside NumPy, Numba and C: `python benchmarks/cpu.py [--quick] [--only WORD]`.

Results are compared first; then the tools take turns for a number of rounds, and each ratio is that of the medians. In its turn
a tool runs twice, and the second time counts: it finds the caches as it leaves them itself, not as the one before did. C is
compiled by `gcc -O3 -march=native`, Numba with fastmath; loops by Numba without it, too. Writes benchmarks/results/cpu.json
and benchmarks/CPU.md.
"""

# ruff: noqa: E402  (the number of threads must be set before NumPy is imported)
from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "WENGERT_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import ctypes
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from math import exp, log
from pathlib import Path
from statistics import quantiles
from time import perf_counter
from typing import Any

import numpy as np
from cpu_kernels import KERNELS, C, Kernel
from machine import processor, versions

import wengert as wg
from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Function, Op, Value
from wengert.compiler.ir.rewrite import rewrite
from wengert.compiler.passes.pipeline import Recorder, optimise
from wengert.compiler.runtime import cpu
from wengert.compiler.transforms.compiled import trace_for

HERE = Path(__file__).resolve().parent
TOOLS = ("wengert", "numpy", "numba", "ordered", "c")
GOALS = {
    "array": "never slower than NumPy, geometric mean 4x; Numba: geometric mean 1.0x, none below 0.8x",
    "transcendental": "5x NumPy",
    "matmul": "within 1.05x of NumPy's BLAS",
    "loop": "within 1.1x of C",
}
REASONS = {
    "array kernels": "sums of a million numbers wait for memory in NumPy's loops, too: see sum 1M beside C",
    "A @ B 512²": "the same routine of the same BLAS, called with the same arrays",
    "Nussinov 150": "ten checks around inner loops of 50 trips, which take 20 ns",
    "Floyd-Warshall 150²": "a row's loop is cut in two where it may change what it reads",
    "primal": "LLVM takes half of it",
    "primal and gradient": "LLVM takes over half: on an idle machine 20 ms for 100 operations, 63 for the 285 of the gradient",
}
"""Why a goal is missed; shown where it is."""
IN_ORDER = "adds, and divides by what is written; fastmath takes another order, and products with inverses"
FUSED = "no product is fused with a sum, as none is in NumPy; fastmath may"
AGAINST_NUMBA = {
    "Lotka-Volterra RK4, 100k steps": IN_ORDER, "Seidel 200², 10 sweeps": IN_ORDER, "LU 150²": IN_ORDER,
    "Mandelbrot 150², 200": FUSED,
}  # fmt: skip
"""Why Numba's loop is faster, which is no goal."""


def because(name: str, reasons: dict[str, str] = REASONS) -> str:
    return f" ({reasons[name]})" if name in reasons else ""


# -- the tools


def c_library() -> ctypes.CDLL | None:
    gcc = shutil.which("gcc")
    if gcc is None:
        return None
    folder = Path(tempfile.mkdtemp())
    (folder / "k.c").write_text(C)
    command = [gcc, "-O3", "-march=native", "-shared", "-fPIC", "-o", str(folder / "k.so"), str(folder / "k.c"), "-lm"]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(folder / "k.so"))


def c_function(library: ctypes.CDLL, kernel: Kernel) -> Callable[..., Any]:
    function = getattr(library, kernel.function.__name__)
    function.restype = ctypes.c_double

    def call(*args: Any) -> float:
        flat: list[Any] = []
        for a in args:
            if isinstance(a, np.ndarray):
                flat += [ctypes.c_void_p(a.ctypes.data), *(ctypes.c_longlong(n) for n in a.shape)]
            else:
                flat.append(ctypes.c_double(a) if isinstance(a, float) else ctypes.c_longlong(a))
        return float(function(*flat))

    return call


def numba_jit(fastmath: bool = True) -> Callable[..., Any] | None:
    try:
        import numba
    except ImportError:
        return None
    return numba.njit(fastmath=fastmath)  # type: ignore[no-any-return]


def tools(kernel: Kernel, library: ctypes.CDLL | None, njit: Callable[..., Any] | None) -> dict[str, Callable[..., Any]]:
    found: dict[str, Callable[..., Any]] = {"wengert": wg.jit(kernel.function)}
    if kernel.group != "loop":
        found["numpy"] = kernel.function
    if njit is not None:
        found["numba"] = njit(kernel.function)
    if kernel.group == "loop" and (ordered := numba_jit(fastmath=False)) is not None:
        found["ordered"] = ordered(kernel.function)
    if kernel.c and library is not None:
        found["c"] = c_function(library, kernel)
    return found


# -- measuring


def fresh(kernel: Kernel, args: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(a.copy() if k in kernel.writes else a for k, a in enumerate(args))


def verify(kernel: Kernel, found: dict[str, Callable[..., Any]], args: tuple[Any, ...]) -> None:
    """Every tool gives what Python and NumPy give."""
    own = fresh(kernel, args)
    reference = [kernel.function(*own), *(own[k] for k in kernel.writes)]
    for name, call in found.items():
        own = fresh(kernel, args)
        result = [call(*own), *(own[k] for k in kernel.writes)]
        for a, b in zip(result, reference, strict=True):
            if a is not None and b is not None:
                where = f"{kernel.name}: {name}"
                np.testing.assert_allclose(a, b, rtol=kernel.tolerance, atol=kernel.tolerance, err_msg=where)


def timed(kernel: Kernel, call: Callable[..., Any], args: tuple[Any, ...]) -> float:
    own = fresh(kernel, args)
    start = perf_counter()
    call(*own)
    return perf_counter() - start


def measure(kernel: Kernel, found: dict[str, Callable[..., Any]], seconds: float) -> dict[str, dict[str, float]]:
    """Milliseconds of each tool: median, quartiles, best; the tools take turns."""
    args = kernel.make()
    verify(kernel, found, args)
    once = sum(min(timed(kernel, call, args) for _ in range(3)) for call in found.values())
    rounds = int(min(200, max(9, seconds / max(2 * once, 1e-6))))
    times: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(rounds):
        for name, call in found.items():
            timed(kernel, call, args)
            times[name].append(timed(kernel, call, args) * 1e3)
    return {name: spread(one) for name, one in times.items()}


def spread(times: list[float]) -> dict[str, float]:
    low, middle, high = quantiles(times, n=4)
    return {"median": middle, "low": low, "high": high, "best": min(times)}


# -- checks

CHECKED = ("stencil 512²", "reaction-diffusion", "Seidel", "LU", "Floyd-Warshall", "Nussinov")
"""The stencils and the matrix kernels."""


def without_checks(function: Function) -> Function:
    """Indices as they stand, not looked at (none of these counts from the end), extents taken for equal."""

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        return {"index": operands[:1], "same_extent": operands[:1], "check": []}.get(op.name)

    return optimise(rewrite(function, replace))


def checks(seconds: float) -> dict[str, dict[str, float]]:
    """How many times as long a kernel takes with its checks; both in turn."""
    found = {}
    for kernel in (k for k in KERNELS if k.name.startswith(CHECKED)):
        function = trace_for(kernel.function, signature_of(kernel.make()), Recorder()).function
        both = [cpu.load(f).call for f in (function, without_checks(function))]
        args, ratios, start = kernel.make(), list[float](), perf_counter()
        while len(ratios) < 15 or perf_counter() - start < seconds:
            order = (0, 1) if len(ratios) % 2 else (1, 0)
            times = {k: timed(kernel, both[k], args) for k in order}
            ratios.append(times[0] / times[1])
        found[kernel.name] = spread(ratios)
    return found


# -- calls and compiling


def call_overhead(njit: Callable[..., Any] | None) -> dict[str, dict[str, float]]:
    """Microseconds of a call with three small arrays and a float."""

    def axpy(a, x, y, z):
        for i in range(x.shape[0]):
            z[i] = a * x[i] + y[i]

    x, y, z = np.ones((3, 3))
    watched = wg.jit(axpy)
    watched.on_call = lambda args, kwargs: None  # as in a notebook, where panels compute at the last arguments
    found = {"wengert": wg.jit(axpy), "wengert, watched": watched} | ({"numba": njit(axpy)} if njit is not None else {})
    times: dict[str, list[float]] = {name: [] for name in found}
    for name in found:
        found[name](2.0, x, y, z)
    for _ in range(31):
        for name, call in found.items():
            start = perf_counter()
            for _ in range(5000):
                call(2.0, x, y, z)
            times[name].append((perf_counter() - start) / 5000 * 1e6)
    return {name: spread(one) for name, one in times.items()}


NEW_PROCESS = """
import sys, time; sys.path.insert(0, {here!r})
import numpy as np, wengert as wg
from compile_time_model import loss, sample
args = sample(); wg.jit
start = time.perf_counter(); wg.jit(loss)(*args); print((time.perf_counter() - start) * 1e3)
"""


def compiling(repetitions: int) -> dict[str, dict[str, float]]:
    """Milliseconds from `wg.jit` or `wg.grad` to the first result of a 30-line function."""
    from compile_time_model import loss, sample

    args = sample()
    os.environ["WENGERT_CACHE"] = "off"
    wg.jit(loss)(*args)
    times: dict[str, list[float]] = {"primal": [], "primal and gradient": [], "new process, from disk": []}
    for _ in range(repetitions):
        start = perf_counter()
        primal = wg.jit(loss)
        primal(*args)
        times["primal"].append((perf_counter() - start) * 1e3)
        wg.grad(primal)(*args)
        times["primal and gradient"].append((perf_counter() - start) * 1e3)
    with tempfile.TemporaryDirectory() as folder:
        environment = {k: v for k, v in os.environ.items() if k != "WENGERT_CACHE"} | {"WENGERT_CACHE_DIR": folder}
        for k in range(min(8, repetitions)):
            command = [sys.executable, "-c", NEW_PROCESS.format(here=str(HERE))]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            if k > 0:  # the first one compiles
                times["new process, from disk"].append(float(done.stdout))
    return {name: spread(one) for name, one in times.items()}


# -- the table


def geometric_mean(ratios: list[float]) -> float:
    return exp(sum(map(log, ratios)) / len(ratios))


def missed(group: str, name: str, row: dict[str, dict[str, float]]) -> list[str]:
    own = row["wengert"]["median"]
    faster = {tool: row[tool]["median"] / own for tool in row if tool != "wengert"}
    found = []
    limits = {"array": {"numpy": 1.0, "numba": 0.8}, "transcendental": {"numpy": 5.0}, "matmul": {"numpy": 1 / 1.05}}
    limits["loop"] = {"c": 1 / 1.1}
    for tool, least in limits[group].items():
        if tool in faster and faster[tool] < least:
            found.append(f"{name}: {faster[tool]:.2f}x {LABELS[tool]}, goal {least:.2f}x{because(name)}")
    return found


LABELS = {"numpy": "NumPy", "numba": "Numba", "ordered": "Numba, no fastmath", "c": "C", "wengert": "wengert"}


def render(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    lines = [
        "# Speed on the CPU, one thread",
        "",
        f"{report['date']}, {report['machine']}; {', '.join(f'{k} {v}' for k, v in report['versions'].items())}.",
        "`python benchmarks/cpu.py` verifies, then measures: medians in milliseconds, the quartiles in brackets; the last",
        "columns say how many times faster wengert is than the peer (below 1: slower). Numba: with fastmath. Two threads and",
        "more are in [BATCHING.md](BATCHING.md).",
        "",
    ]
    misses: list[str] = []
    slower: list[str] = []
    for group, rows in report["kernels"].items():
        shown = [t for t in TOOLS if any(t in row for row in rows.values())]
        head = " | ".join([LABELS[t] for t in shown] + [f"vs {LABELS[t]}" for t in shown[1:]])
        lines += [f"## {group}: {GOALS[group]}", "", f"| kernel | {head} |", "|---" * (2 * len(shown)) + "|"]
        ratios: dict[str, list[float]] = {}
        for name, row in rows.items():
            cells = [f"{row[t]['median']:.3g} [{row[t]['low']:.3g}..{row[t]['high']:.3g}]" if t in row else "" for t in shown]
            faster = {t: row[t]["median"] / row["wengert"]["median"] for t in shown[1:] if t in row}
            for tool, ratio in faster.items():
                ratios.setdefault(tool, []).append(ratio)
            cells += [f"{faster[t]:.2f}" if t in faster else "" for t in shown[1:]]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
            misses += missed(group, name, row)
            if group == "loop" and faster.get("numba", 1.0) < 0.95:
                ordered = f", {faster['ordered']:.2f}x without fastmath" if "ordered" in faster else ""
                slower.append(f"{name}: {faster['numba']:.2f}x{ordered}{because(name, AGAINST_NUMBA)}")
        means = [f"{geometric_mean(ratios[t]):.2f}" if group != "array" or t != "c" else "" for t in shown[1:]]
        lines += ["| **geometric mean** |" + " |" * len(shown) + " " + " | ".join(means) + " |", ""]
        if group == "array" and "c" in rows["sum 1M"]:
            speed = {t: 8.0 / rows["sum 1M"][t]["median"] for t in ("wengert", "numpy", "c")}
            lines += [
                f"The sum reads {speed['wengert']:.0f} GB/s, NumPy's {speed['numpy']:.0f}, and C that only loads and adds "
                f"{speed['c']:.0f}.", "",
            ]  # fmt: skip
        if group == "array" and "numpy" in ratios and geometric_mean(ratios["numpy"]) < 4:
            mean = geometric_mean(ratios["numpy"])
            misses.append(f"array kernels: geometric mean {mean:.2f}x NumPy, goal 4x{because('array kernels')}")
        if group == "array" and "numba" in ratios and geometric_mean(ratios["numba"]) < 1:
            misses.append(f"array kernels: geometric mean {geometric_mean(ratios['numba']):.2f}x Numba, goal 1.0x")
    lines += ["## bounds and shapes checked, and not: at most 1.05 times as long", ""]
    lines += ["| kernel | times | quartiles |", "|---|---|---|"]
    for name, s in report["checks"].items():
        lines.append(f"| {name} | {s['median']:.3f} | {s['low']:.3f}..{s['high']:.3f} |")
        if s["median"] > 1.05:
            misses.append(f"{name}: {s['median']:.3f} times as long with checks, goal 1.05{because(name)}")
    lines += ["", "## calls and compiling", "", "| what | median | quartiles | goal |", "|---|---|---|---|"]
    goals = {
        "call, 3 arrays and a float": ("µs", "0.5 and below Numba's"),
        "primal": ("ms", "100"),
        "primal and gradient": ("ms", "250"),
        "new process, from disk": ("ms", "15"),
    }
    labels = {"wengert": "", "numba": " (Numba)", "wengert, watched": ", watched by a workbench"}
    rows = {f"call, 3 arrays and a float{labels[t]}": s for t, s in report["calls"].items()}
    for name, s in {**rows, **report["compiling"]}.items():
        unit, goal = goals.get(name, ("µs", ""))
        lines.append(f"| {name} | {s['median']:.3g} {unit} | {s['low']:.3g}..{s['high']:.3g} | {goal} |")
        if goal and s["median"] > float(goal.split()[0]):
            misses.append(f"{name}: {s['median']:.3g} {unit}, goal {goal}{because(name)}")
    calls = {tool: s["median"] for tool, s in report["calls"].items()}
    if calls["wengert"] > calls.get("numba", calls["wengert"]):
        both = f"call: {calls['wengert']:.3g} µs, Numba {calls['numba']:.3g} µs"
        misses.append(both)
    lines += ["", "## Goals missed in this run", "", *([f"- {m}" for m in misses] or ["None."]), ""]
    lines += ["## Loops slower than Numba's", "", *([f"- {m}" for m in slower] or ["None."]), ""]
    return "\n".join(lines)


def compared() -> dict[str, str]:
    found = versions("numpy", "numba", "llvmlite")
    if shutil.which("gcc"):
        done = subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True, check=False)
        found["gcc"] = done.stdout.strip()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rounds; writes nothing")
    parser.add_argument("--only", default="", help="kernels whose name contains this; writes nothing")
    options = parser.parse_args()
    library, njit = c_library(), numba_jit()
    kernels: dict[str, dict[str, Any]] = {}
    for kernel in KERNELS:
        if options.only.lower() not in kernel.name.lower():
            continue
        row = measure(kernel, tools(kernel, library, njit), 0.6 if options.quick else 6.0)
        kernels.setdefault(kernel.group, {})[kernel.name] = row
        print(f"{kernel.name:<36}" + "  ".join(f"{tool} {s['median']:.3f}" for tool, s in row.items()), flush=True)
    if options.only:
        return
    report = {
        "date": date.today().isoformat(),
        "machine": processor(),
        "versions": compared(),
        "kernels": kernels,
        "checks": checks(0.5 if options.quick else 3.0),
        "calls": call_overhead(njit),
        "compiling": compiling(5 if options.quick else 15),
    }
    text = render(report)
    if options.quick:
        print(text)
        return
    (HERE / "results/cpu.json").write_text(json.dumps(report, indent=1) + "\n")
    (HERE / "CPU.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
