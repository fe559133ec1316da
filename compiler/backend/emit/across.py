"""Which axis of a value its operands are read along: `a.T` is read along the first, and written along the last."""

from __future__ import annotations

from wengert.compiler.backend.emit.scope import Scope
from wengert.compiler.ir.core import Value
from wengert.compiler.ir.opdef import REGISTRY


def crossed_axis(scope: Scope, value: Value) -> int | None:
    """The axis, not the last, along which some stored row-major operand of a virtual value lies without gaps; None where there
    is no such operand."""
    last = value.type.rank - 1
    seen: set[tuple[Value, int]] = set()

    def walk(v: Value, axes: tuple[int, ...]) -> int | None:
        """axes: the axis of `value` that each axis of `v` is read along, -1 for none."""
        if not v.type.rank or (v, axes[-1]) in seen:
            return None
        seen.add((v, axes[-1]))
        if scope.is_stored(v):
            along = axes[-1]
            return along if scope.buffer(v).strides is None and 0 <= along < last else None
        op = v.owner
        if op is None:
            return None
        if REGISTRY[op.name].kind == "elementwise":
            found = (walk(o, axes) for o in op.operands if o.type.rank)
            return next((axis for axis in found if axis is not None), None)
        source = op.operands[0]
        if op.name == "transpose":
            order = op.attrs["axes"]
            return walk(source, tuple(axes[order.index(k)] for k in range(len(order))))
        if op.name == "slice":
            rest = iter(axes)
            return walk(source, tuple(-1 if k in op.attrs["drop"] else next(rest) for k in range(source.type.rank)))
        if op.name == "broadcast" and source.type.rank:
            own = zip(source.type.shape, op.attrs["axes"], strict=True)
            return walk(source, tuple(-1 if n == 1 else axes[k] for n, k in own))
        return None

    return walk(value, tuple(range(last + 1))) if last > 0 else None
