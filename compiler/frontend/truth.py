"""What counts as true: conditions of `if`, `while`, `and`, `not`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from wengert.compiler.frontend import overloads
from wengert.compiler.frontend.kinds import Mismatch, describe, join_numbers, scalar_type, to_value
from wengert.compiler.frontend.merge import meet, run_side
from wengert.compiler.frontend.objects import Array, Object, Scalar, Static, Tuple, is_list, is_maybe
from wengert.compiler.frontend.tracer import SERVICES, Tracer
from wengert.compiler.ir.core import Block, Value
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.types import BOOL


def truth(tracer: Tracer, item: Object, node: ast.AST | None = None) -> bool | Value:
    """A condition: a Python bool where it is known at compile time, else a scalar of type bool."""
    if isinstance(item, Static):
        return bool(item.value)
    if is_list(item):
        count = SERVICES["list_length"](tracer, item)
        return tracer.builder.emit("greater", tracer.index.value(count), tracer.builder.integer(0))
    if is_maybe(item):
        return _given_and_true(tracer, item, node)
    if isinstance(item, Tuple):
        for name in ("bool", "len"):
            own = overloads.special(tracer, name, item)
            if own is not None:
                return truth(tracer, own, node)
        return bool(item.items) or item.kind not in (tuple, list, dict, frozenset)
    if isinstance(item, Array):
        tracer.refuse("truth_array", node)
    if not isinstance(item, Scalar):
        tracer.refuse("truth", node, what=describe(item))
    value = item.value
    if value.type.dtype == BOOL:
        return value
    return tracer.builder.emit("not_equal", value, tracer.constant(0, value.type.dtype))


def _given_and_true(tracer: Tracer, item: Tuple, node: ast.AST | None) -> bool | Value:
    flag, inner = item.items
    whether, value = truth(tracer, flag), truth(tracer, inner, node)
    if isinstance(whether, bool) or isinstance(value, bool):
        return whether if value is True else value if whether is True else False
    return tracer.builder.emit("bitwise_and", whether, value)


def is_cheap(block: Block) -> bool:
    """Whether running it where it need not be run does no harm: no traps, no regions, no arrays made."""
    return all(
        REGISTRY[op.name].is_pure
        and all(v.type.is_scalar for v in op.results)
        and op.name not in ("load", "sum", "dot_general")
        for op in block.ops
    )


def condition_of(tracer: Tracer, node: ast.expr) -> bool | Value:
    """The truth of an expression of which nothing else is wanted, so that operands of `and`, `or` and `not` may be anything."""
    if isinstance(node, ast.BoolOp):
        return truth(tracer, combine(tracer, node.values, isinstance(node.op, ast.And), as_truth=True), node)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        made = condition_of(tracer, node.operand)
        return not made if isinstance(made, bool) else tracer.builder.emit("invert", made)
    return truth(tracer, tracer.evaluate_any(node), node)


def combine(tracer: Tracer, nodes: Sequence[ast.expr], is_and: bool, as_truth: bool = False) -> Object:
    """`a and b and ...` of bools: the right side is evaluated only where it matters, or where it does no harm."""
    if as_truth:
        left = condition_of(tracer, nodes[0])
        first: Object = Static(left) if isinstance(left, bool) else Scalar(left, True)
    else:
        first = tracer.evaluate_any(nodes[0])
        left = truth(tracer, first, nodes[0])
    if len(nodes) == 1:
        return first
    if isinstance(left, bool):
        return combine(tracer, nodes[1:], is_and, as_truth) if left == is_and else first
    if not (isinstance(first, Scalar) and first.value.type.dtype == BOOL):
        held = first.items[1] if is_maybe(first) and not is_and else first
        if scalar_type(held) is None:
            tracer.refuse("and_or_value", nodes[0])
        sides: list[Callable[[], Object]] = [lambda: combine(tracer, nodes[1:], is_and), lambda: held]
        return choose(tracer, nodes[0], left, *(sides if is_and else sides[::-1]))
    name, before = f"$value{len(tracer.names)}", tracer.state
    side = run_side(tracer, lambda: tracer.bind(name, combine(tracer, nodes[1:], is_and, as_truth)))
    right = side.state.frames[tracer.frame.index].pop(name)
    if is_cheap(side.block) and side.state.frames == before.frames:
        splice(tracer, side.block)
        return _joined(tracer, left, right, is_and)
    side.state.frames[tracer.frame.index][name] = right
    skipped = run_side(tracer, lambda: tracer.bind(name, Static(not is_and)))
    meet(tracer, left, (side, skipped) if is_and else (skipped, side), before, frozenset(tracer.names) | {name})
    return tracer.names.pop(name)


def choose(
    tracer: Tracer, node: ast.AST, condition: Value, body: Callable[[], Object], orelse: Callable[[], Object]
) -> Object:
    """The value of one of two expressions: a `where` of two numbers that cost little, else an `if`."""
    key, before = f"$value{len(tracer.names)}", tracer.state
    sides = [run_side(tracer, lambda p=p: tracer.bind(key, p())) for p in (body, orelse)]  # type: ignore[misc]
    items = [side.state.frames[tracer.frame.index][key] for side in sides]
    if all(scalar_type(i) is not None for i in items) and all(is_cheap(s.block) for s in sides):
        for side in sides:
            splice(tracer, side.block)
        try:
            dtype, weak = join_numbers(tracer, *items)
        except Mismatch:
            tracer.refuse("conditional_types", node, a=describe(items[0]), b=describe(items[1]))
        values = [to_value(tracer, i, dtype) for i in items]
        return Scalar(tracer.builder.emit("where", condition, *values), weak)
    meet(tracer, condition, (sides[0], sides[1]), before, frozenset(tracer.names) | {key})
    return tracer.names.pop(key)


def splice(tracer: Tracer, block: Block) -> None:
    """Move the ops of a block that was traced apart to where the tracer stands."""
    tracer.builder.block.ops.extend(block.ops)
    for op in block.ops:
        tracer.builder.home.update(dict.fromkeys(op.results, tracer.builder.scope))


def _joined(tracer: Tracer, left: Value, right: Object, is_and: bool) -> Object:
    if isinstance(right, Static):
        if right.value is is_and:
            return Scalar(left, True)
        return right if isinstance(right.value, bool) else tracer.refuse("and_or_value")
    if not isinstance(right, Scalar) or right.value.type.dtype != BOOL:
        tracer.refuse("and_or_value")
    return Scalar(tracer.builder.emit("bitwise_and" if is_and else "bitwise_or", left, right.value), True)
