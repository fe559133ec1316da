"""User structures as flat leaves: tuples, lists, dicts, NamedTuples, dataclasses and None, nested; all else is a leaf.

    flatten((State(x, v), 2.0)) -> ([x, v, 2.0], tuple(State(*, *), *))

Callables and strings are part of the tree itself ("static"): two trees with different ones are different, so a
function argument specialises what is compiled, as a type does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np


class Tree:
    """The shape of a structure without its leaves; hashable and comparable.

    kind: "leaf", "none", "static" (meta: the value), "tuple", "list", "named" (meta: the NamedTuple class),
    "dataclass" (meta: the class), "dict" (meta: its keys); "items": a list whose length only its arrays tell, one for each leaf
    of an item (meta: the tree of an item, with "numbers" where Python has numbers of its own or lists of them, and "rows" of an
    item of theirs where it has lists: an array of lengths, then the items of all);
    "maybe": what the second child is, None where the first, a bool, is False.
    """

    __slots__ = ("_hash", "children", "count", "kind", "meta", "names")

    def __init__(self, kind: str, meta: Any = None, children: tuple[Tree, ...] = (), names: tuple[str, ...] = ()):
        self.kind, self.meta, self.children, self.names = kind, meta, children, names
        self.count: int = 1 if kind in ("leaf", "numbers") else sum(child.count for child in children)
        self._hash = hash((kind, meta, children))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            isinstance(other, Tree)
            and self._hash == other._hash
            and self.kind == other.kind
            and (self.meta is other.meta or self.meta == other.meta)
            and self.children == other.children
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return Tree, (self.kind, self.meta, self.children, self.names)  # hashes differ from process to process

    def __repr__(self) -> str:
        if self.kind == "leaf":
            return "*"
        name = {"none": "None", "static": f"static {self.meta!r}"}.get(self.kind)
        if name is None:
            name = self.meta.__name__ if self.kind in ("named", "dataclass") else self.kind
            name += f"({', '.join(map(repr, self.children))})"
        return name

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """The structure with these leaves. Raises ValueError where their number is not `count`."""
        rest = iter(leaves)
        result = self._build(rest)
        if next(rest, rest) is not rest:
            raise ValueError(f"more than {self.count} leaves for {self!r}")
        return result

    def _build(self, leaves: Iterator[Any]) -> Any:
        if self.kind in ("leaf", "numbers"):
            try:
                return next(leaves)
            except StopIteration:
                raise ValueError(f"too few leaves for {self!r}") from None
        if self.kind == "none":
            return None
        if self.kind == "static":
            return self.meta
        return self.rebuild([child._build(leaves) for child in self.children])

    def rebuild(self, parts: list[Any]) -> Any:
        """This node with `parts` in place of its children."""
        if self.kind == "tuple":
            return tuple(parts)
        if self.kind == "list":
            return parts
        if self.kind == "named":
            return self.meta(*parts)
        if self.kind == "dict":
            return dict(zip(self.meta, parts, strict=True))
        if self.kind == "maybe":
            return parts[1] if parts[0] else None
        if self.kind == "items":
            return self.meta.items(map(np.asarray, parts))
        # Around __init__: a gradient need not satisfy what __post_init__ checks of a state.
        made = object.__new__(self.meta)
        for name, part in zip(self.names, parts, strict=True):
            object.__setattr__(made, name, part)
        return made

    def items(self, columns: Iterator[np.ndarray]) -> list[Any]:
        """Structures like this one, their numbers and arrays in one array for each leaf."""
        if self.kind in ("leaf", "numbers"):
            column = next(columns)
            return column.tolist() if self.kind == "numbers" else list(column)
        if self.kind == "rows":
            ends = np.cumsum(next(columns)).tolist()
            inner = self.meta.items(columns)
            return [inner[a:b] for a, b in zip([0, *ends], ends, strict=False)]
        return [self.rebuild(list(parts)) for parts in zip(*(child.items(columns) for child in self.children), strict=True)]

    def leaves(self) -> list[Tree]:
        """The trees of the leaves, in order."""
        if self.kind in ("leaf", "numbers"):
            return [self]
        return [leaf for child in self.children for leaf in child.leaves()]

    def paths(self, root: str = "") -> list[str]:
        """A name for each leaf, for messages: "state.x[0]"."""
        if self.kind == "leaf":
            return [root or "value"]
        found: list[str] = []
        for position, child in enumerate(self.children):
            if self.kind in ("named", "dataclass"):
                step = f"{root}.{self.names[position]}" if root else self.names[position]
            elif self.kind == "dict":
                step = f"{root}[{self.meta[position]!r}]"
            else:
                step = f"{root}[{position}]"
            found += child.paths(step)
        return found


LEAF = Tree("leaf")
NUMBERS = Tree("numbers")
NONE = Tree("none")
_FLAT = [Tree("tuple", None, (LEAF,) * n) for n in range(17)]
_PLAIN = {np.ndarray, float, int, bool, complex, np.float64, np.float32, np.int64, np.bool_}


def plain_leaf(kind: type) -> type:
    """Class decorator: values of this type are leaves, which `flatten` then need not find out."""
    _PLAIN.add(kind)
    return kind


def tuple_of(children: Iterable[Tree]) -> Tree:
    """The tree of a tuple of these."""
    return Tree("tuple", None, tuple(children))


def flatten(value: Any) -> tuple[list[Any], Tree]:
    """The leaves of a structure, in order, and its tree."""
    if type(value) is tuple and len(value) < len(_FLAT) and all(type(v) in _PLAIN for v in value):
        return list(value), _FLAT[len(value)]
    leaves: list[Any] = []
    return leaves, _flatten(value, leaves)


def _is_key(key: Any) -> bool:
    """Whether a dict with this key can be told from others by its keys."""
    return type(key) in (str, int) or (type(key) is tuple and all(map(_is_key, key)))


def _flatten(value: Any, leaves: list[Any]) -> Tree:
    kind = type(value)
    if kind in _PLAIN:
        leaves.append(value)
        return LEAF
    if value is None:
        return NONE
    if kind is tuple:
        return Tree("tuple", None, tuple([_flatten(v, leaves) for v in value]))
    if kind is list:
        return Tree("list", None, tuple([_flatten(v, leaves) for v in value]))
    if kind is dict and all(map(_is_key, value)):
        return Tree("dict", tuple(value), tuple([_flatten(v, leaves) for v in value.values()]))
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return Tree("named", kind, tuple([_flatten(v, leaves) for v in value]), tuple(kind._fields))
    if hasattr(value, "__wengert_trace__"):
        return Tree("static", value)
    if hasattr(kind, "__dataclass_fields__"):
        names = field_names(kind)
        return Tree("dataclass", kind, tuple([_flatten(getattr(value, n), leaves) for n in names]), names)
    if isinstance(value, str) or (callable(value) and not hasattr(value, "dtype")):
        return Tree("static", value)
    leaves.append(value)
    return LEAF


def field_names(dataclass: type) -> tuple[str, ...]:
    """The names of a dataclass's fields (class variables are none)."""
    fields = dataclass.__dataclass_fields__  # type: ignore[attr-defined]
    return tuple(name for name, field in fields.items() if field._field_type.name == "_FIELD")
