"""One interpreted run of the function with tangents beside its values, watched op by op, within a budget of work."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wengert.compiler.ir.core import Block, Function, Op, Value
from wengert.compiler.ir.interpret import Trap
from wengert.compiler.ir.loops import LOOPS, body_of, carried_params
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.passes.autodiff.forward import forward_with_maps


@dataclass
class Seen:
    """What was seen of one op: runs; ties (a == b, with tangents that differ); born: the value was not finite though
    its operands were; broke: the tangent was not; ratio: the smallest |a + b| / max(|a|, |b|); masked: an infinite or NaN
    tangent in the arm a `where` did not take; infinite: the arm whose value was; edges: an operand at the edge of the domain, or an eigenvalue that repeats;
    near: a and b are the same or nearly so, whatever their tangents;
    absorbed: an addend that was lost altogether; drowned: one of which half the digits were; steep: the largest tangent beside a value of at most that size."""

    runs: int = 0
    ties: int = 0
    near: int = 0
    born: int = 0
    broke: int = 0
    ratio: float = 1.0
    zeros: int = 0
    masked: int = 0
    infinite: Value | None = None
    edges: int = 0
    absorbed: int = 0
    drowned: int = 0
    steep: float = 0.0
    example: Any = None


@dataclass
class Trips:
    """Trips of one loop op: the size of its carried floats and of their tangents after each, and each scalar's own path."""

    starts: list[int] = field(default_factory=list)
    state: list[float] = field(default_factory=list)
    tangent: list[float] = field(default_factory=list)
    paths: list[list[tuple[float, float]]] = field(default_factory=list)
    count: int = 0

    @property
    def most(self) -> int:
        """The most trips of one execution."""
        return max((b - a for a, b in zip(self.starts, [*self.starts[1:], self.count], strict=True)), default=0)


NEAR = 1e-5
"""Of numbers that are compared: less than most steps of a difference."""
DROWNED = 1e-8
STEEP = 40
"""Runs of an array op in which its tangent's size is looked at."""
OFTEN = 300
ARRAY, ELEMENTS = 3, 9
"""An array counts as so many more ops of the budget of work, and as one more for 2**9 elements."""
MANY = 10_000
"""Elements of an array whose number costs more than the call of an operation does."""
Step = tuple[Op, Any, Any, Sequence[Value], Any, list[tuple[Value, Any]]]
DECISIONS = ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "absolute", "maximum", "minimum", "where", "add")


class OutOfWork(Exception):
    """The budget is used up: what was seen until then stands."""


