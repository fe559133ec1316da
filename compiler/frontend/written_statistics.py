"""Counting and statistics of NumPy written in the language: histograms, covariances, extremes without NaN.
As written.py, which inlines them."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.compiler.frontend.intrinsics import is_sequence, stop_gradient

# ruff: noqa: A002, E501, SIM102, SIM108, SIM114, PLR0124  # as in written.py
# mypy: disallow-untyped-defs=False, disallow-untyped-calls=False, check-untyped-defs=False

# -- counting


def _edges(x, bins, range):
    """The edges of bins of equal width, as NumPy chooses them."""
    if bins < 1:
        raise ValueError("`bins` must be positive")
    low = 0.0
    high = 1.0
    if range is not None:
        low = float(range[0])
        high = float(range[1])
        if low > high:
            raise ValueError("max must be larger than min in range parameter.")
    elif x.shape[0] > 0:
        low = float(np.min(x))
        high = float(np.max(x))
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError("the range of np.histogram is not finite")
    if low == high:
        low = low - 0.5
        high = high + 0.5
    made = np.zeros(bins + 1, dtype=np.mean(x[:0]).dtype)
    made[:] = np.linspace(low, high, bins + 1)
    return made


def _bin(edges, v, n, width):
    """The bin of v among n; -1 outside. width: that of all bins together where they are equal, else None."""
    if not (v >= edges[0] and v <= edges[n]):
        return -1
    if width is None:
        low = 0
        high = n
        while high - low > 1:
            middle = (low + high) // 2
            if edges[middle] <= v:
                low = middle
            else:
                high = middle
        return low
    k = min(int((v - edges[0]) / width * n), n - 1)
    if v < edges[k]:
        k = k - 1
    elif k < n - 1:
        if v >= edges[k + 1]:
            k = k + 1
    return k


def _given(bins):
    edges = np.asarray(bins)
    for k in range(1, edges.shape[0]):
        if edges[k] < edges[k - 1]:
            raise ValueError("`bins` must increase monotonically, when an array")
    return edges


def histogram(a, bins=10, range=None, density=None, weights=None):
    x = np.ravel(a)
    edges = _edges(x, bins, range) if np.ndim(bins) == 0 else _given(bins)
    n = edges.shape[0] - 1
    width = stop_gradient(edges[n] - edges[0]) if np.ndim(bins) == 0 else None
    keys = stop_gradient(x).astype(edges.dtype) if np.ndim(bins) == 0 else stop_gradient(x)
    fixed = stop_gradient(edges)
    if weights is None:
        counts = np.zeros(n, dtype=np.int64)
        for v in keys:
            k = _bin(fixed, v, n, width)
            if k >= 0:
                counts[k] += 1
    else:
        w = np.ravel(weights)
        if w.shape[0] != x.shape[0]:
            raise ValueError("weights should have the same shape as a.")
        counts = np.zeros(n, dtype=w.dtype)
        for j in np.arange(x.shape[0]):
            k = _bin(fixed, keys[j], n, width)
            if k >= 0:
                counts[k] += w[j]
    if density is None or not density:
        return counts, edges
    return counts / np.diff(edges).astype(np.float64) / np.sum(counts), edges


def histogram2d(x, y, bins=10, range=None, density=None, weights=None):
    if np.ndim(x) != 1 or np.ndim(y) != 1:
        raise ValueError("compiled np.histogram2d takes two vectors")
    u = np.ravel(x)
    v = np.ravel(y)
    if u.shape[0] != v.shape[0]:
        raise ValueError("x and y must have the same length.")
    p = np.zeros(0)
    q = np.zeros(0)
    if not is_sequence(bins):
        p = _edges(u, bins, None if range is None else range[0])
        q = _edges(v, bins, None if range is None else range[1])
    else:
        p = _edges(u, bins[0], None if range is None else range[0]) if np.ndim(bins[0]) == 0 else _given(bins[0])
        q = _edges(v, bins[1], None if range is None else range[1]) if np.ndim(bins[1]) == 0 else _given(bins[1])
    n = p.shape[0] - 1
    m = q.shape[0] - 1
    made = np.zeros((n, m))
    for j in np.arange(u.shape[0]):
        k = _bin(p, stop_gradient(u[j]), n, None)
        i = _bin(q, stop_gradient(v[j]), m, None)
        if k >= 0:
            if i >= 0:
                made[k, i] += 1.0 if weights is None else weights[j]
    if density is None or not density:
        return made, p, q
    area = np.diff(p)[:, None] * np.diff(q)[None, :]
    return made / area / np.sum(made), p, q


def bincount(x, weights=None, minlength=0):
    if minlength < 0:
        raise ValueError("'minlength' must not be negative")
    n = int(minlength)
    if x.shape[0] > 0:
        largest = np.max(x.astype(np.uint64)).astype(np.int64)  # which a negative number is
        if largest < 0:
            raise ValueError("'list' argument must have no negative elements")
        n = max(n, int(largest) + 1)
    if weights is None:
        counts = np.zeros(n, dtype=np.int64)
        for v in x:
            counts[v] += 1
        return counts
    sums = np.zeros(n)
    if weights.shape[0] != x.shape[0]:
        raise ValueError("The weights and list don't have the same length.")
    for k in range(x.shape[0]):
        sums[x[k]] += weights[k]
    return sums


# -- statistics


def _observations(m, y, rowvar):
    x = np.asarray(m)
    x = x[None, :] if x.ndim == 1 else (x if rowvar else x.T)
    if y is None:
        return x
    z = np.asarray(y)
    z = z[None, :] if z.ndim == 1 else (z if rowvar else z.T)
    return np.concatenate((x, z), axis=0)


def cov(m, y=None, rowvar=True, bias=False, ddof=None):
    x = _observations(m, y, rowvar) * np.float64(1)
    n = x.shape[1]
    fact = max(n - ((0 if bias else 1) if ddof is None else ddof), 0) * 1.0
    off = x - np.mean(x, axis=1, keepdims=True)
    c = off @ np.conj(off).T / fact
    if np.ndim(m) == 1 and y is None:
        return c[0, 0]
    return c


def corrcoef(x, y=None, rowvar=True):
    c = cov(x, y, rowvar)
    if np.ndim(c) == 0:
        return c / c
    n = c.shape[0]
    spread = np.zeros(n)
    for k in range(n):
        spread[k] = np.sqrt(c[k, k])
    return np.clip(c / spread[:, None] / spread[None, :], -1.0, 1.0)


def nanmax(a, axis=None, keepdims=False):
    x = np.asarray(a)
    if x.dtype != (x * 1.0).dtype:
        return np.max(x, axis=axis, keepdims=keepdims)
    lost = x != x
    best = np.max(np.where(lost, np.full_like(x, -np.inf), x), axis=axis, keepdims=keepdims)
    return np.where(np.all(lost, axis=axis, keepdims=keepdims), np.full_like(best, np.nan), best)


def nanmin(a, axis=None, keepdims=False):
    x = np.asarray(a)
    if x.dtype != (x * 1.0).dtype:
        return np.min(x, axis=axis, keepdims=keepdims)
    lost = x != x
    best = np.min(np.where(lost, np.full_like(x, np.inf), x), axis=axis, keepdims=keepdims)
    return np.where(np.all(lost, axis=axis, keepdims=keepdims), np.full_like(best, np.nan), best)


REAL: dict[Any, Any] = {
    getattr(np, f.__name__): f for f in (histogram, histogram2d, bincount, cov, corrcoef, nanmax, nanmin)
}
