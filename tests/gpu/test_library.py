"""Factorizations, solves and transforms of offloaded functions by the device's library, alone, derived and in batches: on the
simulated GPU everywhere, on a real one where there is one."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.ir.tree import flatten
from wengert.compiler.runtime.devices import devices

GPUS = [d for d in devices() if d.kind == "cuda" and d.available]
DEVICES = ["cuda-sim", pytest.param("cuda:0", marks=[pytest.mark.gpu, pytest.mark.skipif(not GPUS, reason="needs a GPU")])]
RNG = np.random.default_rng(11)


def positive(*shape):
    a = RNG.standard_normal((*shape, shape[-1]))
    return a @ np.swapaxes(a, -1, -2) + shape[-1] * np.eye(shape[-1])


def solve(a, b):
    return np.sum(np.linalg.solve(a, b) ** 2)


def stack(a, b):
    return np.linalg.solve(a * 2.0, b) + 1.0, np.linalg.inv(a), np.linalg.det(a), np.linalg.cholesky(a) ** 2


def spectra(a):
    w, v = np.linalg.eigh(a)
    u, s, vh = np.linalg.svd(a[:, :3], full_matrices=False)
    q, r = np.linalg.qr(a[:, :2])
    sign, logdet = np.linalg.slogdet(a)
    singular = np.linalg.svd(a, compute_uv=False)
    return w, v * v, np.linalg.eigvalsh(a), u @ np.diag(s) @ vh, s, q @ r, sign, logdet, singular, np.linalg.norm(a, 2)


def waves(x):
    return np.fft.fft(x), np.fft.ifft(x), np.fft.rfft(x), np.fft.irfft(np.fft.rfft(x)), np.fft.fft2(x)


def power(x):
    return np.sum(np.abs(np.fft.rfft(np.sin(x))) ** 2)


def determinants(a):
    return np.linalg.slogdet(a)[1] + np.log(np.linalg.det(a)) + np.sum(np.linalg.cholesky(a) ** 3)


def values(a):
    return np.sum(np.linalg.eigvalsh(a) ** 3) + np.sum(np.linalg.svd(a, compute_uv=False) ** 3)


def newton(a, b):
    y = np.zeros(len(b))
    for _ in range(4):
        y = y - np.linalg.solve(a + np.diag(3.0 * y * y), a @ y + y**3 - b)
    return y


def some_matrices(a):
    out, total = np.zeros(a.shape), 0.0
    for i in wg.prange(1, len(a)):
        x = a[i] * 2.0
        w, v = np.linalg.eigh(x)
        out[i] = np.linalg.inv(x) + np.linalg.cholesky(v @ np.diag(w) @ v.T)
        total += w[0]
    return out, total


def until(a):
    while np.max(a) > 0.12:
        a = np.linalg.inv(a + np.eye(4)) * 0.1
    return np.sum(a)


def until_flat(a):
    while np.max(a) > 1e-3:
        a = a * np.min(np.linalg.eigvalsh(a)) * 0.1
    return np.sum(a)


def repeated(a, b, trips):
    """Every factorization that threads do by themselves; rows have to change places."""
    total, turned, x = 0.0, a[::-1] * 1.0, b * 0.5
    for k in range(trips):
        x = b + np.linalg.solve(turned + k, x)
        sign, size = np.linalg.slogdet(turned - k)
        total += np.sum(np.linalg.inv(turned) ** 2) + np.linalg.det(turned * 0.1) + sign * size
        if k > 0:
            total += np.sum(np.linalg.cholesky(a + np.diag(x[:, 0] ** 2)))
    return x, total


def fitted(a, b, limit=None):
    x, residuals, rank, values = np.linalg.lstsq(a, b, rcond=limit)
    return x, rank, values, np.sum(residuals)


def rebuilt(a):
    u, s, vh = np.linalg.svd(a)
    return (u[:, : len(s)] * s) @ vh[: len(s)], s, np.abs(u.T @ u), np.abs(vh @ vh.T)


def refined(a, b, trips):
    for _ in range(trips):
        b = b + np.linalg.solve(a, b)
    return np.sum(b * b)


REPEATED, REFINED = wg.batch(repeated, (0, 0, None)), wg.batch(wg.grad(refined, (0, 1)), (0, 0, None))
SOLVES, FITS = wg.batch(solve), wg.batch(lambda a, b: np.linalg.lstsq(a, b, rcond=None)[0])
A, STACK, B, MANY, X = positive(4), positive(3, 4), RNG.random(4), RNG.random((3, 4, 2)), RNG.random((3, 15))
CASES = {
    "solve": (solve, A, B),
    "stack": (stack, STACK, MANY),
    "single": (lambda a: stack(a, a), A.astype(np.float32)),
    "complex": (lambda a: stack(a + 1j * np.eye(4), a + 0j)[:3], STACK),
    "spectra": (spectra, A),
    "waves": (waves, X),
    "waves of 32 bits": (waves, X.astype(np.float32)),
    "newton": (newton, A, B),
    "gradient of solve": (wg.grad(solve, wrt=(0, 1)), A, B),
    "gradient of power": (wg.grad(power), X),
    "gradient of determinants": (wg.grad(determinants), A),
    "gradient of values": (wg.grad(values), A),
    "batch": (wg.batch(stack), positive(2, 3, 4), RNG.random((2, 3, 4, 2))),
    "batch that shares": (wg.batch(solve, in_axes=(None, 0)), A, RNG.random((5, 4))),
    "batch of gradients": (wg.batch(wg.grad(solve)), STACK, MANY[..., 0]),
    "batch of waves": (wg.batch(power), X),
    "gradient of a batch": (wg.grad(lambda a, b: np.sum(SOLVES(a, b)), wrt=(0, 1)), STACK, MANY[..., 0]),
    "prange": (some_matrices, STACK),
    "least squares": (fitted, X.T, RNG.random((15, 2))),
    "least squares, columns that depend": (fitted, A[:, [0, 1, 1]], B, 0.1),
    "least squares, more unknowns": (fitted, X + 1j * X[:, ::-1], RNG.random(3) + 0j, -1.0),
    "all singular vectors": (rebuilt, X),
    "all singular vectors of a batch": (wg.batch(rebuilt), STACK),
    "batch of least squares": (FITS, STACK[..., :2], MANY[..., 0]),
    "gradient of least squares": (wg.grad(lambda a, b: np.sum(fitted(a, b)[0] ** 2)), A[:, :3], B),
    "until they are small": (wg.batch(until), STACK),
    "in a loop": (REPEATED, STACK.astype(np.float32), MANY.astype(np.float32), 2),
    "batch of gradients of a loop": (REFINED, STACK, MANY, 2),
    "batch of batches": (wg.batch(wg.batch(lambda a, b: stack(a, b)[:3])), positive(2, 3, 4), RNG.random((2, 3, 4, 2))),
    "no matrices": (wg.batch(lambda a: np.linalg.inv(a)), STACK[:0]),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", CASES)
def test_as_on_the_cpu(name, device):
    function, *args = CASES[name]
    wanted, got = wg.jit(function)(*args), wg.offload(function, device)(*args)
    tolerance = 1e-4 if args[0].dtype == np.float32 else 1e-9
    for w, g in zip(flatten((wanted,))[0], flatten((got,))[0], strict=True):
        np.testing.assert_allclose(np.asarray(g), w, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("function", "args"),
    [
        (solve, (A * 0.0, B)),
        (lambda a: np.linalg.cholesky(a), (-STACK,)),
        (lambda a: np.linalg.inv(a), (np.stack([A, A * 0.0]),)),
        (wg.batch(lambda a: np.linalg.inv(a)), (np.stack([A, A * 0.0]),)),
        (wg.batch(wg.batch(lambda a: np.linalg.inv(a))), (np.stack([A, A * 0.0])[None],)),
    ],
    ids=["solve", "cholesky", "inv", "batch", "batch of batches"],
)
def test_a_matrix_that_cannot_be_handled_is_an_error_and_the_next_call_works(function, args, device):
    offloaded = wg.offload(function, device)
    with pytest.raises(np.linalg.LinAlgError) as error:
        offloaded(*args)
    assert error.value.span is not None
    fine = [np.broadcast_to(A, args[0].shape).copy(), *args[1:]]
    np.testing.assert_allclose(np.asarray(offloaded(*fine)), wg.jit(function)(*fine), rtol=1e-9)


@pytest.mark.parametrize(
    ("function", "args", "words"),
    [
        (lambda a: np.linalg.eigvals(a), (A,), "`eigvals` is computed by NumPy's library"),
        (wg.batch(until_flat), (STACK,), "within a loop or branch of an iteration"),
    ],
)
def test_what_no_kernel_can_call(function, args, words):
    with pytest.raises(wg.errors.UnsupportedError, match=words) as error:
        wg.offload(function, "cuda-sim")(*args)
    assert error.value.span is not None
