"""Products that sum over shared axes: @, dot, matmul, inner, vdot, outer, tensordot, einsum-free."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.compiler.frontend import complexes
from wengert.compiler.frontend.arithmetic import (
    apply,
    broadcast_to,
    common_extents,
    operand,
    require_same,
    resolve,
    ring,
)
from wengert.compiler.frontend.creation import array_only
from wengert.compiler.frontend.objects import NONE, Array, ArrayValue, Object, Scalar, Slice, Static, Tuple
from wengert.compiler.frontend.shapes import ravel
from wengert.compiler.frontend.tracer import Tracer, provides
from wengert.compiler.frontend.views import indexed
from wengert.compiler.ir.opdef import InferenceError
from wengert.compiler.ir.types import BOOL, DType

Axes = tuple[int, ...]


def common(tracer: Tracer, name: str, a: Array, b: Array) -> DType:
    found = resolve("multiply", (a.dtype, b.dtype))
    if found is None or found[1] is None or found[1] == BOOL:
        tracer.refuse("operand", name=name, types=f"arrays of {a.dtype} and {b.dtype}")
    return found[1]


def contract(
    tracer: Tracer, name: str, a: Array, b: Array, axes: tuple[Axes, Axes], batch: tuple[Axes, Axes] = ((), ())
) -> Object:
    """Sum over paired axes; result axes: batch, free of a, free of b."""
    dtype = common(tracer, name, a, b)
    x, y = tracer.read(a), tracer.read(b)
    for p, q in zip((*axes[0], *batch[0]), (*axes[1], *batch[1]), strict=True):
        if x.extents[p].is_constant and y.extents[q].is_constant and x.extents[p] != y.extents[q]:
            tracer.refuse(
                "contract", name=name, problem=f"extents {x.extents[p].constant} and {y.extents[q].constant} differ"
            )
        require_same(tracer, x.extents[p], y.extents[q], f"{name}: extents of the summed axes differ")
    values = [tracer.builder.cast(v.value, dtype) for v in (x, y)]
    try:
        made = tracer.builder.emit("dot_general", *values, contract=axes, batch=batch)
    except InferenceError as error:
        tracer.refuse("contract", name=name, problem=str(error))
    extents = [x.extents[k] for k in batch[0]]
    extents += [e for k, e in enumerate(x.extents) if k not in axes[0] and k not in batch[0]]
    extents += [e for k, e in enumerate(y.extents) if k not in axes[1] and k not in batch[1]]
    return tracer.fresh(ArrayValue(made, tuple(extents))) if extents else Scalar(made, False)


@provides("matmul")
def matmul(tracer: Tracer, a: Object, b: Object) -> Object:
    """`a @ b`"""
    a, b = operand(tracer, a), operand(tracer, b)
    if not isinstance(a, Array) or not isinstance(b, Array):
        tracer.refuse("contract", name="@", problem="both sides must be arrays; use * for numbers")
    p, q = a.rank, b.rank
    if p <= 2 and q <= 2:
        return contract(tracer, "@", a, b, ((p - 1,), (0 if q == 1 else q - 2,)))
    if q <= 2:
        return contract(tracer, "@", a, b, ((p - 1,), (0,)))
    if p == 1:
        return contract(tracer, "@", a, b, ((0,), (q - 2,)))
    a, b = stacked(tracer, a, b)
    p = a.rank
    batch = tuple(range(p - 2))
    return contract(tracer, "@", a, b, ((p - 1,), (p - 2,)), (batch, batch))


def stacked(tracer: Tracer, a: Array, b: Array) -> tuple[Array, Array]:
    """Stacks of matrices with their leading axes broadcast to the same."""
    contents = [tracer.read(a), tracer.read(b)]
    stack = common_extents(tracer, [c.extents[:-2] for c in contents])
    shapes = [(*stack, *c.extents[-2:]) for c in contents]
    first, second = (
        tracer.fresh(ArrayValue(broadcast_to(tracer, c, shape), shape))
        for c, shape in zip(contents, shapes, strict=True)
    )
    return first, second


def dot(tracer: Tracer, a: Object, b: Object) -> Object:
    a, b = operand(tracer, a), operand(tracer, b)
    if not isinstance(a, Array) or not isinstance(b, Array):
        return apply(tracer, "multiply", (a, b))
    return contract(tracer, "np.dot", a, b, ((a.rank - 1,), (max(b.rank - 2, 0),)))


def inner(tracer: Tracer, a: Object, b: Object) -> Object:
    a, b = operand(tracer, a), operand(tracer, b)
    if not isinstance(a, Array) or not isinstance(b, Array):
        return apply(tracer, "multiply", (a, b))
    return contract(tracer, "np.inner", a, b, ((a.rank - 1,), (b.rank - 1,)))


def vdot(tracer: Tracer, a: Object, b: Object) -> Object:
    x, y = array_only(tracer, a), array_only(tracer, b)
    if x.dtype.kind == "c":
        x = array_only(tracer, complexes.conjugate(tracer, x))
    if x.rank != y.rank:
        tracer.refuse("contract", name="np.vdot", problem="arrays of different dimensions")
    every = tuple(range(x.rank))
    return contract(tracer, "np.vdot", x, y, (every, every))


def outer(tracer: Tracer, a: Object, b: Object) -> Object:
    x, y = array_only(tracer, a), array_only(tracer, b)
    x, y = (v if v.rank == 1 else array_only(tracer, ravel(tracer, v)) for v in (x, y))
    if BOOL in (x.dtype, y.dtype):
        return ring(tracer, "multiply", indexed(tracer, x, [Slice(None, None, None), NONE]), y)
    return contract(tracer, "np.outer", x, y, ((), ()))


def tensordot(tracer: Tracer, a: Object, b: Object, axes: Object = Static(2)) -> Object:
    x, y = array_only(tracer, a), array_only(tracer, b)
    if isinstance(axes, Static) and type(axes.value) is int:
        n = axes.value
        return contract(tracer, "np.tensordot", x, y, (tuple(range(x.rank - n, x.rank)), tuple(range(n))))
    if not isinstance(axes, Tuple) or len(axes.items) != 2:
        tracer.refuse("static_needed", what="axes of np.tensordot")
    pairs = [p.items if isinstance(p, Tuple) else (p,) for p in axes.items]
    if any(not isinstance(k, Static) for p in pairs for k in p):
        tracer.refuse("static_needed", what="axes of np.tensordot")
    first = tuple(k.value % x.rank for k in pairs[0])  # type: ignore[union-attr]
    second = tuple(k.value % y.rank for k in pairs[1])  # type: ignore[union-attr]
    return contract(tracer, "np.tensordot", x, y, (first, second))


PRODUCTS: dict[Any, Any] = {
    np.dot: dot, np.matmul: matmul, np.inner: inner, np.vdot: vdot, np.outer: outer, np.tensordot: tensordot,
}  # fmt: skip
