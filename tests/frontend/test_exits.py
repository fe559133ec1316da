"""Ways out of loops: `break`, `continue`, `return` and `raise` in every combination, against Python."""

from __future__ import annotations

import importlib.util
import pathlib

import numpy as np
import pytest

import wengert as wg

spec = importlib.util.spec_from_file_location("wengert_test_oracle", pathlib.Path(__file__).parent / "oracle.py")
assert spec is not None and spec.loader is not None
oracle = importlib.util.module_from_spec(spec)
spec.loader.exec_module(oracle)
check = oracle.check


def else_continues(a):
    n = 0
    for i in range(len(a)):
        for j in range(i):
            if a[0, j] > 0.9:
                break
        else:
            continue
        n += j + 10
    return n


def else_breaks(a):
    n = 0
    for i in range(len(a)):
        k = 0
        while k < 4:
            if a[i, k] > 0.9:
                break
            k += 1
        else:
            n += 1
            if a[i, 0] > 0.15:
                continue
            n += 100
            break
        n += 1000 + k
    else:
        n += 5000
    return n


def else_in_else(a):
    n = 0
    for i in range(4):
        for j in range(4):
            if i + j == 5:
                return n, -1
            for k in (0, 1, 2, 3):
                if a[j, k] > 0.9:
                    break
            else:
                if j > i:
                    break
                continue
            n += k
        else:
            n += 100
            continue
        n += 1000
    return n, 0


@pytest.mark.parametrize("function", [else_continues, else_breaks, else_in_else])
@pytest.mark.parametrize("column", [0, 2, 3])
def test_exits_in_the_else_of_a_loop(function, column):
    a = np.array([[0.1, 0.2, 0.95, 0.3], [0.2, 0.3, 0.1, 0.5], [0.95, 0.1, 0.2, 0.1], [0.1, 0.1, 0.1, 0.1]])
    check(function, np.roll(a, column, axis=1))
    check(function, a[::-1])


def returns_or_breaks(x):
    for k in (1, 2, 3):
        if x > k:
            return k
        else:
            break
    return 0


def returns_or_raises(x):
    for k in (1.0, 2.0):
        if x > 2:
            raise ValueError("large")
        else:
            return k * x
    return 0.0


def breaks_or_continues(x):
    n = 0
    while n < 20:
        n += 1
        if n * x > 9:
            break
        else:
            continue
        n += 100
    return n


def every_way_out(x):
    for _ in (1, 2):
        if x > 2:
            if x > 3:
                break
            else:
                return 5.0
        else:
            for q in (1, 2):
                if x < q:
                    break
                else:
                    return 9.0
            return 1.0
    else:
        x = 7.0
    return x


def inner_leaves(x):
    for _ in range(3):
        for k in (1, 2, 3):
            if x > k:
                return k
            else:
                break
        x += 1
    return 0


@pytest.mark.parametrize("function", [returns_or_breaks, breaks_or_continues, every_way_out, inner_leaves])
def test_loops_whose_every_path_leaves(function):
    for x in (-1.0, 0.5, 1.5, 2.5, 3.5):
        check(function, x)


def test_a_loop_whose_every_path_returns_or_raises():
    check(returns_or_raises, 1.5)
    with pytest.raises(ValueError, match="large"):
        wg.jit(returns_or_raises)(2.5)


def left_after_an_exchange(x, y, top):
    x, y = x.copy(), y.copy()
    for _ in range(4):
        x, y = y, x
        x[0] += 0.5 * y[1]
        if x[0] > top:
            return x
    return y


def leapfrog(x, y, top):
    u, v = x.copy(), y.copy()
    for _ in range(5):
        v[1:] = u[1:] + u[:-1]
        u, v = v, u
        if np.max(u) > top:
            return u, v
    return v, u


def bound_before_an_exchange(x, y, top):
    x, y = x.copy(), y.copy()
    for k in range(3):
        kept = y
        x, y = y, x
        x[0] += top
    return kept * 2.0 + x


@pytest.mark.parametrize("function", [left_after_an_exchange, leapfrog, bound_before_an_exchange])
@pytest.mark.parametrize("top", [0.1, 2.0, 6.0, 50.0])
def test_arrays_that_change_places(function, top):
    x, y = np.array([1.0, 2.0, 0.3]), np.array([4.0, 0.5, 0.6])
    check(function, x, y, top)
    check(function, y, x, top)


def test_what_is_bound_to_one_of_two_arrays_that_change_places_goes_stale():
    def f(x, y):
        x, y = x.copy(), y.copy()
        for _ in range(3):
            x, y = y, x
            kept = y
        y[1] = 9.0
        return kept

    with pytest.raises(wg.errors.UnsupportedError, match="may be the same array as `y`"):
        wg.jit(f)(np.ones(3), np.ones(3))
