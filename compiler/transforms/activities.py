"""Activity annotations: what of a function is differentiated, said at its parameters in Enzyme's and Rust's terms.

    def f(x: Annotated[float, wg.Active], k: Annotated[float, wg.Const]) -> float: ...

    wg.grad(f)         by x, without wrt=

Const        no derivative by it
Active       reverse mode: its cotangent is a result
Dual         forward mode: it comes with a tangent
Duplicated   an array or structure with a shadow: tangent in forward mode, cotangent in reverse mode

Fields of dataclasses and NamedTuples may be annotated Const, too.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from typing import Any

from wengert.compiler.diag.errors import OptionError
from wengert.compiler.ir.tree import Tree
from wengert.compiler.transforms.batched import Batch
from wengert.compiler.transforms.compiled import Compiled
from wengert.compiler.transforms.structure import Wrt, parameter_names, positions


class Activity:
    """What an annotation says of a parameter: modes in which it may be differentiated."""

    def __init__(self, name: str, modes: tuple[str, ...], says: str):
        self.name, self.modes, self.__doc__ = name, modes, says

    def __repr__(self) -> str:
        return f"wengert.{self.name}"


Const = Activity("Const", (), "Annotated[T, Const]: never differentiated; other code may not ask for a derivative by it.")
Active = Activity("Active", ("reverse",), "Annotated[T, Active]: differentiated in reverse mode; its cotangent is a result.")
Dual = Activity("Dual", ("forward",), "Annotated[T, Dual]: differentiated in forward mode; it comes with a tangent.")
Duplicated = Activity(
    "Duplicated",
    ("forward", "reverse"),
    "Annotated[T, Duplicated]: an array or structure with a shadow: its tangent in forward, its cotangent in reverse mode.",
)


def activities(function: Callable[..., Any]) -> dict[str, Activity]:
    """Parameter -> what its annotation says; only those that say something. Raises OptionError for contradictions."""
    while isinstance(function, Compiled):
        if not (function.takes_the_same or isinstance(function, Batch)):
            return {}
        function = function.__wrapped__
    try:
        hints = typing.get_type_hints(function, include_extras=True)
        names = list(inspect.signature(function).parameters)
    except (NameError, TypeError, ValueError, AttributeError):
        return {}
    found: dict[str, Activity] = {}
    for name in names:
        hint = hints.get(name)
        if typing.get_origin(hint) is not typing.Annotated:
            continue
        base, *extras = typing.get_args(hint)
        said = [e for e in extras if isinstance(e, Activity)]
        if len(set(said)) > 1:
            raise OptionError(f"{name} is annotated {said[0].name} and {said[1].name}", help="Keep one of them.")
        if not said:
            continue
        if said[0] is not Const and base in (int, bool):
            raise OptionError(f"{name} is annotated {said[0].name} and is of type {base.__name__}", help="Write Const, or float.")
        if said[0] is Duplicated and base in (float, complex):
            raise OptionError(
                f"{name} is annotated Duplicated, which is for arrays and structures, and is a number",
                help="Write Active (reverse mode) or Dual (forward mode).",
            )
        found[name] = said[0]
    active, dual = ([n for n, a in found.items() if a is kind] for kind in (Active, Dual))
    if active and dual:
        raise OptionError(
            f"{active[0]} is annotated Active and {dual[0]} Dual: one is for reverse mode, the other for forward mode",
            help="Write one of them for both.",
        )
    return found


def constant_leaves(tree: Tree) -> list[bool]:
    """For each leaf of arguments whether it lies in a field of a dataclass or NamedTuple that is annotated Const."""
    if tree.kind == "leaf":
        return [False]
    said = _constant_fields(tree.meta) if tree.kind in ("named", "dataclass") else frozenset()
    found: list[bool] = []
    for k, child in enumerate(tree.children):
        constant = bool(said) and tree.names[k] in said
        found += [True] * child.count if constant else constant_leaves(child)
    return found


@functools.cache
def _constant_fields(kind: type) -> frozenset[str]:
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    except (NameError, TypeError, AttributeError):
        hints = getattr(kind, "__annotations__", {})
    return frozenset(name for name, hint in hints.items() if Const in typing.get_args(hint)[1:])


def chosen(function: Callable[..., Any], wrt: Wrt, mode: str) -> Wrt:
    """`wrt`, or where that is None what the annotations say, or the first argument.

    mode: "reverse" or "forward", in which the derivative is taken; "" for both. Raises OptionError for what contradicts
    an annotation.
    """
    said = activities(function)
    if wrt is None:
        if not said:
            return 0
        differentiated = tuple(n for n, a in said.items() if a.modes)
        if not differentiated:
            free = [n for n in parameter_names(function) if n not in said]
            if not free:
                raise OptionError("every parameter is annotated Const", help="Annotate one Active or Duplicated, or say wrt=.")
            differentiated = (free[0],)
        wrt = differentiated if len(differentiated) > 1 else differentiated[0]
    names = parameter_names(function)
    for p in positions(function, wrt, len(names)) if said else ():
        refuse(said.get(names[p]), names[p], mode)
    return wrt


def refuse(activity: Activity | None, name: str, mode: str) -> None:
    """Raises OptionError where `name`, annotated `activity`, may not be differentiated in `mode`."""
    if activity is None or not mode and activity.modes or mode in activity.modes:
        return
    if activity is Const:
        problem = f"a derivative by {name}, which is annotated Const"
        raise OptionError(problem, help="Leave it out, or annotate it otherwise.")
    other = "Active or Duplicated" if mode == "reverse" else "Dual or Duplicated"
    raise OptionError(f"{name} is annotated {activity.name}, and this is {mode} mode", help=f"Annotate it {other}.")


def mode_of(function: Callable[..., Any], mode: str) -> str:
    """The mode of a Jacobian: that of the annotations where "auto" leaves it open."""
    modes = [a.modes for a in activities(function).values() if len(a.modes) == 1]
    return modes[0][0] if modes and mode == "auto" else mode
