"""The problems of the gradient benchmark, as a user of NumPy writes them (gradients.py times them)."""

# ruff: noqa: N803, N806
from __future__ import annotations

import numpy as np


def heat(u0, steps):  # type: ignore[no-untyped-def]
    u = u0.copy()
    for _ in range(steps):
        u[1:-1, 1:-1] = u[1:-1, 1:-1] + 0.1 * (
            u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4.0 * u[1:-1, 1:-1]
        )
    return np.mean(u * u)


def reaction_diffusion(u0, steps):  # type: ignore[no-untyped-def]
    u = u0.copy()
    for _ in range(steps):
        c = u[1:-1, 1:-1]
        u[1:-1, 1:-1] = c + 0.1 * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4.0 * c) + 0.05 * c * (1.0 - c)
    return np.mean(u * u)


def lotka_volterra(p, steps):  # type: ignore[no-untyped-def]
    a, b, c, d = p[0], p[1], p[2], p[3]
    h = 1e-4
    x = 1.0
    y = 1.0
    for _ in range(steps):
        k1, l1 = a * x - b * x * y, -c * y + d * x * y
        u, v = x + 0.5 * h * k1, y + 0.5 * h * l1
        k2, l2 = a * u - b * u * v, -c * v + d * u * v
        u, v = x + 0.5 * h * k2, y + 0.5 * h * l2
        k3, l3 = a * u - b * u * v, -c * v + d * u * v
        u, v = x + h * k3, y + h * l3
        k4, l4 = a * u - b * u * v, -c * v + d * u * v
        x = x + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        y = y + h / 6.0 * (l1 + 2.0 * l2 + 2.0 * l3 + l4)
    return x * x + y * y


def chained_sum(x):  # type: ignore[no-untyped-def]
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def gmm(alphas, means, icf, X, gamma, m):  # type: ignore[no-untyped-def]
    """ADBench's log-likelihood of a Gaussian mixture (without the Wishart constant); icf: log diagonals, then the rows
    below the diagonal."""
    n, d = X.shape
    K = alphas.shape[0]
    terms = np.zeros((n, K))
    prior = 0.0
    for k in range(K):
        Q = np.zeros((d, d))
        logs = 0.0
        p = d
        for i in range(d):
            Q[i, i] = np.exp(icf[k, i])
            logs += icf[k, i]
            prior += 0.5 * gamma * gamma * Q[i, i] * Q[i, i] - m * icf[k, i]
            for j in range(i):
                Q[i, j] = icf[k, p]
                prior += 0.5 * gamma * gamma * icf[k, p] * icf[k, p]
                p += 1
        centred = X - means[k]
        y = centred @ Q.T
        terms[:, k] = alphas[k] + logs - 0.5 * np.sum(y * y, axis=1)
    top = np.max(terms, axis=1)
    slack = np.sum(top + np.log(np.sum(np.exp(terms - top[:, None]), axis=1)))
    return slack - n * np.log(np.sum(np.exp(alphas))) - prior


def reprojection(cam, X, w, feat):  # type: ignore[no-untyped-def]
    """ADBench's bundle adjustment residual of one observation. cam: rotation, centre, focal length, principal point,
    radial distortion (11 numbers)."""
    s = cam[0] * cam[0] + cam[1] * cam[1] + cam[2] * cam[2]
    theta = np.sqrt(s)
    c, si = np.cos(theta), np.sin(theta)
    x, y, z = cam[0] / theta, cam[1] / theta, cam[2] / theta
    a, b, e = X[0] - cam[3], X[1] - cam[4], X[2] - cam[5]
    dot = (x * a + y * b + z * e) * (1.0 - c)
    p0 = a * c + (y * e - z * b) * si + x * dot
    p1 = b * c + (z * a - x * e) * si + y * dot
    p2 = e * c + (x * b - y * a) * si + z * dot
    u, v = p0 / p2, p1 / p2
    r2 = u * u + v * v
    L = 1.0 + cam[9] * r2 + cam[10] * r2 * r2
    out = np.zeros(3)
    out[0] = w * (u * L * cam[6] + cam[7] - feat[0])
    out[1] = w * (v * L * cam[6] + cam[8] - feat[1])
    out[2] = 1.0 - w * w
    return out


def lstm(main, extra, state0, sequence):  # type: ignore[no-untyped-def]
    """ADBench's diagonal LSTM language model; main: (layers, 8, d) weights and biases of four gates; extra: (3, d)."""
    layers, d = main.shape[0], main.shape[2]
    state = state0.copy()
    total = 0.0
    steps = sequence.shape[0]
    for t in range(steps - 1):
        x = sequence[t] * extra[0]
        for k in range(layers):
            forget = 1.0 / (1.0 + np.exp(-(x * main[k, 0] + main[k, 4])))
            ingate = 1.0 / (1.0 + np.exp(-(state[2 * k] * main[k, 1] + main[k, 5])))
            outgate = 1.0 / (1.0 + np.exp(-(x * main[k, 2] + main[k, 6])))
            change = np.tanh(state[2 * k] * main[k, 3] + main[k, 7])
            cell = state[2 * k + 1] * forget + ingate * change
            state[2 * k + 1] = cell
            hidden = outgate * np.tanh(cell)
            state[2 * k] = hidden
            x = hidden
        y = x * extra[1] + extra[2]
        total += np.sum(sequence[t + 1] * y) - np.log(np.sum(np.exp(y)) + 2.0) * np.sum(sequence[t + 1])
    return -total / ((steps - 1) * d)


