"""Batching: one call for many. The function's body becomes the body of a parallel loop over the lanes.

    func @f(%x: f64, %p: f64[?]) {         func @batch_f(%x: f64[?], %p: f64[?]) {
        %y = ... : f64                         %n = dim %x {axis = 0} : i64
        return %y                      =>      %out0 = broadcast %zero, %n : f64[?]
    }                                          %out = for %0, %n, %1, %out0 {parallel = True} (%lane: i64, %o: f64[?]) {
    (in_axes = (0, None))                          %xl = load %x, %lane : f64
                                                   %y = ... : f64
                                                   %o2 = update %o, %y, %lane : f64[?]
                                                   yield %o2

Loops, branches and in-place updates inside need no rule of their own: each lane has its own control flow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value
from wengert.compiler.ir.rewrite import copy_ops
from wengert.compiler.ir.types import I64, Type
from wengert.compiler.passes.optimise.scalarise import is_small
from wengert.compiler.passes.outside import OutsideScalars


def batch(
    function: Function, in_axes: Sequence[int | None], out_axes: Sequence[int], shared: bool = False
) -> Function:
    """`function` for many lanes at once.

    in_axes: for each parameter the axis that counts lanes (0 <= axis <= its rank), None where all lanes share it;
    at least one is not None. out_axes: for each result the axis to put the lanes on. shared: what is the same for all
    lanes is done once, in front of their loop, loops and checks included (which then run and trap for no lanes, too).
    Written parameters become ordinary results. Traps if the extents of the lane axes differ.
    Raises UnsupportedError where a result's shape depends on what differs between lanes.
    """
    body = Block([_param(p, axis) for p, axis in zip(function.params, in_axes, strict=True)])
    builder = Builder(body)
    outer = dict(zip(function.params, body.params, strict=True))
    axis_of = dict(zip(function.params, in_axes, strict=True))
    lanes = _lanes(builder, [(outer[p], a) for p, a in axis_of.items() if a is not None])

    def extent(param: Value, axis: int) -> Value:
        lane_axis = axis_of[param]
        return builder.extent(outer[param], axis + (lane_axis is not None and axis >= lane_axis))

    scalars = OutsideScalars(
        builder, function, lambda p: outer[p] if axis_of[p] is None else None, extent, "batch"
    )
    outputs = []
    for result, written in zip(function.results, function.written, strict=True):
        like = result if written is None else function.params[written]  # what is written back keeps its extents
        extents = [lanes, *(scalars.extent(like, k) for k in range(result.type.rank))]
        zero = builder.constant(0, result.type.dtype)
        outputs.append(builder.emit("broadcast", zero, *extents, axes=(), hint=result.hint))

    done: dict[Value, Value] = {}
    rest = function.body.ops
    if shared:
        once, rest = _shared(function, [p for p, a in axis_of.items() if a is not None])
        done = {p: outer[p] for p, a in axis_of.items() if a is None}
        copy_ops(builder, once, done)

    lane = Value(Type(I64), "lane")
    loop = Block([lane, *(Value(o.type, o.hint) for o in outputs)])
    with builder.inside(loop):
        mapping = {p: _lane_of(builder, outer[p], axis_of[p], lane, p) for p in function.params}
        mapping.update((old, new) for old, new in done.items() if old not in mapping)
        copy_ops(builder, rest, mapping)
        for carried, result, written in zip(loop.params[1:], function.results, function.written, strict=True):
            value = mapping.get(result, result)
            if written is not None:
                _check_extents(builder, mapping[function.params[written]], value)
            loop.results.append(_store(builder, carried, value, lane))
    op = builder.for_(builder.integer(0), lanes, builder.integer(1), outputs, loop, parallel=True)
    body.results = [_move_first_axis(builder, v, axis) for v, axis in zip(op.results, out_axes, strict=True)]
    return Function(f"batch_{function.name}", body)


FRESH = {"broadcast", "iota"}
"""What each lane makes anew rather than copy what was made in front of the loop, to write into it or to fuse it."""


def _shared(function: Function, lanes: Sequence[Value]) -> tuple[list[Op], list[Op]]:
    """The ops of the body that are the same for all lanes, and those that are done for each lane."""
    varying, once, rest = set(lanes), list[Op](), list[Op]()
    for op in function.body.ops:
        if any(v in varying for v in _read(op)):
            varying.update(op.results)
            rest.append(op)
            continue
        once.append(op)
        if op.name in FRESH:
            rest.append(op)
    return once, rest


def _read(op: Op) -> Iterator[Value]:
    """The values that an op and its regions read, those of the regions themselves included."""
    yield from op.operands
    for region in op.regions:
        yield from region.results
        for inner in region.ops:
            yield from _read(inner)


def _param(param: Value, axis: int | None) -> Value:
    if axis is None:
        return Value(param.type, param.hint)
    shape = list(param.type.shape)
    shape.insert(axis, None)
    return Value(param.type.with_shape(tuple(shape)), param.hint)


def _lanes(builder: Builder, batched: list[tuple[Value, int]]) -> Value:
    """The number of lanes, the same in all batched parameters."""
    counts = [builder.extent(array, axis) for array, axis in batched]
    for other in counts[1:]:
        builder.emit("same_extent", counts[0], other, message="batched arguments have different numbers of lanes")
    return counts[0]


def _lane_of(builder: Builder, array: Value, axis: int | None, lane: Value, param: Value) -> Value:
    if axis is None:
        return array
    if param.type.is_scalar:
        return builder.emit("load", array, lane, hint=param.hint)
    if is_small(param):  # its elements, so that it can be kept in registers
        shape = [int(n) for n in param.type.shape if n is not None]
        elements = []
        for place in np.ndindex(*shape):
            index = [builder.integer(k) for k in place]
            index.insert(axis, lane)
            elements.append(builder.emit("load", array, *index))
        return builder.emit("pack", *elements, shape=tuple(shape), hint=param.hint)
    zero, one = builder.integer(0), builder.integer(1)
    rank = array.type.rank
    starts = [lane if k == axis else zero for k in range(rank)]
    sizes = [one if k == axis else builder.extent(array, k) for k in range(rank)]
    return builder.emit("slice", array, *starts, *sizes, steps=(1,) * rank, drop=(axis,), hint=param.hint)


def _check_extents(builder: Builder, before: Value, after: Value) -> None:
    """An array that is written to keeps its extents; most of these checks fold."""
    for axis in range(before.type.rank):
        sizes = builder.extent(after, axis), builder.extent(before, axis)
        if sizes[0] is not sizes[1]:
            builder.emit("same_extent", *sizes, message="an array that is written to keeps its extents")


def _store(builder: Builder, array: Value, value: Value, lane: Value) -> Value:
    if value.type.is_scalar:
        return builder.emit("update", array, value, lane, hint=array.hint)
    rank = array.type.rank
    starts = [lane] + [builder.integer(0)] * (rank - 1)
    return builder.emit("update_slice", array, value, *starts, steps=(1,) * rank, drop=(0,), hint=array.hint)


def _move_first_axis(builder: Builder, value: Value, axis: int) -> Value:
    if axis == 0:
        return value
    axes = list(range(1, value.type.rank))
    axes.insert(axis, 0)
    return builder.emit("transpose", value, axes=tuple(axes), hint=value.hint)
