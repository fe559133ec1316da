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
from wengert.compiler.frontend.index import Affine
from wengert.compiler.frontend.objects import FALSE, NONE, Array, ArrayValue, Object, Slice, Static, Tuple
from wengert.compiler.frontend.reductions import SUM, truth_of
from wengert.compiler.frontend.shapes import ravel
from wengert.compiler.frontend.tracer import Tracer
from wengert.compiler.frontend.views import element, indexed
from wengert.compiler.ir.core import Value
from wengert.compiler.ir.types import I64


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
    inits = [builder.integer(0)] * (1 + mask.rank) + [empty(tracer, I64, (count,)) for _ in range(mask.rank)]
    found = _note(tracer, content, inits, [], count, some)[1 + mask.rank :]
    made = [tracer.fresh(ArrayValue(v, (count,))) for v in found]
    tracer.hints[key] = (builder.scope, tuple(made))
    return made


def _note(
    tracer: Tracer, content: ArrayValue, carried: list[Value], outer: list[Value], count: Affine, some: Value
) -> list[Value]:
    """Loops over a mask that carry how many places were found, the last of them and all of them.

    Every trip stores, as no branch can be guessed: its own place where the next one found goes; when all are found, the last
    one again.
    """
    builder, rank = tracer.builder, len(content.extents)
    if len(outer) < rank:
        length = content.extents[len(outer)]
        if not outer:
            length = tracer.index.of(builder.emit("where", some, tracer.index.value(length), builder.integer(0)))
        return counted(
            tracer, length, carried, lambda k, inner: _note(tracer, content, inner, [*outer, k], count, some)
        )
    at, last, arrays = carried[0], carried[1 : 1 + rank], carried[1 + rank :]
    here, total = builder.emit("load", content.value, *outer), tracer.index.value(count)
    open_ = builder.emit("less", at, total)
    place = builder.emit("minimum", at, builder.emit("subtract", total, builder.integer(1)))
    kept = [builder.emit("where", open_, k, v) for k, v in zip(outer, last, strict=True)]
    written = [builder.emit("update", v, k, place) for v, k in zip(arrays, kept, strict=True)]
    last = [builder.emit("where", here, k, v) for k, v in zip(outer, last, strict=True)]
    return [builder.emit("add", at, builder.cast(here, I64)), *last, *written]


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
