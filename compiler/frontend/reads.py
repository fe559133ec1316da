"""What was read of Python's objects while compiling, and whether it is still so.

A read is a place and the value found there. Places are: a name of a module (or of the cells of a notebook), the cell of a
closure, a key of a dict, an item of a list, an attribute of an object, the number of an array without axes,
all that is in a set. Tuples and
frozen dataclasses need none: they do not change. Arrays are passed at each call, so what is in them is not compiled in.
"""

from __future__ import annotations

import types
from collections.abc import Hashable
from typing import Any

import numpy as np

Reads = dict[tuple[int, Hashable], tuple[Any, Any]]
"""(id of the space, name) -> (the space, the value it had). Names: a key of a dict, a number of a list, an attribute of
an object; `CONTENTS` of a cell, an array or a set; `LENGTH` of a dict or list."""
CONTENTS, LENGTH = None, ...
MISSING = object()
TRUSTED = frozenset(
    {"numpy", "scipy", "math", "cmath", "builtins", "operator", "typing", "collections", "functools", "wengert"}
)
"""Packages whose contents are what their versions (and the compiler's files) say."""
_NUMBERS = (float, int, bool, complex, str)


def now(space: Any, name: Any) -> Any:
    """What is there; MISSING where nothing is."""
    kind = type(space)
    if name is LENGTH:
        return len(space)
    if kind is dict:
        return space.get(name, MISSING)
    if kind is types.CellType:
        try:
            return space.cell_contents
        except ValueError:
            return MISSING
    if kind is list:
        return space[name] if name < len(space) else MISSING
    if kind is np.ndarray:
        return space.item()
    if kind is set:
        return repr(space)
    return getattr(space, name, MISSING)


def note(reads: Reads, space: Any, name: Any) -> None:
    """Remember that this place was read."""
    reads[id(space), name] = space, now(space, name)


def note_contents(reads: Reads, value: Any) -> None:
    """Remember what a value holds that can be changed in place; what it holds in turn is for the caller."""
    kind = type(value)
    if kind in (list, dict):
        for name in (*(range(len(value)) if kind is list else value), LENGTH):
            note(reads, value, name)
    elif kind is set or (kind is np.ndarray and value.ndim == 0):
        note(reads, value, CONTENTS)
    elif hasattr(kind, "__dataclass_fields__") and not kind.__dataclass_params__.frozen:
        space = getattr(value, "__dict__", value)
        for name in kind.__dataclass_fields__:
            note(reads, space, name)


def note_attribute(reads: Reads, owner: Any, name: str) -> None:
    """Remember an attribute of a module, an object or a class. One that code computes (a property) has no place, and what
    packages like NumPy define stays."""
    home = owner.__name__ if isinstance(owner, types.ModuleType) else getattr(owner, "__module__", None)
    if (home or type(owner).__module__).partition(".")[0] in TRUSTED:
        return
    space = getattr(owner, "__dict__", None)
    if type(space) is dict and name in space:
        note(reads, space, name)
        return
    for base in (owner if isinstance(owner, type) else type(owner)).__mro__:
        found = vars(base).get(name, MISSING)
        if found is not MISSING:
            if not hasattr(type(found), "__get__"):
                note(reads, base, name)
            return


def unchanged(reads: Reads) -> bool:
    """Whether every place has the value it had: the same object, or an equal number."""
    for (_, name), (space, value) in reads.items():
        found = now(space, name)
        if found is not value and (
            type(found) not in _NUMBERS or type(found) is not type(value) or repr(found) != repr(value)
        ):
            return False
    return True


def quick(reads: Reads) -> tuple[Any, ...] | None:
    """(space, name, value) one after the other, where machine code can look them up (`wg_dispatch`): in dicts, lists and
    cells. None where there are others."""
    for (_, name), (space, _) in reads.items():
        if type(space) not in ((types.CellType,) if name is CONTENTS else (dict, list)):
            return None
    return tuple(part for (_, name), (space, value) in reads.items() for part in (space, name, value))
