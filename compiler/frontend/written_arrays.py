"""More of NumPy written in the language: histograms, parts of matrices, repeated and padded arrays, sets, comparisons.
As written.py, which inlines them; arrays whose extents depend on data are as those of `a[mask]`."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.compiler.frontend.intrinsics import is_sequence, stop_gradient, unset

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


# -- parts of matrices


def tri(N, M=None, k=0, dtype=float):
    m = N if M is None else M
    return (np.arange(N)[:, None] >= np.arange(m)[None, :] - k).astype(dtype)


def tril(m, k=0):
    x = np.asarray(m)
    keep = np.arange(x.shape[-2])[:, None] >= np.arange(x.shape[-1])[None, :] - k
    return np.where(keep, x, np.zeros_like(x))


def triu(m, k=0):
    x = np.asarray(m)
    keep = np.arange(x.shape[-2])[:, None] <= np.arange(x.shape[-1])[None, :] - k
    return np.where(keep, x, np.zeros_like(x))


def tril_indices(n, k=0, m=None):
    return np.nonzero(tri(n, m, k) > 0)


def triu_indices(n, k=0, m=None):
    return np.nonzero(tri(n, m, k - 1) == 0)


def diag_indices(n, ndim=2):
    return (np.arange(n),) * ndim


def vander(x, N=None, increasing=False):
    v = np.asarray(x)
    n = v.shape[0] if N is None else N
    made = np.ones((v.shape[0], n), dtype=(v[:0] * np.int64(1)).dtype)
    for k in range(1, n):
        made[:, k] = made[:, k - 1] * v
    return made if increasing else made[:, ::-1]


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


def fmax(x1, x2):
    return np.where(x1 != x1, x2, np.where(x2 != x2, x1, np.maximum(x1, x2)))


def fmin(x1, x2):
    return np.where(x1 != x1, x2, np.where(x2 != x2, x1, np.minimum(x1, x2)))


def unwrap(p, discont=None, axis=-1, period=2 * np.pi):
    raw = np.moveaxis(np.asarray(p), axis, -1)
    x = raw * 1.0
    d = np.diff(raw) * 1.0  # whole numbers without a sign wrap first
    half = period / 2
    least = half if discont is None else max(discont, half)
    turned = np.remainder(d + half, period) - half
    turned = np.where((turned == -half) & (d > 0), half, turned)
    step = np.where(np.abs(d) < least, 0.0, turned - d)
    made = x.copy()
    made[..., 1:] = x[..., 1:] + np.cumsum(step, axis=-1)
    return np.moveaxis(made, -1, axis)


def ediff1d(ary, to_end=None, to_begin=None):
    x = np.asarray(ary)
    if x.dtype == np.bool_:
        raise TypeError("numpy boolean subtract, the `-` operator, is not supported")
    d = np.diff(np.ravel(x))
    if to_begin is not None:
        d = np.concatenate((np.ravel(np.asarray([to_begin])), d))
    if to_end is not None:
        d = np.concatenate((d, np.ravel(np.asarray([to_end]))))
    return d


# -- rearranged


def rot90(m, k=1, axes=(0, 1)):
    first, second = axes
    turns = k % 4
    if turns == 0:
        return m
    if turns == 1:
        return np.swapaxes(np.flip(m, second), first, second)
    if turns == 2:
        return np.flip(np.flip(m, first), second)
    return np.flip(np.swapaxes(m, first, second), second)


def rollaxis(a, axis, start=0):
    n = np.ndim(a)
    source = axis % n
    to = start + n if start < 0 else start
    return np.moveaxis(a, source, to - 1 if source < to else to)


def _widths(pad_width, n):
    if np.ndim(pad_width) == 0:
        return ((pad_width, pad_width),) * n
    if np.ndim(pad_width) == 1:
        return ((pad_width[0], pad_width[-1]),) * n
    if len(pad_width) not in (1, n):
        raise ValueError("operands could not be broadcast together: as many widths as axes are needed, or one")
    return tuple(pad_width) * n if len(pad_width) == 1 else tuple(pad_width)


def _source(p, n, mode):
    """Which of n elements stands at place p."""
    if mode == "edge":
        return min(max(p, 0), n - 1)
    if mode == "wrap":
        return p % n
    if mode == "symmetric":
        q = p % (2 * n)
        return q if q < n else 2 * n - 1 - q
    q = p % max(2 * (n - 1), 1)
    return q if q < n else 2 * (n - 1) - q


def pad(array, pad_width, mode="constant", constant_values=0):
    if mode not in ("constant", "edge", "reflect", "symmetric", "wrap"):
        raise ValueError("compiled np.pad takes the modes constant, edge, reflect, symmetric and wrap")
    x = np.asarray(array)
    widths = _widths(pad_width, np.ndim(x))
    for before, after in widths:
        if before < 0 or after < 0:
            raise ValueError("index can't contain negative values")
    if mode == "constant":
        return _framed(x, widths, constant_values)
    for axis, (before, after) in enumerate(widths):
        y = np.moveaxis(x, axis, -1)
        n = y.shape[-1]
        if n == 0:
            raise ValueError("can't extend empty axis using modes other than 'constant' or 'empty'")
        places = np.zeros(before + n + after, dtype=np.int64)
        for k in range(before + n + after):
            places[k] = _source(k - before, n, mode)
        x = np.moveaxis(y[..., places], -1, axis)
    return x


def _framed(x, widths, value):
    """`value` around x: a vector is written once, for its pages are new."""
    if np.ndim(x) == 1:
        before, after = widths[0]
        n = x.shape[0]
        vector = unset(before + n + after, x.dtype)
        vector[:before] = value
        vector[before : before + n] = x
        vector[before + n :] = value
        return vector
    shape = ()
    within = ()
    for axis, (before, after) in enumerate(widths):
        n = x.shape[axis]
        shape = (*shape, before + n + after)
        within = (*within, slice(before, before + n))
    made = np.full(shape, value, dtype=x.dtype)
    made[within] = x
    return made


def tile(A, reps):
    x = np.asarray(A)
    counts = (reps,) if np.ndim(reps) == 0 else tuple(reps)
    y = np.reshape(x, (1,) * (len(counts) - np.ndim(x)) + np.shape(x))
    for axis, r in enumerate((1,) * (np.ndim(y) - len(counts)) + counts):
        if r == 1:
            continue
        x = np.moveaxis(y, axis, 0)
        n = x.shape[0]
        made = unset((n * r, *x.shape[1:]), x.dtype)
        for k in range(r):
            made[k * n : (k + 1) * n] = x
        y = np.moveaxis(made, 0, axis)
    return y.copy()


def repeat(a, repeats, axis=None):
    x = np.ravel(a) if axis is None else np.moveaxis(np.asarray(a), axis, -1)
    n = x.shape[-1]
    if np.ndim(repeats) == 0:
        if repeats < 0:
            raise ValueError("repeats may not contain negative values.")
        v = np.ravel(x)
        groups = unset((v.shape[0], repeats), x.dtype)
        groups[:] = v[:, None]
        made = groups.reshape((*x.shape[:-1], n * repeats))
        return made if axis is None else np.moveaxis(made, -1, axis)
    counts = np.asarray(repeats)
    if counts.shape[0] != n:
        raise ValueError("operands could not be broadcast together")
    if np.any(counts < 0):
        raise ValueError("repeats may not contain negative values.")
    places = np.zeros(np.sum(counts), dtype=np.int64)
    at = 0
    for k in range(n):
        for _ in range(counts[k]):
            places[at] = k
            at += 1
    made = x[..., places]
    return made if axis is None else np.moveaxis(made, -1, axis)


def array_split(ary, indices_or_sections, axis=0):
    x = np.moveaxis(np.asarray(ary), axis, 0)
    n = x.shape[0]
    if np.ndim(indices_or_sections) == 0:
        c = indices_or_sections
        ends = [(n // c) * k + min(k, n % c) for k in range(c + 1)]
    else:
        ends = [0] + [min(k, n) for k in indices_or_sections] + [n]
    return [np.moveaxis(x[ends[k] : ends[k + 1]], 0, axis) for k in range(len(ends) - 1)]


def split(ary, indices_or_sections, axis=0):
    if np.ndim(indices_or_sections) == 0:
        if np.shape(ary)[axis] % indices_or_sections != 0:
            raise ValueError("array split does not result in an equal division")
    return array_split(ary, indices_or_sections, axis)


def hsplit(ary, indices_or_sections):
    return split(ary, indices_or_sections, 0 if np.ndim(ary) == 1 else 1)


def vsplit(ary, indices_or_sections):
    if np.ndim(ary) < 2:
        raise ValueError("vsplit only works on arrays of 2 or more dimensions")
    return split(ary, indices_or_sections, 0)


def atleast_1d(*arys):
    if len(arys) != 1:
        return tuple([np.atleast_1d(a) for a in arys])
    x = arys[0]
    return np.asarray([x]) if np.ndim(x) == 0 else np.asarray(x)


def atleast_2d(*arys):
    if len(arys) != 1:
        return tuple([np.atleast_2d(a) for a in arys])
    x = arys[0]
    if np.ndim(x) == 0:
        return np.asarray([[x]])
    return np.asarray(x)[None, :] if np.ndim(x) == 1 else np.asarray(x)


def column_stack(tup):
    return np.concatenate([np.asarray(x)[:, None] if np.ndim(x) == 1 else x for x in tup], axis=1)


# -- comparisons


def isclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    x = np.asarray(a) * 1.0
    y = np.asarray(b) * 1.0
    near = (np.abs(x - y) <= atol + rtol * np.abs(y)) & np.isfinite(y) | (x == y)
    return near | ((x != x) & (y != y)) if equal_nan else near


def allclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    return bool(np.all(isclose(a, b, rtol, atol, equal_nan)))


def signbit(x):
    return np.copysign(np.ones_like(x), x) < 0


def sinc(x):
    y = np.pi * np.asarray(x)
    z = np.where(y == 0, 1.0, y)
    return np.where(y == 0, 1.0, np.sin(z) / z)


def modf(x):
    v = np.asarray(x).astype(np.sqrt(np.zeros_like(x)).dtype)
    whole = np.trunc(v)
    rest = np.copysign(np.where(np.isinf(v), np.zeros_like(v), v - whole), v)
    return rest, whole


# -- sets


def _distinct(s):
    """Whether each element of a sorted vector differs from the one before it; NaN are one."""
    keep = np.ones(s.shape[0], dtype=np.bool_)
    for k in range(1, s.shape[0]):
        keep[k] = s[k] != s[k - 1] and (s[k] == s[k] or s[k - 1] == s[k - 1])
    return keep


def unique(ar, return_index=False, return_inverse=False, return_counts=False):
    x = np.ravel(ar)
    if return_index or return_inverse:
        order = np.argsort(x, kind="stable" if return_index else None)
        s = x[order]
    else:
        s = np.sort(x)
    keep = _distinct(stop_gradient(s))
    found = s[keep]
    made = (found,)
    if return_index:
        made = made + (order[keep],)
    if return_inverse:
        inverse = np.zeros(x.shape[0], dtype=np.int64)
        inverse[order] = np.cumsum(keep) - 1
        made = made + (inverse.reshape(np.shape(ar)),)
    if return_counts:
        starts = np.nonzero(keep)[0]
        made = made + (np.diff(np.append(starts, x.shape[0])),)
    return made if len(made) > 1 else made[0]


def isin(element, test_elements, assume_unique=False, invert=False):
    x = np.asarray(element)
    s = np.sort(np.ravel(test_elements))
    v = np.ravel(x)
    made = np.zeros(v.shape[0], dtype=np.bool_)
    if s.shape[0] > 0:
        at = np.searchsorted(s, v)
        for k in range(v.shape[0]):
            if at[k] < s.shape[0]:
                made[k] = s[at[k]] == v[k]
    return np.reshape(~made if invert else made, x.shape)


def union1d(ar1, ar2):
    return unique(np.concatenate((np.ravel(ar1), np.ravel(ar2))))


def intersect1d(ar1, ar2):
    x = unique(ar1)
    return x[isin(x, ar2)]


def setdiff1d(ar1, ar2):
    x = unique(ar1)
    return x[isin(x, ar2, invert=True)]


def lexsort(keys):
    if np.ndim(keys[0]) > 1:
        raise ValueError("compiled np.lexsort takes vectors as keys")
    order = np.argsort(keys[0], kind="stable")
    for key in tuple(keys)[1:]:
        order = order[np.argsort(key[order], kind="stable")]
    return order


def cond(x, p=None):
    if p is not None and p != 2:
        raise ValueError("compiled np.linalg.cond takes p=None or 2")
    s = np.linalg.svd(x, compute_uv=False)
    return s[..., 0] / s[..., -1]


def matrix_rank(A, tol=None):
    if np.ndim(A) < 2:
        return np.int64(np.any(A != 0))
    s = np.linalg.svd(A, compute_uv=False)
    smallest = 1.1920929e-07 if s.dtype == np.float32 else 2.220446049250313e-16
    least = (
        np.max(s, axis=-1, keepdims=True, initial=0.0) * max(A.shape[-2], A.shape[-1]) * smallest
        if tol is None
        else tol
    )
    return np.sum(s > least, axis=-1)


def multi_dot(arrays):
    made = arrays[0]
    if np.ndim(made) > 2 or np.ndim(arrays[-1]) > 2:
        raise ValueError("multi_dot takes matrices, and vectors at its ends")
    for a in tuple(arrays)[1:]:
        made = made @ a
    return made


WRITTEN_REAL: dict[Any, Any] = {
    getattr(np, f.__name__): f
    for f in (
        histogram, histogram2d, bincount, cov, corrcoef, nanmax, nanmin, fmax, fmin, unwrap, ediff1d, signbit, modf,
        unique, isin, union1d, intersect1d, setdiff1d, lexsort,
    )
} | {np.linalg.matrix_rank: matrix_rank}  # fmt: skip
WRITTEN_ANY: dict[Any, Any] = {
    getattr(np, f.__name__): f
    for f in (
        tri, tril, triu, tril_indices, triu_indices, diag_indices, vander, rot90, rollaxis, pad, tile, repeat, array_split,
        split, hsplit, vsplit, atleast_1d, atleast_2d, column_stack, isclose, allclose, sinc,
    )
} | {np.linalg.multi_dot: multi_dot, np.linalg.cond: cond}  # fmt: skip
