"""Linear algebra: compiled against NumPy, derivatives against differences, and the errors NumPy raises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.harness.derivatives import check_derivatives
from wengert.compiler.diag.errors import DifferentiationError
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Value
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.types import C128, F64, Type
from wengert.compiler.passes.autodiff import forward, reverse

ROWS = [r for r in REGISTRY.values() if r.kind == "library" and "linalg" in r.library.module and r.name != "lstsq"]
DIFFERENTIABLE = [r for r in ROWS if r.name not in ("eig", "eigvals")]


def function_of(row: Any, rank: int, dtype: Any) -> Function:
    body = Block([Value(Type(dtype, (None,) * rank), f"p{k}") for k in range(len(row.library.operands))])
    builder = Builder(body)
    sizes = [builder.extent(body.params[0], rank - 1) for _ in row.library.sizes]  # n <= m
    body.results = list(builder.op(row.name, (*body.params, *sizes)).results[:-1])
    return Function("f", body)


def operands(row: Any, rank: int, rng: np.random.Generator) -> list[np.ndarray]:
    stack = (2,) if rank == 3 else ()
    a = np.diag([1.0, 2.0, 4.0]) + 0.1 * rng.standard_normal((*stack, 3, 3))  # vectors far from where signs change
    if row.name in ("svd", "svdvals"):
        a = a[..., :2]
    return [a, rng.standard_normal((*stack, 3, 2))][: len(row.library.operands)]


@pytest.mark.parametrize("rank", [2, 3])
@pytest.mark.parametrize("row", DIFFERENTIABLE, ids=lambda row: row.name)
def test_derivatives(row: Any, rank: int) -> None:
    arguments = operands(row, rank, np.random.default_rng(2))
    check_derivatives(function_of(row, rank, F64), arguments, step=1e-3, tolerance=1e-6)


@pytest.mark.parametrize("name", ["solve", "inv", "det"])
def test_complex_derivatives(name: str) -> None:
    rng = np.random.default_rng(1)
    row = REGISTRY[name]
    arguments = [a + 0.3j * rng.standard_normal(a.shape) for a in operands(row, 2, rng)]
    check_derivatives(function_of(row, 2, C128), arguments, step=1e-3, tolerance=1e-6)


PROGRAMS = {
    "solve": lambda a, b: np.linalg.solve(a, b),
    "solve transposed": lambda a, b: np.linalg.solve(a.T, b[::-1]),
    "inv": lambda a, b: np.linalg.inv(a) @ b,
    "det": lambda a, b: np.linalg.det(a),
    "slogdet": lambda a, b: np.linalg.slogdet(a),
    "cholesky": lambda a, b: np.linalg.cholesky(a),
    "eigh": lambda a, b: np.linalg.eigh(a)[0],
    "eigvalsh": lambda a, b: np.linalg.eigvalsh(a[1:, 1:]),
    "svd": lambda a, b: np.linalg.svd(a[:3], full_matrices=False)[1],
    "svd product": lambda a, b: (lambda u, s, vh: (u * s) @ vh)(*np.linalg.svd(a[:, :3], full_matrices=False)),
    "singular values": lambda a, b: np.linalg.svd(a, compute_uv=False),
    "power": lambda a, b: np.linalg.matrix_power(a, -3),
    "power 0": lambda a, b: np.linalg.matrix_power(a, 0),
    "of an expression": lambda a, b: np.linalg.solve(a + a.T, 2 * b),
    "scaled": lambda a, b: np.linalg.det(2 * a[:2, :2]) + b[0],
}


@pytest.mark.parametrize("order", [None, "fro", 1, -1, 2, -2, np.inf, -np.inf, "nuc"])
def test_norms(order: Any) -> None:
    a = np.random.default_rng(0).standard_normal((4, 3))

    def f(a: Any) -> Any:
        return np.linalg.norm(a, order)

    assert wg.jit(f)(a) == pytest.approx(f(a), rel=1e-14)
    step = 1e-6 * np.random.default_rng(1).standard_normal(a.shape)
    assert np.sum(wg.grad(f)(a) * step) == pytest.approx((f(a + step) - f(a - step)) / 2, rel=1e-5)


def flat(found: Any) -> list[np.ndarray]:
    return [np.asarray(x) for x in found] if isinstance(found, tuple) else [np.asarray(found)]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128, np.complex64, np.int64])
@pytest.mark.parametrize("name", PROGRAMS)
def test_as_numpy(name: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((5, 5)), rng.standard_normal(5)
    a = a @ a.T + 5 * np.eye(5)
    a, b = (a.round(), b.round()) if dtype is np.int64 else (a, b)
    for array in (a.astype(dtype), np.asfortranarray(a.astype(dtype))):
        f = PROGRAMS[name]
        for got, want in zip(flat(wg.jit(f)(array, b.astype(dtype))), flat(f(array, b.astype(dtype))), strict=True):
            assert got.dtype == want.dtype and got.shape == want.shape
            tolerance = 1e-3 if want.dtype.itemsize <= 4 or want.dtype == np.complex64 else 1e-9
            np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * max(1.0, float(np.max(np.abs(want)))))


def test_stacks_and_batches() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 3, 4, 4)) + 4 * np.eye(4), rng.standard_normal((3, 4, 2))

    def f(a: Any, b: Any) -> Any:
        return np.linalg.solve(a, b)

    np.testing.assert_allclose(wg.jit(f)(a, b), f(a, b), rtol=1e-12)
    np.testing.assert_allclose(wg.jit(f)(a[::-1, :, ::-1], b), f(a[::-1, :, ::-1], b), rtol=1e-10)
    np.testing.assert_allclose(wg.batch(f)(a[0], b), f(a[0], b), rtol=1e-12)

    def loss(a: Any, b: Any) -> Any:
        return np.sum(np.linalg.solve(a, b) ** 2) + np.linalg.slogdet(a)[1]

    single = [wg.grad(loss)(x, y) for x, y in zip(a[0], b, strict=True)]
    np.testing.assert_allclose(wg.batch(wg.grad(loss))(a[0], b), single, rtol=1e-10)


def test_in_a_loop() -> None:
    def newton(x: Any) -> Any:
        for _ in range(6):
            j = np.array([[2 * x[0], 2 * x[1]], [x[1], x[0]]])
            x = x - np.linalg.solve(j, np.array([x[0] ** 2 + x[1] ** 2 - 4, x[0] * x[1] - 1]))
        return np.sum(x * x * x)

    start = np.array([2.0, 0.3])
    assert wg.jit(newton)(start) == pytest.approx(newton(start), rel=1e-13)
    step = np.array([1e-6, 0.0])
    wanted = (newton(start + step) - newton(start - step)) / 2e-6
    assert wg.grad(newton)(start)[0] == pytest.approx(wanted, abs=1e-7)


@pytest.mark.parametrize(
    "function, message",
    [
        (lambda a: np.linalg.solve(a, a[0]), "Singular"),
        (lambda a: np.linalg.inv(a), "Singular"),
        (lambda a: np.linalg.cholesky(a - 2), "positive definite"),
    ],
)
def test_errors(function: Any, message: str) -> None:
    """The exception NumPy raises, with the line; what was invalid before does not count."""
    compiled = wg.jit(function)
    with pytest.raises(np.linalg.LinAlgError, match=message) as raised:
        compiled(np.ones((3, 3)))
    assert raised.value.line is not None

    def invalid_before(a: Any, z: float) -> Any:
        root = np.sqrt(z)
        return root, np.linalg.inv(a)

    root, found = wg.jit(invalid_before)(np.eye(2), -1.0)
    assert np.isnan(root) and np.array_equal(found, np.eye(2))


@pytest.mark.parametrize(
    "function", [lambda a: np.linalg.inv(a[0]), lambda a: np.linalg.eigh(a, "U"), lambda a: np.linalg.det(a[:, :2])]
)
def test_refusals(function: Any) -> None:
    with pytest.raises(wg.errors.WengertError):
        wg.jit(function)(np.eye(3))


@pytest.mark.parametrize("mode", [forward, reverse])
@pytest.mark.parametrize("name", ["eig", "eigvals"])
def test_without_derivative(name: str, mode: Any) -> None:
    with pytest.raises(DifferentiationError, match=r"np\.linalg\.(eig|eigvals)` has no derivative here"):
        mode(function_of(REGISTRY[name], 2, F64), [True])


def test_full_svd_is_differentiated_of_square_matrices_only() -> None:
    slope = wg.grad(lambda a: np.sum(np.linalg.svd(a)[1]))
    np.testing.assert_allclose(slope(np.diag([3.0, 2.0, 1.0])), np.eye(3), atol=1e-14)
    with pytest.raises(ValueError, match="full_matrices=False"):
        slope(np.ones((2, 3)))
    with pytest.raises(DifferentiationError, match="no derivative here"):
        wg.grad(lambda a: np.sum(np.linalg.svd(np.zeros((2, 3)) + a)[1]))(1.0)


@pytest.mark.parametrize("mode", [forward, reverse])
@pytest.mark.parametrize("name", ["slogdet", "cholesky", "eigh", "eigvalsh", "svd", "svd_full", "svdvals"])
def test_complex_without_derivative(name: str, mode: Any) -> None:
    with pytest.raises(DifferentiationError, match="complex"):
        mode(function_of(REGISTRY[name], 2, C128), [True])