def kmeans(centres, points):  # type: ignore[no-untyped-def]
    n, d = points.shape
    k = centres.shape[0]
    total = 0.0
    for i in range(n):
        best = np.inf
        for c in range(k):
            s = 0.0
            for j in range(d):
                s += (points[i, j] - centres[c, j]) ** 2
            best = min(best, s)
        total += best
    return total


def logsumexp(x):  # type: ignore[no-untyped-def]
    top = np.max(x)
    return top + np.log(np.sum(np.exp(x - top)))


def least_squares(x, A, b):  # type: ignore[no-untyped-def]
    r = A @ x - b
    return 0.5 * np.sum(r * r)


def determinant(a):  # type: ignore[no-untyped-def]
    """Expansion by minors along the rows; minors[s] is the minor of the last rows and the columns in the set s."""
    n = a.shape[0]
    minors = np.zeros(1 << n)
    minors[0] = 1.0
    for s in range(1, 1 << n):
        count = 0
        for j in range(n):
            count += (s >> j) & 1
        row = n - count
        sign = 1.0
        total = 0.0
        for j in range(n):
            if (s >> j) & 1 == 1:
                total += sign * a[row, j] * minors[s - (1 << j)]
                sign = -sign
        minors[s] = total
    return minors[(1 << n) - 1]


def hand(theta, parents, base, inverse, vertices, weights, targets):  # type: ignore[no-untyped-def]
    """ADBench's hand tracking residuals (simple form): 22 bones posed by angles, linear blend skinning, distances of
    corresponding points. theta: global rotation and translation, then 20 joint angles."""
    bones = parents.shape[0]
    n = vertices.shape[0]
    absolute = np.zeros((bones, 3, 4))
    for b in range(bones):
        x, y = 0.0, 0.0
        if b >= 2:
            x = theta[6 + b - 2]
            y = 0.5 * theta[6 + b - 2]
        cx, sx, cy, sy = np.cos(x), np.sin(x), np.cos(y), np.sin(y)
        r = np.zeros((3, 3))
        r[0, 0] = cy
        r[0, 1] = sx * sy
        r[0, 2] = cx * sy
        r[1, 1] = cx
        r[1, 2] = -sx
        r[2, 0] = -sy
        r[2, 1] = sx * cy
        r[2, 2] = cx * cy
        local = np.zeros((3, 4))
        for i in range(3):
            for j in range(4):
                s = 0.0
                for k in range(3):
                    if j < 3:
                        s += base[b, i, k] * r[k, j]
                if j == 3:
                    s = base[b, i, 3]
                local[i, j] = s
        if parents[b] < 0:
            for i in range(3):
                for j in range(4):
                    absolute[b, i, j] = local[i, j]
        else:
            q = parents[b]
            for i in range(3):
                for j in range(4):
                    s = 0.0
                    if j == 3:
                        s = absolute[q, i, 3]
                    for k in range(3):
                        s += absolute[q, i, k] * local[k, j]
                    absolute[b, i, j] = s
    skin = np.zeros((bones, 3, 4))
    for b in range(bones):
        for i in range(3):
            for j in range(4):
                s = 0.0
                if j == 3:
                    s = absolute[b, i, 3]
                for k in range(3):
                    s += absolute[b, i, k] * inverse[b, k, j]
                skin[b, i, j] = s
    out = np.zeros((n, 3))
    for v in range(n):
        for i in range(3):
            s = theta[3 + i] - targets[v, i]
            for b in range(bones):
                s += weights[b, v] * (
                    skin[b, i, 0] * vertices[v, 0] + skin[b, i, 1] * vertices[v, 1] + skin[b, i, 2] * vertices[v, 2] + skin[b, i, 3]
                )
            out[v, i] = s + theta[i] * vertices[v, i]
    return out


# -- sweeps over elements (PolyBench's kernels)


def seidel_2d(a0, steps):  # type: ignore[no-untyped-def]
    a = a0.copy()
    n = a.shape[0]
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                a[i, j] = (
                    a[i - 1, j - 1] + a[i - 1, j] + a[i - 1, j + 1] + a[i, j - 1] + a[i, j]
                    + a[i, j + 1] + a[i + 1, j - 1] + a[i + 1, j] + a[i + 1, j + 1]
                ) / 9.0  # fmt: skip
    return np.sum(a * a)


