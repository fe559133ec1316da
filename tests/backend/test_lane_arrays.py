"""Arrays that each lane of a batch has for itself, tapes among them: equal to the function called lane by lane."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.backend import target

RNG = np.random.default_rng(11)


def scattered(x, n):
    """Writes at places that differ between lanes."""
    counts, weights, v = np.zeros(17, dtype=np.int64), np.zeros(17), x
    for _ in range(n):
        v = 3.9 * v * (1.0 - v)
        counts[int(v * 17.0)] += 1
        weights[int(v * 17.0)] = v
    total, where = 0.0, 0
    for i in range(17):
        total, where = total + weights[i] * (i + 1), where + counts[i] * i
    return total, where


def ragged(x, m, n):
    """Loops that lanes leave, or enter, at indices of their own."""
    a = np.empty(n)
    for i in range(n):
        a[i] = x * i
    s, c = 0.0, 0
    for i in range(m):
        s += a[i]
        a[i] = s
    for i in range(m, n):
        s -= 0.5 * a[i]
        a[i] = -s
        c += 1
    for i in range(m - 1, -1, -1):
        s = 0.9 * s + a[i]
    for i in range(m // 2, m):
        s += a[i] / (i + 1)
    for i in range(n, m, -1):
        c += i
        if s > 0.0 and i % 3 == 0:
            for j in range(i - 1, i + 1):
                c -= j
    return s, c, a[m // 2]


def grid(x, n, m):
    """Two axes, fills that are not zero, an array of each trip, flags."""
    d, low = np.full((n, m), 2.0), np.ones(n, dtype=np.bool_)
    for i in range(1, n):
        row = np.ones(m)
        for j in range(1, m):
            row[j] = row[j - 1] * x + d[i - 1, j]
            d[i, j] = min(d[i - 1, j], d[i, j - 1]) + row[j]
            if row[j] > 5.0:
                low[i] = False
                break
    t = 0.0
    for i in range(n):
        for j in range(m):
            t += d[i, j] * (i - j) if low[i] else 1.0
    return t


def until(k, n):
    """Read where it is decided whether to go on."""
    f = np.zeros(n, dtype=np.int64)
    f[0], f[1], i = 1, k, 1
    while f[i] < 1000 and i < n - 1:
        f[i + 1] = f[i] + f[i - 1]
        i += 1
    return f[i], i


PROGRAMS = {
    "scattered": (scattered, lambda n: (RNG.uniform(0.1, 0.9, n), 20)),
    "ragged": (ragged, lambda n: (RNG.normal(size=n), RNG.integers(0, 12, n), 13)),
    "grid": (grid, lambda n: (RNG.uniform(0.1, 1.5, n), 5, 6)),
    "until": (until, lambda n: (RNG.integers(1, 90, n), 20)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_called_lane_by_lane(name):
    function, sample = PROGRAMS[name]
    for count in (1, 101):
        args = sample(count)
        axes = tuple(0 if np.ndim(a) else None for a in args)
        batched = wg.batch(function, axes)
        got = batched(*args)
        wanted = [function(*(a if axis is None else a[i] for a, axis in zip(args, axes, strict=True))) for i in range(count)]
        columns = zip(*wanted, strict=True) if isinstance(got, tuple) else [wanted]
        for result, column in zip(got if isinstance(got, tuple) else (got,), columns, strict=True):
            np.testing.assert_allclose(result, np.array(column), rtol=1e-13)
    if target.lanes() > 1:
        assert batched.last.executable.statistics["lanes"] == 1


def kepler(mean, e):
    x, step = mean, 1.0
    while abs(step) > 1e-12:
        step = (x - e * np.sin(x) - mean) / (1.0 - e * np.cos(x))
        x = x - step
    return x


def walk(x, steps):
    t, k = x, 0
    while k < steps * x:
        t, k = np.sin(t) + 0.1 * x, k + 1
    return t


def counted(x, steps):
    t = x
    for _ in range(steps):
        t = np.sin(t) + 0.1 * x
    return t


def test_the_tape_of_a_while_grows_for_all_lanes():
    mean, e = RNG.uniform(0.1, 3.0, 101), RNG.uniform(0.1, 0.7, 101)
    gradient = wg.batch(wg.grad(kepler, (0, 1)))
    roots = wg.batch(kepler)(mean, e)
    slope = 1.0 / (1.0 - e * np.cos(roots))
    for got, wanted in zip(gradient(mean, e), (slope, slope * np.sin(roots)), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-10)
    if target.lanes() > 1:
        assert gradient.last.executable.statistics["lanes"] == 1


@pytest.mark.parametrize("function", (walk, counted))
def test_long_tapes_are_kept_lane_by_lane(function):
    """Above a limit they are as long as one lane's again."""
    x = RNG.uniform(0.1, 0.9, 33)
    gradient, one = wg.batch(wg.grad(function), (0, None)), wg.grad(function)
    for steps in (0, 40, 20_000):
        np.testing.assert_allclose(gradient(x, steps), [one(v, steps) for v in x], rtol=1e-9)


@pytest.mark.parametrize("bad", ([(3, 12), (70, 9)], [(100, 9)]))
def test_the_first_fault_is_raised(bad):
    def f(x, at, n):
        a = np.zeros(n)
        for k in range(3):
            if x < 2.0:
                a[k] = x * a[at + k]
        return a[n - 1] + a[0]

    x, at = RNG.random(101), np.zeros(101, np.int64)
    for lane, index in bad:
        at[lane] = index
    with pytest.raises(IndexError, match=f"index {min(bad)[1]} "):
        wg.batch(f, (0, 0, None))(x, at, 9)
    x[[lane for lane, _ in bad]] = 3.0
    np.testing.assert_array_equal(wg.batch(f, (0, 0, None))(x, at, 9), [f(*row, 9) for row in zip(x, at, strict=True)])
