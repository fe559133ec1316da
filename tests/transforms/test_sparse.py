"""Sparse Jacobians: found and given patterns, colours, and what is refused."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import wengert as wg

RNG = np.random.default_rng(0)


def ring(x, k):
    y = np.empty_like(x)
    n = x.shape[0]
    for i in range(n):
        y[i] = x[i] * x[i - 1] * k + np.sin(x[(i + 1) % n])
    return y


def arrow(x):
    y = x * x
    y[1:] += x[0]
    y[0] = np.sum(x)
    return y


def plane(a, b):
    c = a.copy()
    c[1:-1, 1:-1] += a[:-2, 1:-1] * b + a[2:, 1:-1] * a[1:-1, :-2]
    return c


def product(a, b):
    return a @ b


def solved(x, a):
    return np.linalg.solve(a, x) * x


def branches(x):
    y = np.zeros(x.shape[0])
    for i in range(x.shape[0]):
        if x[i] > 0:
            y[i] = x[i] ** 2
        else:
            y[i] = x[0]
    return y


def gathered(x, at):
    y = np.zeros(3)
    for k in range(at.shape[0]):
        y[at[k] % 3] += x[at[k]] ** 2
    return y


def halved(x):
    y = x.copy()
    while np.max(np.abs(y)) > 0.5:
        y *= 0.5
        y[1:] += 0.1 * y[:-1]
    return y


def times(x):
    return x * np.arange(1.0, 6.0)


ALL = [
    (ring, (RNG.standard_normal(130), 2.0), 390),
    (arrow, (RNG.standard_normal(9),), 25),
    (plane, (RNG.standard_normal((9, 8)), 0.5), None),
    (product, (RNG.standard_normal((4, 3)), RNG.standard_normal((3, 5))), 60),
    (solved, (RNG.standard_normal(4), RNG.standard_normal((4, 4))), 16),
    (branches, (RNG.standard_normal(70),), 70),
    (gathered, (RNG.standard_normal(70), np.array([3, 69, 4, 3, 64])), 4),
    (halved, (RNG.standard_normal(6),), None),
    (times, (2.0,), 5),
]


@pytest.mark.parametrize(("f", "args", "entries"), ALL, ids=[f.__name__ for f, *_ in ALL])
def test_sparse_is_the_dense_one(f: Any, args: tuple[Any, ...], entries: int | None) -> None:
    dense = np.asarray(wg.jacobian(f)(*args)).reshape(-1, np.size(args[0]))
    for mode in ("forward", "reverse"):
        jacobian = wg.jacobian(f, mode=mode, sparsity="detect")
        found = jacobian(*args)
        np.testing.assert_allclose(found.toarray(), dense, atol=1e-12)
        if entries is not None:
            assert found.nnz == entries and jacobian.chosen_mode == mode
        given = wg.jacobian(f, mode=mode, sparsity=jacobian.pattern(*args))
        np.testing.assert_array_equal(given(*args).toarray(), found.toarray())


def test_as_many_sweeps_as_colours() -> None:
    tridiagonal = np.triu(np.tril(np.ones((50, 50)), 1), -1)
    jacobian = wg.jacobian(plain_diffusion, sparsity=tridiagonal)
    x = RNG.standard_normal(50)
    np.testing.assert_allclose(jacobian(x).toarray(), wg.jacobian(plain_diffusion)(x), atol=1e-13)
    assert jacobian.colours == 3
    tall = wg.jacobian(arrow, sparsity="detect")
    tall(RNG.standard_normal(9))
    assert tall.colours == 9  # the row and the column that are full


def plain_diffusion(x):
    y = -2.0 * x
    y[1:] += x[:-1] ** 2
    y[:-1] += x[1:]
    return y


def test_without_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    found = wg.jacobian(times, sparsity="detect")(2.0)
    assert isinstance(found, wg.Coo) and found.shape == (5, 1)
    np.testing.assert_array_equal(found.data, np.arange(1.0, 6.0))
    again = wg.jacobian(times, sparsity=found)(2.0)
    np.testing.assert_array_equal(again.row, found.row)


@pytest.mark.parametrize(
    ("options", "args", "says"),
    [
        ({"sparsity": np.eye(130)}, (RNG.standard_normal(130), 2.0), "leaves out entries of the Jacobian, in row 0"),
        ({"sparsity": np.eye(130)}, (RNG.standard_normal(13), 2.0), "for 130 elements, and there are 13"),
        ({"sparsity": np.ones((3, 13)), "mode": "forward"}, (RNG.standard_normal(13), 2.0), r"shape \(3, 13\)"),
        ({"sparsity": "guess"}, (), "detect"),
        ({"sparsity": np.ones(3)}, (), "shape"),
        ({"sparsity": "detect", "mode": "sideways"}, (), "forward"),
        ({"sparsity": "detect", "wrt": (0, 1)}, (), "one argument"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], args: tuple[Any, ...], says: str) -> None:
    with pytest.raises(wg.errors.OptionError, match=says):
        wg.jacobian(ring, **options)(*args)


@pytest.mark.parametrize("wrt", [0, 1])
def test_one_array_of_floats_each_way(wrt: int) -> None:
    def f(x, n):
        return x * n, x

    with pytest.raises(wg.errors.DifferentiationError, match="one array of floats"):
        wg.jacobian(f, wrt, sparsity="detect").pattern(RNG.standard_normal(3), 2)
