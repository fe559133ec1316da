"""Small programs, each compared with Python; and the corpus."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import itertools
import math
import pathlib
import sys
from typing import NamedTuple

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.frontend.intrinsics import prange, stop_gradient

HERE = pathlib.Path(__file__).parent


def load(path: pathlib.Path):
    """A helper module of the tests by path (tests are no package)."""
    name = f"wengert_test_{path.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


check = load(HERE / "oracle.py").check
corpus = load(HERE.parent / "corpus" / "programs.py")

X = np.array([0.5, -1.25, 2.0, 3.5, -0.75, 1.0])
M = np.arange(12.0).reshape(3, 4) / 7.0 - 0.5
I = np.array([3, -2, 7, 0, 5])


@pytest.mark.parametrize("program", corpus.PROGRAMS, ids=lambda p: p.name)
def test_corpus(program):
    for seed in (0, 1):
        rtol = 1e-5 if program.name == "single_precision" else 1e-11
        traced = check(program.function, *program.arguments(seed), rtol=rtol)
        written = tuple(w for w in traced.function.written if w is not None)
        assert len(written) == len(program.writes)


# -- numbers


def test_python_numbers():
    def f(a, b, n, m):
        c = n // m, n % m, -n // m, -n % m, n / m, n * m - 3, n**3, 2**3, n**0
        d = a // b, a % b, -a // b, a**2, a**3, a**0.5, a**-1, a**1.7, a**0
        return (
            c,
            d,
            (a < b < n, a == b, not a > b, a != n),
            (True + True, -True, n & m, n | 1, n ^ m, n << 2, n >> 1, ~n),
        )

    check(f, 7.5, 2.25, 17, 5)
    check(f, 0.1, 0.3, -17, 5)
    check(f, 5.5, -2.0, 17, -5)


def test_constants_fold():
    def f(x):
        n = 3
        m = n * 2 + 1
        return x * m / 2**n, m // 2, m % 4, math.sqrt(2.0) * x, 1e-3 if n > 2 else x

    check(f, 1.5)


def test_augmented_numbers():
    def f(x, n):
        y = 1
        y += x
        y *= n
        y -= 0.5
        y /= 3
        k = n
        k //= 2
        k **= 2
        k %= 7
        return y, k

    check(f, 1.25, 9)


def test_math_functions():
    def f(x):
        a = math.sqrt(x) + math.exp(-x) + math.log(x) + math.log10(x) + math.log(x, 3.0)
        b = math.atan2(x, 2) * math.hypot(x, 1.0) - math.erf(x) + math.pow(x, 1.5)
        return a * math.pi, b, math.floor(x * 3), math.ceil(x), int(x), math.fabs(-x), math.isnan(x), math.degrees(x)

    check(f, 1.75)


def test_builtins():
    def f(x, n):
        return (
            abs(-x),
            min(x, 2.0, n),
            max(x, float(n)),
            round(x),
            int(x * 3),
            float(n),
            bool(n),
            divmod(n, 4),
            sum((x, x * 2, 1)),
            pow(x, 2),
        )

    check(f, 1.75, 7)


def test_promotion():
    def f(a32, a64, i8, i64, u8, b):
        return (
            a32 + 1.0,
            a32 * 2,
            a32 + a64,
            i8 + 1,
            i8 + i64,
            i8 * 1.5,
            u8 + i8,
            b + b,
            b * i8,
            b & b,
            i64 / 2,
            i64 // 2,
            i64 % 3,
            np.sqrt(i64),
            np.sin(a32),
            -i8,
            np.abs(i64),
            a32**2,
            i64**2,
            a64 > i64,
            ~b,
            u8 + 250,
            np.maximum(i8, 2),
            np.where(b, a32, 2.0),
            np.where(b, i8, 1.5),
            a32.sum(),
            i8.sum(),
            b.sum(),
            i64.mean(),
            a32.mean(),
            a32 / i64,
        )

    b = np.array([True, False, True])
    check(f, *(np.array([1, 2, 3], d) for d in ("f4", "f8", "i1", "i8", "u1")), b, rtol=1e-6)


def test_integer_arrays_divide_by_zero_as_numpy_does():
    def f(a, b):
        return a // b, a % b, a // 3, a % -3, 20 // b

    check(f, np.array([7, -7, 5, 0, -9]), np.array([2, 2, 0, 0, -1]))


def test_scalar_types():
    def f(x, n):
        y = np.float32(x) * 2.0
        z = np.float64(n) / 3
        return y, z, np.int32(n) + 1, x.astype(np.float32) if False else z.astype(np.float32), np.pi * z

    check(f, 1.1, 5, rtol=1e-6)


def test_complex():
    def f(x, c):
        return x * 1j + c, c * c, c - x, -c, c / 2

    check(f, np.array([1.0, 2.0]), np.array([1 + 2j, 3 - 1j]))


# -- control flow


def test_branches():
    def f(x, n):
        if x > 1 and n > 2 or x < -5:
            y = x
        elif not n == 3:
            y = 2.0
        else:
            y = n * x
        z = 1 if n else 2
        return y, z

    for args in ((2.0, 3), (0.5, 3), (0.5, 4), (-6.0, 0)):
        check(f, *args)


def test_early_returns():
    def f(x, n):
        if n == 0:
            return x
        if n == 1:
            y = x * 2
            if x > 1:
                return y
            y += 1
        elif n == 2:
            return -1.0
        else:
            y = 3
        return y + x

    for n in range(4):
        for x in (0.5, 1.5):
            check(f, x, n)


def test_returns_in_loops():
    def f(a, limit):
        for i in range(len(a)):
            for j in range(i):
                if a[i] * a[j] > limit:
                    return i * 10 + j
            if a[i] < -100.0:
                return -1
        return -2

    for limit in (-10.0, 1.0, 4.0, 50.0):
        check(f, X, limit)


def test_break_continue_else():
    def f(a, t):
        s = 0.0
        for v in a:
            if v < 0:
                continue
            if v > t:
                s += 100
                break
            s += v
        else:
            s = -s
        k = 0
        while k < 10:
            k += 1
            if k % 2:
                continue
            if s + k > 7:
                break
        else:
            k = -1
        return s, k

    for t in (1.0, 3.0, 9.0):
        check(f, X, t)


def test_while_true():
    def f(x):
        n = 0
        while True:
            x = x / 2
            n += 1
            if x < 0.1:
                y = x * n
                break
        return x, n, y

    check(f, 9.0)


def test_while_true_that_only_returns():
    def f(x):
        while True:
            x = x / 2
            if x < 0.1:
                return x, 1
            x = x * 0.9
            if x < 0.3:
                return x, 2

    def g(a, x):
        for v in a:
            while True:
                x = 0.5 * (x + v)
                if abs(x - v) < 0.1:
                    if v > 1.0:
                        return x
                    break
                if x > 10.0:
                    return -x
        while True:
            if x > 0.2:
                return x * 2.0
            x += 0.3

    for x in (9.0, 0.5, 0.05):
        check(f, x)
        check(g, np.array([0.3, 0.8]), x)
        check(g, X, x)


def test_loops_over_things():
    def f(a, m, n):
        s = 0.0
        for k, v in enumerate(a):
            s += k * v
        for p, q in zip(a, a[1:]):
            s += p * q
        for v in reversed(a):
            s = s * 0.5 + v
        for row in m:
            for v in row[::2]:
                s -= v
        for i in range(n, 0, -2):
            s += i
        for i in reversed(range(n)):
            s = s + i * s
        for c in (1.0, 2, 3.5):
            s += c
        for k, (c, w) in enumerate([(1, 2.0), (3, 4.0)]):
            s += k * c * w
        for i, v in enumerate(range(2, n), start=1):
            s += i * v
        return s

    check(f, X, M, 5)


def test_range_with_run_time_step():
    def f(a, b, c):
        s = 0
        for i in range(a, b, c):
            s = s * 3 + i
        return s

    for args in ((0, 10, 3), (10, 0, -3), (5, 5, 1), (3, 1, 2)):
        check(f, *args)


def test_type_changes_in_loop():
    def f(n):
        s = 0
        for i in range(n):
            s += i * 0.5
        t = 1
        while t < 10:
            t = t * 1.5
        return s, t

    check(f, 4)


def test_unrolled_loop_with_break():
    def f(x):
        s = 0.0
        for c in (1.0, 2.0, 3.0):
            s += c
            if s > x:
                break
        else:
            s = -1.0
        return s

    for x in (0.5, 2.5, 5.5, 9.0):
        check(f, x)


def test_short_circuit_guards_index():
    def f(a, n):
        s = 0.0
        i = 0
        while i < len(a) and a[i] < n:
            s += a[i]
            i += 1
        if i < len(a) and a[i] > 1:
            s += 100
        return s, i

    for n in (-9.0, 1.0, 2.5, 100.0):
        check(f, X, n)


def test_loop_variable_after_loop():
    def f(a):
        for i in range(4):
            last = a[i] * 2
        return last, i

    check(f, X)


def test_assert_and_raise():
    def f(x, n):
        assert x.shape[0] > 2, "too short"
        if n < 0:
            raise ValueError("negative")
        if n == 1:
            y = x * 2
        elif n == 2:
            y = x * 3
        else:
            raise ValueError("unknown")
        return y

    check(f, X, 1)
    check(f, X, 2)


# -- arrays


def test_basic_indexing():
    def f(x, m):
        a = x[1:4], x[:-2], x[-3:], x[::2], x[::-1], x[4:1:-1], x[1:100], x[5:2], x[-100:2], x[:0], x[-1], x[-2:-4:-1]
        b = (
            m[1],
            m[:, 2],
            m[-1, ::-1],
            m[1:, :2],
            m[None, 1],
            m[..., 0],
            m[:, None, 1:3],
            m[0][1],
            m[1:][0, 1],
            m.T[1],
            m[::2, ::3],
        )
        return a, b

    check(f, X, M)


def test_run_time_bounds():
    def f(x, i, j):
        return x[i:j], x[i:], x[:j], x[j:i:-1], x[i:j:2], x[i::-1]

    for i in (-8, -3, -1, 0, 2, 6, 9):
        for j in (-7, -2, 0, 3, 8):
            check(f, X, i, j)


def test_one_element_slices_broadcast():
    def f(x, m, k):
        return x[:1] * x, x[-1:] + x, m[:, 0:1] * m, m[k : k + 1, :] - m, m[:, -1:] * m

    check(f, X, M, 1)


def test_element_and_slice_stores():
    def f(x, m, k):
        x[0] = 3
        x[-1] += x[0] * 2
        x[k] -= 1.5
        x[1:3] = x[2:4]
        x[2:] = x[:-2]
        x[::-1][0] = 7.0
        m[1] = x[:4]
        m[:, 0] = 1
        m[k, 1:] *= 2.0
        m[1:, ::2] += m[:-1, 1::2]
        m[0, 0], m[0, 1] = m[0, 1], m[0, 0]
        m[2][3] = -1.0
        m.T[1, 0] = 9.0
        row = m[1]
        row[:] = row[::-1]
        row[0] = 4.0

    check(f, X.copy(), M.copy(), 1)
    check(f, X.copy(), M.copy(), -2)


def test_aliases_see_writes():
    def f(x):
        y = x
        v = y[1:4]
        w = x.copy()
        v[0] = 10.0
        y[2] *= 3
        z = v * 2
        x[1] = 5.0
        return v, w, z, y[0] + v[0]

    check(f, X.copy())


def test_whole_array_updates():
    def f(x, y):
        u = x
        u += y
        u = u * 2
        u -= 1
        x /= 2.0
        y[:] = u
        y[...] = y + x
        return u

    check(f, X.copy(), X.copy() * 2)


def test_chained_assignment():
    def f(x, y):
        x[:] = y[:] = x[::-1] + 1
        a = b = x * 2
        a[0] = 7
        return a, b

    check(f, X.copy(), X.copy())


def test_integer_arrays_truncate_on_store():
    def f(k, x):
        k[0] = 2.9
        k[1] += 1.5
        k[2] = x
        k[3:] = np.array([1.5, -2.5])
        k *= 2

    check(f, I.copy(), 3.7)


def test_swap_local_buffers():
    def f(x, n):
        u = x.copy()
        v = np.zeros_like(u)
        w = u + 1
        for i in range(n):
            v[1:] = u[:-1] + w[1:]
            v[0] = i
            u, v, w = v, w, u
        return u, v, w

    for n in range(5):
        check(f, X, n)


def test_rebinding_in_loops_and_branches():
    def f(x, n):
        u = x
        for i in range(n):
            u = u * 2
            u[0] = i
            prev = u  # noqa: F841
        if n > 1:
            y = x
        else:
            y = x + 1
        return u, y * 2

    for n in (0, 1, 3):
        check(f, X, n)


def test_fresh_arrays_in_branches_can_be_written():
    def f(x, c):
        if c > 0:
            y = np.zeros(4)
            z = y
        else:
            y = np.ones(4)
            z = y
        y[1] = c
        z[2] = 9
        return y, z, x

    check(f, X, 1.0)
    check(f, X, -1.0)


def test_gather_and_scatter():
    def f(x, m, idx, k):
        a = x[idx] * 2
        b = m[k]
        c = m[:, k]
        d = m[k, k]
        x[idx] = a
        x[k] += 1.0
        np.add.at(x, idx, 0.5)
        return a, b, c, d

    check(f, X.copy(), M, np.array([5, 0, 0, -1]), np.array([0, 2, 1]))


def test_masks():
    def f(x, y, m):
        x[x > 1] = 1.0
        x[~(y > 0)] *= 2
        y[(x > 0) & (y < 1)] = x[(x > 0) & (y < 1)]
        m[x[:3] > 0] = 0.0
        return (x > 0).sum(), np.any(x > 5), np.all(x < 5), np.where(x > 0, x, y)

    check(f, X.copy(), X[::-1].copy(), M.copy())


# -- functions of arrays


def test_shapes_and_sizes():
    def f(m, x):
        n, k = m.shape
        return m.shape, len(m), m.size, m.ndim, x.shape[0] * n - k, np.shape(x), m.T.shape, x[1:].size

    check(f, M, X)


def test_creation():
    def f(x, n):
        return (
            np.zeros(n),
            np.ones((2, n)),
            np.full(3, x),
            np.full((n, 1), 2),
            np.zeros_like(x * np.ones(n)),
            np.arange(n),
            np.arange(2, n * 3, 4),
            np.arange(n, 0, -2),
            np.arange(0.0, 1.0, 0.3),
            np.linspace(0, x, n),
            np.linspace(-1.0, 1.0, 5, endpoint=False),
            np.eye(n),
            np.eye(2, 3, k=1),
            np.array([1, 2.5, x]),
            np.array([[1, n], [2, 3]]),
            np.asarray((x, x)),
            np.array([np.zeros(n), np.arange(n)]),
            np.zeros((n, 2), dtype=int),
            np.ones(3, np.float32),
            np.identity(2),
            np.zeros(0),
            len(np.empty_like(np.zeros(n))),  # what is in it is undefined
        )

    check(f, 1.5, 4)


def test_elementwise_functions():
    def f(x):
        y = np.abs(x) + 0.1
        return (
            np.sin(x),
            np.cos(x),
            np.tan(x),
            np.exp(x),
            np.log(y),
            np.sqrt(y),
            np.tanh(x),
            np.arctan(x),
            np.arcsin(x / 9),
            np.log1p(y),
            np.expm1(x),
            np.floor(x),
            np.ceil(x),
            np.sign(x),
            np.square(x),
            np.reciprocal(y),
            np.power(y, 1.5),
            np.hypot(x, y),
            np.arctan2(x, y),
            np.maximum(x, 0.0),
            np.minimum(x, y),
            np.clip(x, -1, 1),
            np.fmod(x, 2.0),
            np.mod(x, 2.0),
            np.isnan(x),
            np.isfinite(x),
            np.round(x),
            np.round(x, 2),
            np.cbrt(x),
            np.deg2rad(x),
            np.logical_and(x > 0, y > 1),
            np.logical_not(x > 0),
            np.heaviside(x, 0.5),
            np.negative(x),
            np.add(x, y),
            np.divide(x, y),
            np.subtract(1, x),
            np.rint(x),
            np.logaddexp(x, y),
            np.exp2(x),
            np.log2(y),
            np.log10(y),
            np.sinh(x),
        )

    check(f, X)


def test_reductions():
    def f(m, x):
        return (
            m.sum(),
            m.sum(axis=0),
            m.sum(axis=-1, keepdims=True),
            np.mean(m, axis=(0, 1)),
            np.max(m, axis=1),
            m.min(),
            np.prod(x),
            m.mean(axis=0),
            np.any(m > 0, axis=0),
            np.all(m > -9),
            np.var(x),
            np.std(m, axis=1),
            np.argmax(x),
            x.argmin(),
            np.cumsum(x),
            np.cumprod(x),
            np.diff(x),
            np.diff(m, axis=0),
            np.linalg.norm(x),
            np.linalg.norm(m, axis=1),
            np.trace(m),
            np.diag(m),
            np.ptp(x),
            sum(x),
            max(x),
            min(x),
            np.average(x, weights=x * x),
            np.linalg.norm(x, 1),
            np.trapezoid(x, dx=0.5),
            np.trapezoid(np.outer(x, x), x, axis=0).sum(),
            (m > 0).sum(axis=0),
            np.sum([1.0, 2.0]),
        )

    check(f, M, X)


def test_products():
    def f(m, x, y, t):
        return (
            m @ x,
            y @ m,
            y @ y,
            m @ m.T,
            np.dot(m, x),
            np.dot(2.0, m),
            np.matmul(m.T, m),
            np.outer(x, y),
            np.inner(y, y),
            np.vdot(y, y),
            np.tensordot(m, m, axes=([0], [0])),
            t @ t.transpose(0, 2, 1),
            m.dot(x),
            np.tensordot(m, x, 1),
            np.cross(y, y[::-1]),
        )

    check(f, M, X[:4], X[:3], np.arange(12.0).reshape(2, 2, 3))


def test_shape_changes():
    def f(m, x, n):
        a = (
            m.reshape(4, 3),
            m.reshape(-1),
            m.reshape(2, -1),
            m.ravel(),
            m.flatten(),
            x.reshape(n, -1),
            x.reshape((2, 3)),
            m.reshape(m.shape[0], 2, 2),
        )
        b = (
            m.T,
            np.transpose(m),
            m[:, :, None].transpose(2, 0, 1),
            np.flip(m),
            np.flip(m, 0),
            m.swapaxes(0, 1),
            np.expand_dims(x, 0),
            np.squeeze(x[None, :, None]),
        )
        c = (
            np.stack([x, x * 2]),
            np.stack([x, x], axis=1),
            np.concatenate([x, x[:2]]),
            np.concatenate((m, m), axis=1),
            np.vstack([x, x]),
            np.hstack([x, x]),
        )
        d = (
            np.roll(x, 1),
            np.roll(x, -2),
            np.roll(m, 1, axis=1),
            np.broadcast_to(x, (2, 6)),
            np.moveaxis(m, 0, 1),
            np.ascontiguousarray(m.T),
        )
        return a, b, c, d

    check(f, M, X, 2)


def test_reshape_of_local_array_is_a_view():
    def f(n):
        a = np.zeros((2, 3))
        b = a.reshape(6)
        b[4] = n
        a[0, 1] = 2.0
        c = a.ravel()
        c *= 2
        return a, b

    check(f, 5.0)


def test_methods():
    def f(x):
        y = x.copy()
        y.fill(2.0)
        return (
            y,
            x.astype(int),
            x.astype(np.float32).dtype == np.float32,
            x.clip(-1, 1),
            x[0].item(),
            x.max() - x.min(),
            x.round(),
            x.T,
        )

    check(f, X)


# -- functions, structures


SCALE = 2.5
TABLE = np.array([1.0, 2.0, 3.0])


def helper(a, b=2.0, *rest, scale=SCALE, **options):
    return a * b * scale + sum(rest) + options.get if False else a * b * scale + sum(rest)


def test_calls():
    def apply(g, *args):
        return g(*args)

    def f(x):
        def inner(t, k=x):
            return t * k

        square = lambda t: t * t  # noqa: E731
        part = functools.partial(helper, 3.0, scale=x)
        return (
            helper(x),
            helper(x, 3.0, 1, 2),
            helper(b=1.0, a=x),
            inner(2.0),
            apply(square, x),
            part(4.0),
            apply(apply, inner, x, 5.0),
        )

    check(f, 1.5)


def test_captures():
    factor = 3.0
    weights = np.array([1.0, -1.0, 2.0])

    def f(x):
        return (x[:3] * weights + TABLE[1]) * factor * SCALE, TABLE.sum()

    traced = check(f, X)
    assert [a is b for a, b in zip(traced.captures, (weights, TABLE), strict=True)] == [True, True]


def test_function_arguments():
    def f(g, x, mode):
        return g(x) if mode == "once" else g(g(x))

    check(f, math.sin, 1.5, "once")
    check(f, np.cos, 1.5, "twice")
    check(f, lambda t: t * t, 1.5, "twice")


class Pair(NamedTuple):
    a: float
    b: float = 2.0

    def total(self):
        return self.a + self.b


@dataclasses.dataclass
class Body:
    x: np.ndarray
    v: np.ndarray
    m: float = 1.0

    @property
    def momentum(self):
        return self.m * self.v

    def step(self, dt):
        return Body(self.x + dt * self.v, self.v - dt * self.x / self.m, self.m)


def test_structures():
    def f(body, pair, n):
        for _ in range(n):
            body = body.step(0.1)
            pair = Pair(pair.b, pair.total() * 0.5)
        q = dataclasses.replace(body, m=2.0)
        a, b = pair
        return body, q.momentum, pair._replace(a=a * b), {"k": a, "t": (b, [a, b])}, None

    check(f, Body(X.copy(), X * 2), Pair(1.0, 3.0), 3)


def test_written_structure_fields():
    def f(body, dt):
        body.v[1:] -= dt * body.x[1:]
        body.x += dt * body.v

    check(f, Body(X.copy(), X * 2), 0.1)


def test_unpacking():
    def f(s, m):
        x, y, z = s
        (a, b), *rest = (x, y), z, 1.0
        first, *others = [a, b, z]
        p, q, r = m
        return x * y - z, a, b, rest, first, others, p + q * r

    check(f, X[:3], M)


def test_comprehensions():
    def f(x, n):
        t = [x[i] * k for k, i in enumerate((0, 2, 4)) if k != 1]
        return t, sum(x[i] for i in range(3)), np.array([v * v for v in (1.0, 2.0)]), tuple(i * n for i in range(2))

    check(f, X, 3)


def test_tuple_indexed_at_run_time():
    def f(n):
        s = 0.0
        for i in range(3):
            s += (1.0, 10.0, 100.0)[i] * n
        return s

    check(f, 2)


def test_stop_gradient_is_identity():
    def f(x, s):
        return stop_gradient(x) * s + stop_gradient(s)

    check(f, X, 2.0)


def test_recursion_by_unrolled_structure_is_not_needed():
    def f(x):
        total = 0.0
        for name, w in (("a", 1.0), ("b", 2.0)):
            if name == "a":
                total += w * x
            else:
                total -= w
        return total

    check(f, 3.0)


# -- parallel loops


def test_prange():
    def f(a, out, n):
        s = 0.0
        t = 1.0
        for i in prange(1, n):
            v = a[i - 1] + a[i]
            out[i] = v * 2
            out[i] += v
            s += v
            if v > 0:
                t = t * 2.0
            for j in range(3):
                s -= j * 0.5
        return s, t

    traced = check(f, X, np.zeros(6), 6)
    loops = [op for op in traced.function.walk() if op.name == "for" and op.attrs["parallel"]]
    assert len(loops) == 1


def test_prange_rows_and_histogram():
    def f(m, bins, idx):
        for i in prange(m.shape[0]):
            m[i, 1:] = m[i, :-1] * 2.0
            m[i][0] = i
        for k in prange(len(idx)):
            bins[idx[k]] += 1.0

    check(f, M.copy(), np.zeros(5), np.array([0, 1, 1, 4]))


@pytest.mark.parametrize("limit", [-9.0, 0.5, 99.0])
def test_else_of_a_loop_left_by_break(limit):
    """What the `else` assigns does not replace what was there at the `break`."""

    def counted(x, limit):
        found = -2
        for k in range(len(x)):
            if x[k] > limit:
                found = k
                break
        else:
            found = -1
        return found

    def conditional(x, limit):
        k = 0
        while k < len(x):
            if x[k] > limit:
                break
            k += 1
        else:
            k = -1
        return k

    check(counted, X, limit)
    check(conditional, X, limit)


def test_recursion_that_ends_at_compile_time():
    def factorial(n):
        return 1 if n <= 1 else n * factorial(n - 1)

    def horner(c, x, i):
        return c[i] if i == len(c) - 1 else c[i] + x * horner(c, x, i + 1)

    check(lambda x: factorial(5) * x + horner((1.0, 2.0, 3.0), x, 0), 0.5)


def test_starred_elements_of_an_array():
    def f(x):
        first, *rest = np.array([x, x * 2, x * 3])
        return first + rest[1]

    check(f, 0.5)


@pytest.mark.parametrize("n, kind, text", [
    (0, AssertionError, "positive, got {n}"), (2, RuntimeError, "no convergence after {n} steps, tol={x:.2e}"),
    (3, np.linalg.LinAlgError, "singular 3x3"), (4, KeyError, "k{n}"), (5, NotImplementedError, "NotImplementedError"),
    (8, Exception, "seven, {i}"), (9, OverflowError, "too much"),
])  # fmt: skip
def test_raised_errors_are_pythons(n, kind, text):
    size = 3

    def f(n, x):
        assert n > 0, f"positive, got {n}"
        if n == 2:
            raise RuntimeError(f"no convergence after {n} steps, tol={x:.2e}")
        if n == 3:
            raise np.linalg.LinAlgError(f"singular {size}x{size}")
        if n == 4:
            raise KeyError("k" + str(n))
        if n == 5:
            raise NotImplementedError
        if n == 9:
            raise OverflowError("too" + " much")
        for i in range(n):
            if i == 7:
                raise Exception("seven", i)
        return x

    assert wg.jit(f)(1, 0.5) == 0.5
    with pytest.raises(kind) as caught:
        wg.jit(f)(n, 0.5)
    assert str(caught.value).endswith(f": {text}")


def test_a_name_that_no_trip_bound():
    def f(x, n):
        for i in range(n):
            y = x * i
        return y

    assert wg.jit(f)(2.0, 3) == 4.0
    with pytest.raises(UnboundLocalError, match="`y` is set only in a loop, which did not run"):
        wg.jit(f)(2.0, 0)
    assert wg.grad(f)(2.0, 3) == 2.0


def test_a_name_of_an_inner_loop_outlives_both():
    def f(x, n, m):
        for i in range(n):
            for j in range(m - i):
                y = x * (i + j)
        return y * y, j

    def g(x, n):
        i = 0
        while i < n:
            for j in range(i, 4):
                y = x * (i + j)
            i += 1
        return y, j

    for n, m in ((2, 3), (5, 2), (1, 4)):
        assert wg.jit(f)(0.5, n, m) == f(0.5, n, m)
        assert wg.grad(lambda x, n, m: f(x, n, m)[0])(0.5, n, m) == pytest.approx(2 * f(1.0, n, m)[0] * 0.5)
    assert wg.jit(g)(0.5, 6) == g(0.5, 6)
    for n, m in ((0, 3), (3, 0)):
        with pytest.raises(UnboundLocalError, match="is set only in a loop, which did not run"):
            wg.jit(f)(0.5, n, m)


def test_round_to_digits_is_pythons():
    def f(x):
        return round(x, 3), round(x, 1), round(x, 0), round(x, 15)

    rng = np.random.default_rng(0)
    hard = [2.675, 0.0005, -0.0, -0.0001, 7.0258533266275975, 1e300, np.inf, np.nan, 0.125, -2.5]
    compiled = wg.jit(f)
    for x in (*hard, *rng.uniform(-10, 10, 200), *rng.uniform(-1e5, 1e5, 200), *rng.integers(-4000, 4000, 200) / 16):
        assert repr(compiled(float(x))) == repr(f(float(x)))


def bound_by_the_test(x):
    total, k = 0.0, -1
    while (k := k + 1) < len(x) and (v := x[k] * x[k]) < 9.0:
        if k == 1:
            continue
        total += v
    else:
        total = -total
    return total, k


def test_assignment_in_the_test_of_a_loop():
    check(bound_by_the_test, X)


def tableau(x, n):
    """Rows of a list of lists that differ, by the counters of loops over few numbers."""
    a, c = [[], [1.0], [0.5, 2]], [0, 1 / 2, 1]
    total = 0.0
    for _ in range(n):
        for i in range(3):
            for j in range(i):
                total += a[i][j] * x[j] * c[i]
    return total


def one_function_of_two_types(n):
    def kept(v):
        out = []
        for a in v:
            if a > 0:
                out.append(a)
        return np.array(out)

    ints, floats = kept(range(n)), kept([0.5 * k for k in range(n)])
    order = list(range(n))
    order[0], order[2] = order[2], order[0]
    return ints, floats, np.array(order)


def permuted(x):
    best, at = np.inf, (0, 0, 0)
    for p in itertools.permutations(range(3)):
        total = sum(x[k] * (i + 1) for i, k in enumerate(p))
        if total < best:
            best, at = total, p
    return best, at, len(list(itertools.permutations((1, 2, 3, 4), 2)))


def test_lists_and_permutations():
    check(tableau, X, 4)
    check(one_function_of_two_types, 5)
    check(permuted, X)
    check(lambda a, k: (a[::k, ::k], a[1::k, ::-k]), M, 2)


def kept_slices(a, i):
    inner = np.s_[1:, ::2]
    rows = slice(i[0], i[1])
    ends = [slice(0, 2), slice(2, None)]
    known = {f"k{j}": a[j].sum() for j in range(3)}
    return a[inner], a[rows, 0], [a[:, s].sum() for s in ends], {**known, "k1": 2.0}, {k: 2 * v for k, v in known.items()}


def test_slices_and_dicts_with_names():
    check(kept_slices, M, np.array([0, 2]))
