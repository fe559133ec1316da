"""Functions that mean something to the compiler and still run as plain Python."""

from __future__ import annotations

from typing import Any

import numpy as np

_PRANGE = """prange(n), prange(start, stop[, step]): a `range` whose iterations may run in any order, or at once.

Compiled, they run on the threads of the CPU or of a device; plain Python runs them as `range`. An iteration may write elements
of arrays that no other reads or writes, and add to any; a number that is carried is a sum, a product or an extremum
(`np.maximum(m, x)`), and known after the loop. Raises RaceError, when it is compiled, where two iterations may touch the same
element, UnsupportedError for `break`, `return` and `print` in them.
"""
prange = type("prange", (), {"__new__": lambda cls, *args: range(*args), "__doc__": _PRANGE})


def stop_gradient(x: Any) -> Any:
    """`x` itself, taken as a constant by every derivative: forward, reverse, of any order.

    x: a number, an array, or a tuple, list, NamedTuple or dataclass of them; values, shapes and dtypes stay as they are.
    """
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
