"""np.einsum against NumPy's, and its derivative against differences."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg

CASES = {
    "ij,jk->ik": "ab bc", "ij,jk": "ab bc", "ij,kj->ki": "ab cb", "bij,bjk->bik": "abc acb", "ij,ij->": "ab ab",
    "ij,ij->j": "ab ab", "i,j->ji": "a b", "ij->ji": "ab", "ij->i": "ab", "ij->": "ab", "ba": "ab", "ijk,k->ij": "abc c",
    "ij,j,k->ki": "ab b c", "ij,jk,kl->il": "ab bc cd", "ij,kl->il": "ab cd", "bij,bij->b": "abc abc", "ij,jk->": "ab bc",
    "iij->j": "aab", "iij->ij": "aab", "iij": "aab", "ii": "aa", "ii->i": "aa", "iii->i": "aaa", "ii,i->i": "aa a", "i,j,k->": "a b c",
    "...ij,...jk->...ik": "dab dbc", "...ij->...": "dab", "i...->...": "ab", "ij,...j->...i": "ab dab", "...,...": "ab ab",
}  # fmt: skip


def arguments(shapes, dtype=np.float64):
    rng, extents = np.random.default_rng(0), dict(zip("abcd", (3, 4, 5, 2)))
    return [(3 * rng.standard_normal([extents[s] for s in shape])).astype(dtype) for shape in shapes.split()]


@pytest.mark.parametrize("subscripts", CASES)
def test_as_numpy(subscripts):
    def f(*xs):
        return np.einsum(subscripts, *xs)

    for dtype in (np.float64, np.int32):
        xs = arguments(CASES[subscripts], dtype)
        got, want = np.asarray(wg.jit(f)(*xs)), np.asarray(f(*xs))
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("subscripts", [s for s in CASES if "," in s])
def test_derivative(subscripts):
    def f(*xs):
        return np.sum(np.sin(np.einsum(subscripts, *xs) / 10))

    xs = arguments(CASES[subscripts])
    step = 1e-6 * np.ones_like(xs[0])
    wanted = (f(xs[0] + step, *xs[1:]) - f(xs[0] - step, *xs[1:])) / 2
    assert np.sum(wg.grad(f)(*xs) * step) == pytest.approx(wanted, rel=1e-5, abs=1e-12)


@pytest.mark.parametrize("subscripts", ["ij,jk->ii", "ij,jk->iq", "ij", "ij,jk,kl", "iij,jk->k"])
def test_refusals(subscripts):
    with pytest.raises(wg.errors.WengertError):
        wg.jit(lambda a, b: np.einsum(subscripts, a, b))(np.eye(3), np.eye(3))


@pytest.mark.parametrize("a", [(4,), (2, 4), (3, 2, 4), (1, 2, 4), (5, 1, 2, 4)])
@pytest.mark.parametrize("b", [(4,), (4, 2), (3, 4, 2), (1, 4, 2), (5, 3, 4, 2)])
def test_matmul_of_any_rank(a, b):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(a), rng.standard_normal(b)
    got = wg.jit(lambda x, y: x @ y)(x, y)
    assert np.shape(got) == np.shape(x @ y)
    np.testing.assert_allclose(got, x @ y, rtol=1e-12, atol=1e-14)
    gradient = wg.grad(lambda x, y: np.sum((x @ y) ** 2))(x, y)
    wanted = (np.sum(((1 + 1e-6) * x @ y) ** 2) - np.sum(((1 - 1e-6) * x @ y) ** 2)) / 2e-6
    assert np.sum(gradient * x) == pytest.approx(wanted, rel=1e-6)
