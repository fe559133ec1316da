"""Additions of all pairs without atomic operations: each element's sum is done by the threads that it belongs to.

    for i in prange(n):                      for i in prange(n): s = the sum of f(i, j) over j;  a[i] += s
        for j in range(m):             =>    for j in prange(m): s = the sum of g(i, j) over i;  b[j] += s
            a[i] += f(i, j)
            b[j] += g(i, j)

What f and g have in common is computed twice, which takes less time than to add in places that threads share, and the sums
have an order. Where m is small the loop stays as it is, for there are fewer threads than a GPU needs.
"""

from __future__ import annotations

from dataclasses import dataclass

from wengert.compiler.backend.device_again import copy_without_check
from wengert.compiler.backend.device_facts import is_plain, launched, made_by, plain_index
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value, constant_of
from wengert.compiler.ir.rewrite import Mapping, clone_value, copy_block, copy_ops

FEWEST = 256
"""Trips of the inner loop from which it is worth a loop of its own."""


@dataclass(slots=True)
class _Pairs:
    """plain, direct: what an iteration of the outer loop computes and adds beside the inner loop. own, other: the additions of
    the inner loop at the outer and at the inner loop's index."""

    plain: list[Op]
    direct: list[Op]
    inner: Op
    own: list[Op]
    other: list[Op]


def turn_additions(function: Function, always: bool = False) -> Function:
    """The function itself where there are none. always: also where the inner loop is short, for the order's sake."""
    found = {op: plan for op in launched(function.body) if op.name == "for" and (plan := _pairs(op)) is not None}
    if not found:
        return function
    mapping: Mapping = {}

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        plan = found.get(op)
        if plan is None:
            return None
        if always or not plan.other:
            return _turned(builder, op, operands, plan, mapping)
        low, high = (mapping.get(v, v) for v in plan.inner.operands[:2])
        trips = builder.emit("subtract", *((high, low) if constant_of(plan.inner.operands[2]) == 1 else (low, high)))
        then, orelse = Block(), Block()
        with builder.inside(then):
            then.results = _turned(builder, op, operands, plan, mapping)
        with builder.inside(orelse):
            again = copy_block(op.regions[0], dict(mapping))
            first, last, step, *inits = operands
            orelse.results = list(builder.for_(first, last, step, inits, again, **op.attrs).results)
        enough = builder.emit("greater_equal", trips, builder.integer(FEWEST))
        return list(builder.if_(enough, then, orelse, [v.type for v in op.results]).results)

    return Function(function.name, copy_block(function.body, mapping, replace), function.written)


def _pairs(loop: Op) -> _Pairs | None:
    if not loop.attrs["parallel"] or not loop.results or any(v.type.is_scalar for v in loop.results):
        return None
    (body,) = loop.regions
    loops = [op for op in body.ops if op.regions]
    if len(loops) != 1 or loops[0].name != "for" or any(constant_of(op.operands[2]) not in (1, -1) for op in (loop, *loops)):
        return None
    (inner,) = loops
    (region,) = inner.regions
    direct, additions = _additions(body, inner), _additions(region)
    if direct is None or not additions:
        return None
    plain = [op for op in body.ops if op is not inner and op not in direct]
    inside = [op for op in region.ops if op not in additions]
    hidden = {*body.params[1:], *region.params[1:], *inner.results, *(op.result for op in (*direct, *additions))}
    local = {v for op in plain for v in op.results if op.name != "constant"} | {body.params[0]}
    if any(not is_plain(op) or hidden & set(op.operands) for op in (*plain, *inside)) or local & set(inner.operands[:3]):
        return None
    i, j = body.params[0], region.params[0]
    of: dict[Value, set[Value]] = {i: {i}, j: {j}}
    for op in (*plain, *inside):
        of.update((v, set[Value]().union(*(of.get(v, set()) for v in op.operands))) for v in op.results)
    found = _Pairs(plain, direct, inner, [], [])
    for op in (*direct, *additions):
        index = op.operands[2:]
        uses, places = set[Value]().union(*(of.get(v, set()) for v in index)), {plain_index(v) for v in index}
        if i in places and j not in uses:
            found.own.append(op)
        elif j in places and i not in uses:
            found.other.append(op)
        else:
            return None
    found.own = [op for op in found.own if op not in direct]
    return found


