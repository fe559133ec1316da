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
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from wengert.compiler.frontend import heaps
from wengert.compiler.frontend.arithmetic import ONE, require_same
from wengert.compiler.frontend.heaps import HEAD, ROOM, Place, fresh_data, held, space
from wengert.compiler.frontend.index import Affine, number
from wengert.compiler.frontend.kinds import to_value
from wengert.compiler.frontend.list_models import (
    ROWS,
    Leaf,
    Model,
    Rows,
    heaps_in,
    is_vague,
    joined,
    leaves_of,
    model_of,
    parts_of,
    rebuilt,
    replaced,
)
from wengert.compiler.frontend.objects import (
    NONE,
    Array,
    ArrayValue,
    Guarded,
    Iteration,
    ListOf,
    Object,
    Poison,
    Scalar,
    Slice,
    Tuple,
    arrays_in,
    is_list,
    root,
)
from wengert.compiler.frontend.tracer import SERVICES, Retrace, Tracer, provides
from wengert.compiler.frontend.views import as_index, checked, indexed, slice_of
from wengert.compiler.ir.core import Block, Value


@dataclass(frozen=True, slots=True)
class ItemOf:
    """The origin of a list that is an item, chosen at run time, of a list written out."""

    base: Tuple


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


def write_out(tracer: Tracer) -> None:
    """Where an index must be known: have the innermost loop over few known numbers written out, if there is one left."""
    for frame in reversed(tracer.frames):
        for loop in reversed(frame.loops):
            if loop.place is not None:
                tracer.lists[loop.place] = None
                raise Retrace


def grows(tracer: Tracer, node: ast.AST) -> bool:
    """Whether something is appended to the name that a literal is assigned to."""
    statement, changed = tracer.frame.statement, _changed(tracer.frame.node)
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return any(isinstance(n, ast.Name) and n.id in changed for t in targets if t is not None for n in ast.walk(t))


@lru_cache(maxsize=4096)
def _changed(function: ast.AST) -> frozenset[str]:
    """Names of what is appended to, by `+=` too, or pushed on as on a heap."""
    return frozenset(
        n.target.id
        for n in ast.walk(function)
        if isinstance(n, ast.AugAssign) and isinstance(n.op, ast.Add) and isinstance(n.target, ast.Name)
    ) | frozenset(
        n.func.value.id
        for n in ast.walk(function)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr in ("append", "extend", "insert")
        and isinstance(n.func.value, ast.Name)
    ) | frozenset(
        n.args[0].id
        for n in ast.walk(function)
        if isinstance(n, ast.Call) and n.args and isinstance(n.args[0], ast.Name)
        and getattr(n.func, "attr", getattr(n.func, "id", "")) == "heappush"
    )  # fmt: skip


def empty(tracer: Tracer, key: Any, model: Model | None, room: Value | None = None, path: tuple[int, ...] = ()) -> Tuple:
    """No items, and room for some. path: where in what is known of `key` its items are."""
    builder = tracer.builder
    room = builder.integer(ROOM) if room is None else room
    count = tracer.fresh(ArrayValue(builder.emit("pack", builder.integer(0), shape=(1,)), (ONE,)), "$count")
    data = [fresh_data(tracer, leaf, room) for leaf in leaves_of(model)]
    if is_vague(model):
        tracer.unsettled = True
    inner = [part for rows in heaps_in(model) for part in heaps.empty(tracer, rows)]
    return Tuple(ListOf(key, model, path), (count, *data, *inner))


def learn(tracer: Tracer, key: Any, path: tuple[int, ...], model: Model) -> None:
    """Know more of the items of a list, and trace the function anew."""
    before = tracer.lists.get(key)
    whole = model if not path else replaced(before, path, model)
    tracer.lists[key] = whole if before is None else joined(tracer, before, whole)
    if tracer.lists[key] == before:
        tracer.refuse("list_mutation")
    raise Retrace


def growing(tracer: Tracer, owner: Object, model: Model) -> Tuple:
    """The list itself if it can take items of `model`; else the function is traced anew with what is known now."""
    assert isinstance(owner, Tuple)
    if isinstance(owner.kind, ListOf):
        wide = model if owner.kind.model is None else joined(tracer, owner.kind.model, model)
        if wide != owner.kind.model:
            learn(tracer, owner.kind.key, owner.kind.path, wide)
        return owner
    if isinstance(owner.origin, ItemOf):
        as_rows(tracer, owner.origin.base)
    key = owner.origin
    if key is None:
        tracer.refuse("list_given")
    if key[0] == "in":  # an item of a list, of known length so far
        tracer.lists["rows", key[1]] = tracer.lists.pop(key[1], None)
        raise Retrace
    wide = model
    for item in owner.items:
        wide = joined(tracer, wide, model_of(tracer, item, ("rows", key) in tracer.lists))
    learn(tracer, key, (), wide)
    raise AssertionError


