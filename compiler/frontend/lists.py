"""Lists whose length is known only at run time: append, pop, indexing, iteration, comprehensions.

    xs = []                       count: array of one integer; data: an array with room for more, one per leaf of an item
    xs.append((i, x * y))         data = grow data, count + 1; data[count] = item; count = count + 1

A list is written out item by item (`Tuple`) until something is appended to it. Its literal is then known to make a list
of this kind, and the function is traced anew (`Retrace`). Items are numbers, arrays of one rank, or tuples of them. A list
refers to the arrays in it: one that is written after it was appended makes the list unreadable (a `Poison`).
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from wengert.compiler.frontend import creation, written_numbers
from wengert.compiler.frontend.arithmetic import ONE, require_same
from wengert.compiler.frontend.index import Affine, number
from wengert.compiler.frontend.merge import (
    Mismatch,
    describe,
    join_scalars,
    root,
    scalar_type,
    to_value,
    unknown_extent,
)
from wengert.compiler.frontend.objects import (
    NONE,
    Array,
    ArrayValue,
    Iteration,
    ListOf,
    Object,
    Scalar,
    Slice,
    Static,
    Tuple,
    is_list,
)
from wengert.compiler.frontend.tracer import SERVICES, Tracer, provides
from wengert.compiler.frontend.views import as_index, checked, slice_of
from wengert.compiler.ir.core import Block, Value
from wengert.compiler.ir.tree import LEAF, NUMBERS, Tree
from wengert.compiler.ir.types import F64, DType, Type

ROOM = 8
"""Items there is room for at first."""


class Retrace(Exception):
    """A list literal was found to make a list of another kind than was assumed; the tracer's models know it now."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A number (rank None) or an array in an item. listed: Python has a list there, which only `np.array` may tell."""

    dtype: DType
    weak: bool
    rank: int | None
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Branch:
    """A tuple or structure in an item."""

    kind: Any
    names: tuple[str, ...]
    items: tuple[Model, ...]


Model = Leaf | Branch


# -- what the items are


def model_of(tracer: Tracer, item: Object) -> Model:
    if isinstance(item, Array):
        return Leaf(item.dtype, False, item.rank)
    known = scalar_type(item)
    if known is not None:
        return Leaf(known[0], known[1], None)
    if is_list(item):
        tracer.refuse("list_nested")
    if isinstance(item, Tuple):
        return Branch(item.kind, item.names, tuple(model_of(tracer, part) for part in item.items))
    tracer.refuse("list_item", what=describe(item))


def joined(tracer: Tracer, a: Model, b: Model) -> Model:
    """What holds items of both."""
    if a == b:
        return a
    if isinstance(a, Branch) and isinstance(b, Branch) and (a.kind, len(a.items)) == (b.kind, len(b.items)):
        return Branch(a.kind, a.names, tuple(joined(tracer, p, q) for p, q in zip(a.items, b.items, strict=True)))
    if isinstance(a, Leaf) and isinstance(b, Leaf) and a.rank is None and b.rank is None:
        try:
            dtype, weak = join_scalars(*(Scalar(Value(Type(m.dtype), ""), m.weak) for m in (a, b)))
            return Leaf(dtype, weak, None)
        except Mismatch:
            pass
    tracer.refuse("list_items_differ")


def leaves_of(model: Model) -> list[Leaf]:
    return [model] if isinstance(model, Leaf) else [leaf for part in model.items for leaf in leaves_of(part)]


def parts_of(item: Object) -> list[Object]:
    return [p for part in item.items for p in parts_of(part)] if isinstance(item, Tuple) else [item]


def rebuilt(model: Model, parts: Any) -> Object:
    if isinstance(model, Leaf):
        made: Object = next(parts)
        return made
    return Tuple(model.kind, tuple(rebuilt(m, parts) for m in model.items), model.names)


# -- making one


def literal(tracer: Tracer, node: ast.AST, items: tuple[Object, ...]) -> Object:
    """A list display: written out, or of run-time length where something is appended to it later."""
    key = tracer.place(node)
    known = tracer.lists.get(key)
    if known is None:
        if grows(tracer, node):
            tracer.unsettled = True
        return Tuple(list, items, origin=key)
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
    """Names of what is appended to, or pushed on as on a heap."""
    return frozenset(
        n.func.value.id
        for n in ast.walk(function)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr in ("append", "extend")
        and isinstance(n.func.value, ast.Name)
    ) | frozenset(
        n.args[0].id
        for n in ast.walk(function)
        if isinstance(n, ast.Call) and n.args and isinstance(n.args[0], ast.Name)
        and getattr(n.func, "attr", getattr(n.func, "id", "")) == "heappush"
    )  # fmt: skip


