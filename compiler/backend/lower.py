"""Composite rows are written out, so that what is left has an LLVM instruction, a call or a form of its own.

    %2 = maximum %0, %1 : f64        =>    %3 = less ...; %4 = where ...

Rows that have an instruction or call for the operands' kind of dtype stay.
"""

from __future__ import annotations

from wengert.compiler.ir.builder import Builder, Sym
from wengert.compiler.ir.core import Block, Function, Op, Value
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.rewrite import copy_ops, rewrite
from wengert.compiler.ops.contraction import free_axes
from wengert.compiler.passes.optimise.extents import resolve_extents


def lower(function: Function) -> Function:
    """The function in terms of what the emitter knows."""
    return resolve_extents(rewrite(function, _expand))


def _expand(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
    row = REGISTRY[op.name]
    if op.name == "dot_general" and not op.attrs["contract"][0] and all(v.type.is_array for v in operands):
        return [_outer_product(builder, op, operands)]
    if row.expand is None or _is_native(op):
        return None
    scratch = Block()
    made = row.expand(*(Sym(Builder(scratch), v) for v in operands)).value
    mapping: dict[Value, Value] = {}
    copy_ops(builder, scratch.ops, mapping, _expand)  # rules may use composite rows themselves
    return [mapping.get(made, made)]


def _is_native(op: Op) -> bool:
    row, kind = REGISTRY[op.name], op.operands[0].type.dtype.kind
    if row.instruction is not None and (kind in row.instruction or (kind == "c" and "f" in row.instruction)):
        return True
    return row.call is not None and kind == "f"


def _outer_product(builder: Builder, op: Op, operands: list[Value]) -> Value:
    """A product that sums over nothing is element-wise, and so is fused with what reads it."""
    a, b = operands
    ba, bb = op.attrs["batch"]
    fa, fb = free_axes(a.type.rank, (), ba), free_axes(b.type.rank, (), bb)
    extents = [builder.extent(a, k) for k in (*ba, *fa)] + [builder.extent(b, k) for k in fb]
    places = [*ba, *fa], [*bb, *fb]
    spread = []
    for v, order, first in ((a, places[0], 0), (b, places[1], len(fa))):
        if list(order) != sorted(order):
            v = builder.emit("transpose", v, axes=tuple(order))
        axes = tuple(k if k < len(ba) else k + first for k in range(v.type.rank))
        spread.append(builder.broadcast(v, extents, axes))
    return builder.emit("multiply", *spread)
