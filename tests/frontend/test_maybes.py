"""Names, results and arguments that are None on some paths, as is known only at run time; against Python."""

from __future__ import annotations

import importlib.util
import pathlib
from typing import NamedTuple

import numpy as np
import pytest

import wengert as wg

spec = importlib.util.spec_from_file_location("wengert_test_oracle", pathlib.Path(__file__).parent / "oracle.py")
assert spec is not None and spec.loader is not None
oracle = importlib.util.module_from_spec(spec)
spec.loader.exec_module(oracle)

X = np.array([3.0, 1.0, 2.0, 4.0, 2.0])


class Peak(NamedTuple):
    at: int
    height: float


def first_above(x, p):
    for i, v in enumerate(x):
        if v > p:
            return i
    return None


def pair_or_none(x, p):
    if x[0] < p:
        return None
    return x[0], x * 2


def results(x, p):
    c, d = pair_or_none(x, p), first_above(x, p)
    e = x[0] if p > 2 else None
    y = x if c is None else c[1] + c[0]
    return first_above(x, p + 1), c, y, (e, d == 0, (c is None) == (d is None), e != d), 1 if d else 2


def carried(x, p):
    best, peak, last, first = None, None, None, 2.0 * x
    total, steps = 0.0, []
    for i, v in enumerate(x):
        if v > p and (best is None or v < best[0]):
            best = v, i
        if peak is None or peak.height < v:
            peak = Peak(i, v)
        if last is not None:
            steps.append(v - last)
            total += last
        last = v if v > p else None
        if first is not None and i == 1:
            first = None if p > 5 else first + 1
    return best, peak, total, steps, first, peak if peak is None else peak.height


def searched(x, p):
    while True:
        found = None
        for v in x:
            if v > p:
                found = v
                break
        if found is None:
            return p
        p = found


def swapped(x, p):
    a, b, n = None, x[0], None
    for k in range(4):
        a, b = b, a
        if b is None:
            b = p * k
        n = 1 if n is None else n * 1.5
    return a, b, n


def arrays(x, p):
    part, made = None, None
    if p > 2:
        part = x[:3]
    if part is not None:
        part += 1
    for k in range(3):
        made = x * 1.0 if made is None else made + x
        if made[0] > p + k:
            made = None
    return part, made


@pytest.mark.parametrize("p", [1.5, 10.0])
@pytest.mark.parametrize("f", [first_above, results, carried, searched, swapped, arrays], ids=lambda f: f.__name__)
def test_as_python(f, p):
    oracle.check(f, X.copy(), p)


def test_compiled():
    for p in (1.5, 10.0):
        oracle.compare(wg.jit(carried)(X, p), carried(X, p), 1e-12)
        oracle.compare(wg.jit(results)(X, p), results(X, p), 1e-12)


def nearest(x):
    total = 0.0
    for i in range(len(x)):
        near = None
        for j in range(len(x)):
            if i != j and (near is None or (x[i] - x[j]) ** 2 < near):
                near = (x[i] - x[j]) ** 2
        if near is not None:
            total += near
    return total


def test_derivatives_and_batches():
    x, h = np.array([3.0, 1.0, 2.2, 4.1, 2.5]), 1e-6
    slopes = [(nearest(x + h * e) - nearest(x - h * e)) / (2 * h) for e in np.eye(5)]
    np.testing.assert_allclose(wg.grad(nearest)(x), slopes, rtol=1e-6)
    np.testing.assert_allclose(wg.jvp(nearest)((x,), (np.ones(5),))[1], sum(slopes), atol=1e-6)
    np.testing.assert_allclose(wg.batch(nearest)(np.stack([x, x * 2, x[::-1]])), [nearest(x), nearest(2 * x), nearest(x)])


def test_refused():
    def row(m, p):
        best = None
        for r in m:
            if r[0] > p:
                best = r
        m[0, 0] = 9.0
        return best

    with pytest.raises(TypeError, match="None where a value is needed"):
        wg.jit(lambda x, p: pair_or_none(x, p)[0] + 1)(X, 10.0)
    with pytest.raises(wg.errors.UnsupportedError, match="written since"):
        wg.jit(row)(np.ones((2, 3)), 0.5)
    for transform in (wg.batch, lambda f: lambda x, p: wg.vjp(f)((x, p), 1.0)):
        with pytest.raises(wg.errors.UnsupportedError, match="None on some paths"):
            transform(first_above)(X[None] if transform is wg.batch else X, np.ones(1) if transform is wg.batch else 1.0)
