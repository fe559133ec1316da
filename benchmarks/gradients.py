"""Gradient time divided by the compiled primal's own time, and the peers that are installed, in one run.

    OMP_NUM_THREADS=1 python benchmarks/gradients.py [--only NAME ...] [--seconds 2] [--save FILE]

One thread, float64. Times are of the processor, of all threads of the process together: those of the wall say more about
what else the machine does. Every gradient is compared with the peers' or with central differences along a direction before it is
timed. Primal and gradient are timed in turns, the peers in turns after them; the ratio is that of the medians, with the quartiles of both beside it.
Peers (optional): JAX, PyTorch, Warp, autograd, CasADi (`pip install wengert[benchmarks]`). Enzyme's, Tapenade's and others' figures are
quoted from publications where given (`quoted`).
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["WENGERT_NUM_THREADS"] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_ENABLE_X64"] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"

import argparse
import json
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import gradient_peers as peers
import gradient_peers_torch as torch
import gradient_peers_warp as warp
import gradient_problems as p
import numpy as np

import wengert as wg

Call = Callable[[], Any]
CAUSES = {
    "chained sum": "one pass that reads 8 MB and writes 8 MB (which the processor fetches before it writes them), for one that reads 8 MB: "
    "two to three times the memory traffic. Stores past the cache were slower by a third (tried in C).",
    "LSTM": "1024 steps keep 2.1 MB, four times a core's second cache; the primal stays in the first. So the ratio follows how "
    "much of the shared cache other processes take: 1.7 to 2.3 without them.",
    "log-sum-exp": "a pass of exponentials that are kept (8 MB), and one that writes 8 MB: bound by memory, whose speed the machine shares.",
    "linear stencil": "as many sweeps over the grid back as forward, nothing kept: 2 is what that costs, and runs lie on either side of it.",
    "reaction-diffusion": "52 MB are kept, which is more than the caches: bound by memory, whose speed the machine shares.",
    "RK4": "the four stages forward are computed again, 1.6 MB kept: 2.4 when nothing else is at work.",
    "least squares": "the matrix (4 MB) is read twice, for A x and for Aᵀ r, where the primal reads it once: r = A x - b must be complete in "
    "a row before that row is added to the result, and a row is used again only from the cache.",
    "GMM": "three products of 1000 x 10 x 10 to the primal's one, nearly half of whose time are BLAS's copies and fills.",
}
"""Why a row misses its goal, where it does. Said under the table for those that miss in that run."""


@dataclass(frozen=True)
class Problem:
    """kind: "gradient" (of a scalar by `wrt`), "jacobian", "batched jacobian" (one residual per observation), or
    "gradient and diagonal Hessian". goal: of gradient / primal. quoted: figures of others."""

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    goal: float
    wrt: tuple[int, ...] = (0,)
    kind: str = "gradient"
    quoted: str = ""
    peers: dict[str, Callable[..., tuple[Call, Call]]] = field(default_factory=dict)
    group: str = ""


def problems() -> list[Problem]:
    rng = np.random.default_rng(0)
    r = rng.random
    small = [
        ("seidel_2d", p.seidel_2d, (r((120, 120)), 20), (0,)),
        ("cholesky", p.cholesky, (np.eye(120) * 120 + r((120, 120)),), (0,)),
        ("lu", p.lu, (np.eye(120) * 120 + r((120, 120)),), (0,)),
        ("gramschmidt", p.gramschmidt, (r((100, 80)) + np.eye(100, 80),), (0,)),
        ("jacobi_1d", p.jacobi_1d, (r(4000), r(4000), 200), (0, 1)),
        ("jacobi_2d", p.jacobi_2d, (r((200, 200)), r((200, 200)), 50), (0, 1)),
        ("fdtd_2d", p.fdtd_2d, (r((200, 240)), r((200, 240)), r((200, 240)), 50), (0, 1, 2)),
        ("heat_3d", p.heat_3d, (r((40, 40, 40)), r((40, 40, 40)), 20), (0, 1)),
        ("trisolv", p.trisolv, (np.eye(400) * 400 + r((400, 400)), r(400)), (0, 1)),
    ]
    n_obs = 31843
    cam = r((n_obs, 11)) * 0.1 + np.array([0.1] * 3 + [0.0, 0.0, -3.0, 500.0, 0.0, 0.0, 0.0, 0.0])
    d, K, n = 10, 25, 1000
    bones, verts = 22, 544
    parents = np.array([-1, 0, 1, 2, 3, 4, 1, 6, 7, 8, 1, 10, 11, 12, 1, 14, 15, 16, 1, 18, 19, 20])
    pose = np.tile(np.eye(3, 4), (bones, 1, 1)) + 0.1 * r((bones, 3, 4))
    mixture = (r(K), r((K, d)), r((K, d * (d + 1) // 2)) * 0.1, r((n, d)), 1.0, 0.0)
    words = (r((2, 8, 14)) - 0.5, r((3, 14)), r((4, 14)), r((1024, 14)))
    return [
        Problem("linear stencil 256² x 100", p.heat, (r((256, 256)), 100), 2.0, quoted="Enzyme 4.4-5.7, JAX 1.9", peers={"JAX": peers.jax_heat, "PyTorch": torch.heat, "Warp": warp.heat}),
        Problem("reaction-diffusion 256² x 100", p.reaction_diffusion, (r((256, 256)), 100), 4.0, quoted="Enzyme 5-11, JAX 11-16", peers={"JAX": peers.jax_reaction_diffusion, "PyTorch": torch.reaction_diffusion, "Warp": warp.reaction_diffusion}),
        Problem("RK4 ODE, 1e5 steps", p.lotka_volterra, (np.array([1.5, 1.0, 3.0, 1.0]), 100_000), 2.5, quoted="Enzyme 2.5", peers={"JAX": peers.jax_ode, "CasADi": peers.casadi_ode}),
        Problem("chained sum, 1e6", p.chained_sum, (r(1_000_000),), 1.5, quoted="Enzyme 0.6-2.7", peers={"JAX": peers.jax_plain, "autograd": peers.autograd_plain, "PyTorch": torch.chained_sum, "Warp": warp.chained_sum}),
        Problem("GMM, d=10, K=25, n=1000", p.gmm, mixture, 3.0, (0, 1, 2), quoted="Tapenade 3.3, JAX 3.6, Enzyme 7.6", peers={"JAX": peers.jax_gmm, "PyTorch": torch.gmm}),
        Problem("bundle adjustment Jacobian, 31,843", p.reprojection, (cam, r((n_obs, 3)), 1.0 + r(n_obs), r((n_obs, 2))), 6.0, (0, 1, 2), "batched jacobian", "Enzyme 6.1-9.7", {"JAX": peers.jax_ba, "PyTorch": torch.ba, "Warp": warp.ba}),
        Problem("LSTM, 2 x 14, 1024 steps", p.lstm, words, 2.8, (0, 1), quoted="Enzyme 2.8, Tapenade 3.2", peers={"JAX": peers.jax_lstm, "PyTorch": torch.lstm}),
        Problem("k-means, gradient and diagonal Hessian", p.kmeans, (r((20, 8)), r((10_000, 8))), 3.0, (0,), "gradient and diagonal Hessian", "Enzyme 3.0, Futhark 1.45", {"JAX": peers.jax_kmeans, "PyTorch": torch.kmeans}),
        Problem("log-sum-exp, 1e6", p.logsumexp, (r(1_000_000),), 2.0, quoted="Futhark 1.65, Enzyme 2.1", peers={"JAX": peers.jax_plain, "autograd": peers.autograd_plain, "PyTorch": torch.logsumexp}),
        Problem("least squares, 1000 x 500", p.least_squares, (r(500), r((1000, 500)), r(1000)), 2.0, quoted="Futhark 1.3, Enzyme 1.4", peers={"JAX": peers.jax_plain, "autograd": peers.autograd_plain, "PyTorch": torch.least_squares}),
        Problem("determinant by minors, 10", p.determinant, (r((10, 10)),), 8.0, quoted="C++ by hand 7.7, Enzyme 18"),
        Problem("hand tracking Jacobian, 26 x 544", p.hand, (0.1 * r(26), parents, pose, pose.copy(), r((verts, 3)), r((bones, verts)) / bones, r((verts, 3))), 40.0, (0,), "jacobian", "Enzyme 47, Tapenade 68, C++ by hand 7.7"),
        *(Problem(name, f, args, 10.0, wrt, quoted="DaCe AD 3.3-41, JAX 7-456", group="sweeps", peers={"JAX": peers.jax_sweeps[name], "PyTorch": torch.sweeps[name]} if name in peers.jax_sweeps else {}) for name, f, args, wrt in small),
    ]  # fmt: skip


def compiled(problem: Problem) -> tuple[Call, Call]:
    """Our primal and derivative; the derivative's leaves as one tuple of arrays."""
    args, wrt = problem.args, problem.wrt
    if problem.kind == "batched jacobian":
        primal = wg.batch(problem.function)
        derivative = wg.batch(wg.jacobian(problem.function, wrt, mode="reverse"))
        return lambda: primal(*args), lambda: derivative(*args)
    primal = wg.jit(problem.function)
    if problem.kind == "jacobian":
        derivative = wg.jacobian(problem.function, wrt, mode="forward")
        return lambda: primal(*args), lambda: derivative(*args)
    if problem.kind == "gradient and diagonal Hessian":
        both = wg.jvp(wg.grad(problem.function, wrt[0]))
        ones = tuple(np.ones_like(a) if k in wrt else None for k, a in enumerate(args))
        return lambda: primal(*args), lambda: both(args, ones)
    derivative = wg.grad(problem.function, wrt)
    return lambda: primal(*args), lambda: derivative(*args)


