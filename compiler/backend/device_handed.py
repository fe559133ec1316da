"""What a loop hands through from trip to trip unchanged is not carried: it is what it was in front of the loop.

    %r = for ..., %x (%i, %a) {                       for ... (%i) {
        %s = for ..., %a (%j, %b) {                       for ... (%j) {
            %c = if %p () { ... yield %b }      =>            if %p () { ... }
                       () { yield %b }
            yield %c                                      }
        }
        yield %s                                      }
    }                                                 ... %x in place of %r

A parallel loop's number would else be taken for a sum, which each thread begins at zero. What a parallel loop writes into an
array that nobody reads afterwards is not written either: no iteration reads it, but before it writes.
"""

from __future__ import annotations

from collections.abc import Collection

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Function, Op, Value
from wengert.compiler.ir.loops import LOOPS, body_of, carried_inits, carried_params, carry_less
from wengert.compiler.ir.rewrite import Mapping, copy_block
from wengert.compiler.passes.optimise.prune import prune


def leave_handed(function: Function) -> Function:
    """The function itself where every loop changes what it carries."""
    used = {*function.results, *(v for op in function.walk() for v in op.operands)}
    used.update(v for op in function.walk() for region in op.regions for v in region.results)
    found = {op: handed for op in function.walk() if op.name in LOOPS and (handed := _handed(op, used))}
    if not found:
        return function
    mapping: Mapping = {}

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        return carry_less(builder, op, operands, found[op], mapping, replace) if op in found else None

    return prune(Function(function.name, copy_block(function.body, mapping, replace), function.written))


def _handed(loop: Op, used: Collection[Value]) -> list[int]:
    """The positions of what a loop hands through, or writes in vain."""
    return [k for k in range(len(loop.results)) if _is_handed(loop, k) or _is_vain(loop, k, used)]


def _is_vain(loop: Op, position: int, used: Collection[Value]) -> bool:
    """Whether a parallel loop only replaces elements of an array of which no result is read."""
    if not loop.attrs.get("parallel") or loop.results[position] in used or loop.results[position].type.is_scalar:
        return False
    body, param = body_of(loop), carried_params(loop)[position]
    value, reads = body.results[position], [v for op in body.walk() for v in op.operands]
    reads += [v for op in body.walk() for region in op.regions for v in region.results]
    while value is not param:
        op = value.owner
        if op is None or op.name != "update" or op not in body.ops or reads.count(value) > (value is not body.results[position]):
            return False
        value = op.operands[0]
    return True


def _is_handed(loop: Op, position: int) -> bool:
    return _is_same(body_of(loop).results[position], carried_params(loop)[position])


def _is_same(value: Value, param: Value) -> bool:
    op = value.owner
    if value is param or op is None or not op.regions:
        return value is param
    position = op.results.index(value)
    if op.name == "if":
        return all(_is_same(region.results[position], param) for region in op.regions)
    return _is_handed(op, position) and _is_same(carried_inits(op)[position], param)
