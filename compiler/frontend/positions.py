"""Arguments of NumPy's functions by NumPy's names: where its signature has parameters that ours lacks, later ones move.

    np.var(x, 0, None, None, 1)      var(a, axis, dtype, out, ddof)      ->  np.var(x, 0, ddof=1)
    np.max(m, 1, None, True)         max(a, axis, out, keepdims)         ->  np.max(m, 1, keepdims=True)
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from wengert.compiler.frontend.objects import NONE, Object, Static

_PLAIN = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
METHODS = frozenset(
    "sum prod max min any all mean var std take argmax argmin cumsum cumprod trace diagonal".split()  # noqa: SIM905
)
"""Methods of arrays with the parameters of the function of their name."""
_DEFAULTS = {"order": ("K", "C", "A")}
"""What else says nothing that compiled code has to know: the layout of new arrays is not seen."""


@functools.lru_cache(maxsize=2048)
def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter] | None:
    try:
        return dict(inspect.signature(function).parameters)
    except (ValueError, TypeError):
        return None


def by_name(
    function: Any, ours: Callable[..., Any], skip: int, args: Sequence[Object], keywords: Mapping[str, Object]
) -> tuple[Sequence[Object], dict[str, Object]]:
    """The arguments for `ours`, which has `skip` parameters before those of the call: positional ones as they are up to where
    the signatures part, the rest by NumPy's names; without those that `ours` does not know and that say
    what NumPy does anyway."""
    given = dict(keywords)
    theirs, mine = _parameters(function), _parameters(ours)
    if theirs is None or mine is None or isinstance(function, np.ufunc | type):
        return args, given
    if any(p.kind is p.VAR_POSITIONAL for p in (*theirs.values(), *mine.values())):
        return args, given
    names = [n for n, p in theirs.items() if p.kind in _PLAIN]
    known = [n for n, p in mine.items() if p.kind in _PLAIN][skip:]
    first = next((k for k in range(len(args)) if _part(k, names, known)), len(args))
    if len(args) > len(names):
        return args, given
    given |= dict(zip(names[first:], args[first:], strict=False))
    if not any(p.kind is p.VAR_KEYWORD for p in mine.values()):
        given = {n: v for n, v in given.items() if n in known or n in mine or not _says_nothing(theirs.get(n), n, v)}
    return args[:first], given


def _part(k: int, names: list[str], known: list[str]) -> bool:
    """Whether the k-th parameters differ, and not in their names alone."""
    if k >= len(names):
        return False
    if k >= len(known):
        return True
    return names[k] != known[k] and (names[k] in known or known[k] in names)


def _says_nothing(parameter: inspect.Parameter | None, name: str, item: Object) -> bool:
    if parameter is None or not isinstance(item, Static):
        return False
    if item == NONE:
        return parameter.default in (None, np._NoValue) or name in ("out", "dtype")
    usual = type(item.value) is type(parameter.default) and item.value == parameter.default
    return usual or item.value in _DEFAULTS.get(name, ())
