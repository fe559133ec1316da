"""`root` and `fixed_point`: compiled solvers, differentiated through the solution, not through the iterations.

For f(x*, a) = 0 the implicit function theorem gives dx* = -(df/dx)^-1 (df/da) da; for x* = g(x*, a) the same with
f = x - g. The derivative is as exact as x*, does not depend on the start, and stores no iteration.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.compiler.transforms.custom import CustomDerivative
from wengert.compiler.transforms.derivatives import Jvp
from wengert.compiler.transforms.jacobians import Jacobian


def _jacobian(f: Callable[..., Any]) -> Jacobian:
    return Jacobian(f, 0, "forward")


def _jvp(f: Callable[..., Any]) -> Jvp:
    return Jvp(f)


_jacobian.__wengert_transform__ = _jvp.__wengert_transform__ = True  # type: ignore[attr-defined]


def _solved(matrix: Any, right: Any) -> Any:
    """matrix of shape x.shape + x.shape, right of x.shape; numbers where x is one."""
    if np.ndim(right) == 0:
        return right / matrix
    n = np.size(right)
    return np.linalg.solve(np.reshape(matrix, (n, n)), np.reshape(right, (n,))).reshape(right.shape)


def _newton(f: Any, x0: Any, args: Any, tol: Any, max_iterations: Any) -> Any:
    x = x0 * 1.0
    left = max_iterations
    step = np.inf
    while not step <= tol:
        if left == 0:
            raise ValueError("root: Newton's method did not converge within max_iterations")
        left -= 1
        change = _solved(_jacobian(f)(x, *args), f(x, *args))
        x = x - change
        step = np.max(np.abs(change), initial=0.0) / (1.0 + np.max(np.abs(x), initial=0.0))
    return x


def _newton_rule(primals: Any, tangents: Any) -> Any:
    f, x0, args, tol, max_iterations = primals
    x = _root(f, x0, args, tol, max_iterations)
    moved = _jvp(f)((x, *args), (None, *tangents[2]))[1]
    return x, -_solved(_jacobian(f)(x, *args), moved)


def _picard(g: Any, x0: Any, args: Any, tol: Any, max_iterations: Any) -> Any:
    x = x0 * 1.0
    left = max_iterations
    step = np.inf
    while not step <= tol:
        if left == 0:
            raise ValueError("fixed_point: the iteration did not converge within max_iterations")
        left -= 1
        new = g(x, *args)
        step = np.max(np.abs(new - x), initial=0.0) / (1.0 + np.max(np.abs(new), initial=0.0))
        x = new
    return x


def _picard_rule(primals: Any, tangents: Any) -> Any:
    g, x0, args, tol, max_iterations = primals
    x = _fixed_point(g, x0, args, tol, max_iterations)
    moved = _jvp(g)((x, *args), (None, *tangents[2]))[1]
    slope = _jacobian(g)(x, *args)
    if np.ndim(x) == 0:
        return x, moved / (1.0 - slope)
    n = np.size(x)
    return x, _solved(np.eye(n) - np.reshape(slope, (n, n)), moved)


class Solver(CustomDerivative):
    """(f, x0, args, tol, max_iterations) -> x. What an f defined inside a compiled function reads there goes into args."""

    __wengert_lifts__ = (0, 2)


_root = Solver(_newton)
_root.def_jvp(_newton_rule)
_fixed_point = Solver(_picard)
_fixed_point.def_jvp(_picard_rule)


def root(f: Callable[..., Any], x0: Any, *args: Any, tol: float = 1e-12, max_iterations: int = 50) -> Any:
    """The x near x0 with f(x, *args) = 0, by Newton's method; also inside compiled functions.

    x0: a float or an array; f returns the same shape. Converged when the last step is at most tol * (1 + max |x|); the
    linear systems are dense, of x.size unknowns. Derivatives with respect to args, forward and reverse and of any order,
    follow from the implicit function theorem; that with respect to x0 is zero. What an f defined inside a compiled function
    reads there is like args; what it reads of the module is a constant. Raises ValueError where max_iterations steps do not
    converge, numpy.linalg.LinAlgError where df/dx is singular on the way (a float x: the steps are then not finite, ValueError).
    """
    return _root(f, x0, args, tol, max_iterations)


def fixed_point(g: Callable[..., Any], x0: Any, *args: Any, tol: float = 1e-12, max_iterations: int = 10_000) -> Any:
    """The x with x = g(x, *args), by iterating from x0; also inside compiled functions.

    Converged when a step is at most tol * (1 + max |x|): then the error is about tol * q / (1 - q) for a contraction of
    factor q. Derivatives as for `root`, by one dense solve with 1 - dg/dx. Raises ValueError where max_iterations
    iterations do not converge.
    """
    return _fixed_point(g, x0, args, tol, max_iterations)
