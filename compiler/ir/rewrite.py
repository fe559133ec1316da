"""Copying functions with changes: the skeleton of most passes. Passes never change their input."""

from __future__ import annotations

from collections.abc import Callable

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value
from wengert.compiler.ir.opdef import REGISTRY

Mapping = dict[Value, Value]
Replace = Callable[[Builder, Op, list[Value]], list[Value] | None]
"""(builder, old op, its new operands) -> the values that stand for its results, or None to copy it."""


def clone_value(value: Value) -> Value:
    return Value(value.type, value.hint)


def copy_op(builder: Builder, op: Op, operands: list[Value], regions: tuple[Block, ...] = ()) -> Op:
    """The op again on new operands, types inferred anew where the operands' may have become more precise."""
    row = REGISTRY[op.name]
    if row.kind == "control" or (row.kind == "elementwise" and _same_types(op, operands)):
        types = [v.type for v in op.results]
    else:
        types = list(row.infer(operands, dict(op.attrs)))
    made = Op(op.name, tuple(operands), op.attrs, regions, (), op.span or builder.span, op.role or builder.role)
    made.results = tuple([Value(t, v.hint, made) for t, v in zip(types, op.results, strict=True)])
    return builder.append(made)


def _same_types(op: Op, operands: list[Value]) -> bool:
    """Whether the operands have the very types that they had: element-wise rows infer from nothing else."""
    for a, b in zip(op.operands, operands, strict=True):  # noqa: SIM110 (a generator is slower, and this runs for every op)
        if a.type is not b.type:
            return False
    return True


def copy_block(block: Block, mapping: Mapping, replace: Replace | None = None, params: bool = True) -> Block:
    """A copy of `block` whose free values are looked up in `mapping` (kept where absent)."""
    new = Block()
    if params:
        new.params = [clone_value(p) for p in block.params]
        mapping.update(zip(block.params, new.params, strict=True))
    builder = Builder(new)
    copy_ops(builder, block.ops, mapping, replace)
    new.results = [mapping.get(v, v) for v in block.results]
    return new


def copy_ops(builder: Builder, ops: list[Op], mapping: Mapping, replace: Replace | None = None) -> None:
    """Append copies of `ops` at the builder's place, extending `mapping`."""
    for op in ops:
        operands = [mapping.get(v, v) for v in op.operands]
        results: list[Value] | None = None
        if replace is not None:
            before = builder.span, builder.role
            builder.span, builder.role = op.span or before[0], op.role or before[1]
            results = replace(builder, op, operands)
            builder.span, builder.role = before
        if results is None:
            regions = tuple(copy_block(r, mapping, replace) for r in op.regions)
            results = list(copy_op(builder, op, operands, regions).results)
        mapping.update(zip(op.results, results, strict=True))


def rewrite(function: Function, replace: Replace | None = None) -> Function:
    """A copy of the function with `replace` asked at every op."""
    return Function(function.name, copy_block(function.body, {}, replace), function.written)
