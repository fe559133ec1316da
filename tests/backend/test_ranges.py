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


def held(x, low, high):
    """x[k] and x[k + 2] are read in every trip and changed in one."""
    k = high // 2
    for i in range(low, high):
        x[i] = 0.5 * x[i] + x[k]
    for i in range(low, high):
        x[i + 2] = x[k] - x[i]
    return x[k]


def lowest(x, low, high):
    """Stores that a branch decides, of an element just read."""
    k = low + 2
    for i in range(low, high):
        through = x[i - 1] + 0.01 * x[k]
        if through < x[i]:
            x[i] = through
    for i in range(low, high):
        if x[i + 1] > 1.5:
            pass
        else:
            x[i + 1] = -x[i]
    return x[k]


def downward(x, low, high):
    """Indices of which some are certain not to be negative, and others count from the end."""
    for i in range(high - 1, -1, -1):
        for j in range(i + 1, high):
            x[i] += x[j - 1] - x[j] * x[i - 2]
        for j in range(i - 1, i + 2):
            x[j % len(x)] += 1.0
            x[max(j, 0) // 2] -= x[min(j, i) - 3]
    return x[low]


def counted(x, low, high):
    """Counters that a loop carries: up from 0, down from it, and by what another loop leaves."""
    k, down, far = 0, 0, 0
    while k < high:
        k += 1
        down -= 1
        far = far + k if k % 3 else far - 2
        x[k - 1] += x[down]
        x[k % 4] -= x[far % 7 - 1] * x[far // 9]
    for i in range(high):
        k = k - 1 if i % 2 else k
        x[i] += x[k]
    return x[k]


FUNCTIONS = [held, lowest, fixed, forward, two_arrays, guarded, nested, stepped, reversed_index, downward, counted]


@pytest.mark.parametrize("function", FUNCTIONS)
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


def relax(d):
    for k in range(d.shape[0]):
        for i in range(d.shape[0]):
            for j in range(d.shape[1]):
                through = d[i, k] + d[k, j]
                if through < d[i, j]:
                    d[i, j] = through


def eliminate(d):
    for k in range(d.shape[0]):
        for i in range(d.shape[0]):
            for j in range(d.shape[1]):
                d[i, j] -= d[i, k] * d[k, j] * 0.125


def best_along_columns(d):
    """Integers, whose order does not matter, and a sum in order."""
    total = 0.0
    for i in range(d.shape[0]):
        best, worst = -1000, 1000
        for k in range(i, d.shape[0]):
            best = max(best, int(d[i, k]) + int(d[k, i]))
            worst = min(worst, int(d[k, i]) * 2)
        for k in range(d.shape[0]):
            total = total - d[i, k] * d[k, i]
        d[i, 0] = best + 0.5 * worst
    d[0, 1] = total


@pytest.mark.parametrize("function", [relax, eliminate, best_along_columns])
@pytest.mark.parametrize("n", [2, 5, 23])
@pytest.mark.parametrize("odd", [None, np.nan, -np.inf, -0.0])
def test_what_is_read_while_it_changes(function: Callable[..., None], n: int, odd: float | None) -> None:
    """As Python, also with numbers on the diagonal that make rows change themselves."""
    if function is best_along_columns and odd != 0.0 and odd is not None:
        return
    wanted = np.random.default_rng(n).integers(-9, 90, (n, n)) / 2.0
    if odd is not None:
        wanted[1, n // 2] = odd
    given = wanted.copy()
    with np.errstate(all="ignore"):
        function(wanted)
    _compiled(function)(given)
    np.testing.assert_array_equal(given, wanted)
    np.testing.assert_array_equal(np.signbit(given) | np.isnan(given), np.signbit(wanted) | np.isnan(wanted))
