"""What is read of a list of run-time length: its length, an item, a part, one item after the other."""

from __future__ import annotations

from dataclasses import replace

from wengert.compiler.frontend import heaps
from wengert.compiler.frontend.arithmetic import ONE
from wengert.compiler.frontend.heaps import HEAD, held, space
from wengert.compiler.frontend.index import Affine, number
from wengert.compiler.frontend.list_kinds import as_rows
from wengert.compiler.frontend.list_models import Leaf, heaps_in, leaves_of, rebuilt
from wengert.compiler.frontend.objects import Array, ArrayValue, Iteration, Object, Scalar, Slice, Tuple
from wengert.compiler.frontend.tracer import Tracer, provides
from wengert.compiler.frontend.views import as_index, checked, slice_of
from wengert.compiler.ir.core import Value

# -- its length


def count_of(tracer: Tracer, owner: Tuple) -> Value:
    if owner.kind.row:  # type: ignore[attr-defined]
        return heaps.count_of(tracer, owner)
    counter = owner.items[0]
    assert isinstance(counter, Array)
    value = tracer.builder.emit("load", tracer.content(counter.cell).value, tracer.builder.integer(0))
    tracer.index.suppose_natural(value)
    return value


@provides("list_length")
def length(tracer: Tracer, owner: Tuple) -> Affine:
    return tracer.index.of(count_of(tracer, owner))


# -- items


def data_of(tracer: Tracer, owner: Tuple) -> list[tuple[Array, Leaf]]:
    first = HEAD if owner.kind.row else 1  # type: ignore[attr-defined]
    leaves = leaves_of(owner.kind.model)  # type: ignore[attr-defined]
    return list(zip(owner.items[first : first + len(leaves)], leaves, strict=True))  # type: ignore[arg-type]


def heaps_of(owner: Tuple) -> list[tuple[Object, ...]]:
    """The heaps of the lists in an item."""
    at = (HEAD if owner.kind.row else 1) + len(leaves_of(owner.kind.model))  # type: ignore[attr-defined]
    made = []
    for rows in heaps_in(owner.kind.model):  # type: ignore[attr-defined]
        size = heaps.size_of(rows)
        made.append(owner.items[at : at + size])
        at += size
    return made


def start_of(tracer: Tracer, owner: Tuple) -> Value | None:
    """Where its items begin in the data; None: at 0."""
    return heaps.start_of(tracer, owner) if owner.kind.row else None  # type: ignore[attr-defined]


def _within(tracer: Tracer, owner: Tuple, place: Value) -> Value:
    """The index in the data of the item at a place."""
    start = start_of(tracer, owner)
    return place if start is None else tracer.builder.emit("add", start, place)


def readable(tracer: Tracer, owner: Tuple) -> None:
    """See to it that the items are there as what they are in Python."""
    if any(leaf.listed for leaf in leaves_of(owner.kind.model)):  # type: ignore[attr-defined]
        as_rows(tracer, owner)


def place_of(tracer: Tracer, owner: Tuple, index: Object) -> Value:
    """The index in the data of the item that Python has at `index`."""
    return _within(tracer, owner, tracer.index.value(checked(tracer, as_index(tracer, index), length(tracer, owner), 0)))


def item_at(tracer: Tracer, owner: Tuple, index: Object) -> Object:
    readable(tracer, owner)
    if owner.kind.model is None:  # type: ignore[attr-defined]
        tracer.refuse("list_empty")
    return load(tracer, owner, place_of(tracer, owner, index))


def load(tracer: Tracer, owner: Tuple, place: Value) -> Object:
    made: list[Object] = []
    builder = tracer.builder
    for array, leaf in data_of(tracer, owner):
        content = tracer.content(array.cell)
        if leaf.rank is None:
            made.append(Scalar(builder.emit("load", content.value, place), leaf.weak))
            continue
        sizes = [tracer.index.value(e) for e in content.extents[1:]]
        starts = [place, *[builder.integer(0)] * leaf.rank]
        steps = (1,) * (leaf.rank + 1)
        value = builder.emit("slice", content.value, *starts, builder.integer(1), *sizes, steps=steps, drop=(0,))
        item = tracer.fresh(ArrayValue(value, content.extents[1:]))
        item.cell.alias_of = frozenset({array.cell, *array.cell.alias_of})
        made.append(item)
    kind = owner.kind
    return rebuilt(kind, kind.model, iter(made), iter(heaps_of(owner)), kind.path)  # type: ignore[attr-defined, arg-type]


def part(tracer: Tracer, owner: Tuple, wanted: Slice) -> Tuple:
    """`xs[a:b:c]`: another list of the same items."""
    readable(tracer, owner)
    start, size, step = slice_of(tracer, wanted, length(tracer, owner), broadcasts=False)
    builder, origin = tracer.builder, start_of(tracer, owner)
    first = tracer.index.value(start)
    first = first if origin is None else builder.emit("add", origin, first)
    count = tracer.fresh(ArrayValue(builder.emit("pack", tracer.index.value(size), shape=(1,)), (ONE,)), "$count")
    made: list[Object] = [count]
    for array, leaf in data_of(tracer, owner):
        content = tracer.content(array.cell)
        rank = leaf.rank or 0
        starts = [first, *[builder.integer(0)] * rank]
        sizes = [tracer.index.value(e) for e in (size, *content.extents[1:])]
        piece = builder.emit("slice", content.value, *starts, *sizes, steps=(step, *(1,) * rank), drop=())
        value = space(tracer, leaf, sizes[0], sizes[1:])  # that the part has room to grow, its derivative need not know
        zeros = [builder.integer(0)] * (1 + rank)
        value = builder.emit("update_slice", value, piece, *zeros, steps=(1,) * len(zeros), drop=())
        new = tracer.fresh(held(tracer, value), array.cell.name)
        new.cell.alias_of = array.cell.alias_of | ({array.cell} if rank else set())
        made.append(new)
    inner = [piece for heap in heaps_of(owner) for piece in heap]
    return Tuple(replace(owner.kind, row=False), (*made, *inner))


def iteration(tracer: Tracer, owner: Tuple) -> Iteration:
    """Over the items there are now."""
    if owner.kind.model is None:  # type: ignore[attr-defined]
        return Iteration(number(0), lambda i: i, items=())
    readable(tracer, owner)
    return Iteration(length(tracer, owner), lambda i: item_at(tracer, owner, i))


def steady(tracer: Tracer, owner: Tuple) -> tuple[Iteration, list[Array]]:
    """Over the items of a list that keeps its length meanwhile, and the arrays that are then not written."""
    if owner.kind.model is None:  # type: ignore[attr-defined]
        return iteration(tracer, owner), []
    readable(tracer, owner)
    start = start_of(tracer, owner)

    def item(i: Scalar) -> Object:
        tracer.index.suppose_natural(i.value)
        return load(tracer, owner, i.value if start is None else tracer.builder.emit("add", start, i.value))

    watched = owner.items[2:4] if owner.kind.row else owner.items[:1]  # type: ignore[attr-defined]
    return Iteration(length(tracer, owner), item), [a for a in watched if isinstance(a, Array)]
