"""What is done with whole lists of run-time length: their methods, and lists as arrays, sums and results."""

from __future__ import annotations

import ast
from typing import Any

from wengert.compiler.frontend import creation, written_lists
from wengert.compiler.frontend.index import number
from wengert.compiler.frontend.kinds import to_value
from wengert.compiler.frontend.list_kinds import empty, of_own_items
from wengert.compiler.frontend.list_models import Branch, Leaf, Rows, heaps_in, leaves_of
from wengert.compiler.frontend.list_reads import count_of, data_of, length, load, part, readable, start_of
from wengert.compiler.frontend.lists import append, set_count
from wengert.compiler.frontend.objects import (
    NONE,
    Array,
    ArrayValue,
    Method,
    Object,
    Scalar,
    Slice,
    Static,
    Tuple,
    is_list,
)
from wengert.compiler.frontend.tracer import SERVICES, Tracer, provides
from wengert.compiler.frontend.views import as_index, checked
from wengert.compiler.ir.core import Value
from wengert.compiler.ir.types import F64


def concatenated(tracer: Tracer, a: Tuple, b: Tuple) -> Tuple:
    """`xs + ys`, where one of them is of run-time length."""
    longer = a if is_list(a) else b
    kind = longer.kind
    made = copied(tracer, a) if a is longer else empty(tracer, kind.key, kind.model, None, kind.path)  # type: ignore[attr-defined]
    assert isinstance(made, Tuple)
    if a is not longer:
        extend(tracer, made, a)
    extend(tracer, made, b)
    return made


def joined(tracer: Tracer, before: Tuple | None, items: list[Object]) -> Tuple:
    """A list and single items after it."""
    after = Tuple(list, tuple(items))
    return after if before is None else concatenated(tracer, before, after) if items else before


def pop(tracer: Tracer, owner: Object, index: Object = Static(-1)) -> Object:
    assert isinstance(owner, Tuple)
    owner = of_own_items(tracer, owner)
    readable(tracer, owner)
    builder = tracer.builder
    count, start = count_of(tracer, owner), start_of(tracer, owner)

    def within(place: Value) -> Value:
        return place if start is None else builder.emit("add", start, place)

    tracer.check(builder.emit("greater", count, builder.integer(0)), "index", "pop from empty list")
    less = builder.emit("subtract", count, builder.integer(1))
    if index == Static(-1):
        item = load(tracer, owner, within(less))
    else:
        place = tracer.index.value(checked(tracer, as_index(tracer, index), tracer.index.of(count), 0))
        item = load(tracer, owner, within(place))
        moved = builder.emit("subtract", less, place)
        place = within(place)
        for array, leaf in data_of(tracer, owner):
            content = tracer.content(array.cell)
            zeros = [builder.integer(0)] * (leaf.rank or 0)
            sizes = [tracer.index.value(e) for e in content.extents[1:]]
            steps = (1,) * (1 + len(zeros))
            after = builder.emit("add", place, builder.integer(1))
            rest = builder.emit("slice", content.value, after, *zeros, moved, *sizes, steps=steps, drop=())
            value = builder.emit("update_slice", content.value, rest, place, *zeros, steps=steps, drop=())
            tracer.state.cells[array.cell] = ArrayValue(value, content.extents)
    set_count(tracer, owner, less)
    return item


def extend(tracer: Tracer, owner: Object, items: Object) -> Object:
    """Item by item, in a loop where their number is known only at run time."""
    assert isinstance(owner, Tuple)
    held = f"$extended{len(tracer.names)}"
    tracer.bind(held, owner)
    SERVICES["loop_items"](tracer, items, lambda item: append(tracer, tracer.names[held], item))
    tracer.names.pop(held, None)
    return NONE


def grown_in_place(tracer: Tracer, name: str, kind: type[ast.AST], held: Object, item: Object) -> bool:
    """`xs += items` as Python does it, whoever else holds the list. False where something new is bound: it is no list (or,
    with an array, becomes one), or of known length as the items are, and nobody but the name holds it. "" is no name: an
    item of a list."""
    if not isinstance(held, Tuple) or not (held.kind is list or is_list(held)) or kind not in (ast.Add, ast.Mult):
        return False
    if isinstance(item, Array) or (isinstance(item, Scalar) and not item.weak):
        return False
    known = kind is ast.Mult or (isinstance(item, Tuple) and item.kind is list)
    if known and held.kind is list and name and _is_alone(tracer, name, held):
        return False
    if kind is ast.Mult:
        tracer.refuse("list_mutation")
    extend(tracer, held, copied(tracer, held) if item is held else item)
    return True


