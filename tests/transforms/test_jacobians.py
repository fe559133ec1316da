"""Jacobians by sweeps over several directions: against single sweeps, and what they share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.harness.derivatives import _close, direction
from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.ir.tree import flatten
from wengert.compiler.ir.verify import verify
from wengert.compiler.passes.autodiff import forward, vector_forward
from wengert.compiler.passes.pipeline import Recorder
from wengert.compiler.transforms.compiled import trace_for


def straight(x, y, s):
    return np.array([x[0] * np.sin(y) * s, np.exp(x[1]) / y, x[2] * x[0]])


def stepped(x, y, s):
    u = np.zeros(4)
    u[:2] = x[1:3]
    for k in range(5):
        u[1:] += s * np.sin(u[:-1]) * y + x[0] * k
        if u[0] > y:
            u[0] *= 0.5
    return u


def searched(x, y, s):
    z = x.copy()
    n = 0
    while np.sum(z * z) > 1.0:
        z *= 0.7 + 0.01 * y
        n += 1
    return z * s, n


def written(x, y, s):
    for i in range(1, x.shape[0]):
        x[i] += s * x[i - 1] * y
    return x[0] * y


def table(x, y, s):
    out = np.empty((x.shape[0], 2))
    for i in range(x.shape[0]):
        out[i, 0] = x[i] ** 2 * y
        out[i, 1] = np.sum(x[: i + 1]) * s
    return out


X = np.array([0.4, -1.3, 0.8])
ARGUMENTS = (X, 1.2, 0.3)


def one_by_one(f: Any, args: tuple[Any, ...], wrt: int) -> list[np.ndarray]:
    """The Jacobian of each floating result, one `jvp` for each element."""
    push = wg.jvp(f)
    columns = []
    for k in range(np.size(args[wrt])):
        unit = np.zeros(np.size(args[wrt]))
        unit[k] = 1.0
        tangent = unit.reshape(np.shape(args[wrt])) if np.ndim(args[wrt]) else 1.0
        _, out = push(args, tuple(tangent if p == wrt else None for p in range(len(args))))
        columns.append([np.asarray(leaf) for leaf in flatten(out)[0]])
    shape = np.shape(args[wrt])
    return [np.stack(c, -1).reshape((*c[0].shape, *shape)) for c in zip(*columns, strict=True)]


@pytest.mark.parametrize("f", [straight, stepped, searched, written, table])
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_jacobian_is_the_products_of_single_sweeps(f: Any, mode: str) -> None:
    jacobian = wg.jacobian(f, (0, 1, 2), mode)
    found = [np.asarray(leaf) for leaf in flatten(jacobian(*ARGUMENTS))[0]]
    wanted = [one_by_one(f, ARGUMENTS, wrt) for wrt in range(3)]
    expected = [wanted[wrt][r] for r in range(len(wanted[0])) for wrt in range(3)]
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("n", [1, 2, 4, 5, 9])
def test_chunks_end_where_the_argument_does(n: int) -> None:
    x = np.linspace(-1.0, 1.0, n)
    found = wg.jacobian(table, 0, "forward")(x, 2.0, 0.5)
    np.testing.assert_allclose(found, one_by_one(table, (x, 2.0, 0.5), 0)[0], atol=1e-13)
    assert wg.jacobian(table, 0, "forward")(np.zeros(0), 2.0, 0.5).shape == (0, 2, 0)


def test_of_matrices() -> None:
    def f(a, b):
        c = a.copy()
        for _ in range(3):
            c = c @ b
        return c

    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 3)), rng.standard_normal((3, 3))
    for mode in ("forward", "reverse"):
        for found, wrt in zip(wg.jacobian(f, (0, 1), mode)(a, b), range(2), strict=True):
            np.testing.assert_allclose(found, one_by_one(f, (a, b), wrt)[0], atol=1e-12)


def test_results_of_few_elements() -> None:
    def f(x, s):
        out = np.zeros((2, 2))
        out[0, 0], out[0, 1] = x[0] * np.sin(s), x[1] / s
        out[1, 0] = np.sum(x * x) * out[0, 0]
        return out

    for found, wrt in zip(wg.jacobian(f, (0, 1), "reverse")(X, 0.7), range(2), strict=True):
        np.testing.assert_allclose(found, one_by_one(f, (X, 0.7), wrt)[0], atol=1e-13)


def test_hessian_through_a_loop() -> None:
    def f(x):
        u = x.copy()
        for _ in range(4):
            u[1:] += np.sin(u[:-1]) * x[1:]
        return np.sum(u * u)

    x = np.linspace(0.1, 0.9, 6)
    gradient, h = wg.grad(f), 1e-5
    wanted = np.stack([(gradient(x + h * e) - gradient(x - h * e)) / (2 * h) for e in np.eye(6)])
    found = wg.hessian(f)(x)
    np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(found, found.T, atol=1e-12)


@pytest.mark.parametrize("f", [straight, stepped, searched, written, table])
def test_vector_forward_is_forward_in_each_direction(f: Any) -> None:
    function = trace_for(f, signature_of(ARGUMENTS), Recorder()).function
    rng = np.random.default_rng(1)
    masks = [[True, True, True], [True, False, False], [False, False, False], [False, True, True]]
    moves = [[direction(rng, a) for a, m in zip(ARGUMENTS, mask, strict=True) if m] for mask in masks]
    swept = verify(vector_forward(function, masks), "vector forward")
    found = interpret(swept, [*ARGUMENTS, *(t for move in moves for t in move)])
    singles = [interpret(forward(function, mask), [*ARGUMENTS, *move]) for mask, move in zip(masks, moves, strict=True)]
    count = len(function.results)
    _close(found, [*singles[0][:count], *(t for single in singles for t in single[count:])], 1e-14, "tangent")


def test_what_directions_share_is_done_once() -> None:
    """`sin` stands once, in front of the loop over directions, and in loops once for several of them."""

    def f(x):
        return np.sin(np.sum(x)) * x

    def g(x):
        s = x[0]
        for k in range(x.shape[0]):
            s = np.sin(s) + x[k]
        return s * x

    ir = wg.jacobian(f, mode="forward").lower(X).ir("optimised")
    assert ir.count("= sin ") == 1 and ir.index("= sin ") < ir.index("= for ")
    ir = wg.jacobian(g, mode="forward").lower(X).ir("optimised")
    assert ir.count("= sin ") == 1 and ir.count("_dot") > 8


def test_a_sum_of_multiples_is_a_multiple_of_the_sum() -> None:
    """The derivative by what all exponents share reads the sum of exponentials that the value has."""

    def shifted(x, by):
        return np.log(np.sum(np.exp(x - by)))

    ir = wg.grad(shifted, (0, 1)).lower(X, 0.5).ir("optimised")
    assert ir.count("= sum ") == 1
    gradient, by = wg.grad(shifted, (0, 1))(X, 0.5)
    np.testing.assert_allclose(gradient, np.exp(X) / np.sum(np.exp(X)), rtol=1e-14)
    assert by == pytest.approx(-1.0, rel=1e-14)


def test_a_maximum_that_is_taken_away_again_is_not_differentiated() -> None:
    def logsumexp(x):
        top = np.max(x)
        return top + np.log(np.sum(np.exp(x - top)))

    assert "equal" not in wg.grad(logsumexp).lower(X).ir("optimised")  # no ties are counted
    np.testing.assert_allclose(wg.grad(logsumexp)(X), np.exp(X) / np.sum(np.exp(X)), rtol=1e-14)