def flat(tree: Any) -> list[np.ndarray]:
    if isinstance(tree, tuple | list):
        return [leaf for t in tree for leaf in flat(t)]
    return [] if tree is None else [np.asarray(tree, dtype=float)]


def verify(problem: Problem, primal: Call, derivative: Call) -> float:
    """Relative error against central differences of the primal along a random direction."""
    rng = np.random.default_rng(1)
    directions = {k: rng.standard_normal(np.shape(problem.args[k])) for k in problem.wrt}
    found = flat(derivative())
    if problem.kind == "gradient and diagonal Hessian":
        found = found[:1]
    step = 1e-6
    values = []
    f = wg.batch(problem.function) if problem.kind == "batched jacobian" else wg.jit(problem.function)
    for sign in (1.0, -1.0):
        moved = tuple(a + sign * step * directions[k] if k in directions else a for k, a in enumerate(problem.args))
        values.append(np.asarray(f(*moved)))
    expected = (values[0] - values[1]) / (2 * step)
    total: Any = 0.0
    for k, block in zip(problem.wrt, found, strict=True):
        d = directions[k]
        if problem.kind == "batched jacobian":
            total = total + (np.einsum("brk,bk->br", block, d) if d.ndim == 2 else block * d[:, None])
        else:
            total = total + np.tensordot(block, d, d.ndim)
    return float(np.max(np.abs(total - expected)) / np.max(np.abs(expected)))


