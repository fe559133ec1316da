"""Warp's versions, compiled for the CPU, gradients by its tape. Warp keeps an array for each launch: what a time step
writes is an array of its own. Each takes (function, args, wrt) and returns two calls: primal, and gradient.
"""

# ruff: noqa: N803, N806
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Pair = tuple[Callable[[], Any], Callable[[], Any]]


def _warp() -> Any:
    import warp as wp

    wp.config.log_level = getattr(wp, "LOG_WARNING", 30)
    wp.init()
    return wp


def _pair(record: Callable[[], None], loss: Any, leaves: list[Any]) -> Pair:
    wp = _warp()

    def primal() -> Any:
        loss.zero_()
        record()
        return float(loss.numpy()[0])

    def gradient() -> Any:
        loss.zero_()
        with wp.Tape() as tape:
            record()
        tape.backward(loss)
        found = [leaf.grad.numpy().copy() for leaf in leaves]
        tape.zero()
        return found

    return primal, gradient


def _stencil(reacts: bool) -> Callable[..., Pair]:
    def make(f: Any, args: Any, wrt: Any) -> Pair:
        wp = _warp()
        u0, steps = args
        rate = wp.constant(wp.float64(0.05 if reacts else 0.0))

        @wp.kernel(module="unique")
        def step(u: wp.array2d(dtype=wp.float64), v: wp.array2d(dtype=wp.float64)):  # type: ignore[valid-type]
            i, j = wp.tid()
            c = u[i, j]
            if i > 0 and j > 0 and i < u.shape[0] - 1 and j < u.shape[1] - 1:
                around = u[i + 1, j] + u[i - 1, j] + u[i, j + 1] + u[i, j - 1] - wp.float64(4.0) * c
                v[i, j] = c + wp.float64(0.1) * around + rate * c * (wp.float64(1.0) - c)
            else:
                v[i, j] = c

        @wp.kernel(module="unique")
        def mean_square(u: wp.array2d(dtype=wp.float64), out: wp.array(dtype=wp.float64)):  # type: ignore[valid-type]
            i, j = wp.tid()
            wp.atomic_add(out, 0, u[i, j] * u[i, j] / wp.float64(u.shape[0] * u.shape[1]))

        states = [wp.array(u0, dtype=wp.float64, device="cpu", requires_grad=True)]
        states += [wp.zeros_like(states[0], requires_grad=True) for _ in range(steps)]
        loss = wp.zeros(1, dtype=wp.float64, device="cpu", requires_grad=True)

        def record() -> None:
            for u, v in zip(states, states[1:], strict=False):
                wp.launch(step, dim=u0.shape, inputs=[u, v], device="cpu")
            wp.launch(mean_square, dim=u0.shape, inputs=[states[-1], loss], device="cpu")

        return _pair(record, loss, states[:1])

    return make


heat, reaction_diffusion = _stencil(reacts=False), _stencil(reacts=True)


def chained_sum(f: Any, args: Any, wrt: Any) -> Pair:
    wp = _warp()

    @wp.kernel(module="unique")
    def add(x: wp.array(dtype=wp.float64), out: wp.array(dtype=wp.float64)):  # type: ignore[valid-type]
        i = wp.tid()
        a = x[i + 1] - x[i] * x[i]
        b = wp.float64(1.0) - x[i]
        wp.atomic_add(out, 0, wp.float64(100.0) * a * a + b * b)

    x = wp.array(args[0], dtype=wp.float64, device="cpu", requires_grad=True)
    loss = wp.zeros(1, dtype=wp.float64, device="cpu", requires_grad=True)
    return _pair(lambda: wp.launch(add, dim=len(args[0]) - 1, inputs=[x, loss], device="cpu"), loss, [x])


def ba(f: Any, args: Any, wrt: Any) -> Pair:
    """Three backward sweeps over all observations at once, one for each residual."""
    wp = _warp()
    n = len(args[2])

    @wp.kernel(module="unique")
    def residual(
        cam: wp.array2d(dtype=wp.float64),  # type: ignore[valid-type]
        X: wp.array2d(dtype=wp.float64),  # type: ignore[valid-type]
        w: wp.array(dtype=wp.float64),  # type: ignore[valid-type]
        feat: wp.array2d(dtype=wp.float64),  # type: ignore[valid-type]
        out: wp.array2d(dtype=wp.float64),  # type: ignore[valid-type]
    ):
        i = wp.tid()
        one = wp.float64(1.0)
        theta = wp.sqrt(cam[i, 0] * cam[i, 0] + cam[i, 1] * cam[i, 1] + cam[i, 2] * cam[i, 2])
        c = wp.cos(theta)
        si = wp.sin(theta)
        x = cam[i, 0] / theta
        y = cam[i, 1] / theta
        z = cam[i, 2] / theta
        a = X[i, 0] - cam[i, 3]
        b = X[i, 1] - cam[i, 4]
        e = X[i, 2] - cam[i, 5]
        dot = (x * a + y * b + z * e) * (one - c)
        p0 = a * c + (y * e - z * b) * si + x * dot
        p1 = b * c + (z * a - x * e) * si + y * dot
        p2 = e * c + (x * b - y * a) * si + z * dot
        u = p0 / p2
        v = p1 / p2
        r2 = u * u + v * v
        L = one + cam[i, 9] * r2 + cam[i, 10] * r2 * r2
        out[i, 0] = w[i] * (u * L * cam[i, 6] + cam[i, 7] - feat[i, 0])
        out[i, 1] = w[i] * (v * L * cam[i, 6] + cam[i, 8] - feat[i, 1])
        out[i, 2] = one - w[i] * w[i]

    arrays = [wp.array(a, dtype=wp.float64, device="cpu", requires_grad=k in wrt) for k, a in enumerate(args)]
    out = wp.zeros((n, 3), dtype=wp.float64, device="cpu", requires_grad=True)
    seeds = []
    for r in range(3):
        seed = np.zeros((n, 3))
        seed[:, r] = 1.0
        seeds.append(wp.array(seed, dtype=wp.float64, device="cpu"))

    def primal() -> Any:
        wp.launch(residual, dim=n, inputs=[*arrays, out], device="cpu")
        return out.numpy()

    def jacobian() -> Any:
        with wp.Tape() as tape:
            wp.launch(residual, dim=n, inputs=[*arrays, out], device="cpu")
        blocks: list[list[np.ndarray]] = [[] for _ in wrt]
        for seed in seeds:
            tape.backward(grads={out: seed})
            for block, k in zip(blocks, wrt, strict=True):
                block.append(arrays[k].grad.numpy().copy())
            tape.zero()
        return [np.stack(block, axis=1) for block in blocks]

    return primal, jacobian
