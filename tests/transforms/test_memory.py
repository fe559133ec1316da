"""What reverse mode keeps: the plan as data."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg


def linear(u, steps):  # type: ignore[no-untyped-def]
    for _ in range(steps):
        v = u.copy()
        v[1:-1] = u[1:-1] + 0.1 * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        u = v
    return np.mean(u * u)


def nonlinear(u, steps):  # type: ignore[no-untyped-def]
    for _ in range(steps):
        v = u.copy()
        v[1:-1] = u[1:-1] + 0.1 * (u[2:] - u[:-2]) ** 2
        u = v
    return np.mean(u * u)


def rows(a):  # type: ignore[no-untyped-def]
    s = 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1] - 1):
            s = s * a[i, j] + a[i, j + 1]
    return s


def scalar(x, n):  # type: ignore[no-untyped-def]
    y = x
    z = 1.0
    for _ in range(n):
        y, z = y + 0.01 * z * y, z - 0.01 * y * z
    return y * z


@pytest.mark.parametrize(
    ("function", "args", "expected"),
    [
        (linear, (np.linspace(0.0, 1.0, 50), 20), 0),
        (nonlinear, (np.linspace(0.0, 1.0, 50), 20), 20 * 50 * 8),
        (scalar, (0.5, 1000), 2 * 8 * 1000),
        (rows, (np.linspace(0.9, 1.1, 12).reshape(3, 4),), 3 * 3 * 8),
    ],
    ids=lambda v: getattr(v, "__name__", ""),
)
def test_bytes_of_the_plan(function, args, expected) -> None:  # type: ignore[no-untyped-def]
    plan = wg.grad(function).lower(*args).plan
    assert plan.bytes == expected
    assert plan.extra_time is not None and plan.memory is None and plan.checkpoints == ()
    assert all(k.span is not None for k in plan.kept)


def test_a_function_without_a_reverse_sweep_has_no_plan() -> None:
    with pytest.raises(wg.errors.WengertError, match="no reverse sweep"):
        _ = wg.jit(scalar).lower(0.5, 3).plan
