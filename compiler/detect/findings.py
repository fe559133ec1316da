"""Findings and the report of `wg.check`: plain data, printed as text."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One pitfall at one place.

    kind: a stable name of the catalogue. severity: "warning" where it is confirmed at the given arguments, else "note".
    line, column: 1-based and 0-based, in the cell or file as the user sees it. message: what is wrong, with the numbers.
    evidence: the numbers that were measured, by name. remedy: what to write instead. docs: the page's anchor.
    """

    kind: str
    severity: str
    line: int
    column: int
    message: str
    evidence: dict[str, Any] = field(default_factory=dict)
    remedy: str = ""
    title: str = ""
    code: str = ""
    source: str = ""
    docs: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def text(self) -> str:
        lines = [f"{self.severity}: {self.title or self.kind} [{self.kind}]"]
        lines.append(f"  {self.source}, line {self.line}, column {self.column + 1}" if self.source else f"  line {self.line}")
        if self.code:
            stripped = self.code.lstrip()
            lines += [f"      {stripped}", "      " + " " * max(0, self.column - (len(self.code) - len(stripped))) + "^"]
        lines.append(f"  {self.message}")
        if self.remedy:
            lines.append(f"  help: {self.remedy}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Report:
    """What `wg.check` found: iterable over its findings, warnings first.

    checks: the derivative checks, each name with its numbers ("forward", "reverse", "differences", ...).
    suppressed: findings silenced on purpose by `wg.suppress`. seconds: how long it took. unseen: what was not looked at.
    """

    function: str
    findings: tuple[Finding, ...]
    checks: dict[str, Any] = field(default_factory=dict)
    suppressed: tuple[Finding, ...] = ()
    seconds: float = 0.0
    unseen: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.severity == "warning")

    @property
    def ok(self) -> bool:
        """No warning (notes may be there)."""
        return not self.warnings

    def to_dict(self) -> dict[str, Any]:
        return {
            "function": self.function,
            "findings": [f.to_dict() for f in self.findings],
            "suppressed": [f.to_dict() for f in self.suppressed],
            "checks": self.checks,
            "seconds": self.seconds,
            "unseen": list(self.unseen),
        }

    def text(self) -> str:
        count, notes = len(self.warnings), len(self.findings) - len(self.warnings)
        head = f"{self.function}: {_plural(count, 'warning')}, {_plural(notes, 'note')}"
        if self.suppressed:
            head += f", {len(self.suppressed)} suppressed"
        lines = [f"{head} ({self.seconds:.2f} s)"]
        lines += [f"  {name}: {value}" for name, value in self.checks.items()]
        lines += [f"  not looked at: {text}" for text in self.unseen]
        for finding in self.findings:
            lines += ["", finding.text()]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return f'<pre style="white-space: pre-wrap; word-break: normal">{html.escape(self.text())}</pre>'


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"
