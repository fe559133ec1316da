"""Where a piece of code stands in the user's source."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Source:
    """A text the user wrote: a notebook cell (`name` is "In[3]") or a file.

    `text` holds every line of it; line numbers are 1-based and are those the user sees
    (in a cell the `%%magic` line is line 1).
    """

    name: str
    text: str = field(repr=False)

    def line(self, number: int) -> str:
        """The text of line `number` (1-based), or "" where there is none."""
        lines = self.text.splitlines()
        return lines[number - 1] if 1 <= number <= len(lines) else ""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a source: 1-based lines, 0-based columns, the end exclusive."""

    source: Source | None
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        name = self.source.name if self.source else "?"
        return f"{name}, line {self.line}, column {self.column + 1}"
