"""A plot of curves with sliders: what the Explore tab and the tutorials draw."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

Style = Literal["line", "dashed", "dots", "steps", "bars"]


@dataclass(frozen=True)
class Series:
    """One curve. `x` and `y` have the same length; a value that is not finite leaves a gap in the curve."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    style: Style = "line"

    def __post_init__(self) -> None:
        for name in ("x", "y"):
            object.__setattr__(self, name, tuple(float(value) for value in getattr(self, name)))
        if len(self.x) != len(self.y):
            raise ValueError(f"series {self.name!r}: {len(self.x)} values of x and {len(self.y)} of y")


@dataclass(frozen=True)
class Control:
    """A slider from `low` to `high`; `log` spaces it by factors, `step` rounds it (1 for whole numbers)."""

    name: str
    low: float
    high: float
    value: float
    label: str = ""
    step: float | None = None
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError(f"control {self.name!r}: no slider goes from {self.low} to {self.high}")


@dataclass(frozen=True)
class PlotModel:
    """Curves over one pair of axes.

    `mark` is a highlighted point (x, y); where `drag` names a control, dragging in the plot sets that control to
    the x under the pointer. `x_range` and `y_range` fix the axes, which else follow the data. `note` is one
    sentence below the plot: the numbers a reader should look at.
    """

    kind: ClassVar[str] = "plot"

    title: str = ""
    series: tuple[Series, ...] = ()
    x_label: str = ""
    y_label: str = ""
    x_log: bool = False
    y_log: bool = False
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    mark: tuple[float, float] | None = None
    drag: str = ""
    note: str = ""
    controls: tuple[Control, ...] = field(default=())

    def __post_init__(self) -> None:
        for name in ("series", "controls"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    def extent(self, axis: Literal["x", "y"]) -> tuple[float, float]:
        """The least and the greatest value drawn on `axis`: its fixed range, or that of the finite data."""
        fixed = self.x_range if axis == "x" else self.y_range
        if fixed is not None:
            return fixed
        log = self.x_log if axis == "x" else self.y_log
        values = [v for s in self.series for v in getattr(s, axis) if math.isfinite(v) and (v > 0 or not log)]
        values += [0.0] if axis == "y" and not log and any(s.style == "bars" for s in self.series) else []
        if not values:
            return (1.0, 10.0) if log else (0.0, 1.0)
        low, high = min(values), max(values)
        if low < high:
            return low, high
        return (low / 2, low * 2) if log else (low - 1.0, low + 1.0)

    def to_dict(self) -> dict[str, Any]:
        """The model as JSON-able dictionaries and lists; values that are not finite become None."""
        return {
            "title": self.title,
            "series": [
                {"name": s.name, "style": s.style, "x": finite(s.x), "y": finite(s.y)} for s in self.series
            ],
            "x": {"label": self.x_label, "log": self.x_log, "range": list(self.extent("x"))},
            "y": {"label": self.y_label, "log": self.y_log, "range": list(self.extent("y"))},
            "mark": finite(self.mark) if self.mark else None,
            "drag": self.drag,
            "note": self.note,
            "controls": [
                {"name": c.name, "label": c.label or c.name, "low": c.low, "high": c.high, "value": c.value,
                 "step": c.step, "log": c.log}
                for c in self.controls
            ],
        }  # fmt: skip


def finite(values: Iterable[float]) -> list[float | None]:
    return [float(value) if math.isfinite(value) else None for value in values]
