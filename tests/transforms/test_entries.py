"""The short way of a call gives what the long way gives, and takes only what it was made for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.ir.tree import flatten

TABLE = np.arange(3.0)


class State(NamedTuple):
    x: np.ndarray
    v: Any


class Other(NamedTuple):
    x: np.ndarray
    v: Any


@dataclass
class Point:
    x: np.ndarray
    weight: Any
    label: None = None


def captured(a, x):
    return np.sum(a * x + TABLE)


def pair(a, x):
    return a * x, np.sum(x)


def nested(pairs, s):
    return {"x": [s.x * p for p, _ in pairs], "v": (s.v, None)}


def state(s, a):
    return State(s.x + a * s.v, s.v)


def point(p):
    return Point(p.x * p.weight, p.weight + 1)


def writes(s, a):
    s.x[:] = a
    return s.v


X = np.linspace(1.0, 2.0, 3)
CALLS: list[tuple[Callable[..., Any], list[tuple[Any, ...]]]] = [
    (captured, [(2.0, X), (2, X), (np.float32(2), X), (2.0, X[:1]), (2.0, X[::-1])]),
    (pair, [(2.0, X), (3, X), (2.0, X.astype(np.float32)), (2.0, np.arange(3))]),
    (nested, [(((2.0, 1), (3.0, 2)), State(X, 1.0)), ([(2.0, 1)], State(X, 1)), ((), State(X, X))]),
    (state, [(State(X, X), 2.0), (State(X, 1.0), 2.0), (Other(X, X), 2.0), (State(X, X), np.float32(2))]),
    (point, [(Point(X, 2.0),), (Point(X, 2),), (Point(X[::2], np.float32(2)),)]),
    (writes, [(State(X.copy(), 1.0), 2.0), (State(X.copy(), X.copy()), 3.0)]),
]


@pytest.mark.parametrize(("function", "calls"), CALLS, ids=lambda v: getattr(v, "__name__", ""))
def test_repeated_and_mixed_calls(function: Callable[..., Any], calls: list[tuple[Any, ...]]) -> None:
    compiled = wg.jit(function)
    for _ in range(2):
        for args in calls:
            for _ in range(2):
                wanted, wanted_tree = flatten(function(*args))
                given, tree = flatten(compiled(*args))
                assert tree == wanted_tree
                for a, b in zip(given, wanted, strict=True):
                    assert np.asarray(a).dtype == np.asarray(b).dtype
                    np.testing.assert_array_equal(a, b)


def test_a_captured_array_may_change(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = wg.jit(captured)
    for table in (np.arange(3.0), np.ones(3), np.ones(1), np.arange(6.0)[::2], np.arange(3), np.ones((2, 3))):
        monkeypatch.setitem(globals(), "TABLE", table)
        for _ in range(2):
            assert compiled(2.0, X) == captured(2.0, X)
    TABLE[:] = 7.0
    assert compiled(2.0, X) == captured(2.0, X)


def test_a_written_structure_may_not_overlap() -> None:
    def f(s, y):
        s.x[1:] = y[:-1]

    compiled = wg.jit(f)
    x = np.arange(4.0)
    for _ in range(2):
        compiled(State(np.zeros(4), 0.0), x)
        with pytest.raises(ValueError, match="overlaps"):
            compiled(State(x, 0.0), x)
