"""Python's ways with lists, generators and unpacking where lengths are known only at run time; against Python."""

from __future__ import annotations

import heapq
from typing import Any, NamedTuple

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.frontend.trace import trace
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.ir.verify import verify

X = np.array([0.5, -1.25, 2.0, 3.5, -0.75, 1.0])
M = np.arange(12.0).reshape(3, 4) ** 1.3


class Point(NamedTuple):
    at: int
    height: float


def lists_returned(x):
    places, pairs, points, rows = [], [], [], []
    for k, v in enumerate(x):
        if v > 0:
            places.append(k)
            pairs.append((k, [v, k]))
            points.append(Point(k, v))
            rows.append(x[:2] * v)
    return places, (pairs, len(points)), points, rows, [float(v) for v in x if v < 0], [v for v in x if v > 9]


def folds(x):
    squares = max(v * v for v in x), min(abs(v) for v in x if v > 0), sum(v for v in x if v < 0)
    found = any(v > 3 for v in x), all(v > -5 for v in x), any(x[i + 1] > x[i] + 2 for i in range(len(x)))
    return squares, found, all(any(a == b for b in x[::-1]) for a in x), max((v for v in x if v > 100), default=-1.0)


def extremes_by_key(x):
    pairs = [(i, v) for i, v in enumerate(x)]
    return max(range(len(x)), key=lambda i: x[i]), min(pairs, key=lambda p: -p[1]), max((3, 1), (2, 5), key=lambda p: p[1])


def found_in_lists(x):
    xs = [v for v in x if v > 0]
    for v in xs:
        if v > 1:
            break
    return xs.index(2.0), xs.count(2.0), 2.0 in xs, 7.0 in xs, 2.0 in x, 7.0 in x, any(xs), all(xs)


def unpacked(x):
    first, *middle, last = x
    xs = [v for v in x if v > 1.5]
    a, b = xs
    c, *d = xs
    return first, sum(middle), len(middle), last, a, b, c, d


def first_large(x):
    xs = [v for v in x if v > 0]
    for v in xs:
        if v > 1:
            return v
    return -1.0


def shortest_paths(starts, ends, weights):
    dist = np.full(len(starts) - 1, np.inf)
    dist[0] = 0.0
    heap = [(0.0, 0)]
    while heap:
        d, u = heapq.heappop(heap)
        if d > dist[u]:
            continue
        for e in range(starts[u], starts[u + 1]):
            v = int(ends[e])
            if d + weights[e] < dist[v]:
                dist[v] = d + weights[e]
                heapq.heappush(heap, (dist[v], v))
    return dist


def smallest_by_heap(x):
    xs = [v for v in x]  # noqa: C416  # of run-time length
    heapq.heapify(xs)
    return heapq.heappop(xs), heapq.heappop(xs), xs


def read_before_it_grows(rates, terms):
    """Both paths fail on the empty list that it is at first."""
    factors = []
    for r, n in zip(rates, terms):
        total = 0.0
        for t in range(1, int(n)):
            if t <= len(factors):
                total += factors[t - 1]
            else:
                total += factors[-1] * 0.9
        factors.append((1 - r * total) / (1 + r))
    return np.array(factors), np.log(range(1, len(factors)))


def folds_of_ufuncs(i):
    f = 1.0 * i
    return (
        np.bitwise_xor.reduce(i), np.bitwise_or.reduce(i, axis=0), np.bitwise_xor.accumulate(i), np.subtract.reduce(i), np.hypot.reduce(f),
        np.logaddexp.reduce(f), np.logical_xor.reduce(i > 2), np.bitwise_and.reduce(i[:0]), np.divide.accumulate(f), np.subtract.accumulate(f[:, None] * f, axis=1),
    )  # fmt: skip


def slopes(a):
    y, x = np.gradient(a, 0.5, 2.0)
    places = np.array([0.0, 0.5, 2.0, 2.5])
    return y + x, np.gradient(a, axis=0), np.gradient(a, places, axis=1), np.gradient(a, axis=(1,), edge_order=2), np.gradient(a[0], places, edge_order=2)


