"""Structures of objects as trees and leaves, and back: how they cross the border of a traced function."""

from __future__ import annotations

from typing import Any

from wengert.compiler.frontend import list_methods
from wengert.compiler.frontend.kinds import describe, scalar_type, to_value
from wengert.compiler.frontend.list_models import tree_of_items
from wengert.compiler.frontend.merger import unknown_extent
from wengert.compiler.frontend.objects import (
    NONE,
    Array,
    ArrayValue,
    Maybe,
    Object,
    Scalar,
    Static,
    Tuple,
    is_list,
    is_maybe,
    is_number,
)
from wengert.compiler.frontend.signature import Leaf
from wengert.compiler.frontend.tracer import Tracer
from wengert.compiler.ir.core import Value
from wengert.compiler.ir.tree import LEAF, Tree
from wengert.compiler.ir.tree import NONE as NONE_TREE
from wengert.compiler.ir.types import Type


def tree_of(tracer: Tracer, item: Object, leaves: list[Object]) -> Tree:
    """The tree of an object; its leaves are appended."""
    if is_list(item):
        found = list_methods.columns(tracer, item)
        leaves += found
        return Tree("items", tree_of_items(item.kind.model), (LEAF,) * len(found))  # type: ignore[attr-defined]
    if is_maybe(item):
        return Tree("maybe", None, tuple(tree_of(tracer, i, leaves) for i in item.items))
    if isinstance(item, Tuple):
        children = tuple(tree_of(tracer, i, leaves) for i in item.items)
        if item.kind in (tuple, list):
            return Tree(item.kind.__name__, None, children)
        if item.kind is frozenset:
            tracer.refuse("returned", what="a set")
        if item.kind is dict:
            return Tree("dict", item.names, children)
        return Tree("named" if issubclass(item.kind, tuple) else "dataclass", item.kind, children, item.names)
    if item == NONE:
        return NONE_TREE
    if isinstance(item, Scalar | Array) or is_number(item):
        leaves.append(item)
        return LEAF
    if isinstance(item, Static):
        return Tree("static", item.value)
    tracer.refuse("returned", what=describe(item))


def leaf_value(tracer: Tracer, item: Object) -> tuple[Value, Leaf]:
    if isinstance(item, Array):
        value = tracer.read(item).value
        return value, Leaf(Type(value.type.dtype, tuple(1 if n == 1 else None for n in value.type.shape)))
    dtype, weak = scalar_type(item)  # type: ignore[misc]
    return to_value(tracer, item, dtype), Leaf(Type(dtype), weak)


def object_of(tracer: Tracer, tree: Tree, leaves: Any) -> Object:
    """A structure of objects."""
    if tree.kind == "leaf":
        return next(leaves)
    if tree.kind == "none":
        return NONE
    if tree.kind == "static":
        return tracer.lift(tree.meta)
    if tree.kind == "items":
        tracer.refuse("returned", what="a list of a length known only at run time, called as a transform,")
    items = tuple(object_of(tracer, child, leaves) for child in tree.children)
    if tree.kind == "maybe":
        return Tuple(Maybe, items)
    if tree.kind in ("tuple", "list"):
        return Tuple(tuple if tree.kind == "tuple" else list, items)
    if tree.kind == "dict":
        return Tuple(dict, items, tree.meta)
    return Tuple(tree.meta, items, tree.names)


def wrapped(tracer: Tracer, value: Value, weak: bool) -> Object:
    if value.type.is_scalar:
        return Scalar(value, weak)
    return tracer.fresh(ArrayValue(value, tuple(unknown_extent(tracer, value, k) for k in range(value.type.rank))))
