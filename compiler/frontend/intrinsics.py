"""Functions that mean something to the compiler and still run as plain Python."""

from __future__ import annotations

from typing import Any

import numpy as np

prange = type("prange", (), {"__new__": lambda cls, *args: range(*args), "__doc__": "An explicitly parallel `range`."})
"""`for i in prange(n)`: iterations may run in any order or at once; checked for races at compile time. Plain Python
runs it as `range`."""


def stop_gradient(x: Any) -> Any:
    """`x` itself, taken as a constant by every derivative."""
    return x


def is_sequence(x: Any) -> bool:
    """Whether `x` is a tuple or a list, which is known when the program is compiled."""
    return isinstance(x, tuple | list)


def in_order(x: Any) -> Any:
    """The elements in ascending order along the last axis, NaN last."""
    return np.sort(x, axis=-1)


def order_of(x: Any, stable: bool) -> Any:
    """The positions of the elements in ascending order along the last axis."""
    return np.argsort(x, axis=-1, kind="stable" if stable else None)


def unset(shape: Any, dtype: Any) -> Any:
    """An array of which every element is written before it is read."""
    return np.empty(shape, dtype)
