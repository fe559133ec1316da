"""What programs from elsewhere do around their numbers: `try` that is decided when compiled, imports in functions, texts of
errors, limits of dtypes, NumPy's parameters by position, SciPy's functions; against Python."""

from __future__ import annotations

import functools
import importlib.util
import itertools
import math
import pathlib
import warnings

import numpy as np
import pytest

import wengert as wg

spec = importlib.util.spec_from_file_location("wengert_test_oracle", pathlib.Path(__file__).parent / "oracle.py")
assert spec is not None and spec.loader is not None
oracle = importlib.util.module_from_spec(spec)
spec.loader.exec_module(oracle)

# ruff: noqa: UP031, UP032
X = np.array([1.5, 2.0, 3.25, 4.0, 2.0])
CODES, PLACES = {"a": 1, "b": 2}, {(0, 1): 5.0}


def tries(x):
    try:
        a = CODES["a"]
    except KeyError:
        a = 7
    try:
        first = x[0] * 2
        b = first + CODES["z"]
    except (AttributeError, KeyError) as error:
        b = first + 7 * (len(str(error)) > 0)
    else:
        b = -1.0
    finally:
        c = 0.5
    try:
        limit = np.finfo(np.int64).eps
    except ValueError:
        limit = 3.0
    try:
        y = x.copy()
        y[0] = 9.0
        y.units
    except AttributeError:
        y = y * 2
    return a, b, c, limit, y


def tries_that_leave(x, axes="xyz"):
    total = 0.0
    for i in range(4):
        try:
            if x[i] > 3:
                continue
            total += PLACES[0, 1] * x[i]
        except KeyError:
            break
    try:
        return total, len(axes.lower()), CODES[axes]
    except KeyError:
        return total, -1, 0


def imports(x):
    import math as m
    from math import pi, sqrt

    return x * m.e + pi + sqrt(2.0)


def texts(x):
    name = "no" + "thing"
    text = "{} of {:d}, {0!r}" if name == "no" else "%s of %5.2f" % (x, x[0])
    if x[0] > 100:
        raise ValueError("{} of {:d}, shape {}".format(x, len(x), x.shape) + text + str(x[1]) + repr(x.shape))
    warnings.warn("compiled code has none", stacklevel=2)
    flag = bool(x[0] > 1)
    return len("%d-%s" % (3, name)), flag is True, flag is not False


def limits(x):
    return x * np.finfo(float).eps, np.finfo(x.dtype).tiny, np.iinfo(np.int32).max, x.astype(np.result_type(x[:1].astype(np.float32), 1.0)), np.iinfo(3).bits


def by_position(x):
    m = np.outer(x, x)
    some = np.isin(x, x[:2], True), np.zeros_like(x, float, "C"), np.copyto(m, m.T, "same_kind")
    return m.var(1, None, None, 1), m.sum(0, None, None, True), np.max(m, 1, None, True), np.std(x, 0, None, None, 1), some


def lists_of_arrays(x):
    a, b = np.atleast_2d(x, x[0])
    total = 0.0
    for _ in itertools.repeat(None, 3):
        total += a[0, 1]
    return a, b, total


def sums_of_arrays(x):
    m = np.outer(x, x)
    s, t = 0, 1.0
    for k in range(len(x)):
        for row in m[:3]:
            s = s + row * k
        t *= 2
    u = 0.0
    for i in range(2):
        u += x * (i + 1)
    return s, t, u


def shapes_together(x):
    m = np.outer(x, x)
    folded = functools.reduce(lambda a, b: a * 2 + b, x), len(range(1, 9, 2)), x.dtype == np.dtype("float64")
    text = "a"
    text += "b %d" % 3
    return np.broadcast(x, m[:, :1]).shape, np.broadcast_arrays(x, 2.5), np.full((2, 5), x, dtype=int), folded, len(text)


FUNCTIONS = [tries, tries_that_leave, imports, texts, limits, by_position, lists_of_arrays, sums_of_arrays, shapes_together]


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_as_python(f):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle.check(f, X)


def root(x):
    try:
        return math.sqrt(x[0] - 5)
    except ValueError:
        return 0.0


def beyond(x):
    try:
        return x[7]
    except IndexError:
        return 0.0


def sometimes(x):
    try:
        if x[0] > 5:
            return CODES["z"]
    except KeyError:
        pass
    return 1


def position_of_a_number(x):
    return {"a": x, "b": x}[0]


@pytest.mark.parametrize("f", [root, beyond, sometimes, position_of_a_number], ids=lambda f: f.__name__)
def test_refused(f):
    with pytest.raises(wg.errors.CompileError):
        wg.jit(f)(X)


def test_raised_instead():
    def f(x, p):
        try:
            if x[0] > p:
                raise ValueError("too large")
        except ValueError as error:
            raise RuntimeError("no such point") from error
        return x

    np.testing.assert_array_equal(wg.jit(f)(X, 2.0), X)
    with pytest.raises(RuntimeError, match="no such point"):
        wg.jit(f)(X, 1.0)


def test_sum_without_rounds():
    def f(x, n):
        s = 0.0
        for k in range(n):
            s = s + x * k
        return np.sum(s)

    assert wg.jit(f)(X, 4) == f(X, 4)
    np.testing.assert_allclose(wg.grad(f)(X, 4), np.full(5, 6.0))
    with pytest.raises(ValueError, match="must run at least once"):
        wg.jit(f)(X, 0)


def test_gamma():
    special = pytest.importorskip("scipy.special")

    def f(x):
        return np.sum(special.gamma(x) + special.gammaln(x) * x) + math.gamma(x[0]) + math.lgamma(x[1])

    x = np.array([0.3, 1.0, 2.5, 7.25, 30.0, -1.5, -0.2, 1e-3])
    np.testing.assert_allclose(wg.jit(f)(x), f(x), rtol=1e-13)
    psi = special.gamma(x) * special.psi(x) + x * special.psi(x) + special.gammaln(x)
    psi[0] += math.gamma(x[0]) * special.psi(x[0])
    psi[1] += special.psi(x[1])
    np.testing.assert_allclose(wg.grad(f)(x), psi, rtol=1e-11)


def test_scipy():
    from scipy import integrate, special
    from scipy.spatial import distance

    a, b = X.reshape(5, 1) * np.array([1.0, -0.5, 0.25]), np.arange(12.0).reshape(4, 3) / 5

    def f(a, b):
        far = [distance.cdist(a, b, m) for m in ("euclidean", "sqeuclidean", "cityblock", "chebyshev")]
        near = distance.euclidean(a[0], b[1]), distance.cosine(a[0], b[1]), distance.cityblock(a[0], b[0])
        logs = special.logsumexp(a, axis=1), special.softmax(b, axis=0), special.xlogy(b, b), special.expit(a), special.entr(b)
        return far, distance.cdist(a, b, "minkowski", p=3), near, logs, integrate.cumulative_trapezoid(b, dx=0.5, axis=0, initial=0)

    oracle.compare(wg.jit(f)(a, b), f(a, b), 1e-11)
