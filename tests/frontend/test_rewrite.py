"""Statements that are written as others: dicts that are filled, and contexts that only say what becomes of warnings."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.ir.tree import flatten

X = np.linspace(-1.0, 2.0, 7)


def filled(x):
    d = {}
    d["total"] = x.sum()
    d["x"] = x * 2
    d["x"] += 1
    d["total"] -= 2
    return d


def filled_in_a_loop(x):
    d = dict(squares=0.0, n=0, out=1.0)
    for v in x:
        d["squares"] += v * v
        if v > 0:
            d["n"] += 1
    return d["squares"] / d["n"], {**d, "size": len(d)}


def filled_in_branches(x):
    r = {}
    if x[0] < 0:
        r["z"] = x[0]
    else:
        r["z"] = 0.0
    return [r["z"], "z" in r]


def items_are_shared(x):
    d = {"x": x}
    y = d["x"]
    d["x"][0] = 7.0
    y[1] = 5.0
    d["x"] += 1.0
    return d, y


def quiet(x):
    with np.errstate(divide="ignore", invalid="ignore"):
        y = 1 / x
    return np.where(np.isfinite(y), y, 0.0)


def left_from_within(x):
    for v in x:
        with np.errstate(all="ignore"):
            if v > 1:
                return v
            if v < -0.5:
                continue
        x[0] += v
    return x[0]


def caught(x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.log(np.abs(x) + 1)


def inside(x):
    def g(y):
        with np.errstate(all="ignore"):
            return np.sum(y * y)

    return wg.grad(g)(x)


def test_a_context_in_a_function_that_is_differentiated_inside():
    np.testing.assert_allclose(wg.jit(inside)(X), 2 * X)


@pytest.mark.parametrize(
    "f", [filled, filled_in_a_loop, filled_in_branches, items_are_shared, quiet, left_from_within, caught], ids=lambda f: f.__name__
)
def test_as_python(f):
    mine, theirs = X.copy(), X.copy()
    with np.errstate(divide="ignore"):
        wanted, got = f(theirs), wg.jit(f)(mine)
    assert flatten(got)[1] == flatten(wanted)[1]
    for a, b in zip(flatten(got)[0], flatten(wanted)[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)
    np.testing.assert_array_equal(mine, theirs)


def test_gradient_through_a_dict():
    np.testing.assert_allclose(wg.grad(lambda x: filled(x)["total"] + filled(x)["x"][1])(X), [1, 3, 1, 1, 1, 1, 1])


def another_name(x):
    d = {}
    d["a"] = x.sum()
    e = d
    e["a"] = 3.0
    return d["a"]


def inner_function(x):
    d = {"p": x.sum()}

    def inner():
        return d["p"]

    d["p"] = 2.0
    return inner()


def of_the_caller(d):
    d["a"] = 1.0
    return d


def handed_on(x):
    d = {"p": x}
    d["q"] = of_the_caller(d)["a"]
    return d["q"]


def raising(x):
    with np.errstate(all="raise"):
        return 1 / x


def a_file(x):
    with open("data"):
        return x


@pytest.mark.parametrize("f", [another_name, inner_function, handed_on, raising, a_file], ids=lambda f: f.__name__)
def test_refused(f):
    with pytest.raises(wg.errors.CompileError, match=r"dict that something else may refer to|`with` cannot be compiled"):
        wg.jit(f)(X)


def test_a_dict_of_the_caller_is_left_alone():
    with pytest.raises(wg.errors.CompileError, match="dict that something else may refer to"):
        wg.jit(of_the_caller)({"a": 2.0})
