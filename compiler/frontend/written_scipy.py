"""Functions of SciPy that programs use like NumPy's, written in the language. SciPy is not imported for their sake."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

# ruff: noqa: N803, PLR0124, A002, E501  # as in written.py
# mypy: disallow-untyped-defs=False, disallow-untyped-calls=False, check-untyped-defs=False


def expit(x):
    return 1 / (1 + np.exp(-np.asarray(x)))


def logit(x):
    a = np.asarray(x)
    return np.log(a) - np.log1p(-a)


def xlogy(x, y):
    a = np.asarray(x)
    b = np.asarray(y)
    zero = (a == 0) & (b == b)
    return np.where(zero, 0.0, a * np.log(np.where(zero, 1.0, b)))


def entr(x):
    a = np.asarray(x)
    return np.where(a > 0, -a * np.log(np.where(a > 0, a, 1.0)), np.where(a == 0, 0.0, np.where(a < 0, -np.inf, a)))


def logsumexp(a, axis=None, b=None, keepdims=False):
    x = np.asarray(a)
    m = np.max(x, axis=axis, keepdims=True)
    m = np.where(np.isfinite(m), m, 0.0)
    terms = np.exp(x - m) if b is None else b * np.exp(x - m)
    return np.log(np.sum(terms, axis=axis, keepdims=keepdims)) + np.sum(m, axis=axis, keepdims=keepdims)


def softmax(x, axis=None):
    a = np.asarray(x)
    e = np.exp(a - np.max(a, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def log_softmax(x, axis=None):
    a = np.asarray(x)
    off = a - np.max(a, axis=axis, keepdims=True)
    return off - np.log(np.sum(np.exp(off), axis=axis, keepdims=True))


# -- distances


def cdist(XA, XB, metric="euclidean", p=2.0):
    off = (XA * 1.0)[:, None, :] - (XB * 1.0)[None, :, :]
    if metric == "euclidean":
        return np.sqrt(np.sum(off * off, axis=-1))
    if metric == "sqeuclidean":
        return np.sum(off * off, axis=-1)
    if metric == "cityblock":
        return np.sum(np.abs(off), axis=-1)
    if metric == "chebyshev":
        return np.max(np.abs(off), axis=-1)
    if metric != "minkowski":
        raise ValueError("compiled cdist knows euclidean, sqeuclidean, cityblock, chebyshev and minkowski")
    if p == 2:
        return np.sqrt(np.sum(off * off, axis=-1))
    if p == 1:
        return np.sum(np.abs(off), axis=-1)
    return np.sum(np.abs(off) ** p, axis=-1) ** (1.0 / p)


def euclidean(u, v):
    return np.linalg.norm(np.asarray(u) - np.asarray(v))


def sqeuclidean(u, v):
    off = np.asarray(u) * 1.0 - np.asarray(v)
    return np.sum(off * off)


def cityblock(u, v):
    return np.sum(np.abs(np.asarray(u) - np.asarray(v)))


def chebyshev(u, v):
    return np.max(np.abs(np.asarray(u) - np.asarray(v)))


def cosine(u, v):
    a = np.asarray(u) * 1.0
    b = np.asarray(v) * 1.0
    return 1.0 - np.dot(a, b) / np.sqrt(np.dot(a, a) * np.dot(b, b))


# -- integrals of samples


def trapezoid(y, x=None, dx=1.0, axis=-1):
    return np.trapezoid(y, x, dx, axis)


def cumulative_trapezoid(y, x=None, dx=1.0, axis=-1, initial=None):
    a = np.moveaxis(np.asarray(y), axis, -1)
    pieces = (a[..., 1:] + a[..., :-1]) / 2.0
    steps = dx if x is None else np.diff(np.asarray(x)) if np.ndim(x) == 1 else np.diff(np.moveaxis(np.asarray(x), axis, -1))
    made = np.cumsum(steps * pieces, axis=-1)
    if initial is not None:
        made = np.concatenate((np.zeros((*a.shape[:-1], 1)), made), axis=-1)
    return np.moveaxis(made, -1, axis)


_WRITTEN: dict[str, tuple[Any, ...]] = {
    "scipy.special": (expit, logit, xlogy, entr, logsumexp, softmax, log_softmax),
    "scipy.spatial.distance": (cdist, euclidean, sqeuclidean, cityblock, chebyshev, cosine),
    "scipy.integrate": (trapezoid, cumulative_trapezoid),
}


def written_for(value: Any) -> Any:
    """The function in the language that stands for one of SciPy's, None where there is none."""
    name = getattr(value, "__name__", "")
    for module, functions in _WRITTEN.items():
        space: Any = sys.modules.get(module)
        if space is not None and name and getattr(space, name, None) is value:
            return next((f for f in functions if f.__name__ == name), None)
    return None
