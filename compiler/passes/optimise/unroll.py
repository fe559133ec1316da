"""Small counted loops of known trip counts are written out, so that indices become constants and small arrays scalars.

    %r = for %0, %2, %1, %a (%i, %b) { %c = f %i, %b; yield %c }    =>    %c0 = f %0, %a; %c1 = f %1, %c0
"""

from __future__ import annotations

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value, constant_of
from wengert.compiler.ir.rewrite import copy_block, copy_ops

MOST_TRIPS, MOST_OPS = 8, 128


def _is_small(op: Op) -> bool:
    """Whether the op is a loop to write out."""
    if op.name != "for" or op.attrs["parallel"]:
        return False
    low, high, step = (constant_of(v) for v in op.operands[:3])
    if low is None or high is None or step is None:
        return False
    trips = len(range(low, high, step))
    return trips <= MOST_TRIPS and trips * sum(1 for _ in op.regions[0].walk()) <= MOST_OPS


def unroll(function: Function) -> Function:
    if not any(_is_small(op) for op in function.walk()):
        return function
    mapping: dict[Value, Value] = {}

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        if not _is_small(op):
            return None
        trips, (body,) = range(*(constant_of(v) for v in op.operands[:3])), op.regions  # type: ignore[arg-type]
        carried = operands[3:]
        for i in trips:
            carried = _inline(builder, body, [builder.integer(i), *carried], mapping)
        return carried

    def _inline(builder: Builder, body: Block, arguments: list[Value], mapping: dict[Value, Value]) -> list[Value]:
        mapping.update(zip(body.params, arguments, strict=True))
        copy_ops(builder, body.ops, mapping, replace)
        return [mapping.get(v, v) for v in body.results]

    return Function(function.name, copy_block(function.body, mapping, replace), function.written)
