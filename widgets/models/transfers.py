"""A timeline of copies and kernels on host and device, with a sentence of diagnosis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from .units import format_bytes, format_seconds

Lane = Literal["host", "to device", "compute", "to host"]
LANES: tuple[Lane, ...] = ("host", "to device", "compute", "to host")


@dataclass(frozen=True)
class Event:
    """Something that took from `start` to `end` (seconds, from a common zero). `bytes` for copies, `why` their reason."""

    lane: Lane
    name: str
    start: float
    end: float
    bytes: int = 0
    why: str = ""
    device: str = ""
    order: int = -1

    @property
    def seconds(self) -> float:
        return self.end - self.start


def union(spans: Iterable[tuple[float, float]]) -> float:
    """The length that intervals cover together."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


@dataclass(frozen=True)
class TransfersModel:
    """What the transfers view shows. `recorded` says what the timeline is of; `recordable` whether one call can be recorded."""

    kind: ClassVar[str] = "transfers"

    title: str = ""
    events: tuple[Event, ...] = ()
    recorded: str = ""
    recordable: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "events", tuple(sorted(self.events, key=lambda event: event.start)))

    def of(self, *lanes: Lane) -> list[Event]:
        return [event for event in self.events if event.lane in lanes]

    @property
    def copies(self) -> list[Event]:
        return self.of("to device", "to host")

    @property
    def overlap(self) -> float:
        """Seconds in which a copy and a kernel were under way together."""
        copying = [(e.start, e.end) for e in self.copies]
        computing = [(e.start, e.end) for e in self.of("compute")]
        return union(copying) + union(computing) - union(copying + computing)

    @property
    def diagnosis(self) -> str:
        """One sentence: where the time goes, and what to do about it."""
        if not self.copies and not self.of("compute"):
            return "Nothing was copied and no kernel was timed yet."
        copying, computing = (union((e.start, e.end) for e in es) for es in (self.copies, self.of("compute")))
        busy = copying + computing - self.overlap
        if not self.copies:
            return f"No copy: all {format_seconds(busy)} went into kernels."
        share = copying / busy if busy > 0 else 0.0
        by_array: dict[str, list[Event]] = {}
        for event in self.copies:
            by_array.setdefault(event.name, []).append(event)
        name, worst = max(by_array.items(), key=lambda item: sum(e.seconds for e in item[1]))
        moved = format_bytes(sum(e.bytes for e in worst))
        if not self.of("compute"):
            return f"{format_seconds(copying)} of copying; most of it {name} ({moved}, {_times(len(worst))})."
        percent = f"{share:.0%}" if share >= 0.01 else "less than 1%"
        said = f"{percent} of the busy time is copying, most of it {name} ({moved}, {_times(len(worst))})"
        return f"{said[0].upper()}{said[1:]}{f': {_advice(worst)}' if share > 0.3 else '.'}"

    def to_dict(self) -> dict[str, Any]:
        """The model as JSON-able dictionaries and lists, with the derived values the browser shows."""
        start = min((event.start for event in self.events), default=0.0)
        events = [{**asdict(e), "start": e.start - start, "end": e.end - start} for e in self.events]
        lanes = [lane for lane in LANES if self.of(lane)]
        return {
            "title": self.title,
            "events": events,
            "lanes": lanes,
            "diagnosis": self.diagnosis,
            "overlap": self.overlap,
            "recorded": self.recorded,
            "recordable": self.recordable,
            "total_bytes": sum(event.bytes for event in self.copies),
            "total_seconds": sum(event.seconds for event in self.copies),
        }


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _advice(worst: list[Event]) -> str:
    name = worst[0].name
    if {event.lane for event in worst} == {"to device"}:
        if len(worst) > 1:
            return f"keep {name} on the device instead of changing it on the host between calls."
        return f"keep {name} on the device: it is sent once, and further calls with it find it there."
    return f"keep {name} on the device: read the result at the end only, not after each call."
