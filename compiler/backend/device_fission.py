"""Library rows in parallel loops, done for all iterations at once: the loop is divided at the row.

    for %i {parallel} (%o) {                          %a = for %i {parallel} (%a0) { ... update_slice %a0, %x, %i }
        %x = ...                                      %y, %ok = inv %a                   all matrices in one call
        %y, %ok = inv %x                       =>     for %i {parallel} (%o) {
        %o2 = update_slice %o, %y, %i                     %yi = slice %y, %i
                                                          %o2 = update_slice %o, %yi, %i

What is computed before the row is computed again after it where it is needed there; it finds arrays that the loop writes as they
were before the loop, since no iteration reads what another writes. Rows within loops or branches of an iteration, and rows of
what their own iteration has written, cannot be divided off; they are refused, as no kernel calls a library.
"""

from __future__ import annotations

from wengert.compiler.backend.device_ops import ON_DEVICE
from wengert.compiler.diag.errors import UnsupportedError
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value, constant_of
from wengert.compiler.ir.opdef import REGISTRY, extent_of
from wengert.compiler.ir.rewrite import Mapping, clone_value, copy_block, copy_ops


def divide_at_libraries(function: Function) -> Function:
    """Raises UnsupportedError, with the line, for a library row that is left within a parallel loop."""
    if not any(_has_library(op) for op in function.body.walk() if op.name == "for" and op.attrs["parallel"]):
        return function
    outer: Mapping = {}

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        return _divide(builder, op, operands, outer)

    return Function(function.name, copy_block(function.body, outer, replace), function.written)


def _has_library(op: Op) -> bool:
    return any(REGISTRY[o.name].kind == "library" for region in op.regions for o in region.walk())


def _divide(builder: Builder, op: Op, operands: list[Value], outer: Mapping) -> list[Value] | None:
    """The loop in two, or None where nothing in it is to be divided off. outer: what stands for the values around it."""
    if op.name != "for" or not op.attrs["parallel"] or not _has_library(op):
        return None
    (body,) = op.regions
    place = next((k for k, o in enumerate(body.ops) if REGISTRY[o.name].kind == "library"), None)
    if place is None:
        inner = next(o for o in body.walk() if REGISTRY[o.name].kind == "library")
        raise _refusal(inner, "within a loop or branch of an iteration")
    row = body.ops[place]
    if row.name not in ON_DEVICE:
        raise _refusal(row, "in a loop that runs on the device")
    if constant_of(op.operands[2]) != 1:
        raise _refusal(row, "in a parallel loop with a step")
    before = _needed(row, body, place)
    low, high = operands[:2]
    zero, one = builder.integer(0), builder.integer(1)
    count = builder.emit("maximum", builder.emit("subtract", high, low), zero)
    carried = dict(zip(body.params[1:], operands[3:], strict=True))
    front = _Front(builder, op, outer | carried, (low, high, one), count)
    stacked = [front.stacked(v, before) if v.type.is_array else front.number(v) for v in row.operands]
    made = builder.op(row.name, stacked, hint=[v.hint for v in row.results], **row.attrs)
    made.span = row.span

    rest = Block([clone_value(p) for p in body.params])
    mapping = outer | dict(zip(body.params, rest.params, strict=True))
    inside = Builder(rest, row.span, row.role)
    copy_ops(inside, body.ops[:place], mapping)
    lane = inside.emit("subtract", rest.params[0], low)
    for old, new in zip(row.results[:-1], made.results, strict=False):
        mapping[old] = _element(inside, new, lane, old)
    mapping[row.results[-1]] = made.results[-1]
    copy_ops(inside, body.ops[place + 1 :], mapping)
    rest.results = [mapping.get(v, v) for v in body.results]
    divided = builder.for_(low, high, one, operands[3:], rest, **op.attrs)
    divided.span = op.span
    again = _divide(builder, divided, list(divided.operands), {})
    if again is None:
        return list(divided.results)
    builder.block.ops.remove(divided)
    return again


