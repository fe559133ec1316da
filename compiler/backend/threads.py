"""Which parallel loops run on threads, and what each of their carried values is.

    for 0, %n, 1, %out, %s {parallel = True} (%i, %o, %t) {      %o: written in place, at places of its own in each iteration
        ...                                                      %t: "add"; each chunk of iterations sums from 0
    }

The front end proved the iterations independent up to reductions and to arrays that are only added to. Threads may share the
latter only where every iteration adds at a place of its own; other such loops stay on one thread, as do loops that hand on
another buffer than they were given. A loop inside a loop on threads runs on its thread.
"""

from __future__ import annotations

from wengert.compiler.backend.bufferise import Plan
from wengert.compiler.backend.fuse import op_cost
from wengert.compiler.ir.core import Block, Op, Value, constant_of
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.passes.own_index import combine_of, own_offset, uses_of

GRAIN = 1 << 15
"""Simple operations that a chunk has at least; see runtime/threads.py: `wg_chunk_size`."""
LEAST = 4
"""Chunks from which on threads are worth waking: about 0.1 ms of work."""
GUESS = 32
"""Trips of a loop, or elements along an axis, where the number is known only at run time."""
HEAVIEST = 1 << 20


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
            how = combine_of(body, parameter, body.results[k])
            if how is None:
                return None
            combines[k] = how
        elif (body, k) not in plan.taken or plan.slots[op, k].kind == "moving" or not _has_own_places(op, parameter):
            return None
    return combines


def _has_own_places(op: Op, parameter: Value) -> bool:
    """Whether an array that is added to is used in each iteration only at its own index of one axis."""
    uses, versions = uses_of(op.regions[0], parameter)
    if not any(o.name.startswith("accumulate") for o in uses):
        return True
    low = constant_of(op.operands[0])
    if low is None or (constant_of(op.operands[2]) or 0) <= 0:
        return False
    offsets = (own_offset(op, uses, versions, axis) for axis in range(parameter.type.rank))
    return any(offset is not None and low + offset >= 0 for offset in offsets)
