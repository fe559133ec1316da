"""Python integers that give way to a narrower dtype have to fit, as in NumPy (NEP 50)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg

X = np.arange(4, dtype=np.uint8)


def stored(x, n):
    x[1] = n
    return x


def filled(x, n):
    x[1:] = n * 2
    return x


def masked(x, n):
    x[x > 1] = n
    return x


def added(x, n):
    return x + n


@pytest.mark.parametrize("function", [stored, filled, masked, added])
def test_as_numpy(function: Any) -> None:
    compiled = wg.jit(function)
    for n in (0, 60, 100):
        np.testing.assert_array_equal(compiled(X.copy(), n), function(X.copy(), n))
    for n in (-1, 256, 300):
        for run in (function, compiled):
            with pytest.raises(OverflowError, match="out of bounds for uint8"):
                run(X.copy(), n)


def too_large(x):
    x[0] = 300


def negative(x):
    x[:] = -1


def added_in_place(x):
    x += 256


def masked_too_large(x):
    x[x > 1] = 300


def full(x):
    return np.full_like(x, 300)


@pytest.mark.parametrize("function", [too_large, negative, added_in_place, masked_too_large, full])
def test_constants_are_refused(function: Any) -> None:
    with pytest.raises(OverflowError):
        function(X.copy())
    with pytest.raises(wg.errors.WengertError, match="does not fit into u8"):
        wg.jit(function)(X.copy())
