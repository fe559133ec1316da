"""NumPy functions written in the language: against NumPy, and their derivatives against differences."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np
import pytest

import wengert as wg

rng = np.random.default_rng(0)
X, Y, A = rng.standard_normal(7), rng.standard_normal(4), rng.standard_normal((3, 4, 5))
KNOTS = np.sort(rng.standard_normal(6))
HOLES = np.where(rng.uniform(size=(3, 4)) < 0.3, np.nan, rng.standard_normal((3, 4)))
TIES = rng.integers(0, 3, 40)
MODES, AXES = ("full", "same", "valid"), (None, 0, 1, -1)


def case(f: Any, *args: Any, **options: Any) -> Any:
    return f, args, options


CASES: dict[str, Any] = {
    **{f"{f.__name__} {k}": case(f, A, axis=k) for f in (np.cumsum, np.cumprod, np.argmax, np.argmin, np.sort, np.median) for k in AXES},
    **{f"{f.__name__} {x.dtype} {x.ndim}": case(f, x) for f in (np.cumsum, np.cumprod, np.argmax, np.argmin, np.sort)
       for x in (TIES, TIES.astype(np.uint8), X.astype(np.float32), TIES.reshape(8, 5), TIES > 1)},
    **{f"{f.__name__} {m} {len(a)} {len(b)}": case(f, a, b, mode=m) for f in (np.convolve, np.correlate) for m in MODES
       for a, b in ((X, Y), (Y, X), (X, X), (X[:6], Y[:3]), (X[:1], Y), (TIES, TIES[:4]), (TIES.astype(np.int8), TIES[:5]))},
    **{f"{f.__name__} {k}": case(f, HOLES, axis=k) for f in (np.nansum, np.nanprod, np.nanmean, np.nanvar, np.nanstd, np.argmax, np.sort, np.median) for k in AXES},
    **{f"searchsorted {s} {x.dtype}": case(np.searchsorted, np.append(x, x[-1:]), np.append(x, x[2]), side=s) for s in ("left", "right") for x in (KNOTS, np.sort(TIES))},
    "searchsorted number": case(np.searchsorted, KNOTS, 0.1),
    "searchsorted nan": case(np.searchsorted, np.array([0.0, 1, np.nan, np.nan]), np.array([np.nan, 2.0]), side="right"),
    "searchsorted empty": case(np.searchsorted, KNOTS[:0], X),
    "searchsorted matrix": case(np.searchsorted, KNOTS, A),
    "digitize": case(np.digitize, X, KNOTS), "digitize right": case(np.digitize, KNOTS, KNOTS, right=True),
    "interp": case(np.interp, np.linspace(-3, 3, 50), KNOTS, X[:6]), "interp matrix": case(np.interp, A, KNOTS, X[:6]),
    "interp ends": case(np.interp, np.array([-9.0, 9, np.nan]), KNOTS, X[:6], -1.0, 2.0),
    "interp at knots": case(np.interp, KNOTS, KNOTS, X[:6]), "interp number": case(np.interp, 0.3, KNOTS, X[:6]),
    "interp integers": case(np.interp, TIES, np.array([0, 1, 2]), np.array([3, 1, 2])),
    "interp one knot": case(np.interp, X, KNOTS[:1], X[:1]),
    "interp infinite": case(np.interp, np.array([0.0, 0.5, 1.0]), np.array([0.0, 1.0]), np.array([1.0, np.inf])),
    "convolve complex": case(np.convolve, X + 1j, Y - 2j),
    "kron": case(np.kron, X, Y), "kron matrices": case(np.kron, A[0], A[1]), "outer": case(np.outer, A[0], X),
    "polyval": case(np.polyval, Y, A), "polyval number": case(np.polyval, Y, 0.5), "polyval integers": case(np.polyval, TIES[:3], X),
    "gradient": case(np.gradient, X), "gradient spacing": case(np.gradient, X[:6], 0.25), "gradient places": case(np.gradient, X[:6], KNOTS),
    "gradient float32": case(np.gradient, X.astype(np.float32)),
    "sort of nan": case(np.sort, np.array([1.0, np.nan, -1, np.inf, np.nan, -np.inf])),
    "sort of none": case(np.sort, X[:0]),
    "argsort": case(np.argsort, X), "argsort rows": case(np.argsort, A), "argsort columns": case(np.argsort, A, axis=0),
    "argsort of nan": case(np.argsort, np.array([1.0, 3.0, -1, np.inf, np.nan, -np.inf])),
    **{f"quantile {q} {k}": case(np.quantile, A, q, axis=k) for q in (0.0, 0.2, 0.9, 1.0) for k in AXES},
    "percentile": case(np.percentile, X, 30.0), "percentile of nan": case(np.percentile, HOLES, 30, axis=1),
    **{f"{f.__name__} started {x.dtype}": case(f, x, initial=3) for f in (np.sum, np.prod, np.max, np.min) for x in (X, TIES, X[:0], X.astype(np.float32))},
    **{f"{f.__name__} where {k}": case(lambda a, f=f, k=k: f(a, axis=k, where=a > 0, initial=1.5), A) for f in (np.sum, np.prod, np.max, np.min) for k in AXES},
    **{f"{f.__name__} where": case(lambda a, f=f: f(a > 0, axis=0, where=a[0] < 1), A) for f in (np.any, np.all)},
    **{f"sum as {d.__name__}": case(np.sum, TIES * 99, dtype=d) for d in (np.int8, np.uint16, np.int32, np.float32)},
    **{f"average {k}": case(lambda a, w, k=k: np.average(a, axis=k, weights=w, returned=True)[0], A, w) for k, w in ((None, A * A), (0, Y[:3] ** 2), (1, np.arange(4)), (-1, X[:5] ** 2))},
    "average returned": case(lambda a: np.average(a, axis=1, returned=True)[1], A), "average kept": case(np.average, A, axis=1, keepdims=True),
    "sum of weights": case(lambda a: np.average(a, axis=1, weights=np.arange(4), returned=True)[1], A), "average of integers": case(lambda i: np.average(i, weights=i), TIES),
    **{f"heaviside {x.dtype}": case(np.heaviside, x, 0.5) for x in (X, X.astype(np.float32), TIES)}, "float_power": case(np.float_power, TIES, 2), "float_power float32": case(np.float_power, np.abs(X.astype(np.float32)), 1.5),
    **{f"order F {k}": case(lambda a, g=g: g(a), A) for k, g in enumerate((lambda a: a.ravel("F"), lambda a: a.reshape((5, -1), order="F"), lambda a: np.reshape(a, (3, 4, 5), order="F"), lambda a: a.flatten(order="F")))},
    "flat": case(lambda a: a.flat[7] + sum(v * v for v in a.flat), A), "size in bytes": case(lambda a: a.nbytes + a.itemsize, A),
    **{f"{name} of {k}": case(lambda a, g=getattr(np, name), k=k: g(a, k), A) for name, qs in (("quantile", ([0.1, 0.5], (0.2, 0.9, 1.0))), ("percentile", ([25, 75],))) for k in qs},
    "quantiles along an axis": case(lambda a: np.quantile(a, np.array([[0.1, 0.9]]), axis=1), A), "quantiles of float32": case(lambda a: np.quantile(a, [0.1, 0.9]), X.astype(np.float32)),
    **{f"kept {f.__name__} {k}": case(lambda a, f=f, k=k: f(a, axis=k, keepdims=True), A) for f in (np.median, lambda a, axis, keepdims: np.quantile(a, 0.3, axis=axis, keepdims=keepdims)) for k in AXES},
    **{f"{f.__name__} {n}": case(lambda x, f=f, n=n: f(n) * x, 1.0) for f in (np.hanning, np.hamming, np.blackman, np.bartlett) for n in (0, 1, 2, 7)},
    **{f"{f.__name__} of polynomials": case(f, X, TIES[:3]) for f in (np.polyadd, np.polysub, np.polymul)}, "polyder": case(np.polyder, X, 2), "polyint": case(np.polyint, TIES[:4], 2),
    **{f"{f.__name__} {k}": case(f, HOLES[1:], axis=k) for f in (np.nanmedian, np.nanargmax, np.nanargmin, np.nancumsum, np.nancumprod) for k in AXES},
    "nanpercentile": case(np.nanpercentile, HOLES, 30, axis=0), "isposinf": case(np.isposinf, X / 0), "isneginf": case(np.isneginf, X / 0), "logaddexp2": case(np.logaddexp2, X, X[::-1]),
    "gcd": case(np.gcd, TIES * 6 - 5, TIES[::-1] * 4), "gcd number": case(np.gcd, TIES * 6, 4), "lcm": case(np.lcm, TIES * 6 - 5, 4), "setxor1d": case(np.setxor1d, TIES[:5], TIES[7:9] + 1),
    "block": case(lambda a: np.block([[a[0], np.zeros((4, 1))], [np.ones((1, 5)), 5.0]]), A), "block of vectors": case(lambda x, y: np.block([x, y, 1.0]), X, Y),
    "fromfunction": case(lambda x: x * np.fromfunction(lambda i, j: 2 * i + j, (3, 4)), 0.5), "partition": case(lambda x: np.partition(x, 3)[3] + x[np.argpartition(x, 2)[2]], X),
    "diagflat": case(np.diagflat, X[:3]), "dsplit": case(lambda a: np.dsplit(a[:, :, :4], 2)[1], A), "vecdot": case(np.vecdot, A, A), "vector norm": case(np.linalg.vector_norm, A),
    **{f"atleast_3d {k}": case(np.atleast_3d, x) for k, x in enumerate((X, A[0], A))}, "broadcast arrays": case(lambda a, x: np.broadcast_arrays(x, a)[0], A, X[:5]),
    "tril_indices_from": case(lambda a: a[np.tril_indices_from(a, 1)], A[0]), "triu_indices_from": case(lambda a: a[np.triu_indices_from(a)], A[0]),
    **{f"arange {k}": case(lambda a, b, c: np.arange(a, b, c) * 1.0, *k) for k in ((2, 13, 3), (13, 2, -3), (13, 2, 3), (0, 12, 3))},
    "append to a number": case(lambda x: np.append(x[0], x[1:] - 0.9 * x[:-1]), X), "append": case(lambda x: np.append(x, 3.0), X),
    "median of float32": case(np.median, X.astype(np.float32)), "median even": case(np.median, Y), "median of integers": case(np.median, TIES),
}  # fmt: skip


FIRST: dict[Any, str] = {}
for first, (f, _, options) in CASES.items():
    FIRST.setdefault((f, repr(options)), first)


def shared(name: str) -> str:
    """The first of the cases that differ in their arguments only: one compiled function serves arguments of many shapes."""
    f, _, options = CASES[name]
    return FIRST[f, repr(options)]


@cache
def compiled(name: str) -> Any:
    f, _, options = CASES[name]
    g = partial(f, **options)
    return wg.jit(lambda *xs: g(*xs))


def loss(name: str, *args: Any) -> Any:
    f, _, options = CASES[name]
    return np.sum(np.sin(f(*args, **options)))


@cache
def gradient(name: str, position: int) -> Any:
    f, _, options = CASES[name]
    g = partial(f, **options)
    return wg.grad(lambda *xs: np.sum(np.sin(g(*xs))), wrt=position)


@pytest.mark.parametrize("name", CASES)
def test_as_numpy(name: str) -> None:
    f, args, options = CASES[name]
    with np.errstate(all="ignore"):
        want = f(*args, **options)
    got = compiled(shared(name))(*args)
    assert (np.asarray(got).dtype, np.shape(got)) == (np.asarray(want).dtype, np.shape(want))
    single = np.asarray(want).dtype == np.float32
    np.testing.assert_allclose(got, want, rtol=1e-5 if single else 1e-12, atol=1e-6 if single else 1e-13)


WRITING: dict[str, Any] = {
    "fill_diagonal": lambda a, x: np.fill_diagonal(a, 5), "diagonal of a vector": lambda a, x: np.fill_diagonal(a, x[:2]), "put": lambda a, x: np.put(x, [0, 2, -1], [5, 6]),
    "putmask": lambda a, x: np.putmask(a, a > 0, 0), "putmask of several": lambda a, x: np.putmask(x, x > 0, a[0]), "copyto": lambda a, x: np.copyto(a, x[:5]),
    "copyto where": lambda a, x: np.copyto(a, x[:5], where=a > 0),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITING)
def test_writing(name: str) -> None:
    f = WRITING[name]
    wanted, got = (A[0].copy(), X.copy()), (A[0].copy(), X.copy())
    f(*wanted)
    wg.jit(lambda a, x: f(a, x))(*got)
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(a, b)


SMOOTH = [
    name for name, (f, args, options) in CASES.items()
    if all(np.asarray(x).dtype == np.float64 and np.all(np.isfinite(x)) for x in args if isinstance(x, np.ndarray))
    and any(isinstance(x, np.ndarray) and x.size for x in args) and np.asarray(f(*args, **options)).dtype == np.float64
    and name != "interp at knots"
]  # fmt: skip


@pytest.mark.parametrize("name", SMOOTH)
def test_derivative(name: str) -> None:
    _, args, _ = CASES[name]
    for position in [k for k, x in enumerate(args) if isinstance(x, np.ndarray)]:
        step = 1e-6 * np.random.default_rng(1).standard_normal(args[position].shape)
        ends = [loss(name, *args[:position], args[position] + s * step, *args[position + 1 :]) for s in (1, -1)]
        found = np.sum(gradient(shared(name), position)(*args) * step)
        assert 1e6 * found == pytest.approx(1e6 * (ends[0] - ends[1]) / 2, rel=1e-4, abs=1e-7)


def test_derivative_at_a_knot_and_around_nan() -> None:
    slope = wg.grad(lambda x: np.interp(x, np.array([0.0, 1.0, 3.0]), np.array([1.0, 2.0, 8.0])))
    assert [slope(x) for x in (0.5, 1.0, 2.0, 4.0)] == [1.0, 3.0, 3.0, 0.0]
    got = wg.grad(lambda x: np.nansum(x * x))(np.array([1.0, np.nan, 3.0]))
    np.testing.assert_array_equal(got[[0, 2]], [2.0, 6.0])


@pytest.mark.parametrize("name", ["sort", "interp", "convolve", "argmax", "cumsum", "median"])
def test_batches(name: str) -> None:
    f: Any = {
        "sort": np.sort, "interp": lambda x: np.interp(x, np.arange(3.0), np.array([1.0, 0.0, 4.0])), "argmax": np.argmax,
        "convolve": lambda x: np.convolve(x, x[:3], "same"), "cumsum": np.cumsum, "median": np.median,
    }[name]  # fmt: skip
    rows = np.random.default_rng(3).standard_normal((4, 6))
    np.testing.assert_allclose(wg.batch(lambda x: f(x))(rows), [f(r) for r in rows], rtol=1e-12)


@pytest.mark.parametrize("dtype", "?bHiLfd")
def test_orders_are_those_of_numpy(dtype: str) -> None:
    x = np.append((rng.random((3, 40)) * 9).astype(dtype), np.zeros((1, 40), dtype), 0)
    if dtype in "fd":
        x[0, 3::7], x[3, ::3], x[2, 8] = np.nan, -0.0, -np.inf
    compiled = wg.jit(lambda x: (np.sort(x, axis=0), np.sort(x[:, ::-2]), np.argsort(x), np.argsort(x, axis=0, kind="stable")))
    wanted = np.sort(x, axis=0), np.sort(x[:, ::-2]), np.argsort(x), np.argsort(x, axis=0, kind="stable")
    for a, b in zip(compiled(x), wanted, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not a.dtype.kind == "f" or (np.signbit(a) == np.signbit(b)).all()


REFUSED: dict[str, Any] = {
    "weights": (lambda x: np.average(x, weights=x[0, 0]), A), "no weight": (lambda x: np.average(x, weights=x * 0), X), "no start": (lambda x: np.max(x, where=x > 0), X), "start of another type": (lambda i: np.sum(i, initial=0.5), TIES),
    "of vectors": (lambda x: np.convolve(x, x), A), "complex": (lambda x: np.sort(x), X + 1j),
    "edge_order": (lambda x: np.gradient(x, edge_order=3), X),
    "mode": (lambda x: np.convolve(x, x, "other"), X), "descending": (lambda x: np.digitize(x, x), np.array([2.0, 1.0])),
    "empty": (lambda x: np.convolve(x, x), X[:0]), "lengths": (lambda x: np.interp(x, x, x[1:]), KNOTS),
    "no extreme": (lambda x: np.argmax(x, axis=1), A[:, :0]),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    f, x = REFUSED[name]
    with pytest.raises(Exception, match=r"test_library\.py") as error:
        wg.jit(f)(x)
    assert "written.py" not in str(error.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda: wg.jit(lambda x, r: x + r.normal())(X, np.random.default_rng(0)),
        lambda: wg.jit(lambda x: x + rng.standard_normal())(X),
        lambda: wg.jit(lambda x: x + np.random.rand(7))(X),
    ],
    ids=["argument", "captured", "global state"],
)
def test_random_numbers_are_drawn_before(call: Any) -> None:
    with pytest.raises(wg.errors.WengertError, match="Draw the numbers before the call and pass the array"):
        call()