def empty(tracer: Tracer, key: Any, model: Model, room: Value | None = None) -> Tuple:
    """No items, and room for some."""
    builder = tracer.builder
    room = builder.integer(ROOM) if room is None else room
    count = tracer.fresh(ArrayValue(builder.emit("pack", builder.integer(0), shape=(1,)), (ONE,)), "$count")
    data = []
    for leaf in leaves_of(model):
        value = _space(tracer, leaf, room, [builder.integer(0)] * (leaf.rank or 0))
        extents = tuple(unknown_extent(tracer, value, k) for k in range(value.type.rank))
        data.append(tracer.fresh(ArrayValue(value, extents), "$list"))
    return Tuple(ListOf(key, model), (count, *data))  # type: ignore[arg-type]


def _space(tracer: Tracer, leaf: Leaf, room: Value, sizes: list[Value]) -> Value:
    """An array for `room` items of these extents; its own extents are never taken for known."""
    type_ = Type(leaf.dtype, (None,) * (1 + len(sizes)))
    zero = tracer.builder.constant(0, leaf.dtype)
    return tracer.builder.op("broadcast", (zero, room, *sizes), types=[type_], axes=(), undefined=True).result


def growing(tracer: Tracer, owner: Object, model: Model) -> Tuple:
    """The list itself if it can take items of `model`; else the function is traced anew with what is known now."""
    assert isinstance(owner, Tuple)
    if isinstance(owner.kind, ListOf):
        key, known = owner.kind.key, owner.kind.model
        wide = joined(tracer, known, model)
        if wide == known:
            return owner
    else:
        key = owner.origin
        if key is None:
            tracer.refuse("list_mutation")
        wide = model
        for item in owner.items:
            wide = joined(tracer, wide, model_of(tracer, item))
    before = tracer.lists.get(key)
    tracer.lists[key] = wide if before is None else joined(tracer, before, wide)
    if tracer.lists[key] == before:
        tracer.refuse("list_mutation")
    raise Retrace


def repeated(tracer: Tracer, node: ast.AST, item: Object, count: Object) -> Object:
    """`[item] * n` with n known at run time only."""
    key = tracer.place(node)
    model = tracer.lists.setdefault(key, model_of(tracer, item))
    n = tracer.index.at_least_zero(as_index(tracer, count))
    made = empty(tracer, key, model, tracer.index.value(tracer.index.maximum(n, number(ROOM))))
    for array, leaf, part in zip(made.items[1:], leaves_of(model), parts_of(item), strict=True):
        if leaf.rank is not None:
            tracer.refuse("list_repeat", node)
        assert isinstance(array, Array)
        held = tracer.content(array.cell)
        value = to_value(tracer, part, leaf.dtype)
        tracer.state.cells[array.cell] = ArrayValue(
            tracer.builder.op("broadcast", (value, tracer.index.value(held.extents[0])), types=[held.value.type], axes=()).result,
            held.extents,
        )
    _set_count(tracer, made, tracer.index.value(n))
    return made


# -- its length


def _count(tracer: Tracer, owner: Tuple) -> Value:
    counter = owner.items[0]
    assert isinstance(counter, Array)
    value = tracer.builder.emit("load", tracer.content(counter.cell).value, tracer.builder.integer(0))
    tracer.index.suppose_natural(value)
    return value


def _set_count(tracer: Tracer, owner: Tuple, count: Value) -> None:
    counter = owner.items[0]
    assert isinstance(counter, Array)
    tracer.put(counter.cell, ArrayValue(tracer.builder.emit("pack", count, shape=(1,)), (ONE,)))


@provides("list_length")
def length(tracer: Tracer, owner: Tuple) -> Affine:
    return tracer.index.of(_count(tracer, owner))


# -- items


def _data(tracer: Tracer, owner: Tuple) -> list[tuple[Array, Leaf]]:
    return list(zip(owner.items[1:], leaves_of(owner.kind.model), strict=True))  # type: ignore[arg-type]


