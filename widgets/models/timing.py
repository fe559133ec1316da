"""Timings of one function on the devices at hand, and where its compile time went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from .units import format_ratio


@dataclass(frozen=True)
class TimingRow:
    """Steady-state time of one call, in seconds: median and quartiles.

    `compute_median` and `transfer_median` split it where both were measured; `size` is what the caller
    varied (elements, usually), None where nothing was.
    """

    device: str
    label: str
    size: int | None
    median: float
    q1: float
    q3: float
    compute_median: float | None = None
    transfer_median: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Unavailable:
    """A device that was asked for and could not be timed, with the reason."""

    device: str
    reason: str


@dataclass(frozen=True)
class CompileStage:
    """One stage of the compiler: its time in milliseconds and the number of operations after it."""

    name: str
    milliseconds: float
    ops: int = 0


@dataclass(frozen=True)
class TimingModel:
    """What the timing view shows. Speed-ups are relative to the first row of the same size."""

    kind: ClassVar[str] = "timing"

    title: str = ""
    rows: tuple[TimingRow, ...] = ()
    unavailable: tuple[Unavailable, ...] = ()
    stages: tuple[CompileStage, ...] = ()
    machine: str = ""
    date: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("rows", "unavailable", "stages"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "versions", dict(self.versions))

    @property
    def compile_milliseconds(self) -> float:
        return sum(stage.milliseconds for stage in self.stages)

    def baseline(self, row: TimingRow) -> TimingRow:
        """The first row that worked on the same size: comparing different sizes would say nothing."""
        return next(other for other in self.rows if other.size == row.size)

    def comparison(self, row: TimingRow) -> str:
        """How `row` compares with its baseline, in words: "baseline", "14.2× faster", "2.0× slower"."""
        baseline = self.baseline(row)
        if row is baseline:
            return "baseline"
        return format_ratio(baseline.median / row.median) if row.median > 0 else ""

    def to_dict(self) -> dict[str, Any]:
        """The model as JSON-able dictionaries and lists, each row with its comparison in words."""
        return {
            **asdict(self),
            "rows": [{**asdict(row), "comparison": self.comparison(row)} for row in self.rows],
            "compile_milliseconds": self.compile_milliseconds,
        }
