"""Constants, extents and the ops that trap: they raise a Python exception at the user's line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.compiler.ir.core import Value
from wengert.compiler.ir.interpret import Trap
from wengert.compiler.ir.opdef import InferenceError, OpDef, register
from wengert.compiler.ir.types import BOOL, DTYPES, I64, Type


def _expect(operands: Sequence[Value], *types: Type) -> None:
    if [v.type for v in operands] != list(types):
        raise InferenceError(f"operands {[str(v.type) for v in operands]} instead of {[str(t) for t in types]}")


register(
    OpDef(
        "constant",
        "structural",
        lambda operands, attrs: (Type(DTYPES[attrs["dtype"]]),),
        lambda value, dtype: DTYPES[dtype].numpy.type(value),
        doc="a number",
    )
)


def _infer_dim(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
    if not 0 <= attrs["axis"] < operands[0].type.rank:
        raise InferenceError(f"axis {attrs['axis']} of {operands[0].type}")
    return (Type(I64),)


register(OpDef("dim", "structural", _infer_dim, lambda a, axis: np.int64(a.shape[axis]), doc="the extent of an axis"))


def _infer_index(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
    _expect(operands, Type(I64), Type(I64))
    return (Type(I64),)


def _wrap(i: Any, n: Any, axis: int = 0) -> Any:
    return i + n if i < 0 else i


def _evaluate_index(i: Any, n: Any, axis: int) -> Any:
    wrapped = _wrap(i, n)
    if not 0 <= wrapped < n:
        raise Trap("index", f"index {i} is out of bounds for axis {axis} with size {n}")
    return wrapped


register(
    OpDef(
        "index",
        "structural",
        _infer_index,
        _evaluate_index,
        traps=True,
        untrapped=lambda builder, op, operands: builder.emit("wrap_index", *operands, **op.attrs),
        fault="index",
        doc="index i of an axis of extent n, counted from the end where negative; traps outside. attrs: axis",
    )
)
register(
    OpDef(
        "wrap_index",
        "structural",
        _infer_index,
        _wrap,
        guarded=True,
        doc="as `index`, where it is known that i lies within: no check",
    )
)


def _evaluate_same_extent(n: Any, m: Any, message: str) -> Any:
    if n != m:
        raise Trap("shape", f"{message}: {n} and {m}")
    return n


register(
    OpDef(
        "same_extent",
        "structural",
        _infer_index,
        _evaluate_same_extent,
        traps=True,
        untrapped=lambda builder, op, operands: operands[0],
        fault="shape",
        doc="n, which must equal m; traps otherwise. attrs: message",
    )
)


def _infer_check(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
    _expect(operands, Type(BOOL))
    return ()


def _evaluate_check(condition: Any, fault: str, message: str) -> None:
    if not condition:
        raise Trap(fault, message)


register(
    OpDef(
        "check",
        "structural",
        _infer_check,
        _evaluate_check,
        traps=True,
        doc="traps unless the condition holds. attrs: fault (a key of diag.errors.FAULTS), message",
    )
)
