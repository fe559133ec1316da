"""Which arrays of the host part get memory of their own; all others are computed where they are read.

%t = exp %x          one reader: no memory, part of the kernel of %s
%s = add %t, %y      returned: stored, one kernel `exp(x[i]) + y[i]`
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wengert.compiler.ir.core import Block, Function, Op, Value
from wengert.compiler.ir.opdef import row_of

_READS_ELEMENTS = {"reduce": (0,), "update": (1,)}
"""By kind: the operand positions that a kernel of that op reads element by element."""


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


@dataclass(slots=True)
class Fusion:
    stored: set[Value] = field(default_factory=set)
    readers: dict[Value, set[Op]] = field(default_factory=dict)  # the kernels a lazy value is part of
    escapes: set[Value] = field(default_factory=set)  # lazy values read inside a region


def stored_values(function: Function) -> set[Value]:
    """The lazy values that are to be stored."""
    uses: dict[Value, list[_Use]] = {}

    def collect(block: Block) -> None:
        for op in block.ops:
            for position, v in enumerate(op.operands):
                uses.setdefault(v, []).append(_Use(op, position, block))
            for region in op.regions:
                collect(region)
        for v in block.results:
            uses.setdefault(v, []).append(_Use(None, 0, block))

    collect(function.body)
    fusion = Fusion()

    def decide(block: Block) -> None:
        for op in reversed(block.ops):
            for region in op.regions:
                decide(region)
            if is_lazy(op):
                _decide(op, block, uses.get(op.result, []), fusion)

    decide(function.body)
    return fusion.stored


def _reads_elements(user: Op, position: int) -> bool:
    """Whether the operand is read element by element, so that it need not be in memory."""
    if is_lazy(user) or user.name in ("dim", "load"):
        return True
    return position in _READS_ELEMENTS.get(row_of(user).kind, ()) and user.name != "grow"


def _decide(op: Op, block: Block, uses: list[_Use], fusion: Fusion) -> None:
    value, readers = op.result, set[Op]()
    must, views, repeated, escapes = False, 0, False, False
    for use in uses:
        user = use.op
        if user is None:
            must = True
        elif use.block is not block:
            escapes = True
            must |= not _reads_elements(user, use.position)
        elif user.name in ("dim", "load"):
            readers.add(user)
        elif is_lazy(user):
            if user.result in fusion.stored:
                readers.add(user)
            else:
                readers |= fusion.readers.get(user.result, set())
                escapes |= user.result in fusion.escapes
            views += row_of(user).kind == "view"
            repeated |= user.name == "broadcast"
        elif _reads_elements(user, use.position):
            readers.add(user)
        else:
            must = True
    if row_of(op).kind == "elementwise":
        must |= escapes or len(readers) > 1 or views > 1 or repeated
    if must:
        fusion.stored.add(value)
        return
    fusion.readers[value] = readers
    if escapes:
        fusion.escapes.add(value)
