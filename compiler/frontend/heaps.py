"""Where the items of lists within lists are: all lists in one place of an item share a heap, and have numbers in it.

    g[i]               number n = the integer that the list `g` has at i
    g[i][j]            data[starts[n] + j], where j < counts[n]
    g[i].append(v)     where counts[n] == rooms[n], what is there is first moved to the end of `data`, with room for twice as much

So two names of one list are one number, as they are one object in Python. A heap is (meta, starts, counts, rooms, data...,
heaps of lists in those lists...); meta: how many lists there are, and how much of `data` is taken.
"""

from __future__ import annotations

from typing import NamedTuple

from wengert.compiler.frontend.index import number
from wengert.compiler.frontend.list_models import Leaf, Rows, heaps_in, leaves_of
from wengert.compiler.frontend.merger import unknown_extent
from wengert.compiler.frontend.objects import Array, ArrayValue, Object, Scalar, Tuple
from wengert.compiler.frontend.tracer import Tracer
from wengert.compiler.ir.core import Block, Value
from wengert.compiler.ir.types import I64, Type

ROOM = 8
"""Items there is room for at first."""
LEAST = 4
"""What a list within a list has room for, once anything is put in."""
HEAD = 5
"""What a `Tuple` of a list in a heap has before the data: its number, meta, starts, counts, rooms."""


class Place(NamedTuple):
    """Where an item is put: its index in the data, and whether it is the first there is (of which arrays take their shape)."""

    at: Value
    first: Value


def size_of(rows: Rows) -> int:
    """How many arrays a heap is."""
    return HEAD - 1 + len(leaves_of(rows.item)) + sum(map(size_of, heaps_in(rows.item)))


def space(tracer: Tracer, leaf: Leaf, room: Value, sizes: list[Value]) -> Value:
    """An array for `room` items of these extents; its own extents are never taken for known."""
    type_ = Type(leaf.dtype, (None,) * (1 + len(sizes)))
    zero = tracer.builder.constant(0, leaf.dtype)
    return tracer.builder.op("broadcast", (zero, room, *sizes), types=[type_], axes=(), undefined=True).result


def fresh_data(tracer: Tracer, leaf: Leaf, room: Value) -> Array:
    value = space(tracer, leaf, room, [tracer.builder.integer(0)] * (leaf.rank or 0))
    return tracer.fresh(held(tracer, value), "$list")


def held(tracer: Tracer, value: Value) -> ArrayValue:
    return ArrayValue(value, tuple(unknown_extent(tracer, value, k) for k in range(value.type.rank)))


def empty(tracer: Tracer, rows: Rows) -> tuple[Object, ...]:
    """A heap with no lists in it."""
    builder = tracer.builder
    zero, room = builder.integer(0), builder.integer(ROOM)
    meta = tracer.fresh(ArrayValue(builder.emit("pack", zero, zero, shape=(2,)), (number(2),)), "$heap")
    table = [fresh_data(tracer, Leaf(I64, True, None), room) for _ in range(3)]
    data = [fresh_data(tracer, leaf, room) for leaf in leaves_of(rows.item)]
    return (meta, *table, *data, *(part for inner in heaps_in(rows.item) for part in empty(tracer, inner)))


# -- the table of a heap


def _cell(owner: Tuple, at: int) -> Array:
    array = owner.items[at]
    assert isinstance(array, Array)
    return array


def number_of(owner: Tuple) -> Value:
    found = owner.items[0]
    assert isinstance(found, Scalar)
    return found.value


def _look(tracer: Tracer, array: Array, index: Value) -> Value:
    value = tracer.builder.emit("load", tracer.content(array.cell).value, index)
    tracer.index.suppose_natural(value)
    return value


def _enter(tracer: Tracer, array: Array, index: Value, value: Value) -> None:
    content = tracer.content(array.cell)
    tracer.state.cells[array.cell] = ArrayValue(tracer.builder.emit("update", content.value, value, index), content.extents)


def start_of(tracer: Tracer, owner: Tuple) -> Value:
    return _look(tracer, _cell(owner, 2), number_of(owner))


def count_of(tracer: Tracer, owner: Tuple) -> Value:
    return _look(tracer, _cell(owner, 3), number_of(owner))


def touch(tracer: Tracer, array: Array) -> None:
    """Say that what belongs to this array is written: whatever may be the same list is spoilt, or the write refused."""
    tracer.put(array.cell, tracer.content(array.cell))


def set_count(tracer: Tracer, owner: Tuple, count: Value) -> None:
    array = _cell(owner, 3)
    content = tracer.content(array.cell)
    value = tracer.builder.emit("update", content.value, count, number_of(owner))
    tracer.put(array.cell, ArrayValue(value, content.extents))


