"""Nests that are written together: the right numbers, and apart wherever one needs what another has not written yet."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.backend.bufferise import bufferise
from wengert.compiler.backend.joined import join_nests
from wengert.compiler.backend.within import keep_within


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


def normalised(x, y):  # type: ignore[no-untyped-def]
    a = np.exp(x) * y
    s = np.sum(a)
    b = a / s
    x[:] = b - 0.5
    return b, np.sum(x * a)


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
    (cleared_column, (x.reshape(3, 4), y.reshape(3, 4)), [2, 4, 2]),
    (normalised, (x, y), [2, 3]),
    (normalised, (np.tile(x, (60, 1)), np.tile(y, (60, 1))), [2, 3]),
    (shifted, (x, y), []),
    (exchanged, (x, y), [2, 3, 2]),
]


@pytest.mark.parametrize("function, args, expected", CASES, ids=lambda v: getattr(v, "__name__", None))
def test_members(function, args, expected):  # type: ignore[no-untyped-def]
    compiled = wg.jit(function)
    mine = [np.copy(a) if isinstance(a, np.ndarray) else a for a in args]
    own = [np.copy(a) if isinstance(a, np.ndarray) else a for a in args]
    made, meant = compiled(*mine), function(*own)
    for a, b in zip((*mine, *made), (*own, *meant), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)
    plan = bufferise(compiled.lower(*args).program.executable.lowered)
    join_nests(plan)
    assert [len(g.members) for g in dict.fromkeys(plan.joined.values())] == expected


def either(x, a):  # type: ignore[no-untyped-def]
    if a > 2.0:
        return np.sum(x) * a
    return np.sum(x * x)


def test_a_region_of_an_array_that_the_same_nest_fills() -> None:
    batch = wg.batch(either, in_axes=(0, None))
    x = np.arange(12.0).reshape(3, 4)
    for a, expected in ((3.0, np.full((3, 4), 3.0)), (1.0, 2.0 * x)):
        assert np.array_equal(wg.grad(lambda x, a: np.sum(batch(x, a)))(x, a), expected)


def test_a_fault_comes_after_what_the_caller_sees() -> None:
    a = np.zeros(3)
    with pytest.raises(IndexError):
        wg.jit(faulty)(a, np.ones(3), 7)
    assert a.tolist() == [0.0, 1.0, 1.0]


def history(u, n):  # type: ignore[no-untyped-def]
    h = np.zeros((n, u.shape[0]))
    for k in range(n):
        h[k] = u
        u[1:-1] = u[:-2] + u[2:] - u[1:-1]
    return h


def erased(u, n):  # type: ignore[no-untyped-def]
    h = np.zeros((n, u.shape[0]))
    for k in range(n):
        h[k] = u
        h[k, 2:] = 0.0
        u[1:-1] = u[:-2] + u[2:]
        u[1:] += h[k, :-1]
    return h


def products(u, n):  # type: ignore[no-untyped-def]
    h = np.zeros((n, 3, u.shape[0]))
    sums = np.zeros((n, 3))
    a = np.outer(np.arange(1.0, 4.0), u)
    w = np.outer(u, u) / 20.0
    for k in range(n):
        y = a @ w
        h[k] = y
        sums[k] = np.sum(a, axis=1)
        a = y / (1.0 + np.sum(y * y))
    return np.sum(h, axis=1) + np.sum(sums)


def overwritten(u, n):  # type: ignore[no-untyped-def]
    h = np.zeros((n, 3, u.shape[0]))
    a = np.outer(np.arange(1.0, 4.0), u)
    w = np.outer(u, u) / 20.0
    for k in range(n):
        y = a @ w
        h[k] = y
        h[k, 1] = 7.0
        a = y + h[k] / 7.0
    return np.sum(h, axis=1) + np.sum(a)


@pytest.mark.parametrize("function, within, aside", [(history, 0, 0), (erased, 0, 1), (products, 2, 0), (overwritten, 0, 0)])
def test_what_is_kept_is_written_or_read_there(function, within, aside):  # type: ignore[no-untyped-def]
    """within: products in the tape's memory; aside: right-hand sides of the stencil in memory of their own."""
    start = np.linspace(0.2, 1.0, 6)
    compiled = wg.jit(function)
    mine, own = start.copy(), start.copy()
    np.testing.assert_allclose(compiled(mine, 4), function(own, 4), rtol=1e-13)
    np.testing.assert_allclose(mine, own, rtol=1e-13)
    executable = compiled.lower(start, 4).program.executable
    plan = bufferise(executable.lowered)
    keep_within(plan)
    stencil = [op.operands[1] for op in plan.structure.ops if op.name == "update_slice" and op.operands[1].type.rank == 1]
    assert len(plan.within) == within and sum(v in plan.stored and v not in plan.within for v in stencil if v.owner) == aside
    assert executable.statistics["copies_in_loops"] == 0

    def loss(u):  # type: ignore[no-untyped-def]
        return np.sum(function(u.copy(), 4) ** 2)

    direction = np.cos(np.arange(6.0))
    difference = (loss(start + 1e-6 * direction) - loss(start - 1e-6 * direction)) / 2e-6
    np.testing.assert_allclose(wg.grad(loss)(start) @ direction, difference, rtol=1e-6)
