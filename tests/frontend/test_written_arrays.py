"""The functions of written_arrays.py, written_statistics.py and written_sets.py, interpreted and compiled, against NumPy;
derivatives of the smooth ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.frontend.oracle import check
from wengert.compiler.ir.tree import flatten

rng = np.random.default_rng(0)
X, A = rng.standard_normal(9), rng.standard_normal((3, 4))
V = A[::-1, ::2]
EDGES = np.array([-1.0, -0.5, 0.0, 0.7, 2.0])
TIES = rng.integers(0, 5, 20)
HOLES = np.where(rng.uniform(size=(3, 4)) < 0.3, np.nan, A)
HOLES[1] = np.nan
WEIGHTS = rng.uniform(size=9)

CASES: dict[str, Any] = {
    "histogram": (lambda x: np.histogram(x), X), "histogram bins": (lambda x: np.histogram(x, bins=4), A),
    "histogram range": (lambda x: np.histogram(x, 7, (-1, 1)), X), "histogram float32": (lambda x: np.histogram(x, 5), X.astype(np.float32)),
    "histogram integers": (lambda x: np.histogram(x, 5), TIES), "histogram edges": (lambda x, e: np.histogram(x, e), X, EDGES),
    "histogram on edges": (lambda e: np.histogram(e, e), EDGES), "histogram empty": (lambda x: np.histogram(x, 3), X[:0]),
    "histogram of one value": (lambda x: np.histogram(x, 3), np.ones(4)), "histogram nan": (lambda x, e: np.histogram(x, e), HOLES, EDGES),
    "histogram density": (lambda x, e: np.histogram(x, e, density=True), X, EDGES),
    "histogram weights": (lambda x, w: np.histogram(x, 4, weights=w), X, WEIGHTS),
    "histogram2d": (lambda x, y: np.histogram2d(x, y, 4), X, WEIGHTS), "histogram2d bins": (lambda x, y, e: np.histogram2d(x, y, (3, e)), X, X[::-1], EDGES),
    "histogram2d density": (lambda x, y: np.histogram2d(x, y, 3, density=True), X, WEIGHTS),
    "bincount": (lambda x: np.bincount(x), TIES), "bincount weights": (lambda x, w: np.bincount(x, w), TIES[:9], WEIGHTS),
    "bincount minlength": (lambda x, n: np.bincount(x, minlength=n), TIES, 9), "bincount none": (lambda x: np.bincount(x, minlength=2), TIES[:0]),
    **{f"{f.__name__} {k} {x.dtype} {x.ndim}": (lambda v, f=f, k=k: f(v, k), x) for f in (np.tril, np.triu) for k in (-1, 0, 2)
       for x in (A, V, A + 1j, TIES.reshape(4, 5), rng.standard_normal((2, 3, 3)))},
    "tri": (lambda n: np.tri(n, 4, 1), 3), "tril_indices": (lambda n: np.tril_indices(n), 4), "triu_indices": (lambda n: np.triu_indices(n, 1), 4),
    "diag_indices": (lambda n: np.diag_indices(n), 4), "vander": (lambda x: np.vander(x), X[:4]),
    "vander increasing": (lambda x: np.vander(x, 3, increasing=True), TIES), "cov": (lambda a: np.cov(a), A), "cov vector": (lambda x: np.cov(x), X),
    "cov of two": (lambda x, y: np.cov(x, y, ddof=0), X, WEIGHTS), "cov columns": (lambda a: np.cov(a, rowvar=False), V), "corrcoef": (lambda a: np.corrcoef(a), A),
    "corrcoef of two": (lambda x, y: np.corrcoef(x, y), X, WEIGHTS), "corrcoef vector": (lambda x: np.corrcoef(x), X),
    **{f"{f.__name__} {k}": (lambda v, f=f, k=k: f(v, axis=k), HOLES) for f in (np.nanmax, np.nanmin) for k in (None, 0, 1)},
    "fmax": (lambda a, b: np.fmax(a, b), HOLES, A), "fmin": (lambda a, b: np.fmin(a, b), A, HOLES),
    "unwrap": (lambda x: np.unwrap(x), 5 * X), "unwrap axis": (lambda a: np.unwrap(a, axis=0), 9 * A), "unwrap period": (lambda a: np.unwrap(a, period=1.0), 3 * X),
    "ediff1d": (lambda x: np.ediff1d(x), A), "ediff1d ends": (lambda x: np.ediff1d(x, 9.0, 8.0), X),
    **{f"rot90 {k}": (lambda a, k=k: np.rot90(a, k), A) for k in (0, 1, 2, 3, -1)}, "rollaxis": (lambda a: np.rollaxis(a, 1), A),
    **{f"pad {m}": (lambda x, m=m: np.pad(x, 2, m), X) for m in ("constant", "edge", "reflect", "symmetric", "wrap")},
    **{f"pad far {m}": (lambda x, m=m: np.pad(x, (5, 7), m), X[:3]) for m in ("edge", "reflect", "symmetric")},
    "pad matrix": (lambda a: np.pad(a, ((1, 2), (0, 3)), constant_values=7), V), "pad matrix reflect": (lambda a: np.pad(a, ((1, 2), (0, 1)), "reflect"), A),
    "pad integers": (lambda a, n: np.pad(a, n), TIES, 3), "tile": (lambda x: np.tile(x, 3), X), "tile matrix": (lambda a: np.tile(a, (2, 3)), V),
    "tile vector to matrix": (lambda x: np.tile(x, (2, 1)), X), "tile along the last": (lambda a: np.tile(a, 2), A),
    "repeat": (lambda x: np.repeat(x, 3), A), "repeat axis": (lambda a: np.repeat(a, 2, axis=0), V), "repeat counts": (lambda x, c: np.repeat(x, c), X, TIES[:9]),
    "repeat counts axis": (lambda a, c: np.repeat(a, c, axis=1), A, np.array([0, 2, 1, 3])),
    "array_split": (lambda x: np.array_split(x, 4), X), "split": (lambda x: np.split(x, 3), X), "split at": (lambda x: np.split(x, (2, 5)), X),
    "hsplit": (lambda a: np.hsplit(a, 2), A), "vsplit": (lambda a: np.vsplit(a, 3), A), "atleast_1d": (lambda x: np.atleast_1d(x), 2.5),
    "atleast_2d": (lambda x: np.atleast_2d(x), X), "column_stack": (lambda x, y: np.column_stack((x, y)), X, WEIGHTS),
    "append": (lambda x, y: np.append(x, y), A, X), "append number": (lambda x: np.append(x, 2.0), X), "append axis": (lambda a: np.append(a, a, axis=1), A),
    "isclose": (lambda a, b: np.isclose(a, b), np.array([1, 1, np.nan, np.inf, np.inf]), np.array([1 + 1e-9, 1.1, np.nan, np.inf, 1])),
    "isclose nan": (lambda a: np.isclose(a, a, equal_nan=True), HOLES), "allclose": (lambda a: np.allclose(a, a + 1e-12), A),
    "signbit": (lambda x: np.signbit(x), np.array([0.0, -0.0, -np.inf, np.nan, 2])), "sinc": (lambda x: np.sinc(x), np.array([0.0, 0.5, -1.5, 3])),
    "modf": (lambda x: np.modf(x), np.array([0.5, -2.25, np.inf, -np.inf, np.nan, -0.0])), "logspace": (lambda a: np.logspace(a, 2, 7), 0.5),
    "select": (lambda x: np.select([x < -1, x > 1], [x - 1, x * x], -x), 2 * X), "select default": (lambda x: np.select([x > 0], [x]), X),
    "unique": (lambda x: np.unique(x), TIES), "unique matrix": (lambda x: np.unique(x), TIES.reshape(4, 5)), "unique nan": (lambda x: np.unique(x), HOLES),
    "unique all": (lambda x: np.unique(x, return_index=True, return_inverse=True, return_counts=True), TIES), "unique none": (lambda x: np.unique(x), X[:0]),
    "isin": (lambda a, b: np.isin(a, b), TIES.reshape(4, 5), TIES[:2]), "union1d": (lambda a, b: np.union1d(a, b), TIES, TIES + 3),
    "intersect1d": (lambda a, b: np.intersect1d(a, b), TIES, TIES + 3), "setdiff1d": (lambda a, b: np.setdiff1d(a, b), TIES, TIES + 3),
    "lexsort": (lambda a, b: np.lexsort((a, b)), X, TIES[:9]), "cond": (lambda a: np.linalg.cond(a), A), "matrix_rank": (lambda a: np.linalg.matrix_rank(a), A[:, :1] @ A[:1]),
    "multi_dot": (lambda a: np.linalg.multi_dot([a, a.T, a]), A),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_as_numpy(name: str) -> None:
    f, *args = CASES[name]
    check(f, *args, rtol=1e-5 if "float32" in name else 1e-12)


COMPILED = [
    "histogram", "histogram edges", "histogram2d", "bincount minlength", "tril 0 float64 2", "cov", "unwrap axis", "pad matrix reflect",
    "pad matrix", "tile matrix", "repeat counts axis", "unique all", "setdiff1d", "lexsort", "select", "modf", "matrix_rank",
]  # fmt: skip


@pytest.mark.parametrize("name", COMPILED)
def test_compiled(name: str) -> None:
    f, *args = CASES[name]
    for got, want in zip(flatten(wg.jit(f)(*args))[0], flatten(f(*args))[0], strict=True):
        assert (np.asarray(got).dtype, np.shape(got)) == (np.asarray(want).dtype, np.shape(want))
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-13)


SMOOTH = [
    "tril 0 float64 2", "vander", "cov of two", "corrcoef", "unwrap", "pad reflect", "pad matrix", "tile matrix", "repeat counts",
    "histogram weights", "sinc", "select", "unique nan", "cond", "multi_dot", "ediff1d",
]  # fmt: skip


@pytest.mark.parametrize("name", SMOOTH)
def test_derivative(name: str) -> None:
    f, *args = CASES[name]
    if name == "unique nan":
        args = [A]

    def loss(*xs: Any) -> Any:
        made = f(*xs)
        return np.sum(np.sin(made[0] if name == "histogram weights" else made))

    position = 1 if name == "histogram weights" else 0
    step = 1e-6 * np.random.default_rng(1).standard_normal(args[position].shape)
    ends = [loss(*args[:position], args[position] + s * step, *args[position + 1 :]) for s in (1, -1)]
    found = np.sum(wg.grad(loss, wrt=position)(*args) * step)
    assert 1e6 * found == pytest.approx(1e6 * (ends[0] - ends[1]) / 2, rel=1e-4, abs=1e-7)


REFUSED: dict[str, Any] = {
    "negative": (lambda x: np.bincount(x), np.array([1, -1])), "falling": (lambda x: np.histogram(x, x[::-1]), EDGES),
    "mode": (lambda x: np.pad(x, 1, "mean"), X), "rule": (lambda x: np.histogram(x, "auto"), X), "uneven": (lambda x: np.split(x, 2), X),
    "not finite": (lambda x: np.histogram(x), HOLES),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    f, x = REFUSED[name]
    with pytest.raises(Exception, match=r"test_written_arrays\.py") as error:
        wg.jit(f)(x)
    assert "written" not in str(error.value).replace("test_written_arrays.py", "")


def test_dtype_of_an_array_of_float64() -> None:
    """`np.dtype("float64") == None` is true for NumPy, and once took the place of a dtype not given."""
    check(lambda x, k: (np.full(3, 7, dtype=x.dtype), np.sum(k, dtype=x.dtype), np.array([1, 2], dtype=x.dtype)), X, TIES)


def test_sinc_has_its_derivatives_at_zero():
    first = wg.grad(lambda x: np.sinc(x))
    assert (first(0.0), wg.grad(first)(0.0)) == (0.0, pytest.approx(-(np.pi**2) / 3, rel=1e-14))
