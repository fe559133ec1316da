"""Indices into arrays, diagonals and fits, written in the language like `written`: inlined where they are called."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.compiler.frontend.intrinsics import prange, unset

# ruff: noqa: A002  # parameters are named as NumPy's
# mypy: disallow-untyped-defs=False, disallow-untyped-calls=False, check-untyped-defs=False


def first_extreme(x, larger):
    """The position of the first of the extreme elements, or of the first NaN: block by block, then within a block."""
    n = x.shape[0]
    best = x[0]
    at = 0
    for start in range(0, n, 1024):
        part = x[start : min(start + 1024, n)]
        here = np.max(part) if larger else np.min(part)
        better = here > best if larger else here < best
        if start == 0 or better or (here != here and best == best):  # noqa: PLR0124
            best = here
            at = start
    if best != best:  # noqa: PLR0124
        while at + 64 < n and not np.any(x[at : at + 64] != x[at : at + 64]):
            at += 64
        while at + 1 < n and x[at] == x[at]:  # noqa: PLR0124
            at += 1
        return at
    while at + 64 < n and not np.any(x[at : at + 64] == best):
        at += 64
    while at + 1 < n and x[at] != best:
        at += 1
    return at


def first_extremes(x, larger):
    """As first_extreme, along the last axis."""
    if x.ndim == 1:
        return first_extreme(x, larger)
    rows = x.reshape((-1, x.shape[-1]))
    made = unset(rows.shape[0], np.int64)
    for k in prange(rows.shape[0]):
        made[k] = first_extreme(rows[k], larger)
    return made.reshape(x.shape[:-1])


def unravel_index(indices, shape, order="C"):
    if order not in ("C", "F"):
        raise ValueError("order must be 'C' or 'F'")
    sizes = shape if isinstance(shape, tuple) else (shape,)
    rest = np.asarray(indices)
    count = 1
    for n in sizes:
        count = count * n
    if np.any((rest < 0) | (rest >= count)):
        raise ValueError("index is out of bounds for array with these sizes")
    rest = rest.astype(np.int64) + np.int64(0)
    made = ()
    for n in reversed(sizes) if order == "C" else sizes:
        made = (rest % n, *made) if order == "C" else (*made, rest % n)
        rest = rest // n
    return made


def ravel_multi_index(multi_index, dims):
    made = np.int64(0)
    for index, n in zip(multi_index, dims, strict=True):
        k = np.asarray(index)
        if np.any((k < 0) | (k >= n)):
            raise ValueError("invalid entry in coordinates array")
        made = made * n + k.astype(np.int64)
    return made


def diagonal(a, offset=0, axis1=0, axis2=1):
    m = np.moveaxis(a, (axis1, axis2), (-2, -1))
    rows = m.shape[-2]
    columns = m.shape[-1]
    i = np.arange(max(0, min(rows + min(offset, 0), columns - max(offset, 0))))
    return m[..., i + max(-offset, 0), i + max(offset, 0)]


def diag(v, k=0):
    if np.ndim(v) == 2:
        return diagonal(v, k)
    n = v.shape[0]
    size = n + abs(k)
    made = np.zeros((size, size), v.dtype)
    i = np.arange(n)
    made[i + max(-k, 0), i + max(k, 0)] = v
    return made


def trace(a, offset=0, axis1=0, axis2=1):
    return np.sum(diagonal(a, offset, axis1, axis2), axis=-1)


def fill_diagonal(a, val, wrap=False):
    if np.ndim(a) != 2 or wrap:
        raise ValueError("compiled np.fill_diagonal takes a matrix, and does not wrap")
    n = min(a.shape[0], a.shape[1])
    if np.ndim(val) == 0:
        for i in range(n):
            a[i, i] = val
    else:
        values = np.ravel(np.asarray(val))
        for i in range(n):
            a[i, i] = values[i % values.shape[0]]


def polyfit(x, y, deg, rcond=None, w=None):
    points = np.asarray(x) + 0.0
    values = np.asarray(y) + 0.0
    if points.shape[0] == 0:
        raise TypeError("expected non-empty vector for x")
    a = np.vander(points, deg + 1)
    if w is not None:
        a = a * w[:, None]
        values = values * w if np.ndim(values) == 1 else values * w[:, None]
    scale = np.sqrt(np.sum(a * a, axis=0))
    least = points.shape[0] * 2.220446049250313e-16 if rcond is None else rcond
    made = np.linalg.lstsq(a / scale, values, rcond=least)[0]
    return made / scale if np.ndim(values) == 1 else made / scale[:, None]


def polyder(p, m=1):
    made = np.asarray(p)
    for _ in range(m):
        n = made.shape[0] - 1
        made = made[:-1] * np.arange(n, 0, -1)
    return made


def polyint(p, m=1, k=0.0):
    made = np.asarray(p) + 0.0
    for _ in range(m):
        made = np.concatenate((made / np.arange(made.shape[0], 0, -1), np.array([k])))
    return made


def _trimmed(p):
    """Coefficients without zeros in front."""
    c = np.atleast_1d(np.asarray(p))
    k = 0
    while k < c.shape[0] - 1 and c[k] == 0:
        k += 1
    return c[k:]


def polymul(a1, a2):
    return np.convolve(_trimmed(a1), _trimmed(a2))


REAL: dict[Any, Any] = {
    np.unravel_index: unravel_index, np.ravel_multi_index: ravel_multi_index, np.polyfit: polyfit,
}  # fmt: skip
ANY: dict[Any, Any] = {
    np.fill_diagonal: fill_diagonal, np.polyder: polyder, np.polyint: polyint, np.polymul: polymul,
}  # fmt: skip
