"""Loops whose iterations keep to an index of their own: what each does to a carried value, seen without the others.

    for i: a[i + 1, k] = a[i + 1, k] * x        every use of `a` has the index i + 1 along axis 0: offset 1
    for i: s = s + x                            `s` is combined by "add"
"""

from __future__ import annotations

from collections.abc import Iterator

from wengert.compiler.ir.core import Block, Op, Value, constant_of
from wengert.compiler.ir.loops import AHEAD, LOOPS
from wengert.compiler.ir.opdef import REGISTRY

INDEXED = {"load": 1, "slice": 1, "update": 2, "accumulate": 2, "update_slice": 2, "accumulate_slice": 2}
"""Rows that use operand 0 at an index, and where that begins among the operands."""
COMBINES = {"add": "add", "subtract": "add", "multiply": "multiply", "bitwise_and": "bitwise_and", "bitwise_or": "bitwise_or"}


def combine_of(body: Block, parameter: Value, result: Value) -> str | None:
    """How the iterations' contributions to a scalar are combined; None where it is no reduction."""
    versions, families = {parameter}, set[str]()
    for op in _walk(body, versions):
        used = [k for k, v in enumerate(op.operands) if v in versions]
        if op.regions:
            first = AHEAD[op.name]
            if any(k < first for k in used):
                return None
            for k, v in enumerate(op.results):
                inside = {r.results[k] in versions for r in (op.regions if op.name == "if" else op.regions[-1:])}
                if inside != {v in versions}:
                    return None
        elif used:
            if op.name not in COMBINES or len(used) > 1 or (op.name == "subtract" and used != [0]):
                return None
            families.add(COMBINES[op.name])
            versions.add(op.result)
    if sum(v in versions for v in body.results) != (result in versions):
        return None
    if result is parameter and not families:
        return ""
    return families.pop() if result in versions and len(families) == 1 else None


def _walk(block: Block, versions: set[Value]) -> Iterator[Op]:
    """The ops of a block, those with regions after what is in them; values that loops carry join `versions`."""
    for op in block.ops:
        if op.name in LOOPS:
            first = AHEAD[op.name]
            for k, v in enumerate(op.operands[first:]):
                if v in versions:
                    versions.add(op.results[k])
                    versions.update(r.params[k + (op.name == "for")] for r in op.regions)
        for region in op.regions:
            yield from _walk(region, versions)
        if op.name == "if":
            versions.update(v for k, v in enumerate(op.results) if any(r.results[k] in versions for r in op.regions))
        elif REGISTRY[op.name].kind == "update" and op.operands[0] in versions:
            versions.add(op.result)
        yield op


def uses_of(body: Block, array: Value) -> tuple[list[Op], set[Value]]:
    """The ops of a loop's body that use an array but for its extents, and the array's versions in it."""
    versions = {array}
    uses = [o for o in _walk(body, versions) if not o.regions and o.name != "dim" and any(v in versions for v in o.operands)]
    return uses, versions


def keeps(block: Block, versions: set[Value]) -> bool:
    """Whether what loops and branches of a block hand on is a version wherever it was one, and only there."""
    for op in block.walk():
        regions = op.regions if op.name == "if" else op.regions[-1:]
        for k, v in enumerate(op.results if regions else ()):
            if any((region.results[k] in versions) != (v in versions) for region in regions):
                return False
    return True


def own_offset(loop: Op, uses: list[Op], versions: set[Value], axis: int) -> int | None:
    """c where all uses of an array's versions have the loop's index plus c along the axis; else None."""
    offsets: set[int | None] = set()
    for op in uses:
        first = INDEXED.get(op.name)
        if first is None or op.operands[0] not in versions or any(v in versions for v in op.operands[1:]):
            return None
        if "drop" in op.attrs and axis not in op.attrs["drop"]:
            return None
        offsets.add(_offset(op.operands[first + axis], loop.regions[0].params[0]))
    return offsets.pop() if len(offsets) == 1 else None


def _offset(value: Value, index: Value) -> int | None:
    """c where the value is the loop's index plus c, after checks that it is in range."""
    offset = 0
    while value is not index:
        op = value.owner
        if op is None:
            return None
        if op.name in ("index", "wrap_index"):
            value = op.operands[0]
            continue
        known = constant_of(op.operands[1]) if op.name in ("add", "subtract") else None
        if known is None:
            return None
        offset += int(known) if op.name == "add" else -int(known)
        value = op.operands[0]
    return offset


def is_independent(loop: Op) -> bool:
    """Whether the iterations of a `for` could run in any order: arrays are used at an index of each iteration's own, and numbers
    are only added up, or multiplied."""
    (body,) = loop.regions
    low, step = constant_of(loop.operands[0]), constant_of(loop.operands[2])
    if step != 1 or low is None:
        return False
    for k, parameter in enumerate(body.params[1:]):
        if parameter.type.is_scalar:
            if not combine_of(body, parameter, body.results[k]):
                return False
            continue
        uses, versions = uses_of(body, parameter)
        offsets = [own_offset(loop, uses, versions, axis) for axis in range(parameter.type.rank)]
        own = any(offset is not None and low + offset >= 0 for offset in offsets)
        if not own or body.results[k] not in versions or not keeps(body, versions):
            return False
    return True
