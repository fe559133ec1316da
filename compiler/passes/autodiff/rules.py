"""What is common to both modes: how a partial derivative of a row is multiplied with a tangent or cotangent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wengert.compiler.ir.builder import Builder, Sym
from wengert.compiler.ir.core import Block, Op, Value, constant_of
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.types import Type


def partials_of(builder: Builder, op: Op, result: Value, operands: Sequence[Value]) -> Sequence[Any]:
    """The row's partials at these values: a Sym, a number, or None for each operand."""
    partials = REGISTRY[op.name].partials
    assert partials is not None
    return partials(Sym(builder, result), *(Sym(builder, v) for v in operands))


def scaled(builder: Builder, seed: Value, partial: Any, strong_zero: bool) -> Value:
    """`seed` times `partial`. With `strong_zero`, 0 where the seed is 0, also if the partial is infinite or NaN.

    A seed that is masked stays so: `where(c, 0, v)` times p is `where(c, 0, v * p)`, whatever p is in the masked places
    (missing data that are NaN, say). The same where one branch of an `if` leaves it 0.
    """
    if not isinstance(partial, Sym) and partial == 1.0:
        return seed
    masked = _masked(builder, seed)
    if masked is not None:
        condition, arms, k = masked
        times = _times if arms[k] is seed else scaled
        arms[k] = times(builder, arms[k], partial, strong_zero)
        return builder.emit("where", condition, *arms)
    return _times(builder, seed, partial, strong_zero)


def plus(builder: Builder, a: Value, b: Value) -> Value:
    """The sum of two cotangents; one that is masked, if both are by the same condition."""
    if a.owner is None or b.owner is None or {a.owner.name, b.owner.name} != {"where"}:
        return builder.emit("add", a, b)
    left, right = _masked(builder, a), _masked(builder, b)
    if left is None or right is None or (left[0], left[2]) != (right[0], right[2]):
        return builder.emit("add", a, b)
    condition, arms, k = left
    if arms[k].type.shape != right[1][k].type.shape:
        return builder.emit("add", a, b)
    arms[k] = plus(builder, arms[k], right[1][k])
    return builder.emit("where", condition, *arms)


def _masked(builder: Builder, seed: Value) -> tuple[Value, list[Value], int] | None:
    """(condition, arms, the arm that counts) of a seed of which the other arm is 0."""
    op = seed.owner
    if op is None or op.name not in ("where", "if"):
        return None
    if op.name == "where":
        condition, *arms = op.operands
    else:
        condition, position = op.operands[0], op.results.index(seed)
        arms = [region.results[position] for region in op.regions]
    zeros = [k for k, v in enumerate(arms) if _is_zero(v)]
    if len(zeros) != 1:
        return None
    if op.name == "if":
        arms = [seed, seed]
        arms[zeros[0]] = builder.constant(0, seed.type.dtype)
    return condition, arms, 1 - zeros[0]


def _is_zero(value: Value) -> bool:
    if value.owner is not None and value.owner.name == "broadcast":
        value = value.owner.operands[0]
    return constant_of(value) == 0


def _times(builder: Builder, seed: Value, partial: Any, strong_zero: bool) -> Value:
    if not isinstance(partial, Sym):
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


def say_extents(builder: Builder, value: Value, like: Value, message: str) -> None:
    """Where the extents of `value` are those of `like` by what loops and branches do, a check that says so: who calls for many
    derivatives at once has to know them beforehand."""
    for axis in range(value.type.rank):
        found = builder.extent(value, axis)
        array = found.owner.operands[0] if found.owner is not None and found.owner.name == "dim" else None
        if array is not None and array.owner is not None and array.owner.regions:
            builder.emit("same_extent", found, builder.extent(like, axis), message=message)


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
