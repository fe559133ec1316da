"""Sparse Hessians: found and given patterns, star colours, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.transforms.colouring import star_colours


def chained(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def arrow(x):
    return np.sum(x[1:] ** 3) * 0.1 + x[0] * np.sum(np.sin(x[1:])) + np.exp(x[0])


def grid(u):
    return np.sum((u[1:] - u[:-1]) ** 4) + np.sum((u[:, 1:] - u[:, :-1]) ** 4) + np.sum(np.cos(u))


def springs(x, ends):
    total = 0.0
    for k in range(ends.shape[0]):
        total += np.sin(x[ends[k, 0]] - x[ends[k, 1]]) ** 2
    return total


RNG = np.random.default_rng(0)
ENDS = np.array([(i, j) for i, j in RNG.integers(0, 12, (16, 2)) if i != j])


@pytest.mark.parametrize(
    ("f", "args", "most"),
    [
        (chained, (RNG.normal(size=12),), 3),
        (arrow, (RNG.normal(size=12),), 2),
        (grid, (RNG.normal(size=(4, 5)),), 8),
        (springs, (RNG.normal(size=12), ENDS), 6),
    ],
    ids=lambda v: getattr(v, "__name__", None),
)
def test_as_the_dense_one(f, args, most):
    dense = np.asarray(wg.hessian(f)(*args)).reshape(args[0].size, -1)
    found = wg.hessian(f, sparsity="detect")
    np.testing.assert_allclose(found(*args).toarray(), dense, rtol=1e-12, atol=1e-12)
    assert found.colours <= most
    triangle = np.tril(found.pattern(*args).toarray())
    given = wg.hessian(f, sparsity=triangle)
    np.testing.assert_allclose(given(*args).toarray(), dense, rtol=1e-12, atol=1e-12)


def test_refused():
    x = RNG.normal(size=5)
    with pytest.raises(wg.errors.OptionError, match="leaves out entries"):
        wg.hessian(chained, sparsity=np.eye(5))(x)
    with pytest.raises(wg.errors.OptionError, match="square"):
        wg.hessian(chained, sparsity=np.ones((5, 4)))
    with pytest.raises(wg.errors.DifferentiationError, match="returns"):
        wg.hessian(lambda x: x * 2.0, sparsity="detect")(x)


@pytest.mark.parametrize("density", [0.05, 0.2, 0.5])
def test_star_colours_give_every_entry(density):
    """Each entry (i, j) is alone of its colour in its row, or in that of the other triangle."""
    for _ in range(20):
        full = np.triu(RNG.random((25, 25)) < density)
        full |= full.T
        colour = star_colours(*np.nonzero(full), 25)
        for i, j in np.argwhere(full):
            alone = [np.count_nonzero(colour[full[a]] == colour[b]) == 1 for a, b in ((i, j), (j, i))]
            assert any(alone)