def _additions(block: Block, inner: Op | None = None) -> list[Op] | None:
    """All that is done to the arrays that a loop carries, beside the loop within, where that is to add numbers to elements."""
    found: list[Op] = []
    for array, result in zip(block.params[1:], block.results, strict=True):
        chain: list[Op] = []
        while result is not array:
            op = result.owner
            if op is not None and op is inner:
                result = op.operands[3 + op.results.index(result)]
                continue
            if op is None or op not in block.ops or op.name != "accumulate" or op.operands[1].type.dtype.kind != "f":
                return None
            chain.append(op)
            result = op.operands[0]
        found += reversed(chain)
    return found


def _turned(builder: Builder, loop: Op, operands: list[Value], plan: _Pairs, mapping: Mapping) -> list[Value]:
    (body,), (region,) = loop.regions, plan.inner.regions
    arrays = dict(zip(body.params[1:], operands[3:], strict=True))
    i, j = (body.params[0], operands[:3]), (region.params[0], [mapping.get(v, v) for v in plan.inner.operands[:3]])
    work = [op for op in region.ops if op.name != "accumulate"]
    if plan.own or plan.direct:
        _sums(builder, loop, plan, (plan.own, plan.direct), (i, plan.plain), (j, work), arrays, mapping)
    if plan.other:
        _sums(builder, loop, plan, (plan.other, []), (j, []), (i, [*plan.plain, *work]), arrays, mapping)
    return [arrays[p] for p in body.params[1:]]


Axis = tuple[Value, list[Value]]
"""A loop's index and its range."""


def _sums(
    builder: Builder, loop: Op, plan: _Pairs, additions: tuple[list[Op], list[Op]], outer: tuple[Axis, list[Op]],
    inner: tuple[Axis, list[Op]], arrays: dict[Value, Value], mapping: Mapping,
) -> None:  # fmt: skip
    """One loop over an axis that adds what the sums over another come to, and (the second additions) other numbers; each axis
    with the ops to be done at each of its places. `arrays` become the loop's results."""
    summed, direct = additions
    ((index, bounds), before), ((turning, turns), each_turn) = outer, inner
    targets = list(dict.fromkeys(_array(op, plan, loop) for op in (*summed, *direct)))
    each = Block([clone_value(index), *(clone_value(t) for t in targets)])
    with builder.inside(each):
        outside = mapping | {index: each.params[0]}
        copy_ops(builder, before, outside)
        values = [outside.get(op.operands[1], op.operands[1]) for op in direct]
        if summed:
            starts = [builder.constant(0.0, op.operands[1].type.dtype) for op in summed]
            turn = Block([clone_value(turning), *(Value(s.type, "sum") for s in starts)])
            with builder.inside(turn):
                inside = outside | {turning: turn.params[0]}
                copy_ops(builder, each_turn, inside)
                for total, op in zip(turn.params[1:], summed, strict=True):
                    with builder.at(op.span, op.role):
                        turn.results.append(builder.emit("add", total, inside.get(op.operands[1], op.operands[1])))
            low, high, step = turns
            values = [*builder.for_(low, high, step, starts, turn).results, *values]
        for op in made_by([v for a in summed for v in a.operands[2:]], each_turn):
            copy_without_check(builder, op, outside)
        now = dict(zip(targets, each.params[1:], strict=True))
        for value, op in zip(values, (*summed, *direct), strict=True):
            target, place = _array(op, plan, loop), [outside.get(v, v) for v in op.operands[2:]]
            with builder.at(op.span, op.role):
                now[target] = builder.emit("accumulate", now[target], value, *place)
        each.results = list(now.values())
    low, high, step = bounds
    made = builder.for_(low, high, step, [arrays[t] for t in targets], each, **loop.attrs).results
    arrays.update(zip(targets, made, strict=True))


def _array(addition: Op, plan: _Pairs, loop: Op) -> Value:
    """The array that the outer loop carries, at the beginning of a chain of additions."""
    value = addition.operands[0]
    while value not in loop.regions[0].params:
        op = value.owner
        if op is None:  # what the inner loop carries
            value = plan.inner.operands[2 + plan.inner.regions[0].params.index(value)]
        elif op is plan.inner:
            value = op.operands[3 + op.results.index(value)]
        else:
            value = op.operands[0]
    return value
