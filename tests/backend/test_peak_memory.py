"""What a compiled kernel allocates, by its counter: its results and the temporaries that NumPy's semantics force.

All that was allocated is counted, whether freed in between or not, so it is an upper bound of the peak.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.frontend.trace import trace
from wengert.compiler.passes.pipeline import optimise
from wengert.compiler.runtime.cpu import Options, load

N, M = 1000, 40
X, Y = np.linspace(0.1, 1.0, N), np.linspace(1.0, 2.0, N)
A = np.linspace(0.1, 1.0, M * M).reshape(M, M) + M * np.eye(M)


def chain(x, y):
    return np.sqrt(x * x + y * y) + np.exp(-x) * np.sin(y) / (1 + x)


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def statistics(x, y):
    dx, dy = x - x.mean(), y - y.mean()
    return (dx * dy).sum() / np.sqrt((dx**2).sum() * (dy**2).sum())


def jacobi(u, v):
    for _ in range(10):
        v[1:-1, 1:-1] = 0.25 * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2])
        u[1:-1, 1:-1] = 0.25 * (v[2:, 1:-1] + v[:-2, 1:-1] + v[1:-1, 2:] + v[1:-1, :-2])


def heat(u):
    for _ in range(10):
        u[1:-1] += 0.1 * (u[2:] - 2 * u[1:-1] + u[:-2])


def seidel(u):
    for _ in range(3):
        for i in range(1, u.shape[0] - 1):
            for j in range(1, u.shape[1] - 1):
                u[i, j] = 0.25 * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1])


def factorise(a):
    for k in range(a.shape[0]):
        a[k + 1 :, k] /= a[k, k]
        for i in range(k + 1, a.shape[0]):
            a[i, k + 1 :] -= a[i, k] * a[k, k + 1 :]


def product(a):
    return a @ a


def rows(a):
    centred = a - a.mean(axis=1, keepdims=True)
    return np.sqrt((centred * centred).sum(axis=1)), np.abs(a).max(axis=0)


def running(x):
    return np.cumsum(x * x)


def positive(x):
    return x[x > 0.5]


def new_array_each_trip(x):
    for _ in range(10):
        x = x + 0.1 * np.sin(x)
    return x


VECTOR, MATRIX = 8 * N, 8 * M * M
CASES: list[tuple[Callable[..., Any], tuple[Any, ...], int, str]] = [
    (chain, (X, Y), VECTOR, "the result"),
    (softmax, (X,), 2 * VECTOR, "the exponentials, which are read twice, and the result"),
    (statistics, (X, Y), 0, "nothing"),
    (jacobi, (A, A.copy()), 0, "nothing"),
    (heat, (X,), 8 * (N - 2), "the new values, once: they overlap the old ones"),
    (seidel, (A,), 0, "nothing"),
    (factorise, (A,), 0, "nothing"),
    (product, (A,), MATRIX, "the result"),
    (rows, (A,), 5 * 8 * M, "the results and what each row gives, not the centred matrix"),
    (running, (X,), 2 * VECTOR, "the squares and the result"),
    (positive, (X,), N + 2 * 8 * int((X > 0.5).sum()), "the mask, the places and the result"),
    (new_array_each_trip, (X,), 2 * VECTOR, "a copy of the argument and the result, for all trips together"),
]


@pytest.mark.parametrize("function, arguments, expected, what", CASES, ids=lambda v: getattr(v, "__name__", ""))
def test_allocates_only(function, arguments, expected, what) -> None:
    own = tuple(a.copy() for a in arguments)
    executable = load(optimise(trace(function, signature_of(own)).function), options=Options(count=True))
    executable.call(*own)
    assert executable.counters["allocated_bytes"] <= expected, what
