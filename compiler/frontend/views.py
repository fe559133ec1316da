"""Reading and writing parts of arrays: basic indexing composes views, a view is resolved when it is used.

v = u[1:-1][::2]      v is (cell of u, view); nothing is emitted yet
v[0] = 3.0            update of the cell of u at [1]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from wengert.compiler.frontend.arithmetic import ONE, as_array, broadcast_to, cast, require_same, scalar_value
from wengert.compiler.frontend.index import Affine, Term, atom, number
from wengert.compiler.frontend.kinds import describe, scalar_type
from wengert.compiler.frontend.objects import (
    NEW,
    Array,
    ArrayValue,
    Object,
    Scalar,
    Slice,
    Static,
    Tuple,
    View,
    is_number,
)
from wengert.compiler.frontend.tracer import Tracer, provides
from wengert.compiler.ir.core import Value
from wengert.compiler.ir.types import BOOL, I64

# -- the whole of a view


def whole(tracer: Tracer, array: Array) -> View:
    """The view of a reference, the trivial one where it has none."""
    if array.view is not None:
        return array.view
    extents = tracer.extents(array)
    rank = len(extents)
    return View((number(0),) * rank, extents, (1,) * rank, tuple(range(rank)))


def simplified(tracer: Tracer, array: Array) -> Array:
    """Without a view where that is everything."""
    view = array.view
    if view is None:
        return array
    base = tracer.extents(Array(array.cell))
    trivial = not array.part and all(s == number(0) for s in view.starts) and set(view.steps) <= {1} and view.sizes == base
    return Array(array.cell) if trivial and view.order == tuple(range(len(base))) else array


@provides("read")
def read(tracer: Tracer, array: Array) -> ArrayValue:
    """The value of (a part of) an array as it is now."""
    if array.part:
        content = read(tracer, replace(array, part=""))
        return ArrayValue(tracer.builder.emit(array.part, content.value), content.extents)
    content = tracer.content(array.cell)
    view = array.view
    if view is None:
        return content
    kept = [k for k in view.order if k != NEW]
    value = content.value
    if not kept:
        element = load(tracer, value, view.starts)
        return ArrayValue(
            tracer.builder.broadcast(element, [tracer.builder.integer(1)] * len(view.order)), (ONE,) * len(view.order)
        )
    if (
        view.sizes != content.extents
        or any(s != 1 for s in view.steps)
        or any(s != number(0) for s in view.starts)
        or len(kept) < len(view.sizes)
    ):
        bounds = [tracer.index.value(e) for e in (*view.starts, *view.sizes)]
        drop = tuple(k for k in range(len(view.sizes)) if k not in kept)
        value = tracer.builder.emit("slice", value, *bounds, steps=view.steps, drop=drop)
    if kept != sorted(kept):
        value = tracer.builder.emit("transpose", value, axes=tuple(sorted(kept).index(k) for k in kept))
    extents = tuple(ONE if k == NEW else view.sizes[k] for k in view.order)
    if NEW in view.order:
        axes = tuple(position for position, k in enumerate(view.order) if k != NEW)
        value = tracer.builder.broadcast(value, [tracer.index.value(e) for e in extents], axes)
    return ArrayValue(value, extents)


def with_part(tracer: Tracer, part: str, value: Value, rest: Value) -> Value:
    """A complex number of which one part is `value`; the other is that of `rest`, or `rest` itself where that is real."""
    if rest.type.dtype.kind == "c":
        rest = tracer.builder.emit("imag" if part == "real" else "real", rest)
    return tracer.builder.emit("complex", *((value, rest) if part == "real" else (rest, value)))


def load(tracer: Tracer, value: Value, index: Sequence[Affine]) -> Value:
    return tracer.builder.emit("load", value, *(tracer.index.value(i) for i in index))


@provides("write")
def write(tracer: Tracer, array: Array, content: ArrayValue, accumulate: bool = False) -> None:
    """Replace (or add to) a part of an array by a value of exactly its shape and dtype."""
    if array.part:
        both = replace(array, part="")
        other = tracer.constant(0, array.dtype) if accumulate else None
        joined = with_part(tracer, array.part, content.value, read(tracer, both).value if other is None else other)
        write(tracer, both, ArrayValue(joined, content.extents), accumulate)
        return
    view = array.view
    if view is None and not accumulate:
        tracer.put(array.cell, content)
        return
    view = whole(tracer, array)
    base = tracer.content(array.cell)
    value = content.value
    kept = [k for k in view.order if k != NEW]
    starts = [tracer.index.value(s) for s in view.starts]
    verb = "accumulate" if accumulate else "update"
    if not kept:
        element = load(tracer, value, [number(0)] * len(view.order))
        tracer.put(array.cell, ArrayValue(tracer.builder.emit(verb, base.value, element, *starts), base.extents))
        return
    if NEW in view.order:
        value = tracer.reshape(value, tuple(view.sizes[k] for k in kept))
    if kept != sorted(kept):
        value = tracer.builder.emit("transpose", value, axes=tuple(kept.index(k) for k in sorted(kept)))
    drop = tuple(k for k in range(len(view.sizes)) if k not in kept)
    made = tracer.builder.emit(f"{verb}_slice", base.value, value, *starts, steps=view.steps, drop=drop)
    tracer.put(array.cell, ArrayValue(made, base.extents))


# -- basic indexing


def as_index(tracer: Tracer, item: Object) -> Affine:
    """An integer used as an index or bound."""
    if isinstance(item, Static) and type(item.value) is int:
        return number(item.value)
    kind = scalar_type(item)
    if kind is not None and kind[0] == BOOL:
        tracer.refuse("bool_index")
    if not isinstance(item, Scalar) or not item.value.type.dtype.is_integer:
        tracer.refuse("index_type", what=describe(item))
    return tracer.index.of(tracer.builder.cast(item.value, I64))


def checked(tracer: Tracer, i: Affine, extent: Affine, axis: int) -> Affine:
    """An index within its axis: proved, or made by the `index` op (which counts negative ones from the end)."""
    index = tracer.index
    if i.is_constant and i.constant < 0 and index.proves(extent + i.constant):
        return extent + i.constant
    if index.proves(i) and index.proves(extent - 1 - i):
        return i
    key = atom(Term(f"index{axis}", i, extent))
    for scope in tracer.builder.open:
        found = index.made.get(scope, {}).get(key)
        if found is not None:
            return atom(found)
    value = tracer.builder.emit("index", index.value(i), index.value(extent), axis=axis)
    index.suppose_natural(value)
    index.made.setdefault(tracer.builder.scope, {})[key] = value
    index.wrapped[value] = i
    return index.of(value)


def clamp(tracer: Tracer, i: Affine, extent: Affine) -> Affine:
    """A slice bound as Python reads it: counted from the end where negative, then within 0 ... extent."""
    index = tracer.index
    if index.proves(i):
        return index.minimum(i, extent)
    if i.is_constant or index.proves(-1 - i):
        return index.at_least_zero(extent + i)
    value, size, builder = index.value(i), index.value(extent), tracer.builder
    negative = builder.emit("less", value, builder.integer(0))
    counted = builder.emit("where", negative, builder.emit("add", value, size), value)
    made = builder.emit("minimum", builder.emit("maximum", counted, builder.integer(0)), size)
    index.suppose_natural(made)
    return index.of(made)


def slice_of(tracer: Tracer, part: Slice, extent: Affine, broadcasts: bool = True) -> tuple[Affine, Affine, int]:
    """start, size and step of a slice of an axis. broadcasts: a slice of one element must have it, so that it may repeat."""
    index = tracer.index
    step = 1 if part.step is None or part.step == Static(None) else static_step(tracer, part.step)
    low = None if part.start is None or part.start == Static(None) else as_index(tracer, part.start)
    high = None if part.stop is None or part.stop == Static(None) else as_index(tracer, part.stop)
    if step < 0:
        return backward(tracer, low, high, extent, step)
    if low is None or low == number(0):
        start = number(0)
        stop = extent if high is None else clamp(tracer, high, extent)
        if high == ONE and broadcasts:  # x[:1] must broadcast, so its extent has to be known
            return start, one_of(tracer, start, extent), step
        return start, index.quotient(stop + (step - 1), step), step
    if broadcasts and high is not None and step == 1 and high - low == ONE and not (low.is_constant and low.constant == -1):
        start = low if not low.is_constant or low.constant >= 0 else extent + low
        return start, one_of(tracer, start, extent), step
    if low.is_constant and low.constant >= 0:
        start = low  # beyond the end the size is 0, and no element is touched
    else:
        start = clamp(tracer, low, extent)
    if broadcasts and low.is_constant and low.constant == -1 and high is None:
        start = extent - 1
        return start, one_of(tracer, start, extent), step
    if high is None:
        stop = extent
    elif high.is_constant and high.constant < 0:
        stop = extent + high
    else:
        stop = clamp(tracer, high, extent)
    size = index.at_least_zero(stop - start)
    return start, index.quotient(size + (step - 1), step), step


def one_of(tracer: Tracer, start: Affine, extent: Affine) -> Affine:
    """1, having checked that `start` is within the axis: NumPy's empty slice there would not broadcast as one element."""
    index, builder = tracer.index, tracer.builder
    if not index.proves(start):
        tracer.check(
            builder.emit("greater_equal", index.value(start), builder.integer(0)),
            "shape",
            "a slice of one element lies outside its axis",
        )
    if not index.proves(extent - 1 - start):
        tracer.check(
            builder.emit("less", index.value(start), index.value(extent)),
            "shape",
            "a slice of one element lies outside its axis",
        )
    return ONE


