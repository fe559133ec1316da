"""Lists whose length is known only at run time: append, pop, indexing, iteration, comprehensions.

    xs = []                       count: array of one integer; data: an array with room for more, one per leaf of an item
    xs.append((i, x * y))         data = grow data, count + 1; data[count] = item; count = count + 1

A list is written out item by item (`Tuple`) until something is appended to it. Its literal is then known to make a list
of this kind, and the function is traced anew (`Retrace`). Items are numbers, arrays of one rank, lists, or tuples of them. A list
refers to the arrays in it: one that is written after it was appended makes the list unreadable (a `Poison`). Lists in it are
in a heap (heaps.py), and a list that is put in becomes one of those: its names are names of that from then on.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from wengert.compiler.frontend import heaps
from wengert.compiler.frontend.arithmetic import ONE, require_same
from wengert.compiler.frontend.heaps import ROOM, Place, held, space
from wengert.compiler.frontend.index import Affine, number
from wengert.compiler.frontend.kinds import to_value
from wengert.compiler.frontend.list_kinds import empty, growing, grows, has_rows, of_own_items
from wengert.compiler.frontend.list_models import (
    ROWS,
    Leaf,
    Model,
    Rows,
    heaps_in,
    leaves_of,
    model_of,
    parts_of,
)
from wengert.compiler.frontend.list_reads import (
    count_of,
    data_of,
    heaps_of,
    item_at,
    place_of,
    readable,
    start_of,
)
from wengert.compiler.frontend.objects import (
    NONE,
    Array,
    ArrayValue,
    Guarded,
    ListOf,
    Object,
    Poison,
    Scalar,
    Tuple,
    arrays_in,
    is_list,
    root,
)
from wengert.compiler.frontend.tracer import SERVICES, Tracer, provides
from wengert.compiler.frontend.views import as_index, indexed
from wengert.compiler.ir.core import Block, Value

# -- making one


@provides("placed_list")
def placed(tracer: Tracer, node: ast.AST, made: Object) -> Object:
    """What an expression has made: a list of known length, which is where it stands from now on."""
    if not isinstance(made, Tuple) or not made.fresh or made.origin is not None:
        return made
    return literal(tracer, node, made.items)


def literal(tracer: Tracer, node: ast.AST, items: tuple[Object, ...]) -> Object:
    """A list display, or another expression that makes a list of known length: written out, or of run-time length where it
    is changed later."""
    return made_at(tracer, tracer.place(node), items, grows(tracer, node))


def made_at(tracer: Tracer, key: Any, items: tuple[Object, ...], may_grow: bool) -> Object:
    known = tracer.lists.get(key)
    if known is None:
        if may_grow:
            tracer.unsettled = True
        return Tuple(list, items, origin=key, fresh=True)
    made = empty(tracer, key, known)
    for item in items:
        append(tracer, made, item)
    return made


def repeated(tracer: Tracer, node: ast.AST, item: Object, count: Object) -> Object:
    """`[item] * n` with n known at run time only."""
    key = tracer.place(node)
    model = tracer.lists.setdefault(key, model_of(tracer, item, ("rows", key) in tracer.lists))
    n = tracer.index.at_least_zero(as_index(tracer, count))
    made = empty(tracer, key, model, tracer.index.value(tracer.index.maximum(n, number(ROOM))))
    stored = as_stored(tracer, made, item)
    for (array, leaf), part in zip(data_of(tracer, made), parts_of(stored), strict=True):
        if leaf.rank is not None:
            tracer.refuse("list_repeat", node)
        content = tracer.content(array.cell)
        value = to_value(tracer, part, leaf.dtype)
        many = (value, tracer.index.value(content.extents[0]))
        filled = tracer.builder.op("broadcast", many, types=[content.value.type], axes=()).result
        tracer.state.cells[array.cell] = ArrayValue(filled, content.extents)
    set_count(tracer, made, tracer.index.value(n))
    return made


def spoilt_with(made: Object, read: Iterable[Object]) -> Object:
    """What was made at once of what Python reads as it goes: it is spoilt when any of that is written."""
    sources = frozenset(root(a.cell) for item in read for a in arrays_in(item) if not root(a.cell).captured)
    for array in arrays_in(made):
        array.cell.alias_of = array.cell.alias_of | (sources - {array.cell})
    return made


# -- changing one


def set_count(tracer: Tracer, owner: Tuple, count: Value) -> None:
    if owner.kind.row:  # type: ignore[attr-defined]
        heaps.set_count(tracer, owner, count)
        return
    counter = owner.items[0]
    assert isinstance(counter, Array)
    tracer.put(counter.cell, ArrayValue(tracer.builder.emit("pack", count, shape=(1,)), (ONE,)))


def _touch(tracer: Tracer, owner: Tuple) -> None:
    """Say that an item is written."""
    array = owner.items[3 if owner.kind.row else 0]  # type: ignore[attr-defined]
    assert isinstance(array, Array)
    heaps.touch(tracer, array)


def item_of(tracer: Tracer, owner: Tuple, index: Object) -> Object:
    """An item of a list that is written next: one written out is traced anew as one of run-time length."""
    return item_at(tracer, of_own_items(tracer, owner), index)


def array_at(tracer: Tracer, owner: Object, index: Object) -> Array | None:
    """The item at an index as part of the list's data, to write to it; None where it is no array."""
    if not is_list(owner):
        return None
    model = owner.kind.model  # type: ignore[attr-defined]
    if not isinstance(model, Leaf) or model.rank is None or model.listed:
        return None
    place = place_of(tracer, owner, index)
    _touch(tracer, owner)
    return indexed(tracer, data_of(tracer, owner)[0][0], [Scalar(place, True)])