def products_of_vectors(a, b):
    return np.cross(a, b), np.cross(a[0], b), np.cross(a, b[1]), np.cross(a[0], b[1]), np.cross(a.T, b.T, axis=0)


A, B = np.arange(12.0).reshape(4, 3), np.arange(12.0)[::-1].reshape(4, 3) ** 1.1
CASES: list[tuple[Any, tuple[Any, ...]]] = [
    (lists_returned, (X,)), (folds, (X,)), (extremes_by_key, (X,)), (found_in_lists, (X,)), (unpacked, (X,)), (first_large, (X,)), (first_large, (0 * X,)),
    (shortest_paths, (np.array([0, 2, 4, 6, 7]), np.array([1, 2, 0, 3, 0, 3, 1]), np.array([4.0, 1, 4, 1, 1, 5, 1]))), (smallest_by_heap, (X,)),
    (read_before_it_grows, (np.array([0.02, 0.022, 0.025]), np.array([1.0, 2, 4]))),
    (folds_of_ufuncs, (np.array([3, 1, 2, 5, 2]),)), (slopes, (M,)), (products_of_vectors, (A, B)),
    (lambda x: (np.linspace(x[0], x[1], 5), np.linspace(0, x[2], 4), np.linspace(0, 1, 4)), (X.astype(np.float32),)),
]  # fmt: skip


def same(got: Any, wanted: Any) -> None:
    if isinstance(wanted, tuple | list):
        assert type(got) is type(wanted)
        assert len(got) == len(wanted)
        for g, w in zip(got, wanted, strict=True):
            same(g, w)
        return
    assert (np.asarray(got).dtype, np.shape(got)) == (np.asarray(wanted).dtype, np.shape(wanted))
    np.testing.assert_allclose(got, wanted, rtol=1e-6 if np.asarray(got).dtype == np.float32 else 1e-12)


@pytest.mark.parametrize(("function", "arguments"), CASES)
def test_as_python(function: Any, arguments: Any) -> None:
    traced = trace(function, signature_of(arguments))
    leaves = interpret(verify(traced.function), list(arguments))
    same(traced.out.unflatten(leaves), function(*arguments))


def test_lists_from_compiled_code() -> None:
    same(wg.jit(lists_returned)(X), lists_returned(X))


def test_slopes_and_cross_products_are_differentiable() -> None:
    for f, x in ((lambda a: sum([np.sum(np.sin(p)) for p in slopes(a)]), M), (lambda a: np.sum(np.sin(products_of_vectors(a, B)[0])), A)):
        way = np.cos(np.arange(x.size)).reshape(x.shape)
        wanted = (f(x + 1e-6 * way) - f(x - 1e-6 * way)) / 2e-6
        assert np.sum(wg.grad(f)(x) * way) == pytest.approx(wanted, rel=1e-6)


def two_of_many(x):
    a, b = [v for v in x if v > 0]
    return a + b


def absent(x):
    return [v for v in x if v > 0].index(9.0)


def too_few(x):
    a, b, *rest = x[4:]
    c, d, e, *rest = x[4:]
    return a + b + c + d + e


@pytest.mark.parametrize(
    ("function", "error", "text"),
    [(two_of_many, ValueError, "unpack"), (absent, ValueError, "not in the list"), (too_few, ValueError, "not enough values"),
     (lambda x: max([v for v in x if v > 9]), ValueError, "zero-size|empty"), (lambda x: x[:, None] @ np.cross(x[:2], x[:2]), wg.errors.WengertError, "three elements")],
)  # fmt: skip
def test_faults(function: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        wg.jit(function)(X)


@pytest.mark.parametrize("transform", [wg.batch, wg.jvp, wg.vjp])
def test_a_list_of_run_time_length_has_no_derivative(transform: Any) -> None:
    with pytest.raises(wg.errors.WengertError, match="list of a length known only at run time"):
        given = (M,) if transform is wg.batch else ((X,), (X,))
        transform(lambda x: [v for v in x if v > 0])(*given)
