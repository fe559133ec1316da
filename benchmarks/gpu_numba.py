"""numba-cuda's kernels for gpu_table.py: one thread for each element, as its documentation writes them.

A peer here returns what to call with numba's device arrays. Results are allocated at the first call and
written again at each later one, since numba has no pool of device memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

if not hasattr(np, "row_stack"):  # numba-cuda 0.30 asks for a name that NumPy 2.5 does not have any more
    np.row_stack = np.vstack  # type: ignore[attr-defined]
from numba import cuda  # noqa: E402

Run = Callable[..., tuple[Any, ...]]
BLOCK = 256


def elementwise() -> Run:
    @cuda.jit
    def kernel(x, out):
        i = cuda.grid(1)
        if i < x.size:
            out[i] = math.sqrt(x[i]) * x[i] + 1.0

    return per_element(kernel)


def triad() -> Run:
    @cuda.jit
    def kernel(a, b, out):
        i = cuda.grid(1)
        if i < a.size:
            out[i] = a[i] + 3.0 * b[i]

    return per_element(kernel)


def kepler() -> Run:
    @cuda.jit
    def kernel(m, e, out):
        i = cuda.grid(1)
        if i < m.size:
            u, d, n = m[i], 1.0, 0
            while abs(d) > 1e-12 and n < 50:
                d = (u - e[i] * math.sin(u) - m[i]) / (1.0 - e[i] * math.cos(u))
                u -= d
                n += 1
            out[i] = u

    return per_element(kernel)


def black_scholes() -> Run:
    @cuda.jit
    def kernel(s, k, t, out):
        i = cuda.grid(1)
        if i < s.size:
            r, v, root = 0.02, 0.3, 0.7071067811865476
            d1 = (math.log(s[i] / k[i]) + (r + 0.5 * v * v) * t[i]) / (v * math.sqrt(t[i]))
            d2 = d1 - v * math.sqrt(t[i])
            paid = k[i] * math.exp(-r * t[i])
            out[i] = s[i] * 0.5 * (1.0 + math.erf(d1 * root)) - paid * 0.5 * (1.0 + math.erf(d2 * root))

    return per_element(kernel)


def total() -> Run:
    add = cuda.reduce(lambda a, b: a + b)
    held: dict[int, Any] = {}

    def run(x: Any) -> tuple[Any, ...]:
        out = kept(held, x.size, lambda: cuda.device_array(1, np.float64))
        add(x, res=out)
        return (out,)

    return run


def heat() -> Run:
    @cuda.jit
    def step(u, v):
        j, i = cuda.grid(2)
        if i < u.shape[0] and j < u.shape[1]:
            here = u[i, j]
            if 0 < i < u.shape[0] - 1 and 0 < j < u.shape[1] - 1:
                here += 0.1 * (u[i + 1, j] + u[i - 1, j] + u[i, j + 1] + u[i, j - 1] - 4.0 * u[i, j])
            v[i, j] = here

    held: dict[int, Any] = {}

    def run(u: Any, steps: int) -> tuple[Any, ...]:
        buffers = kept(held, u.size, lambda: [cuda.device_array(u.shape, np.float64) for _ in range(2)])
        blocks = -(-u.shape[1] // 32), -(-u.shape[0] // 8)
        for k in range(steps):
            v = buffers[k % 2]
            step[blocks, (32, 8)](u, v)
            u = v
        return (u,)

    return run


def mandelbrot() -> Run:
    @cuda.jit
    def kernel(width, height, limit, counts):
        column, row = cuda.grid(2)
        if row < height and column < width:
            a, b = -2.2 + 3.0 * column / width, -1.2 + 2.4 * row / height
            x, y, n = 0.0, 0.0, 0
            while n < limit and x * x + y * y < 4.0:
                x, y = x * x - y * y + a, 2.0 * x * y + b
                n += 1
            counts[row, column] = n

    held: dict[int, Any] = {}

    def run(width: int, height: int, limit: int) -> tuple[Any, ...]:
        out = kept(held, width, lambda: cuda.device_array((height, width), np.int64))
        kernel[(-(-width // 32), -(-height // 8)), (32, 8)](width, height, limit, out)
        return (out,)

    return run


def nbody() -> Run:
    @cuda.jit
    def kernel(p, out):
        i = cuda.grid(1)
        if i < p.shape[0]:
            e = 0.0
            for j in range(p.shape[0]):
                dx, dy, dz = p[j, 0] - p[i, 0], p[j, 1] - p[i, 1], p[j, 2] - p[i, 2]
                e += 1.0 / math.sqrt(dx * dx + dy * dy + dz * dz + 0.01)
            cuda.atomic.add(out, 0, e)

    held: dict[int, Any] = {}
    zero = cuda.to_device(np.zeros(1))

    def run(p: Any) -> tuple[Any, ...]:
        out = kept(held, p.shape[0], lambda: cuda.device_array(1, np.float64))
        out.copy_to_device(zero)
        kernel[-(-p.shape[0] // BLOCK), BLOCK](p, out)
        return (out,)

    return run


PEERS = {
    "element-wise": elementwise, "triad": triad, "stencil, 20 steps in place": heat, "sum": total, "Mandelbrot": mandelbrot,
    "Newton per element (Kepler)": kepler, "N-body": nbody, "Black-Scholes": black_scholes,
}  # fmt: skip
"""By the names of the problems of gpu_table.py."""


def per_element(kernel: Any) -> Run:
    held: dict[int, Any] = {}

    def run(*arrays: Any) -> tuple[Any, ...]:
        out = kept(held, arrays[0].size, lambda: cuda.device_array(arrays[0].shape, np.float64))
        kernel[-(-arrays[0].size // BLOCK), BLOCK](*arrays, out)
        return (out,)

    return run


def kept(held: dict[int, Any], size: int, make: Callable[[], Any]) -> Any:
    if size not in held:
        held[size] = make()
    return held[size]
