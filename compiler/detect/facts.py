"""All that the rules look at, each measured when it is first asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from wengert.compiler.detect.catalogue import KINDS
from wengert.compiler.detect.findings import Finding
from wengert.compiler.detect.flow import Flow
from wengert.compiler.detect.observe import Observation
from wengert.compiler.detect.probe import MIDDLE, Direction, Probe, directions, size
from wengert.compiler.frontend.trace import Traced
from wengert.compiler.ir.core import Op, Value


@dataclass
class Local:
    """AD against both sides at the point. wrong: both sides agree with each other and not with AD; kinked: they differ."""

    direction: Direction
    ad: np.ndarray
    right: np.ndarray
    left: np.ndarray
    converged: bool
    kinked: bool
    wrong: bool


@dataclass
class Blind:
    """AD against the slopes over wider steps, which agree with each other."""

    direction: Direction
    ad: np.ndarray
    slopes: list[np.ndarray]
    agree: float
    off: float

    @property
    def steady(self) -> bool:
        return self.agree < 0.15 and self.off > 0.25

    @property
    def loose(self) -> bool:
        """The slopes have one sign and size, roughly: enough where the cause is known from the program."""
        return self.agree < 0.6 and self.off > 0.6


class Facts:
    def __init__(self, traced: Traced, function: Any, leaves: Sequence[Any], marked: Sequence[bool], budget: float):
        self.traced, self.function, self.leaves, self.budget = traced, function, list(leaves), budget
        self.marked = list(marked)
        self.padded = [*marked, *[False] * (len(traced.function.params) - len(marked))]
        self.flow = Flow(traced.function, self.padded)
        self.probe = Probe(function, traced.signature.tree, leaves, marked)
        self.directions = directions(traced, leaves, marked)
        self.params = traced.function.params

    @cached_property
    def run(self) -> Observation:
        """Interpreted once, all leaves moving along their directions at once."""
        observation = Observation(self.traced.function, self.padded, self.budget)
        return observation.run(self.arguments)

    @cached_property
    def wide(self) -> Observation:
        """The same in 80-bit numbers."""
        return Observation(self.traced.function, self.padded, self.budget, wide=True).run(self.arguments)

    @cached_property
    def arguments(self) -> list[Any]:
        vectors = {d.leaf: d.vector for d in self.directions}
        dots = [vectors.get(k, np.zeros_like(leaf)) for k, leaf in enumerate(self.leaves) if self.marked[k]]
        return [*self.leaves, *self.traced.captures, *dots]

    @cached_property
    def locals(self) -> list[Local]:
        found = []
        for d in self.directions:
            ad = self.probe.derivative(d)
            (right, gap_right), (left, gap_left) = (self.probe.one_sided(d, s) for s in (1, -1))
            scale = max(size(right), size(left), 1e-12 * max(1.0, size(self.probe.value)) / 1e-5)
            converged = gap_right < 2e-3 * scale and gap_left < 2e-3 * scale
            apart = size(right - left)
            off = min(size(ad - right), size(ad - left)) if np.all(np.isfinite(ad)) else np.inf
            kinked = converged and apart > 2e-2 * scale
            wrong = converged and not kinked and off > 2e-2 * max(scale, size(ad) if np.isfinite(size(ad)) else 0.0)
            found.append(Local(d, ad, right, left, converged, kinked, wrong))
        return found

    @cached_property
    def blinds(self) -> list[Blind]:
        found = []
        for d in self.directions:
            ad = self.probe.derivative(d)
            best = None
            for steps in (MIDDLE, (3e-2, 1e-1, 3e-1)):
                slopes = [self.probe.slope(d, h) for h in steps]
                if not all(np.all(np.isfinite(s)) for s in slopes) or not np.all(np.isfinite(ad)):
                    continue
                top = max(size(s) for s in slopes)
                if top <= 1e-9 * max(1.0, size(self.probe.value)):
                    continue
                agree = max(size(a - b) for a in slopes for b in slopes) / top
                off = min(size(ad - s) for s in slopes) / max(top, size(ad))
                made = Blind(d, ad, slopes, agree, off)
                best = made if best is None or agree < best.agree else best
            if best is not None:
                found.append(best)
        return found

    def depends(self, value: Value) -> set[int]:
        """The leaves that reach `value` as data."""
        back = self.flow.parameters(value)
        return {k for k, p in enumerate(self.params) if p in back}

    # -- making findings

    def finding(self, kind: str, op: Op, message: str, *, warn: bool = True, **evidence: Any) -> Finding:
        row = KINDS[kind]
        span = op.span
        source = self.traced.source
        line, column = (span.line, span.column) if span is not None else (0, 0)
        name = span.source.name if span is not None and span.source is not None else source.name
        code = span.source.line(line) if span is not None and span.source is not None else ""
        return Finding(
            kind,
            "warning" if warn else "note",
            line,
            column,
            message,
            {k: plain(v) for k, v in evidence.items()},
            row.remedy,
            row.title,
            code,
            name,
            f"pitfalls.md#{kind.replace('_', '-')}",
        )


def plain(value: Any) -> Any:
    """A number or list of numbers for reports."""
    if isinstance(value, np.ndarray):
        flat = np.ravel(value)
        return float(flat[0]) if flat.size == 1 else [float(v) for v in flat[:4]]
    if isinstance(value, np.generic):
        return value.item()
    return value


def shown(value: Any, scale: float = 1.0) -> str:
    """A derivative along a direction, per unit of the leaf where it is a number: "0.35", or the largest entry."""
    flat = np.ravel(np.asarray(value, float)) / scale
    if flat.size == 0:
        return "nothing"
    return f"{flat[np.argmax(np.abs(flat))] if np.all(np.isfinite(flat)) else flat[~np.isfinite(flat)][0]:.4g}"
