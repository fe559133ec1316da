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
from wengert.compiler.detect.probe import LIKE_AD, MIDDLE, Direction, Probe, directions, probe_of, size
from wengert.compiler.detect.variants import Variant, limited, recorded, same
from wengert.compiler.diag.errors import WengertError
from wengert.compiler.frontend.source import parse, unwrap
from wengert.compiler.frontend.trace import Traced
from wengert.compiler.ir.core import Function, Op, Value
from wengert.compiler.ir.loops import LOOPS
from wengert.compiler.ir.tree import LEAF, tuple_of
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
        self._blinds: dict[int, Blind | None] = {}
        self.tape = 0  # bytes of the reverse sweep, once they were counted
        self.explained: set[int] = set()  # the leaves whose derivative a warning has accounted for

    @cached_property
    def probe(self) -> Probe:
        """The function itself; with the paths of its loops, which costs less than to compile it a second time."""
        tree, written = self.traced.signature.tree, any(w is not None for w in self.traced.function.written)
        if self.ruled is not None:
            return probe_of(self.ruled, tree, self.leaves, self.marked, None, self.quick)
        out = tuple_of([self.traced.out, *[LEAF] * len(self.followed)])
        record = recorded(list(self.followed.values()), self.traced.out.count) if self.followed else same
        changes = self._ended(record)
        forward = Variant(self.function, changes, self.traced, out if self.followed else None) if self.followed or self._may_not_end else None
        plain = Variant(self.function, same, self.traced)
        return probe_of(plain, tree, self.leaves, self.marked, forward, self.quick, len(self.followed), written, not written)

    @cached_property
    def _may_not_end(self) -> bool:
        return any(op.name == "while" for op in self.traced.function.walk())

    @cached_property
    def ending(self) -> Callable[[Function], Function]:
        """Gives every `while` an end far beyond the trips that were seen."""
        most = max((t.most for t in self.run.trips.values()), default=0)
        return limited(20 * most + (10_000 if self.run.complete else 2_000_000))

    def _ended(self, change: Callable[[Function], Function]) -> Callable[[Function], Function]:
        return change if not self._may_not_end else lambda function: self.ending(change(function))

    def changed(self, change: Callable[[Function], Function]) -> Probe:
        """The function changed, at the same arguments."""
        variant = Variant(self.function, self._ended(change), self.traced)
        return Probe(variant, self.traced.signature.tree, self.leaves, self.marked, quick=self.quick)

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
    def everything(self) -> Direction:
        """All leaves at once."""
        one = self.directions[0]
        return one if len(self.directions) == 1 else Direction(-1, "all arguments at once", 1.0, None, tuple(self.directions))

    @cached_property
    def quick(self) -> bool:
        """It does not run for long."""
        return self.run.complete and not self.large

    @cached_property
    def large(self) -> bool:
        """Its arrays have many elements."""
        return self.run.elements > LARGE

    @cached_property
    def long(self) -> bool:
        """It runs for long: differences are taken along all arguments at once, and along one only where those do not say enough."""
        return not self.quick and len(self.directions) > 1

    @cached_property
    def locals(self) -> list[Local]:
        if self.long:
            whole = self._local(self.everything)
            close = max(size(whole.ad - whole.left), size(whole.ad - whole.right)) <= LIKE_AD * size(whole.ad)
            if close or (self.large and not (whole.kinked or whole.wrong or any(s.edges for s in self.run.seen.values()))):
                small = [d for d in self.directions if size(self.probe.derivative(d)) < SMALL_PART * size(whole.ad)]
                return [whole, *map(self._local, small)]
        return [self._local(d) for d in self.directions]

    def _local(self, d: Direction) -> Local:
        ad = self.probe.derivative(d)
        (right, gap_right), (left, gap_left) = (self.probe.one_sided(d, s) for s in (1, -1))
        scale = max(size(right), size(left), 1e-12 * max(1.0, size(self.probe.value)) / 1e-5)
        converged = gap_right < 2e-3 * scale and gap_left < 2e-3 * scale
        apart = size(right - left)
        off = min(size(ad - right), size(ad - left)) if np.all(np.isfinite(ad)) else np.inf
        far = max(size(ad - right), size(ad - left)) if np.all(np.isfinite(ad)) else np.inf
        noise = 20 * (gap_right + gap_left)
        kinked = converged and apart > max(1e-4 * scale, noise, 0.05 * off)
        wrong = converged and not kinked and off > max(1e-3 * max(scale, size(ad) if np.isfinite(size(ad)) else 0.0), noise)
        return Local(d, ad, right, left, converged, kinked, wrong, off > 0.02 * max(scale, size(ad)), far > 0.02 * max(scale, size(ad)))

    def blind_of(self, d: Direction) -> Blind | None:
        """AD against slopes over wide steps in one direction; None where the function has no values there."""
        if d.leaf not in self._blinds:
            self._blinds[d.leaf] = self._blind(d)
        return self._blinds[d.leaf]

    def _blind(self, d: Direction) -> Blind | None:
        ad, best = self.probe.derivative(d), None
        if not np.all(np.isfinite(ad)):
            return None
        for steps in (MIDDLE, (3e-2, 1e-1, 3e-1), (1e-1, 2e-1, 4e-1)):
            if best is not None and (best.agree < 0.15 or best.curved):
                break
            slopes = [self.probe.slope(d, h) for h in steps]
            if not all(np.all(np.isfinite(s)) for s in slopes):
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
        return best

    @property
    def blinds(self) -> list[Blind]:
        """Along each direction."""
        return [b for d in self.directions if (b := self.blind_of(d)) is not None]

    def overall(self, suspect: Callable[[Blind], bool]) -> list[Blind]:
        """Those that are suspect; of a long function none where all arguments at once give no cause."""
        if self.long and (whole := self.blind_of(self.everything)) is not None and not suspect(whole):
            return []
        return [b for b in self.blinds if suspect(b)]

    @cached_property
    def outgrown(self) -> bool:
        """Some derivative is a hundred times what the value moves by over wide steps."""
        return bool(self.overall(lambda b: size(b.ad) > 100 * max(size(s) for s in b.slopes)))

    @cached_property
    def backwards(self) -> bool | None:
        """Whether reverse mode gives finite numbers; None where it cannot be had, or would keep too much."""
        return None if self.heavy else self.probe.reverse_finite()

    @property
    def heavy(self) -> bool:
        """The reverse sweep of a function that runs long would keep much: it is not tried."""
        return not self.quick and self.tape > HEAVY

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
    def followed(self) -> dict[Op, int]:
        """The loops at function level that run long enough to be followed trip by trip, with their places."""
        outer = {op for op in self.traced.function.body.ops if op.name in LOOPS and long_enough(self, op)}
        return {op: place for place, op in enumerate(self.traced.function.walk()) if op in outer}

    @cached_property
    def paths(self) -> dict[Op, tuple[np.ndarray, np.ndarray, list[np.ndarray]]]:
        """What the loops at function level carry from trip to trip, and its tangents along all directions at once and along
        each of the smooth ones: compiled runs. Rows are trips, the first column counts them."""
        found: dict[Op, tuple[np.ndarray, np.ndarray, list[np.ndarray]]] = {}
        if self.ruled is not None or not self.followed:
            return found
        try:
            together, *calm = [self.probe.along(d) for d in (self.everything, *self.smooth[:SMOOTH])]
        except (WengertError, ArithmeticError, ValueError):
            return found
        for k, op in enumerate(self.followed):
            values, dots = together.paths[k]
            done = values[:, 0] > 0
            tangents = [ran.paths[k][1][done] * d.weight for ran, d in zip(calm, self.smooth, strict=False)]
            found[op] = values[done], dots[done], tangents
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


LARGE = 4_000_000
HEAVY = 16_000_000
SMALL_PART = 1e-2
"""A derivative of this part of the one along all arguments at once is looked at by itself."""
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
