"""Reductions over axes. They may be summed in any order (the one place where floating-point results may be reassociated)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.compiler.ir.builder import Builder, Sym
from wengert.compiler.ir.core import Op, Value
from wengert.compiler.ir.opdef import Domain, InferenceError, OpDef, register
from wengert.compiler.ir.types import Type


def kept_axes(rank: int, axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(k for k in range(rank) if k not in axes)


def _infer(kinds: str, name: str) -> Callable[..., tuple[Type, ...]]:
    def infer(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
        (array,) = operands
        axes = attrs["axes"]
        if not axes or list(axes) != sorted(set(axes)) or any(not 0 <= a < array.type.rank for a in axes):
            raise InferenceError(f"{name} of {array.type} over axes {axes}")
        if array.type.dtype.kind not in kinds:
            raise InferenceError(f"{name} of {array.type}")
        return (array.type.with_shape(tuple(array.type.shape[k] for k in kept_axes(array.type.rank, axes))),)

    return infer


def _extent(op: Op, axis: int) -> Any:
    return op.operands[0], kept_axes(op.operands[0].type.rank, op.attrs["axes"])[axis]


def spread(builder: Builder, reduced: Value, op: Op, extents: Sequence[Value]) -> Value:
    """A value of the reduction's result type, repeated along the reduced axes to the operand's extents."""
    return builder.broadcast(reduced, extents, kept_axes(op.operands[0].type.rank, op.attrs["axes"]))


def _pullback_sum(ctx: Any, op: Op, cotangent: Value) -> None:
    ctx.add(op.operands[0], spread(ctx.builder, cotangent, op, ctx.extents(op.operands[0])))


def _ties(builder: Builder, op: Op, array: Value, result: Value, extents: Sequence[Value]) -> tuple[Sym, Sym]:
    """(1 where the element attains the extremum, else 0; how many do), both of the operand's shape."""
    dtype = array.type.dtype
    attains = builder.emit("equal", array, spread(builder, result, op, extents))
    one, zero = builder.constant(1, dtype), builder.constant(0, dtype)
    mask = builder.emit("where", attains, one, zero)
    count = spread(builder, builder.emit("sum", mask, axes=op.attrs["axes"]), op, extents)
    return Sym(builder, mask), Sym(builder, count)


def _pullback_extremum(ctx: Any, op: Op, cotangent: Value) -> None:
    array, extents = op.operands[0], ctx.extents(op.operands[0])
    mask, count = _ties(ctx.builder, op, ctx.primal(array), ctx.primal(op.result), extents)
    wide = Sym(ctx.builder, spread(ctx.builder, cotangent, op, extents))
    ctx.add(array, (wide * (mask / count)).value)


def _pushforward_extremum(ctx: Any, op: Op, tangent: Value) -> Sequence[Value]:
    array = ctx.primal(op.operands[0])
    mask, count = _ties(ctx.builder, op, array, ctx.primal(op.result), ctx.builder.extents(array))
    return (ctx.builder.emit("sum", (Sym(ctx.builder, tangent) * (mask / count)).value, axes=op.attrs["axes"]),)


def _partial_of_product(builder: Builder, op: Op, array: Value) -> Sym:
    """d prod / d x_i: the product of the others, exact also where elements are 0.

    The others that are not 0 multiply to a quotient; those that are, to 0. Of that 0 the first two derivatives hold, too
    (one such factor: itself; two: the elementary symmetric polynomial of theirs), so the product's third.
    """
    axes, dtype, extents = op.attrs["axes"], array.type.dtype, builder.extents(array)
    one, zero = builder.constant(1, dtype), builder.constant(0, dtype)
    is_zero = Sym(builder, array).equals(0.0)
    safe = Sym(builder, builder.emit("where", is_zero.value, one, array))
    rest = Sym(builder, spread(builder, builder.emit("prod", safe.value, axes=axes), op, extents))
    marks = builder.emit("where", is_zero.value, one, zero)
    zeros = Sym(builder, spread(builder, builder.emit("sum", marks, axes=axes), op, extents))
    others, quotient = zeros - Sym(builder, marks), rest / safe
    own = Sym(builder, builder.emit("where", is_zero.value, array, zero))
    one_other, squares = (
        Sym(builder, spread(builder, builder.emit("sum", v.value, axes=axes), op, extents)) - v for v in (own, own * own)
    )
    pair = (one_other * one_other - squares) * 0.5
    of_zeros = others.equals(1.0).where(one_other, others.equals(2.0).where(pair, 0.0))
    return others.equals(0.0).where(quotient, quotient * of_zeros)


def _pullback_prod(ctx: Any, op: Op, cotangent: Value) -> None:
    array = op.operands[0]
    partial = _partial_of_product(ctx.builder, op, ctx.primal(array))
    wide = Sym(ctx.builder, spread(ctx.builder, cotangent, op, ctx.extents(array)))
    ctx.add(array, (wide * partial).value)


def _pushforward_prod(ctx: Any, op: Op, tangent: Value) -> Sequence[Value]:
    partial = _partial_of_product(ctx.builder, op, ctx.primal(op.operands[0]))
    return (ctx.builder.emit("sum", (Sym(ctx.builder, tangent) * partial).value, axes=op.attrs["axes"]),)


def _of_some(evaluate: Callable[..., Any], name: str, a: Any, axes: tuple[int, ...]) -> Any:
    """Of nothing the extremes are what changes no other, so that `initial` need not ask whether there is something."""
    if name in ("max", "min") and not np.size(a):
        kind = a.dtype.kind
        ends = (-np.inf, np.inf) if kind == "f" else (False, True) if kind == "b" else (np.iinfo(a.dtype).min, np.iinfo(a.dtype).max)
        return evaluate(a, axis=axes, initial=ends[name == "min"])
    return evaluate(a, axis=axes)


def _row(name: str, kinds: str, evaluate: Callable[..., Any], combine: str, **fields: Any) -> None:
    """combine: the element-wise row that joins two partial results."""
    register(
        OpDef(
            name,
            "reduce",
            _infer(kinds, name),
            lambda a, axes: evaluate(a, axis=axes, dtype=a.dtype) if name in ("sum", "prod") else _of_some(evaluate, name, a, axes),
            numpy=(name,),
            extent=_extent,
            instruction={"combine": combine},
            domain=Domain(((0.3, 2.0),)),
            **fields,
        )
    )


_row("sum", "iufc", np.sum, "add", linear_in=(0,), pullback=_pullback_sum, doc="sum over axes; 0 of nothing")
_row("prod", "iufc", np.prod, "multiply", pullback=_pullback_prod, pushforward=_pushforward_prod, doc="product over axes; 1 of nothing")  # fmt: skip
_row("max", "biuf", np.max, "maximum", pullback=_pullback_extremum, pushforward=_pushforward_extremum, kinks="ties share equally", doc="largest over axes; the least there is of nothing; NaN if any is")  # fmt: skip
_row("min", "biuf", np.min, "minimum", pullback=_pullback_extremum, pushforward=_pushforward_extremum, kinks="ties share equally", doc="smallest over axes; the greatest there is of nothing; NaN if any is")  # fmt: skip
_row("any", "bi", np.bitwise_or.reduce, "bitwise_or", doc="whether any element is True; of integers, which bits any has")
_row("all", "b", np.all, "bitwise_and", doc="whether every element is True")
