"""Arrays that a parallel loop writes whole need not be filled before it.

    %0 = broadcast %zero, %n                             %0 = broadcast %zero, %n {undefined}
    %y = for 0, %n, 1, %0 {parallel} (%i, %a) {     =>   %y = for 0, %n, 1, %0 {parallel} (%i, %a) {
        yield update %a, %v, %i                              yield update %a, %v, %i

Nothing else may read the array, nor an iteration what it has not written itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from wengert.compiler.backend.device_facts import plain_index
from wengert.compiler.backend.fuse import is_fill, is_undefined
from wengert.compiler.backend.places import Places
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value, constant_of
from wengert.compiler.ir.rewrite import rewrite


def leave_unfilled(function: Function) -> Function:
    """The function itself where every fill is needed."""
    uses, places = _uses(function.body), Places(function)
    found = {
        init
        for op in function.walk()
        if op.name == "for" and op.attrs["parallel"]
        for k, init in enumerate(op.operands[3:])
        if is_fill(init) and not is_undefined(init) and uses[init] == 1 and _is_written_whole(op, k, init, uses, places)
    }
    if not found:
        return function

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        if not op.results or op.results[0] not in found:
            return None
        return [builder.emit("broadcast", *operands, hint=op.result.hint, **{**op.attrs, "undefined": True})]

    return rewrite(function, replace)


def _uses(body: Block) -> Counter[Value]:
    """How often each value is read; `dim` reads no element."""
    uses = Counter(body.results)
    for op in body.walk():
        uses.update(() if op.name == "dim" else op.operands)
        for region in op.regions:
            uses.update(region.results)
    return uses


def _is_written_whole(loop: Op, position: int, array: Value, uses: Counter[Value], places: Places) -> bool:
    """Whether the nest of loops that begins with `loop` stores each element of what it carries there, and reads none."""
    trips: list[tuple[Value, Value]] = []  # (index, the end of its range) of each loop of the nest
    while True:
        (region,) = loop.regions
        low, high, step = loop.operands[:3]
        carried, result = region.params[1 + position], region.results[position]
        op = result.owner
        if constant_of(low) != 0 or constant_of(step) != 1 or uses[carried] != 1 or op is None or op not in region.ops:
            return False
        trips.append((region.params[0], high))
        if op.name != "for":
            break
        position = op.results.index(result)
        if uses[result] != 1 or op.operands[3 + position] is not carried:
            return False
        loop = op
    if uses[result] != 1 or op.operands[0] is not carried:
        return False
    if op.name == "update":
        index: Sequence[Value] = op.operands[2:]
    elif op.name == "update_slice" and op.attrs["drop"] == tuple(range(len(trips))):
        count = len(trips)
        index = op.operands[2 : 2 + count]
        rest = range(count, array.type.rank)
        if any(constant_of(v) != 0 for v in op.operands[2 + count :]) or any(n != 1 for n in op.attrs["steps"]):
            return False
        if not all(places.of(array, k) == places.of(op.operands[1], k - count) for k in rest):
            return False
    else:
        return False
    ends = dict(trips)
    at = [plain_index(v) for v in index]
    if len(at) != len(trips) or set(at) != set(ends):
        return False
    return all(places.of(array, k) == places.scalar(ends[v]) for k, v in enumerate(at))
