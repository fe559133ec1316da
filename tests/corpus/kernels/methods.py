"""Solvers, fits, transforms, dynamic programming."""

from __future__ import annotations

import math
from functools import partial, reduce

import numpy as np

from tests.corpus.kernels.registry import RI, R, kernel

# ruff: noqa: C417, F841, E501, E702, PIE804, E741, N802, N803, N806, B007, C408, C416, E731, SIM102, SIM108, PLR2004, RUF005, UP


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
