"""What a loop hands through from trip to trip unchanged is not carried: it is what it was in front of the loop.

    %r = for ..., %x (%i, %a) {                       for ... (%i) {
        %s = for ..., %a (%j, %b) {                       for ... (%j) {
            %c = if %p () { ... yield %b }      =>            if %p () { ... }
                       () { yield %b }
            yield %c                                      }
        }
        yield %s                                      }
    }                                                 ... %x in place of %r

A parallel loop's number would else be taken for a sum, which each thread begins at zero.
"""

from __future__ import annotations

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Function, Op, Value
from wengert.compiler.ir.loops import LOOPS, body_of, carried_inits, carried_params, carry_less
from wengert.compiler.ir.rewrite import Mapping, copy_block


def leave_handed(function: Function) -> Function:
    """The function itself where every loop changes what it carries."""
    found = {op: handed for op in function.walk() if op.name in LOOPS and (handed := _handed(op))}
    if not found:
        return function
    mapping: Mapping = {}

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        return carry_less(builder, op, operands, found[op], mapping, replace) if op in found else None

    return Function(function.name, copy_block(function.body, mapping, replace), function.written)


def _handed(loop: Op) -> list[int]:
    """The positions of what a loop hands through."""
    return [k for k in range(len(loop.results)) if _is_handed(loop, k)]


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
