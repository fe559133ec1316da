"""Lists of a length known only at run time: against Python, their derivatives, batches, and what is refused."""

from __future__ import annotations

import copy
import math
import re
from collections import deque
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.frontend.oracle import check, compare
from wengert.compiler.diag.errors import WengertError

CASES: dict[str, Any] = {}
rng = np.random.default_rng(0)
EDGES = (rng.random((7, 7)) > 0.6).astype(int)


def case(*args: Any) -> Any:
    def add(function: Any) -> Any:
        CASES[function.__name__] = function, args
        return function

    return add


@case(5, 0.1)
def filled(n, x):
    xs = []
    for i in range(n):
        xs.append(x * i)
    return np.array(xs), len(xs)


@case(np.arange(20.0))
def chosen(x):
    out = []
    for v in x:
        if v % 3 == 0:
            out.append(v * 2)
    return np.array(out), max(out), sum(out), out[-1]


@case(8, 8)
def flood_fill(n, m):
    grid = np.zeros((n, m), dtype=np.int64)
    grid[3, :6] = 2
    stack = [(1, 1)]
    while stack:
        i, j = stack.pop()
        if i < 0 or j < 0 or i >= n or j >= m or grid[i, j] != 0:
            continue
        grid[i, j] = 1
        stack.append((i + 1, j))
        stack.append((i - 1, j))
        stack.append((i, j + 1))
        stack.append((i, j - 1))
    return grid


@case(EDGES)
def breadth_first(a):
    n = a.shape[0]
    dist = np.full(n, -1)
    dist[0] = 0
    queue = [0]
    for u in queue:
        for v in range(n):
            if a[u, v] and dist[v] < 0:
                dist[v] = dist[u] + 1
                queue.append(v)
    return dist, np.array(queue)


@case(EDGES)
def breadth_first_with_deque(a):
    seen, order, q = np.zeros(a.shape[0], dtype=bool), [], deque([0])
    seen[0] = True
    while len(q) > 0:
        u = q.popleft()
        order.append(u)
        for v in range(a.shape[0]):
            if a[u, v] == 1 and not seen[v]:
                seen[v] = True
                q.append(v)
    return np.array(order)


@case(np.linspace(-1, 1, 6), 5)
def chebyshev(x, n):
    t = [np.ones_like(x), x]
    for _ in range(2, n):
        t.append(2 * x * t[-1] - t[-2])
    return np.array(t)


@case(6)
def hilbert(n):
    return np.array([[1.0 / (i + j + 1) for j in range(n)] for i in range(n)])


@case(6, 2.0)
def comprehensions(n, a):
    v = np.array([a**0.5 * i for i in range(n) if i % 2 == 0])
    return v, sum([i * i for i in range(n)]), np.mean([math.sin(k) for k in range(n)])


@case(1.0, 0.01)
def trajectory(x, dt):
    ts, xs, t = [0.0], [x], 0.0
    while x > 0.1:
        x = x - dt * x
        t += dt
        ts.append(t)
        xs.append(x)
    return np.array(ts), np.array(xs)


@case(30)
def collatz(n):
    seq = [n]
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        seq.append(n)
    return np.array(seq), len(seq)


@case(np.array([3, 1, 2, 5, 4, 1]))
def longest_increasing(a):
    tails = []
    for v in a:
        lo, hi = 0, len(tails)
        while lo < hi:
            mid = (lo + hi) // 2
            if tails[mid] < v:
                lo = mid + 1
            else:
                hi = mid
        if lo == len(tails):
            tails.append(v)
        else:
            tails[lo] = v
    return len(tails)


@case(np.random.default_rng(3).random((12, 2)))
def lower_hull(p):
    idx, lower = np.argsort(p[:, 0]), []
    for k in range(len(idx)):
        while len(lower) >= 2:
            a, b, c = p[lower[-2]], p[lower[-1]], p[idx[k]]
            if (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) <= 0:
                lower.pop()
            else:
                break
        lower.append(idx[k])
    return np.array(lower)


@case(10)
def primes(n):
    found, c = [], 2
    while len(found) < n:
        prime = True
        for q in found:
            if q * q > c:
                break
            if c % q == 0:
                prime = False
                break
        if prime:
            found.append(c)
        c += 1
    return np.array(found)


@case(np.arange(12.0).reshape(3, 4), 4)
def history(u, n):
    hist = []
    for t in range(n):
        u = u * 0.5 + t
        hist.append(u.copy())
    return np.array(hist), np.stack(hist), hist[2][1]


@case(np.arange(6.0))
def lists_of_helpers(x):
    def build(y):
        out = []
        for v in y:
            out.append(v * v)
        return out

    return np.array(build(x)) + np.array(build(x + 1))


@case(5)
def in_branches(n):
    xs, ys = [], []
    for i in range(n):
        if i % 2:
            xs.append(i)
        else:
            ys.append(float(i))
            xs.append(-i)
    zs = ys
    zs.append(7.0)
    return np.array(xs), np.array(ys), ys[-1]


