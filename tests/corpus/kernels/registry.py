"""Where the kernels are entered, and what their arguments are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

KERNELS: dict[str, tuple[Callable[..., Any], Callable[[], tuple[Any, ...]]]] = {}


def kernel(arguments):
    """Add the decorated function, with what makes its arguments."""

    def add(function):
        assert function.__name__ not in KERNELS
        KERNELS[function.__name__] = (function, arguments)
        return function

    return add


def R(*shape):  # noqa: N802
    return np.random.default_rng(0).random(shape)


def RI(*shape, lo=0, hi=10):  # noqa: N802
    return np.random.default_rng(1).integers(lo, hi, shape)
