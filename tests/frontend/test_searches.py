"""argmax and argmin of long axes, in blocks: the first of equal elements, or the first NaN."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg


def vector(x):
    return np.argmax(x), np.argmin(x), np.argmin(x[::-2]), np.argmax(x * x)


def axes(x):
    return np.argmax(x, axis=1), x.argmin(axis=-1), np.argmax(x, axis=0), x.argmin()


_compiled = {f: wg.jit(f) for f in (vector, axes)}


@pytest.mark.parametrize("n", [17, 64, 65, 129, 300])
@pytest.mark.parametrize(
    ("dtype", "what"), [("i8", "ties"), ("i8", "last"), *[("f4", w) for w in ("ties", "nan", "-inf", "inf", "zeros", "last")]]
)
def test_the_first_is_found(dtype: str, n: int, what: str) -> None:
    x = np.random.default_rng(n).integers(0, 15, n).astype(dtype)
    if what == "last":
        x[-1] = 15
    elif what == "nan":
        x[n // 2] = x[-1] = np.nan
    elif what == "zeros":
        x[:] = 0.0
        x[n // 2 :] = -0.0
    elif what != "ties":
        x[:] = float(what)
    for function, argument in ((vector, x), (axes, np.stack([x, x[::-1], x]))):
        for given, wanted in zip(_compiled[function](argument), function(argument), strict=True):
            assert np.asarray(given).dtype == np.asarray(wanted).dtype
            np.testing.assert_array_equal(given, wanted)


def test_of_nothing() -> None:
    with pytest.raises(ValueError, match="empty sequence"):
        _compiled[vector](np.zeros(0))


def test_the_position_is_of_numpy_s_kind() -> None:
    x = np.ones(40, np.float32)
    for f in (lambda x: np.argmax(x) * x[0], lambda x: np.argmax(x) + np.int8(1)):
        assert wg.jit(f)(x).dtype == f(x).dtype
