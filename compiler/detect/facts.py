"""All that the rules look at, each measured when it is first asked for."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from wengert.compiler.detect.catalogue import KINDS
from wengert.compiler.detect.findings import Finding
from wengert.compiler.detect.flow import Flow
from wengert.compiler.detect.observe import Observation
from wengert.compiler.detect.probe import MIDDLE, Direction, Probe, directions, probe_of, size
from wengert.compiler.detect.variants import Variant, limited, path_of, same, samples
from wengert.compiler.diag.errors import WengertError
from wengert.compiler.frontend.source import parse, unwrap
from wengert.compiler.frontend.trace import Traced
from wengert.compiler.ir.core import Function, Op, Value
from wengert.compiler.ir.loops import LOOPS
from wengert.compiler.ir.tree import Tree, flatten
from wengert.compiler.transforms.custom import CustomDerivative


@dataclass
class Local:
    """AD against both sides at the point. wrong: both sides agree with each other and not with AD; kinked: they differ;
    off: AD is far from either, whether or not they converge; far: from one of them."""

    direction: Direction
    ad: np.ndarray
    right: np.ndarray
    left: np.ndarray
    converged: bool
    kinked: bool
    wrong: bool
    off: bool
    far: bool


@dataclass
class Blind:
    """AD against the slopes over wider steps, which agree with each other. reach: the widest."""

    direction: Direction
    ad: np.ndarray
    slopes: list[np.ndarray]
    agree: float
    off: float
    beside: float = 0.0  # AD from the mean of the two widest slopes, where these agree
    reach: float = 1e-1
    dead: bool = False  # AD is 0, and the function moves over every wide step

    @property
    def steady(self) -> bool:
        return self.agree < 0.15 and self.off > 0.25

    @property
    def curved(self) -> bool:
        """The slopes depart from AD as the square of the step: the function is smooth at this scale, and wider steps tell no more."""
        ratios = [a / h**2 for a, h in zip((size(s - self.ad) for s in self.slopes), MIDDLE, strict=True)]
        near = size(self.slopes[0] - self.ad) < 0.05 * size(self.ad)
        return near and self.reach == MIDDLE[-1] and 0 < max(ratios) < 3 * min(ratios)

    @property
    def loose(self) -> bool:
        """The slopes have one sign and size, roughly: enough where the cause is known from the program."""
        return self.agree < 0.6 and self.off > 0.6


class Facts:
    """leaves: the arguments; none where only static facts are asked for, of a program whose types are known.
    ruled: the function with its rules, where it has some itself."""

    def __init__(
        self,
        traced: Traced,
        function: Any,
        leaves: Sequence[Any],
        marked: Sequence[bool],
        budget: int = 0,
        ruled: CustomDerivative | None = None,
    ):
        self.traced, self.function, self.leaves, self.budget = traced, function, list(leaves), budget
        self.marked = list(marked)
        self.padded = [*marked, *[False] * (len(traced.function.params) - len(marked))]
        self.flow = Flow(traced.function, self.padded)
        self.ruled = ruled
        self.directions = directions(traced, leaves, marked) if leaves else []
        self.params = traced.function.params
        self.explained: set[int] = set()  # the leaves whose derivative a warning has accounted for

    @cached_property
    def probe(self) -> Probe:
        bounded = Variant(self.function, self.ending, self.traced) if self.ruled is None and self._may_not_end else None
        tree, function = self.traced.signature.tree, self.ruled or Variant(self.function, same, self.traced)
        return probe_of(function, tree, self.leaves, self.marked, bounded, self.run.complete)

    @cached_property
    def _may_not_end(self) -> bool:
        return any(op.name == "while" for op in self.traced.function.walk())

    @cached_property
    def ending(self) -> Callable[[Function], Function]:
        """Gives every `while` an end far beyond the trips that were seen."""
        most = max((t.most for t in self.run.trips.values()), default=0)
        return limited(20 * most + (10_000 if self.run.complete else 2_000_000))

    def changed(self, change: Callable[[Function], Function], out: Tree | None = None) -> Probe:
        """The function changed, at the same arguments."""
        ends = change if not self._may_not_end else lambda function: self.ending(change(function))
        variant = Variant(self.function, ends, self.traced, out)
        return Probe(variant, self.traced.signature.tree, self.leaves, self.marked, quick=self.run.complete)

    @cached_property
    def run(self) -> Observation:
        """Interpreted once, all leaves moving along their directions at once."""
        observation = Observation(self.traced.function, self.padded, self.budget, self.flow.varied)
        return observation.run(self.arguments)

    @cached_property
    def smooth(self) -> list[Direction]:
        """The numbers among the arguments, where there are any: arrays move along rough directions."""
        return [d for d in self.directions if np.ndim(d.vector) == 0] or self.directions

    @cached_property
    def smooth_run(self) -> Observation:
        if len(self.smooth) == len(self.directions) or not self.run.complete:
            return self.run
        still = Observation(self.traced.function, self.padded, self.budget, self.flow.varied)
        return still.run(self._arguments(self.smooth))

    @cached_property
    def wide(self) -> Observation:
        """The same in 80-bit numbers."""
        return Observation(self.traced.function, self.padded, self.budget, self.flow.varied, wide=True).run(self.arguments)

    @cached_property
    def arguments(self) -> list[Any]:
        return self._arguments(self.directions)

    def _arguments(self, directions: Sequence[Direction]) -> list[Any]:
        vectors = {d.leaf: d.together for d in directions}
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
            far = max(size(ad - right), size(ad - left)) if np.all(np.isfinite(ad)) else np.inf
            noise = 20 * (gap_right + gap_left)
            kinked = converged and apart > max(1e-4 * scale, 20 * (gap_right + gap_left), 0.05 * off)
            wrong = converged and not kinked and off > max(1e-3 * max(scale, size(ad) if np.isfinite(size(ad)) else 0.0), noise)
            found.append(Local(d, ad, right, left, converged, kinked, wrong, off > 0.02 * max(scale, size(ad)), far > 0.02 * max(scale, size(ad))))
        return found

    @cached_property
    def blinds(self) -> list[Blind]:
        found = []
        for d in self.directions:
            ad = self.probe.derivative(d)
            best = None
            for steps in (MIDDLE, (3e-2, 1e-1, 3e-1), (1e-1, 2e-1, 4e-1)):
                if best is not None and (best.agree < 0.15 or best.curved):
                    break
                slopes = [self.probe.slope(d, h) for h in steps]
                if not all(np.all(np.isfinite(s)) for s in slopes) or not np.all(np.isfinite(ad)):
                    continue
                top = max(size(s) for s in slopes)
                if top <= 1e-9 * max(1.0, size(self.probe.value)):
                    continue
                agree = max(size(a - b) for a in slopes for b in slopes) / top
                off = min(size(ad - s) for s in slopes) / max(top, size(ad))
                dead = size(ad) == 0 and sum(size(s) > 1e-6 * top for s in slopes) >= 2
                apart, beside = size(slopes[1] - slopes[2]) / top, size(ad - (slopes[1] + slopes[2]) / 2) / top
                made = Blind(d, ad, slopes, agree, off, beside if apart < 0.5 * beside else 0.0, steps[-1], dead)
                best = made if best is None or agree < best.agree else best
            if best is not None:
                found.append(best)
        return found

    @cached_property
    def outgrown(self) -> bool:
        """Some derivative is a hundred times what the value moves by over wide steps."""
        return any(size(b.ad) > 100 * max(size(s) for s in b.slopes) for b in self.blinds)

    @cached_property
    def backwards(self) -> bool | None:
        """Whether reverse mode gives finite numbers; None where it cannot be had."""
        return self.probe.reverse_finite()

    @cached_property
    def calls(self) -> dict[int, set[str]]:
        """The names of what is called on each line of the source, without their modules."""
        found: dict[int, set[str]] = {}
        for node in ast.walk(parse(unwrap(self.function)).node):  # type: ignore[arg-type]
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                    found.setdefault(line, set()).add(name)
        return found

    def calls_of(self, op: Op) -> set[str]:
        return self.calls.get(op.span.line, set()) if op.span is not None else set()

    @cached_property
    def paths(self) -> dict[Op, tuple[np.ndarray, np.ndarray, list[np.ndarray]]]:
        """What the loops at function level carry from trip to trip, and its tangents along all directions at once and along
        each of the smooth ones: compiled runs. Rows are trips, the first column counts them."""
        found = {}
        tree = flatten(np.zeros((1, 1)))[1]
        for place, op in enumerate(self.traced.function.walk()):
            if op.name not in LOOPS or op not in self.traced.function.body.ops or not long_enough(self, op):
                continue
            probe = self.changed(path_of(place), tree)
            try:
                values, dots = probe.along_all(self.directions)
                calm = [dots] if len(self.directions) == 1 else [probe.along_all([d])[1] for d in self.smooth[:SMOOTH]]
            except (WengertError, ArithmeticError, ValueError):
                continue
            columns = len(samples([v.type for v in op.results])) + 1
            values, dots, *calm = (a.reshape(-1, columns) for a in (values, dots, *calm))
            done = values[:, 0] > 0
            found[op] = values[done], dots[done], [a[done] for a in calm]
        return found

    def depends(self, value: Value) -> set[int]:
        """The leaves that reach `value` as data."""
        back = self.flow.parameters(value)
        return {k for k, p in enumerate(self.params) if p in back}

    # -- making findings

    def finding(self, kind: str, op: Op, message: str, *, warn: bool = True, **evidence: Any) -> Finding:
        """A finding at the line of the op."""
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


SMOOTH = 3
"""Smooth directions along which a loop is followed."""


def long_enough(facts: Facts, op: Op) -> bool:
    """At least 40 trips were seen, or may follow, and what is carried depends on the input."""
    seen = facts.run.trips.get(op)
    if seen is None or (seen.count < 40 and facts.run.complete):
        return False
    return any(v in facts.flow.varied for v in op.results)


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