def _put(tracer: Tracer, owner: Tuple, item: Object, place: Value, room: Value | None, first: Value | None = None) -> None:
    """Store an item, as `as_stored` has made it, at a place in the data; where `room` is given, after making room for so many.

    first: for a new item, whether there was none before, so that arrays take its shape.
    """
    builder = tracer.builder
    for (array, leaf), part in zip(data_of(tracer, owner), parts_of(item), strict=True):
        content = tracer.content(array.cell)
        if leaf.rank is None:
            value = content.value if room is None else builder.emit("grow", content.value, room)
            extents: tuple[Affine, ...] = held(tracer, value).extents
            value = builder.emit("update", value, to_value(tracer, part, leaf.dtype), place)
        else:
            assert isinstance(part, Array)
            new = tracer.read(part)
            value = content.value if first is None else _shaped(tracer, content, new, first, leaf, content.extents[0])
            value = value if room is None else builder.emit("grow", value, room)
            extents = held(tracer, value).extents
            for own, wanted in zip(new.extents, extents[1:], strict=True):
                require_same(tracer, own, wanted, "arrays of different shapes in a list")
            starts = [place, *[builder.integer(0)] * leaf.rank]
            steps = (1,) * (leaf.rank + 1)
            value = builder.emit("update_slice", value, new.value, *starts, steps=steps, drop=(0,))
            if not _is_its_own(tracer, part):
                array.cell.alias_of = array.cell.alias_of | {root(part.cell), *part.cell.alias_of} - {array.cell}
        tracer.state.cells[array.cell] = ArrayValue(value, extents)  # not `put`: items read before stay what they are


def _is_its_own(tracer: Tracer, part: Array) -> bool:
    """Whether nobody else may use an array that is put into a list: it was made for that, or its name is not read again."""
    base = root(part.cell)
    if base.pinned or part.cell.alias_of or base.alias_of or not part.is_whole:
        return False
    current, statement = tracer.frame.index, tracer.frame.statement
    live = tracer.frame.live.after.get(statement) if statement is not None else None
    for index, names in tracer.state.frames.items():
        for name, item in names.items():
            if index == current and live is not None and name not in live and not name.startswith("$"):
                continue
            if any(base is root(a.cell) or base in a.cell.alias_of for a in arrays_in(item)):
                return False
    return True


