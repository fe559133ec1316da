"""The stages of one compilation: how long each took, how many operations it left, and its text on demand."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True)
class Stage:
    """One stage. `ops` after it, None where that is not counted (LLVM, machine code); `milliseconds` None where not timed.

    `language` says how its text is coloured: "ir", "llvm", "assembly" or "ptx".
    """

    name: str
    milliseconds: float | None = None
    ops: int | None = None
    language: str = "ir"


@dataclass(frozen=True)
class StageText:
    """The text of a stage; `lines` has the source line of each of its lines, 0 where none is known."""

    text: str
    lines: tuple[int, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {"text": self.text, "lines": list(self.lines)}


@dataclass(frozen=True)
class StagesModel:
    """What the stages view shows; `texts` holds those that are there from the start, by the number of the stage."""

    kind: ClassVar[str] = "stages"

    title: str = ""
    source: tuple[str, ...] = ()
    first_line: int = 1
    stages: tuple[Stage, ...] = ()
    texts: dict[int, StageText] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("source", "stages"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        unknown = [number for number in self.texts if not 0 <= number < len(self.stages)]
        if unknown:
            raise ValueError(f"stages: a text for stage {unknown[0]}, and there are {len(self.stages)}")

    @property
    def milliseconds(self) -> float:
        return sum(stage.milliseconds or 0.0 for stage in self.stages)

    def to_dict(self) -> dict[str, Any]:
        """The model as JSON-able dictionaries and lists, without the texts: they are sent when they are looked at."""
        return {
            "title": self.title,
            "source": list(self.source),
            "first_line": self.first_line,
            "stages": [asdict(stage) for stage in self.stages],
            "milliseconds": self.milliseconds,
        }
