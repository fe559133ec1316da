"""Flows, filters, networks, prices, and more of all kinds."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass

import numpy as np

from tests.corpus.kernels.registry import RI, R, kernel

# ruff: noqa: C417, F841, E501, E702, PIE804, E741, N802, N803, N806, B007, C408, C416, E731, SIM102, SIM108, PLR2004, RUF005, UP


g0 = 9.81


@kernel(lambda: (R(20, 20), R(20, 20), R(20, 20), 0.01, 5))
def shallow_water(h, u, v, dt, steps):
    h = h + 1.0
    ddx = lambda a: (np.roll(a, -1, axis=0) - np.roll(a, 1, axis=0)) / 2
    ddy = lambda a: (np.roll(a, -1, axis=1) - np.roll(a, 1, axis=1)) / 2
    mass0 = h.sum()
    for _ in range(steps):
        h_new = h - dt * (ddx(h * u) + ddy(h * v))
        u_new = u - dt * (u * ddx(u) + v * ddy(u) + g0 * ddx(h))
        v_new = v - dt * (u * ddx(v) + v * ddy(v) + g0 * ddy(h))
        h, u, v = h_new, u_new, v_new
    return h, u, v, abs(h.sum() - mass0) < 1e-10


@kernel(lambda: (12, 20, 0.1, 0.001))
def cavity(n, steps, nu, dt):
    u = np.zeros((n, n)); v = np.zeros((n, n)); p = np.zeros((n, n)); b = np.zeros((n, n))
    dx = dy = 2 / (n - 1)
    rho = 1
    for _ in range(steps):
        un, vn = u.copy(), v.copy()
        b[1:-1, 1:-1] = rho * (1 / dt * ((u[1:-1, 2:] - u[1:-1, 0:-2]) / (2 * dx) + (v[2:, 1:-1] - v[0:-2, 1:-1]) / (2 * dy))
            - ((u[1:-1, 2:] - u[1:-1, 0:-2]) / (2 * dx))**2
            - 2 * ((u[2:, 1:-1] - u[0:-2, 1:-1]) / (2 * dy) * (v[1:-1, 2:] - v[1:-1, 0:-2]) / (2 * dx))
            - ((v[2:, 1:-1] - v[0:-2, 1:-1]) / (2 * dy))**2)
        for q in range(10):
            pn = p.copy()
            p[1:-1, 1:-1] = (((pn[1:-1, 2:] + pn[1:-1, 0:-2]) * dy**2 + (pn[2:, 1:-1] + pn[0:-2, 1:-1]) * dx**2)
                / (2 * (dx**2 + dy**2)) - dx**2 * dy**2 / (2 * (dx**2 + dy**2)) * b[1:-1, 1:-1])
            p[:, -1] = p[:, -2]
            p[0, :] = p[1, :]
            p[:, 0] = p[:, 1]
            p[-1, :] = 0
        u[1:-1, 1:-1] = un[1:-1, 1:-1] - un[1:-1, 1:-1] * dt / dx * (un[1:-1, 1:-1] - un[1:-1, 0:-2]) - dt / (2 * rho * dx) * (p[1:-1, 2:] - p[1:-1, 0:-2]) + nu * dt / dx**2 * (un[1:-1, 2:] - 2 * un[1:-1, 1:-1] + un[1:-1, 0:-2])
        u[0, :] = u[:, 0] = u[:, -1] = 0
        u[-1, :] = 1
        v[0, :] = v[-1, :] = v[:, 0] = v[:, -1] = 0
    return u, v, p


@kernel(lambda: (30, 15, 40))
def lattice_boltzmann(nx, ny, steps):
    c = np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, 1], [-1, -1], [1, -1]])
    w = np.array([4/9] + [1/9] * 4 + [1/36] * 4)
    opp = [0, 2, 1, 4, 3, 7, 8, 5, 6]
    rho = np.ones((nx, ny))
    u = np.zeros((nx, ny, 2))
    u[..., 0] = 0.05 * np.sin(2 * np.pi * np.arange(ny) / ny)
    def feq(rho, u):
        out = np.empty((9, nx, ny))
        usq = (u ** 2).sum(axis=-1)
        for i in range(9):
            cu = c[i, 0] * u[..., 0] + c[i, 1] * u[..., 1]
            out[i] = w[i] * rho * (1 + 3 * cu + 4.5 * cu**2 - 1.5 * usq)
        return out
    f = feq(rho, u)
    tau = 0.6
    for t in range(steps):
        f += -(f - feq(rho, u)) / tau
        for i in range(9):
            f[i] = np.roll(np.roll(f[i], c[i, 0], axis=0), c[i, 1], axis=1)
        rho = f.sum(axis=0)
        u = np.zeros_like(u)
        for i in range(9):
            u[..., 0] += c[i, 0] * f[i]
            u[..., 1] += c[i, 1] * f[i]
        u /= rho[..., None]
    return rho, u


@kernel(lambda: (np.linspace(0, 1, 21), 0.5))
def monotone_advect(x, c):
    n = len(x)
    q = np.where((x > 0.3) & (x < 0.6), 1.0, 0.0)
    def minmod(a, b):
        return np.where(a * b > 0, np.where(np.abs(a) < np.abs(b), a, b), 0)
    for _ in range(8):
        dq = minmod(q - np.roll(q, 1), np.roll(q, -1) - q)
        flux = q + 0.5 * (1 - c) * dq
        q = q - c * (flux - np.roll(flux, 1))
    return q, q.min() >= -1e-14


Grid = namedtuple("Grid", "dx n")


@kernel(lambda: (Grid(0.1, 16), 1.0))
def tridiag_eigs(grid, V0):
    n, dx = grid.n, grid.dx
    x = (np.arange(n) - n / 2) * dx
    H = np.zeros((n, n))
    for i in range(n):
        H[i, i] = 1 / dx**2 + V0 * x[i]**2
        if i + 1 < n:
            H[i, i+1] = H[i+1, i] = -0.5 / dx**2
    e, psi = np.linalg.eigh(H)
    psi = psi / np.sqrt(dx)
    return e[:3], np.abs(psi[:, 0]), np.sum(psi[:, 0]**2) * dx


@kernel(lambda: (R(6, 6), 3))
def matrix_funcs(A, n):
    P = np.linalg.matrix_power(A, n)
    E = np.eye(len(A))
    term = np.eye(len(A))
    for i in range(1, 20):
        term = term @ A / i
        E = E + term
    w, v = np.linalg.eigh(A + A.T)
    return P, E, w, np.linalg.det(A), np.linalg.slogdet(A)[1], np.linalg.inv(A + 3 * E), np.linalg.norm(A, 'nuc') if n > 3 else np.linalg.norm(A)


@kernel(lambda: (R(5, 8, 8, 3), R(3, 3, 3, 4)))
def conv_bias_relu(x, w):
    N, H, W, C = x.shape
    kh, kw, _, F = w.shape
    out = np.empty((N, H - kh + 1, W - kw + 1, F), dtype=x.dtype)
    for i in range(H - kh + 1):
        for j in range(W - kw + 1):
            out[:, i, j, :] = np.sum(x[:, i:i+kh, j:j+kw, :, np.newaxis] * w[np.newaxis, :, :, :], axis=(1, 2, 3))
    return np.maximum(out, 0)


@kernel(lambda: (R(2, 8, 8, 3),))
def maxpool(x):
    out = np.empty((x.shape[0], x.shape[1] // 2, x.shape[2] // 2, x.shape[3]), dtype=x.dtype)
    for i in range(x.shape[1] // 2):
        for j in range(x.shape[2] // 2):
            out[:, i, j, :] = np.max(x[:, 2*i:2*i+2, 2*j:2*j+2, :], axis=(1, 2))
    return out.reshape(x.shape[0], -1)


@dataclass
class LSTM:
    Wx: np.ndarray
    Wh: np.ndarray
    b: np.ndarray


@kernel(lambda: (LSTM(R(3, 16) - 0.5, R(4, 16) - 0.5, np.zeros(16)), R(6, 3)))
def lstm(p, xs):
    sigmoid = lambda z: 1.0 / (1.0 + np.exp(-z))
    H = p.Wh.shape[0]
    h = np.zeros(H)
    c = np.zeros(H)
    hs = []
    for x in xs:
        z = x @ p.Wx + h @ p.Wh + p.b
        i, f, o, g = z[:H], z[H:2*H], z[2*H:3*H], z[3*H:]
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        hs.append(h)
    return np.array(hs), h, c


@kernel(lambda: (R(20, 3), R(20), 1e-3, 50))
def adam(X, y, lr, epochs):
    w = np.zeros(X.shape[1])
    m = np.zeros_like(w); v = np.zeros_like(w)
    b1, b2, eps = 0.9, 0.999, 1e-8
    history = np.zeros(epochs)
    for t in range(1, epochs + 1):
        r = X @ w - y
        history[t - 1] = (r ** 2).mean()
        g = 2 * X.T @ r / len(y)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g ** 2
        mh, vh = m / (1 - b1 ** t), v / (1 - b2 ** t)
        w -= lr * mh / (np.sqrt(vh) + eps)
    return w, history


@kernel(lambda: (R(30, 2), RI(30, hi=2), R(5, 2), 3))
def knn_predict(X, y, Q, kk):
    preds = np.zeros(len(Q), dtype=y.dtype)
    for i, q in enumerate(Q):
        d = np.sqrt(((X - q) ** 2).sum(axis=1))
        nearest = np.argsort(d)[:kk]
        votes = y[nearest]
        preds[i] = 1 if votes.sum() * 2 > kk else 0
    return preds


@kernel(lambda: (R(30, 3), RI(30, hi=2)))
def best_split(X, y):
    best_gini, best_feat, best_thr = 1.0, -1, 0.0
    n = len(y)
    for j in range(X.shape[1]):
        order = np.argsort(X[:, j], kind="stable")
        xs, ys = X[order, j], y[order]
        left = 0
        total = ys.sum()
        for i in range(1, n):
            left += ys[i - 1]
            pl, pr = left / i, (total - left) / (n - i)
            gini = (i * 2 * pl * (1 - pl) + (n - i) * 2 * pr * (1 - pr)) / n
            if gini < best_gini:
                best_gini, best_feat, best_thr = gini, j, (xs[i] + xs[i - 1]) / 2
    return best_gini, best_feat, best_thr


@kernel(lambda: (R(40), R(40), 10))
def kde_cv(x, y, n):
    hs = np.logspace(-2, 0, n)
    scores = np.empty(n)
    for i, h in enumerate(hs):
        w = np.exp(-0.5 * ((x[:, None] - x[None, :]) / h) ** 2)
        for j in range(len(x)):
            w[j, j] = 0
        pred = w @ y / w.sum(axis=1)
        scores[i] = np.mean((y - pred) ** 2)
    return hs[np.argmin(scores)], scores.min()


@kernel(lambda: (np.array([0.2, 0.5, 0.3]), np.array([[0.5, 0.3, 0.2], [0.2, 0.6, 0.2], [0.1, 0.2, 0.7]]), R(3, 4), RI(10, hi=4)))
def forward_backward(pi, A, B, obs):
    B = B / B.sum(axis=1, keepdims=True)
    T, N = len(obs), len(pi)
    alpha = np.zeros((T, N)); beta = np.ones((T, N)); scale = np.zeros(T)
    alpha[0] = pi * B[:, obs[0]]
    scale[0] = alpha[0].sum()
    alpha[0] /= scale[0]
    for t in range(1, T):
        alpha[t] = (alpha[t-1] @ A) * B[:, obs[t]]
        scale[t] = alpha[t].sum()
        alpha[t] /= scale[t]
    for t in range(T - 2, -1, -1):
        beta[t] = A @ (B[:, obs[t+1]] * beta[t+1]) / scale[t+1]
    gamma = alpha * beta
    gamma /= gamma.sum(axis=1, keepdims=True)
    return gamma, np.log(scale).sum()


@kernel(lambda: (R(50), R(50)))
def theil_sen_mad(x, y):
    n = len(x)
    slopes = []
    for i in range(n):
        for j in range(i + 1, n):
            if x[j] != x[i]:
                slopes.append((y[j] - y[i]) / (x[j] - x[i]))
    m = np.median(slopes)
    b = np.median(y - m * x)
    r = y - (m * x + b)
    mad = np.median(np.abs(r - np.median(r)))
    return m, b, mad, len(slopes)


@kernel(lambda: (RI(200, hi=50),))
def ecdf_rank(a):
    s = np.sort(a)
    ranks = np.searchsorted(s, a, side="right") / len(a)
    hist = np.zeros(5, dtype=int)
    edges = np.linspace(0, 50, 6)
    for v in a:
        j = int((v - edges[0]) / (edges[1] - edges[0]))
        hist[min(j, 4)] += 1
    return ranks, hist, hist / hist.sum()


@kernel(lambda: (R(25, 25), 4))
def lbp(img, P):
    h, w = img.shape
    out = np.zeros((h - 2, w - 2), dtype=np.uint8)
    offs = [(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)]
    c = img[1:-1, 1:-1]
    for bit, (dy, dx) in enumerate(offs):
        nb = img[1 + dy:h - 1 + dy, 1 + dx:w - 1 + dx]
        out |= (nb >= c).astype(np.uint8) << bit
    return out, np.sum(out == 255)


@kernel(lambda: (R(16, 16), 8))
def dct_block(img, B):
    n = np.arange(B)
    C = np.sqrt(2 / B) * np.cos(np.pi * (2 * n[None, :] + 1) * n[:, None] / (2 * B))
    C[0] /= np.sqrt(2)
    out = np.zeros_like(img)
    for i in range(0, img.shape[0], B):
        for j in range(0, img.shape[1], B):
            out[i:i+B, j:j+B] = C @ img[i:i+B, j:j+B] @ C.T
    q = np.round(out * 10).astype(np.int32)
    return out, q, (q == 0).mean()


@kernel(lambda: (R(30, 30),))
def harris(img):
    Ix = np.zeros_like(img); Iy = np.zeros_like(img)
    Ix[:, 1:-1] = (img[:, 2:] - img[:, :-2]) / 2
    Iy[1:-1, :] = (img[2:, :] - img[:-2, :]) / 2
    def box(a):
        s = np.zeros_like(a)
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                s[1:-1, 1:-1] += a[1 + dy:a.shape[0] - 1 + dy, 1 + dx:a.shape[1] - 1 + dx]
        return s
    Sxx, Syy, Sxy = box(Ix * Ix), box(Iy * Iy), box(Ix * Iy)
    Rr = Sxx * Syy - Sxy ** 2 - 0.04 * (Sxx + Syy) ** 2
    ys, xs = np.nonzero(Rr > 0.5 * Rr.max())
    return Rr, ys, xs


@kernel(lambda: (R(20, 30), np.deg2rad(np.arange(0, 180, 30))))
def radon_lite(img, angles):
    h, w = img.shape
    yy, xx = np.mgrid[:h, :w]
    out = np.zeros((len(angles), w))
    for a, th in enumerate(angles):
        xr = np.cos(th) * (xx - w / 2) - np.sin(th) * (yy - h / 2) + w / 2
        yr = np.sin(th) * (xx - w / 2) + np.cos(th) * (yy - h / 2) + h / 2
        xi, yi = np.floor(xr).astype(int), np.floor(yr).astype(int)
        ok = (xi >= 0) & (xi < w) & (yi >= 0) & (yi < h)
        rot = np.zeros_like(img)
        rot[ok] = img[yi[ok], xi[ok]]
        out[a] = rot.sum(axis=0)
    return out


@kernel(lambda: (R(128) - 0.5, 1.0))
def autocorr_period(x, fs):
    x = x - np.mean(x)
    n = len(x)
    r = np.correlate(x, x, mode="full")[n - 1:]
    r /= r[0]
    lag = 1
    while lag < n - 1 and not (r[lag] > r[lag - 1] and r[lag] > r[lag + 1] and r[lag] > 0.1):
        lag += 1
    return r[:20], lag, fs / lag


@kernel(lambda: (R(40), 0.1, 0.01))
def kalman_1d(z, q, r):
    xhat, P = 0.0, 1.0
    est = np.empty(len(z))
    gains = np.empty_like(est)
    for i, zi in enumerate(z):
        P = P + q
        Kg = P / (P + r)
        xhat = xhat + Kg * (zi - xhat)
        P = (1 - Kg) * P
        est[i], gains[i] = xhat, Kg
    return est, gains, P


@kernel(lambda: (R(20, 2), R(20, 2) * 0.1))
def kalman_2d(zs, noise):
    dt = 0.1
    F = np.array([[1, 0, dt, 0], [0, 1, 0, dt], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=float)
    H = np.eye(2, 4)
    Q, Rn = 0.01 * np.eye(4), 0.1 * np.eye(2)
    x, P = np.zeros(4), np.eye(4)
    track = []
    for z in zs:
        x = F @ x
        P = F @ P @ F.T + Q
        S = H @ P @ H.T + Rn
        Kg = P @ H.T @ np.linalg.inv(S)
        x = x + Kg @ (z - H @ x)
        P = (np.eye(4) - Kg @ H) @ P
        track.append(x[:2])
    return np.array(track), P


@kernel(lambda: (100.0, 95.0, 0.03, 0.2, 0.5, 30, 40))
def crank_nicolson_option(S0, K_, r, sig, T, M, N):
    S = np.linspace(0, 3 * K_, M + 1)
    dt = T / N
    j = np.arange(1, M)
    a = 0.25 * dt * (sig**2 * j**2 - r * j)
    b = -0.5 * dt * (sig**2 * j**2 + r)
    c = 0.25 * dt * (sig**2 * j**2 + r * j)
    V = np.maximum(S - K_, 0)
    L = np.diag(1 - b) - np.diag(a[1:], -1) - np.diag(c[:-1], 1) if False else np.zeros((M - 1, M - 1))
    Rm = np.zeros((M - 1, M - 1))
    for i in range(M - 1):
        L[i, i], Rm[i, i] = 1 - b[i], 1 + b[i]
        if i > 0:
            L[i, i-1], Rm[i, i-1] = -a[i], a[i]
        if i < M - 2:
            L[i, i+1], Rm[i, i+1] = -c[i], c[i]
    for n in range(N):
        rhs = Rm @ V[1:-1]
        top = 3 * K_ - K_ * np.exp(-r * (n + 1) * dt)
        rhs[-1] += c[-1] * (V[-1] + top)
        V[1:-1] = np.linalg.solve(L, rhs)
        V[0], V[-1] = 0.0, top
    return np.interp(S0, S, V)


@kernel(lambda: (R(100, 3) * 0.02 - 0.01, 0.95))
def var_es(ret, level):
    w = np.ones(ret.shape[1]) / ret.shape[1]
    p = np.sort(ret @ w)
    k_ = int((1 - level) * len(p))
    var = -p[k_]
    es = -p[:k_].mean()
    return var, es, np.quantile(ret, 0.05, axis=0)


@kernel(lambda: (R(50) * 5 + 100, 0.94))
def ewma_vol(prices, lam):
    r = np.log(prices[1:] / prices[:-1])
    s2 = np.zeros(len(r))
    s2[0] = r[0] ** 2
    for t in range(1, len(r)):
        s2[t] = lam * s2[t-1] + (1 - lam) * r[t-1] ** 2
    return np.sqrt(s2 * 252)


@kernel(lambda: (np.array([[3.0, 2.0], [1.0, 4.0]]), 5))
def replicator(A, n):
    x = np.array([0.3, 0.7])
    traj = [x]
    for _ in range(n):
        f = A @ x
        x = x * f / (x @ f)
        traj.append(x)
    return np.stack(traj), np.array([t[0] for t in traj])


@kernel(lambda: (np.array([10.0, 5.0]), 1.1, 0.4, 0.1, 0.4, 0.01, 200))
def lotka_volterra(z, a, b, c, d, h, n):
    out = np.empty((n, 2))
    x, y = z
    for i in range(n):
        k1x, k1y = a * x - b * x * y, -d * y + c * x * y
        xm, ym = x + h / 2 * k1x, y + h / 2 * k1y
        x, y = x + h * (a * xm - b * xm * ym), y + h * (-d * ym + c * xm * ym)
        out[i] = x, y
    return out, out.max(axis=0)


@kernel(lambda: (R(10, 4), 1, 3))
def smith_waterman_scores(S, open_, ext):
    n, m = S.shape
    H = np.zeros((n + 1, m + 1)); E = np.zeros_like(H); F = np.zeros_like(H)
    best, pos = 0.0, (0, 0)
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            E[i, j] = max(E[i, j-1] - ext, H[i, j-1] - open_)
            F[i, j] = max(F[i-1, j] - ext, H[i-1, j] - open_)
            H[i, j] = max(0, H[i-1, j-1] + S[i-1, j-1], E[i, j], F[i, j])
            if H[i, j] > best:
                best, pos = H[i, j], (i, j)
    return best, pos, H


@kernel(lambda: (RI(40, hi=4), 3))
def kmer_counts(seq, kk):
    counts = np.zeros(4 ** kk, dtype=np.int64)
    code = 0
    mask = 4 ** kk - 1
    for i, s in enumerate(seq):
        code = ((code << 2) | s) & mask
        if i >= kk - 1:
            counts[code] += 1
    return counts, counts.argmax(), (counts > 0).sum()


@kernel(lambda: (RI(8, 8, hi=2),))
def transitive_closure(A):
    T = A.astype(bool)
    for k_ in range(len(T)):
        T |= np.outer(T[:, k_], T[k_])
    return T, T.sum(), T.any(axis=1), np.logical_and.reduce(T, axis=0)


@kernel(lambda: (R(12, 2) * 10,))
def tsp_2opt(pts):
    n = len(pts)
    D = np.hypot(pts[:, None, 0] - pts[None, :, 0], pts[:, None, 1] - pts[None, :, 1])
    tour = np.arange(n)
    improved = True
    while improved:
        improved = False
        for i in range(1, n - 2):
            for j in range(i + 1, n - 1):
                a, b, c, d = tour[i-1], tour[i], tour[j], tour[j+1]
                if D[a, b] + D[c, d] > D[a, c] + D[b, d] + 1e-12:
                    tour[i:j+1] = tour[i:j+1][::-1]
                    improved = True
    return tour, D[tour, np.roll(tour, -1)].sum()


@kernel(lambda: (R(15, 2),))
def convex_hull(pts):
    order = np.argsort(pts[:, 0])
    P = pts[order]
    def cross(o, a, b):
        return (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0])
    hull = np.zeros(2 * len(P), dtype=int)
    m = 0
    for i in range(len(P)):
        while m >= 2 and cross(P[hull[m-2]], P[hull[m-1]], P[i]) <= 0:
            m -= 1
        hull[m] = i
        m += 1
    lower = m + 1
    for i in range(len(P) - 2, -1, -1):
        while m >= lower and cross(P[hull[m-2]], P[hull[m-1]], P[i]) <= 0:
            m -= 1
        hull[m] = i
        m += 1
    h = P[hull[:m-1]]
    x, y = h.T
    area = 0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))
    return h, area


@kernel(lambda: (np.array([0.3, -0.2, 0.9]), 0.7))
def rodrigues(axis, th):
    axis = axis / np.linalg.norm(axis)
    x, y, z = axis
    Km = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    Rm = np.identity(3) + np.sin(th) * Km + (1 - np.cos(th)) * (Km @ Km)
    return Rm, np.trace(Rm), np.allclose(Rm @ Rm.T, np.eye(3)) if False else Rm.T.dot(Rm)


@kernel(lambda: (R(7), R(7) + 1))
def gauss_legendre_like(f, w):
    nodes = np.cos(np.pi * (np.arange(7) + 0.5) / 7)
    V = nodes[:, None] ** np.arange(7)
    moments = np.array([(1 - (-1) ** (j + 1)) / (j + 1) for j in range(7)])
    weights = np.linalg.solve(V.T, moments)
    return weights, (weights * f).sum(), weights @ np.exp(nodes)


@kernel(lambda: (R(10),))
def ema_generator(x):
    alpha = 2 / (len(x) + 1)
    weights = (1 - alpha) ** np.arange(len(x))[::-1]
    weights /= weights.sum()
    return float(np.dot(weights, x)), int(np.argmax(weights)), bool(weights[-1] > 0.1), round(float(x[0]), 3)


@kernel(lambda: (R(20) - 0.5, 4))
def run_lengths(x, thr):
    above = x > 0
    changes = np.flatnonzero(np.diff(above.astype(int))) + 1
    bounds = np.concatenate(([0], changes, [len(x)]))
    lengths = np.diff(bounds)
    longest = lengths.max()
    return changes, lengths, longest, above[bounds[:-1]]


@kernel(lambda: (RI(5, 5, lo=-5, hi=5),))
def int_matrix(A):
    B = A @ A
    C = A // 2 + A % 3
    D = A ** 2 - (A << 1)
    return B, C, D, abs(A).sum(), A.clip(-2, 2), np.sign(A), (A & 1).astype(bool), ~A, A.min(axis=0), -A, A / 2, A.mean(), A.std(axis=1), np.where(A > 0)[0].size
