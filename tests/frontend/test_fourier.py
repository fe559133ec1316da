"""np.fft compiled: against NumPy on lengths, layouts and dtypes, and its derivatives against differences."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import wengert as wg

rng = np.random.default_rng(0)
X, A = rng.standard_normal(7), rng.standard_normal((3, 4, 6))
Z = A + 1j * rng.standard_normal(A.shape)
VECTOR = (np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.irfft, np.fft.hfft, np.fft.ihfft)
SEVERAL = (np.fft.fft2, np.fft.ifft2, np.fft.fftn, np.fft.ifftn, np.fft.rfft2, np.fft.irfft2, np.fft.rfftn, np.fft.irfftn)
REAL_ONLY = (np.fft.rfft, np.fft.ihfft, np.fft.rfft2, np.fft.rfftn)


def inputs(f: Any) -> list[np.ndarray]:
    real = [X, A, X.astype(np.float32), A[::-1, ::2, ::3], np.asfortranarray(A), np.arange(6) > 2, np.arange(5, dtype=np.int16)]
    return real if f in REAL_ONLY else [*real, Z, Z.T, Z.astype(np.complex64), X[:1] + 1j, Z[:0]]


def agree(f: Any, x: Any, **options: Any) -> None:
    want, g = f(x, **options), partial(f, **options)
    got = wg.jit(lambda v: g(v))(x)
    assert (got.dtype, got.shape) == (want.dtype, want.shape)
    single = want.dtype in (np.float32, np.complex64)
    np.testing.assert_allclose(got, want, rtol=1e-4 if single else 1e-12, atol=1e-5 if single else 1e-13)


@pytest.mark.parametrize("f", VECTOR, ids=lambda f: f.__name__)
def test_over_one_axis(f: Any) -> None:
    for k, x in enumerate(inputs(f)):
        options: Any = ({}, {"n": 5}, {"n": 8, "norm": "ortho"}, {"axis": 0, "norm": "forward"})[k % 4]
        n = options.get("n", x.shape[options.get("axis", -1)])
        if n and (n > 1 or f not in (np.fft.irfft, np.fft.hfft)):
            agree(f, x, **options)


@pytest.mark.parametrize("f", SEVERAL, ids=lambda f: f.__name__)
def test_over_several_axes(f: Any) -> None:
    for options in ({}, {"s": (4, 5), "axes": (0, 2), "norm": "ortho"}):
        agree(f, A if f in REAL_ONLY else Z, **options)


def test_frequencies_and_shifts() -> None:
    for n in (7, 8):
        for f in (np.fft.fftfreq, np.fft.rfftfreq):
            np.testing.assert_array_equal(wg.jit(lambda m, f=f: f(m, 0.1))(n), f(n, 0.1))
    for f in (np.fft.fftshift, np.fft.ifftshift):
        for x, options in ((X, {}), (A, {}), (A, {"axes": 1}), (Z, {"axes": (0, 2)})):
            agree(f, x, **options)


@pytest.mark.parametrize("n", [4, 9])
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft"])
def test_derivatives(name: str, n: int | None) -> None:
    """Reverse against central differences, forward against reverse, and the second derivative against differences of the first."""
    f = getattr(np.fft, name)

    def loss(x: Any, y: Any) -> Any:
        w = f(x if name == "rfft" else x + 1j * y, n)
        return np.sum(np.abs(w[..., ::-1] * w) ** 2) + np.sum(np.real(w * w[..., :1]))

    x, y, dx, dy = rng.standard_normal((4, 2, 6))
    gx, gy = wg.grad(loss, wrt=(0, 1))(x, y)
    along = np.sum(gx * dx) + np.sum(gy * dy)
    h = 1e-5
    change = (loss(x + h * dx, y + h * dy) - loss(x - h * dx, y - h * dy)) / (2 * h)
    assert along == pytest.approx(change, rel=1e-6)
    assert wg.jvp(loss)((x, y), (dx, dy))[1] == pytest.approx(along, rel=1e-12)
    first = wg.grad(loss)
    second = wg.jvp(first)((x, y), (dx, dy))[1]
    differences = (first(x + h * dx, y + h * dy) - first(x - h * dx, y - h * dy)) / (2 * h)
    np.testing.assert_allclose(second, differences, rtol=1e-5, atol=1e-5 * np.abs(second).max())


def test_batches() -> None:
    np.testing.assert_allclose(wg.batch(lambda x: np.fft.irfft(np.fft.rfft(x) ** 2))(A[0]), np.fft.irfft(np.fft.rfft(A[0]) ** 2), atol=1e-13)


REFUSED: dict[str, Any] = {
    "complex": (lambda x: np.fft.rfft(x), Z, "use np.fft.fft"), "no points": (lambda x: np.fft.fft(x, 0), X, "number of FFT data points"),
    "norm": (lambda x: np.fft.fft(x, norm="other"), X, "Invalid norm"), "no elements": (lambda x: np.fft.fft(x), X[:0], "number of FFT data points"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    f, x, message = REFUSED[name]
    with pytest.raises(Exception, match=message):
        wg.jit(f)(x)
