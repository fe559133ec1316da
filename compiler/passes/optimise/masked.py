"""Reversed loops that start from a masked cotangent are left out where the mask is off: they would add zeros.

    %s_bar = where %m, %b, %zero                      %s_bar = where %m, %b, %zero
    %x2 = for ..., %x (%k, %a) {                      %x2 = if %m {
        %v = multiply %s_bar, %e                =>        %x3 = for ..., %x (...) { ... }
        %a2 = accumulate %a, %v, %k                       yield %x3
        yield %a2                                     } {
    }                                                     yield %x
                                                      }

So the gradient of a minimum over candidates goes back through the one that was chosen. A masked branch has no influence:
zero times infinity counts as zero here, as in the rows. The condition is the mask and not that the cotangent is zero, so that
a derivative of the derivative goes through it, too.
"""

from __future__ import annotations

from collections.abc import Hashable

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value, constant_of
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.rewrite import copy_block, copy_op

_ALL = ("add", "subtract", "negative", "where", "cast", "real", "imag", "conjugate")
"""Zero if all their floating operands are; products and quotients if the first, or one factor, is."""


def masked(function: Function) -> Function:
    """The function with such loops in branches; the function itself where there are none."""
    found: dict[Op, tuple[Value, bool]] = {}
    _search(function.body, found)
    if not found:
        return function
    mapping: dict[Value, Value] = {}

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        if op not in found:
            return None
        condition, on = found[op]
        taken, other = Block(), Block(results=list(operands[3:]))
        with builder.inside(taken):
            regions = tuple(copy_block(region, mapping, replace) for region in op.regions)
            taken.results = list(copy_op(builder, op, operands, regions).results)
        types, hints = [r.type for r in op.results], [r.hint for r in op.results]
        branches = [taken, other] if on else [other, taken]
        return list(builder.op("if", [mapping.get(condition, condition)], branches, hints, types).results)

    return Function(function.name, copy_block(function.body, mapping, replace), function.written)


def _search(block: Block, found: dict[Op, tuple[Value, bool]]) -> None:
    masks: dict[tuple[Value, bool], set[Value]] = {}
    """(mask, whether it is on where it is true) -> the values of the block that are zero where it is off."""
    for op in block.ops:
        mask = _mask_of(op)
        if mask is not None:
            masks.setdefault(mask, set())
        for key, zeros in masks.items():
            if key == mask or (not op.regions and _is_zero_op(op, zeros)):
                zeros.update(op.results)
            elif op.name == "for" and op.role != "primal" and op not in found and _adds_zeros(op, zeros):
                found[op] = key
        if op not in found:
            for region in op.regions:
                _search(region, found)


def _mask_of(op: Op) -> tuple[Value, bool] | None:
    """The mask of `where mask, x, 0`, or of `where mask, 0, x` (off where it is true)."""
    if op.name != "where" or op.role == "primal" or not op.operands[0].type.is_scalar or not op.result.type.is_scalar:
        return None
    if _is_zero(op.operands[2]):
        return op.operands[0], True
    return (op.operands[0], False) if _is_zero(op.operands[1]) else None


def _is_zero(value: Value) -> bool:
    return value.type.dtype.is_differentiable and constant_of(value) == 0


def _is_zero_op(op: Op, zeros: set[Value]) -> bool:
    """Whether the op's result is zero if these values are."""
    if len(op.results) != 1 or not op.result.type.dtype.is_differentiable:
        return False
    is_zero = [v in zeros or _is_zero(v) for v in op.operands]
    if op.name == "multiply":
        return any(is_zero)
    if op.name == "divide":
        return is_zero[0]
    return op.name in _ALL and all(z for v, z in zip(op.operands, is_zero, strict=True) if v.type.dtype.is_differentiable)


def _adds_zeros(loop: Op, zeros: set[Value]) -> bool:
    """Whether the loop ends with what it carries at its start, if these values are zero."""
    if not any(r.type.is_array for r in loop.results) or any(REGISTRY[op.name].traps for op in loop.regions[0].walk()):
        return False
    if not all(r.type.accepts(v.type) for r, v in zip(loop.results, loop.operands[3:], strict=True)):
        return False
    inside, same = set(zeros), dict[Value, Hashable]()
    return bool(inside) and _keeps(loop, inside, same)


def _keeps(loop: Op, zeros: set[Value], same: dict[Value, Hashable]) -> bool:
    """`same`: values that are what a carried one was at the start."""
    body = loop.regions[0]
    for p, init in zip(body.params[1:], loop.operands[3:], strict=True):
        if init in zeros or _is_zero(init):
            zeros.add(p)
        same[p] = p
    for op in body.ops:
        if op.name == "for":
            if not _keeps(op, zeros, same):
                return False
            for r, init in zip(op.results, op.operands[3:], strict=True):
                if init in zeros or _is_zero(init):
                    zeros.add(r)
                if init in same:
                    same[r] = same[init]
        elif op.regions:
            return False
        elif op.name in ("accumulate", "accumulate_slice"):
            if op.operands[1] in zeros and op.operands[0] in same:
                same[op.result] = same[op.operands[0]]
        elif _is_zero_op(op, zeros):
            zeros.update(op.results)
    return all(
        same.get(end) is p or (p in zeros and (end in zeros or _is_zero(end)))
        for p, end in zip(body.params[1:], body.results, strict=True)
    )
