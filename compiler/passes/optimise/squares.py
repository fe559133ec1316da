"""The root of what is a sum of squares by its form becomes `root_of_squares`, whose slope at 0 is 0: it knows its cone.

    %1 = multiply %d, %d : f64[?]
    %2 = sum %1 {axes = (0,)} : f64
    %3 = sqrt %2 : f64                  =>      %3 = root_of_squares %2 : f64

`sqrt` alone has slope inf at 0. Forward mode multiplies it with the tangent 0 of the squares, a strong zero, and reverse mode
would multiply inf with the squares' slopes of 0 afterwards: only an op that knows of both gives the same in both modes.
A value is such a sum where it is never negative and, wherever it is 0, its own derivative is 0.
"""

from __future__ import annotations

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Function, Op, Value, constant_of
from wengert.compiler.ir.rewrite import copy_block

SAME = ("broadcast", "slice", "reshape", "transpose", "load", "sum")
"""Elements or sums of elements of the first operand."""


def squares(function: Function) -> Function:
    """The function itself where no root is of squares."""
    roots = [op for op in function.walk() if op.name == "sqrt" and op.result.type.dtype.is_float]
    if not roots:
        return function
    known = _sums_of_squares(function)
    found = {op for op in roots if op.operands[0] in known}
    if not found:
        return function

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        return [builder.emit("root_of_squares", *operands)] if op in found else None

    return Function(function.name, copy_block(function.body, {}, replace), function.written)


def _sums_of_squares(function: Function) -> set[Value]:
    """The greatest set of values that the rules allow, so that what a loop carries may be in it."""
    ops = list(function.walk())
    carried = [(op, *pair) for op in ops if op.regions for pair in _carried(op)]
    known = {r for op in ops for r in op.results} | {v for _, values, _ in carried for v in values}
    while True:
        wrong = {r for op in ops if not op.regions for r in op.results if r in known and not _is_sum(op, known)}
        for _, values, sources in carried:
            if not all(s in known for s in sources):
                wrong.update(v for v in values if v in known)
        if not wrong:
            return known
        known -= wrong


def _carried(op: Op) -> list[tuple[list[Value], list[Value]]]:
    """For each result of a loop or branch: it and the parameters that stand for it, and what they may be."""
    if op.name == "if":
        return [([r], [region.results[k] for region in op.regions]) for k, r in enumerate(op.results)]
    first = len(op.operands) - len(op.results)
    body = op.regions[-1]
    made = []
    for k, result in enumerate(op.results):
        params = [region.params[k - len(op.results)] for region in op.regions]
        made.append(([result, *params], [op.operands[first + k], body.results[k]]))
    return made


def _is_sum(op: Op, known: set[Value]) -> bool:
    x = op.operands[0] if op.operands else None
    if op.name == "constant":
        value = constant_of(op.result)
        return isinstance(value, (int, float)) and value >= 0
    if op.name in ("multiply", "dot_general"):
        return _is_square(op) or all(v in known for v in op.operands)
    if op.name == "divide":
        return x in known and _is_count(op.operands[1], known)
    if op.name == "where":
        return all(v in known for v in op.operands[1:])
    if op.name in ("add", "pack", "maximum", "hypot"):
        return all(v in known for v in op.operands)
    if op.name in ("update", "accumulate", "update_slice", "accumulate_slice"):
        return all(v in known for v in op.operands[:2])
    if op.name == "power":
        exponent = constant_of(op.operands[1])
        return exponent is not None and exponent >= 2 and exponent % 2 == 0
    return op.name in ("absolute", "root_of_squares") or (op.name in SAME and x in known)


def _is_square(op: Op) -> bool:
    """A number times itself, or a vector by itself."""
    if op.operands[0] is not op.operands[1] or not op.result.type.dtype.is_float:
        return False
    if op.name == "multiply":
        return True
    contract, batch = op.attrs["contract"], op.attrs["batch"]
    whole = len(contract[0]) + len(batch[0]) == op.operands[0].type.rank
    return whole and contract[0] == contract[1] and batch[0] == batch[1]


def _is_count(value: Value, known: set[Value]) -> bool:
    """A positive constant, or a number of elements: what a mean is divided by."""
    constant = constant_of(value)
    if constant is not None:
        return bool(constant > 0)
    owner = value.owner
    return owner is not None and owner.name == "cast" and owner.operands[0].type.dtype.kind in "iu"
