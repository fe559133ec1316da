"""qr, lstsq, pinv, and elements put in or taken out: against NumPy, and their derivatives of first and second order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.ir.tree import flatten

rng = np.random.default_rng(3)
TALL, WIDE, STACK, X = (rng.standard_normal(s) for s in ((6, 3), (3, 5), (2, 5, 3), (5,)))
Y, B, INTS = rng.standard_normal(6), rng.standard_normal((3, 2)), np.arange(5)
SPIN = np.array([[1.0, -2.0, 0.5], [2.0, 1.0, 0.0], [0.0, 0.3, 3.0]])
FLAT = np.outer(Y, [1.0, 2.0, 3.0])

CASES: dict[str, Any] = {
    "lstsq": (lambda a, b: np.linalg.lstsq(a, b, rcond=None), TALL, Y), "lstsq matrix": (lambda a, b: np.linalg.lstsq(a, b), WIDE, B),
    "lstsq of rank 1": (lambda a, b: np.linalg.lstsq(a, b, rcond=1e-10), FLAT, Y), "lstsq float32": (lambda a, b: np.linalg.lstsq(a, b), TALL.astype(np.float32), Y.astype(np.float32)),
    "lstsq integers": (lambda a, b: np.linalg.lstsq(a, b), INTS[:, None] ** np.arange(2), INTS), "lstsq complex": (lambda a, b: np.linalg.lstsq(a + 1j, b), TALL, Y),
    "pinv": (lambda a: np.linalg.pinv(a), TALL), "pinv wide": (lambda a: np.linalg.pinv(a), WIDE), "pinv stack": (lambda a: np.linalg.pinv(a), STACK),
    "pinv of rank 1": (lambda a: np.linalg.pinv(a, rcond=1e-10), FLAT),
    "qr": (lambda a: np.linalg.qr(a), TALL), "qr wide": (lambda a: np.linalg.qr(a), WIDE), "qr square": (lambda a: np.linalg.qr(a), TALL[:3]),
    "qr r": (lambda a: np.linalg.qr(a, mode="r"), TALL), "qr complete": (lambda a: np.linalg.qr(a, "complete").Q, TALL),
    "qr float32": (lambda a: np.linalg.qr(a), TALL.astype(np.float32)), "qr integers": (lambda a: np.linalg.qr(a), INTS[:4].reshape(2, 2)),
    "qr of zeros": (lambda a: np.linalg.qr(a * 0.0), TALL), "qr triangular": (lambda a: np.linalg.qr(a), np.triu(TALL)),
    "svd": (lambda a: np.linalg.svd(a), TALL), "svd wide": (lambda a: np.linalg.svd(a), WIDE), "svd stack": (lambda a: np.linalg.svd(a), STACK),
    "eig": (lambda a: np.linalg.eig(a), SPIN), "eigvals": (lambda a: np.linalg.eigvals(a), SPIN), "eig complex": (lambda a: np.linalg.eig(a * 1j), SPIN),
    "eigvals float32": (lambda a: np.linalg.eigvals(a), SPIN.astype(np.float32)), "eigvals stack": (lambda a: np.abs(np.linalg.eigvals(np.stack((a, a.T)))), SPIN),
    "insert": (lambda x: np.insert(x, 1, 9.0), X), "insert from the end": (lambda x: np.insert(x, -1, [1.0, 2.0]), X),
    "insert integer": (lambda i: np.insert(i, 5, 2.7), INTS), "delete": (lambda x: np.delete(x, -2), X), "delete several": (lambda x: np.delete(x, [1, 3, 1]), X),
    "delete rows": (lambda a: np.delete(a, 2, axis=0), TALL), "delete columns": (lambda a, i: np.delete(a, i[:2], axis=1), TALL, INTS),
    "array_equal": (lambda x, i: (np.array_equal(x, x), np.array_equal(x, x[1:]), np.array_equal(x, i), np.array_equal(x, x[None])), X, INTS),
    "nan_to_num": (lambda x: np.nan_to_num(x), np.array([np.nan, np.inf, -np.inf, 1.0])), "nan_to_num integers": (lambda i: np.nan_to_num(i), INTS),
    "nan_to_num given": (lambda x: np.nan_to_num(x, nan=1.0, posinf=2.0, neginf=3.0), np.array([np.nan, np.inf, -np.inf, 1.0], np.float32)),
    "nan_to_num float32": (lambda x: np.nan_to_num(x), np.array([np.nan, np.inf], np.float32)), "geomspace": (lambda x: np.geomspace(x, 8.0, 4), 1.0),
    "dstack": (lambda x, a: (np.dstack((x, x)), np.dstack((a, a))), X, TALL),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_as_numpy(name: str) -> None:
    function, *args = CASES[name]
    expected, found = flatten(function(*args)), flatten(wg.jit(function)(*args))
    assert expected[1] == found[1]
    for a, b in zip(found[0], expected[0], strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        tolerance = 2e-6 if b.dtype in (np.float32, np.complex64) else 1e-10
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def test_eigenvalues_are_complex_always() -> None:
    """Also where NumPy gives real ones; what is not finite raises as there."""
    w, v = wg.jit(lambda a: np.linalg.eig(a))(np.diag([1.0, 2.0]))
    assert w.dtype == v.dtype == np.complex128
    np.testing.assert_array_equal(w, [1.0, 2.0])
    with pytest.raises(np.linalg.LinAlgError, match="infs or NaNs"):
        wg.jit(lambda a: np.linalg.eigvals(a))(np.array([[np.nan, 1.0], [0.0, 1.0]]))


def solution(a, b):
    x, residuals, _, s = np.linalg.lstsq(a, b, rcond=None)
    return np.sum(np.sin(x)) + np.sum(residuals) + np.sum(s)


def inverse(a, b):
    return np.sum(np.linalg.pinv(a) * np.cos(a.T)) * b[0]


def factors(a, b):
    q, r = np.linalg.qr(a)
    return np.sum(q**3) + np.sum(np.sin(r)) * b[1]


@pytest.mark.parametrize("function", [solution, inverse, factors], ids=lambda f: f.__name__)
def test_derivatives(function: Any) -> None:
    def shifted(a, d, t):
        return function(a + t * d, Y)

    direction, step = rng.standard_normal(TALL.shape), 1e-5
    gradient = wg.grad(function)(TALL, Y)
    difference = (shifted(TALL, direction, step) - shifted(TALL, direction, -step)) / (2 * step)
    assert np.sum(gradient * direction) == pytest.approx(difference, rel=1e-7)
    assert wg.jvp(function)((TALL, Y), (direction, None))[1] == pytest.approx(difference, rel=1e-7)
    moved = (wg.grad(function)(TALL + step * direction, Y) - wg.grad(function)(TALL - step * direction, Y)) / (2 * step)
    np.testing.assert_allclose(wg.hvp(function)((TALL, Y), direction), moved, rtol=1e-5, atol=1e-6)


def test_indices_are_checked() -> None:
    for function in (lambda x: np.insert(x, 9, 1.0), lambda x: np.delete(x, 5), lambda x: np.delete(x, [0, -6])):
        with pytest.raises(IndexError, match="out of bounds"):
            wg.jit(function)(X)