def backward(
    tracer: Tracer, low: Affine | None, high: Affine | None, extent: Affine, step: int
) -> tuple[Affine, Affine, int]:
    """A slice with a negative step: start from the end, stop before the beginning unless told otherwise."""
    index = tracer.index
    start = extent - 1 if low is None else index.minimum(below(tracer, low, extent), extent - 1)
    stop = number(-1) if high is None else index.minimum(below(tracer, high, extent), extent - 1)
    size = index.at_least_zero(start - stop)
    return start, index.quotient(size + (-step - 1), -step), step


def below(tracer: Tracer, i: Affine, extent: Affine) -> Affine:
    """A bound of a backward slice: counted from the end where negative, at least -1."""
    index, builder = tracer.index, tracer.builder
    if index.proves(i):
        return i
    if i.is_constant or index.proves(-1 - i):
        return index.maximum(extent + i, number(-1))
    value = index.value(i)
    negative = builder.emit("less", value, builder.integer(0))
    counted = builder.emit("where", negative, builder.emit("add", value, index.value(extent)), value)
    return index.of(builder.emit("maximum", counted, builder.integer(-1)))


def static_step(tracer: Tracer, item: Object) -> int:
    if not isinstance(item, Static) or type(item.value) is not int:
        tracer.refuse("slice_step")
    if item.value == 0:
        tracer.refuse("slice_zero")
    return item.value


