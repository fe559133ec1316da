"""Calls of functions that have derivative rules of their own, and arrays that such rules close over.

    %y = custom_call %x {callee = smooth} : f64

A call stays one op, opaque to every pass, until the machine code is made (transforms/custom.py inlines it then): so each
further derivative meets the rule again. A rule for one mode alone serves the other, too, transposed
(`custom_vjp`: there is a reverse rule only, which need not be linear and then serves reverse mode alone).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from wengert.compiler.ir.core import Function, Op, Value
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.ir.opdef import InferenceError, OpDef, register
from wengert.compiler.ir.types import Type, dtype_of

CALLS = ("custom_call", "custom_vjp")


class Callee(Protocol):
    """What a call's attribute `callee` is: the function and its rules."""

    function: Function

    def extent(self, op: Op, axis: int, position: int = 0) -> Value | tuple[Value, int] | None: ...

    def pushforward(self, ctx: Any, op: Op, tangents: Sequence[Value | None]) -> Sequence[Value]: ...

    def pullback(self, ctx: Any, op: Op, cotangents: Sequence[Value]) -> None: ...


def _infer(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
    function = attrs["callee"].function
    if len(operands) != len(function.params) or any(
        v.type.dtype != p.type.dtype or v.type.rank != p.type.rank
        for v, p in zip(operands, function.params, strict=True)
    ):
        raise InferenceError(f"operands {[str(v.type) for v in operands]} of {function.name}")
    return tuple(r.type for r in function.results)


def _evaluate(*inputs: Any, callee: Callee) -> Any:
    results = interpret(callee.function, inputs)
    return results if len(results) > 1 else results[0]


def _push(ctx: Any, op: Op, *tangents: Value | None) -> Sequence[Value]:
    callee: Callee = op.attrs["callee"]
    return callee.pushforward(ctx, op, tangents)


def _pull(ctx: Any, op: Op, *cotangents: Value) -> None:
    callee: Callee = op.attrs["callee"]
    callee.pullback(ctx, op, cotangents)


def _extent(op: Op, axis: int, position: int = 0) -> Value | tuple[Value, int] | None:
    callee: Callee = op.attrs["callee"]
    return callee.extent(op, axis, position)


for _name, _doc in (
    ("custom_call", "a call of a function with a forward rule, and with a reverse rule or the transpose of the other"),
    ("custom_vjp", "a call of a function with a reverse rule, of which forward mode takes the transpose"),
):
    register(OpDef(_name, "structural", _infer, _evaluate, pushforward=_push, pullback=_pull, extent=_extent, traps=True, doc=_doc))


class Captured:
    """An array of a rule's module or closure, by identity."""

    def __init__(self, array: np.ndarray):
        self.array = array

    def __repr__(self) -> str:
        return f"<array {id(self.array):#x}>"


def _infer_captured(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
    array = attrs["array"].array
    dtype = dtype_of(array.dtype)
    assert dtype is not None
    return (Type(dtype, tuple(1 if n == 1 else None for n in array.shape)),)


register(
    OpDef(
        "captured", "structural", _infer_captured, lambda array: array.array,
        doc="an array that a derivative rule closes over: a parameter of the machine code. attrs: array",
    )
)  # fmt: skip
