"""What gpu_table.py times: each problem in NumPy's language for us, by hand in CUDA C, and in the peers' own idioms.

A peer's version is the best formulation of it that we know: JAX's scans are unrolled and checkpointed, PyTorch's element-wise
code goes through torch.compile, the products of all are cuBLAS's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from gpu_check import put_together  # puts the package on the path where it is not installed
from numpy.typing import NDArray
from scipy.special import erf

import wengert as wg

assert put_together
Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Indices = NDArray[np.int64]
Peer = Callable[..., Callable[..., Any]]
"""Given the library (and, for CUDA C, the kernels), what to call with the arguments."""


@dataclass(frozen=True)
class Problem:
    """arguments(random, library, scale): sizes are divided by `scale`. bytes(*arguments): those that must move at least.

    goal: "bandwidth" (85 % of a copy's), "hand" (within 1.2 times of CUDA C), "peers" (not slower than the best of JAX and
    PyTorch). tolerance: of the largest difference from the reference, relative to its largest element.
    """

    name: str
    ours: Callable[..., Any]
    arguments: Callable[..., tuple[Any, ...]]
    goal: tuple[str, ...]
    peers: dict[str, Peer] = field(default_factory=dict)
    bytes: Callable[..., int] | None = None
    tolerance: float = 1e-11


# -- ours


def elementwise(x: Vector) -> Vector:
    return np.sqrt(x) * x + 1.0


def elementwise_loss(x: Vector) -> float:
    return np.sum(np.sqrt(x) * x + 1.0)


def triad(a: Vector, b: Vector) -> Vector:
    return a + 3.0 * b


def triad_loss(a: Vector, b: Vector) -> float:
    return np.sum((a + 3.0 * b) ** 2)


def heat(u: Matrix, steps: int) -> Matrix:
    u = u.copy()
    for _ in range(steps):
        u[1:-1, 1:-1] = u[1:-1, 1:-1] + 0.1 * (
            u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4.0 * u[1:-1, 1:-1]
        )
    return u


def heat_loss(u: Matrix, steps: int) -> float:
    return np.mean(heat(u, steps) ** 2)


def total(x: Vector) -> float:
    return np.sum(x)


def row_sums(a: Matrix) -> Vector:
    return np.sum(a, axis=1)


def column_sums(a: Matrix) -> Vector:
    return np.sum(a, axis=0)


def log_sum_exp(x: Vector) -> float:
    m = np.max(x)
    return m + np.log(np.sum(np.exp(x - m)))


def lorenz(state: Vector, rho: float, steps: int) -> float:
    """Fourth-order Runge-Kutta; the sum of squares of the last state."""
    x, y, z = state[0], state[1], state[2]
    h, sigma, beta = 0.01, 10.0, 8.0 / 3.0
    for _ in range(steps):
        a0, b0, c0 = sigma * (y - x), x * (rho - z) - y, x * y - beta * z
        u, v, w = x + 0.5 * h * a0, y + 0.5 * h * b0, z + 0.5 * h * c0
        a1, b1, c1 = sigma * (v - u), u * (rho - w) - v, u * v - beta * w
        u, v, w = x + 0.5 * h * a1, y + 0.5 * h * b1, z + 0.5 * h * c1
        a2, b2, c2 = sigma * (v - u), u * (rho - w) - v, u * v - beta * w
        u, v, w = x + h * a2, y + h * b2, z + h * c2
        a3, b3, c3 = sigma * (v - u), u * (rho - w) - v, u * v - beta * w
        x += h / 6.0 * (a0 + 2.0 * (a1 + a2) + a3)
        y += h / 6.0 * (b0 + 2.0 * (b1 + b2) + b3)
        z += h / 6.0 * (c0 + 2.0 * (c1 + c2) + c3)
    return x * x + y * y + z * z


def mandelbrot(width: int, height: int, limit: int) -> Indices:
    counts = np.zeros((height, width), dtype=np.int64)
    for row in wg.prange(height):
        for column in wg.prange(width):
            a, b = -2.2 + 3.0 * column / width, -1.2 + 2.4 * row / height
            x, y, n = 0.0, 0.0, 0
            while n < limit and x * x + y * y < 4.0:
                x, y = x * x - y * y + a, 2.0 * x * y + b
                n += 1
            counts[row, column] = n
    return counts


def kepler(m: Vector, e: Vector) -> Vector:
    """Kepler's equation u - e sin u = m by Newton's method, each element until it has converged."""
    out = np.empty_like(m)
    for i in wg.prange(m.shape[0]):
        u, d, n = m[i], 1.0, 0
        while abs(d) > 1e-12 and n < 50:
            d = (u - e[i] * np.sin(u) - m[i]) / (1.0 - e[i] * np.cos(u))
            u -= d
            n += 1
        out[i] = u
    return out


def gmm(alpha: Vector, mu: Matrix, q: Matrix, x: Matrix) -> float:
    """Log-likelihood of a mixture of Gaussians with diagonal precisions exp(2q), without constants, by matrix products."""
    w = np.exp(2.0 * q)
    squares = (x * x) @ w.T - 2.0 * (x @ (mu * w).T) + np.sum(mu * mu * w, axis=1)
    logs = alpha + np.sum(q, axis=1) - 0.5 * squares
    top = np.max(logs, axis=1)
    return np.sum(top + np.log(np.sum(np.exp(logs - top[:, None]), axis=1)))


def gmm_loops(alpha: Vector, mu: Matrix, q: Matrix, x: Matrix) -> float:
    """The same, point by point."""
    inverse, offset = np.exp(q), alpha + np.sum(q, axis=1)
    likelihood = 0.0
    for i in wg.prange(x.shape[0]):
        logs = np.zeros(mu.shape[0])
        for k in range(mu.shape[0]):
            s = 0.0
            for j in range(x.shape[1]):
                d = (x[i, j] - mu[k, j]) * inverse[k, j]
                s += d * d
            logs[k] = offset[k] - 0.5 * s
        top = np.max(logs)
        likelihood += top + np.log(np.sum(np.exp(logs - top)))
    return likelihood


def layer(w: Matrix, b: Vector, x: Matrix) -> float:
    return np.sum(np.tanh(x @ w + b) ** 2)


def kmeans(c: Matrix, x: Matrix) -> float:
    """The sum of squared distances to the nearest centre."""
    cost = 0.0
    for i in wg.prange(x.shape[0]):
        best = 1e300
        for k in range(c.shape[0]):
            s = 0.0
            for j in range(x.shape[1]):
                d = x[i, j] - c[k, j]
                s += d * d
            best = min(best, s)
        cost += best
    return cost


def nbody(p: Matrix) -> float:
    potential = 0.0
    for i in wg.prange(p.shape[0]):
        e = 0.0
        for j in range(p.shape[0]):
            dx, dy, dz = p[j, 0] - p[i, 0], p[j, 1] - p[i, 1], p[j, 2] - p[i, 2]
            e += 1.0 / np.sqrt(dx * dx + dy * dy + dz * dz + 0.01)
        potential += e
    return potential


def spmv(values: Vector, x: Vector, columns: Indices, starts: Indices) -> Vector:
    y = np.empty(starts.shape[0] - 1)
    for i in wg.prange(y.shape[0]):
        t = 0.0
        for k in range(starts[i], starts[i + 1]):
            t += values[k] * x[columns[k]]
        y[i] = t
    return y


def spmv_loss(values: Vector, x: Vector, columns: Indices, starts: Indices) -> float:
    y = spmv(values, x, columns, starts)
    return np.sum(y * y)


def black_scholes(s: Vector, k: Vector, t: Vector) -> Vector:
    """Prices of European calls; rate 0.02, volatility 0.3."""
    r, v, root = 0.02, 0.3, 0.7071067811865476
    d1 = (np.log(s / k) + (r + 0.5 * v * v) * t) / (v * np.sqrt(t))
    d2 = d1 - v * np.sqrt(t)
    return s * 0.5 * (1.0 + erf(d1 * root)) - k * np.exp(-r * t) * 0.5 * (1.0 + erf(d2 * root))


def black_scholes_loss(s: Vector, k: Vector, t: Vector) -> float:
    return np.sum(black_scholes(s, k, t))


# -- the peers


def hand(name: str, outputs: Callable[..., list[Any]], numbers: Callable[..., list[Any]], threads: int = 256) -> Peer:
    """One launch: `numbers` come before the arrays; a thread an element of the last argument array, unless said otherwise."""

    def make(cupy: Any, kernels: Any) -> Callable[..., Any]:
        kernel = kernels.get_function(name)

        def run(*args: Any) -> Any:
            first, *rest = numbers(*args)
            out = outputs(cupy, *args)
            arrays = [a for a in args if hasattr(a, "shape")]
            kernel((-(-int(first) // threads),), (threads,), (np.int64(first), *rest, *arrays, *out))
            return tuple(out)

        return run

    return make


def like(*positions: int) -> Callable[..., list[Any]]:
    return lambda cupy, *args: [cupy.empty_like(args[k]) for k in positions]


def length(*args: Any) -> list[Any]:
    return [args[0].size]


def hand_heat(gradient: bool) -> Peer:
    def make(cupy: Any, kernels: Any) -> Callable[..., Any]:
        step, back, scale = (kernels.get_function(k) for k in ("heat", "heat_adjoint", "scaled"))

        def run(u: Any, steps: int) -> Any:
            n = u.shape[0]
            grid, block = (-(-n // 32), -(-n // 8)), (32, 8)
            a, b = u, cupy.empty_like(u)
            spare = cupy.empty_like(u)
            for _ in range(steps):
                step(grid, block, (np.int32(n), a, b))
                a, b = b, spare if a is u else a
            if gradient:
                scale((-(-u.size // 256),), (256,), (np.int64(u.size), 2.0 / u.size, a, b))
                a, b = b, a
                for _ in range(steps):
                    back(grid, block, (np.int32(n), a, b))
                    a, b = b, a
            return (a,)

        return run

    return make


def hand_lorenz_gradient(cupy: Any, kernels: Any) -> Callable[..., Any]:
    kernel = kernels.get_function("lorenz_gradient")

    def run(state: Any, rho: float, steps: int) -> Any:
        n = state.shape[0]
        tape, out = cupy.empty((3 * steps, n)), cupy.empty_like(state)
        kernel((-(-n // 128),), (128,), (np.int64(n), rho, np.int32(steps), state, tape, out))
        return (out,)

    return run


def hand_mandelbrot(cupy: Any, kernels: Any) -> Callable[..., Any]:
    kernel = kernels.get_function("mandelbrot")

    def run(width: int, height: int, limit: int) -> Any:
        out = cupy.empty((height, width), np.int64)
        kernel((-(-width // 32), -(-height // 8)), (32, 8), (np.int32(width), np.int32(height), np.int32(limit), out))
        return (out,)

    return run


def hand_nbody(gradient: bool) -> Peer:
    def make(cupy: Any, kernels: Any) -> Callable[..., Any]:
        kernel = kernels.get_function("nbody_gradient" if gradient else "nbody")

        def run(p: Any) -> Any:
            n = p.shape[0]
            out = cupy.empty_like(p) if gradient else cupy.zeros(())
            kernel((-(-n // 128),), (128,), (np.int32(n), p, out))
            return (out,)

        return run

    return make


def hand_spmv(cupy: Any, kernels: Any) -> Callable[..., Any]:
    kernel = kernels.get_function("spmv")

    def run(values: Any, x: Any, columns: Any, starts: Any) -> Any:
        rows = starts.shape[0] - 1
        out = cupy.empty(rows)
        kernel((-(-8 * rows // 256),), (256,), (np.int64(rows), values, columns, starts, x, out))
        return (out,)

    return run


def fused(expression: str, inputs: str) -> Peer:
    """CuPy's element-wise kernel of that expression."""

    def make(cupy: Any) -> Callable[..., Any]:
        names = ", ".join(f"float64 {name}" for name in inputs.split())
        return cupy.ElementwiseKernel(names, "float64 y", f"y = {expression}", "peer")  # type: ignore[no-any-return]

    return make


