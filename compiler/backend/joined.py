"""Which arrays and regions are written by one nest: those of the same extents that follow each other.

    %a = exp %x                    stored, for two readers               for i: a = exp(x[i]); t[k, i] = a; y[i] = a + 1
    %t2 = update_slice %t, %a, ... a row of a tape                =>
    %y = add %a, %one              returned

Members meet in memory only at elements of the same iteration, so that each of them finds what it would have found alone. What
only members read, at their own elements, is a number of the iteration and gets no memory. A sum of all elements may be the
last member. Ops between members that concern scalars are written before the nest; a check among them must not come after
something is written to the caller's memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from wengert.compiler.backend.bufferise import Plan, Storage
from wengert.compiler.backend.fuse import is_undefined, is_virtual_kind, op_cost
from wengert.compiler.backend.places import Equals, Extent
from wengert.compiler.ir.core import Block, Op, Value
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ops.arrays import split_slice

MOST = 48
"""Members of a group."""
HEAVIEST = 600
"""The cost of all members' elements together."""
_REGIONS = ("update_slice", "accumulate_slice")
REDUCTIONS = ("sum", "prod", "max", "min")
"""Those of all elements to a number may be the last member."""
_TRAPS = ("index", "same_extent", "check")

Axis = tuple[int, tuple[Extent, ...]]
"""Where an axis of a buffer is read or written in an iteration: (the axis of the nest or -1, what is added to its index)."""


@dataclass(slots=True)
class Access:
    """Elements of a buffer that an iteration reads or writes; None for an axis: anywhere."""

    storage: Storage
    axes: tuple[Axis | None, ...]
    writes: bool
    complex: bool


@dataclass(eq=False, slots=True)
class Group:
    """first: whose extents are the nest's. members: in order; the nest is written where the last of them is."""

    first: Value
    members: list[Op] = field(default_factory=list)
    accesses: list[Access] = field(default_factory=list)
    cost: int = 0

    def writes_to_caller(self) -> bool:
        return any(a.writes and a.storage.find().kind == "parameter" for a in self.accesses)

    def written(self) -> set[Storage]:
        return {a.storage.alias_group() for a in self.accesses if a.writes}


def join_nests(plan: Plan) -> None:
    """Fill in `joined`, and take from `stored` what is a number of an iteration."""
    _Joiner(plan).run()


