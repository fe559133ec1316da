"""Functions some of whose arguments are given beforehand: methods of an object, `functools.partial`, objects that are called.

What is given is read when the function is compiled, like what a closure holds.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from typing import Any

from wengert.compiler.diag.errors import TypeMismatch
from wengert.compiler.frontend.library_functions import calling


class Bound:
    """A plain function and what is given of its arguments; its signature has the others.

    given: values by the names of the parameters.
    """

    def __init__(self, original: Callable[..., Any], function: Callable[..., Any], given: dict[str, Any]):
        functools.update_wrapper(self, function, updated=())
        self.original, self.given = original, given
        known = inspect.signature(function)
        rest = [p for name, p in known.parameters.items() if name not in given]
        self.__signature__ = known.replace(parameters=rest)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.original(*args, **kwargs)


def plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself, or what is compiled in its place. Raises TypeMismatch where its source is out of reach."""
    caller = calling(function)
    if caller is not None:
        return caller
    if isinstance(function, types.FunctionType) or any(hasattr(function, n) for n in ("__wrapped__", "__wengert_trace__")):
        return function
    given: dict[str, Any] = {}
    inner: Any = function
    if isinstance(inner, functools.partial):
        inner, args, keywords = inner.func, inner.args, inner.keywords
        inner = calling(inner) or inner
        given = {**_first(inner, args), **keywords}
    if not isinstance(inner, types.FunctionType | types.MethodType) and body_of_call(inner) is not None:
        inner = inner.__call__
    if isinstance(inner, types.MethodType):
        given = {**_first(inner.__func__, (inner.__self__,)), **given}
        inner = inner.__func__
    if not isinstance(inner, types.FunctionType) or given.keys() - inspect.signature(inner).parameters.keys():
        raise TypeMismatch(
            f"`{getattr(function, '__name__', type(function).__name__)}` cannot be compiled: it is not written in Python",
            help="Call it in a function of your own: `lambda x: g(x)`.",
        )
    return Bound(function, inner, given)


def body_of_call(value: Any) -> types.FunctionType | None:
    """The function that runs when an object is called; None where it is not written in Python."""
    found = next((vars(base)["__call__"] for base in type(value).__mro__ if "__call__" in vars(base)), None)
    return found if isinstance(found, types.FunctionType) else None


def _first(function: Any, args: tuple[Any, ...]) -> dict[str, Any]:
    """Positional arguments by the names of the parameters they go to."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return dict.fromkeys(map(str, range(len(args))))
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return dict(zip((*named, *map(str, range(len(args)))), args, strict=False))
