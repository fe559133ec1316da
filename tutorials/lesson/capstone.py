"""The reference of the capstone: the wall's model without traps, in NumPy, and its derivatives by extrapolated differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

SIGMA = 5.670374419e-8
"""Stefan and Boltzmann's constant in W m⁻² K⁻⁴."""


def surface(air: float, exchange: float) -> float:
    """Temperature in K of a surface that radiates to a sky of 250 K and takes heat from the air, by Newton's method."""
    t = air
    for _ in range(50):
        t -= (exchange * (t - air) + 0.9 * SIGMA * (t**4 - 250.0**4)) / (exchange + 3.6 * SIGMA * t**3)
    return t


def diffusivity(mean: float) -> float:
    """Diffusivity in m²/h at a mean temperature in K."""
    return 1.8e-3 * (1.0 + 0.004 * (mean - 273.15))


def diffuse(u: np.ndarray, k: float, hours: float) -> np.ndarray:
    """Temperatures after `hours`, 400 explicit steps on cells of 2.5 cm, the ends held."""
    u = u.copy()
    for _ in range(400):
        u[1:-1] += k * (hours / 400) / 0.025**2 * (u[2:] - 2.0 * u[1:-1] + u[:-2])
    return u


def frozen(u: np.ndarray) -> float:
    """Metres of wall below 273.15 K, the temperature being linear between the cells."""
    low, high = np.minimum(u[1:], u[:-1]), np.maximum(u[1:], u[:-1])
    return 0.025 * float(np.sum(np.clip((273.15 - low) / (high - low), 0.0, 1.0)))


def misfit(weights: np.ndarray, off: np.ndarray) -> float:
    """Weighted sum of squares."""
    return float(np.sum(weights * off * off))


def slope(f: Callable[..., Any], *args: float, wrt: int = 0) -> Any:
    """The derivative of f by args[wrt], by central differences over h and h / 2, extrapolated: error O(h⁴)."""
    x = args[wrt]
    h = 1e-4 * max(abs(x), 1e-3)

    def at(moved: float) -> Any:
        return f(*args[:wrt], moved, *args[wrt + 1 :])

    wide, narrow = ((at(x + s) - at(x - s)) / (2.0 * s) for s in (h, 0.5 * h))
    return (4.0 * narrow - wide) / 3.0
