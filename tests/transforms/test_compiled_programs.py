"""Random NumPy programs, compiled; `python -m tests.harness.fuzz --compiled` tries many more."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg
from tests.harness import fuzz
from tests.harness.derivatives import in_doubt
from tests.harness.programs import generate
from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.frontend.trace import trace


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5000, 5040))
def test_compiled_programs_do_what_python_does(seed: int) -> None:
    source = generate(seed).source
    found = fuzz.judged(source, seed, "compiled")
    assert found == "ok" or found.startswith(("refused", "python")), f"{found}\n{source}"


def _until(x, A, s):
    total = 0.0
    for i in range(len(x)):
        for j in range(A.shape[1]):
            if A[i, j] > 0:
                total += x[i] * A[i, j] ** 2
            elif x[j] > s:
                break
            else:
                total -= np.sin(x[j] * s)
    return total


def test_gradients_of_loops_that_are_left_can_be_batched() -> None:
    """Extents of their cotangents pass through loops and branches, ahead of which they must be known."""
    rng = np.random.default_rng(0)
    x, A = rng.normal(size=(3, 5)), rng.normal(size=(5, 5))
    gradient = wg.grad(_until)
    found = wg.batch(gradient, (0, None, None))(x, A, 0.3)
    np.testing.assert_allclose(found, [gradient(row, A, 0.3) for row in x], rtol=1e-12)
    hessian = wg.hessian(_until)(x[0], A, 0.3)
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(wg.jacobian(gradient, mode=mode)(x[0], A, 0.3), hessian, rtol=1e-12, atol=1e-14)


def _until_settled(A, h):
    m = np.zeros(6)
    for _ in range(200):
        new = np.tanh(A @ m + h)
        if np.max(np.abs(new - m)) < 1e-12:
            break
        m = new
    return m @ A @ m


def _trace_of_power(A, k):
    return np.trace(np.linalg.matrix_power(A, k))


INVERSE = -2
LOOPS = [(_until_settled, np.arange(6) - 2.5), (_trace_of_power, 3), (_trace_of_power, INVERSE)]


@pytest.mark.parametrize(("f", "shared"), LOOPS)
def test_extents_that_are_checked_to_be_equal_are_known_to_batches(f, shared) -> None:
    """One way through a branch gives the array that another array was compared with."""
    A = np.random.default_rng(0).normal(size=(3, 6, 6)) * 0.2 + np.eye(6) * 0.1
    gradient = wg.grad(f)
    np.testing.assert_allclose(wg.batch(gradient, (0, None))(A, shared), [gradient(a, shared) for a in A], rtol=1e-9)
    if shared is not INVERSE:  # a Hessian takes its own half of the time
        _, along = wg.jvp(gradient)((A[0], shared), (A[0], None))
        np.testing.assert_allclose(np.tensordot(wg.hessian(f)(A[0], shared), A[0], 2), along, rtol=1e-8)


def _halved(x):
    y = np.sin(x)
    while y.size > 1:
        if y.size % 2:
            y = np.append(y, 1.0)
        y = y[::2] * y[1::2] + y[::2]
    return y[0]


def test_hessians_of_loops_that_change_extents() -> None:
    x, v = np.random.default_rng(0).random((2, 7))
    _, along = wg.jvp(wg.grad(_halved))((x,), (v,))
    np.testing.assert_allclose(wg.hessian(_halved)(x) @ v, along, rtol=1e-10)


def _overwrite(x, y):
    if x[0] < y[0]:
        x[:] = np.sin(y)


def test_what_a_branch_overwrites_can_be_batched() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 4, 5))
    _, found = wg.batch(_overwrite)(x, y)
    np.testing.assert_allclose(found, np.where(x[:, :1] < y[:, :1], np.sin(y), x), rtol=1e-12)
    assert (x[:, 0] < y[:, 0]).any() and not (x[:, 0] < y[:, 0]).all()
    with pytest.raises(ValueError):
        wg.batch(_overwrite)(x, y[:, :3])


def _left_from_an_inner_loop(y, x):
    for i in range(len(x) - 1, -1, -1):
        y[1:] += 0.3 * np.cos(y[:-1])
        if i % 2 == 0:
            break
        for j in range(len(x) - 1, -1, -1):
            y[0] = 0.3 * np.sin(np.sum(x) * x[j])
            if y[-2] < 0.25:
                return y
    return y


def test_what_is_returned_from_an_inner_loop_has_extents_of_its_own_in_each_trip() -> None:
    """The place of the returned array is empty in the last trip, and was not in the one before."""
    point, move = (np.linspace(0.5, 2.0, 6), np.array([0.3, 0.5, 0.2, 0.7])), (np.full(6, 0.3), np.array([1.0, 2.0, -1.0, 0.5]))
    weights = np.arange(6.0) + 1
    _, (ahead, _) = wg.jvp(_left_from_an_inner_loop)(point, move)
    _, back = wg.vjp(_left_from_an_inner_loop)(point, (weights, np.zeros(6)))
    assert sum(np.sum(a * b) for a, b in zip(back, move, strict=True)) == pytest.approx(np.sum(weights * ahead), rel=1e-13)


def _compared_with_its_own_cosine(y):
    least = np.cos(y[0])
    for _ in range(2):
        y[y < least] = np.cos(y[y < least])
    return y


@pytest.mark.parametrize(("f", "doubtful"), [(_compared_with_its_own_cosine, True), (_overwrite, False)])
def test_a_cosine_compared_with_itself_hangs_on_its_last_digit(f, doubtful: bool) -> None:
    """From vector code in the array and from the C library in the number: a random program did this, and was called wrong."""
    arguments = [np.array([0.3, 1.2, 0.9]), np.array([0.5, 0.2, 0.1])][: 1 + (f is _overwrite)]
    assert in_doubt(trace(f, signature_of(tuple(arguments))).function, arguments) is doubtful