def _shaped(tracer: Tracer, content: ArrayValue, new: ArrayValue, first: Value, leaf: Leaf, room: Affine) -> Value:
    """The data, made anew for items of this shape where there are none yet."""
    builder = tracer.builder
    if all(a == b for a, b in zip(content.extents[1:], new.extents, strict=True)):
        return content.value
    sizes = [tracer.index.value(e) for e in new.extents]
    anew, as_it_is = Block(), Block()
    with builder.region(anew, builder.new_scope()):
        anew.results = [space(tracer, leaf, tracer.index.value(room), sizes)]
    as_it_is.results = [content.value]
    return builder.op("if", (first,), (anew, as_it_is), "", [content.value.type]).result


def _lists_in(item: Object) -> list[Tuple]:
    if is_list(item):
        return [item]
    return [found for part in item.items for found in _lists_in(part)] if isinstance(item, Tuple) else []


def append(tracer: Tracer, owner: Object, item: Object, listed: bool = False, moving: bool = False) -> Object:
    """moving: the list that the item was in is put in as a whole."""
    for inner in _lists_in(item):
        readable(tracer, inner)
    model = model_of(tracer, item, isinstance(owner, Tuple) and has_rows(tracer, owner))
    owner = growing(tracer, owner, replace(model, listed=True) if listed and isinstance(model, Leaf) else model)
    item = as_stored(tracer, owner, item, moving)
    if owner.kind.row:  # type: ignore[attr-defined]
        place = heaps.room_for_one(tracer, owner, leaves_of(owner.kind.model))  # type: ignore[attr-defined]
        _put(tracer, owner, item, place.at, None, place.first)
        more = tracer.builder.emit("add", count_of(tracer, owner), tracer.builder.integer(1))
    else:
        count = count_of(tracer, owner)
        more = tracer.builder.emit("add", count, tracer.builder.integer(1))
        _put(tracer, owner, item, count, more, tracer.builder.emit("equal", count, tracer.builder.integer(0)))
    set_count(tracer, owner, more)
    return NONE


def store_item(tracer: Tracer, owner: Object, index: Object, item: Object) -> None:
    """`xs[i] = item`."""
    for inner in _lists_in(item):
        readable(tracer, inner)
    owner = growing(tracer, owner, model_of(tracer, item, isinstance(owner, Tuple) and has_rows(tracer, owner)))
    place = place_of(tracer, owner, index)
    item = as_stored(tracer, owner, item)
    _touch(tracer, owner)
    _put(tracer, owner, item, place, None)


# -- lists as items


def as_stored(tracer: Tracer, owner: Tuple, item: Object, moving: bool = False) -> Object:
    """An item with a number in place of each list in it, which is put into the heap unless it is there."""
    found = heaps_of(owner)
    if not found:
        return item
    kind = owner.kind
    pending = iter(found)

    def stored(part: Object, model: Model, path: tuple[int, ...]) -> Object:
        if isinstance(model, Leaf):
            return part
        assert isinstance(part, Tuple)
        if isinstance(model, Rows):
            inside = ListOf(kind.key, model.item, (*path, ROWS), True)  # type: ignore[attr-defined]
            return Scalar(_entered(tracer, inside, model, next(pending), part, moving), True)
        items = [stored(p, m, (*path, k)) for k, (p, m) in enumerate(zip(part.items, model.items, strict=True))]
        return Tuple(tuple, tuple(items))

    return stored(item, kind.model, kind.path)  # type: ignore[attr-defined]


