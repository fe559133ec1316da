"""NumPy functions written in the language itself, inlined where they are called: their derivatives, batches and device
code are those of the loops they are. Errors in them are told at the line of the call.

Formulas of `interp`, `gradient` and the percentiles are NumPy's, to the rounding.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from wengert.compiler.frontend import (
    fourier,
    written_arrays,
    written_grids,
    written_indices,
    written_linalg,
    written_numbers,
    written_places,
    written_sets,
    written_signals,
    written_statistics,
)
from wengert.compiler.frontend.intrinsics import in_order, is_sequence, order_of, stop_gradient, unset

# ruff: noqa: A002, E501, SIM102, SIM108, SIM114  # the language has no short-circuit; parameters are named as NumPy's
# mypy: disallow-untyped-defs=False, disallow-untyped-calls=False, check-untyped-defs=False

# -- searching


def _place(a, v, right):
    """The number of elements of the sorted vector before v; NaN is the largest."""
    low = 0
    high = a.shape[0]
    while low < high:
        middle = (low + high) // 2
        if right:
            on = not (v < a[middle] or (a[middle] != a[middle] and v == v))  # noqa: PLR0124
        else:
            on = a[middle] < v or (v != v and a[middle] == a[middle])  # noqa: PLR0124
        if on:
            low = middle + 1
        else:
            high = middle
    return low


def searchsorted(a, v, side="left"):
    if side not in ("left", "right"):
        raise ValueError("side must be 'left' or 'right'")
    keys = stop_gradient(np.asarray(a))
    if np.ndim(v) == 0:
        return np.int64(_place(keys, stop_gradient(v), side == "right"))
    wanted = stop_gradient(np.ravel(v))
    made = unset(wanted.shape[0], np.int64)
    for k in range(wanted.shape[0]):
        made[k] = _place(keys, wanted[k], side == "right")
    return made.reshape(np.shape(v))


def digitize(x, bins, right=False):
    edges = np.asarray(bins)
    for k in range(1, edges.shape[0]):
        if edges[k] < edges[k - 1]:
            raise ValueError("compiled np.digitize needs bins in ascending order")
    return searchsorted(edges, x, side="left" if right else "right")


def _between(x, xp, fp, left, right):
    n = xp.shape[0]
    made = fp[0]
    if x != x:  # noqa: PLR0124
        made = x
    elif x < xp[0]:
        made = left
    elif x > xp[n - 1]:
        made = right
    else:
        j = _place(stop_gradient(xp), stop_gradient(x), True) - 1
        if j == n - 1:
            made = fp[n - 1]
        else:
            slope = (fp[j + 1] - fp[j]) / (xp[j + 1] - xp[j])
            made = slope * (x - xp[j]) + fp[j]
            if made != made:  # noqa: PLR0124
                made = slope * (x - xp[j + 1]) + fp[j + 1]
                if x == xp[j]:
                    made = fp[j]
                elif made != made:  # noqa: PLR0124
                    if fp[j] == fp[j + 1]:
                        made = fp[j]
    return made


def interp(x, xp, fp, left=None, right=None):
    places = np.asarray(xp, dtype=np.float64)
    values = np.asarray(fp, dtype=np.float64)
    n = places.shape[0]
    if n == 0:
        raise ValueError("array of sample points is empty")
    if values.shape[0] != n:
        raise ValueError("fp and xp are not of the same length.")
    low = values[0] if left is None else np.float64(left)
    high = values[n - 1] if right is None else np.float64(right)
    if np.ndim(x) == 0:
        return np.float64(_between(np.float64(x), places, values, low, high))
    wanted = np.asarray(np.ravel(x), dtype=np.float64)
    made = unset(wanted.shape[0], np.float64)
    for k in range(wanted.shape[0]):
        made[k] = _between(wanted[k], places, values, low, high)
    return made.reshape(np.shape(x))


# -- sums of products


def _whole_overlap(made, a, v):
    """made[j] = sum of v[k] a[m - 1 + j - k]: stretch by stretch, which stays in the cache, and four k at a time."""
    n = a.shape[0]
    m = v.shape[0]
    size = max(4096, n // 32)
    for start in range(m - 1, n, size):
        end = min(start + size, n)
        part = made[start - m + 1 : end - m + 1]
        part[:] = v[0] * a[start:end]
        k = 1
        while k + 4 <= m:
            part[:] = (
                part
                + v[k] * a[start - k : end - k]
                + v[k + 1] * a[start - k - 1 : end - k - 1]
                + v[k + 2] * a[start - k - 2 : end - k - 2]
                + v[k + 3] * a[start - k - 3 : end - k - 3]
            )
            k += 4
        while k < m:
            part += v[k] * a[start - k : end - k]
            k += 1


def _any_overlap(made, a, v):
    """As np.convolve(a, v, "full"), where a is no shorter than v."""
    n = a.shape[0]
    m = v.shape[0]
    made[: m - 1] = 0
    made[n:] = 0
    _whole_overlap(made[m - 1 : n], a, v)
    for k in range(m - 1):
        made[k : m - 1] += v[k] * a[: m - 1 - k]
    for k in range(1, m):
        made[n : n + k] += v[k] * a[n - k :]


def _convolved(a, v, mode, first):
    """first: where "same" begins."""
    n = a.shape[0]
    m = v.shape[0]
    if n == 0:
        raise ValueError("a cannot be empty")
    if m == 0:
        raise ValueError("v cannot be empty")
    if mode not in ("full", "same", "valid"):
        raise ValueError("mode must be 'full', 'same' or 'valid'")
    dtype = (a[0] * v[0]).dtype
    large = max(n, m)
    if mode == "valid":
        made = unset(large - min(n, m) + 1, dtype)
        if n >= m:
            _whole_overlap(made, a, v)
        else:
            _whole_overlap(made, v, a)
        return made
    made = unset(n + m - 1, dtype)
    if n >= m:
        _any_overlap(made, a, v)
    else:
        _any_overlap(made, v, a)
    return made[first : first + large].copy() if mode == "same" else made


def convolve(a, v, mode="full"):
    x = np.asarray(a)
    y = np.asarray(v)
    return _convolved(x, y, mode, (min(x.shape[0], y.shape[0]) - 1) // 2)


def correlate(a, v, mode="valid"):
    x = np.asarray(a)
    y = np.asarray(v)
    n = x.shape[0]
    m = y.shape[0]
    return _convolved(x, y[::-1], mode, (m - 1) // 2 if n >= m else n - 1 - (n - 1) // 2)


def kron(a, b):
    if np.ndim(a) == 1 and np.ndim(b) == 1:
        return (a[:, None] * b[None, :]).reshape(a.shape[0] * b.shape[0])
    if np.ndim(a) == 2 and np.ndim(b) == 2:
        product = a[:, None, :, None] * b[None, :, None, :]
        return product.reshape((a.shape[0] * b.shape[0], a.shape[1] * b.shape[1]))
    raise ValueError("compiled np.kron takes two vectors or two matrices")


def polyval(p, x):
    c = np.asarray(p)
    y = np.zeros_like(x) + np.zeros_like(c[0])
    for k in range(c.shape[0]):
        y = y * x + c[k]
    return y


def _slope(y, spacing, edge_order):
    """The gradient along the first axis."""
    n = y.shape[0]
    if n < edge_order + 1:
        raise ValueError(
            "Shape of array too small to calculate a numerical gradient, at least (edge_order + 1) elements are required."
        )
    made = np.zeros_like(y / 1)
    if np.ndim(spacing) == 0:
        made[1:-1] = (y[2:] - y[:-2]) / (2.0 * spacing)
        if edge_order == 1:
            made[0] = (y[1] - y[0]) / spacing
            made[n - 1] = (y[n - 1] - y[n - 2]) / spacing
        else:
            made[0] = -1.5 / spacing * y[0] + 2.0 / spacing * y[1] - 0.5 / spacing * y[2]
            made[n - 1] = 0.5 / spacing * y[n - 3] - 2.0 / spacing * y[n - 2] + 1.5 / spacing * y[n - 1]
    else:
        h = np.diff(spacing)
        if h.shape[0] != n - 1:
            raise ValueError("when 1d, distances must match the length of the corresponding dimension")
        wide = h.reshape((n - 1,) + (1,) * (np.ndim(y) - 1))
        before = wide[:-1]
        after = wide[1:]
        made[1:-1] = (
            -after / (before * (before + after)) * y[:-2]
            + (after - before) / (before * after) * y[1:-1]
            + before / (after * (before + after)) * y[2:]
        )
        if edge_order == 1:
            made[0] = (y[1] - y[0]) / h[0]
            made[n - 1] = (y[n - 1] - y[n - 2]) / h[n - 2]
        else:
            p = h[0]
            q = h[1]
            made[0] = -(2.0 * p + q) / (p * (p + q)) * y[0] + (p + q) / (p * q) * y[1] - p / (q * (p + q)) * y[2]
            p = h[n - 3]
            q = h[n - 2]
            made[n - 1] = q / (p * (p + q)) * y[n - 3] - (q + p) / (p * q) * y[n - 2] + (2.0 * q + p) / (q * (p + q)) * y[n - 1]
    return made


def gradient(f, *varargs, axis=None, edge_order=1):
    y = np.asarray(f)
    if y.dtype == np.bool_:
        raise TypeError("numpy boolean subtract, the `-` operator, is not supported")
    if (y[:0] / 1).dtype != y.dtype:
        y = y.astype(np.float64)
    if edge_order != 1 and edge_order != 2:
        raise ValueError("'edge_order' greater than 2 not supported")
    axes = tuple(range(np.ndim(y))) if axis is None else (tuple(axis) if is_sequence(axis) else (axis,))
    if len(varargs) > 1 and len(varargs) != len(axes):
        raise TypeError("invalid number of arguments")
    steps = (1.0,) * len(axes) if len(varargs) == 0 else (varargs * len(axes) if len(varargs) == 1 else varargs)
    made = tuple([_along(y, h, k, edge_order) for h, k in zip(steps, axes, strict=True)])
    return made[0] if len(made) == 1 else made


def _along(y, spacing, axis, edge_order):
    if axis == 0:
        return _slope(y, spacing, edge_order)
    return np.moveaxis(_slope(np.moveaxis(y, axis, 0), spacing, edge_order), 0, axis)


def trapezoid(y, x=None, dx=1.0, axis=-1):
    a = np.moveaxis(np.asarray(y), axis, -1)
    steps = dx if x is None else np.diff(np.asarray(x)) if np.ndim(x) == 1 else np.diff(np.moveaxis(np.asarray(x), axis, -1))
    return np.sum(steps * (a[..., 1:] + a[..., :-1]) / 2.0, axis=-1)


# -- without NaN


def _known(a):
    x = np.asarray(a)
    return x, x != x  # noqa: PLR0124


def nansum(a, axis=None, keepdims=False):
    x, lost = _known(a)
    return np.sum(np.where(lost, np.zeros_like(x), x), axis=axis, keepdims=keepdims)


def nanprod(a, axis=None, keepdims=False):
    x, lost = _known(a)
    return np.prod(np.where(lost, np.ones_like(x), x), axis=axis, keepdims=keepdims)


def nanmean(a, axis=None, keepdims=False):
    x, lost = _known(a)
    count = np.sum(~lost, axis=axis, keepdims=keepdims)
    return (nansum(x, axis, keepdims) / count).astype(np.mean(x[:0]).dtype)


def nanvar(a, axis=None, ddof=0, keepdims=False):
    x, lost = _known(a)
    off = np.where(lost, np.zeros_like(x), x - nanmean(x, axis, True))
    count = np.sum(~lost, axis=axis, keepdims=keepdims) - ddof
    return (np.sum(off * off, axis=axis, keepdims=keepdims) / count).astype(np.mean(x[:0]).dtype)


def nanstd(a, axis=None, ddof=0, keepdims=False):
    return np.sqrt(nanvar(a, axis, ddof, keepdims))


# -- sorting


def _last(a, axis):
    """The array with `axis` as its last; None: as a vector."""
    if axis is None:
        return np.ravel(a)
    return np.moveaxis(np.asarray(a), axis, -1)


def argsort(a, axis=-1, kind=None, stable=None):
    order = order_of(_last(a, axis), kind in ("stable", "mergesort") or stable is True)
    return order if np.ndim(order) == 1 else np.moveaxis(order, -1, axis).copy()


def sort(a, axis=-1, kind=None, stable=None):
    s = in_order(_last(a, axis))
    return s if np.ndim(s) == 1 else np.moveaxis(s, -1, axis).copy()


def _kept(made, a, axis, keepdims):
    """The result with the axis that is gone as one of extent 1, if that is asked for."""
    if not keepdims:
        return made
    if axis is None:
        return np.full((1,) * np.ndim(a), made)
    return np.expand_dims(made, axis)


def _quantile_at(s, q):
    """By linear interpolation along the last axis, which is sorted."""
    n = s.shape[-1]
    if not (q >= 0 and q <= 1):  # noqa: SIM300
        raise ValueError("Quantiles must be in the range [0, 1]")
    at = q * (n - 1)
    first = min(int(np.floor(at)), n - 1)
    t = at - first
    low = s[..., first]
    high = s[..., min(first + 1, n - 1)]
    step = high - low
    made = low + step * t if t < 0.5 else high - step * (1 - t)
    return np.where(s[..., n - 1] != s[..., n - 1], s[..., n - 1], made)


def quantile(a, q, axis=None, method="linear", keepdims=False):
    if method != "linear":
        raise ValueError("compiled np.quantile takes method='linear'")
    s = in_order(_last(a, axis))
    if s.shape[-1] == 0:
        raise ValueError("the quantile of no elements")
    if np.ndim(q) == 0:
        return _kept(_quantile_at(s, q), a, axis, keepdims)
    wanted = np.ravel(q)
    made = np.zeros((wanted.shape[0], *s.shape[:-1]), dtype=(s[:0] / 1 * wanted[:0].sum()).dtype)
    for k in range(wanted.shape[0]):
        made[k] = _quantile_at(s, wanted[k])
    if keepdims:
        raise ValueError("compiled np.quantile of several q takes no keepdims")
    return made.reshape((*np.shape(q), *s.shape[:-1]))


def percentile(a, q, axis=None, method="linear", keepdims=False):
    return quantile(a, np.asarray(q) / 100 if np.ndim(q) else q / 100, axis, method, keepdims)


def median(a, axis=None, keepdims=False):
    s = in_order(_last(a, axis))
    n = s.shape[-1]
    if (s[..., :0] / 1).dtype != s.dtype:
        s = s.astype(np.float64)
    if n == 0:
        return _kept(np.sum(s, axis=-1) + np.nan, a, axis, keepdims)
    made = (s[..., (n - 1) // 2] + s[..., n // 2]) / 2
    return _kept(np.where(s[..., n - 1] != s[..., n - 1], s[..., n - 1], made), a, axis, keepdims)


class Written(NamedTuple):
    """function: in the language. vectors: parameters that must be vectors. complex: whether arguments may be complex."""

    function: Callable[..., Any]
    vectors: tuple[str, ...] = ()
    complex: bool = False


WRITTEN: dict[Any, Written] = {
    np.searchsorted: Written(searchsorted, ("a",)), np.digitize: Written(digitize, ("bins",)),
    np.interp: Written(interp, ("xp", "fp")), np.convolve: Written(convolve, ("a", "v"), True),
    np.correlate: Written(correlate, ("a", "v")), np.kron: Written(kron, (), True), np.polyval: Written(polyval, ("p",), True),
    np.gradient: Written(gradient, (), True), np.nansum: Written(nansum, (), True), np.nanprod: Written(nanprod, (), True),
    np.nanmean: Written(nanmean, (), True), np.nanvar: Written(nanvar), np.nanstd: Written(nanstd), np.argsort: Written(argsort),
    np.sort: Written(sort), np.quantile: Written(quantile), np.percentile: Written(percentile),
    np.median: Written(median), np.meshgrid: Written(written_grids.meshgrid), np.indices: Written(written_grids.indices),
    np.logspace: Written(written_grids.logspace), np.append: Written(written_grids.append, (), True),
    np.select: Written(written_grids.select, (), True), np.choose: Written(written_grids.choose, (), True),
    np.piecewise: Written(written_grids.piecewise, (), True),
    math.gcd: Written(written_numbers.gcd), math.lcm: Written(written_numbers.lcm), math.dist: Written(written_numbers.dist),
    math.factorial: Written(written_numbers.factorial), math.comb: Written(written_numbers.comb),
    math.perm: Written(written_numbers.perm), math.isqrt: Written(written_numbers.isqrt),
    math.prod: Written(written_numbers.prod), math.isclose: Written(written_numbers.isclose),
    heapq.heappush: Written(written_numbers.heappush), heapq.heappop: Written(written_numbers.heappop),
    heapq.heapify: Written(written_numbers.heapify), np.apply_along_axis: Written(written_grids.apply_along_axis, (), True),
}  # fmt: skip
WRITTEN |= {known: Written(f, (), True) for known, f in (
    fourier.WRITTEN | written_arrays.ANY | written_indices.ANY | written_linalg.ANY
    | written_places.ANY | written_signals.ANY
).items()}  # fmt: skip
WRITTEN |= {getattr(np, name): Written(trapezoid, (), True) for name in ("trapezoid", "trapz") if hasattr(np, name)}
WRITTEN |= {known: Written(f) for known, f in (
    written_arrays.REAL | written_indices.REAL | written_linalg.REAL | written_places.REAL
    | written_sets.REAL | written_signals.REAL | written_statistics.REAL
).items()}  # fmt: skip
