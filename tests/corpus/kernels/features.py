"""Features of the language, each in a small kernel."""

from __future__ import annotations

import itertools
import math
from enum import IntEnum
from functools import reduce

import numpy as np

from tests.corpus.kernels.registry import RI, R, kernel

# ruff: noqa: C417, F841, E501, E702, PIE804, E741, N802, N803, N806, B007, C408, C416, E731, SIM102, SIM108, PLR2004, RUF005, UP


@kernel(lambda: (RI(5), 3, np.int32(4)))
def integer_powers(a, n, m):
    return 2**a, a**n, 2**n, n**0, a**a, (-3) ** n, m**n, n**m, a.astype(np.int32) ** n


@kernel(lambda: (R(12), 3, 2))
def steps_at_run_time(x, s, t):
    a = x[::s].copy()
    b = x[1:10:s].sum()
    c = x[::-t] * 1.0
    d = x[-2:1:-s] + 1
    x[t::s] = 0.0
    x[::t] += 1
    m = x.reshape(3, 4).copy()
    m[:, ::t] = -1
    return a, b, c, d, m, m[1, ::t] * 2, m[::t, 1:3].sum()


@kernel(lambda: (R(4), R(3), RI(4)))
def ufunc_methods(a, b, i):
    table = np.outer(a, b)
    return (
        (np.add.outer(a, b), np.subtract.outer(a, i), np.multiply.outer(table, b), np.less.outer(a, b)),
        (np.add.reduce(table), np.multiply.reduce(a), np.maximum.reduce(table, axis=1)),
        (np.maximum.accumulate(a), np.minimum.accumulate(i), np.add.accumulate(table, axis=1)),
    )


@kernel(lambda: (R(4), R(3), 5))
def grids(a, b, n):
    X, Y = np.meshgrid(a, b)
    P, Q = np.meshgrid(a, b, indexing="ij")
    gx, gy = np.mgrid[0:n, 0:3]
    hx, hy = np.mgrid[-1:1:5j, 0:2:0.5]
    ox, oy = np.ogrid[0:n, 0:n]
    ii = np.indices((3, n))
    return X, Y, P, Q, gx, gy, hx, hy, ox, oy, ii, np.mgrid[0:n], np.r_[a, 1.0, b], np.r_[0:n, 5], np.c_[a, a * 2], np.c_[1:4, b]


@kernel(lambda: (R(6), RI(6)))
def selections(x, i):
    a = np.select([x < 0.3, x < 0.6], [x, -x], 5.0)
    b = np.choose(i % 3, [x, 2 * x, 3 * x])
    c = np.piecewise(x, [x < 0.3, x > 0.8], [-1.0, lambda t: t * 10, 0.5])
    table = np.outer(x, x)
    return a, b, c, np.logspace(0, 2, 5), np.append(x, 3.0), np.append(x, x[:2]), np.append(table, table, axis=0)


@kernel(lambda: (R(5) - 0.5, R(5)))
def results_put_into_arrays(a, b):
    c = np.zeros_like(a)
    np.add(a, b, out=c)
    np.multiply(c, 2.0, c)
    d = np.divide(a, b, out=np.zeros_like(a), where=b > 0.5)
    e = np.empty((5, 5))
    np.outer(a, b, out=e)
    np.sqrt(np.abs(a), out=a)
    f = np.log(b, out=np.full(5, -1.0), where=b > 0.3)
    np.clip(b, 0.2, 0.8, out=b)
    g = np.zeros(5)
    np.dot(e, b, out=g)
    h = np.zeros(5)
    np.cumsum(b, out=h)
    return c, d, e, f, g, h, a, b


@kernel(lambda: (R(5), 3, 2.5))
def functions_of_functions(x, n, t):
    a = sum(map(lambda i: i * t, range(n)))
    b = list(map(float, (1, 2, 3)))
    c = tuple(map(lambda u, v: u + v, (1, n), (t, 4)))
    d = sorted((3, 1, 2))
    e = sorted([x[0], x[1], x[2]])
    f = sorted([x[0], x[1], x[2]], reverse=True)
    g = 1 if isinstance(t, float) else 2
    h = 1 if isinstance(n, (float, np.ndarray)) else 2
    m = (isinstance(x, np.ndarray), isinstance(x[0], float), isinstance(n, int), isinstance((1, 2), tuple), callable(math.sin))
    s = 0.0
    for i, j in itertools.product(range(n), range(2)):
        s += i * 10 + j
    for i, j in np.ndindex(n, 3):
        s += i * 10 - j
    for (i,), v in np.ndenumerate(x):
        s += i * v
    z = max(map(abs, (-3.0, 2.0)))
    return a, b, c, d, e, f, g, h, m, s, z


@kernel(lambda: (R(4, 5),))
def every_index(m):
    out = np.zeros(m.shape)
    for idx in np.ndindex(m.shape):
        out[idx] = m[idx] * 2
    for (i, j), v in np.ndenumerate(m):
        out[i, j] += v
    return out


@kernel(lambda: (R(5), R(4, 5)))
def functions_of_elements(x, m):
    def g(t):
        if t < 0.5:
            return t * 2
        return 1.0 - t

    h = np.vectorize(g)
    rows = np.apply_along_axis(np.sum, 1, m), np.apply_along_axis(lambda r: r / r.sum(), 0, m)
    return h(x), np.vectorize(math.erf)(x), h(m), np.vectorize(lambda u, v: u * v + 1)(m, x), rows


