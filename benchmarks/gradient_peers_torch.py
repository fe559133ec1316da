"""PyTorch's versions of the problems in gradient_problems.py, eager, on one thread.

Each takes (function, args, wrt) and returns two calls: primal, and gradient.
"""

# ruff: noqa: N803, N806
from __future__ import annotations

from collections.abc import Callable
from typing import Any

Pair = tuple[Callable[[], Any], Callable[[], Any]]


def _torch() -> Any:
    try:
        import torch
    except OSError as error:  # a build for GPUs whose libraries are not there
        raise ImportError(str(error)) from None

    torch.set_num_threads(1)
    return torch


def _tensors(args: tuple[Any, ...]) -> list[Any]:
    import numpy as np

    torch = _torch()
    return [torch.from_numpy(a.copy()) if isinstance(a, np.ndarray) else a for a in args]


def _pair(f: Callable[..., Any], args: tuple[Any, ...], wrt: tuple[int, ...]) -> Pair:
    torch = _torch()
    plain, traced = _tensors(args), _tensors(args)
    leaves = [traced[k].requires_grad_() for k in wrt]

    def primal() -> Any:
        with torch.no_grad():
            return f(*plain)

    return primal, lambda: torch.autograd.grad(f(*traced), leaves)


def _stepped(step: Callable[[Any], Any], loss: Callable[[Any], Any]) -> Callable[..., Pair]:
    def make(f: Any, args: Any, wrt: Any) -> Pair:
        def whole(*arguments: Any) -> Any:
            *state, steps = arguments
            for _ in range(steps):
                state = step(*state)
            return loss(state[0])

        return _pair(whole, args, wrt)

    return make


def _padded(change: Any) -> Any:
    return _torch().nn.functional.pad(change, (1, 1) * change.dim())


def _heat_step(u: Any) -> list[Any]:
    inner = u[1:-1, 1:-1]
    return [u + _padded(0.1 * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4.0 * inner))]


def _reaction_step(u: Any) -> list[Any]:
    c = u[1:-1, 1:-1]
    change = 0.1 * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4.0 * c) + 0.05 * c * (1.0 - c)
    return [u + _padded(change)]


heat = _stepped(_heat_step, lambda u: (u * u).mean())
reaction_diffusion = _stepped(_reaction_step, lambda u: (u * u).mean())


