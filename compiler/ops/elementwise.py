"""How element-wise rows are written: `elementwise(...)` makes the row and returns a function on `Sym`s for use in rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wengert.compiler.ir.builder import Sym
from wengert.compiler.ir.core import Op, Value
from wengert.compiler.ir.opdef import Domain, InferenceError, OpDef, register
from wengert.compiler.ir.types import BOOL, Type


def common_shape(name: str, operands: Sequence[Value]) -> tuple[int | None, ...]:
    """The shape of the array operands, which must be one and the same; scalars go with any."""
    shape: tuple[int | None, ...] = ()
    for v in operands:
        if v.type.is_scalar:
            continue
        if not shape:
            shape = v.type.shape
        elif len(shape) != v.type.rank:
            raise InferenceError(f"{name} of arrays of rank {len(shape)} and {v.type.rank}")
        else:
            pairs = list(zip(shape, v.type.shape, strict=True))
            if any(a != b for a, b in pairs if a is not None and b is not None):
                raise InferenceError(f"{name} of shapes {shape} and {v.type.shape}")
            shape = tuple(b if a is None else a for a, b in pairs)
    return shape


def infer_same(kinds: str, name: str) -> Callable[..., tuple[Type, ...]]:
    """Operands of one dtype, of one of the NumPy `kinds`; the result is of it too."""

    def infer(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
        type_ = operands[0].type
        if type_.dtype.kind in kinds and all(v.type is type_ for v in operands):
            return (type_,)
        dtypes = {v.type.dtype for v in operands}
        if len(dtypes) != 1:
            raise InferenceError(f"{name} of {', '.join(str(v.type) for v in operands)}")
        (dtype,) = dtypes
        if dtype.kind not in kinds:
            raise InferenceError(f"{name} of {dtype}")
        return (Type(dtype, common_shape(name, operands)),)

    return infer


def infer_bool(kinds: str, name: str) -> Callable[..., tuple[Type, ...]]:
    """As `infer_same`, with a bool for result."""
    same = infer_same(kinds, name)

    def infer(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
        return (same(operands, attrs)[0].with_dtype(BOOL),)

    return infer


def extent_of_operand(op: Op, axis: int) -> Any:
    """An element-wise result has the extents of its array operands."""
    return next((v, axis) for v in op.operands if v.type.is_array)


def elementwise(
    name: str,
    evaluate: Callable[..., Any],
    *,
    kinds: str = "f",
    result: str = "same",
    numpy: tuple[str, ...] | None = None,
    domain: tuple[tuple[float, float], ...] = ((-2.0, 2.0),),
    **fields: Any,
) -> Callable[..., Sym]:
    """Register an element-wise row over the dtype `kinds`; `result` is "same" (the operands' dtype) or "bool"."""
    infer = (infer_bool if result == "bool" else infer_same)(kinds, name)
    row = OpDef(
        name,
        "elementwise",
        infer,
        lambda *xs, **attrs: evaluate(*xs),
        numpy=(name,) if numpy is None else numpy,
        extent=extent_of_operand,
        domain=Domain(domain),
        **fields,
    )
    register(row)

    def call(x: Sym, *others: Sym | float) -> Sym:
        return x.apply(name, *others)

    return call