def _refusal(row: Op, where: str) -> UnsupportedError:
    return UnsupportedError(
        f"`{row.name}` {where} is computed by NumPy's library and cannot run on a device",
        row.span,
        "compute it outside of the loop for a whole stack of matrices, or leave this function on the CPU",
    )


def _needed(row: Op, body: Block, place: int) -> list[Op]:
    """The ops of the body that the row's operands are made by."""
    wanted, found, carried, inside = set(row.operands), list[Op](), set(body.params[1:]), set[Value]()
    for op in reversed(body.ops[:place]):
        if wanted.isdisjoint(op.results):
            continue
        found.insert(0, op)
        if op.name not in _READS and not carried.isdisjoint(op.operands):
            raise _refusal(row, "of what its loop writes")
        wanted.update(op.operands)
        for region in op.regions:
            for inner in region.walk():
                inside.update(inner.operands)
            inside.update(region.results)
        wanted |= inside
    if carried & (set(row.operands) | {v for v in wanted if v.type.is_scalar} | inside):
        raise _refusal(row, "of what its loop writes")
    return found


_READS = frozenset({"load", "slice", "dim"})


def _element(builder: Builder, stack: Value, lane: Value, old: Value) -> Value:
    if old.type.is_scalar:
        return builder.emit("load", stack, lane, hint=old.hint)
    rank = stack.type.rank
    zero, one = builder.integer(0), builder.integer(1)
    starts, sizes = [lane, *[zero] * (rank - 1)], [one, *(builder.extent(stack, k) for k in range(1, rank))]
    return builder.emit("slice", stack, *starts, *sizes, steps=(1,) * rank, drop=(0,), hint=old.hint)


class _Front:
    """What is computed in front of a loop."""

    def __init__(self, builder: Builder, loop: Op, outer: Mapping, bounds: tuple[Value, Value, Value], count: Value):
        self.builder, self.loop, self.outer, self.bounds, self.count = builder, loop, outer, bounds, count
        (self.body,) = loop.regions

    def stacked(self, v: Value, before: list[Op]) -> Value:
        """An array of each iteration, along a new first axis."""
        builder, rank = self.builder, v.type.rank
        extents = [self.count, *(self.extent(v, k) for k in range(rank))]
        if v.owner not in before:  # the same in every iteration
            return builder.broadcast(self.outer.get(v, v), extents, tuple(range(1, rank + 1)))
        start = builder.broadcast(builder.constant(0, v.type.dtype), extents, ())
        body = Block([clone_value(self.body.params[0]), Value(start.type, v.hint)])
        inner = Builder(body, v.owner.span)
        mapping = self.outer | {self.body.params[0]: body.params[0]}
        copy_ops(inner, before, mapping)
        lane = inner.emit("subtract", body.params[0], self.bounds[0])
        starts = [lane, *[inner.integer(0)] * rank]
        body.results = [inner.emit("update_slice", body.params[1], mapping[v], *starts, steps=(1,) * (rank + 1), drop=(0,))]
        return builder.for_(*self.bounds, [start], body, parallel=True).result

    def extent(self, v: Value, axis: int) -> Value:
        known, found = v.type.shape[axis], extent_of(v, axis)
        if known is not None:
            return self.builder.integer(known)
        if isinstance(found, tuple):
            return self.extent(*found)
        if found is not None:
            return self.number(found)
        if v is self.body.params[0] or v.owner in self.body.ops:
            raise _refusal(v.owner or self.loop, "of arrays whose extents are known only in the loop")
        return self.builder.extent(self.outer.get(v, v), axis)

    def number(self, v: Value) -> Value:
        op = v.owner
        if v in self.body.params:
            raise _refusal(self.loop, "of arrays whose extents differ between iterations")
        if op is None or op not in self.body.ops:
            return self.outer.get(v, v)
        if op.name == "dim":
            return self.extent(op.operands[0], op.attrs["axis"])
        if op.regions or any(o.type.is_array for o in op.operands):
            raise _refusal(op, "of arrays whose extents are known only in the loop")
        return self.builder.emit(op.name, *(self.number(o) for o in op.operands), **op.attrs)