def item_at(tracer: Tracer, owner: Tuple, index: Object) -> Object:
    if any(leaf.listed for leaf in leaves_of(owner.kind.model)):
        tracer.refuse("list_nested")
    place = checked(tracer, as_index(tracer, index), length(tracer, owner), 0)
    return _load(tracer, owner, tracer.index.value(place))


def item_of(tracer: Tracer, owner: Tuple, index: Object) -> Object:
    """An item of a list that is written next: one written out is traced anew as one of run-time length."""
    return item_at(tracer, _of_own_items(tracer, owner), index)


def _of_own_items(tracer: Tracer, owner: Tuple) -> Tuple:
    """The list, of run-time length. Raises Retrace where it is written out."""
    if is_list(owner):
        return owner
    if not owner.items:
        tracer.refuse("list_empty")
    return growing(tracer, owner, model_of(tracer, owner.items[0]))


def _load(tracer: Tracer, owner: Tuple, place: Value) -> Object:
    made: list[Object] = []
    builder = tracer.builder
    for array, leaf in _data(tracer, owner):
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
    return rebuilt(owner.kind.model, iter(made))  # type: ignore[attr-defined]


def _put(tracer: Tracer, owner: Tuple, item: Object, place: Value, room: Value | None) -> None:
    """Store an item at a place; where `room` is given, after making room for so many."""
    builder = tracer.builder
    for (array, leaf), part in zip(_data(tracer, owner), parts_of(item), strict=True):
        held = tracer.content(array.cell)
        if leaf.rank is None:
            value = held.value if room is None else builder.emit("grow", held.value, room)
            extents: tuple[Affine, ...] = (unknown_extent(tracer, value, 0),)
            value = builder.emit("update", value, to_value(tracer, part, leaf.dtype), place)
        else:
            assert isinstance(part, Array)
            new = tracer.read(part)
            value = held.value if room is None else builder.emit("grow", _shaped(tracer, held, new, place, leaf), room)
            extents = tuple(unknown_extent(tracer, value, k) for k in range(leaf.rank + 1))
            for own, wanted in zip(new.extents, extents[1:], strict=True):
                require_same(tracer, own, wanted, "arrays of different shapes in a list")
            starts = [place, *[builder.integer(0)] * leaf.rank]
            row = new.value
            steps = (1,) * (leaf.rank + 1)
            value = builder.emit("update_slice", value, row, *starts, steps=steps, drop=(0,))
            array.cell.alias_of = array.cell.alias_of | {root(part.cell), *part.cell.alias_of} - {array.cell}
        tracer.state.cells[array.cell] = ArrayValue(value, extents)  # not `put`: items read before stay what they are


def _shaped(tracer: Tracer, held: ArrayValue, new: ArrayValue, place: Value, leaf: Leaf) -> Value:
    """The data, made anew for items of this shape where the list is still empty."""
    builder = tracer.builder
    if all(a == b for a, b in zip(held.extents[1:], new.extents, strict=True)):
        return held.value
    first = builder.emit("equal", place, builder.integer(0))
    sizes = [tracer.index.value(e) for e in new.extents]
    anew, as_it_is = Block(), Block()
    with builder.region(anew, builder.new_scope()):
        anew.results = [_space(tracer, leaf, builder.integer(ROOM), sizes)]
    as_it_is.results = [held.value]
    return builder.op("if", (first,), (anew, as_it_is), "", [held.value.type]).result


def append(tracer: Tracer, owner: Object, item: Object, listed: bool = False) -> Object:
    model = model_of(tracer, item)
    owner = growing(tracer, owner, replace(model, listed=True) if listed and isinstance(model, Leaf) else model)
    count = _count(tracer, owner)
    more = tracer.builder.emit("add", count, tracer.builder.integer(1))
    _put(tracer, owner, item, count, more)
    _set_count(tracer, owner, more)
    return NONE


def store_item(tracer: Tracer, owner: Object, index: Object, item: Object) -> None:
    """`xs[i] = item`."""
    owner = growing(tracer, owner, model_of(tracer, item))
    place = checked(tracer, as_index(tracer, index), length(tracer, owner), 0)
    _put(tracer, owner, item, tracer.index.value(place), None)


