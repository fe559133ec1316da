"""Diagonals, flat indices, polynomials and fits: against NumPy, and their derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.frontend.oracle import compare

rng = np.random.default_rng(8)
A, T, V, X = (rng.standard_normal(s) for s in ((3, 4), (3, 3, 4), (4,), (9,)))
Y, AT = rng.standard_normal((9, 2)), np.linspace(0, 1, 9)
AT_INDICES, SIZES = np.array([3, 7, 11]), (3, 4)


def filled(a, values):
    np.fill_diagonal(a, values)
    return a


CASES: dict[str, Any] = {
    "diag": (lambda a, v: (np.diag(a, 1), np.diag(a, -1), np.diag(v, 1), np.diag(v, -2), np.diag(v)), A, V),
    "diagonal": (lambda t: (np.diagonal(t), np.diagonal(t, 1, 1, 2), np.diagonal(t, axis1=0, axis2=2), t[0].diagonal(-7)), T),
    "trace": (lambda t: (np.trace(t), np.trace(t, 0, 1, 2), t[0].trace(1)), T),
    "fill_diagonal": (lambda a: (filled(a.copy(), 5.0), filled(a.copy(), [1.0, 2.0]), filled(a.T.copy(), 7)), A),
    "unravel_index": (lambda i: (np.unravel_index(i, SIZES), np.unravel_index(7, SIZES), np.unravel_index(np.argmax(i), (2, 2))), AT_INDICES),
    "ravel_multi_index": (lambda i: np.ravel_multi_index((i // 4, i % 4), SIZES), AT_INDICES),
    "polyfit": (lambda x, y: (np.polyfit(AT, x, 3), np.polyfit(AT, y, 1), np.polyfit(AT, x, 2, w=1 + AT)), X, Y),
    "polyder": (lambda v: (np.polyder(v), np.polyder(v, 2), np.polyint(v), np.polyint(v, k=2.0), np.polymul(v, v)), V),
    "polyder of integers": (lambda i: np.polyder(i), AT_INDICES),
    "moveaxis": (lambda t: (np.moveaxis(t, (0, 1), (-1, 0)), np.expand_dims(t, (0, -1)), np.flip(t, (0, 2)), np.squeeze(t[:1, :, :1], (0, 2))), T),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_as_numpy(name: str) -> None:
    function, *args = CASES[name]
    compare(wg.jit(function)(*args), function(*args), 1e-9)


@pytest.mark.parametrize("name", ["diag", "diagonal", "trace", "fill_diagonal", "polyfit", "polyder", "moveaxis"])
def test_derivative(name: str) -> None:
    """Forward against reverse and against central differences."""
    function, x, *rest = CASES[name]
    direction = np.cos(np.arange(x.size)).reshape(x.shape)

    def loss(x, *rest):
        total = 0.0
        for part in function(x, *rest):
            total = total + np.sum(np.sin(part))
        return total

    reverse = np.sum(wg.grad(loss)(x, *rest) * direction)
    forward = wg.jvp(loss)((x, *rest), (direction, *[None] * len(rest)))[1]
    wanted = (loss(x + 1e-6 * direction, *rest) - loss(x - 1e-6 * direction, *rest)) / 2e-6
    assert reverse == pytest.approx(forward, rel=1e-10)
    assert reverse == pytest.approx(wanted, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(
    ("function", "arg", "error"),
    [(lambda i: np.unravel_index(i, (2, 2)), AT_INDICES, ValueError), (lambda t: np.diag(t), T, wg.errors.WengertError),
     (lambda t: np.moveaxis(t, (0, 1), (0,)), T, wg.errors.WengertError), (lambda t: np.flip(t, (0, 0)), T, wg.errors.WengertError),
     (lambda t: np.polyfit(t, t, 1), np.zeros(0), TypeError)],
)  # fmt: skip
def test_refusals(function: Any, arg: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        wg.jit(function)(arg)
