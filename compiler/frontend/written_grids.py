"""Grids, selections and maps over elements, written in the language like `written`: inlined where they are called."""

from __future__ import annotations

import numpy as np

# ruff: noqa: A002, E501  # parameters are named as NumPy's
# mypy: disallow-untyped-defs=False, disallow-untyped-calls=False, check-untyped-defs=False

# -- grids


def _axis_of(x, k, rank):
    """A vector along axis k of `rank`."""
    return np.reshape(x, (1,) * k + (-1,) + (1,) * (rank - k - 1))


def _grid(vectors, sparse):
    rank = len(vectors)
    thin = tuple(_axis_of(x, k, rank) for k, x in enumerate(vectors))
    if sparse:
        return thin
    shape = tuple(len(x) for x in vectors)
    return tuple(np.broadcast_to(x, shape).copy() for x in thin)


def meshgrid(*xi, copy=True, sparse=False, indexing="xy"):
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    vectors = tuple(np.ravel(x) if np.ndim(x) else np.array([x]) for x in xi)
    if indexing == "ij" or len(vectors) < 2:
        return _grid(vectors, sparse)
    made = _grid((vectors[1], vectors[0], *vectors[2:]), sparse)
    return (made[1], made[0], *made[2:])


def indices(dimensions, dtype=np.int64, sparse=False):
    made = _grid(tuple(np.arange(n) for n in dimensions), sparse)
    if sparse:
        return tuple(x.astype(dtype) for x in made)
    return np.stack(made).astype(dtype)


def mgrid(*vectors):
    if len(vectors) == 1:
        return vectors[0]
    return np.stack(_grid(vectors, False))


def ogrid(*vectors):
    if len(vectors) == 1:
        return vectors[0]
    return _grid(vectors, True)


def logspace(start, stop, num=50, endpoint=True, base=10.0):
    return np.power(base, np.linspace(start, stop, num, endpoint))


def append(arr, values, axis=None):
    if axis is None:
        first = np.ravel(arr) if np.ndim(arr) else np.array([arr])
        last = np.ravel(values) if np.ndim(values) else np.array([values])
        return np.concatenate((first, last))
    return np.concatenate((arr, values), axis=axis)


# -- selections


def select(condlist, choicelist, default=0):
    made = default
    for condition, choice in zip(condlist[::-1], choicelist[::-1], strict=True):
        made = np.where(condition, choice, made)
    return made


def choose(a, choices):
    if np.any((a < 0) | (a >= len(choices))):
        raise ValueError("invalid entry in choice array")
    made = choices[0]
    for k, choice in enumerate(choices):
        made = np.where(a == k, choice, made)
    return made


def piecewise(x, condlist, funclist):
    made = np.zeros_like(x)
    if len(funclist) == len(condlist) + 1:
        other = np.ones(x.shape, dtype=bool)
        for c in condlist:
            other = other & ~c
        if callable(funclist[-1]):
            made[other] = funclist[-1](x[other])
        else:
            made[other] = funclist[-1]
    for c, function in zip(condlist, funclist[: len(condlist)], strict=True):
        if callable(function):
            made[c] = function(x[c])
        else:
            made[c] = function
    return made


# -- functions of elements and of rows


def vectorized(function, *args):
    """np.vectorize(function)(*args): the dtype is that of the first result."""
    made = _spread(args)
    if np.ndim(made[0]) == 0:
        return np.asarray(function(*made))
    shape = np.shape(made[0])
    flat = tuple(np.ravel(x) for x in made)
    n = flat[0].shape[0]
    if n == 0:
        raise ValueError("cannot call `vectorize` on size 0 inputs unless `otypes` is set")
    first = np.asarray(function(*tuple(x[0] for x in flat)))
    found = np.zeros(n, dtype=first.dtype)
    for k in range(n):
        found[k] = function(*tuple(x[k] for x in flat))
    return found.reshape(shape)


def _spread(args):
    """The arguments broadcast together."""
    if len(args) == 1:
        return args
    total = 0 * args[0]
    for x in args[1:]:
        total = total + 0 * x
    if np.ndim(total) == 0:
        return args
    return tuple(np.broadcast_to(x, np.shape(total)).copy() for x in args)


def apply_along_axis(func1d, axis, arr, *args):
    last = np.moveaxis(arr, axis, -1)
    rows = last.copy().reshape((-1, last.shape[-1]))
    n = rows.shape[0]
    if n == 0:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    first = np.asarray(func1d(rows[0], *args))
    if first.ndim == 0:
        made = np.zeros(n, dtype=first.dtype)
        for k in range(n):
            made[k] = func1d(rows[k], *args)
        return made.reshape(last.shape[:-1])
    made = np.zeros((n, first.shape[0]), dtype=first.dtype)
    for k in range(n):
        made[k] = func1d(rows[k], *args)
    return np.moveaxis(made.reshape(last.shape[:-1] + (first.shape[0],)), -1, axis).copy()


def rolled(a, shift, axis=None):
    x = np.ravel(a) if axis is None else a
    along = 0 if axis is None else axis
    n = np.shape(x)[along]
    places = (np.arange(n) - shift) % n if n > 0 else np.arange(n)
    made = np.take(x, places, axis=along)
    if axis is None:
        return made.reshape(np.shape(a))
    return made


def matrix_power(a, n):
    made = np.eye(a.shape[0]).astype((a[:0] / 1).dtype)
    square = np.linalg.inv(a) if n < 0 else a / 1
    rest = abs(n)
    while rest > 0:
        if rest & 1:
            made = made @ square
        square = square @ square
        rest >>= 1
    return made


def integer_power(base, exponent):
    """base ** exponent of integers that are not negative, by squaring: wraps as the products do."""
    made = base * 0 + exponent * 0 + 1
    square = base + exponent * 0
    rest = exponent
    while np.any(rest > 0):
        made = np.where(rest & 1, made * square, made)
        square = square * square
        rest = rest >> 1
    return made


def slice_places(n, start, stop, step):
    """The indices that start:stop:step picks of n, by Python's rules."""
    if step == 0:
        raise ValueError("slice step cannot be zero")
    low = 0 if step > 0 else -1
    high = n if step > 0 else n - 1
    if start is None:
        first = low if step > 0 else high
    else:
        first = min(max(start + n if start < 0 else start, low), high)
    if stop is None:
        last = high if step > 0 else low
    else:
        last = min(max(stop + n if stop < 0 else stop, low), high)
    size = max(0, (last - first + step - (1 if step > 0 else -1)) // step)
    return first + step * np.arange(size)
