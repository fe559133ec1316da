"""Arrays that differ from operand 0 in some elements. The back end writes in place wherever operand 0 is not needed again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.compiler.ir.core import Op, Value
from wengert.compiler.ir.opdef import InferenceError, OpDef, register
from wengert.compiler.ir.types import Type
from wengert.compiler.ops.arrays import _numpy_region, static


def _extent(op: Op, axis: int) -> Any:
    return op.operands[0], axis


# -- one element


def _infer_element(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
    array, value, *index = operands
    static(index)
    if len(index) != array.type.rank or value.type != Type(array.type.dtype):
        raise InferenceError(f"update of {array.type} with {value.type} at {len(index)} indices")
    return (array.type,)


def _evaluate_update(a: Any, v: Any, *index: Any) -> Any:
    a = np.array(a)
    a[tuple(int(i) for i in index)] = v
    return a


def _evaluate_accumulate(a: Any, v: Any, *index: Any) -> Any:
    a = np.array(a)
    a[tuple(int(i) for i in index)] += v
    return a


def _pullback_update(ctx: Any, op: Op, cotangent: Value) -> None:
    """What was overwritten has no influence any more: its cotangent is set to zero."""
    array, value, *index = op.operands
    index = [ctx.primal(i) for i in index]
    if ctx.wants(value):
        ctx.add(value, ctx.builder.emit("load", cotangent, *index))
    if ctx.wants(array):
        zero = ctx.builder.constant(0.0, value.type.dtype)
        ctx.add(array, ctx.builder.emit("update", cotangent, zero, *index))


def _pullback_accumulate(ctx: Any, op: Op, cotangent: Value) -> None:
    array, value, *index = op.operands
    if ctx.wants(value):
        ctx.add(value, ctx.builder.emit("load", cotangent, *(ctx.primal(i) for i in index)))
    ctx.add(array, cotangent)


register(
    OpDef(
        "update",
        "update",
        _infer_element,
        _evaluate_update,
        linear_in=(0, 1),
        pullback=_pullback_update,
        extent=_extent,
        doc="operand 0 with element [index] replaced by operand 1; operands: array, value, index...",
    )
)
register(
    OpDef(
        "accumulate",
        "update",
        _infer_element,
        _evaluate_accumulate,
        linear_in=(0, 1),
        pullback=_pullback_accumulate,
        extent=_extent,
        doc="operand 0 with operand 1 added to element [index]; operands: array, value, index...",
    )
)

# -- a region


def _infer_region(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
    array, value, *starts = operands
    static(starts)
    steps, drop = attrs["steps"], attrs["drop"]
    if len(starts) != array.type.rank or len(steps) != array.type.rank or 0 in steps:
        raise InferenceError(f"update of {array.type} with {len(starts)} starts and steps {steps}")
    if value.type.dtype != array.type.dtype or value.type.rank != array.type.rank - len(drop) or value.type.is_scalar:
        raise InferenceError(f"update of {array.type} dropping {drop} with {value.type}")
    return (array.type,)


def _region_of(a: Any, v: Any, starts: Sequence[Any], steps: Sequence[int], drop: Sequence[int]) -> tuple[Any, Any]:
    extents = iter(v.shape)
    sizes = [1 if k in drop else next(extents) for k in range(a.ndim)]
    return _numpy_region(a.shape, starts, sizes, steps), np.reshape(v, sizes)


def _evaluate_update_slice(a: Any, v: Any, *starts: Any, steps: tuple[int, ...], drop: tuple[int, ...]) -> Any:
    a = np.array(a)
    region, v = _region_of(a, v, starts, steps, drop)
    a[region] = v
    return a


def _evaluate_accumulate_slice(a: Any, v: Any, *starts: Any, steps: tuple[int, ...], drop: tuple[int, ...]) -> Any:
    a = np.array(a)
    region, v = _region_of(a, v, starts, steps, drop)
    a[region] += v
    return a


def _read_region(ctx: Any, op: Op, cotangent: Value) -> Value:
    array, value, *starts = op.operands
    extents = iter(ctx.extents(value))
    sizes = [ctx.builder.integer(1) if k in op.attrs["drop"] else next(extents) for k in range(array.type.rank)]
    return ctx.builder.emit("slice", cotangent, *(ctx.primal(s) for s in starts), *sizes, **op.attrs)


def _pullback_update_slice(ctx: Any, op: Op, cotangent: Value) -> None:
    array, value, *starts = op.operands
    region = _read_region(ctx, op, cotangent)
    if ctx.wants(value):
        ctx.add(value, region)
    if ctx.wants(array):
        zeros = ctx.builder.zeros_like(region)
        ctx.add(array, ctx.builder.emit("update_slice", cotangent, zeros, *(ctx.primal(s) for s in starts), **op.attrs))


def _pullback_accumulate_slice(ctx: Any, op: Op, cotangent: Value) -> None:
    if ctx.wants(op.operands[1]):
        ctx.add(op.operands[1], _read_region(ctx, op, cotangent))
    ctx.add(op.operands[0], cotangent)


_SLICE_DOC = "operands: array, value (of the region's shape), starts...; attrs: steps, drop, as for `slice`"
register(
    OpDef(
        "update_slice",
        "update",
        _infer_region,
        _evaluate_update_slice,
        linear_in=(0, 1),
        pullback=_pullback_update_slice,
        extent=_extent,
        doc="operand 0 with a region replaced; " + _SLICE_DOC,
    )
)
register(
    OpDef(
        "accumulate_slice",
        "update",
        _infer_region,
        _evaluate_accumulate_slice,
        linear_in=(0, 1),
        pullback=_pullback_accumulate_slice,
        extent=_extent,
        doc="operand 0 with operand 1 added to a region; " + _SLICE_DOC,
    )
)

# -- tapes


def _infer_grow(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
    array, count = operands
    static([count])
    if array.type.is_scalar:
        raise InferenceError(f"grow of {array.type}")
    return (array.type.with_shape((None, *array.type.shape[1:])),)


def _evaluate_grow(a: Any, count: Any) -> Any:
    if count <= a.shape[0]:
        return a
    grown = np.zeros((max(int(count), 2 * a.shape[0]), *a.shape[1:]), a.dtype)
    grown[: a.shape[0]] = a
    return grown


register(
    OpDef(
        "grow",
        "update",
        _infer_grow,
        _evaluate_grow,
        linear_in=(0,),
        # Not cut back to the operand's extent: that would be a copy per trip, and nobody reads a tape past its end.
        # So the cotangent of a grown array may be longer along axis 0 than the array itself.
        pullback=lambda ctx, op, ct: ctx.add(op.operands[0], ct),
        doc="operand 0 with at least operand 1 elements along axis 0: its own, then undefined ones; the extent at least "
        "doubles whenever it changes. Used for tapes of loops whose trip count is not known beforehand, and for lists",
    )
)
