"""More of NumPy written in the language: parts of matrices, repeated, padded and divided arrays, comparisons.
As written.py, which inlines them."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.compiler.frontend.intrinsics import unset

# ruff: noqa: A002, E501, SIM102, SIM108, SIM114, PLR0124  # as in written.py
# mypy: disallow-untyped-defs=False, disallow-untyped-calls=False, check-untyped-defs=False

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
    near = np.abs(y) < 1e-2  # the series has the derivatives at 0, too
    z, s = np.where(near, 1.0, y), np.where(near, y * y, 0.0)
    return np.where(near, 1.0 - s / 6.0 * (1.0 - s / 20.0 * (1.0 - s / 42.0 * (1.0 - s / 72.0))), np.sin(z) / z)


def modf(x):
    v = np.asarray(x).astype(np.sqrt(np.zeros_like(x)).dtype)
    whole = np.trunc(v)
    rest = np.copysign(np.where(np.isinf(v), np.zeros_like(v), v - whole), v)
    return rest, whole


def lexsort(keys):
    if np.ndim(keys[0]) > 1:
        raise ValueError("compiled np.lexsort takes vectors as keys")
    order = np.argsort(keys[0], kind="stable")
    for key in tuple(keys)[1:]:
        order = order[np.argsort(key[order], kind="stable")]
    return order


REAL: dict[Any, Any] = {getattr(np, f.__name__): f for f in (fmax, fmin, unwrap, ediff1d, signbit, modf, lexsort)}
ANY: dict[Any, Any] = {
    getattr(np, f.__name__): f
    for f in (
        tri, tril, triu, tril_indices, triu_indices, diag_indices, vander, rot90, rollaxis, pad, tile, repeat, array_split,
        split, hsplit, vsplit, atleast_1d, atleast_2d, column_stack, isclose, allclose, sinc,
    )
}  # fmt: skip
