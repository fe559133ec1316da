"""Elements of a tape of many axes are computed again where they are read, if they are made of arrays of fewer axes.

    %t = for %i {parallel} (%t0) {                        ...
        for %j { update %t0, f(x[i], x[j]), %i, %j }   =>
    }
    ... load %t, %a, %b ...                               ... f(x[a], x[b]) ...

A tape of all pairs is as many times larger than the arrays as there are elements, and to write and read it takes longer
than to compute its elements. Checks that were in the loop come in front, where they are the same in every trip.
"""

from __future__ import annotations

from dataclasses import dataclass

from wengert.compiler.backend.device_facts import is_plain, made_by, plain_index
from wengert.compiler.backend.device_fusion import AGAIN
from wengert.compiler.backend.fuse import is_undefined, op_cost
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value, constant_of
from wengert.compiler.ir.opdef import row_of
from wengert.compiler.ir.rewrite import Mapping, copy_block, copy_op
from wengert.compiler.passes.optimise.prune import prune
from wengert.compiler.passes.optimise.share import share


@dataclass(slots=True)
class _Tape:
    """places: the loop's index of each axis. ops: what an element is made by, `value` at the end."""

    places: list[Value]
    ops: list[Op]
    value: Value


def compute_again(function: Function) -> Function:
    """The function itself where there is no such tape."""
    found = {array: tape for op in function.body.ops for array in op.results if (tape := _tape(function, op, array)) is not None}
    if not found:
        return function
    mapping: Mapping = {}

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        tape = found.get(op.operands[0]) if op.name == "load" else None
        if tape is None:
            return None
        inside = mapping | dict(zip(tape.places, operands[1:], strict=True))
        for o in tape.ops:
            copy_without_check(builder, o, inside)
        return [inside[tape.value]]

    pruned = prune(Function(function.name, copy_block(function.body, mapping, replace), function.written))
    made = _with_checks_in_front(pruned)
    return function if made is None else share(made)


def copy_without_check(builder: Builder, op: Op, mapping: Mapping) -> None:
    """A copy of a plain op where its index is known to be good."""
    operands = [mapping.get(v, v) for v in op.operands]
    if op.name == "index":
        mapping[op.result] = builder.emit("wrap_index", *operands, **op.attrs)
    else:
        mapping.update(zip(op.results, copy_op(builder, op, operands).results, strict=True))


def _tape(function: Function, loop: Op, array: Value) -> _Tape | None:
    if loop.name != "for" or not loop.attrs["parallel"] or array.type.rank < 2:
        return None
    position = loop.results.index(array)
    if not is_undefined(loop.operands[3 + position]) or not _is_only_loaded(function, array):
        return None
    inside, trips, made = set[Value](), list[Value](), list[Op]()
    while True:
        (region,) = loop.regions
        carried, result, op = region.params[1 + position], region.results[position], region.results[position].owner
        inside.update(region.params)
        trips.append(region.params[0])
        made += region.ops
        if op is None or op not in region.ops or sum(o.operands.count(carried) for o in region.walk()) != 1:
            return None
        if op.name != "for":
            break
        position = op.results.index(result)
        loop = op
    if op.name != "update" or op.operands[0] is not carried:
        return None
    places = [plain_index(v) for v in op.operands[2:]]
    if sorted(map(id, places)) != sorted(map(id, trips)):
        return None
    ops = made_by([op.operands[1]], made)
    return _Tape(places, ops, op.operands[1]) if ops and _pays(function, ops, trips, inside) else None


def _is_only_loaded(function: Function, array: Value) -> bool:
    uses = [(op, k) for op in function.walk() for k, v in enumerate(op.operands) if v is array]
    kept = array in function.results or any(array in r.results for op in function.walk() for r in op.regions)
    return not kept and all(op.name == "load" and k == 0 for op, k in uses)


def _pays(function: Function, ops: list[Op], trips: list[Value], inside: set[Value]) -> bool:
    """Whether the ops are cheap, depend on nothing but the indices, and load from fewer places than there are elements."""
    depends: dict[Value, set[Value]] = {v: {v} for v in trips}
    for op in ops:
        if not is_plain(op) or (inside - set(trips)) & set(op.operands):
            return False
        of = set[Value]().union(*(depends.get(v, set()) for v in op.operands))
        depends.update((v, of) for v in op.results)
        if op.name == "load" and (len(of) >= len(trips) or _is_written(function, op.operands[0])):
            return False
    return sum(op_cost(op) for op in ops) <= AGAIN


def _is_written(function: Function, array: Value) -> bool:
    """Whether something wants to write over the array: it would have to be kept."""
    return any(
        array in (op.operands if op.name in ("for", "while") else op.operands[:1] if row_of(op).kind == "update" else ())
        for op in function.walk()
    )


# -- what is left of loops that only check


def _with_checks_in_front(function: Function) -> Function | None:
    """Loops without results become their checks, once; None where those differ from trip to trip."""
    empty = [op for op in function.body.ops if op.name == "for" and not op.results]
    plans = {op: _checks(op) for op in empty}
    if any(plan is None for plan in plans.values()):
        return None

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        if op not in plans:
            return None
        loops, checks = plans[op] or ([], [])
        some: Value | None = None
        for loop in loops:
            low, high, step = loop.operands[:3]
            forwards = constant_of(step) == 1
            trips = builder.emit("less", *(mapping.get(v, v) for v in ((low, high) if forwards else (high, low))))
            some = trips if some is None else builder.emit("bitwise_and", some, trips)
        then = Block()
        with builder.inside(then):
            for o in checks:
                mapping.update(zip(o.results, copy_op(builder, o, [mapping.get(v, v) for v in o.operands]).results, strict=True))
        assert some is not None
        builder.if_(some, then, Block(), [])
        return []

    mapping: Mapping = {}
    return Function(function.name, copy_block(function.body, mapping, replace), function.written)


def _checks(loop: Op) -> tuple[list[Op], list[Op]] | None:
    """(the loops of the nest, the ops within), where they are checks that depend on nothing inside."""
    loops, found, inside = [loop], list[Op](), set[Value]()
    while loops[-1] is loop or loop.regions:
        (region,) = loop.regions
        inside.update(region.params)
        nested = [op for op in region.ops if op.regions]
        for op in region.ops:
            if op not in nested and (not is_plain(op) or inside & set(op.operands)):
                return None
        found += [op for op in region.ops if op not in nested]
        if not nested:
            break
        (loop, *more) = nested
        if more or loop.name != "for" or loop.results:
            return None
        loops.append(loop)
    bounds_inside = {v for op in loops for v in op.operands[:3]} & (inside | {v for op in found for v in op.results})
    steps = all(constant_of(op.operands[2]) in (1, -1) for op in loops)
    return None if bounds_inside or not steps else (loops, found)
