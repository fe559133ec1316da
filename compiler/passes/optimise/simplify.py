"""Constant folding and identities that are exact in IEEE arithmetic (x + 0.0 is not: -0.0 + 0.0 = 0.0).

    %1 = constant {value = 2.0, dtype = 'f64'} : f64
    %2 = power %x, %1 : f64                                =>    %2 = multiply %x, %x : f64
    %3 = if %true () { yield %2 } () { yield %x } : f64          (uses of %3 are uses of %2)
"""

from __future__ import annotations

from collections.abc import Callable
from math import copysign, frexp
from typing import Any

import numpy as np

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import AS_WRITTEN, Function, Op, Value, constant_of
from wengert.compiler.ir.interpret import Trap
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.rewrite import copy_block, copy_op, copy_ops
from wengert.compiler.ir.types import I64

Rule = Callable[[Builder, Op, list[Value]], Value | None]
"""(builder, op, new operands) -> the value that stands for the op's only result, or None."""


def simplify(function: Function) -> Function:
    """The function itself where there is nothing to simplify."""
    mapping: dict[Value, Value] = {}
    outermost = set(map(id, function.body.ops))
    changed = False

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        nonlocal changed
        found = simpler(builder, op, operands)
        changed = changed or found is not None
        return found

    def simpler(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        if op.name == "same_extent" and id(op) in outermost and operands[0] is not operands[1]:
            return _equal_from_here_on(builder, op, operands, mapping)
        if op.name == "if":
            return _branch(builder, op, operands, mapping, replace)
        if op.name == "for":
            low, high, step = (constant_of(v) for v in operands[:3])
            if None not in (low, high, step) and len(range(low, high, step)) == 0:  # type: ignore[arg-type]
                return operands[3:]
            return None
        if op.name == "check" and constant_of(operands[0]) is True:
            return []
        if len(op.results) != 1:
            return None
        folded = _fold(builder, op, operands)
        if folded is None and (rule := RULES.get(op.name)) is not None:
            folded = rule(builder, op, operands)
        if folded is None or not op.result.type.accepts(folded.type):  # what stands for it must know its extents, too
            return None
        return [folded]

    body = copy_block(function.body, mapping, replace)
    return Function(function.name, body, function.written) if changed else function


def _equal_from_here_on(builder: Builder, op: Op, operands: list[Value], mapping: dict[Value, Value]) -> list[Value]:
    """After a check at function level that two extents are equal, the rest of the function uses one of them.

        %n = dim %x {axis = 0} : i64
        %m = same_extent %n, %6 {message = 'declared extent `6`'} : i64      from here on, %n and %m are %6
    """
    known = [constant_of(v) for v in operands]
    if None not in known and known[0] != known[1]:
        return list(copy_op(builder, op, operands).results)
    kept = operands[1] if known[1] is not None else operands[0]
    if None in known:
        copy_op(builder, op, operands)
        mapping.update(dict.fromkeys(op.operands, kept))
    return [kept]


def _branch(builder: Builder, op: Op, operands: list[Value], mapping: Any, replace: Any) -> list[Value] | None:
    condition = constant_of(operands[0])
    if condition is None:
        return None
    region = op.regions[0] if condition else op.regions[1]
    copy_ops(builder, region.ops, mapping, replace)
    return [mapping.get(v, v) for v in region.results]


def _fold(builder: Builder, op: Op, operands: list[Value]) -> Value | None:
    """An op on known numbers is a number. A check that holds goes; one that fails stays, to raise when it is reached."""
    row = REGISTRY[op.name]
    if not operands or op.result.type.is_array or row.kind not in ("elementwise", "structural") or op.name == "wrap_index":
        return None
    values = [constant_of(v) for v in operands]
    if any(v is None for v in values) or row.evaluate is None:
        return None
    if op.name in ("truncated_divide", "fmod") and values[1] == 0:
        return None
    typed = [v.type.dtype.numpy.type(n) for v, n in zip(operands, values, strict=True)]
    try:
        with np.errstate(all="ignore"):
            result = row.evaluate(*typed, **op.attrs)
    except (Trap, OverflowError, ValueError):
        return None
    return builder.constant(np.asarray(result).item(), op.result.type.dtype)


# -- identities, one function per op


def _is(value: Value, number: float) -> bool:
    """Whether it is this constant, the sign of a zero included. Complex only for zeros: (1+0j)*z is not z where z is
    infinite."""
    known = constant_of(value)
    if known is None or known != number:
        return False
    if value.type.dtype.kind == "c":
        parts = complex(known).real, complex(known).imag
        return number == 0 and all(copysign(1.0, part) == copysign(1.0, number) for part in parts)
    return number != 0 or copysign(1.0, known) == copysign(1.0, number)


def _exact(value: Value) -> bool:
    """Whether adding zero to it is an identity: integers, and nothing else."""
    return value.type.dtype.is_integer


def _shaped(value: Value, op: Op) -> Value | None:
    """`value` where it has the result's shape (a scalar operand may stand beside an array)."""
    return value if value.type.rank == op.result.type.rank else None


def _add(builder: Builder, op: Op, operands: list[Value]) -> Value | None:
    x, y = operands
    if _exact(x):
        if _is(x, 0):
            return _shaped(y, op)
        if _is(y, 0):
            return _shaped(x, op)
        if constant_of(x) is not None and constant_of(y) is None:
            return builder.emit("add", y, x)
        return _regroup(builder, x, y, "add")
    adjoint = op.role == "adjoint"  # where nothing hangs on the sign of a zero
    if _is(x, -0.0) or (adjoint and constant_of(x) == 0):
        return _shaped(y, op)
    if _is(y, -0.0) or (adjoint and constant_of(y) == 0):
        return _shaped(x, op)
    return _rescaled(builder, 2.0, x) if adjoint and x is y else None


def _subtract(builder: Builder, op: Op, operands: list[Value]) -> Value | None:
    x, y = operands
    if _is(y, 0):
        return _shaped(x, op)
    if not _exact(x) or not x.type.is_scalar or not y.type.is_scalar:
        return None
    if x is y:
        return builder.constant(0, x.type.dtype)
    known = constant_of(y)
    if known is not None and x.type.dtype == I64:
        return builder.emit("add", x, builder.integer(-known))
    inner = x.owner
    if inner is not None and inner.name == "add":  # (a + b) - a
        a, b = inner.operands
        if a is y:
            return b
        if b is y:
            return a
    outer = y.owner
    if outer is not None and outer.name == "add" and outer.operands[0] is x and constant_of(outer.operands[1]) is not None:
        return builder.constant(-constant_of(outer.operands[1]), x.type.dtype)  # type: ignore[operator]
    return None


def _regroup(builder: Builder, x: Value, y: Value, name: str) -> Value | None:
    """(x + c) + d = x + (c + d) of integer scalars."""
    inner, d = x.owner, constant_of(y)
    if inner is None or inner.name != name or d is None or not x.type.is_scalar:
        return None
    c = constant_of(inner.operands[1])
    if c is None:
        return None
    return builder.emit(name, inner.operands[0], builder.constant(c + d, x.type.dtype))


def _repeated(value: Value) -> Value:
    """The number that an array repeats, else the value itself."""
    made = value.owner
    return made.operands[0] if made is not None and made.name == "broadcast" and made.operands[0].type.is_scalar else value


def _multiply(builder: Builder, op: Op, operands: list[Value]) -> Value | None:
    x, y = (_repeated(v) for v in operands)
    if x.type.is_scalar and y.type.is_scalar and op.result.type.is_array:
        array = next(v for v in operands if v.type.is_array)
        return builder.broadcast(builder.emit("multiply", x, y), builder.extents(array))
    if _is(x, 1):
        return _shaped(y, op)
    if _is(y, 1):
        return _shaped(x, op)
    exact = _exact(x) or (op.role == "adjoint" and x.type.dtype.kind == "f")  # no cotangent: a strong zero
    if exact and x.type.is_scalar and y.type.is_scalar and (constant_of(x) == 0 or constant_of(y) == 0):
        return builder.constant(0, x.type.dtype)
    if x.type.dtype.kind == "f":  # -1 * x is exactly -x
        if _is(x, -1):
            return builder.emit("negative", y) if _shaped(y, op) else None
        if _is(y, -1):
            return builder.emit("negative", x) if _shaped(x, op) else None
        for factor, rest in ((x, y), (y, x)):
            if op.role == "adjoint" and constant_of(factor) is not None and _shaped(rest, op) is not None:
                return _rescaled(builder, constant_of(factor), rest)  # type: ignore[arg-type]
    return None


def _scale(value: Value) -> tuple[float, Value] | None:
    """A value of floats that is a number times another one."""
    made = value.owner
    if made is None or value.type.dtype.kind != "f":
        return None
    if made.name == "negative":
        return -1.0, made.operands[0]
    if made.name == "multiply":
        for factor, rest in (made.operands, made.operands[::-1]):
            known = constant_of(_repeated(factor))
            if known is not None and rest.type.rank == value.type.rank:
                return known, rest
    return None


def _rescaled(builder: Builder, factor: float, value: Value) -> Value | None:
    """In derivatives: `factor` times a value that is already a number times something, where one of the numbers is a power
    of two (or its negative), so that their product is exact; None where it is none. Twice p * q is (twice p) * q."""
    inner = _scale(value)
    if inner is None:
        made = value.owner
        if factor != 2.0 or made is None or made.name != "multiply" or value.type.dtype.kind != "f":
            return None
        for p, q in (made.operands, made.operands[::-1]):
            doubled = _rescaled(builder, 2.0, p) if p.type.rank == value.type.rank and _scale(p) is not None else None
            if doubled is not None:
                return builder.emit("multiply", doubled, q)
        return None
    number, rest = inner
    product = factor * number
    if 0.5 not in (abs(frexp(factor)[0]), abs(frexp(number)[0])) or not 1e-30 < abs(product) < 1e30:
        return None
    if product == 1.0:
        return rest
    return builder.emit("negative", rest) if product == -1.0 else builder.emit(
        "multiply", rest, builder.constant(product, value.type.dtype)
    )


def _divide(builder: Builder, op: Op, operands: list[Value]) -> Value | None:
    return _shaped(operands[0], op) if _is(operands[1], 1) else None


def _negative(builder: Builder, op: Op, operands: list[Value]) -> Value | None:
    inner = operands[0].owner
    if inner is not None and inner.name == "negative":
        return inner.operands[0]
    return _rescaled(builder, -1.0, operands[0]) if op.role == "adjoint" else None


def _power(builder: Builder, op: Op, operands: list[Value]) -> Value | None:
    """The exponents NumPy itself treats specially, and small integers."""
    x, exponent = operands[0], constant_of(operands[1])
    if exponent is None or _shaped(x, op) is None:
        return None
    if exponent == 1:
        return x
    if exponent == 2:
        return builder.emit("multiply", x, x)
    if exponent == 3:
        return builder.emit("multiply", builder.emit("multiply", x, x), x)
    if exponent == 4:
        square = builder.emit("multiply", x, x)
        return builder.emit("multiply", square, square)
    if exponent == 0.5:
        return builder.emit("sqrt", x)
    if exponent == -1:
        return builder.emit("divide", builder.constant(1, x.type.dtype), x)
    return None


def _where(builder: Builder, op: Op, operands: list[Value]) -> Value | None:
    condition, x, y = operands
    known = constant_of(condition)
    if known is not None:
        return _shaped(x if known else y, op)
    return _shaped(x, op) if x is y else None


def _extremum(builder: Builder, op: Op, operands: list[Value]) -> Value | None:
    return operands[0] if operands[0] is operands[1] else None


def _cast(builder: Builder, op: Op, operands: list[Value]) -> Value | None:
    return operands[0] if operands[0].type.dtype.name == op.attrs["dtype"] else None


def _same_extent(builder: Builder, op: Op, operands: list[Value]) -> Value | None:
    return operands[0] if operands[0] is operands[1] else None


def _dim(builder: Builder, op: Op, operands: list[Value]) -> Value | None:
    extent = builder.extent(operands[0], op.attrs["axis"])
    made = extent.owner
    if made is not None and made.name == "dim" and made.operands[0] is operands[0] and made in builder.block.ops[-1:]:
        builder.block.ops.pop()  # nothing better was found
        return None
    return extent


def _broadcast(builder: Builder, op: Op, operands: list[Value]) -> Value | None:
    array, *extents = operands
    if array.type.rank != len(extents):
        return None
    same = all(own == constant_of(n) if own is not None else True for own, n in zip(array.type.shape, extents, strict=True))
    return array if same else None


def _transpose(builder: Builder, op: Op, operands: list[Value]) -> Value | None:
    axes, inner = op.attrs["axes"], operands[0].owner
    if list(axes) == sorted(axes):
        return operands[0]
    if inner is None or inner.name != "transpose":
        return None
    axes = tuple(inner.attrs["axes"][k] for k in axes)
    return inner.operands[0] if list(axes) == sorted(axes) else builder.emit("transpose", inner.operands[0], axes=axes)


def _reshape(builder: Builder, op: Op, operands: list[Value]) -> Value | None:
    """To the very extents the operand has."""
    array, *extents = operands
    if array.type.rank != len(extents):
        return None
    for axis, wanted in enumerate(extents):
        known = array.type.shape[axis]
        if known is not None and known == constant_of(wanted):
            continue
        before = len(builder.block.ops)
        own = builder.extent(array, axis)
        del builder.block.ops[before:]
        if own is not wanted:
            return None
    return array


def _load(builder: Builder, op: Op, operands: list[Value]) -> Value | None:
    array, *index = operands
    made = array.owner
    if made is None:
        return None
    if made.name == "broadcast" and made.operands[0].type.is_scalar:
        return made.operands[0]
    if made.name == "iota":
        return index[0]
    if made.name == "pack" and all(constant_of(i) is not None for i in index):
        return made.operands[int(np.ravel_multi_index([int(constant_of(i)) for i in index], made.attrs["shape"]))]  # type: ignore[arg-type]
    if made.name == "update" and list(made.operands[2:]) == index:
        return made.operands[1]
    return None


def _sum(builder: Builder, op: Op, operands: list[Value]) -> Value | None:
    """In derivatives, whose sums come in any order: the sum of s * x is s times the sum of x, which may be there."""
    made = operands[0].owner
    if op.role in AS_WRITTEN or made is None or made.name != "multiply":
        return None
    for factor, rest in (made.operands, made.operands[::-1]):
        factor = _repeated(factor)
        if factor.type.is_scalar and rest.type.is_array:
            total = builder.emit("sum", rest, **op.attrs)
            if total.type.is_array:
                factor = builder.broadcast(factor, builder.extents(total))
            return builder.emit("multiply", factor, total)
    return None


RULES: dict[str, Rule] = {
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "divide": _divide,
    "negative": _negative,
    "power": _power,
    "where": _where,
    "minimum": _extremum,
    "maximum": _extremum,
    "cast": _cast,
    "same_extent": _same_extent,
    "dim": _dim,
    "broadcast": _broadcast,
    "transpose": _transpose,
    "reshape": _reshape,
    "load": _load,
    "sum": _sum,
}
