"""Timings of one function on the devices at hand, and where its compile time went."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from .roofline import Roofline
from .units import format_ratio


@dataclass(frozen=True)
class TimingRow:
    """Steady-state time of one call, in seconds: median and quartiles.

    `compute_median` and `transfer_median` split it where both were measured; `size` is what the caller
    varied (elements, usually), None where nothing was. `run` names the recorded run it comes from, "" for this one.
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
    run: str = ""

    @property
    def series(self) -> str:
        """What it is drawn as: the function, its device, and the run."""
        return " · ".join(filter(None, [self.label, self.device, self.run]))


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
class Sweep:
    """What can be varied to measure over sizes, what is, and how many of its sizes are `done`; `failed` says what went
    wrong at which size. of_itself: each function is compared with itself at the first size (threads), not with the others."""

    options: tuple[str, ...]
    chosen: str = ""
    sizes: tuple[int, ...] = ()
    done: int = 0
    failed: tuple[str, ...] = ()
    of_itself: bool = False


@dataclass(frozen=True)
class TimingModel:
    """What the timing view shows. Speed-ups are relative to the first row of the same size and run.

    `curves` are the medians over sizes, drawn on log axes; `sweep` says what can be measured so. `roofline`: the functions
    beside what the machine was measured to do at best; None where that was not asked for.
    """

    kind: ClassVar[str] = "timing"

    title: str = ""
    rows: tuple[TimingRow, ...] = ()
    unavailable: tuple[Unavailable, ...] = ()
    stages: tuple[CompileStage, ...] = ()
    machine: str = ""
    date: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    curves: tuple[TimingRow, ...] = ()
    sweep: Sweep | None = None
    roofline: Roofline | None = None

    def __post_init__(self) -> None:
        for name in ("rows", "unavailable", "stages", "curves"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "versions", dict(self.versions))

    @property
    def compile_milliseconds(self) -> float:
        return sum(stage.milliseconds for stage in self.stages)

    def sentences(self) -> list[str]:
        """What the curves say."""
        if self.sweep is not None and self.sweep.of_itself:
            return gains(self.curves, self.sweep.chosen)
        return break_evens(self.curves)

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
            "curves": [{**asdict(row), "series": row.series} for row in self.curves],
            "sentences": self.sentences(),
            "roofline": None if self.roofline is None else _roofline(self.roofline),
        }


def gains(curves: Sequence[TimingRow], varied: str) -> list[str]:
    """In words, how much faster each series is at its last size than at its first."""
    said = []
    for name in dict.fromkeys(row.series for row in curves):
        points = sorted((row for row in curves if row.series == name and row.size), key=lambda row: row.size or 0)
        if len(points) > 1 and points[-1].median > 0:
            ratio = format_ratio(points[0].median / points[-1].median)
            quick, join = ("as fast", "as") if ratio == "same" else (ratio, "than")
            said.append(f"{name}: {quick} with {points[-1].size} {varied} {join} with {points[0].size}.")
    return said


def _roofline(found: Roofline) -> dict[str, Any]:
    points = [{**asdict(p), "intensity": p.intensity, "rate": p.rate} for p in found.points]
    return {**asdict(found), "points": points, "sentences": found.sentences()}


def break_evens(curves: Sequence[TimingRow]) -> list[str]:
    """In words, from which size on each series is faster than the first one of its run; of a recorded run beside this
    one, how it compares with it."""
    series: dict[str, dict[int, TimingRow]] = {}
    for row in curves:
        if row.size is not None and row.median > 0:
            series.setdefault(row.series, {})[row.size] = row
    said = []
    for name, points in series.items():
        run = next(iter(points.values())).run
        base_name, base = next((k, v) for k, v in series.items() if next(iter(v.values())).run == run)
        here = name.removesuffix(f" · {run}")
        if run and here in series:
            if common := sorted(points.keys() & series[here].keys()):
                ratio = format_ratio(series[here][common[-1]].median / points[common[-1]].median)
                said.append(f"{here}: {'as fast' if ratio == 'same' else ratio} on {run} at {common[-1]:,}.")
            continue
        sizes = sorted(points.keys() & base.keys())
        if base_name == name or len(sizes) < 2:
            continue
        gains = [math.log(base[n].median / points[n].median) for n in sizes]
        last = format_ratio(math.exp(gains[-1]))
        crossing = _crossing(sizes, gains)
        if crossing is not None:
            said.append(f"{name} overtakes {base_name} near {crossing:,.0f}; at {sizes[-1]:,} it is {last}.")
        else:
            first = format_ratio(math.exp(gains[0])).replace("same", "as fast")
            said.append(f"{name}: {_than(last)} {base_name} at {sizes[-1]:,}, {first} at {sizes[0]:,}.")
    return said


def _than(ratio: str) -> str:
    """"2.0× faster than", or "as fast as"."""
    return "as fast as" if ratio == "same" else f"{ratio} than"


def _crossing(sizes: Sequence[int], gains: Sequence[float]) -> float | None:
    """The last size at which a gain (a logarithm) turns positive, between two sizes by the logarithms of both."""
    for k in range(len(sizes) - 1, 0, -1):
        before, after = gains[k - 1], gains[k]
        if before < 0 <= after and sizes[k - 1] > 0:
            share = before / (before - after)
            return math.exp(math.log(sizes[k - 1]) * (1 - share) + math.log(sizes[k]) * share)
    return None
