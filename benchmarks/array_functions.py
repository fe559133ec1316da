"""NumPy's functions one by one, compiled and not: `python benchmarks/array_functions.py [--quick] [--only WORD]`.

Each function of an array of 10, 1,000 and 1,000,000 elements, of float64 and float32, on one thread; results are compared
first. The two take turns, the table says how many times faster wengert is (medians). The calls are included, as a program
would make them. Writes benchmarks/results/array_functions.json and benchmarks/ARRAY_FUNCTIONS.md.
"""

# ruff: noqa: E402  (the number of threads must be set before NumPy is imported)
from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "WENGERT_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import ast
import json
import linecache
from collections.abc import Callable
from datetime import date
from math import exp, log
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from machine import processor, versions

import wengert as wg

HERE = Path(__file__).resolve().parent
SIZES = (10, 1_000, 1_000_000)
DTYPES = ("float64", "float32")
SLOW = 1 / 1.1
"""Below this many times NumPy's speed a function counts as slower."""

FUNCTIONS = {
    "element by element": """
        x + y, x * 2.5 + y, x / y, x ** 2, x ** 1.5, abs(x - y), np.sqrt(x), np.exp(x), np.log(x), np.sin(x), np.tanh(x)
        np.arctan2(x, y), np.hypot(x, y), np.floor(x), np.round(x), np.maximum(x, y), np.clip(x, 0.2, 0.8), np.sign(x - 0.5)
        x % y, x > y, np.isnan(x), np.where(x > y, x, y), np.logaddexp(x, y), np.expm1(x), np.cbrt(x), x.astype(np.int64)
    """,
    "reductions": """
        np.sum(x), np.prod(x), np.max(x), np.argmin(x), np.mean(x), np.var(x), np.std(x), np.median(x), np.any(x > 2.0)
        np.all(x > 0.0), np.count_nonzero(x > 0.5), np.dot(x, y), np.linalg.norm(x), np.ptp(x), np.percentile(x, 30.0)
        np.sum(a, axis=0), np.sum(a, axis=1), np.max(a, axis=0), np.max(a, axis=1), np.mean(a, axis=0), np.std(a, axis=1)
        np.argmax(a, axis=0), np.argmax(a, axis=1), np.linalg.norm(a, axis=1), np.trace(a)
    """,
    "order": """
        np.sort(x), np.argsort(x, kind='stable'), np.searchsorted(s, x), np.cumsum(x), np.cumprod(x), np.cumsum(a, axis=0)
        np.cumsum(a, axis=1), np.diff(x), np.unique(k), np.bincount(k), np.sort(a, axis=0), np.interp(x, s, y)
    """,
    "indices": """
        x[m], x[k], a[:, 1], a[1], x[::-1], x[::2] + y[::2], np.nonzero(m)[0], np.take(x, k), a.T + a.T[::-1], a[:, ::-1] * b
    """,
    "shapes": """
        np.concatenate((x, y)), np.stack((x, y)), np.pad(x, 3), np.roll(x, 3), np.tile(x, 2), np.repeat(x, 2)
        np.flip(a, axis=0), a.reshape(-1), a.ravel() + x, np.outer(x[:100], y[:100]), np.zeros(len(x)), np.ones_like(x)
        np.linspace(0.0, 1.0, len(x)), np.arange(len(x)), x.copy(), a.T.copy(), np.broadcast_to(a[0], a.shape) + a
    """,
    "products and transforms": """
        p @ q, p @ q[0], np.einsum('ij,ij->i', a, b), np.einsum('ij,jk->ik', p, q), np.tensordot(p, q)
        np.kron(p[:9, :9], q[:9, :9])
        np.linalg.solve(p, q[0]), np.linalg.inv(p), np.linalg.det(p), np.fft.fft(x), np.fft.rfft(x), np.convolve(x, y[:7])
        np.correlate(x, y[:7]), np.cross(t, t[::-1]), np.polyval(y[:5], x), np.histogram(x, 10)[0], np.trapezoid(y, s)
    """,
}
"""Expressions of x, y, s (sorted), m (a mask), k (indices), a and b of the shape (n, n) or so, p and q of (n^(1/3)...)."""


