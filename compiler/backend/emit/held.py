"""Elements that a loop reads in every trip and one trip at most may change.

    for j in range(n):                                 x = d[i, k]
        d[i, j] = min(d[i, j], d[i, k] + d[k, j])      for j in range(0, k + 1):  d[i, j] = min(d[i, j], x + d[k, j])
                                                 =>    x = d[i, k]
                                                       for j in range(k + 1, n):  d[i, j] = min(d[i, j], x + d[k, j])

Up to the trip that may store there, and from the next one on, it is one number; LLVM cannot know and does not vectorise
what reads it again and again. Only loads of the array as it is at the start of a trip are held.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from wengert.compiler.backend.emit.host import HostEmitter
from wengert.compiler.backend.emit.nest import Elements
from wengert.compiler.backend.emit.scope import Buffer
from wengert.compiler.backend.emit.text import register_type
from wengert.compiler.ir.core import Block, Op, Value

LARGEST_BODY = 24
"""Ops up to which a body is written once more."""


@dataclass(frozen=True, slots=True)
class Held:
    """The loads, each with the operands of its index; trip: the one that may change what they read; arrays: the places of
    the loop's arrays."""

    loads: dict[Op, list[str]]
    trip: str
    arrays: dict[Value, Buffer]


def held_loads(
    host: HostEmitter, body: Block, arrays: dict[Value, Buffer], moving: dict[Op, int], fixed: dict[Op, str]
) -> Held | None:
    """arrays: parameters of the body that stay where they are, with their places. moving, fixed: the `index` ops known to hold
    in every trip: of the loop's index plus a constant, and of a number."""
    ops = list(body.walk())
    if len(ops) > LARGEST_BODY:
        return None
    inside = {v for op in ops for v in op.results} | set(body.params)
    found: dict[Op, list[str]] = {}
    trip = ""
    for op in body.ops:
        if op.name != "load" or op.operands[0] not in arrays:
            continue
        if any(v in inside and v.owner not in fixed for v in op.operands[1:]):
            continue
        place = [fixed[v.owner] if v.owner in fixed else host.scope.scalar(v) for v in op.operands[1:]]
        own = _only_trip(host, op.operands[0], place, ops, body, moving)
        if own is not None and trip in ("", own):
            trip, found[op] = own, place
    return Held(found, trip, arrays) if found else None


def _only_trip(
    host: HostEmitter, array: Value, place: list[str], ops: list[Op], body: Block, moving: dict[Op, int]
) -> str | None:
    """The only trip that may store at `place` of the array's memory; None where there are none or several."""
    storage = host.plan.storage[array].find()
    trips: set[str] = set()
    for op in ops:
        if not any(v.type.is_array and v in host.plan.storage and host.plan.storage[v].find() is storage for v in op.results):
            continue
        if op.name != "update":
            return None
        constants = [0 if v is body.params[0] else moving.get(v.owner) if v.owner else None for v in op.operands[2:]]
        along = [(at, constant) for at, constant in zip(place, constants, strict=True) if constant is not None]
        if not along:
            return None
        trips.add(host.scope.index.subtract(along[0][0], str(along[0][1])))
    return trips.pop() if len(trips) == 1 else None


@contextmanager
def holding(host: HostEmitter, held: Held, low: str, high: str) -> Iterator[None]:
    """Within it, the loads are numbers that were read here, in front of the loop over range(low, high), where it has trips."""
    text = host.text
    host.scope.buffers.update(held.arrays)
    read, joined, before = text.fresh("read"), text.fresh("joined"), text.block
    text.branch_if(text.value(f"icmp slt i64 {low}, {high}"), read, joined)
    text.label(read)
    values = {op: Elements(host.scope).at(op.operands[0], index) for op, index in held.loads.items()}
    end = text.block
    text.branch(joined)
    text.label(joined)
    numbers = {}
    for op, value in values.items():
        phi = text.phi(register_type(op.result.type.dtype))
        phi.add(value, end)
        phi.add("zeroinitializer", before)
        numbers[op] = phi.name
    kept, host.held = host.held, host.held | numbers
    yield
    host.held = kept
