"""Comparisons, logic, selection and conversion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.compiler.ir.builder import Sym
from wengert.compiler.ir.core import Op, Value
from wengert.compiler.ir.opdef import InferenceError, OpDef, register
from wengert.compiler.ir.types import BOOL, DTYPES, Type
from wengert.compiler.ops.elementwise import common_shape, elementwise, extent_of_operand

equal = elementwise("equal", np.equal, kinds="biufc", result="bool", instruction={"f": "fcmp oeq", "i": "icmp eq", "u": "icmp eq", "b": "icmp eq"}, doc="x == y")  # fmt: skip
not_equal = elementwise("not_equal", np.not_equal, kinds="biufc", result="bool", instruction={"f": "fcmp une", "i": "icmp ne", "u": "icmp ne", "b": "icmp ne"}, doc="x != y")  # fmt: skip
less = elementwise("less", np.less, kinds="biuf", result="bool", instruction={"f": "fcmp olt", "i": "icmp slt", "u": "icmp ult", "b": "icmp ult"}, doc="x < y")  # fmt: skip
less_equal = elementwise("less_equal", np.less_equal, kinds="biuf", result="bool", instruction={"f": "fcmp ole", "i": "icmp sle", "u": "icmp ule", "b": "icmp ule"}, doc="x <= y")  # fmt: skip
greater = elementwise("greater", np.greater, kinds="biuf", result="bool", instruction={"f": "fcmp ogt", "i": "icmp sgt", "u": "icmp ugt", "b": "icmp ugt"}, doc="x > y")  # fmt: skip
greater_equal = elementwise("greater_equal", np.greater_equal, kinds="biuf", result="bool", instruction={"f": "fcmp oge", "i": "icmp sge", "u": "icmp uge", "b": "icmp uge"}, doc="x >= y")  # fmt: skip

bitwise_and = elementwise("bitwise_and", np.bitwise_and, kinds="biu", instruction={"b": "and", "i": "and", "u": "and"}, doc="x & y; logical and of bools")  # fmt: skip
bitwise_or = elementwise("bitwise_or", np.bitwise_or, kinds="biu", instruction={"b": "or", "i": "or", "u": "or"}, doc="x | y; logical or of bools")  # fmt: skip
bitwise_xor = elementwise("bitwise_xor", np.bitwise_xor, kinds="biu", instruction={"b": "xor", "i": "xor", "u": "xor"}, doc="x ^ y")  # fmt: skip
left_shift = elementwise("left_shift", np.left_shift, kinds="iu", instruction={"i": "shl", "u": "shl"}, domain=((0, 9), (0, 5)), doc="x << y")  # fmt: skip
right_shift = elementwise("right_shift", np.right_shift, kinds="iu", instruction={"i": "ashr", "u": "lshr"}, domain=((0, 99), (0, 5)), doc="x >> y")  # fmt: skip
invert = elementwise(
    "invert",
    np.invert,
    kinds="biu",
    numpy=("invert", "bitwise_not"),
    expand=lambda x: x.apply("bitwise_xor", True if x.value.type.dtype == BOOL else -1),
    doc="~x; logical not of bools",
)
isnan = elementwise("isnan", np.isnan, kinds="fc", result="bool", expand=lambda x: x.differs(x), doc="whether x is NaN")


def _isinf(x: Sym) -> Sym:
    if x.value.type.dtype.kind == "c":
        return _isinf(x.apply("real")).apply("bitwise_or", _isinf(x.apply("imag")))
    return x.apply("absolute").equals(float("inf"))


isinf = elementwise("isinf", np.isinf, kinds="fc", result="bool", expand=_isinf, doc="whether x is ±inf")
isfinite = elementwise(
    "isfinite",
    np.isfinite,
    kinds="fc",
    result="bool",
    expand=lambda x: (x - x).equals(0.0),
    doc="whether x is neither NaN nor infinite",
)


def _infer_where(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
    condition, x, y = operands
    if condition.type.dtype != BOOL or x.type.dtype != y.type.dtype:
        raise InferenceError(f"where of {condition.type}, {x.type}, {y.type}")
    return (Type(x.type.dtype, common_shape("where", operands)),)


def _pullback_where(ctx: Any, op: Op, cotangent: Value) -> None:
    """Masked arms get an exact zero, so that what happened in them (inf, NaN) does not count."""
    condition = ctx.primal(op.operands[0])
    zero = ctx.builder.constant(0.0, cotangent.type.dtype)
    if ctx.wants(op.operands[1]):
        ctx.add(op.operands[1], ctx.builder.emit("where", condition, cotangent, zero))
    if ctx.wants(op.operands[2]):
        ctx.add(op.operands[2], ctx.builder.emit("where", condition, zero, cotangent))


register(
    OpDef(
        "where",
        "elementwise",
        _infer_where,
        lambda c, x, y: np.where(c, x, y),
        numpy=("where",),
        linear_in=(1, 2),
        pullback=_pullback_where,
        instruction=dict.fromkeys("biufc", "select"),
        extent=extent_of_operand,
        doc="x where the condition holds, else y; the arm not taken has no influence on the derivative",
    )
)


def where(condition: Sym, yes: Sym, no: Sym) -> Sym:
    return condition.apply("where", yes, no)


def _infer_cast(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
    return (operands[0].type.with_dtype(DTYPES[attrs["dtype"]]),)


def _pullback_cast(ctx: Any, op: Op, cotangent: Value) -> None:
    ctx.add(op.operands[0], ctx.builder.cast(cotangent, op.operands[0].type.dtype))


register(
    OpDef(
        "cast",
        "elementwise",
        _infer_cast,
        lambda x, dtype: np.asarray(x).astype(DTYPES[dtype].numpy),
        numpy=("astype",),
        linear_in=(0,),
        pullback=_pullback_cast,
        instruction={},  # by source and target kind: backend/emit/scalars.py
        extent=extent_of_operand,
        doc="conversion to another dtype; floats to integers truncate; to an integer or bool it has no derivative",
    )
)

stop_gradient = elementwise(
    "stop_gradient", lambda x: x, kinds="biufc", numpy=(), partials=lambda z, x: (None,), expand=lambda x: x,
    kinks="its derivative is 0 by definition", doc="x, taken as a constant by every derivative",
)  # fmt: skip