def as_rows(tracer: Tracer, owner: Tuple) -> None:
    """Have a list whose items are lists traced anew with these in a heap, where they can be changed and chosen at run time."""
    key = owner.kind.key if isinstance(owner.kind, ListOf) else owner.origin
    if isinstance(key, ItemOf):
        as_rows(tracer, key.base)
    if key is None or ("rows", key) in tracer.lists:
        tracer.refuse("list_nested")
    if key[0] == "in":
        key = key[1]
    tracer.lists["rows", key] = None
    if isinstance(owner.kind, ListOf) or owner.origin[0] == "in":
        tracer.lists.pop(key, None)
    else:
        models = [model_of(tracer, item, True) for item in owner.items]
        wide = models[0]
        for model in models[1:]:
            wide = joined(tracer, wide, model)
        tracer.lists[key] = wide
    raise Retrace


@provides("unify_lists")
def unify(tracer: Tracer, a: Tuple, b: Tuple) -> bool:
    """Trace two lists, either of which a name is, as lists of run-time length with the same items. False if they cannot be."""
    models: list[Any] = []
    for item in (a, b):
        if isinstance(item.kind, ListOf):
            models.append(item.kind.model)
        elif item.origin is None or isinstance(item.origin, ItemOf) or item.origin[0] == "in":
            return False
        else:
            models += [model_of(tracer, part, ("rows", item.origin) in tracer.lists) for part in item.items]
    wide = None
    for model in models:
        wide = model if wide is None else wide if model is None else joined(tracer, wide, model)
    if wide is None:
        return False
    before = dict(tracer.lists)
    for item in (a, b):
        key, path = (item.kind.key, item.kind.path) if isinstance(item.kind, ListOf) else (item.origin, ())
        known = tracer.lists.get(key)
        whole = wide if not path else replaced(known, path, wide)
        tracer.lists[key] = whole if known is None else joined(tracer, known, whole)
    if tracer.lists == before:
        return False
    raise Retrace


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


# -- its length


def count_of(tracer: Tracer, owner: Tuple) -> Value:
    if owner.kind.row:  # type: ignore[attr-defined]
        return heaps.count_of(tracer, owner)
    counter = owner.items[0]
    assert isinstance(counter, Array)
    value = tracer.builder.emit("load", tracer.content(counter.cell).value, tracer.builder.integer(0))
    tracer.index.suppose_natural(value)
    return value


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


@provides("list_length")
def length(tracer: Tracer, owner: Tuple) -> Affine:
    return tracer.index.of(count_of(tracer, owner))


# -- items


def data_of(tracer: Tracer, owner: Tuple) -> list[tuple[Array, Leaf]]:
    first = HEAD if owner.kind.row else 1  # type: ignore[attr-defined]
    leaves = leaves_of(owner.kind.model)  # type: ignore[attr-defined]
    return list(zip(owner.items[first : first + len(leaves)], leaves, strict=True))  # type: ignore[arg-type]


def _heaps(owner: Tuple) -> list[tuple[Object, ...]]:
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


def of_own_items(tracer: Tracer, owner: Tuple) -> Tuple:
    """The list, of run-time length. Raises Retrace where it is written out."""
    if is_list(owner):
        return owner
    if not owner.items:
        tracer.refuse("list_empty")
    return growing(tracer, owner, model_of(tracer, owner.items[0]))


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
    return rebuilt(kind, kind.model, iter(made), iter(_heaps(owner)), kind.path)  # type: ignore[attr-defined, arg-type]


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
    model = model_of(tracer, item, isinstance(owner, Tuple) and _has_rows(tracer, owner))
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


def _has_rows(tracer: Tracer, owner: Tuple) -> bool:
    """Whether lists in the items of a list are to be lists that may change."""
    key = owner.kind.key if isinstance(owner.kind, ListOf) else owner.origin
    return not isinstance(key, ItemOf) and ("rows", key) in tracer.lists


def store_item(tracer: Tracer, owner: Object, index: Object, item: Object) -> None:
    """`xs[i] = item`."""
    for inner in _lists_in(item):
        readable(tracer, inner)
    owner = growing(tracer, owner, model_of(tracer, item, isinstance(owner, Tuple) and _has_rows(tracer, owner)))
    place = place_of(tracer, owner, index)
    item = as_stored(tracer, owner, item)
    _touch(tracer, owner)
    _put(tracer, owner, item, place, None)


# -- lists as items


def as_stored(tracer: Tracer, owner: Tuple, item: Object, moving: bool = False) -> Object:
    """An item with a number in place of each list in it, which is put into the heap unless it is there."""
    found = _heaps(owner)
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
            for inner in _heaps(item):
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
    inner = [piece for heap in _heaps(owner) for piece in heap]
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