def expand(tracer: Tracer, items: Sequence[Object], rank: int) -> list[Object]:
    """Subscripts with `...` and missing trailing axes written out."""
    used = sum(not (isinstance(i, Static) and (i.value is None or i.value is Ellipsis)) for i in items)
    if used > rank:
        tracer.refuse("too_many_indices", count=used, rank=rank)
    full = Slice(None, None, None)
    result: list[Object] = []
    for item in items:
        if isinstance(item, Static) and item.value is Ellipsis:
            result += [full] * (rank - used)
            used = rank
        else:
            result.append(item)
    return result + [full] * (rank - used)


def indexed(tracer: Tracer, array: Array, items: Sequence[Object]) -> Array:
    """The reference that basic indexing gives; an element is a view of no axes."""
    if array.view is None and len(items) == array.rank and all(isinstance(i, Scalar) or is_number(i) for i in items):
        extents = tracer.extents(array)
        places = tuple(checked(tracer, as_index(tracer, i), extents[k], k) for k, i in enumerate(items))
        return replace(array, view=View(places, (ONE,) * array.rank, (1,) * array.rank, ()))
    view = whole(tracer, array)
    starts, sizes, steps = list(view.starts), list(view.sizes), list(view.steps)
    order: list[int] = []
    axis = 0
    for item in expand(tracer, items, len(view.order)):
        if isinstance(item, Static) and item.value is None:
            order.append(NEW)
            continue
        base = view.order[axis]
        extent = ONE if base == NEW else sizes[base]
        if isinstance(item, Slice):
            start, size, step = slice_of(tracer, item, extent)
            order.append(base)
            if base != NEW:
                starts[base], sizes[base] = starts[base] + start * steps[base], size
                steps[base] *= step
            elif size != ONE:
                tracer.refuse("fancy")
        else:
            within = checked(tracer, as_index(tracer, item), extent, axis)
            if base != NEW:
                starts[base], sizes[base] = starts[base] + within * steps[base], ONE
        axis += 1
    return simplified(tracer, replace(array, view=View(tuple(starts), tuple(sizes), tuple(steps), tuple(order))))


