"""What a reverse sweep keeps, recomputes and what that costs, as data for the views and for messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from wengert.compiler.diag.span import Span
from wengert.compiler.ir.core import Value, constant_of
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.types import Type

Size = int | Value | tuple[Value, int] | None
"""A factor of a size: a number, an i64 value of the differentiated function, the extent (array, axis), or not known."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One value that is saved for the reverse sweep.

    name: its hint in the IR, else the op that makes it. type: its type. loops: how many loops stand around it.
    scheme: "array" (preallocated, by trip number), "growing" (the same, growing with a `while`), "stack" (pushed and
    popped), "result" (handed out of the branches around it). bytes_per_trip and bytes: None where an extent or trip
    count is not known (`Plan.at` fills in those that the arguments of a call say).
    """

    name: str
    span: Span | None
    type: Type
    loops: int
    scheme: str
    bytes_per_trip: int | None
    bytes: int | None
    reason: str
    extents: tuple[Size, ...] = field(default=(), repr=False)
    trips: tuple[Size, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Recomputed:
    """One value that the reverse sweep computes again: its hint (else its op), place, and the op that makes it."""

    name: str
    span: Span | None
    op: str


@dataclass(frozen=True, slots=True)
class Checkpointed:
    """A loop whose trips are run again from snapshots of what it carries.

    trips: of one run of the loop. snapshots: how many are held at once, at most. bytes_per_snapshot, bytes: of one and
    of all. runs: how often a trip is run at most, the first time included. None: not known before a call.
    within: the position in `Plan.checkpoints` of the loop around it that runs again, too; reentered: how many branches
    and parallel loops between the two run once more.
    """

    name: str
    span: Span | None
    trips: int | None
    snapshots: int | None
    bytes_per_snapshot: int | None
    bytes: int | None
    runs: int | None
    extents: tuple[tuple[int, tuple[Size, ...]], ...] = field(default=(), repr=False)
    count: Size = field(default=None, repr=False)
    budget: int | None = field(default=None, repr=False)
    within: int | None = None
    reentered: int = field(default=0, repr=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is kept and what is recomputed, each in program order. Values at function level are in neither list:
    they are still there.

    checkpoints: loops that are run again from snapshots. memory: the budget that was asked for, in bytes (None: none).
    extra_time: predicted cost of what is run again, as a fraction of the primal's; None where trip counts are unknown.
    active: names and places of the ops through whose results a derivative flows.
    """

    kept: tuple[Kept, ...] = field(default=())
    recomputed: tuple[Recomputed, ...] = field(default=())
    checkpoints: tuple[Checkpointed, ...] = field(default=())
    memory: int | None = None
    extra_time: float | None = 0.0
    parameters: tuple[Value, ...] = field(default=(), repr=False)
    active: frozenset[tuple[str, Span]] = field(default=frozenset(), repr=False)

    @property
    def bytes(self) -> int | None:
        """All that is kept for the reverse sweep; None where a part is not known."""
        parts = [k.bytes for k in self.kept] + [c.bytes for c in self.checkpoints]
        return None if None in parts else sum(parts)  # type: ignore[arg-type]

    def at(self, leaves: Sequence[Any]) -> Plan:
        """The plan with the sizes that it has for these arguments (the leaves of the function that is differentiated)."""
        known = dict(zip(self.parameters, leaves, strict=False))
        if any(np.ndim(v) != p.type.rank for p, v in known.items()):
            return self  # e.g. batched: the sizes are those of one call
        sizes = _Sizes(known)
        kept = tuple(_kept_at(k, sizes) for k in self.kept)
        checkpoints = with_runs([_checkpointed_at(c, sizes) for c in self.checkpoints])
        extra = self.extra_time
        if extra is None and checkpoints and all(c.runs is not None for c in checkpoints):
            extra = float(max(c.runs or 1 for c in checkpoints) - 1)
        return replace(self, kept=kept, checkpoints=checkpoints, extra_time=extra)


def _kept_at(kept: Kept, sizes: _Sizes) -> Kept:
    per_trip = sizes.product(kept.extents, kept.type.dtype.bits // 8)
    return replace(kept, bytes_per_trip=per_trip, bytes=None if per_trip is None else sizes.product(kept.trips, per_trip))


def _checkpointed_at(loop: Checkpointed, sizes: _Sizes) -> Checkpointed:
    parts = [sizes.product(extents, item) for item, extents in loop.extents]
    trips = sizes.of(loop.count)
    if None in parts:
        return replace(loop, trips=trips)
    return checkpointed(loop, sum(parts), trips)  # type: ignore[arg-type]


def checkpointed(loop: Checkpointed, size: int, trips: int | None) -> Checkpointed:
    """`loop` with the snapshots that fit its budget: see checkpoints.py for the number."""
    snapshots = slots(loop.budget, size) if trips is None else max(1, min(slots(loop.budget, size), trips))
    return replace(loop, trips=trips, snapshots=snapshots, bytes_per_snapshot=size, bytes=snapshots * (size + 8))


def with_runs(loops: Sequence[Checkpointed]) -> tuple[Checkpointed, ...]:
    """With `runs`, of loops in an order in which those around come first. A trip runs whenever the trip around it does,
    and then while its own loop goes back."""
    made: list[Checkpointed] = []
    for loop in loops:
        around = 1 if loop.within is None else made[loop.within].runs
        runs = None
        if around is not None and loop.trips is not None and loop.snapshots is not None:
            runs = around + loop.reentered + 1 + repetitions(loop.trips, loop.snapshots)
        made.append(replace(loop, runs=runs))
    return tuple(made)


def slots(budget: int | None, size: int) -> int:
    """How many snapshots of `size` bytes, each with its trip number, fit a budget; one is always held."""
    return 1 << 40 if budget is None else max(1, budget // (size + 8))


def repetitions(trips: int, snapshots: int) -> int:
    """The least r for which C(snapshots + r, r) >= trips: how often a trip is run again at most (Griewank & Walther,
    Algorithm 799, ACM TOMS 26, 2000)."""
    reach, r = 1, 0
    while reach < trips:
        r += 1
        reach = reach * (snapshots + r) // r
    return r


class _Sizes:
    """Numbers for sizes, from the values of parameters."""

    def __init__(self, known: dict[Value, Any]):
        self.known = known

    def product(self, factors: Sequence[Size], total: int) -> int | None:
        for f in factors:
            n = self.of(f)
            if n is None:
                return None
            total *= max(n, 0)
        return total

    def of(self, size: Size) -> int | None:
        if size is None or isinstance(size, int):
            return size
        if isinstance(size, tuple):
            array, axis = size
            static = array.type.shape[axis]
            if static is not None:
                return static
            if array in self.known:
                return int(np.shape(self.known[array])[axis])
            rule = REGISTRY[array.owner.name].extent if array.owner is not None else None
            source = rule(array.owner, axis) if rule is not None and array.owner is not None else None
            return self.of(source)
        if size in self.known:
            return int(self.known[size])
        constant = constant_of(size)
        op = size.owner
        if constant is not None or op is None or op.regions or len(op.results) != 1:
            return None if constant is None else int(constant)
        if op.name == "dim":
            return self.of((op.operands[0], op.attrs["axis"]))
        if op.name in ("same_extent", "index"):
            return self.of(op.operands[0])
        row = REGISTRY[op.name]
        if row.kind != "elementwise" or row.evaluate is None or any(not v.type.dtype.is_integer for v in op.operands):
            return None
        operands = [self.of(v) for v in op.operands]
        return None if None in operands else int(row.evaluate(*(np.int64(n) for n in operands), **op.attrs))  # type: ignore[arg-type]