def _is_alone(tracer: Tracer, name: str, held: Tuple) -> bool:
    """Whether only the name holds the list, here, where nothing runs again and again."""
    if not held.fresh or any(loop.runs for frame in tracer.frames for loop in frame.loops):
        return False
    frames = tracer.state.frames
    return not any(
        _holds(other, held) and (names is not tracer.names or known != name)
        for names in frames.values()
        for known, other in names.items()
    )


def _holds(item: Any, held: Tuple) -> bool:
    if item is held:
        return True
    if isinstance(item, Tuple):
        return any(_holds(part, held) for part in item.items)
    return _holds(item.owner, held) if isinstance(item, Method) else False


def as_row(tracer: Tracer, item: Object) -> Object:
    """A list as an item of a list of lists."""
    return as_array(tracer, item, certain=True) if is_list(item) else creation.as_array(tracer, item)


def clear(tracer: Tracer, owner: Object) -> Object:
    if isinstance(owner, Tuple) and is_list(owner):
        set_count(tracer, owner, tracer.builder.integer(0))
        return NONE
    tracer.refuse("list_mutation")


def appended_left(tracer: Tracer, owner: Object, item: Object) -> Object:
    return insert(tracer, owner, Static(0), item)


def copied(tracer: Tracer, owner: Object) -> Object:
    """Another list of the same items. Of one that is no row, the arrays as they are: nothing is cut off at its length."""
    assert isinstance(owner, Tuple)
    if not is_list(owner):
        return Tuple(list, owner.items, fresh=True)
    if owner.kind.row:  # type: ignore[attr-defined]
        return part(tracer, owner, Slice(None, None, None))
    readable(tracer, owner)
    own = {array.cell: leaf for array, leaf in data_of(tracer, owner)}
    made: list[Object] = []
    for k, array in enumerate(owner.items):
        assert isinstance(array, Array)
        if k > len(own):  # a heap is the same
            made.append(array)
            continue
        new = tracer.fresh(tracer.content(array.cell), array.cell.name)
        if array.cell in own and own[array.cell].rank is not None:
            new.cell.alias_of = array.cell.alias_of | {array.cell}
        made.append(new)
    return Tuple(owner.kind, tuple(made))


def _by_helper(helper: Any) -> Any:
    def build(tracer: Tracer, owner: Object, item: Object) -> Object:
        found: Object = SERVICES["inline"](tracer, helper, [owner, item])
        return found

    return build


def insert(tracer: Tracer, owner: Object, index: Object, item: Object) -> Object:
    made: Object = SERVICES["inline"](tracer, written_lists.insert, [owner, index, item])
    return made


def replace_part(tracer: Tracer, owner: Object, wanted: Slice, items: Object | None) -> None:
    """`xs[a:b] = items`, and `del xs[a:b]` where there are none."""
    if wanted.step not in (None, Static(None), Static(1)):
        tracer.refuse("list_slice")
    ends = [Static(0) if wanted.start in (None, Static(None)) else wanted.start, wanted.stop or Static(None)]
    if items is None:
        SERVICES["inline"](tracer, written_lists.delete_part, [owner, *ends])
    else:
        SERVICES["inline"](tracer, written_lists.replace_part, [owner, *ends, items])


def reverse(tracer: Tracer, owner: Object) -> Object:
    made: Object = SERVICES["inline"](tracer, written_lists.reverse, [owner])
    return made


def sort(tracer: Tracer, owner: Object, key: Object = NONE, reverse: Object = Static(False)) -> Object:
    """In place: as `sorted` gives the items."""
    made = SERVICES["sorted"](tracer, of_own_items(tracer, owner), key, reverse)  # type: ignore[arg-type]
    SERVICES["inline"](tracer, written_lists.assign, [owner, made])
    return NONE


METHODS: dict[str, Any] = {
    "index": _by_helper(written_lists.index_of), "count": _by_helper(written_lists.count_of),
    "remove": _by_helper(written_lists.remove), "insert": insert, "reverse": reverse, "sort": sort,
    "append": append, "extend": extend, "pop": pop, "clear": clear, "popleft": lambda t, owner: pop(t, owner, Static(0)),
    "appendleft": appended_left, "copy": copied,
}  # fmt: skip

# -- as other things


