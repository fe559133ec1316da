"""Advanced indexing: integer arrays, and masks that are stored through.

x[idx, 1:]      a parallel loop of loads (slices) into a new array
x[idx] = v      a loop of updates in order
x[mask] = v     x replaced by where(mask, v, x)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wengert.compiler.frontend.arithmetic import (
    ONE,
    as_array,
    broadcast_to,
    cast,
    common_extents,
    require_same,
    scalar_value,
)
from wengert.compiler.frontend.index import Affine, number
from wengert.compiler.frontend.objects import NONE, Array, ArrayValue, Object, Slice, Tuple, is_list
from wengert.compiler.frontend.tracer import Tracer
from wengert.compiler.frontend.views import as_index, checked, expand, fitted, indexed, write
from wengert.compiler.ir.core import Block, Value
from wengert.compiler.ir.types import BOOL, I64, DType, Type


def is_mask(item: Object) -> bool:
    return isinstance(item, Array) and item.dtype == BOOL


def is_indices(item: Object) -> bool:
    return isinstance(item, Array) and item.dtype.is_integer


def arrays_for_lists(tracer: Tracer, items: Sequence[Object]) -> list[Object]:
    return [as_array(tracer, i) if isinstance(i, Tuple) and (i.kind is list or is_list(i)) else i for i in items]


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
    """An array of which every element is written before it is read."""
    sizes = [tracer.index.value(e) for e in extents]
    return tracer.builder.emit("broadcast", tracer.constant(0, dtype), *sizes, axes=(), undefined=True)


# -- integer arrays


@dataclass(frozen=True, slots=True)
class Selection:
    """What advanced indexing picks, by NumPy's rules.

    base: the array after its slices and new axes, with a whole axis where an index array stands. picked: the axes of
    `base` that index arrays and integers stand on. contents: what each of these holds (None: an integer, in `forms`).
    extents: the shape the index arrays broadcast to. at: where its axes begin in the result: in place of the index
    arrays where these stand together, else in front.
    """

    base: Array
    picked: tuple[int, ...]
    contents: tuple[ArrayValue | None, ...]
    forms: tuple[Affine | None, ...]
    extents: tuple[Affine, ...]
    at: int

    def result_extents(self, tracer: Tracer) -> tuple[Affine, ...]:
        rest = [e for k, e in enumerate(tracer.extents(self.base)) if k not in self.picked]
        return (*rest[: self.at], *self.extents, *rest[self.at :])

    def indices(self, tracer: Tracer, ks: Sequence[Value]) -> list[Affine]:
        """Where element `ks` of the index arrays points, on each picked axis; traps outside."""
        own, found = tracer.extents(self.base), []
        for axis, content, form in zip(self.picked, self.contents, self.forms, strict=True):
            if content is not None:
                last = ks[len(ks) - len(content.extents) :]
                place = [
                    tracer.builder.integer(0) if e == ONE else k for e, k in zip(content.extents, last, strict=True)
                ]
                form = tracer.index.of(tracer.builder.cast(tracer.builder.emit("load", content.value, *place), I64))
            assert form is not None
            found.append(checked(tracer, form, own[axis], axis))
        return found

    def part_of_base(self, tracer: Tracer, found: Sequence[Affine]) -> Region:
        """The part of `base` at these indices."""
        places = dict(zip(self.picked, found, strict=True))
        return Region.of(tracer.extents(self.base), places)

    def part_of_result(self, tracer: Tracer, ks: Sequence[Value]) -> Region:
        """The part of the result that belongs to element `ks` of the index arrays."""
        places = {self.at + k: tracer.index.of(i) for k, i in enumerate(ks)}
        return Region.of(self.result_extents(tracer), places)


@dataclass(frozen=True, slots=True)
class Region:
    """One element along some axes of an array, all of the others."""

    starts: tuple[Affine, ...]
    sizes: tuple[Affine, ...]
    drop: tuple[int, ...]

    @classmethod
    def of(cls, extents: Sequence[Affine], places: dict[int, Affine]) -> Region:
        starts = tuple(places.get(k, number(0)) for k in range(len(extents)))
        sizes = tuple(ONE if k in places else e for k, e in enumerate(extents))
        return cls(starts, sizes, tuple(sorted(places)))

    def read(self, tracer: Tracer, value: Value) -> Value:
        index = tracer.index
        if len(self.drop) == len(self.starts):
            return tracer.builder.emit("load", value, *map(index.value, self.starts))
        bounds = map(index.value, (*self.starts, *self.sizes))
        return tracer.builder.emit("slice", value, *bounds, steps=(1,) * len(self.starts), drop=self.drop)

    def replace(self, tracer: Tracer, value: Value, part: Value, verb: str = "update") -> Value:
        starts = map(tracer.index.value, self.starts)
        if part.type.is_scalar:
            return tracer.builder.emit(verb, value, part, *starts)
        steps = (1,) * len(self.starts)
        return tracer.builder.emit(f"{verb}_slice", value, part, *starts, steps=steps, drop=self.drop)


def select(tracer: Tracer, array: Array, items: Sequence[Object]) -> Selection:
    """Sort out a subscript with integer arrays in it."""
    items = expand(tracer, items, array.rank)
    places = [k for k, i in enumerate(items) if not isinstance(i, Slice) and i != NONE]
    whole = Slice(None, None, None)
    base = indexed(tracer, array, [whole if k in places else i for k, i in enumerate(items)])
    contents = [tracer.read(i) if isinstance(i := items[k], Array) else None for k in places]
    forms = [None if isinstance(items[k], Array) else as_index(tracer, items[k]) for k in places]
    together = places == list(range(places[0], places[-1] + 1))
    extents = common_extents(tracer, [c.extents for c in contents if c is not None])
    return Selection(base, tuple(places), tuple(contents), tuple(forms), extents, places[0] if together else 0)


def each(
    tracer: Tracer,
    extents: Sequence[Affine],
    init: Value,
    body: Callable[[list[Value], Value], Value],
    parallel: bool,
    outer: Sequence[Value] = (),
) -> Value:
    """A nest of loops over `extents` carrying one array: `body(indices, array)` gives the next."""
    if len(outer) == len(extents):
        return body(list(outer), init)
    (made,) = counted(
        tracer,
        extents[len(outer)],
        [init],
        lambda k, carried: [each(tracer, extents, carried[0], body, parallel, (*outer, k))],
        parallel,
    )
    return made


def take(tracer: Tracer, array: Array, items: Sequence[Object]) -> Array:
    """`x[..., idx, ...]` as a new array."""
    chosen = select(tracer, array, items)
    source, extents = tracer.read(chosen.base), chosen.result_extents(tracer)

    def body(ks: list[Value], made: Value) -> Value:
        part = chosen.part_of_base(tracer, chosen.indices(tracer, ks)).read(tracer, source.value)
        return chosen.part_of_result(tracer, ks).replace(tracer, made, part)

    made = each(tracer, chosen.extents, empty(tracer, array.dtype, extents), body, parallel=True)
    return tracer.fresh(ArrayValue(made, extents))


Combine = Callable[[Value, Value], Value]


def scatter(
    tracer: Tracer,
    array: Array,
    items: Sequence[Object],
    value: Object,
    accumulate: bool = False,
    combine: Combine | None = None,
) -> None:
    """`x[..., idx, ...] = v` one after the other: the last of equal indices stays.

    accumulate: add instead, as np.add.at; combine: what the element becomes of itself and the value, as other `.at`.
    """
    chosen = select(tracer, array, items)
    target = tracer.read(chosen.base)
    if isinstance(value, Tuple):
        value = as_array(tracer, value)
    if isinstance(value, Array):
        if value.dtype.kind == "c" and array.dtype.kind != "c":
            tracer.refuse("complex_store", target=array.dtype)
        source = cast(tracer, fitted(tracer, tracer.read(value), chosen.result_extents(tracer)), array.dtype)
    else:
        source = scalar_value(tracer, value, array.dtype)

    def body(ks: list[Value], made: Value) -> Value:
        to = chosen.part_of_base(tracer, chosen.indices(tracer, ks))
        part = source if source.type.is_scalar else chosen.part_of_result(tracer, ks).read(tracer, source)
        if part.type.is_scalar and len(to.drop) < len(to.starts):
            part = tracer.builder.broadcast(
                part, [tracer.index.value(e) for k, e in enumerate(to.sizes) if k not in to.drop]
            )
        if combine is not None:
            part = combine(to.read(tracer, made), part)
        return to.replace(tracer, made, part, "accumulate" if accumulate else "update")

    made = each(tracer, chosen.extents, target.value, body, parallel=False)
    write(tracer, chosen.base, ArrayValue(made, target.extents))


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