def timed(calls: dict[str, Call], seconds: float) -> dict[str, np.ndarray]:
    """Processor seconds of each call, in turns, for about `seconds` in all per pair (at least 5 rounds)."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    start = time.perf_counter()
    rounds = 0
    while rounds < 5 or (time.perf_counter() - start < seconds and rounds < 400):
        rounds += 1
        for name, call in calls.items():
            before = time.process_time()
            call()
            times[name].append(time.process_time() - before)
    return {name: np.array(t) for name, t in times.items()}


def run(problem: Problem, seconds: float) -> dict[str, Any]:
    start = time.perf_counter()
    primal, derivative = compiled(problem)
    primal()
    derivative()
    first = time.perf_counter() - start
    error = verify(problem, primal, derivative)
    if not error < 1e-4:
        raise SystemExit(f"{problem.name}: the derivative differs from differences by {error:.1e}")
    times = timed({"primal": primal, "gradient": derivative}, seconds)
    calls: dict[str, Call] = {}
    refused: dict[str, str] = {}
    for name, make in problem.peers.items():
        try:
            theirs = make(problem.function, problem.args, problem.wrt)
            got, own = flat(theirs[1]()), flat(derivative())
        except ImportError:
            refused[name] = "not installed"
            continue
        for a, b in zip(got, own, strict=False):
            if not np.allclose(np.reshape(a, -1), np.reshape(b, -1), rtol=1e-7, atol=1e-9 * np.max(np.abs(b))):
                raise SystemExit(f"{problem.name}: {name} has another gradient")
        calls |= {f"{name} primal": theirs[0], f"{name} gradient": theirs[1]}
    times |= timed(calls, seconds)
    rows = {n: [float(q) for q in np.percentile(t * 1e3, [0, 25, 50, 75])] for n, t in times.items()}
    ratio = rows["gradient"][2] / rows["primal"][2]
    return {
        "name": problem.name, "group": problem.group, "goal": problem.goal, "ratio": ratio,
        "ratio_of_best": rows["gradient"][0] / rows["primal"][0], "error": error, "first_call_s": first,
        "ms_min_q1_median_q3": rows, "refused": refused, "quoted": problem.quoted,
    }  # fmt: skip


def show(result: dict[str, Any]) -> None:
    rows = result["ms_min_q1_median_q3"]
    verdict = "ok  " if result["ratio"] <= result["goal"] else "MISS"
    line = f"{result['name']:<40} {rows['primal'][2]:9.3f} {rows['gradient'][2]:9.3f} ms  x{result['ratio']:<6.2f} best x{result['ratio_of_best']:<6.2f} goal {result['goal']:<5g}{verdict}"
    for name, row in rows.items():
        if name.endswith(" gradient"):
            peer = name.removesuffix(" gradient")
            line += f"  {peer} {rows[f'{peer} primal'][2]:.2f}/{row[2]:.2f} ({row[2] / rows['gradient'][2]:.1f}x ours)"
    print(line, flush=True)


def _faster_peers(result: dict[str, Any]) -> list[str]:
    rows = result["ms_min_q1_median_q3"]
    return [n.removesuffix(" gradient") for n, row in rows.items() if n.endswith(" gradient") and row[2] < rows["gradient"][2]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[], help="parts of names")
    parser.add_argument("--seconds", type=float, default=3.0, help="of timing per problem")
    parser.add_argument("--save", type=Path, help="a JSON file")
    options = parser.parse_args()
    results = []
    for problem in problems():
        if options.only and not any(o in problem.name for o in options.only):
            continue
        try:
            results.append(run(problem, options.seconds))
        except wg.errors.WengertError as error:
            print(f"{problem.name:<40} REFUSED {error}", flush=True)
            results.append({"name": problem.name, "goal": problem.goal, "group": problem.group, "error": str(error)})
            continue
        show(results[-1])
    sweeps = [r["ratio"] for r in results if r["group"] == "sweeps" and "ratio" in r]
    if sweeps:
        print(f"sweeps: geometric mean x{np.exp(np.mean(np.log(sweeps))):.2f} (goal 4), worst x{max(sweeps):.2f} (goal 10)")
    for r in results:
        if "ratio" in r and r["ratio"] > r["goal"]:
            cause = next((why for name, why in CAUSES.items() if name in r["name"]), "cause not known")
            print(f"misses: {r['name']} (x{r['ratio']:.2f}, goal {r['goal']:g}): {cause}")
    slower = {r["name"]: names for r in results if "ratio" in r and (names := _faster_peers(r))}
    print(f"first in total time in {sum('ratio' in r for r in results) - len(slower)} of {len(results)}; faster: {slower or 'nobody'}")
    if options.save:
        about = {
            "date": date.today().isoformat(), "machine": platform.machine(), "cpu": _cpu(), "python": platform.python_version(),
            "versions": {n: _version(n) for n in ("wengert", "numpy", "llvmlite", "jax", "torch", "warp-lang", "autograd", "casadi")},
        }  # fmt: skip
        options.save.write_text(json.dumps({"about": about, "results": results}, indent=1) + "\n")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())


if __name__ == "__main__":
    main()
