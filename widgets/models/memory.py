"""What a reverse sweep keeps, over the course of the two sweeps, and what a budget would cost."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from .units import format_bytes


@dataclass(frozen=True)
class KeptValue:
    """A value that is kept for the reverse sweep, or the snapshots of a loop that is run again.

    `bytes` is None where it is known at run time only. `scheme` says how it is held ("array", "snapshots", ...).
    """

    name: str
    type: str
    line: int | None
    bytes: int | None
    scheme: str
    reason: str = ""


@dataclass(frozen=True)
class MemoryModel:
    """What the memory view shows.

    `kept` in the order in which the forward sweep begins to hold it; the reverse sweep lets go in the opposite order.
    `budget` is the limit that the plan was made for (None: no limit), `unlimited` what is kept without one, and
    `extra_time` what is run again as a fraction of the primal's time. `budgets` are the stops of the slider, the
    largest first; where there are none, `fixed` says why. `seconds`: the measured time of one call.
    """

    kind: ClassVar[str] = "memory"

    title: str = ""
    kept: tuple[KeptValue, ...] = ()
    recomputed: tuple[tuple[str, int | None], ...] = ()
    budget: int | None = None
    unlimited: int | None = None
    extra_time: float | None = 0.0
    budgets: tuple[int, ...] = ()
    fixed: str = ""
    seconds: float | None = None

    def __post_init__(self) -> None:
        for name in ("kept", "recomputed", "budgets"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def bytes(self) -> int | None:
        """All that is kept; None where a part is not known."""
        parts = [value.bytes for value in self.kept]
        return None if None in parts else sum(parts)  # type: ignore[arg-type]

    @property
    def profile(self) -> list[tuple[str, int]]:
        """Bytes held after each step: what is added going forward, then what is let go going back."""
        held, steps = 0, [("start", 0)]
        for value in self.kept:
            held += value.bytes or 0
            steps.append((f"keep {value.name}", held))
        for value in reversed(self.kept):
            held -= value.bytes or 0
            steps.append((f"done with {value.name}", held))
        return steps

    @property
    def summary(self) -> str:
        """One sentence: how much is kept, under which limit, for how much time."""
        if not self.kept:
            return "The reverse sweep keeps nothing: all it needs is still there, or is computed again."
        total = self.bytes
        said = "an amount that is known at run time" if total is None else format_bytes(total)
        limit = "" if self.budget is None else f" under a limit of {format_bytes(self.budget)}"
        extra = self.extra_time
        time = "" if not extra else f"; what is run again costs up to {extra:.3g} times the primal"
        return f"The reverse sweep keeps {said} in {len(self.kept)} value{'s' * (len(self.kept) != 1)}{limit}{time}."

    def to_dict(self) -> dict[str, Any]:
        """The model as JSON-able dictionaries and lists, with the derived values the browser shows."""
        return {**asdict(self), "bytes": self.bytes, "profile": self.profile, "summary": self.summary}
