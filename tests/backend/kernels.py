"""NumPy kernels whose loops must neither copy nor allocate an array once compiled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Kernel:
    """reverse: whether the loops of its vector-Jacobian product are free of copies and allocations too."""

    function: Callable[..., Any]
    sample: Callable[[np.random.Generator], tuple[Any, ...]]


KERNELS: list[Kernel] = []


def kernel(
    sample: Callable[[np.random.Generator], tuple[Any, ...]],
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        KERNELS.append(Kernel(function, sample))
        return function

    return add


@kernel(lambda rng: (rng.random((9, 10)), 5))
def heat_in_place(u, steps):
    for _ in range(steps):
        u[1:-1, 1:-1] += 0.1 * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4.0 * u[1:-1, 1:-1])


@kernel(lambda rng: (rng.random((9, 10)), rng.random((9, 10)), 5))
def jacobi_2d(a, b, steps):
    for _ in range(steps):
        b[1:-1, 1:-1] = 0.2 * (a[1:-1, 1:-1] + a[1:-1, :-2] + a[1:-1, 2:] + a[2:, 1:-1] + a[:-2, 1:-1])
        a[1:-1, 1:-1] = 0.2 * (b[1:-1, 1:-1] + b[1:-1, :-2] + b[1:-1, 2:] + b[2:, 1:-1] + b[:-2, 1:-1])


@kernel(lambda rng: (rng.random(30), 6, 0.3))
def heat_functional(u, steps, c):
    for _ in range(steps):
        w = np.zeros_like(u)
        w[1:-1] = u[1:-1] + c * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        u = w
    return np.sum(u * u)


@kernel(lambda rng: (rng.random(30), rng.random(30), 6))
def wave(previous, now, steps):
    for _ in range(steps):
        following = 2.0 * now - previous
        following[1:-1] += 0.2 * (now[2:] - 2.0 * now[1:-1] + now[:-2])
        previous, now = now, following
    return now


@kernel(lambda rng: (rng.random((8, 8)), 3))
def seidel(a, steps):
    n = a.shape[0]
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                a[i, j] = 0.2 * (a[i, j] + a[i - 1, j] + a[i + 1, j] + a[i, j - 1] + a[i, j + 1])


@kernel(lambda rng: (rng.random((6, 6)) + 6.0 * np.eye(6),))
def lu(a):
    n = a.shape[0]
    for i in range(n):
        for j in range(i):
            a[i, j] -= a[i, :j] @ a[:j, j]
            a[i, j] /= a[j, j]
        for j in range(i, n):
            a[i, j] -= a[i, :i] @ a[:i, j]


@kernel(lambda rng: (rng.random((6, 6)) + 6.0 * np.eye(6),))
def lu_outer(a):
    n = a.shape[0]
    for k in range(n - 1):
        a[k + 1 :, k] /= a[k, k]
        a[k + 1 :, k + 1 :] -= np.outer(a[k + 1 :, k], a[k, k + 1 :])


@kernel(lambda rng: ((lambda m: m @ m.T + 6.0 * np.eye(6))(rng.random((6, 6))),))
def cholesky(a):
    n = a.shape[0]
    for i in range(n):
        for j in range(i):
            a[i, j] -= a[i, :j] @ a[j, :j]
            a[i, j] /= a[j, j]
        a[i, i] -= a[i, :i] @ a[i, :i]
        a[i, i] = np.sqrt(a[i, i])


def _slope(u):
    return np.sin(u) - 0.1 * u


@kernel(lambda rng: (rng.random(20), 7, 0.1))
def runge_kutta(u, steps, h):
    for _ in range(steps):
        k1 = _slope(u)
        k2 = _slope(u + 0.5 * h * k1)
        k3 = _slope(u + 0.5 * h * k2)
        k4 = _slope(u + h * k3)
        u += h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)


@kernel(lambda rng: (rng.random(20), 0.3))
def newton(x, tolerance):
    step = 1.0
    while step > tolerance:
        d = (x * x - 2.0) / (2.0 * x)
        x = x - d
        step = np.max(np.abs(d))
    return x
