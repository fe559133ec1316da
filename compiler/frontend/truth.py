"""What counts as true: conditions of `if`, `while`, `and`, `not`."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from wengert.compiler.frontend.merge import describe, branch
from wengert.compiler.frontend.objects import Array, Object, Scalar, Static, Tuple
from wengert.compiler.frontend.tracer import Tracer
from wengert.compiler.ir.core import Block, Value
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.types import BOOL


def truth(tracer: Tracer, item: Object, node: ast.AST | None = None) -> bool | Value:
    """A condition: a Python bool where it is known at compile time, else a scalar of type bool."""
    if isinstance(item, Static):
        return bool(item.value)
    if isinstance(item, Tuple):
        return bool(item.items)
    if isinstance(item, Array):
        tracer.refuse("truth_array", node)
    if not isinstance(item, Scalar):
        tracer.refuse("truth", node, what=describe(item))
    value = item.value
    if value.type.dtype == BOOL:
        return value
    return tracer.builder.emit("not_equal", value, tracer.constant(0, value.type.dtype))


def is_cheap(block: Block) -> bool:
    """Whether running it where it need not be run does no harm: no traps, no regions, no arrays made."""
    return all(
        REGISTRY[op.name].is_pure and all(v.type.is_scalar for v in op.results) and op.name not in ("load", "sum", "dot_general")
        for op in block.ops
    )


def combine(tracer: Tracer, nodes: Sequence[ast.expr], is_and: bool) -> Object:
    """`a and b and ...` of bools: the right side is evaluated only where it matters, or where it does no harm."""
    first = tracer.evaluate(nodes[0])
    left = truth(tracer, first, nodes[0])
    if len(nodes) == 1:
        return first
    if isinstance(left, bool):
        return combine(tracer, nodes[1:], is_and) if left == is_and else first
    if left.type.dtype != BOOL or not (isinstance(first, Scalar) and first.value.type.dtype == BOOL):
        tracer.refuse("and_or_value", nodes[0])
    block, scope, before = Block(), tracer.builder.new_scope(), tracer.state
    tracer.state = before.copy(tracer.frame.index)
    with tracer.builder.region(block, scope):
        right = combine(tracer, nodes[1:], is_and)
    if is_cheap(block) and tracer.state.frames == before.frames:
        tracer.builder.block.ops.extend(block.ops)
        for op in block.ops:
            tracer.builder.home.update(dict.fromkeys(op.results, tracer.builder.scope))
        tracer.state = before
        return _joined(tracer, left, right, is_and)
    tracer.state = before
    name = f"$value{len(tracer.names)}"

    def evaluate_right() -> None:
        tracer.bind(name, combine(tracer, nodes[1:], is_and))

    def skip() -> None:
        tracer.bind(name, Static(not is_and))

    ways = (evaluate_right, skip) if is_and else (skip, evaluate_right)
    branch(tracer, left, *ways, frozenset(tracer.names) | {name})
    return tracer.names.pop(name)


def _joined(tracer: Tracer, left: Value, right: Object, is_and: bool) -> Object:
    if isinstance(right, Static):
        if right.value is is_and:
            return Scalar(left, True)
        return right if isinstance(right.value, bool) else tracer.refuse("and_or_value")
    if not isinstance(right, Scalar) or right.value.type.dtype != BOOL:
        tracer.refuse("and_or_value")
    return Scalar(tracer.builder.emit("bitwise_and" if is_and else "bitwise_or", left, right.value), True)