@case(4)
def repeated(n):
    xs = [0.0] * n
    for i in range(n):
        xs[i] = i * 0.5
    xs.append(9.0)
    xs[0] += 2.0
    xs.extend([x * 2 for x in xs if x > 1])
    first = xs.pop(0)
    return np.array(xs), sum(xs), first


@case(np.arange(4.0))
def added_in_place(x):
    """`+=` is seen through every name; `xs + [...]` is not."""
    def push(queue, value):
        queue += [value]

    xs = [1.0]
    ys, kept = xs, xs + [5.0]
    ys += (2.0, 3.0)
    for v in x:
        push(xs, v)
        ys += [v, -v]
    rows = [[0.0], [1.0]]
    row = rows[1]
    rows[1] += [7.0]
    shape = [len(x)]
    shape += [2]
    xs += xs
    same = [8.0]
    if x[1] > 0.5:
        same = xs
        same += list(x)
    return np.array(xs), len(ys), np.array(kept), len(row), np.zeros(shape), sum(same)


@case([3.0, 1.0, 2.0], [[1.0, 2.0], [3.0, 4.0]], np.arange(4.0), 4)
def copies_changed(given, rows, x, n):
    """A list of known length that was made by any expression may be changed."""
    a, b, c, d = list(given), sorted(given), given[:], given + [1.0]
    e, f, g, h = given.copy(), [0.0] * 3, x.tolist(), copy.copy(given)
    table, deep = [row[:] for row in rows], copy.deepcopy(rows)
    numbers, pairs = copy.deepcopy(given), copy.deepcopy([(1, 2)])
    numbers.append(8.0)
    pairs.append((3, n))
    a.append(3.0)
    b.insert(0, 7.0)
    c[0] += 5.0
    d.pop()
    e.reverse()
    for i in range(n):
        f[i % 3] += given[(i + 1) % 3]
    g += a
    h.sort()
    table[0][1] = deep[1][0] = 9.0
    g = [0.0, *g, *x[:2], *given, 5.0]
    pair = np.array([f, [1.0, 2.0, 3.0]])
    lists = np.array(a), np.array(b), np.array(c + d + e + f + h), np.array(g), np.array(table), np.array(deep), pair
    return *lists, given[0], rows[0][1], np.array(numbers), np.array(pairs)


@pytest.mark.parametrize("name", CASES)
def test_programs(name: str) -> None:
    function, args = CASES[name]
    check(function, *args)
    expected, found = function(*copy.deepcopy(args)), wg.jit(function)(*copy.deepcopy(args))
    assert type(found) is type(expected)
    for a, b in zip(*((x if isinstance(x, tuple) else (x,)) for x in (found, expected)), strict=True):
        assert type(a) is type(b)
        np.testing.assert_allclose(a, b, rtol=1e-12)


def length_of_path(x):
    """A loop whose length depends on the data, its states kept in a list."""
    states = [x]
    while states[-1] > 0.2:
        states.append(states[-1] * (1.0 - 0.1 * states[-1]))
    total = 0.0
    for a, b in zip(np.array(states)[1:], np.array(states)[:-1]):
        total += np.sqrt(0.01 + (a - b) ** 2)
    return total


def test_derivatives_and_batches() -> None:
    f, step = length_of_path, 1e-6
    difference = (f(0.9 + step) - f(0.9 - step)) / (2 * step)
    assert wg.grad(f)(0.9) == pytest.approx(difference, rel=1e-7)
    assert wg.jvp(f)((0.9,), (1.0,))[1] == pytest.approx(difference, rel=1e-7)
    points = np.array([0.9, 0.5, 0.1])
    np.testing.assert_allclose(wg.batch(f)(points), [f(p) for p in points], rtol=1e-12)
    np.testing.assert_allclose(wg.batch(wg.grad(f))(points), [wg.grad(f)(p) for p in points], rtol=1e-12)


def of_arrays(u):
    hist = [u]
    for _ in range(3):
        hist.append(np.sin(hist[-1]) * u)
    return np.sum(np.array(hist))


def test_gradient_of_a_list_of_arrays() -> None:
    u = rng.standard_normal(4)
    differences = [(of_arrays(u + h) - of_arrays(u - h)) / 2e-6 for h in 1e-6 * np.eye(4)]
    np.testing.assert_allclose(wg.grad(of_arrays)(u), differences, rtol=1e-7)


def test_growth_is_not_quadratic() -> None:
    """Room doubles: a million appends move each item a few times."""

    def many(n):
        xs = []
        for i in range(n):
            xs.append(i * 0.5)
        return sum(xs)

    assert wg.jit(many)(1_000_000) == pytest.approx(0.5 * 999_999 * 1_000_000 / 2)


def written_after(n):
    u, hist = np.zeros(3), []
    for i in range(n):
        u[0] = i
        hist.append(u)
    return np.array(hist)


def of_functions(n):
    fs = []
    for _ in range(n):
        fs.append(math.sin)
    return n


def never_filled(n):
    xs = []
    while n > 0:
        xs.append(xs[0] + 1)
        n -= 1
    return len(xs)


def of_two_kinds(n):
    xs = []
    for i in range(n):
        xs.append(i)
        xs.append((i, i))
    return len(xs)