class _Joiner:
    def __init__(self, plan: Plan):
        self.plan = plan
        self.groups: list[Group] = []

    def run(self) -> None:
        self._block(self.plan.function.body, Equals(self.plan.places))
        for group in self.groups:
            if len(group.members) > 1:
                self.plan.joined.update((op, group) for op in group.members)
        for group in self.groups:
            for op in reversed(group.members):
                new = op in self.plan.joined and op.result in self.plan.stored and op.name not in _REGIONS
                if new and self._stays_within(op.result, group):
                    self.plan.stored.discard(op.result)
                    del self.plan.storage[op.result]

    def _block(self, block: Block, equal: Equals) -> None:
        equal = equal.copy()
        group: Group | None = None
        for op in block.ops:
            for region in op.regions:
                self._block(region, equal)
            equal.note(op)
            value = self._element(op)
            if value is None:
                if not self._is_quiet(op, group):
                    group = None
                continue
            accesses, cost = list(self._accesses(op, value)), self._cost(value)
            same = group is not None and equal.shape(group.first) == equal.shape(value)
            fits = group is not None and same and _fits(group, accesses, cost, value.type.rank)
            if not fits:
                group = None if op.name in REDUCTIONS else Group(value)
                self.groups += [group] if group is not None else []
            if group is not None:
                group.members.append(op)
                group.accesses += accesses
                group.cost += cost
            if op.name in REDUCTIONS:
                group = None

    def _element(self, op: Op) -> Value | None:
        """The value whose elements a nest for this op computes and stores; None where it is written otherwise."""
        if op.name in _REGIONS:
            straight = all(s == 1 for s in op.attrs["steps"]) and self.plan.within.get(op.operands[1]) is not op
            return op.operands[1] if straight and (op, 0) in self.plan.taken and op not in self.plan.through_temporary else None
        if op.name in REDUCTIONS:
            return op.operands[0] if op.result.type.is_scalar else None
        if is_virtual_kind(op) and op.result in self.plan.stored and not is_undefined(op.result):
            return op.result
        return None

    def _is_quiet(self, op: Op, group: Group | None) -> bool:
        """Whether the op may be written before the nest of the group."""
        row = REGISTRY[op.name]
        if group is None:
            return True
        if is_virtual_kind(op) or op.name in ("constant", "dim", "wrap_index"):
            return True
        if op.name == "load":
            reads = {a.storage.alias_group() for a in self._reads(op.operands[0], (None,) * op.operands[0].type.rank)}
            return not reads & group.written()
        if op.name in _TRAPS:
            return not group.writes_to_caller()
        return row.kind == "elementwise" and op.result.type.is_scalar

    # -- what an iteration reads and writes

    def _accesses(self, op: Op, value: Value) -> Iterator[Access]:
        own: tuple[Axis | None, ...] = tuple((k, ()) for k in range(value.type.rank))
        if op.name in REDUCTIONS:
            yield from self._reads(value, own)
            return
        if op.name not in _REGIONS:
            yield from self._reads_of_op(op, own)
            yield Access(self.plan.storage[value], own, True, value.type.dtype.kind == "c")
            return
        yield from self._reads(value, own)
        base, _, *starts = op.operands
        rest = iter(range(value.type.rank))
        axes = tuple(
            (-1 if k in op.attrs["drop"] else next(rest), self._start((), start)) for k, start in enumerate(starts)
        )
        yield Access(self.plan.storage[base], axes, True, base.type.dtype.kind == "c")

    def _start(self, before: tuple[Extent, ...], start: Value) -> tuple[Extent, ...]:
        place = self.plan.places.scalar(start)
        return before if place == 0 else (*before, place)

    def _reads(self, value: Value, axes: tuple[Axis | None, ...]) -> Iterator[Access]:
        if value.type.is_scalar:
            return
        if value in self.plan.stored:
            yield Access(self.plan.storage[value], axes, False, value.type.dtype.kind == "c")
        elif value.owner is not None:
            yield from self._reads_of_op(value.owner, axes)

    def _reads_of_op(self, op: Op, axes: tuple[Axis | None, ...]) -> Iterator[Access]:
        arrays = [v for v in op.operands if v.type.is_array]
        if REGISTRY[op.name].kind == "elementwise":
            for v in arrays:
                yield from self._reads(v, axes)
        elif op.name == "slice":
            array, starts, _ = split_slice(op)
            rest = iter(axes)
            moved: list[Axis | None] = []
            for k, (start, step) in enumerate(zip(starts, op.attrs["steps"], strict=True)):
                if k in op.attrs["drop"]:
                    moved.append((-1, self._start((), start)))
                    continue
                axis = next(rest)
                moved.append(None if axis is None or step != 1 else (axis[0], self._start(axis[1], start)))
            yield from self._reads(array, tuple(moved))
        elif op.name == "broadcast":
            for v in arrays:
                yield from self._reads(
                    v, tuple((-1, ()) if n == 1 else axes[k] for n, k in zip(v.type.shape, op.attrs["axes"], strict=True))
                )
        elif op.name == "transpose":
            order = op.attrs["axes"]
            yield from self._reads(op.operands[0], tuple(axes[order.index(k)] for k in range(len(order))))
        else:
            for v in arrays:
                yield from self._reads(v, (None,) * v.type.rank)

    def _cost(self, value: Value) -> int:
        seen: set[Value] = set()

        def walk(v: Value) -> int:
            if v in seen or v.type.is_scalar or v.owner is None or v is not value and v in self.plan.stored:
                return 0
            seen.add(v)
            return op_cost(v.owner) + sum(walk(w) for w in v.owner.operands)

        return 1 + walk(value)

    # -- what needs no memory

    def _stays_within(self, value: Value, group: Group) -> bool:
        """Whether only members read elements of the value, each at its own iteration's."""
        own = self.plan.storage[value].find()
        return own.kind in ("heap", "stack") and not own.moved and own.site is value and self._read_within(value, group)

    def _read_within(self, value: Value, group: Group) -> bool:
        for use in self.plan.structure.uses[value]:
            op = use.op
            if op is None:
                return False
            if op.name == "dim":
                continue
            member = self.plan.joined.get(op) is group
            if op.name in _REGIONS:
                fine = member and use.index == 1
            elif op.name in REDUCTIONS:
                fine = member
            elif REGISTRY[op.name].kind == "elementwise":
                fine = member or op.result not in self.plan.stored and self._read_within(op.result, group)
            else:
                fine = False
            if not fine:
                return False
        return True


def _fits(group: Group, accesses: list[Access], cost: int, rank: int) -> bool:
    if len(group.members) >= MOST or group.cost + cost > HEAVIEST:
        return False
    return all(_meet_in_one_iteration(a, b, rank) for a in group.accesses for b in accesses)


def _meet_in_one_iteration(a: Access, b: Access, rank: int) -> bool:
    """Whether two accesses of which one writes never touch the same element in different iterations.

    The innermost axis must be the buffer's last: LLVM moves accesses with gaps past each other."""
    if not (a.writes or b.writes) or a.storage.alias_group() is not b.storage.alias_group():
        return True
    if a.complex or b.complex or len(a.axes) != len(b.axes):
        return False
    shared = [x for x, y in zip(a.axes, b.axes, strict=True) if x is not None and x == y]
    last = a.axes[-1]
    return {x[0] for x in shared} >= set(range(rank)) and last is not None and last == b.axes[-1] and last[0] == rank - 1
