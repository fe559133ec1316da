"""What the pitfall detector found in a function, at its lines."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One pitfall. `line` is 1-based in the cell or file (0: of the whole function), `column` 0-based.

    `remedy` says what to write instead, `page` where it is explained, `kind` is its stable name.
    """

    kind: str
    severity: Severity
    title: str
    message: str
    line: int = 0
    column: int = 0
    remedy: str = ""
    page: str = ""


@dataclass(frozen=True)
class FindingsModel:
    """What the findings view shows: warnings first. `checks` are the derivative checks as (name, result).

    `pending` says what is missing where nothing could be checked yet ("" where the check was made).
    """

    kind: ClassVar[str] = "findings"

    title: str = ""
    source: tuple[str, ...] = ()
    first_line: int = 1
    findings: tuple[Finding, ...] = ()
    checks: tuple[tuple[str, str], ...] = ()
    unseen: tuple[str, ...] = ()
    suppressed: int = 0
    seconds: float = 0.0
    pending: str = ""

    def __post_init__(self) -> None:
        for name in ("source", "findings", "checks", "unseen"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def summary(self) -> str:
        """One sentence: how many of each severity."""
        if self.pending:
            return self.pending
        counts = {s: sum(f.severity == s for f in self.findings) for s in ("error", "warning", "note")}
        parts = [f"{n} {s}{'s' * (n != 1)}" for s, n in counts.items() if n]
        parts += [f"{self.suppressed} silenced by wg.suppress"] if self.suppressed else []
        where = "in the part that was looked at" if self.unseen else "at these arguments"
        said = ", ".join(parts) or f"No pitfall was found {where}"
        return f"{said}; checked in {self.seconds:.2g} s."

    def to_dict(self) -> dict[str, Any]:
        """The model as JSON-able dictionaries and lists, with its summary."""
        return {**asdict(self), "summary": self.summary}
