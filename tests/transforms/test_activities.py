"""Activity annotations: which arguments are differentiated, in which mode, and the contradictions that are refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.diag.errors import OptionError

X = np.array([0.3, -0.7, 1.1])
Array = np.ndarray


@dataclass
class State:
    position: np.ndarray
    mass: float


def energy(k: Annotated[float, wg.Const], x: Annotated[Array, wg.Duplicated], s: Annotated[float, wg.Active]) -> float:
    return k * np.sum(x * x) * s


def field(k: Annotated[float, wg.Const], x: Annotated[Array, wg.Dual]) -> Array:
    return k * np.sin(x)


def residual(k: Annotated[float, wg.Const], x: Annotated[Array, wg.Active]) -> Array:
    return k * np.sin(x)


def kinetic(s: Annotated[State, wg.Duplicated], n: Annotated[int, wg.Const]) -> float:
    return 0.5 * s.mass * np.sum(s.position**2) * n


def constant(x: Annotated[float, wg.Const], y) -> float:
    return x * y * y


def test_gradients_are_by_what_is_annotated() -> None:
    x, s = wg.grad(energy)(2.0, X, 3.0)
    np.testing.assert_allclose(x, 12.0 * X)
    assert s == pytest.approx(2.0 * np.sum(X * X))
    assert wg.value_and_grad(energy)(2.0, X, 3.0)[0] == energy(2.0, X, 3.0)
    np.testing.assert_allclose(wg.grad(energy, "x")(2.0, X, 3.0), 12.0 * X)
    assert wg.grad(constant)(2.0, 3.0) == pytest.approx(12.0)  # the first that is not Const
    out = wg.grad(kinetic)(State(X, 2.0), 3)
    assert isinstance(out, State)
    np.testing.assert_allclose(out.position, 6.0 * X)
    assert wg.hessian(constant)(2.0, 3.0) == pytest.approx(4.0)
    np.testing.assert_allclose(wg.batch(wg.grad(constant), (None, 0))(2.0, X), 4.0 * X)


@dataclass
class Body:
    mass: Annotated[float, wg.Const]
    inner: Annotated[State, wg.Const]
    velocity: Annotated[Array, wg.Active]


def moving(b: Body, c) -> float:
    return c * b.mass * np.sum(b.velocity**2) + b.inner.mass


def test_fields_that_are_constant_have_no_derivative() -> None:
    body = Body(2.0, State(X, 1.0), X)
    found = wg.grad(moving)(body, 1.5)
    assert found.mass is None and found.inner == State(None, None)
    np.testing.assert_allclose(found.velocity, 6.0 * X)
    _, (cotangent, by_c) = wg.vjp(moving)((body, 1.5), 1.0)
    assert cotangent.mass is None and by_c == pytest.approx(2.0 * np.sum(X * X))
    _, tangent = wg.jvp(moving)((body, 1.5), (Body(None, None, X), None))
    assert tangent == pytest.approx(6.0 * np.sum(X * X))
    with pytest.raises(wg.errors.TypeMismatch, match="annotated Const"):
        wg.jvp(moving)((body, 1.5), (Body(1.0, None, X), None))
    np.testing.assert_allclose(wg.hvp(moving)((body, 1.5), Body(None, None, X)).velocity, 6.0 * X)


def test_jacobians_are_in_the_annotated_mode() -> None:
    for f, mode in ((field, "forward"), (residual, "reverse")):
        jacobian = wg.jacobian(f)
        np.testing.assert_allclose(jacobian(2.0, X), np.diag(2.0 * np.cos(X)))
        assert jacobian.chosen_mode == mode
        np.testing.assert_allclose(wg.jacobian(f, sparsity="detect")(2.0, X).toarray(), np.diag(2.0 * np.cos(X)))


def test_tangents_and_cotangents() -> None:
    _, tangent = wg.jvp(field)((2.0, X), (None, np.ones(3)))
    np.testing.assert_allclose(tangent, 2.0 * np.cos(X))
    _, cotangents = wg.vjp(residual)((2.0, X), np.ones(3))
    assert cotangents[0] is None
    np.testing.assert_allclose(cotangents[1], 2.0 * np.cos(X))


def both(x: Annotated[float, wg.Active], y: Annotated[float, wg.Dual]) -> float:
    return x * y


def twice(x: Annotated[float, wg.Active, wg.Const]) -> float:
    return x


def whole(n: Annotated[int, wg.Active], x: float) -> float:
    return n * x


def shadow(x: Annotated[float, wg.Duplicated]) -> float:
    return x


def nothing(x: Annotated[float, wg.Const]) -> float:
    return x


STIFFNESS = 3.0


def spring(x):
    return STIFFNESS * x * x


CASES: list[tuple[Any, str]] = [
    (lambda: wg.grad(both), "x is annotated Active and y Dual"),
    (lambda: wg.grad(twice), "annotated Active and Const"),
    (lambda: wg.grad(whole), "of type int"),
    (lambda: wg.jvp(shadow)((1.0,), (1.0,)), "Write Active"),
    (lambda: wg.grad(nothing), "every parameter is annotated Const"),
    (lambda: wg.grad(energy, "k"), "k, which is annotated Const"),
    (lambda: wg.jacobian(field, mode="reverse"), "Dual, and this is reverse mode"),
    (lambda: wg.jacobian(residual, mode="forward"), "Active, and this is forward mode"),
    (lambda: wg.jvp(residual)((2.0, X), (None, np.ones(3))), "Active, and this is forward mode"),
    (lambda: wg.jvp(field)((2.0, X), (1.0, None)), "annotated Const"),
    (lambda: wg.grad(spring, "STIFFNESS")(1.0), "Make it a parameter: `def spring(x, STIFFNESS)`"),
    (lambda: wg.vjp(field)((2.0, X), np.ones(3)), "Dual, and this is reverse mode"),
]


def test_foreign_code_is_refused() -> None:
    from scipy import special

    def plain(x):
        return 2.0 * special.jv(0, x)

    with pytest.raises(wg.errors.UnsupportedError, match="call it outside"):
        wg.grad(plain)(1.0)


@pytest.mark.parametrize(("call", "says"), CASES, ids=[says for _, says in CASES])
def test_contradictions_are_refused(call: Any, says: str) -> None:
    with pytest.raises(OptionError) as refusal:
        call()
    assert says in str(refusal.value)
