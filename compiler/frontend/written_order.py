"""Sorting written in the language, for where NumPy's sorting loops cannot be called (ops/order.py): in kernels of a device.

A merge sort of positions, stable, with NaN last.
"""

from __future__ import annotations

import numpy as np

# ruff: noqa: SIM102, SIM108  # as in written.py
# mypy: disallow-untyped-defs=False, disallow-untyped-calls=False, check-untyped-defs=False


def _vector(x):
    """The positions of the elements in ascending order: NaN last, equal elements in their order.

    Runs of 16 by insertion, then merged without branches: which of two elements comes first is nothing to be guessed.
    """
    n = x.shape[0]
    keys = x.copy()
    order = np.arange(n)
    for start in range(0, n, 16):
        for k in range(start + 1, min(start + 16, n)):
            key = keys[k]
            i = k
            while i > start and (key < keys[i - 1] or (keys[i - 1] != keys[i - 1] and key == key)):  # noqa: PLR0124
                keys[i] = keys[i - 1]
                order[i] = order[i - 1]
                i -= 1
            keys[i] = key
            order[i] = k
    spare_keys = np.empty_like(keys)
    spare = np.zeros(n, dtype=np.int64)
    width = 16
    while width < n:
        for start in range(0, n, 2 * width):
            middle = min(start + width, n)
            end = min(start + 2 * width, n)
            i = start
            j = middle
            for k in range(start, end):
                at_i = min(i, n - 1)
                at_j = min(j, n - 1)
                p = keys[at_i]
                q = keys[at_j]
                second = (j < end) & ((i >= middle) | (q < p) | ((p != p) & (q == q)))  # noqa: PLR0124
                spare_keys[k] = q if second else p
                spare[k] = order[at_j] if second else order[at_i]
                j += int(second)
                i += 1 - int(second)
        keys, spare_keys = spare_keys, keys
        order, spare = spare, order
        width *= 2
    return order


def order_of_last(x):
    """The positions of the elements in ascending order along the last axis."""
    if np.ndim(x) == 1:
        return _vector(x)
    rows = x.reshape((-1, x.shape[-1]))
    made = np.zeros(rows.shape, dtype=np.int64)
    for k in range(rows.shape[0]):
        made[k] = _vector(rows[k])
    return made.reshape(x.shape)


def sorted_last(x):
    """The elements in ascending order along the last axis."""
    if np.ndim(x) == 1:
        return x[_vector(x)]
    rows = x.reshape((-1, x.shape[-1]))
    made = np.zeros_like(rows)
    for k in range(rows.shape[0]):
        made[k] = rows[k][_vector(rows[k])]
    return made.reshape(x.shape)
