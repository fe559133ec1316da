"""Advanced indexing, as far as its result has a shape that does not depend on data: integer arrays and masks.

x[idx]          a parallel loop of loads into a new array
x[mask] = v     x replaced by where(mask, v, x)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wengert.compiler.frontend.arithmetic import as_array, broadcast_to, cast, require_same, scalar_value
from wengert.compiler.frontend.index import Affine, number
from wengert.compiler.frontend.objects import Array, ArrayValue, Object, Scalar, Slice, Static, Tuple
from wengert.compiler.frontend.tracer import Tracer
from wengert.compiler.frontend.views import as_index, checked, expand, fitted, indexed, write
from wengert.compiler.ir.core import Block, Value
from wengert.compiler.ir.types import BOOL, I64, DType, Type


def is_mask(item: Object) -> bool:
    return isinstance(item, Array) and item.dtype == BOOL


def is_indices(item: Object) -> bool:
    return isinstance(item, Array) and item.dtype.is_integer


def arrays_for_lists(tracer: Tracer, items: Sequence[Object]) -> list[Object]:
    return [as_array(tracer, i) if isinstance(i, Tuple) and i.kind is list else i for i in items]


def counted(
    tracer: Tracer,
    length: Affine,
    inits: Sequence[Value],
    body: Callable[[Value, list[Value]], list[Value]],
    parallel: bool = False,
    low: int = 0,
) -> list[Value]:
    """A loop `for k in range(low, length)` carrying values; `body(k, carried)` gives the next ones."""
    builder, index = tracer.builder, tracer.index
    ends = [index.value(number(low)), index.value(length), builder.integer(1)]
    k = Value(Type(I64), "k")
    index.bounds[k] = (number(low), length - 1)
    params = [Value(v.type, v.hint) for v in inits]
    block = Block([k, *params])
    with builder.region(block, builder.new_scope()):
        block.results = body(k, params)
    types, hints = [v.type for v in params], [v.hint for v in params]
    return list(builder.op("for", (*ends, *inits), (block,), hints, types, parallel=parallel).results)


def empty(tracer: Tracer, dtype: DType, extents: Sequence[Affine]) -> Value:
    """Zeros, to be filled."""
    return tracer.builder.broadcast(tracer.constant(0, dtype), [tracer.index.value(e) for e in extents])


# -- integer arrays


def take(tracer: Tracer, array: Array, items: Sequence[Object]) -> Array:
    """`x[..., idx, ...]`: one integer array among slices, or integer arrays and integers on every axis."""
    items = expand(tracer, items, array.rank)
    vectors = [k for k, i in enumerate(items) if is_indices(i)]
    if any(items[k].rank != 1 for k in vectors):  # type: ignore[union-attr]
        tracer.refuse("fancy")
    if any(
        not is_indices(i) and not isinstance(i, Slice) and not (isinstance(i, Static) and i.value is None)
        for i in items
    ):
        return take_elements(tracer, array, items)
    if len(vectors) > 1:
        return take_elements(tracer, array, items)
    (position,) = vectors
    chosen = tracer.read(items[position])  # type: ignore[arg-type]
    source = tracer.read(
        indexed(tracer, array, [Slice(None, None, None) if k == position else i for k, i in enumerate(items)])
    )
    extents = (*source.extents[:position], chosen.extents[0], *source.extents[position + 1 :])
    index, builder, rank = tracer.index, tracer.builder, len(extents)

    def body(k: Value, carried: list[Value]) -> list[Value]:
        i = checked(
            tracer,
            index.of(builder.cast(builder.emit("load", chosen.value, k), I64)),
            source.extents[position],
            position,
        )
        if rank == 1:
            element = builder.emit("load", source.value, index.value(i))
            return [builder.emit("update", carried[0], element, k)]
        starts = [number(0)] * rank
        sizes = [number(1) if a == position else e for a, e in enumerate(extents)]
        froms = [i if a == position else s for a, s in enumerate(starts)]
        tos = [index.of(k) if a == position else s for a, s in enumerate(starts)]
        attrs: dict[str, Any] = {"steps": (1,) * rank, "drop": (position,)}
        part = builder.emit("slice", source.value, *map(index.value, (*froms, *sizes)), **attrs)
        return [builder.emit("update_slice", carried[0], part, *map(index.value, tos), **attrs)]

    (made,) = counted(tracer, chosen.extents[0], [empty(tracer, array.dtype, extents)], body, parallel=True)
    return tracer.fresh(ArrayValue(made, extents))


def element_indices(
    tracer: Tracer, array: Array, items: Sequence[Object]
) -> tuple[Affine, Callable[[Value], list[Affine]]]:
    """How many elements integer arrays and integers on every axis pick, and the index of the k-th."""
    if any(isinstance(i, Slice) or (isinstance(i, Static) and i.value is None) for i in items):
        tracer.refuse("fancy")
    contents = [tracer.read(i) if isinstance(i, Array) else None for i in items]
    length = next(c.extents[0] for c in contents if c is not None)
    for c in contents:
        if c is not None:
            require_same(tracer, length, c.extents[0], "index arrays have different lengths")
    extents = tracer.extents(array)

    def at(k: Value) -> list[Affine]:
        found = []
        for axis, (item, content) in enumerate(zip(items, contents, strict=True)):
            if content is None:
                form = as_index(tracer, item)
            else:
                form = tracer.index.of(tracer.builder.cast(tracer.builder.emit("load", content.value, k), I64))
            found.append(checked(tracer, form, extents[axis], axis))
        return found

    return length, at


def take_elements(tracer: Tracer, array: Array, items: Sequence[Object]) -> Array:
    length, at = element_indices(tracer, array, items)
    source = tracer.read(array)

    def body(k: Value, carried: list[Value]) -> list[Value]:
        element = tracer.builder.emit("load", source.value, *map(tracer.index.value, at(k)))
        return [tracer.builder.emit("update", carried[0], element, k)]

    (made,) = counted(tracer, length, [empty(tracer, array.dtype, (length,))], body, parallel=True)
    return tracer.fresh(ArrayValue(made, (length,)))


def scatter(tracer: Tracer, array: Array, items: Sequence[Object], value: Object, accumulate: bool = False) -> None:
    """`x[idx] = v` element by element in order (the last of equal indices stays); with `accumulate`, np.add.at."""
    items = expand(tracer, items, array.rank)
    if any(isinstance(i, Array) and i.rank != 1 for i in items):
        tracer.refuse("fancy_store")
    length, at = element_indices(tracer, array, items)
    target = tracer.read(array)
    if isinstance(value, Array):
        source: Value = fitted(tracer, tracer.read(value), (length,))
        source = cast(tracer, source, array.dtype)
    else:
        source = scalar_value(tracer, value, array.dtype)

    def body(k: Value, carried: list[Value]) -> list[Value]:
        element = source if source.type.is_scalar else tracer.builder.emit("load", source, k)
        verb = "accumulate" if accumulate else "update"
        return [tracer.builder.emit(verb, carried[0], element, *map(tracer.index.value, at(k)))]

    (made,) = counted(tracer, length, [target.value], body)
    write(tracer, array, ArrayValue(made, target.extents))


# -- masks


def mask_for(tracer: Tracer, array: Array, mask: Array) -> Value:
    """A mask over the leading axes as one of the array's shape."""
    content, extents = tracer.read(mask), tracer.extents(array)
    if mask.rank > array.rank:
        tracer.refuse("too_many_indices", count=mask.rank, rank=array.rank)
    for own, wanted in zip(content.extents, extents, strict=False):
        require_same(tracer, own, wanted, "boolean index did not match the array, extents differ")
    if mask.rank == array.rank:
        return content.value
    return tracer.builder.broadcast(content.value, [tracer.index.value(e) for e in extents], tuple(range(mask.rank)))


def store_masked(tracer: Tracer, array: Array, mask: Array, value: Object) -> None:
    """`x[mask] = scalar`."""
    if not isinstance(value, Scalar | Static):
        tracer.refuse("mask_store")
    replace_masked(tracer, array, mask, scalar_value(tracer, value, array.dtype))


def replace_masked(tracer: Tracer, array: Array, mask: Array, value: Value) -> None:
    content = tracer.read(array)
    chosen = mask_for(tracer, array, mask)
    made = tracer.builder.emit("where", chosen, value, content.value)
    write(tracer, array, ArrayValue(made, content.extents))


def store_masked_part(tracer: Tracer, array: Array, mask: Array, source: Array) -> None:
    """`x[mask] = y[mask]` with one mask."""
    content = tracer.read(source)
    for own, wanted in zip(content.extents, tracer.extents(array), strict=True):
        require_same(tracer, own, wanted, "boolean index did not match the array, extents differ")
    value = cast(tracer, broadcast_to(tracer, content, tracer.extents(array)), array.dtype)
    replace_masked(tracer, array, mask, value)
