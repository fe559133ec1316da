"""NumPy kernels as scientists write them, unchanged: what compiles as it stands, and gives NumPy's answer.

for name, (function, arguments) in KERNELS.items():
    function(*arguments())          fresh arguments; it may write into them

Unlike `programs`, these need not be differentiable.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any, NamedTuple

import numpy as np

# ruff: noqa: C417, E501, E702, PIE804, E741, N802, N803, N806, B007, C408, C416, E731, SIM102, SIM108, PLR2004, RUF005, UP

KERNELS: dict[str, tuple[Callable[..., Any], Callable[[], tuple[Any, ...]]]] = {}


def kernel(arguments):
    """Add the decorated function, with what makes its arguments."""

    def add(function):
        KERNELS[function.__name__] = (function, arguments)
        return function

    return add


def R(*shape):
    return np.random.default_rng(0).random(shape)


def RI(*shape, lo=0, hi=10):
    return np.random.default_rng(1).integers(lo, hi, shape)




# -- physics


@kernel(lambda: (R(20, 3), R(20), 0.01, 10))
def nbody(pos, mass, dt, steps):
    n = len(mass)
    vel = np.zeros_like(pos)
    G = 1.0
    for _ in range(steps):
        acc = np.zeros((n, 3))
        for i in range(n):
            for j in range(n):
                if i == j:
                    continue
                r = pos[j] - pos[i]
                d = np.sqrt((r ** 2).sum() + 1e-4)
                acc[i] += G * mass[j] * r / d ** 3
        vel += acc * dt
        pos += vel * dt
    ke = 0.5 * np.sum(mass[:, None] * vel ** 2)
    return pos, vel, ke


@kernel(lambda: (16, 2.0, 50, R(50, 16, 16), R(50)))
def ising(n, T, sweeps, u, v):
    s = np.ones((n, n), dtype=int)
    energies = np.empty(sweeps)
    for t in range(sweeps):
        for i in range(n):
            for j in range(n):
                nb = s[(i + 1) % n, j] + s[(i - 1) % n, j] + s[i, (j + 1) % n] + s[i, (j - 1) % n]
                dE = 2 * s[i, j] * nb
                if dE <= 0 or u[t, i, j] < math.exp(-dE / T):
                    s[i, j] *= -1
        energies[t] = -np.sum(s * (np.roll(s, 1, axis=0) + np.roll(s, 1, axis=1)))
    return s, energies, s.mean()


@kernel(lambda: (64, 100))
def wave_eq(n, steps):
    x, dx = np.linspace(0, 1, n, retstep=True)
    u = np.exp(-100 * (x - 0.5) ** 2)
    up = u.copy()
    c = 0.5
    for _ in range(steps):
        un = np.zeros(n)
        un[1:-1] = 2 * u[1:-1] - up[1:-1] + c ** 2 * (u[2:] - 2 * u[1:-1] + u[:-2])
        up, u = u, un
    return u, dx


@kernel(lambda: (np.array([1.0, 1.0, 1.0]), 0.0, 1.0, 100))
def lorenz_rk4(y0, t0, t1, n, sigma=10.0, rho=28.0, beta=8/3):
    def rhs(t, y):
        x, y_, z = y
        return np.array([sigma * (y_ - x), x * (rho - z) - y_, x * y_ - beta * z])
    h = (t1 - t0) / n
    out = np.zeros((n + 1, len(y0)))
    out[0] = y0
    t = t0
    for i in range(n):
        y = out[i]
        k1 = rhs(t, y)
        k2 = rhs(t + h / 2, y + h / 2 * k1)
        k3 = rhs(t + h / 2, y + h / 2 * k2)
        k4 = rhs(t + h, y + h * k3)
        out[i + 1] = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        t += h
    return out, t


@kernel(lambda: (R(30, 3) * 5, 5.0))
def lennard_jones(x, L):
    n = x.shape[0]
    energy = 0
    forces = np.zeros_like(x)
    for i in range(n - 1):
        d = x[i] - x[i + 1:]
        d -= L * np.round(d / L)
        r2 = np.sum(d * d, axis=1)
        mask = r2 < 6.25
        inv6 = np.where(mask, 1 / np.maximum(r2, 0.8) ** 3, 0)
        energy += np.sum(4 * (inv6 ** 2 - inv6))
        f = (48 * inv6 ** 2 - 24 * inv6) / r2
        forces[i] += (f[:, np.newaxis] * d).sum(axis=0)
        forces[i + 1:] -= f[:, np.newaxis] * d
    return energy, forces


@kernel(lambda: (R(40), 0.9))
def burgers_upwind(u, cfl):
    u = np.array(u)
    n = u.size
    t = 0.0
    steps = 0
    while t < 0.5:
        dt = cfl / n / max(np.max(np.abs(u)), 1e-8)
        dt = min(dt, 0.5 - t)
        f = 0.5 * u * u
        u[1:] -= dt * n * (f[1:] - f[:-1])
        t += dt
        steps += 1
    return u, steps


@dataclass
class Params:
    alpha: float
    beta: float
    n: int = 10


class State(NamedTuple):
    x: np.ndarray
    v: np.ndarray


@kernel(lambda: (State(R(5), R(5)), Params(0.1, 0.2)))
def duffing(s, p):
    for _ in range(p.n):
        a = -p.alpha * s.x - p.beta * s.x ** 3
        s = State(s.x + 0.01 * s.v, s.v + 0.01 * a)
    return s


# -- stats/ML


@kernel(lambda: (R(50, 2), R(3, 2), 10))
def kmeans(X, centers, iters):
    n, d = X.shape
    kk = centers.shape[0]
    C = centers.copy()
    labels = np.zeros(n, dtype=np.int64)
    for it in range(iters):
        dist = np.zeros((n, kk))
        for j in range(kk):
            dist[:, j] = np.linalg.norm(X - C[j], axis=1)
        labels = np.argmin(dist, axis=1)
        for j in range(kk):
            members = X[labels == j]
            if len(members) > 0:
                C[j] = members.mean(axis=0)
    inertia = np.sum((X - C[labels]) ** 2)
    return C, labels, inertia


@kernel(lambda: (R(30), R(30), 5))
def gp_predict(x, y, m):
    def kernel(a, b, length=0.3, var=1.0):
        return var * np.exp(-0.5 * np.subtract.outer(a, b) ** 2 / length ** 2)
    xs = np.linspace(0, 1, m)
    Kxx = kernel(x, x) + 0.1 * np.eye(len(x))
    L = np.linalg.cholesky(Kxx)
    a = np.linalg.solve(L.T, np.linalg.solve(L, y))
    Ks = kernel(x, xs)
    v = np.linalg.solve(L, Ks)
    return Ks.T @ a, np.diag(kernel(xs, xs)) - np.sum(v ** 2, axis=0)


@kernel(lambda: (np.array([3.0, 1.0, 2.0]), 2))
def one_hot_softmax(z, label):
    e = np.exp(z - np.max(z))
    p = e / np.sum(e)
    onehot = np.zeros_like(p)
    onehot[label] = 1
    return -np.log(p[label]), p - onehot


@kernel(lambda: (RI(30, hi=4), 4))
def confusion(y, n):
    pred = (y * 3 + 1) % n
    cm = np.zeros((n, n), dtype=np.int32)
    for t, p in zip(y, pred):
        cm[t, p] += 1
    acc = np.trace(cm) / np.sum(cm)
    prec = np.diag(cm) / np.maximum(cm.sum(axis=0), 1)
    return cm, acc, prec


@kernel(lambda: (R(60),))
def bootstrap_ci(x):
    s = np.sort(x)
    n = len(s)
    lo = s[int(0.025 * n)]
    hi = s[int(0.975 * n)]
    return lo, hi, np.median(x), np.percentile(x, 90), np.std(x, ddof=1), np.var(x)


@kernel(lambda: (RI(100, hi=6), RI(100, hi=3)))
def mutual_info(a, b):
    na = a.max() + 1
    nb = b.max() + 1
    joint = np.zeros((na, nb))
    for i in range(a.size):
        joint[a[i], b[i]] += 1
    joint /= a.size
    pa = joint.sum(axis=1)
    pb = joint.sum(axis=0)
    mi = 0.0
    for i in range(na):
        for j in range(nb):
            if joint[i, j] > 0:
                mi += joint[i, j] * np.log(joint[i, j] / (pa[i] * pb[j]))
    return mi


@kernel(lambda: (np.array([0.5, 0.5]), np.array([[0.7, 0.3], [0.4, 0.6]]), np.array([[0.1, 0.4, 0.5], [0.6, 0.3, 0.1]]), RI(12, hi=3)))
def hmm_viterbi(pi, A, B, obs):
    N = A.shape[0]
    T = len(obs)
    delta = np.zeros((T, N))
    psi = np.zeros((T, N), dtype=int)
    delta[0] = np.log(pi) + np.log(B[:, obs[0]])
    for t in range(1, T):
        for j in range(N):
            seq = delta[t - 1] + np.log(A[:, j])
            psi[t, j] = np.argmax(seq)
            delta[t, j] = seq[psi[t, j]] + np.log(B[j, obs[t]])
    path = np.zeros(T, dtype=int)
    path[-1] = np.argmax(delta[-1])
    for t in reversed(range(T - 1)):
        path[t] = psi[t + 1, path[t + 1]]
    return path, np.max(delta[-1])


@kernel(lambda: (R(20, 3), R(3, 4), R(4), R(4, 2), R(2), R(20, 2)))
def mlp_backprop(X, W1, b1, W2, b2, Y):
    z1 = X @ W1 + b1
    a1 = np.tanh(z1)
    z2 = a1 @ W2 + b2
    loss = 0.5 * np.mean(np.sum((z2 - Y) ** 2, axis=1))
    dz2 = (z2 - Y) / X.shape[0]
    dW2 = a1.T @ dz2
    db2 = dz2.sum(0)
    dz1 = dz2 @ W2.T * (1 - a1 ** 2)
    return loss, X.T @ dz1, dz1.sum(axis=0), dW2, db2


@kernel(lambda: (R(10, 5),))
def batchnorm(x, eps=1e-5):
    mu, var = x.mean(0), x.var(0)
    xhat = (x - mu) / np.sqrt(var + eps)
    return xhat, mu, var


# -- signal/image


@kernel(lambda: ((R(20, 20) * 255).astype(np.uint8),))
def sobel(img):
    im = img.astype(float)
    Kx = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    Ky = Kx.T
    h, w = im.shape
    gx = np.zeros((h - 2, w - 2))
    gy = np.zeros((h - 2, w - 2))
    for di in range(3):
        for dj in range(3):
            gx += Kx[di, dj] * im[di:h - 2 + di, dj:w - 2 + dj]
            gy += Ky[di, dj] * im[di:h - 2 + di, dj:w - 2 + dj]
    mag = np.hypot(gx, gy)
    mag *= 255.0 / mag.max()
    return mag.astype(np.uint8), np.arctan2(gy, gx)


@kernel(lambda: ((R(16, 16, 3) * 255).astype(np.uint8),))
def gray_hist(img):
    gray = (0.299 * img[..., 0] + 0.587 * img[..., 1] + 0.114 * img[..., 2]).astype(np.uint8)
    hist = np.zeros(256, dtype=int)
    for v in gray.ravel():
        hist[v] += 1
    cdf = hist.cumsum()
    cdf_m = (cdf - cdf.min()) * 255 / (cdf.max() - cdf.min())
    return cdf_m[gray].astype('uint8')


@kernel(lambda: (R(64),))
def dft_naive(x):
    N = len(x)
    X = np.zeros(N, dtype=complex)
    for kk in range(N):
        for n in range(N):
            X[kk] += x[n] * np.exp(-2j * np.pi * kk * n / N)
    return X, np.abs(X), np.angle(X)


@kernel(lambda: (R(15, 15), 1.0, 2))
def gaussian_blur(img, sigma, radius):
    ax = np.arange(-radius, radius + 1)
    g = np.exp(-(ax ** 2) / (2 * sigma ** 2))
    g = g / g.sum()
    tmp = np.apply_along_axis(lambda r: np.convolve(r, g, mode='same'), 1, img)
    return np.apply_along_axis(lambda r: np.convolve(r, g, mode='same'), 0, tmp)


@kernel(lambda: (R(12, 12) > 0.5,))
def game_of_life(grid):
    g = grid.astype(int)
    n = sum(np.roll(np.roll(g, i, 0), j, 1) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0))
    return (n == 3) | (grid & (n == 2))


@kernel(lambda: (R(16, 16) > 0.4,))
def flood_fill(mask):
    h, w = mask.shape
    labels = np.zeros((h, w), dtype=np.int32)
    stack = np.zeros((h * w * 4, 2), dtype=np.int64)
    current = 0
    for i in range(h):
        for j in range(w):
            if mask[i, j] and labels[i, j] == 0:
                current += 1
                top = 0
                stack[top, 0], stack[top, 1] = i, j
                top += 1
                while top > 0:
                    top -= 1
                    y, x = stack[top]
                    if y < 0 or y >= h or x < 0 or x >= w:
                        continue
                    if not mask[y, x] or labels[y, x] != 0:
                        continue
                    labels[y, x] = current
                    for dy, dx in [(-1, 0), (1, 0), (0, -1), (0, 1)]:
                        stack[top] = y + dy, x + dx
                        top += 1
    return labels, current


@kernel(lambda: (R(10, 10), 20, 25))
def bilinear_resize(img, H, W):
    h, w = img.shape
    out = np.empty((H, W), dtype=img.dtype)
    for i in range(H):
        for j in range(W):
            y = (i + 0.5) * h / H - 0.5
            x = (j + 0.5) * w / W - 0.5
            y0 = int(np.floor(y)); x0 = int(np.floor(x))
            dy, dx = y - y0, x - x0
            y1 = min(max(y0 + 1, 0), h - 1); x1 = min(max(x0 + 1, 0), w - 1)
            y0 = max(y0, 0); x0 = max(x0, 0)
            out[i, j] = img[y0, x0] * (1 - dy) * (1 - dx) + img[y0, x1] * (1 - dy) * dx + img[y1, x0] * dy * (1 - dx) + img[y1, x1] * dy * dx
    return out


@kernel(lambda: (R(30),))
def haar_wavelet(x):
    n = len(x) - len(x) % 2
    out = x[:n].copy()
    a = (out[0::2] + out[1::2]) / np.sqrt(2)
    d = (out[::2] - out[1::2]) / np.sqrt(2)
    return np.concatenate((a, d)), np.hstack([a, d]), np.vstack((a, d))


# -- finance


@kernel(lambda: (100.0, 100.0, 1.0, 0.05, 0.2, 50))
def binomial_american(S, K_, T, r, sigma, N):
    dt = T / N
    u = np.exp(sigma * np.sqrt(dt))
    d = 1 / u
    p = (np.exp(r * dt) - d) / (u - d)
    disc = np.exp(-r * dt)
    prices = S * d ** np.arange(N, -1, -1) * u ** np.arange(0, N + 1, 1)
    values = np.maximum(K_ - prices, 0)
    for i in range(N - 1, -1, -1):
        values = disc * (p * values[1:i + 2] + (1 - p) * values[0:i + 1])
        prices = prices[:-1] / d
        values = np.maximum(values, K_ - prices)
    return values[0]


@kernel(lambda: (R(20) * 10 + 90, 100.0, 0.5, 0.03, 0.25))
def black_scholes(S, strike, T, r, sigma):
    d1 = (np.log(S / strike) + (r + 0.5 * sigma ** 2) * T) / (sigma * np.sqrt(T))
    d2 = d1 - sigma * np.sqrt(T)
    N = lambda x: 0.5 * (1 + np.vectorize(math.erf)(x / np.sqrt(2)))
    return S * N(d1) - strike * np.exp(-r * T) * N(d2)


@kernel(lambda: (R(100) * 10 + 50, 12, 26, 9))
def macd(p, fast, slow, signal):
    def ema(x, span):
        a = 2 / (span + 1)
        y = np.empty_like(x)
        y[0] = x[0]
        for t in range(1, len(x)):
            y[t] = a * x[t] + (1 - a) * y[t - 1]
        return y
    line = ema(p, fast) - ema(p, slow)
    sig = ema(line, signal)
    cross = np.sign(line - sig)
    signals = np.where(np.diff(cross) > 0)[0]
    return line, sig, signals


@kernel(lambda: (np.array([-1000.0, 300, 400, 500, 200]), 0.1))
def irr(cf, guess):
    r = guess
    for it in range(100):
        t = np.arange(len(cf))
        f = np.sum(cf / (1 + r) ** t)
        df = -np.sum(t * cf / (1 + r) ** (t + 1))
        step = f / df
        r -= step
        if abs(step) < 1e-10:
            break
    else:
        raise ValueError("no convergence")
    return r, it


@kernel(lambda: (R(1000, 12), 100.0, 110.0, 0.02, 0.3))
def asian_mc(z, S0, strike, r, sigma):
    n, m = z.shape
    dt = 1 / m
    paths = S0 * np.exp(np.cumsum((r - 0.5 * sigma**2) * dt + sigma * np.sqrt(dt) * z, axis=1))
    payoff = np.maximum(paths.mean(axis=1) - strike, 0.0)
    return np.exp(-r) * payoff.mean(), payoff.std() / np.sqrt(n)


# -- graph/bio


@kernel(lambda: (RI(20, hi=4), RI(25, hi=4)))
def needleman_wunsch(a, b, match=1, mismatch=-1, gap=-2):
    n, m = len(a), len(b)
    F = np.zeros((n + 1, m + 1), dtype=int)
    F[:, 0] = gap * np.arange(n + 1)
    F[0, :] = gap * np.arange(m + 1)
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            s = match if a[i - 1] == b[j - 1] else mismatch
            F[i, j] = max(F[i - 1, j - 1] + s, F[i - 1, j] + gap, F[i, j - 1] + gap)
    return F[n, m], F


@kernel(lambda: (R(12, 12), 0))
def dijkstra(W, src):
    n = W.shape[0]
    dist = np.full(n, np.inf)
    visited = np.zeros(n, dtype=bool)
    prev = -np.ones(n, dtype=int)
    dist[src] = 0
    for _ in range(n):
        u = -1
        for v in range(n):
            if not visited[v] and (u == -1 or dist[v] < dist[u]):
                u = v
        visited[u] = True
        for v in range(n):
            alt = dist[u] + W[u, v]
            if alt < dist[v]:
                dist[v] = alt
                prev[v] = u
    return dist, prev


@kernel(lambda: ((R(15, 15) > 0.7).astype(float), 0.85))
def pagerank(A, d, tol=1e-8, max_iter=100):
    n = A.shape[0]
    deg = A.sum(axis=1)
    deg[deg == 0] = 1
    M = (A / deg[:, None]).T
    r = np.ones(n) / n
    for i in range(max_iter):
        r_new = d * M @ r + (1 - d) / n
        err = np.abs(r_new - r).sum()
        r = r_new
        if err < tol:
            break
    return r, i


@kernel(lambda: (0.99, 0.01, 0.0, 0.3, 0.1, 100))
def sir(S, I, Rr, beta, gamma, days):
    hist = np.zeros((days, 3))
    for day in range(days):
        hist[day] = [S, I, Rr]
        new_inf = beta * S * I
        new_rec = gamma * I
        S, I, Rr = S - new_inf, I + new_inf - new_rec, Rr + new_rec
    peak = np.argmax(hist[:, 1])
    return hist, peak, hist[peak, 1]


# -- linear algebra


@kernel(lambda: (R(8, 8) + 8 * np.eye(8), R(8)))
def gauss_elim(A, b):
    A = A.copy(); b = b.copy()
    n = len(b)
    for kk in range(n - 1):
        piv = kk + np.argmax(np.abs(A[kk:, kk]))
        if piv != kk:
            A[[kk, piv]] = A[[piv, kk]]
            b[kk], b[piv] = b[piv], b[kk]
        for i in range(kk + 1, n):
            f = A[i, kk] / A[kk, kk]
            A[i, kk:] -= f * A[kk, kk:]
            b[i] -= f * b[kk]
    x = np.zeros(n)
    for i in range(n - 1, -1, -1):
        x[i] = (b[i] - A[i, i + 1:] @ x[i + 1:]) / A[i, i]
    return x


@kernel(lambda: (R(8, 8),))
def qr_gram_schmidt(A):
    m, n = A.shape
    Q = np.zeros((m, n))
    Rm = np.zeros((n, n))
    for j in range(n):
        v = A[:, j]
        for i in range(j):
            Rm[i, j] = np.dot(Q[:, i], A[:, j])
            v = v - Rm[i, j] * Q[:, i]
        Rm[j, j] = np.linalg.norm(v)
        Q[:, j] = v / Rm[j, j]
    return Q, Rm


@kernel(lambda: (R(9, 9) + 9 * np.eye(9), R(9), 1e-10))
def conjugate_gradient(A, b, tol):
    A = A @ A.T
    x = np.zeros_like(b)
    r = b - A @ x
    p = r.copy()
    rs = r @ r
    for i in range(1000):
        Ap = A @ p
        alpha = rs / (p @ Ap)
        x += alpha * p
        r -= alpha * Ap
        rs_new = r @ r
        if np.sqrt(rs_new) < tol:
            break
        p = r + (rs_new / rs) * p
        rs = rs_new
    return x, i


@kernel(lambda: (R(5, 5), 200))
def power_iteration(A, n):
    v = np.ones(A.shape[0])
    lam = 0
    for _ in range(n):
        w = A @ v
        lam_new = np.linalg.norm(w)
        v = w / lam_new
        if abs(lam_new - lam) < 1e-12:
            break
        lam = lam_new
    return lam, v


@kernel(lambda: (R(10), R(10), R(10), R(10)))
def thomas(a, b, c, d):
    b = b + 3
    n = len(d)
    cp, dp = np.zeros(n), np.zeros(n)
    cp[0], dp[0] = c[0] / b[0], d[0] / b[0]
    for i in range(1, n):
        m = b[i] - a[i] * cp[i - 1]
        cp[i] = c[i] / m
        dp[i] = (d[i] - a[i] * dp[i - 1]) / m
    x = dp.copy()
    for i in range(n - 2, -1, -1):
        x[i] = dp[i] - cp[i] * x[i + 1]
    return x


@kernel(lambda: (R(3, 4), R(2, 3)))
def kron_stuff(A, B):
    return np.kron(A, B), np.einsum('ij,kl->ikjl', A, B).reshape(6, 12), np.outer(A[0], B[0]), np.tensordot(A, B, axes=([0], [1]))


# -- misc


@kernel(lambda: (5,))
def pascal(n):
    P = np.zeros((n, n), dtype=np.int64)
    for i in range(n):
        P[i, 0] = 1
        for j in range(1, i + 1):
            P[i, j] = P[i - 1, j - 1] + P[i - 1, j]
    return P


@kernel(lambda: (100,))
def primes(n):
    sieve = np.ones(n + 1, dtype=bool)
    sieve[:2] = False
    for i in range(2, int(n ** 0.5) + 1):
        if sieve[i]:
            sieve[i * i::i] = False
    return np.flatnonzero(sieve), sieve.sum()


@kernel(lambda: (-2.0, 1.0, -1.5, 1.5, 30, 20, 50))
def mandelbrot(xmin, xmax, ymin, ymax, w, h, maxiter):
    X = np.linspace(xmin, xmax, w, dtype=np.float64)
    Y = np.linspace(ymin, ymax, h, dtype=np.float64)
    C = X + Y[:, None] * 1j
    N = np.zeros(C.shape, dtype=int)
    Z = np.zeros(C.shape, np.complex128)
    for n in range(maxiter):
        I = np.less(abs(Z), 2.0)
        N[I] = n
        Z[I] = Z[I] ** 2 + C[I]
    N[N == maxiter - 1] = 0
    return Z, N


@kernel(lambda: (48, 18))
def gcd_lcm(a, b):
    x, y = a, b
    while y:
        x, y = y, x % y
    return x, a * b // x, 2 ** a % 7


@kernel(lambda: (np.array([5, 3, 8, 1, 9, 2]),))
def bubble_sort(a):
    a = a.copy()
    n = len(a)
    for i in range(n):
        swapped = False
        for j in range(n - i - 1):
            if a[j] > a[j + 1]:
                a[j], a[j + 1] = a[j + 1], a[j]
                swapped = True
        if not swapped:
            break
    return a


# -- more of all kinds


EPS = np.finfo(float).eps


TABLEAU = {"a21": 1/5, "a31": 3/40, "a32": 9/40}


WEIGHTS = np.array([1., 4., 2., 4., 1.])


@kernel(lambda: (np.array([1.0, 0.0]), 0.0, 5.0, 0.1))
def rk45_adaptive(y0, t, tend, h):
    """Adaptive Heun-Euler."""
    def f(t, y):
        return np.array([y[1], -y[0]])
    y = y0.copy()
    tol = 1e-6
    n_accept = n_reject = 0
    while t < tend:
        if t + h > tend:
            h = tend - t
        k1 = f(t, y)
        k2 = f(t + h, y + h * k1)
        err = np.linalg.norm(0.5 * h * (k2 - k1), np.inf)
        if err < tol or h < 1e-10:
            y = y + 0.5 * h * (k1 + k2)
            t += h
            n_accept += 1
        else:
            n_reject += 1
        h *= min(2.0, max(0.2, 0.9 * (tol / (err + 1e-300)) ** 0.5))
    return y, n_accept, n_reject


@kernel(lambda: (R(20, 20), 1e-4, 5000))
def laplace_sor(u, tol, maxiter):
    u = u.copy()
    n, m = u.shape
    omega = 2 / (1 + np.sin(np.pi / n))
    for it in range(maxiter):
        err = 0.0
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                new = (1 - omega) * u[i, j] + omega * 0.25 * (u[i-1, j] + u[i+1, j] + u[i, j-1] + u[i, j+1])
                err = max(err, abs(new - u[i, j]))
                u[i, j] = new
        if err < tol:
            return u, it + 1, True
    return u, maxiter, False


@kernel(lambda: (R(6, 6), "fro"))
def norms(A, kind):
    if kind == "fro":
        return np.sqrt((A ** 2).sum())
    elif kind == "inf":
        return np.abs(A).sum(axis=1).max()
    else:
        raise ValueError(f"unknown norm {kind!r}")


@kernel(lambda: (R(50) - 0.5, 0.1))
def soft_threshold(x, lam):
    return np.sign(x) * np.maximum(np.abs(x) - lam, 0)


@kernel(lambda: (R(20, 5), R(20), 0.05, 100))
def lasso_cd(X, y, lam, iters):
    n, p = X.shape
    beta = np.zeros(p)
    norm2 = (X ** 2).sum(axis=0)
    for _ in range(iters):
        beta_old = beta.copy()
        for j in range(p):
            resid = y - X @ beta + X[:, j] * beta[j]
            rho = X[:, j] @ resid
            if rho < -lam * n:
                beta[j] = (rho + lam * n) / norm2[j]
            elif rho > lam * n:
                beta[j] = (rho - lam * n) / norm2[j]
            else:
                beta[j] = 0.
        if np.max(np.abs(beta - beta_old)) < 1e-12:
            break
    return beta


@kernel(lambda: (R(30, 2), RI(30, hi=3), 3))
def lda_means(X, y, n_classes):
    means = np.array([X[y == c].mean(axis=0) for c in range(n_classes)])
    priors = np.array([np.mean(y == c) for c in range(n_classes)])
    Sw = np.zeros((X.shape[1], X.shape[1]))
    for c in range(n_classes):
        d = X[y == c] - means[c]
        Sw += d.T @ d
    return means, priors, Sw / (len(X) - n_classes)


@kernel(lambda: (R(40, 2), 3, np.random.default_rng(3).integers(0, 40, 3)))
def gmm_em(X, kk, start):
    n, d = X.shape
    mu = X[start]
    var = np.ones((kk, d)) * X.var(axis=0)
    pi = np.full(kk, 1 / kk)
    prev = -np.inf
    for it in range(50):
        logp = np.empty((n, kk))
        for j in range(kk):
            logp[:, j] = np.log(pi[j]) - 0.5 * np.sum(np.log(2 * np.pi * var[j]) + (X - mu[j]) ** 2 / var[j], axis=1)
        m = logp.max(axis=1, keepdims=True)
        lse = m[:, 0] + np.log(np.exp(logp - m).sum(axis=1))
        r = np.exp(logp - lse[:, None])
        Nk = r.sum(axis=0)
        pi = Nk / n
        mu = r.T @ X / Nk[:, None]
        var = r.T @ X ** 2 / Nk[:, None] - mu ** 2 + 1e-6
        ll = lse.sum()
        if ll - prev < 1e-8:
            break
        prev = ll
    return pi, mu, var, ll


@kernel(lambda: (R(64) - 0.5,))
def fft_radix2(x):
    n = x.shape[0]
    X = x.astype(np.complex128)
    j = 0
    for i in range(1, n):
        bit = n >> 1
        while j & bit:
            j ^= bit
            bit >>= 1
        j |= bit
        if i < j:
            X[i], X[j] = X[j], X[i]
    length = 2
    while length <= n:
        ang = -2 * np.pi / length
        wlen = complex(math.cos(ang), math.sin(ang))
        for i in range(0, n, length):
            w = 1 + 0j
            for k_ in range(length // 2):
                u = X[i + k_]
                v = X[i + k_ + length // 2] * w
                X[i + k_] = u + v
                X[i + k_ + length // 2] = u - v
                w *= wlen
        length <<= 1
    return X


@kernel(lambda: (R(100), 0.3, 0.7))
def schmitt(x, lo, hi):
    state = False
    out = np.zeros(len(x), dtype=bool)
    crossings = []
    for i, v in enumerate(x):
        if not state and v > hi:
            state = True
            crossings.append(i)
        elif state and v < lo:
            state = False
        out[i] = state
    return out, np.array(crossings), len(crossings)


@kernel(lambda: (R(50),))
def peaks(x):
    idx = np.where((x[1:-1] > x[:-2]) & (x[1:-1] > x[2:]))[0] + 1
    return idx, x[idx], idx.size, np.argmax(x[idx])


@kernel(lambda: (R(16, 16), 2))
def box_downsample(img, f):
    h, w = img.shape
    return img[:h // f * f, :w // f * f].reshape(h // f, f, w // f, f).mean(axis=(1, 3))


@kernel(lambda: (R(16, 16),))
def integral_image(img):
    s = np.zeros((img.shape[0] + 1, img.shape[1] + 1))
    s[1:, 1:] = img.cumsum(axis=0).cumsum(axis=1)
    r = 3
    return s[r:, r:] - s[:-r, r:] - s[r:, :-r] + s[:-r, :-r]


@kernel(lambda: (R(12, 12) > 0.6,))
def dilate(mask):
    out = mask.copy()
    out[1:, :] |= mask[:-1, :]
    out[:-1, :] |= mask[1:, :]
    out[:, 1:] |= mask[:, :-1]
    out[:, :-1] |= mask[:, 1:]
    return out & ~mask, out.sum(), np.count_nonzero(mask)


@kernel(lambda: ((R(8, 8, 3) * 255).astype(np.uint8),))
def rgb_to_hsv(img):
    rgb = img / 255.0
    r, g, b = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    mx = rgb.max(-1)
    mn = rgb.min(-1)
    d = mx - mn
    h = np.zeros_like(mx)
    nz = d > 0
    idx = nz & (mx == r)
    h[idx] = ((g[idx] - b[idx]) / d[idx]) % 6
    idx = nz & (mx == g)
    h[idx] = (b[idx] - r[idx]) / d[idx] + 2
    idx = nz & (mx == b)
    h[idx] = (r[idx] - g[idx]) / d[idx] + 4
    s = np.divide(d, mx, out=np.zeros_like(d), where=mx > 0)
    return np.stack([h / 6, s, mx], axis=-1)


@kernel(lambda: (R(20, 20), np.array([[0.9, -0.1], [0.1, 0.9]])))
def affine_nearest(img, M):
    h, w = img.shape
    yy, xx = np.indices((h, w))
    coords = M @ np.vstack([yy.ravel(), xx.ravel()])
    iy = np.clip(np.rint(coords[0]).astype(int), 0, h - 1)
    ix = np.clip(np.rint(coords[1]).astype(int), 0, w - 1)
    return img[iy, ix].reshape(h, w)


@kernel(lambda: (100.0, 105.0, 0.05, 0.2, 1.0))
def implied_vol(S, strike, r, price_sigma, T):
    def cdf(x):
        return 0.5 * (1.0 + math.erf(x / math.sqrt(2.0)))
    def call(sig):
        d1 = (math.log(S / strike) + (r + sig * sig / 2) * T) / (sig * math.sqrt(T))
        return S * cdf(d1) - strike * math.exp(-r * T) * cdf(d1 - sig * math.sqrt(T))
    target = call(price_sigma)
    lo, hi = 1e-4, 5.0
    for _ in range(200):
        mid = (lo + hi) / 2
        if call(mid) > target:
            hi = mid
        else:
            lo = mid
    return mid


@kernel(lambda: (R(60) * 0.02 - 0.01,))
def drawdown(rets):
    wealth = np.cumprod(1 + rets)
    peaks_ = np.maximum.accumulate(wealth)
    dd = wealth / peaks_ - 1
    end = np.argmin(dd)
    start = np.argmax(wealth[:end + 1])
    sharpe = rets.mean() / rets.std(ddof=1) * np.sqrt(252)
    return dd.min(), start, end, sharpe


@kernel(lambda: (R(100), 14))
def rsi(p, n):
    d = np.diff(p)
    up = np.where(d > 0, d, 0.0)
    dn = -np.where(d < 0, d, 0.0)
    out = np.full(len(p), np.nan)
    au, ad = up[:n].mean(), dn[:n].mean()
    for i in range(n, len(d)):
        au = (au * (n - 1) + up[i]) / n
        ad = (ad * (n - 1) + dn[i]) / n
        out[i + 1] = 100 - 100 / (1 + au / ad)
    return out


@kernel(lambda: (np.array([60, 100, 120.0]), np.array([10, 20, 30]), 50))
def knapsack(values, weights, cap):
    n = len(values)
    dp = np.zeros((n + 1, cap + 1))
    for i in range(1, n + 1):
        for w in range(cap + 1):
            if weights[i - 1] <= w:
                dp[i][w] = max(dp[i-1][w], values[i-1] + dp[i-1][w - weights[i-1]])
            else:
                dp[i][w] = dp[i-1][w]
    chosen = []
    w = cap
    for i in range(n, 0, -1):
        if dp[i, w] != dp[i - 1, w]:
            chosen.append(i - 1)
            w -= weights[i - 1]
    return dp[n, cap], len(chosen), np.array(chosen)


@kernel(lambda: ((R(10, 10) > 0.6).astype(float),))
def connected_components(A):
    n = A.shape[0]
    A = np.maximum(A, A.T)
    label = -np.ones(n, dtype=int)
    c = 0
    for s in range(n):
        if label[s] >= 0:
            continue
        stack = [s]
        while stack:
            u = stack.pop()
            if label[u] >= 0:
                continue
            label[u] = c
            for v in np.flatnonzero(A[u]):
                if label[v] < 0:
                    stack.append(v)
        c += 1
    return label, c


@kernel(lambda: (R(7, 7),))
def prim_mst(W):
    n = W.shape[0]
    in_tree = np.zeros(n, bool)
    key = np.full(n, np.inf)
    parent = np.full(n, -1)
    key[0] = 0
    for _ in range(n):
        u = int(np.argmin(np.where(in_tree, np.inf, key)))
        in_tree[u] = True
        upd = (~in_tree) & (W[u] < key)
        key[upd] = W[u][upd]
        parent[upd] = u
    return parent, key.sum()


@kernel(lambda: (R(6, 6),))
def householder(A):
    m, n = A.shape
    R_ = A.copy()
    Q = np.eye(m)
    for k_ in range(n - 1):
        x = R_[k_:, k_]
        e = np.zeros_like(x)
        e[0] = np.copysign(np.linalg.norm(x), x[0])
        v = x + e
        v = v / np.linalg.norm(v)
        R_[k_:, k_:] -= 2.0 * np.outer(v, v @ R_[k_:, k_:])
        Q[:, k_:] -= 2.0 * np.outer(Q[:, k_:] @ v, v)
    return Q, np.round(R_, 12)


@kernel(lambda: (R(10, 10), R(10), 8))
def lanczos(A, q, m):
    A = (A + A.T) / 2
    q = q / np.linalg.norm(q)
    alpha, beta = np.zeros(m), np.zeros(m)
    Q = [q]
    prev = np.zeros_like(q)
    b = 0.
    for j in range(m):
        z = A @ q - b * prev
        alpha[j] = q @ z
        z -= alpha[j] * q
        b = np.linalg.norm(z)
        beta[j] = b
        prev, q = q, z / b
        Q.append(q)
    return alpha, beta, np.array(Q).shape


@kernel(lambda: (R(5), {"k": 2.0, "m": 1.0, "c": 0.1}))
def damped(x, p):
    w = math.sqrt(p["k"] / p["m"])
    zeta = p["c"] / (2 * math.sqrt(p["k"] * p["m"]))
    if zeta < 1:
        wd = w * math.sqrt(1 - zeta ** 2)
        return np.exp(-zeta * w * x) * np.cos(wd * x)
    return np.exp(-w * x)


@kernel(lambda: (R(5), 3))
def poly_module(x, deg):
    y = np.zeros_like(x)
    for c in (1.0, -0.5, 0.25):
        y = y * x + c
    h = (WEIGHTS * x).sum() * TABLEAU["a31"]
    s = reduce(lambda u, v: u * 2 + v, (1, 2, 3))
    g = partial(np.power, 2.0)
    return y, h, s, g(x), EPS * 1e16


@kernel(lambda: (np.array([3.0, 4.0]), 1e-8))
def newton_system(x, tol):
    F = lambda v: np.array([v[0] ** 2 + v[1] ** 2 - 4, v[0] - v[1] - 1])
    J = lambda v: np.array([[2 * v[0], 2 * v[1]], [1.0, -1.0]])
    for i in range(50):
        fx = F(x)
        if np.linalg.norm(fx) < tol:
            break
        dx = np.linalg.solve(J(x), -fx)
        x = x + dx
    else:
        raise RuntimeError(f"did not converge after {i} iterations")
    return x, i


@kernel(lambda: (np.array([-1.2, 1.0]), 300))
def nelder_mead(x0, maxiter):
    def f(x):
        return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
    n = len(x0)
    sim = np.zeros((n + 1, n))
    sim[0] = x0
    for i in range(n):
        y = x0.copy()
        y[i] = 1.05 * y[i] if y[i] != 0 else 0.00025
        sim[i + 1] = y
    fs = np.array([f(s) for s in sim])
    for _ in range(maxiter):
        order = np.argsort(fs)
        sim, fs = sim[order], fs[order]
        if np.max(np.abs(fs - fs[0])) < 1e-12:
            break
        xbar = sim[:-1].mean(axis=0)
        xr = 2 * xbar - sim[-1]
        fr = f(xr)
        if fr < fs[0]:
            xe = 3 * xbar - 2 * sim[-1]
            fe = f(xe)
            if fe < fr:
                sim[-1], fs[-1] = xe, fe
            else:
                sim[-1], fs[-1] = xr, fr
        elif fr < fs[-2]:
            sim[-1], fs[-1] = xr, fr
        else:
            xc = 0.5 * (xbar + sim[-1])
            fc = f(xc)
            if fc < fs[-1]:
                sim[-1], fs[-1] = xc, fc
            else:
                for j in range(1, n + 1):
                    sim[j] = sim[0] + 0.5 * (sim[j] - sim[0])
                    fs[j] = f(sim[j])
    return sim[0], fs[0]


@kernel(lambda: (R(12), 5))
def golden_section(c, n):
    gr = (np.sqrt(5) + 1) / 2
    f = lambda x: np.polyval(c, x)
    a, b = -1.0, 1.0
    x1 = b - (b - a) / gr
    x2 = a + (b - a) / gr
    while abs(b - a) > 1e-8:
        if f(x1) < f(x2):
            b = x2
        else:
            a = x1
        x1 = b - (b - a) / gr
        x2 = a + (b - a) / gr
    return (a + b) / 2


@kernel(lambda: (np.array([2, 3, 5, 7]), 97))
def modpow_crt(ms, base):
    out = np.zeros(len(ms), dtype=np.int64)
    for i, m in enumerate(ms):
        r, e, b = 1, 13, base % m
        while e > 0:
            if e & 1:
                r = r * b % m
            b = b * b % m
            e >>= 1
        out[i] = r
    return out


@kernel(lambda: (27,))
def collatz(n):
    steps = 0
    peak = n
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        peak = max(peak, n)
        steps += 1
    return steps, peak


@kernel(lambda: (8,))
def n_queens(n):
    cols = np.zeros(n, dtype=bool)
    d1 = np.zeros(2 * n, dtype=bool)
    d2 = np.zeros(2 * n, dtype=bool)
    pos = np.full(n, -1)
    row = count = 0
    while row >= 0:
        c = pos[row]
        if c >= 0:
            cols[c] = d1[row + c] = d2[row - c + n] = False
        c += 1
        while c < n and (cols[c] or d1[row + c] or d2[row - c + n]):
            c += 1
        if c < n:
            pos[row] = c
            if row == n - 1:
                count += 1
                pos[row] = c
                cols[c] = d1[row + c] = d2[row - c + n] = True
            else:
                cols[c] = d1[row + c] = d2[row - c + n] = True
                row += 1
                pos[row] = -1
        else:
            pos[row] = -1
            row -= 1
    return count


@kernel(lambda: (R(30).astype(np.float32), 0.5))
def float32_chain(x, a):
    y = np.sqrt(x) * a + 1
    z = y.mean()
    w = np.dot(x, y)
    v = np.zeros(3, dtype=np.float32)
    v[0] = z
    v[1:] += w
    return y, z, w, v, (x > a).sum()


@kernel(lambda: (R(6) + 1j * R(6),))
def complex_bits(z):
    a = z.real ** 2 + z.imag ** 2
    b = np.conj(z) * z
    z2 = z.copy()
    z2.real[z2.real > 0.5] = 0
    c = np.exp(1j * np.angle(z))
    return a, b, c, z2, np.abs(z).max(), z.conj().T @ z, np.roots([1.0, -3.0, 2.0]) if False else z.sum()


@kernel(lambda: (R(4, 4, 4),))
def tensor3(T):
    a = np.einsum('ijk,ijl->kl', T, T)
    b = T.transpose(2, 0, 1).reshape(4, -1)
    c = np.tensordot(T, T, axes=([1, 2], [0, 1]))
    d = T.swapaxes(0, 1)[..., ::-1]
    e = np.moveaxis(T, 0, -1).sum((0, 1))
    return a, b @ b.T, c, d, e, T[:, None, :, 0].shape, np.trace(T[0]), T.max(axis=(0, 2))


@kernel(lambda: (R(10), "linear"))
def interp_dispatch(y, kind):
    x = np.arange(len(y), dtype=float)
    xi = np.linspace(0, len(y) - 1, 25)
    if kind == "linear":
        return np.interp(xi, x, y)
    if kind in ("nearest", "zero"):
        return y[np.round(xi).astype(int)]
    raise NotImplementedError(kind)


@kernel(lambda: (R(10), R(10)))
def cubic_spline(x, y):
    x = np.sort(x)
    n = len(x) - 1
    h = np.diff(x)
    alpha = np.zeros(n)
    for i in range(1, n):
        alpha[i] = 3 / h[i] * (y[i+1] - y[i]) - 3 / h[i-1] * (y[i] - y[i-1])
    l = np.ones(n + 1); mu = np.zeros(n); z = np.zeros(n + 1)
    for i in range(1, n):
        l[i] = 2 * (x[i+1] - x[i-1]) - h[i-1] * mu[i-1]
        mu[i] = h[i] / l[i]
        z[i] = (alpha[i] - h[i-1] * z[i-1]) / l[i]
    b, c, d = np.zeros(n), np.zeros(n + 1), np.zeros(n)
    for j in range(n - 1, -1, -1):
        c[j] = z[j] - mu[j] * c[j+1]
        b[j] = (y[j+1] - y[j]) / h[j] - h[j] * (c[j+1] + 2 * c[j]) / 3
        d[j] = (c[j+1] - c[j]) / (3 * h[j])
    return b, c[:-1], d


@kernel(lambda: (np.array([[0, 1.0], [2, 3.0]]), np.array([1, 0])))
def fancy_mix(a, idx):
    a = a[idx]
    a[:, idx] = a.copy()
    b = a[np.arange(2), idx]
    a[idx, [0, 1]] += 10
    return a, b, np.take(a, idx, axis=1), a[::-1, ::-1].ravel(), a.T.flatten(), a.flat[0] if False else a.min()


@kernel(lambda: (5, 3))
def binom_stats(n, r):
    c = math.comb(n, r)
    f = math.factorial(n)
    g = math.gcd(12, n * 6)
    s = sum(math.comb(6, i) for i in range(3))
    return c, f, g, s, math.isqrt(n * 10), math.prod((1, 2, n)), math.hypot(3, n), math.pi * n, math.inf > n


# -- features of the language


@kernel(lambda: (RI(5), 3, np.int32(4)))
def integer_powers(a, n, m):
    return 2**a, a**n, 2**n, n**0, a**a, (-3) ** n, m**n, n**m, a.astype(np.int32) ** n


@kernel(lambda: (R(12), 3, 2))
def steps_at_run_time(x, s, t):
    a = x[::s].copy()
    b = x[1:10:s].sum()
    c = x[::-t] * 1.0
    d = x[-2:1:-s] + 1
    x[t::s] = 0.0
    x[::t] += 1
    m = x.reshape(3, 4).copy()
    m[:, ::t] = -1
    return a, b, c, d, m, m[1, ::t] * 2, m[::t, 1:3].sum()


@kernel(lambda: (R(4), R(3), RI(4)))
def ufunc_methods(a, b, i):
    table = np.outer(a, b)
    return (
        (np.add.outer(a, b), np.subtract.outer(a, i), np.multiply.outer(table, b), np.less.outer(a, b)),
        (np.add.reduce(table), np.multiply.reduce(a), np.maximum.reduce(table, axis=1)),
        (np.maximum.accumulate(a), np.minimum.accumulate(i), np.add.accumulate(table, axis=1)),
    )


@kernel(lambda: (R(4), R(3), 5))
def grids(a, b, n):
    X, Y = np.meshgrid(a, b)
    P, Q = np.meshgrid(a, b, indexing="ij")
    gx, gy = np.mgrid[0:n, 0:3]
    hx, hy = np.mgrid[-1:1:5j, 0:2:0.5]
    ox, oy = np.ogrid[0:n, 0:n]
    ii = np.indices((3, n))
    return X, Y, P, Q, gx, gy, hx, hy, ox, oy, ii, np.mgrid[0:n], np.r_[a, 1.0, b], np.r_[0:n, 5], np.c_[a, a * 2], np.c_[1:4, b]


@kernel(lambda: (R(6), RI(6)))
def selections(x, i):
    a = np.select([x < 0.3, x < 0.6], [x, -x], 5.0)
    b = np.choose(i % 3, [x, 2 * x, 3 * x])
    c = np.piecewise(x, [x < 0.3, x > 0.8], [-1.0, lambda t: t * 10, 0.5])
    table = np.outer(x, x)
    return a, b, c, np.logspace(0, 2, 5), np.append(x, 3.0), np.append(x, x[:2]), np.append(table, table, axis=0)


@kernel(lambda: (R(5) - 0.5, R(5)))
def results_put_into_arrays(a, b):
    c = np.zeros_like(a)
    np.add(a, b, out=c)
    np.multiply(c, 2.0, c)
    d = np.divide(a, b, out=np.zeros_like(a), where=b > 0.5)
    e = np.empty((5, 5))
    np.outer(a, b, out=e)
    np.sqrt(np.abs(a), out=a)
    f = np.log(b, out=np.full(5, -1.0), where=b > 0.3)
    np.clip(b, 0.2, 0.8, out=b)
    g = np.zeros(5)
    np.dot(e, b, out=g)
    h = np.zeros(5)
    np.cumsum(b, out=h)
    return c, d, e, f, g, h, a, b


@kernel(lambda: (R(5), 3, 2.5))
def functions_of_functions(x, n, t):
    a = sum(map(lambda i: i * t, range(n)))
    b = list(map(float, (1, 2, 3)))
    c = tuple(map(lambda u, v: u + v, (1, n), (t, 4)))
    d = sorted((3, 1, 2))
    e = sorted([x[0], x[1], x[2]])
    f = sorted([x[0], x[1], x[2]], reverse=True)
    g = 1 if isinstance(t, float) else 2
    h = 1 if isinstance(n, (float, np.ndarray)) else 2
    m = (isinstance(x, np.ndarray), isinstance(x[0], float), isinstance(n, int), isinstance((1, 2), tuple), callable(math.sin))
    s = 0.0
    for i, j in itertools.product(range(n), range(2)):
        s += i * 10 + j
    for i, j in np.ndindex(n, 3):
        s += i * 10 - j
    for (i,), v in np.ndenumerate(x):
        s += i * v
    z = max(map(abs, (-3.0, 2.0)))
    return a, b, c, d, e, f, g, h, m, s, z


@kernel(lambda: (R(4, 5),))
def every_index(m):
    out = np.zeros(m.shape)
    for idx in np.ndindex(m.shape):
        out[idx] = m[idx] * 2
    for (i, j), v in np.ndenumerate(m):
        out[i, j] += v
    return out


@kernel(lambda: (R(5), R(4, 5)))
def functions_of_elements(x, m):
    def g(t):
        if t < 0.5:
            return t * 2
        return 1.0 - t

    h = np.vectorize(g)
    rows = np.apply_along_axis(np.sum, 1, m), np.apply_along_axis(lambda r: r / r.sum(), 0, m)
    return h(x), np.vectorize(math.erf)(x), h(m), np.vectorize(lambda u, v: u * v + 1)(m, x), rows


shifted = np.vectorize(lambda t: t + 1 if t > 0.5 else t)


@kernel(lambda: (R(5),))
def vectorized_outside(x):
    return shifted(x)


def count(*a, **b):
    return sum(a) + len(b)


@kernel(lambda: (3, 4))
def starred_arguments(a, b):
    xs = (a, b)
    return count(*xs, **{}), count(*xs, **{"c": 1}), count(1, *xs, 2)


@kernel(lambda: (3, 4, 2.5))
def tuples_compared(a, b, x):
    same = (a, b) == (3, 4), (a, b) != (a, b), [a] == [3], (a,) == [a]
    return same, (a, x) < (3, 3.0), (a, b) >= (3, 4), (a, b, 1) > (a, b), (1, 2) < (1, 3), (a, b) <= (3, 3)


@kernel(lambda: (4,))
def allocations(n):
    x, h = np.linspace(0, 1, n, retstep=True)
    b = np.ndarray((n, 2), dtype=np.float32)
    b[:] = 1
    return x, h, b


@kernel(lambda: (R(12, 12) > 0.5,))
def life_by_rolls(grid):
    g = grid.astype(int)
    n = sum(np.roll(np.roll(g, i, 0), j, 1) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0))
    return (n == 3) | (grid & (n == 2))


@kernel(lambda: (1.0, 3))
def bound_in_a_loop(x, n):
    for i in range(n):
        y = x * i
    return y, i


@kernel(lambda: (np.ones((3, 3)), 100, 1e-3))
def bound_before_break(A, maxiter, tol):
    x = np.ones(3)
    for it in range(maxiter):
        r = A @ x - 1.0
        x = x - 0.1 * r
        if np.abs(r).max() < tol:
            break
    return x, it, r


@kernel(lambda: (np.ones((3, 3)), 5))
def bound_in_nested_loops(A, n):
    s = 0.0
    for a in range(n):
        for i in range(n):
            v = A[i % 3, a % 3] * i
        s += v + i
    return s


@kernel(lambda: (np.ones((3, 3)), 5))
def bound_and_used_in_loops(A, n):
    for j in range(n):
        i = j
    if A[0, 0] > 0:
        s = 1.0
    else:
        s = 2.0
    for _ in range(3):
        s += i
    return s, i


@kernel(lambda: (np.ones((7, 3)), 5))
def labels_of_the_last_round(X, n):
    for _ in range(n):
        lab = np.zeros(X.shape[0], dtype=np.int64)
        for i in range(X.shape[0]):
            lab[i] = i % 3
    return lab


@kernel(lambda: (5, 2, R(3)))
def whole_numbers(n, r, x):
    a = math.comb(n, r), math.factorial(n), math.gcd(12, n * 6), math.lcm(4, n), math.isqrt(n * 1000), math.perm(n, r)
    s = sum(math.comb(6, i) for i in range(3)), math.prod((1, 2, n))
    t = reduce(lambda u, v: u * 2 + v, (1, 2, n)), reduce(lambda u, v: u + v, range(n), 0)
    d = math.dist(x, x + 1), math.isclose(x[0], x[0] + 1e-12)
    c = 0
    for i, j in itertools.combinations(range(n), 2):
        c += i * j
    for i, j in itertools.combinations((1, 2, 3), 2):
        c += i * j
    return a, s, t, d, c, np.transpose(x.reshape(1, 3), axes=(1, 0))
