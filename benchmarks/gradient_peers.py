"""The peers' versions of the problems in gradient_problems.py, each as fast as we know how to write it.

Each takes (function, args, wrt) and returns two calls: primal, and gradient (ending when the result is there).
"""

# ruff: noqa: N803, N806
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Pair = tuple[Callable[[], Any], Callable[[], Any]]


def _jax(f: Callable[..., Any], args: tuple[Any, ...], wrt: tuple[int, ...], static: tuple[int, ...] = ()) -> Pair:
    import jax

    moved = [a if k in static else jax.numpy.asarray(a) for k, a in enumerate(args)]
    primal = jax.jit(f, static_argnums=static)
    gradient = jax.jit(jax.grad(f, wrt), static_argnums=static)
    return lambda: primal(*moved).block_until_ready(), lambda: jax.block_until_ready(gradient(*moved))


def _with_jax_numpy(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself, reading jax.numpy as `np`."""
    import types

    import jax.numpy as jnp

    return types.FunctionType(f.__code__, {**f.__globals__, "np": jnp}, f.__name__)


def jax_plain(f: Any, args: Any, wrt: Any) -> Pair:
    return _jax(_with_jax_numpy(f), args, wrt)


def autograd_plain(f: Any, args: Any, wrt: Any) -> Pair:
    import types

    import autograd
    import autograd.numpy as anp

    g = types.FunctionType(f.__code__, {**f.__globals__, "np": anp}, f.__name__)
    gradient = autograd.grad(g, wrt)
    return lambda: f(*args), lambda: gradient(*args)


def _steps(body: Callable[..., Any]) -> Callable[..., Any]:
    """`steps` applications of a checkpointed body, as a scan."""
    import jax

    step = jax.checkpoint(body)

    def run(state: Any, steps: int) -> Any:
        return jax.lax.scan(lambda s, _: (step(s), None), state, None, length=steps)[0]

    return run


def jax_heat(f: Any, args: Any, wrt: Any) -> Pair:
    import jax.numpy as jnp

    def step(u: Any) -> Any:
        inner = u[1:-1, 1:-1]
        change = 0.1 * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4.0 * inner)
        return u + jnp.pad(change, 1)

    run = _steps(step)
    return _jax(lambda u, steps: jnp.mean(run(u, steps) ** 2), args, wrt, (1,))


def jax_reaction_diffusion(f: Any, args: Any, wrt: Any) -> Pair:
    import jax.numpy as jnp

    def step(u: Any) -> Any:
        c = u[1:-1, 1:-1]
        change = 0.1 * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4.0 * c) + 0.05 * c * (1.0 - c)
        return u + jnp.pad(change, 1)

    run = _steps(step)
    return _jax(lambda u, steps: jnp.mean(run(u, steps) ** 2), args, wrt, (1,))


def _rk4(a: Any, b: Any, c: Any, d: Any, x: Any, y: Any) -> tuple[Any, Any]:
    h = 1e-4

    def rate(x: Any, y: Any) -> tuple[Any, Any]:
        return a * x - b * x * y, -c * y + d * x * y

    k1, l1 = rate(x, y)
    k2, l2 = rate(x + 0.5 * h * k1, y + 0.5 * h * l1)
    k3, l3 = rate(x + 0.5 * h * k2, y + 0.5 * h * l2)
    k4, l4 = rate(x + h * k3, y + h * l3)
    return x + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4), y + h / 6.0 * (l1 + 2.0 * l2 + 2.0 * l3 + l4)


def jax_ode(f: Any, args: Any, wrt: Any) -> Pair:
    import jax.numpy as jnp

    def whole(p: Any, steps: int) -> Any:
        run = _steps(lambda s: (*_rk4(s[2][0], s[2][1], s[2][2], s[2][3], s[0], s[1]), s[2]))
        x, y, _ = run((jnp.float64(1.0), jnp.float64(1.0), p), steps)
        return x * x + y * y

    return _jax(whole, args, wrt, (1,))


def casadi_ode(f: Any, args: Any, wrt: Any) -> Pair:
    """CasADi's virtual machine; checkpointed by mapaccum with base 4."""
    import casadi

    p, steps = args
    s, q = casadi.MX.sym("s", 2), casadi.MX.sym("q", 4)
    step = casadi.Function("step", [s, q], [casadi.vertcat(*_rk4(q[0], q[1], q[2], q[3], s[0], s[1]))])
    run = step.mapaccum("run", steps, {"base": 4})
    end = run(casadi.DM([1.0, 1.0]), casadi.repmat(q, 1, steps))[:, -1]
    out = casadi.sumsqr(end)
    primal = casadi.Function("primal", [q], [out])
    gradient = casadi.Function("gradient", [q], [casadi.gradient(out, q)])
    return lambda: float(primal(p)), lambda: np.asarray(gradient(p))[:, 0]


def jax_gmm(f: Any, args: Any, wrt: Any) -> Pair:
    import jax.numpy as jnp
    from jax.scipy.special import logsumexp

    d = args[3].shape[1]
    rows, columns = np.tril_indices(d, -1)

    def whole(alphas: Any, means: Any, icf: Any, X: Any, gamma: Any, m: Any) -> Any:
        logs, below = icf[:, :d], icf[:, d:]
        diagonal = jnp.exp(logs)
        Q = jnp.zeros((alphas.shape[0], d, d)).at[:, rows, columns].set(below)
        Q = Q + diagonal[:, :, None] * jnp.eye(d)
        y = jnp.einsum("kij,nkj->nki", Q, X[:, None, :] - means[None])
        terms = alphas + jnp.sum(logs, 1) - 0.5 * jnp.sum(y * y, 2)
        prior = 0.5 * gamma**2 * (jnp.sum(diagonal**2) + jnp.sum(below**2)) - m * jnp.sum(logs)
        return jnp.sum(logsumexp(terms, 1)) - X.shape[0] * logsumexp(alphas) - prior

    return _jax(whole, args, wrt)


def jax_ba(f: Any, args: Any, wrt: Any) -> Pair:
    import jax
    import jax.numpy as jnp

    def residual(cam: Any, X: Any, w: Any, feat: Any) -> Any:
        theta = jnp.sqrt(jnp.sum(cam[:3] ** 2))
        axis = cam[:3] / theta
        a = X - cam[3:6]
        p = a * jnp.cos(theta) + jnp.cross(axis, a) * jnp.sin(theta) + axis * (axis @ a) * (1.0 - jnp.cos(theta))
        u = p[:2] / p[2]
        r2 = u @ u
        e = w * (u * (1.0 + cam[9] * r2 + cam[10] * r2 * r2) * cam[6] + cam[7:9] - feat)
        return jnp.array([e[0], e[1], 1.0 - w * w])

    moved = [jnp.asarray(a) for a in args]
    primal, derivative = jax.jit(jax.vmap(residual)), jax.jit(jax.vmap(jax.jacfwd(residual, wrt)))
    return lambda: primal(*moved).block_until_ready(), lambda: jax.block_until_ready(derivative(*moved))


def jax_lstm(f: Any, args: Any, wrt: Any) -> Pair:
    import jax
    import jax.numpy as jnp

    def whole(main: Any, extra: Any, state: Any, sequence: Any) -> Any:
        def step(state: Any, pair: Any) -> Any:
            now, following = pair
            x, rows = now * extra[0], []
            for k in range(main.shape[0]):
                w, b = main[k, :4], main[k, 4:]
                h, c = state[2 * k], state[2 * k + 1]
                sigmoid = jax.nn.sigmoid
                c = c * sigmoid(x * w[0] + b[0]) + sigmoid(h * w[1] + b[1]) * jnp.tanh(h * w[3] + b[3])
                x = sigmoid(x * w[2] + b[2]) * jnp.tanh(c)
                rows += [x, c]
            y = x * extra[1] + extra[2]
            score = jnp.sum(following * y) - jnp.log(jnp.sum(jnp.exp(y)) + 2.0) * jnp.sum(following)
            return jnp.stack(rows), score

        _, scores = jax.lax.scan(step, state, (sequence[:-1], sequence[1:]))
        return -jnp.sum(scores) / ((sequence.shape[0] - 1) * main.shape[2])

    return _jax(whole, args, wrt)


def jax_kmeans(f: Any, args: Any, wrt: Any) -> Pair:
    import jax
    import jax.numpy as jnp

    def cost(centres: Any, points: Any) -> Any:
        squared = jnp.sum(points**2, 1)[:, None] + jnp.sum(centres**2, 1)[None] - 2.0 * points @ centres.T
        return jnp.sum(jnp.min(squared, 1))

    centres, points = (jnp.asarray(a) for a in args)
    primal = jax.jit(cost)
    both = jax.jit(lambda c, q: jax.jvp(lambda v: jax.grad(cost)(v, q), (c,), (jnp.ones_like(c),)))
    return lambda: primal(centres, points).block_until_ready(), lambda: jax.block_until_ready(both(centres, points))


def _jax_jacobi(axes: int) -> Callable[..., Pair]:
    def make(f: Any, args: Any, wrt: Any) -> Pair:
        import jax.numpy as jnp

        inner = (slice(1, -1),) * axes
        weight = 0.33333 if axes == 1 else 0.2

        def smooth(a: Any, b: Any) -> Any:
            total = a[inner]
            for k in range(axes):
                for part in (slice(None, -2), slice(2, None)):
                    total = total + a[(*inner[:k], part, *inner[k + 1 :])]
            return b.at[inner].set(weight * total)

        def step(s: Any) -> Any:
            a, b = s
            b = smooth(a, b)
            return smooth(b, a), b

        run = _steps(step)
        return _jax(lambda a, b, steps: jnp.sum(run((a, b), steps)[0] ** 2), args, wrt, (2,))

    return make


def jax_heat_3d(f: Any, args: Any, wrt: Any) -> Pair:
    import jax.numpy as jnp

    inner = (slice(1, -1),) * 3

    def smooth(a: Any, b: Any) -> Any:
        total = a[inner]
        for k in range(3):
            parts = [a[(*inner[:k], s, *inner[k + 1 :])] for s in (slice(2, None), slice(None, -2))]
            total = total + 0.125 * (parts[0] - 2.0 * a[inner] + parts[1])
        return b.at[inner].set(total)

    def step(s: Any) -> Any:
        a, b = s
        b = smooth(a, b)
        return smooth(b, a), b

    run = _steps(step)
    return _jax(lambda a, b, steps: jnp.sum(run((a, b), steps)[0] ** 2), args, wrt, (2,))


jax_sweeps = {"jacobi_1d": _jax_jacobi(1), "jacobi_2d": _jax_jacobi(2), "heat_3d": jax_heat_3d}
"""The sweeps that JAX can reverse without a loop over elements."""
