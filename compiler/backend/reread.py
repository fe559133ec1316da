"""What was copied to a tape is read from there, where the copied array is about to be written in place.

    %t2 = update_slice %t, %u, %k, ...                       %t2 = update_slice %t, %u, %k, ...
    %a = slice %u, ...          neighbours             =>    %v = slice %t2, %k, ...              equal to %u
    %w = update_slice %u, %e, ...   of %a                    %a = slice %v, ...

The update then reads nothing that it writes, and its values need not be put in a temporary first. The tape is only handed on.
"""

from __future__ import annotations

from wengert.compiler.backend.fuse import is_virtual_kind
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value, constant_of
from wengert.compiler.ir.rewrite import copy_op, rewrite


def reread(function: Function) -> Function:
    """The function itself where nothing is read so."""
    copies: set[Op] = set()
    reads: dict[Op, Op] = {}
    _find(function.body, copies, reads)
    if not copies:
        return function
    again: dict[Op, Value] = {}

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        if op in reads:
            return [builder.emit("slice", again[reads[op]], *operands[1:], **op.attrs)]
        if op not in copies:
            return None
        made = copy_op(builder, op, operands).result
        _, value, *starts = operands
        extents = iter(builder.extents(value))
        sizes = [builder.integer(1) if k in op.attrs["drop"] else next(extents) for k in range(len(starts))]
        again[op] = builder.emit("slice", made, *starts, *sizes, steps=op.attrs["steps"], drop=op.attrs["drop"])
        return [made]

    return rewrite(function, replace)


def _find(block: Block, copies: set[Op], reads: dict[Op, Op]) -> None:
    """The copies, and the slices to be taken of them instead, with the copy each."""
    kept: dict[Value, Op] = {}
    slices: dict[Value, list[Op]] = {}
    used: set[Value] | None = None
    for op in block.ops:
        for region in op.regions:
            _find(region, copies, reads)
        if op.name == "slice" and op.operands[0] in kept:
            slices.setdefault(op.operands[0], []).append(op)
        elif op.name == "update_slice":
            base, value, *starts = op.operands
            moved = [s for s in slices.get(base, ()) if not _same(list(s.operands[1 : 1 + base.type.rank]), starts)]
            if any(_reaches(value, s) for s in moved):
                copies.add(kept[base])
                reads.update((s, kept[base]) for s in slices[base])
            stored = value.owner is None or not is_virtual_kind(value.owner)
            if value.type.is_array and stored and op.result in block.results and all(s == 1 for s in op.attrs["steps"]):
                used = {v for o in block.walk() for v in o.operands} if used is None else used
                if op.result not in used:
                    kept[value] = op


def _same(a: list[Value], b: list[Value]) -> bool:
    return all(x is y or constant_of(x) is not None and constant_of(x) == constant_of(y) for x, y in zip(a, b, strict=True))


def _reaches(value: Value, op: Op, seen: set[Value] | None = None) -> bool:
    """Whether elements of the value are computed from the op's result."""
    seen = set() if seen is None else seen
    made = value.owner
    if made is None or value in seen or not is_virtual_kind(made):
        return False
    seen.add(value)
    return made is op or any(_reaches(v, op, seen) for v in made.operands if v.type.is_array)
