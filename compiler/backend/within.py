"""Products and reductions that are written where they are kept: in the row of a tape, not beside it and copied.

    for ... (%k, %t: f64[?,?,?]) {
        %y = dot_general %a, %b : f64[?,?]                       its memory is that of %t[k, :, :]
        %t2 = update_slice %t, %y, %k, %0, %0 {drop = (0,)}      nothing to do
        yield %t2
    }

Nothing else of the loop may see the tape, and the row must be without gaps.
"""

from __future__ import annotations

from wengert.compiler.backend.bufferise import Plan, Storage
from wengert.compiler.ir.core import Block, Op, Value
from wengert.compiler.ir.opdef import REGISTRY


def keep_within(plan: Plan) -> None:
    """Fill in `within`."""
    for op in plan.structure.ops:
        if op.name == "update_slice" and (op, 0) in plan.taken and _fits(plan, op):
            value = op.operands[1]
            tape = plan.storage[op.operands[0]]
            plan.storage[value] = Storage("within", writable=False, group=tape.alias_group())
            plan.within[value] = op


def _fits(plan: Plan, op: Op) -> bool:
    base, value, *starts = op.operands
    block = plan.structure.block_of[op]
    made = value.owner
    if not value.type.is_array or made is None or REGISTRY[made.name].kind not in ("contract", "reduce"):
        return False
    if plan.structure.block_of[made] is not block:
        return False
    own, uses = plan.storage[value].find(), plan.structure.uses
    if own.kind != "heap" or own.moved or own.site is not value or value in plan.within or op in plan.through_temporary:
        return False
    if any(use.op is None or (use.op, use.index) in plan.taken for use in uses[value]):
        return False
    if base not in block.params or [use.op for use in uses[base]] != [op] or [use.op for use in uses[op.result]] != [None]:
        return False
    if plan.storage[base].find().kind == "parameter" or not all(_before(plan, v, made, block) for v in starts):
        return False
    return _without_gaps(plan, op, base, value, starts)


def _before(plan: Plan, value: Value, op: Op, block: Block) -> bool:
    owner = value.owner
    return owner is None or plan.structure.block_of[owner] is not block or plan.structure.start[owner] < plan.structure.start[op]


def _without_gaps(plan: Plan, op: Op, base: Value, value: Value, starts: list[Value]) -> bool:
    dropped = len(op.attrs["drop"])
    if tuple(op.attrs["drop"]) != tuple(range(dropped)) or not dropped or any(s != 1 for s in op.attrs["steps"]):
        return False
    places = plan.places
    whole = all(places.of(value, k) == places.of(base, dropped + k) for k in range(value.type.rank))
    return whole and value.type.rank > 0 and all(places.scalar(v) == 0 for v in starts[dropped:])
