"""Putting functions together: fixing parameters, reordering them, calling one function from another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from wengert.compiler.diag.errors import TypeMismatch
from wengert.compiler.frontend.signature import Leaf
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Value
from wengert.compiler.ir.rewrite import clone_value, copy_block, copy_ops
from wengert.compiler.ir.types import Type
from wengert.compiler.passes.autodiff.rules import fit

Maker = Callable[[Builder], Value]


def inline(builder: Builder, function: Function, arguments: Sequence[Value]) -> list[Value]:
    """Copy the body of `function` to the builder's place; its results for `arguments`."""
    mapping = dict(zip(function.params, arguments, strict=True))
    copy_ops(builder, function.body.ops, mapping)
    return [mapping.get(v, v) for v in function.results]


def bind(function: Function, makers: dict[int, Maker]) -> Function:
    """`function` with the parameters of these positions made by code of its own instead of passed."""
    kept = [k for k in range(len(function.params)) if k not in makers]
    body = Block([clone_value(function.params[k]) for k in kept])
    builder = Builder(body, role="adjoint")
    mapping = {function.params[k]: p for k, p in zip(kept, body.params, strict=True)}
    for k, make in makers.items():
        mapping[function.params[k]] = make(builder)
    copy_ops(builder, function.body.ops, mapping)
    body.results = [mapping.get(v, v) for v in function.results]
    return Function(function.name, body)


def with_results(function: Function, keep: Iterable[int], name: str | None = None) -> Function:
    """`function` with only the results of these positions, in this order."""
    copy = copy_block(function.body, {})
    copy.results = [copy.results[k] for k in keep]
    return Function(name or function.name, copy)


def with_params(function: Function, order: Sequence[int]) -> Function:
    """`function` with its parameters in another order: new parameter k is old parameter order[k]."""
    copy = copy_block(function.body, {})
    copy.params = [copy.params[k] for k in order]
    return Function(function.name, copy)


def with_known_extents(function: Function, types: Sequence[Type]) -> Function:
    """`function` with the extents that `types` know of its first parameters: f64[?] takes no array of one element."""
    body = Block([clone_value(p) for p in function.params])
    for k, wanted in enumerate(types):
        body.params[k] = Value(wanted, function.params[k].hint)
    mapping = dict(zip(function.params, body.params, strict=True))
    copy_ops(Builder(body), function.body.ops, mapping)
    body.results = [mapping.get(v, v) for v in function.results]
    return Function(function.name, body, function.written)


def stop_gradients(function: Function, results: Iterable[int]) -> Function:
    """`function` with these results taken as constants by every derivative."""
    copy = copy_block(function.body, {})
    builder = Builder(copy)
    for k in results:
        copy.results[k] = builder.emit("stop_gradient", copy.results[k])
    return Function(function.name, copy)


def coerce(function: Function, position: int, given: Leaf, wanted: Type, what: str) -> Function:
    """`function` taking a `given` leaf where its parameter `position` is of type `wanted`.

    Raises TypeMismatch where the ranks or known extents differ, or a strong dtype does.
    """
    have = given.type
    if have == wanted:
        return function
    fits = have.rank == wanted.rank and all(
        a == b or b is None or (a is None and b != 1) for a, b in zip(have.shape, wanted.shape, strict=True)
    )
    if not fits or (have.dtype != wanted.dtype and not given.weak):
        raise TypeMismatch(f"{what} is of type {have}, but must be of type {wanted}")
    body = Block([clone_value(p) for p in function.params])
    body.params[position] = Value(have, function.params[position].hint)
    builder = Builder(body)
    mapping = dict(zip(function.params, body.params, strict=True))
    for axis, (known, here) in enumerate(zip(wanted.shape, have.shape, strict=True)):
        if known is not None and here is None:  # checked before it is taken for granted
            sizes = builder.integer(known), builder.extent(body.params[position], axis)
            builder.emit("same_extent", *sizes, message=f"{what} of other extents than what it belongs to")
    taken = fit(builder, builder.cast(body.params[position], wanted.dtype), wanted)
    mapping[function.params[position]] = taken
    copy_ops(builder, function.body.ops, mapping)
    body.results = [mapping.get(v, v) for v in function.results]
    return Function(function.name, body, function.written)


def check_same_extents(function: Function, pairs: Sequence[tuple[int, int]], what: str) -> Function:
    """`function` that first checks that the array parameters of each pair have the same extents (traps otherwise)."""
    body = Block([clone_value(p) for p in function.params])
    builder = Builder(body)
    for a, b in pairs:
        for axis in range(body.params[a].type.rank):
            one, other = builder.extent(body.params[a], axis), builder.extent(body.params[b], axis)
            builder.emit("same_extent", one, other, message=f"extents of an argument and of its {what} differ")
    mapping = dict(zip(function.params, body.params, strict=True))
    copy_ops(builder, function.body.ops, mapping)
    body.results = [mapping.get(v, v) for v in function.results]
    return Function(function.name, body, function.written)


def check_result_extents(function: Function, pairs: Sequence[tuple[int, int]], what: str) -> Function:
    """`function` that checks, as soon as a result of it is there, that the array parameter paired with it has the same
    extents (traps otherwise). pairs: (result, parameter)."""
    body = Block([clone_value(p) for p in function.params])
    builder = Builder(body)
    mapping = dict(zip(function.params, body.params, strict=True))
    waiting = [(function.results[r], body.params[p]) for r, p in pairs]

    def check_those_of(values: Sequence[Value]) -> None:
        for result, parameter in waiting:
            if result in values:
                for axis in range(parameter.type.rank):
                    sizes = builder.extent(mapping[result], axis), builder.extent(parameter, axis)
                    builder.emit("same_extent", *sizes, message=f"extents of a result and of its {what} differ")

    check_those_of(function.params)
    for op in function.body.ops:
        copy_ops(builder, [op], mapping)
        check_those_of(op.results)
    body.results = [mapping.get(v, v) for v in function.results]
    return Function(function.name, body, function.written)


def product(builder: Builder, factors: Sequence[Value]) -> Value:
    """The product of i64 scalars; 1 of none."""
    total = builder.integer(1)
    for f in factors:
        total = builder.emit("multiply", total, f)
    return total


def unit_arrays(builder: Builder, like: Type, extents: Sequence[Value]) -> Value:
    """All the arrays of these extents with a single 1, stacked along a new first axis in row-major order."""
    count = product(builder, extents)
    row = builder.broadcast(builder.emit("iota", count), [count, count], (0,))
    column = builder.broadcast(builder.emit("iota", count), [count, count], (1,))
    one, zero = builder.constant(1, like.dtype), builder.constant(0, like.dtype)
    flat = builder.emit("where", builder.emit("equal", row, column), one, zero)
    return flat if len(extents) == 1 else builder.emit("reshape", flat, count, *extents)

