"""Nests that are written together: the right numbers, and apart wherever one needs what another has not written yet."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.backend.bufferise import bufferise
from wengert.compiler.backend.joined import join_nests


def shared(x, y):  # type: ignore[no-untyped-def]
    a = np.exp(x)
    b = a * y + 1.0
    return a * b, b - a / b


def rows(t, x, k):  # type: ignore[no-untyped-def]
    t[k] = x * 2.0
    a = t[k] + x * x + np.sin(x)
    t[k + 1] = a / (1.0 + a * a)
    t[k] += a
    return t


def cleared_column(x, y):  # type: ignore[no-untyped-def]
    t = x * y
    for k in range(2):
        c = t[:, k] * 2.0
        t[:, k] = 0.0
        s = np.sum(c)
        d = -c
        e = d * 0.5
        t[:, 3] += s
        t += (e * e)[:, None] * y
    return t


def shifted(x, y):  # type: ignore[no-untyped-def]
    a = np.sin(x) * y
    b = np.zeros_like(x)
    b[1:] = a[:-1] * y[1:]
    b[:-1] += a[1:] * b[1:]
    return a, b


def exchanged(x, y):  # type: ignore[no-untyped-def]
    a, b = x.copy(), y.copy()
    for _ in range(3):
        c = a[1:-1] + b[1:-1]
        a[1:-1] = c * 0.5
        b[1:-1] = c - a[2:]
    return a, b


def faulty(x, y, k):  # type: ignore[no-untyped-def]
    x[1:] += y[1:]
    n = y[k]
    x[1:] *= n
    return n


x, y = np.linspace(0.1, 1.0, 12), np.linspace(1.0, 2.0, 12)
CASES = [
    (shared, (x, y), [4]),
    (shared, (x.reshape(3, 4), y.reshape(3, 4)), [4]),
    (rows, (np.ones((4, 12)), x, 1), [2, 2]),
    (cleared_column, (x.reshape(3, 4), y.reshape(3, 4)), [4]),
    (shifted, (x, y), []),
    (exchanged, (x, y), [2, 3, 2]),
]


@pytest.mark.parametrize("function, args, expected", CASES, ids=lambda v: getattr(v, "__name__", None))
def test_members(function, args, expected):  # type: ignore[no-untyped-def]
    compiled = wg.jit(function)
    mine = [np.copy(a) if isinstance(a, np.ndarray) else a for a in args]
    own = [np.copy(a) if isinstance(a, np.ndarray) else a for a in args]
    for a, b in zip(np.atleast_1d(compiled(*mine)), np.atleast_1d(function(*own)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)
    for a, b in zip(mine, own, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)
    plan = bufferise(compiled.lower(*args).program.executable.lowered)
    join_nests(plan)
    assert [len(g.members) for g in dict.fromkeys(plan.joined.values())] == expected


def test_a_fault_comes_after_what_the_caller_sees() -> None:
    a = np.zeros(3)
    with pytest.raises(IndexError):
        wg.jit(faulty)(a, np.ones(3), 7)
    assert a.tolist() == [0.0, 1.0, 1.0]
