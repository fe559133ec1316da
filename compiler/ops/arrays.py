"""Arrays made and seen in other ways: broadcast, slice, transpose, reshape, iota, pack, load."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from wengert.compiler.ir.core import Op, Value, constant_of
from wengert.compiler.ir.opdef import InferenceError, OpDef, register
from wengert.compiler.ir.types import I64, Type


def static(values: Sequence[Value]) -> tuple[int | None, ...]:
    """The extents these i64 values are known to be."""
    if any(v.type != Type(I64) for v in values):
        raise InferenceError(f"extents and indices are i64, not {[str(v.type) for v in values]}")
    return tuple(constant_of(v) for v in values)


# -- broadcast


def _infer_broadcast(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
    array, *extents = operands
    axes = attrs["axes"]
    if len(axes) != array.type.rank or list(axes) != sorted(set(axes)) or any(not 0 <= a < len(extents) for a in axes):
        raise InferenceError(f"broadcast of {array.type} along axes {axes} of {len(extents)}")
    shape = list(static(extents))
    for own, axis in zip(array.type.shape, axes, strict=True):
        if own not in (1, None) and shape[axis] not in (own, None):
            raise InferenceError(f"broadcast of {array.type} to {shape}")
        if own not in (1, None):
            shape[axis] = own
    return (Type(array.type.dtype, tuple(shape)),)


def _evaluate_broadcast(a: Any, *extents: Any, axes: tuple[int, ...], undefined: bool = False) -> Any:
    shape = [1] * len(extents)
    for own, axis in zip(a.shape, axes, strict=True):
        shape[axis] = own
    return np.broadcast_to(np.reshape(a, shape), [int(n) for n in extents])


def _pullback_broadcast(ctx: Any, op: Op, cotangent: Value) -> None:
    """Sums over the axes that were repeated."""
    array, axes = op.operands[0], op.attrs["axes"]
    ones = [axis for own, axis in zip(array.type.shape, axes, strict=True) if own == 1]
    new = [k for k in range(cotangent.type.rank) if k not in axes]
    kept = [k for k in range(cotangent.type.rank) if k not in new and k not in ones]
    total = ctx.builder.emit("sum", cotangent, axes=tuple(sorted(new + ones))) if new or ones else cotangent
    if ones:
        shape = [ctx.builder.integer(1) if a in ones else ctx.builder.extent(total, kept.index(a)) for a in axes]
        total = ctx.builder.emit("reshape", total, *shape) if total.type.is_array else ctx.builder.broadcast(total, shape)
    ctx.add(array, total)


def _view_broadcast(e: Any, op: Op, index: list[Any]) -> list[Any]:
    array = op.operands[0]
    return [
        e.zero() if own == 1 else index[axis]
        for own, axis in zip(array.type.shape, op.attrs["axes"], strict=True)
    ]


register(
    OpDef(
        "broadcast",
        "view",
        _infer_broadcast,
        _evaluate_broadcast,
        numpy=("broadcast_to",),
        linear_in=(0,),
        pullback=_pullback_broadcast,
        extent=lambda op, axis: op.operands[1 + axis],
        view_index=_view_broadcast,
        doc="operand 0 (scalar or array) repeated to the given extents; its axis k is axis axes[k] of the result, "
        "and only axes of static extent 1 and new axes are repeated; attr undefined: no element is read before it is "
        "written (tapes), so none need be stored",
    )
)

# -- slice


def split_slice(op: Op) -> tuple[Value, tuple[Value, ...], tuple[Value, ...]]:
    """array, starts, sizes of a `slice`."""
    rank = op.operands[0].type.rank
    return op.operands[0], op.operands[1 : 1 + rank], op.operands[1 + rank :]


def _infer_slice(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
    array, *rest = operands
    rank, steps, drop = array.type.rank, attrs["steps"], attrs["drop"]
    if len(rest) != 2 * rank or len(steps) != rank or 0 in steps:
        raise InferenceError(f"slice of {array.type} with {len(rest)} bounds and steps {steps}")
    static(rest[:rank])
    sizes = static(rest[rank:])
    if any(not 0 <= d < rank or sizes[d] != 1 for d in drop):
        raise InferenceError(f"slice of {array.type} drops axes {drop} of sizes {sizes}")
    return (Type(array.type.dtype, tuple(n for k, n in enumerate(sizes) if k not in drop)),)


def _numpy_region(shape: Sequence[int], starts: Sequence[Any], sizes: Sequence[Any], steps: Sequence[int]) -> Any:
    """The index of a region, which lies within the array."""
    index = []
    for extent, s, n, step in zip(shape, map(int, starts), map(int, sizes), steps, strict=True):
        last = s + step * (n - 1)
        if n > 0 and not (0 <= s < extent and 0 <= last < extent):
            raise IndexError(f"elements {s} to {last} of an axis of {extent}")
        stop = last + (1 if step > 0 else -1)
        index.append(slice(0, 0) if n <= 0 else slice(s, stop if stop >= 0 else None, step))
    return tuple(index)


def _evaluate_slice(a: Any, *rest: Any, steps: tuple[int, ...], drop: tuple[int, ...]) -> Any:
    part = a[_numpy_region(a.shape, rest[: a.ndim], rest[a.ndim :], steps)]
    return part.reshape([n for k, n in enumerate(part.shape) if k not in drop])


def _pullback_slice(ctx: Any, op: Op, cotangent: Value) -> None:
    array, starts, _ = split_slice(op)
    ctx.accumulate_slice(array, cotangent, starts, op.attrs["steps"], op.attrs["drop"])


def _extent_slice(op: Op, axis: int) -> Value:
    _, _, sizes = split_slice(op)
    return [n for k, n in enumerate(sizes) if k not in op.attrs["drop"]][axis]


def _view_slice(e: Any, op: Op, index: list[Any]) -> list[Any]:
    _, starts, _ = split_slice(op)
    rest = iter(index)
    return [
        e.value(start) if k in op.attrs["drop"] else e.add(e.value(start), e.scale(next(rest), step))
        for k, (start, step) in enumerate(zip(starts, op.attrs["steps"], strict=True))
    ]


register(
    OpDef(
        "slice",
        "view",
        _infer_slice,
        _evaluate_slice,
        linear_in=(0,),
        pullback=_pullback_slice,
        extent=_extent_slice,
        view_index=_view_slice,
        doc="elements start + step * k, k < size, along each axis; operands: array, starts, sizes; "
        "attrs: steps (not 0), drop (axes of size 1 left out of the result)",
    )
)

# -- transpose, reshape


def _infer_transpose(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
    (array,) = operands
    if sorted(attrs["axes"]) != list(range(array.type.rank)):
        raise InferenceError(f"transpose of {array.type} to axes {attrs['axes']}")
    return (array.type.with_shape(tuple(array.type.shape[a] for a in attrs["axes"])),)


def _inverse(axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(axes.index(k) for k in range(len(axes)))


register(
    OpDef(
        "transpose",
        "view",
        _infer_transpose,
        lambda a, axes: np.transpose(a, axes),
        numpy=("transpose",),
        linear_in=(0,),
        pullback=lambda ctx, op, ct: ctx.add(
            op.operands[0], ctx.builder.emit("transpose", ct, axes=_inverse(op.attrs["axes"]))
        ),
        extent=lambda op, axis: (op.operands[0], op.attrs["axes"][axis]),
        view_index=lambda e, op, index: [index[k] for k in _inverse(op.attrs["axes"])],
        doc="axis k of the result is axis axes[k] of the operand",
    )
)


def _infer_reshape(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
    array, *extents = operands
    shape = static(extents)
    if array.type.is_static and None not in shape and prod(array.type.shape) != prod(shape):  # type: ignore[type-var, arg-type]
        raise InferenceError(f"reshape of {array.type} to {shape}")
    if not shape:
        raise InferenceError("reshape to a scalar: use load")
    return (array.type.with_shape(shape),)


def _pullback_reshape(ctx: Any, op: Op, cotangent: Value) -> None:
    array = op.operands[0]
    ctx.add(array, ctx.builder.emit("reshape", cotangent, *ctx.extents(array)))


register(
    OpDef(
        "reshape",
        "structural",
        _infer_reshape,
        lambda a, *extents: np.reshape(a, [int(n) for n in extents]),
        numpy=("reshape",),
        linear_in=(0,),
        pullback=_pullback_reshape,
        extent=lambda op, axis: op.operands[1 + axis],
        cheap=True,
        doc="the elements in row-major order under other extents; the product of the extents must agree (the front "
        "end checks it)",
    )
)

# -- sources


def _infer_iota(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
    return (Type(I64, static(operands)),)


register(
    OpDef(
        "iota",
        "source",
        _infer_iota,
        lambda n: np.arange(int(n), dtype=np.int64),
        numpy=("arange",),
        extent=lambda op, axis: op.operands[0],
        doc="0, 1, ..., n - 1 as i64",
    )
)


def _infer_pack(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
    shape = tuple(attrs["shape"])
    if len({v.type for v in operands}) != 1 or operands[0].type.is_array or prod(shape) != len(operands) or not shape:
        raise InferenceError(f"pack of {[str(v.type) for v in operands]} to {shape}")
    return (operands[0].type.with_shape(shape),)


def _pullback_pack(ctx: Any, op: Op, cotangent: Value) -> None:
    for flat, element in enumerate(op.operands):
        if ctx.wants(element):
            index = [ctx.builder.integer(int(k)) for k in np.unravel_index(flat, op.attrs["shape"])]
            ctx.add(element, ctx.builder.emit("load", cotangent, *index))


register(
    OpDef(
        "pack",
        "source",
        _infer_pack,
        lambda *xs, shape: np.reshape(np.array(xs), shape),
        numpy=("array", "asarray"),
        linear_in=tuple(range(4096)),
        pullback=_pullback_pack,
        doc="an array of static shape from its elements in row-major order. attrs: shape",
    )
)

# -- load


def _infer_load(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
    array, *index = operands
    static(index)
    if len(index) != array.type.rank or not index:
        raise InferenceError(f"load of {array.type} with {len(index)} indices")
    return (Type(array.type.dtype),)


register(
    OpDef(
        "load",
        "structural",
        _infer_load,
        lambda a, *index: a[tuple(int(i) for i in index)],
        linear_in=(0,),
        pullback=lambda ctx, op, ct: ctx.accumulate(op.operands[0], ct, op.operands[1:]),
        cheap=True,
        doc="one element; the indices are within the array (made by `index`)",
    )
)