class Observation:
    """seen: by op; trips: by loop; complete: whether the run came to its end; elements: of all arrays with MANY that
    were made; results: values then tangents."""

    def __init__(self, function: Function, marked: Sequence[bool], budget: int, varied: Set[Value], wide: bool = False):
        self.function, self.budget, self.varied, self.wide = function, budget, varied, wide
        self.jvp, mapping, self.tangents = forward_with_maps(function, marked)
        self.of = {new: old for old, new in mapping.items()}
        self.copies = mapping
        self.seen: dict[Op, Seen] = {}
        self.trips: dict[Op, Trips] = {}
        self.env: dict[Value, Any] = {}
        self.complete = False
        self.results: list[Any] = []
        self.old: dict[Op, Op] = {}
        self.arrays: dict[Op, tuple[Any, Any]] = {}
        self.runs: dict[Block, int] = {}
        self.steps: dict[Block, list[Step]] = {}
        self.decisions: dict[Block, list[Op]] = {}

    def run(self, arguments: Sequence[Any]) -> Observation:
        self.work = self.elements = 0
        for p, a in zip(self.jvp.params, arguments, strict=True):
            self.env[p] = self._typed(a, p)
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.results = self._block(self.jvp.body)
            self.complete = True
        except (OutOfWork, Trap, ArithmeticError, ValueError, IndexError, TypeError):  # TypeError: no LAPACK in 80 bits
            pass
        return self

    def _typed(self, value: Any, v: Value) -> Any:
        dtype = v.type.dtype
        if self.wide and dtype.kind == "f":
            return np.asarray(value, np.longdouble)[()]
        return np.asarray(value, dtype.numpy)[()]

    def _block(self, block: Block) -> list[Any]:
        if self.work > self.budget:
            raise OutOfWork
        self.work += len(block.ops)
        env = self.env
        made: Any
        for op, control, evaluate, operands, attrs, results in self.steps.get(block) or self._ready(block):
            if control is not None:
                made = control(op)
            else:
                made = evaluate(*[env[v] for v in operands], **attrs)
                if len(results) == 1:
                    made = (made,)
            for (v, scalar), r in zip(results, made if results else (), strict=True):
                if type(r) is scalar:
                    env[v] = r
                    continue
                env[v] = r = self._typed(r, v)
                if scalar is None:
                    self.work += ARRAY + (r.size >> ELEMENTS)
                    self.elements += r.size if r.size > MANY else 0
        if not self.wide:
            self._watch(block)
        return [env[v] for v in block.results]

    def _ready(self, block: Block) -> list[Step]:
        """The ops of a block with all that does not change from run to run; a result's type where it is a number."""
        controls = {"for": self._for, "while": self._while, "if": self._if}
        found: list[Step] = []
        for op in block.ops:
            results = [(v, None if v.type.rank else type(self._typed(0, v))) for v in op.results]
            control = controls.get(op.name)
            evaluate = None if control is not None else REGISTRY[op.name].evaluate
            found.append((op, control, evaluate, op.operands, op.attrs, results))
        self.steps[block] = found
        return found

    def _if(self, op: Op) -> list[Any]:
        return self._block(op.regions[0] if self.env[op.operands[0]] else op.regions[1])

    def _for(self, op: Op) -> list[Any]:
        low, high, step = (int(self.env[v]) for v in op.operands[:3])
        carried = [self.env[v] for v in op.operands[3:]]
        (body,) = op.regions
        self._start(op)
        for i in range(low, high, step):
            self.env.update(zip(body.params, [np.int64(i), *carried], strict=True))
            carried = self._block(body)
            self._trip(op, carried)
        return carried

    def _while(self, op: Op) -> list[Any]:
        carried = [self.env[v] for v in op.operands]
        condition, body = op.regions
        self._start(op)
        while True:
            self.env.update(zip(condition.params, carried, strict=True))
            if not self._block(condition)[0]:
                return carried
            self.env.update(zip(body.params, carried, strict=True))
            carried = self._block(body)
            self._trip(op, carried)

    # -- watching

    def _original(self, op: Op) -> Op | None:
        old = self.of.get(op.results[0]) if op.results else None
        return old.owner if old is not None else None

    def _start(self, op: Op) -> None:
        old = self._original(op)
        if old is not None and old.name in LOOPS:
            trips = self.trips.setdefault(old, Trips())
            trips.starts.append(trips.count)

    def _trip(self, op: Op, carried: list[Any]) -> None:
        old = self._original(op)
        if old is None:
            return
        trips = self.trips[old]
        trips.count += 1
        if trips.count > 20000 or self.wide:
            return
        offset = len(old.results)
        names = [self.of.get(v) for v in op.results]
        state = tangent = 0.0
        path = []
        dots = {t: k for k, t in enumerate(op.results)}
        for k, value in enumerate(names[:offset]):
            if value is None or not value.type.dtype.is_float:
                continue
            dot = self.tangents.get(value)
            position = dots.get(dot) if dot is not None else None
            if position is None:
                continue
            a, da = carried[k], carried[position]
            if value.type.is_scalar:
                path.append((float(a), float(da)))
                state, tangent = max(state, abs(float(a))), max(tangent, abs(float(da)))
            elif a.size:
                state = max(state, float(np.max(np.abs(a))))
                tangent = max(tangent, float(np.max(np.abs(da))))
        trips.state.append(state)
        trips.tangent.append(tangent)
        trips.paths.append(path)

    def _dot(self, v: Value) -> Any:
        t = self.tangents.get(v)
        return None if t is None else self.env.get(t)

    def _val(self, v: Value) -> Any:
        return self.env[self.copies.get(v, v)]

    def _watch(self, block: Block) -> None:
        runs = self.runs[block] = self.runs.get(block, 0) + 1
        for op in self._few(block) if runs > OFTEN else block.ops:
            if op.role == "tangent" or not op.results or op.regions:
                continue
            old = self.old.get(op)
            if old is None:
                found = self._original(op)
                if found is None:
                    continue
                old = self.old[op] = found
            look = _LOOK.get(old.name, _any) if old.results[0].type.dtype.is_float or old.name in _LOOK else None
            if look is not None:
                try:
                    look(self, old, self.seen.setdefault(old, Seen()))
                except KeyError:
                    continue

    def _few(self, block: Block) -> list[Op]:
        """Of a block that ran often: the decisions."""
        found = self.decisions.get(block)
        if found is None:
            found = [op for op in block.ops if op in self.old and self.old[op].name in DECISIONS]
            self.decisions[block] = found
        return found

    def finite(self, v: Value) -> bool:
        return bool(np.all(np.isfinite(self._val(v)))) if v.type.dtype.is_float else True


