"""The speed table of the GPU back end beside CUDA C, CuPy, JAX and PyTorch, in one run.

    python benchmarks/gpu_table.py [--only lorenz,heat] [--tools ours,hand] [--scale 64] [--device cuda-sim]

Arguments are resident, results stay on the device; times are medians, of queued calls (`ms`) and of single calls with the
wait for their end (`single`). Every tool's result is compared with the first tool's that has one (CUDA C where there is such
a version) before it is timed; a wrong one is not timed. Writes $OUT/gpu_table.json after every row and $OUT/gpu_table.md at
the end (or into the working folder). Nothing need be installed but NumPy, SciPy, llvmlite and CuPy; peers that are missing are
left out.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # the peers share one device

import gpu_problems as p  # noqa: E402
import numpy as np  # noqa: E402
from gpu_causes import explained  # noqa: E402
from gpu_problems import Problem, fused, hand, jitted, length, like, torched  # noqa: E402

import wengert as wg  # noqa: E402

TOOLS = ("ours", "hand", "cupy", "jax", "torch", "numba")
BUDGET = 0.25
"""Seconds of timing for each tool and problem, about."""


def numbers(*shapes: tuple[int, ...], low: float = 0.0) -> Callable[..., tuple[Any, ...]]:
    """Uniform arrays in [low, low + 1); the first extent of each is divided by the scale."""

    def make(random: Any, library: Any, scale: int) -> tuple[Any, ...]:
        return tuple(low + random.random((max(2, s[0] // scale), *s[1:])) for s in shapes)

    return make


def sized(make: Callable[..., tuple[Any, ...]], *rest: Any) -> Callable[..., tuple[Any, ...]]:
    return lambda random, library, scale: (*make(random, library, scale), *rest)


def square(side: int, steps: int) -> Callable[..., tuple[Any, ...]]:
    return lambda random, library, scale: (random.random((side // (scale if scale < 8 else 8),) * 2), steps)


def mixture(random: Any, library: Any, scale: int) -> tuple[Any, ...]:
    k, d = 32, 16
    return random.random(k), random.random((k, d)), 0.1 * random.random((k, d)), 2.0 * random.random((200_000 // scale, d))


def dense(random: Any, library: Any, scale: int) -> tuple[Any, ...]:
    n = 4096 // min(scale, 32)
    return (random.random((n, n)) - 0.5) / n**0.5, random.random(n), random.random((n, n))


def sparse(random: Any, library: Any, scale: int) -> tuple[Any, ...]:
    """A matrix of a million rows with 8 to 24 elements each."""
    rows, host = 1_000_000 // scale, np.random.default_rng(1)
    starts = np.concatenate([[0], np.cumsum(host.integers(8, 25, rows))])
    columns = host.integers(0, rows, starts[-1])
    return random.random(len(columns)), random.random(rows), library.asarray(columns), library.asarray(starts)


N = 1 << 26
VECTOR, PAIR = numbers((N,)), numbers((N,), (N,))
HEAT = square(4096, 20)
LORENZ = sized(numbers((1_000_000, 3)), 28.0, 200)
OPTIONS = numbers((1 << 24,), (1 << 24,), (1 << 24,), low=1.0)
MLP_TOLERANCE = 1e-10


def nbytes(times: float = 1.0) -> Callable[..., int]:
    """That many times the bytes of the arrays among the arguments."""
    return lambda *args: int(times * sum(a.nbytes for a in args if hasattr(a, "nbytes")))


def doubles(start: Any, rho: float, steps: int) -> list[Any]:
    return [start.shape[0], float(rho), np.int32(steps)]


def torch_sum(axis: int | None) -> Callable[[Any], Callable[..., Any]]:
    return lambda t: (lambda x: t.sum(x)) if axis is None else (lambda x: t.sum(x, axis))


def summed(axis: int | None) -> dict[str, p.Peer]:
    return {
        "cupy": lambda cupy: lambda x: cupy.sum(x, axis),
        "jax": jitted(lambda np: lambda x: np.sum(x, axis)),
        "torch": torched(torch_sum(axis), compiled=False),
    }


MATRIX = numbers((8192, 8192))
BANDWIDTH, HAND, PEERS = ("bandwidth", "cupy"), ("hand",), ("peers",)

PROBLEMS = [
    Problem("element-wise", p.elementwise, VECTOR, BANDWIDTH, {
        "hand": hand("elementwise", like(0), length), "cupy": fused("sqrt(x) * x + 1.0", "x"),
        "jax": jitted(lambda np: lambda x: np.sqrt(x) * x + 1.0),
        "torch": torched(lambda np: lambda x: np.sqrt(x) * x + 1.0)}, nbytes(2)),
    Problem("element-wise, gradient of its sum", wg.grad(p.elementwise_loss), VECTOR, PEERS, {
        "hand": hand("elementwise_gradient", like(0), length),
        "jax": jitted(lambda np: lambda x: np.sum(np.sqrt(x) * x + 1.0), wrt=0),
        "torch": torched(lambda np: lambda x: np.sum(np.sqrt(x) * x + 1.0), (0,))}, nbytes(2)),
    Problem("triad", p.triad, PAIR, BANDWIDTH, {
        "hand": hand("triad", like(0), length), "cupy": fused("a + 3.0 * b", "a b"),
        "jax": jitted(lambda np: lambda a, b: a + 3.0 * b), "torch": torched(lambda np: lambda a, b: a + 3.0 * b)}, nbytes(1.5)),
    Problem("triad, gradient of its squares' sum", wg.grad(p.triad_loss, wrt=(0, 1)), PAIR, PEERS, {
        "hand": hand("triad_gradient", like(0, 1), length),
        "jax": jitted(lambda np: lambda a, b: np.sum((a + 3.0 * b) ** 2), wrt=(0, 1)),
        "torch": torched(lambda np: lambda a, b: np.sum((a + 3.0 * b) ** 2), (0, 1))}, nbytes(2)),
    Problem("stencil, 20 steps in place", p.heat, HEAT, BANDWIDTH, {
        "hand": p.hand_heat(False), "jax": jitted(p.array_heat(p.jax_set, False), (1,)),
        "torch": torched(p.array_heat(p.torch_set, False))}, nbytes(40)),
    Problem("stencil, gradient", wg.grad(p.heat_loss), HEAT, PEERS, {
        "hand": p.hand_heat(True), "jax": jitted(p.array_heat(p.jax_set, True), (1,), wrt=0),
        "torch": torched(p.array_heat(p.torch_set, True), (0,))}, nbytes(80)),
    Problem("sum", p.total, VECTOR, BANDWIDTH, summed(None), nbytes()),
    Problem("sums of rows", p.row_sums, MATRIX, BANDWIDTH, summed(1), nbytes()),
    Problem("sums of columns", p.column_sums, MATRIX, BANDWIDTH, summed(0), nbytes()),
    Problem("log-sum-exp", p.log_sum_exp, VECTOR, PEERS, {
        "jax": jitted(p.array_log_sum_exp), "torch": torched(p.array_log_sum_exp)}, nbytes(2)),
    Problem("log-sum-exp, gradient", wg.grad(p.log_sum_exp), VECTOR, PEERS, {
        "jax": jitted(p.array_log_sum_exp, wrt=0), "torch": torched(p.array_log_sum_exp, (0,))}, nbytes(4),
        tolerance=1e-6),  # one element also carries what the maximum adds: the rounding of 1 - 1
    Problem("Lorenz, RK4, a million trajectories", wg.batch(p.lorenz, (0, None, None)), LORENZ, (*HAND, "ten"), {
        "hand": hand("lorenz", lambda cupy, s, *_: [cupy.empty(s.shape[0])], doubles, 128), "jax": p.jax_lorenz(False)},
        tolerance=1e-8),
    Problem("Lorenz, reverse gradient", wg.batch(wg.grad(p.lorenz), (0, None, None)), LORENZ, (*HAND, "ten"), {
        "hand": p.hand_lorenz_gradient, "jax": p.jax_lorenz(True)}, tolerance=1e-8),
    Problem("Mandelbrot", p.mandelbrot, lambda r, x, s: (2048 // min(s, 16), 2048 // min(s, 16), 500), HAND, {
        "hand": p.hand_mandelbrot, "jax": p.jax_mandelbrot}, tolerance=1e-3),  # pixels on the edge differ by rounding
    Problem("Newton per element (Kepler)", p.kepler, lambda r, x, s: (r.random((1 << 22) // s), 0.9 * r.random((1 << 22) // s)),
        HAND, {"hand": hand("kepler", like(0), length), "jax": p.jax_kepler}),
    Problem("GMM, by products", p.gmm, mixture, PEERS, {
        "jax": jitted(p.array_gmm), "torch": torched(p.array_gmm)}, tolerance=1e-10),
    Problem("GMM, gradient, by products", wg.grad(p.gmm, wrt=(0, 1, 2)), mixture, PEERS, {
        "jax": jitted(p.array_gmm, wrt=(0, 1, 2)), "torch": torched(p.array_gmm, (0, 1, 2))}, tolerance=1e-10),
    Problem("GMM, point by point", p.gmm_loops, mixture, PEERS, {
        "jax": jitted(p.array_gmm), "torch": torched(p.array_gmm)}, tolerance=1e-10),
    Problem("GMM, gradient, point by point", wg.grad(p.gmm_loops, wrt=(0, 1, 2)), mixture, PEERS, {
        "jax": jitted(p.array_gmm, wrt=(0, 1, 2)), "torch": torched(p.array_gmm, (0, 1, 2))}, tolerance=1e-10),
    Problem("MLP layer", p.layer, dense, PEERS, {
        "jax": jitted(p.array_layer), "torch": torched(p.array_layer)}, tolerance=MLP_TOLERANCE),
    Problem("MLP layer, gradient", wg.grad(p.layer, wrt=(0, 1)), dense, PEERS, {
        "jax": jitted(p.array_layer, wrt=(0, 1)), "torch": torched(p.array_layer, (0, 1))}, tolerance=MLP_TOLERANCE),
    Problem("k-means", p.kmeans, numbers((64, 8), (1 << 20, 8)), PEERS, {
        "jax": jitted(p.array_kmeans), "torch": torched(p.array_kmeans)}),
    Problem("k-means, gradient", wg.grad(p.kmeans), numbers((64, 8), (1 << 20, 8)), PEERS, {
        "jax": jitted(p.array_kmeans, wrt=0), "torch": torched(p.array_kmeans, (0,))}, tolerance=1e-10),
    Problem("N-body", p.nbody, numbers((16384, 3)), PEERS, {
        "hand": p.hand_nbody(False), "jax": jitted(p.array_nbody), "torch": torched(p.array_nbody)}),
    Problem("N-body, gradient", wg.grad(p.nbody), numbers((16384, 3)), PEERS, {
        "hand": p.hand_nbody(True), "jax": jitted(p.array_nbody, wrt=0), "torch": torched(p.array_nbody, (0,))},
        tolerance=1e-9),
    Problem("SpMV", p.spmv, sparse, PEERS, {
        "hand": p.hand_spmv, "jax": p.jax_spmv(False), "torch": p.torch_spmv(False)}),
    Problem("SpMV, gradient", wg.grad(p.spmv_loss, wrt=(0, 1)), sparse, PEERS, {
        "jax": p.jax_spmv(True), "torch": p.torch_spmv(True)}),
    Problem("Black-Scholes", p.black_scholes, OPTIONS, PEERS, {
        "hand": hand("black_scholes", like(0), length), "jax": jitted(p.array_prices(False, jax=True)),
        "torch": torched(p.array_prices(False))}, nbytes(4 / 3)),
    Problem("Black-Scholes, gradient", wg.grad(p.black_scholes_loss, wrt=(0, 1, 2)), OPTIONS, PEERS, {
        "hand": hand("black_scholes_gradient", like(0, 1, 2), length),
        "jax": jitted(p.array_prices(True, jax=True), wrt=(0, 1, 2)), "torch": torched(p.array_prices(True), (0, 1, 2))},
        nbytes(2)),
]  # fmt: skip


@dataclass
class Measured:
    """ms: the median of queued calls. single: of calls with the wait. first: seconds of the first call."""

    ms: float = 0.0
    single: float = 0.0
    first: float = 0.0
    error: float = 0.0
    failed: str = ""
    kernels: list[Any] = field(default_factory=list)


class Table:
    def __init__(self, device: str, scale: int, tools: tuple[str, ...]):
        self.device, self.scale = device, scale
        self.libraries: dict[str, Any] = {}
        self.real = wg.devices()[1].kind == "cuda" and device != "cuda-sim"
        if self.real:
            self.cupy = importlib.import_module("cupy")
            source = (Path(__file__).parent / "gpu_table.cu").read_text()
            self.libraries["hand"] = self.cupy.RawModule(code=source, options=("--std=c++17",))
            for tool in tools:
                self._import(tool)
        self.library = self.cupy if self.real else np
        self.rows: list[dict[str, Any]] = []
        self.copy = self._copy_bandwidth() if self.real else 1.0

    def _import(self, tool: str) -> None:
        module = {"jax": "jax", "torch": "torch", "cupy": "cupy", "numba": "gpu_numba"}.get(tool)
        try:
            if module is not None:
                self.libraries[tool] = importlib.import_module(module)
            if tool == "jax":
                self.libraries["jax"].config.update("jax_enable_x64", True)
        except Exception as error:
            print(f"{tool} is left out: {error}")

    def _copy_bandwidth(self) -> float:
        """GB/s of a copy within the device, bytes read and written."""
        a = self.cupy.ones(N)
        b = self.cupy.empty_like(a)
        ms = self.time(lambda: self.cupy.copyto(b, a), self.wait).ms
        return float(2 * a.nbytes / ms / 1e6)

    def wait(self, _: Any = None) -> None:
        if self.real:
            self.cupy.cuda.runtime.deviceSynchronize()

    def time(self, run: Callable[[], Any], wait: Callable[[Any], None]) -> Measured:
        start = time.perf_counter()
        wait(run())
        first = time.perf_counter() - start
        wait(run())
        start = time.perf_counter()
        wait(run())
        once = time.perf_counter() - start
        singles, queued = [], []
        for _ in range(max(3, min(30, int(BUDGET / 3 / once)))):
            start = time.perf_counter()
            wait(run())
            singles.append(time.perf_counter() - start)
        many = max(1, min(100, int(BUDGET / 10 / once)))
        for _ in range(5):
            start = time.perf_counter()
            result = None
            for _ in range(many):
                result = run()
            wait(result)
            queued.append((time.perf_counter() - start) / many)
        return Measured(1e3 * float(np.median(queued)), 1e3 * float(np.median(singles)), first)

    # -- one problem

    def arguments(self, problem: Problem) -> tuple[Any, ...]:
        return problem.arguments(self.library.random.default_rng(0), self.library, self.scale)

    def run_of(self, tool: str, problem: Problem, args: tuple[Any, ...]) -> tuple[Callable[[], Any], Any]:
        """What to call, and the offloaded function where it is ours."""
        if tool == "ours":
            f = wg.offload(problem.ours, self.device)
            return (lambda: f(*args)), f
        if tool == "hand":
            function = problem.peers[tool](self.cupy, self.libraries[tool])
        elif tool == "numba":
            function = self.libraries[tool].PEERS[problem.name]()
            args = tuple(self.libraries[tool].cuda.as_cuda_array(a) if hasattr(a, "shape") else a for a in args)
        else:
            function = problem.peers[tool](self.libraries[tool])
        if tool == "jax":
            jnp = self.libraries[tool].numpy
            args = tuple(jnp.from_dlpack(a) if hasattr(a, "shape") else a for a in args)
        if tool == "torch":
            args = tuple(self.libraries[tool].from_dlpack(a) if hasattr(a, "shape") else a for a in args)
        return (lambda: function(*args)), None

    def results(self, value: Any) -> list[Any]:
        values = value if isinstance(value, tuple | list) else [value]
        return [self.here(v) for v in values]

    def here(self, value: Any) -> Any:
        if not self.real or isinstance(value, float | int):
            return self.library.asarray(value)
        return self.cupy.asarray(value) if hasattr(value, "__cuda_array_interface__") else self.cupy.from_dlpack(value)

    def difference(self, found: list[Any], wanted: list[Any]) -> float:
        worst = 0.0
        for a, b in zip(found, wanted, strict=True):
            if b.dtype.kind == "i":  # of counts, the share of those that differ
                worst = max(worst, float((a != b).mean()))
                continue
            size = float(abs(b).max())
            worst = max(worst, float(abs(a.reshape(b.shape) - b).max()) / (size or 1.0))
        return worst if worst == worst else float("inf")

    def problem(self, problem: Problem, tools: tuple[str, ...]) -> None:
        print(f"-- {problem.name}", flush=True)
        args = self.arguments(problem)
        wanted: list[Any] | None = None
        measured: dict[str, Measured] = {}
        order = [t for t in ("hand", "jax", "torch", "cupy", "numba", "ours") if t in tools]
        for tool in order:
            known = self.libraries[tool].PEERS if tool == "numba" and tool in self.libraries else problem.peers
            if tool != "ours" and (tool not in self.libraries or (problem.name if tool == "numba" else tool) not in known):
                continue
            try:
                run, f = self.run_of(tool, problem, args)
                wait = self.libraries["jax"].block_until_ready if tool == "jax" else self.wait
                start = time.perf_counter()
                value = run()
                wait(value)
                first = time.perf_counter() - start
                found = self.results(value)
                if wanted is None:
                    wanted = [w.copy() for w in found]
                error = self.difference(found, wanted)
                del value, found
                if error > problem.tolerance:
                    raise AssertionError(f"differs from the reference by {error:.1e}")
                m = measured[tool] = self.time(run, wait)
                m.first, m.error = first, error
                if f is not None:
                    places = [f.last.executable.profile(*args) for _ in range(5)]
                    each = zip(*([k for k in place.kernels if k.launches] for place in places), strict=True)
                    m.kernels = [(k[0].name, k[0].launches, min(o.milliseconds or 0.0 for o in k)) for k in each]
            except Exception as error:
                measured[tool] = Measured(failed=f"{type(error).__name__}: {error}"[:300])
            self._show(tool, measured[tool])
        self._free()
        moved = problem.bytes(*args) if problem.bytes else None
        self.rows.append({
            "name": problem.name, "goal": problem.goal, "bytes": moved, "copy GB/s": self.copy,
            "tools": {t: m.__dict__ for t, m in measured.items()},
        })  # fmt: skip

    def _free(self) -> None:
        if not self.real:
            return
        self.cupy.get_default_memory_pool().free_all_blocks()
        if "torch" in self.libraries:
            self.libraries["torch"].cuda.empty_cache()
        if "jax" in self.libraries:
            self.libraries["jax"].clear_caches()

    def _show(self, tool: str, m: Measured) -> None:
        if m.failed:
            print(f"   {tool:<6} FAILED {m.failed}", flush=True)
            return
        times = f"{m.ms:10.4f} ms  single {m.single:10.4f} ms  first {m.first:6.2f} s"
        print(f"   {tool:<6} {times}  error {m.error:.0e}", flush=True)
        kernels = [(name, launches, ms) for name, launches, ms in m.kernels if ms is not None]
        for name, launches, ms in sorted(kernels, key=lambda k: -k[2])[:6]:
            print(f"             {name:<24} {launches:5} x {ms / launches:9.4f} ms", flush=True)

    # -- calls, first calls, copies

    def calls(self) -> None:
        print("-- calls", flush=True)
        f = wg.offload(small, self.device)
        x = f(np.linspace(0.0, 1.0, 1000))
        ours = self.time(lambda: f(x), self.wait)
        measured = {"ours": ours}
        if self.real:
            kernel, y = self.libraries["hand"].get_function("small"), self.cupy.linspace(0.0, 1.0, 1000)
            out = self.cupy.empty_like(y)
            measured["hand"] = self.time(lambda: kernel((4,), (256,), (np.int64(1000), y, out)), self.wait)
        if "jax" in self.libraries:
            jax = self.libraries["jax"]
            z, g = jax.numpy.linspace(0.0, 1.0, 1000), jax.jit(lambda x: jax.numpy.sin(x) * x)
            measured["jax"] = self.time(lambda: g(z), jax.block_until_ready)
        if "torch" in self.libraries:
            t = self.libraries["torch"].linspace(0.0, 1.0, 1000, dtype=self.libraries["torch"].float64, device="cuda")
            measured["torch"] = self.time(lambda: t.sin() * t, self.wait)
        for tool, m in measured.items():
            self._show(tool, m)
        tools = {t: m.__dict__ for t, m in measured.items()}
        self.rows.append({"name": "call of a resident small function", "goal": ("12 us",), "bytes": None, "tools": tools})
        chain, u, steps = wg.offload(many_steps, self.device), f(np.linspace(0.0, 1.0, 1000)), 1000
        chain(u, steps)
        self.wait()
        spent = self.time(lambda: chain(u, steps), self.wait).ms / steps
        self.rows.append({"name": "a dependent step of 1000 elements", "goal": ("3 us",), "bytes": None,
                          "tools": {"ours": {"ms": spent, "single": spent, "failed": ""}}})  # fmt: skip
        print(f"   a step: {1e3 * spent:.2f} us", flush=True)

    def first_calls(self) -> None:
        """In new processes: with nothing on disk, and with everything there."""
        print("-- first calls", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "WENGERT_CACHE_DIR": folder}
            for label, goal in (("first call, nothing cached", "600 ms"), ("first call, from the cache", "100 ms")):
                command = [sys.executable, __file__, "--first-call", self.device]
                done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
                try:
                    spent = float(done.stdout.strip().splitlines()[-1])
                    tools: dict[str, Any] = {"ours": {"ms": spent, "single": spent, "failed": ""}}
                except (ValueError, IndexError):
                    tools = {"ours": {"ms": 0.0, "single": 0.0, "failed": done.stderr[-300:]}}
                print(f"   {label}: {tools['ours']}", flush=True)
                print(done.stdout, flush=True)
                self.rows.append({"name": label, "goal": (goal,), "bytes": None, "tools": tools})

    def end_to_end(self) -> None:
        """Half a GiB of new NumPy data up, half a GiB of results down, and read."""
        print("-- end to end", flush=True)
        n = (1 << 26) // self.scale
        f = wg.offload(p.elementwise, self.device)
        arrays = [np.random.default_rng(k).random(n) for k in range(6)]
        np.asarray(f(arrays[0].copy()))
        times = []
        for x in arrays:
            start = time.perf_counter()
            np.asarray(f(x))
            times.append(time.perf_counter() - start)
        measured = {"ours": Measured(ms=1e3 * float(np.median(times)), single=1e3 * min(times))}
        if self.real:
            kernel = fused("sqrt(x) * x + 1.0", "x")(self.cupy)
            plain, pinned = [], []
            for x in arrays:
                start = time.perf_counter()
                self.cupy.asnumpy(kernel(self.cupy.asarray(x)))
                plain.append(time.perf_counter() - start)
            import cupyx

            host, device = cupyx.empty_pinned(n), self.cupy.empty(n)
            for _ in range(5):
                start = time.perf_counter()
                device.set(host)
                device.get(out=host)
                pinned.append(time.perf_counter() - start)
            measured["cupy"] = Measured(ms=1e3 * float(np.median(plain)), single=1e3 * min(plain))
            measured["hand"] = Measured(ms=1e3 * float(np.median(pinned)), single=1e3 * min(pinned))
        for tool, m in measured.items():
            self._show(tool, m)
        tools = {t: m.__dict__ for t, m in measured.items()}
        self.rows.append({"name": "end to end from NumPy (CUDA C: pinned copies alone)", "goal": ("80 %", "5x"),
                          "bytes": 16 * n, "tools": tools})  # fmt: skip


def small(x: p.Vector) -> p.Vector:
    return np.sin(x) * x


def many_steps(u: p.Vector, steps: int) -> None:
    for _ in range(steps):
        u[1:-1] = u[1:-1] + 0.1 * (u[:-2] - 2.0 * u[1:-1] + u[2:])


def first_call(device: str) -> None:
    """Milliseconds of the first call of the gradient of log-sum-exp; the context and CuPy are there already."""
    from wengert.compiler.runtime.offload import accelerator

    gpu, _ = accelerator(device)
    offload, grad = wg.offload, wg.grad  # imports what they need
    x = np.linspace(0.0, 1.0, 1000)
    gpu.synchronize()
    start = time.perf_counter()
    f = offload(grad(p.log_sum_exp), device)
    np.asarray(f(x))
    spent = 1e3 * (time.perf_counter() - start)
    print(f"first call {spent:.1f} ms; passes and code generation {f.last.executable.times}")
    print(spent)


# -- the report


def verdicts(row: dict[str, Any]) -> list[tuple[str, bool | None]]:
    """(what was asked and what was found, whether it is met)."""
    tools = {t: m for t, m in row["tools"].items() if not m["failed"]}
    if "ours" not in tools:
        return [("ours failed", False)]
    ours, found = tools["ours"], []

    def beside(label: str, names: tuple[str, ...], factor: float) -> None:
        times = [tools[t]["ms"] for t in names if t in tools]
        if times:
            ratio = ours["ms"] / min(times)
            found.append((f"{ratio:.2f} x {label}", ratio <= factor))

    for goal in row["goal"]:
        if goal == "bandwidth":
            share = row["bytes"] / ours["ms"] / 1e6 / row["copy GB/s"]
            found.append((f"{100 * share:.0f} % of the copy bandwidth", share >= 0.85))
        elif goal == "cupy":
            beside("CuPy's", ("cupy",), 1.03)
        elif goal == "hand":
            beside("CUDA C's", ("hand",), 1.2)
        elif goal == "ten":
            beside("JAX's", ("jax",), 0.1)
        elif goal == "peers":
            beside("the best of JAX and PyTorch", ("jax", "torch"), 1.03)
        elif goal == "80 %":
            beside("the pinned copies", ("hand",), 1.25)
        elif goal == "5x":
            beside("CuPy's asarray and asnumpy", ("cupy",), 0.2)
        else:
            number, unit = goal.split()
            value = ours["ms"] * (1e3 if unit == "us" else 1.0)
            found.append((f"{value:.3g} {unit} of {number}", value <= float(number)))
    return found


def markdown(table: Table, versions: dict[str, str]) -> str:
    lines = [
        f"{date.today().isoformat()}, {table.device}: {wg.devices()[1].name}; a copy within the device: {table.copy:.0f} GB/s.",
        "", ", ".join(f"{name} {version}" for name, version in versions.items()) + ".", "",
        "Milliseconds, medians of queued calls on resident data.", "",
        "| problem | wengert | CUDA C | CuPy | JAX | PyTorch | Numba | goal |", "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in table.rows:
        cells = []
        for tool in TOOLS:
            m = row["tools"].get(tool)
            cells.append("" if m is None else "failed" if m["failed"] else f"{m['ms']:.4g}")
        judged = "; ".join(f"{text}{'' if met else ' **missed**'}" for text, met in verdicts(row))
        lines.append(f"| {row['name']} | {' | '.join(cells)} | {judged} |")
    lines += explained([row["name"] for row in table.rows if not all(met for _, met in verdicts(row))])
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--scale", type=int, default=1)
    parser.add_argument("--only", default="", help="problems whose names contain one of these, separated by commas")
    parser.add_argument("--tools", default=",".join(TOOLS))
    parser.add_argument("--first-call", metavar="DEVICE", help="time one first call in this process, and nothing else")
    given = parser.parse_args()
    if given.first_call:
        first_call(given.first_call)
        return
    tools = tuple(given.tools.split(","))
    table = Table(given.device, given.scale, tools)
    folder = Path(os.environ.get("OUT", "."))
    names = ("numpy", "llvmlite", "cupy-cuda13x", "cupy-cuda12x", "jax", "torch", "numba-cuda")
    versions = {d.metadata["Name"]: d.version for d in metadata.distributions() if (d.metadata["Name"] or "") in names}
    versions["python"] = platform.python_version()

    def save() -> None:
        record = {"date": date.today().isoformat(), "device": wg.devices()[1].name, "versions": versions, "rows": table.rows}
        (folder / "gpu_table.json").write_text(json.dumps(record, indent=1))
        (folder / "gpu_table.md").write_text(markdown(table, versions))

    chosen = [word for word in given.only.split(",") if word]
    steps: list[tuple[str, Callable[[], None]]] = [
        ("calls", table.calls), ("first calls", table.first_calls), ("end to end", table.end_to_end)
    ]  # fmt: skip
    steps += [(q.name, lambda q=q: table.problem(q, tools)) for q in PROBLEMS]  # type: ignore[misc]
    for name, step in steps:
        if chosen and not any(word in name for word in chosen):
            continue
        try:
            step()
        except Exception as error:
            print(f"   FAILED {type(error).__name__}: {error}", flush=True)
        save()
    print((folder / "gpu_table.md").read_text())


if __name__ == "__main__":
    main()
