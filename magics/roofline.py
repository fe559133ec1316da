"""The ceilings of a device, measured by code of this compiler, and where functions stand under them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from wengert.compiler.api import Compiled, count_arithmetic, flatten, jit, prange
from wengert.magics.whatif import NotCounted, measured
from wengert.widgets.models import Ceiling, Roofline, RoofPoint

LANES, TRIPS = 4096, 256
CHAINS = 8
"""Independent products and sums of each trip: enough to keep a core's units busy."""
ELEMENTS = 4_000_000


def chains(x: np.ndarray, trips: int) -> np.ndarray:
    """2 * CHAINS operations a trip on numbers in registers."""
    out = np.empty_like(x)
    for i in prange(x.shape[0]):
        a, b, c, d = x[i], x[i] + 1.0, x[i] + 2.0, x[i] + 3.0
        e, f, g, h = x[i] + 4.0, x[i] + 5.0, x[i] + 6.0, x[i] + 7.0
        for _ in range(trips):
            a, b, c, d = a * 0.999 + 0.001, b * 0.999 + 0.001, c * 0.999 + 0.001, d * 0.999 + 0.001
            e, f, g, h = e * 0.999 + 0.001, f * 0.999 + 0.001, g * 0.999 + 0.001, h * 0.999 + 0.001
        out[i] = a + b + c + d + e + f + g + h
    return out


def products(x: np.ndarray, y: np.ndarray) -> float:
    """Two arrays read once, nothing written."""
    return np.sum(x * y)


@cache
def ceiling(device: str) -> Ceiling:
    """What a device does at best, in code of this compiler on all of its threads; measured once. Raises NotCounted."""
    lanes = LANES * (1 if device == "cpu" else 64)
    arithmetic = measured(jit(chains), (np.linspace(0.0, 1.0, lanes), TRIPS), device)
    x = np.linspace(0.0, 1.0, ELEMENTS)
    memory = measured(jit(products), (x, x + 1.0), device)
    return Ceiling(device, 2 * CHAINS * TRIPS * lanes / arithmetic.median, 2 * x.nbytes / memory.median)


def roofline(functions: Sequence[Compiled], arguments: Sequence[Any]) -> Roofline:
    """Each function at `arguments` under the ceilings of its device."""
    ceilings, points, failed = {}, [], []
    for function in functions:
        device = getattr(function, "device", "cpu")
        try:
            ceilings[device] = ceiling(device)
            points.append(_point(function, arguments, device))
        except NotCounted as reason:
            failed.append(f"{function.__name__}: {reason}")
    return Roofline(tuple(ceilings.values()), tuple(points), tuple(failed))


def _point(function: Compiled, arguments: Sequence[Any], device: str) -> RoofPoint:
    lowered = function.lower(*arguments)
    leaves = flatten(function.convert(tuple(arguments)))[0]
    found = count_arithmetic(lowered, [*leaves, *lowered.program.captures])
    if found.ended:
        raise NotCounted(found.ended)
    if not found.operations:
        raise NotCounted("it has no arithmetic on floating-point numbers that is counted")
    row = measured(function, arguments, device)
    return RoofPoint(function.__name__, device, found.operations, found.bytes, row.median)
