"""Sets of NumPy written in the language. Their extents depend on data, as those of `a[mask]`.
As written.py, which inlines them."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.compiler.frontend.intrinsics import stop_gradient

# ruff: noqa: A002, E501, SIM102, SIM108, SIM114, PLR0124  # as in written.py
# mypy: disallow-untyped-defs=False, disallow-untyped-calls=False, check-untyped-defs=False


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


def setxor1d(ar1, ar2):
    both = np.sort(np.concatenate((np.unique(ar1), np.unique(ar2))))
    kept = np.ones(both.shape[0], dtype=bool)
    for k in range(1, both.shape[0]):
        if both[k] == both[k - 1]:
            kept[k] = False
            kept[k - 1] = False
    return both[kept]


REAL: dict[Any, Any] = {
    getattr(np, f.__name__): f for f in (unique, isin, union1d, intersect1d, setdiff1d, setxor1d)
}
