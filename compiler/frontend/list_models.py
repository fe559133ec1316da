"""What the items of a list of run-time length are, and which arrays hold them (lists.py).

    Leaf                  a number or an array: one array of the list, an item a row of it
    Branch(kind, parts)   a tuple or structure: the arrays of its parts
    Rows(item)            a list: its number, in one array; what it holds is in the arrays of a heap (heaps.py) after those
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wengert.compiler.frontend.kinds import Mismatch, describe, join_scalars, scalar_type
from wengert.compiler.frontend.objects import NONE, Array, ListOf, Object, Scalar, Tuple, is_list
from wengert.compiler.frontend.tracer import Tracer
from wengert.compiler.ir.core import Value
from wengert.compiler.ir.tree import LEAF, NUMBERS, Tree
from wengert.compiler.ir.types import I64, DType, Type


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


@dataclass(frozen=True, slots=True)
class Rows:
    """A list in an item; item: what is in that, None where that is not known yet."""

    item: Model | None


Model = Leaf | Branch | Rows
ROWS = -1
"""In the path to a part of a model: what is in the list there. Other steps are positions in a `Branch`."""
NUMBER = Leaf(I64, True, None)
"""The number of a list in its heap."""


def model_of(tracer: Tracer, item: Object, rows: bool = False) -> Model:
    """rows: lists of known length in it are taken as lists that may change."""
    if isinstance(item, Array):
        return Leaf(item.dtype, False, item.rank)
    known = scalar_type(item)
    if known is not None:
        return Leaf(known[0], known[1], None)
    if is_list(item):
        return Rows(item.kind.model)  # type: ignore[attr-defined]
    if isinstance(item, Tuple):
        parts = tuple(model_of(tracer, part, rows) for part in item.items)
        if item.kind is list and (rows or not parts):
            return Rows(merged(tracer, parts))
        return Branch(item.kind, item.names, parts)
    fill = "Begin with an empty list and append, `xs = []`, `xs.append(...)`, or allocate an array: `np.zeros(n)`."
    help = fill if item == NONE else "Put in numbers, arrays, or tuples of them."  # noqa: A001
    tracer.refuse("list_item", what=describe(item), help=help)


def merged(tracer: Tracer, models: tuple[Model, ...]) -> Model | None:
    found = models[0] if models else None
    for model in models[1:]:
        assert found is not None
        found = joined(tracer, found, model)
    return found


def joined(tracer: Tracer, a: Model, b: Model) -> Model:
    """What holds items of both."""
    made = _joined(tracer, a, b)
    if made is None:
        tracer.refuse("list_items_differ")
    return made


def _joined(tracer: Tracer, a: Model, b: Model) -> Model | None:
    if a == b:
        return a
    lists = [x for x in (a, b) if isinstance(x, Rows) or (isinstance(x, Branch) and x.kind is list)]
    if len(lists) == 2 and (any(isinstance(x, Rows) for x in lists) or len(a.items) != len(b.items)):  # type: ignore[union-attr]
        insides = [x.item if isinstance(x, Rows) else merged(tracer, x.items) for x in lists]  # type: ignore[union-attr]
        return Rows(merged(tracer, tuple(x for x in insides if x is not None)))
    if isinstance(a, Branch) and isinstance(b, Branch) and (a.kind, len(a.items)) == (b.kind, len(b.items)):
        return Branch(a.kind, a.names, tuple(joined(tracer, p, q) for p, q in zip(a.items, b.items, strict=True)))
    if isinstance(a, Leaf) and isinstance(b, Leaf) and a.rank is None and b.rank is None:
        try:
            dtype, weak = join_scalars(*(Scalar(Value(Type(m.dtype), ""), m.weak) for m in (a, b)))
            return Leaf(dtype, weak, None)
        except Mismatch:
            return None
    return None


def leaves_of(model: Model | None) -> list[Leaf]:
    """The arrays that items are in, without those of heaps."""
    if model is None:
        return []
    if isinstance(model, Leaf):
        return [model]
    return [NUMBER] if isinstance(model, Rows) else [leaf for part in model.items for leaf in leaves_of(part)]


def heaps_in(model: Model | None) -> list[Rows]:
    """The lists in an item, each with a heap of its own; those within them belong to that."""
    if isinstance(model, Rows):
        return [model]
    return [rows for part in model.items for rows in heaps_in(part)] if isinstance(model, Branch) else []


def replaced(model: Model | None, path: tuple[int, ...], part: Model) -> Model:
    """The model with another part at a path."""
    if not path:
        return part
    if path[0] == ROWS:
        assert isinstance(model, Rows)
        return Rows(replaced(model.item, path[1:], part))
    assert isinstance(model, Branch)
    items = list(model.items)
    items[path[0]] = replaced(items[path[0]], path[1:], part)
    return Branch(model.kind, model.names, tuple(items))


def is_vague(model: Model | None) -> bool:
    """Whether there is a list in it of which nothing is known yet."""
    if model is None:
        return True
    if isinstance(model, Rows):
        return is_vague(model.item)
    return isinstance(model, Branch) and any(map(is_vague, model.items))


def parts_of(item: Object) -> list[Object]:
    return [p for part in item.items for p in parts_of(part)] if isinstance(item, Tuple) else [item]


def rebuilt(kind: ListOf, model: Model, parts: Iterator[Object], heaps: Iterator[tuple[Object, ...]], path: Any) -> Object:
    """An item of its parts, in the order of `leaves_of`, and of the heaps of its lists."""
    if isinstance(model, Leaf):
        return next(parts)
    if isinstance(model, Rows):
        return Tuple(ListOf(kind.key, model.item, (*path, ROWS), True), (next(parts), *next(heaps)))
    made = tuple(rebuilt(kind, m, parts, heaps, (*path, k)) for k, m in enumerate(model.items))
    return Tuple(model.kind, made, model.names, ("in", kind.key) if model.kind is list else None)


def tree_of_items(model: Model) -> Tree:
    """The structure of one item; "numbers" where Python has numbers of its own, or lists of them."""
    if isinstance(model, Leaf):
        return NUMBERS if model.listed or (model.weak and model.rank is None) else LEAF
    if isinstance(model, Rows):
        return Tree("rows", tree_of_items(model.item) if model.item is not None else NUMBERS, (LEAF,))
    children = tuple(tree_of_items(part) for part in model.items)
    if model.kind in (tuple, list):
        return Tree(model.kind.__name__, None, children)
    if model.kind is dict:
        return Tree("dict", model.names, children)
    return Tree("named" if issubclass(model.kind, tuple) else "dataclass", model.kind, children, model.names)