def jitted(write: Callable[[Any], Callable[..., Any]], static: tuple[int, ...] = (), wrt: Any = None) -> Peer:
    """`write(jax.numpy)` is the function; with `wrt`, its gradient."""

    def make(jax: Any) -> Callable[..., Any]:
        function = write(jax.numpy)
        return jax.jit(function if wrt is None else jax.grad(function, wrt), static_argnums=static)  # type: ignore[no-any-return]

    return make


def torched(write: Callable[[Any], Callable[..., Any]], wrt: tuple[int, ...] = (), compiled: bool = True) -> Peer:
    def make(torch: Any) -> Callable[..., Any]:
        function = write(torch)
        if compiled:
            function = torch.compile(function)
        if not wrt:
            return function

        def run(*args: Any) -> Any:
            variables = [args[k].detach().requires_grad_() for k in wrt]
            given = list(args)
            for k, v in zip(wrt, variables, strict=True):
                given[k] = v
            return torch.autograd.grad(function(*given), variables)

        return run

    return make


def jax_lorenz(gradient: bool) -> Peer:
    def make(jax: Any) -> Callable[..., Any]:
        jnp, h = jax.numpy, 0.01

        def slope(s: Any, rho: float) -> Any:
            x, y, z = s
            return jnp.stack([10.0 * (y - x), x * (rho - z) - y, x * y - 8.0 / 3.0 * z])

        def step(s: Any, rho: float) -> Any:
            a = slope(s, rho)
            b = slope(s + 0.5 * h * a, rho)
            c = slope(s + 0.5 * h * b, rho)
            return s + h / 6.0 * (a + 2.0 * (b + c) + slope(s + h * c, rho))

        def last(state: Any, rho: float, steps: int) -> Any:
            def five(s: Any, _: Any) -> Any:
                for _ in range(5):
                    s = step(s, rho)
                return s, None

            s = jax.lax.scan(jax.checkpoint(five) if gradient else five, state.T, None, steps // 5)[0]
            return jnp.sum(s * s, 0)

        def summed(state: Any, rho: float, steps: int) -> Any:
            return jnp.sum(last(state, rho, steps))

        return jax.jit(jax.grad(summed) if gradient else last, static_argnums=2)  # type: ignore[no-any-return]

    return make


def jax_mandelbrot(jax: Any) -> Callable[..., Any]:
    jnp = jax.numpy

    def counts(width: int, height: int, limit: int) -> Any:
        a = -2.2 + 3.0 * jnp.arange(width)[None, :] / width + jnp.zeros((height, 1))
        b = -1.2 + 2.4 * jnp.arange(height)[:, None] / height + jnp.zeros((1, width))

        def one(a: Any, b: Any) -> Any:
            def step(v: Any) -> Any:
                x, y, n = v
                return x * x - y * y + a, 2.0 * x * y + b, n + 1

            return jax.lax.while_loop(lambda v: (v[2] < limit) & (v[0] * v[0] + v[1] * v[1] < 4.0), step, (0.0, 0.0, 0))[2]

        return jax.vmap(jax.vmap(one))(a, b)

    return jax.jit(counts, static_argnums=(0, 1, 2))  # type: ignore[no-any-return]


def jax_kepler(jax: Any) -> Callable[..., Any]:
    jnp = jax.numpy

    def one(m: Any, e: Any) -> Any:
        def step(v: Any) -> Any:
            u, _, n = v
            d = (u - e * jnp.sin(u) - m) / (1.0 - e * jnp.cos(u))
            return u - d, d, n + 1

        return jax.lax.while_loop(lambda v: (abs(v[1]) > 1e-12) & (v[2] < 50), step, (m, 1.0, 0))[0]

    return jax.jit(jax.vmap(one))  # type: ignore[no-any-return]


def jax_spmv(gradient: bool) -> Peer:
    def make(jax: Any) -> Callable[..., Any]:
        def product(values: Any, x: Any, columns: Any, starts: Any) -> Any:
            rows = jax.numpy.repeat(
                jax.numpy.arange(starts.shape[0] - 1), jax.numpy.diff(starts), total_repeat_length=values.shape[0]
            )
            return jax.ops.segment_sum(values * x[columns], rows, starts.shape[0] - 1, indices_are_sorted=True)

        def loss(*args: Any) -> Any:
            return jax.numpy.sum(product(*args) ** 2)

        return jax.jit(jax.grad(loss, (0, 1)) if gradient else product)  # type: ignore[no-any-return]

    return make


def torch_spmv(gradient: bool) -> Peer:
    def make(torch: Any) -> Callable[..., Any]:
        known: dict[int, Any] = {}

        def product(values: Any, x: Any, columns: Any, starts: Any) -> Any:
            if gradient:  # its sparse matrices have no gradient with respect to their elements in this form
                rows = known.get(starts.data_ptr())
                if rows is None:
                    rows = torch.repeat_interleave(torch.arange(len(starts) - 1, device=x.device), torch.diff(starts))
                    known[starts.data_ptr()] = rows
                return torch.zeros(len(starts) - 1, dtype=x.dtype, device=x.device).index_add(0, rows, values * x[columns])
            return torch.sparse_csr_tensor(starts, columns, values, (len(starts) - 1, len(x)), check_invariants=False) @ x

        if not gradient:
            return product
        return torched(lambda _: lambda *args: torch.sum(product(*args) ** 2), (0, 1), compiled=False)(torch)

    return make


def array_gmm(np: Any) -> Callable[..., Any]:
    def f(alpha: Any, mu: Any, q: Any, x: Any) -> Any:
        w = np.exp(2.0 * q)
        squares = (x * x) @ w.T - 2.0 * (x @ (mu * w).T) + np.sum(mu * mu * w, 1)
        logs = alpha + np.sum(q, 1) - 0.5 * squares
        top = np.amax(logs, 1)
        return np.sum(top + np.log(np.sum(np.exp(logs - top[:, None]), 1)))

    return f


def array_heat(set_inside: Callable[[Any, Any], Any], loss: bool) -> Callable[[Any], Callable[..., Any]]:
    def write(np: Any) -> Callable[..., Any]:
        def f(u: Any, steps: int) -> Any:
            for _ in range(steps):
                c = u[1:-1, 1:-1]
                u = set_inside(u, c + 0.1 * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4.0 * c))
            return np.mean(u * u) if loss else u

        return f

    return write


