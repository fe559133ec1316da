"""`update`, `accumulate`, their slices, `grow` and `pack`: stores into the buffer that the plan gives the result."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from wengert.compiler.backend.emit.across import crossed_axis
from wengert.compiler.backend.emit.host import EMIT, HostEmitter
from wengert.compiler.backend.emit.nest import (
    Elements,
    FlatElements,
    Nest,
    Part,
    address,
    body_of,
    combine_elements,
    fill_body,
    fill_part,
    flat_body,
    is_flat,
    load,
    store,
)
from wengert.compiler.backend.emit.scope import Buffer, Scope
from wengert.compiler.backend.emit.text import memory_type
from wengert.compiler.backend.fuse import is_undefined
from wengert.compiler.backend.joined import REDUCTIONS
from wengert.compiler.ir.core import Op, Value
from wengert.compiler.ir.opdef import REGISTRY


def _target_buffer(host: HostEmitter, op: Op, overwritten: bool = False) -> Buffer:
    """The result's buffer, holding operand 0's elements (unless all are going to be overwritten)."""
    if op.operands[0] not in host.plan.stored:  # a fill
        made = host.allocate(op.result)
        if not overwritten and not is_undefined(op.operands[0]):
            if made.strides is None:
                host.run_map((host.scope.index.product(made.extents),), flat_body(made, op.operands[0]))
            else:
                host.run_map(made.extents, fill_body(made, op.operands[0]))
        return made
    base = host.scope.buffer(op.operands[0])
    if (op, 0) in host.plan.taken:
        return base
    made = host.allocate_for(host.plan.storage[op.result].find(), op.result, base.extents)
    if not overwritten:
        host.copy(base, made)
    return made


def _element(host: HostEmitter, op: Op) -> None:
    _, value, *index = op.operands
    buffer = _target_buffer(host, op)
    where = address(host.scope, buffer, [host.scope.scalar(i) for i in index])
    _put(host.scope, buffer, where, host.scope.scalar(value), op.name == "accumulate")
    host.scope.buffers[op.result] = buffer


def _put(scope: Scope, buffer: Buffer, where: str, element: str, accumulate: bool) -> None:
    if accumulate:
        if scope.dialect.atomic_add(scope.text, buffer.dtype, buffer.pointer, where, element):
            return
        element = combine_elements(scope, "add", buffer.dtype, load(scope, buffer, where), element)
    store(scope, buffer, where, element)


def _slice(host: HostEmitter, op: Op) -> None:
    """Writes a region; where the value reads other elements of the same buffer, it is computed to a temporary first."""
    value = op.operands[1]
    if host.plan.within.get(value) is op:
        host.scope.buffers[op.result] = host.scope.buffer(op.operands[0])
        return
    buffer = _target_buffer(host, op, op.name != "accumulate_slice" and _covers(host, op))
    extents = host.scope.extents(value)
    source = _temporary(host, value, extents) if op in host.plan.through_temporary else None
    across = crossed_axis(host.scope, value) if source is None else None
    host.run_map(extents, body_of([region_part(op, buffer, source)]), host.weight(value), across)
    if source is not None and source.pointer not in host.stack.values() and not value.type.is_static:
        host.target.free(host, source.pointer)
    host.scope.buffers[op.result] = buffer


def region_part(op: Op, buffer: Buffer, source: Buffer | None = None) -> Part:
    """Writes an element of the region; it is read from `source` where that is given."""
    _, value, *starts = op.operands
    steps, drop = op.attrs["steps"], op.attrs["drop"]

    def part(scope: Scope, index: list[str], elements: Elements) -> None:
        e, rest = scope.index, iter(index)
        place = [
            scope.scalar(start) if k in drop else e.add(scope.scalar(start), e.scale(next(rest), step))
            for k, (start, step) in enumerate(zip(starts, steps, strict=True))
        ]
        if source is None:
            element = elements.at(value, index)
        else:
            own = scope.outer_buffer(source)
            element = load(scope, own, address(scope, own, index))
        target = scope.outer_buffer(buffer)
        _put(scope, target, address(scope, target, place), element, op.name == "accumulate_slice")

    return part


def _joined(host: HostEmitter, op: Op) -> None:
    """A member of a group (backend/joined.py): all are written when the last of them comes. Until then, elements of those that
    are new arrays are not read from memory: they are what the nest has just computed."""
    group = host.plan.joined[op]
    host.joining = op is not group.members[-1]
    if host.joining:
        return
    parts, made, flat = list[Part](), dict[Value, Buffer](), group.first.type.rank > 1
    for member in group.members:
        host.op = member
        if member.name in ("update_slice", "accumulate_slice"):
            base = member.operands[0]  # maybe one that this nest fills
            buffer = made[base] if base in made else host.scope.buffer(base)
            host.scope.buffers[member.result] = buffer
            parts.append(region_part(member, buffer))
            flat = False
        elif member.name in REDUCTIONS:
            flat = flat and is_flat(host.scope, member.operands[0])
        elif member.result in host.plan.stored:
            buffer = made[member.result] = host.allocate(member.result)
            parts.append(fill_part(buffer, member.result))
            flat = flat and buffer.strides is None and is_flat(host.scope, member.result)
        else:
            parts.append(partial(_compute, member.result))
    extents = tuple(host.scope.extents(group.first))
    extents = (host.scope.index.product(extents),) if flat else extents
    reduced = op.operands[0] if op.name in REDUCTIONS else None
    body = body_of(parts, FlatElements if flat else Elements, reduced)
    if reduced is None:
        host.run_map(extents, body, group.cost)
    else:
        instruction = REGISTRY[op.name].instruction
        assert instruction is not None
        axes = tuple(range(len(extents)))
        total = host.target.run(host, Nest(extents, body, group.cost, axes, instruction["combine"], reduced.type.dtype))
        assert total is not None
        host.scope.scalars[op.result] = total
    host.scope.buffers.update(made)


def _compute(value: Value, scope: Scope, index: list[str], elements: Elements) -> None:
    elements.at(value, index)


def _covers(host: HostEmitter, op: Op) -> bool:
    """Whether the region is the whole array."""
    places, (base, value, *starts) = host.plan.places, op.operands
    whole = not op.attrs["drop"] and all(s == 1 for s in op.attrs["steps"])
    return whole and all(places.scalar(s) == 0 for s in starts) and places.shape(base) == places.shape(value)


def _temporary(host: HostEmitter, value: Value, extents: Sequence[str]) -> Buffer:
    """The elements of a value in memory of their own."""
    if value.type.is_static:
        count = host.scope.index.product(extents)
        if int(count) <= 4096:
            pointer = host.text.alloca(f"[{count} x {memory_type(value.type.dtype)}]", "temporary", 16)
            made = Buffer(value.type.dtype, pointer, tuple(extents))
            host.run_map(extents, fill_body(made, value), host.weight(value), crossed_axis(host.scope, value))
            return made
    strides = host.target.strides(host, extents)
    made = Buffer(value.type.dtype, host.allocate_pointer(value, extents), tuple(extents), strides)
    host.run_map(extents, fill_body(made, value), host.weight(value), crossed_axis(host.scope, value))
    return made


def _grow(host: HostEmitter, op: Op) -> None:
    """A longer buffer where there is not room enough: the old one is copied to it and freed."""
    text, e = host.text, host.scope.index
    array, count = op.operands
    base, needed = host.scope.buffer(array), host.scope.scalar(count)
    if (op, 0) not in host.plan.taken:
        base = host.copied(base, array)
    text.module.declare("llvm.smax", "declare i64 @llvm.smax.i64(i64, i64)")
    fits = text.value(f"icmp sle i64 {needed}, {base.extents[0]}")
    kept, grown, joined = text.block, text.fresh("grow"), text.fresh("grown")
    text.branch_if(fits, joined, grown)
    text.label(grown)
    doubled = e.multiply(base.extents[0], "2")
    larger = text.value(f"call i64 @llvm.smax.i64(i64 {needed}, i64 {doubled})")
    extents = (larger, *base.extents[1:])
    made = Buffer(base.dtype, host.allocate_pointer(op.result, extents, "growth"), extents)
    host.target.copy(host, base, made)
    host.target.free(host, base.pointer)
    after = text.block
    text.branch(joined)
    text.label(joined)
    pointer, extent = text.phi("ptr"), text.phi("i64")
    for phi, old, new in ((pointer, base.pointer, made.pointer), (extent, base.extents[0], larger)):
        phi.add(old, kept)
        phi.add(new, after)
    host.scope.buffers[op.result] = Buffer(
        base.dtype, pointer.name, (extent.name, *base.extents[1:]), None, host.alias_of(op.result)
    )


def _pack(host: HostEmitter, op: Op) -> None:
    buffer = host.allocate(op.result)
    for k, v in enumerate(op.operands):
        index = _index_at(k, op.result.type.shape)
        store(host.scope, buffer, address(host.scope, buffer, index), host.scope.scalar(v))
    host.scope.buffers[op.result] = buffer


def _index_at(position: int, shape: Sequence[int | None]) -> list[str]:
    index: list[str] = []
    for n in reversed(shape):
        assert n is not None
        index.append(str(position % n))
        position //= n
    return index[::-1]


EMIT.update(
    {
        "update": _element,
        "accumulate": _element,
        "update_slice": _slice,
        "accumulate_slice": _slice,
        "grow": _grow,
        "pack": _pack,
        "joined": _joined,
    }
)
