"""The 30-line function whose compile time is measured: four Runge-Kutta steps between observations, and the misfit."""

from __future__ import annotations

import numpy as np


def loss(p, a, b):
    dt = 0.1
    x, y = p[0], p[1]
    total = 0.0
    for k in range(len(a)):
        for _ in range(4):
            k1x = p[2] * x - p[3] * x * y
            k1y = -p[4] * y + p[5] * x * y
            hx = x + dt / 2 * k1x
            hy = y + dt / 2 * k1y
            k2x = p[2] * hx - p[3] * hx * hy
            k2y = -p[4] * hy + p[5] * hx * hy
            hx = x + dt / 2 * k2x
            hy = y + dt / 2 * k2y
            k3x = p[2] * hx - p[3] * hx * hy
            k3y = -p[4] * hy + p[5] * hx * hy
            hx = x + dt * k3x
            hy = y + dt * k3y
            k4x = p[2] * hx - p[3] * hx * hy
            k4y = -p[4] * hy + p[5] * hx * hy
            x = x + dt / 6 * (k1x + 2 * k2x + 2 * k3x + k4x)
            y = y + dt / 6 * (k1y + 2 * k2y + 2 * k3y + k4y)
        total += (np.log(x) - np.log(a[k])) ** 2 + (np.log(y) - np.log(b[k])) ** 2
    return total


def sample() -> tuple[np.ndarray, ...]:
    return np.array([3.0, 2.0, 0.5, 0.02, 0.8, 0.02]), np.linspace(1.0, 2.0, 20), np.linspace(2.0, 3.0, 20)