def chained_sum(f: Any, args: Any, wrt: Any) -> Pair:
    return _pair(lambda x: (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum(), args, wrt)


def logsumexp(f: Any, args: Any, wrt: Any) -> Pair:
    return _pair(lambda x: x.logsumexp(0), args, wrt)


def least_squares(f: Any, args: Any, wrt: Any) -> Pair:
    return _pair(lambda x, A, b: 0.5 * ((A @ x - b) ** 2).sum(), args, wrt)


def gmm(f: Any, args: Any, wrt: Any) -> Pair:
    torch = _torch()
    d = args[3].shape[1]
    rows, columns = torch.tril_indices(d, d, -1)

    def whole(alphas: Any, means: Any, icf: Any, X: Any, gamma: float, m: float) -> Any:
        logs, below = icf[:, :d], icf[:, d:]
        diagonal = logs.exp()
        Q = torch.diag_embed(diagonal)
        strict = torch.zeros_like(Q)
        strict[:, rows, columns] = below
        y = torch.einsum("kij,nkj->nki", Q + strict, X[:, None, :] - means[None])
        terms = alphas + logs.sum(1) - 0.5 * (y * y).sum(2)
        prior = 0.5 * gamma**2 * ((diagonal**2).sum() + (below**2).sum()) - m * logs.sum()
        return terms.logsumexp(1).sum() - X.shape[0] * alphas.logsumexp(0) - prior

    return _pair(whole, args, wrt)


def lstm(f: Any, args: Any, wrt: Any) -> Pair:
    def whole(main: Any, extra: Any, state0: Any, sequence: Any) -> Any:
        layers, d = main.shape[0], main.shape[2]
        state, total = list(state0), 0.0
        for t in range(sequence.shape[0] - 1):
            x = sequence[t] * extra[0]
            for k in range(layers):
                w, b = main[k, :4], main[k, 4:]
                h, c = state[2 * k], state[2 * k + 1]
                c = c * (x * w[0] + b[0]).sigmoid() + (h * w[1] + b[1]).sigmoid() * (h * w[3] + b[3]).tanh()
                x = (x * w[2] + b[2]).sigmoid() * c.tanh()
                state[2 * k], state[2 * k + 1] = x, c
            y = x * extra[1] + extra[2]
            following = sequence[t + 1]
            total = total + (following * y).sum() - (y.exp().sum() + 2.0).log() * following.sum()
        return -total / ((sequence.shape[0] - 1) * d)

    return _pair(whole, args, wrt)


def kmeans(f: Any, args: Any, wrt: Any) -> Pair:
    """The gradient, and its derivative in the direction of ones."""
    torch = _torch()

    def cost(centres: Any, points: Any) -> Any:
        squared = (points**2).sum(1)[:, None] + (centres**2).sum(1)[None] - 2.0 * points @ centres.T
        return squared.min(1).values.sum()

    primal, _ = _pair(cost, args, wrt)
    centres, points = _tensors(args)
    centres.requires_grad_()

    def both() -> Any:
        (gradient,) = torch.autograd.grad(cost(centres, points), centres, create_graph=True)
        return gradient.detach(), torch.autograd.grad(gradient.sum(), centres)[0]

    return primal, both


def ba(f: Any, args: Any, wrt: Any) -> Pair:
    torch = _torch()

    def residual(cam: Any, X: Any, w: Any, feat: Any) -> Any:
        theta = (cam[:3] ** 2).sum().sqrt()
        axis, a = cam[:3] / theta, X - cam[3:6]
        dot = (axis * a).sum() * (1.0 - theta.cos())
        p = a * theta.cos() + torch.linalg.cross(axis, a) * theta.sin() + axis * dot
        u = p[:2] / p[2]
        r2 = (u * u).sum()
        e = w * (u * (1.0 + cam[9] * r2 + cam[10] * r2 * r2) * cam[6] + cam[7:9] - feat)
        return torch.cat([e, (1.0 - w * w)[None]])

    tensors = _tensors(args)
    primal, derivative = torch.func.vmap(residual), torch.func.vmap(torch.func.jacrev(residual, wrt))
    return lambda: primal(*tensors), lambda: [part.detach() for part in derivative(*tensors)]


def _jacobi(axes: int, weight: float) -> Callable[..., Pair]:
    inner = (slice(1, -1),) * axes

    def smooth(a: Any, b: Any) -> Any:
        total = a[inner]
        for k in range(axes):
            for part in (slice(None, -2), slice(2, None)):
                total = total + a[(*inner[:k], part, *inner[k + 1 :])]
        out = b.clone()
        out[inner] = weight * total
        return out

    def step(a: Any, b: Any) -> list[Any]:
        b = smooth(a, b)
        return [smooth(b, a), b]

    return _stepped(step, lambda a: (a * a).sum())


def _heat_3d_step(a: Any, b: Any) -> list[Any]:
    inner = (slice(1, -1),) * 3

    def smooth(a: Any, b: Any) -> Any:
        total = a[inner]
        for k in range(3):
            parts = [a[(*inner[:k], s, *inner[k + 1 :])] for s in (slice(2, None), slice(None, -2))]
            total = total + 0.125 * (parts[0] - 2.0 * a[inner] + parts[1])
        out = b.clone()
        out[inner] = total
        return out

    b = smooth(a, b)
    return [smooth(b, a), b]


sweeps = {
    "jacobi_1d": _jacobi(1, 0.33333),
    "jacobi_2d": _jacobi(2, 0.2),
    "heat_3d": _stepped(_heat_3d_step, lambda a: (a * a).sum()),
}
"""The sweeps that can be written without a loop over elements."""
