"""Structures of arguments and results in the terms of transforms: which leaves belong to what, what is None."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

from wengert.compiler.diag.errors import CallError, OptionError, TypeMismatch, UnsupportedError
from wengert.compiler.frontend.trace import Traced
from wengert.compiler.ir.tree import LEAF, NONE, Tree, tuple_of


def full_out(traced: Traced) -> Tree:
    """The structure of all results: the returned value, or (returned, *written arrays) where arrays are written.

    Raises UnsupportedError for a list of run-time length in it.
    """
    if has_kind(traced.out, "maybe"):
        raise UnsupportedError(
            "a function that returns None on some paths has no derivative and no batch",
            help="Return a number in its place, such as `np.nan`.",
        )
    if has_kind(traced.out, "items"):
        raise UnsupportedError(
            "a function that returns a list of a length known only at run time has no derivative and no batch",
            help="Return an array: `np.array(xs)`.",
        )
    written = sum(w is not None for w in traced.function.written)
    return tuple_of([traced.out, *[LEAF] * written]) if written else traced.out


def has_kind(tree: Tree, kind: str) -> bool:
    """Whether there is a part of this kind in it."""
    return tree.kind == kind or any(has_kind(child, kind) for child in tree.children)


def leaf_ranges(tree: Tree) -> list[range]:
    """For each child of a tuple's tree, the positions of its leaves."""
    ranges, start = [], 0
    for child in tree.children:
        ranges.append(range(start, start + child.count))
        start += child.count
    return ranges


def mask_tree(tree: Tree, keep: Sequence[bool]) -> Tree:
    """The tree with None for the leaves not kept."""
    flags = iter(keep)

    def visit(t: Tree) -> Tree:
        if t.kind == "leaf":
            return LEAF if next(flags) else NONE
        return Tree(t.kind, t.meta, tuple([visit(c) for c in t.children]), t.names) if t.children else t

    return visit(tree)


def align(tree: Tree, given: Tree, what: str) -> list[bool]:
    """For each leaf of `tree`, whether `given` (the same structure, or None in place of any part) has it.

    Raises TypeMismatch where the structures differ.
    """
    if given.kind == "none":
        return [False] * tree.count
    if tree.kind == "leaf" and given.kind == "leaf":
        return [True]
    if tree.kind == "static" and given.kind == "static":
        return []
    same_kind = tree.kind == given.kind or {tree.kind, given.kind} <= {"tuple", "list"}
    if not same_kind or len(tree.children) != len(given.children) or tree.kind == "leaf":
        raise TypeMismatch(f"{what} {given!r} do not have the structure {tree!r}", help="Write None for a zero part.")
    return [flag for a, b in zip(tree.children, given.children, strict=True) for flag in align(a, b, what)]


def parameter_names(function: Callable[..., Any]) -> list[str]:
    """The names of the parameters, without *args and **kwargs, of the Python function a transform was (ultimately) made from."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def closes_over(function: Callable[..., Any]) -> int:
    """1 where what a transform was (ultimately) made from is defined inside a compiled function: what it reads there is its
    last argument, of which no option speaks. Else 0."""
    return int(getattr(inspect.unwrap(function), "__wengert_closes__", False))


def named(path: str, function: Callable[..., Any]) -> str:
    """A path into the tuple of arguments ("argument[1].x") with the parameter's name in place of its number."""
    found = re.match(r"argument\[(\d+)\]", path)
    names = parameter_names(function)
    if found is None or int(found[1]) >= len(names):
        return path
    return names[int(found[1])] + path[found.end() :]


Wrt = int | str | tuple[int | str, ...] | None
"""Arguments by position or name; None: those that annotations say, else the first."""


def positions(function: Callable[..., Any], wrt: Wrt, count: int) -> tuple[int, ...]:
    """The argument positions `wrt` names. Raises OptionError for a name or position that does not exist."""
    names, count = parameter_names(function), count - closes_over(function)
    found = []
    for one in wrt if isinstance(wrt, tuple) else (0 if wrt is None else wrt,):
        if isinstance(one, str):
            if one not in names and one in _globals(function):
                raise OptionError(
                    f"wrt={one!r}: a derivative with respect to a global is not offered",
                    help=f"Make it a parameter: `def {_name(function)}({', '.join([*names, one])})`, and pass it.",
                )
            if one not in names:
                raise OptionError(f"wrt={one!r}: {_name(function)} has no parameter of that name, only {', '.join(names)}")
            one = names.index(one)
        position = one + count if one < 0 else one
        if not 0 <= position < count:
            raise OptionError(f"wrt={one}: {_name(function)} is called with {count} arguments")
        found.append(position)
    return tuple(found)


def _globals(function: Callable[..., Any]) -> set[str]:
    """The names that a function reads from its module or from the functions around it."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return set() if code is None else {*code.co_names, *code.co_freevars}


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", "the function")


def with_defaults(function: Callable[..., Any], args: tuple[Any, ...], count: int) -> tuple[Any, ...]:
    """`args` and the defaults of the parameters that follow, `count` in all. Raises CallError where one has none."""
    parameters = list(inspect.signature(function).parameters.values())[len(args) : count]
    missing = [p.name for p in parameters if p.default is p.empty]
    if missing:
        raise CallError(f"{_name(function)}() was called without {', '.join(missing)}")
    return (*args, *(p.default for p in parameters))


def positional(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Arguments by position; keywords and the defaults between them filled in. Raises CallError where Python
    would, and for keywords beside *args and in **kwargs, which have no position."""
    if not kwargs:
        return args
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except TypeError as error:
        raise CallError(f"{_name(function)}(): {error}") from None
    kinds = [p.kind for p in bound.signature.parameters.values()]
    loose = [name for name in kwargs if name not in bound.signature.parameters]
    if loose or inspect.Parameter.VAR_POSITIONAL in kinds:
        raise CallError(
            f"{_name(function)}(): `{(loose or list(kwargs))[0]}` cannot be passed by its name beside *args or in **kwargs",
            help="Write parameters with names in place of *args and **kwargs.",
        )
    last = max(list(bound.signature.parameters).index(name) for name in kwargs)
    bound.apply_defaults()
    return tuple(list(bound.arguments.values())[: max(len(args), last + 1)])
