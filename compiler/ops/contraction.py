"""`dot_general`: every product of arrays that sums over shared axes (dot, @, tensordot, batched matmul) is this op."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Op, Value
from wengert.compiler.ir.opdef import InferenceError, OpDef, register
from wengert.compiler.ir.types import Type


def free_axes(rank: int, contract: Sequence[int], batch: Sequence[int]) -> tuple[int, ...]:
    """The axes neither contracted nor batched."""
    return tuple(k for k in range(rank) if k not in contract and k not in batch)


def _infer(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
    a, b = (v.type for v in operands)
    (ca, cb), (ba, bb) = attrs["contract"], attrs["batch"]
    if a.dtype != b.dtype or a.dtype.kind not in "iufc" or len(ca) != len(cb) or len(ba) != len(bb):
        raise InferenceError(f"dot of {a} and {b}")
    for p, q in zip((*ca, *ba), (*cb, *bb), strict=True):
        if None not in (a.shape[p], b.shape[q]) and a.shape[p] != b.shape[q]:
            raise InferenceError(f"dot of {a} and {b}: extents {a.shape[p]} and {b.shape[q]} differ")
    free = [a.shape[k] for k in free_axes(a.rank, ca, ba)] + [b.shape[k] for k in free_axes(b.rank, cb, bb)]
    return (Type(a.dtype, (*(a.shape[k] for k in ba), *free)),)


def _evaluate(a: Any, b: Any, contract: Any, batch: Any) -> Any:
    (ca, cb), (ba, bb) = contract, batch
    labels_a, labels_b = list(range(a.ndim)), [100 + k for k in range(b.ndim)]
    for p, q in zip((*ca, *ba), (*cb, *bb), strict=True):
        labels_b[q] = labels_a[p]
    names = {label: k for k, label in enumerate(dict.fromkeys(labels_a + labels_b))}
    result = [names[labels_a[k]] for k in ba]
    result += [names[labels_a[k]] for k in free_axes(a.ndim, ca, ba)]
    result += [names[labels_b[k]] for k in free_axes(b.ndim, cb, bb)]
    return np.einsum(a, [names[k] for k in labels_a], b, [names[k] for k in labels_b], result)


def _extent(op: Op, axis: int) -> Any:
    a, b = op.operands
    (ca, cb), (ba, bb) = op.attrs["contract"], op.attrs["batch"]
    sources = [(a, k) for k in ba] + [(a, k) for k in free_axes(a.type.rank, ca, ba)]
    sources += [(b, k) for k in free_axes(b.type.rank, cb, bb)]
    return sources[axis]


def _transpose_to(builder: Builder, value: Value, axes: Sequence[int]) -> Value:
    if list(axes) == list(range(len(axes))):
        return value
    return builder.emit("transpose", value, axes=tuple(axes))


def _pullback(ctx: Any, op: Op, cotangent: Value) -> None:
    """Each operand's cotangent is the cotangent contracted with the other operand over the other's free axes."""
    for side in (0, 1):
        mine, other = op.operands[side], op.operands[1 - side]
        if not ctx.wants(mine):
            continue
        contract, batch = op.attrs["contract"], op.attrs["batch"]
        my_free = free_axes(mine.type.rank, contract[side], batch[side])
        other_free = free_axes(other.type.rank, contract[1 - side], batch[1 - side])
        count, first = len(batch[0]), len(free_axes(op.operands[0].type.rank, contract[0], batch[0]))
        of_result = list(range(count, cotangent.type.rank))
        from_mine, from_other = of_result[:first], of_result[first:]
        if side == 1:
            from_mine, from_other = from_other, from_mine
        value = ctx.primal(other)
        if cotangent.type.is_scalar:
            partial = ctx.builder.emit("multiply", cotangent, value)
            made = list(contract[1 - side])  # axes of `other`, all contracted
            order = [made.index(contract[1 - side][contract[side].index(k)]) for k in range(mine.type.rank)]
            order = [made[k] for k in order]
        else:
            partial = ctx.builder.emit(
                "dot_general",
                cotangent,
                value,
                contract=(tuple(from_other), tuple(other_free)),
                batch=(tuple(range(count)), tuple(batch[1 - side])),
            )
            # axes of `partial`: batch, my free axes, then other's contracted axes in other's own order
            others_order = sorted(contract[1 - side])
            source = [("batch", k) for k in range(count)] + [("free", k) for k in my_free]
            source += [("contract", contract[1 - side].index(k)) for k in others_order]
            where = {}
            for position, (kind, k) in enumerate(source):
                axis = batch[side][k] if kind == "batch" else k if kind == "free" else contract[side][k]
                where[axis] = position
            order = [where[k] for k in range(mine.type.rank)]
        ctx.add(mine, _transpose_to(ctx.builder, partial, order))


def _pushforward(ctx: Any, op: Op, da: Value | None, db: Value | None) -> Sequence[Value]:
    a, b = (ctx.primal(v) for v in op.operands)
    parts = [ctx.builder.emit("dot_general", da, b, **op.attrs)] if da is not None else []
    parts += [ctx.builder.emit("dot_general", a, db, **op.attrs)] if db is not None else []
    return (parts[0] if len(parts) == 1 else ctx.builder.emit("add", *parts),)


register(
    OpDef(
        "dot_general",
        "contract",
        _infer,
        _evaluate,
        numpy=("dot", "matmul", "vdot", "inner", "outer", "tensordot"),
        pullback=_pullback,
        pushforward=_pushforward,
        extent=_extent,
        doc="sum over paired axes; attrs: contract = (axes of a, axes of b), batch = (axes of a, axes of b); result axes: "
        "batch, free axes of a, free axes of b. BLAS for floating point",
    )
)