def columns(tracer: Tracer, owner: Tuple) -> list[Array]:
    """The items, as an array for each number or array in one; for a result that Python has as a list."""
    model = owner.kind.model  # type: ignore[attr-defined]
    if isinstance(model, Rows):
        return _columns_of_rows(tracer, owner)
    readable(tracer, owner)
    if heaps_in(model):
        tracer.refuse("list_returned")
    return _columns(tracer, owner)


def _columns_of_rows(tracer: Tracer, owner: Tuple) -> list[Array]:
    """How many items each list has, and all items one after the other."""
    rows = owner.kind.model  # type: ignore[attr-defined]
    counts: Object = SERVICES["inline"](tracer, written_lists.lengths, [owner])
    assert isinstance(counts, Array)
    if rows.item is None:
        zero, none = tracer.constant(0, F64), number(0)
        return [counts, tracer.fresh(ArrayValue(tracer.builder.broadcast(zero, [tracer.builder.integer(0)]), (none,)))]
    flat: Object = SERVICES["inline"](tracer, written_lists.flat, [owner])
    assert isinstance(flat, Tuple)
    return [counts, *columns(tracer, flat)]


def _columns(tracer: Tracer, owner: Tuple) -> list[Array]:
    n = length(tracer, owner)
    origin = start_of(tracer, owner)
    made = []
    for array, leaf in data_of(tracer, owner):
        content = tracer.content(array.cell)
        rank = leaf.rank or 0
        starts = [tracer.builder.integer(0) if origin is None else origin, *[tracer.builder.integer(0)] * rank]
        sizes = [tracer.index.value(e) for e in (n, *content.extents[1:])]
        value = tracer.builder.emit("slice", content.value, *starts, *sizes, steps=(1,) * len(starts), drop=())
        made.append(tracer.fresh(ArrayValue(value, (n, *content.extents[1:]))))
    return made


@provides("list_array")
def as_array(tracer: Tracer, owner: Tuple, certain: bool = False) -> Array:
    """The items as an array. certain: the dtype was asked for, so that an empty list may be of it, too."""
    model, n = owner.kind.model, length(tracer, owner)  # type: ignore[attr-defined]
    if isinstance(model, Rows):
        return _table(tracer, owner, model)
    leaves = leaves_of(model)
    if (
        not leaves
        or heaps_in(model)
        or isinstance(model, Branch)
        and (model.kind not in (tuple, list) or any(x.rank is not None for x in leaves))
    ):
        tracer.refuse("list_array")
    if not certain and (leaves[0].dtype != F64 or leaves[0].rank is not None or isinstance(model, Branch)):
        some = tracer.builder.emit("greater", tracer.index.value(n), tracer.builder.integer(0))
        tracer.check(
            some, "value", "an empty list has no dtype and shape that are known beforehand: give np.array a dtype"
        )
    made = _columns(tracer, owner)
    if isinstance(model, Leaf):
        return made[0]
    stacked = creation.stack(tracer, Tuple(list, tuple(made)), Static(1))
    assert isinstance(stacked, Array)
    return stacked


def _table(tracer: Tracer, owner: Tuple, rows: Rows) -> Array:
    """Lists of equal lengths in a list as an array."""
    depth, inner = 2, rows.item
    while isinstance(inner, Rows):
        depth, inner = depth + 1, inner.item
    if not isinstance(inner, Leaf) or inner.rank is not None or depth > 3:
        tracer.refuse("list_array")
    helper = written_lists.table if depth == 2 else written_lists.block
    made: Object = SERVICES["inline"](tracer, helper, [owner, Static(inner.dtype.numpy)])
    assert isinstance(made, Array)
    return made


def of_numbers(tracer: Tracer, owner: Tuple) -> Array:
    """For the builtins sum, min and max."""
    if not are_numbers(owner):
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
    some = tracer.builder.emit("greater", count_of(tracer, owner), tracer.builder.integer(0))
    tracer.check(some, "value", "the sum of an empty list of arrays has no shape that is known beforehand")
    content = tracer.content(data_of(tracer, owner)[0][0].cell)
    zero = to_value(tracer, start, model.dtype)
    sizes = [tracer.index.value(e) for e in content.extents[1:]]
    return tracer.fresh(ArrayValue(tracer.builder.broadcast(zero, sizes), content.extents[1:]))


def is_weak(owner: Tuple) -> bool:
    return bool(leaves_of(owner.kind.model)[0].weak)  # type: ignore[attr-defined]
