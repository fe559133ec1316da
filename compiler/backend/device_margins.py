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
from wengert.compiler.backend.places import Places
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Function, Op, Value
from wengert.compiler.ir.loops import carry_less
from wengert.compiler.ir.rewrite import Mapping, copy_block


def leave_margins(function: Function) -> Function:
    """The function itself where no loop carries one."""
    uses = Counter[Value](function.results)
    for op in function.walk():
        uses.update(op.operands)
        for region in op.regions:
            uses.update(region.results)
    places = Places(function)
    found = {
        op: margins
        for op in launched(function.body)
        if op.name == "for" and (margins := [k for k, v in enumerate(op.results) if _is_margin(op, k, v, uses, places)])
    }
    if not found:
        return function
    mapping: Mapping = {}

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        return carry_less(builder, op, operands, found[op], mapping, replace) if op in found else None

    return Function(function.name, copy_block(function.body, mapping, replace), function.written)


def _is_margin(loop: Op, position: int, result: Value, uses: Counter[Value], places: Places) -> bool:
    (body,) = loop.regions
    carried, update = body.params[1 + position], body.results[position].owner
    if uses[result] or loop.attrs["parallel"] or not is_fill(loop.operands[3 + position]) or uses[carried] != 1:
        return False
    if update is None or update not in body.ops or update.name != "update_slice" or update.operands[0] is not carried:
        return False
    inside = {*body.params, *(v for op in body.ops if op.name != "constant" for v in op.results)}
    extents = [n[0] if isinstance(n, tuple) else n for n in places.shape(update.operands[1])]
    return not any(v in inside for v in (*update.operands[2:], *extents))
