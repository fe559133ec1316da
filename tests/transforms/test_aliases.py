"""One array given twice to a function that writes it: right where compiled code calls it, else refused."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.diag.errors import UnsupportedError


def blend(u, w):
    for k in range(1, len(u)):
        u[k] = np.sin(u[k] + 0.5 * w[k - 1])


compiled, checkpointed = wg.jit(blend), wg.checkpoint(blend)


def plainly(x):
    v = x.copy()
    blend(v, v)
    blend(v[1:], v[:-1])
    return np.sum(v**2)


def by_compiled(x):
    v = x.copy()
    compiled(v, v)
    checkpointed(v[1:], v[:-1])
    return np.sum(v**2)


def by_checkpoint_inside(x):
    v = x.copy()
    wg.checkpoint(blend)(v, v)
    compiled(v[1:], v[:-1])
    return np.sum(v**2)


def captured_and_passed(x):
    v = x.copy()

    def inner(a):
        a[1:] = np.cos(v[:-1] * a[1:])
        return v[2] * a[3]

    return inner(v) + inner(v[::-1]) + np.sum(v**3)


def rows_and_columns(x):
    A = np.outer(x, x)
    blend(A[0], A[:, 1])
    blend(A[1], A.T[1])
    for i in range(3):
        blend(A[i], A[i + 1])
    return np.sum(A**2)


X, T = np.random.default_rng(0).normal(size=(2, 6))


@pytest.mark.parametrize("f", [plainly, by_compiled, by_checkpoint_inside, captured_and_passed, rows_and_columns])
def test_calls_with_one_array_twice(f):
    oracle = f if f in (captured_and_passed, rows_and_columns) else plainly
    slope = (oracle(X + 1e-5 * T) - oracle(X - 1e-5 * T)) / 2e-5
    np.testing.assert_allclose(wg.jit(f)(X), oracle(X), rtol=1e-13)
    np.testing.assert_allclose(wg.grad(f)(X) @ T, slope, rtol=1e-7)
    np.testing.assert_allclose(wg.jvp(f)((X,), (T,))[1], slope, rtol=1e-7)


def by_jvp(x):
    v = x.copy()
    _, (_, dot) = wg.jvp(blend)((v, v), (v, None))
    return np.sum(dot)


def by_batch(x):
    v = x.copy()
    _, made = wg.batch(blend)(v.reshape(2, 3), v.reshape(2, 3))
    return np.sum(made)


@pytest.mark.parametrize("f", [by_jvp, by_batch])
def test_derivatives_and_batches_inside_are_refused(f):
    with pytest.raises(UnsupportedError, match="`u` is written by the function, and `w` may be"):
        wg.grad(f)(X)


def summed(u, w):
    blend(u, w)
    return np.sum(u * w)


PAIR = np.stack([X, X])


@pytest.mark.parametrize(
    "call",
    [
        lambda u, w: wg.grad(summed)(u, w),
        lambda u, w: wg.value_and_grad(summed, wrt=(0, 1))(u, w),
        lambda u, w: wg.jvp(summed)((u, w), (T, T)),
        lambda u, w: wg.vjp(summed)((u, w), (1.0, None)),
        lambda u, w: wg.jacobian(summed)(u, w),
        lambda u, w: wg.hessian(summed)(u, w),
        lambda u, w: wg.hvp(summed)((u, w), T),
        lambda u, w: wg.batch(wg.grad(summed))(np.broadcast_to(u, (1, 6)), w[None]),
    ],
    ids=["grad", "value_and_grad", "jvp", "vjp", "jacobian", "hessian", "hvp", "batch of grad"],
)
def test_transforms_are_for_arrays_apart(call):
    u = X.copy()
    with pytest.raises(ValueError, match="u is written .*w"):
        call(u, u)
    with pytest.raises(ValueError, match="u is written .*w"):
        call(u, u[::-1])
    call(u, u.copy())
    line = np.arange(12.0)
    call(line[:6], line[6:])
    np.testing.assert_array_equal(u, X)
