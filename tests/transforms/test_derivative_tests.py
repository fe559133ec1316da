"""The derivative tests tell right derivatives from wrong ones, kinks from smooth points, and rounding from both."""

import numpy as np
import pytest

from wengert.compiler.transforms.derivative_tests import (
    complex_step,
    differences,
    inner_product,
    moved,
    one_sided,
    random_direction,
    taylor,
)

X, V = [np.array([0.3, -1.2]), 2.0, 3], [np.array([0.5, 1.0]), -0.7, None]


def f(leaves):
    x, a, k = leaves
    return [np.sin(x) * a**2 + k, a * x[0], k]


RIGHT = [np.cos(X[0]) * 4 * V[0] + np.sin(X[0]) * 4 * V[1], V[1] * 0.3 + 2 * 0.5, None]


def test_taylor_falls_by_two_where_right_and_by_one_where_wrong():
    right, wrong = taylor(f, X, V, RIGHT), taylor(f, X, V, [1.01 * RIGHT[0], RIGHT[1], None])
    assert 1.95 < right.rate < 2.05 and right.passes()
    assert 0.9 < wrong.rate < 1.1 and not wrong.passes()
    assert taylor(lambda p: [3 * p[0]], [2.0], [1.0], [3.0]).passes()  # linear: rounding only
    assert not taylor(lambda p: [3 * p[0]], [2.0], [1.0], [2.0]).passes()
    with np.errstate(all="ignore"):  # leaves the domain: NaN
        assert not taylor(lambda p: [np.log(p[0])], [1e-3], [-1.0], [-1e3]).passes()


def test_differences_and_complex_step():
    for got, wanted in zip(differences(f, X, V), RIGHT, strict=True):
        assert (got is None) == (wanted is None)
        np.testing.assert_allclose(got, wanted, rtol=1e-11) if wanted is not None else None
    np.testing.assert_allclose(complex_step(f, X, V)[0], RIGHT[0], rtol=1e-15)
    with pytest.raises(TypeError):
        complex_step(f, [1j], [1.0])


def test_one_sided_slopes_see_a_kink():
    kink = one_sided(lambda p: [abs(p[0])], [0.0], [1.0])
    assert [s.gap for s in kink] == pytest.approx([2.0] * 4)
    smooth = one_sided(lambda p: [p[0] ** 2], [1.0], [1.0])
    assert smooth[-1].gap == pytest.approx(2e-5, rel=1e-3)


def test_inner_product():
    matrix, rng = np.array([[1.0, 2.0], [3.0, 4.0]]), np.random.default_rng(0)
    v, w = (random_direction(rng, np.zeros(2)) for _ in range(2))
    assert inner_product([w], [matrix @ v], [matrix.T @ w], [v]).error < 1e-15
    assert inner_product([w], [matrix @ v], [matrix @ w], [v]).error > 1e-3
    assert inner_product([None], [1.0], [2.0], [None]).error == 0
    assert random_direction(rng, 3) is None and random_direction(rng, 1j).dtype == np.complex128


def test_leaves_keep_their_dtype():
    x = moved([np.float32(1), 2], [np.float32(1), None], 1e-3)
    assert x[0].dtype == np.float32 and x[1] == 2