def part_written(n):
    xs = [i for i in range(n)]
    xs[1::2] = xs[:-1]
    return len(xs)


def repeated_in_place(n):
    xs = [[1.0], [2.0]]
    ys = xs[n]
    ys *= 2
    return len(ys)


def of_the_module_changed(n):
    WEIGHTS[0] = 2.0
    return WEIGHTS[n - 3]


WEIGHTS = [1.0, 2.0]


@pytest.mark.parametrize(
    ("function", "text"),
    [(of_the_module_changed, "a list that was not made here"), (repeated_in_place, "cannot be changed"), (written_after, "may be the same array"), (of_functions, "cannot be put into a list"), (of_two_kinds, "different kinds"),
     (part_written, "a part of a list with a step"), (never_filled, "index")],
)  # fmt: skip
def test_refusals(function: Any, text: str) -> None:
    with pytest.raises(WengertError, match=re.escape(text)):
        wg.jit(function)(3)


def test_faults() -> None:
    def last(n):
        xs = []
        for i in range(n):
            xs.append(i)
        return xs.pop() + xs[1]

    f = wg.jit(last)
    assert f(3) == 3
    with pytest.raises(IndexError, match="pop from empty list"):
        f(0)
    with pytest.raises(IndexError, match="1"):
        f(2)

    def counts(n):
        return np.array([i for i in range(n)])

    with pytest.raises(ValueError, match="empty list"):
        wg.jit(counts)(0)


def parts(x):
    xs = [v for v in x if v > 0]
    ys = [v for v in x if v < 0]
    a, b, c = xs[:-1] + ys[1:], xs[::-1], xs[::2] + xs[1:3]
    d, e = [1.0] + xs, xs[-2:]
    a.append(7.0)
    e[0] = 100.0
    return np.array(a), np.array(b), np.array(c), np.array(d), np.array(e), np.array(xs), sum(xs[:2]), len(xs[2:])


def sums_of_arrays(m):
    rows = [r / np.linalg.norm(r) for r in m if r[0] > 0]
    return sum(rows), sum(rows, np.ones(3)), sum((r * 2 for r in rows), np.zeros(3)), np.array(rows[1:] + rows[::-1])


@pytest.mark.parametrize(("function", "shape"), [(parts, (12,)), (sums_of_arrays, (8, 3))])
def test_slices_and_sums(function: Any, shape: Any) -> None:
    x = np.random.default_rng(8).standard_normal(shape)
    compare(wg.jit(function)(x), function(x), 1e-12)
    total = lambda x: sum([np.sum(np.sin(p)) for p in function(x)])  # noqa: E731
    way = np.cos(np.arange(x.size)).reshape(shape)
    wanted = (total(x + 1e-6 * way) - total(x - 1e-6 * way)) / 2e-6
    assert np.sum(wg.grad(total)(x) * way) == pytest.approx(wanted, rel=1e-5, abs=1e-8)


def test_sum_of_no_arrays() -> None:
    with pytest.raises(ValueError, match="empty list of arrays"):
        wg.jit(sums_of_arrays)(-np.ones((2, 3)))


def replaced(x, a, b):
    xs = [v for v in x]  # noqa: C416
    xs[a:b] = [7.0 * x[0], 8.0]
    ys = xs
    del ys[a:b]
    for k in range(2):
        ys[1:1] = ys[k:]
    del ys[-1]
    rows = [[v, 2 * v] for v in x]
    rows[1][:1] = [x[1], x[2]]
    del rows[2][0], rows[0]
    return np.array(xs), rows[0], rows[1]


@pytest.mark.parametrize(("a", "b"), [(0, 2), (1, 9), (-9, 1), (3, 1), (-2, -1), (9, 12)])
def test_parts_are_written_and_deleted(a: int, b: int) -> None:
    x = np.arange(1.0, 5.0)
    compare(wg.jit(replaced)(x, a, b), replaced(x, a, b), 1e-12)


def test_gradient_of_parts_written_and_deleted() -> None:
    total = lambda x: np.sum(replaced(x, 1, 2)[0] ** 2) + replaced(x, 1, 2)[1][0] ** 3  # noqa: E731
    x = np.arange(1.0, 5.0)
    wanted = [(total(x + e) - total(x - e)) / 2e-5 for e in 1e-5 * np.eye(4)]
    np.testing.assert_allclose(wg.grad(total)(x), wanted, rtol=1e-6)


def test_delete_of_what_is_not_there() -> None:
    def f(xs: Any, k: int) -> Any:
        items = list(xs)
        del items[k]
        return items

    assert wg.jit(f)(np.arange(3.0), -3) == [1.0, 2.0]
    with pytest.raises(IndexError):
        wg.jit(f)(np.arange(3.0), 3)


def ends(x):
    xs = [v for v in x]  # noqa: C416
    return xs[:1], xs[-1:], xs[1:2], len(xs[5:]), xs[:-1]


def test_parts_of_short_lists() -> None:
    f = wg.jit(ends)
    for x in (np.zeros(0), np.arange(1.0), np.arange(3.0)):
        assert f(x) == ends(x)
