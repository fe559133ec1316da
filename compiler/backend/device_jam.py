"""Several trips of a thread's loop at a time, their inner loops as one: what does not depend on the trip is loaded once.

    for k in range(n):                for k in range(0, n, 8):
        s = 0.0                           s0, ..., s7 = 0.0, ..., 0.0
        for j in range(m):     =>         for j in range(m):
            s += f(x[i, j], k)                x = x[i, j]; s0 += f(x, k); ...; s7 += f(x, k + 7)
        y[k] = s                          y[k] = s0; ...; y[k + 7] = s7

Threads that each walk along a row of their own load from as many places as there are threads, which takes as long as
all else in such a loop. No sum is done in another order.
"""

from __future__ import annotations

from dataclasses import dataclass

from wengert.compiler.backend.device_facts import apart, is_plain
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value, constant_of, free_values
from wengert.compiler.ir.rewrite import Mapping, clone_value, copy_block, copy_ops
from wengert.compiler.passes.optimise.share import share

SHIFTS = ((3, 14), (2, 40))
"""(log2 of the trips together, operations of the inner loop up to which they are so many)."""
MOST_AFTER = 60
"""Operations of a trip beside the inner loop."""


@dataclass(slots=True)
class _Jam:
    """The loop's ops: what the inner loop needs, the inner loop, the others."""

    before: list[Op]
    inner: Op
    after: list[Op]
    shift: int


def jam(function: Function) -> Function:
    """An iteration of a kernel; the function itself where no loop is of that form."""
    found = {op: plan for op in function.walk() if op.name == "for" and (plan := _plan(op)) is not None}
    if not found:
        return function
    mapping: Mapping = {}

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        plan = found.get(op)
        return None if plan is None else _write(builder, op, operands, plan, mapping)

    return share(Function(function.name, copy_block(function.body, mapping, replace), function.written))


def _plan(loop: Op) -> _Jam | None:
    (body,) = loop.regions
    nested = [op for op in body.ops if op.regions]
    if loop.attrs["parallel"] or len(nested) != 1 or constant_of(loop.operands[2]) not in (1, -1):
        return None
    (inner,) = nested
    if inner.name != "for" or constant_of(inner.operands[2]) not in (1, -1) or not inner.results:
        return None
    if any(v.type.is_array for v in inner.results) or not all(is_plain(op) for op in inner.regions[0].ops):
        return None
    before = _needed(body, inner)
    if before is None:
        return None
    after = [op for op in body.ops if op is not inner and op not in before]
    size = sum(op.name != "constant" for op in inner.regions[0].ops)
    shift = next((shift for shift, most in SHIFTS if size <= most), None)
    if shift is None or len(before) + len(after) > MOST_AFTER or not _shares_a_load(body, before, inner):
        return None
    return _Jam(before, inner, after, shift)


def _needed(body: Block, inner: Op) -> list[Op] | None:
    """The ops of a trip that the inner loop needs; None where it needs what the loop carries."""
    wanted, found = {*free_values(inner.regions[0]), *inner.operands}, list[Op]()
    for op in reversed(body.ops[: body.ops.index(inner)]):
        if wanted.isdisjoint(op.results):
            continue
        if not is_plain(op):
            return None
        wanted.update(op.operands)
        found.insert(0, op)
    bounds = {*inner.operands[:3]}
    own = {body.params[0], *(v for op in found for v in op.results if op.name != "constant")}
    return None if wanted & set(body.params[1:]) or bounds & own else found


def _shares_a_load(body: Block, before: list[Op], inner: Op) -> bool:
    """Whether the inner loop loads what is the same in all trips of the loop around it."""
    own = {body.params[0]}
    for op in (*before, *inner.regions[0].ops):
        if own & set(op.operands):
            own |= set(op.results)
    trip = inner.regions[0].params[0]
    return any(op.name == "load" and not own & set(op.operands) and _depends(op, trip, inner) for op in inner.regions[0].ops)


def _depends(op: Op, trip: Value, inner: Op) -> bool:
    """Otherwise it is the same in all trips of the inner loop, too, and is loaded in front of it."""
    found = {trip}
    for o in inner.regions[0].ops:
        if found & set(o.operands):
            found |= set(o.results)
    return bool(found & set(op.operands))


def _write(builder: Builder, loop: Op, operands: list[Value], plan: _Jam, outer: Mapping) -> list[Value]:
    low, high, step, *inits = operands
    emit, (body,) = builder.emit, loop.regions
    forwards, count = constant_of(loop.operands[2]) == 1, 1 << plan.shift
    trips = emit("subtract", high, low) if forwards else emit("subtract", low, high)
    zero = builder.integer(0)
    trips = emit("where", emit("greater", trips, zero), trips, zero)
    shift, one = builder.integer(plan.shift), builder.integer(1)
    blocks = emit("right_shift", trips, shift)
    done = emit("left_shift", blocks, shift)
    middle = emit("add" if forwards else "subtract", low, done)

    together = Block([Value(low.type, "block"), *map(clone_value, body.params[1:])])
    with builder.inside(together):
        at = emit("left_shift", together.params[0], shift)
        first = emit("add" if forwards else "subtract", low, at)
        each = [first, *(emit("add", first, builder.integer(u if forwards else -u)) for u in range(1, count))]
        mappings = [outer | {body.params[0]: k} for k in each]
        for mapping in mappings:
            copy_ops(builder, plan.before, mapping)
        _inner(builder, plan.inner, mappings)
        carried: list[Value] = list(together.params[1:])
        for mapping in mappings:
            mapping.update(zip(body.params[1:], carried, strict=True))
            copy_ops(builder, plan.after, mapping)
            carried = [mapping.get(v, v) for v in body.results]
        together.results = carried
    made = builder.for_(zero, blocks, one, inits, together).results

    rest = Block(list(map(clone_value, body.params)))
    with builder.inside(rest):
        mapping = outer | dict(zip(body.params, rest.params, strict=True))
        copy_ops(builder, body.ops, mapping)
        rest.results = [mapping.get(v, v) for v in body.results]
    return list(builder.for_(middle, high, step, made, rest, **loop.attrs).results)


def _inner(builder: Builder, inner: Op, mappings: list[Mapping]) -> None:
    """The inner loops of all trips as one; what they result in goes into `mappings`."""
    (region,), count = inner.regions, len(inner.results)
    low, high, step = (mappings[0].get(v, v) for v in inner.operands[:3])
    inits = [m.get(v, v) for m in mappings for v in inner.operands[3:]]
    steady, changing = apart(region)
    each = Block([clone_value(region.params[0]), *(clone_value(p) for _ in mappings for p in region.params[1:])])
    some, none = Block(), Block(results=inits)
    with builder.inside(some):
        own = [dict(mapping) for mapping in mappings]
        for mapping in own:
            copy_ops(builder, steady, mapping)
        with builder.inside(each):
            for u, mapping in enumerate(own):
                carried = each.params[1 + u * count : 1 + (u + 1) * count]
                mapping.update(zip(region.params, [each.params[0], *carried], strict=True))
                copy_ops(builder, changing, mapping)
                each.results += [mapping.get(v, v) for v in region.results]
        some.results = list(builder.for_(low, high, step, inits, each, **inner.attrs).results)
    forwards = constant_of(inner.operands[2]) == 1
    any_trip = builder.emit("less", *((low, high) if forwards else (high, low)))
    made = builder.if_(any_trip, some, none, [v.type for v in inits]).results
    for u, mapping in enumerate(mappings):
        mapping.update(zip(inner.results, made[u * count : (u + 1) * count], strict=True))
