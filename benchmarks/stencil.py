"""Kernels against NumPy: seconds each, one thread. `python benchmarks/stencil.py`."""

from __future__ import annotations

import timeit
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.frontend.trace import trace
from wengert.compiler.passes.pipeline import optimise
from wengert.compiler.runtime import cpu


def heat(u, steps):  # type: ignore[no-untyped-def]
    for _ in range(steps):
        u[1:-1, 1:-1] = u[1:-1, 1:-1] + 0.1 * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4.0 * u[1:-1, 1:-1])


def jacobi(a, b, steps):  # type: ignore[no-untyped-def]
    for _ in range(steps):
        b[1:-1, 1:-1] = 0.2 * (a[1:-1, 1:-1] + a[1:-1, :-2] + a[1:-1, 2:] + a[2:, 1:-1] + a[:-2, 1:-1])
        a[1:-1, 1:-1] = 0.2 * (b[1:-1, 1:-1] + b[1:-1, :-2] + b[1:-1, 2:] + b[2:, 1:-1] + b[:-2, 1:-1])


def vector_math(x):  # type: ignore[no-untyped-def]
    return np.sin(np.exp(x)) * x


def total(x):  # type: ignore[no-untyped-def]
    return np.sum(x * x)


def seidel(a, steps):  # type: ignore[no-untyped-def]
    n = a.shape[0]
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                a[i, j] = 0.25 * (a[i - 1, j] + a[i + 1, j] + a[i, j - 1] + a[i, j + 1])


def lu(a):  # type: ignore[no-untyped-def]
    n = a.shape[0]
    for k in range(n - 1):
        a[k + 1 :, k] = a[k + 1 :, k] / a[k, k]
        a[k + 1 :, k + 1 :] = a[k + 1 :, k + 1 :] - np.outer(a[k + 1 :, k], a[k, k + 1 :])


def row_sums(a):  # type: ignore[no-untyped-def]
    return np.sum(a, axis=1), np.sum(a, axis=0)


def main() -> None:
    rng = np.random.default_rng(0)
    cases: list[tuple[Callable[..., Any], tuple[Any, ...], bool]] = [
        (heat, (rng.random((500, 500)), 100), True),
        (jacobi, (rng.random((500, 500)), rng.random((500, 500)), 100), True),
        (vector_math, (rng.random(1_000_000),), True),
        (total, (rng.random(1_000_000),), True),
        (row_sums, (rng.random((1000, 1000)),), True),
        (seidel, (rng.random((300, 300)), 10), False),
        (lu, (rng.random((400, 400)) + 400 * np.eye(400),), True),
    ]
    for function, arguments, numpy_too in cases:
        executable = cpu.load(optimise(trace(function, signature_of(arguments)).function))
        scope = {"ours": executable.call, "theirs": function, "arguments": arguments}
        ours = min(timeit.repeat("ours(*arguments)", globals=scope, number=1, repeat=5))
        theirs = min(timeit.repeat("theirs(*arguments)", globals=scope, number=1, repeat=3)) if numpy_too else float("nan")
        compile_ms = sum(executable.times.values())
        print(f"{function.__name__:12} {ours * 1e3:9.2f} ms   numpy {theirs * 1e3:9.2f} ms   compiled in {compile_ms:4.0f} ms")


if __name__ == "__main__":
    main()
