"""What is common to both modes: how a partial derivative of a row is multiplied with a tangent or cotangent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wengert.compiler.ir.builder import Builder, Sym
from wengert.compiler.ir.core import Block, Op, Value
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.types import Type


def partials_of(builder: Builder, op: Op, result: Value, operands: Sequence[Value]) -> Sequence[Any]:
    """The row's partials at these values: a Sym, a number, or None for each operand."""
    partials = REGISTRY[op.name].partials
    assert partials is not None
    return partials(Sym(builder, result), *(Sym(builder, v) for v in operands))


def scaled(builder: Builder, seed: Value, partial: Any, strong_zero: bool) -> Value:
    """`seed` times `partial`. With `strong_zero`, 0 where the seed is 0, also if the partial is infinite or NaN."""
    if not isinstance(partial, Sym):
        if partial == 1.0:
            return seed
        if partial == -1.0:
            return builder.emit("negative", seed)
        return (Sym(builder, seed) * partial).value
    product = Sym(builder, seed) * partial
    if not strong_zero:
        return product.value
    zero = builder.constant(0, seed.type.dtype)
    return builder.emit("where", Sym(builder, seed).equals(0.0).value, zero, product.value)


def fit(builder: Builder, value: Value, declared: Type) -> Value:
    """`value` as a value that `declared` accepts: extents that are known to agree are made so in its type."""
    if declared.accepts(value.type):
        return value
    assert declared.dtype == value.type.dtype and declared.rank == value.type.rank, f"{value!r} for {declared}"
    zero = builder.integer(0)
    sizes = [builder.extent(value, k) if n is None else builder.integer(n) for k, n in enumerate(declared.shape)]
    return builder.emit("slice", value, *[zero] * declared.rank, *sizes, steps=(1,) * declared.rank, drop=())


def drop_dead(block: Block, roles: tuple[str, ...]) -> None:
    """Remove, in place, the ops of these roles whose results nothing uses (partials that no one asked for)."""
    used: set[Value] = set()
    _drop_dead(block, roles, used)


def _drop_dead(block: Block, roles: tuple[str, ...], used: set[Value]) -> None:
    used.update(block.results)
    kept: list[Op] = []
    for op in reversed(block.ops):
        removable = op.role in roles and not op.regions and not REGISTRY[op.name].traps
        if removable and not any(r in used for r in op.results):
            continue
        for region in op.regions:
            _drop_dead(region, roles, used)
        used.update(op.operands)
        kept.append(op)
    block.ops[:] = reversed(kept)
