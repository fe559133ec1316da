"""Physics, statistics, images and signals, finance, graphs and biology, linear algebra."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tests.corpus.kernels.registry import RI, R, kernel

# ruff: noqa: C417, F841, E501, E702, PIE804, E741, N802, N803, N806, B007, C408, C416, E731, SIM102, SIM108, PLR2004, RUF005, UP


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
