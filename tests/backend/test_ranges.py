"""Loops written twice, without and with bounds checks: the same elements, the same fault, at the same trip, as Python."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import wengert as wg


def forward(x, low, high):
    total = 0.0
    for i in range(low, high):
        total += x[i + 1] - x[i - 1]
        x[i] = total
    return total


def two_arrays(x, low, high):
    y = np.zeros(len(x) + 3)
    for i in range(low, high):
        y[i + 2] = x[i]
        x[i] = y[i] + 1.0
    return y[0]


def guarded(x, low, high):
    n = x.shape[0]
    total = 0.0
    for i in range(low, high):
        if i + 4 < n:
            total += x[i + 4]
        x[2 + i] = total
    return total


def nested(x, low, high):
    total = 0.0
    for i in range(high - low):
        for j in range(i, high):
            total += x[j - i] * x[j]
        x[i] = total
    return total


def stepped(x, low, high):
    for i in range(low, high, 2):
        x[i - 1] += x[i]
    return x[0]


def reversed_index(x, low, high):
    for i in range(low, high):
        x[high - i] += x[i]
    return 0.0


def fixed(x, low, high):
    k = high // 2
    for i in range(low, high):
        x[i] = x[low] + x[k - 1]
        if i > low + 2:
            x[k] = x[high]
    return x[-1]


@pytest.mark.parametrize("function", [fixed, forward, two_arrays, guarded, nested, stepped, reversed_index])
@pytest.mark.parametrize(
    ("low", "high"),
    [(0, 5), (1, 19), (0, 20), (1, 21), (-1, 7), (-3, 19), (-25, 3), (5, 5), (7, 2), (19, 24), (18, 100_000), (30, 40)],
)
def test_as_python(function: Callable[..., float], low: int, high: int) -> None:
    wanted, given = np.linspace(1.0, 2.0, 20), np.linspace(1.0, 2.0, 20)
    compiled = _compiled(function)
    try:
        result: float | None = function(wanted, low, high)
    except IndexError:
        result = None
    if result is None:
        with pytest.raises(IndexError):
            compiled(given, low, high)
    else:
        assert compiled(given, low, high) == result
    np.testing.assert_array_equal(given, wanted)


_known: dict[Callable[..., float], Callable[..., float]] = {}


def _compiled(function: Callable[..., float]) -> Callable[..., float]:
    return _known.setdefault(function, wg.jit(function))


def test_the_message_names_the_index() -> None:
    with pytest.raises(IndexError, match="20"):
        wg.jit(forward)(np.zeros(20), 1, 30)