def _entered(
    tracer: Tracer, kind: ListOf, rows: Rows, heap: tuple[Object, ...], item: Tuple, moving: bool
) -> Value:
    """The number of a list in a heap; what is not there is put there, and what referred to it refers to that."""
    if is_list(item) and item.kind.row and item.items[1:] == heap:  # type: ignore[attr-defined]
        return heaps.number_of(item)
    leaves = leaves_of(rows.item)
    if not is_list(item):
        own, _ = heaps.added(tracer, heap, leaves, tracer.builder.integer(len(item.items) or heaps.LEAST))
        made = Tuple(kind, (Scalar(own, True), *heap))
        for part in item.items:
            append(tracer, made, part)
    elif item.kind.model is None or heaps_in(rows.item):  # type: ignore[attr-defined]
        own, _ = heaps.added(tracer, heap, leaves, tracer.builder.integer(0))
        made = Tuple(kind, (Scalar(own, True), *heap))
        if item.kind.model is not None:  # type: ignore[attr-defined]
            SERVICES["loop_items"](tracer, item, lambda part: append(tracer, made, part, moving=True))
            for inner in heaps_of(item):
                _spoil(tracer, inner[2])
    else:
        n = count_of(tracer, item)
        own, place = heaps.added(tracer, heap, leaves, n)
        made = Tuple(kind, (Scalar(own, True), *heap))
        _copy(tracer, item, made, n, place)
        heaps.set_count(tracer, made, n)
    if not moving:
        _renamed(tracer, item, made)
    return own


def _copy(tracer: Tracer, source: Tuple, made: Tuple, count: Value, place: Place) -> None:
    """All items of a list into the data of another, for which there is room."""
    builder = tracer.builder
    start = start_of(tracer, source) or builder.integer(0)
    for (array, leaf), (other, _) in zip(data_of(tracer, source), data_of(tracer, made), strict=True):
        content, own = tracer.content(array.cell), tracer.content(other.cell)
        zeros = [builder.integer(0)] * (leaf.rank or 0)
        sizes = [tracer.index.value(e) for e in content.extents[1:]]
        steps = (1,) * (1 + len(zeros))
        piece = builder.emit("slice", content.value, start, *zeros, count, *sizes, steps=steps, drop=())
        value = own.value
        if zeros:
            item = ArrayValue(piece, content.extents[1:])
            value = _shaped(tracer, own, item, place.first, leaf, own.extents[0])
            for a, b in zip(content.extents[1:], held(tracer, value).extents[1:], strict=True):
                require_same(tracer, a, b, "arrays of different shapes in a list")
            read = any(array.cell in a.cell.alias_of for a in tracer.roots())
            other.cell.alias_of = other.cell.alias_of | array.cell.alias_of | ({array.cell} if read else set())
        piece = builder.cast(piece, own.value.type.dtype)
        value = builder.emit("update_slice", value, piece, place.at, *zeros, steps=steps, drop=())
        tracer.state.cells[other.cell] = held(tracer, value)


def _renamed(tracer: Tracer, item: Tuple, made: Tuple) -> None:
    """Let names of a list be names of the one that it has become in a heap; whatever else refers to it must not be read."""
    own = item.items[0] if is_list(item) and not item.kind.row else None  # type: ignore[attr-defined]

    def new(part: Object) -> Object:
        if part is item or (own is not None and is_list(part) and part.items[0] is own) or part == item and is_list(item):
            return made
        if isinstance(part, Tuple) and not is_list(part):
            items = tuple(map(new, part.items))
            return part if all(p is q for p, q in zip(items, part.items, strict=True)) else replace(part, items=items)
        return replace(part, item=new(part.item)) if isinstance(part, Guarded) else part

    names = tracer.names
    for name, part in list(names.items()):
        names[name] = new(part)
    if is_list(item):
        _spoil(tracer, item.items[3 if item.kind.row else 0])  # type: ignore[attr-defined]


def _spoil(tracer: Tracer, guard: Object) -> None:
    assert isinstance(guard, Array)
    tracer.state.cells[guard.cell] = Poison("was put into another list", tracer.builder.span)
