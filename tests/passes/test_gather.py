"""Adjoints of stencils become stencils: as fast as the primal, and still the adjoint."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.frontend.trace import trace
from wengert.compiler.passes.autodiff import reverse
from wengert.compiler.passes.optimise.gather import _is_zero
from wengert.compiler.passes.pipeline import optimise


def heat(u0, steps):  # type: ignore[no-untyped-def]
    u = u0.copy()
    for _ in range(steps):
        u[1:-1, 1:-1] = u[1:-1, 1:-1] + 0.1 * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] - 3.0 * u[1:-1, :-2])
    return np.sum(u**3)


def between_branches(u0, steps):  # type: ignore[no-untyped-def]
    u = u0.copy()
    for t in range(steps):
        if t % 2 == 0:
            u[2:-2] = u[:-4] * 0.5 + u[1:-3] * u[3:-1] + 0.25 * u[4:]
        else:
            u[1:] = 0.5 * (u[1:] - u[:-1])
    return np.sum(u * u)


def growing_windows(u0, steps):  # type: ignore[no-untyped-def]
    u = u0.copy()
    for t in range(steps):
        m = u.shape[0] - t
        u[1 : m - 1] = u[: m - 2] + 0.3 * u[2:m]
    return np.sum(u * u)


def at_once(x, steps):  # type: ignore[no-untyped-def]
    y = x[2:] + x[1:-1] * 2.0 + x[:-2]
    return np.sum(np.sin(y) * float(steps))


def staggered(u0, steps):  # type: ignore[no-untyped-def]
    u, v = u0.copy(), u0 * u0
    for t in range(steps):
        v[0] = float(t)
        v[1:] = v[1:] - 0.5 * (u[1:] - u[:-1])
        u[:-1] = u[:-1] - 0.7 * (v[1:] - v[:-1])
    return np.sum(u * v)


@pytest.mark.parametrize("function", [heat, between_branches, growing_windows, at_once, staggered], ids=lambda f: f.__name__)
@pytest.mark.parametrize("n", [8, 9])
def test_the_gathered_adjoint_is_the_adjoint(function, n) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(n)
    x = rng.random((n, n + 1) if function is heat else n)
    v = rng.standard_normal(x.shape)
    reverse = np.sum(wg.grad(function)(x, 3) * v)
    _, forward = wg.jvp(function)((x, 3), (v, None))
    np.testing.assert_allclose(reverse, forward, rtol=1e-12)
    np.testing.assert_allclose(reverse, (function(x + 1e-6 * v, 3) - function(x - 1e-6 * v, 3)) / 2e-6, rtol=1e-7)
    second = wg.hvp(function)((x, 3), v)
    step = 1e-5
    expected = (wg.grad(function)(x + step * v, 3) - wg.grad(function)(x - step * v, 3)) / (2 * step)
    np.testing.assert_allclose(second, expected, rtol=1e-6, atol=1e-7)


def test_a_stencil_of_neighbours_is_added_once() -> None:
    lowered = wg.grad(heat).lower(np.ones((6, 6)), 2)
    assert lowered.ir().count("accumulate_slice") <= 2
    assert lowered.plan.kept == ()


def test_a_region_set_to_zero_and_put_back_is_left_alone() -> None:
    traced = trace(staggered, signature_of((np.ones(9), 3))).function
    written = optimise(reverse(optimise(traced), [True, False]))
    (loop,) = [op for op in written.body.ops if op.name == "for" and op.role == "adjoint"]
    zeroed = [op for op in loop.regions[0].ops if op.name == "update_slice" and _is_zero(op.operands[1])]
    assert not zeroed
