"""Batches and threads on the CPU, beside loops on one thread, JAX's vmap and Numba's prange: `python benchmarks/batching.py`.

Each problem is 100,000 small solves. `loop` is the compiled loop over them on one thread (`wg.jit` of `for i in range(n)`),
`numba loop` the same by Numba with fastmath, `numba prange` on all cores, `jax` jit(vmap(...)) with lax.fori_loop, scan or
while_loop, `batch 1` and `batch` wg.batch on one thread and on all cores. The second table runs parallel programs on one
thread, on all cores, and in two processes at once. Results are compared first; then the tools take turns, and each ratio is
that of the medians. Writes benchmarks/results/batching.json and benchmarks/BATCHING.md; `--quick` prints only.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from statistics import quantiles
from time import perf_counter
from typing import Any

os.environ["JAX_ENABLE_X64"] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import numpy as np
from machine import processor, versions

import wengert as wg
from wengert.compiler.runtime.support import support

HERE = Path(__file__).resolve().parent
N, STEPS, DT = 100_000, 100, 0.01
Call = Callable[[], Any]


# -- the problems, as wengert and Numba take them


def lorenz(x, y, z, steps, dt):
    for _ in range(steps):
        a1, b1, c1 = 10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z
        p, q, r = x + 0.5 * dt * a1, y + 0.5 * dt * b1, z + 0.5 * dt * c1
        a2, b2, c2 = 10.0 * (q - p), p * (28.0 - r) - q, p * q - 8.0 / 3.0 * r
        p, q, r = x + 0.5 * dt * a2, y + 0.5 * dt * b2, z + 0.5 * dt * c2
        a3, b3, c3 = 10.0 * (q - p), p * (28.0 - r) - q, p * q - 8.0 / 3.0 * r
        p, q, r = x + dt * a3, y + dt * b3, z + dt * c3
        a4, b4, c4 = 10.0 * (q - p), p * (28.0 - r) - q, p * q - 8.0 / 3.0 * r
        x = x + dt / 6.0 * (a1 + 2.0 * a2 + 2.0 * a3 + a4)
        y = y + dt / 6.0 * (b1 + 2.0 * b2 + 2.0 * b3 + b4)
        z = z + dt / 6.0 * (c1 + 2.0 * c2 + 2.0 * c3 + c4)
    return x, y, z


def prey(x, y, rate, steps, dt):
    for _ in range(steps):
        a1, b1 = rate * x - 0.4 * x * y, 0.3 * x * y - 0.8 * y
        p, q = x + 0.5 * dt * a1, y + 0.5 * dt * b1
        a2, b2 = rate * p - 0.4 * p * q, 0.3 * p * q - 0.8 * q
        p, q = x + 0.5 * dt * a2, y + 0.5 * dt * b2
        a3, b3 = rate * p - 0.4 * p * q, 0.3 * p * q - 0.8 * q
        p, q = x + dt * a3, y + dt * b3
        a4, b4 = rate * p - 0.4 * p * q, 0.3 * p * q - 0.8 * q
        x = x + dt / 6.0 * (a1 + 2.0 * a2 + 2.0 * a3 + a4)
        y = y + dt / 6.0 * (b1 + 2.0 * b2 + 2.0 * b3 + b4)
    return x, y


def kepler(mean, eccentricity):
    e = mean
    step = 1.0
    while abs(step) > 1e-12:
        step = (e - eccentricity * np.sin(e) - mean) / (1.0 - eccentricity * np.cos(e))
        e = e - step
    return e


def derivative(s):
    return np.array([10.0 * (s[1] - s[0]), s[0] * (28.0 - s[2]) - s[1], s[0] * s[1] - 8.0 / 3.0 * s[2]])


def lorenz_rows(s, steps, dt):
    for _ in range(steps):
        k1 = derivative(s)
        k2 = derivative(s + 0.5 * dt * k1)
        k3 = derivative(s + 0.5 * dt * k2)
        k4 = derivative(s + dt * k3)
        s = s + dt / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    return s


def size(s, steps, dt):
    return np.sum(lorenz_rows(s, steps, dt) ** 2)


def lorenz_loop(xs, ys, zs, steps, dt):
    out = np.empty((3, len(xs)))
    for i in range(len(xs)):
        out[0, i], out[1, i], out[2, i] = lorenz(xs[i], ys[i], zs[i], steps, dt)
    return out


def prey_loop(xs, ys, rates, steps, dt):
    out = np.empty((2, len(xs)))
    for i in range(len(xs)):
        out[0, i], out[1, i] = prey(xs[i], ys[i], rates[i], steps, dt)
    return out


def kepler_loop(means, eccentricities):
    out = np.empty(len(means))
    for i in range(len(means)):
        out[i] = kepler(means[i], eccentricities[i])
    return out


def rows_loop(states, steps, dt):
    out = np.empty((len(states), 3))
    for i in range(len(states)):
        x, y, z = lorenz(states[i, 0], states[i, 1], states[i, 2], steps, dt)
        out[i, 0] = x
        out[i, 1] = y
        out[i, 2] = z
    return out


size_gradient = wg.grad(size)
kepler_gradient = wg.grad(kepler, wrt=(0, 1))


def size_gradient_loop(states, steps, dt):
    out = np.empty((len(states), 3))
    for i in range(len(states)):
        out[i] = size_gradient(states[i], steps, dt)
    return out


def kepler_gradient_loop(means, eccentricities):
    out = np.empty((2, len(means)))
    for i in range(len(means)):
        out[0, i], out[1, i] = kepler_gradient(means[i], eccentricities[i])
    return out


# -- the peers


def numba_loops() -> dict[str, tuple[Callable[..., Any], Callable[..., Any]]]:
    """The loops by Numba: on one thread, and with prange on all cores."""
    try:
        import numba
    except ImportError:
        return {}
    inline = {f.__name__: numba.njit(f, fastmath=True) for f in (lorenz, prey, kepler)}
    found = {}
    for loop in (lorenz_loop, prey_loop, kepler_loop, rows_loop):
        made = []
        for parallel in (False, True):
            code, namespace = loop.__code__, {**inline, "np": np, "prange": numba.prange}
            if parallel:
                code = code.replace(co_names=tuple("prange" if name == "range" else name for name in code.co_names))
            rebound = type(loop)(code, namespace, loop.__name__)
            made.append(numba.njit(rebound, fastmath=True, parallel=parallel))
        found[loop.__name__] = (made[0], made[1])
    return found


def jax_calls(inputs: dict[str, tuple[Any, ...]]) -> dict[str, Call]:
    try:
        import jax
        import jax.numpy as jnp
        from jax import lax
    except ImportError:
        return {}

    def rk4(f: Callable[..., Any], s: Any, dt: float) -> Any:
        k1 = f(s)
        k2 = f(tuple(a + 0.5 * dt * k for a, k in zip(s, k1, strict=True)))
        k3 = f(tuple(a + 0.5 * dt * k for a, k in zip(s, k2, strict=True)))
        k4 = f(tuple(a + dt * k for a, k in zip(s, k3, strict=True)))
        return tuple(
            a + dt / 6.0 * (p + 2.0 * q + 2.0 * r + t) for a, p, q, r, t in zip(s, k1, k2, k3, k4, strict=True)
        )

    def butterfly(s: Any) -> Any:
        x, y, z = s
        return 10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z

    def jax_lorenz(x: Any, y: Any, z: Any, steps: int, dt: float) -> Any:
        return lax.fori_loop(0, steps, lambda _, s: rk4(butterfly, s, dt), (x, y, z))

    def jax_rows(s: Any, steps: int, dt: float) -> Any:
        return jnp.stack(jax_lorenz(s[0], s[1], s[2], steps, dt))

    def jax_prey(x: Any, y: Any, rate: Any, steps: int, dt: float) -> Any:
        def f(s: Any) -> Any:
            return rate * s[0] - 0.4 * s[0] * s[1], 0.3 * s[0] * s[1] - 0.8 * s[1]

        return lax.fori_loop(0, steps, lambda _, s: rk4(f, s, dt), (x, y))

    def jax_kepler(mean: Any, eccentricity: Any) -> Any:
        def body(state: Any) -> Any:
            e, _ = state
            step = (e - eccentricity * jnp.sin(e) - mean) / (1.0 - eccentricity * jnp.cos(e))
            return e - step, step

        return lax.while_loop(lambda s: jnp.abs(s[1]) > 1e-12, body, (mean, jnp.ones_like(mean)))[0]

    def jax_size(s: Any, steps: int, dt: float) -> Any:
        end, _ = lax.scan(lambda s, _: (rk4(butterfly, s, dt), None), (s[0], s[1], s[2]), None, length=steps)
        return sum(v**2 for v in end)

    on_device = {name: tuple(jnp.asarray(a) if isinstance(a, np.ndarray) else a for a in args) for name, args in inputs.items()}
    made = {
        "lorenz": jax.jit(jax.vmap(jax_lorenz, (0, 0, 0, None, None)), static_argnums=(3,)),
        "prey": jax.jit(jax.vmap(jax_prey, (0, 0, 0, None, None)), static_argnums=(3,)),
        "kepler": jax.jit(jax.vmap(jax_kepler)),
        "rows": jax.jit(jax.vmap(jax_rows, (0, None, None)), static_argnums=(1,)),
        "size_gradient": jax.jit(jax.vmap(jax.grad(jax_size), (0, None, None)), static_argnums=(1,)),
        "kepler_gradient": jax.jit(jax.vmap(jax.jacfwd(jax_kepler, (0, 1)))),  # reverse mode refuses while_loop
    }
    return {name: (lambda f=f, args=on_device[name]: jax.block_until_ready(f(*args))) for name, f in made.items()}


# -- measuring


def problems(count: int) -> dict[str, tuple[str, tuple[Any, ...], Any, Callable[..., Any], int]]:
    """name -> (title, arguments, the batch, the loop, steps per solve)."""
    rng = np.random.default_rng(5)
    x, y, z = rng.random((3, count)) * 5.0
    states = np.stack([x, y, z], axis=1).copy()
    rates, means, eccentricities = 0.8 + 0.4 * rng.random(count), 6.0 * rng.random(count), 0.9 * rng.random(count)
    shared = (None, None)
    return {
        "lorenz": (
            "Lorenz, RK4, 100 steps", (x, y, z, STEPS, DT), wg.batch(lorenz, in_axes=(0, 0, 0, *shared)), lorenz_loop
        ),
        "rows": ("the same, states as rows", (states, STEPS, DT), wg.batch(lorenz_rows, in_axes=(0, *shared)), rows_loop),
        "prey": (
            "predator and prey, RK4, 100 steps", (x, y, rates, STEPS, DT), wg.batch(prey, in_axes=(0, 0, 0, *shared)), prey_loop
        ),
        "kepler": ("Kepler's equation, Newton, while", (means, eccentricities), wg.batch(kepler), kepler_loop),
        "size_gradient": (
            "gradient of Lorenz rows, 100 steps", (states, STEPS, DT),
            wg.batch(size_gradient, in_axes=(0, *shared)), size_gradient_loop,
        ),
        "kepler_gradient": (
            "gradient of Kepler's equation", (means, eccentricities), wg.batch(kepler_gradient), kepler_gradient_loop
        ),
    }  # type: ignore[return-value]  # fmt: skip


def with_threads(count: int, call: Call) -> Call:
    def run() -> Any:
        support().pool.count = count
        return call()

    return run


def as_columns(value: Any) -> np.ndarray:
    return np.stack([np.asarray(v) for v in value]) if isinstance(value, tuple | list) else np.asarray(value)


def take_turns(calls: dict[str, Call], seconds: float) -> dict[str, dict[str, float]]:
    """Milliseconds of each: median, quartiles, best."""
    once = 0.0
    for call in calls.values():
        call()
        start = perf_counter()
        call()
        once += perf_counter() - start
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(int(min(100, max(7, seconds / once)))):
        for name, call in calls.items():
            start = perf_counter()
            call()
            times[name].append((perf_counter() - start) * 1e3)
    return {name: spread(one) for name, one in times.items()}


def spread(times: list[float]) -> dict[str, float]:
    low, middle, high = quantiles(times, n=4)
    return {"median": middle, "low": low, "high": high, "best": min(times)}


def batches(count: int, seconds: float, cores: int) -> dict[str, Any]:
    found = {}
    every = problems(count)
    jax = jax_calls({name: entry[1] for name, entry in every.items()})
    numba = numba_loops()
    for name, (title, args, batch, loop) in every.items():  # type: ignore[misc]
        compiled = wg.jit(loop)
        calls: dict[str, Call] = {
            "loop": with_threads(1, lambda f=compiled, a=args: f(*a)),
            "batch 1": with_threads(1, lambda f=batch, a=args: f(*a)),
            "batch": with_threads(cores, lambda f=batch, a=args: f(*a)),
        }
        if name in jax:
            calls["jax"] = jax[name]
        if loop.__name__ in numba:
            serial, parallel = numba[loop.__name__]
            calls["numba loop"] = lambda f=serial, a=args: f(*a)
            calls["numba prange"] = lambda f=parallel, a=args: f(*a)
        wanted = as_columns(calls["loop"]())
        for tool, call in calls.items():  # a chaotic system: 100 steps multiply the last bits by some 100
            np.testing.assert_allclose(as_columns(call()), wanted, rtol=1e-8, atol=1e-8, err_msg=f"{title}: {tool}")
        found[title] = take_turns(calls, seconds)
        own = found[title]["batch"]["median"]
        shown = (f"{t} {s['median']:.2f} ({s['median'] / own:.2f})" for t, s in found[title].items())
        print(f"{title:<38}" + "  ".join(shown), flush=True)
    return found


# -- threads


def prange_loop(x):
    out = np.empty(len(x))
    for i in wg.prange(len(x)):
        y = 0.0
        for k in range(200):
            y = 0.5 * y + np.sqrt(x[i] + k)
        out[i] = y
    return out


def prange_sum(x):
    total = 0.0
    for i in wg.prange(len(x)):
        y = x[i]
        for k in range(100):
            y = 0.5 * y + x[i] * k
        total += y
    return total


def expression(x):
    return np.exp(-x * x) * np.sin(x) + np.sqrt(np.abs(x))


def reduction(x):
    return np.sum(np.log1p(x) * np.cos(x))


def stencil(u):
    for _ in range(20):
        u = u.copy()
        u[1:-1, 1:-1] = 0.25 * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2])
    return u


def threads(seconds: float, cores: int) -> dict[str, Any]:
    rng = np.random.default_rng(2)
    found = {}
    for title, function, x in (
        ("prange, an inner loop of 200", prange_loop, rng.random(50_000)),
        ("prange that sums", prange_sum, rng.random(100_000)),
        ("expression, 2 million elements", expression, rng.random(2_000_000)),
        ("reduction, 2 million elements", reduction, rng.random(2_000_000)),
        ("stencil 1000², 20 steps", stencil, rng.random((1000, 1000))),
    ):
        compiled = wg.jit(function)
        calls = {str(n): with_threads(n, lambda f=compiled, x=x: f(x)) for n in sorted({1, 2, cores})}
        first = calls["1"]()
        np.testing.assert_allclose(first, function(x) if function not in (prange_loop, prange_sum) else first, rtol=1e-10)
        for call in calls.values():
            np.testing.assert_array_equal(call(), first)
        with beside(with_threads(1, lambda f=compiled, x=x: f(x))) as both:
            found[title] = take_turns({**calls, "twice": both}, seconds)
        print(f"{title:<38}" + "  ".join(f"{t}: {s['median']:.2f}" for t, s in found[title].items()), flush=True)
    return found


@contextmanager
def beside(call: Call) -> Iterator[Call]:
    """`call` in this process and in a copy of it at the same time: what two cores can do that share nothing but the machine."""
    (start, begin), (done, end) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        while os.read(start, 1) == b"x":
            call()
            os.write(end, b"x")
        os._exit(0)

    def both() -> None:
        os.write(begin, b"x")
        call()
        os.read(done, 1)

    try:
        yield both
    finally:
        os.write(begin, b".")
        os.waitpid(child, 0)
        for pipe in (start, begin, done, end):
            os.close(pipe)


# -- the table

COLUMNS = ("batch", "batch 1", "loop", "jax", "numba loop", "numba prange")
REASONS = {
    "gradient of Lorenz rows, 100 steps": "the tape is an array for each solve, so its lanes do not share vector registers; "
    "only the cores are used",
    "gradient of Kepler's equation": "the tape is an array for each solve, so its lanes do not share vector registers; "
    "only the cores are used",
}


def render(report: dict[str, Any]) -> str:
    lines = [
        "# Batches and threads on the CPU",
        "",
        f"{report['date']}, {report['machine']}; {', '.join(f'{k} {v}' for k, v in report['versions'].items())}.",
        "`python benchmarks/batching.py` verifies, then measures: medians in milliseconds, the quartiles in brackets, and in",
        "bold how many times as long as `wg.batch` on all cores.",
        "",
        "## 100,000 solves: at least 3x a compiled loop on one thread, not slower than JAX's vmap",
        "",
        "| problem | wg.batch | on one thread | compiled loop | JAX vmap | Numba loop | Numba prange |",
        "|---|---|---|---|---|---|---|",
    ]
    misses = []
    for title, row in report["batches"].items():
        own = row["batch"]["median"]
        cells = []
        for tool in COLUMNS:
            s = row.get(tool)
            cells.append(f"{s['median']:.3g} [{s['low']:.3g}..{s['high']:.3g}] **{s['median'] / own:.2f}**" if s else "")
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
        for tool, least in (("loop", 3.0), ("jax", 1.0)):
            if tool in row and row[tool]["median"] < least * own:
                reason = REASONS.get(title, "not yet known")
                misses.append(f"{title}: {row[tool]['median'] / own:.2f}x {tool}, goal {least:.1f}x ({reason})")
    lines += ["", "## Threads: two at least 1.7x as fast as one", ""]
    lines += ["*Two processes*: the program on one thread in two processes at once; the last column says how many times as much"]
    lines += ["two then do as one alone, which is what two cores of this machine can do at best.", ""]
    counts = list(next(iter(report["threads"].values())))
    names = ["two processes" if n == "twice" else f"{n} thread{'s' * (n != '1')}" for n in counts]
    lines += ["| program | " + " | ".join(names) + " | 2 vs 1 | two processes vs 1 |", "|---" * (len(counts) + 3) + "|"]
    for title, row in report["threads"].items():
        ratio = row["1"]["median"] / row["2"]["median"]
        cells = [f"{s['median']:.3g} [{s['low']:.3g}..{s['high']:.3g}]" for s in row.values()]
        most = 2 * row["1"]["median"] / row["twice"]["median"]
        lines.append(f"| {title} | " + " | ".join(cells) + f" | {ratio:.2f} | {most:.2f} |")
        if ratio < 1.7:
            load = f"two processes {most:.2f}x; load of the machine: {report['load']:.1f} at the start"
            misses.append(f"{title}: {ratio:.2f}x on two threads, goal 1.7x ({load})")
    lines += ["", "## Goals missed in this run", "", *([f"- {m}" for m in misses] or ["None."]), ""]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the solves and rounds; writes nothing")
    parser.add_argument("--threads", action="store_true", help="the second table alone; the first stays as it was measured")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    seconds, cores = 1.0 if options.quick else 15.0, support().pool.count
    kept = json.loads((HERE / "results/batching.json").read_text())["batches"] if options.threads else None
    report = {
        "date": date.today().isoformat(),
        "machine": processor(),
        "load": load,
        "versions": versions("numpy", "jax", "numba", "llvmlite"),
        "batches": kept or batches(N // 10 if options.quick else N, seconds, cores),
        "threads": threads(seconds, cores),
    }
    text = render(report)
    print(text)
    if not options.quick:
        (HERE / "results/batching.json").write_text(json.dumps(report, indent=1) + "\n")
        (HERE / "BATCHING.md").write_text(text)


if __name__ == "__main__":
    main()
