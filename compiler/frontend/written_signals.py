"""Windows, polynomials, and what leaves out NaN; written in the language like `written`, which inlines them."""

from __future__ import annotations

from typing import Any

import numpy as np

# ruff: noqa: A002, E501, SIM108, PLR0124  # as in written.py
# mypy: disallow-untyped-defs=False, disallow-untyped-calls=False, check-untyped-defs=False

# -- windows


def _steps(M):
    """1 - M, 3 - M, ... M - 1, as NumPy's windows count."""
    return np.arange(1.0 - M, M, 2.0)


def _window(M, shape):
    """`shape` of the steps; a window of no place or of one has none."""
    if M < 1:
        return np.zeros(0)
    if M == 1:
        return np.ones(1)
    return shape(_steps(M))


def hanning(M):
    return _window(M, lambda n: 0.5 + 0.5 * np.cos(np.pi * n / (M - 1)))


def hamming(M):
    return _window(M, lambda n: 0.54 + 0.46 * np.cos(np.pi * n / (M - 1)))


def _blackman(angle):
    return 0.42 + 0.5 * np.cos(angle) + 0.08 * np.cos(2.0 * angle)


def blackman(M):
    return _window(M, lambda n: _blackman(np.pi * n / (M - 1)))


def bartlett(M):
    return _window(M, lambda n: np.where(n <= 0, 1 + n / (M - 1), 1 - n / (M - 1)))


# -- polynomials, the highest power first


def _coefficients(p):
    return np.atleast_1d(np.asarray(p))


def polyadd(a1, a2):
    p = _coefficients(a1)
    q = _coefficients(a2)
    n = max(p.shape[0], q.shape[0])
    made = np.zeros(n, dtype=(p[:0] + q[:0]).dtype)
    made[n - p.shape[0] :] += p
    made[n - q.shape[0] :] += q
    return made


def polysub(a1, a2):
    return polyadd(a1, -_coefficients(a2))


# -- without NaN


def _sorted_known(a, axis):
    """In ascending order along the last axis with NaN at the end, and how many are not NaN."""
    x = np.ravel(a) if axis is None else np.moveaxis(np.asarray(a), axis, -1)
    return np.sort(x, axis=-1), np.sum(x == x, axis=-1)


def _among(row, count, q):
    """The quantile of the first `count` of a sorted row."""
    if count == 0:
        return np.nan
    at = q * (count - 1)
    first = min(int(np.floor(at)), count - 1)
    t = at - first
    low = row[first]
    high = row[min(first + 1, count - 1)]
    step = high - low
    made = high - step * (1 - t)
    if t < 0.5:
        made = low + step * t
    return made


def nanquantile(a, q, axis=None):
    s, count = _sorted_known(a, axis)
    if not (q >= 0 and q <= 1):  # noqa: SIM300
        raise ValueError("Quantiles must be in the range [0, 1]")
    if s.ndim == 1:
        return (s[:0] / 1).dtype.type(_among(s, count, q))
    rows = s.reshape((-1, s.shape[-1]))
    counts = np.ravel(count)
    made = np.zeros(rows.shape[0], dtype=(s[:0] / 1).dtype)
    for k in range(rows.shape[0]):
        made[k] = _among(rows[k], counts[k], q)
    return made.reshape(s.shape[:-1])


def nanpercentile(a, q, axis=None):
    return nanquantile(a, q / 100, axis)


def nanmedian(a, axis=None):
    return nanquantile(a, 0.5, axis)


def nancumsum(a, axis=None):
    return np.cumsum(np.where(a != a, np.zeros_like(a), a), axis=axis)


def nancumprod(a, axis=None):
    return np.cumprod(np.where(a != a, np.ones_like(a), a), axis=axis)


def _some(a, axis):
    if not np.all(np.any(a == a, axis=axis)):
        raise ValueError("All-NaN slice encountered")


def nanargmax(a, axis=None):
    x = np.asarray(a)
    _some(x, axis)
    return np.argmax(np.where(x != x, -np.inf, x), axis=axis)


def nanargmin(a, axis=None):
    x = np.asarray(a)
    _some(x, axis)
    return np.argmin(np.where(x != x, np.inf, x), axis=axis)


# -- element by element


def isposinf(x):
    return x == np.inf


def isneginf(x):
    return x == -np.inf


def logaddexp2(x1, x2):
    return np.maximum(x1, x2) + np.log2(1.0 + np.exp2(-np.abs(np.asarray(x1) - x2)))


def _euclid(a, b):
    x = abs(a)
    y = abs(b)
    while y != 0:
        x, y = y, x % y
    return x


def gcd(x1, x2):
    both = np.multiply(x1, 0) + np.multiply(x2, 0)
    if np.asarray(both).dtype.kind not in "iu":
        raise TypeError("ufunc 'gcd' not supported for the input types: whole numbers are needed")
    if np.ndim(x1) == 0 and np.ndim(x2) == 0:
        return _euclid(x1, x2) + both
    a = np.ravel(both + x1)
    b = np.ravel(both + x2)
    made = np.ravel(both)
    for k in range(a.shape[0]):
        made[k] = _euclid(a[k], b[k])
    return made.reshape(both.shape)


def lcm(x1, x2):
    common = gcd(x1, x2)
    return np.abs(x1 // np.where(common == 0, 1, common) * x2)


REAL: dict[Any, Any] = {
    getattr(np, f.__name__): f
    for f in (
        hanning, hamming, blackman, bartlett, nanquantile, nanpercentile, nanmedian, nanargmax, nanargmin, isposinf, isneginf,
        logaddexp2, nancumsum, nancumprod, gcd, lcm,
    )
}  # fmt: skip
ANY: dict[Any, Any] = {getattr(np, f.__name__): f for f in (polyadd, polysub)}
