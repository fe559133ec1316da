"""Branches that store one element or leave it are stores without a branch, where the element was just read.

    %e = load %a, %i                                  %e = load %a, %i
    %b = if %c () {                                   %v = where %c, %x, %e
        %1 = update %a, %x, %i                 =>     %b = update %a, %v, %i
        yield %1
    } () { yield %a }

That it was read shows that the place is there. A loop of such stores has no branch to guess and can be vectorised. Within
parallel loops branches stay: another trip may store to an element that this one leaves.
"""

from __future__ import annotations

from operator import is_

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value
from wengert.compiler.ir.rewrite import copy_block, copy_ops

MOST = 4
"""Ops that are done for nothing where the branch would not be taken."""
_CHEAP = frozenset({"constant", "add", "subtract", "multiply", "negative", "where"})


def select_stores(function: Function) -> Function:
    """The function itself where there is no such branch."""
    kept = _in_parallel_loops(function.body)
    if not any(op.name == "if" and op not in kept and _stored(op) for op in function.walk()):
        return function
    mapping: dict[Value, Value] = {}

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        last = _stored(op) if op.name == "if" and op not in kept else None
        return _without_branch(builder, op, last, operands[0], mapping) if last is not None else None

    return Function(function.name, copy_block(function.body, mapping, replace), function.written)


def _in_parallel_loops(block: Block, parallel: bool = False) -> set[Op]:
    found: set[Op] = set()
    for op in block.ops:
        if parallel:
            found.add(op)
        for region in op.regions:
            found |= _in_parallel_loops(region, parallel or bool(op.attrs.get("parallel")))
    return found


def _stored(op: Op) -> Op | None:
    """The update that one branch of an `if` ends with, where the other does nothing."""
    if len(op.results) != 1 or not op.result.type.is_array:
        return None
    for taken, other in (op.regions, op.regions[::-1]):
        if other.ops or not taken.ops or len(taken.ops) > MOST + 1:
            continue
        *before, last = taken.ops
        inside = {v for o in before for v in o.results}
        if (
            last.name == "update" and taken.results[0] is last.result and other.results[0] is last.operands[0]
            and all(o.name in _CHEAP and o.results[0].type.is_scalar for o in before)
            and not any(v in inside for v in last.operands[2:])
        ):  # fmt: skip
            return last
    return None


def _without_branch(
    builder: Builder, op: Op, last: Op, condition: Value, mapping: dict[Value, Value]
) -> list[Value] | None:
    array, value, *index = last.operands
    place = [mapping.get(v, v) for v in (array, *index)]
    loads = (o for o in reversed(builder.block.ops) if o.name == "load" and all(map(is_, o.operands, place)))
    old = next(loads, None)
    if old is None:
        return None
    taken = next(region for region in op.regions if region.ops)
    copy_ops(builder, taken.ops[:-1], mapping)
    new = mapping.get(value, value)
    ways = (new, old.result) if taken is op.regions[0] else (old.result, new)
    return [builder.emit("update", place[0], builder.emit("where", condition, *ways), *place[1:])]
