"""Lists in lists, changed in place: adjacency lists, tables, rows that two names share; against Python, and their derivatives."""

from __future__ import annotations

import copy
import re
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.frontend.oracle import check, compare
from wengert.compiler.diag.errors import WengertError

EDGES = np.array([[0, 1], [1, 2], [2, 0], [3, 1], [3, 4]])
X = np.random.default_rng(0).random(5)
CASES: dict[str, Any] = {}


def case(*args: Any) -> Any:
    def add(function: Any) -> Any:
        CASES[function.__name__] = function, args
        return function

    return add


@case(5, EDGES)
def topological_order(n, edges):
    graph, degree = [[] for _ in range(n)], [0] * n
    for u, v in edges:
        graph[u].append(v)
        degree[v] += 1
    stack, order = [i for i in range(n) if degree[i] == 0], []
    while stack:
        u = stack.pop()
        order.append(u)
        for v in graph[u]:
            degree[v] -= 1
            if degree[v] == 0:
                stack.append(v)
    return order, len(graph), [len(g) for g in graph], graph


@case(EDGES, 0)
def breadth_first_by_frontiers(edges, source):
    seen = np.zeros(5, dtype=bool)
    seen[source] = True
    frontier, depth = [source], 0
    while frontier:
        following = []
        for u in frontier:
            for a, b in edges:
                if a == u and not seen[b]:
                    seen[b] = True
                    following.append(b)
        frontier = following
        depth += 1
    return depth, seen


@case(4)
def rows_with_two_names(n):
    g = [[i * n + j for j in range(n)] for i in range(n)]
    row = g[1]
    row[2] = 50
    row.append(7)
    g[0], g[1] = g[1], g[0]
    g.append(row)
    g[-1][0] = -1
    same = [[0] * 2] * n
    same[1][0] = 3
    last = g.pop()
    for r in same:
        last.extend(r)
    return g, same, row, len(g[0]), last[0], sum(row)


@case(np.array([3, 1, 4, 1, 5, 9, 2, 6]), 4)
def buckets(x, k):
    found, pair = [[] for _ in range(k)], [[], []]
    for v in x:
        found[v % k].append(v)
        pair[v % 2].insert(0, v)
    pair[0].sort(key=lambda v: -v)
    pair[1].reverse()
    pair[1].remove(1)
    return [v for b in found for v in sorted(b)], pair[0], pair[1], max(found[1])


@case(3)
def of_other_kinds(n):
    cube = [[[0.0 for _ in range(2)] for _ in range(n)] for _ in range(n)]
    levels, mixed, arrays = [[0]], [], [np.zeros(2) for _ in range(n)]
    for d in range(n):
        cube[d][d][1] = 2.0 + d
        arrays[d][0] = d
        arrays[d] += 0.5
        mixed.append((d, [d * 0.5]))
        following = []
        for v in levels[-1]:
            following.append(2 * v)
            following.append(2 * v + 1)
        levels.append(following)
    mixed[1][1].append(4.0)
    ragged = [list(a) for a in arrays]
    ragged[0].append(1.0)
    return np.array(cube), np.array(arrays), levels, mixed[1][1], sum(ragged[0]), len(ragged[1])


@pytest.mark.parametrize("name", CASES)
def test_programs(name: str) -> None:
    function, args = CASES[name]
    check(function, *args)
    compare(wg.jit(function)(*copy.deepcopy(args)), function(*copy.deepcopy(args)), 1e-12)


def weighted(x, edges):
    n = len(x)
    graph, table, layers = [[] for _ in range(n)], [[0.0] * n for _ in range(n)], [np.zeros(2) for _ in range(n)]
    for u, v in edges:
        graph[u].append((v, x[u] * x[v]))
        graph[v].append((u, x[v] ** 2))
    for i in range(1, n):
        layers[i][1] = x[i] ** 2
        layers[i] *= 1.5
        for j in range(1, n):
            table[i][j] = np.sin(x[i] * x[j])
            table[i][j] += 0.5 * table[i - 1][j] * table[i][j - 1]
    total = table[n - 1][n - 1] + sum(table[1]) + sum(np.sum(np.sin(a)) for a in layers)
    for u in range(n):
        for v, w in graph[u]:
            total += np.cos(w) * x[v]
    return total


def test_derivatives() -> None:
    found, steps = wg.grad(weighted)(X, EDGES), 1e-6 * np.eye(5)
    wanted = [(weighted(X + h, EDGES) - weighted(X - h, EDGES)) / 2e-6 for h in steps]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    fixed = lambda x: weighted(x, EDGES)  # noqa: E731
    np.testing.assert_allclose(wg.jvp(fixed)((X,), (np.cos(X),))[1], np.sum(found * np.cos(X)), rtol=1e-12)


def test_batches() -> None:
    def triangle(x):
        rows = [[x]]
        for i in range(4):
            rows.append([x + v for v in rows[i]])
            rows[-1].append(x * i)
        return rows[3][1] + rows[4][0] * len(rows[4])

    np.testing.assert_allclose(wg.batch(triangle)(X), [triangle(v) for v in X], rtol=1e-12)


def test_work_is_linear() -> None:
    """A list that is full moves with room for twice as much."""

    def star(n):
        g = [[] for _ in range(n)]
        for k in range(n):
            g[0].append(k)
            g[k].append(1)
        return sum(g[0]) + len(g[n - 1])

    n = 300_000
    assert wg.jit(star)(n) == n * (n - 1) // 2 + 2


def read_after_array_changed(n):
    xs = [np.zeros(2) for _ in range(n)]
    a = xs[0]
    xs[0] += 1
    return a[0]


def part_of_argument_found_in_loop(n):
    x = np.zeros((n, n))
    for k in range(n):
        row = x[k]
    row[0] = 5.0
    return x


def one_of_two(n):
    a, b = [0.0] * n, [1.0] * n
    c = a if n > 2 else b
    c[0] = 5.0
    return a[0]


def numbers_as_keys(n):
    g = {i: [] for i in range(n)}
    g[0].append(1)
    return len(g[0])


def read_where_it_was(n):
    h, g = [[k] for k in range(n)], [[0] for _ in range(n)]
    for _ in range(n):
        g.append(h[0])
    g[-1][0] = 3
    return h[0][0]


@pytest.mark.parametrize(
    ("function", "text"),
    [(read_after_array_changed, "may be the same"), (part_of_argument_found_in_loop, "which may be"), (one_of_two, "which may be"),
     (numbers_as_keys, "[[] for _ in range(n)]"), (read_where_it_was, "was put into another")],
)  # fmt: skip
def test_refusals(function: Any, text: str) -> None:
    with pytest.raises(WengertError, match=re.escape(text)):
        wg.jit(function)(3)


def names_made_in_a_loop(x):
    for k in range(len(x)):
        y = x * k
        z, w = y, x
    z[0] = 7.0
    w[1] = 8.0
    return y, x


def test_names_made_in_a_loop_stay_names_of_one_array() -> None:
    check(names_made_in_a_loop, np.arange(3.0))
