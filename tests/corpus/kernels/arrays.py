"""What is done with arrays: dtypes, shapes, axes, masks, indices, in place."""

from __future__ import annotations

import numpy as np

from tests.corpus.kernels.registry import RI, R, kernel

# ruff: noqa: C417, F841, E501, E702, PIE804, E741, N802, N803, N806, B007, C408, C416, E731, SIM102, SIM108, PLR2004, RUF005, UP


@kernel(lambda: (R(6, 6) > 0.5, R(6, 6)))
def masked_stats(mask, a):
    sel = a[mask]
    inv = a[~mask]
    m = sel.mean() if sel.size else 0.0
    a[mask] -= m
    a[~mask] = np.minimum(a[~mask], 0.5)
    rows = mask.any(axis=1)
    return m, inv.sum(), a, a[rows].shape[0], np.where(mask, a, 0).sum(axis=0), (a * mask).max()


@kernel(lambda: (R(20), R(20)))
def early_returns(x, y):
    if len(x) != len(y):
        return np.nan, -1
    for i in range(len(x)):
        for j in range(len(y)):
            if abs(x[i] - y[j]) < 1e-3:
                return x[i], i * len(y) + j
    return 0.0, -1


@kernel(lambda: (R(9), 2.0))
def inner_state(x, p):
    acc = np.zeros(3)
    def add(i, v=1.0, *, scale=p):
        acc[i % 3] += v * scale
        return acc[i % 3]
    for i in range(len(x)):
        add(i, x[i])
    last = add(0, scale=1.0)
    return acc, last


@kernel(lambda: (R(4, 4), R(4)))
def inplace_ops(A, b):
    A += A.T
    A /= 2
    A -= np.eye(4) * b
    A *= b[:, None]
    A **= 2
    A[A < 0.1] = 0
    b[:] = b[::-1]
    b[1:], b[:-1] = b[:-1].copy(), b[1:].copy()
    A[:, 0], A[:, 1] = A[:, 1].copy(), A[:, 0].copy()
    A[[0, 1]] = A[[1, 0]]
    return A.sum(), b


@kernel(lambda: (RI(30, hi=255).astype(np.uint8), RI(30, hi=255).astype(np.uint8)))
def uint8_math(a, b):
    s = a + b
    d = a.astype(int) - b
    h = (a >> 4) | (b & 0x0F)
    m = np.maximum(a, b)
    x = a ^ b
    cnt = 0
    for v in x:
        while v:
            v &= v - 1
            cnt += 1
    return s, d, h, m, x, cnt, a.sum(), a.mean(), (a > b).sum(), a // 3, a % 7


@kernel(lambda: (R(16).astype(np.float32), R(16).astype(np.float32)))
def float32_loop(a, b):
    s = np.float32(0)
    for i in range(len(a)):
        s += a[i] * b[i]
    t = a.dtype.type(0.5)
    c = np.zeros(len(a), dtype=a.dtype)
    for i in range(1, len(a)):
        c[i] = c[i - 1] * t + a[i]
    return s, c, a * 2.0, a + np.float64(1), a @ b, a.sum(dtype=np.float64), np.sqrt(a).dtype == np.float32


@kernel(lambda: (R(8) + 1j * R(8),))
def complex_loop(z):
    w = np.zeros_like(z)
    for i in range(len(z)):
        c = z[i]
        v = 0j
        n = 0
        while abs(v) <= 2 and n < 20:
            v = v * v + c
            n += 1
        w[i] = v * n
    return w, w.real.max(), np.sum(np.abs(w) ** 2), np.conj(w) @ z, (z * 1j).imag, z.real.astype(np.float32)


@kernel(lambda: (R(10, 3),))
def reductions_axes(x):
    return (x.sum(axis=(0, 1)), x.mean(axis=-1, keepdims=True), x.argmax(axis=0), np.argmin(x, axis=1), x.cumsum(axis=1),
        x.prod(axis=0), np.ptp(x, axis=0), x.std(axis=0, ddof=1), np.all(x > 0, axis=1), np.any(x > 0.9, axis=0), x.max(1), np.linalg.norm(x, axis=1), x.min())


@kernel(lambda: (R(3, 4, 5),))
def shapes_tour(x):
    a = x.reshape(-1, 5)
    b = x.transpose(2, 1, 0)
    c = x[:, None, ...].squeeze(1)
    d = np.concatenate([x, x], axis=-1)
    e = np.stack((x[0], x[1]), axis=1)
    f = np.swapaxes(x, 0, 2)[::-1, ::2]
    g = np.expand_dims(x[0, 0], -1)
    n, m, p = x.shape
    h = x.ravel()[n:m * p:2]
    return a, b, c, d, e, f, g, h, np.atleast_2d(h), np.repeat(h, 2), np.tile(h[:2], 3), np.flip(x, 1), x.size, x.ndim


@kernel(lambda: (np.arange(10.0), 3))
def overlap_moves(x, s):
    x[s:] = x[:-s].copy()
    y = x.copy()
    y[1:] = y[:-1]
    y[:-2] += y[2:]
    z = y[::-1]
    z[0] = -1
    y[2:5] = y[4:7] * 2
    return x, y, z.sum()


@kernel(lambda: (R(6, 2), np.array([[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]]), 1.0, 20))
def spring_network(pos, edges, k_, steps):
    vel = np.zeros_like(pos)
    rest = np.linalg.norm(pos[edges[:, 0]] - pos[edges[:, 1]], axis=1) * 0.9
    for _ in range(steps):
        force = np.zeros_like(pos)
        d = pos[edges[:, 1]] - pos[edges[:, 0]]
        L = np.sqrt((d * d).sum(axis=1))
        f = (k_ * (L - rest) / L)[:, None] * d
        np.add.at(force, edges[:, 0], f)
        np.subtract.at(force, edges[:, 1], f)
        vel = 0.99 * vel + 0.01 * force
        pos = pos + 0.01 * vel
    return pos, 0.5 * k_ * np.sum((L - rest) ** 2)


@kernel(lambda: (np.array([0, 2, 3, 5]), np.array([0, 1, 1, 0, 2]), R(5), R(3)))
def csr_matvec(indptr, indices, data, x):
    y = np.zeros(len(indptr) - 1)
    for i in range(len(y)):
        for jj in range(indptr[i], indptr[i + 1]):
            y[i] += data[jj] * x[indices[jj]]
    y2 = np.array([data[indptr[i]:indptr[i + 1]] @ x[indices[indptr[i]:indptr[i + 1]]] for i in range(3)])
    return y, y2


@kernel(lambda: (100, 7))
def number_theory(n, m):
    phi = np.arange(n + 1)
    for p in range(2, n + 1):
        if phi[p] == p:
            phi[p::p] -= phi[p::p] // p
    divs = [d for d in range(1, n + 1) if n % d == 0]
    fib = [0, 1]
    while len(fib) < 15:
        fib.append(fib[-1] + fib[-2])
    digits = 0
    x = n
    while x > 0:
        digits += x % 10
        x //= 10
    return phi, sum(divs), len(divs), fib[-1], digits, pow(3, 20, 7) if False else 3 ** 20 % m
