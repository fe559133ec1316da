"""Loop-invariant code: pure ops whose operands come from outside a loop's body are done once, before the loop.

    %r = for ... (%i, %a) {                %1 = dim %x {axis = 0} : i64
        %1 = dim %x {axis = 0} : i64   =>  %r = for ... (%i, %a) {
        ...                                    ...

Checks stay (a loop of no trips must not raise), and so does what they guard. Out of branches nothing is moved.
"""

from __future__ import annotations

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.rewrite import clone_value, copy_op


def hoist(function: Function) -> Function:
    """The function itself where nothing can be moved."""
    moved: list[Op] = []
    body = _block(function.body, {}, None, moved)
    return Function(function.name, body, function.written) if moved else function


def _movable(op: Op) -> bool:
    row = REGISTRY[op.name]
    return row.is_pure and not row.guarded


def _block(block: Block, mapping: dict[Value, Value], outer: Builder | None, moved: list[Op]) -> Block:
    """A copy of `block`, inner loops first; with `outer`, what does not depend on the block is appended there."""
    new = Block([clone_value(p) for p in block.params])
    mapping.update(zip(block.params, new.params, strict=True))
    builder = Builder(new)
    for op in block.ops:
        operands = [mapping.get(v, v) for v in op.operands]
        target = builder if op.name in ("for", "while") else None
        regions = tuple(_block(region, mapping, target, moved) for region in op.regions)
        copied = copy_op(builder, op, operands, regions)
        mapping.update(zip(op.results, copied.results, strict=True))
    new.results = [mapping.get(v, v) for v in block.results]
    if outer is not None:
        moved += _lift(new, outer)
    return new


def _lift(block: Block, outer: Builder) -> list[Op]:
    """Move the ops that depend on nothing in the (newly made) block to `outer`; these ops."""
    own = set(block.params)
    kept: list[Op] = []
    moved: list[Op] = []
    for op in block.ops:
        if op.regions or not _movable(op) or any(v in own for v in op.operands):
            kept.append(op)
            own.update(op.results)
        else:
            moved.append(outer.append(op))
    block.ops = kept
    return moved
