"""Batches in vector registers: equal to the function called lane by lane, with faults where they belong."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.backend import target

RNG = np.random.default_rng(7)
COUNTS = (0, 2, 3, 37, 1029)


def lorenz(s, steps, dt):
    x, y, z = s[0], s[1], s[2]
    for _ in range(steps):
        x, y, z = x + dt * 10.0 * (y - x), y + dt * (x * (28.0 - z) - y), z + dt * (x * y - 8.0 / 3.0 * z)
    return np.array([x, y, z])


def newton(a):
    x, trips = a, 0
    while abs(x * x - a) > 1e-12 * a:
        x = 0.5 * (x + a / x)
        trips += 1
    return x, trips


def parting(a, n):
    s, k, flag = 0.0, 0, False
    while s < 20.0 * a and k < n:
        if s > a:
            s += np.exp(-0.1 * s) + 0.5
            if k % 3 == 1:
                s = np.sqrt(s + k)
        else:
            for j in range(int(5.0 * a)):
                s += 0.1 * np.sin(s + j) + 0.11
        flag = s > 10.0
        k += 1
    return s, k, flag, np.float32(s) if flag else np.float32(k)


def integers(m, n):
    count, product = 0, 1
    while m != 1 and count < n:
        m = m // 2 if m % 2 == 0 else 3 * m + 1
        product = (product * m) % 1000003
        count += 1
    return count, product


def table(x, t):
    y = x
    for k in range(6):
        i = int(abs(y) * 3.0) % t.shape[0]
        y = 0.5 * y + t[i] * t[-1 - k] + t[k]
    return y


def together(x, n):
    k, y = 0, x
    while k * k < n:
        y = y * 0.5 + k
        k += 1
    if n > 10:
        y = y + 1.0
    return y


def counted_down(a):
    s = 0.0
    for k in range(int(a * 7.0), -2, -1):
        s = s * 0.9 + k * a
        for j in range(k):
            s -= 0.01 * j
    return s


def powers(x, n):
    s = 0.0
    for k in range(1, n):
        s += np.tanh(x) ** k + np.hypot(x, k) + np.log1p(abs(x)) + np.arctan2(x, 1.0 * k) + np.floor(x * k)
    return s


def uniform(n):
    return 0.5 + RNG.random(n)


PROGRAMS = {
    "lorenz": (lorenz, lambda n: (RNG.random((n, 3)), 20, 0.01), (0, None, None)),
    "newton": (newton, lambda n: (uniform(n),), (0,)),
    "parting": (parting, lambda n: (uniform(n), 60), (0, None)),
    "integers": (integers, lambda n: (RNG.integers(1, 100, n), 90), (0, None)),
    "table": (table, lambda n: (RNG.normal(size=n), RNG.normal(size=11)), (0, None)),
    "own_table": (table, lambda n: (RNG.normal(size=n), RNG.normal(size=(n, 19))), (0, 0)),
    "together": (together, lambda n: (uniform(n), 50), (0, None)),
    "counted_down": (counted_down, lambda n: (uniform(n),), (0,)),
    "powers": (powers, lambda n: (RNG.normal(size=n), 5), (0, None)),
    "powers32": (powers, lambda n: (RNG.normal(size=n).astype(np.float32), 5), (0, None)),
}


def looped(function, args, axes):
    count = next(len(a) for a, axis in zip(args, axes, strict=True) if axis == 0)
    rows = [function(*(a if axis is None else a[i] for a, axis in zip(args, axes, strict=True))) for i in range(count)]
    return list(zip(*rows, strict=True)) if rows and isinstance(rows[0], tuple) else [rows]


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_called_lane_by_lane(name):
    function, sample, axes = PROGRAMS[name]
    batched, compiled = wg.batch(function, in_axes=axes), wg.jit(function)
    for count in COUNTS:
        args = sample(count)
        got = batched(*args)
        if count == 0:
            continue
        wanted = looped(function if count < 50 else compiled, args, axes)
        tolerance = 2e-6 if name == "powers32" else 1e-13
        for result, column in zip(got if isinstance(got, tuple) else (got,), wanted, strict=True):
            np.testing.assert_allclose(result, np.array(column), rtol=tolerance, atol=tolerance)
    if target.lanes() > 1:
        assert batched.last.executable.statistics["lanes"] == 1


def test_prange_that_scatters_stays_as_written():
    def f(x):
        out = np.zeros(len(x))
        for i in wg.prange(len(x)):
            y = x[i]
            while y > 0.5:
                y = y * 0.7
            out[len(x) - 1 - i] = y
        return out

    x = RNG.random(101)
    np.testing.assert_array_equal(wg.jit(f)(x), f(x))


@pytest.mark.parametrize("bad", ([(70, 5)], [(3, 9), (70, 5)], [(1, 40), (2, 7)], [(100, 6)]))
def test_the_first_fault_is_raised(bad):
    def f(x, at, t):
        s = x
        for k in range(4):
            if s < 10.0:
                s += t[at + k]
        return s

    x, at, t = RNG.random(101), np.zeros(101, np.int64), RNG.random(8)
    for lane, index in bad:
        at[lane] = index
    lane, index = min(bad)
    failing = max(index, 8)
    with pytest.raises(IndexError, match=f"{failing}"):
        wg.batch(f, in_axes=(0, 0, None))(x, at, t)
    x[[lane for lane, _ in bad]] = 11.0  # these lanes are not active where the table is read
    np.testing.assert_array_equal(wg.batch(f, in_axes=(0, 0, None))(x, at, t), [f(*args, t) for args in zip(x, at, strict=True)])


def test_assertions_of_lanes_that_wait_do_not_fail():
    def f(x):
        y = x
        while y < 4.0:
            assert y >= 0.0
            y = y + 1.0
            if y > 3.0:
                y = y * 2.0
        return -y

    x = RNG.random(50)
    np.testing.assert_array_equal(wg.batch(f)(x), [f(v) for v in x])
    x[33] = -1.0
    with pytest.raises(AssertionError):
        wg.batch(f)(x)


def force(s):
    return np.array([10.0 * (s[1] - s[0]), s[0] * (28.0 - s[2]) - s[1], s[0] * s[1] - 8.0 / 3.0 * s[2]])


def solve(s, steps, dt):
    for _ in range(steps):
        k = force(s)
        s = s + 0.5 * dt * (k + force(s + dt * k))
    return s


def energy(s, steps, dt):
    return np.sum(solve(s, steps, dt) ** 2)


@pytest.mark.parametrize("count", (1, 5, 100))
def test_states_as_arrays_are_kept_in_registers(count):
    states = RNG.random((count, 3))
    batched = wg.batch(solve, in_axes=(0, None, None))
    np.testing.assert_allclose(batched(states, 9, 0.01), [solve(s, 9, 0.01) for s in states], rtol=1e-13)
    if count > 1 and target.lanes() > 1:
        assert batched.last.executable.statistics["lanes"] == 1
        lanes = f"1 of them in {target.lanes()} lanes"
        assert batched.lower(states, 9, 0.01).parallel.endswith(lanes)
    transposed = wg.batch(solve, in_axes=(1, None, None), out_axes=1)
    np.testing.assert_allclose(transposed(states.T, 9, 0.01), batched(states, 9, 0.01).T, rtol=1e-13)
    gradient = wg.batch(wg.grad(energy), in_axes=(0, None, None))
    one = wg.grad(energy)
    np.testing.assert_allclose(gradient(states, 9, 0.01), [one(s, 9, 0.01) for s in states], rtol=1e-12)


class Body(NamedTuple):
    position: np.ndarray
    mass: float


def test_a_list_of_structures_is_stacked_leaf_by_leaf():
    def weigh(body, factor):
        return Body(body.position * factor, np.sum(body.position) * body.mass)

    bodies = [Body(RNG.random(3), float(k)) for k in range(9)]
    got = wg.batch(weigh, in_axes=(0, None))(bodies, 2.0)
    wanted = [weigh(body, 2.0) for body in bodies]
    np.testing.assert_allclose(got.position, [w.position for w in wanted], rtol=1e-14)
    np.testing.assert_allclose(got.mass, [w.mass for w in wanted], rtol=1e-14)
    with pytest.raises(wg.errors.TypeMismatch, match="differ"):
        wg.batch(weigh, in_axes=(0, None))([bodies[0], (1.0, bodies[1])], 2.0)
    with pytest.raises(wg.errors.TypeMismatch, match=r"shapes \(2,\), \(3,\)"):
        wg.batch(np.sum)([np.ones(3), np.ones(2)])


def test_an_array_of_structures_is_read_where_it_lies():
    kind = np.dtype([("position", float, 3), ("mass", float), ("charge", [("sign", int)])])
    bodies = np.zeros(9, kind)
    bodies["position"], bodies["mass"], bodies["charge"]["sign"] = RNG.random((9, 3)), RNG.random(9), np.arange(9)

    def weigh(body, factor=2.0):
        return {"moved": body["position"] * factor, "weight": np.sum(body["position"]) * body["mass"] + body["charge"]["sign"]}

    got = wg.batch(weigh, in_axes=(0, None))(bodies)
    wanted = [weigh(body) for body in bodies]
    for name, column in got.items():
        np.testing.assert_allclose(column, [w[name] for w in wanted], rtol=1e-14)


def test_extents_that_change_from_call_to_call():
    def f(x, n):
        for _ in range(n):
            x = x[1:] + x[:-1]
        return np.sum(x)

    batched = wg.batch(f, in_axes=(0, None))
    for extent in (5, 6, 4, 7, 8, 9, 30):
        x = RNG.random((11, extent))
        np.testing.assert_allclose(batched(x, 2), [f(row, 2) for row in x], rtol=1e-13)
    assert len(batched.programs) <= 5


def test_matrices_that_a_loop_keeps_square():
    def powers(a, n):
        b = a
        for _ in range(n):
            b = np.linalg.inv(b + a)
        return b

    matrices, batched = np.eye(4) + 0.1 * RNG.random((3, 4, 4)), wg.batch(powers, in_axes=(0, None))
    np.testing.assert_allclose(batched(matrices, 3), [powers(m, 3) for m in matrices], rtol=1e-12)
    assert batched(matrices[:, :, :3], 0).shape == (3, 4, 3)
    with pytest.raises(ValueError, match="square"):
        batched(matrices[:, :, :3], 1)


def test_a_loop_that_sorts_keeps_to_one_row() -> None:
    """Rows of several results are no lanes' work."""

    def f(a: np.ndarray) -> np.ndarray:
        made = np.zeros(a.shape[0])
        for k in wg.prange(a.shape[0]):
            for v in np.sort(a[k])[:3]:
                made[k] = made[k] / 2 + v
            made[k] += np.argsort(a[k])[0] + np.linalg.inv(a[:2, :2])[0, 0]
        return made

    a = np.random.default_rng(0).random((40, 9))
    np.testing.assert_allclose(wg.jit(f)(a), f(a))
