"""A scalar function of its scalar arguments: the value, the gradient, a curve with its tangent, or a map of two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from .plot import Control, finite


@dataclass(frozen=True)
class ExploreModel:
    """What the explore view shows.

    `controls` are the sliders, with their values; `across` names one or two of them: the axes of the picture.
    One: `x`, `y` and `slope` are samples along it. Two: `x`, `y` are the axes of the grid `heights` (row by row, y
    slowest), and `arrows` holds (x, y, df/dx, df/dy) at some points. `value` and `gradient` are those at the sliders.
    """

    kind: ClassVar[str] = "explore"

    title: str = ""
    controls: tuple[Control, ...] = ()
    across: tuple[str, ...] = ()
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()
    slope: tuple[float, ...] = ()
    heights: tuple[float, ...] = ()
    arrows: tuple[tuple[float, float, float, float], ...] = ()
    value: float | None = None
    gradient: Mapping[str, float] = field(default_factory=dict)
    fixed: tuple[str, ...] = ()
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The model as JSON-able dictionaries and lists; values that are not finite become None."""
        return {
            "title": self.title,
            "controls": [
                {"name": c.name, "label": c.label or c.name, "low": c.low, "high": c.high, "value": c.value,
                 "step": c.step, "log": c.log}
                for c in self.controls
            ],
            "across": list(self.across),
            "x": finite(self.x),
            "y": finite(self.y),
            "slope": finite(self.slope),
            "heights": finite(self.heights),
            "arrows": [finite(a) for a in self.arrows],
            "value": None if self.value is None else finite([self.value])[0],
            "gradient": dict(zip(self.gradient, finite(self.gradient.values()), strict=True)),
            "fixed": list(self.fixed),
            "note": self.note,
        }  # fmt: skip
