"""The notes on a program that was not run: where to look, silent where nothing is to be seen."""

import numpy as np
import pytest
from jaxtyping import Float64

import wengert as wg
from wengert.compiler.api import notes


def tablets(dose: float) -> float:
    return np.round(dose / 5.0) * 5.0


def special(x: float) -> float:
    if x == 0.0:
        return 1.0
    return np.sin(x) / x


def search(p: float) -> float:
    x, change = 0.5, 1.0
    while change > 1e-3:
        new = p * np.cos(x)
        change = abs(new - x)
        x = new
    return x


def vectors(a: Float64[np.ndarray, "n n"]) -> float:
    w, v = np.linalg.eigh(a)
    return w[0] * v[0, 0]


def held(x: float) -> float:
    return x * wg.stop_gradient(x)


def masked(x: Float64[np.ndarray, "n"]) -> float:
    return np.sum(np.where(x > 0.0, np.log(x), 0.0))


def guarded(x: Float64[np.ndarray, "n"]) -> float:
    return np.sum(np.where(x > 0.0, np.log(np.where(x > 0.0, x, 1.0)), 0.0))


def wrapped(x: float) -> float:
    return np.sin(x - 2.0 * np.floor(x / 2.0))


def middle(x: Float64[np.ndarray, "n"]) -> float:
    return np.median(x)


def relaxed(b: Float64[np.ndarray, "n"]) -> float:
    x, change = np.zeros(b.size), 1.0
    while change > 1e-6:
        new = 0.5 * (b - 0.3 * np.roll(x, 1))
        change = np.max(np.abs(new - x))
        x = new
    return np.sum(x)


def between(t: Float64[np.ndarray, "n"], x: float) -> float:
    k = int(np.floor(x))
    w = x - k
    return t[k] * (1.0 - w) + t[k + 1] * w


def nearest(t: Float64[np.ndarray, "n"], x: float) -> float:
    return t[int(x)]


def tight(p: float) -> float:
    x, change = 0.5, 1.0
    while change > 1e-13:
        new = p * np.cos(x)
        change = abs(new - x)
        x = new
    return x


def largest(x: Float64[np.ndarray, "n"]) -> float:
    return 2.0 * x[np.argmax(x)]


def place_of_largest(x: Float64[np.ndarray, "n"], grid: Float64[np.ndarray, "n"]) -> float:
    return grid[np.argmax(x)]


def unit(v: Float64[np.ndarray, "n"]) -> float:
    return (v / np.linalg.norm(v))[0]


def length(v: Float64[np.ndarray, "n"]) -> float:
    return np.sqrt(np.sum(v * v))


def stiffness(a: Float64[np.ndarray, "n n"]) -> float:
    return np.sum(np.linalg.eigvalsh(a) ** 2)


def to_the_end(duration: float) -> float:
    t, v = 0.0, 1.0
    while t < duration:
        dt = min(0.1, duration - t)
        v = v - dt * v
        t = t + dt
    return v


def bounded(x: float) -> float:
    return max(10.0 / x - 3.0, 0.0) + np.sinc(x)


def smooth(x: Float64[np.ndarray, "n"]) -> float:
    return np.sum(np.sin(x) * x)


@wg.suppress("quantisation")
def silenced(dose: float) -> float:
    return np.round(dose / 5.0) * 5.0


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (tablets, [("quantisation", 1)]),
        (special, [("equality_branch", 1)]),
        (search, [("fixed_point_lag", 2)]),
        (vectors, [("degenerate_eig", 1)]),
        (held, [("detached", 1)]),
        (masked, [("masked_nan", 1)]),
        (relaxed, [("linear_solver", 2)]),
        (guarded, []),
        (wrapped, []),
        (middle, []),
        (between, []),
        (nearest, [("table_lookup", 1)]),
        (tight, []),
        (largest, []),
        (place_of_largest, [("order_index", 1)]),
        (unit, []),
        (length, [("domain_edge", 1)]),
        (stiffness, []),
        (to_the_end, []),
        (bounded, []),
        (smooth, []),
        (silenced, []),
    ],
    ids=lambda v: getattr(v, "__name__", None),
)
def test_notes(function, expected):
    first = function.__code__.co_firstlineno + (function is silenced)
    assert [(f.kind, f.line - first) for f in notes(wg.jit(function))] == expected


def test_types_that_are_not_known_give_no_notes():
    assert notes(wg.jit(lambda x: np.floor(x))) == ()