def jax_set(u: Any, value: Any) -> Any:
    return u.at[1:-1, 1:-1].set(value)


def torch_set(u: Any, value: Any) -> Any:
    u = u.clone()
    u[1:-1, 1:-1] = value
    return u


def array_kmeans(np: Any) -> Callable[..., Any]:
    return lambda c, x: np.sum(np.amin(np.sum((x[:, None, :] - c[None, :, :]) ** 2, 2), 1))


def array_nbody(np: Any) -> Callable[..., Any]:
    return lambda p: np.sum(np.sum(1.0 / np.sqrt(np.sum((p[None, :, :] - p[:, None, :]) ** 2, 2) + 0.01), 1))


def array_layer(np: Any) -> Callable[..., Any]:
    return lambda w, b, x: np.sum(np.tanh(x @ w + b) ** 2)


def array_prices(loss: bool, jax: bool = False) -> Callable[[Any], Callable[..., Any]]:
    def write(np: Any) -> Callable[..., Any]:
        if jax:
            from jax.scipy.special import erf
        else:
            erf = np.erf

        def f(s: Any, k: Any, t: Any) -> Any:
            r, v, root = 0.02, 0.3, 0.7071067811865476
            d1 = (np.log(s / k) + (r + 0.5 * v * v) * t) / (v * np.sqrt(t))
            d2 = d1 - v * np.sqrt(t)
            y = s * 0.5 * (1.0 + erf(d1 * root)) - k * np.exp(-r * t) * 0.5 * (1.0 + erf(d2 * root))
            return np.sum(y) if loss else y

        return f

    return write


def array_log_sum_exp(np: Any) -> Callable[..., Any]:
    def f(x: Any) -> Any:
        m = np.amax(x)
        return m + np.log(np.sum(np.exp(x - m)))

    return f
