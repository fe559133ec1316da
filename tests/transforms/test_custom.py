"""Rules of one's own: they are what every transform uses, at every order, and wrong ones are refused at their line."""

from typing import NamedTuple

import numpy as np
import pytest

import wengert.compiler.api as wg

X = np.array([0.1, 0.2, 0.3])
WEIGHTS = np.array([1.0, 2.0, 3.0])


def doubled(f):
    """f with derivatives twice as large, so that it shows which rule is used."""
    f = wg.custom_derivative(f)
    f.def_vjp(lambda x: (f(x), x), lambda x, ct: (2 * ct * np.cos(x),))
    return f


vjp_sin = doubled(lambda x: np.sin(x))
jvp_sin = wg.custom_derivative(lambda x: np.sin(x))


@jvp_sin.def_jvp
def _(args, tangents):
    return jvp_sin(args[0]), 2 * tangents[0] * np.cos(args[0])


def power_rule(args, tangents):
    """x**n by a loop, in the rule too."""
    (x, n), (dx, _) = args, tangents
    p = 1.0
    for _ in range(n - 1):
        p *= x
    return p * x, 5 * n * p * dx


@wg.custom_derivative
def power(x, n):
    return x**n


power.def_jvp(power_rule)


@wg.custom_derivative
def weighted(x):
    return np.sum(WEIGHTS * x * x)


def _weighted_fwd(x):
    return weighted(x), (x, len(x))


def _weighted_bwd(kept, ct):
    x, n = kept
    out = np.zeros(n)
    for i in range(n):
        out[i] = 20 * WEIGHTS[i] * x[i] * ct
    return (out,)


weighted.def_vjp(_weighted_fwd, _weighted_bwd)


def in_a_loop(f):
    def loop(x):
        s = 0.0
        for i in range(len(x)):
            if x[i] > 0.15:
                s += f(x[i]) * x[i]
        return s

    return loop


@pytest.mark.parametrize("f", [vjp_sin, jvp_sin])
def test_the_rule_is_used_at_every_order_and_under_batch_and_offload(f):
    assert f(1.0) == np.sin(1.0)
    assert wg.grad(f)(1.0) == pytest.approx(2 * np.cos(1.0))
    assert wg.grad(wg.grad(f))(1.0) == pytest.approx(-2 * np.sin(1.0))
    assert wg.hvp(f)((1.0,), 3.0) == pytest.approx(-6 * np.sin(1.0))
    assert wg.grad(wg.grad(wg.grad(f)))(1.0) == pytest.approx(-2 * np.cos(1.0))
    loop, wanted = in_a_loop(f), (X > 0.15) * (2 * np.cos(X) * X + np.sin(X))
    np.testing.assert_allclose(wg.grad(loop)(X), wanted)
    np.testing.assert_allclose(wg.grad(wg.jit(loop))(X), wanted)
    np.testing.assert_allclose(wg.batch(wg.grad(f))(X), 2 * np.cos(X))
    np.testing.assert_allclose(wg.grad(lambda x: np.sum(wg.batch(f)(x)))(X), 2 * np.cos(X))
    np.testing.assert_allclose(wg.offload(wg.grad(loop), "cpu")(X), wanted)
    np.testing.assert_allclose(wg.grad(lambda x: np.sum(f(x)))(X), 2 * np.cos(X))  # the same function of an array


def test_a_rule_serves_both_modes():
    for f in (jvp_sin, vjp_sin):  # a linear reverse rule is transposed, like a forward rule
        np.testing.assert_allclose(wg.jvp(f)((X,), (X,))[1], 2 * X * np.cos(X))
    np.testing.assert_allclose(wg.hessian(lambda x: weighted(x) ** 2)(X), hessian_of_weighted(X))


def hessian_of_weighted(x):
    slope = 20 * WEIGHTS * x
    return 2 * np.outer(slope, slope) + 2 * np.sum(WEIGHTS * x * x) * np.diag(20 * WEIGHTS)


def test_a_reverse_rule_that_is_not_linear_serves_reverse_mode_alone(monkeypatch):
    clipped = wg.custom_derivative(lambda x: x * 1.0)
    clipped.def_vjp(lambda x: (clipped(x), None), lambda _, ct: (np.clip(ct, -1.0, 1.0),))
    with pytest.raises(wg.errors.DifferentiationError, match="not linear in its cotangents"):
        wg.jvp(clipped)((X,), (X,))
    jacobian = wg.jacobian(lambda x: 3 * clipped(x))
    np.testing.assert_array_equal(jacobian(X), np.eye(3))
    with monkeypatch.context() as patched:  # what did not serve is not tried at the next call
        patched.delattr(type(jacobian), "trace")
        np.testing.assert_array_equal(jacobian(X), np.eye(3))


