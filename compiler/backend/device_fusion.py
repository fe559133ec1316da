"""Which arrays of the host part get memory of their own; all others are computed where they are read.

%t = exp %x          one reader: no memory, part of the kernel of %s
%s = add %t, %y      returned: stored, one kernel `exp(x[i]) + y[i]`

Stored arrays of the same extents that follow each other are a group, written by one kernel: what only its members read is
computed there once and needs no memory.

%p = update_slice %zeros, %v, #1        read by the next alone: no memory, its elements are v's or zero where they are read
%b = accumulate_slice %a, %p + ..., #0  a new array, in one kernel
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wengert.compiler.backend.device_folded import REGION_UPDATES, NearlyAll
from wengert.compiler.backend.fuse import MOST_READERS, is_fill, is_undefined, op_cost
from wengert.compiler.backend.places import Equals, Places
from wengert.compiler.ir.core import Block, Function, Op, Value
from wengert.compiler.ir.opdef import row_of

_READS_ELEMENTS = {"reduce": (0,), "update": (1,)}
"""By kind: the operand positions that a kernel of that op reads element by element."""

MOST_TOGETHER = 48
"""Arrays of a group, those included that turn out to need no memory."""


MOST_TIMES = 8
"""Places from which a kernel reads a value that it computes anew for each."""
AGAIN = 60
"""The cost of an element (see `op_cost`) up to which several kernels compute it."""


def is_lazy(op: Op) -> bool:
    """Whether elements of its result can be computed one by one where they are needed."""
    if not op.results or op.results[0].type.is_scalar:
        return False
    return row_of(op).kind in ("elementwise", "view") or op.name == "iota"


@dataclass(slots=True)
class _Use:
    op: Op | None  # None: a result of the block
    position: int
    block: Block
    in_kernel: bool  # within a parallel loop


@dataclass(slots=True)
class Fusion:
    """stored: the lazy values that are. groups: the number of the group of those that are written with others."""

    stored: set[Value] = field(default_factory=set)
    groups: dict[Value, int] = field(default_factory=dict)
    readers: dict[Value, set[Op]] = field(default_factory=dict)  # the kernels a lazy value is part of
    escapes: set[Value] = field(default_factory=set)  # lazy values read inside a region
    shared: set[Value] = field(default_factory=set)  # stored for no other reason than having several readers
    folded: set[Value] = field(default_factory=set)  # results of region updates that are computed where they are read
    times: dict[Value, int] = field(default_factory=dict)  # how often a kernel computes elements of a folded value


def fuse(function: Function) -> Fusion:
    uses: dict[Value, list[_Use]] = {}

    def collect(block: Block, in_kernel: bool) -> None:
        for op in block.ops:
            for position, v in enumerate(op.operands):
                uses.setdefault(v, []).append(_Use(op, position, block, in_kernel))
            for region in op.regions:
                collect(region, in_kernel or bool(op.attrs.get("parallel")))
        for v in block.results:
            uses.setdefault(v, []).append(_Use(None, 0, block, in_kernel))

    collect(function.body, False)
    fusion, nearly_all = Fusion(), NearlyAll(function)

    def decide(block: Block) -> None:
        for op in reversed(block.ops):
            for region in op.regions:
                decide(region)
            if op.name in REGION_UPDATES and nearly_all(op):
                _fold(op, block, uses.get(op.result, []), fusion, nearly_all)
            if is_lazy(op):
                _decide(op, block, uses.get(op.result, []), fusion, nearly_all)

    decide(function.body)
    _group(function.body, fusion, Equals(Places(function)))
    return fusion


def is_harmless(op: Op) -> bool:
    """Whether the op may come before a kernel that is written later: it concerns scalars alone."""
    return not op.regions and op.name != "load" and all(v.type.is_scalar for v in op.results) and row_of(op).kind not in (
        "reduce", "contract", "update", "library",
    )  # fmt: skip


def _group(block: Block, fusion: Fusion, equal: Equals) -> None:
    """Number the groups, and do not store what only its own group reads. equal: extents found equal to others before; what
    checks them comes before it, and so before any kernel."""
    equal = equal.copy()
    members: list[Value] = []
    number = len(set(fusion.groups.values()))
    for op in block.ops:
        for region in op.regions:
            _group(region, fusion, equal)
        equal.note(op)
        if is_lazy(op):
            value = op.result
            if value not in fusion.stored or is_undefined(value):
                continue
            joins = members and len(members) < MOST_TOGETHER and equal.shape(value) == equal.shape(members[0])
            if not joins or not _straight(value, set(members), fusion.stored):
                members = []
                number = max(fusion.groups.values(), default=-1) + 1
            members.append(value)
            fusion.groups[value] = number
        elif not is_harmless(op):
            members = []
    for value in [v for op in block.ops for v in op.results if v in fusion.shared]:
        homes = {fusion.groups.get(reader.results[0]) if reader.results else None for reader in fusion.readers[value]}
        if homes == {fusion.groups[value]}:
            fusion.stored.discard(value)
            del fusion.groups[value]


def _straight(value: Value, members: set[Value], stored: set[Value]) -> bool:
    """Whether an element of `value` needs elements of the members at no other index than its own."""
    seen: set[tuple[Value, bool]] = set()

    def walk(v: Value, moved: bool) -> bool:
        op = v.owner
        if (v, moved) in seen or op is None:
            return True
        seen.add((v, moved))
        if v is not value and v in members:
            return not moved
        if not is_lazy(op) or (v is not value and v in stored):
            return True
        moved = moved or row_of(op).kind == "view"
        return all(walk(w, moved) for w in op.operands if w.type.is_array)

    return walk(value, False)


def _reads_elements(user: Op, position: int) -> bool:
    """Whether the operand is read element by element, so that it need not be in memory."""
    if is_lazy(user) or user.name in ("dim", "load"):
        return True
    if position == 0 and user.name in REGION_UPDATES and is_fill(user.operands[0]) and not user.attrs["drop"]:
        return True  # the update makes a new array
    return position in _READS_ELEMENTS.get(row_of(user).kind, ()) and user.name != "grow"


def _decide(op: Op, block: Block, uses: list[_Use], fusion: Fusion, nearly_all: NearlyAll) -> None:
    value, readers = op.result, set[Op]()
    must, views, repeated, escapes = False, 0, False, False
    for use in uses:
        user = use.op
        if use.block is not block and use.in_kernel and is_fill(value):
            continue  # each iteration begins with one of its own, see KernelBuilder.array
        if user is None:
            must = True
        elif use.block is not block:
            escapes = True
            must |= not _reads_elements(user, use.position)
        elif user.name in ("dim", "load"):
            readers.add(user)
        elif user.name in REGION_UPDATES and user.result in fusion.folded:
            readers |= fusion.readers[user.result]
            views += fusion.times[user.result] - 1
        elif is_lazy(user):
            if user.result in fusion.stored:
                readers.add(user)
            else:
                readers |= fusion.readers.get(user.result, set())
                escapes |= user.result in fusion.escapes
            views += row_of(user).kind == "view"
            repeated |= user.name == "broadcast"
        elif _reads_elements(user, use.position) or (user.name in REGION_UPDATES and nearly_all(user)):
            readers.add(user)
        else:
            must = True
    fusion.readers[value] = readers
    if row_of(op).kind == "elementwise":
        must |= escapes or (repeated and not _is_thin(value)) or (views > 1 and not _is_light(value, views))
        if not must and len(readers) > 1:
            must = not _is_cheap(value, len(readers))
            if must:
                fusion.shared.add(value)
    if must:
        fusion.stored.add(value)
        return
    if escapes:
        fusion.escapes.add(value)


def _fold(op: Op, block: Block, uses: list[_Use], fusion: Fusion, nearly_all: NearlyAll) -> None:
    """Leave a region update to the kernel of a later one, if that is the only one to read it, element by element."""
    readers, times = set[Op](), 0
    for use in uses:
        user = use.op
        if user is None or use.block is not block or use.in_kernel:
            return
        if user.name == "dim":
            continue
        if user.name in REGION_UPDATES:
            folded = user.result in fusion.folded
            readers |= fusion.readers[user.result] if folded else {user}
            times += fusion.times[user.result] if folded else 1
        elif is_lazy(user) and user.result not in fusion.stored and user.result not in fusion.escapes:
            readers |= fusion.readers.get(user.result, set())
            times += 1
        else:
            return
    if len(readers) != 1 or not _is_light(op.operands[1], times):
        return
    (reader,) = readers
    if reader.name in REGION_UPDATES and reader in block.ops and nearly_all(reader):
        fusion.folded.add(op.result)
        fusion.readers[op.result], fusion.times[op.result] = readers, times


def _is_light(value: Value, times: int) -> bool:
    """Whether a kernel had better compute each element so often than have it stored by another."""
    cost, arrays = _effort(value)
    return times <= MOST_TIMES and cost * times <= AGAIN and len(arrays) <= 1


def _is_thin(value: Value) -> bool:
    """Whether there are fewer numbers that the array is made of than elements, which are quickly computed."""
    cost, arrays = _effort(value)
    return value.type.rank > 1 and not arrays and cost <= AGAIN // 2


def _is_cheap(value: Value, readers: int) -> bool:
    """Whether an element costs less to compute again than to store and load: a pass over memory takes as long as some hundred
    operations, but for arrays that have to be read again instead."""
    cost, arrays = _effort(value)
    return cost <= AGAIN and readers <= MOST_READERS and (readers - 1) * (len(arrays) - 1) <= 1


def _effort(value: Value) -> tuple[int, set[Value]]:
    """(the cost of an element, the arrays of as many axes that it is made of)."""
    cost, arrays, seen = 0, set[Value](), set[Value]()

    def visit(v: Value) -> None:
        nonlocal cost
        op = v.owner
        if v in seen or v.type.is_scalar:
            return
        seen.add(v)
        if op is None or not is_lazy(op):
            arrays.update([v] if v.type.rank == value.type.rank else [])
            return
        cost += op_cost(op)
        for w in op.operands:
            visit(w)

    visit(value)
    return cost, arrays