def _set_meta(tracer: Tracer, meta: Array, lists: Value, end: Value) -> None:
    tracer.put(meta.cell, ArrayValue(tracer.builder.emit("pack", lists, end, shape=(2,)), (number(2),)))


def added(tracer: Tracer, heap: tuple[Object, ...], leaves: list[Leaf], room: Value) -> tuple[Value, Place]:
    """The number of a new list without items in a heap, and where its first item goes; there is room for so many."""
    builder = tracer.builder
    meta = heap[0]
    assert isinstance(meta, Array)
    own, end = (_look(tracer, meta, builder.integer(k)) for k in (0, 1))
    more, after = builder.emit("add", own, builder.integer(1)), builder.emit("add", end, room)
    for array, value in zip(heap[1:4], (end, builder.integer(0), room), strict=True):
        assert isinstance(array, Array)
        tracer.put(array.cell, held(tracer, builder.emit("grow", tracer.content(array.cell).value, more)))
        _enter(tracer, array, own, value)
    for array in heap[4 : 4 + len(leaves)]:
        assert isinstance(array, Array)
        tracer.state.cells[array.cell] = held(tracer, builder.emit("grow", tracer.content(array.cell).value, after))
    _set_meta(tracer, meta, more, after)
    return own, Place(end, builder.emit("equal", end, builder.integer(0)))


def room_for_one(tracer: Tracer, owner: Tuple, leaves: list[Leaf]) -> Place:
    """Where the next item goes, after making room for it."""
    builder = tracer.builder
    meta, own = _cell(owner, 1), number_of(owner)
    count, start = count_of(tracer, owner), start_of(tracer, owner)
    room, end = _look(tracer, _cell(owner, 4), own), _look(tracer, meta, builder.integer(1))
    full = builder.emit("equal", count, room)
    arrays = [_cell(owner, 2), _cell(owner, 4), meta, *(_cell(owner, HEAD + k) for k in range(len(leaves)))]
    anew, as_it_is = Block(), Block()
    before = tracer.state
    with builder.region(anew, builder.new_scope()):
        tracer.state = before.copy(tracer.frame.index)
        _move(tracer, owner, leaves, start, count, room, end)
        anew.results = [tracer.content(a.cell).value for a in arrays]
    tracer.state = before
    as_it_is.results = [tracer.content(a.cell).value for a in arrays]
    joined = [a.type.join(b.type) for a, b in zip(anew.results, as_it_is.results, strict=True)]
    made = builder.op("if", (full,), (anew, as_it_is), "", [t for t in joined if t is not None]).results
    for array, value in zip(arrays, made, strict=True):
        content = ArrayValue(value, tracer.content(array.cell).extents) if array is meta else held(tracer, value)
        tracer.state.cells[array.cell] = content
    touch(tracer, _cell(owner, 3))
    first = builder.emit("equal", end, builder.integer(0))
    return Place(builder.emit("add", start_of(tracer, owner), count), first)


def _move(tracer: Tracer, owner: Tuple, leaves: list[Leaf], start: Value, count: Value, room: Value, end: Value) -> None:
    """Give a list that is full more room, at the end of the data."""
    builder, own = tracer.builder, number_of(owner)
    wanted = builder.emit("maximum", builder.emit("multiply", count, builder.integer(2)), builder.integer(LEAST))
    last = builder.emit("equal", builder.emit("add", start, room), end)  # then it stays where it is
    there = builder.emit("where", last, start, end)
    after = builder.emit("add", there, wanted)
    moved = builder.emit("where", last, builder.integer(0), count)
    for k in range(len(leaves)):
        array = _cell(owner, HEAD + k)
        grown = held(tracer, builder.emit("grow", tracer.content(array.cell).value, after))
        zeros = [builder.integer(0)] * (leaves[k].rank or 0)
        sizes = [tracer.index.value(e) for e in grown.extents[1:]]
        steps = (1,) * (1 + len(zeros))
        piece = builder.emit("slice", grown.value, start, *zeros, moved, *sizes, steps=steps, drop=())
        value = builder.emit("update_slice", grown.value, piece, there, *zeros, steps=steps, drop=())
        tracer.state.cells[array.cell] = ArrayValue(value, grown.extents)
    _enter(tracer, _cell(owner, 2), own, there)
    _enter(tracer, _cell(owner, 4), own, wanted)
    meta = _cell(owner, 1)
    lists = _look(tracer, meta, builder.integer(0))
    value = builder.emit("pack", lists, after, shape=(2,))
    tracer.state.cells[meta.cell] = ArrayValue(value, (number(2),))
