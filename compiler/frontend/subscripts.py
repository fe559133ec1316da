"""Reading `a[...]`."""

from __future__ import annotations

import ast
from typing import Any

from wengert.compiler.frontend import gather, list_kinds, list_reads, overloads
from wengert.compiler.frontend.arithmetic import scalar_value
from wengert.compiler.frontend.grids import GRIDS, as_view, has_open_step, stepped
from wengert.compiler.frontend.index import number
from wengert.compiler.frontend.kinds import describe, scalar_type
from wengert.compiler.frontend.masks import picked
from wengert.compiler.frontend.objects import NONE, Array, ArrayValue, Object, Scalar, Slice, Static, Tuple, is_list
from wengert.compiler.frontend.tracer import EXPRESSIONS, Tracer, handles
from wengert.compiler.frontend.views import as_index, checked, element, indexed


def subscript_items(tracer: Tracer, node: ast.expr) -> list[Object]:
    """The parts between the brackets."""
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    items = [tracer.evaluate(p) for p in parts]
    if len(items) == 1 and isinstance(items[0], Tuple) and items[0].kind is tuple:  # a[(i, j)], a[index]
        return list(items[0].items)
    return items


@handles(EXPRESSIONS, ast.Slice)
def slice_expression(tracer: Tracer, node: ast.Slice) -> Object:
    return Slice(*(tracer.evaluate(p) if p is not None else None for p in (node.lower, node.upper, node.step)))


@handles(EXPRESSIONS, ast.Subscript)
def subscript(tracer: Tracer, node: ast.Subscript) -> Object:
    base = tracer.evaluate(node.value)
    return item_of(tracer, base, subscript_items(tracer, node.slice), node)


def item_of(tracer: Tracer, base: Object, items: list[Object], node: ast.Subscript) -> Object:
    """`base[items]`"""
    own = overloads.special(tracer, "getitem", base, items[0] if len(items) == 1 else Tuple(tuple, tuple(items)))
    if own is not None:
        return own
    if is_list(base):
        if len(items) != 1:
            tracer.refuse("too_many_indices", node, what=describe(base), count=len(items), rank=1)
        if isinstance(items[0], Slice):
            return list_reads.part(tracer, base, items[0])
        return list_reads.item_at(tracer, base, items[0])
    if isinstance(base, Tuple):
        return tuple_item(tracer, base, items, node)
    if isinstance(base, Static) and isinstance(base.value, str | dict):
        return constant_item(tracer, base.value, items[0] if len(items) == 1 else Tuple(tuple, tuple(items)), node)
    if isinstance(base, Static) and id(base.value) in GRIDS:
        made: Object = GRIDS[id(base.value)](tracer, items)
        return made
    if not isinstance(base, Array):
        tracer.refuse("number_expected" if scalar_type(base) is None else "number_index", node, what=describe(base))
    return array_item(tracer, base, items)


def constant_item(tracer: Tracer, base: Any, item: Object, node: ast.AST) -> Object:
    """Part of a text or a dict of the module, by what is known at compile time."""
    if isinstance(item, Slice):
        parts = [NONE if p is None else p for p in (item.start, item.stop, item.step)]
        key: Any = slice(*(p.value for p in parts if isinstance(p, Static)))
        known = all(isinstance(p, Static) for p in parts)
    elif isinstance(item, Tuple) and item.kind is tuple:
        known = all(isinstance(p, Static) for p in item.items)
        key = tuple(p.value for p in item.items if isinstance(p, Static))
    else:
        known = isinstance(item, Static)
        key = item.value if isinstance(item, Static) else None
    if isinstance(base, dict) and (isinstance(item, Array) or isinstance(item, Tuple) and item.kind is list):
        tracer.refuse("binding", node, name="dict", problem="arrays and lists are no keys", raises=TypeError)
    if not known and isinstance(base, dict):
        tracer.refuse("dict_keys", node)
    if not known:
        list_kinds.write_out(tracer)
        tracer.refuse("text_index", node)
    try:
        return tracer.lift(base[key])
    except (KeyError, IndexError, TypeError) as error:
        problem = f"{type(error).__name__}: {error}"
        tracer.refuse("binding", node, name=type(base).__name__, problem=problem, raises=type(error))


