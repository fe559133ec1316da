"""What is assigned to a whole argument is computed into it, not beside it and copied.

    %6 = add %x, %4 : f64[?]                         %6 = add %x, %4 : f64[?]
    %7 = same_extent %0, %2           =>             %7 = same_extent %0, %2
    return %6 {written = (2,)}                       %8 = update_slice %z, %6, %zero {steps = (1,), drop = ()} : f64[?]
                                                     return %8 {written = (2,)}

That the extents agree must have been checked. Whether what is read of the argument needs it as it was is for bufferise.
"""

from __future__ import annotations

from collections.abc import Hashable

from wengert.compiler.backend.fuse import is_virtual_kind
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value, constant_of
from wengert.compiler.ir.rewrite import clone_value, copy_ops


def assign_in_place(function: Function) -> Function:
    """The function itself where nothing is assigned so."""
    after = _assignments(function)
    if not after:
        return function
    mapping: dict[Value, Value] = {}
    new = Block([clone_value(p) for p in function.params])
    mapping.update(zip(function.params, new.params, strict=True))
    builder = Builder(new)
    for op in function.body.ops:
        copy_ops(builder, [op], mapping)
        for value, parameter in after.get(op, ()):
            with builder.at(op.span, op.role):
                rank = value.type.rank
                starts = [builder.integer(0)] * rank
                target = mapping[parameter]
                mapping[value] = builder.emit("update_slice", target, mapping[value], *starts, steps=(1,) * rank, drop=())
    new.results = [mapping[v] for v in function.results]
    return Function(function.name, new, function.written)


def _assignments(function: Function) -> dict[Op, list[tuple[Value, Value]]]:
    """(the value, the argument), by the op after which it is certain that their extents agree."""
    place = {op: k for k, op in enumerate(function.body.ops)}
    found: dict[Op, list[tuple[Value, Value]]] = {}
    for value, k in zip(function.results, function.written, strict=True):
        if k is None or value.owner not in place or not value.type.is_array or not is_virtual_kind(value.owner):
            continue
        if function.results.count(value) > 1 or not value.type.accepts(function.params[k].type):
            continue  # what stands for the value must know its extents, too
        op = _agreed(function, value, function.params[k], place)
        if op is not None:
            found.setdefault(op, []).append((value, function.params[k]))
    return found


def _agreed(function: Function, value: Value, parameter: Value, place: dict[Op, int]) -> Op | None:
    """The first op of the function after which all extents of both are known to be equal; None where they never are."""
    assert value.owner is not None
    scratch = Builder(Block())
    wanted = [(_key(scratch.extent(value, k)), _key(scratch.extent(parameter, k))) for k in range(value.type.rank)]
    same: dict[Hashable, Hashable] = {}

    def root(key: Hashable) -> Hashable:
        while key in same:
            key = same[key]
        return key

    for op in function.body.ops:
        if op.name == "same_extent":
            a, b = (root(_key(v)) for v in op.operands)
            if a != b:
                same[a] = b
        if place[op] >= place[value.owner] and all(root(a) == root(b) for a, b in wanted):
            return op
    return None


def _key(extent: Value) -> Hashable:
    """What an extent is known by: a number, the axis of an array, or the value."""
    known, op = constant_of(extent), extent.owner
    if known is not None:
        return int(known)
    return (op.operands[0], op.attrs["axis"]) if op is not None and op.name == "dim" else extent