shifted = np.vectorize(lambda t: t + 1 if t > 0.5 else t)


@kernel(lambda: (R(5),))
def vectorized_outside(x):
    return shifted(x)


def count(*a, **b):
    return sum(a) + len(b)


@kernel(lambda: (3, 4))
def starred_arguments(a, b):
    xs = (a, b)
    return count(*xs, **{}), count(*xs, **{"c": 1}), count(1, *xs, 2)


@kernel(lambda: (3, 4, 2.5))
def tuples_compared(a, b, x):
    same = (a, b) == (3, 4), (a, b) != (a, b), [a] == [3], (a,) == [a]
    return same, (a, x) < (3, 3.0), (a, b) >= (3, 4), (a, b, 1) > (a, b), (1, 2) < (1, 3), (a, b) <= (3, 3)


@kernel(lambda: (4,))
def allocations(n):
    x, h = np.linspace(0, 1, n, retstep=True)
    b = np.ndarray((n, 2), dtype=np.float32)
    b[:] = 1
    return x, h, b


@kernel(lambda: (R(12, 12) > 0.5,))
def life_by_rolls(grid):
    g = grid.astype(int)
    n = sum(np.roll(np.roll(g, i, 0), j, 1) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0))
    return (n == 3) | (grid & (n == 2))


@kernel(lambda: (1.0, 3))
def bound_in_a_loop(x, n):
    for i in range(n):
        y = x * i
    return y, i


@kernel(lambda: (np.ones((3, 3)), 100, 1e-3))
def bound_before_break(A, maxiter, tol):
    x = np.ones(3)
    for it in range(maxiter):
        r = A @ x - 1.0
        x = x - 0.1 * r
        if np.abs(r).max() < tol:
            break
    return x, it, r


@kernel(lambda: (np.ones((3, 3)), 5))
def bound_in_nested_loops(A, n):
    s = 0.0
    for a in range(n):
        for i in range(n):
            v = A[i % 3, a % 3] * i
        s += v + i
    return s


@kernel(lambda: (np.ones((3, 3)), 5))
def bound_and_used_in_loops(A, n):
    for j in range(n):
        i = j
    if A[0, 0] > 0:
        s = 1.0
    else:
        s = 2.0
    for _ in range(3):
        s += i
    return s, i


@kernel(lambda: (np.ones((7, 3)), 5))
def labels_of_the_last_round(X, n):
    for _ in range(n):
        lab = np.zeros(X.shape[0], dtype=np.int64)
        for i in range(X.shape[0]):
            lab[i] = i % 3
    return lab


@kernel(lambda: (5, 2, R(3)))
def whole_numbers(n, r, x):
    a = math.comb(n, r), math.factorial(n), math.gcd(12, n * 6), math.lcm(4, n), math.isqrt(n * 1000), math.perm(n, r)
    s = sum(math.comb(6, i) for i in range(3)), math.prod((1, 2, n))
    t = reduce(lambda u, v: u * 2 + v, (1, 2, n)), reduce(lambda u, v: u + v, range(n), 0)
    d = math.dist(x, x + 1), math.isclose(x[0], x[0] + 1e-12)
    c = 0
    for i, j in itertools.combinations(range(n), 2):
        c += i * j
    for i, j in itertools.combinations((1, 2, 3), 2):
        c += i * j
    p = pow(n, r, 7), pow(-n, 30, -11), pow(3, 0, 1), n.bit_length(), (-n * 8).bit_length()
    return a, s, t, d, c, p, np.transpose(x.reshape(1, 3), axes=(1, 0))


@kernel(lambda: (R(3, 4), 5, 2))
def rolled_and_rounded(a, s, n):
    rolls = np.roll(a, s), np.roll(a, s, axis=1), np.roll(a, (s, 1), axis=(0, 1)), np.roll(a, 2), np.roll(a[0], -s)
    return rolls, np.linalg.matrix_power(a[:, :3], n), np.linalg.matrix_power(a[:, :3], -n), np.outer(a[0] > 0.5, a[1] > 0.5)


@kernel(lambda: (3.0, 5, R(6)))
def bound_in_while_loops(x, n, a):
    while n > 0:
        y = x * n
        n -= 1
    lo, hi = 0, len(a) - 1
    while lo <= hi:
        mid = (lo + hi) // 2
        if a[mid] > 0.5:
            break
        lo = mid + 1
    return y, n, mid, lo


class Boundary(IntEnum):
    PERIODIC = 0
    FIXED = 1


STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))
COEFFICIENTS = {2: [-0.5, 0.0, 0.5], 4: [1 / 12, -2 / 3, 0.0, 2 / 3, -1 / 12]}


@kernel(lambda: (R(9), Boundary.FIXED, 3))
def constants_of_the_module(u, bc, d):
    made = np.zeros_like(u)
    for j, c in enumerate(COEFFICIENTS[4]):
        made += c * np.roll(u, 2 - j)
    if bc == Boundary.FIXED:
        made[0] = made[-1] = 0
    dy, dx = STEPS[d]
    mode = "abc"
    if mode[0] == "a" and mode.upper() == "ABC" and mode[1:].startswith("bc"):
        made = made * 2
    order = u.argsort()
    u.sort()
    return made, dy, dx, order, u, u.searchsorted(0.5)