def _any(run: Observation, op: Op, seen: Seen) -> None:
    if len(op.results) > 1:
        _several(run, op, seen)
        return
    seen.runs += 1
    result = run._val(op.result)
    edge = EDGES.get(op.name)
    if isinstance(result, np.floating) and math.isfinite(result):
        slope = run._dot(op.result)
        if slope is None or math.isfinite(slope):
            seen.steep = max(seen.steep, abs(slope) / max(abs(result), 1.0)) if slope is not None else seen.steep
            seen.edges += edge is not None and bool(np.any(edge(*[run._val(v) for v in op.operands])))
            return
    if not np.all(np.isfinite(result)) and op.operands and all(run.finite(v) for v in op.operands):
        seen.born += 1
        seen.example = [run._val(v) for v in op.operands]
    dot = run._dot(op.result)
    if dot is not None and not np.all(np.isfinite(dot)):
        dots = [run._dot(v) for v in op.operands]
        if all(d is None or np.all(np.isfinite(d)) for d in dots):
            seen.broke += 1
            seen.example = seen.example or [run._val(v) for v in op.operands]
    if dot is not None and np.size(dot) and seen.runs <= STEEP:
        steep = float(np.max(np.abs(dot) / np.maximum(np.abs(result), 1.0)))
        seen.steep = max(seen.steep, steep)
    if edge is not None and np.any(edge(*[run._val(v) for v in op.operands])):
        seen.edges += 1
    if isinstance(result, np.ndarray) and result.ndim == 1 and result.size >= 50 and dot is not None:
        run.arrays[op] = (result, dot)


def _several(run: Observation, op: Op, seen: Seen) -> None:
    """An op with several results, as a decomposition has: whether they and their tangents are finite."""
    seen.runs += 1
    good = all(run.finite(v) for v in op.operands)
    seen.born += good and not all(run.finite(v) for v in op.results)
    dots, before = ([d for v in values if (d := run._dot(v)) is not None] for values in (op.results, op.operands))
    finite = [all(np.all(np.isfinite(d)) for d in part) for part in (before, dots)]
    seen.broke += finite == [True, False]


def _near_one(x: Any) -> Any:
    return np.abs(1.0 - np.abs(x)) < 1e-12


def _repeats(a: Any, name: str) -> bool:
    """Eigenvalues (singular values) that repeat: the derivative of the vectors divides by their differences."""
    if not np.all(np.isfinite(a)):
        return False
    values = EIGEN[name](a)
    gaps = np.abs(values[..., :, None] - values[..., None, :])[..., ~np.eye(values.shape[-1], dtype=bool)]
    return bool(np.any(gaps <= 1e-10 * np.max(np.abs(values), initial=0.0)))


def _singular(a: Any) -> Any:
    return np.linalg.svd(a, compute_uv=False)


EIGEN: dict[str, Any] = {
    **dict.fromkeys(("eigh", "eigvalsh"), np.linalg.eigvalsh),
    **dict.fromkeys(("eig", "eigvals"), np.linalg.eigvals),
    **dict.fromkeys(("svd", "svd_full", "svdvals"), _singular),
}


EDGES: dict[str, Any] = {
    "sqrt": lambda x: x == 0,
    "cbrt": lambda x: x == 0,
    "log": lambda x: x == 0,
    "log2": lambda x: x == 0,
    "log10": lambda x: x == 0,
    "log1p": lambda x: x == -1,
    "power": lambda x, p: (x == 0) & (p != np.round(p)),
    "arccos": _near_one,
    "arcsin": _near_one,
    "arctanh": _near_one,
    "arccosh": lambda x: x == 1,
    "hypot": lambda x, y: (x == 0) & (y == 0),
    "arctan2": lambda y, x: (x == 0) & (y == 0),
    "divide": lambda x, y: y == 0,
    "reciprocal": lambda x: x == 0,
    "norm": lambda x: not np.any(x),
}


def _eigen(run: Observation, op: Op, seen: Seen) -> None:
    _several(run, op, seen)
    if _repeats(run._val(op.operands[0]), op.name):
        seen.edges += 1


