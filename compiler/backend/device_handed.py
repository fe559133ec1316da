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
from wengert.compiler.ir.core import Block, Function, Op, Value
from wengert.compiler.ir.rewrite import Mapping, copy_block

_FIRST = {"for": 3, "while": 0}
"""The first operand that is carried, by the kind of loop."""


def leave_handed(function: Function) -> Function:
    """The function itself where every loop changes what it carries."""
    found = {op: kept for op in function.walk() if op.name in _FIRST and len(kept := _changed(op)) < len(op.results)}
    if not found:
        return function
    mapping: Mapping = {}

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        kept = found.get(op)
        if kept is None:
            return None
        first, regions = _FIRST[op.name], list[Block]()
        for region in op.regions:
            ahead = len(region.params) - len(op.results)
            mapping.update((region.params[ahead + k], operands[first + k]) for k in range(len(op.results)) if k not in kept)
            carries = region is op.regions[-1]  # else it is a condition
            results = [region.results[k] for k in kept] if carries else region.results
            params = [*region.params[:ahead], *(region.params[ahead + k] for k in kept)]
            regions.append(copy_block(Block(params, region.ops, results), mapping, replace))
        new = [*operands[:first], *(operands[first + k] for k in kept)]
        old = [op.results[k] for k in kept]
        made = iter(builder.op(op.name, new, regions, [v.hint for v in old], [v.type for v in old], **op.attrs).results)
        return [next(made) if k in kept else operands[first + k] for k in range(len(op.results))]

    return Function(function.name, copy_block(function.body, mapping, replace), function.written)


def _changed(loop: Op) -> list[int]:
    """The positions of what a loop may change."""
    return [k for k in range(len(loop.results)) if not _is_handed(loop, k)]


def _is_handed(loop: Op, position: int) -> bool:
    body = loop.regions[-1]
    return _is_same(body.results[position], body.params[len(body.params) - len(loop.results) + position])


def _is_same(value: Value, param: Value) -> bool:
    op = value.owner
    if value is param or op is None or not op.regions:
        return value is param
    position = op.results.index(value)
    if op.name == "if":
        return all(_is_same(region.results[position], param) for region in op.regions)
    return _is_handed(op, position) and _is_same(op.operands[_FIRST[op.name] + position], param)
