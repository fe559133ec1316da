"""Generators, `match`, operators of classes, `itertools`, windows: against Python, their derivatives, and what is refused."""

from __future__ import annotations

import copy
import itertools
import math
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.frontend.oracle import check, compare
from wengert.compiler.diag.errors import WengertError

CASES: dict[str, Any] = {}
G = 9.81


def case(*args: Any) -> Any:
    def add(function: Any) -> Any:
        CASES[function.__name__] = function, args
        return function

    return add


def partial_sums(x):
    total = 0.0
    for v in x:
        total += v * v
        yield total, v
    yield from [(-1.0, total)]


def pairs_below(n):
    for i in range(n):
        if i == 3:
            return
        for j in range(i):
            yield (i, j), i * 0.5


@case(np.linspace(0.5, 2, 4))
def generators(x):
    total = sum(a * v for a, v in partial_sums(x))
    for k, (a, v) in enumerate(partial_sums(x)):
        if a > 4:
            continue
        total += k * a - v
    for (i, j), w in pairs_below(len(x)):
        total += x[i] * x[j] * w
    return total


@dataclass
class Vector:
    x: float
    y: float

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)

    def __mul__(self, factor):
        return Vector(self.x * factor, self.y * factor)

    def __rmul__(self, factor):
        return self * factor

    def __neg__(self):
        return self * -1.0

    def __matmul__(self, other):
        return self.x * other.x + self.y * other.y

    def __call__(self, t):
        return self.x + t * self.y

    def __getitem__(self, place):
        return self.x if place == 0 else self.y

    def __iter__(self):
        return iter((self.x, self.y))

    def __len__(self):
        return 2

    def __abs__(self):
        return math.hypot(self.x, self.y)

    def __lt__(self, other):
        return self.x < other.x

    def __bool__(self):
        return bool(self.x > 0)

    @classmethod
    def diagonal(cls, a):
        return cls(a, a)


@case(np.array([1.5, -0.5, 2.5]))
def operators(x):
    global G
    v, w = Vector(x[0], x[1]), Vector.diagonal(x[2])
    v += 2.0 * w * 0.5 + -v * 0.25
    a, b = w
    total = v @ w + v(0.5) * abs(v) + v[0] * v[1] * len(w) + G * a * b
    if not -w:
        total += 1.0 if v > w else 2.0
    return total


@case(np.array([0.2, 1.0, 3.0, 0.5, 2.0]))
def matched(x):
    total, p = 0.0, Vector(x[1], x[2])
    for k in range(len(x)):
        match k, x[k]:
            case 0, v:
                total += v
            case (1 | 2), v if v > 2:
                total += v * v
            case [n, v]:
                total += n * np.sin(v)
    match p:
        case Vector(x=0.0):
            total += 100.0
        case Vector(x=float(u), y=v) if v > u:
            total += u * v
        case _:
            total -= 1.0
    match "mean":
        case "max":
            return total + x.max()
        case "mean":
            return total + x.mean()


@case(np.array([0.2, 1.0, 3.0, 0.5, 2.0]))
def iterated(x):
    total = 0.0
    for a, b in itertools.pairwise(x):
        total += a * b
    for a in itertools.accumulate(x):
        total += np.sin(a)
    for a in itertools.accumulate(x, lambda p, q: 0.5 * p + q):
        total += a
    for a, b, c in itertools.combinations(x, 3):
        total += a * b * c
    for i, j in itertools.combinations_with_replacement(range(len(x)), 2):
        total += x[i] * x[j]
    for a in filter(lambda v: v > 0.4, x):
        total += a * a
    for a in itertools.takewhile(lambda v: v < 2.5, itertools.islice(x, 1, 4)):
        total += 3 * a
    for a, b in itertools.zip_longest(x, x[:2], fillvalue=2.0):
        total += a * b
    total += np.sum(np.fromiter((v * v for v in x), dtype=float))
    windows = np.lib.stride_tricks.sliding_window_view(x, 3)
    return total + np.sum(windows.max(axis=-1)) + sum(v * 2 for v in np.nditer(x))


