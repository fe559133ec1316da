"""Which parallel loops run on threads, and what each of their carried values is.

    for 0, %n, 1, %out, %s {parallel = True} (%i, %o, %t) {      %o: written in place, at places of its own in each iteration
        ...                                                      %t: "add"; each chunk of iterations sums from 0
    }

The front end proved the iterations independent up to reductions and to arrays that are only added to. Threads may share the
latter only where every iteration adds at a place of its own; other such loops stay on one thread, as do loops that hand on
another buffer than they were given. A loop inside a loop on threads runs on its thread.
"""

from __future__ import annotations

from collections.abc import Iterator

from wengert.compiler.backend.bufferise import Plan
from wengert.compiler.backend.fuse import op_cost
from wengert.compiler.ir.core import Block, Op, Value, constant_of
from wengert.compiler.ir.opdef import REGISTRY

GRAIN = 1 << 15
"""Simple operations that a chunk has at least; see runtime/threads.py: `wg_chunk_size`."""
LEAST = 4
"""Chunks from which on threads are worth waking: about 0.1 ms of work."""
GUESS = 32
"""Trips of a loop, or elements along an axis, where the number is known only at run time."""
HEAVIEST = 1 << 20
_COMBINES = {"add": "add", "subtract": "add", "multiply": "multiply", "bitwise_and": "bitwise_and", "bitwise_or": "bitwise_or"}


def find_threaded(plan: Plan) -> dict[Op, dict[int, str]]:
    """The loops, each with how its carried scalars are combined ("" for those it hands on unchanged)."""
    found: dict[Op, dict[int, str]] = {}
    for op in plan.structure.ops:
        if op.name != "for" or not op.attrs["parallel"] or _is_short(op):
            continue
        if any(around in found for around, _ in plan.structure.outward(plan.structure.block_of[op])):
            continue
        combines = _combines(plan, op)
        if combines is not None:
            found[op] = combines
    return found


def _is_short(op: Op) -> bool:
    trips = literal_trips(op)
    return trips is not None and trips * weight(op.regions[0]) < LEAST * GRAIN


def literal_trips(op: Op) -> int | None:
    low, high, step = (constant_of(v) for v in op.operands[:3])
    if low is None or high is None or step is None:
        return None
    return len(range(int(low), int(high), int(step)))


def weight(block: Block) -> int:
    """Rough cost of a block in simple operations."""
    total = 2
    for op in block.ops:
        if op.regions:
            trips = literal_trips(op) if op.name == "for" else 1 if op.name == "if" else None
            total += (GUESS if trips is None else trips) * sum(weight(region) for region in op.regions)
            continue
        elements = 1
        arrays = [v for v in (*op.operands[:2], *op.results) if v.type.is_array]
        row = REGISTRY[op.name]
        if arrays and op.name not in ("load", "update", "accumulate", "dim") and row.kind != "view":
            shape = max((v.type.shape for v in arrays), key=len)
            for n in shape:
                elements *= GUESS if n is None else n
        total += elements * (1 + op_cost(op))
    return min(total, HEAVIEST)


def _combines(plan: Plan, op: Op) -> dict[int, str] | None:
    (body,) = op.regions
    combines: dict[int, str] = {}
    for k, parameter in enumerate(body.params[1:]):
        if parameter.type.is_scalar:
            how = _combine_of(body, parameter, body.results[k])
            if how is None:
                return None
            combines[k] = how
        elif (body, k) not in plan.taken or plan.slots[op, k].kind == "moving" or not _has_own_places(op, parameter):
            return None
    return combines


def _combine_of(body: Block, parameter: Value, result: Value) -> str | None:
    """How the iterations' contributions to a scalar are combined; None where it is no reduction."""
    versions, families = {parameter}, set[str]()
    for op in _walk(body, versions):
        used = [k for k, v in enumerate(op.operands) if v in versions]
        if op.regions:
            first = {"for": 3, "while": 0, "if": 1}[op.name]
            if any(k < first for k in used):
                return None
            for k, v in enumerate(op.results):
                inside = {r.results[k] in versions for r in (op.regions if op.name == "if" else op.regions[-1:])}
                if inside != {v in versions}:
                    return None
        elif used:
            if op.name not in _COMBINES or len(used) > 1 or (op.name == "subtract" and used != [0]):
                return None
            families.add(_COMBINES[op.name])
            versions.add(op.result)
    if sum(v in versions for v in body.results) != (result in versions):
        return None
    if result is parameter and not families:
        return ""
    return families.pop() if result in versions and len(families) == 1 else None


def _walk(block: Block, versions: set[Value]) -> Iterator[Op]:
    """The ops of a block, those with regions after what is in them; values that loops carry join `versions`."""
    for op in block.ops:
        if op.name in ("for", "while"):
            first = 3 if op.name == "for" else 0
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


def _has_own_places(op: Op, parameter: Value) -> bool:
    """Whether an array that is added to is used in each iteration only at its own index of one axis."""
    (body,) = op.regions
    versions = {parameter}
    uses = [o for o in _walk(body, versions) if not o.regions and o.name != "dim" and any(v in versions for v in o.operands)]
    if not any(o.name.startswith("accumulate") for o in uses):
        return True
    return any(_is_own_axis(op, uses, axis) for axis in range(parameter.type.rank))


def _is_own_axis(loop: Op, uses: list[Op], axis: int) -> bool:
    offsets: set[int | None] = set()
    for op in uses:
        first = {"load": 1, "slice": 1, "update": 2, "accumulate": 2, "update_slice": 2, "accumulate_slice": 2}.get(op.name)
        if first is None or op.name.endswith("slice") and axis not in op.attrs["drop"]:
            return False
        offsets.add(_offset(op.operands[first + axis], loop.regions[0].params[0]))
    low = constant_of(loop.operands[0])
    (offset,) = offsets if len(offsets) == 1 else (None,)
    return offset is not None and low is not None and low + offset >= 0 and (constant_of(loop.operands[2]) or 0) > 0


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
