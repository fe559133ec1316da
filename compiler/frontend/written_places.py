"""What writes into arrays at chosen places, index arrays, and arrays put together; written in the language like `written`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from wengert.compiler.frontend.intrinsics import is_sequence

# ruff: noqa: A002, E501, SIM108, PLR0124  # as in written.py
# mypy: disallow-untyped-defs=False, disallow-untyped-calls=False, check-untyped-defs=False

# -- written in place


def put(a, ind, v):
    places = np.ravel(ind)
    given = np.ravel(v) if np.ndim(v) else np.array([v])
    if np.ndim(a) != 1:
        raise ValueError("compiled np.put takes a vector")
    for k in range(places.shape[0]):
        a[places[k]] = given[k % given.shape[0]]


def putmask(a, mask, values):
    if np.ndim(values) == 0:
        a[mask] = values
    else:
        if np.ndim(a) != 1:
            raise ValueError("compiled np.putmask with several values takes a vector")
        for k in range(a.shape[0]):
            if mask[k]:
                a[k] = values[k % values.shape[0]]


def copyto(dst, src, where=None):
    if where is None:
        dst[...] = src
    else:
        dst[where] = np.broadcast_to(src, dst.shape)[where]


# -- indices


def diag_indices_from(arr):
    if arr.ndim < 2:
        raise ValueError("input array must be at least 2-d")
    for n in arr.shape[1:]:
        if n != arr.shape[0]:
            raise ValueError("All dimensions of input must be of equal length")
    return np.diag_indices(arr.shape[0], arr.ndim)


def tril_indices_from(arr, k=0):
    if arr.ndim != 2:
        raise ValueError("input array must be 2-d")
    return np.tril_indices(arr.shape[0], k, arr.shape[1])


def triu_indices_from(arr, k=0):
    if arr.ndim != 2:
        raise ValueError("input array must be 2-d")
    return np.triu_indices(arr.shape[0], k, arr.shape[1])


# -- arrays put together and taken apart


def diagflat(v):
    return np.diag(np.ravel(v))


def dsplit(ary, indices_or_sections):
    return np.split(ary, indices_or_sections, axis=2)


def atleast_3d(ary):
    x = np.atleast_1d(np.asarray(ary))
    if x.ndim == 1:
        return x[None, :, None]
    if x.ndim == 2:
        return x[:, :, None]
    return x


def block(arrays):
    if not is_sequence(arrays):
        return np.array(arrays)
    if not is_sequence(arrays[0]):
        return np.concatenate([np.atleast_1d(a) for a in arrays], axis=-1)
    return np.concatenate([np.concatenate([np.atleast_2d(a) for a in row], axis=-1) for row in arrays], axis=-2)


def broadcast_arrays(*args):
    total = args[0] == args[0]
    for a in args[1:]:
        total = total == a
    if np.ndim(total) == 0:
        return tuple(np.asarray(a) for a in args)
    return tuple(np.broadcast_to(a, np.shape(total)) for a in args)


class Broadcast(NamedTuple):
    """What is asked of `np.broadcast(...)`; it is not gone through."""

    shape: Any
    ndim: Any
    size: Any


def broadcast(*args):
    first = np.broadcast_arrays(*args)[0]
    return Broadcast(np.shape(first), np.ndim(first), np.size(first))


def fromfunction(function, shape, dtype=np.float64):
    return function(*np.indices(shape, dtype=dtype))


def partition(a, kth, axis=-1):
    """A sort is a partition about every place."""
    return np.sort(a, axis=axis)


def argpartition(a, kth, axis=-1):
    return np.argsort(a, axis=axis)


def matrix_transpose(x):
    return np.swapaxes(x, -1, -2)


def vecdot(x1, x2, axis=-1):
    if np.ndim(x1) == 0 or np.ndim(x2) == 0:
        raise ValueError("vecdot takes arrays of one dimension or more")
    products = np.conj(x1) * x2 if np.iscomplexobj(x1) else x1 * x2
    if products.dtype == np.bool_:
        return np.any(products, axis=axis)
    return np.sum(products, axis=axis, dtype=products.dtype)


def vector_norm(x, axis=None, keepdims=False, ord=2):
    if axis is None and not keepdims:
        return np.linalg.norm(np.ravel(x), ord)
    return np.linalg.norm(x, ord, axis, keepdims)


def matrix_norm(x, keepdims=False, ord="fro"):
    if np.ndim(x) < 2:
        raise ValueError("matrix_norm takes an array of two dimensions or more")
    return np.linalg.norm(x, ord, (-2, -1), keepdims)


REAL: dict[Any, Any] = {getattr(np, f.__name__): f for f in (partition, argpartition)}
ANY: dict[Any, Any] = {
    getattr(np, f.__name__): f
    for f in (
        put, putmask, copyto, diag_indices_from, tril_indices_from, triu_indices_from, diagflat, dsplit,
        atleast_3d, block, broadcast, broadcast_arrays, fromfunction, matrix_transpose, vecdot,
    )
    if hasattr(np, f.__name__)
}  # fmt: skip
ANY |= {
    getattr(np.linalg, f.__name__): f
    for f in (matrix_transpose, vecdot, vector_norm, matrix_norm)
    if hasattr(np.linalg, f.__name__)
}
