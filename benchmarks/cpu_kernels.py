"""The kernels of `cpu.py`: a function that NumPy, Numba and wengert all take, its arguments, and for loops the same in C."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Arguments = tuple[Any, ...]


@dataclass(frozen=True)
class Kernel:
    """group: array, transcendental, matmul or loop. writes: the positions of the arguments that are written.

    c: the C source that has a function of the same name; of an array kernel, one that shows how fast this machine reads.
    tolerance: of the check, relative and absolute; 0.01 where C's and Numba's fused multiply-adds change how many iterations a
    point takes.
    """

    name: str
    group: str
    function: Callable[..., Any]
    make: Callable[[], Arguments]
    writes: tuple[int, ...] = ()
    c: str = ""
    tolerance: float = 1e-9


rng = np.random.default_rng(0)


# -- array kernels


def stencil(u, steps):
    for _ in range(steps):
        u[1:-1, 1:-1] = u[1:-1, 1:-1] + 0.1 * (
            u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4.0 * u[1:-1, 1:-1]
        )


def jacobi_1d(a, b, steps):
    for _ in range(steps):
        b[1:-1] = 0.33333 * (a[:-2] + a[1:-1] + a[2:])
        a[1:-1] = 0.33333 * (b[:-2] + b[1:-1] + b[2:])


def reaction_diffusion(u, v, steps):
    for _ in range(steps):
        lu = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4.0 * u[1:-1, 1:-1]
        lv = v[:-2, 1:-1] + v[2:, 1:-1] + v[1:-1, :-2] + v[1:-1, 2:] - 4.0 * v[1:-1, 1:-1]
        uvv = u[1:-1, 1:-1] * v[1:-1, 1:-1] * v[1:-1, 1:-1]
        nu = u[1:-1, 1:-1] + 0.16 * lu - uvv + 0.06 * (1.0 - u[1:-1, 1:-1])
        nv = v[1:-1, 1:-1] + 0.08 * lv + uvv - 0.122 * v[1:-1, 1:-1]
        u[1:-1, 1:-1] = nu
        v[1:-1, 1:-1] = nv


def chain(x, y):
    return np.sqrt(x * x + y * y) / (1.0 + np.abs(x - y)) + np.maximum(x, y) * 0.5


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def total(x):
    return np.sum(x)


def variance(x):
    return np.mean((x - np.mean(x)) ** 2)


def column_sums(a):
    return np.sum(a, axis=0)


def row_norms(a):
    return np.sqrt(np.sum(a * a, axis=1))


def softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def correlation(x, y):
    a, b = x - np.mean(x), y - np.mean(y)
    return np.sum(a * b) / np.sqrt(np.sum(a * a) * np.sum(b * b))


# -- transcendental


def black_scholes(price, strike, time, rate, vol):
    root = np.sqrt(time)
    d1 = (np.log(price / strike) + (rate + 0.5 * vol * vol) * time) / (vol * root)
    d2 = d1 - vol * root
    cdf1 = 1.0 / (1.0 + np.exp(-1.5976 * d1 - 0.07056 * d1**3))
    cdf2 = 1.0 / (1.0 + np.exp(-1.5976 * d2 - 0.07056 * d2**3))
    return price * cdf1 - strike * np.exp(-rate * time) * cdf2


def arc_distance(a1, b1, a2, b2):
    t = np.sin((a2 - a1) / 2.0) ** 2 + np.cos(a1) * np.cos(a2) * np.sin((b2 - b1) / 2.0) ** 2
    return 2.0 * np.arctan2(np.sqrt(t), np.sqrt(1.0 - t))


def sine_of_exp(x):
    return np.sin(np.exp(x)) * x


# -- matrices


def product(a, b):
    return a @ b


def layer(a, b):
    return np.sum(np.tanh(a @ b))


# -- loops


def lotka_volterra(steps, dt):
    x, y = 10.0, 5.0
    for _ in range(steps):
        k1x, k1y = 1.1 * x - 0.4 * x * y, 0.1 * x * y - 0.4 * y
        ax, ay = x + dt / 2 * k1x, y + dt / 2 * k1y
        k2x, k2y = 1.1 * ax - 0.4 * ax * ay, 0.1 * ax * ay - 0.4 * ay
        ax, ay = x + dt / 2 * k2x, y + dt / 2 * k2y
        k3x, k3y = 1.1 * ax - 0.4 * ax * ay, 0.1 * ax * ay - 0.4 * ay
        ax, ay = x + dt * k3x, y + dt * k3y
        k4x, k4y = 1.1 * ax - 0.4 * ax * ay, 0.1 * ax * ay - 0.4 * ay
        x = x + dt / 6 * (k1x + 2 * k2x + 2 * k3x + k4x)
        y = y + dt / 6 * (k1y + 2 * k2y + 2 * k3y + k4y)
    return x + y


def seidel(a, steps):
    n = a.shape[0]
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                a[i, j] = (
                    a[i - 1, j - 1] + a[i - 1, j] + a[i - 1, j + 1] + a[i, j - 1] + a[i, j]
                    + a[i, j + 1] + a[i + 1, j - 1] + a[i + 1, j] + a[i + 1, j + 1]
                ) / 9.0  # fmt: skip
    return a[n // 2, n // 2]


def nussinov(seq, table):
    n = seq.shape[0]
    for i in range(n - 1, -1, -1):
        for j in range(i + 1, n):
            best = max(table[i, j], table[i, j - 1])
            best = max(best, table[i + 1, j])
            pair = 1 if seq[i] + seq[j] == 3 else 0
            if i < j - 1:
                best = max(best, table[i + 1, j - 1] + pair)
            else:
                best = max(best, table[i + 1, j - 1])
            for k in range(i + 1, j):
                best = max(best, table[i, k] + table[k + 1, j])
            table[i, j] = best
    return table[0, n - 1]


def lu(a):
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
    return a[n - 1, n - 1]


def floyd_warshall(d):
    n = d.shape[0]
    for k in range(n):
        for i in range(n):
            for j in range(n):
                through = d[i, k] + d[k, j]
                if through < d[i, j]:
                    d[i, j] = through
    return d[0, n - 1]


def mandelbrot(n, limit):
    inside = 0
    for i in range(n):
        for j in range(n):
            cr, ci = -2.0 + 3.0 * j / n, -1.5 + 3.0 * i / n
            zr, zi, k = 0.0, 0.0, 0
            while k < limit and zr * zr + zi * zi <= 4.0:
                zr, zi = zr * zr - zi * zi + cr, 2.0 * zr * zi + ci
                k += 1
            inside += k
    return inside


C = """
#include <math.h>
typedef long long i64;
typedef double v4 __attribute__((vector_size(32), aligned(8)));
double total(double *x, i64 n) {
  v4 s[8] = {0}, t = {0};
  double rest = 0;
  i64 i = 0;
  for (; i + 32 <= n; i += 32)
    for (int k = 0; k < 8; k++) s[k] += *(v4 *)(x + i + 4*k);
  for (int k = 0; k < 8; k++) t += s[k];
  for (; i < n; i++) rest += x[i];
  return t[0] + t[1] + t[2] + t[3] + rest;
}
double lotka_volterra(i64 steps, double dt) {
  double x = 10.0, y = 5.0;
  for (i64 s = 0; s < steps; s++) {
    double k1x = 1.1*x - 0.4*x*y, k1y = 0.1*x*y - 0.4*y;
    double ax = x + dt/2*k1x, ay = y + dt/2*k1y;
    double k2x = 1.1*ax - 0.4*ax*ay, k2y = 0.1*ax*ay - 0.4*ay;
    ax = x + dt/2*k2x; ay = y + dt/2*k2y;
    double k3x = 1.1*ax - 0.4*ax*ay, k3y = 0.1*ax*ay - 0.4*ay;
    ax = x + dt*k3x; ay = y + dt*k3y;
    double k4x = 1.1*ax - 0.4*ax*ay, k4y = 0.1*ax*ay - 0.4*ay;
    x = x + dt/6*(k1x + 2*k2x + 2*k3x + k4x);
    y = y + dt/6*(k1y + 2*k2y + 2*k3y + k4y);
  }
  return x + y;
}
double seidel(double *a, i64 n, i64 m, i64 steps) {
  for (i64 s = 0; s < steps; s++)
    for (i64 i = 1; i < n-1; i++)
      for (i64 j = 1; j < n-1; j++)
        a[i*m+j] = (a[(i-1)*m+j-1] + a[(i-1)*m+j] + a[(i-1)*m+j+1] + a[i*m+j-1] + a[i*m+j]
                  + a[i*m+j+1] + a[(i+1)*m+j-1] + a[(i+1)*m+j] + a[(i+1)*m+j+1]) / 9.0;
  return a[n/2*m+n/2];
}
double nussinov(i64 *seq, i64 n, i64 *t, i64 r, i64 m) {
  for (i64 i = n-1; i >= 0; i--)
    for (i64 j = i+1; j < n; j++) {
      i64 best = t[i*m+j] > t[i*m+j-1] ? t[i*m+j] : t[i*m+j-1];
      if (t[(i+1)*m+j] > best) best = t[(i+1)*m+j];
      i64 pair = seq[i] + seq[j] == 3, other = t[(i+1)*m+j-1] + (i < j-1 ? pair : 0);
      if (other > best) best = other;
      for (i64 k = i+1; k < j; k++) { i64 x = t[i*m+k] + t[(k+1)*m+j]; if (x > best) best = x; }
      t[i*m+j] = best;
    }
  return t[n-1];
}
double lu(double *a, i64 n, i64 m) {
  for (i64 i = 0; i < n; i++) {
    for (i64 j = 0; j < i; j++) {
      double s = a[i*m+j];
      for (i64 k = 0; k < j; k++) s -= a[i*m+k] * a[k*m+j];
      a[i*m+j] = s / a[j*m+j];
    }
    for (i64 j = i; j < n; j++) {
      double s = a[i*m+j];
      for (i64 k = 0; k < i; k++) s -= a[i*m+k] * a[k*m+j];
      a[i*m+j] = s;
    }
  }
  return a[(n-1)*m+n-1];
}
double floyd_warshall(double *d, i64 n, i64 m) {
  for (i64 k = 0; k < n; k++)
    for (i64 i = 0; i < n; i++)
      for (i64 j = 0; j < n; j++) {
        double through = d[i*m+k] + d[k*m+j];
        if (through < d[i*m+j]) d[i*m+j] = through;
      }
  return d[n-1];
}
double mandelbrot(i64 n, i64 limit) {
  i64 inside = 0;
  for (i64 i = 0; i < n; i++)
    for (i64 j = 0; j < n; j++) {
      double cr = -2.0 + 3.0*j/n, ci = -1.5 + 3.0*i/n, zr = 0, zi = 0; i64 k = 0;
      while (k < limit && zr*zr + zi*zi <= 4.0) { double t = zr*zr - zi*zi + cr; zi = 2.0*zr*zi + ci; zr = t; k++; }
      inside += k;
    }
  return inside;
}
"""
"""Each function takes an array as pointer and extents. A number is an i64 or a double."""


def _normal(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape)


def _positive(*shape: int) -> np.ndarray:
    return rng.uniform(0.5, 1.5, shape)


def _market() -> Arguments:
    n = 200_000
    return _positive(n) * 100, _positive(n) * 100, _positive(n), 0.03, 0.25


def _dominant(n: int) -> np.ndarray:
    return _normal(n, n) + n * np.eye(n)


KERNELS = [
    Kernel("stencil 512², 10 steps", "array", stencil, lambda: (_normal(512, 512), 10), (0,)),
    Kernel("jacobi 1d 100k, 10 steps", "array", jacobi_1d, lambda: (_normal(100_000), _normal(100_000), 10), (0, 1)),
    Kernel(
        "reaction-diffusion 256², 10 steps", "array", reaction_diffusion,
        lambda: (_positive(256, 256), _positive(256, 256) * 0.1, 10), (0, 1),
    ),
    Kernel("element-wise chain 1M", "array", chain, lambda: (_normal(1_000_000), _normal(1_000_000))),
    Kernel("chained Rosenbrock 1M", "array", rosenbrock, lambda: (_normal(1_000_000),)),
    Kernel("sum 1M", "array", total, lambda: (_normal(1_000_000),), c=C),
    Kernel("variance 1M", "array", variance, lambda: (_normal(1_000_000),)),
    Kernel("column sums 1000²", "array", column_sums, lambda: (_normal(1000, 1000),)),
    Kernel("row norms 1000²", "array", row_norms, lambda: (_normal(1000, 1000),)),
    Kernel("softmax 100k", "array", softmax, lambda: (_normal(100_000),)),
    Kernel("correlation 1M", "array", correlation, lambda: (_normal(1_000_000), _normal(1_000_000))),
    Kernel("Black-Scholes 200k", "transcendental", black_scholes, _market),
    Kernel("arc distance 200k", "transcendental", arc_distance, lambda: tuple(_positive(200_000) for _ in range(4))),
    Kernel("sin(exp(x))*x 1M", "transcendental", sine_of_exp, lambda: (_normal(1_000_000),)),
    Kernel("A @ B 512²", "matmul", product, lambda: (_normal(512, 512), _normal(512, 512))),
    Kernel("sum(tanh(A @ B)) 256²", "matmul", layer, lambda: (_normal(256, 256), _normal(256, 256))),
    Kernel("Lotka-Volterra RK4, 100k steps", "loop", lotka_volterra, lambda: (100_000, 1e-3), c=C),
    Kernel("Seidel 200², 10 sweeps", "loop", seidel, lambda: (_normal(200, 200), 10), (0,), c=C),
    Kernel(
        "Nussinov 150", "loop", nussinov,
        lambda: (rng.integers(0, 4, 150), np.zeros((151, 150), np.int64)), (1,), c=C,
    ),
    Kernel("LU 150²", "loop", lu, lambda: (_dominant(150),), (0,), c=C),
    Kernel("Floyd-Warshall 150²", "loop", floyd_warshall, lambda: (_positive(150, 150),), (0,), c=C),
    Kernel("Mandelbrot 150², 200", "loop", mandelbrot, lambda: (150, 200), c=C, tolerance=0.01),
]  # fmt: skip

