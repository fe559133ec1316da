"""The short way of a call: from Python's arguments to the machine code and back, where they are exactly as compiled for.

An entry returns NotImplemented where they are not; the caller then converts, compiles or refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wengert.compiler.ir.tree import Tree

Entry = Callable[..., Any]


def make_entry(executable: Any, arguments: Tree, out: Tree, captures: Sequence[Any], weak: Sequence[bool] | None) -> Entry | None:
    """The entry of a program; None where its executable has none.

    weak: for each leaf of the arguments whether it is a Python number; None where either kind counts as declared.
    """
    if not hasattr(executable, "exact_entry"):
        return None
    kinds = None if weak is None else [*weak, *[False] * len(captures)]
    plain = all(child.kind == "leaf" for child in arguments.children)
    if plain and out.kind in ("leaf", "none"):
        return _with_captures(executable.exact_entry(kinds, single=True), captures)
    native = _with_captures(executable.exact_entry(kinds, single=False), captures)
    if plain:
        return native if _is_plain_tuple(out) else _rebuilding(native, out)
    return _flattening(native, arguments, out)


def _is_plain_tuple(tree: Tree) -> bool:
    return tree.kind == "tuple" and all(child.kind == "leaf" for child in tree.children)


def _with_captures(native: Entry, captures: Sequence[Any]) -> Entry:
    if not captures:
        return native
    held = tuple(captures)
    return lambda *args: native(*args, *held)


def _rebuilding(native: Entry, out: Tree) -> Entry:
    def entry(*args: Any) -> Any:
        results = native(*args)
        return results if results is NotImplemented else out.unflatten(results)

    return entry


def _flattening(native: Entry, arguments: Tree, out: Tree) -> Entry:
    children = arguments.children

    def entry(*args: Any) -> Any:
        leaves: list[Any] = []
        if len(args) != len(children):
            return NotImplemented
        for child, arg in zip(children, args, strict=True):
            if not _collect(child, arg, leaves):
                return NotImplemented
        results = native(*leaves)
        return results if results is NotImplemented else out.unflatten(results)

    return entry


def _collect(tree: Tree, value: Any, leaves: list[Any]) -> bool:
    """Append the leaves of a value that certainly has this structure; False where it is not certain."""
    kind = tree.kind
    if kind == "leaf":
        leaves.append(value)  # whether it fits is for the machine code to say
        return True
    if kind in ("named", "dataclass"):
        if type(value) is not tree.meta:
            return False
        parts = value if kind == "named" else [getattr(value, name) for name in tree.names]
    elif kind in ("tuple", "list"):
        if type(value) is not (tuple if kind == "tuple" else list) or len(value) != len(tree.children):
            return False
        parts = value
    else:
        return value is (None if kind == "none" else tree.meta) and kind in ("none", "static")
    return all(_collect(child, part, leaves) for child, part in zip(tree.children, parts, strict=True))