def cholesky(a0):  # type: ignore[no-untyped-def]
    a = a0.copy()
    n = a.shape[0]
    for i in range(n):
        for j in range(i):
            s = a[i, j]
            for k in range(j):
                s -= a[i, k] * a[j, k]
            a[i, j] = s / a[j, j]
        s = a[i, i]
        for k in range(i):
            s -= a[i, k] * a[i, k]
        a[i, i] = np.sqrt(s)
    total = 0.0
    for i in range(n):
        for j in range(i + 1):
            total += a[i, j]
    return total


def lu(a0):  # type: ignore[no-untyped-def]
    a = a0.copy()
    n = a.shape[0]
    for i in range(n):
        for j in range(i):
            s = a[i, j]
            for k in range(j):
                s -= a[i, k] * a[k, j]
            a[i, j] = s / a[j, j]
        for j in range(i, n):
            s = a[i, j]
            for k in range(i):
                s -= a[i, k] * a[k, j]
            a[i, j] = s
    return np.sum(a)


def gramschmidt(a0):  # type: ignore[no-untyped-def]
    a = a0.copy()
    m, n = a.shape
    total = 0.0
    for k in range(n):
        s = 0.0
        for i in range(m):
            s += a[i, k] * a[i, k]
        r = np.sqrt(s)
        total += r
        for i in range(m):
            a[i, k] = a[i, k] / r
        for j in range(k + 1, n):
            s = 0.0
            for i in range(m):
                s += a[i, k] * a[i, j]
            total += s
            for i in range(m):
                a[i, j] = a[i, j] - a[i, k] * s
    return total


def jacobi_1d(a0, b0, steps):  # type: ignore[no-untyped-def]
    a, b = a0.copy(), b0.copy()
    for _ in range(steps):
        b[1:-1] = 0.33333 * (a[:-2] + a[1:-1] + a[2:])
        a[1:-1] = 0.33333 * (b[:-2] + b[1:-1] + b[2:])
    return np.sum(a * a)


def jacobi_2d(a0, b0, steps):  # type: ignore[no-untyped-def]
    a, b = a0.copy(), b0.copy()
    for _ in range(steps):
        b[1:-1, 1:-1] = 0.2 * (a[1:-1, 1:-1] + a[1:-1, :-2] + a[1:-1, 2:] + a[2:, 1:-1] + a[:-2, 1:-1])
        a[1:-1, 1:-1] = 0.2 * (b[1:-1, 1:-1] + b[1:-1, :-2] + b[1:-1, 2:] + b[2:, 1:-1] + b[:-2, 1:-1])
    return np.sum(a * a)


def fdtd_2d(ex0, ey0, hz0, steps):  # type: ignore[no-untyped-def]
    ex, ey, hz = ex0.copy(), ey0.copy(), hz0.copy()
    for t in range(steps):
        ey[0, :] = float(t)
        ey[1:, :] = ey[1:, :] - 0.5 * (hz[1:, :] - hz[:-1, :])
        ex[:, 1:] = ex[:, 1:] - 0.5 * (hz[:, 1:] - hz[:, :-1])
        hz[:-1, :-1] = hz[:-1, :-1] - 0.7 * (ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1])
    return np.sum(hz * hz)


def heat_3d(a0, b0, steps):  # type: ignore[no-untyped-def]
    a, b = a0.copy(), b0.copy()
    for _ in range(steps):
        b[1:-1, 1:-1, 1:-1] = (
            0.125 * (a[2:, 1:-1, 1:-1] - 2.0 * a[1:-1, 1:-1, 1:-1] + a[:-2, 1:-1, 1:-1])
            + 0.125 * (a[1:-1, 2:, 1:-1] - 2.0 * a[1:-1, 1:-1, 1:-1] + a[1:-1, :-2, 1:-1])
            + 0.125 * (a[1:-1, 1:-1, 2:] - 2.0 * a[1:-1, 1:-1, 1:-1] + a[1:-1, 1:-1, :-2])
            + a[1:-1, 1:-1, 1:-1]
        )
        a[1:-1, 1:-1, 1:-1] = (
            0.125 * (b[2:, 1:-1, 1:-1] - 2.0 * b[1:-1, 1:-1, 1:-1] + b[:-2, 1:-1, 1:-1])
            + 0.125 * (b[1:-1, 2:, 1:-1] - 2.0 * b[1:-1, 1:-1, 1:-1] + b[1:-1, :-2, 1:-1])
            + 0.125 * (b[1:-1, 1:-1, 2:] - 2.0 * b[1:-1, 1:-1, 1:-1] + b[1:-1, 1:-1, :-2])
            + b[1:-1, 1:-1, 1:-1]
        )
    return np.sum(a * a)


def trisolv(L, b):  # type: ignore[no-untyped-def]
    n = b.shape[0]
    x = np.zeros(n)
    for i in range(n):
        s = b[i]
        for j in range(i):
            s -= L[i, j] * x[j]
        x[i] = s / L[i, i]
    return np.sum(x * x)
