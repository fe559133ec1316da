"""Names with a meaning of their own inside compiled functions; outside they behave as plain Python.

The front end recognises these very objects (`wengert.prange`, `wengert.stop_gradient`).
"""

from __future__ import annotations

from typing import Any


def prange(*bounds: int) -> range:
    """As `range`: a loop whose iterations run in parallel where it is compiled, after a check that none disturbs another.

    Raises RaceError at compile time, naming the two lines, where two iterations may touch the same element.
    """
    return range(*bounds)


def stop_gradient(x: Any) -> Any:
    """x itself; every derivative takes it as a constant."""
    return x
