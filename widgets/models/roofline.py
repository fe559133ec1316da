"""The roofline: what a device can compute and move, and how near to that functions come.

Williams, Waterman, Patterson: Roofline: an insightful visual performance model for multicore architectures. CACM 2009.
"""

from __future__ import annotations

from dataclasses import dataclass

from .units import format_rate, format_seconds


@dataclass(frozen=True)
class Ceiling:
    """What a device was measured to do at best: operations on float64 numbers, and bytes of its memory, in a second."""

    device: str
    operations: float
    bytes: float

    def allowed(self, intensity: float) -> float:
        """Operations a second of a function with so many operations for a byte."""
        return min(self.operations, intensity * self.bytes)


@dataclass(frozen=True)
class RoofPoint:
    """One function: the operations and the bytes of a call, and its median time in seconds."""

    label: str
    device: str
    operations: int
    bytes: int
    seconds: float

    @property
    def intensity(self) -> float:
        """Operations for each byte that has to be read or written."""
        return self.operations / max(self.bytes, 8)

    @property
    def rate(self) -> float:
        return self.operations / self.seconds


@dataclass(frozen=True)
class Roofline:
    """The ceilings of each device, the functions under them, and what could not be placed."""

    ceilings: tuple[Ceiling, ...] = ()
    points: tuple[RoofPoint, ...] = ()
    failed: tuple[str, ...] = ()

    def sentences(self) -> list[str]:
        """How near each function comes to what its device allows, and by what it is held."""
        return [self._said(point) for point in self.points]

    def _said(self, point: RoofPoint) -> str:
        ceiling = next(c for c in self.ceilings if c.device == point.device)
        share = point.rate / ceiling.allowed(point.intensity)
        memory = point.intensity * ceiling.bytes < ceiling.operations
        held = f"arithmetic ({format_rate(ceiling.operations)}op/s)"
        if memory:
            held = f"moving its arguments and results ({format_rate(ceiling.bytes)}B/s)"
        said = (
            f"{point.label} · {point.device}: {point.intensity:.3g} operations a byte, {format_rate(point.rate)}op/s in "
            f"{format_seconds(point.seconds)}: {share:.0%} of what {held} allows."
        )
        return said + (" What it reads was in the caches." if share > 1.1 and memory else "")