def part(tracer: Tracer, owner: Tuple, wanted: Slice) -> Tuple:
    """`xs[a:b:c]`: another list of the same items."""
    start, size, step = slice_of(tracer, wanted, length(tracer, owner))
    builder = tracer.builder
    count = tracer.fresh(ArrayValue(builder.emit("pack", tracer.index.value(size), shape=(1,)), (ONE,)), "$count")
    made: list[Object] = [count]
    for array, leaf in _data(tracer, owner):
        held = tracer.content(array.cell)
        rank = leaf.rank or 0
        starts = [tracer.index.value(start), *[builder.integer(0)] * rank]
        sizes = [tracer.index.value(e) for e in (size, *held.extents[1:])]
        value = builder.emit("slice", held.value, *starts, *sizes, steps=(step, *(1,) * rank), drop=())
        new = tracer.fresh(ArrayValue(value, (unknown_extent(tracer, value, 0), *held.extents[1:])), array.cell.name)
        new.cell.alias_of = array.cell.alias_of
        made.append(new)
    return Tuple(owner.kind, tuple(made))


def concatenated(tracer: Tracer, a: Tuple, b: Tuple) -> Tuple:
    """`xs + ys`, where one of them is of run-time length."""
    longer = a if is_list(a) else b
    made = copied(tracer, a) if a is longer else empty(tracer, longer.kind.key, longer.kind.model)  # type: ignore[attr-defined]
    assert isinstance(made, Tuple)
    if a is not longer:
        extend(tracer, made, a)
    extend(tracer, made, b)
    return made


def pop(tracer: Tracer, owner: Object, index: Object = Static(-1)) -> Object:
    assert isinstance(owner, Tuple)
    owner = _of_own_items(tracer, owner)
    builder = tracer.builder
    count = _count(tracer, owner)
    tracer.check(builder.emit("greater", count, builder.integer(0)), "index", "pop from empty list")
    less = builder.emit("subtract", count, builder.integer(1))
    if index == Static(-1):
        item = _load(tracer, owner, less)
    else:
        place = tracer.index.value(checked(tracer, as_index(tracer, index), tracer.index.of(count), 0))
        item = _load(tracer, owner, place)
        moved = builder.emit("subtract", less, place)
        for array, leaf in _data(tracer, owner):
            held = tracer.content(array.cell)
            zeros = [builder.integer(0)] * (leaf.rank or 0)
            sizes = [tracer.index.value(e) for e in held.extents[1:]]
            steps = (1,) * (1 + len(zeros))
            after = builder.emit("add", place, builder.integer(1))
            rest = builder.emit("slice", held.value, after, *zeros, moved, *sizes, steps=steps, drop=())
            value = builder.emit("update_slice", held.value, rest, place, *zeros, steps=steps, drop=())
            tracer.state.cells[array.cell] = ArrayValue(value, held.extents)
    _set_count(tracer, owner, less)
    return item


def extend(tracer: Tracer, owner: Object, items: Object) -> Object:
    """Item by item, in a loop where their number is known only at run time."""
    assert isinstance(owner, Tuple)
    held = f"$extended{len(tracer.names)}"
    tracer.bind(held, owner)
    SERVICES["loop_items"](tracer, items, lambda item: append(tracer, tracer.names[held], item))
    tracer.names.pop(held, None)
    return NONE


def as_row(tracer: Tracer, item: Object) -> Object:
    """A list as an item of a list of lists."""
    return as_array(tracer, item, certain=True) if is_list(item) else creation.as_array(tracer, item)


def clear(tracer: Tracer, owner: Object) -> Object:
    if isinstance(owner, Tuple) and is_list(owner):
        _set_count(tracer, owner, tracer.builder.integer(0))
        return NONE
    tracer.refuse("list_mutation")


def appended_left(tracer: Tracer, owner: Object, item: Object) -> Object:
    tracer.refuse("call", name="insertion at the front of a list", help="Append, and reverse the array at the end.")


def copied(tracer: Tracer, owner: Object) -> Object:
    assert isinstance(owner, Tuple)
    if not is_list(owner):
        return Tuple(list, owner.items)
    made: list[Object] = []
    for array in owner.items:
        assert isinstance(array, Array)
        new = tracer.fresh(tracer.content(array.cell), array.cell.name)
        new.cell.alias_of = array.cell.alias_of
        made.append(new)
    return Tuple(owner.kind, tuple(made))


def _by_helper(helper: Any) -> Any:
    def build(tracer: Tracer, owner: Object, item: Object) -> Object:
        found: Object = SERVICES["inline"](tracer, helper, [owner, item])
        return found

    return build