def _reduce(run: Observation, op: Op, seen: Seen) -> None:
    """Several elements are the largest (smallest) one, with tangents that differ."""
    _any(run, op, seen)
    a, da = run._val(op.operands[0]), run._dot(op.operands[0])
    if da is None or not np.size(a):
        return
    axes = tuple(op.attrs["axes"])
    best = np.max(a, axis=axes, keepdims=True) if op.name == "max" else np.min(a, axis=axes, keepdims=True)
    tied = a == best
    high = np.max(np.where(tied, da, -np.inf), axis=axes)
    low = np.min(np.where(tied, da, np.inf), axis=axes)
    if np.any(high != low):
        seen.ties += 1


def _compare(run: Observation, op: Op, seen: Seen) -> None:
    seen.runs += 1
    a, b = (run._val(v) for v in op.operands)
    if not op.operands[0].type.dtype.is_float:
        return
    same = a == b
    if not seen.near and any(v in run.varied for v in op.operands):
        if isinstance(same, np.ndarray):
            seen.near += bool(np.any(np.abs(a - b) <= NEAR * np.maximum(1.0, np.minimum(np.abs(a), np.abs(b)))))
        else:
            seen.near += bool(abs(a - b) <= NEAR * max(1.0, min(abs(a), abs(b))))
    if not (same.any() if isinstance(same, np.ndarray) else same):
        return
    da, db = (run._dot(v) for v in op.operands)
    unknown = any(d is None and v in run.varied for d, v in zip((da, db), op.operands, strict=True))
    difference = (0.0 if da is None else da) - (0.0 if db is None else db)
    if unknown or np.any(same & (difference != 0)):
        seen.ties += 1
        seen.example = (a, b)


def _absolute(run: Observation, op: Op, seen: Seen) -> None:
    _any(run, op, seen)
    a, da = run._val(op.operands[0]), run._dot(op.operands[0])
    if da is not None and np.any((a == 0) & (da != 0)):
        seen.ties += 1
        seen.example = (a, 0.0)


def _extremum(run: Observation, op: Op, seen: Seen) -> None:
    _any(run, op, seen)
    _compare(run, op, seen)


def _sum(run: Observation, op: Op, seen: Seen) -> None:
    _any(run, op, seen)
    a, b, r = run._val(op.operands[0]), run._val(op.operands[1]), run._val(op.result)
    if not isinstance(r, np.ndarray):
        least, most = sorted((abs(a), abs(b)))
        seen.absorbed += op.name == "add" and least > 0 and most == abs(r)
        seen.drowned += 0 < least < DROWNED * most
        if 0 < most < np.inf and abs(r) / most < seen.ratio:
            seen.ratio, seen.example = float(abs(r) / most), (a, b)
        return
    if seen.runs > STEEP and seen.runs % 8:
        return
    small = np.minimum(np.abs(a), np.abs(b))
    big = np.maximum(np.abs(a), np.abs(b))
    if op.name == "add" and np.any((small > 0) & (big == np.abs(r))):
        seen.absorbed += 8 if seen.runs > STEEP else 1
    if not np.any(big > 0) or not np.all(np.isfinite(big)):
        return
    ratio = np.abs(r) / np.where(big > 0, big, 1.0)
    least = float(np.min(np.where((big > 0), ratio, 1.0)))
    if least < seen.ratio:
        seen.ratio = least
        seen.example = (a, b)


def _where(run: Observation, op: Op, seen: Seen) -> None:
    seen.runs += 1
    taken, result = run._val(op.operands[0]), run._val(op.result)
    if isinstance(result, np.floating):
        out = op.operands[2 if taken else 1]
        if math.isfinite(result) and out in run.varied:
            dot = run._dot(out)
            seen.masked += dot is not None and not math.isfinite(dot)
            seen.infinite = seen.infinite if math.isfinite(run._val(out)) else out
        return
    condition = np.asarray(taken)
    for value, taken in ((op.operands[1], condition), (op.operands[2], ~condition)):
        dot = run._dot(value)
        if not np.all(np.isfinite(run._val(op.result))):
            return
        seen.masked += dot is not None and bool(np.any(~np.isfinite(dot) & ~taken))
        if value in run.varied and np.any(~np.isfinite(run._val(value)) & ~taken):
            seen.infinite = value


_LOOK: dict[str, Any] = {
    **dict.fromkeys(("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"), _compare),
    **dict.fromkeys(("maximum", "minimum"), _extremum),
    **dict.fromkeys(EIGEN, _eigen),
    **dict.fromkeys(("max", "min"), _reduce),
    "absolute": _absolute,
    "where": _where,
    "add": _sum,
    "subtract": _sum,
}

__all__ = ["Observation", "OutOfWork", "Seen", "Trips", "body_of", "carried_params"]