# -- storing


def element(tracer: Tracer, array: Array) -> Scalar:
    """The number a view of no axes refers to."""
    assert array.view is not None
    loaded = load(tracer, tracer.content(array.cell).value, array.view.starts)
    return Scalar(tracer.builder.emit(array.part, loaded) if array.part else loaded, False)


def store(tracer: Tracer, target: Array, item: Object) -> None:
    """`target[...] = item`: converted to its dtype and broadcast to its shape."""
    if target.rank == 0:
        store_element(tracer, target, item)
        return
    extents = tracer.extents(target)
    if isinstance(item, Tuple):
        item = as_array(tracer, item)
    if isinstance(item, Array):
        value = fitted(tracer, tracer.read(item), extents)
        if item.dtype.kind == "c" and target.dtype.kind != "c":
            tracer.refuse("complex_store", target=target.dtype)
        value = cast(tracer, value, target.dtype)
    else:
        number_ = scalar_value(tracer, item, target.dtype)
        value = tracer.builder.broadcast(number_, [tracer.index.value(e) for e in extents])
    write(tracer, target, ArrayValue(value, extents))


def fitted(tracer: Tracer, content: ArrayValue, extents: tuple[Affine, ...]) -> Value:
    """A value broadcast to the extents of what it is stored into."""
    while len(content.extents) > len(extents):
        if content.extents[0] != ONE:
            tracer.refuse("assign_rank", source=len(content.extents), target=f"{len(extents)} dimensions")
        content = ArrayValue(tracer.reshape(content.value, content.extents[1:]), content.extents[1:])
    for own, wanted in zip(content.extents[::-1], extents[::-1], strict=False):
        if own != ONE:
            require_same(tracer, own, wanted, "could not broadcast the assigned array, extents differ")
    return broadcast_to(tracer, content, extents)


def store_element(tracer: Tracer, target: Array, item: Object) -> None:
    assert target.view is not None
    if isinstance(item, Array):
        tracer.refuse("assign_rank", source=item.rank, target="one element")
    value = scalar_value(tracer, item, target.dtype)
    base = tracer.content(target.cell)
    index = [tracer.index.value(s) for s in target.view.starts]
    if target.part:
        value = with_part(tracer, target.part, value, tracer.builder.emit("load", base.value, *index))
    tracer.put(target.cell, ArrayValue(tracer.builder.emit("update", base.value, value, *index), base.extents))