METHODS: dict[str, Any] = {
    "index": _by_helper(written_numbers.index_of), "count": _by_helper(written_numbers.count_of),
    "append": append, "extend": extend, "pop": pop, "clear": clear, "popleft": lambda t, owner: pop(t, owner, Static(0)),
    "appendleft": appended_left, "copy": copied,
}  # fmt: skip

# -- as other things


def columns(tracer: Tracer, owner: Tuple) -> list[Array]:
    """The items, as an array for each number or array in one; for a result that Python has as a list."""
    n = length(tracer, owner)
    made = []
    for array, leaf in _data(tracer, owner):
        held = tracer.content(array.cell)
        starts = [tracer.builder.integer(0)] * (1 + (leaf.rank or 0))
        sizes = [tracer.index.value(e) for e in (n, *held.extents[1:])]
        value = tracer.builder.emit("slice", held.value, *starts, *sizes, steps=(1,) * len(starts), drop=())
        made.append(tracer.fresh(ArrayValue(value, (n, *held.extents[1:]))))
    return made


def tree_of_items(model: Model) -> Tree:
    """The structure of one item; "numbers" where Python has numbers of its own, or lists of them."""
    if isinstance(model, Leaf):
        return NUMBERS if model.listed or (model.weak and model.rank is None) else LEAF
    children = tuple(tree_of_items(part) for part in model.items)
    if model.kind in (tuple, list):
        return Tree(model.kind.__name__, None, children)
    if model.kind is dict:
        return Tree("dict", model.names, children)
    return Tree("named" if issubclass(model.kind, tuple) else "dataclass", model.kind, children, model.names)


@provides("list_array")
def as_array(tracer: Tracer, owner: Tuple, certain: bool = False) -> Array:
    """The items as an array. certain: the dtype was asked for, so that an empty list may be of it, too."""
    model, n = owner.kind.model, length(tracer, owner)  # type: ignore[attr-defined]
    leaves = leaves_of(model)
    if isinstance(model, Branch) and (model.kind not in (tuple, list) or any(x.rank is not None for x in leaves)):
        tracer.refuse("list_array")
    if not certain and (leaves[0].dtype != F64 or leaves[0].rank is not None or isinstance(model, Branch)):
        some = tracer.builder.emit("greater", tracer.index.value(n), tracer.builder.integer(0))
        tracer.check(some, "value", "an empty list has no dtype and shape that are known beforehand: give np.array a dtype")
    made = columns(tracer, owner)
    if isinstance(model, Leaf):
        return made[0]
    stacked = creation.stack(tracer, Tuple(list, tuple(made)), Static(1))
    assert isinstance(stacked, Array)
    return stacked


def iteration(tracer: Tracer, owner: Tuple) -> Iteration:
    """Over the items there are now."""
    return Iteration(length(tracer, owner), lambda i: item_at(tracer, owner, i))


def of_numbers(tracer: Tracer, owner: Tuple) -> Array:
    """For the builtins sum, min and max."""
    if not isinstance(owner.kind.model, Leaf) or owner.kind.model.rank is not None:  # type: ignore[attr-defined]
        tracer.refuse("list_array")
    return as_array(tracer, owner, certain=True)


def are_numbers(owner: Tuple) -> bool:
    model = owner.kind.model  # type: ignore[attr-defined]
    return isinstance(model, Leaf) and model.rank is None


def first_sum(tracer: Tracer, owner: Tuple, start: Object) -> Object:
    """Where Python's sum of a list of arrays starts: of the shape of the items, as a first item would make it."""
    model = owner.kind.model  # type: ignore[attr-defined]
    if not isinstance(model, Leaf):
        tracer.refuse("list_array")
    if isinstance(start, Array):
        return start
    some = tracer.builder.emit("greater", _count(tracer, owner), tracer.builder.integer(0))
    tracer.check(some, "value", "the sum of an empty list of arrays has no shape that is known beforehand")
    held = tracer.content(owner.items[1].cell)  # type: ignore[union-attr]
    zero = to_value(tracer, start, model.dtype)
    sizes = [tracer.index.value(e) for e in held.extents[1:]]
    return tracer.fresh(ArrayValue(tracer.builder.broadcast(zero, sizes), held.extents[1:]))


def is_weak(owner: Tuple) -> bool:
    return bool(leaves_of(owner.kind.model)[0].weak)  # type: ignore[attr-defined]
