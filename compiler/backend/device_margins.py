"""What an array carried through a loop keeps around a region that each trip writes anew is the same in every trip.

    for ..., %p0 (%k, %a, %p) {                       for ... (%k, %a) {
        %p1 = update_slice %p, %v, #2          =>         %p1 = update_slice %p0, %v, #2
        yield ..., %p1                                    yield ...

A margin of zeros (`optimise/gather.py`) saves a loop on a CPU from writing it in each trip; a kernel that computes the region's
elements where they are read needs no array for it.
"""

from __future__ import annotations

from collections import Counter

from wengert.compiler.backend.device_facts import launched
from wengert.compiler.backend.fuse import is_fill
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value
from wengert.compiler.ir.opdef import extent_of
from wengert.compiler.ir.rewrite import Mapping, copy_block


def leave_margins(function: Function) -> Function:
    """The function itself where no loop carries one."""
    uses = Counter[Value](function.results)
    for op in function.walk():
        uses.update(op.operands)
        for region in op.regions:
            uses.update(region.results)
    found = {
        op: margins
        for op in launched(function.body)
        if op.name == "for" and (margins := [k for k, v in enumerate(op.results) if _is_margin(op, k, v, uses)])
    }
    if not found:
        return function
    mapping: Mapping = {}

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        margins = found.get(op)
        if margins is None:
            return None
        (old,) = op.regions
        kept = [k for k in range(len(op.results)) if k not in margins]
        mapping.update((old.params[1 + k], operands[3 + k]) for k in margins)
        trimmed = Block([old.params[0], *(old.params[1 + k] for k in kept)], old.ops, [old.results[k] for k in kept])
        body = copy_block(trimmed, mapping, replace)
        low, high, step = operands[:3]
        made = iter(builder.for_(low, high, step, [operands[3 + k] for k in kept], body, **op.attrs).results)
        return [operands[3 + k] if k in margins else next(made) for k in range(len(op.results))]

    return Function(function.name, copy_block(function.body, mapping, replace), function.written)


def _is_margin(loop: Op, position: int, result: Value, uses: Counter[Value]) -> bool:
    (body,) = loop.regions
    carried, update = body.params[1 + position], body.results[position].owner
    if uses[result] or loop.attrs["parallel"] or not is_fill(loop.operands[3 + position]) or uses[carried] != 1:
        return False
    if update is None or update not in body.ops or update.name != "update_slice" or update.operands[0] is not carried:
        return False
    inside = {*body.params, *(v for op in body.ops if op.name != "constant" for v in op.results)}
    extents = [n for k in range(update.operands[1].type.rank) if (n := _extent(update.operands[1], k)) is not None]
    return not any(v in inside for v in (*update.operands[2:], *extents))


def _extent(array: Value, axis: int) -> Value | None:
    """The value an extent is known by: an array where it is that array's own, None where it is a number."""
    if array.type.shape[axis] is not None:
        return None
    found = extent_of(array, axis)
    if isinstance(found, tuple):
        return array if found == (array, axis) else _extent(*found)
    return array if found is None else found
