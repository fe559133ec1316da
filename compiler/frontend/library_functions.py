"""Library functions that a transform is given themselves: `wg.batch(np.linalg.solve)` is that of a function which calls it.

    def solve(a, b):
        return np.linalg.solve(a, b)

What can be called in compiled code, and how, is thereby said in one place (calls.py).
"""

from __future__ import annotations

import inspect
import linecache
import sys
import types
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

HOMES = (
    "numpy", "numpy.linalg", "numpy.fft", "math", "builtins", "scipy.special", "scipy.linalg", "scipy.spatial.distance",
)  # fmt: skip
"""Modules whose functions compiled code may know, in the order in which they are looked at."""
_ASIDE = frozenset({"out", "dtype", "order", "subok", "initial", "where", "like", "device"})
"""Parameters that the function made here does not have: where results lie and what they are made of."""
_USUAL = {"keepdims": False, "a_min": None, "a_max": None}
"""What stands for NumPy's mark that nothing was given."""


def known_by_name(function: Any) -> tuple[str, types.ModuleType, str] | None:
    """The root's name and module and the path of a library's function, as users write it: ("np", numpy, "np.linalg.solve")."""
    if isinstance(function, type) or not callable(function):
        return None
    name = getattr(function, "__name__", "")
    for home in HOMES:
        module = sys.modules.get(home)
        if module is not None and name and vars(module).get(name) is function:
            root, _, rest = home.partition(".")
            short = "np" if root == "numpy" else root
            path = ".".join([*([short] if root != "builtins" else []), *([rest] if rest else []), name])
            return short, sys.modules[root], path
    return None


def calling(function: Any) -> types.FunctionType | None:
    """A Python function that does nothing but call this function of a library; None for other functions."""
    found = known_by_name(function)
    return None if found is None else _made(function, *found)


@cache
def _made(function: Callable[..., Any], short: str, root: types.ModuleType, path: str) -> types.FunctionType:
    parameters, arguments = _parameters(function)
    name = path.rpartition(".")[2]
    text = f"def {name}({parameters}):\n    return {path}({arguments})\n"
    filename = f"<{path}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    space: dict[str, Any] = {"__name__": __name__, short: root}
    exec(compile(text, filename, "exec"), space)  # noqa: S102
    made: types.FunctionType = space[name]
    if path == name:  # of Python itself: the function must not call itself
        del space[name]
    made.__doc__ = function.__doc__
    return made


def _parameters(function: Any) -> tuple[str, str]:
    """The parameters that the function made has, and how it passes them on."""
    P = inspect.Parameter
    if isinstance(function, np.ufunc):
        names = ["x"] if function.nin == 1 else [f"x{k + 1}" for k in range(function.nin)]
        return ", ".join([*names, "/"]), ", ".join(names)
    try:
        every = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        every = []
    if not every or any(p.kind is P.VAR_POSITIONAL for p in every):
        return "*args", "*args"
    given, passed = [], []
    for p in every:
        required = p.default is P.empty
        default = _USUAL.get(p.name, P.empty) if p.default is np._NoValue else p.default
        plain = required or default is None or type(default) in (int, float, bool, str)
        if p.kind not in (P.POSITIONAL_ONLY, P.POSITIONAL_OR_KEYWORD) or p.name in _ASIDE or not plain:
            continue
        given.append(p.name if required else f"{p.name}={default!r}")
        passed.append(p.name if required or p.kind is P.POSITIONAL_ONLY else f"{p.name}={p.name}")
    if any(p.kind is P.POSITIONAL_ONLY for p in every):
        given.insert(sum(p.kind is P.POSITIONAL_ONLY for p in every), "/")
    return ", ".join(given), ", ".join(passed)
