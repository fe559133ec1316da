"""The table of conventions in the documentation is the one the rows state."""

from pathlib import Path

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.ops.conventions import table


def test_the_table_in_the_docs_is_that_of_the_rows():
    page = (Path(__file__).parents[2] / "docs" / "conventions.md").read_text()
    assert table() in page, "put the output of `python -m wengert.compiler.ops.conventions` into docs/conventions.md"
    assert "`np.absolute`" in page and "`np.sqrt`" in page


def in_a_loop(d):
    total = 0.0
    for k in range(len(d)):
        total += d[k] ** 2
    return total**0.5


def weighted(d):
    return np.sqrt(np.sum(np.array([1.0, 2.0, 3.0]) * d * d))


ROOTS = [
    lambda d: np.sqrt(np.sum(d * d)),
    lambda d: np.sqrt(d @ d),
    lambda d: np.linalg.norm(d) * np.linalg.norm(d[:2]) + np.sqrt(np.mean((d[1:] - d[:-1]) ** 2)),
    lambda d: np.std(d - 1.0),
    lambda d: np.hypot(d[0], d[1]) + np.sqrt(d[2] ** 4),
    lambda d: np.sum(np.linalg.norm(np.outer(d, d), axis=1)),
    in_a_loop,
    weighted,
]


@pytest.mark.parametrize("f", ROOTS)
def test_a_length_of_0_has_slope_0_in_both_modes(f):
    zero, away = np.zeros(3), np.array([0.3, -0.2, 0.5])
    for mode in ("forward", "reverse"):
        np.testing.assert_array_equal(wg.jacobian(f, mode=mode)(zero), zero)
    if f is in_a_loop:
        assert not wg.hessian(f)(zero).any()
    np.testing.assert_allclose(wg.grad(f)(away), wg.jacobian(f, mode="forward")(away), rtol=1e-13)
    steps = 1e-6 * np.eye(3)
    np.testing.assert_allclose(wg.grad(f)(away), [(f(away + h) - f(away - h)) / 2e-6 for h in steps], rtol=1e-7)


def test_a_root_of_anything_else_is_steep_at_0():
    for f in (lambda x: np.sqrt(x), lambda x: x**0.5, lambda x: np.sqrt(x * 2.0), lambda x: np.sqrt(np.maximum(x, 0.0))):
        assert wg.grad(f)(0.0) == np.inf == wg.jvp(f)((0.0,), (1.0,))[1]
    assert wg.grad(lambda x: np.where(x > 0, np.sqrt(x), 0.0))(0.0) == 0.0


def test_missing_data_leave_gradients_finite() -> None:
    def misfit(p, obs):  # type: ignore[no-untyped-def]
        return np.sum(np.where(np.isnan(obs), 0.0, np.exp(-((p * p - obs) ** 2))))

    obs, p = np.array([1.0, np.nan, 2.0, np.nan]), 0.3
    gap = p * p - obs[[0, 2]]
    np.testing.assert_allclose(wg.grad(misfit)(p, obs), np.sum(-4 * p * gap * np.exp(-(gap**2))), rtol=1e-13)
    assert np.isfinite(wg.hvp(misfit)((p, obs), 1.0))


def test_higher_derivatives_of_products_with_zeros() -> None:
    x = np.array([0.0, 1.5, 0.0, 2.0])
    expected = np.zeros((4, 4))
    expected[0, 2] = expected[2, 0] = 3.0
    np.testing.assert_array_equal(wg.hessian(lambda x: np.prod(x))(x), expected)
    v = np.array([1.0, 2.0, 3.0, 4.0])
    third = wg.jvp(wg.hvp(lambda x: np.prod(x)))(((x,), v), ((v,), None))[1]
    # d^3 (x0 x1 x2 x3) in the directions v, v: sums of the products of the others
    pair = 1.5 * v[3] + 2 * v[1]
    np.testing.assert_allclose(third, 2 * np.array([v[2] * pair, 2 * v[0] * v[2], v[0] * pair, 1.5 * v[0] * v[2]]))


def extremes_of_quotients(p, x, n):
    """The derivative computes x / p again, and 1 / p for its own use: quotients must be to the bit what was compared."""
    s = 0.0
    for t in range(n):
        x = np.sin(x) * p + 0.1 * t
        s += np.max(np.exp(x)) + np.min(np.cos(x) * x) * np.max(x / p) + np.max(np.tanh(x * p) / 3.0)
        s += np.sum(np.where(x / p >= np.max(x / p), x, 0.0))
    return s


@pytest.mark.parametrize("memory", [None, 200])
def test_what_is_computed_again_is_the_same_to_the_bit(memory) -> None:
    gradient, along = wg.grad(extremes_of_quotients, memory=memory), wg.jvp(extremes_of_quotients)
    for k in (1, 2, 3, 7, 8, 13):
        x = np.random.default_rng(k).normal(size=k)
        for p in (0.3, 1.1, -0.7):
            assert gradient(p, x, 3) == pytest.approx(along((p, x, 3), (1.0, None, None))[1], rel=1e-9)
