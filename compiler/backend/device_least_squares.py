"""Least squares where no library has them: by the singular values, as LAPACK's gelsd does it.

    A = U diag(s) Vᴴ,  x = V diag(1 / s, or 0 where s <= limit * max(s)) Uᴴ b
"""

from __future__ import annotations

import numpy as np

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Function, Op, Value
from wengert.compiler.ir.rewrite import rewrite
from wengert.compiler.passes.optimise.prune import prune

_EPSILON = float(np.finfo(np.float64).eps) / 2
"""LAPACK's, which stands for a limit that is not between 0 and 1."""
_PRODUCT, _PRODUCT_TURNED = ((1,), (0,)), ((0,), (0,))


def by_singular_values(function: Function) -> Function:
    """Without `lstsq` rows; the function itself where it has none."""
    if not any(op.name == "lstsq" for op in function.walk()):
        return function
    return prune(rewrite(function, _replaced))


def _replaced(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
    if op.name != "lstsq":
        return None
    a, b, limit, size = operands
    emit, real = builder.emit, limit.type.dtype
    u, s, vh, fine = builder.op("svd", (a, size)).results
    zero, one = builder.constant(0, real), builder.constant(1, real)
    sound = emit("bitwise_and", emit("greater", limit, zero), emit("less", limit, one))
    limit = emit("where", sound, limit, builder.constant(_EPSILON, real))
    kept = emit("greater", s, emit("multiply", limit, emit("max", s, axes=(0,))))
    inverse = emit("where", kept, emit("divide", one, s), zero)
    parts = emit("dot_general", _conjugate(builder, u), b, contract=_PRODUCT_TURNED, batch=((), ()))
    scale = builder.broadcast(builder.cast(inverse, a.type.dtype), builder.extents(parts), axes=(0,))
    parts = emit("multiply", parts, scale)
    x = emit("dot_general", _conjugate(builder, vh), parts, contract=_PRODUCT_TURNED, batch=((), ()))
    rest = emit("subtract", b, emit("dot_general", a, x, contract=_PRODUCT, batch=((), ())))
    squares = emit("multiply", rest, _conjugate(builder, rest))
    squares = emit("real", squares) if _is_complex(rest) else squares
    rank = emit("sum", builder.cast(kept, op.results[2].type.dtype), axes=(0,))
    return [x, builder.cast(emit("sum", squares, axes=(0,)), op.results[1].type.dtype), rank, s, fine]


def _is_complex(value: Value) -> bool:
    return value.type.dtype.kind == "c"


def _conjugate(builder: Builder, value: Value) -> Value:
    return builder.emit("conjugate", value) if _is_complex(value) else value
