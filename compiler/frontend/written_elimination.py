"""Systems of equations, inverses, determinants and Cholesky factors written in the language, for where LAPACK cannot be called
(ops/linalg.py): in loops and branches of a device's threads.

Each returns what its row returns: the result, and whether the matrix could be handled. LU with partial pivoting and the Cholesky
factor by columns, as LAPACK's unblocked dgetf2 and dpotf2 (LAPACK Users' Guide, 3rd edition); equal to LAPACK's to rounding.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# ruff: noqa: SIM102, SIM108  # as in written.py
# mypy: disallow-untyped-defs=False, disallow-untyped-calls=False, check-untyped-defs=False


def _eliminated(a, b):
    """(U, L⁻¹ P b, the sign of P, whether no pivot was 0)."""
    n = a.shape[0]
    u = a.copy()
    x = b.copy()
    sign = np.ones_like(u[0, 0]) if n > 0 else np.ones_like(np.sum(u))
    fine = True
    for k in range(n):
        pivot = k
        most = np.abs(u[k, k])
        for i in range(k + 1, n):
            if np.abs(u[i, k]) > most:
                most = np.abs(u[i, k])
                pivot = i
        if pivot != k:
            sign = -sign
            for j in range(n):
                kept = u[k, j]
                u[k, j] = u[pivot, j]
                u[pivot, j] = kept
            for j in range(x.shape[1]):
                kept = x[k, j]
                x[k, j] = x[pivot, j]
                x[pivot, j] = kept
        if u[k, k] == 0.0:
            fine = False
        else:
            for i in range(k + 1, n):
                factor = u[i, k] / u[k, k]
                for j in range(k + 1, n):
                    u[i, j] -= factor * u[k, j]
                for j in range(x.shape[1]):
                    x[i, j] -= factor * x[k, j]
    return u, x, sign, fine


def solve(a, b):
    u, x, _, fine = _eliminated(a, b)
    for i in range(a.shape[0] - 1, -1, -1):
        for j in range(x.shape[1]):
            rest = x[i, j]
            for k in range(i + 1, a.shape[0]):
                rest -= u[i, k] * x[k, j]
            x[i, j] = rest / u[i, i] if fine else np.nan
    return x, fine


def inv(a):
    return solve(a, np.eye(a.shape[0]).astype(a.dtype))


def det(a):
    u, _, sign, _ = _eliminated(a, a[:, :0])
    for k in range(a.shape[0]):
        sign *= u[k, k]
    return sign, True


def slogdet(a):
    u, _, sign, fine = _eliminated(a, a[:, :0])
    if not fine:
        return np.zeros_like(sign), -np.inf * np.ones_like(sign), True
    size = np.zeros_like(sign)
    for k in range(a.shape[0]):
        sign = -sign if u[k, k] < 0.0 else sign
        size += np.log(np.abs(u[k, k]))
    return sign, size, True


def cholesky(a):
    n = a.shape[0]
    lower = np.zeros_like(a)
    fine = True
    for j in range(n):
        head = a[j, j]
        for k in range(j):
            head -= lower[j, k] * lower[j, k]
        if not head > 0.0:
            fine = False
        root = np.sqrt(head) if head > 0.0 else np.nan * head
        lower[j, j] = root
        for i in range(j + 1, n):
            rest = a[i, j]
            for k in range(j):
                rest -= lower[i, k] * lower[j, k]
            lower[i, j] = rest / root
    return lower, fine


WRITTEN: dict[str, Any] = {"solve": solve, "inv": inv, "det": det, "slogdet": slogdet, "cholesky": cholesky}
