"""What masks pick: arrays whose extents are known only when the program runs.

x[mask]         x at the indices where mask holds, which are counted first, then written down
np.nonzero(m)   these indices

Beside them stand the functions that are another way to write a subscript: take, ix_, take_along_axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.compiler.frontend import arithmetic
from wengert.compiler.frontend.arithmetic import as_array, require_same
from wengert.compiler.frontend.creation import axis_within, stack
from wengert.compiler.frontend.gather import arrays_for_lists, counted, empty, is_mask, scatter, take
from wengert.compiler.frontend.objects import FALSE, NONE, Array, ArrayValue, Object, Slice, Static, Tuple
from wengert.compiler.frontend.reductions import SUM, truth_of
from wengert.compiler.frontend.shapes import ravel
from wengert.compiler.frontend.tracer import Tracer
from wengert.compiler.frontend.views import element, indexed
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Value
from wengert.compiler.ir.types import I64, Type


def places(tracer: Tracer, mask: Array) -> list[Array]:
    """The indices where a mask holds, in row-major order: an array for each axis."""
    content, builder, index = tracer.read(mask), tracer.builder, tracer.index
    key = ("nonzero", content.value)
    known = tracer.hints.get(key)
    if known is not None and known[0] in builder.open:
        return list(known[1])
    ones = builder.cast(content.value, I64)
    number = builder.emit("sum", ones, axes=tuple(range(mask.rank)))
    index.suppose_natural(number)
    count = index.of(number)
    some = builder.emit("greater", number, builder.integer(0))
    last = _last(tracer, content, some)
    inits = [builder.integer(0), *(empty(tracer, I64, (count,)) for _ in range(mask.rank))]
    found = _note(tracer, content, inits, [], last, some)[1:]
    made = [tracer.fresh(ArrayValue(v, (count,))) for v in found]
    tracer.hints[key] = (builder.scope, tuple(made))
    return made


def _last(tracer: Tracer, content: ArrayValue, some: Value) -> list[Value]:
    """The index of the last place where a mask holds; anything where there is none."""
    builder = tracer.builder
    extents = [tracer.index.value(e) for e in content.extents]
    rank, zero = len(extents), builder.integer(0)
    there, none = Block(), Block(results=[zero])
    with builder.region(there, builder.new_scope()):
        ends = builder.emit(
            "maximum", builder.emit("subtract", extents[0], builder.integer(END if rank == 1 else 1)), zero
        )
        tail = _from(builder, content.value, extents, ends)
        start = builder.emit("where", builder.emit("any", tail, axes=tuple(range(rank))), ends, zero)
        part = _from(builder, content.value, extents, start)
        sizes = [builder.emit("subtract", extents[0], start), *extents[1:]]
        position = builder.emit("add", builder.emit("iota", sizes[0]), builder.broadcast(start, sizes[:1]))
        position = builder.broadcast(position, sizes, (0,))
        for axis, extent in enumerate(extents[1:], 1):
            own = builder.broadcast(builder.emit("iota", extent), sizes, (axis,))
            position = builder.emit("add", builder.emit("multiply", position, builder.broadcast(extent, sizes)), own)
        places = builder.emit("where", part, position, builder.broadcast(zero, sizes))
        there.results = [builder.emit("max", places, axes=tuple(range(rank)))]
    flat = builder.op("if", (some,), (there, none), types=[Type(I64)]).result
    found: list[Value] = []
    for extent in reversed(extents[1:]):
        size = builder.emit("maximum", extent, builder.integer(1))
        found.insert(0, builder.emit("remainder", flat, size))
        flat = builder.emit("floor_divide", flat, size)
    return [flat, *found]


END = 64
"""Of a vector, how many elements at its end are looked at first."""


def _from(builder: Builder, mask: Value, extents: list[Value], start: Value) -> Value:
    """What of a mask comes from a place of the first axis on."""
    zero, rank = builder.integer(0), len(extents)
    size = builder.emit("subtract", extents[0], start)
    starts = [start, *[zero] * (rank - 1)]
    return builder.emit("slice", mask, *starts, size, *extents[1:], steps=(1,) * rank, drop=())


def _note(
    tracer: Tracer, content: ArrayValue, carried: list[Value], outer: list[Value], last: list[Value], here: Value
) -> list[Value]:
    """Loops over a mask, up to the last place where it holds, that carry how many places were found and all of them.

    Every trip stores its own place where the next one found goes, as no branch can be guessed. What has been found before
    the last place is less than there is room for. here: whether the places go that far at the axes before, which says
    where the axis ends.
    """
    builder, depth, index = tracer.builder, len(outer), tracer.index
    if depth < len(last):
        length = index.value(content.extents[depth])
        end = builder.emit("add", last[depth], builder.integer(1))
        if depth == 0:
            length = builder.emit("where", here, end, builder.integer(0))
        else:
            here = (
                builder.emit("equal", outer[-1], last[depth - 1])
                if depth == 1
                else builder.emit("bitwise_and", here, builder.emit("equal", outer[-1], last[depth - 1]))
            )
            length = builder.emit("where", here, end, length)
        index.suppose_natural(length)
        return counted(
            tracer, index.of(length), carried, lambda k, inner: _note(tracer, content, inner, [*outer, k], last, here)
        )
    at, arrays = carried[0], carried[1:]
    held = builder.emit("load", content.value, *outer)
    written = [builder.emit("update", v, k, at) for v, k in zip(arrays, outer, strict=True)]
    return [builder.emit("add", at, builder.cast(held, I64)), *written]


def picked(tracer: Tracer, array: Array, items: Sequence[Object]) -> list[Object]:
    """A subscript with its masks replaced by the indices where they hold."""
    result: list[Object] = []
    used = sum(i.rank if isinstance(i, Array) and is_mask(i) else int(i not in (NONE, Static(Ellipsis))) for i in items)
    axis = 0
    for item in items:
        if item == Static(Ellipsis):
            axis += array.rank - used
        if not is_mask(item):
            axis += item not in (NONE, Static(Ellipsis))
            result.append(item)
            continue
        assert isinstance(item, Array)
        if axis + item.rank > array.rank:
            tracer.refuse("too_many_indices", count=used, rank=array.rank)
        for own, wanted in zip(tracer.extents(item), tracer.extents(array)[axis:], strict=False):
            require_same(tracer, own, wanted, "boolean index did not match the array, extents differ")
        axis += item.rank
        result += places(tracer, item)
    return result


def nonzero(tracer: Tracer, a: Object) -> Object:
    item = as_array(tracer, a) if not isinstance(a, Array) else a
    mask = truth_of(tracer, item)
    assert isinstance(mask, Array)
    return Tuple(tuple, tuple(places(tracer, mask)))


def flat_nonzero(tracer: Tracer, a: Object) -> Object:
    found = nonzero(tracer, ravel(tracer, a))
    assert isinstance(found, Tuple)
    return found.items[0]


def count_nonzero(tracer: Tracer, a: Object, axis: Object = NONE, keepdims: Object = FALSE) -> Object:
    item = arithmetic.operand(tracer, a)
    return SUM(tracer, truth_of(tracer, item), axis, NONE, keepdims)


def compress(tracer: Tracer, condition: Object, a: Object, axis: Object = NONE) -> Object:
    """np.compress: what a vector of bools picks along an axis."""
    item = as_array(tracer, a) if not isinstance(a, Array) else a
    chosen = truth_of(tracer, as_array(tracer, condition) if not isinstance(condition, Array) else condition)
    if axis == NONE:
        item, axis = ravel(tracer, item), Static(0)  # type: ignore[assignment]
    at = axis_within(tracer, axis, item.rank)
    return take(tracer, item, picked(tracer, item, [*[Slice(None, None, None)] * at, chosen]))


def extract(tracer: Tracer, condition: Object, arr: Object) -> Object:
    return compress(tracer, ravel(tracer, condition), ravel(tracer, arr))


def argwhere(tracer: Tracer, a: Object) -> Object:
    return stack(tracer, nonzero(tracer, a), Static(1))


def taken(tracer: Tracer, a: Object, indices: Object, axis: Object = NONE, mode: Object = Static("raise")) -> Object:
    """np.take: `a[..., indices, ...]`."""
    if mode != Static("raise"):
        tracer.refuse("call_argument", name="np.take", problem="only mode='raise'")
    item = as_array(tracer, a) if not isinstance(a, Array) else a
    if axis == NONE:
        item, axis = ravel(tracer, item), Static(0)  # type: ignore[assignment]
    at = axis_within(tracer, axis, item.rank)
    (chosen,) = arrays_for_lists(tracer, [indices])
    subscript = [*[Slice(None, None, None)] * at, chosen]
    if isinstance(chosen, Array):
        return take(tracer, item, subscript)
    part = indexed(tracer, item, subscript)
    return element(tracer, part) if part.rank == 0 else tracer.fresh(tracer.read(part))


def open_mesh(tracer: Tracer, *args: Object) -> Object:
    """np.ix_: one axis for each of the vectors."""
    made = []
    for k, item in enumerate(args):
        (array,) = arrays_for_lists(tracer, [item])
        if not isinstance(array, Array) or array.rank != 1:
            tracer.refuse("call_argument", name="np.ix_", problem="cross index must be 1 dimensional")
        if is_mask(array):
            (array,) = places(tracer, array)
        made.append(indexed(tracer, array, [NONE if j != k else Slice(None, None, None) for j in range(len(args))]))
    return Tuple(tuple, tuple(made))


def along_axis(tracer: Tracer, arr: Object, indices: Object, axis: Object = Static(-1)) -> Object:
    """np.take_along_axis: element for element along one axis."""
    return take(tracer, *_along(tracer, arr, indices, axis))


def put_along_axis(tracer: Tracer, arr: Object, indices: Object, values: Object, axis: Object) -> Object:
    scatter(tracer, *_along(tracer, arr, indices, axis), values)
    return NONE


def _along(tracer: Tracer, arr: Object, indices: Object, axis: Object) -> tuple[Array, list[Object]]:
    """The array and a subscript with `indices` on the axis and each other axis' own indices beside it."""
    if not isinstance(arr, Array) or not isinstance(indices, Array) or arr.rank != indices.rank:
        tracer.refuse(
            "call_argument", name="np.take_along_axis", problem="array and indices of one number of dimensions"
        )
    at, builder = axis_within(tracer, axis, arr.rank), tracer.builder
    subscript: list[Object] = []
    for k, e in enumerate(tracer.extents(arr)):
        if k == at:
            subscript.append(indices)
            continue
        iota = tracer.fresh(ArrayValue(builder.emit("iota", tracer.index.value(e)), (e,)))
        shape = [NONE if j != k else Slice(None, None, None) for j in range(arr.rank)]
        subscript.append(indexed(tracer, iota, shape))
    return arr, subscript


MASKS: dict[Any, Any] = {
    np.nonzero: nonzero, np.flatnonzero: flat_nonzero, np.count_nonzero: count_nonzero, np.compress: compress,
    np.extract: extract, np.argwhere: argwhere, np.take: taken, np.ix_: open_mesh, np.take_along_axis: along_axis,
    np.put_along_axis: put_along_axis,
}  # fmt: skip
METHODS: dict[str, Any] = {
    "nonzero": nonzero, "take": taken, "compress": lambda t, a, condition, axis=NONE: compress(t, condition, a, axis),
}  # fmt: skip