@case(np.array([0.2, 1.0, 3.0, 0.5, 2.0]))
def sets_and_texts(x):
    out, weights = x, {"up": x[0], "down": 2.0}
    for i, c in enumerate("xyx"):
        out = out + weights.get("up") if c == "x" else out * weights.get("left", 0.5)
        if i in {0, 2, 2} and i in SKIPPED:
            out = out * x[i]
    assert "rk4" in METHODS and weights.get("left") is None
    return np.sum(out) * len({1, 2, 2}) + sum({3, 1}) + sorted({3, 1, 2})[0]


@case(np.array([0.2, 1.0, 3.0, 0.5, 2.0]))
def loops_over_dicts(x):
    given, total = {"a": x[0], "b": x[1]}, 0.0
    for key in given:
        total += given[key]
    pairs, more = dict(zip(("p", "q"), x)), {k: given[k] * 2 for k in given}
    whole = dict(given, u=x[2])
    return total * more["b"] + pairs["q"] * len(whole) + max(whole.values()) + (1.0 if sorted(whole)[2] == "u" else 0.0)


@case(np.array([0.2, 1.0, 3.0, 0.5, 2.0]))
def dicts_changed_in_loops(x):
    d, by = {"a": x[0], "b": x[1]}, {(0, 1): x[2], 4: 2.0}
    for key, v in d.items():
        if v > 0.5:
            d[key] *= v
    for i in range(3):
        by[i, i] = x[i] * (i + 1)
    by.update({4: x[3]})
    d.update(c=by[1, 1], a=by[4])
    total = sum(k * v for k, v in {i: x[i] for i in range(4)}.items())
    for i in range(len(x)):
        if i in by or (i, i) in by:
            total += x[i]
    return total + sum(d.values()) * by[0, 1] + len(by) * by[(2, 2)]


@dataclass
class Ellipse:
    a: float
    b: float = 1.0
    e: float = 0.0

    def __init__(self, a, b):
        self.a, self.b = max(a, b), min(a, b)
        self.e = self.a
        self.e -= self.b
        if b > a:
            self.e *= 2.0


@dataclass(frozen=True)
class Unit:
    u: np.ndarray
    size: float = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "size", np.sqrt(np.sum(self.u**2)))


@case(np.array([0.2, 1.0, 3.0, 0.5, 2.0]))
def constructors(x):
    p, q = Ellipse(x[0], x[1]), Ellipse(b=x[2], a=x[4])
    return p.e * q.a + q.b * Unit(x[1:]).size + Ellipse(x[1], x[0]).e


@case(np.array([0.2, 1.0, 3.0, 0.5, 2.0]))
def nonlocal_names(x, k=2):
    calls, best = 0, x[0]
    u = x

    def rhs(y):
        nonlocal calls, best, u, k
        calls += 1
        if y > best:
            best = y
        u, k = u * 1.5, k + 1
        return y * calls

    total = 0.0
    for v in x:
        total += rhs(v)
    return total * best + np.sum(u) * k


@case(np.array([0.2, 1.0, 3.0, 0.5, 2.0]))
def set_on_some_paths(x):
    total = x[0]
    if x[1] > 0.5:
        w, v = x[:3], 2.0
    if x[2] > 0.5 and x[1] > 0.6:
        total += np.sum(w) * v
    if x[3] > 0.7:
        u = x[3]
    elif x[3] > 0.3:
        u, part = x[4], x * 2.0
    if x[3] < 0.7:
        total += part[1]
    return total * u


@case(np.array([0.2, 1.0, 3.0, 0.5, 2.0]))
def set_by_loops_that_one_path_runs(x):
    """Found by the generator (seed 910050170)."""
    total = 0.0
    for i in range(len(x)):
        if x[i] > 5.0:
            return total
        for j in range(i):
            total += x[j] * j
    return total * (j + 1)


def test_what_is_not_set_is_not_read() -> None:
    f = wg.jit(lambda x: bound_if(x))
    assert f(1.5) == 3.0
    with pytest.raises(UnboundLocalError, match="`y` is not set on the path that was taken"):
        f(0.5)


def bound_if(x):
    if x > 1.0:
        y = 2.0
    return x * y