def expressions() -> list[tuple[str, str]]:
    """(group, expression), split at the commas and lines outside of brackets."""
    found = []
    for group, text in FUNCTIONS.items():
        depth, start = 0, 0
        for at, c in enumerate(text + ","):
            depth += (c in "([") - (c in ")]")
            if c in ",\n" and depth == 0:
                if text[start:at].strip():
                    found.append((group, text[start:at].strip()))
                start = at + 1
    return found


def arguments(size: int, dtype: str) -> dict[str, np.ndarray]:
    """What expressions name, of `size` elements in all; matrices of products have at most 512 rows."""
    rng = np.random.default_rng(size)
    rows = {10: 2, 1_000: 25, 1_000_000: 1_000}[size]
    n = {10: 3, 1_000: 32, 1_000_000: 512}[size]
    x, y = rng.random((2, size)) * 0.9 + 0.05
    p, q = rng.random((2, n, n)) + np.eye(n)
    floats = {"x": x, "y": y, "s": np.sort(rng.random(size)), "a": x.reshape(rows, -1), "b": y.reshape(rows, -1), "p": p, "q": q}
    made = {k: v.astype(dtype) for k, v in floats.items()}
    made |= {"m": x > 0.5, "k": rng.integers(0, size, size), "t": rng.random((max(2, size // 3), 3)).astype(dtype)}
    if size == 10:
        made["a"], made["b"] = made["a"].reshape(2, 5), made["b"].reshape(2, 5)
    return made


def function_of(expression: str) -> tuple[Callable[..., Any], list[str]]:
    names = [n for n in ("x", "y", "s", "m", "k", "t", "a", "b", "p", "q") if _names(expression, n)]
    namespace: dict[str, Any] = {"np": np}
    text = f"def f({', '.join(names)}):\n    return {expression}\n"
    file = f"<{expression}>"  # wengert reads the source, from where tracebacks do
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    exec(compile(text, file, "exec"), namespace)
    return namespace["f"], names


def _names(expression: str, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(ast.parse(expression, mode="eval")))


def measure(expression: str, size: int, dtype: str, seconds: float) -> dict[str, float]:
    """Microseconds of both, medians; where NumPy gives a view of its argument, of the view's copy, too. Raises
    AssertionError where the results differ."""
    function, names = function_of(expression)
    made = arguments(size, dtype)
    args = [made[n] for n in names]
    compiled = known(expression, function)
    wanted, given = function(*args), compiled(*args)
    assert np.asarray(given).dtype == np.asarray(wanted).dtype, (np.asarray(given).dtype, np.asarray(wanted).dtype)
    tolerance = 1e-9 if dtype == "float64" else 2e-3
    np.testing.assert_allclose(given, wanted, rtol=tolerance, atol=tolerance)
    calls = {"numpy": function, "wengert": compiled}
    if isinstance(wanted, np.ndarray) and any(np.may_share_memory(wanted, a) for a in args):
        calls["copied"] = lambda *given: function(*given).copy()
    once = 0.0
    for call in calls.values():
        start = perf_counter()
        call(*args)
        once += perf_counter() - start
    inner = max(1, int(2e-4 / max(once, 1e-7)))
    rounds = int(max(3, min(101, seconds / (once * inner))))
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = perf_counter()
            for _ in range(inner):
                call(*args)
            times[name].append((perf_counter() - start) / inner * 1e6)
    return {name: median(one) for name, one in times.items()}


_KNOWN: dict[str, Any] = {}


def known(expression: str, function: Callable[..., Any]) -> Any:
    if expression not in _KNOWN:
        _KNOWN[expression] = wg.jit(function)
    return _KNOWN[expression]


def render(report: dict[str, Any]) -> str:
    rows: dict[str, dict[str, dict[str, Any]]] = report["functions"]
    columns = [(dtype, size) for dtype in DTYPES for size in SIZES]
    lines = [
        "# NumPy's functions, compiled",
        "",
        f"{report['date']}, {report['machine']}; {', '.join(f'{k} {v}' for k, v in report['versions'].items())}.",
        "`python benchmarks/array_functions.py` compares results, then measures on one thread: how many times faster the",
        "compiled function is than the same line in NumPy, call included, for arrays of 10, 1,000 and 1,000,000 elements.",
        "*Slanted*: NumPy returns a view of its argument, a compiled function a new array; compared with the view's copy.",
        "",
    ]
    slow, views, ratios = [], [], []
    for group, found in rows.items():
        lines += [f"## {group}", "", "| | " + " | ".join(f"{d} {s:,}" for d, s in columns) + " |", "|---" * 7 + "|"]
        for expression, cells in found.items():
            shown = []
            for dtype, size in columns:
                cell = cells.get(f"{dtype} {size}")
                if not isinstance(cell, dict):
                    shown.append(cell or "")
                    continue
                ratio = cell.get("copied", cell["numpy"]) / cell["wengert"]
                ratios.append(ratio)
                text = f"**{ratio:.2f}**" if ratio < SLOW else f"{ratio:.2f}"
                if "copied" in cell:
                    times = f"{cell['wengert']:.3g} µs, NumPy's view {cell['numpy']:.3g} µs, its copy {cell['copied']:.3g} µs"
                    views.append(f"- {expression}, {dtype}, {size:,}: {times}")
                    text = f"*{text}*"
                shown.append(text)
                if ratio < SLOW:
                    slow.append((ratio, f"{expression}, {dtype}, {size:,}: {ratio:.2f}x NumPy ({cell['wengert']:.3g} µs)"))
            lines.append(f"| `{expression}` | " + " | ".join(shown) + " |")
        lines.append("")
    mean = exp(sum(map(log, ratios)) / len(ratios))
    lines += [f"{len(ratios)} measured, geometric mean {mean:.2f}x NumPy, {len(slow)} slower than NumPy by more than 1.1x.", ""]
    lines += ["## Slower than NumPy", "", *([f"- {text}" for _, text in sorted(slow)] or ["None."]), ""]
    lines += ["## Views in NumPy, new arrays here", "", *views, ""]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the time; writes nothing")
    parser.add_argument("--seconds", type=float, default=0.4, help="for each function, size and dtype")
    parser.add_argument("--only", default="", help="functions that contain this; writes nothing")
    options = parser.parse_args()
    seconds = options.seconds / 10 if options.quick else options.seconds
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    for group, expression in expressions():
        if options.only not in expression:
            continue
        cells = rows.setdefault(group, {}).setdefault(expression, {})
        for dtype in DTYPES:
            for size in SIZES:
                try:
                    cells[f"{dtype} {size}"] = measure(expression, size, dtype, seconds)
                except wg.errors.CompileError as error:
                    cells[f"{dtype} {size}"] = "refused"
                    print(expression, dtype, size, error)
                except AssertionError as error:
                    cells[f"{dtype} {size}"] = "differs"
                    print(expression, dtype, size, error)
        ratios = [f"{c['numpy'] / c['wengert']:6.2f}" if isinstance(c, dict) else "     -" for c in cells.values()]
        print(f"{expression:<44}" + " ".join(ratios), flush=True)
    report = {
        "date": date.today().isoformat(), "machine": processor(), "versions": versions("numpy", "llvmlite"), "functions": rows,
    }  # fmt: skip
    text = render(report)
    if options.quick or options.only:
        print(text[text.index("## Slower") :])
        return
    (HERE / "results/array_functions.json").write_text(json.dumps(report, indent=1) + "\n")
    (HERE / "ARRAY_FUNCTIONS.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
