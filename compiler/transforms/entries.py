"""The short way of a call: from Python's arguments to the machine code and back, where they are exactly as compiled for.

A way is a callable and the arguments that come after those of the call (captured arrays). The callable returns
NotImplemented where the arguments are not exactly so; the caller then converts, compiles or refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wengert.compiler.ir.tree import Tree

Way = tuple[Callable[..., Any], tuple[Any, ...]]


def make_way(executable: Any, arguments: Tree, out: Tree, captures: Sequence[Any], weak: Sequence[bool] | None) -> Way | None:
    """The way to a program; None where its executable has none.

    weak: for each leaf of the arguments whether it is a Python number; None where either kind counts as declared.
    """
    if not hasattr(executable, "exact_entry"):
        return None
    kinds, last = None if weak is None else [*weak, *[False] * len(captures)], tuple(captures)
    plain = all(child.kind == "leaf" for child in arguments.children)
    if plain and out.kind in ("leaf", "none"):
        return executable.exact_entry(kinds, single=True), last
    native = executable.exact_entry(kinds, single=False)
    if not plain:
        return _flattening(native, arguments, out, last), ()
    return native if _is_plain_tuple(out) else _rebuilding(native, out), last


def _is_plain_tuple(tree: Tree) -> bool:
    return tree.kind == "tuple" and all(child.kind == "leaf" for child in tree.children)


def _rebuilding(native: Callable[..., Any], out: Tree) -> Callable[..., Any]:
    def entry(*args: Any) -> Any:
        results = native(*args)
        return results if results is NotImplemented else out.unflatten(results)

    return entry


def _flattening(native: Callable[..., Any], arguments: Tree, out: Tree, last: tuple[Any, ...]) -> Callable[..., Any]:
    children = arguments.children

    def entry(*args: Any) -> Any:
        leaves: list[Any] = []
        if len(args) != len(children):
            return NotImplemented
        for child, arg in zip(children, args, strict=True):
            if not _collect(child, arg, leaves):
                return NotImplemented
        results = native(*leaves, *last)
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
