"""np.linalg in the language, and functions that put in or take out elements. As written.py, which inlines them.

`qr` is Householder's, with LAPACK's signs (dgeqr2, dlarfg: LAPACK Working Note 72), so that Q and R are NumPy's to rounding
and differentiable like any loop where the columns are linearly independent.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.compiler.frontend.intrinsics import is_sequence

# ruff: noqa: A002, E501, SIM102, SIM108, SIM114, PLR0124  # as in written.py
# mypy: disallow-untyped-defs=False, disallow-untyped-calls=False, check-untyped-defs=False

QRResult: Any = type(np.linalg.qr(np.eye(1)))


def _reflections(a):
    """R above the diagonal of the first result; the vectors and factors of the reflections I - tau v vᵀ."""
    m, n = a.shape
    k = min(m, n)
    r = a.astype(np.float64)
    v = np.zeros((m, k))
    tau = np.zeros(k)
    for j in range(k):
        below = np.sqrt(np.sum(r[j + 1 :, j] ** 2)) if j + 1 < m and np.max(np.abs(r[j + 1 :, j])) > 0 else 0.0
        v[j, j] = 1.0
        if below > 0:
            head = r[j, j]
            beta = -np.copysign(np.hypot(head, below), head)
            tau[j] = (beta - head) / beta
            v[j + 1 :, j] = r[j + 1 :, j] / (head - beta)
            row = v[j:, j] @ r[j:, j:]
            r[j:, j:] -= tau[j] * np.outer(v[j:, j], row)
    return r, v, tau


def qr(a, mode="reduced"):
    if np.ndim(a) != 2:
        raise ValueError("compiled np.linalg.qr takes one matrix")
    if mode not in ("reduced", "complete", "r"):
        raise ValueError("compiled np.linalg.qr has the modes reduced, complete and r")
    kind = np.mean(a[:0]).dtype
    m, n = a.shape
    k = min(m, n)
    r, v, tau = _reflections(a)
    rows = m if mode == "complete" else k
    upper = np.triu(r[:rows]).astype(kind)
    if mode == "r":
        return upper
    q = np.eye(m, rows)
    for j in range(k - 1, -1, -1):
        q[j:] -= tau[j] * np.outer(v[j:, j], v[j:, j] @ q[j:])
    return QRResult(q.astype(kind), upper)


def cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    x = np.asarray(a)
    y = np.asarray(b)
    if axis is not None or axisa != -1 or axisb != -1 or axisc != -1:
        x = np.moveaxis(x, axisa if axis is None else axis, -1)
        y = np.moveaxis(y, axisb if axis is None else axis, -1)
    if np.ndim(x) == 0 or np.ndim(y) == 0:
        raise ValueError("At least one array has zero dimension")
    if x.shape[-1] != 3 or y.shape[-1] != 3:
        raise ValueError("compiled np.cross takes vectors of three elements")
    parts = [x[..., 1] * y[..., 2] - x[..., 2] * y[..., 1], x[..., 2] * y[..., 0] - x[..., 0] * y[..., 2], x[..., 0] * y[..., 1] - x[..., 1] * y[..., 0]]
    return np.stack(parts, axis=-1 if np.ndim(parts[0]) == 0 else axisc if axis is None else axis)


def insert(arr, obj, values, axis=None):
    if np.ndim(obj) != 0:
        raise ValueError("compiled np.insert takes one index")
    x = np.ravel(arr) if axis is None else np.moveaxis(np.asarray(arr), axis, 0)
    at = obj + x.shape[0] if obj < 0 else obj
    if not (at >= 0 and at <= x.shape[0]):
        raise IndexError("np.insert: the index is out of bounds")
    if np.ndim(x) > 1:
        row = np.broadcast_to(values, x.shape[1:]).astype(x.dtype)
        return np.moveaxis(np.concatenate((x[:at], row[None], x[at:])), 0, axis)
    return np.concatenate((x[:at], np.ravel(np.asarray([values]) if np.ndim(values) == 0 else values).astype(x.dtype), x[at:]))


def delete(arr, obj, axis=None):
    x = np.ravel(arr) if axis is None else np.moveaxis(arr, axis, 0)
    n = x.shape[0]
    keep = np.ones(n, dtype=np.bool_)
    if is_sequence(obj) or np.ndim(obj) > 0:
        for k in np.asarray(obj):
            if not (k >= -n and k < n):
                raise IndexError("np.delete: an index is out of bounds")
            keep[k] = False
    else:
        if not (obj >= -n and obj < n):
            raise IndexError("np.delete: the index is out of bounds")
        keep[obj] = False
    made = x[np.nonzero(keep)[0]]
    return made if axis is None else np.moveaxis(made, 0, axis)


def nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    y = np.asarray(x)
    if y.dtype not in (np.float32, np.float64):
        return y.copy()
    most = 3.4028234663852886e38 if y.dtype == np.float32 else 1.7976931348623157e308
    high = most if posinf is None else posinf
    low = -most if neginf is None else neginf
    made = np.where(y == np.inf, high, np.where(y == -np.inf, low, y))
    return np.where(y != y, nan, made).astype(y.dtype)


def array_equal(a1, a2):
    x = np.asarray(a1)
    y = np.asarray(a2)
    if np.ndim(x) != np.ndim(y):
        return False
    for k in range(np.ndim(x)):
        if x.shape[k] != y.shape[k]:
            return False
    return bool(np.all(x == y))


def dstack(tup):
    return np.concatenate([np.reshape(a, (1, -1, 1)) if np.ndim(a) == 1 else a[:, :, None] if np.ndim(a) == 2 else a for a in tup], axis=2)


def geomspace(start, stop, num=50):
    made = start * (stop / start) ** (np.arange(num) / (num - 1.0))
    made[-1] = stop
    return made


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


REAL: dict[Any, Any] = {
    np.linalg.qr: qr, np.nan_to_num: nan_to_num, np.geomspace: geomspace,
    np.linalg.matrix_rank: matrix_rank,
}  # fmt: skip
ANY: dict[Any, Any] = {
    np.cross: cross, np.insert: insert, np.delete: delete, np.array_equal: array_equal, np.dstack: dstack,
    np.linalg.multi_dot: multi_dot, np.linalg.cond: cond,
}  # fmt: skip
if hasattr(np.linalg, "cross"):
    ANY[np.linalg.cross] = cross
