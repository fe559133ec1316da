"""Complex numbers as NumPy has them: functions, parts as views, absolute values, and their derivatives."""

from __future__ import annotations

import linecache
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.frontend.oracle import check

rng = np.random.default_rng(0)
Z, W = (rng.standard_normal(6) + 1j * rng.standard_normal(6) for _ in range(2))
M = rng.standard_normal((3, 4)) + 1j * rng.standard_normal((3, 4))

FUNCTIONS = (
    "exp expm1 log log2 log10 log1p sqrt sin cos tan sinh cosh tanh arcsin arccos arctan arcsinh arccosh arctanh abs angle conj real imag "
    "square reciprocal isnan isfinite isinf isreal iscomplex cumsum cumprod sum mean prod var std"
).split()
EXPRESSIONS = [
    *(f"np.{name}(z)" for name in FUNCTIONS),
    "z**2", "z**3", "z**0.5", "z**-1", "z**w", "2**z", "z**2.5", "z[0]**w[1]", "abs(z[0])", "z[0].real + z[1].imag", "z.conj() @ w",
    "z.T.conjugate()", "np.vdot(z, w)", "np.exp(2j * np.pi * np.arange(4) / 4)", "np.angle(z, deg=True)", "np.angle(z.real)",
    "np.where(z.real > 0, z, w)", "complex(1.5, -2.0) * z", "np.real(z.real)", "np.imag(z.real)", "np.conj(z.real)", "np.iscomplexobj(z)",
    "np.linalg.norm(z)", "np.linalg.norm(z, 1)", "np.sum(np.abs(z) ** 2)",
]  # fmt: skip


def written(expression: str) -> Any:
    name, text = f"<{expression}>", f"def f(z, w):\n    return {expression}\n"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    space: dict[str, Any] = {"np": np}
    exec(compile(text, name, "exec"), space)
    return space["f"]


@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expressions(expression: str, dtype: Any) -> None:
    f, z, w = written(expression), Z.astype(dtype), W.astype(dtype)
    expected, found = f(z, w), wg.jit(f)(z, w)
    assert np.asarray(found).dtype == np.asarray(expected).dtype
    tolerance = (
        1e-13 if np.result_type(np.asarray(expected).dtype, np.float16).itemsize > 8 or dtype is np.complex128 else 3e-6
    )
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", ["sqrt", "log", "arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh"])
def test_sides_of_branch_cuts(name: str) -> None:
    """Signed zeros tell the side, as in NumPy."""
    points = [complex(x, y) for x in (-2.0, -0.5, -0.0, 0.0, 0.5, 2.0) for y in (-2.0, -0.0, 0.0, 2.0)]
    z = np.array(points)
    f = written(f"np.{name}(z)")
    np.testing.assert_allclose(wg.jit(f)(z, z), f(z, z), rtol=1e-14, atol=1e-15)


def test_far_and_near() -> None:
    """Where a formula written down plainly overflows or cancels."""
    z = np.array([1e-9 + 1e-9j, 1 + 1e-9j, 0.999999 + 1e-5j, 300 + 2j, -300 - 2j, 1e200 + 1e200j, 1e-300j])
    with np.errstate(all="ignore"):
        for name in ("log", "sqrt", "tanh", "abs", "expm1", "arctan", "arcsinh"):
            f = written(f"np.{name}(z)")
            np.testing.assert_allclose(wg.jit(f)(z, z), f(z, z), rtol=1e-11, err_msg=name)


def parts_are_views(z):
    before = z.real
    z *= 2
    z.real[1:3] = 7.0
    z.imag[::2] += 1.5
    z.real *= 2
    return before.sum(), z.imag.max(), z.real[::-1]


def parts_are_assigned(z):
    w = z.copy()
    w.real = 0.0
    w.imag[0] = 3
    v = w.imag
    v += 1
    return w, v


def parts_in_loops(m):
    for i in range(3):
        for j in range(4):
            if m[i, j].real > 0:
                m[i, j] = abs(m[i, j])
            m.imag[i, j] -= 0.5
            m.real[i, j] += j
    return m.T.imag[0], np.real(m)[::-1], m[0].conj() @ m[1]


def parts_gathered(z):
    z.real[z.imag > 0] = 0
    z.imag[[0, 1]] = 5
    np.add.at(z.real, [1, 1], 2.0)
    return z.real.reshape(2, 3)


def parts_of_a_branch(m):
    p = m.real if m[0, 0].real > 0 else m.imag
    w = np.zeros((3, 4), complex)
    w.shape = 12
    w[5] = 1j
    return p.sum(), w


def discrete_fourier(z):
    s = np.zeros(len(z), dtype=complex)
    for k in range(len(z)):
        for n in range(len(z)):
            s[k] += z[n] * np.exp(-2j * np.pi * k * n / len(z))
    return s, abs(s[0])


@pytest.mark.parametrize(
    ("function", "argument"),
    [(parts_are_views, Z), (parts_are_assigned, Z), (parts_in_loops, M), (parts_gathered, Z), (parts_of_a_branch, M), (discrete_fourier, Z)],
    ids=lambda x: getattr(x, "__name__", ""),
)  # fmt: skip
def test_programs(function: Any, argument: np.ndarray) -> None:
    check(function, argument.copy())
    mine, reference = argument.copy(), argument.copy()
    found, expected = wg.jit(function)(mine), function(reference)
    for a, b in zip((*found, mine), (*expected, reference), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def spectrum(x):
    """A real function of real numbers by way of complex ones."""
    total = 0.0
    for k in range(3):
        total += np.abs(np.sum(x * np.exp(-2j * np.pi * k * np.arange(x.shape[0]) / x.shape[0]))) ** 2 / (k + 1)
    return total + np.sum(np.angle(x[:-1] + 1j * x[1:]))


def test_gradient_through_complex_numbers() -> None:
    x = rng.standard_normal(5) + 3
    steps = 1e-6 * np.eye(5)
    differences = [(spectrum(x + h) - spectrum(x - h)) / 2e-6 for h in steps]
    np.testing.assert_allclose(wg.grad(spectrum)(x), differences, rtol=1e-7)
    np.testing.assert_allclose(wg.batch(wg.grad(spectrum))(np.stack([x, x])), [differences] * 2, rtol=1e-7)


def test_absolute_value_has_derivative_0_at_0() -> None:
    f = wg.grad(lambda x: np.abs(x + 0j))
    assert (f(0.0), f(-2.0)) == (0.0, -1.0)
