"""What each line of a stack makes of a function: `%%autodiff` a derivative, `%%batch` a batch, `%%offload` a copy elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from IPython.display import display

from wengert.compiler.api import Compiled, batch, compare, hessian, jit, offload
from wengert.magics.derivative import Result, annotated_result, derivative, result_of, signature_names
from wengert.magics.options import Autodiff, Batch, Layer, Offload


@dataclass(frozen=True)
class Made:
    """A compiled function and the names it is bound to (two where it is not known yet whether grad_ or jac_ fits).

    declared: the signature it can be compiled for before its first call, None where that is not known.
    result: what it returns, as far as known without compiling. notice: what the user must be told about it.
    """

    names: tuple[str, ...]
    compiled: Compiled
    declared: Any = None
    result: Result | None = None
    notice: str = ""

    @property
    def name(self) -> str:
        return self.names[0]

    @property
    def is_compiled(self) -> bool:
        return bool(self.compiled.programs)


def primal(name: str, function: Callable[..., Any]) -> Made:
    """The function itself, compiled: now where its annotations say all, else at its first call."""
    compiled = function if isinstance(function, Compiled) else jit(function)
    result = result_of(compiled) or annotated_result(function)
    return Made((name,), compiled, getattr(compiled, "declared", None), result)


def applies(layer: Layer, function: Callable[..., Any]) -> bool:
    """Whether a function has the arguments that the line names; of several functions in a cell only these are meant."""
    if not isinstance(layer, Autodiff):
        return True
    named = [w for w in (layer.wrt if isinstance(layer.wrt, tuple) else (layer.wrt,)) if isinstance(w, str)]
    return set(named) <= set(signature_names(function))


def apply(layer: Layer, inner: Made, use_name: bool = True) -> Made:
    """What a line makes of what the line below it made. use_name: whether the line's --name is for this function."""
    name = layer.name if use_name else None
    if isinstance(layer, Autodiff):
        return _differentiated(layer, inner, name)
    if isinstance(layer, Batch):
        made = batch(inner.compiled, layer.in_axes)
        return _named(Made((name or f"batch_{inner.name}",), made, result="array"))
    return _offloaded(layer, inner, name)


def _differentiated(layer: Autodiff, inner: Made, name: str | None) -> Made:
    if layer.order == 2:
        made = hessian(inner.compiled, layer.wrt)
        return _compile(_named(Made((name or f"hess_{inner.name}",), made, inner.declared)))
    result = result_of(inner.compiled) or inner.result
    prefixes = {"scalar": ("grad",), "array": ("jac",), None: ("grad", "jac")}[result]
    names = (name,) if name else tuple(f"{p}_{inner.name}" for p in prefixes)
    compiled = derivative(inner.compiled, result, layer.wrt, layer.mode, names[0], layer.memory)
    return _compile(Made(names, compiled, inner.declared))


def _offloaded(layer: Offload, inner: Made, name: str | None) -> Made:
    made: Any = offload(inner.compiled, layer.device, layer.fallback)
    made.watch = _compared if layer.compare else None
    # After a fallback the name is that of the device asked for: the cells below go on working on every machine.
    device = made.asked if made.notice else made.device
    label = re.sub(r"\W", "", device)
    return _compile(_named(Made((name or f"{inner.name}_{label}",), made, inner.declared, inner.result, made.notice)))


def shared_out(layer: Offload, inner: Made, use_name: bool = True) -> tuple[str, Any, list[Made]]:
    """A function over several devices: its name, itself, and its parts, one for each device."""
    made: Any = offload(inner.compiled, list(layer.devices), layer.fallback)
    made.__name__ = (layer.name if use_name else None) or made.__name__
    return made.__name__, made, [Made((part.__name__,), part, None, inner.result, part.notice) for part in made.parts]


def _compared(function: Compiled, args: tuple[Any, ...]) -> None:
    """`--compare`: what `%wengert compare` says, before the first call with arguments of a kind."""
    display(compare(function, *args))


def _named(made: Made) -> Made:
    made.compiled.__name__ = made.name
    return made


def _compile(made: Made) -> Made:
    """Compile now what can be, so that errors are shown at the cell that makes them."""
    if made.declared is None:
        return made
    if getattr(made.compiled, "mode", None) == "auto":
        made.compiled.__wengert_trace__(made.declared)  # a Jacobian: the first call chooses the sweep by the sizes
    else:
        made.compiled.program(made.declared)
    return made