def array_item(tracer: Tracer, base: Array, items: list[Object]) -> Object:
    items = gather.arrays_for_lists(tracer, items)
    opened = [k for k, i in enumerate(items) if has_open_step([i])]
    if len(opened) > 1 and all(isinstance(i, Slice) for i in items):  # one after the other
        whole = Slice(None, None, None)
        base = array_item(tracer, base, [i if k == opened[0] else whole for k, i in enumerate(items)])  # type: ignore[assignment]
        return array_item(tracer, base, [whole if k == opened[0] else i for k, i in enumerate(items)])
    if opened:
        return as_view(gather.take(tracer, *stepped(tracer, base, items)), base)
    if any(gather.is_mask(i) or gather.is_indices(i) for i in items):
        return gather.take(tracer, base, picked(tracer, base, items))
    part = indexed(tracer, base, items)
    return element(tracer, part) if part.rank == 0 else part


def tuple_item(tracer: Tracer, base: Tuple, items: list[Object], node: ast.AST) -> Object:
    (item,) = items if len(items) == 1 else [Static(None)]
    if base.kind is dict:
        key = known_key(tracer, item if len(items) == 1 else Tuple(tuple, tuple(items)), node)
        found = base.field(key)
        if found is None:
            tracer.refuse("dict_key", node, missing=repr(key), raises=KeyError)
        return found
    if base.kind is frozenset:
        tracer.refuse("binding", node, name="set", problem="its items have no places")
    if isinstance(item, Slice):
        ends = [
            p.value if isinstance(p, Static) else None if p is None else tracer.refuse("tuple_index", node)
            for p in (item.start, item.stop, item.step)
        ]
        kind = base.kind if base.kind in (tuple, list) else tuple
        return Tuple(kind, base.items[slice(*ends)], fresh=kind is list)
    if isinstance(item, Static) and type(item.value) is int:
        if not -len(base.items) <= item.value < len(base.items):
            tracer.refuse("tuple_range", node, index=item.value, length=len(base.items), raises=IndexError)
        return base.items[item.value]
    rows = [part for part in base.items if isinstance(part, Tuple) and part.kind in (tuple, list)]
    if base.kind is list and base.items and any(is_list(p) for p in base.items) and base.origin is not None:
        list_kinds.as_rows(tracer, base)
    if rows and len(rows) == len(base.items) and len({(row.kind, len(row.items)) for row in rows}) == 1:
        columns = zip(*(row.items for row in rows), strict=True)
        parts = tuple(tuple_item(tracer, Tuple(tuple, c), [item], node) for c in columns)
        chosen = list_kinds.ItemOf(base) if rows[0].kind is list and base.origin is not None else None
        return Tuple(rows[0].kind, parts, origin=chosen)
    if len(rows) == len(base.items) and rows and all(r.kind is list for r in rows) and base.origin is not None:
        list_kinds.as_rows(tracer, base)  # of different lengths
    kinds = {scalar_type(part) for part in base.items}
    if len(kinds) != 1 or None in kinds or not base.items:
        list_kinds.write_out(tracer)
        tracer.refuse("tuple_index", node)
    return packed_item(tracer, base, item)


def known_key(tracer: Tracer, key: Object, node: ast.AST | None = None) -> Any:
    """A key of a dict: a text, a whole number, or a tuple of such, known at compile time."""
    if isinstance(key, Static) and type(key.value) in (str, int):
        return key.value
    if isinstance(key, Tuple) and key.kind is tuple:
        return tuple(known_key(tracer, part, node) for part in key.items)
    kind = scalar_type(key)
    if kind is not None and kind[0].kind == "i":
        list_kinds.write_out(tracer)
    tracer.refuse("dict_keys", node)


def packed_item(tracer: Tracer, base: Tuple, item: Object) -> Object:
    """A run-time index into numbers of one type: by way of a small array."""
    dtype, weak = scalar_type(base.items[0])  # type: ignore[misc]
    values = [scalar_value(tracer, part, dtype) for part in base.items]
    array = tracer.builder.emit("pack", *values, shape=(len(values),))
    content = ArrayValue(array, (number(len(values)),))
    at = checked(tracer, as_index(tracer, item), content.extents[0], 0)
    return Scalar(tracer.builder.emit("load", array, tracer.index.value(at)), weak)