def test_rules_take_the_defaults_of_arguments():
    @wg.custom_derivative
    def scaled(x, by=2.0, *, w=WEIGHTS):
        return by * w * x

    scaled.def_vjp(lambda x, by, w: (scaled(x, by, w=w), (by, w)), lambda kept, ct: (5 * kept[0] * kept[1] * ct, None, None))
    for keywords in ({}, {"by": 3.0}, {"w": X}, {"w": X, "by": 3.0}):
        np.testing.assert_allclose(scaled(X, **keywords), scaled.__wrapped__(X, **keywords))
        wanted = 5 * scaled.__wrapped__(np.ones(3), **keywords)
        np.testing.assert_allclose(np.diag(wg.jacobian(scaled)(X, **keywords)), wanted)
    np.testing.assert_allclose(wg.grad(lambda x: np.sum(scaled(x, w=X, by=3.0)))(X), 15 * X)
    np.testing.assert_allclose(wg.grad(lambda x: np.sum(scaled(x)))(X), 10 * WEIGHTS)


def test_integers_pass_through_and_rules_may_loop():
    assert power(1.5, 3) == 1.5**3
    assert wg.grad(power)(1.5, 3) == pytest.approx(5 * 3 * 1.5**2)
    assert wg.jvp(power)((1.5, 3), (2.0, None))[1] == pytest.approx(2 * 5 * 3 * 1.5**2)
    assert wg.grad(wg.grad(power))(1.5, 3) == pytest.approx(5 * 3 * 2 * 1.5)


def test_what_a_rule_closes_over_and_a_change_of_it():
    global WEIGHTS
    g = wg.grad(lambda x: 3 * weighted(x))
    np.testing.assert_allclose(g(X), 60 * np.array([1, 2, 3]) * X)
    before, WEIGHTS = WEIGHTS, np.array([0.0, 0.0, 1.0])
    try:
        np.testing.assert_allclose(g(X), 60 * WEIGHTS * X)
    finally:
        WEIGHTS = before


def test_runs_again_from_snapshots():
    """A call with a rule is part of the trip that runs again, though it may raise."""

    def f(x):
        for _ in range(60):
            x = x + 0.01 * power(x, 3)
        return x

    assert wg.grad(f, memory=64)(0.5) == pytest.approx(wg.grad(f)(0.5), rel=1e-14)


class State(NamedTuple):
    position: np.ndarray
    mass: float


def test_structures():
    @wg.custom_derivative
    def energy(s):
        return s.mass * np.sum(s.position**2)

    energy.def_vjp(lambda s: (energy(s), s), lambda s, ct: (State(ct * s.position, None),))
    gradient = wg.grad(energy)(State(X, 2.0))
    np.testing.assert_allclose(gradient.position, X)
    assert gradient.mass == 0


def make(fwd=None, bwd=None, rule=None):
    f = wg.custom_derivative(lambda x: np.sum(x * x))
    if fwd is not None:
        f.def_vjp(fwd, bwd)
    if rule is not None:
        f.def_jvp(rule)
    return f


def fwd(x):
    return np.sum(x * x), x


WRONG = {
    "bwd of another structure": (lambda: make(fwd, lambda x, ct: (ct * x, ct)), "bwd's result has the structure"),
    "bwd of another rank": (lambda: make(fwd, lambda x, ct: (ct,)), "of type f64 where f64"),
    "bwd of another dtype": (lambda: make(fwd, lambda x, ct: ((ct * x).astype(np.float32),)), "f32"),
    "fwd without residuals": (lambda: make(lambda x: np.sum(x), lambda x, ct: (x,)), r"must return \(out, residuals\)"),
    "fwd of another result": (lambda: make(lambda x: (x, x), lambda x, ct: (x,)), "fwd's first result"),
    "rule of one result": (lambda: make(rule=lambda a, t: np.sum(t[0])), r"must return \(out, out_tangent\)"),
    "rule not linear": (lambda: make(rule=lambda a, t: (np.sum(a[0]), np.sum(t[0] ** 2))), "not linear"),
}


@pytest.mark.parametrize("make_it, says", WRONG.values(), ids=WRONG)
def test_wrong_rules_are_refused_at_their_line(make_it, says):
    with pytest.raises(wg.errors.DifferentiationError, match=says) as caught:
        wg.grad(make_it())(X)
    assert caught.value.line is not None


def test_extents_of_a_rule_are_checked():
    f = make(fwd, lambda x, ct: (x[1:],))
    with pytest.raises(ValueError, match="other extents"):
        wg.grad(f)(X)


def test_misuse():
    with pytest.raises(wg.errors.OptionError, match="no derivative rule yet"):
        wg.custom_derivative(lambda x: x)(1.0)
    with pytest.raises(wg.errors.OptionError, match="already"):
        vjp_sin.def_vjp(fwd, fwd)

    @wg.custom_derivative
    def writes(x):
        x[0] = 1.0

    writes.def_jvp(lambda a, t: (None, None))
    with pytest.raises(wg.errors.UnsupportedError, match="writes into"):
        writes(X)