@case(np.array([0.2, 0.7, 3.0, 0.5, 2.0]))
def numbers_or_numbers(x):
    best = None
    for v in x:
        if v > 0.4 and (best is None or v < best):
            best = v
    n = len(x) - 5
    return (0.0 * x[1] or x[2]) * (x[0] and x[3]) + (best or -1.0) + (x[1] and 1.0 / x[1]) + (n or 2) + (n and 1 // n)


@case(np.array([0.2, 1.0, 3.0, 0.5, 2.0]))
def one_pass(x):
    pairs, total = zip(x, x[::-1]), 0.0
    for _ in range(2):
        squares = (v * v for v in x)
        total += sum(squares)
    for a, b in pairs:
        total += a * b
    known = list(enumerate(x))
    return total + sum(k * v for k, v in known) + known[1][1]


SKIPPED, METHODS = {2, 5}, frozenset({"euler", "rk4"})


@pytest.mark.parametrize("name", CASES)
def test_programs_and_their_derivatives(name: str) -> None:
    function, args = CASES[name]
    check(function, *args)
    way = np.cos(np.arange(args[0].size))
    wanted = (function(args[0] + 1e-6 * way) - function(args[0] - 1e-6 * way)) / 2e-6
    value, gradient = wg.value_and_grad(function)(*copy.deepcopy(args))
    assert value == pytest.approx(function(*args), rel=1e-12)
    assert np.sum(gradient * way) == pytest.approx(wanted, rel=1e-6)


def windows_of_images(x, n):
    view = np.lib.stride_tricks.sliding_window_view
    return view(x, (2, n)).sum(axis=(-2, -1)), view(x, n, axis=1)[1], view(x, 2, axis=0).shape


def test_windows() -> None:
    args = np.arange(24.0).reshape(4, 6), 3
    check(windows_of_images, *args)
    compare(wg.jit(windows_of_images)(*args), windows_of_images(*args), 1e-14)
    with pytest.raises(ValueError, match="window shape cannot be larger"):
        wg.jit(windows_of_images)(*args[:1], 9)


def values_of(x):
    for k in range(len(x)):
        yield x[k]


def written_while_generated(x):
    total = 0.0
    for v in values_of(x):
        x[2] = 10.0
        total += v
    return total


def endless():
    k = 0
    while True:
        yield k
        k += 1


def left_early(x):
    for k in endless():
        if k > x[0]:
            return k


def written_while_paired(x):
    for a, b in itertools.pairwise(x):
        x[1] = a + b
    return x[0]


def name_kept_by_a_guard(x):
    match x[0]:
        case v if v > 5:
            return 1.0
    return v


def iterator_kept(x):
    it = iter(x)
    return next(it) + next(it)


def read_twice(x):
    values = (2 * v for v in x)
    return sum(values) + sum(values)


def read_in_a_loop(x):
    pairs, total = zip(x, x), 0.0
    for _ in range(2):
        for a, b in pairs:
            total += a * b
    return total


def read_in_a_comprehension(x):
    values = reversed(range(4))
    return sum([sum(values) for _ in range(2)]) * x[0]


def of_run_time_values(x):
    return x in {x, 2.0}


def set_with_places(x):
    items = {1, 2}
    return items[0] * x


def set_returned(x):
    return {1, 2}


def test_a_set_of_the_module_is_read_at_each_call() -> None:
    kept = {1}
    f = wg.jit(lambda x: x * (2.0 if 3 in kept else 1.0))
    assert f(1.0) == 1.0
    kept.add(3)
    assert f(1.0) == 2.0


@pytest.mark.parametrize(
    ("function", "text"),
    [(written_while_generated, "may be the same array"), (left_early, "never ends by itself"), (written_while_paired, "may be the same"),
     (name_kept_by_a_guard, "names that a guard leaves bound"), (iterator_kept, "Loop over the object itself"),
     (values_of, "Call it in a compiled function"), (read_twice, "`values` is an iterator"), (read_in_a_loop, "`pairs` is an iterator"),
     (read_in_a_comprehension, "nothing left after one pass"), (of_run_time_values, "known only at run time"),
     (set_with_places, "its items have no places"), (set_returned, "a set cannot be returned")],
)  # fmt: skip
def test_refusals(function: Any, text: str) -> None:
    with pytest.raises(WengertError, match=re.escape(text)):
        wg.jit(function)(np.arange(4.0))
