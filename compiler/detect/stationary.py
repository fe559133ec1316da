"""Iterations for linear systems that are not gradient methods: one lap is affine in the array that it carries."""

from __future__ import annotations

from collections.abc import Sequence

from wengert.compiler.ir.core import Block, Op, Value, constant_of
from wengert.compiler.ir.loops import LOOPS, body_of, carried_inits, carried_params
from wengert.compiler.ir.opdef import REGISTRY

FREE, AFFINE, CURVED = 0, 1, 2
"""How a value depends on what the loop carries."""
JOINT = (0, 1)


def is_affine(loop: Op) -> bool:
    """x becomes M x + b for a carried array x, where b is not one number for all elements. (Those are fixed points by
    another name: the rank of a page is one.) What the exit test alone reads may be anything."""
    params = [p for p in carried_params(loop) if p.type.dtype.is_float]
    curved: set[Value] = set()
    while True:
        kinds = {p: CURVED if p in curved else AFFINE for p in params}
        _lap(body_of(loop), kinds)
        ends = dict(zip(carried_params(loop), body_of(loop).results, strict=True))
        more = {p for p in params if kinds.get(ends[p], FREE) == CURVED} - curved
        if not more:
            break
        curved |= more
    states = [p for p in params if p.type.rank and p not in curved and ends[p] is not p and kinds.get(ends[p], FREE) == AFFINE]
    return bool(states) and not _one_addend(body_of(loop), kinds)


def _lap(block: Block, kinds: dict[Value, int]) -> None:
    for op in block.ops:
        made = _regions(op, kinds) if op.regions else [_of(op, kinds)] * len(op.results)
        kinds.update(zip(op.results, made, strict=True))


def _regions(op: Op, kinds: dict[Value, int]) -> list[int]:
    if op.name in LOOPS:
        start = [kinds.get(v, FREE) for v in carried_inits(op)]
        while True:
            kinds.update(zip(carried_params(op), start, strict=True))
            _lap(body_of(op), kinds)
            after = [max(s, kinds.get(v, FREE)) for s, v in zip(start, body_of(op).results, strict=True)]
            if after == start:
                return start
            start = after
    for region in op.regions:
        _lap(region, kinds)
    going = [r for r in op.regions if not _leaves(op, r)] if op.name == "if" else list(op.regions)
    ends = [[kinds.get(v, FREE) for v in r.results] for r in going or op.regions]
    chosen = len(ends) > 1 and kinds.get(op.operands[0], FREE) != FREE
    return [CURVED if chosen else max(column) for column in zip(*ends, strict=True)]


def _leaves(op: Op, region: Block) -> bool:
    """This side of the branch leaves the loop: it says True where the other does not."""
    other = next(r for r in op.regions if r is not region)
    for mine, theirs in zip(region.results, other.results, strict=True):
        if mine.type.dtype.kind == "b" and constant_of(mine) is True and constant_of(theirs) is not True:
            return True
    return False


def _of(op: Op, kinds: dict[Value, int]) -> int:
    given = [kinds.get(v, FREE) for v in op.operands]
    top = max(given, default=FREE)
    if top == FREE or op.name in ("dim", "same_extent"):
        return FREE
    row = REGISTRY[op.name]
    linear = JOINT if op.name in ("add", "subtract", "negative") else row.linear_in
    if any(given[k] != FREE for k in range(len(given)) if k not in linear):
        if op.name in ("multiply", "dot_general") and given.count(FREE) == 1:
            return top
        return top if op.name == "divide" and given[1] == FREE else CURVED
    return top


def _one_addend(block: Block, kinds: dict[Value, int]) -> bool:
    """A product with a matrix to which one number is added, the same for all elements."""
    ops = list(block.walk())
    if not any(op.name == "dot_general" and any(v.type.rank == 2 for v in op.operands) and kinds.get(op.result) == AFFINE for op in ops):
        return False
    sums = [op.operands for op in ops if op.name in ("add", "subtract") and op.result.type.rank and kinds.get(op.result) == AFFINE]
    addends: Sequence[Value] = [v for pair in sums for v in pair if kinds.get(v, FREE) == FREE]
    return not any(v.type.rank and not (v.owner is not None and v.owner.name == "broadcast" and v.owner.operands[0].type.is_scalar) for v in addends)


__all__ = ["is_affine"]
