"""A derivative that decides at its first call what it is: the gradient of a float, the Jacobian of anything else."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.compiler.api import Compiled, errors, grad, jacobian

Result = typing.Literal["scalar", "array"]


def result_of(compiled: Compiled) -> Result | None:
    """What a function returns: one scalar, or arrays or a structure; None where no program of it was compiled yet."""
    return None if compiled.last is None else _result(compiled.last.traced)


def _result(traced: Any) -> Result:
    one = traced.out.kind == "leaf" and traced.function.results[0].type.is_scalar
    return "scalar" if one else "array"


def annotated_result(function: Callable[..., Any]) -> Result | None:
    """What the return annotation of a Python function says; None where it says nothing."""
    try:
        hints = typing.get_type_hints(function)
    except (NameError, TypeError, ValueError, AttributeError):
        return None
    if "return" not in hints:
        return None
    hint = hints["return"]
    if isinstance(hint, type) and issubclass(hint, (float, int, complex, np.generic)):
        return "scalar"
    if hint is Any:
        return None
    return "scalar" if getattr(hint, "dims", None) == () else "array"  # jaxtyping's scalar: Float64[np.ndarray, ""]


def derivative(inner: Compiled, result: Result | None, wrt: Any, mode: str, name: str, memory: str | None = None) -> Compiled:
    """The first derivative of `inner`, known to return `result` (None: find out at the first call)."""
    if result is None:
        return Derivative(inner, wrt, mode, name, memory)
    if result == "scalar" and mode != "forward":
        made = grad(inner, wrt, memory=memory)
    elif memory is None:
        made = jacobian(inner, wrt, mode)
    else:
        raise errors.OptionError(
            f"--memory bounds the reverse sweep of a gradient, and {inner.__name__} does not return one float",
            help="Leave --memory out.",
        )
    made.__name__ = name
    return made


class Derivative(Compiled):
    """The gradient or the Jacobian of `inner`; the first call (or use by another transform) decides which."""

    def __init__(self, inner: Compiled, wrt: Any, mode: str, name: str, memory: str | None = None):
        super().__init__(inner, name)
        self.inner, self.wrt, self.mode, self.memory = inner, wrt, mode, memory
        self.chosen: Compiled | None = None

    def __wengert_trace__(self, signature: Any, recorder: Any = None) -> Any:
        if self.chosen is None:
            self._choose(_result(self.inner.__wengert_trace__(signature)))
        assert self.chosen is not None
        return self.chosen.__wengert_trace__(signature, recorder)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.on_call is not None:
            self.on_call(args, kwargs)
        chosen = self.chosen or self._choose(_result(self.inner.lower(*args, **kwargs).program.traced))
        result = chosen(*args, **kwargs)
        self.last = chosen.last
        return result

    def lower(self, *args: Any, **kwargs: Any) -> Any:
        chosen = self.chosen or self._choose(_result(self.inner.lower(*args, **kwargs).program.traced))
        lowered = chosen.lower(*args, **kwargs)
        self.last = chosen.last
        return lowered

    def program(self, signature: Any) -> Any:
        chosen = self.chosen or self._choose(_result(self.inner.__wengert_trace__(signature)))
        program = chosen.program(signature)
        self.last = chosen.last
        return program

    def result_labels(self, traced: Any) -> list[str]:
        return [] if self.chosen is None else self.chosen.result_labels(traced)

    def _choose(self, result: Result) -> Compiled:
        self.chosen = derivative(self.inner, result, self.wrt, self.mode, self.__name__, self.memory)
        self.programs = self.chosen.programs
        return self.chosen


def signature_names(function: Callable[..., Any]) -> list[str]:
    """The names of a function's parameters."""
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []
