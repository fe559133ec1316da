"""One check cell: expectations that are met, or the first that is not, in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import wengert as wg

MIME = "application/vnd.wengert.check+json"


@dataclass(frozen=True)
class Outcome:
    """What a check found: `passed`, and one sentence for each expectation that was not met."""

    name: str
    passed: bool
    messages: tuple[str, ...]

    def __str__(self) -> str:
        return f"right: {self.name}" if self.passed else f"not yet: {self.name}: {' '.join(self.messages)}"


@dataclass
class Check:
    """Collects expectations; used as `with lesson.check(name) as expect:`, which reports on leaving the block.

    An exception inside the block is a message, too: a check never ends a notebook's run.
    """

    name: str
    report: Callable[[Outcome], None]
    messages: list[str] = field(default_factory=list)
    expectations: int = 0

    def close(self, what: str, got: Any, wanted: Any, rtol: float = 1e-6, atol: float = 1e-9) -> None:
        """Expect numbers `got` within `rtol` and `atol` of `wanted`; shapes must agree, NaN is never right."""
        self.expectations += 1
        got, wanted = np.asarray(got, dtype=float), np.asarray(wanted, dtype=float)
        if got.shape != wanted.shape:
            self.messages.append(f"{what} has shape {got.shape}, not {wanted.shape}.")
        elif not np.all(np.isfinite(got)):
            self.messages.append(f"{what} is not finite ({np.count_nonzero(~np.isfinite(got))} of {got.size}).")
        elif not np.allclose(got, wanted, rtol=rtol, atol=atol):
            worst = np.argmax(np.abs(got - wanted))
            at = f" at {[int(k) for k in np.unravel_index(worst, got.shape)]}" if got.size > 1 else ""
            off = np.abs(got - wanted).flat[worst]
            self.messages.append(f"{what}{at} is {got.flat[worst]:.6g}; it is off by {off:.2g}.")

    def true(self, condition: Any, otherwise: str) -> None:
        """Expect `condition`; `otherwise` says what is off."""
        self.expectations += 1
        if not condition:
            self.messages.append(otherwise)

    def silent(self, findings: Any, *kinds: str) -> None:
        """Expect no warning among `findings` (of `wg.check`), or none of the `kinds` named."""
        self.expectations += 1
        left = [f for f in findings if f.severity == "warning" and (not kinds or f.kind in kinds)]
        self.messages += [f"line {f.line} still warns: {f.kind}." for f in left]

    def __enter__(self) -> Check:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if error is not None and not isinstance(error, Exception):
            return False
        if error is not None:
            own = isinstance(error, wg.errors.WengertError)  # whose text names the error and has lines of its own
            self.messages.append(f"It stops:\n{error}" if own else f"It stops with {type(error).__name__}: {error}")
        elif self.expectations == 0:
            self.messages.append("Nothing was checked.")
        self.report(Outcome(self.name, not self.messages, tuple(self.messages)))
        return True
